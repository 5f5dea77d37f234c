/* PROXY headers: any bytes; and an input that grows byte by byte comes to the same. */
#include "net/proxy_header.h"

#include "base/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct net_proxy_header whole, part;
	enum net_proxy_outcome outcome = net_proxy_parse(slice(data, size), &whole);
	must(outcome != NET_PROXY_HEADER || (whole.len > 0 && whole.len <= size));
	for (size_t len = 0; len < MIN(size, (size_t)600); len++) {
		enum net_proxy_outcome early = net_proxy_parse(slice(data, len), &part);
		must(early == NET_PROXY_MORE || early == outcome);
		must(early != NET_PROXY_HEADER || part.len == whole.len);
	}
	return 0;
}
