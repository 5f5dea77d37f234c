/* What front ends say of the client: X-Forwarded-* as they all write it, Forwarded (RFC 7239). */
#include "http/write.h"

/* "192.0.2.1", "2001:db8::1", "[2001:db8::1]", each with a port or without. */
static bool read_address(struct slice text, struct net_address *ret_address)
{
	AUTO(buf_free) struct buf whole = BUF(128);
	struct net_address read;
	uint8_t bytes[16];
	ssize_t colon = slice_find(text, ':');
	bool v6 = colon >= 0 && slice_find(slice_from(text, (size_t)colon + 1), ':') >= 0;
	bool brackets = slice_starts(text, SLICE("["));
	bool port = brackets ? !slice_ends(text, SLICE("]")) : colon >= 0 && !v6;
	if (slice_starts(text, SLICE("*")) || slice_starts_nocase(text, SLICE("unix:")))
		return false;
	buf_add_str(&whole, v6 && !brackets ? "[" : "");
	buf_add_slice(&whole, text);
	buf_add_str(&whole, v6 && !brackets ? "]" : "");
	buf_add_str(&whole, port ? "" : ":0");
	if (whole.failed || net_address_parse(buf_slice(&whole), &read, NULL) != 0 ||
		!net_address_bytes(&read, bytes))
		return false;
	net_address_normalise(&read);
	*ret_address = read;
	return true;
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
static void read_forwarded(struct slice element, bool for_too, struct http_client *client)
{
	while (element.len > 0) {
		struct slice value = slice_trim(slice_cut(&element, ';'));
		struct slice name = slice_trim(slice_cut(&value, '='));
		value = without_quotes(slice_trim(value));
		if (for_too && slice_eq_nocase(name, SLICE("for")))
			(void)read_address(value, &client->address);
		else if (slice_eq_nocase(name, SLICE("proto")))
			read_proto(value, client);
	}
}

bool http_client_read(const struct http_head *head, struct http_client *client)
{
	struct slice address = last_of(head, HTTP_X_FORWARDED_FOR);
	read_forwarded(last_of(head, HTTP_FORWARDED), !address.ptr, client);
	if (address.ptr)
		(void)read_address(address, &client->address);
	for (size_t i = 0; i < head->field_count; i++)
		if (slice_eq_nocase(head->fields[i].name, SLICE("x-forwarded-proto")))
			read_proto(head->fields[i].value, client);
	struct slice ttl = last_of(head, HTTP_ROOKERY_TTL);
	uint64_t number;
	if (!ttl.ptr)
		return true;
	if (!slice_to_u64(ttl, 255, &number))
		return false;
	client->ttl = MIN(client->ttl, (unsigned)number);
	return true;
}
