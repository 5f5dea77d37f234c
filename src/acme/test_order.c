/* An order from its beginning to its certificate, and all that may come between. */
#include "acme/order.h"
#include "acme/test_authority.h"
#include "base/test.h"

struct world {
	struct test_authority authority;
	struct acme_client_options options;
	struct acme_client *client;
	struct acme_key *account_key, *key;
	struct acme_order order;
	struct buf chain;
	int64_t wait_ms;
	struct err err;
	unsigned published, kept;
	bool fails_to_publish;
	char token[64];
};

static const char *const NAMES[] = {"one.test"};

static int publish(void *context, const struct acme_answer *answer, struct err *err)
{
	struct world *w = context;
	if (w->fails_to_publish)
		return err_temporary(err, ERR_UNAVAILABLE, "the other node is away");
	assert_false(w->authority.is_told); /* the answer is there before anybody may ask */
	assert_string_equal(answer->name, "one.test");
	assert_true(slice_starts(answer->key_authorization, SLICE("token-1.")));
	(void)snprintf(w->token, sizeof(w->token), "%s", answer->token);
	w->published++;
	return 0;
}

static int keep(void *context, struct err *err)
{
	struct world *w = context;
	assert_string_equal(w->order.url, "https://ca.test/order/1");
	assert_int_equal(w->published, 0);
	w->kept++;
	return 0;
}

static void begin_order(struct world *w, const char *url)
{
	w->order = (struct acme_order){.client = w->client,
		.key = w->key,
		.names = NAMES,
		.count = 1,
		.challenge = "http-01",
		.publish = publish,
		.keep = keep,
		.context = w};
	(void)snprintf(w->order.url, sizeof(w->order.url), "%s", url);
}

static int set_up(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	w->chain = BUF(ACME_CHAIN_MAX);
	assert_int_equal(acme_key_new(&w->account_key, &w->err), 0);
	assert_int_equal(acme_key_new(&w->key, &w->err), 0);
	w->options =
		(struct acme_client_options){.transport = test_authority_transport(&w->authority),
			.directory = DIRECTORY,
			.contact = "ann@one.test",
			.eab_kid = "",
			.eab_hmac_key = "",
			.key = w->account_key};
	w->client = acme_client_new(&w->options);
	begin_order(w, "");
	*state = w;
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;
	acme_client_free(w->client);
	acme_key_free(w->account_key);
	acme_key_free(w->key);
	test_authority_free(&w->authority);
	buf_free(&w->chain);
	free(w);
	return 0;
}

static int run(struct world *w)
{
	return acme_order_run(&w->order, &w->chain, &w->wait_ms, &w->err);
}

/* As its caller does, without the waiting. */
static int run_to_end(struct world *w)
{
	int r = ACME_ORDER_WAIT;
	for (unsigned i = 0; i < 100 && r == ACME_ORDER_WAIT; i++)
		r = run(w);
	return r;
}

static void assert_done(struct world *w)
{
	struct acme_leaf leaf;
	if (run_to_end(w) != 0)
		fail_msg("%s", w->err.text);
	assert_int_equal(acme_leaf_read(buf_slice(&w->chain), &leaf, &w->err), 0);
	assert_string_equal(leaf.issuer, "Test ??");
	assert_in_range(acme_leaf_due(&leaf) - leaf.not_before, 120 * 86400 - 9, 120 * 86400 + 9);
}

static void assert_refused(struct world *w, enum err_class class, const char *text)
{
	assert_int_equal(run_to_end(w), -1);
	assert_string_equal(w->err.text, text);
	assert_int_equal(w->err.class, class);
}

static void a_certificate_is_had(void **state)
{
	struct world *w = *state;
	assert_done(w);
	assert_int_equal(w->authority.accounts, 1);
	assert_int_equal(w->authority.orders, 1);
	assert_int_equal(w->authority.challenges, 1);
	assert_int_equal(w->published, 1);
	assert_int_equal(w->kept, 1);
	assert_string_equal(w->token, "token-1");
}

static void it_waits_while_the_authority_looks_and_signs(void **state)
{
	struct world *w = *state;
	w->authority.rounds_pending = 3;
	w->authority.rounds_processing = 3;
	assert_int_equal(run(w), ACME_ORDER_WAIT);
	assert_in_range(w->wait_ms, 500, 30000);
	assert_done(w);
	assert_int_equal(w->authority.challenges, 1); /* told once */
	assert_int_equal(w->authority.finalized, 1);
}

static void a_nonce_that_is_refused_is_replaced(void **state)
{
	struct world *w = *state;
	w->authority.failure =
		(struct test_failure){"https://ca.test/new-order", 3, 400, "badNonce", NULL};
	assert_done(w);
	assert_int_equal(w->authority.orders, 1);
}

static void nonces_are_not_tried_for_ever(void **state)
{
	struct world *w = *state;
	w->authority.failure =
		(struct test_failure){"https://ca.test/new-order", 1000, 400, "badNonce", NULL};
	assert_refused(w, ERR_TEMPORARY, "the authority answers with 400 badNonce: as told");
	assert_in_range(w->authority.failure.times, 990, 999);
}

static void a_limit_says_when_to_come_again(void **state)
{
	struct world *w = *state;
	w->authority.failure =
		(struct test_failure){"https://ca.test/new-order", 1, 429, "rateLimited", "3600"};
	assert_refused(w, ERR_TEMPORARY, "the authority answers with 429 rateLimited: as told");
	assert_int_equal(w->err.kind, ERR_LIMIT);
	assert_int_equal(acme_client_retry_ms(w->client), 3600 * 1000);
	assert_done(w);
}

static void a_name_that_is_not_ours_is_told_with_the_reason(void **state)
{
	struct world *w = *state;
	w->authority.says_invalid = true;
	assert_refused(w, ERR_PERMANENT, "one.test: connection: nobody answers");
}

static void a_challenge_that_is_not_offered_ends_it(void **state)
{
	struct world *w = *state;
	w->authority.lacks_challenge = true;
	assert_refused(w, ERR_PERMANENT, "one.test: the authority does not offer http-01");
}

static void a_request_that_is_refused_ends_it(void **state)
{
	struct world *w = *state;
	w->authority.failure =
		(struct test_failure){"https://ca.test/finalize/1", 1, 400, "badCSR", NULL};
	assert_refused(w, ERR_PERMANENT, "the authority answers with 400 badCSR: as told");
}

static void what_fails_at_the_server_is_tried_again(void **state)
{
	struct world *w = *state;
	w->authority.failure =
		(struct test_failure){"https://ca.test/finalize/1", 1, 503, "serverInternal", NULL};
	assert_refused(w, ERR_TEMPORARY, "the authority answers with 503 serverInternal: as told");
	assert_done(w);
	assert_int_equal(w->authority.orders, 1); /* the same order went on */
}

static void without_an_answer_it_may_go_on_later(void **state)
{
	static const char *const URLS[] = {DIRECTORY, "https://ca.test/new-nonce",
		"https://ca.test/new-account", "https://ca.test/new-order",
		"https://ca.test/authorization/1", "https://ca.test/challenge/1",
		"https://ca.test/finalize/1", "https://ca.test/certificate/1"};
	for (size_t i = 0; i < ARRAY_LEN(URLS); i++) {
		void *own;
		(void)set_up(&own);
		struct world *w = own;
		w->authority.failure = (struct test_failure){.url = URLS[i], .times = 1};
		assert_int_equal(run_to_end(w), -1);
		assert_int_equal(w->err.class, ERR_TEMPORARY);
		assert_non_null(strstr(w->err.text, "nobody answers"));
		w->published = 0;
		w->authority.is_told = w->authority.is_valid;
		assert_done(w);
		(void)tear_down(&own);
	}
}

static void an_order_goes_on_elsewhere(void **state)
{
	struct world *w = *state;
	w->authority.rounds_pending = 2;
	assert_int_equal(run(w), ACME_ORDER_WAIT);
	acme_client_free(w->client); /* a crash: URL and keys are left */
	w->client = acme_client_new(&w->options);
	w->authority.is_told = false;
	begin_order(w, "https://ca.test/order/1");
	assert_done(w);
	assert_int_equal(w->authority.orders, 1);
	assert_int_equal(w->authority.accounts, 1);
}

static void an_order_that_is_not_there_any_more_ends(void **state)
{
	struct world *w = *state;
	begin_order(w, "https://ca.test/order/2");
	assert_refused(w, ERR_PERMANENT,
		"the authority answers with 404 malformed: there is no such thing");
	begin_order(w, "");
	assert_done(w);
}

static void nobody_is_told_before_the_answer_is_there(void **state)
{
	struct world *w = *state;
	w->fails_to_publish = true;
	assert_refused(w, ERR_TEMPORARY, "the other node is away");
	assert_int_equal(w->authority.challenges, 0);
}

static void an_authority_that_never_ends_is_left(void **state)
{
	struct world *w = *state;
	w->authority.never_ends = true;
	assert_refused(
		w, ERR_PERMANENT, "the authority does not come to an end: the order is processing");
}

static void a_certificate_that_is_not_what_was_asked_for_is_refused(void **state)
{
	struct world *w = *state;
	w->authority.other_names = true;
	assert_refused(w, ERR_PERMANENT, "the certificate is not for one.test");
	test_authority_free(&w->authority);
	w->authority = (struct test_authority){.expired = true};
	acme_client_free(w->client);
	w->client = acme_client_new(&w->options);
	w->published = w->kept = 0;
	begin_order(w, "");
	assert_refused(w, ERR_PERMANENT, "the certificate has expired");
}

static void an_account_that_was_forgotten_is_made_again(void **state)
{
	struct world *w = *state;
	assert_done(w);
	w->authority.knows_account = false;
	begin_order(w, "");
	w->published = 0;
	w->authority.finalized = 0;
	w->authority.is_told = w->authority.is_valid = false;
	buf_clear(&w->chain);
	assert_done(w);
	assert_int_equal(w->authority.accounts, 2);
}

static void an_account_gets_the_contact_of_the_settings(void **state)
{
	struct world *w = *state;
	w->authority.knows_account = true;
	w->authority.contact = "bob@one.test";
	assert_done(w);
	assert_string_equal(w->authority.contact_set, "mailto:ann@one.test");
}

static void a_binding_is_sent_where_there_is_one(void **state)
{
	struct world *w = *state;
	w->authority.wants_binding = true;
	assert_refused(w, ERR_PERMANENT,
		"the authority asks for an external account: set eab_kid and "
		"eab_hmac_key");
	w->options.eab_kid = "kid-1";
	w->options.eab_hmac_key = "zWNDZM6eQGHWpSRTPal5";
	acme_client_free(w->client);
	w->client = acme_client_new(&w->options);
	begin_order(w, "");
	assert_done(w);
	assert_true(w->authority.bound);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		CASE(a_certificate_is_had),
		CASE(it_waits_while_the_authority_looks_and_signs),
		CASE(a_nonce_that_is_refused_is_replaced),
		CASE(nonces_are_not_tried_for_ever),
		CASE(a_limit_says_when_to_come_again),
		CASE(a_name_that_is_not_ours_is_told_with_the_reason),
		CASE(a_challenge_that_is_not_offered_ends_it),
		CASE(a_request_that_is_refused_ends_it),
		CASE(what_fails_at_the_server_is_tried_again),
		CASE(without_an_answer_it_may_go_on_later),
		CASE(an_order_goes_on_elsewhere),
		CASE(an_order_that_is_not_there_any_more_ends),
		CASE(nobody_is_told_before_the_answer_is_there),
		CASE(an_authority_that_never_ends_is_left),
		CASE(a_certificate_that_is_not_what_was_asked_for_is_refused),
		CASE(an_account_that_was_forgotten_is_made_again),
		CASE(an_account_gets_the_contact_of_the_settings),
		CASE(a_binding_is_sent_where_there_is_one),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
