/* The names lie in an array: there are few. A name that is not among them costs as much as a wrong
 * password does. */
#include "directory/masters.h"

#include "base/alloc.h"
#include "directory/driver.h"
#include "directory/password.h"
#include "directory/sql_hash.h"

enum { NEW_KIB = 19456, NEW_PASSES = 2 }; /* of the hash that an unknown name is compared to */

struct master {
	char *name, *hash;
};

struct masters {
	struct directory base;
	struct directory *inner;
	struct directory_hasher *hasher;
	struct master *all;
	size_t count;
};

static struct masters *of(struct directory *d)
{
	return CONTAINER_OF(d, struct masters, base);
}

static const struct master *find(const struct masters *m, struct slice name)
{
	for (size_t i = 0; i < m->count; i++)
		if (slice_eq(slice_str(m->all[i].name), name))
			return &m->all[i];
	return NULL;
}

static int verify(struct masters *m, const struct directory_master *master, struct err *err)
{
	const struct master *found = find(m, master->name);
	struct slice hash = slice_str(found ? found->hash : "");
	struct slice argon2id = directory_sql_hash_argon2id(hash);
	if (!found || argon2id.len > 0)
		return directory_hasher_verify(m->hasher, argon2id, master->password, err);
	return directory_sql_hash_verify(hash, master->password, err);
}

static int masters_check_master(struct directory *d, struct slice user,
	const struct directory_master *master, struct slice client, enum directory_service service,
	struct arena *arena, struct directory_user *ret_user, struct err *err)
{
	int r = verify(of(d), master, err);
	return r == 0 ? directory_user(of(d)->inner, user, service, arena, ret_user, err) : r;
}

static int masters_lookup(struct directory *d, struct slice address, struct arena *arena,
	struct directory_route *ret_route, struct err *err)
{
	return directory_lookup(of(d)->inner, address, arena, ret_route, err);
}

static int masters_domain(struct directory *d, struct slice domain, struct err *err)
{
	return directory_domain(of(d)->inner, domain, err);
}

static int masters_check(struct directory *d, struct slice user, struct slice password,
	struct slice client, enum directory_service service, struct arena *arena,
	struct directory_user *ret_user, struct err *err)
{
	return directory_check(of(d)->inner, user, password, client, service, arena, ret_user, err);
}

static int masters_user(struct directory *d, struct slice user, enum directory_service service,
	struct arena *arena, struct directory_user *ret_user, struct err *err)
{
	return directory_user(of(d)->inner, user, service, arena, ret_user, err);
}

static int masters_scram(
	struct directory *d, struct slice user, struct sasl_scram_keys *ret_keys, struct err *err)
{
	return directory_scram(of(d)->inner, user, ret_keys, err);
}

static void masters_flush(struct directory *d, struct slice user)
{
	directory_flush(of(d)->inner, user);
}

static void masters_free(struct directory *d)
{
	struct masters *m = of(d);
	for (size_t i = 0; i < m->count; i++) {
		free(m->all[i].name);
		free(m->all[i].hash);
	}
	free(m->all);
	directory_hasher_free(m->hasher);
	free(m);
}

static const struct directory_driver MASTERS = {
	.name = "masters",
	.lookup = masters_lookup,
	.domain = masters_domain,
	.check = masters_check,
	.check_master = masters_check_master,
	.user = masters_user,
	.scram = masters_scram,
	.flush = masters_flush,
	.free = masters_free,
};

static bool is_sound(struct slice hash)
{
	struct slice argon2id = directory_sql_hash_argon2id(hash);
	return argon2id.len > 0 ? directory_hash_is_sound(argon2id)
				: directory_sql_hash_is_known(hash);
}

static int add(struct masters *m, struct slice line, unsigned number, struct err *err)
{
	struct slice hash = line, name = slice_trim(slice_cut(&hash, ':'));
	hash = slice_trim(hash);
	if (name.len == 0 || name.len == line.len || !is_sound(hash))
		return err_permanent(err, ERR_BAD_INPUT,
			"line %u: expected NAME:HASH, with a hash that is known here", number);
	if (find(m, name))
		return err_permanent(
			err, ERR_BAD_INPUT, "line %u: this name is there already", number);
	if (m->count == DIRECTORY_MASTERS_MAX)
		return err_permanent(err, ERR_LIMIT, "more than %d masters", DIRECTORY_MASTERS_MAX);
	m->all = alloc_resize(m->all, m->count + 1, sizeof(*m->all));
	m->all[m->count++] = (struct master){slice_dup(name), slice_dup(hash)};
	return 0;
}

int directory_masters_new(struct directory *inner, struct slice text,
	struct directory **ret_directory, struct err *err)
{
	struct masters *m = ALLOC(struct masters);
	struct slice rest = text;
	m->base = (struct directory){.driver = &MASTERS, .no_scram = inner->no_scram};
	m->inner = inner;
	m->hasher = directory_hasher_new(NEW_KIB, NEW_PASSES);
	for (unsigned number = 1; rest.len > 0; number++) {
		struct slice line = slice_trim(slice_cut(&rest, '\n'));
		if (line.len == 0 || line.ptr[0] == '#')
			continue;
		if (add(m, line, number, err) < 0) {
			masters_free(&m->base);
			return -1;
		}
	}
	*ret_directory = &m->base;
	return 0;
}
