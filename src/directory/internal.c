/* The internal directory: rows found by name in three collections of the system account. A plain
 * user costs two look-ups: his row, and his domain's for the defaults. */
#include "directory/internal.h"

#include "base/alloc.h"
#include "directory/admin.h"
#include "directory/internal_state.h"

enum { DEFAULT_REMEMBER_SECONDS = 600, DEFAULT_SCRAM_ITERATIONS = 10000 };

static const struct {
	enum store_kind kind;
	const char *name;
} tables[DIRECTORY_TABLES] = {
	[DIRECTORY_DOMAINS] = {STORE_DOMAINS, "domains"},
	[DIRECTORY_USERS] = {STORE_USERS, "users"},
	[DIRECTORY_ALIASES] = {STORE_ALIASES, "aliases"},
};

enum store_kind directory_table_kind(enum directory_table table)
{
	return tables[table].kind;
}

const char *directory_table_name(enum directory_table table)
{
	return tables[table].name;
}

void directory_table_learn(struct directory_internal *in, enum directory_table table, struct id id)
{
	(void)pthread_mutex_lock(&in->lock);
	if (!atomic_load_explicit(&in->tables[table].known, memory_order_relaxed)) {
		in->tables[table].id = id;
		atomic_store_explicit(&in->tables[table].known, true, memory_order_release);
	}
	(void)pthread_mutex_unlock(&in->lock);
}

int directory_table_id(struct directory_internal *in, enum directory_table table, struct id *ret_id,
	struct err *err)
{
	if (!atomic_load_explicit(&in->tables[table].known, memory_order_acquire)) {
		AUTO(arena_free) struct arena arena = ARENA_EMPTY;
		struct store_collection found;
		int r = store_find_collection(in->store, STORE_SYSTEM_ACCOUNT, tables[table].kind,
			slice_str(tables[table].name), &arena, &found, err);
		if (r != 0)
			return r < 0 ? r : DIRECTORY_UNKNOWN;
		directory_table_learn(in, table, found.id);
	}
	*ret_id = in->tables[table].id;
	return 0;
}

int directory_find(struct directory_internal *in, enum directory_table table, struct slice name,
	struct arena *arena, struct store_object *ret_object, struct err *err)
{
	struct id id;
	store_catch_up(in->store, STORE_SYSTEM_ACCOUNT); /* "no such user" is for ever */
	int r = directory_table_id(in, table, &id, err);
	if (r == 0)
		r = store_find_object(
			in->store, STORE_SYSTEM_ACCOUNT, id, name, arena, ret_object, err);
	return r > 0 ? DIRECTORY_UNKNOWN : r;
}

static int damaged(const struct store_object *object, struct err *err)
{
	return err_temporary(err, ERR_DAMAGED, "the directory's row of %.*s can't be read",
		SLICE_ARG(object->name));
}

int directory_decode_domain(const struct store_object *object,
	struct directory_found_domain *ret_domain, struct err *err)
{
	ret_domain->object = *object;
	return directory_domain_row_decode(object->data, &ret_domain->row) ? 0
									   : damaged(object, err);
}

int directory_decode_user(const struct store_object *object, struct arena *arena,
	struct directory_found_user *ret_user, struct err *err)
{
	ret_user->object = *object;
	return directory_user_row_decode(object->data, arena, &ret_user->row)
		       ? 0
		       : damaged(object, err);
}

int directory_decode_alias(const struct store_object *object, struct arena *arena,
	struct directory_found_alias *ret_alias, struct err *err)
{
	ret_alias->object = *object;
	return directory_alias_row_decode(object->data, arena, &ret_alias->row)
		       ? 0
		       : damaged(object, err);
}

int directory_find_domain(struct directory_internal *in, struct slice name, struct arena *arena,
	struct directory_found_domain *ret_domain, struct err *err)
{
	struct store_object object;
	int r = directory_find(in, DIRECTORY_DOMAINS, name, arena, &object, err);
	return r != 0 ? r : directory_decode_domain(&object, ret_domain, err);
}

int directory_find_user(struct directory_internal *in, struct slice name, struct arena *arena,
	struct directory_found_user *ret_user, struct err *err)
{
	struct store_object object;
	int r = directory_find(in, DIRECTORY_USERS, name, arena, &object, err);
	return r != 0 ? r : directory_decode_user(&object, arena, ret_user, err);
}

int directory_find_alias(struct directory_internal *in, struct slice name, struct arena *arena,
	struct directory_found_alias *ret_alias, struct err *err)
{
	struct store_object object;
	int r = directory_find(in, DIRECTORY_ALIASES, name, arena, &object, err);
	return r != 0 ? r : directory_decode_alias(&object, arena, ret_alias, err);
}

static uint64_t limit(
	struct directory_maybe own, struct directory_maybe of_domain, uint64_t of_node)
{
	return own.set ? own.value : of_domain.set ? of_domain.value : of_node;
}

void directory_describe(const struct directory_internal *in,
	const struct directory_found_user *found, const struct directory_found_domain *domain,
	struct directory_user *ret_user)
{
	static const struct directory_found_domain none;
	const struct directory_user_row *row = &found->row;
	const struct directory_domain_row *d = domain ? &domain->row : &none.row;
	struct slice name = found->object.name;
	*ret_user = (struct directory_user){
		.account = found->object.id,
		.name = name,
		.domain = directory_domain_of(name),
		.full_name = row->full_name,
		.services = row->services,
		.suspended = row->suspended,
		.quota_bytes = limit(row->quota_bytes, d->user_quota_bytes, in->quota_bytes),
		.quota_messages =
			limit(row->quota_messages, d->user_quota_messages, in->quota_messages),
		.domain_quota_bytes = d->quota_bytes,
		.domain_quota_messages = d->quota_messages,
		.to_host = row->to_host,
		.created = row->created,
		.forwards = row->forwards,
		.forward_count = row->forward_count,
		.no_copy = row->no_copy && row->forward_count > 0,
	};
	if (domain && (d->quota_bytes || d->quota_messages))
		ret_user->domain_id = domain->object.id;
}

static int internal_domain(struct directory *directory, struct slice domain, struct err *err)
{
	struct directory_internal *in = directory_internal_of(directory);
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct directory_domain_name name;
	struct store_object object;
	if (!directory_domain_parse(domain, &name))
		return DIRECTORY_UNKNOWN;
	return directory_find(
		in, DIRECTORY_DOMAINS, directory_domain_slice(&name), &arena, &object, err);
}

static int internal_user(struct directory *directory, struct slice user,
	enum directory_service service, struct arena *arena, struct directory_user *ret_user,
	struct err *err)
{
	struct directory_internal *in = directory_internal_of(directory);
	struct directory_address address;
	struct directory_found_user found;
	struct directory_found_domain domain;
	if (!directory_address_parse(user, &address))
		return DIRECTORY_UNKNOWN;
	int r = directory_find_user(in, directory_address_slice(&address), arena, &found, err);
	if (r != 0)
		return r;
	r = directory_find_domain(in, directory_address_domain(&address), arena, &domain, err);
	if (r < 0)
		return r;
	directory_describe(in, &found, r == 0 ? &domain : NULL, ret_user);
	store_catch_up(in->store, ret_user->account);
	return directory_allows(ret_user, service, err);
}

/* Who is not there, or has no keys, is answered with keys that no password fits; the same ones on
 * every node and after every start, since their secret is the id of the users' collection, which is
 * random, kept with the users and told to nobody. */
static int make_up(struct directory_internal *in, struct slice user,
	struct sasl_scram_keys *ret_keys, struct err *err)
{
	struct id table;
	int r = directory_table_id(in, DIRECTORY_USERS, &table, err);
	if (r == 0)
		sasl_scram_make_up(id_slice(&table), user, in->scram_iterations, ret_keys);
	return r;
}

static int internal_scram(struct directory *directory, struct slice user,
	struct sasl_scram_keys *ret_keys, struct err *err)
{
	struct directory_internal *in = directory_internal_of(directory);
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct directory_address address;
	struct directory_found_user found;
	if (!directory_address_parse(user, &address))
		return make_up(in, user, ret_keys, err);
	int r = directory_find_user(in, directory_address_slice(&address), &arena, &found, err);
	if (r < 0)
		return r;
	if (r == 0 && found.row.scram.len > 0 && sasl_scram_from_text(found.row.scram, ret_keys))
		return 0;
	return make_up(in, directory_address_slice(&address), ret_keys, err);
}

static void internal_free(struct directory *directory)
{
	struct directory_internal *in = directory_internal_of(directory);
	directory_hasher_free(in->hasher);
	directory_memory_free(in->memory);
	(void)pthread_mutex_destroy(&in->lock);
	free(in);
}

static int internal_set_host(
	struct directory *directory, struct slice user, struct slice host, struct err *err)
{
	const struct directory_values values = {.has = DIRECTORY_HAS_TO_HOST, .to_host = host};
	return directory_user_set(directory, user, &values, err);
}

static const struct directory_driver internal_driver = {
	.name = "internal",
	.lookup = directory_internal_lookup,
	.domain = internal_domain,
	.check = directory_internal_check,
	.user = internal_user,
	.scram = internal_scram,
	.set_host = internal_set_host,
	.free = internal_free,
};

struct directory_internal *directory_internal_of(struct directory *directory)
{
	return directory->driver == &internal_driver
		       ? CONTAINER_OF(directory, struct directory_internal, base)
		       : NULL;
}

int directory_internal_new(const struct directory_internal_options *options,
	struct directory **ret_directory, struct err *err)
{
	struct directory_internal *in = ALLOC(struct directory_internal);
	const struct directory_cost *cost = &options->cost;
	unsigned seconds =
		options->remember_seconds ? options->remember_seconds : DEFAULT_REMEMBER_SECONDS;
	in->base.driver = &internal_driver;
	in->store = options->store;
	in->plus_separator = options->plus_separator;
	in->scram_iterations =
		cost->scram_iterations ? cost->scram_iterations : DEFAULT_SCRAM_ITERATIONS;
	in->quota_bytes = options->quota_bytes;
	in->quota_messages = options->quota_messages;
	in->hasher = directory_hasher_new(cost->argon2_kib, cost->argon2_passes);
	in->memory = directory_memory_new(seconds == DIRECTORY_REMEMBER_NOTHING ? 0 : seconds);
	(void)pthread_mutex_init(&in->lock, NULL);
	*ret_directory = &in->base;
	return 0;
}

struct directory_internal_figures directory_internal_figures(struct directory *directory)
{
	struct directory_internal *in = directory_internal_of(directory);
	if (!in)
		return (struct directory_internal_figures){0};
	return (struct directory_internal_figures){
		.hashes = directory_hasher_count(in->hasher),
		.remembered = atomic_load_explicit(&in->remembered, memory_order_relaxed),
	};
}
