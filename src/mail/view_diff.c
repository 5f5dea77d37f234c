/* Two views side by side: what differs, and keeping what left. */
#include "mail/view_internal.h"

#include "base/alloc.h"

/* Which of two places comes first by UID: < 0 a, 0 the same message, > 0 b. One may be the end. */
static int compare_places(const struct view_place *a, const struct view_place *b)
{
	if (view_place_end(a))
		return 1;
	if (view_place_end(b))
		return -1;
	uint32_t x = view_place_row(a)->uid, y = view_place_row(b)->uid;
	return x < y ? -1 : x > y;
}

struct seqs {
	uint32_t *list;
	size_t count, room;
};

static void seqs_add(struct seqs *seqs, uint32_t seq)
{
	if (seqs->count == seqs->room) {
		seqs->room = seqs->room ? seqs->room * 2 : 64;
		seqs->list = alloc_resize(seqs->list, seqs->room, sizeof(*seqs->list));
	}
	seqs->list[seqs->count++] = seq;
}

void mail_view_diff(const struct mail_view *from, const struct mail_view *to,
	void (*gone)(void *context, uint32_t seq, const struct mail_row *row),
	void (*changed)(void *context, uint32_t seq, const struct mail_row *row), void *context)
{
	struct view_place a = {.view = from}, b = {.view = to};
	struct seqs left = {0}, differ = {0};
	while (!view_place_end(&a)) {
		if (view_place_skip_shared(&a, &b))
			continue;
		int order = compare_places(&a, &b);
		if (order < 0 && gone)
			seqs_add(&left, view_place_seq(&a));
		if (order == 0 && changed &&
			view_place_row(&a)->modseq != view_place_row(&b)->modseq)
			seqs_add(&differ, view_place_seq(&b));
		if (order <= 0)
			view_place_next(&a);
		if (order >= 0)
			view_place_next(&b);
	}
	for (size_t i = left.count; i > 0; i--)
		gone(context, left.list[i - 1], mail_view_row(from, left.list[i - 1]));
	for (size_t i = 0; i < differ.count; i++)
		changed(context, differ.list[i], mail_view_row(to, differ.list[i]));
	free(left.list);
	free(differ.list);
}

/* The row of a message that left, with its keywords numbered by the other view's table. */
static struct mail_row gone_row(const struct view_place *place, const struct mail_view *to)
{
	struct mail_row row = *view_place_row(place);
	if (place->view->keywords != to->keywords)
		row.keywords = keyword_table_intern(
			to->keywords, mail_view_keywords(place->view, row.keywords));
	row.gone = true;
	return row;
}

struct mail_view *mail_view_merge(struct mail_view *from, struct mail_view *to)
{
	struct view_place a = {.view = from}, b = {.view = to};
	struct view_builder builder = {0};
	bool any_gone = false;
	while (!view_place_end(&a) || !view_place_end(&b)) {
		if (view_place_skip_shared(&a, &b)) {
			view_builder_share(&builder, b.view->chunks[b.chunk - 1]);
			continue;
		}
		if (b.row == 0 && !view_place_end(&b) && view_place_end(&a)) {
			view_builder_share(&builder, b.view->chunks[b.chunk++]);
			continue;
		}
		int order = compare_places(&a, &b);
		if (order < 0) {
			struct mail_row row = gone_row(&a, to);
			view_builder_add(&builder, &row);
			any_gone = true;
		} else {
			view_builder_add(&builder, view_place_row(&b));
		}
		if (order <= 0)
			view_place_next(&a);
		if (order >= 0)
			view_place_next(&b);
	}
	if (!any_gone) {
		view_builder_free(&builder);
		return mail_view_ref(to);
	}
	return view_builder_finish(
		&builder, to->uid_validity, to->uid_next, to->change, to->keywords);
}
