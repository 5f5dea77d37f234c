/* SPF and DMARC as results. Why something is not "pass" goes into a comment: it is for people. */
#include "filter/verdicts.h"

struct filter_result filter_spf_to_result(
	const struct filter_spf_answer *answer, struct slice sender, struct slice helo)
{
	struct filter_result r = {.method = SLICE("spf"),
		.result = slice_str(filter_spf_result_name(answer->result)),
		.comment = answer->reason};
	if (sender.len > 0)
		filter_result_add(&r, "smtp", "mailfrom", sender);
	else
		filter_result_add(&r, "smtp", "helo", helo);
	return r;
}

struct filter_result filter_dmarc_to_result(const struct filter_dmarc_answer *answer)
{
	struct filter_result r = {.method = SLICE("dmarc"),
		.result = slice_str(filter_dmarc_result_name(answer->result)),
		.comment = slice_str(answer->reason)};
	filter_result_add(&r, "header", "from", answer->author);
	if (answer->policy_domain.len > 0)
		filter_result_add(
			&r, "policy", "dmarc", slice_str(filter_dmarc_policy_name(answer->policy)));
	return r;
}
