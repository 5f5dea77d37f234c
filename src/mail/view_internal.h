/* How a view lies in memory, and how one is built. */
#ifndef MAIL_VIEW_INTERNAL_H
#define MAIL_VIEW_INTERNAL_H

#include "mail/keywords_internal.h"
#include "mail/view.h"

#include <stdatomic.h>

enum { VIEW_CHUNK_ROWS = 256 };

/* Immutable once a view has it. 1 to VIEW_CHUNK_ROWS rows, ascending by UID. */
struct view_chunk {
	atomic_uint refs;
	uint32_t count, room; /* rows; those there is memory for */
	struct mail_row rows[];
};
_Static_assert(sizeof(struct mail_row) <= 32, "a row's memory is bounded");

enum { VIEW_MAGIC = 0x56494557 };

struct mail_view {
	uint32_t magic;
	atomic_uint refs;
	uint32_t uid_validity, uid_next;
	uint64_t change;
	uint32_t count; /* rows */
	uint32_t chunk_count;
	/* Looked for once by whoever asks first; UINT32_MAX: not yet. */
	atomic_uint first_unseen;
	struct keyword_table *keywords;
	struct view_chunk **chunks;
	uint32_t starts[]; /* of each chunk: index of its first row; then `count` */
};

/* Collects rows and whole chunks in ascending order of UIDs. */
struct view_builder {
	struct view_chunk **chunks;
	uint32_t count, room;
	bool last_is_ours; /* not shared yet: more rows may be added to it */
};
void view_builder_add(struct view_builder *builder, const struct mail_row *row);
/* Shares it, unless it is so small that it is copied behind rows just added. */
void view_builder_share(struct view_builder *builder, struct view_chunk *chunk);
/* Takes the builder's chunks and a reference to `keywords`. */
struct mail_view *view_builder_finish(struct view_builder *builder, uint32_t uid_validity,
	uint32_t uid_next, uint64_t change, struct keyword_table *keywords);
void view_builder_free(struct view_builder *builder);

/* A place in a view's rows; `chunk` == chunk_count: behind the last. */
struct view_place {
	const struct mail_view *view;
	uint32_t chunk, row;
};
static inline bool view_place_end(const struct view_place *place)
{
	return place->chunk == place->view->chunk_count;
}
static inline const struct mail_row *view_place_row(const struct view_place *place)
{
	return &place->view->chunks[place->chunk]->rows[place->row];
}
static inline uint32_t view_place_seq(const struct view_place *place)
{
	return place->view->starts[place->chunk] + place->row + 1;
}
static inline void view_place_next(struct view_place *place)
{
	if (++place->row == place->view->chunks[place->chunk]->count) {
		place->row = 0;
		place->chunk++;
	}
}
/* If both stand at the start of the same shared chunk: steps over it, true. */
bool view_place_skip_shared(struct view_place *a, struct view_place *b);

/* The newest view: `old` brought up to date (NULL: made from nothing). A new reference. */
int view_refresh(struct mail *mail, struct id account, const struct store_collection *collection,
	struct mail_view *old, struct mail_view **ret_view, struct err *err) WARN_UNUSED;

#endif
