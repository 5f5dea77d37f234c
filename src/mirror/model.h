/* An account taken apart: collections, objects, tombstones; and put together again as rows, with
 * counters, digests, names and changes made anew. What merging works on. Slices point into the rows
 * it was taken from, or into its arena. */
#ifndef MIRROR_MODEL_H
#define MIRROR_MODEL_H

#include "mirror/rows.h"
#include "store/store.h"

struct model_object {
	struct store_object row;
	struct slice facet; /* ptr NULL: none */
};

/* What is gone: an object's number, or a collection. */
struct model_gone {
	struct id id;
	uint64_t change;
	uint32_t number;
	enum store_kind kind; /* of a collection */
};

struct model_collection {
	struct store_collection row;  /* counters and digest are made anew */
	struct model_object *objects; /* by number */
	struct model_gone *gone;
	size_t object_count, object_cap, gone_count, gone_cap;
};

struct model {
	struct arena arena;
	struct store_account account;
	struct model_collection *collections; /* by id */
	struct model_gone *gone;
	size_t collection_count, collection_cap, gone_count, gone_cap;
	bool sweeping; /* rows are left of something that is gone */
};

/* The account must be there. ERR_DAMAGED when rows do not parse or fit. */
int model_read(
	const struct mirror_rows *rows, struct model *ret_model, struct err *err) WARN_UNUSED;
void model_free(struct model *model);

struct model_collection *model_add_collection(
	struct model *model, const struct store_collection *row);
void model_add_object(struct model_collection *collection, const struct model_object *object);
void model_add_gone(struct model_collection *collection, const struct model_gone *gone);
void model_add_gone_collection(struct model *model, const struct model_gone *gone);
/* Sorted rows. */
void model_write(struct model *model, struct mirror_rows *to);

struct model_collection *model_find_collection(const struct model *model, struct id id);
/* NULL when there is none. By number, then by id. */
struct model_object *model_find_object(const struct model_collection *collection, uint32_t number);

#endif
