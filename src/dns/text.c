/* Records in words and back. */
#include "dns/text.h"

#include "base/bytes.h"
#include "dns/records.h"

#include <arpa/inet.h>

enum {
	RDATA_MAX = 65535,
	STRING_MAX = 255, /* of a TXT record */
};

static const struct {
	enum dns_type type;
	const char *name;
} TYPES[] = {
	{DNS_A, "A"},
	{DNS_NS, "NS"},
	{DNS_CNAME, "CNAME"},
	{DNS_PTR, "PTR"},
	{DNS_MX, "MX"},
	{DNS_TXT, "TXT"},
	{DNS_AAAA, "AAAA"},
	{DNS_SRV, "SRV"},
	{DNS_TLSA, "TLSA"},
};

const char *dns_type_name(enum dns_type type)
{
	for (size_t i = 0; i < ARRAY_LEN(TYPES); i++)
		if (TYPES[i].type == type)
			return TYPES[i].name;
	return NULL;
}

bool dns_type_find(struct slice name, enum dns_type *ret_type)
{
	for (size_t i = 0; i < ARRAY_LEN(TYPES); i++)
		if (slice_eq_nocase(name, slice_str(TYPES[i].name))) {
			*ret_type = TYPES[i].type;
			return true;
		}
	return false;
}

static void write_name(struct slice name, struct buf *to)
{
	buf_add_slice(to, name.len > 0 ? name : SLICE("."));
}

static void write_hex(struct slice bytes, struct buf *to)
{
	for (size_t i = 0; i < bytes.len; i++)
		buf_printf(to, "%02x", (unsigned char)bytes.ptr[i]);
}

static void write_text(struct slice text, struct buf *to)
{
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.ptr[i];
		if (c < ' ' || c >= 127 || c == '\\')
			buf_printf(to, "\\%03u", c);
		else
			buf_add_byte(to, (char)c);
	}
}

static bool write_address(enum dns_type type, struct slice rdata, struct buf *to)
{
	struct net_address address;
	char text[NET_ADDRESS_TEXT];
	if (!dns_read_address(type, rdata, 0, &address))
		return false;
	net_address_host(&address, text);
	buf_add_str(to, text);
	return true;
}

static bool write_names(enum dns_type type, struct slice rdata, struct arena *arena, struct buf *to)
{
	struct dns_mx mx;
	struct dns_srv srv;
	struct slice name;
	if (type == DNS_MX) {
		if (!dns_read_mx(rdata, arena, &mx))
			return false;
		buf_printf(to, "%u ", mx.preference);
		name = mx.name;
	} else if (type == DNS_SRV) {
		if (!dns_read_srv(rdata, arena, &srv))
			return false;
		buf_printf(to, "%u %u %u ", srv.priority, srv.weight, srv.port);
		name = srv.name;
	} else if (!dns_read_name(rdata, arena, &name)) {
		return false;
	}
	write_name(name, to);
	return true;
}

static bool write_known(enum dns_type type, struct slice rdata, struct arena *arena, struct buf *to)
{
	struct dns_tlsa tlsa;
	struct slice text;
	switch (type) {
	case DNS_A:
	case DNS_AAAA:
		return write_address(type, rdata, to);
	case DNS_NS:
	case DNS_CNAME:
	case DNS_PTR:
	case DNS_MX:
	case DNS_SRV:
		return write_names(type, rdata, arena, to);
	case DNS_TXT:
		if (!dns_read_txt(rdata, arena, &text))
			return false;
		write_text(text, to);
		return true;
	case DNS_TLSA:
		if (!dns_read_tlsa(rdata, &tlsa))
			return false;
		buf_printf(to, "%u %u %u ", tlsa.usage, tlsa.selector, tlsa.matching);
		write_hex(tlsa.data, to);
		return true;
	}
	return false;
}

void dns_text_write(enum dns_type type, struct slice rdata, struct buf *to)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	if (write_known(type, rdata, &arena, to))
		return;
	buf_printf(to, "\\# %zu ", rdata.len);
	write_hex(rdata, to);
}

static bool cut_number(struct slice *rest, uint64_t max, uint64_t *ret_value)
{
	return slice_to_u64(slice_cut(rest, ' '), max, ret_value);
}

static bool cut_u16(struct slice *rest, char *to)
{
	uint64_t value;
	if (!cut_number(rest, UINT16_MAX, &value))
		return false;
	bytes_put_be16(to, (uint16_t)value);
	return true;
}

static bool read_address(int family, size_t len, struct slice text, char *to)
{
	char copy[INET6_ADDRSTRLEN] = "";
	if (text.len >= sizeof(copy))
		return false;
	memcpy(copy, text.ptr, text.len);
	return strlen(copy) == text.len && len > 0 && inet_pton(family, copy, to) == 1;
}

static int hex_digit(char c)
{
	const char *digits = "0123456789abcdef0123456789ABCDEF", *at = c ? strchr(digits, c) : NULL;
	return at ? (int)(at - digits) % 16 : -1;
}

static bool read_hex(struct slice text, char *to)
{
	if (text.len % 2 != 0)
		return false;
	for (size_t i = 0; i < text.len; i += 2) {
		int high = hex_digit(text.ptr[i]), low = hex_digit(text.ptr[i + 1]);
		if (high < 0 || low < 0)
			return false;
		to[i / 2] = (char)(high * 16 + low);
	}
	return true;
}

static struct slice read_text(struct slice text, char *to)
{
	size_t len = 0, begin = 0; /* of the string under way: where its length stands */
	to[len++] = 0;
	for (size_t i = 0; i < text.len; i++) {
		uint64_t byte;
		char c = text.ptr[i];
		if (c == '\\' && text.len - i > 3 &&
			slice_to_u64(slice_sub(text, i + 1, 3), 255, &byte)) {
			c = (char)byte;
			i += 3;
		}
		if (len - begin > STRING_MAX) {
			begin = len;
			to[len++] = 0;
		}
		to[len++] = c;
		to[begin] = (char)(len - begin - 1);
	}
	return slice(to, len);
}

static bool read_name(struct slice text, struct arena *arena, char *to, size_t *len)
{
	if (text.len == 0 || !dns_name_is_good(text))
		return false;
	struct slice wire = dns_name_to_wire(text, arena);
	memcpy(to + *len, wire.ptr, wire.len);
	*len += wire.len;
	return true;
}

static bool read_tlsa(struct slice text, char *to, size_t *ret_len)
{
	uint64_t number;
	for (size_t i = 0; i < 3; i++) {
		if (!cut_number(&text, UINT8_MAX, &number))
			return false;
		to[i] = (char)number;
	}
	*ret_len = 3 + text.len / 2;
	return text.len > 0 && read_hex(text, to + 3);
}

static bool read_raw(struct slice text, char *to, size_t *ret_len)
{
	uint64_t len;
	text = slice_from(text, 3);
	if (!cut_number(&text, RDATA_MAX, &len) || text.len != len * 2)
		return false;
	*ret_len = len;
	return read_hex(text, to);
}

bool dns_text_read(
	enum dns_type type, struct slice text, struct arena *arena, struct slice *ret_rdata)
{
	/* A TXT record has a byte more for each 255; a name on the wire 2 more than its text. */
	char *to = arena_alloc(arena, text.len + text.len / STRING_MAX + 16);
	size_t len = 0, numbers = type == DNS_MX ? 1 : type == DNS_SRV ? 3 : 0;
	bool good = true;
	if (text.len > RDATA_MAX)
		return false;
	if (slice_starts(text, SLICE("\\# "))) {
		good = read_raw(text, to, &len);
	} else if (type == DNS_TXT) {
		len = read_text(text, to).len;
	} else if (type == DNS_TLSA) {
		good = read_tlsa(text, to, &len);
	} else if (type == DNS_A || type == DNS_AAAA) {
		len = type == DNS_A ? 4 : 16;
		good = read_address(type == DNS_A ? AF_INET : AF_INET6, len, text, to);
	} else {
		for (; good && numbers > 0; numbers--, len += 2)
			good = cut_u16(&text, to + len);
		good = good && read_name(text, arena, to, &len);
	}
	*ret_rdata = slice(to, len);
	return good;
}
