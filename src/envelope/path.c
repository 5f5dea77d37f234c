/* Paths, letter by letter. */
#include "envelope/path.h"

static bool is_utf8_byte(char c)
{
	return (unsigned char)c >= 0x80;
}

/* Length of the well-formed UTF-8 character at the front (RFC 3629: no overlong form, no surrogate,
 * nothing past U+10FFFF); 0 when there is none. */
static size_t utf8_len(struct slice s)
{
	unsigned char c = (unsigned char)s.ptr[0];
	size_t len = c < 0x80 ? 1 : c < 0xc2 ? 0 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : c < 0xf5 ? 4 : 0;
	if (len == 0 || len > s.len)
		return 0;
	for (size_t i = 1; i < len; i++)
		if (((unsigned char)s.ptr[i] & 0xc0) != 0x80)
			return 0;
	unsigned char next = len > 1 ? (unsigned char)s.ptr[1] : 0;
	bool wrong = (c == 0xe0 && next < 0xa0) || (c == 0xed && next > 0x9f) ||
		     (c == 0xf0 && next < 0x90) || (c == 0xf4 && next > 0x8f);
	return wrong ? 0 : len;
}

/* False when it is not UTF-8. */
static bool look_for_utf8(struct slice s, bool *ret_found)
{
	*ret_found = false;
	for (size_t i = 0, len; i < s.len; i += len) {
		len = utf8_len(slice_from(s, i));
		if (len == 0)
			return false;
		*ret_found |= len > 1;
	}
	return true;
}

static bool is_letter_or_digit(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool is_atom_char(char c)
{
	return is_letter_or_digit(c) || is_utf8_byte(c) || (c && strchr("!#$%&'*+-/=?^_`{|}~", c));
}

/* Length of the local part at the front; 0 when there is none. */
static size_t local_len(struct slice s)
{
	size_t i = 0;
	if (s.len > 0 && s.ptr[0] == '"') {
		for (i = 1; i < s.len && s.ptr[i] != '"'; i++) {
			if (s.ptr[i] == '\\')
				i++;
			if (i >= s.len || (unsigned char)s.ptr[i] < ' ' || s.ptr[i] == 127)
				return 0;
		}
		return i < s.len ? i + 1 : 0;
	}
	while (i < s.len && (is_atom_char(s.ptr[i]) || s.ptr[i] == '.'))
		i++;
	/* Empty atoms ("a..b", ".a", "a.") are against the RFC, but in use; they harm nobody. */
	return i;
}

static size_t literal_len(struct slice s)
{
	size_t i = 1;
	while (i < s.len && (is_letter_or_digit(s.ptr[i]) || strchr(".:-", s.ptr[i])) && s.ptr[i])
		i++;
	return i > 1 && i < s.len && s.ptr[i] == ']' ? i + 1 : 0;
}

static size_t domain_len(struct slice s)
{
	if (s.len > 0 && s.ptr[0] == '[')
		return literal_len(s);
	size_t i = 0, label = 0;
	for (; i < s.len; i++) {
		char c = s.ptr[i];
		if (c == '.') {
			if (i == label)
				return 0;
			label = i + 1;
		} else if (!is_letter_or_digit(c) && !is_utf8_byte(c) && c != '-' && c != '_') {
			break;
		}
	}
	return i > label || (i > 0 && i == label) ? i : 0;
}

bool envelope_is_domain(struct slice text)
{
	return text.len > 0 && text.len <= ENVELOPE_DOMAIN_MAX && domain_len(text) == text.len;
}

/* The address at the front: its length, or 0. */
static size_t address_len(struct slice s, struct envelope_path *path)
{
	size_t local = local_len(s);
	if (local == 0 || local > ENVELOPE_LOCAL_MAX)
		return 0;
	path->local = slice(s.ptr, local);
	path->domain = slice(s.ptr + local, 0);
	size_t len = local;
	if (len < s.len && s.ptr[len] == '@') {
		size_t domain = domain_len(slice_from(s, len + 1));
		if (domain == 0 || domain > ENVELOPE_DOMAIN_MAX)
			return 0;
		path->domain = slice(s.ptr + len + 1, domain);
		len += 1 + domain;
	}
	path->address = slice(s.ptr, len);
	return look_for_utf8(path->address, &path->is_utf8) ? len : 0;
}

bool envelope_parse_address(struct slice address, struct envelope_path *ret_path)
{
	return address.len > 0 && address_len(address, ret_path) == address.len &&
	       ret_path->domain.len > 0;
}

/* "@a,@b:" is obsolete and dropped (RFC 5321 appendix C). */
static struct slice without_route(struct slice s)
{
	if (s.len == 0 || s.ptr[0] != '@')
		return s;
	ssize_t colon = slice_find(s, ':');
	return colon < 0 ? s : slice_from(s, (size_t)colon + 1);
}

bool envelope_cut_path(struct slice *rest, struct envelope_path *ret_path)
{
	struct slice s = *rest;
	while (s.len > 0 && s.ptr[0] == ' ')
		s = slice_from(s, 1);
	bool brackets = s.len > 0 && s.ptr[0] == '<';
	if (brackets)
		s = slice_from(s, 1);
	if (brackets && s.len > 0 && s.ptr[0] == '>') {
		*ret_path = (struct envelope_path){.address = SLICE("")};
		*rest = slice_from(s, 1);
		return true;
	}
	if (brackets)
		s = without_route(s);
	size_t len = address_len(s, ret_path);
	if (len == 0 || len > ENVELOPE_PATH_MAX)
		return false;
	s = slice_from(s, len);
	if (brackets) {
		if (s.len == 0 || s.ptr[0] != '>')
			return false;
		s = slice_from(s, 1);
	}
	if (s.len > 0 && s.ptr[0] != ' ')
		return false;
	*rest = s;
	return true;
}
