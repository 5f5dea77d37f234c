/* Entries of 33 bytes: id, change, digest, flags. */
#include "mirror/accounts.h"

#include "base/alloc.h"
#include "base/bytes.h"
#include "store/key.h"
#include "store/row.h"

enum { ENTRY_SIZE = ID_SIZE + 8 + 8 + 1, GONE = 1, NOTED = 2 };

struct loading {
	struct mirror_accounts *to;
	bool damaged;
};

static struct mirror_account *add(struct mirror_accounts *to, struct id id)
{
	if (to->count == to->cap) {
		to->cap = to->cap ? to->cap * 2 : 64;
		to->list = alloc_resize(to->list, to->cap, sizeof(*to->list));
	}
	to->list[to->count] = (struct mirror_account){.id = id};
	return &to->list[to->count++];
}

static bool take_account(void *context, struct slice key, struct slice value)
{
	struct loading *l = context;
	struct store_account row;
	uint64_t collections;
	l->damaged = key.len != KEY_ACCOUNT_LEN || !row_get_account(value, &row, &collections);
	if (l->damaged)
		return false;
	struct mirror_account *account = add(l->to, key_account(key));
	account->change = row.change;
	account->digest = row.digest;
	account->gone = row.gone;
	return true;
}

/* The account's own note; those of its rows stand behind it. */
static bool take_note(void *context, struct slice key, struct slice value)
{
	struct loading *l = context;
	if (key.len == KEY_ACCOUNT_LEN)
		add(l->to, key_account(key))->noted = true;
	return true;
}

static int by_id(const void *a, const void *b)
{
	return id_cmp(
		((const struct mirror_account *)a)->id, ((const struct mirror_account *)b)->id);
}

/* An account and its note are two entries at first. */
static void join(struct mirror_accounts *to)
{
	size_t count = 0;
	if (to->count > 1)
		qsort(to->list, to->count, sizeof(*to->list), by_id);
	for (size_t i = 0; i < to->count; i++) {
		struct mirror_account *last = count > 0 ? &to->list[count - 1] : NULL;
		if (!last || !id_eq(last->id, to->list[i].id)) {
			to->list[count++] = to->list[i];
			continue;
		}
		bool noted = last->noted || to->list[i].noted;
		if (last->change == 0)
			*last = to->list[i];
		last->noted = noted;
	}
	to->count = count;
}

static int load(const struct store_driver *driver, struct store_db *db, enum key_tag tag,
	bool (*visit)(void *context, struct slice key, struct slice value), struct loading *l,
	struct err *err)
{
	struct key from, to;
	key_of_tag(&from, tag);
	to = from;
	key_to_end(&to);
	int r = driver->scan(db, NULL, key_slice(&from), key_slice(&to), false, visit, l, err);
	return r == 0 && l->damaged ? err_temporary(err, ERR_DAMAGED, "damaged: an account's row")
				    : r;
}

int mirror_accounts_load(const struct store_driver *driver, struct store_db *db,
	struct mirror_accounts *to, struct err *err)
{
	struct loading l = {.to = to};
	int r = load(driver, db, KEY_ACCOUNT, take_account, &l, err);
	if (r == 0)
		r = load(driver, db, KEY_BASE, take_note, &l, err);
	join(to);
	return r;
}

void mirror_accounts_free(struct mirror_accounts *accounts)
{
	free(accounts->list);
	*accounts = (struct mirror_accounts){0};
}

void mirror_accounts_add_bytes(const struct mirror_accounts *accounts, struct buf *to)
{
	for (size_t i = 0; i < accounts->count; i++) {
		const struct mirror_account *a = &accounts->list[i];
		char numbers[16];
		bytes_put_be64(numbers, a->change);
		bytes_put_be64(numbers + 8, a->digest);
		buf_add_slice(to, id_slice(&a->id));
		buf_add(to, numbers, sizeof(numbers));
		buf_add_byte(to, (char)((a->gone ? GONE : 0) | (a->noted ? NOTED : 0)));
	}
}

bool mirror_accounts_read(struct slice bytes, struct mirror_accounts *to)
{
	struct slice entry;
	while (bytes_cut(&bytes, ENTRY_SIZE, &entry)) {
		struct id id;
		memcpy(id.bytes, entry.ptr, ID_SIZE);
		if (to->count > 0 && id_cmp(to->list[to->count - 1].id, id) >= 0)
			return false;
		struct mirror_account *a = add(to, id);
		a->change = bytes_get_be64(entry.ptr + ID_SIZE);
		a->digest = bytes_get_be64(entry.ptr + ID_SIZE + 8);
		a->gone = (entry.ptr[ENTRY_SIZE - 1] & GONE) != 0;
		a->noted = (entry.ptr[ENTRY_SIZE - 1] & NOTED) != 0;
	}
	return bytes.len == 0;
}

/* One that is being deleted at one side and gone at the other, or at both, is no difference. */
static bool is_apart(const struct mirror_account *a, const struct mirror_account *b)
{
	if (!a || !b)
		return !(a ? a : b)->gone || (a ? a : b)->noted;
	if (a->noted || b->noted || a->gone != b->gone)
		return true;
	return !a->gone && (a->change != b->change || a->digest != b->digest);
}

void mirror_accounts_compare(
	const struct mirror_accounts *a, const struct mirror_accounts *b, struct buf *ret_ids)
{
	size_t i = 0, j = 0;
	while (i < a->count || j < b->count) {
		int order = i == a->count   ? 1
			    : j == b->count ? -1
					    : id_cmp(a->list[i].id, b->list[j].id);
		const struct mirror_account *x = order <= 0 ? &a->list[i++] : NULL;
		const struct mirror_account *y = order >= 0 ? &b->list[j++] : NULL;
		if (is_apart(x, y))
			buf_add_slice(ret_ids, id_slice(x ? &x->id : &y->id));
	}
}
