/* What an authority answers (RFC 8555 section 7.1): JSON into structs, and fields of the header.
 *
 * Pure and bounded: bytes in, items out; what is too long or too many is refused. Strings lie in
 * the arena, end in NUL, and are never NULL where a comment does not say so. All URLs are https. */
#ifndef ACME_DOCUMENT_H
#define ACME_DOCUMENT_H

#include "base/arena.h"
#include "base/err.h"

enum {
	ACME_DOCUMENT_MAX = 256 * 1024, /* bytes */
	ACME_URL_MAX = 1024,            /* with the NUL */
	ACME_NAMES_MAX = 100,           /* of one certificate */
	ACME_TOKEN_MAX = 256,
	ACME_DETAIL_MAX = 400,
};

enum acme_status {
	ACME_STATUS_UNKNOWN,
	ACME_PENDING,
	ACME_PROCESSING,
	ACME_READY,
	ACME_VALID,
	ACME_INVALID,
	ACME_DEACTIVATED,
	ACME_EXPIRED,
	ACME_REVOKED,
};

struct acme_directory {
	const char *new_nonce, *new_account, *new_order;
	bool external_account_required;
};

/* What went wrong (RFC 7807, RFC 8555 section 6.7). */
struct acme_problem {
	const char *type;   /* "rateLimited"; a foreign one whole; "" when there is none */
	const char *detail; /* one line for people; with the first subproblem's */
};

struct acme_order_document {
	enum acme_status status;
	const char *finalize;
	const char *certificate; /* "" unless it is valid */
	const char *authorizations[ACME_NAMES_MAX];
	size_t count;
	struct acme_problem error;
};

struct acme_challenge {
	enum acme_status status;
	const char *url, *token;
	struct acme_problem error;
};

struct acme_authorization {
	enum acme_status status;
	const char *name;                /* host name */
	struct acme_challenge challenge; /* of the type asked for */
	bool has_challenge;
};

/* Each: ERR_BAD_INPUT, temporary, when it is no such document: it is the authority's fault, and may
 * be over later. */
int acme_directory_read(struct slice text, struct arena *arena, struct acme_directory *ret,
	struct err *err) WARN_UNUSED;
int acme_order_read(struct slice text, struct arena *arena, struct acme_order_document *ret,
	struct err *err) WARN_UNUSED;
/* `type`: "http-01" */
int acme_authorization_read(struct slice text, const char *type, struct arena *arena,
	struct acme_authorization *ret, struct err *err) WARN_UNUSED;
/* False: the text is no problem document, *ret is empty. */
bool acme_problem_read(struct slice text, struct arena *arena, struct acme_problem *ret);

/* Whether this may be a URL of an authority's. */
bool acme_is_url(struct slice text);
/* Retry-After (RFC 9110 section 10.2.3), seconds or a date: milliseconds from `now` (seconds since
 * 1970) on, a day at most; 0: none that can be read. */
int64_t acme_retry_after(struct slice field, int64_t now);
const char *acme_status_name(enum acme_status status);

#endif
