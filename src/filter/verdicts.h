/* What SPF and DMARC said, as results of Authentication-Results (RFC 8601 section 2.7). */
#ifndef FILTER_VERDICTS_H
#define FILTER_VERDICTS_H

#include "filter/dmarc.h"
#include "filter/results.h"
#include "filter/spf.h"

/* `sender`: of MAIL; empty: HELO was checked. Bytes are borrowed. */
struct filter_result filter_spf_to_result(
	const struct filter_spf_answer *answer, struct slice sender, struct slice helo);
/* With the policy that applies (RFC 9989 section 9.1). */
struct filter_result filter_dmarc_to_result(const struct filter_dmarc_answer *answer);

#endif
