/* Fields of the record stand between semicolons, those of the policy on lines. */
#include "dns/mta_sts.h"

#include "dns/name.h"

enum { EXTENSION_NAME_MAX = 32, AGE_DIGITS_MAX = 10 };

static bool is_letter_or_digit(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t';
}

static struct slice trim_end(struct slice s)
{
	while (s.len > 0 && is_space(s.ptr[s.len - 1]))
		s.len--;
	return s;
}

static struct slice trim(struct slice s)
{
	while (s.len > 0 && is_space(s.ptr[0]))
		s = slice_from(s, 1);
	return trim_end(s);
}

static bool is_id(struct slice id)
{
	for (size_t i = 0; i < id.len; i++)
		if (!is_letter_or_digit(id.ptr[i]))
			return false;
	return id.len > 0 && id.len <= DNS_MTA_STS_ID_MAX;
}

static bool is_extension_name(struct slice name)
{
	if (name.len == 0 || name.len > EXTENSION_NAME_MAX || !is_letter_or_digit(name.ptr[0]))
		return false;
	for (size_t i = 0; i < name.len; i++)
		if (!is_letter_or_digit(name.ptr[i]) && name.ptr[i] != '_' && name.ptr[i] != '-' &&
			name.ptr[i] != '.')
			return false;
	return true;
}

static bool is_extension_value(struct slice value)
{
	for (size_t i = 0; i < value.len; i++)
		if (value.ptr[i] <= ' ' || value.ptr[i] >= 127 || value.ptr[i] == '=' ||
			value.ptr[i] == ';')
			return false;
	return value.len > 0;
}

/* One field behind the version. */
static bool read_field(struct slice field, struct slice *id)
{
	struct slice value = field, name = slice_cut(&value, '=');
	if (name.len == field.len)
		return false;
	if (!slice_eq(name, SLICE("id")))
		return is_extension_name(name) && is_extension_value(value);
	if (!is_id(value) || id->len > 0)
		return false;
	*id = value;
	return true;
}

static bool read_text(struct slice text, struct slice *ret_id)
{
	struct slice id = SLICE_NONE, rest = text;
	(void)slice_cut(&rest, ';'); /* the version */
	while (rest.len > 0) {
		struct slice field = trim(slice_cut(&rest, ';'));
		if (field.len == 0 && rest.len == 0)
			break; /* a semicolon at the end */
		if (!read_field(field, &id))
			return false;
	}
	*ret_id = id;
	return id.len > 0;
}

/* "v=STSv1" and a semicolon, which may have blanks before it. */
static bool is_ours(struct slice text)
{
	static const struct slice VERSION = {.ptr = "v=STSv1", .len = 7};
	struct slice rest = text;
	return slice_find(text, ';') >= 0 && slice_eq(trim_end(slice_cut(&rest, ';')), VERSION);
}

bool dns_mta_sts_read_record(const struct slice *texts, size_t count, struct slice *ret_id)
{
	const struct slice *found = NULL;
	for (size_t i = 0; i < count; i++) {
		if (!is_ours(texts[i]))
			continue;
		if (found)
			return false;
		found = &texts[i];
	}
	return found && read_text(*found, ret_id);
}

static const char *const MODES[] = {
	[DNS_MTA_STS_NONE] = "none",
	[DNS_MTA_STS_TESTING] = "testing",
	[DNS_MTA_STS_ENFORCE] = "enforce",
};

const char *dns_mta_sts_mode_name(enum dns_mta_sts_mode mode)
{
	return MODES[mode];
}

static bool read_mode(struct slice value, enum dns_mta_sts_mode *ret_mode)
{
	for (size_t i = 0; i < ARRAY_LEN(MODES); i++)
		if (slice_eq(value, slice_str(MODES[i]))) {
			*ret_mode = (enum dns_mta_sts_mode)i;
			return true;
		}
	return false;
}

/* More than a year is a year. */
static bool read_age(struct slice value, uint32_t *ret_age)
{
	uint64_t seconds;
	if (value.len > AGE_DIGITS_MAX || !slice_to_u64(value, UINT64_MAX, &seconds))
		return false;
	*ret_age = (uint32_t)MIN(seconds, (uint64_t)DNS_MTA_STS_AGE_MAX);
	return true;
}

static struct slice without_star(struct slice pattern)
{
	return slice_starts(pattern, SLICE("*.")) ? slice_from(pattern, 2) : pattern;
}

static bool is_pattern(struct slice pattern)
{
	struct slice domain = without_star(pattern);
	return domain.len > 0 && slice_find(domain, '*') < 0 && dns_name_is_good(domain) &&
	       dns_name_trim(domain).len > 0;
}

/* What a policy has, beside the struct. */
struct reading {
	struct dns_mta_sts_policy *policy;
	struct slice *mx;
	bool version, mode, age;
};

static int malformed(struct slice line, struct err *err)
{
	return err_permanent(err, ERR_BAD_INPUT, "malformed MTA-STS policy: \"%.*s\"",
		(int)MIN(line.len, (size_t)100), line.len > 0 ? line.ptr : "");
}

/* One line. Of fields that may stand once the first one counts; unknown ones are skipped. */
static bool read_line(struct reading *r, struct slice line)
{
	struct slice value = line, key = slice_cut(&value, ':');
	if (key.len == line.len)
		return false;
	value = trim(value);
	if (slice_eq(key, SLICE("version")))
		return r->version || (r->version = slice_eq(value, SLICE("STSv1")));
	if (slice_eq(key, SLICE("mode")))
		return r->mode || (r->mode = read_mode(value, &r->policy->mode));
	if (slice_eq(key, SLICE("max_age")))
		return r->age || (r->age = read_age(value, &r->policy->max_age));
	if (!slice_eq(key, SLICE("mx")))
		return is_extension_name(key);
	if (!is_pattern(value))
		return false;
	if (r->policy->mx_count < DNS_MTA_STS_MX_MAX)
		r->mx[r->policy->mx_count++] = value;
	return true;
}

int dns_mta_sts_read_policy(struct slice text, struct arena *arena,
	struct dns_mta_sts_policy *ret_policy, struct err *err)
{
	struct reading r = {
		.policy = ret_policy, .mx = ARENA_ARRAY(arena, struct slice, DNS_MTA_STS_MX_MAX)};
	*ret_policy = (struct dns_mta_sts_policy){.mx = r.mx};
	if (text.len > DNS_MTA_STS_POLICY_MAX)
		return err_permanent(err, ERR_BAD_INPUT, "the MTA-STS policy is too long");
	while (text.len > 0) {
		struct slice line = slice_cut(&text, '\n');
		if (line.len > 0 && line.ptr[line.len - 1] == '\r')
			line.len--;
		line = trim_end(line);
		if (line.len > 0 && !read_line(&r, line))
			return malformed(line, err);
	}
	const char *missing = !r.version ? "version" : !r.mode ? "mode" : !r.age ? "max_age" : NULL;
	if (!missing && ret_policy->mode != DNS_MTA_STS_NONE && ret_policy->mx_count == 0)
		missing = "mx";
	return missing ? err_permanent(err, ERR_BAD_INPUT, "the MTA-STS policy has no %s", missing)
		       : 0;
}

static bool matches(struct slice pattern, struct slice host)
{
	struct slice domain = without_star(pattern);
	if (domain.len < pattern.len)
		(void)slice_cut(&host, '.'); /* any one label */
	return dns_name_eq(domain, host) && host.len > 0;
}

bool dns_mta_sts_has_mx(const struct dns_mta_sts_policy *policy, struct slice host)
{
	for (size_t i = 0; i < policy->mx_count; i++)
		if (matches(policy->mx[i], host))
			return true;
	return false;
}
