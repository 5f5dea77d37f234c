/* Reading what is gathered. */
#include "reports/reports_internal.h"

enum { ACCOUNTS_MAX = 64 }; /* nodes that ever were; what is left behind is of few */

struct accounts {
	struct arena *arena;
	struct id *list;
	size_t count;
};

/* By the shape of reports_account(). */
static bool add_account(void *context, const struct store_account *account)
{
	struct accounts *a = context;
	if (!account->gone && id_eq(account->id, reports_account(account->id)))
		a->list[a->count++] = account->id;
	return a->count < ACCOUNTS_MAX;
}

int reports_find_accounts(struct reports *r, struct arena *arena, struct id **ret_accounts,
	size_t *ret_count, struct err *err)
{
	struct accounts a = {.arena = arena, .list = ARENA_ARRAY(arena, struct id, ACCOUNTS_MAX)};
	if (store_list_accounts(r->options.store, add_account, &a, err) < 0)
		return -1;
	*ret_accounts = a.list;
	*ret_count = a.count;
	return 0;
}

struct loading {
	struct reports_loaded *loaded;
	struct arena *arena;
	size_t cap;
};

/* Damaged rows are passed over. */
static bool add_row(void *context, const struct store_object *object)
{
	struct loading *l = context;
	struct reports_row row;
	if (!reports_row_read(object->data, &row))
		return true;
	row.key = arena_copy(l->arena, row.key);
	l->loaded->rows[l->loaded->count++] = row;
	return l->loaded->count < l->cap;
}

int reports_load(struct reports *r, struct id account, struct slice name, struct arena *arena,
	struct reports_loaded *ret_loaded, struct err *err)
{
	struct store_collection c;
	*ret_loaded = (struct reports_loaded){.account = account};
	int found = store_find_collection(
		r->options.store, account, STORE_REPORTS, name, arena, &c, err);
	if (found != 0)
		return found;
	if (!reports_name_read(c.name, &ret_loaded->name) ||
		!reports_head_read(c.data, &ret_loaded->head))
		return STORE_ABSENT;
	struct loading l = {.loaded = ret_loaded,
		.arena = arena,
		.cap = (size_t)MIN(c.count + 1, (uint64_t)REPORTS_ROWS_MAX + 1)};
	ret_loaded->collection = c.id;
	ret_loaded->change = c.change;
	ret_loaded->rows = ARENA_ARRAY(arena, struct reports_row, l.cap);
	return store_scan_objects(r->options.store, account, c.id, 1, UINT32_MAX, add_row, &l, err);
}

static int list_account(struct reports *r, struct id account,
	void (*visit)(void *context, const struct reports_info *info), void *context,
	struct err *err)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct store_collection *list;
	size_t count;
	bool here = reports_works_on(r, account);
	if (store_list_collections(
		    r->options.store, account, STORE_REPORTS, &arena, &list, &count, err) < 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		struct reports_info info = {.rows = list[i].count, .here = here};
		struct reports_sent sent = {0};
		if (!reports_name_read(list[i].name, &info.name) ||
			!reports_head_read(list[i].data, &info.head))
			continue;
		int found = reports_find_sent(r, account, &info.name, &arena, &sent, err);
		if (found < 0)
			return found;
		info.last_sent_s = found == 0 ? sent.sent_s : 0;
		visit(context, &info);
	}
	return 0;
}

int reports_list(struct reports *r, void (*visit)(void *context, const struct reports_info *info),
	void *context, struct err *err)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct id *accounts;
	size_t count;
	int done = reports_find_accounts(r, &arena, &accounts, &count, err);
	for (size_t i = 0; done == 0 && i < count; i++)
		done = list_account(r, accounts[i], visit, context, err);
	return done;
}

static int show_account(struct reports *r, struct id account, struct slice domain,
	void (*visit)(
		void *context, const struct reports_name *name, const struct reports_row *row),
	void *context, struct err *err)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct store_collection *list;
	size_t count;
	int done = store_list_collections(
		r->options.store, account, STORE_REPORTS, &arena, &list, &count, err);
	for (size_t i = 0; done >= 0 && i < count; i++) {
		struct reports_loaded loaded;
		struct reports_name name;
		if (!reports_name_read(list[i].name, &name) ||
			!slice_eq_nocase(name.domain, domain))
			continue;
		done = reports_load(r, account, list[i].name, &arena, &loaded, err);
		for (size_t row = 0; done == 0 && row < loaded.count; row++)
			visit(context, &loaded.name, &loaded.rows[row]);
	}
	return done < 0 ? done : 0;
}

int reports_show(struct reports *r, struct slice domain,
	void (*visit)(
		void *context, const struct reports_name *name, const struct reports_row *row),
	void *context, struct err *err)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct id *accounts;
	size_t count;
	int done = reports_find_accounts(r, &arena, &accounts, &count, err);
	for (size_t i = 0; done == 0 && i < count; i++)
		done = show_account(r, accounts[i], domain, visit, context, err);
	return done;
}
