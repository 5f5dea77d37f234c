/* Reading segments in order, through a window. */
#include "store/drivers/embedded/reader.h"

#include "base/alloc.h"
#include "base/bytes.h"
#include "base/errno_here.h"

#include <unistd.h>

enum { WINDOW = 1 << 20 };
_Static_assert(WINDOW % EMBEDDED_BLOCK == 0, "blocks are checked a window at a time");

void embedded_reader_init(
	struct embedded_reader *reader, uint32_t segment, uint64_t tag, int fd, uint64_t end)
{
	*reader = (struct embedded_reader){.segment = segment, .tag = tag, .fd = fd, .end = end};
}

void embedded_reader_free(struct embedded_reader *reader)
{
	free(reader->window);
	free(reader->places);
	*reader = (struct embedded_reader){.fd = -1};
}

const char *embedded_reader_bytes(
	struct embedded_reader *r, uint64_t offset, size_t len, struct err *err)
{
	if (offset > r->end || len > r->end - offset)
		return NULL;
	if (offset >= r->start && offset + len <= r->start + r->len)
		return r->window + (offset - r->start);
	size_t want = (size_t)MIN(MAX((uint64_t)len, (uint64_t)WINDOW), r->end - offset);
	if (want > r->cap) {
		char *grown = realloc(r->window, MAX(want, (size_t)WINDOW));
		if (!grown) {
			(void)err_temporary(err, ERR_OTHER, "no memory to read a record");
			return NULL;
		}
		r->window = grown;
		r->cap = MAX(want, (size_t)WINDOW);
	}
	r->start = offset;
	r->len = 0;
	while (r->len < want) {
		ssize_t n =
			pread(r->fd, r->window + r->len, want - r->len, (off_t)(offset + r->len));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			(void)err_errno(err, errno, "segment %u at %llu", (unsigned)r->segment,
				(unsigned long long)offset);
			return NULL;
		}
		if (n == 0)
			break;
		r->len += (size_t)n;
	}
	return r->len >= len ? r->window : NULL;
}

/* Outcome of a part that is not there: it could not be read, or the record is cut short. */
static int missing(const struct err *err)
{
	return err->class == ERR_NONE ? EMBEDDED_NO_RECORD : -1;
}

/* Verifies the bytes of a blob, a window's worth of blocks at a time. */
static int blob_bytes(struct embedded_reader *r, struct slice lead, uint64_t offset, uint64_t len,
	struct err *err)
{
	/* Reading on moves the window, so the checksums are kept. */
	AUTO_FREE char *own = alloc(lead.len);
	memcpy(own, lead.ptr, lead.len);
	lead.ptr = own;
	for (uint64_t at = 0; at < len;) {
		size_t step = (size_t)MIN(len - at, (uint64_t)WINDOW);
		const char *bytes = embedded_reader_bytes(r, offset + lead.len + at, step, err);
		if (!bytes)
			return missing(err);
		if (!embedded_blocks_check(lead, at / EMBEDDED_BLOCK, slice(bytes, step)))
			return EMBEDDED_NO_RECORD;
		at += step;
	}
	return 0;
}

/* The blobs of a record whose header is good. `at` is where the first one's header should be. */
static int read_blobs(struct embedded_reader *r, uint64_t at, bool verify, struct err *err)
{
	uint64_t record_end = r->offset + r->header.len;
	if (r->header.blob_count > r->places_cap) {
		r->places_cap = r->header.blob_count;
		r->places = alloc_resize(r->places, r->places_cap, sizeof(*r->places));
	}
	for (uint32_t i = 0; i < r->header.blob_count; i++) {
		struct embedded_place place;
		const char *head = embedded_reader_bytes(r, at, EMBEDDED_BLOB_HEADER, err);
		if (!head)
			return missing(err);
		if (!embedded_lead_peek(head, &place) || place.len > record_end - at)
			return EMBEDDED_NO_RECORD;
		uint64_t lead_len = embedded_blob_lead(place.len);
		const char *lead = embedded_reader_bytes(r, at, (size_t)lead_len, err);
		if (!lead)
			return missing(err);
		if (embedded_blob_stored(place.len) > record_end - at ||
			!embedded_lead_check(slice(lead, (size_t)lead_len), place.id, place.len))
			return EMBEDDED_NO_RECORD;
		int rc = verify ? blob_bytes(r, slice(lead, (size_t)lead_len), at, place.len, err)
				: 0;
		if (rc != 0)
			return rc;
		place.offset = at;
		r->places[i] = place;
		at += embedded_blob_stored(place.len);
	}
	return at == record_end ? 0 : EMBEDDED_NO_RECORD;
}

int embedded_reader_record(struct embedded_reader *r, uint64_t offset, bool blobs, struct err *err)
{
	struct err own = {0};
	err = err ? err : &own;
	*err = (struct err){0};
	r->offset = offset;
	const char *head = embedded_reader_bytes(r, offset, EMBEDDED_RECORD_HEADER, err);
	if (!head)
		return missing(err);
	if (!embedded_header_read(head, &r->header) || r->header.tag != r->tag ||
		r->header.segment != r->segment || r->header.len > r->end - offset)
		return EMBEDDED_NO_RECORD;
	uint64_t batch_len = ((uint64_t)r->header.batch_len + 7) & ~(uint64_t)7;
	int rc = read_blobs(r, offset + EMBEDDED_RECORD_HEADER + batch_len, blobs, err);
	if (rc != 0)
		return rc;
	const char *batch =
		embedded_reader_bytes(r, offset + EMBEDDED_RECORD_HEADER, r->header.batch_len, err);
	if (!batch)
		return missing(err);
	r->batch = slice(batch, r->header.batch_len);
	return bytes_crc32c(0, r->batch) == r->header.batch_crc ? 0 : EMBEDDED_NO_RECORD;
}

int embedded_reader_seek(struct embedded_reader *r, uint64_t offset, uint64_t *ret_offset,
	struct embedded_header *ret_header, struct err *err)
{
	struct err own = {0};
	err = err ? err : &own;
	*err = (struct err){0};
	for (; offset < r->end; offset += 8) {
		if (r->end - offset < EMBEDDED_RECORD_HEADER)
			return EMBEDDED_NO_RECORD;
		const char *head = embedded_reader_bytes(r, offset, EMBEDDED_RECORD_HEADER, err);
		if (!head)
			return missing(err);
		if (head[0] == 'R' && embedded_header_read(head, ret_header) &&
			ret_header->tag == r->tag && ret_header->segment == r->segment) {
			*ret_offset = offset;
			return 0;
		}
	}
	return EMBEDDED_NO_RECORD;
}
