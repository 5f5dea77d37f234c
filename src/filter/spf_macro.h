/* Macros of SPF (RFC 7208 section 7): their grammar, and what they become. Pure, but for the one
 * question to the DNS that %{p} asks. */
#ifndef FILTER_SPF_MACRO_H
#define FILTER_SPF_MACRO_H

#include "base/buf.h"

/* What the letters stand for. */
struct filter_spf_values {
	struct slice sender;        /* s: <local-part>@<domain> */
	struct slice local;         /* l */
	struct slice sender_domain; /* o */
	struct slice domain;        /* d: the one whose record is read now */
	struct slice helo;          /* h */
	struct slice receiver;      /* r: this host's name */
	uint8_t ip[16];             /* i, c, v; IPv4 as ::ffff:a.b.c.d */
	bool is_ip4;
	int64_t now; /* t: seconds since 1970 */
	/* p: a name of the client that its own addresses confirm, or "unknown". NULL: "unknown". */
	struct slice (*validated)(void *context);
	void *context;
};

/* Where a macro-string stands: c, r and t are for explanations only (section 7.2). */
enum filter_spf_place { FILTER_SPF_IN_DOMAIN, FILTER_SPF_IN_TEXT };

/* macro-string of section 7.1; spaces may stand in an explanation. */
WARN_UNUSED bool filter_spf_is_macro_string(struct slice text, enum filter_spf_place place);
/* domain-spec: a macro-string that ends in a macro, or in "." and a top label. */
WARN_UNUSED bool filter_spf_is_domain_spec(struct slice text);
/* Appends what the macro-string becomes; false when it is none. `to` may fail (base/buf.h). */
WARN_UNUSED bool filter_spf_expand(struct slice text, enum filter_spf_place place,
	const struct filter_spf_values *values, struct buf *to);
/* As it is asked for: labels dropped on the left until 253 bytes are left, no final dot. */
struct slice filter_spf_fit_name(struct slice expanded);
/* The address for people ("192.0.2.1", "2001:db8::1"). */
void filter_spf_write_ip(const struct filter_spf_values *values, struct buf *to);

#endif
