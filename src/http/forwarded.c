/* What front ends say of the client: X-Forwarded-* as they all write it, Forwarded (RFC 7239). */
#include "http/write.h"

#include "net/origin.h"

/* "192.0.2.1", "2001:db8::1", "[2001:db8::1]", each with a port or without. Anything else is what
 * RFC 7239 section 6 has for clients that are not told: it stays empty. */
static void read_node(struct slice text, struct net_origin_words *words)
{
	ssize_t bracket = slice_find(text, ']'), colon = slice_find(text, ':');
	bool v6 = colon >= 0 && slice_find(slice_from(text, (size_t)colon + 1), ':') >= 0;
	struct slice ip = text, port = SLICE("");
	struct net_address address;
	if (slice_starts(text, SLICE("[")) && bracket > 0) {
		ip = slice_sub(text, 1, (size_t)bracket - 1);
		port = slice_from(text, (size_t)bracket + 1);
		if (port.len > 0 && port.ptr[0] == ':')
			port = slice_from(port, 1);
	} else if (colon >= 0 && !v6) {
		ip.len = (size_t)colon;
		port = slice_from(text, ip.len + 1);
	}
	if (!net_address_of_ip(ip, 0, &address))
		return;
	words->client = ip;
	words->client_port = port;
}

/* The last element of a list; where there are several fields, of the last one. */
static struct slice last_of(const struct http_head *head, enum http_name name)
{
	struct slice last = SLICE_NONE;
	for (size_t i = 0; i < head->field_count; i++) {
		struct slice rest = head->fields[i].value, element;
		while (head->fields[i].known == name && http_list_cut(&rest, &element))
			last = element;
	}
	return last;
}

static struct slice without_quotes(struct slice text)
{
	bool quoted = text.len >= 2 && text.ptr[0] == '"' && text.ptr[text.len - 1] == '"';
	return quoted ? slice_sub(text, 1, text.len - 2) : text;
}

static void read_proto(struct slice proto, struct http_client *client)
{
	if (slice_eq_nocase(proto, SLICE("https")))
		client->secure = true;
	else if (slice_eq_nocase(proto, SLICE("http")))
		client->secure = false;
}

/* for=192.0.2.1;proto=https;host=… */
static void read_forwarded(
	struct slice element, struct net_origin_words *words, struct http_client *client)
{
	while (element.len > 0) {
		struct slice value = slice_trim(slice_cut(&element, ';'));
		struct slice name = slice_trim(slice_cut(&value, '='));
		value = without_quotes(slice_trim(value));
		if (slice_eq_nocase(name, SLICE("for")))
			read_node(value, words);
		else if (slice_eq_nocase(name, SLICE("proto")))
			read_proto(value, client);
	}
}

bool http_client_read(const struct http_head *head, struct http_client *client)
{
	struct net_origin_words words = {.ttl = last_of(head, HTTP_ROOKERY_TTL)};
	struct net_origin origin;
	struct slice address = last_of(head, HTTP_X_FORWARDED_FOR);
	read_forwarded(last_of(head, HTTP_FORWARDED), &words, client);
	if (address.ptr) {
		words.client = words.client_port = SLICE("");
		read_node(address, &words);
	}
	for (size_t i = 0; i < head->field_count; i++)
		if (slice_eq_nocase(head->fields[i].name, SLICE("x-forwarded-proto")))
			read_proto(head->fields[i].value, client);
	if (!net_origin_read(&words, &origin))
		return false;
	if (origin.client.len > 0)
		client->address = origin.client;
	if (words.ttl.len > 0)
		client->ttl = MIN(client->ttl, origin.ttl);
	return true;
}
