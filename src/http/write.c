/* Fields are passed on one by one, in their order and spelling. */
#include "http/write.h"

#include <string.h>

/* Connection may name fields that are for the next hop only. These are for the last one, or ours:
 * naming them must not take them away. */
static bool is_end_to_end(struct slice name)
{
	static const char *const NAMES[] = {"authorization", "cookie", "date", "etag", "host",
		"if-match", "if-none-match", "depth", "destination", "overwrite", "lock-token",
		"set-cookie", "www-authenticate", "location"};
	if (slice_starts_nocase(name, SLICE("content-")))
		return true;
	for (size_t i = 0; i < ARRAY_LEN(NAMES); i++)
		if (slice_eq_nocase(name, slice_str(NAMES[i])))
			return true;
	return false;
}

static bool is_named(const struct http_head *head, struct slice name)
{
	for (size_t i = 0; i < head->option_count; i++)
		if (slice_eq_nocase(head->options[i], name) && !is_end_to_end(name))
			return true;
	return false;
}

static void add_field(struct slice name, struct slice value, struct buf *to)
{
	buf_add_slice(to, name);
	buf_add_str(to, ": ");
	buf_add_slice(to, value);
	buf_add_str(to, "\r\n");
}

static bool goes_on(const struct http_head *head, const struct http_field *field, bool is_request)
{
	switch (field->known) {
	case HTTP_CONNECTION:
	case HTTP_CONTENT_LENGTH:
	case HTTP_KEEP_ALIVE:
	case HTTP_PROXY:
	case HTTP_TE:
	case HTTP_TRAILER:
	case HTTP_TRANSFER_ENCODING:
	case HTTP_UPGRADE:
		return false;
	case HTTP_AUTHORIZATION:
	case HTTP_EXPECT:
	case HTTP_FORWARDED:
	case HTTP_HOST:
	case HTTP_ROOKERY:
	case HTTP_ROOKERY_TTL:
	case HTTP_X_FORWARDED:
	case HTTP_X_FORWARDED_FOR:
		return !is_request;
	case HTTP_OTHER:
		break;
	}
	return !is_named(head, field->name);
}

static void add_fields(const struct http_head *head, bool is_request, struct buf *to)
{
	for (size_t i = 0; i < head->field_count; i++)
		if (goes_on(head, &head->fields[i], is_request))
			add_field(head->fields[i].name, head->fields[i].value, to);
}

/* RFC 7239 section 6: an IPv6 address is in brackets and quotes. */
static void add_client(const struct http_client *client, struct slice host, struct buf *to)
{
	char ip[NET_ADDRESS_TEXT];
	const char *proto = client->secure ? "https" : "http";
	uint8_t bytes[16];
	if (net_address_bytes(&client->address, bytes)) {
		net_address_host(&client->address, ip);
		bool v6 = strchr(ip, ':') != NULL;
		buf_printf(to, "X-Forwarded-For: %s\r\nForwarded: for=%s%s%s", ip, v6 ? "\"[" : "",
			ip, v6 ? "]\"" : "");
	} else {
		buf_add_str(to, "Forwarded: for=unknown");
	}
	buf_printf(to, ";proto=%s;host=\"%.*s\"\r\n", proto, SLICE_ARG(host));
	buf_printf(
		to, "X-Forwarded-Proto: %s\r\nX-Forwarded-Host: %.*s\r\n", proto, SLICE_ARG(host));
	buf_printf(to, "X-Rookery-TTL: %u\r\n", client->ttl);
}

static void add_framing(const struct http_head *head, enum http_framing framing, struct buf *to)
{
	if (framing == HTTP_CHUNKED)
		buf_add_str(to, "Transfer-Encoding: chunked\r\n");
	else if (head->has_length && framing != HTTP_UNTIL_CLOSE)
		buf_printf(to, "Content-Length: %llu\r\n", (unsigned long long)head->length);
}

void http_request_write(const struct http_request *request,
	const struct http_request_changes *changes, struct buf *to)
{
	struct slice host = request->host.len > 0 ? request->host : changes->host;
	struct slice authorization =
		changes->authorization.ptr ? changes->authorization : request->authorization;
	buf_add_slice(to, request->method);
	buf_add_byte(to, ' ');
	buf_add_slice(to, request->target);
	buf_add_str(to, " HTTP/1.1\r\n");
	add_field(SLICE("Host"), host, to);
	add_fields(&request->head, true, to);
	if (authorization.len > 0)
		add_field(SLICE("Authorization"), authorization, to);
	if (request->expects_continue)
		buf_add_str(to, "Expect: 100-continue\r\n");
	if (changes->upgrade) {
		add_field(SLICE("Upgrade"), request->head.upgrade, to);
		buf_add_str(to, "Connection: Upgrade\r\n");
	}
	add_client(changes->client, host, to);
	add_framing(&request->head, request->head.framing, to);
	buf_add_str(to, "\r\n");
}

void http_answer_write(
	const struct http_answer *answer, enum http_framing framing, bool close, struct buf *to)
{
	const struct http_head *head = &answer->head;
	buf_printf(to, "HTTP/1.1 %u %.*s\r\n", answer->status, SLICE_ARG(answer->reason));
	add_fields(head, false, to);
	if (answer->status == 101) {
		add_field(SLICE("Upgrade"), head->upgrade, to);
		buf_add_str(to, "Connection: Upgrade\r\n");
	} else if (answer->status >= 200) {
		if (answer->status != 204)
			add_framing(head, framing, to);
		if (close)
			buf_add_str(to, "Connection: close\r\n");
	}
	buf_add_str(to, "\r\n");
}
