/* Where recipients go, and who may not: with a directory out of an array and a store in memory. */
#include "roles/mx/recipients.h"

#include "base/clock.h"
#include "base/test.h"
#include "directory/fake.h"
#include "envelope/srs.h"

#include <unistd.h>

static struct directory_fake_user USERS[] = {
	{.name = "ann@ours.test"},
	{.name = "sue@ours.test", .user = {.suspended = true}},
	{.name = "pat@ours.test", .user = {.no_copy = true}},
	{.name = "team@ours.test", .alias_of = "ann@ours.test,x@a.test,y@b.test"},
	{.name = "away@ours.test", .alias_of = "pat@ours.test,x@a.test"},
};

struct fixture {
	struct directory *directory;
	struct store *store;
	struct conf_srs conf;
	struct mx_srs srs;
	struct mx_recipients recipients;
	struct smtp_transaction t;
	struct smtp_recipient *list[MX_FORWARDERS_MAX + 1];
	struct err err;
	char file[64];
};

static int set_up(void **state)
{
	static struct fixture f;
	struct store_options store = {.driver = &store_driver_memory};
	f = (struct fixture){.conf = {.on = true, .domain = "", .secret_file = ""}};
	(void)snprintf(f.file, sizeof(f.file), "/tmp/test_recipients.%d", getpid());
	assert_int_equal(store_open(&store, &f.store, &f.err), 0);
	assert_int_equal(mx_srs_init(&f.srs, &f.conf, &f.err), 0);
	f.directory = directory_fake_new(USERS, ARRAY_LEN(USERS));
	f.srs.directory = f.directory;
	f.srs.store = f.store;
	f.recipients = (struct mx_recipients){.directory = f.directory, .srs = &f.srs};
	f.t.recipients = f.list;
	log_setup(LOG_ERROR, LOG_LOGFMT, 2);
	*state = &f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	mx_srs_deinit(&f->srs);
	directory_free(f->directory);
	store_close(f->store);
	arena_free(&f->t.arena);
	(void)unlink(f->file);
	return 0;
}

static struct smtp_recipient *recipient(struct fixture *f, const char *address)
{
	struct smtp_recipient *r = ARENA_NEW(&f->t.arena, struct smtp_recipient);
	struct slice copy = arena_copy(&f->t.arena, slice_str(address));
	assert_true(envelope_parse_address(copy, &r->envelope.path));
	return r;
}

static const struct mx_recipient *found(struct fixture *f, const char *address, bool may_leave)
{
	struct smtp_recipient *r = recipient(f, address);
	if (mx_recipients_find(&f->recipients, &f->t, r, may_leave, &f->err) != 0)
		fail_msg("%s: %s", address, f->err.text);
	return mx_recipient_of(r);
}

static void refused(struct fixture *f, const char *address, const char *status)
{
	struct smtp_recipient *r = recipient(f, address);
	assert_true(mx_recipients_find(&f->recipients, &f->t, r, false, &f->err) < 0);
	assert_int_equal(f->err.class, ERR_PERMANENT);
	assert_string_equal(f->err.status, status);
}

static void nobody_may_relay_who_is_not_ours(void **state)
{
	struct fixture *f = *state;
	assert_true(found(f, "ann+x@ours.test", false)->stays);
	assert_true(found(f, "x@a.test", true)->relayed);
	refused(f, "x@a.test", "5.7.1");
	refused(f, "nobody@ours.test", "5.1.1");
	refused(f, "sue@ours.test", "5.2.1");
	refused(f, "SRS0=ArNAhGjW=6A=a.test=x@b.test", "5.7.1");
	assert_true(found(f, "SRS0=ArNAhGjW=6A=a.test=x@b.test", true)->relayed);
}

static void what_is_elsewhere_goes_on(void **state)
{
	struct fixture *f = *state;
	const struct mx_recipient *m = found(f, "Team@ours.test", false);
	assert_true(m->stays);
	assert_int_equal(m->count, 2);
	assert_slice(m->forwarder, "team@ours.test");
	assert_slice(m->elsewhere[1], "y@b.test");
	m = found(f, "away@ours.test", false);
	assert_false(m->stays);
	assert_int_equal(m->count, 1);
}

static void where_users_live_is_where_it_goes(void **state)
{
	struct fixture *f = *state;
	struct mx_local local = {.directory = f->directory, .separator = '+'};
	static const char *const OWN[] = {"unix:/run/none/lmtp"};
	const struct smtp_places_options options = {
		.own = OWN, .own_count = 1, .hostname = "here.test", .port = 24};
	assert_int_equal(smtp_places_new(&options, &local.places, &f->err), 0);
	f->recipients.local = &local;
	USERS[0].user.to_host = SLICE("S1.test");
	const struct mx_recipient *m = found(f, "ann@ours.test", false);
	assert_true(smtp_destinations_is_plain(&m->to, SLICE("s1.test")));
	m = found(f, "Team+x@ours.test", false);
	assert_true(m->stays && m->count == 2);
	assert_true(smtp_destinations_is_plain(&m->to, SLICE("s1.test")));
	USERS[0].user.to_host = SLICE("Here.test");
	m = found(f, "ann@ours.test", false);
	assert_true(smtp_destinations_is_plain(&m->to, SLICE("")));
	(void)snprintf(local.default_place, sizeof(local.default_place), "s9.test");
	USERS[0].user.to_host = SLICE("");
	m = found(f, "ann@ours.test", false);
	assert_true(smtp_destinations_is_plain(&m->to, SLICE("s9.test")));
	USERS[0].user.to_host = SLICE("no host");
	struct smtp_recipient *r = recipient(f, "ann@ours.test");
	assert_true(mx_recipients_find(&f->recipients, &f->t, r, false, &f->err) < 0);
	assert_int_equal(f->err.class, ERR_TEMPORARY);
	USERS[0].user.to_host = SLICE("");
	smtp_places_free(local.places);
}

static void a_message_has_so_many_that_forward(void **state)
{
	struct fixture *f = *state;
	for (; f->t.count < MX_FORWARDERS_MAX; f->t.count++) {
		f->list[f->t.count] = recipient(f, "team@ours.test");
		assert_int_equal(mx_recipients_find(&f->recipients, &f->t, f->list[f->t.count],
					 false, &f->err),
			0);
	}
	struct smtp_recipient *r = recipient(f, "away@ours.test");
	assert_true(mx_recipients_find(&f->recipients, &f->t, r, false, &f->err) < 0);
	assert_int_equal(f->err.class, ERR_TEMPORARY);
	assert_int_equal(f->t.reply_code, 452);
	assert_true(found(f, "ann@ours.test", false)->stays);
}

static struct slice sender(struct fixture *f, const char *address)
{
	struct envelope_path path = {.address = SLICE("")};
	struct slice made;
	if (address[0])
		assert_true(envelope_parse_address(slice_str(address), &path));
	assert_int_equal(
		mx_srs_sender(&f->srs, &path, SLICE("ours.test"), &f->t.arena, &made, &f->err), 0);
	return made;
}

static void senders_of_others_are_written_anew(void **state)
{
	struct fixture *f = *state;
	assert_slice(sender(f, ""), "");
	assert_slice(sender(f, "whoever@ours.test"), "whoever@ours.test");
	assert_slice(sender(f, "\"a b\"@a.test"), "\"a b\"@a.test");
	assert_true(slice_starts(sender(f, "x@a.test"), SLICE("SRS0=")));
	assert_true(slice_ends(sender(f, "x@a.test"), SLICE("=a.test=x@ours.test")));
	f->conf.domain = "bounces.test";
	assert_true(slice_ends(sender(f, "x@a.test"), SLICE("=a.test=x@bounces.test")));
	directory_fake_set_dead(f->directory, true); /* whether it is ours can't be told */
	assert_true(slice_starts(sender(f, "ann@ours.test"), SLICE("SRS0=")));
	f->conf.on = false;
	assert_slice(sender(f, "x@a.test"), "x@a.test");
}

static void mail_to_them_is_led_back(void **state)
{
	struct fixture *f = *state;
	struct slice made = sender(f, "x@a.test");
	const struct mx_recipient *m = found(f, made.ptr, false);
	assert_false(m->stays);
	assert_int_equal(m->count, 1);
	assert_slice(m->elsewhere[0], "x@a.test");
	assert_true(slice_eq(m->forwarder, made));
	f->conf.on = false;
	assert_int_equal(found(f, made.ptr, false)->count, 1);
	f->conf.domain = "bounces.test"; /* in no directory */
	f->conf.on = true;
	assert_int_equal(found(f, sender(f, "x@a.test").ptr, false)->count, 1);
	refused(f, "SRS0=ArNAhGjW=6A=a.test=x@ours.test", "5.7.1");
	directory_fake_set_dead(f->directory, true);
	made = sender(f, "ann@ours.test");
	directory_fake_set_dead(f->directory, false);
	struct smtp_recipient *r = recipient(f, made.ptr);
	assert_int_equal(mx_recipients_find(&f->recipients, &f->t, r, false, &f->err), 0);
	assert_true(mx_recipient_of(r)->stays);
	assert_slice(r->envelope.path.address, "ann@ours.test");
	assert_int_equal(f->recipients.led_back, 4);
	assert_int_equal(f->recipients.not_led_back, 1);
}

static struct queue_recipient *report_to(struct fixture *f, const char *address, size_t count)
{
	struct queue_recipient *list;
	size_t found_count;
	struct slice copy = arena_copy(&f->t.arena, slice_str(address));
	assert_int_equal(mx_recipients_of_report(
				 &f->recipients, copy, &f->t.arena, &list, &found_count, &f->err),
		0);
	assert_int_equal(found_count, count);
	return list;
}

static void a_report_goes_where_the_senders_mail_goes(void **state)
{
	struct fixture *f = *state;
	struct queue_recipient *to = report_to(f, "ann@ours.test", 1);
	assert_true(to[0].local);
	to = report_to(f, "x@a.test", 1);
	assert_false(to[0].local);
	to = report_to(f, sender(f, "x@a.test").ptr, 1);
	assert_slice(to[0].address, "x@a.test");
	assert_false(to[0].local);
	to = report_to(f, "team@ours.test", 3);
	assert_true(to[0].local && !to[1].local);
	assert_slice(to[2].address, "y@b.test");
	to = report_to(f, "away@ours.test", 1);
	assert_slice(to[0].address, "x@a.test");
	to = report_to(f, "nobody@ours.test", 1); /* the store says so */
	assert_true(to[0].local);
}

static void write_file(struct fixture *f, const char *text)
{
	FILE *file = fopen(f->file, "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
	f->conf.secret_file = f->file;
}

static void the_file_has_secrets_a_line_each(void **state)
{
	struct fixture *f = *state;
	static const char *const BAD[] = {"", "\n\n", "short\n", "0123456789abcdef\nshort"};
	for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
		write_file(f, BAD[i]);
		assert_true(mx_srs_init(&f->srs, &f->conf, &f->err) < 0);
		assert_int_equal(f->err.kind, ERR_BAD_INPUT);
		assert_null(strstr(f->err.text, "0123456789abcdef"));
		mx_srs_deinit(&f->srs);
	}
	write_file(f, "0123456789abcdef\r\n\n another secret of ours \n");
	assert_int_equal(mx_srs_init(&f->srs, &f->conf, &f->err), 0);
	assert_int_equal(f->srs.secret_count, 2);
	assert_slice(f->srs.secrets[0], "0123456789abcdef");
	assert_slice(f->srs.secrets[1], "another secret of ours");
	mx_srs_deinit(&f->srs);
	f->conf.secret_file = "/nowhere/secrets";
	assert_true(mx_srs_init(&f->srs, &f->conf, &f->err) < 0);
}

static void the_domain_is_one(void **state)
{
	struct fixture *f = *state;
	static const char *const BAD[] = {"a b", "a@b.test", "[192.0.2.1]", "a..b"};
	for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
		f->conf.domain = BAD[i];
		assert_true(mx_srs_init(&f->srs, &f->conf, &f->err) < 0);
		assert_int_equal(f->err.kind, ERR_BAD_INPUT);
	}
}

int main(void)
{
#define MX_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		MX_TEST(nobody_may_relay_who_is_not_ours),
		MX_TEST(what_is_elsewhere_goes_on),
		MX_TEST(where_users_live_is_where_it_goes),
		MX_TEST(a_message_has_so_many_that_forward),
		MX_TEST(senders_of_others_are_written_anew),
		MX_TEST(mail_to_them_is_led_back),
		MX_TEST(a_report_goes_where_the_senders_mail_goes),
		MX_TEST(the_file_has_secrets_a_line_each),
		MX_TEST(the_domain_is_one),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
