/* Scans read what lies between the UIDs too, so they pay only while there is little between. */
#include "mail/each_internal.h"
#include "mail/mail_internal.h"
#include "mail/record_internal.h"

enum { SPREAD_MAX = 8 }; /* rows per UID wanted up to which a scan is cheaper than look-ups */

struct each {
	const uint32_t *uids;
	uint32_t count, at; /* at: the next one wanted */
	void (*visit_object)(void *context, uint32_t index, const struct store_object *object);
	void (*visit_facet)(void *context, uint32_t index, struct slice facet);
	void *context;
};

static bool close_together(const uint32_t *uids, uint32_t count)
{
	return count > 1 && (uids[count - 1] - uids[0]) / SPREAD_MAX < count;
}

/* Is this one wanted? */
static bool reaches(struct each *each, uint32_t uid)
{
	while (each->at < each->count && each->uids[each->at] < uid)
		each->at++;
	return each->at < each->count && each->uids[each->at] == uid;
}

static bool scan_object(void *context, const struct store_object *object)
{
	struct each *each = context;
	if (reaches(each, object->number))
		each->visit_object(each->context, each->at, object);
	return each->at < each->count;
}

static bool scan_facet(void *context, uint32_t number, struct slice facet)
{
	struct each *each = context;
	if (reaches(each, number))
		each->visit_facet(each->context, each->at, facet);
	return each->at < each->count;
}

int mail_each_object(struct mail *mail, struct id account, struct id mailbox, const uint32_t *uids,
	uint32_t count,
	void (*visit)(void *context, uint32_t index, const struct store_object *object),
	void *context, struct err *err)
{
	int r = 0;
	if (close_together(uids, count)) {
		struct each each = {
			.uids = uids, .count = count, .visit_object = visit, .context = context};
		r = store_scan_objects(mail->store, account, mailbox, uids[0], uids[count - 1],
			scan_object, &each, err);
		return r < 0 ? r : 0;
	}
	for (uint32_t i = 0; r >= 0 && i < count; i++) {
		AUTO(arena_free) struct arena arena = ARENA_EMPTY;
		struct store_object object;
		r = store_get_object(mail->store, account, mailbox, uids[i], &arena, &object, err);
		if (r == 0)
			visit(context, i, &object);
	}
	return r < 0 ? r : 0;
}

int mail_each_facet(struct mail *mail, struct id account, struct id mailbox, const uint32_t *uids,
	uint32_t count, void (*visit)(void *context, uint32_t index, struct slice facet),
	void *context, struct err *err)
{
	int r = 0;
	if (close_together(uids, count)) {
		struct each each = {
			.uids = uids, .count = count, .visit_facet = visit, .context = context};
		r = store_scan_facets(mail->store, account, mailbox, uids[0], uids[count - 1],
			scan_facet, &each, err);
		return r < 0 ? r : 0;
	}
	for (uint32_t i = 0; r >= 0 && i < count; i++) {
		AUTO(buf_free) struct buf facet = BUF(MAIL_FACET_MAX);
		r = store_get_facet(mail->store, account, mailbox, uids[i], &facet, err);
		if (r == 0 && !facet.failed)
			visit(context, i, buf_slice(&facet));
	}
	return r < 0 ? r : 0;
}
