/* Two pages by libmicrohttpd. */
#include "roles/status_page.h"

#include "base/alloc.h"
#include "base/errno_here.h"
#include "net/address.h"

#include <microhttpd.h>

enum { PAGE_MAX = 4 << 20, CONNECTIONS_MAX = 32, TIMEOUT_S = 10 };

struct status_page {
	struct status_page_source source;
	struct MHD_Daemon *daemon;
};

static enum MHD_Result send_text(
	struct MHD_Connection *connection, unsigned status, struct buf *text)
{
	size_t len = text->len;
	char *bytes = buf_steal(text, NULL);
	struct MHD_Response *response = MHD_create_response_from_buffer(bytes ? len : 0,
		bytes ? bytes : (char *)"", bytes ? MHD_RESPMEM_MUST_FREE : MHD_RESPMEM_PERSISTENT);
	(void)MHD_add_response_header(response, "Content-Type", "text/plain; version=0.0.4");
	(void)MHD_add_response_header(response, "Cache-Control", "no-store");
	enum MHD_Result r = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return r;
}

static enum MHD_Result answer(void *context, struct MHD_Connection *connection, const char *url,
	const char *method, const char *version, const char *upload, size_t *upload_size,
	void **request)
{
	struct status_page *page = context;
	AUTO(buf_free) struct buf text = BUF(PAGE_MAX);
	unsigned status = MHD_HTTP_OK;
	if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0) {
		status = MHD_HTTP_METHOD_NOT_ALLOWED;
		buf_add_str(&text, "GET only\n");
	} else if (strcmp(url, "/health") == 0) {
		if (!page->source.healthy(page->source.context, &text))
			status = MHD_HTTP_SERVICE_UNAVAILABLE;
	} else if (strcmp(url, "/metrics") == 0) {
		page->source.metrics(page->source.context, &text);
	} else {
		status = MHD_HTTP_NOT_FOUND;
		buf_add_str(&text, "/health and /metrics are here\n");
	}
	return send_text(connection, status, &text);
}

int status_page_start(const char *listen, const struct status_page_source *source,
	struct status_page **ret_page, struct err *err)
{
	struct net_address address;
	if (net_address_parse(slice_str(listen), &address, err) < 0)
		return -1;
	struct status_page *page = ALLOC(struct status_page);
	page->source = *source;
	unsigned flags = MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_AUTO;
	if (address.storage.ss_family == AF_INET6)
		flags |= MHD_USE_IPv6;
	page->daemon = MHD_start_daemon(flags, net_address_port(&address), NULL, NULL, answer, page,
		MHD_OPTION_SOCK_ADDR, &address.storage, MHD_OPTION_CONNECTION_LIMIT,
		(unsigned)CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)TIMEOUT_S,
		MHD_OPTION_END);
	if (!page->daemon) {
		free(page);
		return err_temporary(err, ERR_UNAVAILABLE,
			"can't serve metrics and health on %s: %s", listen, strerror(errno));
	}
	*ret_page = page;
	return 0;
}

void status_page_stop(struct status_page *page)
{
	if (!page)
		return;
	MHD_stop_daemon(page->daemon);
	free(page);
}
