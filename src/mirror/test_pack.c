/* Messages packed and unpacked: there and back, cut anywhere, and what must not be taken. */
#include "mirror/pack.h"

#include "base/bytes.h"
#include "base/random.h"
#include "base/test.h"

#include <zstd.h>

enum { MAX = 4 << 20 };

static int set_up(void **state)
{
	*state = mirror_packer_new();
	return 0;
}

static int tear_down(void **state)
{
	mirror_packer_free(*state);
	return 0;
}

static void add_text(struct buf *to, size_t len)
{
	while (to->len < len)
		buf_printf(to, "line %zu of the same letter\r\n", to->len);
	to->len = len;
}

static void add_noise(struct buf *to, size_t len)
{
	char *room = buf_reserve(to, len);
	assert_non_null(room);
	random_bytes(room, len);
	to->len += len;
}

static void there_and_back(struct mirror_packer *packer, const struct buf *plain, bool gains)
{
	AUTO(buf_free) struct buf packed = BUF(MAX), again = BUF(MAX);
	struct mirror_head head;
	struct err err;
	buf_add_slice(&packed, buf_slice(plain));
	mirror_pack(packer, &packed);
	assert_int_equal(mirror_head_read(buf_slice(&packed), &head), 1);
	assert_int_equal(head.packed, gains);
	if (!gains) {
		assert_true(slice_eq(buf_slice(&packed), buf_slice(plain)));
		return;
	}
	assert_true(packed.len < plain->len);
	assert_int_equal(head.size, plain->len);
	assert_int_equal(mirror_unpack(packer, &head, buf_slice(&packed), &again, &err), 0);
	assert_true(slice_eq(buf_slice(&again), buf_slice(plain)));
	for (size_t len = 0; len < head.len; len++)
		assert_int_equal(mirror_head_read(slice(packed.data, len), &head), 0);
}

static void what_gets_shorter_is_packed_and_comes_back(void **state)
{
	static const size_t LENGTHS[] = {
		256, 300, 5000, 128 << 10, (128 << 10) + 1, 1 << 20, 3 << 20};
	for (size_t i = 0; i < ARRAY_LEN(LENGTHS); i++) {
		AUTO(buf_free) struct buf commit = BUF(MAX), answer = BUF(MAX);
		buf_add_byte(&commit, MIRROR_COMMIT);
		add_text(&commit, LENGTHS[i]);
		there_and_back(*state, &commit, true);
		buf_add_byte(&answer, MIRROR_ANSWER);
		bytes_add_varint(&answer, UINT64_MAX);
		add_text(&answer, LENGTHS[i]);
		there_and_back(*state, &answer, true);
	}
}

static void what_is_small_or_dense_goes_as_it_is(void **state)
{
	AUTO(buf_free) struct buf small = BUF(MAX), dense = BUF(MAX), large = BUF(MAX);
	buf_add_byte(&small, MIRROR_COMMIT);
	add_text(&small, 255);
	there_and_back(*state, &small, false);
	buf_add_byte(&dense, MIRROR_COMMIT);
	add_noise(&dense, 8000);
	there_and_back(*state, &dense, false);
	buf_add_byte(&large, MIRROR_COMMIT);
	add_text(&large, 8000); /* rows before a body that is compressed already */
	add_noise(&large, 1 << 20);
	there_and_back(*state, &large, false);
}

/* Says that `rest` bytes stand behind the head, and has those that are given. */
static void make_packed(struct buf *to, uint64_t rest, struct slice bytes)
{
	char *room = buf_reserve(to, bytes.len + 1024);
	assert_non_null(room);
	buf_add_byte(to, (char)(MIRROR_COMMIT | MIRROR_PACKED));
	bytes_add_varint(to, rest);
	size_t len = ZSTD_compress(to->data + to->len, to->cap - to->len, bytes.ptr, bytes.len, 1);
	assert_false(ZSTD_isError(len));
	to->len += len;
}

static void refuse(struct mirror_packer *packer, struct slice message, const char *why)
{
	AUTO(buf_free) struct buf out = BUF(MAX);
	struct mirror_head head;
	struct err err;
	assert_int_equal(mirror_head_read(message, &head), 1);
	assert_true(mirror_unpack(packer, &head, message, &out, &err) < 0);
	assert_non_null(strstr(err.text, why));
	assert_true(out.len <= head.size); /* nothing beyond was written */
}

static void what_is_not_what_it_says_is_refused(void **state)
{
	AUTO(buf_free)
	struct buf text = BUF(MAX), more = BUF(MAX), less = BUF(MAX), good = BUF(MAX);
	add_text(&text, 1 << 20);
	make_packed(&more, text.len - 1, buf_slice(&text));
	refuse(*state, buf_slice(&more), "larger than it says");
	make_packed(&less, text.len + 1, buf_slice(&text));
	refuse(*state, buf_slice(&less), "not as long");
	make_packed(&good, text.len, buf_slice(&text));
	refuse(*state, slice(good.data, good.len - 1), "cut short");
	buf_add_byte(&good, 0);
	refuse(*state, buf_slice(&good), "not as long");
	refuse(*state, SLICE("\x81\x05junk that is none"), "a packed message");
}

/* Some hundred bytes that would be a mebibyte. */
static void a_bomb_takes_no_more_than_it_says(void **state)
{
	AUTO(buf_free) struct buf nothing = BUF(MAX), bomb = BUF(MAX), out = BUF(MAX);
	struct mirror_head head;
	struct err err;
	assert_non_null(buf_reserve(&nothing, 1 << 20));
	memset(nothing.data, 0, 1 << 20);
	nothing.len = 1 << 20;
	make_packed(&bomb, 1000, buf_slice(&nothing));
	assert_true(bomb.len < 300);
	assert_int_equal(mirror_head_read(buf_slice(&bomb), &head), 1);
	assert_true(mirror_unpack(*state, &head, buf_slice(&bomb), &out, &err) < 0);
	assert_true(out.cap < 8000);
}

static void what_no_message_begins_with_is_refused(void **state)
{
	AUTO(buf_free) struct buf large = BUF(100);
	struct mirror_head head;
	buf_add_byte(&large, (char)(MIRROR_COMMIT | MIRROR_PACKED));
	bytes_add_varint(&large, MIRROR_MESSAGE_MAX);
	assert_int_equal(mirror_head_read(buf_slice(&large), &head), -1);
	assert_int_equal(
		mirror_head_read(SLICE("\x02\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"), &head),
		-1);
	assert_int_equal(mirror_head_read(SLICE_NONE, &head), 0);
	assert_int_equal(mirror_head_read(SLICE("\x63"), &head), 1); /* of a later version */
	assert_int_equal(head.kind, 0x63);
}

int main(void)
{
#define PACK_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		PACK_TEST(what_gets_shorter_is_packed_and_comes_back),
		PACK_TEST(what_is_small_or_dense_goes_as_it_is),
		PACK_TEST(what_is_not_what_it_says_is_refused),
		PACK_TEST(a_bomb_takes_no_more_than_it_says),
		PACK_TEST(what_no_message_begins_with_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
