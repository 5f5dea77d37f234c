/* Parameters of a statement in PostgreSQL's binary forms: bytes, numbers, arrays of either. */
#ifndef STORE_DRIVERS_POSTGRES_ARGUMENTS_H
#define STORE_DRIVERS_POSTGRES_ARGUMENTS_H

#include "base/buf.h"

enum { POSTGRES_ARGUMENTS = 4 };

/* Bytes and arrays are borrowed until the statement is put; numbers are kept inside, so that the
 * struct must not be copied. */
struct postgres_arguments {
	int count;
	const char *values[POSTGRES_ARGUMENTS];
	int lengths[POSTGRES_ARGUMENTS];
	char numbers[POSTGRES_ARGUMENTS][8];
};

void postgres_add_bytes(struct postgres_arguments *a, struct slice bytes);
void postgres_add_int(struct postgres_arguments *a, int32_t number);
void postgres_add_bigint(struct postgres_arguments *a, int64_t number);

/* Types of elements: PostgreSQL's own numbers of them. */
enum postgres_type { POSTGRES_BYTEA = 17, POSTGRES_BIGINT = 20, POSTGRES_INT = 23 };

/* An array that grows; `bytes` fails softly when it gets too large for one statement. */
struct postgres_array {
	struct buf bytes;
	uint32_t count;
};

void postgres_array_init(struct postgres_array *array, enum postgres_type type);
/* Empty again; the memory is kept. */
void postgres_array_clear(struct postgres_array *array);
void postgres_array_free(struct postgres_array *array);
void postgres_array_bytes(struct postgres_array *array, struct slice bytes);
void postgres_array_int(struct postgres_array *array, int32_t number);
void postgres_array_bigint(struct postgres_array *array, int64_t number);
/* The array must have an element. */
void postgres_add_array(struct postgres_arguments *a, struct postgres_array *array);

#endif
