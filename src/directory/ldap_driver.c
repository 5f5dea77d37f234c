/* The driver: questions of directory.h as searches. */
#include "directory/ldap_driver.h"

#include "base/alloc.h"
#include "base/glob.h"
#include "base/log.h"
#include "directory/address.h"
#include "directory/driver.h"
#include "directory/follow.h"
#include "directory/ldap_filter.h"
#include "directory/ldap_link.h"
#include "directory/password.h"

#include <ldap.h>

enum {
	SERVERS_MAX = 16,
	ASKED_MAX = 32, /* attributes of a search */
	ALIASES_MAX = 100,
	DN_MAX = 4096,
};

struct ldap {
	struct directory base;
	struct directory_ldap_options options;
	struct arena arena; /* of the URIs, names and password */
	const char *uris[SERVERS_MAX];
	size_t server_count;
	const char *user_attributes[ASKED_MAX], *alias_attributes[ASKED_MAX];
	struct directory_ldap_pool *searches, *checks, *writes; /* the last may be NULL */
};

static struct ldap *of(struct directory *d)
{
	return CONTAINER_OF(d, struct ldap, base);
}

/* One search on some server. */
struct job {
	struct ldap *ldap;
	struct directory_ldap_search search;
	struct arena *arena;
	struct directory_ldap_entry *entries;
	size_t count, server;
};

static int search_work(void *link, size_t server, void *context, struct err *err)
{
	struct job *job = context;
	job->server = server;
	return directory_ldap_link_search(
		link, &job->search, job->arena, &job->entries, &job->count, err);
}

/* By a filter of the options with a name in it, below their base. */
static int search(struct job *job, const char *filter, const struct directory_ldap_names *names,
	struct err *err)
{
	AUTO(buf_free) struct buf text = BUF(DIRECTORY_LDAP_FILTER_MAX);
	struct ldap *l = job->ldap;
	directory_ldap_filter_expand(slice_str(filter), names, &text);
	job->search.base = l->options.base;
	job->search.scope = l->options.scope;
	job->search.filter = buf_cstr(&text);
	if (text.failed)
		return err_temporary(err, ERR_LIMIT, "the filter becomes too long");
	int r = directory_ldap_pool_run(l->searches, search_work, job, err);
	return r > 0 ? err_temporary(err, ERR_ABSENT, "%s: there is no %s", l->uris[job->server],
			       l->options.base)
		     : r;
}

static struct directory_ldap_names names_of(struct slice address)
{
	ssize_t at = (ssize_t)address.len - 1;
	while (at >= 0 && address.ptr[at] != '@')
		at--;
	return (struct directory_ldap_names){.address = address,
		.local = slice_sub(address, 0, at < 0 ? 0 : (size_t)at),
		.domain = directory_domain_of(address)};
}

/* The one entry of a user. */
static int find_entry(struct job *job, struct slice name, struct err *err)
{
	struct directory_ldap_names names = names_of(name);
	job->search.attributes = job->ldap->user_attributes;
	job->search.most = 1;
	int r = search(job, job->ldap->options.user_filter, &names, err);
	return r == 0 && job->count == 0 ? DIRECTORY_UNKNOWN : r;
}

static int find_user(
	struct job *job, struct slice name, struct directory_user *ret_user, struct err *err)
{
	const struct ldap *l = job->ldap;
	int r = find_entry(job, name, err);
	if (r == 0)
		r = directory_ldap_map(
			&l->options, &job->entries[0], name, job->arena, ret_user, err);
	else
		*ret_user = (struct directory_user){0};
	ret_user->answered_by = slice_str(l->uris[job->server]);
	return r;
}

static int source_user(void *context, struct slice name, struct arena *arena,
	struct directory_user *ret_user, struct err *err)
{
	struct job job = {.ldap = context, .arena = arena};
	return find_user(&job, name, ret_user, err);
}

/* Addresses that an alias leads to. */
struct targets {
	struct arena *arena;
	struct slice *list;
	size_t count;
};

static int add_targets(
	struct targets *t, const struct directory_ldap_attribute *values, struct err *err)
{
	if (!values)
		return 0;
	if (t->count + values->count > DIRECTORY_LDAP_VALUES_MAX)
		return err_temporary(err, ERR_LIMIT, "an alias leads to more than %d addresses",
			DIRECTORY_LDAP_VALUES_MAX);
	for (size_t i = 0; i < values->count; i++)
		t->list[t->count++] = values->values[i];
	return 0;
}

/* The address of a member; one that has gone, or has none, is left out. */
static int add_member(struct ldap *l, struct targets *t, struct slice dn, struct err *err)
{
	const char *const attributes[] = {l->options.attributes.name, NULL};
	struct job job = {.ldap = l,
		.arena = t->arena,
		.search = {.base = arena_copy(t->arena, dn).ptr,
			.scope = DIRECTORY_LDAP_BASE,
			.filter = "(objectClass=*)",
			.attributes = attributes,
			.most = 1}};
	int r = directory_ldap_pool_run(l->searches, search_work, &job, err);
	if (r != 0 || job.count == 0)
		return r < 0 ? r : 0;
	struct directory_ldap_attribute one = {.count = 0};
	const struct directory_ldap_attribute *name =
		directory_ldap_find(&job.entries[0], l->options.attributes.name);
	if (name)
		one = (struct directory_ldap_attribute){name->name, name->values, 1};
	return add_targets(t, &one, err);
}

static int add_alias(struct ldap *l, struct targets *t, const struct directory_ldap_entry *entry,
	struct err *err)
{
	struct slice rest = slice_str(l->options.attributes.alias_targets);
	const struct directory_ldap_attribute *members =
		directory_ldap_find(entry, l->options.attributes.alias_member);
	int r = 0;
	while (r == 0 && rest.len > 0) {
		struct slice name = arena_copy(t->arena, slice_cut(&rest, ' '));
		r = add_targets(t, directory_ldap_find(entry, name.ptr), err);
	}
	for (size_t i = 0; r == 0 && members && i < members->count; i++)
		r = add_member(l, t, members->values[i], err);
	return r;
}

static int source_alias(void *context, struct slice name, struct arena *arena,
	struct slice **ret_targets, size_t *ret_count, struct err *err)
{
	struct ldap *l = context;
	struct directory_ldap_names names = names_of(name);
	struct targets t = {.arena = arena};
	struct job job = {.ldap = l,
		.arena = arena,
		.search = {.attributes = l->alias_attributes, .most = ALIASES_MAX}};
	if (!l->options.alias_filter[0])
		return DIRECTORY_UNKNOWN;
	int r = search(&job, l->options.alias_filter, &names, err);
	if (r == 0 && job.count == 0)
		return DIRECTORY_UNKNOWN;
	t.list = ARENA_ARRAY(arena, struct slice, DIRECTORY_LDAP_VALUES_MAX);
	for (size_t i = 0; r == 0 && i < job.count; i++)
		r = add_alias(l, &t, &job.entries[i], err);
	*ret_targets = t.list;
	*ret_count = t.count;
	return r;
}

/* Whether the filter finds anything. */
static int finds(struct ldap *l, const char *filter, const struct directory_ldap_names *names,
	struct err *err)
{
	static const char *const none[] = {LDAP_NO_ATTRS, NULL};
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct job job = {.ldap = l, .arena = &arena, .search = {.attributes = none, .some = true}};
	int r = filter[0] ? search(&job, filter, names, err) : DIRECTORY_UNKNOWN;
	return r == 0 && job.count == 0 ? DIRECTORY_UNKNOWN : r;
}

static int source_domain(void *context, struct slice domain, struct err *err)
{
	struct ldap *l = context;
	const struct directory_ldap_options *o = &l->options;
	struct directory_ldap_names names = {
		.address = domain, .local = SLICE(""), .domain = domain};
	for (size_t i = 0; i < o->domain_count; i++)
		if (slice_eq_nocase(domain, slice_str(o->domains[i])))
			return 0;
	if (o->domain_filter[0])
		return finds(l, o->domain_filter, &names, err);
	if (o->domain_count > 0)
		return DIRECTORY_UNKNOWN;
	names.any = true;
	int r = finds(l, o->user_filter, &names, err);
	return r == DIRECTORY_UNKNOWN ? finds(l, o->alias_filter, &names, err) : r;
}

static int ldap_lookup(struct directory *d, struct slice address, struct arena *arena,
	struct directory_route *ret_route, struct err *err)
{
	const struct directory_source source = {.context = of(d),
		.plus_separator = of(d)->options.plus_separator,
		.domain = source_domain,
		.user = source_user,
		.alias = source_alias};
	return directory_follow(&source, address, arena, ret_route, err);
}

static int ldap_domain(struct directory *d, struct slice domain, struct err *err)
{
	struct directory_domain_name name;
	return directory_domain_parse(domain, &name)
		       ? source_domain(of(d), directory_domain_slice(&name), err)
		       : DIRECTORY_UNKNOWN;
}

static int ldap_user(struct directory *d, struct slice user, enum directory_service service,
	struct arena *arena, struct directory_user *ret_user, struct err *err)
{
	struct job job = {.ldap = of(d), .arena = arena};
	struct directory_address address;
	if (!directory_address_parse(user, &address))
		return DIRECTORY_UNKNOWN;
	int r = find_user(&job, directory_address_slice(&address), ret_user, err);
	return r == 0 ? directory_allows(ret_user, service, err) : r;
}

struct credentials {
	const char *dn;
	struct slice password;
};

static int check_work(void *link, size_t server, void *context, struct err *err)
{
	const struct credentials *c = context;
	return directory_ldap_link_check(link, c->dn, c->password, err);
}

/* Nobody learns by the time it takes whether there is such a user: a bind is made for either. */
static int check_nobody(struct ldap *l, struct arena *arena, struct err *err)
{
	struct credentials c = {.dn = arena_printf(arena, "cn=nobody,%s", l->options.base),
		.password = SLICE("nothing")};
	int r = directory_ldap_pool_run(l->checks, check_work, &c, err);
	return r < 0 ? r : DIRECTORY_UNKNOWN;
}

static int ldap_check(struct directory *d, struct slice user, struct slice password,
	struct slice client, enum directory_service service, struct arena *arena,
	struct directory_user *ret_user, struct err *err)
{
	struct ldap *l = of(d);
	struct job job = {.ldap = l, .arena = arena};
	struct directory_address address;
	if (password.len == 0 || password.len > DIRECTORY_PASSWORD_MAX)
		return DIRECTORY_WRONG;
	if (!directory_address_parse(user, &address))
		return check_nobody(l, arena, err);
	int r = find_user(&job, directory_address_slice(&address), ret_user, err);
	if (r != 0)
		return r == DIRECTORY_UNKNOWN ? check_nobody(l, arena, err) : r;
	struct credentials c = {.dn = job.entries[0].dn.ptr, .password = password};
	r = directory_ldap_pool_run(l->checks, check_work, &c, err);
	return r == 0 ? directory_allows(ret_user, service, err) : r;
}

static int ldap_scram(
	struct directory *d, struct slice user, struct sasl_scram_keys *ret_keys, struct err *err)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct ldap *l = of(d);
	struct job job = {.ldap = l, .arena = &arena};
	struct directory_address address;
	if (!l->options.attributes.scram[0] || !directory_address_parse(user, &address))
		return DIRECTORY_UNKNOWN;
	int r = find_entry(&job, directory_address_slice(&address), err);
	if (r != 0)
		return r;
	const struct directory_ldap_attribute *keys =
		directory_ldap_find(&job.entries[0], l->options.attributes.scram);
	for (size_t i = 0; keys && i < keys->count; i++)
		if (sasl_scram_from_text(slice_trim(keys->values[i]), ret_keys))
			return 0;
	return DIRECTORY_UNKNOWN;
}

/* All users that a pattern wants, to be sorted. */
struct scan {
	struct ldap *ldap;
	struct directory_ldap_search search;
	struct slice domain, pattern;
	struct arena arena;
	struct directory_user *users;
	size_t count, room;
};

static bool collect(void *context, const struct directory_ldap_entry *entry)
{
	struct scan *s = context;
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct directory_user user;
	struct err err;
	if (directory_ldap_map(&s->ldap->options, entry, SLICE(""), &arena, &user, &err) < 0) {
		log_warn(NULL, "a user is left out of the list", F_ERR(&err));
		return true;
	}
	if ((s->domain.len > 0 && !slice_eq(s->domain, user.domain)) ||
		(s->pattern.len > 0 && !glob_matches(s->pattern, user.name)))
		return true;
	if (s->count == s->room) {
		s->room = MAX(s->room * 2, (size_t)64);
		s->users = alloc_resize(s->users, s->room, sizeof(*s->users));
	}
	directory_user_copy(&user, &s->arena, &s->users[s->count++]);
	return true;
}

static int walk_work(void *link, size_t server, void *context, struct err *err)
{
	struct scan *s = context;
	s->count = 0; /* another server begins anew */
	return directory_ldap_link_walk(link, &s->search, s->ldap->options.page, collect, s, err);
}

static int by_name(const void *a, const void *b)
{
	const struct directory_user *x = a, *y = b;
	return slice_cmp(x->name, y->name);
}

static int ldap_scan(struct directory *d, struct slice domain, struct slice pattern,
	bool (*visit)(void *context, const struct directory_user *user), void *context,
	struct err *err)
{
	AUTO(buf_free) struct buf filter = BUF(DIRECTORY_LDAP_FILTER_MAX);
	struct ldap *l = of(d);
	struct directory_ldap_names names = {.any = true, .domain = domain};
	directory_ldap_filter_expand(slice_str(l->options.user_filter), &names, &filter);
	struct scan s = {.ldap = l,
		.search = {.base = l->options.base,
			.scope = l->options.scope,
			.filter = buf_cstr(&filter),
			.attributes = l->user_attributes},
		.domain = domain,
		.pattern = pattern};
	int r = directory_ldap_pool_run(l->searches, walk_work, &s, err);
	if (r == 0 && s.count > 0)
		qsort(s.users, s.count, sizeof(*s.users), by_name);
	for (size_t i = 0; r == 0 && i < s.count; i++)
		if (!visit(context, &s.users[i]))
			break;
	arena_free(&s.arena);
	free(s.users);
	return r;
}

/* An entry's new value. */
struct writing {
	const char *dn, *attribute;
	struct slice value;
};

static int write_work(void *link, size_t server, void *context, struct err *err)
{
	const struct writing *w = context;
	return directory_ldap_link_replace(link, w->dn, w->attribute, w->value, err);
}

static int ldap_set_host(struct directory *d, struct slice user, struct slice host, struct err *err)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct ldap *l = of(d);
	struct job job = {.ldap = l, .arena = &arena};
	struct directory_address address;
	if (!l->writes || !l->options.attributes.to_host[0])
		return err_permanent(err, ERR_DENIED,
			"LDAP entries are not written without write_bind_dn, nor without a name "
			"for the attribute to_host");
	if (!directory_address_parse(user, &address))
		return err_permanent(err, ERR_ABSENT, "there is no such user");
	int r = find_entry(&job, directory_address_slice(&address), err);
	if (r != 0)
		return r < 0 ? r : err_permanent(err, ERR_ABSENT, "there is no such user");
	struct writing writing = {.dn = job.entries[0].dn.ptr,
		.attribute = l->options.attributes.to_host,
		.value = host};
	r = directory_ldap_pool_run(l->writes, write_work, &writing, err);
	return r;
}

static void ldap_free(struct directory *d)
{
	struct ldap *l = of(d);
	directory_ldap_pool_free(l->searches);
	directory_ldap_pool_free(l->checks);
	directory_ldap_pool_free(l->writes);
	explicit_bzero((char *)l->options.bind_password, strlen(l->options.bind_password));
	explicit_bzero((char *)l->options.write_password, strlen(l->options.write_password));
	arena_free(&l->arena);
	free(l);
}

static const struct directory_driver LDAP_DRIVER = {
	.name = "ldap",
	.lookup = ldap_lookup,
	.domain = ldap_domain,
	.check = ldap_check,
	.user = ldap_user,
	.scram = ldap_scram,
	.scan = ldap_scan,
	.set_host = ldap_set_host,
	.free = ldap_free,
};

static int open_bound(void *context, size_t server, void **ret_link, struct err *err)
{
	struct ldap *l = context;
	const struct directory_ldap_self self = {l->options.bind_dn, l->options.bind_password};
	return directory_ldap_link_open(
		&l->options, l->uris[server], &self, (struct directory_ldap_link **)ret_link, err);
}

static int open_unbound(void *context, size_t server, void **ret_link, struct err *err)
{
	struct ldap *l = context;
	return directory_ldap_link_open(
		&l->options, l->uris[server], NULL, (struct directory_ldap_link **)ret_link, err);
}

static int open_to_write(void *context, size_t server, void **ret_link, struct err *err)
{
	struct ldap *l = context;
	const struct directory_ldap_self self = {l->options.write_dn, l->options.write_password};
	return directory_ldap_link_open(
		&l->options, l->uris[server], &self, (struct directory_ldap_link **)ret_link, err);
}

static void close_link(void *link)
{
	directory_ldap_link_close(link);
}

static int parse_servers(struct ldap *l, struct err *err)
{
	for (struct slice rest = slice_str(l->options.servers); rest.len > 0;) {
		struct slice uri = arena_copy(&l->arena, slice_trim(slice_cut(&rest, ' ')));
		LDAPURLDesc *parts = NULL;
		if (uri.len == 0)
			continue;
		if (l->server_count == SERVERS_MAX)
			return err_permanent(err, ERR_LIMIT, "more than %d servers", SERVERS_MAX);
		if (ldap_url_parse(uri.ptr, &parts) != LDAP_URL_SUCCESS)
			return err_permanent(err, ERR_BAD_INPUT,
				"\"%s\" is not like ldap://host, ldaps://host:636 or "
				"ldapi://%%2Frun%%2Fldapi",
				uri.ptr);
		ldap_free_urldesc(parts);
		l->uris[l->server_count++] = uri.ptr;
	}
	return l->server_count > 0 ? 0
				   : err_permanent(err, ERR_BAD_INPUT, "servers: there are none");
}

static void ask_for(const char **list, const char *name)
{
	size_t at = 0;
	while (list[at])
		at++;
	if (name[0] && at + 1 < ASKED_MAX)
		list[at] = name;
}

static void list_attributes(struct ldap *l)
{
	const struct directory_ldap_attributes *a = &l->options.attributes;
	const char *const of_user[] = {a->name, a->identity, a->full_name, a->quota,
		a->quota_messages, a->services, a->suspended, a->active, a->to_host, a->forward,
		a->keep_copy, a->groups, a->scram};
	for (size_t i = 0; i < ARRAY_LEN(of_user); i++)
		ask_for(l->user_attributes, of_user[i]);
	for (struct slice rest = slice_str(a->alias_targets); rest.len > 0;)
		ask_for(l->alias_attributes, arena_copy(&l->arena, slice_cut(&rest, ' ')).ptr);
	ask_for(l->alias_attributes, a->alias_member);
}

static int check_options(struct ldap *l, struct err *err)
{
	const struct directory_ldap_options *o = &l->options;
	const char *const filters[] = {o->user_filter, o->alias_filter, o->domain_filter};
	for (size_t i = 0; i < ARRAY_LEN(filters); i++)
		if ((i == 0 || filters[i][0]) &&
			directory_ldap_filter_check(slice_str(filters[i]), err) < 0)
			return -1;
	if (!o->attributes.name[0] || !o->attributes.identity[0])
		return err_permanent(
			err, ERR_BAD_INPUT, "the attributes name and identity can't be left out");
	return parse_servers(l, err);
}

int directory_ldap_new(const struct directory_ldap_options *options,
	struct directory **ret_directory, struct err *err)
{
	struct ldap *l = ALLOC(struct ldap);
	l->base.driver = &LDAP_DRIVER;
	l->options = *options;
	l->options.bind_password = arena_copy(&l->arena, slice_str(options->bind_password)).ptr;
	l->options.write_password = arena_copy(&l->arena, slice_str(options->write_password)).ptr;
	if (check_options(l, err) < 0) {
		ldap_free(&l->base);
		return -1;
	}
	list_attributes(l);
	struct directory_ldap_pool_options pool = {.servers = l->server_count,
		.connections = options->connections,
		.wait_ms = options->answer_ms,
		.open = open_bound,
		.close = close_link,
		.context = l};
	l->searches = directory_ldap_pool_new(&pool);
	pool.open = open_unbound;
	l->checks = directory_ldap_pool_new(&pool);
	pool.open = open_to_write;
	if (options->write_dn && options->write_dn[0])
		l->writes = directory_ldap_pool_new(&pool);
	*ret_directory = &l->base;
	return 0;
}
