/* Policies and records: bounds hold, and what a policy names it matches. */
#include "base/must.h"
#include "dns/mta_sts.h"
#include "dns/name.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_record(struct slice text)
{
	struct slice texts[2], id, rest = text;
	texts[0] = slice_cut(&rest, '\n');
	texts[1] = rest;
	if (!dns_mta_sts_read_record(texts, 2, &id))
		return;
	must(id.len > 0 && id.len <= DNS_MTA_STS_ID_MAX);
	must(id.ptr >= text.ptr && id.ptr + id.len <= text.ptr + text.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct slice text = slice(data, size);
	struct dns_mta_sts_policy policy;
	check_record(text);
	if (dns_mta_sts_read_policy(text, &arena, &policy, NULL) < 0)
		return 0;
	must(policy.max_age <= DNS_MTA_STS_AGE_MAX && policy.mx_count <= DNS_MTA_STS_MX_MAX);
	must(policy.mx_count > 0 || policy.mode == DNS_MTA_STS_NONE);
	for (size_t i = 0; i < policy.mx_count; i++)
		must(dns_mta_sts_has_mx(&policy, policy.mx[i]));
	return 0;
}
