/* Options of a call as values: sizes, counts, names; and values as JSON. */
#ifndef ADMIN_VALUES_H
#define ADMIN_VALUES_H

#include "admin/admin.h"
#include "directory/admin.h"

/* The option's text; NULL when it was not given. */
const char *admin_option_text(const struct admin_call *call, const char *name);
bool admin_option_on(const struct admin_call *call, const char *name);
struct slice admin_argument(const struct admin_call *call, size_t index);

/* "10G", "0" or "none" (no limit): ERR_BAD_INPUT says what was expected. */
int admin_size(const char *text, uint64_t *ret_bytes, struct err *err) WARN_UNUSED;
/* Fills *ret_values from the options that `domain set`, `user set` and their `add` know. */
int admin_values(const struct admin_call *call, struct directory_values *ret_values,
	struct err *err) WARN_UNUSED;

/* Bytes in text, cleaned to UTF-8 where they are not. */
json_t *admin_string(struct slice text);
json_t *admin_limit(uint64_t limit); /* null for none, and for none of its own */
json_t *admin_time(int64_t seconds); /* "2026-11-24T21:00:00Z" */
json_t *admin_services(unsigned services);
/* {"message": …} */
json_t *admin_message(const char *format, ...) PRINTF_LIKE(1, 2);

#endif
