/* The milter protocol's bytes. */
#include "filter/milter_wire.h"

#include "base/bytes.h"

size_t filter_milter_begin(struct buf *to, char kind)
{
	size_t begin = to->len;
	buf_add(to, "\0\0\0\0", 4);
	buf_add_byte(to, kind);
	return begin;
}

void filter_milter_end(struct buf *to, size_t begin)
{
	if (!to->failed)
		bytes_put_be32(to->data + begin, (uint32_t)(to->len - begin - 4));
}

void filter_milter_add_text(struct buf *to, struct slice text)
{
	buf_add_slice(to, slice_cut(&text, '\0'));
	buf_add_byte(to, '\0');
}

int filter_milter_cut_frame(struct slice *rest, struct filter_milter_frame *ret_frame)
{
	enum { LENGTH = 4 };
	if (rest->len < LENGTH)
		return 1;
	size_t len = bytes_get_be32(rest->ptr);
	if (len == 0 || len > FILTER_MILTER_FRAME_MAX)
		return -1;
	if (rest->len - LENGTH < len)
		return 1;
	ret_frame->kind = rest->ptr[LENGTH];
	ret_frame->data = slice_sub(*rest, LENGTH + 1, len - 1);
	*rest = slice_from(*rest, LENGTH + len);
	return 0;
}

static bool cut_u32(struct slice *rest, uint32_t *ret)
{
	if (rest->len < sizeof(*ret))
		return false;
	*ret = bytes_get_be32(rest->ptr);
	*rest = slice_from(*rest, sizeof(*ret));
	return true;
}

/* Up to its NUL, which has to be there. */
static bool cut_text(struct slice *rest, struct slice *ret)
{
	if (slice_find(*rest, '\0') < 0)
		return false;
	*ret = slice_cut(rest, '\0');
	return true;
}

bool filter_milter_read_negotiation(struct slice data, struct filter_milter_negotiation *ret)
{
	uint32_t stage;
	*ret = (struct filter_milter_negotiation){0};
	if (!cut_u32(&data, &ret->version) || !cut_u32(&data, &ret->actions) ||
		!cut_u32(&data, &ret->steps))
		return false;
	while (data.len > 0) {
		struct slice names;
		if (!cut_u32(&data, &stage) || !cut_text(&data, &names))
			return false;
		if (stage < MILTER_STAGES)
			ret->macros[stage] = names;
	}
	return ret->version >= FILTER_MILTER_VERSION_MIN && ret->version <= FILTER_MILTER_VERSION;
}

static bool is_digits(struct slice s, size_t count)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.ptr[i] < '0' || s.ptr[i] > '9')
			return false;
	return s.len > 0 && s.len <= count;
}

/* "5.7.1" of a reply's class. */
static bool is_status(struct slice s, char class)
{
	struct slice first = slice_cut(&s, '.'), second = slice_cut(&s, '.');
	return first.len == 1 && first.ptr[0] == class && is_digits(second, 3) && is_digits(s, 3);
}

/* "550 5.7.1 text"; several lines begin with "550-". */
static bool read_reply_code(struct slice text, struct filter_milter_reply *ret)
{
	enum { DIGITS = 3 };
	uint64_t code;
	if (text.len < DIGITS || !slice_to_u64(slice_sub(text, 0, DIGITS), 599, &code) ||
		code < 400)
		return false;
	ret->code = (unsigned)code;
	ret->text = slice_from(text, DIGITS);
	if (ret->text.len > 0) {
		if (ret->text.ptr[0] != ' ' && ret->text.ptr[0] != '-')
			return false;
		ret->text = slice_from(ret->text, 1);
	}
	struct slice rest = ret->text, status = slice_cut(&rest, ' ');
	if (is_status(status, text.ptr[0])) {
		ret->status = status;
		ret->text = rest;
	}
	return true;
}

static bool read_header(struct slice data, struct filter_milter_reply *ret)
{
	return cut_text(&data, &ret->name) && ret->name.len > 0 && cut_text(&data, &ret->value);
}

/* An address, and parameters if any. */
static bool read_address(struct slice data, struct filter_milter_reply *ret)
{
	if (!cut_text(&data, &ret->name) || ret->name.len == 0)
		return false;
	return data.len == 0 || cut_text(&data, &ret->value);
}

bool filter_milter_read_reply(
	const struct filter_milter_frame *frame, struct filter_milter_reply *ret)
{
	struct slice data = frame->data, text;
	*ret = (struct filter_milter_reply){.kind = frame->kind};
	switch (frame->kind) {
	case MILTER_ACCEPT:
	case MILTER_CONTINUE:
	case MILTER_DISCARD:
	case MILTER_FAIL_CONNECTION:
	case MILTER_PROGRESS:
	case MILTER_REJECT:
	case MILTER_SHUTDOWN:
	case MILTER_SKIP:
	case MILTER_TEMPFAIL:
		return true;
	case MILTER_ADD_HEADER:
		return read_header(data, ret);
	case MILTER_INSERT_HEADER:
	case MILTER_CHANGE_HEADER:
		return cut_u32(&data, &ret->index) && read_header(data, ret);
	case MILTER_ADD_RCPT:
	case MILTER_ADD_RCPT_ARGS:
	case MILTER_DELETE_RCPT:
	case MILTER_CHANGE_SENDER:
		return read_address(data, ret);
	case MILTER_QUARANTINE:
		return cut_text(&data, &ret->value);
	case MILTER_REPLACE_BODY:
		ret->text = data;
		return true;
	case MILTER_REPLY_CODE:
		return cut_text(&data, &text) && read_reply_code(text, ret);
	default:
		return false;
	}
}
