/* Copies refer to the same bytes; row and facet are copied. What is moved is another object then,
 * which knows the one that it was (docs/mirror.md says what for). Facets are read a window of rows
 * at a time. */
#include "mail/transfer_internal.h"

#include "mail/each_internal.h"
#include "mail/learn_internal.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "mail/mail_internal.h"

enum {
	WINDOW = 256,
	FACETS_MAX = WINDOW * (MAIL_FACET_MAX / 16),
};

struct window {
	uint32_t uids[WINDOW];
	uint32_t count;
	struct buf bytes;                        /* of the facets */
	size_t offsets[WINDOW], lengths[WINDOW]; /* length 0: there is none */
	uint32_t at;                             /* while scanning: the row looked for */
};

static void keep_facet(struct window *window, uint32_t index, struct slice facet)
{
	size_t offset = window->bytes.len;
	buf_add_slice(&window->bytes, facet);
	if (window->bytes.failed) { /* left out: it is made again when asked for */
		window->bytes.failed = false;
		return;
	}
	window->offsets[index] = offset;
	window->lengths[index] = facet.len;
}

static void visit_facet(void *context, uint32_t index, struct slice facet)
{
	keep_facet(context, index, facet);
}

static int read_facets(struct mail_transfer *transfer, struct window *window, struct err *err)
{
	memset(window->lengths, 0, sizeof(window->lengths));
	buf_clear(&window->bytes);
	return mail_each_facet(transfer->mail, transfer->account, transfer->from->collection->id,
		window->uids, window->count, visit_facet, window, err);
}

static void remember(struct mail_transfer *transfer, uint32_t uid)
{
	if (transfer->count == transfer->room) {
		transfer->room = transfer->room ? transfer->room * 2 : 16;
		transfer->uids =
			alloc_resize(transfer->uids, transfer->room, sizeof(*transfer->uids));
	}
	transfer->uids[transfer->count++] = uid;
}

static int transfer_one(
	struct mail_transfer *transfer, uint32_t uid, struct slice facet, struct err *err)
{
	struct store_object original, copy = {0};
	struct mail_record record;
	int r = mail_box_get(transfer->write, transfer->from, uid, &original, &record, err);
	if (r < 0)
		return r;
	record.saved = clock_wall();
	copy.blob = original.blob;
	if (transfer->move)
		copy.origin = store_object_identity(&original);
	r = mail_box_add(transfer->write, transfer->to, &record, facet, &copy, err);
	if (r == 0 && transfer->learn)
		r = mail_learn_note(transfer, &copy, err);
	if (r == 0 && transfer->move)
		r = mail_box_remove(transfer->write, transfer->from, &original, record.flags, err);
	if (r != 0)
		return r;
	if (transfer->count == 0)
		transfer->added =
			(struct mail_added){.uid_validity = transfer->to->record.uid_validity,
				.first_uid = copy.number,
				.step = 1,
				.change = copy.change};
	if (transfer->count == 1)
		transfer->added.step = copy.number - transfer->added.first_uid;
	transfer->bytes += copy.blob_len;
	remember(transfer, uid);
	return 0;
}

static int transfer_window(struct mail_transfer *transfer, struct window *window, struct err *err)
{
	int r = read_facets(transfer, window, err);
	for (uint32_t i = 0; r == 0 && i < window->count; i++) {
		struct slice facet = SLICE_NONE;
		if (window->lengths[i])
			facet = slice_sub(
				buf_slice(&window->bytes), window->offsets[i], window->lengths[i]);
		r = transfer_one(transfer, window->uids[i], facet, err);
	}
	return r;
}

int mail_transfer_run(struct mail_transfer *transfer, struct mail_pick *pick, struct err *err)
{
	struct window *window = ALLOC(struct window);
	const struct mail_row *row;
	int r = 0;
	window->bytes = BUF(FACETS_MAX);
	do {
		window->count = 0;
		while (window->count < WINDOW && (row = mail_pick_next(pick)) != NULL)
			window->uids[window->count++] = row->uid;
		if (window->count > 0)
			r = transfer_window(transfer, window, err);
	} while (r == 0 && window->count == WINDOW);
	buf_free(&window->bytes);
	free(window);
	return r;
}
