/* Users: add, set, password, remove, show, scan. Passwords are hashed before the lock is taken. */
#include "directory/admin_change.h"

#include "base/alloc.h"
#include "base/clock.h"

enum {
	OF_USERS = DIRECTORY_HAS_QUOTA_BYTES | DIRECTORY_HAS_QUOTA_MESSAGES |
		   DIRECTORY_HAS_FULL_NAME | DIRECTORY_HAS_SERVICES | DIRECTORY_HAS_SUSPENDED |
		   DIRECTORY_HAS_TO_HOST,
	OF_USERS_THAT_ARE_THERE = OF_USERS | DIRECTORY_HAS_FORWARD | DIRECTORY_HAS_NO_COPY,
};

static void apply(const struct directory_values *v, struct directory_user_row *row)
{
	if (v->has & DIRECTORY_HAS_QUOTA_BYTES)
		row->quota_bytes = directory_admin_quota(v->quota_bytes);
	if (v->has & DIRECTORY_HAS_QUOTA_MESSAGES)
		row->quota_messages = directory_admin_quota(v->quota_messages);
	if (v->has & DIRECTORY_HAS_FULL_NAME)
		row->full_name = v->full_name;
	if (v->has & DIRECTORY_HAS_SERVICES)
		row->services = v->services;
	if (v->has & DIRECTORY_HAS_SUSPENDED)
		row->suspended = v->suspended;
	if (v->has & DIRECTORY_HAS_TO_HOST)
		row->to_host = v->to_host;
}

static int check_password(struct slice password, struct err *err)
{
	if (password.len == 0)
		return err_permanent(err, ERR_BAD_INPUT, "the password is empty");
	if (password.len > DIRECTORY_PASSWORD_MAX || !directory_text_is_plain(password))
		return err_permanent(err, ERR_BAD_INPUT,
			"a password is UTF-8 text of at most %d bytes without control characters",
			DIRECTORY_PASSWORD_MAX);
	return 0;
}

/* Hash and SCRAM keys of a new password; what they point to lies in the arena. */
static int make_secrets(struct directory_internal *in, struct slice password, struct arena *arena,
	struct directory_user_row *row, struct err *err)
{
	AUTO(buf_free) struct buf hash = BUF(DIRECTORY_HASH_TEXT_MAX);
	AUTO(buf_free) struct buf scram = BUF(DIRECTORY_HASH_TEXT_MAX);
	struct sasl_scram_keys keys;
	int r = check_password(password, err);
	if (r == 0)
		r = directory_hasher_make(in->hasher, password, &hash, err);
	if (r != 0)
		return r;
	sasl_scram_make(password, in->scram_iterations, &keys);
	sasl_scram_to_text(&keys, &scram);
	if (hash.failed || scram.failed)
		return err_bug(err, "a password hash is longer than it can be");
	row->hash = arena_copy(arena, buf_slice(&hash));
	row->scram = arena_copy(arena, buf_slice(&scram));
	return 0;
}

/* A user on his way in: everything that can be made without the lock. */
struct coming {
	struct directory_address address;
	struct directory_user_row row;
	size_t index; /* in the caller's array */
};

static int prepare(struct directory_internal *in, const struct directory_new_user *user,
	struct arena *arena, struct coming *coming, struct err *err)
{
	coming->row = (struct directory_user_row){
		.created = clock_wall(),
		.services = DIRECTORY_ALL_SERVICES,
	};
	int r = directory_admin_address(user->address, &coming->address, err);
	if (r == 0 && user->values)
		r = directory_admin_check_values(user->values, OF_USERS, err);
	if (r == 0)
		r = directory_admin_is_free(in, &coming->address, err);
	if (r != 0)
		return r;
	if (user->values)
		apply(user->values, &coming->row);
	return user->password.len > 0 ? make_secrets(in, user->password, arena, &coming->row, err)
				      : 0;
}

static int by_address(const void *a, const void *b)
{
	const struct coming *x = a, *y = b;
	return slice_cmp(
		directory_address_slice(&x->address), directory_address_slice(&y->address));
}

static int add_users(struct directory_change *change, struct directory_new_user *users,
	const struct coming *coming, size_t count, struct err *err)
{
	for (size_t i = 0; i < count; i++) {
		struct slice name = directory_address_slice(&coming[i].address);
		struct id id = id_new();
		if (i > 0 && by_address(&coming[i - 1], &coming[i]) == 0)
			return err_permanent(
				err, ERR_EXISTS, "user %.*s is to be added twice", SLICE_ARG(name));
		int r = directory_admin_is_free(change->in, &coming[i].address, err);
		if (r != 0)
			return r;
		directory_user_row_encode(&coming[i].row, SLICE_NONE, &change->row);
		r = directory_change_add(change, DIRECTORY_USERS, name, id, err);
		if (r != 0)
			return r;
		users[coming[i].index].account = id;
	}
	return 0;
}

int directory_user_add_many(
	struct directory *d, struct directory_new_user *users, size_t count, struct err *err)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct directory_internal *in;
	struct directory_change change;
	int r = directory_admin_of(d, &in, err);
	if (r != 0 || count == 0)
		return r;
	if (count > DIRECTORY_NEW_USERS_MAX)
		return err_permanent(err, ERR_LIMIT, "at most %d users can be added at once",
			DIRECTORY_NEW_USERS_MAX);
	struct coming *coming = ARENA_ARRAY(&arena, struct coming, count);
	for (size_t i = 0; i < count && r == 0; i++) {
		coming[i].index = i;
		r = prepare(in, &users[i], &arena, &coming[i], err);
	}
	if (r != 0)
		return r;
	qsort(coming, count, sizeof(*coming), by_address);
	r = directory_change_begin(d, ID_NONE, &change, err);
	if (r != 0)
		return r;
	r = add_users(&change, users, coming, count, err);
	return directory_change_end(&change, r, err);
}

int directory_user_add(struct directory *d, struct slice address, struct slice password,
	const struct directory_values *v, struct id *ret_account, struct err *err)
{
	struct directory_new_user user = {
		.address = address,
		.password = password,
		.values = v,
	};
	int r = directory_user_add_many(d, &user, 1, err);
	if (r == 0 && ret_account)
		*ret_account = user.account;
	return r;
}

/* Reads a user under the lock, lets `edit` change his row, writes it. */
static int edit_user(struct directory *d, struct slice address,
	void (*edit)(void *context, struct directory_user_row *row), void *context, struct err *err)
{
	struct directory_change change;
	struct directory_found_user found;
	int r = directory_change_begin_user(d, address, &change, &found, err);
	if (r != 0)
		return r;
	edit(context, &found.row);
	return directory_change_end_user(&change, &found, 0, err);
}

int directory_user_set(struct directory *d, struct slice address, const struct directory_values *v,
	struct err *err)
{
	struct directory_values values = v ? *v : (struct directory_values){0};
	struct directory_change change;
	struct directory_found_user found;
	int r = directory_admin_check_values(&values, OF_USERS_THAT_ARE_THERE, err);
	if (r == 0)
		r = directory_change_begin_user(d, address, &change, &found, err);
	if (r != 0)
		return r;
	apply(&values, &found.row);
	r = directory_admin_forward(&change, found.object.name, &values, &found.row, err);
	return directory_change_end_user(&change, &found, r, err);
}

static void edit_secrets(void *context, struct directory_user_row *row)
{
	const struct directory_user_row *secrets = context;
	row->hash = secrets->hash;
	row->scram = secrets->scram;
}

int directory_user_password(
	struct directory *d, struct slice address, struct slice password, struct err *err)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct directory_user_row secrets = {0};
	struct directory_internal *in;
	int r = directory_admin_of(d, &in, err);
	if (r == 0)
		r = make_secrets(in, password, &arena, &secrets, err);
	return r != 0 ? r : edit_user(d, address, edit_secrets, &secrets, err);
}

int directory_user_password_hash(
	struct directory *d, struct slice address, struct slice hash, struct err *err)
{
	struct directory_user_row secrets = {.hash = hash};
	if (!directory_hash_is_sound(hash))
		return err_permanent(err, ERR_BAD_INPUT,
			"this is not an argon2id hash ($argon2id$v=19$m=…,t=…,p=…$salt$hash)");
	return edit_user(d, address, edit_secrets, &secrets, err);
}

/* Takes an address out of an alias; an alias that led nowhere else goes. */
static int leave_alias(struct directory_change *change, const struct directory_row_ref *ref,
	struct slice address, struct err *err)
{
	struct store_object object;
	struct directory_found_alias found;
	int r = directory_admin_get(
		change->in, DIRECTORY_ALIASES, ref, &change->arena, &object, err);
	if (r == 0)
		r = directory_decode_alias(&object, &change->arena, &found, err);
	if (r != 0)
		return r < 0 ? r : 0;
	size_t kept = 0;
	for (size_t i = 0; i < found.row.target_count; i++)
		if (!slice_eq(found.row.targets[i], address))
			found.row.targets[kept++] = found.row.targets[i];
	found.row.target_count = kept;
	if (kept == 0)
		return directory_change_remove(change, DIRECTORY_ALIASES, &found.object, err);
	directory_alias_row_encode(&found.row, found.object.data, &change->row);
	return directory_change_put(change, DIRECTORY_ALIASES, &found.object, err);
}

static int leave_catch_all(
	struct directory_change *change, const struct directory_row_ref *ref, struct err *err)
{
	struct store_object object;
	struct directory_found_domain found;
	int r = directory_admin_get(
		change->in, DIRECTORY_DOMAINS, ref, &change->arena, &object, err);
	if (r == 0)
		r = directory_decode_domain(&object, &found, err);
	if (r != 0)
		return r < 0 ? r : 0;
	found.row.catch_all = SLICE("");
	directory_domain_row_encode(&found.row, found.object.data, &change->row);
	return directory_change_put(change, DIRECTORY_DOMAINS, &found.object, err);
}

static int remove_user(struct directory_change *change, struct slice name, struct id account,
	bool force, struct err *err)
{
	struct directory_references refs;
	struct store_object object;
	int r = directory_find(change->in, DIRECTORY_USERS, name, &change->arena, &object, err);
	r = directory_admin_found(r, "user", name, err);
	if (r == 0 && !id_eq(object.id, account))
		r = err_temporary(err, ERR_IN_USE, "user %.*s was just made anew", SLICE_ARG(name));
	if (r == 0)
		r = directory_admin_references(change->in, name, &change->arena, &refs, err);
	if (r == 0 && !force)
		r = directory_admin_no_references(&refs, name, err);
	for (size_t i = 0; r == 0 && i < refs.alias_count; i++)
		r = leave_alias(change, &refs.aliases[i], name, err);
	for (size_t i = 0; r == 0 && i < refs.domain_count; i++)
		r = leave_catch_all(change, &refs.domains[i], err);
	if (r == 0)
		r = directory_change_remove(change, DIRECTORY_USERS, &object, err);
	if (r == 0)
		r = store_write_account_gone(change->write, account, err);
	return r > 0 ? 0 : r; /* he never had anything: no account to remove */
}

int directory_user_remove(struct directory *d, struct slice address, bool force, struct err *err)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct directory_internal *in;
	struct directory_address canonical;
	struct store_object object;
	struct directory_change change;
	int r = directory_admin_of(d, &in, err);
	if (r == 0)
		r = directory_admin_address(address, &canonical, err);
	if (r != 0)
		return r;
	/* his id tells which account to lock */
	struct slice name = directory_address_slice(&canonical);
	r = directory_find(in, DIRECTORY_USERS, name, &arena, &object, err);
	r = directory_admin_found(r, "user", name, err);
	if (r == 0)
		r = directory_change_begin(d, object.id, &change, err);
	if (r != 0)
		return r;
	r = remove_user(&change, name, object.id, force, err);
	return directory_change_end(&change, r, err);
}

int directory_user_show(struct directory *d, struct slice address, struct arena *arena,
	struct directory_user *ret_user, struct err *err)
{
	struct directory_address canonical;
	int r = directory_admin_address(address, &canonical, err);
	if (r != 0)
		return r;
	struct slice name = directory_address_slice(&canonical);
	r = directory_user(d, name, (enum directory_service)0, arena, ret_user, err);
	/* shown also when suspended */
	return r == DIRECTORY_DENIED ? 0 : directory_admin_found(r, "user", name, err);
}
