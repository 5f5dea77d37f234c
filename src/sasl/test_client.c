/* The client's half, against the server's half and against servers that lie. */
#include "sasl/client.h"
#include "sasl/sasl.h"
#include "sasl/sasl_internal.h"

#include "base/test.h"

static const char password[] = "p\xc3\xa9ncil\xc2\xad";

static int check_password(
	void *context, struct slice authzid, struct slice user, struct slice given, struct err *err)
{
	return !slice_eq(user, SLICE("us,er=")) || !slice_eq(given, slice_str(password));
}

static int scram_keys(
	void *context, struct slice user, struct sasl_scram_keys *ret_keys, struct err *err)
{
	if (!slice_eq(user, SLICE("us,er=")))
		return 1;
	/* The soft hyphen at the end of the password is nothing, and \xc3\xa9 may be decomposed. */
	sasl_scram_make(SLICE("pe\xcc\x81ncil"), 16, ret_keys);
	return 0;
}

static int scram_done(void *context, struct slice authzid, struct slice user, struct err *err)
{
	return authzid.len > 0 && !slice_eq(authzid, SLICE("boss,1"));
}

static const struct sasl_callbacks callbacks = {check_password, scram_keys, scram_done, NULL};
static const struct sasl_offer offer = {.plain = true,
	.scram = true,
	.exporter = {"exporter", 8},
	.server_end_point = {"end-point", 9}};
static const struct sasl_client_options options = {.user = {"us,er=", 6},
	.password = {password, sizeof(password) - 1},
	.exporter = {"exporter", 8},
	.server_end_point = {"end-point", 9},
	.allow_plain = true,
	.server_offers_plus = true};

/* Lets both talk to the end. True when both are content. */
static bool talk(const char *mechanism, const struct sasl_offer *server_offer,
	const struct sasl_client_options *client_options)
{
	struct sasl_session *server = sasl_new(slice_str(mechanism), server_offer, &callbacks);
	struct sasl_client *client = sasl_client_new(slice_str(mechanism), client_options);
	AUTO(buf_free) struct buf up = BUF(8192), down = BUF(8192);
	struct err err;
	assert_non_null(server);
	assert_non_null(client);
	enum sasl_outcome said = SASL_CONTINUE;
	int heard = sasl_client_step(client, SLICE_NONE, &up, &err);
	while (said == SASL_CONTINUE && heard == SASL_CLIENT_SEND) {
		buf_clear(&down);
		said = sasl_step(server, buf_slice(&up), &down, &err);
		buf_clear(&up);
		if (said == SASL_CONTINUE || (said == SASL_DONE && down.len > 0))
			heard = sasl_client_step(client, buf_slice(&down), &up, &err);
	}
	bool content = said == SASL_DONE && sasl_client_is_done(client);
	if (content && client_options->authzid.len > 0)
		assert_true(slice_eq(sasl_authzid(server), client_options->authzid));
	sasl_free(server);
	sasl_client_free(client);
	return content;
}

static void all_mechanisms_work_with_a_name_that_needs_escapes(void **state)
{
	assert_true(talk("PLAIN", &offer, &options));
	assert_true(talk("SCRAM-SHA-256", &offer, &options));
	assert_true(talk("SCRAM-SHA-256-PLUS", &offer, &options));
}

static void a_wrong_password_fails_in_all_mechanisms(void **state)
{
	struct sasl_client_options wrong = options;
	wrong.password = SLICE("pencil");
	assert_false(talk("PLAIN", &offer, &wrong));
	assert_false(talk("SCRAM-SHA-256", &offer, &wrong));
	assert_false(talk("SCRAM-SHA-256-PLUS", &offer, &wrong));
}

static void an_authzid_is_allowed_or_denied_by_the_server(void **state)
{
	struct sasl_client_options other = options;
	other.authzid = SLICE("boss,1");
	assert_true(talk("SCRAM-SHA-256-PLUS", &offer, &other));
	other.authzid = SLICE("boss,2");
	assert_false(talk("SCRAM-SHA-256-PLUS", &offer, &other));
}

static void a_channel_with_somebody_between_is_noticed(void **state)
{
	struct sasl_client_options between = options;
	between.exporter = SLICE("another!");
	assert_false(talk("SCRAM-SHA-256-PLUS", &offer, &between));
	between = options;
	between.exporter = SLICE_NONE;
	assert_true(talk("SCRAM-SHA-256-PLUS", &offer, &between));
	between.server_end_point = SLICE("another!!");
	assert_false(talk("SCRAM-SHA-256-PLUS", &offer, &between));
}

static void taking_plus_out_of_the_list_is_noticed(void **state)
{
	struct sasl_client_options fooled = options;
	const char *chosen = sasl_client_choose(SLICE("PLAIN SCRAM-SHA-256"), &fooled);
	assert_string_equal(chosen, "SCRAM-SHA-256");
	assert_false(talk(chosen, &offer, &fooled));
}

static void the_strongest_mechanism_that_works_is_chosen(void **state)
{
	struct sasl_client_options o = options;
	assert_string_equal(
		sasl_client_choose(SLICE("LOGIN SCRAM-SHA-256-PLUS PLAIN SCRAM-SHA-256"), &o),
		"SCRAM-SHA-256-PLUS");
	o.exporter = o.server_end_point = SLICE_NONE;
	assert_string_equal(sasl_client_choose(SLICE("scram-sha-256-plus PLAIN scram-sha-256"), &o),
		"SCRAM-SHA-256");
	assert_string_equal(sasl_client_choose(SLICE("LOGIN PLAIN"), &o), "PLAIN");
	o.allow_plain = false;
	assert_null(sasl_client_choose(SLICE("LOGIN PLAIN"), &o));
	assert_null(sasl_client_new(SLICE("PLAIN"), &o));
}

struct half {
	struct sasl_client *client;
	struct buf reply;
	struct err err;
};

static void half_free(struct half *h)
{
	sasl_client_free(h->client);
	buf_free(&h->reply);
}

/* A client that said its first message of the vector of RFC 7677. */
static struct half start(void)
{
	const struct sasl_client_options o = {.user = {"user", 4}, .password = {"pencil", 6}};
	struct half h = {.client = sasl_client_new(SLICE("SCRAM-SHA-256"), &o), .reply = BUF(4096)};
	sasl_client_fix_nonce(h.client, "rOprNGfwEbeRWgbNEkqO");
	assert_int_equal(
		sasl_client_step(h.client, SLICE_NONE, &h.reply, &h.err), SASL_CLIENT_SEND);
	assert_slice(buf_slice(&h.reply), "n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
	buf_clear(&h.reply);
	return h;
}

#define VECTOR_NONCE "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
#define VECTOR_FIRST "r=" VECTOR_NONCE ",s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"

static int hear(struct half *h, const char *challenge)
{
	buf_clear(&h->reply);
	return sasl_client_step(h->client, slice_str(challenge), &h->reply, &h->err);
}

static void the_client_matches_the_vector_of_rfc_7677(void **state)
{
	AUTO(half_free) struct half h = start();
	assert_int_equal(hear(&h, VECTOR_FIRST), SASL_CLIENT_SEND);
	assert_slice(buf_slice(&h.reply),
		"c=biws,r=" VECTOR_NONCE ",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=");
	assert_false(sasl_client_is_done(h.client));
	assert_int_equal(
		hear(&h, "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="), SASL_CLIENT_DONE);
	assert_true(sasl_client_is_done(h.client));
}

static void a_server_that_does_not_know_the_password_is_not_believed(void **state)
{
	AUTO(half_free) struct half h = start();
	assert_int_equal(hear(&h, VECTOR_FIRST), SASL_CLIENT_SEND);
	assert_true(hear(&h, "v=7rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=") < 0);
	assert_int_equal(h.err.kind, ERR_DENIED);
	assert_false(sasl_client_is_done(h.client));
}

static void a_server_error_ends_the_exchange(void **state)
{
	AUTO(half_free) struct half h = start();
	assert_int_equal(hear(&h, VECTOR_FIRST), SASL_CLIENT_SEND);
	assert_true(hear(&h, "e=invalid-proof") < 0);
	assert_string_equal(h.err.text, "the server says invalid-proof");
	assert_true(hear(&h, "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=") < 0);
	assert_false(sasl_client_is_done(h.client));
}

static void bad_first_answers_are_refused(void **state)
{
	static const char *const bad[] = {"", "r=" VECTOR_NONCE, "r=" VECTOR_NONCE ",s=W22Z",
		/* not our nonce, our nonce with nothing added */
		"r=xOprNGfwEbeRWgbNEkqOabc,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
		"r=rOprNGfwEbeRWgbNEkqO,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
		/* iterations: none, too many, no number */
		"r=" VECTOR_NONCE ",s=W22ZaJ0SNY7soEsUEjb6gQ==,i=0",
		"r=" VECTOR_NONCE ",s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4000000000",
		"r=" VECTOR_NONCE ",s=W22ZaJ0SNY7soEsUEjb6gQ==,i=1e3",
		"r=" VECTOR_NONCE ",s=W22ZaJ0SNY7soEsUEjb6gQ=,i=4096",
		"m=x,r=" VECTOR_NONCE ",s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		AUTO(half_free) struct half h = start();
		assert_true(hear(&h, bad[i]) < 0);
		assert_true(hear(&h, VECTOR_FIRST) < 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_mechanisms_work_with_a_name_that_needs_escapes),
		cmocka_unit_test(a_wrong_password_fails_in_all_mechanisms),
		cmocka_unit_test(an_authzid_is_allowed_or_denied_by_the_server),
		cmocka_unit_test(a_channel_with_somebody_between_is_noticed),
		cmocka_unit_test(taking_plus_out_of_the_list_is_noticed),
		cmocka_unit_test(the_strongest_mechanism_that_works_is_chosen),
		cmocka_unit_test(the_client_matches_the_vector_of_rfc_7677),
		cmocka_unit_test(a_server_that_does_not_know_the_password_is_not_believed),
		cmocka_unit_test(a_server_error_ends_the_exchange),
		cmocka_unit_test(bad_first_answers_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
