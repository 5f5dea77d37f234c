/* Whatever is read as a list of hosts stands in the text, and its parts are lists too. */
#include "base/must.h"
#include "proxy/place.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text = slice(data, size), rest = text;
	struct proxy_places places, one;
	if (!proxy_places_parse(text, &places))
		return 0;
	must(places.count > 0 && places.count <= PROXY_PLACES_MAX);
	for (size_t i = 0; i < places.count; i++) {
		struct slice host = places.at[i].host;
		must(host.len > 0 && host.len <= 253);
		must(host.ptr >= text.ptr && host.ptr + host.len <= text.ptr + text.len);
		must(proxy_places_parse(slice_cut(&rest, ','), &one) && one.count == 1);
		must(slice_eq(one.at[0].host, host) && one.at[0].port == places.at[i].port);
	}
	return 0;
}
