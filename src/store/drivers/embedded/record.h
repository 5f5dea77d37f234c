/* What a segment file holds, byte by byte: docs/formats/segment.md. Pure but for reading from a
 * file descriptor; little-endian throughout. */
#ifndef STORE_DRIVERS_EMBEDDED_RECORD_H
#define STORE_DRIVERS_EMBEDDED_RECORD_H

#include "store/driver.h"

#include <sys/uio.h>

enum {
	EMBEDDED_VERSION = 1,
	EMBEDDED_SEGMENT_HEADER = 64, /* in front of a segment's first record */
	EMBEDDED_RECORD_HEADER = 64,
	EMBEDDED_BLOB_HEADER = 32, /* in front of a blob's block checksums */
	EMBEDDED_BLOCK = 65536,    /* bytes of a blob that share one checksum */
	EMBEDDED_RECORD_BLOBS_MAX = 65536,
};

enum embedded_record_flag {
	EMBEDDED_MOVED = 1, /* blobs copied by compaction; no batch */
};

/* Where a blob lies: the record's own blobs count from its start, others from the file's. */
struct embedded_place {
	struct id id;
	uint64_t offset; /* of its header */
	uint64_t len;    /* of its bytes */
};

/* Bytes that a blob takes in a record: header, checksums, bytes, padding. */
uint64_t embedded_blob_stored(uint64_t len);
/* Bytes from a blob's header to its first byte. */
uint64_t embedded_blob_lead(uint64_t len);
static inline uint64_t embedded_blob_blocks(uint64_t len)
{
	return len / EMBEDDED_BLOCK + (len % EMBEDDED_BLOCK != 0);
}

struct embedded_header {
	uint64_t seq;     /* 1, 2, 3, … over all records of a store */
	uint64_t durable; /* every record up to this one was synced when this one was written */
	uint64_t len;     /* of the record; a multiple of 8 */
	uint64_t tag;     /* of the store */
	uint32_t segment;
	uint32_t blob_count, batch_len, batch_crc;
	uint32_t flags; /* enum embedded_record_flag */
};
void embedded_header_write(const struct embedded_header *header, char to[EMBEDDED_RECORD_HEADER]);
/* False when these bytes are no header. */
bool embedded_header_read(
	const char from[EMBEDDED_RECORD_HEADER], struct embedded_header *ret_header) WARN_UNUSED;

void embedded_segment_header_write(
	uint32_t segment, uint64_t tag, char to[EMBEDDED_SEGMENT_HEADER]);
/* False when these bytes do not begin segment `segment` of the store `tag`. */
bool embedded_segment_header_check(
	const char from[EMBEDDED_SEGMENT_HEADER], uint32_t segment, uint64_t tag) WARN_UNUSED;

/* A record on its way out. Everything is in place but the header, which is known when the record
 * gets its place in the log. */
struct embedded_record {
	struct embedded_header header;
	struct embedded_place *places; /* offsets from the record's start */
	const struct store_new_blob *blobs;
	struct slice batch; /* points into scratch */
	char *scratch;      /* begins with the header's bytes */
	struct iovec *iov;  /* scratch and blobs, interleaved; all of the record */
	size_t iov_count;
	void *memory;
};
/* Computes every checksum of batch and blobs. Blobs are borrowed. ERR_LIMIT, ERR_TEMPORARY when
 * there is no memory. */
int embedded_record_init(struct embedded_record *record, struct slice batch,
	const struct store_new_blob *blobs, size_t count, unsigned flags,
	struct err *err) WARN_UNUSED;
void embedded_record_free(struct embedded_record *record);

/* Verifies what stands in front of a blob's bytes (`lead`: embedded_blob_lead(len) bytes). */
bool embedded_lead_check(struct slice lead, struct id id, uint64_t len) WARN_UNUSED;
/* Id and length from a blob's header that may be anything. False when it is none. */
bool embedded_lead_peek(
	const char from[EMBEDDED_BLOB_HEADER], struct embedded_place *ret_place) WARN_UNUSED;
/* Verifies whole blocks, from block number `first` on (the last may be the blob's short one). */
bool embedded_blocks_check(struct slice lead, uint64_t first, struct slice bytes) WARN_UNUSED;

#endif
