/* Text to values and back. */
#include "admin/values.h"

#include "base/clock.h"

#include <stdarg.h>

const char *admin_option_text(const struct admin_call *call, const char *name)
{
	return json_string_value(json_object_get(call->options, name));
}

bool admin_option_on(const struct admin_call *call, const char *name)
{
	return json_is_true(json_object_get(call->options, name));
}

struct slice admin_argument(const struct admin_call *call, size_t index)
{
	return index < call->argument_count ? slice_str(call->arguments[index]) : SLICE("");
}

int admin_size(const char *text, uint64_t *ret_bytes, struct err *err)
{
	static const char UNITS[] = "KMGTP";
	struct slice digits = slice_str(text);
	uint64_t factor = 1;
	if (slice_eq(digits, SLICE("none"))) {
		*ret_bytes = 0;
		return 0;
	}
	const char *unit =
		digits.len > 1 ? strchr(UNITS, digits.ptr[digits.len - 1] & ~0x20) : NULL;
	if (unit && *unit) {
		digits.len--;
		factor = 1ull << 10 * (unit - UNITS + 1);
	}
	if (!slice_to_u64(digits, (uint64_t)INT64_MAX / factor, ret_bytes))
		return err_permanent(err, ERR_BAD_INPUT,
			"\"%.40s\" is no size: expected something like 500M, 10G or none", text);
	*ret_bytes *= factor;
	return 0;
}

static int services_of(const char *text, unsigned *ret_services, struct err *err)
{
	struct slice rest = slice_str(text);
	*ret_services = 0;
	if (slice_eq(rest, SLICE("all"))) {
		*ret_services = DIRECTORY_ALL_SERVICES;
		return 0;
	}
	while (rest.len > 0) {
		struct slice name = slice_trim(slice_cut(&rest, ','));
		unsigned bit = directory_service_of(name);
		if (!bit)
			return err_permanent(err, ERR_BAD_INPUT,
				"\"%.*s\" is no service: expected imap, pop3, submission, "
				"managesieve, http, delivery or all, with commas",
				SLICE_ARG(name));
		*ret_services |= bit;
	}
	return 0;
}

static int yes_or_no(const char *text, bool *ret_yes, struct err *err)
{
	*ret_yes = strcmp(text, "yes") == 0;
	if (*ret_yes || strcmp(text, "no") == 0)
		return 0;
	return err_permanent(err, ERR_BAD_INPUT, "\"%.40s\": expected yes or no", text);
}

int admin_values(const struct admin_call *call, struct directory_values *v, struct err *err)
{
	struct {
		const char *name;
		enum directory_field bit;
		uint64_t *to;
	} sizes[] = {
		{"quota", DIRECTORY_HAS_QUOTA_BYTES, &v->quota_bytes},
		{"quota-messages", DIRECTORY_HAS_QUOTA_MESSAGES, &v->quota_messages},
		{"user-quota", DIRECTORY_HAS_USER_QUOTA_BYTES, &v->user_quota_bytes},
		{"user-quota-messages", DIRECTORY_HAS_USER_QUOTA_MESSAGES, &v->user_quota_messages},
	};
	struct {
		const char *name;
		enum directory_field bit;
		struct slice *to;
	} texts[] = {
		{"name", DIRECTORY_HAS_FULL_NAME, &v->full_name},
		{"to-host", DIRECTORY_HAS_TO_HOST, &v->to_host},
		{"catch-all", DIRECTORY_HAS_CATCH_ALL, &v->catch_all},
		{"forward", DIRECTORY_HAS_FORWARD, &v->forward},
	};
	*v = (struct directory_values){0};
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		const char *text = admin_option_text(call, sizes[i].name);
		if (!text)
			continue;
		if (admin_size(text, sizes[i].to, err) < 0)
			return err_prefix(err, "--%s", sizes[i].name);
		v->has |= sizes[i].bit;
	}
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		const char *text = admin_option_text(call, texts[i].name);
		if (!text)
			continue;
		*texts[i].to = slice_str(text);
		v->has |= texts[i].bit;
	}
	const char *services = admin_option_text(call, "services");
	const char *suspended = admin_option_text(call, "suspended");
	if (services && services_of(services, &v->services, err) < 0)
		return -1;
	if (suspended && yes_or_no(suspended, &v->suspended, err) < 0)
		return err_prefix(err, "--suspended");
	v->has |=
		(services ? DIRECTORY_HAS_SERVICES : 0) | (suspended ? DIRECTORY_HAS_SUSPENDED : 0);
	const char *copy = admin_option_text(call, "keep-copy");
	bool keep = true;
	if (copy && yes_or_no(copy, &keep, err) < 0)
		return err_prefix(err, "--keep-copy");
	v->no_copy = !keep;
	v->has |= copy ? DIRECTORY_HAS_NO_COPY : 0;
	return 0;
}

json_t *admin_string(struct slice text)
{
	json_t *string = json_stringn(text.ptr ? text.ptr : "", text.len);
	return string ? string : json_string("(not valid UTF-8)");
}

json_t *admin_limit(uint64_t limit)
{
	return limit && limit != DIRECTORY_QUOTA_INHERIT ? json_integer((json_int_t)limit)
							 : json_null();
}

json_t *admin_time(int64_t seconds)
{
	struct clock_date d = clock_to_date(seconds);
	return json_sprintf("%04d-%02d-%02dT%02d:%02d:%02dZ", (int)d.year, d.month, d.day, d.hour,
		d.minute, d.second);
}

json_t *admin_services(unsigned services)
{
	json_t *list = json_array();
	for (unsigned bit = 1; bit <= DIRECTORY_DELIVERY; bit <<= 1)
		if (services & bit)
			(void)json_array_append_new(list,
				json_string(directory_service_name((enum directory_service)bit)));
	return list;
}

json_t *admin_message(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	json_t *message = json_pack("{s:o}", "message", json_vsprintf(format, args));
	va_end(args);
	return message;
}
