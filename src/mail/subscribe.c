/* Subscriptions: a collection with one object per name. A subscription is not tied to a mailbox
 * (RFC 9051 section 6.3.7): it may come before it and outlive it. */
#include "mail/box_internal.h"
#include "mail/mail_internal.h"
#include "mail/mailbox.h"
#include "mail/subscribe_internal.h"

#include "base/alloc.h"

static const struct slice COLLECTION_NAME = {.ptr = "subscriptions", .len = 13};

int mail_subscribe_in(struct store_write *write, struct id account, struct slice name, bool on,
	bool *ret_changed, struct err *err)
{
	struct store_collection *collection;
	struct store_object object;
	*ret_changed = false;
	int r = store_write_find_collection(
		write, account, STORE_SUBSCRIPTIONS, COLLECTION_NAME, &collection, err);
	if (r == STORE_ABSENT && on)
		r = store_write_collection_new(write, account, STORE_SUBSCRIPTIONS, COLLECTION_NAME,
			SLICE_NONE, &collection, err);
	if (r != 0)
		return r < 0 ? r : 0;
	r = store_write_find_object(write, collection, name, &object, err);
	if (r < 0 || (r == 0) == on)
		return r < 0 ? r : 0;
	*ret_changed = true;
	if (!on)
		return store_write_object_gone(write, collection, &object, err);
	object = (struct store_object){.name = name};
	return store_write_object_new(write, collection, &object, SLICE_NONE, err);
}

int mail_subscribe(
	struct mail *mail, struct id account, struct slice name, bool on, struct err *err)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct store_write *write;
	struct slice checked;
	bool changed = false;
	int r = mail_name_check(name, &arena, &checked, err);
	if (r == 0)
		r = store_write_begin(mail->store, &account, 1, &write, err);
	if (r < 0)
		return r;
	r = mail_subscribe_in(write, account, checked, on, &changed, err);
	if (r < 0 || !changed) {
		store_write_abort(write);
		return r;
	}
	return store_write_commit(write, err);
}

struct names {
	struct arena *arena;
	struct slice *list;
	size_t count, room;
};

static bool collect(void *context, const struct store_object *object)
{
	struct names *names = context;
	if (names->count == names->room) {
		names->room = names->room ? names->room * 2 : 16;
		names->list = alloc_resize(names->list, names->room, sizeof(*names->list));
	}
	names->list[names->count++] = arena_copy(names->arena, object->name);
	return true;
}

static int compare_names(const void *a, const void *b)
{
	return slice_cmp(*(const struct slice *)a, *(const struct slice *)b);
}

int mail_list_subscriptions(struct mail *mail, struct id account, struct arena *arena,
	struct slice **ret_names, size_t *ret_count, struct err *err)
{
	struct store_collection collection;
	struct names names = {.arena = arena};
	int r = store_find_collection(mail->store, account, STORE_SUBSCRIPTIONS, COLLECTION_NAME,
		arena, &collection, err);
	if (r == 0)
		r = store_scan_objects(
			mail->store, account, collection.id, 1, UINT32_MAX, collect, &names, err);
	*ret_count = names.count;
	*ret_names = NULL;
	if (r >= 0 && names.count > 0) {
		qsort(names.list, names.count, sizeof(*names.list), compare_names);
		*ret_names = ARENA_ARRAY(arena, struct slice, names.count);
		memcpy(*ret_names, names.list, sizeof(*names.list) * names.count);
	}
	free(names.list);
	return r < 0 ? r : 0;
}

int mail_account_prepare(struct mail *mail, struct id account, struct err *err)
{
	static const struct {
		const char *name;
		unsigned uses;
	} boxes[] = {
		{"INBOX", 0},
		{"Drafts", MAIL_USE_DRAFTS},
		{"Sent", MAIL_USE_SENT},
		{"Archive", MAIL_USE_ARCHIVE},
		{"Junk", MAIL_USE_JUNK},
		{"Trash", MAIL_USE_TRASH},
	};
	struct store_write *write;
	struct store_collection *existing;
	struct mail_box box;
	bool changed, any = false;
	int r = store_write_begin(mail->store, &account, 1, &write, err);
	if (r < 0)
		return r;
	r = store_write_find_collection(
		write, account, STORE_MAILBOX, SLICE("INBOX"), &existing, err);
	if (r == STORE_ABSENT)
		r = 0, any = true;
	/* With an INBOX it was prepared before; what its user took away stays away. */
	for (size_t i = 0; any && r == 0 && i < ARRAY_LEN(boxes); i++) {
		r = mail_box_new(
			write, account, slice_str(boxes[i].name), boxes[i].uses, &box, err);
		if (r == 0)
			r = mail_subscribe_in(
				write, account, slice_str(boxes[i].name), true, &changed, err);
	}
	if (r < 0 || !any) {
		store_write_abort(write);
		return r;
	}
	return store_write_commit(write, err);
}
