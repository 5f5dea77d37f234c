/* Reading bodies: the place from the index, the bytes from the segment, never unverified. */
#include "store/drivers/embedded/db.h"

#include "base/alloc.h"
#include "base/errno_here.h"
#include "base/wait.h"

#include <unistd.h>

enum {
	LEAD_STACK = 1024, /* leads of blobs up to 15 MiB */
	STEP = 1 << 20,    /* of a read that does not begin and end with a block */
	TRIES = 100,       /* a blob may move while it is looked for */
};
_Static_assert(STEP % EMBEDDED_BLOCK == 0, "a step is whole blocks");

static int damaged(
	struct id blob, const struct embedded_position *place, const char *what, struct err *err)
{
	char text[ID_TEXT_SIZE + 1];
	id_to_text(blob, text);
	return err_permanent(err, ERR_DAMAGED, "blob %s in segment %u at %llu: %s", text,
		(unsigned)place->segment, (unsigned long long)place->offset, what);
}

/* Reads both parts, which lie one behind the other if `lead_len` is not 0. Short is damage. */
static int read_parts(int fd, uint64_t offset, char *lead, size_t lead_len, char *to, size_t len)
{
	struct iovec iov[2] = {{lead, lead_len}, {to, len}};
	size_t first = lead_len ? 0 : 1;
	while (first < 2) {
		wait_block_begin();
		ssize_t n = preadv(fd, iov + first, (int)(2 - first), (off_t)offset);
		wait_block_end();
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			errno = n < 0 ? errno : ENODATA;
			return -1;
		}
		offset += (uint64_t)n;
		size_t left = (size_t)n;
		while (first < 2 && left >= iov[first].iov_len)
			left -= iov[first++].iov_len;
		if (first < 2) {
			iov[first].iov_base = (char *)iov[first].iov_base + left;
			iov[first].iov_len -= left;
		}
	}
	return 0;
}

struct reading {
	struct id blob;
	struct embedded_position place;
	int fd;
	char *lead;
	size_t lead_len;
	bool lead_read;
};

/* Reads and verifies whole blocks: bytes from `at` (where a block begins) on. The first call reads
 * what stands before the blob too, in the same call of the system if `at` is 0. */
static int read_blocks(struct reading *r, uint64_t at, char *to, size_t len, struct err *err)
{
	int rc;
	if (!r->lead_read && at == 0)
		rc = read_parts(r->fd, r->place.offset, r->lead, r->lead_len, to, len);
	else {
		rc = r->lead_read
			     ? 0
			     : read_parts(r->fd, r->place.offset, NULL, 0, r->lead, r->lead_len);
		if (rc == 0 && len)
			rc = read_parts(
				r->fd, r->place.offset + r->lead_len + at, NULL, 0, to, len);
	}
	if (rc < 0 && errno == ENODATA)
		return damaged(r->blob, &r->place, "the segment ends before it", err);
	if (rc < 0) {
		(void)err_errno(err, errno, "reading segment %u", (unsigned)r->place.segment);
		return damaged(r->blob, &r->place, "can't be read from the disk", err);
	}
	struct slice lead = slice(r->lead, r->lead_len);
	if (!r->lead_read && !embedded_lead_check(lead, r->blob, r->place.number))
		return damaged(r->blob, &r->place, "its header does not match", err);
	r->lead_read = true;
	if (!embedded_blocks_check(lead, at / EMBEDDED_BLOCK, slice(to, len)))
		return damaged(r->blob, &r->place, "a checksum does not match", err);
	return 0;
}

/* Bytes first … last - 1, of which neither need be where a block begins or ends. */
static int read_range(
	struct reading *r, uint64_t first, uint64_t last, struct buf *to, struct err *err)
{
	uint64_t from = first - first % EMBEDDED_BLOCK;
	uint64_t end =
		MIN(r->place.number, (last + EMBEDDED_BLOCK - 1) / EMBEDDED_BLOCK * EMBEDDED_BLOCK);
	if (from == first && end == last) {
		char *room = buf_reserve(to, (size_t)(end - from));
		if (!room)
			return err_temporary(err, ERR_LIMIT, "no room for %llu bytes of a blob",
				(unsigned long long)(end - from));
		int rc = read_blocks(r, from, room, (size_t)(end - from), err);
		if (rc == 0)
			to->len += (size_t)(end - from);
		return rc;
	}
	AUTO_FREE char *step = alloc((size_t)MIN(end - from, (uint64_t)STEP));
	size_t before = to->len;
	for (uint64_t at = from; at < end; at += STEP) {
		size_t len = (size_t)MIN(end - at, (uint64_t)STEP);
		int rc = read_blocks(r, at, step, len, err);
		uint64_t cut = at < first ? first - at : 0;
		if (rc == 0)
			buf_add_slice(to, slice_sub(slice(step, len), (size_t)cut,
						  (size_t)(MIN(last, at + len) - at - cut)));
		if (rc == 0 && to->failed)
			rc = err_temporary(err, ERR_LIMIT, "no room for a blob");
		if (rc < 0) {
			to->len = before;
			return rc;
		}
	}
	return 0;
}

static int read_at(struct store_db *db, struct id blob, const struct embedded_position *place,
	int fd, uint64_t offset, uint64_t len, struct buf *to, struct err *err)
{
	char stack[LEAD_STACK];
	uint64_t lead_len = embedded_blob_lead(place->number);
	char *heap = NULL;
	if (offset >= place->number || len == 0)
		return 0;
	if (lead_len > sizeof(stack)) {
		heap = malloc((size_t)lead_len);
		if (!heap)
			return err_temporary(err, ERR_OTHER, "no memory to read a blob");
	}
	struct reading r = {.blob = blob,
		.place = *place,
		.fd = fd,
		.lead = heap ? heap : stack,
		.lead_len = (size_t)lead_len};
	len = MIN(len, place->number - offset);
	int rc = read_range(&r, offset, offset + len, to, err);
	free(heap);
	if (rc == 0) {
		atomic_fetch_add_explicit(&db->blobs_read, 1, memory_order_relaxed);
		atomic_fetch_add_explicit(&db->blob_bytes_read, len, memory_order_relaxed);
	}
	return rc;
}

/* `fresh`: what is remembered did not lead to the blob. */
static int find_place(struct store_db *db, struct id blob, bool fresh,
	struct embedded_position *ret_place, struct err *err)
{
	if (!fresh && embedded_places_find(&db->places, blob, ret_place))
		return 0;
	int rc = embedded_index_place(&db->index, blob, ret_place, err);
	if (rc == 0)
		embedded_places_keep(&db->places, blob, ret_place);
	return rc;
}

/* What is remembered is out of date also when a damaged blob was put anew. */
static bool is_elsewhere(struct store_db *db, struct id blob, const struct embedded_position *place)
{
	struct embedded_position now;
	return embedded_index_place(&db->index, blob, &now, NULL) == 0 &&
	       (now.segment != place->segment || now.offset != place->offset);
}

int embedded_blob_read(struct store_db *db, struct id blob, uint64_t offset, uint64_t len,
	struct buf *to, struct err *err)
{
	struct embedded_position place, before = {0};
	for (int i = 0; i < TRIES; i++) {
		struct err own = {0};
		int rc = find_place(db, blob, i > 0, &place, err);
		if (rc != 0)
			return rc;
		struct embedded_segment *segment =
			embedded_segments_get(&db->segments, place.segment, &own);
		if (segment) {
			rc = read_at(
				db, blob, &place, atomic_load(&segment->fd), offset, len, to, err);
			embedded_segments_unref(&db->segments, segment);
			if (rc >= 0 || !is_elsewhere(db, blob, &place))
				return rc;
			continue;
		}
		if (own.class != ERR_NONE) {
			if (err)
				*err = own;
			return -1;
		}
		/* Moved between the two look-ups; or gone, if it says the same again. */
		if (place.segment == before.segment)
			break;
		before = place;
	}
	return damaged(blob, &place, "the segment is missing", err);
}

int embedded_blob_len(struct store_db *db, struct id blob, uint64_t *ret_len, struct err *err)
{
	struct embedded_position place;
	int rc = find_place(db, blob, false, &place, err);
	if (rc == 0)
		*ret_len = place.number;
	return rc;
}
