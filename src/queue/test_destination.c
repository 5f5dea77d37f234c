/* Where entries wait together. */
#include "base/test.h"
#include "queue/destination.h"

static void check(const char *recipient, unsigned flags, const char *name)
{
	char room[QUEUE_DESTINATION_MAX];
	struct queue_entry e = {.recipient = slice_str(recipient), .flags = flags};
	assert_slice(queue_destination_of(&e, room), name);
}

static void it_is_the_domain_in_one_form(void **state)
{
	check("x@Example.ORG", 0, "example.org");
	check("x@example.org.", 0, "example.org");
	check("x@b\xc3\xbc"
	      "cher.example",
		0, "xn--bcher-kva.example");
	check("x@XN--BCHER-KVA.example", 0, "xn--bcher-kva.example");
	check("x@[192.0.2.1]", 0, "[192.0.2.1]");
	check("x@example.org", QUEUE_LOCAL, "");
	check("nonsense", 0, "invalid");
}

static void what_needs_another_connection_stands_apart(void **state)
{
	static const struct {
		unsigned flags;
		const char *name;
		enum queue_tls tls;
	} CASES[] = {
		{0, "example.org", QUEUE_TLS_AS_POLICY},
		{QUEUE_REQUIRETLS, "example.org requiretls", QUEUE_TLS_REQUIRED},
		{QUEUE_TLS_OPTIONAL, "example.org tls-optional", QUEUE_TLS_WAIVED},
		{QUEUE_REQUIRETLS | QUEUE_TLS_OPTIONAL, "example.org requiretls",
			QUEUE_TLS_REQUIRED},
	};
	for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
		struct slice domain;
		check("x@example.org", CASES[i].flags, CASES[i].name);
		assert_int_equal(
			queue_destination_read(slice_str(CASES[i].name), &domain), CASES[i].tls);
		assert_slice(domain, "example.org");
	}
}

static void back_ends_of_ours_stand_by_themselves(void **state)
{
	char room[QUEUE_DESTINATION_MAX];
	struct queue_entry e = {.recipient = SLICE("x@example.org"),
		.flags = QUEUE_LOCAL | QUEUE_REQUIRETLS,
		.place = SLICE("s1.test,s2.test:24")};
	struct slice place;
	assert_slice(queue_destination_of(&e, room), "s1.test,s2.test:24 lmtp");
	assert_true(queue_destination_is_local(queue_destination_of(&e, room), &place));
	assert_slice(place, "s1.test,s2.test:24");
	e.place = SLICE("");
	assert_true(queue_destination_is_local(queue_destination_of(&e, room), &place));
	assert_slice(place, "");
	e = (struct queue_entry){.recipient = SLICE("x@example.org"), .place = SLICE("s1.test")};
	assert_slice(queue_destination_of(&e, room), "example.org");
	assert_false(queue_destination_is_local(SLICE("example.org requiretls"), &place));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_the_domain_in_one_form),
		cmocka_unit_test(back_ends_of_ours_stand_by_themselves),
		cmocka_unit_test(what_needs_another_connection_stands_apart),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
