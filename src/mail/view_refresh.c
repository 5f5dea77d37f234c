/* Making a view from the store, and bringing one up to date, without a lock on the account.
 *
 * A view promises: it shows every change of the mailbox up to view->change, and no row of it is
 * newer. A client may thus take any MODSEQ it sees as the mark from which it asks next, and no
 * change hides below that mark. The store gives single rows and scans, each scan on one consistent
 * state, and commits go on meanwhile. So, with C(x) the mailbox's change number at state x:
 *
 * From nothing: the collection row is read first (state 0), then all rows in one scan (state 1, not
 * older). The rows are exactly those of state 1, so all changes up to C(1) are in them.
 * view->change = max(C(0), largest modseq of a row) lies between C(0) and C(1). Changes between it
 * and C(1) can only be expunges (or the mailbox's own), which the rows show already: the next
 * refresh meets their tombstones again and finds nothing to take out. uid_next = max(next_number at
 * state 0, largest UID + 1): never below a row, never above what the store will give out next.
 *
 * From an older view: the collection row (state 0), then one scan of what changed since
 * view->change (state 1), then each changed object (states 2 …). When every object still has the
 * change number that the scan said, they are as they were at state 1, and the view is the mailbox
 * at state 1. When one is newer or gone, others may have changed too, below its number: the scan is
 * repeated from where the last one ended, and only a round without such an object ends it. A
 * mailbox that is written to faster than that, or of which much changed, is made from nothing,
 * which needs no luck.
 */
#include "mail/mail_internal.h"
#include "mail/record_internal.h"
#include "mail/view_internal.h"

#include "base/alloc.h"

enum {
	ROUNDS_MAX = 3,
	/* A look-up of one object costs about as much as scanning this many rows. */
	LOOKUP_COST = 16,
	LOOKUPS_FREE = 64,
	/* Keyword sets that no row may be using any more, before the table is made anew. */
	STALE_SETS_MAX = 1024,
};

static int damaged(struct err *err, uint32_t uid)
{
	return err_temporary(err, ERR_DAMAGED, "message with UID %u: its row can't be read", uid);
}

static bool row_make(const struct store_object *object, struct mail_record *record,
	struct keyword_table *keywords, struct mail_row *ret_row)
{
	if (!mail_record_read(object->data, record))
		return false;
	*ret_row = (struct mail_row){
		.modseq = object->change,
		.uid = object->number,
		.size = (uint32_t)object->blob_len,
		.flags = record->flags,
		.keywords = keyword_table_intern(keywords, &record->keywords),
	};
	return true;
}

struct load {
	struct view_builder builder;
	struct keyword_table *keywords;
	struct mail_record record;
	uint64_t change;
	uint32_t uid_next, damaged_uid;
};

static bool load_row(void *context, const struct store_object *object)
{
	struct load *load = context;
	struct mail_row row;
	if (!row_make(object, &load->record, load->keywords, &row)) {
		load->damaged_uid = object->number;
		return false;
	}
	load->change = MAX(load->change, row.modseq);
	load->uid_next = MAX(load->uid_next, row.uid + 1);
	view_builder_add(&load->builder, &row);
	return true;
}

static int load_all(struct mail *mail, struct id account, const struct store_collection *collection,
	const struct mail_view *old, uint32_t uid_validity, struct mail_view **ret_view,
	struct err *err)
{
	struct load load = {
		.keywords = keyword_table_new(),
		.change = MAX(collection->change, old ? old->change : 0),
		.uid_next = MAX(collection->next_number, old ? old->uid_next : 0),
	};
	int r = store_scan_objects(
		mail->store, account, collection->id, 1, UINT32_MAX, load_row, &load, err);
	if (r == 0 && load.damaged_uid)
		r = damaged(err, load.damaged_uid);
	if (r == 0)
		*ret_view = view_builder_finish(
			&load.builder, uid_validity, load.uid_next, load.change, load.keywords);
	view_builder_free(&load.builder);
	keyword_table_unref(load.keywords);
	return r;
}

/* What is known of a message that changed. */
struct update {
	uint32_t uid;
	bool gone;
	uint64_t change;
	struct mail_row row;
};

struct refresh {
	struct mail *mail;
	struct id account, mailbox;
	struct mail_view *old;
	struct update *updates;
	uint32_t count, room, limit;
	bool too_many;
	uint64_t change; /* all changes up to here are in updates */
	uint32_t uid_next;
};

static bool collect_change(void *context, const struct store_change *change)
{
	struct refresh *refresh = context;
	if (refresh->count >= refresh->limit) {
		refresh->too_many = true;
		return false;
	}
	if (refresh->count == refresh->room) {
		refresh->room = refresh->room ? refresh->room * 2 : 16;
		refresh->updates =
			alloc_resize(refresh->updates, refresh->room, sizeof(*refresh->updates));
	}
	refresh->updates[refresh->count++] = (struct update){
		.uid = change->number, .gone = change->gone, .change = change->change};
	refresh->change = MAX(refresh->change, change->change);
	refresh->uid_next = MAX(refresh->uid_next, change->number + 1);
	return true;
}

/* Reads the objects of updates[from …]. *ret_moved: one is not as the scan said. */
static int read_rows(struct refresh *refresh, uint32_t from, bool *ret_moved, struct err *err)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct mail_record record;
	*ret_moved = false;
	for (uint32_t i = from; i < refresh->count; i++) {
		struct update *update = &refresh->updates[i];
		struct store_object object;
		if (update->gone)
			continue;
		int r = store_get_object(refresh->mail->store, refresh->account, refresh->mailbox,
			update->uid, &arena, &object, err);
		if (r < 0)
			return r;
		if (r == STORE_ABSENT || object.change != update->change) {
			*ret_moved = true;
			continue;
		}
		if (!row_make(&object, &record, refresh->old->keywords, &update->row))
			return damaged(err, update->uid);
		if (i % 64 == 63)
			arena_free(&arena);
	}
	return 0;
}

/* By UID, the newest first. */
static int compare_updates(const void *a, const void *b)
{
	const struct update *x = a, *y = b;
	if (x->uid != y->uid)
		return x->uid < y->uid ? -1 : 1;
	return x->change > y->change ? -1 : x->change < y->change;
}

/* Leaves, of each message, what is newest, and drops what the old view shows already. */
static void settle_updates(struct refresh *refresh)
{
	uint32_t kept = 0, last_uid = 0;
	if (refresh->count > 1)
		qsort(refresh->updates, refresh->count, sizeof(*refresh->updates), compare_updates);
	for (uint32_t i = 0; i < refresh->count; i++) {
		struct update *update = &refresh->updates[i];
		if (update->uid == last_uid)
			continue;
		last_uid = update->uid;
		uint32_t seq = mail_view_seq(refresh->old, update->uid);
		bool known = update->gone ? seq == 0
					  : seq != 0 && mail_view_row(refresh->old, seq)->modseq ==
								update->change;
		if (!known)
			refresh->updates[kept++] = *update;
	}
	refresh->count = kept;
}

static struct mail_view *apply_updates(struct refresh *refresh)
{
	struct view_builder builder = {0};
	const struct update *update = refresh->updates;
	const struct update *end = update + refresh->count;
	for (uint32_t c = 0; c < refresh->old->chunk_count; c++) {
		struct view_chunk *chunk = refresh->old->chunks[c];
		uint32_t last_uid = chunk->rows[chunk->count - 1].uid;
		if (update == end || update->uid > last_uid) {
			view_builder_share(&builder, chunk);
			continue;
		}
		for (uint32_t r = 0; r < chunk->count; r++) {
			for (; update < end && update->uid < chunk->rows[r].uid; update++)
				if (!update->gone)
					view_builder_add(&builder, &update->row);
			if (update == end || update->uid != chunk->rows[r].uid)
				view_builder_add(&builder, &chunk->rows[r]);
			else if (!update++->gone)
				view_builder_add(&builder, &update[-1].row);
		}
	}
	for (; update < end; update++)
		if (!update->gone)
			view_builder_add(&builder, &update->row);
	return view_builder_finish(&builder, refresh->old->uid_validity, refresh->uid_next,
		refresh->change, refresh->old->keywords);
}

/* *ret_view stays NULL when the view is better made from nothing. */
static int follow(struct refresh *refresh, struct mail_view **ret_view, struct err *err)
{
	uint64_t since = refresh->old->change;
	*ret_view = NULL;
	for (unsigned round = 0; round < ROUNDS_MAX; round++) {
		uint32_t from = refresh->count;
		bool moved;
		int r = store_scan_changes(refresh->mail->store, refresh->account, refresh->mailbox,
			since, collect_change, refresh, err);
		if (r != 0)
			return r;
		if (refresh->too_many)
			return 0;
		r = read_rows(refresh, from, &moved, err);
		if (r < 0)
			return r;
		if (!moved) {
			settle_updates(refresh);
			*ret_view = apply_updates(refresh);
			return 0;
		}
		since = refresh->change;
	}
	return 0;
}

int view_refresh(struct mail *mail, struct id account, const struct store_collection *collection,
	struct mail_view *old, struct mail_view **ret_view, struct err *err)
{
	struct mail_box_record box;
	if (!mail_box_record_read(collection->data, &box))
		return err_temporary(err, ERR_DAMAGED, "mailbox \"%.*s\": its row can't be read",
			SLICE_ARG(collection->name));
	/* A mailbox that was merged with another one has a new UIDVALIDITY. */
	if (old && old->uid_validity != box.uid_validity)
		old = NULL;
	if (!old || keyword_table_count(old->keywords) > old->count + STALE_SETS_MAX)
		return load_all(mail, account, collection, old, box.uid_validity, ret_view, err);
	struct refresh refresh = {
		.mail = mail,
		.account = account,
		.mailbox = collection->id,
		.old = old,
		.limit = old->count / LOOKUP_COST + LOOKUPS_FREE,
		.change = MAX(collection->change, old->change),
		.uid_next = MAX(collection->next_number, old->uid_next),
	};
	int r = follow(&refresh, ret_view, err);
	free(refresh.updates);
	if (r == 0 && !*ret_view)
		r = load_all(mail, account, collection, old, box.uid_validity, ret_view, err);
	return r;
}
