/* A frame: its length in four bytes, its type, whether more of the message follows, bytes. */
#include "move/wire.h"

#include "base/bytes.h"

enum { LENGTH_SIZE = 4, DIGEST_SIZE = 8 };

int move_frame_next(struct slice *input, struct move_frame *ret_frame)
{
	if (input->len < MOVE_FRAME_HEAD)
		return 0;
	size_t len = bytes_get_be32(input->ptr);
	unsigned char last = (unsigned char)input->ptr[LENGTH_SIZE + 1];
	if (len > MOVE_FRAME_MAX || last > 1)
		return -1;
	if (input->len - MOVE_FRAME_HEAD < len)
		return 0;
	*ret_frame = (struct move_frame){
		.type = (unsigned char)input->ptr[LENGTH_SIZE],
		.last = last == 1,
		.bytes = slice_sub(*input, MOVE_FRAME_HEAD, len),
	};
	*input = slice_from(*input, MOVE_FRAME_HEAD + len);
	return 1;
}

void move_frame_head(unsigned type, size_t len, bool last, char ret_head[MOVE_FRAME_HEAD])
{
	bytes_put_be32(ret_head, (uint32_t)len);
	ret_head[LENGTH_SIZE] = (char)type;
	ret_head[LENGTH_SIZE + 1] = last ? 1 : 0;
}

static bool cut_number(struct slice *rest, unsigned *ret_number)
{
	uint64_t number;
	if (!bytes_cut_varint(rest, &number) || number > UINT16_MAX)
		return false;
	*ret_number = (unsigned)number;
	return true;
}

static void write_hello(const struct move_request *q, struct buf *to)
{
	bytes_add_varint(to, q->first_version);
	bytes_add_varint(to, q->last_version);
	bytes_add_varint(to, q->rows_version);
	bytes_add_counted(to, q->secret);
	bytes_add_counted(to, q->software);
}

void move_request_write(const struct move_request *q, struct buf *to)
{
	char digest[DIGEST_SIZE];
	if (q->type == MOVE_HELLO) {
		write_hello(q, to);
		return;
	}
	buf_add_slice(to, id_slice(&q->account));
	buf_add_slice(to, id_slice(&q->run));
	if (q->type == MOVE_BEGIN) {
		bytes_add_counted(to, q->user);
		bytes_add_counted(to, q->from);
		bytes_add_counted(to, q->to);
		buf_add_byte(to, q->internal ? 1 : 0);
		bytes_add_varint(to, q->bytes);
	}
	if (q->type == MOVE_FINISH) {
		bytes_put_be64(digest, q->digest);
		buf_add(to, digest, sizeof(digest));
		bytes_add_varint(to, q->rows);
	}
	buf_add_slice(to, q->rest);
}

/* What comes behind is a later version's. */
static bool read_hello(struct slice rest, struct move_request *q)
{
	return cut_number(&rest, &q->first_version) && cut_number(&rest, &q->last_version) &&
	       q->first_version <= q->last_version && cut_number(&rest, &q->rows_version) &&
	       bytes_cut_counted(&rest, &q->secret) && bytes_cut_counted(&rest, &q->software);
}

static bool read_begin(struct slice rest, struct move_request *q)
{
	struct slice internal;
	if (!bytes_cut_counted(&rest, &q->user) || !bytes_cut_counted(&rest, &q->from) ||
		!bytes_cut_counted(&rest, &q->to) || !bytes_cut(&rest, 1, &internal) ||
		(internal.ptr[0] & ~1) != 0 || !bytes_cut_varint(&rest, &q->bytes))
		return false;
	q->internal = internal.ptr[0] == 1;
	return rest.len == 0;
}

static bool read_finish(struct slice rest, struct move_request *q)
{
	struct slice digest;
	if (!bytes_cut(&rest, DIGEST_SIZE, &digest) || !bytes_cut_varint(&rest, &q->rows))
		return false;
	q->digest = bytes_get_be64(digest.ptr);
	q->rest = rest;
	return true;
}

bool move_request_read(unsigned type, struct slice bytes, struct move_request *ret_request)
{
	struct move_request *q = ret_request;
	*q = (struct move_request){.type = (enum move_type)type};
	if (type == MOVE_HELLO)
		return read_hello(bytes, q);
	if (!id_cut(&bytes, &q->account) || !id_cut(&bytes, &q->run))
		return false;
	switch (type) {
	case MOVE_BEGIN:
		return read_begin(bytes, q);
	case MOVE_FINISH:
		return read_finish(bytes, q);
	case MOVE_APPLY:
	case MOVE_BODIES:
		q->rest = bytes;
		return true;
	case MOVE_ROWS:
	case MOVE_OPEN:
	case MOVE_DROP:
		return bytes.len == 0;
	default:
		return false;
	}
}

void move_body_head(struct id blob, uint64_t len, struct buf *to)
{
	buf_add_slice(to, id_slice(&blob));
	bytes_add_varint(to, len);
}

int move_body_next(struct slice *rest, struct id *ret_blob, struct slice *ret_bytes)
{
	if (rest->len == 0)
		return 0;
	return id_cut(rest, ret_blob) && bytes_cut_counted(rest, ret_bytes) ? 1 : -1;
}

void move_refusal_write(const struct err *why, struct buf *to)
{
	buf_add_byte(to, why->class == ERR_PERMANENT ? 1 : 0);
	buf_add_byte(to, (char)why->kind);
	buf_add_str(to, why->text);
}

bool move_refusal_read(struct slice bytes, struct err *ret_why)
{
	char text[sizeof(ret_why->text)];
	if (bytes.len < 2 || (bytes.ptr[0] & ~1) != 0 || bytes.ptr[1] < 0 ||
		bytes.ptr[1] > ERR_IN_USE)
		return false;
	struct slice words = slice_from(bytes, 2);
	(void)snprintf(text, sizeof(text), "%.*s", SLICE_ARG(words));
	for (char *c = text; *c; c++)
		if ((unsigned char)*c < ' ')
			*c = ' ';
	(void)err_set(ret_why, bytes.ptr[0] == 1 ? ERR_PERMANENT : ERR_TEMPORARY,
		(enum err_kind)bytes.ptr[1], __func__, "%s", text);
	return true;
}
