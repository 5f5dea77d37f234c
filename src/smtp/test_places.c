/* Names of places; servers that are away, and their copies; TLS. */
#include "smtp/places.h"

#include "base/clock.h"
#include "base/log.h"
#include "smtp/test_script.h"

#include <unistd.h>

#define OFFER "250-s\r\n250-PIPELINING\r\n250-CHUNKING\r\n250-XDELIVERY\r\n250 8BITMIME\r\n"
#define GREETS                                                                                     \
	{"", "220 s\r\n"},                                                                         \
	{                                                                                          \
		"LHLO us.test", OFFER                                                              \
	}
#define TAKES_ONE                                                                                  \
	{"MAIL", ""}, {"RCPT", ""},                                                                \
	{                                                                                          \
		"BDAT", "250 ok\r\n250 ok\r\n250 kept\r\n"                                         \
	}

static int set_up(void **state)
{
	log_setup(LOG_ERROR, LOG_LOGFMT, 2);
	return 0;
}

static struct smtp_places *open_places(
	const char *const *own, size_t count, bool tls, const char *ca_file)
{
	struct smtp_places *p;
	struct err err;
	static const char *const NAMES[] = {"node9.test"};
	const struct smtp_places_options options = {.own = own,
		.names = NAMES,
		.name_count = 1,
		.own_count = count,
		.hostname = "us.test",
		.ca_file = ca_file,
		.port = 24,
		.tls = tls,
		.timeout_ms = 5000};
	if (smtp_places_new(&options, &p, &err) != 0)
		fail_msg("%s", err.text);
	return p;
}

static void names_of_places(void **state)
{
	static const struct {
		const char *host, *name;
	} GOOD[] = {{" Store1.Example.org ", "store1.example.org"},
		{"a.test , B.test:2424", "a.test,b.test:2424"}, {"US.test", ""},
		{"[2001:DB8::1]:24", "[2001:db8::1]:24"}, {"Node9.test", ""},
		{"us.test,b.test", "us.test,b.test"}};
	static const char *const BAD[] = {"a.test,", ",a.test", "a.test,,b.test", "a b.test",
		"tls:a.test", "unix:/run/lmtp", "a.test:0", "a.test:x", "1:2:3",
		"a,b,c,d,e,f,g,h,i"};
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	static const char *const OWN[] = {"unix:/run/none/lmtp"};
	struct smtp_places *p = open_places(OWN, 1, false, NULL);
	struct slice name;
	struct err err;
	for (size_t i = 0; i < ARRAY_LEN(GOOD); i++) {
		assert_int_equal(
			smtp_places_name(p, slice_str(GOOD[i].host), &arena, &name, &err), 0);
		assert_slice(name, GOOD[i].name);
	}
	for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
		if (smtp_places_name(p, slice_str(BAD[i]), &arena, &name, &err) == 0)
			fail_msg("%s is taken", BAD[i]);
		assert_int_equal(err.class, ERR_TEMPORARY);
	}
	smtp_places_free(p);
}

static void the_table_is_bounded_and_forgets(void **state)
{
	struct smtp_places *p;
	struct smtp_place *one, *other, *third;
	struct err err;
	const struct smtp_places_options options = {
		.hostname = "us.test", .port = 24, .places_max = 2, .keep_ms = 1};
	assert_int_equal(smtp_places_new(&options, &p, &err), 0);
	assert_int_equal(smtp_places_take(p, SLICE("a.test"), &one, &err), 0);
	assert_int_equal(smtp_places_take(p, SLICE("a.test"), &third, &err), 0);
	assert_ptr_equal(one, third);
	assert_int_equal(smtp_places_take(p, SLICE("b.test"), &other, &err), 0);
	assert_true(smtp_places_take(p, SLICE("c.test"), &third, &err) < 0);
	assert_int_equal(err.class, ERR_TEMPORARY);
	smtp_places_give(p, other);
	assert_int_equal(smtp_places_take(p, SLICE("c.test"), &third, &err), 0);
	assert_int_equal(smtp_places_count(p), 2);
	smtp_places_give(p, third);
	(void)usleep(5000);
	smtp_places_keep_house(p);
	assert_int_equal(smtp_places_count(p), 1);
	assert_true(smtp_places_take(p, SLICE(""), &third, &err) < 0); /* there is no own store */
	smtp_places_give(p, one);
	smtp_places_give(p, one);
	smtp_places_free(p);
}

struct message {
	struct smtp_transaction t;
	struct smtp_recipient recipient, *list[1];
};

static int send_one(struct smtp_places *p, struct slice name, struct message *m, struct err *err)
{
	struct smtp_place *place;
	*m = (struct message){.t = {.session = "s", .message = SLICE("Subject: x\r\n\r\nx\r\n")}};
	m->list[0] = &m->recipient;
	m->t.sender.delivery = id_new();
	m->t.recipients = m->list;
	m->t.count = 1;
	m->recipient.envelope.path.address = SLICE("ann@x.test");
	assert_int_equal(smtp_places_take(p, name, &place, err), 0);
	int r = smtp_client_deliver(smtp_place_pool(place), &m->t, err);
	smtp_places_give(p, place);
	arena_free(&m->t.arena);
	return r;
}

static void name_script(struct script *s, const char *before, char room[64])
{
	struct net_address address = script_address(s);
	(void)snprintf(room, 64, "%slocalhost:%u", before, net_address_port(&address));
}

/* A port where nobody listens. */
static const char DEAD[] = "127.0.0.1:1";

static void the_copy_is_used_while_the_first_one_is_away(void **state)
{
	struct script *s = script_start(SCRIPT(GREETS, TAKES_ONE, TAKES_ONE), NULL);
	char name[64];
	struct message m;
	struct err err;
	name_script(s, "", name);
	const char *const own[] = {DEAD, name};
	struct smtp_places *p = open_places(own, 2, false, NULL);
	assert_int_equal(send_one(p, SLICE(""), &m, &err), 0);
	assert_int_equal(m.recipient.result, 0);
	assert_int_equal(send_one(p, SLICE(""), &m, &err), 0); /* by the same connection */
	smtp_places_free(p);
	assert_null(strchr(script_heard(s), '!'));
	script_free(s);
}

static void one_that_is_silent_costs_two_seconds_once(void **state)
{
	struct script *silent = script_start(SCRIPT({"NEVER", ""}), NULL);
	struct script *s = script_start(SCRIPT(GREETS, TAKES_ONE, TAKES_ONE), NULL);
	char first[64], second[64];
	struct message m;
	struct err err;
	name_script(silent, "", first);
	name_script(s, "", second);
	const char *const own[] = {first, second};
	struct smtp_places *p = open_places(own, 2, false, NULL);
	int64_t before = clock_mono_ms();
	assert_int_equal(send_one(p, SLICE(""), &m, &err), 0);
	int64_t took = clock_mono_ms() - before;
	assert_true(took >= 1900);
	assert_int_equal(send_one(p, SLICE(""), &m, &err), 0);
	smtp_places_free(p);
	script_free(silent);
	script_free(s);
}

static void who_breaks_off_before_the_end_is_followed_by_the_copy(void **state)
{
	struct script *breaks = script_start(SCRIPT({"", "220 s\r\n"}, {"LHLO", "250 s\r\n"},
						     {"MAIL", "250 ok\r\n"}, {"RCPT", NULL}),
		NULL);
	struct script *s = script_start(SCRIPT(GREETS, TAKES_ONE), NULL);
	char first[64], second[64];
	struct message m;
	struct err err;
	name_script(breaks, "", first);
	name_script(s, "", second);
	const char *const own[] = {first, second};
	struct smtp_places *p = open_places(own, 2, false, NULL);
	assert_int_equal(send_one(p, SLICE(""), &m, &err), 0);
	assert_int_equal(m.recipient.result, 0);
	smtp_places_free(p);
	script_free(breaks);
	script_free(s);
}

static void a_lost_answer_is_told_and_the_copy_is_not_asked(void **state)
{
	struct script *loses =
		script_start(SCRIPT(GREETS, {"MAIL", ""}, {"RCPT", ""}, {"BDAT", NULL}), NULL);
	struct script *s = script_start(SCRIPT(GREETS, TAKES_ONE), NULL);
	char first[64], second[64];
	struct message m;
	struct err err;
	name_script(loses, "", first);
	name_script(s, "", second);
	const char *const own[] = {first, second};
	struct smtp_places *p = open_places(own, 2, false, NULL);
	log_setup(LOG_ERROR, LOG_LOGFMT, 2);
	assert_int_equal(send_one(p, SLICE(""), &m, &err), SMTP_CLIENT_LOST);
	assert_true(m.recipient.result < 0);
	assert_int_equal(m.recipient.err.class, ERR_TEMPORARY);
	assert_int_equal(m.recipient.doubt, SMTP_DOUBT_KNOWN);
	assert_string_equal(script_heard(s), "");
	smtp_places_free(p);
	script_free(loses);
	script_free(s);
}

static void nobody_there_is_temporary(void **state)
{
	const char *const own[] = {DEAD, "127.0.0.1:2"};
	struct smtp_places *p = open_places(own, 2, false, NULL);
	struct message m;
	struct err err;
	for (int i = 0; i < 3; i++) {
		assert_true(send_one(p, SLICE(""), &m, &err) < 0);
		assert_int_equal(err.class, ERR_TEMPORARY);
		assert_int_equal(m.recipient.doubt, SMTP_NO_DOUBT);
	}
	smtp_places_free(p);
}

static void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

#define GREETS_TLS                                                                                 \
	{"", "220 s\r\n"}, {"LHLO", "250-s\r\n250 STARTTLS\r\n"},                                  \
	{                                                                                          \
		"STARTTLS", "220 go\r\n", SCRIPT_HANDSHAKE                                         \
	}

static void by_tls_the_name_must_be_right(void **state)
{
	char ca[64], name[64];
	struct message m;
	struct err err;
	(void)snprintf(ca, sizeof(ca), "/tmp/test_places.%d", getpid());
	for (int wrong = 0; wrong < 3; wrong++) {
		struct script *s =
			script_start(wrong == 2 ? SCRIPT(GREETS, TAKES_ONE)
						: SCRIPT(GREETS_TLS, {"LHLO", OFFER}, TAKES_ONE),
				wrong == 1 ? "other.test" : "localhost");
		write_file(ca, script_certificate(s));
		name_script(s, "", name);
		struct smtp_places *p = open_places(NULL, 0, true, ca);
		int r = send_one(p, slice_str(name), &m, &err);
		if (wrong) {
			assert_true(r < 0);
			assert_int_equal(err.class, ERR_TEMPORARY);
		} else
			assert_int_equal(r, 0);
		smtp_places_free(p);
		assert_int_equal(strstr(script_heard(s), "MAIL FROM") != NULL, wrong == 0);
		script_free(s);
	}
	(void)unlink(ca);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_of_places),
		cmocka_unit_test(the_table_is_bounded_and_forgets),
		cmocka_unit_test(the_copy_is_used_while_the_first_one_is_away),
		cmocka_unit_test(one_that_is_silent_costs_two_seconds_once),
		cmocka_unit_test(who_breaks_off_before_the_end_is_followed_by_the_copy),
		cmocka_unit_test(a_lost_answer_is_told_and_the_copy_is_not_asked),
		cmocka_unit_test(nobody_there_is_temporary),
		cmocka_unit_test(by_tls_the_name_must_be_right),
	};
	return cmocka_run_group_tests(tests, set_up, NULL);
}
