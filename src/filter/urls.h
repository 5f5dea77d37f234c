/* Whom a message links to: the domains of URLs (http, https, ftp, and names that begin with "www.")
 * in its text, for lists of such domains. Pure but for the list of suffixes. */
#ifndef FILTER_URLS_H
#define FILTER_URLS_H

#include "base/arena.h"
#include "filter/suffixes.h"

enum {
	FILTER_URLS_MAX = 20,           /* domains; what comes behind them is not looked at */
	FILTER_URLS_BYTES = 256 * 1024, /* of decoded text, over all parts */
};

struct filter_urls {
	/* As lists are asked about them: what somebody registered, lower case, A-labels
	 * ("example.co.uk"); or an IPv4 address backwards ("1.2.0.192"). Each once. */
	struct slice names[FILTER_URLS_MAX];
	size_t count;
};
/* In the text parts of a message, whatever their transfer encoding. Names lie in `arena`. */
void filter_urls_find(struct slice message, const struct filter_suffixes *suffixes,
	struct arena *arena, struct filter_urls *ret_urls);
/* In some text; adds to *urls. `html`: references like "&#46;" mean characters. */
void filter_urls_scan(struct slice text, bool html, const struct filter_suffixes *suffixes,
	struct arena *arena, struct filter_urls *urls);

#endif
