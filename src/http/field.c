/* Lines first, then a name and a value. Nothing is repaired: a proxy that repairs reads other
 * requests than who stands behind it. */
#include "http/field.h"

/* RFC 9110 section 5.6.2, tchar. */
static bool is_tchar(char c)
{
	if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))
		return true;
	return c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL;
}

bool http_is_token(struct slice text)
{
	for (size_t i = 0; i < text.len; i++)
		if (!is_tchar(text.ptr[i]))
			return false;
	return text.len > 0;
}

static const struct {
	struct slice name; /* in lower case */
	enum http_name known;
	bool begins; /* and whatever follows */
} NAMES[] = {
	{SLICE("authorization"), HTTP_AUTHORIZATION, false},
	{SLICE("client-ip"), HTTP_X_FORWARDED, false},
	{SLICE("connection"), HTTP_CONNECTION, false},
	{SLICE("content-length"), HTTP_CONTENT_LENGTH, false},
	{SLICE("expect"), HTTP_EXPECT, false},
	{SLICE("forwarded"), HTTP_FORWARDED, false},
	{SLICE("host"), HTTP_HOST, false},
	{SLICE("keep-alive"), HTTP_KEEP_ALIVE, false},
	{SLICE("proxy"), HTTP_PROXY, false},
	{SLICE("proxy-"), HTTP_PROXY, true},
	{SLICE("te"), HTTP_TE, false},
	{SLICE("trailer"), HTTP_TRAILER, false},
	{SLICE("transfer-encoding"), HTTP_TRANSFER_ENCODING, false},
	{SLICE("true-client-ip"), HTTP_X_FORWARDED, false},
	{SLICE("upgrade"), HTTP_UPGRADE, false},
	{SLICE("x-client-ip"), HTTP_X_FORWARDED, false},
	{SLICE("x-forwarded"), HTTP_X_FORWARDED, false},
	{SLICE("x-forwarded-for"), HTTP_X_FORWARDED_FOR, false},
	{SLICE("x-forwarded-"), HTTP_X_FORWARDED, true},
	{SLICE("x-real-ip"), HTTP_X_FORWARDED, false},
	{SLICE("x-rookery-ttl"), HTTP_ROOKERY_TTL, false},
	{SLICE("x-rookery-"), HTTP_ROOKERY, true},
};

static bool same(struct slice name, struct slice known)
{
	for (size_t i = 0; i < known.len; i++)
		if ((name.ptr[i] == '_' ? '-' : slice_lower(name.ptr[i])) != known.ptr[i])
			return false;
	return true;
}

static enum http_name find(struct slice name)
{
	for (size_t i = 0; i < ARRAY_LEN(NAMES); i++) {
		size_t len = NAMES[i].name.len;
		bool fits = NAMES[i].begins ? name.len > len : name.len == len;
		if (fits && same(name, NAMES[i].name))
			return NAMES[i].known;
	}
	return HTTP_OTHER;
}

enum http_outcome http_scan(struct http_scan *scan, struct slice input, size_t *ret_len)
{
	for (;;) {
		struct slice rest = slice_from(input, scan->line + scan->looked);
		ssize_t at = slice_find(rest, '\n');
		if (at < 0) {
			scan->looked += rest.len;
			return HTTP_MORE;
		}
		size_t len = scan->looked + (size_t)at; /* of the line, with CR */
		if (len == 0 || input.ptr[scan->line + len - 1] != '\r')
			return HTTP_BAD;
		scan->line += len + 1;
		scan->looked = 0;
		if (len == 1) {
			*ret_len = scan->line;
			return HTTP_WHOLE;
		}
	}
}

static struct slice without_blanks(struct slice text)
{
	while (text.len > 0 && (text.ptr[0] == ' ' || text.ptr[0] == '\t'))
		text = slice_from(text, 1);
	while (text.len > 0 && (text.ptr[text.len - 1] == ' ' || text.ptr[text.len - 1] == '\t'))
		text.len--;
	return text;
}

bool http_field_read(struct slice line, struct http_field *ret_field)
{
	ssize_t colon = slice_find(line, ':');
	if (colon < 0)
		return false;
	struct slice name = slice(line.ptr, (size_t)colon);
	struct slice value = without_blanks(slice_from(line, (size_t)colon + 1));
	for (size_t i = 0; i < value.len; i++) {
		unsigned char c = (unsigned char)value.ptr[i];
		if ((c < ' ' && c != '\t') || c == 127)
			return false;
	}
	if (!http_is_token(name))
		return false;
	*ret_field = (struct http_field){.known = find(name), .name = name, .value = value};
	return ret_field->known == HTTP_OTHER || slice_find(name, '_') < 0;
}

bool http_list_cut(struct slice *rest, struct slice *ret_element)
{
	while (rest->len > 0) {
		*ret_element = without_blanks(slice_cut(rest, ','));
		if (ret_element->len > 0)
			return true;
	}
	return false;
}
