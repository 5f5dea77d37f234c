/* Records and blobs as bytes, and their checksums.
 *
 * A record: header (64), batch, padding to 8; then for each blob: header (32), a checksum for each
 * 64 KiB block, padding to 8, the bytes, padding to 8. */
#include "store/drivers/embedded/record.h"

#include "base/alloc.h"
#include "base/bytes.h"
#include "base/must.h"

enum {
	RECORD_MAGIC = 0x31524b52, /* "RKR1" */
	BLOB_MAGIC = 0x31424b52,   /* "RKB1" */
};
static const char SEGMENT_MAGIC[8] = "RKSEG\r\n\0";

/* Offsets in the headers. Both end at their declared size. */
enum {
	AT_MAGIC = 0,
	AT_CRC = 4, /* of all that follows in the header */
	AT_SEQ = 8,
	AT_DURABLE = 16,
	AT_LEN = 24,
	AT_TAG = 32,
	AT_SEGMENT = 40,
	AT_BLOB_COUNT = 44,
	AT_BATCH_LEN = 48,
	AT_BATCH_CRC = 52,
	AT_FLAGS = 56,
	AT_RECORD_RESERVED = 60,
	AT_RECORD_END = 64,

	AT_BLOB_CRC = 4, /* of the rest of the header and the block checksums with their padding */
	AT_BLOB_LEN = 8,
	AT_BLOB_ID = 16,
	AT_BLOB_END = 32,

	AT_SEGMENT_VERSION = 8,
	AT_SEGMENT_CRC = 12, /* of all that follows in the header */
	AT_SEGMENT_TAG = 16,
	AT_SEGMENT_NUMBER = 24,
};
_Static_assert((int)AT_RECORD_END == (int)EMBEDDED_RECORD_HEADER, "on disk");
_Static_assert((int)AT_BLOB_END == (int)EMBEDDED_BLOB_HEADER &&
		       (int)AT_BLOB_ID + (int)ID_SIZE == (int)AT_BLOB_END,
	"on disk");
_Static_assert(EMBEDDED_SEGMENT_HEADER == 64 && EMBEDDED_BLOCK == 65536, "on disk");

static uint64_t round8(uint64_t n)
{
	return (n + 7) & ~(uint64_t)7;
}

uint64_t embedded_blob_lead(uint64_t len)
{
	return round8(EMBEDDED_BLOB_HEADER + 4 * embedded_blob_blocks(len));
}

uint64_t embedded_blob_stored(uint64_t len)
{
	return embedded_blob_lead(len) + round8(len);
}

void embedded_header_write(const struct embedded_header *header, char to[EMBEDDED_RECORD_HEADER])
{
	bytes_put_le32(to + AT_MAGIC, RECORD_MAGIC);
	bytes_put_le64(to + AT_SEQ, header->seq);
	bytes_put_le64(to + AT_DURABLE, header->durable);
	bytes_put_le64(to + AT_LEN, header->len);
	bytes_put_le64(to + AT_TAG, header->tag);
	bytes_put_le32(to + AT_SEGMENT, header->segment);
	bytes_put_le32(to + AT_BLOB_COUNT, header->blob_count);
	bytes_put_le32(to + AT_BATCH_LEN, header->batch_len);
	bytes_put_le32(to + AT_BATCH_CRC, header->batch_crc);
	bytes_put_le32(to + AT_FLAGS, header->flags);
	bytes_put_le32(to + AT_RECORD_RESERVED, 0);
	bytes_put_le32(to + AT_CRC, bytes_crc32c(0, slice(to + AT_SEQ, AT_RECORD_END - AT_SEQ)));
}

bool embedded_header_read(
	const char from[EMBEDDED_RECORD_HEADER], struct embedded_header *ret_header)
{
	if (bytes_get_le32(from + AT_MAGIC) != RECORD_MAGIC ||
		bytes_get_le32(from + AT_CRC) !=
			bytes_crc32c(0, slice(from + AT_SEQ, AT_RECORD_END - AT_SEQ)))
		return false;
	*ret_header = (struct embedded_header){
		.seq = bytes_get_le64(from + AT_SEQ),
		.durable = bytes_get_le64(from + AT_DURABLE),
		.len = bytes_get_le64(from + AT_LEN),
		.tag = bytes_get_le64(from + AT_TAG),
		.segment = bytes_get_le32(from + AT_SEGMENT),
		.blob_count = bytes_get_le32(from + AT_BLOB_COUNT),
		.batch_len = bytes_get_le32(from + AT_BATCH_LEN),
		.batch_crc = bytes_get_le32(from + AT_BATCH_CRC),
		.flags = bytes_get_le32(from + AT_FLAGS),
	};
	return ret_header->len % 8 == 0 &&
	       ret_header->len >= EMBEDDED_RECORD_HEADER + round8(ret_header->batch_len) &&
	       ret_header->blob_count <= EMBEDDED_RECORD_BLOBS_MAX;
}

void embedded_segment_header_write(uint32_t segment, uint64_t tag, char to[EMBEDDED_SEGMENT_HEADER])
{
	memset(to, 0, EMBEDDED_SEGMENT_HEADER);
	memcpy(to, SEGMENT_MAGIC, sizeof(SEGMENT_MAGIC));
	bytes_put_le32(to + AT_SEGMENT_VERSION, EMBEDDED_VERSION);
	bytes_put_le64(to + AT_SEGMENT_TAG, tag);
	bytes_put_le32(to + AT_SEGMENT_NUMBER, segment);
	bytes_put_le32(to + AT_SEGMENT_CRC,
		bytes_crc32c(
			0, slice(to + AT_SEGMENT_TAG, EMBEDDED_SEGMENT_HEADER - AT_SEGMENT_TAG)));
}

bool embedded_segment_header_check(
	const char from[EMBEDDED_SEGMENT_HEADER], uint32_t segment, uint64_t tag)
{
	char expected[EMBEDDED_SEGMENT_HEADER];
	embedded_segment_header_write(segment, tag, expected);
	return memcmp(from, expected, sizeof(expected)) == 0;
}

/* Writes header and block checksums in front of the bytes. */
static void lead_write(const struct store_new_blob *blob, char *to)
{
	uint64_t blocks = embedded_blob_blocks(blob->bytes.len);
	uint64_t lead = embedded_blob_lead(blob->bytes.len);
	bytes_put_le32(to + AT_MAGIC, BLOB_MAGIC);
	bytes_put_le64(to + AT_BLOB_LEN, blob->bytes.len);
	memcpy(to + AT_BLOB_ID, blob->id.bytes, ID_SIZE);
	for (uint64_t i = 0; i < blocks; i++)
		bytes_put_le32(to + EMBEDDED_BLOB_HEADER + 4 * i,
			bytes_crc32c(
				0, slice_sub(blob->bytes, i * EMBEDDED_BLOCK, EMBEDDED_BLOCK)));
	memset(to + EMBEDDED_BLOB_HEADER + 4 * blocks, 0, lead - EMBEDDED_BLOB_HEADER - 4 * blocks);
	bytes_put_le32(
		to + AT_BLOB_CRC, bytes_crc32c(0, slice(to + AT_BLOB_LEN, lead - AT_BLOB_LEN)));
}

/* One allocation holds places, iov and scratch; scratch is header, batch and padding, then for each
 * blob its lead and the padding behind its bytes. */
static int allocate(
	struct embedded_record *r, size_t batch_len, size_t count, size_t scratch, struct err *err)
{
	size_t places = sizeof(struct embedded_place) * count;
	size_t iov = sizeof(struct iovec) * (2 * count + 1);
	r->memory = malloc(places + iov + scratch);
	if (!r->memory)
		return err_temporary(
			err, ERR_OTHER, "no memory for a batch of %zu bytes", batch_len);
	r->places = r->memory;
	r->iov = (struct iovec *)((char *)r->memory + places);
	r->scratch = (char *)r->memory + places + iov;
	return 0;
}

int embedded_record_init(struct embedded_record *r, struct slice batch,
	const struct store_new_blob *blobs, size_t count, unsigned flags, struct err *err)
{
	*r = (struct embedded_record){.blobs = blobs};
	if (batch.len > UINT32_MAX - 8 || count > EMBEDDED_RECORD_BLOBS_MAX)
		return err_temporary(err, ERR_LIMIT, "more in one batch than a record holds");
	size_t head = EMBEDDED_RECORD_HEADER + round8(batch.len), scratch = head;
	for (size_t i = 0; i < count; i++)
		scratch += embedded_blob_stored(blobs[i].bytes.len) - blobs[i].bytes.len;
	if (allocate(r, batch.len, count, scratch, err) < 0)
		return -1;
	char *at = r->scratch, *from = at; /* what stands between two blobs is one iovec */
	memset(at + head - 8, 0, 8);
	if (batch.len)
		memcpy(at + EMBEDDED_RECORD_HEADER, batch.ptr, batch.len);
	r->batch = slice(at + EMBEDDED_RECORD_HEADER, batch.len);
	at += head;
	uint64_t offset = head;
	for (size_t i = 0; i < count; i++) {
		struct slice bytes = blobs[i].bytes;
		uint64_t lead = embedded_blob_lead(bytes.len), pad = round8(bytes.len) - bytes.len;
		r->places[i] = (struct embedded_place){blobs[i].id, offset, bytes.len};
		lead_write(&blobs[i], at);
		at += lead;
		r->iov[r->iov_count++] = (struct iovec){from, (size_t)(at - from)};
		if (bytes.len)
			r->iov[r->iov_count++] =
				(struct iovec){(void *)(uintptr_t)bytes.ptr, bytes.len};
		from = at;
		memset(at, 0, pad);
		at += pad;
		offset += lead + bytes.len + pad;
	}
	if (at > from)
		r->iov[r->iov_count++] = (struct iovec){from, (size_t)(at - from)};
	must((size_t)(at - r->scratch) == scratch);
	r->header = (struct embedded_header){
		.len = offset,
		.blob_count = (uint32_t)count,
		.batch_len = (uint32_t)batch.len,
		.batch_crc = bytes_crc32c(0, batch),
		.flags = flags,
	};
	return 0;
}

void embedded_record_free(struct embedded_record *r)
{
	free(r->memory);
	*r = (struct embedded_record){0};
}

bool embedded_lead_peek(const char from[EMBEDDED_BLOB_HEADER], struct embedded_place *ret_place)
{
	if (bytes_get_le32(from + AT_MAGIC) != BLOB_MAGIC)
		return false;
	*ret_place = (struct embedded_place){.len = bytes_get_le64(from + AT_BLOB_LEN)};
	memcpy(ret_place->id.bytes, from + AT_BLOB_ID, ID_SIZE);
	return true;
}

bool embedded_lead_check(struct slice lead, struct id id, uint64_t len)
{
	struct embedded_place place;
	return embedded_lead_peek(lead.ptr, &place) && id_eq(place.id, id) && place.len == len &&
	       lead.len == embedded_blob_lead(len) &&
	       bytes_get_le32(lead.ptr + AT_BLOB_CRC) ==
		       bytes_crc32c(0, slice_from(lead, AT_BLOB_LEN));
}

bool embedded_blocks_check(struct slice lead, uint64_t first, struct slice bytes)
{
	for (uint64_t i = first; bytes.len; i++) {
		struct slice block = slice_sub(bytes, 0, EMBEDDED_BLOCK);
		if (bytes_get_le32(lead.ptr + EMBEDDED_BLOB_HEADER + 4 * i) !=
			bytes_crc32c(0, block))
			return false;
		bytes = slice_from(bytes, block.len);
	}
	return true;
}
