/* What went wrong, carried upward beside a negative result.
 *
 * A function that can fail takes `struct err *err` last but for its outputs and returns 0 when
 * done, a negative value (and *err filled) on failure, a positive value for an outcome that its
 * header names. "Can't tell now" (ERR_TEMPORARY) and "no" (ERR_PERMANENT) never share a class. A
 * protocol turns the class and the enhanced status code (RFC 3463) into its own words in one table.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include "base/slice.h"

enum err_class {
	ERR_NONE = 0,
	ERR_TEMPORARY, /* may work later: disk full, peer down, time-out, lock */
	ERR_PERMANENT, /* will not work: bad input, not allowed, does not exist, over quota */
	ERR_BUG,       /* must not happen; answered as temporary, logged as a bug */
};

/* What kind of "no" or "not now" it is, for callers that choose words by it. */
enum err_kind {
	ERR_OTHER = 0,
	ERR_BAD_INPUT, /* malformed */
	ERR_ABSENT,    /* the named thing does not exist */
	ERR_EXISTS,    /* it exists already */
	ERR_DENIED,    /* not allowed, or wrong credentials */
	ERR_OVER_QUOTA,
	ERR_LIMIT,       /* a named limit was reached */
	ERR_UNAVAILABLE, /* a part that is needed does not answer */
	ERR_DAMAGED,     /* a checksum does not match; `text` names the object */
	ERR_IN_USE,
};

struct err {
	enum err_class class;
	enum err_kind kind;
	char status[8];     /* enhanced status code, "4.3.0"; "" when the class decides */
	char text[232];     /* one line for a person, no trailing period, no secret */
	const char *origin; /* __func__ of who failed */
};

/* Fills *err and returns -1, so that a function can end `return err_temporary(err, …)`. `err` may
 * be NULL where the caller does not care why. */
#define err_temporary(err, kind, ...) err_set((err), ERR_TEMPORARY, (kind), __func__, __VA_ARGS__)
#define err_permanent(err, kind, ...) err_set((err), ERR_PERMANENT, (kind), __func__, __VA_ARGS__)
#define err_bug(err, ...)             err_set((err), ERR_BUG, ERR_OTHER, __func__, __VA_ARGS__)
/* As err_temporary, with ": " and the text of errno `number`. */
#define err_errno(err, number, ...) err_set_errno((err), (number), __func__, __VA_ARGS__)

int err_set(struct err *err, enum err_class class, enum err_kind kind, const char *origin,
	const char *format, ...) PRINTF_LIKE(5, 6);
int err_set_errno(struct err *err, int number, const char *origin, const char *format, ...)
	PRINTF_LIKE(4, 5);
/* Sets the enhanced status code of an error just made; returns -1 as err_set does. */
int err_status(struct err *err, const char *status);
/* Puts "<text>: " in front of the error's text (context that only the caller knows); returns -1. */
int err_prefix(struct err *err, const char *format, ...) PRINTF_LIKE(2, 3);

#endif
