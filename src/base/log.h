/* Logging: one line per event, logfmt or JSON, typed fields, scopes with parents.
 *
 * A scope (node > listener > session > command) holds fields that every line logged under it
 * carries. Scopes live in the caller's memory and point at their parent, which must outlive them.
 * Secrets are not logged: F_SECRET prints only that a value was there. Pure code does not log. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/err.h"
#include "base/slice.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
enum log_format { LOG_LOGFMT, LOG_JSON };

struct log_field {
	const char *key;
	enum { LOG_NO_FIELD, LOG_SLICE, LOG_INT, LOG_UINT, LOG_REDACTED } type;
	union {
		struct slice slice;
		int64_t i;
		uint64_t u;
	};
};

#define F_STR(key, str) ((struct log_field){(key), LOG_SLICE, {.slice = slice_str(str)}})
#define F_SLICE(key, s) ((struct log_field){(key), LOG_SLICE, {.slice = (s)}})
#define F_INT(key, v)   ((struct log_field){(key), LOG_INT, {.i = (v)}})
#define F_UINT(key, v)  ((struct log_field){(key), LOG_UINT, {.u = (v)}})
#define F_SECRET(key)   ((struct log_field){(key), LOG_REDACTED, {.u = 0}})
/* The text and origin of an err, as the field "error". */
#define F_ERR(err) ((struct log_field){"error", LOG_SLICE, {.slice = slice_str((err)->text)}})

enum { LOG_SCOPE_FIELDS = 4 };

struct log_scope {
	const struct log_scope *parent;
	struct log_field fields[LOG_SCOPE_FIELDS]; /* borrowed; unused ones are LOG_NO_FIELD */
};

/* Where lines go and how they look; before threads start. `fd` 2 is stderr. A line is one write().
 */
void log_setup(enum log_level least, enum log_format format, int fd);
/* The least level alone, at any time. */
void log_set_level(enum log_level least);
/* Begins each line with "<3>" to "<7>", from which the journal takes its priority (sd-daemon(3)).
 */
void log_set_priorities(bool on);
/* Sets the field that names this process ("role=store") on every line. */
void log_set_role(const char *role);
/* For messages of a library: whether debug lines would be written. */
bool log_enabled(enum log_level level);

/* `event` is a fixed phrase ("message delivered"), the rest is in fields. scope may be NULL. */
void log_write(const struct log_scope *scope, enum log_level level, const char *event,
	const struct log_field *fields, size_t field_count);
#define LOG_AT(scope, level, event, ...)                                                           \
	do {                                                                                       \
		if (log_enabled(level)) {                                                          \
			const struct log_field log_fields_[] = {{0}, ##__VA_ARGS__};               \
			log_write((scope), (level), (event), log_fields_ + 1,                      \
				ARRAY_LEN(log_fields_) - 1);                                       \
		}                                                                                  \
	} while (0)
#define log_debug(scope, ...) LOG_AT(scope, LOG_DEBUG, __VA_ARGS__)
#define log_info(scope, ...)  LOG_AT(scope, LOG_INFO, __VA_ARGS__)
#define log_warn(scope, ...)  LOG_AT(scope, LOG_WARN, __VA_ARGS__)
#define log_error(scope, ...) LOG_AT(scope, LOG_ERROR, __VA_ARGS__)

#endif
