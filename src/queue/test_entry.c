/* Entries as bytes, and back. */
#include "queue/queue.h"

#include "base/bytes.h"
#include "base/test.h"

static struct queue_entry full(void)
{
	return (struct queue_entry){.message = id_new(),
		.flags = QUEUE_LOCAL | QUEUE_HELD,
		.arrived_ms = 1700000000123,
		.sender = SLICE("alice@example.org"),
		.body = ENVELOPE_BINARYMIME,
		.ret = ENVELOPE_RET_HDRS,
		.smtputf8 = true,
		.envid = SLICE("env+2B1"),
		.user = SLICE("alice@example.org"),
		.session = SLICE("abc"),
		.recipient = SLICE("bob@example.net"),
		.notify = ENVELOPE_NOTIFY_DELAY,
		.orcpt = SLICE("rfc822;bob@example.com"),
		.attempts = 300,
		.tried_ms = 1700000100000,
		.next_ms = 1700000200000,
		.status = SLICE("4.4.1"),
		.reason = SLICE("no answer"),
		.host = SLICE("mx.example.net")};
}

static void an_entry_comes_back_as_it_was_written(void **state)
{
	struct queue_entry entry = full(), got;
	struct buf bytes = BUF(QUEUE_ENTRY_MAX);
	queue_entry_write(&entry, SLICE(""), &bytes);
	assert_true(queue_entry_read(buf_slice(&bytes), &got));
	assert_true(id_eq(got.message, entry.message));
	assert_true(got.flags == entry.flags && got.arrived_ms == entry.arrived_ms &&
		    got.body == entry.body && got.ret == entry.ret && got.smtputf8 &&
		    got.notify == entry.notify && got.attempts == entry.attempts &&
		    got.tried_ms == entry.tried_ms && got.next_ms == entry.next_ms);
	assert_slice(got.sender, "alice@example.org");
	assert_slice(got.user, "alice@example.org");
	assert_slice(got.envid, "env+2B1");
	assert_slice(got.session, "abc");
	assert_slice(got.recipient, "bob@example.net");
	assert_slice(got.orcpt, "rfc822;bob@example.com");
	assert_slice(got.status, "4.4.1");
	assert_slice(got.reason, "no answer");
	assert_slice(got.host, "mx.example.net");
	buf_free(&bytes);
}

static void fields_of_a_later_version_are_kept(void **state)
{
	struct queue_entry entry = full(), got;
	struct buf old = BUF(QUEUE_ENTRY_MAX), new = BUF(QUEUE_ENTRY_MAX);
	queue_entry_write(&entry, SLICE(""), &old);
	bytes_add_varint(&old, 200);
	bytes_add_counted(&old, SLICE("later"));
	assert_true(queue_entry_read(buf_slice(&old), &got));
	got.attempts++;
	queue_entry_write(&got, buf_slice(&old), &new);
	assert_true(slice_ends(buf_slice(&new), SLICE("later")));
	assert_true(queue_entry_read(buf_slice(&new), &got));
	assert_int_equal(got.attempts, 301);
	buf_free(&old);
	buf_free(&new);
}

static void what_is_cut_short_or_of_another_version_is_refused(void **state)
{
	struct queue_entry entry = full(), got;
	struct buf bytes = BUF(QUEUE_ENTRY_MAX);
	queue_entry_write(&entry, SLICE(""), &bytes);
	size_t fields = 0;
	for (size_t len = 0; len < bytes.len; len++)
		fields += queue_entry_read(slice(bytes.data, len), &got); /* at a field's end */
	assert_true(fields < 10);
	bytes.data[0] = 2;
	assert_false(queue_entry_read(buf_slice(&bytes), &got));
	buf_free(&bytes);
}

static void a_long_reason_is_cut(void **state)
{
	struct queue_entry entry = full(), got;
	struct buf bytes = BUF(QUEUE_ENTRY_MAX);
	char reason[2 * QUEUE_REASON_MAX];
	memset(reason, 'x', sizeof(reason));
	entry.reason = slice(reason, sizeof(reason));
	queue_entry_write(&entry, SLICE(""), &bytes);
	assert_true(queue_entry_read(buf_slice(&bytes), &got));
	assert_int_equal(got.reason.len, QUEUE_REASON_MAX);
	buf_free(&bytes);
}

static void places_have_names(void **state)
{
	static const char *const BAD[] = {"", ".", "5", "5.", ".5", "5.x", "-1.2", "5.4294967296",
		"5.1 ", "99999999999.1", "1.2.3"};
	char name[QUEUE_NAME_SIZE];
	struct queue_place place;
	queue_place_name((struct queue_place){63, UINT32_MAX}, name);
	assert_string_equal(name, "63.4294967295");
	assert_true(queue_place_read(slice_str(name), &place));
	assert_true(place.shard == 63 && place.number == UINT32_MAX);
	for (size_t i = 0; i < ARRAY_LEN(BAD); i++)
		assert_false(queue_place_read(slice_str(BAD[i]), &place));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_entry_comes_back_as_it_was_written),
		cmocka_unit_test(fields_of_a_later_version_are_kept),
		cmocka_unit_test(what_is_cut_short_or_of_another_version_is_refused),
		cmocka_unit_test(a_long_reason_is_cut),
		cmocka_unit_test(places_have_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
