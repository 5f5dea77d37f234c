/* Filling an err. */
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>

int err_set(struct err *err, enum err_class class, enum err_kind kind, const char *origin,
	const char *format, ...)
{
	if (!err)
		return -1;
	err->class = class;
	err->kind = kind;
	err->status[0] = '\0';
	err->origin = origin;
	va_list args;
	va_start(args, format);
	(void)vsnprintf(err->text, sizeof(err->text), format, args);
	va_end(args);
	return -1;
}

int err_set_errno(struct err *err, int number, const char *origin, const char *format, ...)
{
	if (!err)
		return -1;
	char what[sizeof(err->text)], why[128];
	va_list args;
	va_start(args, format);
	(void)vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	const char *text = strerror_r(number, why, sizeof(why));
	return err_set(err, ERR_TEMPORARY, ERR_UNAVAILABLE, origin, "%.140s: %.80s", what, text);
}

int err_status(struct err *err, const char *status)
{
	if (err)
		(void)snprintf(err->status, sizeof(err->status), "%s", status);
	return -1;
}

int err_prefix(struct err *err, const char *format, ...)
{
	if (!err)
		return -1;
	char before[sizeof(err->text)], after[sizeof(err->text)];
	va_list args;
	va_start(args, format);
	(void)vsnprintf(before, sizeof(before), format, args);
	va_end(args);
	(void)snprintf(after, sizeof(after), "%s", err->text);
	(void)snprintf(err->text, sizeof(err->text), "%.110s: %.110s", before, after);
	return -1;
}
