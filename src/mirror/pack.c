/* zstd at both ends, in pieces, between which others get the thread. What does not get shorter is
 * found out early: by its length, or by a sample from its middle, where the body is. */
#include "mirror/pack.h"

#include "base/alloc.h"
#include "base/bytes.h"
#include "base/wait.h"

#include <zstd.h>

enum {
	LEVEL = 1,
	PACKED_MIN = 256, /* bytes; less goes as it is */
	SAMPLE = 4 << 10,
	SAMPLED_MIN = 4 * SAMPLE,
	GAIN = 16, /* at least one byte in so many */
	PIECE = 128 << 10,
	WINDOW_LOG_MAX = 23, /* that is read, whatever a later version writes */
};

struct mirror_packer {
	ZSTD_CCtx *writer; /* made when it is needed, as the next */
	ZSTD_DCtx *reader;
};

struct mirror_packer *mirror_packer_new(void)
{
	return ALLOC(struct mirror_packer);
}

void mirror_packer_free(struct mirror_packer *packer)
{
	if (!packer)
		return;
	(void)ZSTD_freeCCtx(packer->writer);
	(void)ZSTD_freeDCtx(packer->reader);
	free(packer);
}

/* A varint; 0: more bytes are needed. */
static int cut_number(struct slice *rest, uint64_t *ret_number)
{
	enum { VARINT_MAX = 10 };
	size_t len = rest->len;
	return bytes_cut_varint(rest, ret_number) ? 1 : len < VARINT_MAX ? 0 : -1;
}

int mirror_head_read(struct slice message, struct mirror_head *ret_head)
{
	struct mirror_head head = {0};
	struct slice rest = message;
	uint64_t len;
	if (rest.len == 0)
		return 0;
	unsigned first = (unsigned char)rest.ptr[0];
	head.kind = first & ~(unsigned)MIRROR_PACKED;
	head.packed = first & MIRROR_PACKED;
	rest = slice_from(rest, 1);
	int r = head.kind == MIRROR_ANSWER ? cut_number(&rest, &head.number) : 1;
	if (r != 1)
		return r;
	if (head.packed) {
		size_t before = message.len - rest.len;
		r = cut_number(&rest, &len);
		if (r != 1)
			return r;
		if (len > MIRROR_MESSAGE_MAX - before)
			return -1;
		head.rest = len;
		head.size = before + len;
	}
	head.len = message.len - rest.len;
	*ret_head = head;
	return 1;
}

/* Of so many plain bytes: more is no gain. */
static size_t packed_max(size_t plain)
{
	return plain - plain / GAIN;
}

static bool begin(struct mirror_packer *packer, size_t len)
{
	if (!packer->writer)
		packer->writer = ZSTD_createCCtx();
	ZSTD_CCtx *writer = packer->writer;
	return writer && !ZSTD_isError(ZSTD_CCtx_reset(writer, ZSTD_reset_session_only)) &&
	       !ZSTD_isError(ZSTD_CCtx_setParameter(writer, ZSTD_c_compressionLevel, LEVEL)) &&
	       !ZSTD_isError(ZSTD_CCtx_setPledgedSrcSize(writer, len));
}

/* Appends a frame of these bytes; false when that is longer than `max`, or there is no memory. */
static bool squeeze(struct mirror_packer *packer, struct slice bytes, size_t max, struct buf *to)
{
	size_t start = to->len, left = 0;
	if (!begin(packer, bytes.len))
		return false;
	for (size_t at = 0; at < bytes.len || left > 0;) {
		size_t len = MIN(bytes.len - at, (size_t)PIECE), room = ZSTD_compressBound(len);
		ZSTD_inBuffer in = {bytes.ptr + at, len, 0};
		ZSTD_outBuffer out = {buf_reserve(to, room), room, 0};
		bool last = at + len == bytes.len;
		if (!out.dst)
			return false;
		left = ZSTD_compressStream2(
			packer->writer, &out, &in, last ? ZSTD_e_end : ZSTD_e_continue);
		if (ZSTD_isError(left))
			return false;
		if (!last)
			left = 0; /* what it holds back comes with the next piece */
		at += in.pos;
		to->len += out.pos;
		if (to->len - start > max)
			return false;
		if (at < bytes.len)
			wait_give_way();
	}
	return true;
}

/* By what stands in the middle. */
static bool looks_dense(struct mirror_packer *packer, struct slice bytes)
{
	AUTO(buf_free) struct buf out = BUF(SIZE_MAX);
	if (bytes.len < SAMPLED_MIN)
		return false;
	struct slice sample = slice_sub(bytes, bytes.len / 2, SAMPLE);
	return !squeeze(packer, sample, packed_max(SAMPLE), &out);
}

void mirror_pack(struct mirror_packer *packer, struct buf *message)
{
	struct slice plain = buf_slice(message);
	struct mirror_head head;
	if (message->failed || plain.len < PACKED_MIN || mirror_head_read(plain, &head) != 1 ||
		head.packed)
		return;
	struct slice rest = slice_from(plain, head.len);
	struct buf packed = BUF(MIRROR_MESSAGE_MAX);
	buf_add_slice(&packed, slice_sub(plain, 0, head.len));
	bytes_add_varint(&packed, rest.len);
	if (!looks_dense(packer, rest) && squeeze(packer, rest, packed_max(rest.len), &packed) &&
		!packed.failed) {
		packed.data[0] = (char)(head.kind | MIRROR_PACKED);
		buf_free(message);
		*message = packed;
	} else {
		buf_free(&packed);
	}
}

static bool begin_reading(struct mirror_packer *packer)
{
	if (!packer->reader)
		packer->reader = ZSTD_createDCtx();
	ZSTD_DCtx *reader = packer->reader;
	return reader && !ZSTD_isError(ZSTD_DCtx_reset(reader, ZSTD_reset_session_only)) &&
	       !ZSTD_isError(ZSTD_DCtx_setParameter(reader, ZSTD_d_windowLogMax, WINDOW_LOG_MAX));
}

static int unlike(struct err *err, const char *what)
{
	return err_temporary(err, ERR_BAD_INPUT, "a packed message %s", what);
}

/* One more piece. 1: the frame is over; 0: it goes on. */
static int stretch(
	ZSTD_DCtx *reader, ZSTD_inBuffer *in, size_t left, struct buf *to, struct err *err)
{
	/* One byte more than there may be shows when there is more. */
	size_t room = MIN(left + 1, (size_t)PIECE), before = in->pos;
	ZSTD_outBuffer out = {buf_reserve(to, room), room, 0};
	if (!out.dst)
		return err_temporary(err, ERR_LIMIT, "no memory for a message");
	size_t r = ZSTD_decompressStream(reader, &out, in);
	if (ZSTD_isError(r))
		return unlike(err, ZSTD_getErrorName(r));
	if (out.pos > left)
		return unlike(err, "is larger than it says");
	to->len += out.pos;
	if (r > 0 && out.pos == 0 && in->pos == before)
		return unlike(err, "is cut short");
	return r == 0;
}

int mirror_unpack(struct mirror_packer *packer, const struct mirror_head *head,
	struct slice message, struct buf *to, struct err *err)
{
	size_t plain_head = head->size - head->rest;
	ZSTD_inBuffer in = {message.ptr, message.len, head->len};
	buf_add_byte(to, (char)head->kind);
	buf_add_slice(to, slice_sub(message, 1, plain_head - 1));
	size_t start = to->len;
	int r = begin_reading(packer) ? 0
				      : err_temporary(err, ERR_LIMIT, "no memory for a message");
	while (r == 0) {
		r = stretch(packer->reader, &in, head->rest - (to->len - start), to, err);
		wait_give_way();
	}
	if (r < 0)
		return r;
	if (to->len - start != head->rest || in.pos != in.size)
		return unlike(err, "is not as long as it says");
	return 0;
}
