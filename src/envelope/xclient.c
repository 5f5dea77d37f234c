/* Attributes by name; a value is xtext, or says in brackets that it is not known. */
#include "envelope/xclient.h"

#include "envelope/command.h"

static bool is_address(unsigned attribute)
{
	return attribute == ENVELOPE_XCLIENT_ADDR || attribute == ENVELOPE_XCLIENT_DESTADDR;
}

static enum envelope_xclient_attribute find(struct slice name)
{
	struct slice rest = SLICE(ENVELOPE_XCLIENT_OFFER);
	unsigned at = 0;
	while (rest.len > 0 && !slice_eq_nocase(name, slice_cut(&rest, ' ')))
		at++;
	return (enum envelope_xclient_attribute)at;
}

static bool is_unknown(struct slice value)
{
	return slice_eq_nocase(value, SLICE("[UNAVAILABLE]")) ||
	       slice_eq_nocase(value, SLICE("[TEMPUNAVAIL]"));
}

unsigned envelope_xclient_offered(struct slice attributes)
{
	unsigned offered = 0;
	while (attributes.len > 0) {
		unsigned at = find(slice_cut(&attributes, ' '));
		offered |= at < ENVELOPE_XCLIENT_ATTRIBUTES ? 1u << at : 0;
	}
	return offered;
}

/* RFC 3461 section 4. What means "not known" is no text as it stands. */
static void add_xtext(struct slice text, struct buf *to)
{
	bool bracket = !is_unknown(text);
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.ptr[i];
		if (c > ' ' && c <= '~' && c != '+' && c != '=' && (bracket || c != '['))
			buf_add_byte(to, (char)c);
		else
			buf_printf(to, "+%02X", c);
	}
}

void envelope_write_xclient(
	const struct slice texts[ENVELOPE_XCLIENT_ATTRIBUTES], unsigned offered, struct buf *to)
{
	struct slice names = SLICE(ENVELOPE_XCLIENT_OFFER);
	for (unsigned at = 0; at < ENVELOPE_XCLIENT_ATTRIBUTES; at++) {
		struct slice name = slice_cut(&names, ' ');
		if (!(offered & 1u << at) || texts[at].len == 0)
			continue;
		buf_printf(to, " %.*s=", SLICE_ARG(name));
		if (is_address(at) && slice_find(texts[at], ':') >= 0)
			buf_add_str(to, "IPV6:");
		add_xtext(texts[at], to);
	}
}

static bool has_control(struct slice text)
{
	for (size_t i = 0; i < text.len; i++)
		if ((unsigned char)text.ptr[i] < ' ' || text.ptr[i] == 127)
			return true;
	return false;
}

static bool read_attribute(struct slice word, struct arena *arena, struct envelope_xclient *x)
{
	struct slice value = word, name = slice_cut(&value, '=');
	enum envelope_xclient_attribute at = find(name);
	if (name.len == word.len || at == ENVELOPE_XCLIENT_ATTRIBUTES || x->is[at].given)
		return false;
	x->is[at].given = true;
	x->is[at].text = SLICE("");
	if (is_unknown(value))
		return true;
	struct slice *text = &x->is[at].text;
	if (value.len == 0 || !envelope_from_xtext(value, arena, text) || has_control(*text))
		return false;
	if (is_address(at) && slice_starts_nocase(*text, SLICE("IPV6:")))
		*text = slice_from(*text, 5);
	return true;
}

bool envelope_parse_xclient(
	struct slice arguments, struct arena *arena, struct envelope_xclient *ret_xclient)
{
	*ret_xclient = (struct envelope_xclient){0};
	struct slice rest = slice_trim(arguments);
	bool good = rest.len > 0;
	while (good && rest.len > 0) {
		good = read_attribute(slice_cut(&rest, ' '), arena, ret_xclient);
		rest = slice_trim(rest);
	}
	return good;
}
