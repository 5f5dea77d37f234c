/* Reverse and forward paths of SMTP (RFC 5321 section 4.1.2), with UTF-8 (RFC 6531). Pure. */
#ifndef ENVELOPE_PATH_H
#define ENVELOPE_PATH_H

#include "base/slice.h"

/* RFC 5321 section 4.5.3.1 promises 64 octets of local part and asks for no limits; senders that
 * write the recipient into their own address (VERP) need more than that. */
enum { ENVELOPE_LOCAL_MAX = 255, ENVELOPE_DOMAIN_MAX = 255, ENVELOPE_PATH_MAX = 1024 };

struct envelope_path {
	struct slice address; /* without "<>" and source route; empty for "<>" */
	struct slice local;   /* as written, quotes too */
	struct slice domain;  /* empty for "<>" and "<postmaster>" */
	bool is_utf8;         /* holds non-ASCII (well-formed UTF-8): needs SMTPUTF8 */
};

/* Cuts "<…>" off the front of *rest. Without the brackets an address is taken too (many clients
 * forget them). False when malformed or too long. */
WARN_UNUSED bool envelope_cut_path(struct slice *rest, struct envelope_path *ret_path);
/* Is it local-part@domain (or an address literal)? */
WARN_UNUSED bool envelope_parse_address(struct slice address, struct envelope_path *ret_path);
/* A domain name or an address literal, as EHLO takes it. */
bool envelope_is_domain(struct slice text);

#endif
