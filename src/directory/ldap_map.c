/* One small function an attribute. */
#include "directory/ldap_map.h"

#include "directory/account.h"
#include "directory/address.h"

enum { KIB_SHIFT = 10 };

const struct directory_ldap_attribute *directory_ldap_find(
	const struct directory_ldap_entry *entry, const char *name)
{
	for (size_t i = 0; name[0] && i < entry->count; i++) {
		struct slice own = entry->attributes[i].name;
		if (slice_eq_nocase(slice_cut(&own, ';'), slice_str(name)) &&
			entry->attributes[i].count > 0)
			return &entry->attributes[i];
	}
	return NULL;
}

static struct slice first(const struct directory_ldap_entry *entry, const char *name)
{
	const struct directory_ldap_attribute *a = directory_ldap_find(entry, name);
	return a ? slice_trim(a->values[0]) : SLICE("");
}

static bool read_size(struct slice text, uint64_t *ret_value)
{
	static const char UNITS[] = "KMGT";
	unsigned shift = 0;
	text = slice_trim(text);
	if (text.len > 1 && slice_lower(text.ptr[text.len - 1]) == 'b')
		text.len--;
	const char *unit = text.len > 1 ? strchr(UNITS, text.ptr[text.len - 1] & ~0x20) : NULL;
	if (unit && *unit) {
		shift = KIB_SHIFT * (unsigned)(unit - UNITS + 1);
		text = slice_trim(slice_sub(text, 0, text.len - 1));
	}
	if (!slice_to_u64(text, UINT64_MAX >> 1 >> shift, ret_value))
		return false;
	*ret_value <<= shift;
	return true;
}

bool directory_ldap_quota(struct slice text, uint64_t *ret_bytes, uint64_t *ret_messages)
{
	text = slice_trim(text);
	if (slice_eq_nocase(text, SLICE("none")) || slice_eq(text, SLICE("-1"))) {
		*ret_bytes = 0;
		return true;
	}
	bool any = false;
	while (text.len > 0) { /* of Maildir++, or one size */
		struct slice part = slice_trim(slice_cut(&text, ','));
		char kind = part.len > 1 ? part.ptr[part.len - 1] : '\0';
		struct slice number = slice_sub(part, 0, part.len - (kind == 'S' || kind == 'C'));
		if (kind == 'C' ? !slice_to_u64(number, INT64_MAX, ret_messages)
				: !read_size(number, ret_bytes))
			return false;
		any = true;
	}
	return any;
}

static int bad(const struct directory_ldap_entry *entry, const char *attribute, struct err *err)
{
	return err_temporary(
		err, ERR_OTHER, "%.*s: %s makes no sense", SLICE_ARG(entry->dn), attribute);
}

static int map_quotas(const struct directory_ldap_options *o,
	const struct directory_ldap_entry *entry, struct directory_user *user, struct err *err)
{
	struct slice text = first(entry, o->attributes.quota);
	user->quota_bytes = o->quota_bytes;
	user->quota_messages = o->quota_messages;
	if (text.len > 0 && !directory_ldap_quota(text, &user->quota_bytes, &user->quota_messages))
		return bad(entry, o->attributes.quota, err);
	text = first(entry, o->attributes.quota_messages);
	if (text.len > 0 && !slice_to_u64(text, INT64_MAX, &user->quota_messages))
		return bad(entry, o->attributes.quota_messages, err);
	return 0;
}

/* A value each, or several with commas or blanks between; "all" and "none" are words, too. */
static int map_services(const struct directory_ldap_options *o,
	const struct directory_ldap_entry *entry, struct directory_user *user, struct err *err)
{
	const struct directory_ldap_attribute *a =
		directory_ldap_find(entry, o->attributes.services);
	user->services = a ? 0 : DIRECTORY_ALL_SERVICES;
	for (size_t i = 0; a && i < a->count; i++)
		for (struct slice rest = a->values[i]; rest.len > 0;) {
			struct slice words = slice_cut(&rest, ',');
			while ((words = slice_trim(words)).len > 0) {
				struct slice word = slice_cut(&words, ' ');
				unsigned service = directory_service_of(word);
				if (slice_eq_nocase(word, SLICE("all")))
					service = DIRECTORY_ALL_SERVICES;
				else if (!service && !slice_eq_nocase(word, SLICE("none")))
					return bad(entry, o->attributes.services, err);
				user->services |= service;
			}
		}
	return 0;
}

/* 1, 0, or -1: another word. */
static int truth(struct slice text)
{
	static const char *const YES[] = {"true", "yes", "1", "on", "active", "enabled"};
	static const char *const NO[] = {
		"false", "no", "0", "off", "inactive", "disabled", "noaccess"};
	for (size_t i = 0; i < ARRAY_LEN(YES); i++)
		if (slice_eq_nocase(text, slice_str(YES[i])))
			return 1;
	for (size_t i = 0; i < ARRAY_LEN(NO); i++)
		if (slice_eq_nocase(text, slice_str(NO[i])))
			return 0;
	return -1;
}

static int map_flag(const struct directory_ldap_entry *entry, const char *attribute, bool fallback,
	bool *ret_flag, struct err *err)
{
	struct slice text = first(entry, attribute);
	int value = text.len > 0 ? truth(text) : fallback;
	*ret_flag = value > 0;
	return value < 0 ? bad(entry, attribute, err) : 0;
}

static int map_flags(const struct directory_ldap_options *o,
	const struct directory_ldap_entry *entry, struct directory_user *user, struct err *err)
{
	bool suspended, active, copy;
	if (map_flag(entry, o->attributes.suspended, false, &suspended, err) < 0 ||
		map_flag(entry, o->attributes.active, true, &active, err) < 0 ||
		map_flag(entry, o->attributes.keep_copy, true, &copy, err) < 0)
		return -1;
	user->suspended = suspended || !active;
	user->no_copy = !copy && user->forward_count > 0;
	return 0;
}

static int map_name(const struct directory_ldap_options *o,
	const struct directory_ldap_entry *entry, struct slice asked, struct arena *arena,
	struct directory_user *user, struct err *err)
{
	const struct directory_ldap_attribute *a = directory_ldap_find(entry, o->attributes.name);
	for (size_t i = 0; a && i < a->count; i++) {
		struct directory_address address;
		if (!directory_address_parse(slice_trim(a->values[i]), &address))
			continue;
		bool same = slice_eq(directory_address_slice(&address), asked);
		if (user->name.len == 0 || same)
			user->name = arena_copy(arena, directory_address_slice(&address));
		if (same)
			break;
	}
	user->domain = directory_domain_of(user->name);
	return user->name.len > 0 ? 0 : bad(entry, o->attributes.name, err);
}

/* Bytes that are no text (objectGUID) count as they are. A UUID is compared without case. */
static int map_account(const struct directory_ldap_options *o,
	const struct directory_ldap_entry *entry, struct arena *arena, struct directory_user *user,
	struct err *err)
{
	const struct directory_ldap_attribute *a =
		directory_ldap_find(entry, o->attributes.identity);
	if (!a || a->values[0].len == 0)
		return bad(entry, o->attributes.identity, err);
	struct slice identity = a->values[0];
	if (slice_eq_nocase(slice_str(o->attributes.identity), SLICE("entryUUID"))) {
		char *lower = arena_alloc(arena, identity.len);
		for (size_t i = 0; i < identity.len; i++)
			lower[i] = slice_lower(identity.ptr[i]);
		identity = slice(lower, identity.len);
	}
	user->account = directory_account_of(identity);
	return 0;
}

int directory_ldap_map(const struct directory_ldap_options *o,
	const struct directory_ldap_entry *entry, struct slice asked, struct arena *arena,
	struct directory_user *ret_user, struct err *err)
{
	const struct directory_ldap_attribute *forward =
		directory_ldap_find(entry, o->attributes.forward);
	const struct directory_ldap_attribute *groups =
		directory_ldap_find(entry, o->attributes.groups);
	*ret_user = (struct directory_user){
		.full_name = first(entry, o->attributes.full_name),
		.to_host = first(entry, o->attributes.to_host),
		.forwards = forward ? forward->values : NULL,
		.forward_count = forward ? forward->count : 0,
		.groups = groups ? groups->values : NULL,
		.group_count = groups ? groups->count : 0,
	};
	if (map_name(o, entry, asked, arena, ret_user, err) < 0 ||
		map_account(o, entry, arena, ret_user, err) < 0 ||
		map_quotas(o, entry, ret_user, err) < 0 ||
		map_services(o, entry, ret_user, err) < 0 || map_flags(o, entry, ret_user, err) < 0)
		return -1;
	return 0;
}
