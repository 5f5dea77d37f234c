/* RENAME: a mailbox with its children in one write; of INBOX the messages move. */
#include "mail/box_internal.h"
#include "mail/mail_internal.h"
#include "mail/mailbox.h"
#include "mail/name_internal.h"
#include "mail/quota_internal.h"
#include "mail/transfer_internal.h"

static int refuse_taken(struct err *err, struct slice name)
{
	return err_permanent(
		err, ERR_EXISTS, "there is a mailbox \"%.*s\"", SLICE_ARG(slice_sub(name, 0, 100)));
}

/* INBOX stays, empty, and so do its children (RFC 9051 section 6.3.6). */
static int rename_inbox(struct mail *mail, struct store_write *write, struct id account,
	struct id inbox, struct slice to, struct err *err)
{
	struct mail_box from, box;
	struct mail_pick pick;
	int r = mail_box_load(write, account, inbox, &from, err);
	if (r == 0)
		r = mail_box_new(write, account, to, 0, &box, err);
	if (r == 0)
		r = mail_pick_begin(mail, account, inbox, NULL, &pick, err);
	if (r < 0)
		return r;
	struct mail_transfer transfer = {.mail = mail,
		.write = write,
		.account = account,
		.from = &from,
		.to = &box,
		.move = true};
	r = mail_transfer_run(&transfer, &pick, err);
	mail_pick_end(&pick);
	free(transfer.uids);
	if (r == 0 && transfer.count > 0) {
		mail_box_save(write, &box);
		mail_box_save(write, &from);
	}
	return r;
}

/* Gives `collection` the name with `from` in front replaced by `to`; the store tells at commit when
 * a name that results is taken. */
static int rename_one(struct store_write *write, struct id account, struct id id, struct slice from,
	struct slice to, struct arena *arena, struct err *err)
{
	struct store_collection *collection;
	int r = store_write_collection(write, account, id, &collection, err);
	if (r != 0)
		return r < 0 ? r : err_bug(err, "a mailbox left under the account's lock");
	const char *text = arena_printf(arena, "%.*s%.*s", SLICE_ARG(to),
		SLICE_ARG(slice_from(collection->name, from.len)));
	/* Bounds of the whole name; composition at the seam can't happen: it is a separator. */
	r = mail_name_check(slice_str(text), arena, &collection->name, err);
	if (r == 0)
		store_write_collection_changed(write, collection);
	return r;
}

static int rename_tree(struct mail *mail, struct store_write *write, struct id account,
	struct slice from, struct slice to, struct arena *arena, struct err *err)
{
	struct store_collection *all;
	size_t count;
	int r = store_list_collections(
		mail->store, account, STORE_MAILBOX, arena, &all, &count, err);
	for (size_t i = 0; r == 0 && i < count; i++)
		if (slice_eq(all[i].name, from) || mail_name_is_below(all[i].name, from))
			r = rename_one(write, account, all[i].id, from, to, arena, err);
	return r;
}

static int rename_in(struct mail *mail, struct store_write *write, struct id account,
	struct slice from, struct slice to, struct arena *arena, struct err *err)
{
	struct store_collection *source, *taken;
	int r = store_write_find_collection(write, account, STORE_MAILBOX, from, &source, err);
	if (r == STORE_ABSENT)
		return err_permanent(err, ERR_ABSENT, "there is no such mailbox");
	if (r < 0)
		return r;
	r = store_write_find_collection(write, account, STORE_MAILBOX, to, &taken, err);
	if (r <= 0)
		return r < 0 ? r : refuse_taken(err, to);
	if (mail_name_is_inbox(from))
		return rename_inbox(mail, write, account, source->id, to, err);
	if (mail_name_is_below(to, from))
		return err_permanent(
			err, ERR_BAD_INPUT, "a mailbox can't become a child of itself");
	return rename_tree(mail, write, account, from, to, arena, err);
}

int mail_mailbox_rename(
	struct mail *mail, struct id account, struct slice from, struct slice to, struct err *err)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct store_write *write;
	struct slice old_name, new_name;
	if (mail_name_check(from, &arena, &old_name, NULL) < 0)
		return err_permanent(err, ERR_ABSENT, "there is no such mailbox");
	int r = mail_name_check(to, &arena, &new_name, err);
	if (r == 0)
		r = store_write_begin(mail->store, &account, 1, &write, err);
	if (r < 0)
		return r;
	r = rename_in(mail, write, account, old_name, new_name, &arena, err);
	if (r < 0) {
		store_write_abort(write);
		return r;
	}
	return quota_commit(mail, write, &account, 1, err);
}
