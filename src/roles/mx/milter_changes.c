/* Message first, then the envelope. What fails half way fails for the whole transaction, whose
 * recipients are then nobody's affair any more. */
#include "roles/mx/milter_changes.h"

#include "base/alloc.h"

enum { ADDED_MAX = 2 * FILTER_MILTER_CHANGE_BYTES_MAX }; /* to a header, with folds undone */

static int change_message(struct smtp_transaction *t, const struct filter_milter_changes *changes,
	struct buf *message, struct err *err)
{
	AUTO(buf_free) struct buf header = BUF(t->message.len + ADDED_MAX);
	struct slice body;
	if (!filter_milter_apply(changes, t->message, &header, &body))
		return 0;
	struct buf whole = BUF(header.len + body.len + 1);
	buf_add_slice(&whole, buf_slice(&header));
	buf_add_slice(&whole, body);
	if (header.failed || whole.failed) {
		buf_free(&whole);
		return err_temporary(err, ERR_LIMIT, "no memory for the message");
	}
	buf_free(message);
	*message = whole;
	t->message = buf_slice(message);
	return 0;
}

static void change_sender(struct smtp_transaction *t, struct slice sender, const char *milter)
{
	struct envelope_path path = {.address = SLICE("")};
	struct slice copy = arena_copy(&t->arena, sender);
	if (copy.len > 0 && !envelope_parse_address(copy, &path)) {
		log_warn(t->log, "sender of a milter is none", F_STR("milter", milter),
			F_SLICE("sender", sender));
		return;
	}
	t->sender.path = path;
	t->sender.smtputf8 |= path.is_utf8;
}

static size_t find(const struct smtp_transaction *t, struct slice address)
{
	size_t i = 0;
	while (i < t->count && !slice_eq_nocase(t->recipients[i]->envelope.path.address, address))
		i++;
	return i;
}

static void remove_recipient(struct smtp_transaction *t, struct slice address)
{
	size_t at = find(t, address);
	if (at == t->count)
		return;
	t->count--;
	memmove(&t->recipients[at], &t->recipients[at + 1],
		(t->count - at) * sizeof(t->recipients[0]));
}

static int add_recipient(struct smtp_transaction *t, struct slice address, const char *milter,
	mx_milter_route route, void *context, struct err *err)
{
	struct smtp_recipient *r = ARENA_NEW(&t->arena, struct smtp_recipient);
	if (find(t, address) < t->count)
		return 0;
	int found = envelope_parse_address(arena_copy(&t->arena, address), &r->envelope.path)
			    ? route(context, t, r, err)
			    : err_permanent(err, ERR_BAD_INPUT, "no address");
	if (found < 0 && err->class != ERR_PERMANENT)
		return -1;
	if (found < 0) {
		log_warn(t->log, "recipient of a milter left out", F_STR("milter", milter),
			F_SLICE("recipient", address), F_ERR(err));
		return 0;
	}
	t->sender.smtputf8 |= r->envelope.path.is_utf8;
	if (t->count == t->room) {
		t->room = t->room ? t->room * 2 : 4;
		t->recipients = alloc_resize(t->recipients, t->room, sizeof(t->recipients[0]));
	}
	t->recipients[t->count++] = r;
	return 0;
}

int mx_milter_change(struct smtp_transaction *t, const struct filter_milter_changes *changes,
	const char *milter, mx_milter_route route, void *context, struct buf *message,
	struct err *err)
{
	if (change_message(t, changes, message, err) < 0)
		return -1;
	if (changes->sender.ptr)
		change_sender(t, changes->sender, milter);
	for (size_t i = 0; i < changes->count; i++) {
		const struct filter_milter_change *c = &changes->list[i];
		if (c->kind == FILTER_MILTER_REMOVE_RECIPIENT)
			remove_recipient(t, c->name);
		else if (c->kind == FILTER_MILTER_ADD_RECIPIENT &&
			 add_recipient(t, c->name, milter, route, context, err) < 0)
			return -1;
	}
	return 0;
}
