/* The check of the whole store: each account under its lock, then what belongs to no account, then
 * the references to blobs. */
#include "store/check.h"

#include "base/alloc.h"

enum { PROGRESS_EVERY = 4096 };

/* In byte order, so that gaps between them can be looked into. */
static const enum key_tag TAGS[] = {KEY_ACCOUNT, KEY_BASE, KEY_CHANGE, KEY_GONE, KEY_OFFER,
	KEY_FACET, KEY_SWEEP, KEY_COLLECTION, KEY_COLLECTION_NAME, KEY_OBJECT_NAME, KEY_OBJECT,
	KEY_REF, KEY_FORMAT};

bool check_go_on(struct check *c)
{
	if (++c->rows % PROGRESS_EVERY == 0 && c->progress &&
		!c->progress(c->context, "checking rows", c->rows, 0))
		c->stopped = true;
	return !c->stopped;
}

static void report(struct check *c, struct slice key, bool damage, const char *text)
{
	char object[KEY_TEXT_SIZE];
	key_to_text(key, object);
	c->report(c->context, &(struct store_finding){damage, object, text});
}

void check_finding(struct check *c, struct slice key, const char *text)
{
	report(c, key, true, text);
}

void check_remark(struct check *c, struct slice key, const char *text)
{
	report(c, key, false, text);
}

int check_get(struct check *c, const struct key *key, struct buf *row)
{
	buf_clear(row);
	int r = c->store->driver->get(c->store->db, c->txn, key_slice(key), row, c->err);
	if (r < 0)
		c->result = r;
	return r;
}

int check_scan(struct check *c, const struct key *prefix,
	bool (*visit)(void *context, struct slice key, struct slice value), void *context)
{
	struct key to = *prefix;
	key_to_end(&to);
	int r = c->store->driver->scan(c->store->db, c->txn, key_slice(prefix), key_slice(&to),
		false, visit, context, c->err);
	if (r < 0)
		return r;
	if (c->result < 0)
		return c->result;
	return c->stopped ? STORE_STOPPED : 0;
}

static void copy_key(struct key *to, struct slice key)
{
	to->len = MIN(key.len, sizeof(to->bytes));
	memcpy(to->bytes, key.ptr, to->len);
}

static bool take_first(void *context, struct slice key, struct slice value)
{
	copy_key(context, key);
	return false;
}

static int first_in(
	struct check *c, const struct key *from, const struct key *to, struct key *ret_key)
{
	ret_key->len = 0;
	int r = c->store->driver->scan(c->store->db, c->txn, key_slice(from), key_slice(to), false,
		take_first, ret_key, c->err);
	if (r < 0)
		return r;
	return ret_key->len ? 0 : STORE_ABSENT;
}

int check_first(
	struct check *c, const struct key *prefix, const struct key *from, struct key *ret_key)
{
	struct key to = *prefix;
	key_to_end(&to);
	return first_in(c, from, &to, ret_key);
}

struct accounts {
	struct id *ids;
	size_t count, cap;
	struct check *check;
};

static bool take_account(void *context, struct slice key, struct slice value)
{
	struct accounts *a = context;
	if (key.len != KEY_ACCOUNT_LEN) {
		check_finding(a->check, key, "is no account's key");
		return check_go_on(a->check);
	}
	if (a->count == a->cap) {
		a->cap = a->cap ? a->cap * 2 : 256;
		a->ids = alloc_resize(a->ids, a->cap, sizeof(*a->ids));
	}
	a->ids[a->count++] = key_account(key);
	return check_go_on(a->check);
}

static int check_locked(struct check *c, struct id account)
{
	int r = c->store->driver->begin(c->store->db, &account, 1, &c->txn, c->err);
	if (r < 0)
		return r;
	r = check_account(c, account);
	c->store->driver->abort(c->txn);
	c->txn = NULL;
	return r;
}

static int check_accounts(struct check *c)
{
	struct accounts accounts = {.check = c};
	struct key prefix;
	key_of_tag(&prefix, KEY_ACCOUNT);
	int r = check_scan(c, &prefix, take_account, &accounts);
	for (size_t i = 0; r == 0 && i < accounts.count; i++)
		r = check_locked(c, accounts.ids[i]);
	free(accounts.ids);
	return r;
}

/* Rows of accounts that do not exist, one finding an account and tag. */
static int check_owners(struct check *c, enum key_tag tag)
{
	AUTO(buf_free) struct buf row = BUF(ROW_MAX);
	struct key prefix, from, found, account;
	key_of_tag(&prefix, tag);
	from = prefix;
	for (;;) {
		int r = check_first(c, &prefix, &from, &found);
		if (r != 0)
			return r == STORE_ABSENT ? 0 : r;
		if (!check_go_on(c))
			return STORE_STOPPED;
		from = found;
		if (found.len < KEY_ACCOUNT_LEN) {
			check_finding(c, key_slice(&found), "is no key of this store");
			from.bytes[from.len++] = '\0';
			continue;
		}
		key_of_account(&account, KEY_ACCOUNT, key_account(key_slice(&found)));
		r = check_get(c, &account, &row);
		/* The account may have gone between the two looks, and its row with it. */
		if (r == STORE_ABSENT && check_get(c, &found, &row) == 0)
			check_finding(c, key_slice(&found), "belongs to no account");
		if (c->result < 0)
			return c->result;
		key_of_account(&from, tag, key_account(key_slice(&found)));
		key_to_end(&from);
	}
}

/* 0 when the object that the key of a reference names has the blob; STORE_ABSENT when not. */
static int check_ref_target(struct check *c, struct slice key)
{
	AUTO(buf_free) struct buf row = BUF(ROW_MAX);
	struct store_object object;
	struct key target;
	struct id account = key_id_at(key, KEY_ACCOUNT_LEN);
	if (id_eq(account, STORE_STAGING_ACCOUNT))
		return 0;
	key_of_object(
		&target, KEY_OBJECT, account, key_id_at(key, KEY_COLLECTION_LEN), key_number(key));
	int r = check_get(c, &target, &row);
	if (r != 0)
		return r;
	if (!row_get_object(buf_slice(&row), &object))
		return 0; /* said where the object is checked */
	return id_eq(object.blob, key_id_at(key, 1)) ? 0 : STORE_ABSENT;
}

static int check_ref_again(struct check *c, const struct key *ref)
{
	AUTO(buf_free) struct buf row = BUF(ROW_MAX);
	struct id account = key_id_at(key_slice(ref), KEY_ACCOUNT_LEN);
	int r = c->store->driver->begin(c->store->db, &account, 1, &c->txn, c->err);
	if (r < 0)
		return c->result = r;
	r = check_get(c, ref, &row);
	if (r == 0 && check_ref_target(c, key_slice(ref)) == STORE_ABSENT)
		check_finding(c, key_slice(ref), "keeps the blob alive, but no such object has it");
	c->store->driver->abort(c->txn);
	c->txn = NULL;
	return r;
}

static bool check_ref(void *context, struct slice key, struct slice value)
{
	struct check *c = context;
	struct key copy;
	if (key.len != KEY_REF_LEN) {
		check_finding(c, key, "is no reference to a blob");
		return check_go_on(c);
	}
	/* What looks wrong while others write is looked at again under the lock. */
	copy_key(&copy, key);
	if (check_ref_target(c, key) == STORE_ABSENT && check_ref_again(c, &copy) < 0)
		return false;
	return c->result == 0 && check_go_on(c);
}

static int check_unknown(struct check *c)
{
	struct key from = {.len = 1, .bytes = {'!' + 1}}, found;
	for (size_t i = 0; i <= ARRAY_LEN(TAGS); i++) {
		struct key to = {.len = 1, .bytes = {(char)0xff}};
		if (i < ARRAY_LEN(TAGS))
			key_of_tag(&to, TAGS[i]);
		int r = first_in(c, &from, &to, &found);
		if (r < 0)
			return r;
		if (r == 0)
			check_finding(c, key_slice(&found), "begins as no key of this store does");
		from = to;
		key_to_end(&from);
	}
	return 0;
}

int store_check(struct store *store, store_report *report_finding, store_progress *progress,
	void *context, struct err *err)
{
	struct check c = {.store = store,
		.report = report_finding,
		.progress = progress,
		.context = context,
		.err = err};
	struct key refs;
	int r = store->driver->check(store->db, report_finding, progress, context, err);
	if (r == 0)
		r = check_accounts(&c);
	for (size_t i = 0; r == 0 && i < ARRAY_LEN(TAGS); i++)
		if (TAGS[i] != KEY_ACCOUNT && TAGS[i] != KEY_BASE && TAGS[i] != KEY_OFFER &&
			TAGS[i] != KEY_REF && TAGS[i] != KEY_FORMAT)
			r = check_owners(&c, TAGS[i]);
	key_of_tag(&refs, KEY_REF);
	if (r == 0)
		r = check_scan(&c, &refs, check_ref, &c);
	return r == 0 ? check_unknown(&c) : r;
}
