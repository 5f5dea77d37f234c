/* A message told to a milter, and what it wants to become of it. */
#include "base/clock.h"
#include "filter/milter_internal.h"
#include "message/header.h"

/* Filters take frames of 64 KiB; a longer field is cut for them, not in the message. */
enum { FIELD_NAME_MAX = 500, FIELD_VALUE_MAX = 60 * 1000 };

static const struct milter_step END_OF_HEADER = {MILTER_END_OF_HEADER, MILTER_AT_END_OF_HEADER,
	MILTER_NO_END_OF_HEADER, MILTER_SILENT_END_OF_HEADER};

/* A value on the wire has bare LFs. */
static void add_field(struct filter_milter *m, const struct message_field *field)
{
	struct slice value = field->value;
	if (!(m->steps & MILTER_LEADING_SPACE))
		while (value.len > 0 && (value.ptr[0] == ' ' || value.ptr[0] == '\t'))
			value = slice_from(value, 1);
	filter_milter_add_text(&m->out, slice_sub(field->name, 0, FIELD_NAME_MAX));
	value = slice_sub(value, 0, FIELD_VALUE_MAX);
	for (size_t i = 0; i < value.len; i++)
		if (value.ptr[i] != '\r' && value.ptr[i] != '\0')
			buf_add_byte(&m->out, value.ptr[i]);
	buf_add_byte(&m->out, '\0');
}

static int send_header(struct filter_milter *m, struct slice header,
	struct filter_milter_verdict *ret, struct err *err)
{
	struct message_field field;
	static const struct milter_step HEADER = {
		MILTER_HEADER, MILTER_AT_END_OF_HEADER, MILTER_NO_HEADERS, MILTER_SILENT_HEADER};
	if (m->steps & MILTER_NO_HEADERS)
		return 0;
	while (m->state == MILTER_OPEN && message_next_field(&header, &field)) {
		if (field.name.len == 0)
			continue;
		size_t begin = filter_milter_begin(&m->out, MILTER_HEADER);
		add_field(m, &field);
		if (milter_finish_step(m, &HEADER, begin, ret, err) < 0)
			return -1;
	}
	return 0;
}

static int send_body(struct filter_milter *m, struct slice body, struct filter_milter_verdict *ret,
	struct err *err)
{
	if (m->steps & MILTER_NO_BODY)
		return 0;
	net_client_set_timeout(m->net, m->options.command_ms);
	while (m->state == MILTER_OPEN && body.len > 0) {
		struct slice piece = slice_sub(body, 0, FILTER_MILTER_CHUNK);
		size_t begin = filter_milter_begin(&m->out, MILTER_BODY);
		buf_add_slice(&m->out, piece);
		filter_milter_end(&m->out, begin);
		milter_send(m);
		body = slice_from(body, piece.len);
		if (m->steps & MILTER_SILENT_BODY)
			continue;
		int r = milter_await(m, MILTER_BODY, milter_command_deadline(m), ret, err);
		if (r != 0)
			return MIN(r, 0);
	}
	return 0;
}

/* Changes come until a verdict does. */
static int read_end(struct filter_milter *m, struct arena *arena,
	struct filter_milter_changes *changes, struct filter_milter_verdict *ret, struct err *err)
{
	struct filter_milter_reply reply;
	milter_macros_write(&m->macros, MILTER_AT_END, MILTER_END_OF_BODY, &m->out);
	size_t begin = filter_milter_begin(&m->out, MILTER_END_OF_BODY);
	filter_milter_end(&m->out, begin);
	milter_send(m);
	for (;;) {
		if (milter_read_reply(m, m->message_until, &reply, err) < 0)
			return -1;
		if (milter_to_verdict(m, &reply, ret))
			return 0;
		if (!filter_milter_changes_take(changes, &reply, arena)) {
			(void)err_temporary(err, ERR_LIMIT, "it changes too much");
			return milter_broken(m, err);
		}
	}
}

int filter_milter_message(struct filter_milter *m, struct slice message, struct arena *arena,
	struct filter_milter_changes *ret_changes, struct filter_milter_verdict *ret_verdict,
	struct err *err)
{
	size_t header = message_header_len(message);
	int r;
	*ret_changes = (struct filter_milter_changes){
		.body = BUF(m->options.body_max), .spaced = (m->steps & MILTER_LEADING_SPACE) != 0};
	if (milter_is_over(m, ret_verdict, &r, err)) {
		filter_milter_abort(m);
		return r;
	}
	m->message_until = clock_mono_ms() + m->options.end_ms;
	r = send_header(m, slice_sub(message, 0, header), ret_verdict, err);
	if (r == 0 && m->state == MILTER_OPEN)
		r = milter_bare_step(m, &END_OF_HEADER, ret_verdict, err);
	if (r == 0 && m->state == MILTER_OPEN)
		r = send_body(m, slice_from(message, header), ret_verdict, err);
	if (r == 0 && m->state == MILTER_OPEN) {
		r = read_end(m, arena, ret_changes, ret_verdict, err);
		m->in_message = false;
	}
	m->message_until = INT64_MAX;
	filter_milter_abort(m); /* if it was left before the end */
	return r;
}
