/* Lessons: noted by moves, claimed and settled by who teaches. */
#include "mail/learn_internal.h"
#include "mail/mail_internal.h"
#include "mail/mailbox.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/wait.h"

#define COLLECTION SLICE("learn")

enum { CLAIM_ATTEMPTS = 3, AGAIN_MS = 1000 };

unsigned mail_learn_verdict(const struct mail *mail, unsigned from_uses, unsigned to_uses)
{
	bool from = from_uses & MAIL_USE_JUNK, to = to_uses & MAIL_USE_JUNK;
	if (!mail->lessons || from == to)
		return 0;
	if (to)
		return MAIL_LEARN_SPAM;
	return to_uses & MAIL_USE_TRASH ? 0 : MAIL_LEARN_HAM;
}

static int find_collection(struct store_write *write, struct id account, bool make,
	struct store_collection **ret_collection, struct err *err)
{
	int r = store_write_find_collection(
		write, account, STORE_LEARN, COLLECTION, ret_collection, err);
	if (r == STORE_ABSENT && make)
		r = store_write_collection_new(
			write, account, STORE_LEARN, COLLECTION, SLICE_NONE, ret_collection, err);
	return r;
}

int mail_learn_note(
	struct mail_transfer *transfer, const struct store_object *message, struct err *err)
{
	AUTO(buf_free) struct buf data = BUF(MAIL_LEARN_RECORD_MAX);
	char name[ID_TEXT_SIZE + 1];
	struct mail_learn_record record;
	struct store_collection *lessons;
	struct store_object object;
	if (message->blob_len > MAIL_LEARN_MESSAGE_MAX)
		return 0;
	id_to_text(message->blob, name);
	int r = find_collection(transfer->write, transfer->account, true, &lessons, err);
	if (r == 0)
		r = store_write_find_object(
			transfer->write, lessons, slice_str(name), &object, err);
	if (r < 0)
		return r;
	bool again = r == 0;
	if (again && mail_learn_record_read(object.data, &record) && record.as == transfer->learn)
		return 0;
	record = (struct mail_learn_record){.as = transfer->learn, .noted = clock_wall()};
	mail_learn_record_write(&record, &data);
	if (again) {
		object.data = buf_slice(&data);
		return store_write_object(transfer->write, lessons, &object, SLICE_NONE, err);
	}
	if (lessons->count >= MAIL_LEARN_WAITING_MAX ||
		lessons->bytes + message->blob_len > MAIL_LEARN_BYTES_MAX)
		return 0;
	object = (struct store_object){
		.blob = message->blob, .name = slice_str(name), .data = buf_slice(&data)};
	return store_write_object_new(transfer->write, lessons, &object, SLICE_NONE, err);
}

struct search {
	int64_t now;
	uint32_t number; /* of what is due; 0: nothing */
	int64_t later;   /* when the first of the others will be; INT64_MAX: never */
};

static bool look(void *context, const struct store_object *object)
{
	struct search *s = context;
	struct mail_learn_record record;
	if (mail_learn_record_read(object->data, &record) && record.due > s->now) {
		s->later = MIN(s->later, record.due);
		return true;
	}
	s->number = object->number;
	return false;
}

static int search(struct mail *mail, struct id account, struct search *s, struct err *err)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct store_collection lessons;
	int r = store_find_collection(
		mail->store, account, STORE_LEARN, COLLECTION, &arena, &lessons, err);
	if (r == 0 && lessons.count > 0)
		r = store_scan_objects(
			mail->store, account, lessons.id, 1, UINT32_MAX, look, s, err);
	return r < 0 ? r : 0;
}

/* In a write. MAIL_ABSENT: it is gone, or somebody else's. What can't be read goes. */
static int claim(struct store_write *write, uint32_t number, int64_t now,
	struct mail_lesson *lesson, struct err *err)
{
	AUTO(buf_free) struct buf data = BUF(MAIL_LEARN_RECORD_MAX);
	struct mail_learn_record record;
	struct store_collection *lessons;
	struct store_object object;
	int r = find_collection(write, lesson->account, false, &lessons, err);
	if (r == 0)
		r = store_write_get_object(write, lessons, number, &object, err);
	if (r != 0)
		return r;
	if (!mail_learn_record_read(object.data, &record))
		return store_write_object_gone(write, lessons, &object, err);
	if (record.due > now)
		return MAIL_ABSENT;
	lesson->blob = object.blob;
	lesson->size = object.blob_len;
	lesson->as = (enum mail_learn_as)record.as;
	lesson->noted = record.noted;
	lesson->tries = record.tries;
	record.due = now + MAIL_LEARN_CLAIM_MS;
	mail_learn_record_write(&record, &data);
	object.data = buf_slice(&data);
	r = store_write_object(write, lessons, &object, SLICE_NONE, err);
	lesson->number = number;
	lesson->change = object.change;
	return r;
}

static int claim_one(struct mail *mail, uint32_t number, int64_t now, struct mail_lesson *lesson,
	struct err *err)
{
	struct store_write *write;
	int r = store_write_begin(mail->store, &lesson->account, 1, &write, err);
	if (r < 0)
		return r;
	r = claim(write, number, now, lesson, err);
	if (r != 0) {
		store_write_abort(write);
		return r;
	}
	r = store_write_commit(write, err);
	return r == 0 && lesson->number == 0 ? MAIL_ABSENT : r;
}

int mail_learn_claim(struct mail *mail, struct id account, int64_t now,
	struct mail_lesson *ret_lesson, struct err *err)
{
	for (unsigned i = 0; i < CLAIM_ATTEMPTS; i++) {
		struct search s = {.now = now, .later = INT64_MAX};
		*ret_lesson = (struct mail_lesson){.account = account};
		int r = search(mail, account, &s, err);
		if (r == 0 && s.number != 0)
			r = claim_one(mail, s.number, now, ret_lesson, err);
		else if (r == 0) {
			if (s.later < INT64_MAX)
				mail_learn_expect(mail, account, s.later);
			return MAIL_ABSENT;
		}
		if (r != MAIL_ABSENT)
			return r;
	}
	mail_learn_expect(mail, account, now + AGAIN_MS);
	return MAIL_ABSENT;
}

/* Unless it is another lesson by now: its change is not that of the claim. */
static int settle(struct store_write *write, const struct mail_lesson *lesson, const int64_t *due,
	struct err *err)
{
	AUTO(buf_free) struct buf data = BUF(MAIL_LEARN_RECORD_MAX);
	struct store_collection *lessons;
	struct store_object object;
	int r = find_collection(write, lesson->account, false, &lessons, err);
	if (r == 0)
		r = store_write_get_object(write, lessons, lesson->number, &object, err);
	if (r != 0 || object.change != lesson->change)
		return r < 0 ? r : MAIL_ABSENT;
	if (!due)
		return store_write_object_gone(write, lessons, &object, err);
	struct mail_learn_record record = {
		.as = lesson->as, .noted = lesson->noted, .tries = lesson->tries + 1, .due = *due};
	mail_learn_record_write(&record, &data);
	object.data = buf_slice(&data);
	return store_write_object(write, lessons, &object, SLICE_NONE, err);
}

static int settle_it(
	struct mail *mail, const struct mail_lesson *lesson, const int64_t *due, struct err *err)
{
	struct store_write *write;
	int r = store_write_begin(mail->store, &lesson->account, 1, &write, err);
	if (r < 0)
		return r;
	r = settle(write, lesson, due, err);
	if (r == 0)
		return store_write_commit(write, err);
	store_write_abort(write);
	return r == MAIL_ABSENT ? 0 : r;
}

int mail_learn_done(struct mail *mail, const struct mail_lesson *lesson, struct err *err)
{
	return settle_it(mail, lesson, NULL, err);
}

int mail_learn_put_off(
	struct mail *mail, const struct mail_lesson *lesson, int64_t due, struct err *err)
{
	return settle_it(mail, lesson, &due, err);
}

struct accounts {
	struct id *ids;
	size_t count, room;
};

static bool add_account(void *context, const struct store_account *account)
{
	struct accounts *all = context;
	if (all->count == all->room) {
		all->room = all->room ? all->room * 2 : 1024;
		all->ids = alloc_resize(all->ids, all->room, sizeof(*all->ids));
	}
	all->ids[all->count++] = account->id;
	return true;
}

/* One row each. */
static int scan_account(struct mail *mail, struct id account, struct err *err)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct store_collection lessons;
	int r = store_find_collection(
		mail->store, account, STORE_LEARN, COLLECTION, &arena, &lessons, err);
	if (r == 0 && lessons.count > 0)
		mail_learn_expect(mail, account, 0);
	return r < 0 ? r : 0;
}

int mail_learn_scan(struct mail *mail, const atomic_bool *stop, struct err *err)
{
	struct accounts all = {0};
	int r = store_list_accounts(mail->store, add_account, &all, err);
	for (size_t i = 0; r == 0 && i < all.count && !atomic_load(stop); i++) {
		r = scan_account(mail, all.ids[i], err);
		wait_give_way();
	}
	free(all.ids);
	return r;
}
