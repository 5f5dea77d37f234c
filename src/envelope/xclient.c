/* Attributes by name; a value is xtext, or says in brackets that it is not known. */
#include "envelope/xclient.h"

#include "envelope/command.h"

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
	bool address = at == ENVELOPE_XCLIENT_ADDR || at == ENVELOPE_XCLIENT_DESTADDR;
	if (address && slice_starts_nocase(*text, SLICE("IPV6:")))
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
