/* One check of SPF on its way: what is counted, and the questions it asks. */
#ifndef FILTER_SPF_CHECK_INTERNAL_H
#define FILTER_SPF_CHECK_INTERNAL_H

#include "filter/spf.h"
#include "filter/spf_macro.h"
#include "filter/spf_record.h"

enum {
	/* RFC 7208 section 4.6.4 */
	SPF_LOOKUPS_MAX = 10,
	SPF_VOIDS_MAX = 2,
	SPF_MX_MAX = 10,
	SPF_PTR_MAX = 10,
	SPF_TIME_MS = 20 * 1000,
};

struct spf_check {
	struct dns *dns;
	struct arena *arena;
	struct filter_spf_values values;
	unsigned lookups, voids;
	int64_t deadline; /* clock_mono_ms() */
	const char *why;  /* of an error */
	struct spf_names {
		bool asked;
		struct slice name[SPF_PTR_MAX];
		enum { SPF_UNTRIED, SPF_CONFIRMED, SPF_WRONG } state[SPF_PTR_MAX];
		size_t count;
	} names; /* that the client's address points to */
};

enum spf_found {
	SPF_FOUND,
	SPF_VOID, /* no such record, or no such name can be */
	SPF_CANT_TELL,
};

/* Asks, for what ever the caller counts. */
enum spf_found spf_ask(
	struct spf_check *c, struct slice name, enum dns_type type, struct dns_answer *ret_answer);
/* Has the name an address whose first bits are the client's? Addresses of the client's family. */
enum spf_found spf_has_client(struct spf_check *c, struct slice name,
	const struct filter_spf_term *cidr, bool *ret_has, bool *ret_void);
/* Are the first bits of two addresses equal? */
bool spf_bits_match(const uint8_t *a, const uint8_t *b, unsigned bits);
/* Names of the client (section 5.5): is one at or below `domain`? */
bool spf_has_name_in(struct spf_check *c, struct slice domain);
/* For %{p} (section 7.3); `context` is the check. */
struct slice spf_validated_name(void *context);

#endif
