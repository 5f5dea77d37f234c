/* A milter's conversation: frames, answers, deadlines. What is queued goes with the next read
 * (net/client.h), so steps without answers cost no round trip. */
#include "base/bytes.h"
#include "base/clock.h"
#include "filter/milter_internal.h"

int milter_broken(struct filter_milter *m, struct err *err)
{
	m->state = MILTER_BROKEN;
	return err_prefix(err, "milter %s", m->options.name);
}

int milter_not_understood(struct filter_milter *m, struct err *err)
{
	(void)err_temporary(err, ERR_UNAVAILABLE, "its answer can't be understood");
	return milter_broken(m, err);
}

/* One frame, by `deadline`. */
int milter_read_frame(struct filter_milter *m, int64_t deadline,
	struct filter_milter_frame *ret_frame, struct err *err)
{
	enum { LENGTH = 4 };
	int64_t left = deadline - clock_mono_ms();
	net_client_set_timeout(m->net, left > 1 ? (unsigned)left : 1);
	buf_clear(&m->in);
	if (net_client_read_bytes(m->net, LENGTH, &m->in, err) != 0)
		return milter_broken(m, err);
	struct slice rest = buf_slice(&m->in);
	if (filter_milter_cut_frame(&rest, ret_frame) < 0)
		return milter_not_understood(m, err);
	if (net_client_read_bytes(m->net, bytes_get_be32(m->in.data), &m->in, err) != 0)
		return milter_broken(m, err);
	rest = buf_slice(&m->in);
	return filter_milter_cut_frame(&rest, ret_frame) == 0 ? 0 : milter_not_understood(m, err);
}

/* The next answer that is more than a sign of life. */
int milter_read_reply(
	struct filter_milter *m, int64_t deadline, struct filter_milter_reply *ret, struct err *err)
{
	struct filter_milter_frame frame;
	do {
		if (milter_read_frame(m, deadline, &frame, err) < 0)
			return -1;
		if (!filter_milter_read_reply(&frame, ret))
			return milter_not_understood(m, err);
		if (ret->kind == MILTER_PROGRESS && clock_mono_ms() >= deadline) {
			(void)err_temporary(err, ERR_UNAVAILABLE, "it does not come to an end");
			return milter_broken(m, err);
		}
	} while (ret->kind == MILTER_PROGRESS);
	return 0;
}

/* One line: of several the codes go, "%%" is "%" (as Sendmail has it). */
static struct slice one_line(struct filter_milter *m, struct slice text)
{
	enum { CODE = 4, TEXT_MAX = 400 };
	buf_clear(&m->text);
	for (bool first = true; text.len > 0; first = false) {
		struct slice line = slice_trim(slice_cut(&text, '\n'));
		if (!first)
			line = slice_from(line, CODE);
		if (!first && line.len > 0)
			buf_add_byte(&m->text, ' ');
		for (size_t i = 0; i < line.len && m->text.len < TEXT_MAX; i++) {
			char c = line.ptr[i];
			if (c == '%' && i + 1 < line.len && line.ptr[i + 1] == '%')
				i++;
			buf_add_byte(&m->text, c < ' ' || c > '~' ? '?' : c);
		}
	}
	return buf_slice(&m->text);
}

static void set_code(struct filter_milter *m, const struct filter_milter_reply *reply,
	struct filter_milter_verdict *ret)
{
	ret->kind = reply->code == 421  ? FILTER_MILTER_HANG_UP
		    : reply->code < 500 ? FILTER_MILTER_DEFER
					: FILTER_MILTER_REFUSE;
	ret->code = reply->code;
	ret->text = one_line(m, reply->text);
	/* the frame's bytes go with the next read, as the text does */
	ret->status = reply->status;
}

/* False: no answer that ends a step. */
bool milter_to_verdict(struct filter_milter *m, const struct filter_milter_reply *reply,
	struct filter_milter_verdict *ret)
{
	*ret = (struct filter_milter_verdict){.kind = FILTER_MILTER_GO_ON};
	switch (reply->kind) {
	case MILTER_CONTINUE:
	case MILTER_ACCEPT:
		return true;
	case MILTER_REJECT:
		ret->kind = FILTER_MILTER_REFUSE;
		return true;
	case MILTER_TEMPFAIL:
		ret->kind = FILTER_MILTER_DEFER;
		return true;
	case MILTER_DISCARD:
		ret->kind = FILTER_MILTER_DROP;
		return true;
	case MILTER_SHUTDOWN:
	case MILTER_FAIL_CONNECTION:
		ret->kind = FILTER_MILTER_HANG_UP;
		return true;
	case MILTER_REPLY_CODE:
		set_code(m, reply, ret);
		return true;
	default:
		return false;
	}
}

/* What an answer means for the steps that follow: a recipient's refusal is his alone, and after a
 * HELO that was refused there may be another. */
static void note(struct filter_milter *m, enum filter_milter_command command, char answer)
{
	bool leaves = answer == MILTER_ACCEPT || answer == MILTER_DISCARD;
	if (answer == MILTER_CONTINUE)
		return;
	if (command == MILTER_CONNECT || (command == MILTER_HELO && leaves))
		m->state = MILTER_LEFT_CONNECTION;
	else if (leaves || (command != MILTER_HELO && command != MILTER_RCPT))
		m->state = MILTER_LEFT_MESSAGE;
}

int milter_await(struct filter_milter *m, enum filter_milter_command command, int64_t deadline,
	struct filter_milter_verdict *ret, struct err *err)
{
	struct filter_milter_reply reply;
	if (milter_read_reply(m, deadline, &reply, err) < 0)
		return -1;
	if (command == MILTER_BODY && reply.kind == MILTER_SKIP)
		return MILTER_SKIP;
	if (!milter_to_verdict(m, &reply, ret))
		return milter_not_understood(m, err);
	note(m, command, reply.kind);
	return 0;
}

/* Is the step to be left out? *ret_result is then what the call returns. */
bool milter_is_over(struct filter_milter *m, struct filter_milter_verdict *ret_verdict,
	int *ret_result, struct err *err)
{
	*ret_verdict = (struct filter_milter_verdict){.kind = FILTER_MILTER_GO_ON};
	*ret_result = 0;
	if (m->state == MILTER_BROKEN) {
		*ret_result = err_temporary(
			err, ERR_UNAVAILABLE, "milter %s has failed before", m->options.name);
	}
	return m->state != MILTER_OPEN;
}

int64_t milter_command_deadline(const struct filter_milter *m)
{
	return MIN(clock_mono_ms() + m->options.command_ms, m->message_until);
}

/* Sends what m->out holds. */
void milter_send(struct filter_milter *m)
{
	net_client_write(m->net, buf_slice(&m->out));
	buf_clear(&m->out);
}

/* A step of which m->out holds the frame, behind its macros. */
int milter_finish_step(struct filter_milter *m, const struct milter_step *step, size_t begin,
	struct filter_milter_verdict *ret, struct err *err)
{
	filter_milter_end(&m->out, begin);
	if (m->out.failed) {
		(void)err_temporary(err, ERR_LIMIT, "a step is too long");
		return milter_broken(m, err);
	}
	milter_send(m);
	if (m->steps & step->silent)
		return 0;
	return milter_await(m, step->command, milter_command_deadline(m), ret, err);
}

/* False: the filter does not want it. */
bool milter_begin_step(struct filter_milter *m, const struct milter_step *step, size_t *ret_begin)
{
	if (m->steps & step->unwanted)
		return false;
	milter_macros_write(&m->macros, step->stage, step->command, &m->out);
	*ret_begin = filter_milter_begin(&m->out, (char)step->command);
	return true;
}

int milter_bare_step(struct filter_milter *m, const struct milter_step *step,
	struct filter_milter_verdict *ret_verdict, struct err *err)
{
	size_t begin;
	int r;
	if (milter_is_over(m, ret_verdict, &r, err) || !milter_begin_step(m, step, &begin))
		return r;
	return milter_finish_step(m, step, begin, ret_verdict, err);
}
