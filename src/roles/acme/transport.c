/* HTTPS as the client wants it: three fields of the header, and the body. */
#include "roles/acme/host_internal.h"

#include "roles/https.h"

enum { TIMEOUT_MS = 30 * 1000 };

static const enum https_method METHODS[] = {
	[ACME_GET] = HTTPS_GET, [ACME_HEAD] = HTTPS_HEAD, [ACME_POST] = HTTPS_POST};

/* One that is too long counts as none. */
static void keep(struct slice value, char *to, size_t room)
{
	if (value.len >= room || memchr(value.ptr, '\0', value.len))
		return;
	memcpy(to, value.ptr, value.len);
	to[value.len] = '\0';
}

static void take_field(void *context, struct slice name, struct slice value)
{
	struct acme_reply *reply = context;
	if (value.len == 0)
		return;
	if (slice_eq_nocase(name, SLICE("Replay-Nonce")))
		keep(value, reply->nonce, sizeof(reply->nonce));
	else if (slice_eq_nocase(name, SLICE("Location")))
		keep(value, reply->location, sizeof(reply->location));
	else if (slice_eq_nocase(name, SLICE("Retry-After")))
		keep(value, reply->retry_after, sizeof(reply->retry_after));
}

int acme_transport_ask(void *context, const struct acme_request *request, struct acme_reply *reply,
	struct err *err)
{
	const struct acme_host *host = context;
	const struct https_request https = {.method = METHODS[request->method],
		.url = request->url,
		.type = request->method == ACME_POST ? "application/jose+json" : NULL,
		.body = request->body,
		.authorities = buf_slice(&host->authorities),
		.dns = host->dns,
		.timeout_ms = TIMEOUT_MS,
		.stop = &host->role->stopping,
		.field = take_field,
		.context = reply};
	return https_ask(&https, &reply->body, &reply->status, err);
}
