/* A name in a filter, and an entry as a user. */
#include "directory/ldap_filter.h"
#include "directory/ldap_map.h"

#include "base/must.h"

static const struct directory_ldap_options OPTIONS = {
	.attributes = {"mail", "entryUUID", "cn", "quota", "messages", "service", "suspended",
		"active", "host", "forward", "copy", "group", "scram", "mail", "member"}};

static void expand(struct slice name)
{
	AUTO(buf_free) struct buf text = BUF(DIRECTORY_LDAP_FILTER_MAX);
	const struct directory_ldap_names names = {.address = name, .local = name, .domain = name};
	directory_ldap_filter_expand(SLICE("(&(mail=%u)(uid=%n)(d=%d))"), &names, &text);
	/* no name makes another filter of it */
	must(text.failed || directory_ldap_filter_check(buf_slice(&text), NULL) == 0 ||
		slice_find(name, '%') >= 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Lines "name: value". */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	enum { MOST = 64 };
	struct directory_ldap_attribute attributes[MOST];
	struct slice values[MOST], rest = slice(data, size);
	struct directory_ldap_entry entry = {.dn = SLICE("cn=x"), .attributes = attributes};
	struct directory_user user;
	struct err err;
	expand(rest);
	(void)!directory_ldap_filter_check(rest, &err);
	while (rest.len > 0 && entry.count < MOST) {
		struct slice line = slice_cut(&rest, '\n'), name = slice_cut(&line, ':');
		values[entry.count] = line;
		attributes[entry.count] =
			(struct directory_ldap_attribute){name, &values[entry.count], 1};
		entry.count++;
	}
	if (directory_ldap_map(&OPTIONS, &entry, SLICE("a@b.c"), &arena, &user, &err) == 0)
		must(user.name.len > 0 && !id_is_none(user.account));
	return 0;
}
