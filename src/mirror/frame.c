/* A frame: its length in four bytes, its type in one, then its fields. */
#include "mirror/frame.h"

#include "base/bytes.h"

enum { LENGTH_SIZE = 4, PART_LAST = 1, DONE_TAKEN = 1 };

static void add_id(struct buf *to, struct id id)
{
	buf_add_slice(to, id_slice(&id));
}

static void add_fields(struct buf *to, const struct mirror_frame *f)
{
	char clock[8];
	switch ((enum mirror_frame_type)f->type) {
	case MIRROR_HELLO:
		bytes_add_varint(to, f->first_version);
		bytes_add_varint(to, f->last_version);
		add_id(to, f->cluster);
		add_id(to, f->node);
		bytes_put_be64(clock, (uint64_t)f->clock_ms);
		buf_add(to, clock, sizeof(clock));
		buf_add_slice(to, f->software);
		break;
	case MIRROR_WANT:
	case MIRROR_GIVE:
		add_id(to, f->account);
		break;
	case MIRROR_PART:
		bytes_add_varint(to, f->number);
		buf_add_byte(to, f->last ? PART_LAST : 0);
		buf_add_slice(to, f->bytes);
		break;
	case MIRROR_DONE:
		bytes_add_varint(to, f->number);
		buf_add_byte(to, f->taken ? DONE_TAKEN : 0);
		buf_add_slice(to, f->why);
		break;
	case MIRROR_PING:
	case MIRROR_PONG:
		bytes_add_varint(to, f->number);
		break;
	case MIRROR_LINKED:
		break;
	case MIRROR_BYE:
		buf_add_slice(to, f->why);
		break;
	}
}

void mirror_frame_add(struct buf *to, const struct mirror_frame *frame)
{
	size_t start = to->len;
	char length[LENGTH_SIZE] = {0};
	buf_add(to, length, sizeof(length));
	buf_add_byte(to, (char)frame->type);
	add_fields(to, frame);
	if (!to->failed)
		bytes_put_be32(to->data + start, (uint32_t)(to->len - start - LENGTH_SIZE));
}

static bool cut_version(struct slice *rest, unsigned *ret_version)
{
	uint64_t version;
	if (!bytes_cut_varint(rest, &version) || version > UINT16_MAX)
		return false;
	*ret_version = (unsigned)version;
	return true;
}

static bool read_hello(struct slice rest, struct mirror_frame *f)
{
	struct slice clock;
	if (!cut_version(&rest, &f->first_version) || !cut_version(&rest, &f->last_version) ||
		f->first_version > f->last_version || !id_cut(&rest, &f->cluster) ||
		!id_cut(&rest, &f->node) || !bytes_cut(&rest, 8, &clock))
		return false;
	f->clock_ms = (int64_t)bytes_get_be64(clock.ptr);
	f->software = rest;
	return true;
}

/* A byte of which only the lowest bit has a meaning. */
static bool cut_bit(struct slice *rest, bool *ret_bit)
{
	struct slice byte;
	if (!bytes_cut(rest, 1, &byte) || (byte.ptr[0] & ~1) != 0)
		return false;
	*ret_bit = byte.ptr[0] == 1;
	return true;
}

static bool read_fields(struct slice rest, struct mirror_frame *f)
{
	switch ((enum mirror_frame_type)f->type) {
	case MIRROR_HELLO:
		return read_hello(rest, f);
	case MIRROR_WANT:
	case MIRROR_GIVE:
		return id_cut(&rest, &f->account) && rest.len == 0;
	case MIRROR_PART:
		if (!bytes_cut_varint(&rest, &f->number) || !cut_bit(&rest, &f->last))
			return false;
		f->bytes = rest;
		return true;
	case MIRROR_DONE:
		if (!bytes_cut_varint(&rest, &f->number) || !cut_bit(&rest, &f->taken))
			return false;
		f->why = rest;
		return true;
	case MIRROR_PING:
	case MIRROR_PONG:
		return bytes_cut_varint(&rest, &f->number) && rest.len == 0;
	case MIRROR_LINKED:
		return rest.len == 0;
	case MIRROR_BYE:
		f->why = rest;
		return true;
	}
	return true; /* of a later version */
}

int mirror_frame_next(struct slice *input, struct mirror_frame *ret_frame)
{
	if (input->len < LENGTH_SIZE)
		return 0;
	size_t len = bytes_get_be32(input->ptr);
	if (len == 0 || len > MIRROR_FRAME_MAX)
		return -1;
	if (input->len - LENGTH_SIZE < len)
		return 0;
	struct slice body = slice_sub(*input, LENGTH_SIZE, len);
	*ret_frame = (struct mirror_frame){.type = (unsigned char)body.ptr[0]};
	if (!read_fields(slice_from(body, 1), ret_frame))
		return -1;
	*input = slice_from(*input, LENGTH_SIZE + len);
	return 1;
}
