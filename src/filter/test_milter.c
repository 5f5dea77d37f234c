/* A milter's conversation, with a filter that follows a script on a Unix socket. */
#include "base/clock.h"
#include "base/test.h"
#include "filter/milter.h"

#include <poll.h>
#include <pthread.h>
#include <unistd.h>

enum { REPLIES = 8, PATIENCE_MS = 5000 };

/* What the filter expects next, and what it says then; the first byte is the frame's kind. */
struct line {
	struct slice expected; /* one byte: any data */
	struct slice replies[REPLIES];
};

struct peer {
	char folder[32], path[64];
	int listener;
	const struct line *script;
	size_t count, done;
	char failure[300];
	pthread_t thread;
};

static bool read_all(int fd, char *to, size_t len)
{
	while (len > 0) {
		ssize_t got = read(fd, to, len);
		if (got <= 0)
			return false;
		to += got;
		len -= (size_t)got;
	}
	return true;
}

static bool read_frame(int fd, struct buf *to)
{
	char head[4];
	buf_clear(to);
	if (!read_all(fd, head, sizeof(head)))
		return false;
	size_t len = (size_t)(unsigned char)head[1] << 16 | (size_t)(unsigned char)head[2] << 8 |
		     (unsigned char)head[3];
	char *room = buf_reserve(to, len);
	if (!room || !read_all(fd, room, len))
		return false;
	to->len = len;
	return true;
}

static void write_frame(int fd, struct slice frame)
{
	AUTO(buf_free) struct buf out = BUF(1 << 20);
	size_t begin = filter_milter_begin(&out, frame.ptr[0]);
	buf_add_slice(&out, slice_from(frame, 1));
	filter_milter_end(&out, begin);
	for (size_t i = 0; i < out.len; i++) /* a byte at a time: cut anywhere */
		if (write(fd, out.data + i, 1) != 1)
			return;
}

static void *follow(void *context)
{
	struct peer *p = context;
	AUTO(buf_free) struct buf got = BUF(1 << 20);
	struct pollfd ready = {.fd = p->listener, .events = POLLIN};
	(void)poll(&ready, 1, 5000);
	int fd = accept(p->listener, NULL, NULL);
	for (; p->done < p->count; p->done++) {
		const struct line *line = &p->script[p->done];
		if (!read_frame(fd, &got)) {
			(void)snprintf(
				p->failure, sizeof(p->failure), "line %zu: the end", p->done);
			break;
		}
		struct slice frame = buf_slice(&got);
		if (line->expected.len == 1)
			frame.len = 1;
		if (!slice_eq(frame, line->expected)) {
			(void)snprintf(p->failure, sizeof(p->failure), "line %zu: %.*s", p->done,
				SLICE_ARG(frame));
			break;
		}
		for (size_t i = 0; i < REPLIES && line->replies[i].len > 0; i++)
			write_frame(fd, line->replies[i]);
	}
	if (p->failure[0] == '\0' && read_frame(fd, &got))
		(void)snprintf(
			p->failure, sizeof(p->failure), "then %.*s", SLICE_ARG(buf_slice(&got)));
	(void)close(fd);
	return NULL;
}

/* `patience_ms`: of a step, and of a message's end. */
static struct filter_milter *meet(
	struct peer *p, const struct line *script, size_t count, unsigned patience_ms)
{
	struct filter_milter_options options = {
		.name = "test", .command_ms = patience_ms, .end_ms = patience_ms};
	struct filter_milter *m;
	struct err err = {0};
	char text[100];
	*p = (struct peer){.folder = "/tmp/milter.XXXXXX", .script = script, .count = count};
	assert_non_null(mkdtemp(p->folder));
	(void)snprintf(p->path, sizeof(p->path), "%s/s", p->folder);
	(void)snprintf(text, sizeof(text), "unix:%s", p->path);
	assert_int_equal(net_address_parse(slice_str(text), &options.address, NULL), 0);
	assert_int_equal(net_address_listen(&options.address, 1, 0600, &p->listener, NULL), 0);
	assert_int_equal(pthread_create(&p->thread, NULL, follow, p), 0);
	if (filter_milter_open(&options, &m, &err) != 0)
		return NULL;
	return m;
}

static void part(struct peer *p, struct filter_milter *m)
{
	filter_milter_close(m);
	assert_int_equal(pthread_join(p->thread, NULL), 0);
	(void)close(p->listener);
	(void)unlink(p->path);
	(void)rmdir(p->folder);
	if (p->failure[0])
		fail_msg("the filter: %s", p->failure);
	assert_int_equal(p->done, p->count);
}

static struct net_address client(const char *text)
{
	struct net_address a;
	assert_int_equal(net_address_parse(slice_str(text), &a, NULL), 0);
	return a;
}

#define OFFER SLICE("O\0\0\0\6\0\0\1\xff\0\x1f\xf7\xff")
/* The filter's answer: version, actions, steps. */
#define AGREE(steps) SLICE("O\0\0\0\6\0\0\1\xff" steps)
#define ALL_STEPS    AGREE("\0\0\0\0")

#define GO SLICE("c")

static const char MESSAGE[] = "Subject: one\r\nX-Long: a\r\n b\r\nX-A: 1\r\nX-A: 2\r\n\r\nbody\r\n";

static void every_step_is_told_and_changes_come_at_the_end(void **state)
{
	static const struct line SCRIPT[] = {
		{OFFER, {SLICE("O\0\0\0\6\0\0\1\xff\0\0\0\0\0\0\0\2i, {x},{auth_authen}\0")}},
		{SLICE("DCj\0mx.example\0")},
		{SLICE("Cclient.example\0004\x12\x34"
		       "192.0.2.1\0"),
			{GO}},
		{SLICE("Hhelo.example\0"), {SLICE("p"), GO}},
		{SLICE("DMi\0ID1\0{auth_authen}\0ann\0")},
		{SLICE("M<a@b.example>\0SIZE=3\0BODY=8BITMIME\0"), {GO}},
		{SLICE("R<c@d.example>\0"), {SLICE("y550 5.1.1 no %% such\0")}},
		{SLICE("R<e@d.example>\0"), {GO}},
		{SLICE("DTi\0ID1\0")},
		{SLICE("T"), {GO}},
		{SLICE("LSubject\0one\0"), {GO}},
		{SLICE("LX-Long\0a\n b\0"), {GO}},
		{SLICE("LX-A\0"
		       "1\0"),
			{GO}},
		{SLICE("LX-A\0"
		       "2\0"),
			{GO}},
		{SLICE("DNi\0ID1\0")},
		{SLICE("N"), {GO}},
		{SLICE("Bbody\r\n"), {GO}},
		{SLICE("DEi\0ID1\0")},
		{SLICE("E"), {SLICE("p"), SLICE("hX-New\0n\0"), SLICE("m\0\0\0\2X-A\0\0"),
				     SLICE("+<f@d.example>\0"), SLICE("-<e@d.example>\0"),
				     SLICE("e<g@b.example>\0RET=HDRS\0"), SLICE("qsmells\0"),
				     SLICE("c")}},
		{SLICE("M<a@b.example>\0"), {GO}},
		{SLICE("A")},
		{SLICE("Q")},
	};
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	AUTO(buf_free) struct buf header = BUF(10000);
	struct filter_milter_changes changes;
	struct filter_milter_verdict v;
	struct peer p;
	struct slice body;
	struct net_address from = client("192.0.2.1:4660");
	struct filter_milter *m = meet(&p, SCRIPT, ARRAY_LEN(SCRIPT), PATIENCE_MS);
	assert_non_null(m);
	filter_milter_set(m, "j", SLICE("mx.example"));
	assert_int_equal(filter_milter_connect(m, SLICE("client.example"), &from, &v, NULL), 0);
	assert_int_equal(filter_milter_helo(m, SLICE("helo.example"), &v, NULL), 0);
	filter_milter_set(m, "{i}", SLICE("ID1"));
	filter_milter_set(m, "{auth_authen}", SLICE("ann"));
	assert_int_equal(filter_milter_mail(
				 m, SLICE("a@b.example"), SLICE("SIZE=3  BODY=8BITMIME"), &v, NULL),
		0);
	assert_int_equal(v.kind, FILTER_MILTER_GO_ON);
	assert_int_equal(filter_milter_rcpt(m, SLICE("c@d.example"), SLICE(""), &v, NULL), 0);
	assert_int_equal(v.kind, FILTER_MILTER_REFUSE);
	assert_int_equal(v.code, 550);
	assert_slice(v.status, "5.1.1");
	assert_slice(v.text, "no % such");
	assert_int_equal(filter_milter_rcpt(m, SLICE("e@d.example"), SLICE(""), &v, NULL), 0);
	assert_int_equal(v.kind, FILTER_MILTER_GO_ON);
	assert_int_equal(filter_milter_data(m, &v, NULL), 0);
	assert_int_equal(
		filter_milter_message(m, slice_str(MESSAGE), &arena, &changes, &v, NULL), 0);
	assert_int_equal(v.kind, FILTER_MILTER_GO_ON);
	assert_int_equal(changes.count, 4);
	assert_int_equal(changes.list[2].kind, FILTER_MILTER_ADD_RECIPIENT);
	assert_slice(changes.list[2].name, "f@d.example");
	assert_int_equal(changes.list[3].kind, FILTER_MILTER_REMOVE_RECIPIENT);
	assert_slice(changes.list[3].name, "e@d.example");
	assert_slice(changes.sender, "g@b.example");
	assert_slice(changes.sender_args, "RET=HDRS");
	assert_slice(changes.quarantine, "smells");
	assert_true(filter_milter_apply(&changes, slice_str(MESSAGE), &header, &body));
	assert_slice(buf_slice(&header),
		"Subject: one\r\nX-Long: a\r\n b\r\nX-A: 1\r\nX-New: n\r\n\r\n");
	assert_slice(body, "body\r\n");
	filter_milter_changes_free(&changes);
	filter_milter_set(m, "i", SLICE(""));
	filter_milter_set(m, "{auth_authen}", SLICE(""));
	assert_int_equal(filter_milter_mail(m, SLICE("a@b.example"), SLICE(""), &v, NULL), 0);
	filter_milter_abort(m);
	part(&p, m);
}

/* From MAIL to the message's end. */
static int one_message(struct filter_milter *m, struct slice message,
	struct filter_milter_changes *changes, struct arena *arena, struct filter_milter_verdict *v,
	struct err *err)
{
	int r = filter_milter_mail(m, SLICE("a@b.example"), SLICE(""), v, err);
	if (r == 0 && v->kind == FILTER_MILTER_GO_ON)
		r = filter_milter_rcpt(m, SLICE("c@d.example"), SLICE(""), v, err);
	if (r == 0 && v->kind == FILTER_MILTER_GO_ON)
		r = filter_milter_data(m, v, err);
	*changes = (struct filter_milter_changes){0};
	if (r == 0 && v->kind == FILTER_MILTER_GO_ON)
		r = filter_milter_message(m, message, arena, changes, v, err);
	return r;
}

static void unwanted_steps_are_left_out_and_silent_ones_not_awaited(void **state)
{
	/* wants neither HELO, RCPT nor DATA; silent: connect, mail, headers, end of header, body;
	 * values with their space */
	static const struct line SCRIPT[] = {
		{OFFER, {AGREE("\0\x1c\x52\x8a")}},
		{SLICE("C[2001:db8::1]\0"
		       "6\0\x19"
		       "2001:db8::1\0")},
		{SLICE("M<a@b.example>\0")},
		{SLICE("LSubject\0 one\0")},
		{SLICE("LX-Long\0 a\n b\0")},
		{SLICE("LX-A\0 1\0")},
		{SLICE("LX-A\0 2\0")},
		{SLICE("N")},
		{SLICE("Bbody\r\n")},
		{SLICE("E"), {SLICE("hX-New\0 n\0"), SLICE("bnew "), SLICE("bbody"), SLICE("a")}},
		{SLICE("Q")},
	};
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	AUTO(buf_free) struct buf header = BUF(10000);
	struct filter_milter_changes changes;
	struct filter_milter_verdict v;
	struct peer p;
	struct slice body;
	struct net_address from = client("[2001:db8::1]:25");
	struct filter_milter *m = meet(&p, SCRIPT, ARRAY_LEN(SCRIPT), PATIENCE_MS);
	assert_non_null(m);
	assert_int_equal(filter_milter_connect(m, SLICE("[2001:db8::1]"), &from, &v, NULL), 0);
	assert_int_equal(filter_milter_helo(m, SLICE("x"), &v, NULL), 0);
	assert_int_equal(one_message(m, slice_str(MESSAGE), &changes, &arena, &v, NULL), 0);
	assert_int_equal(v.kind, FILTER_MILTER_GO_ON);
	assert_true(filter_milter_apply(&changes, slice_str(MESSAGE), &header, &body));
	assert_true(slice_ends(buf_slice(&header), SLICE("X-A: 2\r\nX-New: n\r\n\r\n")));
	assert_slice(body, "new body");
	filter_milter_changes_free(&changes);
	part(&p, m);
}

static void who_accepts_is_not_asked_again(void **state)
{
	static const struct line SCRIPT[] = {
		{OFFER, {ALL_STEPS}},
		{SLICE("M"), {GO}},
		{SLICE("R"), {SLICE("a")}},
		{SLICE("A")},
		{SLICE("M"), {SLICE("t")}},
		{SLICE("A")},
		{SLICE("H"), {SLICE("a")}},
		{SLICE("Q")},
	};
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct filter_milter_changes changes;
	struct filter_milter_verdict v;
	struct peer p;
	struct filter_milter *m = meet(&p, SCRIPT, ARRAY_LEN(SCRIPT), PATIENCE_MS);
	assert_non_null(m);
	assert_int_equal(one_message(m, slice_str(MESSAGE), &changes, &arena, &v, NULL), 0);
	assert_int_equal(v.kind, FILTER_MILTER_GO_ON);
	filter_milter_changes_free(&changes);
	assert_int_equal(one_message(m, slice_str(MESSAGE), &changes, &arena, &v, NULL), 0);
	assert_int_equal(v.kind, FILTER_MILTER_DEFER);
	filter_milter_abort(m);
	assert_int_equal(filter_milter_helo(m, SLICE("x"), &v, NULL), 0);
	assert_int_equal(one_message(m, slice_str(MESSAGE), &changes, &arena, &v, NULL), 0);
	assert_int_equal(v.kind, FILTER_MILTER_GO_ON);
	assert_int_equal(changes.count, 0);
	filter_milter_changes_free(&changes);
	part(&p, m);
}

static void a_body_may_be_skipped_and_a_message_dropped(void **state)
{
	static char large[200000];
	static const struct line SCRIPT[] = {
		{OFFER, {AGREE("\0\0\x02\x2f")}}, /* body and end of header only, and RCPT's lack */
		{SLICE("N"), {GO}},
		{SLICE("B"), {GO}},
		{SLICE("B"), {SLICE("s")}},
		{SLICE("E"), {SLICE("d")}},
		{SLICE("N"), {SLICE("r")}},
		{SLICE("A")},
		{SLICE("N"), {SLICE("y421 4.3.0 one\r\n421 two\0")}},
		{SLICE("A")},
		{SLICE("Q")},
	};
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct filter_milter_changes changes;
	struct filter_milter_verdict v;
	struct peer p;
	memset(large, 'x', sizeof(large));
	memcpy(large, "A: b\r\n\r\n", 8);
	struct slice message = slice(large, sizeof(large));
	struct filter_milter *m = meet(&p, SCRIPT, ARRAY_LEN(SCRIPT), PATIENCE_MS);
	assert_non_null(m);
	assert_int_equal(one_message(m, message, &changes, &arena, &v, NULL), 0);
	assert_int_equal(v.kind, FILTER_MILTER_DROP);
	filter_milter_changes_free(&changes);
	assert_int_equal(one_message(m, message, &changes, &arena, &v, NULL), 0);
	assert_int_equal(v.kind, FILTER_MILTER_REFUSE);
	assert_int_equal(v.code, 0);
	filter_milter_changes_free(&changes);
	assert_int_equal(one_message(m, message, &changes, &arena, &v, NULL), 0);
	assert_int_equal(v.kind, FILTER_MILTER_HANG_UP);
	assert_slice(v.text, "one two");
	filter_milter_changes_free(&changes);
	part(&p, m);
}

static void silence_nonsense_and_the_end_are_temporary(void **state)
{
	static const struct line SCRIPTS[][3] = {
		{{OFFER, {ALL_STEPS}}, {SLICE("M"), {SLICE("p")}}},        /* silence */
		{{OFFER, {ALL_STEPS}}, {SLICE("M"), {SLICE("h")}}},        /* cut short */
		{{OFFER, {ALL_STEPS}}, {SLICE("M"), {SLICE("?")}}},        /* unknown */
		{{OFFER, {ALL_STEPS}}, {SLICE("M"), {SLICE("y200 x\0")}}}, /* no refusal */
	};
	for (size_t i = 0; i < ARRAY_LEN(SCRIPTS); i++) {
		struct filter_milter_verdict v;
		struct err err = {0};
		struct peer p;
		struct filter_milter *m = meet(&p, SCRIPTS[i], 2, i == 0 ? 100 : PATIENCE_MS);
		assert_non_null(m);
		int64_t began = clock_mono_ms();
		assert_true(filter_milter_mail(m, SLICE("a@b"), SLICE(""), &v, &err) < 0);
		assert_int_equal(err.class, ERR_TEMPORARY);
		assert_true(clock_mono_ms() - began < PATIENCE_MS);
		assert_true(filter_milter_mail(m, SLICE("a@b"), SLICE(""), &v, &err) < 0);
		assert_string_equal(err.text, "milter test has failed before");
		part(&p, m);
	}
}

static void signs_of_life_do_not_last_for_ever(void **state)
{
	static const struct line SCRIPT[] = {
		{OFFER, {AGREE("\0\0\x02\x7f")}}, /* the end alone */
		{SLICE("E"), {SLICE("p"), SLICE("p"), SLICE("hA\0b\0"), SLICE("p")}},
	};
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct filter_milter_changes changes;
	struct filter_milter_verdict v;
	struct err err = {0};
	struct peer p;
	struct filter_milter *m = meet(&p, SCRIPT, ARRAY_LEN(SCRIPT), 100);
	assert_non_null(m);
	assert_true(one_message(m, slice_str(MESSAGE), &changes, &arena, &v, &err) < 0);
	assert_int_equal(err.class, ERR_TEMPORARY);
	filter_milter_changes_free(&changes);
	part(&p, m);
}

static void who_can_not_agree_is_refused(void **state)
{
	static const struct line SCRIPTS[][1] = {
		{{OFFER, {SLICE("O\0\0\0\1\0\0\0\0\0\0\0\0")}}},   /* an old version */
		{{OFFER, {SLICE("O\0\0\0\6\0\0\0\0\x40\0\0\0")}}}, /* what we did not offer */
		{{OFFER, {SLICE("O\0\0\0\6")}}},
		{{OFFER, {GO}}},
	};
	for (size_t i = 0; i < ARRAY_LEN(SCRIPTS); i++) {
		struct peer p;
		assert_null(meet(&p, SCRIPTS[i], 1, PATIENCE_MS));
		part(&p, NULL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_step_is_told_and_changes_come_at_the_end),
		cmocka_unit_test(unwanted_steps_are_left_out_and_silent_ones_not_awaited),
		cmocka_unit_test(who_accepts_is_not_asked_again),
		cmocka_unit_test(a_body_may_be_skipped_and_a_message_dropped),
		cmocka_unit_test(silence_nonsense_and_the_end_are_temporary),
		cmocka_unit_test(signs_of_life_do_not_last_for_ever),
		cmocka_unit_test(who_can_not_agree_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
