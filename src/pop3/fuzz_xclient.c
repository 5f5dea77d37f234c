/* The arguments of XCLIENT. */
#include "pop3/xclient.h"

#include "base/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct net_origin_words words;
	struct net_origin origin;
	if (!pop3_parse_xclient(slice(data, size), &words))
		return 0;
	must(slice_find(words.client, ' ') < 0 && slice_find(words.session, ' ') < 0);
	if (net_origin_read(&words, &origin))
		must((origin.client.len > 0) == (words.client.len > 0));
	return 0;
}
