/* Words. */
#include "filter/dkim.h"

const char *filter_dkim_status_word(enum filter_dkim_status status)
{
	static const char *const WORDS[] = {
		[FILTER_DKIM_NONE] = "none",
		[FILTER_DKIM_PASS] = "pass",
		[FILTER_DKIM_FAIL] = "fail",
		[FILTER_DKIM_POLICY] = "policy",
		[FILTER_DKIM_NEUTRAL] = "neutral",
		[FILTER_DKIM_TEMPERROR] = "temperror",
		[FILTER_DKIM_PERMERROR] = "permerror",
	};
	return WORDS[status];
}

const char *filter_dkim_algorithm_word(enum filter_dkim_algorithm algorithm)
{
	return algorithm == FILTER_DKIM_ED25519_SHA256 ? "ed25519-sha256" : "rsa-sha256";
}
