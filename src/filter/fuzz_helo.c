/* What a client calls itself: judged, and looked for in a list. Also an option's ranges. */
#include "base/must.h"
#include "dns/name.h"
#include "filter/dns_list.h"
#include "filter/helo.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct slice ZONE = {.ptr = "list.test", .len = 9};
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct slice helo = slice(data, size), name;
	struct net_address nowhere = {0};
	struct ip_range range;
	enum filter_helo judged = filter_helo_judge(helo, SLICE("mail.ours.test"), &nowhere);
	must(judged != FILTER_HELO_OURS || size >= 5);
	if (filter_dns_list_domain(helo, ZONE, &arena, &name)) {
		must(dns_name_is_good(name) && name.len <= DNS_NAME_MAX);
		must(slice_ends(name, ZONE));
	}
	if (ip_range_read(helo, &range))
		must(range.first <= range.last);
	return 0;
}
