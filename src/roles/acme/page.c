/* By libmicrohttpd, which anybody may reach here: few connections, and short ones. */
#include "roles/acme/page.h"

#include "base/base64url.h"
#include "acme/document.h"
#include "base/alloc.h"
#include "base/errno_here.h"

#include <microhttpd.h>
#include <unistd.h>

enum {
	TEXT_MAX = 4096,
	CONNECTIONS_MAX = 200,
	CONNECTIONS_OF_ADDRESS_MAX = 20,
	CONNECTION_MEMORY = 8 * 1024,
	TIMEOUT_S = 10,
};

static const char PREFIX[] = "/.well-known/acme-challenge/";

struct acme_page {
	struct acme_page_options options;
	struct MHD_Daemon *daemon;
};

static enum MHD_Result answer(struct MHD_Connection *connection, unsigned status, const char *type,
	const char *location, struct slice text)
{
	struct MHD_Response *response =
		MHD_create_response_from_buffer(text.len, (void *)text.ptr, MHD_RESPMEM_MUST_COPY);
	(void)MHD_add_response_header(response, "Content-Type", type);
	(void)MHD_add_response_header(response, "Connection", "close");
	if (location)
		(void)MHD_add_response_header(response, "Location", location);
	enum MHD_Result r = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return r;
}

static enum MHD_Result not_found(struct MHD_Connection *connection)
{
	return answer(
		connection, MHD_HTTP_NOT_FOUND, "text/plain", NULL, SLICE("nothing is here\n"));
}

/* Host and path come from the client: only what a name may have goes back to it. */
static bool is_plain(const char *text, const char *letters)
{
	static const char ALWAYS[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-";
	for (; *text; text++)
		if (!strchr(ALWAYS, *text) && !strchr(letters, *text))
			return false;
	return true;
}

static enum MHD_Result redirect(struct MHD_Connection *connection, const char *url)
{
	const char *host = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Host");
	char location[1024];
	if (!host || strlen(host) > 255 || strlen(url) > 512 || !is_plain(host, ":") ||
		!is_plain(url, "/_~"))
		return not_found(connection);
	(void)snprintf(
		location, sizeof(location), "https://%.*s%s", (int)strcspn(host, ":"), host, url);
	return answer(
		connection, MHD_HTTP_MOVED_PERMANENTLY, "text/plain", location, SLICE("moved\n"));
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection, const char *url,
	const char *method, const char *version, const char *upload, size_t *upload_size,
	void **request)
{
	const struct acme_page *page = context;
	AUTO(buf_free) struct buf text = BUF(TEXT_MAX);
	struct slice token = slice_str(url);
	if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
		return answer(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "text/plain", NULL,
			SLICE("GET only\n"));
	if (!slice_starts(token, slice_str(PREFIX)))
		return page->options.redirect ? redirect(connection, url) : not_found(connection);
	token = slice_from(token, sizeof(PREFIX) - 1);
	if (!base64url_is(token, ACME_TOKEN_MAX) ||
		!page->options.find(page->options.context, token, &text))
		return not_found(connection);
	return answer(connection, MHD_HTTP_OK, "application/octet-stream", NULL, buf_slice(&text));
}

int acme_page_start(
	const struct acme_page_options *options, struct acme_page **ret_page, struct err *err)
{
	struct acme_page *page = ALLOC(struct acme_page);
	page->options = *options;
	page->daemon = MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_AUTO, 0, NULL,
		NULL, on_request, page, MHD_OPTION_LISTEN_SOCKET, options->fd,
		MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX,
		MHD_OPTION_PER_IP_CONNECTION_LIMIT, (unsigned)CONNECTIONS_OF_ADDRESS_MAX,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
		MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)TIMEOUT_S, MHD_OPTION_END);
	if (!page->daemon) {
		int number = errno;
		(void)close(options->fd);
		free(page);
		return err_errno(err, number, "can't serve challenges by HTTP");
	}
	*ret_page = page;
	return 0;
}

void acme_page_stop(struct acme_page *page)
{
	if (!page)
		return;
	MHD_stop_daemon(page->daemon);
	free(page);
}
