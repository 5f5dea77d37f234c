/* Names and values, one pair after the other. */
#include "imap/id.h"

static bool take_origin(struct imap_id *id, struct slice name, struct slice value)
{
	struct net_origin_words *o = &id->origin;
	const struct {
		const char *name;
		struct slice *to;
	} known[] = {
		{"x-originating-ip", &o->client},
		{"x-originating-port", &o->client_port},
		{"x-connected-ip", &o->local},
		{"x-connected-port", &o->local_port},
		{"x-session-id", &o->session},
		{"x-proxy-ttl", &o->ttl},
	};
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (slice_eq_nocase(name, slice_str(known[i].name))) {
			*known[i].to = value;
			id->has_origin = true;
			return true;
		}
	return slice_starts_nocase(name, SLICE("x-forward-"));
}

static void say(struct buf *said, struct slice name, struct slice value)
{
	buf_printf(
		said, "%s%.*s=%.*s", said->len > 0 ? " " : "", SLICE_ARG(name), SLICE_ARG(value));
}

bool imap_parse_id(struct imap_parser *p, struct imap_id *ret_id)
{
	*ret_id = (struct imap_id){.said = BUF(IMAP_ID_SAID_MAX)};
	if (imap_word(p, "NIL"))
		return imap_end(p);
	if (!imap_char(p, '('))
		return false;
	for (int i = 0; !imap_skip(p, ')'); i++) {
		struct slice name, value;
		if (i == IMAP_ID_FIELDS_MAX)
			return imap_expected(p, "fewer fields");
		if ((i > 0 && !imap_space(p)) || !imap_string(p, &name, NULL) || !imap_space(p) ||
			!imap_nstring(p, &value))
			return false;
		if (!take_origin(ret_id, name, value))
			say(&ret_id->said, name, value);
	}
	return imap_end(p);
}
