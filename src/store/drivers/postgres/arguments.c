/* Binary forms of parameters. Numbers are big-endian. An array is a head (dimensions, whether it
 * holds NULLs, type of its elements, then length and lower bound of the one dimension), then each
 * element behind its length. */
#include "store/drivers/postgres/arguments.h"

#include "base/bytes.h"
#include "base/must.h"

enum {
	HEAD = 20,
	COUNT_AT = 12,
	ARRAY_MAX = 512 << 20, /* the server takes no message of 1 GiB */
};

static void add(struct postgres_arguments *a, const char *value, size_t len)
{
	must(a->count < POSTGRES_ARGUMENTS && len <= INT32_MAX);
	a->values[a->count] = value;
	a->lengths[a->count++] = (int)len;
}

void postgres_add_bytes(struct postgres_arguments *a, struct slice bytes)
{
	add(a, bytes.ptr ? bytes.ptr : "", bytes.len); /* a NULL pointer would be SQL's NULL */
}

void postgres_add_int(struct postgres_arguments *a, int32_t number)
{
	must(a->count < POSTGRES_ARGUMENTS);
	bytes_put_be32(a->numbers[a->count], (uint32_t)number);
	add(a, a->numbers[a->count], 4);
}

void postgres_add_bigint(struct postgres_arguments *a, int64_t number)
{
	must(a->count < POSTGRES_ARGUMENTS);
	bytes_put_be64(a->numbers[a->count], (uint64_t)number);
	add(a, a->numbers[a->count], 8);
}

void postgres_array_init(struct postgres_array *array, enum postgres_type type)
{
	char head[HEAD] = {0};
	*array = (struct postgres_array){.bytes = BUF(ARRAY_MAX)};
	bytes_put_be32(head, 1);
	bytes_put_be32(head + 8, (uint32_t)type);
	bytes_put_be32(head + 16, 1);
	buf_add(&array->bytes, head, HEAD);
}

void postgres_array_clear(struct postgres_array *array)
{
	array->bytes.len = HEAD;
	array->count = 0;
}

void postgres_array_free(struct postgres_array *array)
{
	buf_free(&array->bytes);
}

void postgres_array_bytes(struct postgres_array *array, struct slice bytes)
{
	char len[4];
	bytes_put_be32(len, (uint32_t)bytes.len);
	buf_add(&array->bytes, len, sizeof(len));
	buf_add_slice(&array->bytes, bytes);
	array->count++;
}

void postgres_array_int(struct postgres_array *array, int32_t number)
{
	char bytes[4];
	bytes_put_be32(bytes, (uint32_t)number);
	postgres_array_bytes(array, slice(bytes, sizeof(bytes)));
}

void postgres_array_bigint(struct postgres_array *array, int64_t number)
{
	char bytes[8];
	bytes_put_be64(bytes, (uint64_t)number);
	postgres_array_bytes(array, slice(bytes, sizeof(bytes)));
}

void postgres_add_array(struct postgres_arguments *a, struct postgres_array *array)
{
	must(array->count > 0);
	bytes_put_be32(array->bytes.data + COUNT_AT, array->count);
	add(a, array->bytes.data, array->bytes.len);
}
