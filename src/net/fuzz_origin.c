/* What a front end says of its client: six words, a line each. */
#include "net/origin.h"

#include "base/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice rest = slice(data, size);
	struct net_origin_words words;
	struct slice *const ALL[] = {&words.client, &words.client_port, &words.local,
		&words.local_port, &words.session, &words.ttl};
	struct net_origin origin;
	for (size_t i = 0; i < ARRAY_LEN(ALL); i++)
		*ALL[i] = slice_cut(&rest, '\n');
	if (!net_origin_read(&words, &origin))
		return 0;
	must((origin.client.len > 0) == (words.client.len > 0));
	must((origin.local.len > 0) == (words.local.len > 0));
	must(strlen(origin.session) == MIN(words.session.len, (size_t)NET_ORIGIN_SESSION_MAX));
	return 0;
}
