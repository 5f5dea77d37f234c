/* Words of NAME=value, a space between. */
#include "pop3/xclient.h"

static bool take(struct net_origin_words *w, struct slice name, struct slice value)
{
	const struct {
		const char *name;
		struct slice *to;
	} known[] = {
		{"ADDR", &w->client},
		{"PORT", &w->client_port},
		{"DESTADDR", &w->local},
		{"DESTPORT", &w->local_port},
		{"SESSION", &w->session},
		{"TTL", &w->ttl},
	};
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (slice_eq_nocase(name, slice_str(known[i].name))) {
			bool first = known[i].to->len == 0;
			*known[i].to = value;
			return first && value.len > 0;
		}
	return true;
}

bool pop3_parse_xclient(struct slice arguments, struct net_origin_words *ret_words)
{
	struct slice rest = slice_trim(arguments);
	*ret_words = (struct net_origin_words){0};
	bool good = rest.len > 0;
	while (good && rest.len > 0) {
		struct slice value = slice_cut(&rest, ' '), word = value;
		struct slice name = slice_cut(&value, '=');
		good = name.len > 0 && name.len < word.len && take(ret_words, name, value);
		rest = slice_trim(rest);
	}
	return good;
}
