/* SASL exchanges answered by a directory. */
#include "base/test.h"
#include "directory/fake.h"
#include "directory/masters.h"
#include "directory/sasl.h"

#define MO "{SSHA}8f2USnJFXDK05TwYmsrF5t6w++VzYWx0" /* the hash of "mo" */

struct world {
	struct directory *fake;
	struct directory_sasl asked;
	struct arena arena;
	struct err err;
};

static const struct directory_fake_user users[] = {
	{.name = "ann@example.org", .password = "secret"},
	{.name = "bob@example.org", .password = "bob", .user = {.services = DIRECTORY_POP3}},
};

static void begin(struct world *w)
{
	*w = (struct world){.fake = directory_fake_new(users, ARRAY_LEN(users))};
	w->asked = (struct directory_sasl){
		.directory = w->fake,
		.service = DIRECTORY_IMAP,
		.client = "192.0.2.1",
		.arena = &w->arena,
	};
}

static void end(struct world *w)
{
	directory_free(w->fake);
	arena_free(&w->arena);
}

static enum sasl_outcome plain(struct world *w, struct slice message)
{
	const struct sasl_offer offer = {.plain = true, .scram = true};
	struct sasl_callbacks callbacks = directory_sasl_callbacks(&w->asked);
	struct sasl_session *session = sasl_new(SLICE("PLAIN"), &offer, &callbacks);
	AUTO(buf_free) struct buf reply = BUF(1000);
	assert_non_null(session);
	w->asked.denied = (struct err){0};
	enum sasl_outcome outcome = sasl_step(session, message, &reply, &w->err);
	sasl_free(session);
	return outcome;
}

static void the_right_password_fills_in_the_user(void **state)
{
	struct world w;
	begin(&w);
	assert_int_equal(plain(&w, SLICE("\0ann@example.org\0secret")), SASL_DONE);
	assert_slice(w.asked.user.name, "ann@example.org");
	end(&w);
}

static void wrong_and_unknown_are_denied_without_a_reason(void **state)
{
	struct world w;
	begin(&w);
	assert_int_equal(plain(&w, SLICE("\0ann@example.org\0wrong")), SASL_DENIED);
	assert_int_equal(w.asked.denied.class, ERR_NONE);
	assert_int_equal(plain(&w, SLICE("\0zoe@example.org\0secret")), SASL_DENIED);
	assert_int_equal(w.asked.denied.class, ERR_NONE);
	end(&w);
}

static void a_service_that_is_not_his_is_denied_with_the_reason(void **state)
{
	struct world w;
	begin(&w);
	assert_int_equal(plain(&w, SLICE("\0bob@example.org\0bob")), SASL_DENIED);
	assert_string_equal(w.asked.denied.text, "bob@example.org may not use imap");
	end(&w);
}

static void acting_for_oneself_is_fine_and_for_another_denied(void **state)
{
	struct world w;
	begin(&w);
	assert_int_equal(plain(&w, SLICE("ANN@Example.org\0ann@example.org\0secret")), SASL_DONE);
	assert_int_equal(plain(&w, SLICE("bob@example.org\0ann@example.org\0secret")), SASL_DENIED);
	assert_int_equal(w.asked.denied.kind, ERR_DENIED);
	end(&w);
}

static void a_master_acts_where_he_may(void **state)
{
	struct world w;
	struct directory *masters;
	begin(&w);
	assert_int_equal(directory_masters_new(w.fake, SLICE("mo:" MO), &masters, NULL), 0);
	w.asked.directory = masters;
	struct slice right = SLICE("ann@example.org\0mo\0mo");
	assert_int_equal(plain(&w, right), SASL_DENIED);
	assert_int_equal(w.asked.denied.kind, ERR_DENIED);
	w.asked.may_act = true;
	assert_int_equal(plain(&w, right), SASL_DONE);
	assert_slice(w.asked.user.name, "ann@example.org");
	assert_slice(w.asked.master, "mo");
	assert_int_equal(plain(&w, SLICE("ann@example.org\0mo\0no")), SASL_DENIED);
	assert_int_equal(w.asked.denied.class, ERR_NONE);
	assert_int_equal(plain(&w, SLICE("zoe@example.org\0mo\0mo")), SASL_DENIED);
	assert_int_equal(w.asked.denied.class, ERR_NONE);
	assert_int_equal(plain(&w, SLICE("bob@example.org\0mo\0mo")), SASL_DENIED);
	assert_string_equal(w.asked.denied.text, "bob@example.org may not use imap");
	/* A user is no master, though his password is right. */
	assert_int_equal(plain(&w, SLICE("bob@example.org\0ann@example.org\0secret")), SASL_DENIED);
	directory_free(masters);
	end(&w);
}

static void a_directory_that_cannot_tell_is_temporary(void **state)
{
	struct world w;
	begin(&w);
	directory_fake_set_dead(w.fake, true);
	assert_int_equal(plain(&w, SLICE("\0ann@example.org\0secret")), SASL_TEMPORARY);
	assert_int_equal(w.err.class, ERR_TEMPORARY);
	end(&w);
}

static void scram_asks_for_keys_and_then_for_the_user(void **state)
{
	struct world w;
	struct sasl_scram_keys keys;
	begin(&w);
	struct sasl_callbacks c = directory_sasl_callbacks(&w.asked);
	struct slice ann = SLICE("ann@example.org"), bob = SLICE("bob@example.org");
	assert_int_equal(c.scram_keys(c.context, ann, &keys, &w.err), 0);
	assert_int_equal(keys.iterations, 4096);
	assert_true(c.scram_keys(c.context, SLICE("zoe@example.org"), &keys, &w.err) > 0);
	assert_int_equal(c.scram_done(c.context, SLICE(""), ann, &w.err), 0);
	assert_slice(w.asked.user.name, "ann@example.org");
	assert_true(c.scram_done(c.context, SLICE(""), bob, &w.err) > 0);
	assert_string_equal(w.asked.denied.text, "bob@example.org may not use imap");
	assert_true(c.scram_done(c.context, bob, ann, &w.err) > 0);
	directory_fake_set_dead(w.fake, true);
	assert_true(c.scram_keys(c.context, ann, &keys, &w.err) < 0);
	assert_true(c.scram_done(c.context, SLICE(""), ann, &w.err) < 0);
	end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_right_password_fills_in_the_user),
		cmocka_unit_test(wrong_and_unknown_are_denied_without_a_reason),
		cmocka_unit_test(a_service_that_is_not_his_is_denied_with_the_reason),
		cmocka_unit_test(acting_for_oneself_is_fine_and_for_another_denied),
		cmocka_unit_test(a_master_acts_where_he_may),
		cmocka_unit_test(a_directory_that_cannot_tell_is_temporary),
		cmocka_unit_test(scram_asks_for_keys_and_then_for_the_user),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
