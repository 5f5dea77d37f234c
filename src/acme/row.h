/* What is kept of a certificate, as bytes (docs/formats/acme.md). */
#ifndef ACME_ROW_H
#define ACME_ROW_H

#include "acme/key.h"
#include "acme/leaf.h"

enum { ACME_ROW_MAX = 2 * ACME_CHAIN_MAX, ACME_ERROR_MAX = 512 };

struct acme_row {
	struct slice chain, key;           /* PEM; empty: none was had so far */
	struct slice names;                /* that the chain is for, a space between */
	struct slice directory;            /* URL of the authority that gave it */
	struct slice order_url, order_key; /* of the order under way; empty: none */
	struct slice order_names, order_directory;
	int64_t had_ms;   /* when the chain was had; milliseconds since 1970, 0: never */
	int64_t tried_ms; /* when the last attempt ended */
	/* Attempts in a row that failed, when the next one begins, and what the last one met. */
	uint64_t failures;
	int64_t next_ms;
	struct slice error;
};

/* Slices point into `data`. False: it is damaged, or of a later version. */
WARN_UNUSED bool acme_row_read(struct slice data, struct acme_row *ret_row);
void acme_row_write(const struct acme_row *row, struct buf *to);

/* Something that answers a challenge. */
struct acme_answer_row {
	int64_t made_ms; /* milliseconds since 1970 */
	struct slice name, key_authorization;
};
WARN_UNUSED bool acme_answer_row_read(struct slice data, struct acme_answer_row *ret_row);
void acme_answer_row_write(const struct acme_answer_row *row, struct buf *to);

#endif
