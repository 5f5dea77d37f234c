/* Reads a segment file record by record, verifying everything it passes: for recovery, check and
 * compaction. One thread; memory stays near 1 MiB but for a larger batch. */
#ifndef STORE_DRIVERS_EMBEDDED_READER_H
#define STORE_DRIVERS_EMBEDDED_READER_H

#include "store/drivers/embedded/record.h"

struct embedded_reader {
	uint32_t segment;
	uint64_t tag;
	int fd;       /* borrowed */
	uint64_t end; /* nothing is read from here on */
	char *window;
	uint64_t start; /* offset of the window's first byte */
	size_t len, cap;

	/* The record that was read last. */
	uint64_t offset;
	struct embedded_header header;
	struct slice batch;            /* valid until the next call */
	struct embedded_place *places; /* header.blob_count of them; offsets in the file */
	size_t places_cap;
};
enum {
	EMBEDDED_NO_RECORD = 1, /* no whole record here: its end, torn, or damaged */
};

void embedded_reader_init(
	struct embedded_reader *reader, uint32_t segment, uint64_t tag, int fd, uint64_t end);
void embedded_reader_free(struct embedded_reader *reader);
/* `len` bytes at `offset`: NULL past the end (*err untouched) or when they can't be read (*err
 * set).
 */
const char *embedded_reader_bytes(
	struct embedded_reader *reader, uint64_t offset, size_t len, struct err *err) WARN_UNUSED;
/* The record at `offset`. Its blobs' bytes are verified too if `blobs`; their headers are in any
 * case. 0, EMBEDDED_NO_RECORD, or negative when the file can't be read. */
int embedded_reader_record(
	struct embedded_reader *reader, uint64_t offset, bool blobs, struct err *err) WARN_UNUSED;
/* Looks for the next record header at or after `offset`. EMBEDDED_NO_RECORD when there is none. */
int embedded_reader_seek(struct embedded_reader *reader, uint64_t offset, uint64_t *ret_offset,
	struct embedded_header *ret_header, struct err *err) WARN_UNUSED;

#endif
