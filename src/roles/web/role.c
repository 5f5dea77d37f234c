/* The web role, as long as there is no webmail: a page that says so, and /health for load
 * balancers. It is here so that web nodes have their place in a cluster: a user of their own, no
 * way to a store. By libmicrohttpd; without TLS, since nobody logs in. */
#include "roles/role.h"

#include "base/alloc.h"
#include "base/errno_here.h"

#include <microhttpd.h>
#include <unistd.h>

enum {
	LISTENERS_MAX = 16,
	CONNECTIONS_MAX = 500,
	CONNECTIONS_OF_ADDRESS_MAX = 100,
	CONNECTION_MEMORY = 8 * 1024,
	TIMEOUT_S = 10,
};

static const char HEALTH[] = "web ready\n";
static const char PLACEHOLDER[] =
	"<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>Rookery</title>\n"
	"<p>Webmail is not there yet. Mail programs work: IMAP, POP3, submission.</p>\n</html>\n";

struct state {
	struct MHD_Daemon *daemons[LISTENERS_MAX];
	size_t daemon_count;
	atomic_uint_fast64_t requests;
};

static bool is_wanted(const struct conf_settings *settings)
{
	return settings->web.on;
}

static const char *user(const struct conf_settings *settings)
{
	return settings->web.user[0] ? settings->web.user : settings->user;
}

static const struct conf_listens *listens(const struct conf_settings *settings)
{
	return &settings->web.listen;
}

static int prepare(struct role *role, struct err *err)
{
	role->state = ALLOC(struct state);
	return 0;
}

static enum MHD_Result send_page(
	struct MHD_Connection *connection, unsigned status, const char *type, struct slice text)
{
	struct MHD_Response *response =
		MHD_create_response_from_buffer(text.len, (void *)text.ptr, MHD_RESPMEM_PERSISTENT);
	(void)MHD_add_response_header(response, "Content-Type", type);
	(void)MHD_add_response_header(response, "Cache-Control", "no-store");
	(void)MHD_add_response_header(response, "Content-Security-Policy", "default-src 'none'");
	enum MHD_Result r = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return r;
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection, const char *url,
	const char *method, const char *version, const char *upload, size_t *upload_size,
	void **request)
{
	struct state *s = context;
	atomic_fetch_add(&s->requests, 1);
	if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
		return send_page(
			connection, MHD_HTTP_METHOD_NOT_ALLOWED, "text/plain", SLICE("GET only\n"));
	if (strcmp(url, "/health") == 0)
		return send_page(connection, MHD_HTTP_OK, "text/plain", slice_str(HEALTH));
	if (strcmp(url, "/") == 0)
		return send_page(connection, MHD_HTTP_OK, "text/html; charset=utf-8",
			slice_str(PLACEHOLDER));
	return send_page(connection, MHD_HTTP_NOT_FOUND, "text/plain", SLICE("nothing is here\n"));
}

static int open_role(struct role *role, struct err *err)
{
	struct state *s = role->state;
	for (size_t i = 0; i < role->listener_count; i++) {
		if (role->listeners[i].proxy)
			return err_permanent(err, ERR_BAD_INPUT,
				"web.listen can't be told proxy: nobody reads such a header there "
				"yet");
		if (s->daemon_count == LISTENERS_MAX)
			return err_permanent(
				err, ERR_LIMIT, "web: more than %d listeners", LISTENERS_MAX);
		struct MHD_Daemon *daemon = MHD_start_daemon(
			MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_AUTO, 0, NULL, NULL, on_request,
			s, MHD_OPTION_LISTEN_SOCKET, role->listeners[i].fd,
			MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX,
			MHD_OPTION_PER_IP_CONNECTION_LIMIT, (unsigned)CONNECTIONS_OF_ADDRESS_MAX,
			MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
			MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)TIMEOUT_S, MHD_OPTION_END);
		if (!daemon)
			return err_errno(err, errno, "can't serve HTTP");
		s->daemons[s->daemon_count++] = daemon;
	}
	return 0;
}

static void metrics(struct role *role, struct buf *to)
{
	struct state *s = role->state;
	role_metric(role, to, "http_requests_total", "", atomic_load(&s->requests));
}

static void close_role(struct role *role)
{
	struct state *s = role->state;
	for (size_t i = 0; i < s->daemon_count; i++)
		MHD_stop_daemon(s->daemons[i]);
	free(s);
}

const struct role_kind role_web = {
	.name = "web",
	.is_wanted = is_wanted,
	.user = user,
	.listens = listens,
	.prepare = prepare,
	.open = open_role,
	.metrics = metrics,
	.close = close_role,
};
