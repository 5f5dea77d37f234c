/* All accounts, one after the other, in pieces of a few milliseconds of lock. */
#include "store/forget.h"

#include "base/alloc.h"

enum { PIECE = 8192, CHANGES_LEAST = 500 };

/* An account as it was seen. */
struct seen {
	struct id account;
	uint64_t change; /* at the last look */
	uint64_t done;   /* what was gone up to this change is forgotten */
};

struct store_forgetting {
	struct store *store;
	struct seen *seen; /* by account */
	size_t count;
};

struct store_forgetting *store_forgetting_new(struct store *store)
{
	struct store_forgetting *f = ALLOC(struct store_forgetting);
	f->store = store;
	return f;
}

void store_forgetting_free(struct store_forgetting *f)
{
	if (!f)
		return;
	free(f->seen);
	free(f);
}

struct listing {
	struct seen *list;
	size_t count, cap;
};

static bool add(void *context, const struct store_account *account)
{
	struct listing *l = context;
	if (account->gone)
		return true;
	if (l->count == l->cap) {
		l->cap = l->cap ? l->cap * 2 : 256;
		l->list = alloc_resize(l->list, l->cap, sizeof(*l->list));
	}
	l->list[l->count++] = (struct seen){.account = account->id, .change = account->change};
	return true;
}

static int by_account(const void *a, const void *b)
{
	return id_cmp(((const struct seen *)a)->account, ((const struct seen *)b)->account);
}

static const struct seen *find(const struct store_forgetting *f, struct id account)
{
	struct seen wanted = {.account = account};
	return f->count == 0 ? NULL
			     : bsearch(&wanted, f->seen, f->count, sizeof(wanted), by_account);
}

struct collections {
	struct id ids[64]; /* of more the others come next time */
	size_t count;
};

static bool add_collection(void *context, const struct store_collection *c, bool gone)
{
	struct collections *all = context;
	if (!gone && all->count < ARRAY_LEN(all->ids))
		all->ids[all->count++] = c->id;
	return true;
}

/* One piece of a collection. */
static int forget_piece(struct store *store, struct id account, struct id collection,
	uint64_t until, size_t *ret_count, struct err *err)
{
	struct store_write *write;
	struct store_collection *c;
	*ret_count = 0;
	int r = store_write_begin(store, &account, 1, &write, err);
	if (r < 0)
		return r;
	r = store_write_collection(write, account, collection, &c, err);
	if (r == 0)
		r = store_write_forget_gone(write, c, until, PIECE, ret_count, err);
	if (r == 0 && *ret_count > 0)
		return store_write_commit(write, err);
	store_write_abort(write);
	return r < 0 ? r : 0;
}

static int forget_account(
	struct store *store, const struct seen *seen, uint64_t *forgotten, struct err *err)
{
	struct collections all = {.count = 0};
	int r = store_scan_account_changes(
		store, seen->account, seen->done, add_collection, &all, err);
	for (size_t i = 0; r == 0 && i < all.count; i++) {
		size_t count = PIECE;
		while (r == 0 && count == PIECE) {
			r = forget_piece(
				store, seen->account, all.ids[i], seen->change, &count, err);
			*forgotten += count;
		}
	}
	return r < 0 ? r : 0;
}

int store_forget_gone(struct store_forgetting *f, bool in_step, store_progress *progress,
	void *context, uint64_t *ret_forgotten, struct err *err)
{
	struct listing now = {0};
	int r = store_list_accounts(f->store, add, &now, err);
	*ret_forgotten = 0;
	for (size_t i = 0; r == 0 && i < now.count; i++) {
		const struct seen *then = find(f, now.list[i].account);
		now.list[i].done = then ? then->done : 0;
		if (!in_step || !then || then->change - then->done < CHANGES_LEAST)
			continue;
		if (progress && !progress(context, "tombstones", i, now.count))
			r = STORE_STOPPED;
		else
			r = forget_account(f->store, then, ret_forgotten, err);
		if (r == 0)
			now.list[i].done = then->change;
	}
	if (r != 0) {
		free(now.list);
		return r;
	}
	qsort(now.list, now.count, sizeof(*now.list), by_account);
	free(f->seen);
	f->seen = now.list;
	f->count = now.count;
	return 0;
}
