/* Frames, requests, refusals, bodies: as bytes and back, and whatever is cut or wrong. */
#include "base/test.h"
#include "move/wire.h"

#include "base/bytes.h"

static struct move_request full(enum move_type type)
{
	return (struct move_request){.type = type,
		.first_version = 1,
		.last_version = 3,
		.rows_version = 3,
		.secret = SLICE("the secret"),
		.software = SLICE("rookery 1"),
		.account = id_new(),
		.run = id_new(),
		.user = SLICE("ann@example.org"),
		.from = SLICE("one"),
		.to = SLICE("two"),
		.internal = true,
		.bytes = 1ULL << 40,
		.digest = 0x0123456789abcdefULL,
		.rows = 77};
}

static void requests_come_back(void **state)
{
	for (unsigned type = MOVE_HELLO; type <= MOVE_DROP; type++) {
		AUTO(buf_free) struct buf bytes = BUF(4096), again = BUF(4096);
		struct move_request wrote = full((enum move_type)type), read;
		if (type == MOVE_APPLY || type == MOVE_BODIES || type == MOVE_FINISH)
			wrote.rest = SLICE("what comes behind");
		move_request_write(&wrote, &bytes);
		assert_true(move_request_read(type, buf_slice(&bytes), &read));
		move_request_write(&read, &again);
		assert_true(slice_eq(buf_slice(&bytes), buf_slice(&again)));
	}
}

static void cut_requests_are_none(void **state)
{
	for (unsigned type = MOVE_HELLO; type <= MOVE_DROP; type++) {
		AUTO(buf_free) struct buf bytes = BUF(4096);
		struct move_request wrote = full((enum move_type)type), read;
		move_request_write(&wrote, &bytes);
		for (size_t len = 0; len < bytes.len; len++)
			assert_false(move_request_read(type, slice(bytes.data, len), &read));
	}
	struct move_request read;
	assert_false(move_request_read(0, SLICE(""), &read));
	assert_false(move_request_read(MOVE_OK, SLICE("................................"), &read));
}

static void frames_are_cut_off_the_front(void **state)
{
	AUTO(buf_free) struct buf bytes = BUF(4096);
	struct move_frame frame;
	char head[MOVE_FRAME_HEAD];
	for (int i = 0; i < 2; i++) {
		move_frame_head(MOVE_APPLY, 4, i == 1, head);
		buf_add(&bytes, head, sizeof(head));
		buf_add_str(&bytes, i ? "more" : "some");
	}
	struct slice input = buf_slice(&bytes);
	assert_int_equal(move_frame_next(&input, &frame), 1);
	assert_int_equal(frame.type, MOVE_APPLY);
	assert_false(frame.last);
	assert_slice(frame.bytes, "some");
	assert_int_equal(move_frame_next(&input, &frame), 1);
	assert_true(frame.last);
	assert_slice(frame.bytes, "more");
	assert_int_equal(move_frame_next(&input, &frame), 0);
	for (size_t len = 0; len < MOVE_FRAME_HEAD + 4; len++) {
		input = slice(bytes.data, len);
		assert_int_equal(move_frame_next(&input, &frame), 0);
		assert_int_equal(input.len, len);
	}
}

static void what_is_no_frame_is_told_by_its_head(void **state)
{
	struct move_frame frame;
	char head[MOVE_FRAME_HEAD];
	move_frame_head(MOVE_APPLY, MOVE_FRAME_MAX + 1, true, head);
	struct slice input = slice(head, sizeof(head));
	assert_int_equal(move_frame_next(&input, &frame), -1);
	move_frame_head(MOVE_APPLY, 0, true, head);
	head[5] = 2;
	input = slice(head, sizeof(head));
	assert_int_equal(move_frame_next(&input, &frame), -1);
	input = SLICE("GET / HTTP/1.1\r\n");
	assert_int_equal(move_frame_next(&input, &frame), -1);
}

static void bodies_follow_each_other(void **state)
{
	AUTO(buf_free) struct buf bytes = BUF(4096);
	struct id first = id_new(), blob;
	struct slice body;
	move_body_head(first, 5, &bytes);
	buf_add_str(&bytes, "hello");
	move_body_head(id_new(), 0, &bytes);
	struct slice rest = buf_slice(&bytes);
	assert_int_equal(move_body_next(&rest, &blob, &body), 1);
	assert_true(id_eq(blob, first));
	assert_slice(body, "hello");
	assert_int_equal(move_body_next(&rest, &blob, &body), 1);
	assert_int_equal(body.len, 0);
	assert_int_equal(move_body_next(&rest, &blob, &body), 0);
	rest = slice(bytes.data, ID_SIZE + 3);
	assert_int_equal(move_body_next(&rest, &blob, &body), -1);
}

static void a_refusal_keeps_its_class_and_has_no_control_characters(void **state)
{
	AUTO(buf_free) struct buf bytes = BUF(4096);
	struct err wrote, read;
	(void)err_permanent(&wrote, ERR_EXISTS, "he is\r\nthere already");
	move_refusal_write(&wrote, &bytes);
	assert_true(move_refusal_read(buf_slice(&bytes), &read));
	assert_int_equal(read.class, ERR_PERMANENT);
	assert_int_equal(read.kind, ERR_EXISTS);
	assert_string_equal(read.text, "he is  there already");
	assert_false(move_refusal_read(SLICE(""), &read));
	assert_false(move_refusal_read(SLICE("\x02\x01no"), &read));
	assert_false(move_refusal_read(SLICE("\x01\x7fno"), &read));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_come_back),
		cmocka_unit_test(cut_requests_are_none),
		cmocka_unit_test(frames_are_cut_off_the_front),
		cmocka_unit_test(what_is_no_frame_is_told_by_its_head),
		cmocka_unit_test(bodies_follow_each_other),
		cmocka_unit_test(a_refusal_keeps_its_class_and_has_no_control_characters),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
