/* The server's half, mechanism by mechanism, against messages written by hand. */
#include "sasl/sasl.h"
#include "sasl/sasl_internal.h"
#include "sasl/scram_crypto.h"

#include "base/base64.h"
#include "base/test.h"

#include <stdio.h>

/* A directory of one user ("user", "pencil") that is down when asked for "down", and what it was
 * asked last. */
struct directory {
	char authzid[64], user[64], password[64];
	unsigned asked;
	int done_result;
};

static void copy(char to[64], struct slice from)
{
	(void)snprintf(to, 64, "%.*s", SLICE_ARG(from));
}

static int check_password(void *context, struct slice authzid, struct slice user,
	struct slice password, struct err *err)
{
	struct directory *d = context;
	d->asked++;
	copy(d->authzid, authzid);
	copy(d->user, user);
	copy(d->password, password);
	if (slice_eq(user, SLICE("down")))
		return err_temporary(err, ERR_UNAVAILABLE, "directory is down");
	return !slice_eq(user, SLICE("user")) || !slice_eq(password, SLICE("pencil"));
}

static const uint8_t vector_salt[16] = {0x5b, 0x6d, 0x99, 0x68, 0x9d, 0x12, 0x35, 0x8e, 0xec, 0xa0,
	0x4b, 0x14, 0x12, 0x36, 0xfa, 0x81};

static int scram_keys(
	void *context, struct slice user, struct sasl_scram_keys *ret_keys, struct err *err)
{
	struct directory *d = context;
	d->asked++;
	if (slice_eq(user, SLICE("down")))
		return err_temporary(err, ERR_UNAVAILABLE, "directory is down");
	if (!slice_eq(user, SLICE("user")))
		return 1;
	sasl_scram_make_salted(SLICE("pencil"), 4096, vector_salt, ret_keys);
	return 0;
}

static int scram_done(void *context, struct slice authzid, struct slice user, struct err *err)
{
	struct directory *d = context;
	copy(d->authzid, authzid);
	copy(d->user, user);
	return d->done_result;
}

/* One exchange. */
struct talk {
	struct directory directory;
	struct sasl_callbacks callbacks;
	struct sasl_session *session;
	struct buf reply;
	struct err err;
};

static void talk_free(struct talk *t)
{
	sasl_free(t->session);
	buf_free(&t->reply);
}

static void talk_start(struct talk *t, const char *mechanism, struct sasl_offer offer)
{
	*t = (struct talk){.callbacks = {check_password, scram_keys, scram_done, &t->directory},
		.reply = BUF(4096)};
	t->session = sasl_new(slice_str(mechanism), &offer, &t->callbacks);
	assert_non_null(t->session);
}

static enum sasl_outcome say(struct talk *t, struct slice message)
{
	buf_clear(&t->reply);
	return sasl_step(t->session, message, &t->reply, &t->err);
}

static const struct sasl_offer plain_only = {.plain = true};
static const struct sasl_offer scram_only = {.scram = true};
static const struct sasl_offer with_binding = {.plain = true,
	.scram = true,
	.exporter = {"exporter-data", 13},
	.server_end_point = {"end-point-data", 14}};

static void the_list_holds_what_the_offer_allows(void **state)
{
	AUTO(buf_free) struct buf list = BUF(128);
	sasl_list(&with_binding, " ", &list);
	assert_slice(buf_slice(&list), "PLAIN LOGIN SCRAM-SHA-256-PLUS SCRAM-SHA-256");
	buf_clear(&list);
	sasl_list(&scram_only, " ", &list);
	assert_slice(buf_slice(&list), "SCRAM-SHA-256");
	buf_clear(&list);
	sasl_list(&plain_only, ",", &list);
	assert_slice(buf_slice(&list), "PLAIN,LOGIN");
}

static void what_is_not_offered_is_not_begun(void **state)
{
	struct directory d = {0};
	const struct sasl_callbacks callbacks = {check_password, scram_keys, scram_done, &d};
	assert_null(sasl_new(SLICE("PLAIN"), &scram_only, &callbacks));
	assert_null(sasl_new(SLICE("SCRAM-SHA-256-PLUS"), &scram_only, &callbacks));
	assert_null(sasl_new(SLICE("SCRAM-SHA-256"), &plain_only, &callbacks));
	assert_null(sasl_new(SLICE("CRAM-MD5"), &with_binding, &callbacks));
	assert_null(sasl_new(SLICE_NONE, &with_binding, &callbacks));
}

static void plain_takes_an_initial_response(void **state)
{
	AUTO(talk_free) struct talk t;
	talk_start(&t, "plain", plain_only);
	assert_int_equal(say(&t, SLICE("\0user\0pencil")), SASL_DONE);
	assert_int_equal(t.reply.len, 0);
	assert_slice(sasl_user(t.session), "user");
	assert_slice(sasl_authzid(t.session), "user");
	assert_string_equal(t.directory.authzid, "");
}

static void plain_without_initial_response_asks_for_it_once(void **state)
{
	AUTO(talk_free) struct talk t;
	talk_start(&t, "PLAIN", plain_only);
	assert_int_equal(say(&t, SLICE_NONE), SASL_CONTINUE);
	assert_int_equal(t.reply.len, 0);
	assert_int_equal(say(&t, SLICE_NONE), SASL_MALFORMED);
}

static void a_wrong_password_is_denied_without_saying_why_to_the_client(void **state)
{
	AUTO(talk_free) struct talk t;
	talk_start(&t, "PLAIN", plain_only);
	assert_int_equal(say(&t, SLICE("\0user\0pen")), SASL_DENIED);
	assert_int_equal(t.err.kind, ERR_DENIED);
	assert_int_equal(t.reply.len, 0);
}

static void a_directory_that_is_down_is_no_denial(void **state)
{
	AUTO(talk_free) struct talk t, s;
	talk_start(&t, "PLAIN", plain_only);
	assert_int_equal(say(&t, SLICE("\0down\0pencil")), SASL_TEMPORARY);
	assert_string_equal(t.err.text, "directory is down");
	talk_start(&s, "SCRAM-SHA-256", scram_only);
	assert_int_equal(say(&s, SLICE("n,,n=down,r=abc")), SASL_TEMPORARY);
	assert_int_equal(s.err.class, ERR_TEMPORARY);
}

static void an_authzid_is_passed_on_and_one_for_oneself_is_not(void **state)
{
	AUTO(talk_free) struct talk other, self;
	talk_start(&other, "PLAIN", plain_only);
	assert_int_equal(say(&other, SLICE("boss\0user\0pencil")), SASL_DONE);
	assert_string_equal(other.directory.authzid, "boss");
	assert_slice(sasl_authzid(other.session), "boss");
	assert_slice(sasl_user(other.session), "user");
	talk_start(&self, "PLAIN", plain_only);
	assert_int_equal(say(&self, SLICE("user\0user\0pencil")), SASL_DONE);
	assert_string_equal(self.directory.authzid, "");
}

static void plain_with_too_few_or_too_many_nuls_is_malformed(void **state)
{
	const struct slice bad[] = {
		SLICE("user"), SLICE("\0user"), SLICE("\0user\0pen\0cil"), SLICE("")};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		AUTO(talk_free) struct talk t;
		talk_start(&t, "PLAIN", plain_only);
		assert_int_equal(say(&t, bad[i]), SASL_MALFORMED);
		assert_int_equal(t.directory.asked, 0);
	}
}

static void an_empty_password_never_reaches_the_directory(void **state)
{
	AUTO(talk_free) struct talk t, l;
	talk_start(&t, "PLAIN", plain_only);
	assert_int_equal(say(&t, SLICE("\0user\0")), SASL_DENIED);
	assert_int_equal(t.directory.asked, 0);
	talk_start(&l, "LOGIN", plain_only);
	assert_int_equal(say(&l, SLICE("user")), SASL_CONTINUE);
	assert_int_equal(say(&l, SLICE_NONE), SASL_DENIED);
	assert_int_equal(l.directory.asked, 0);
}

static void user_names_are_prepared_and_passwords_are_not(void **state)
{
	AUTO(talk_free) struct talk t;
	talk_start(&t, "PLAIN", plain_only);
	/* Roman numeral nine becomes IX, a soft hyphen goes (RFC 4013 section 3). */
	assert_int_equal(say(&t, SLICE("\0\xe2\x85\xa8\xc2\xadu\0\xe2\x85\xa8")), SASL_DENIED);
	assert_string_equal(t.directory.user, "IXu");
	assert_string_equal(t.directory.password, "\xe2\x85\xa8");
}

static void user_names_that_saslprep_refuses_are_denied(void **state)
{
	const struct slice bad[] = {SLICE("\0us\x07"
					  "er\0pencil"),
		SLICE("\0us\xff\0pencil"), SLICE("\0\0pencil"), SLICE("\0\xc2\xad\0pencil"),
		SLICE("a\nb\0user\0pencil")};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		AUTO(talk_free) struct talk t;
		talk_start(&t, "PLAIN", plain_only);
		assert_int_equal(say(&t, bad[i]), SASL_DENIED);
		assert_int_equal(t.directory.asked, 0);
	}
}

static void login_asks_for_user_then_password(void **state)
{
	AUTO(talk_free) struct talk t;
	talk_start(&t, "LOGIN", plain_only);
	assert_int_equal(say(&t, SLICE_NONE), SASL_CONTINUE);
	assert_slice(buf_slice(&t.reply), "Username:");
	assert_int_equal(say(&t, SLICE("user")), SASL_CONTINUE);
	assert_slice(buf_slice(&t.reply), "Password:");
	assert_int_equal(say(&t, SLICE("pencil")), SASL_DONE);
	assert_slice(sasl_user(t.session), "user");
}

static void login_takes_the_user_as_initial_response(void **state)
{
	AUTO(talk_free) struct talk t;
	talk_start(&t, "LOGIN", plain_only);
	assert_int_equal(say(&t, SLICE("user")), SASL_CONTINUE);
	assert_slice(buf_slice(&t.reply), "Password:");
	assert_int_equal(say(&t, SLICE("wrong")), SASL_DENIED);
}

/* RFC 7677 section 3. */
#define VECTOR_NONCE "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
#define VECTOR_FINAL "c=biws,r=" VECTOR_NONCE ",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="

static void start_vector(struct talk *t, struct sasl_offer offer)
{
	talk_start(t, "SCRAM-SHA-256", offer);
	sasl_scram_fix_nonce(t->session, "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0");
}

/* Ends a final message of the vector's nonce and password in its proof, whatever its c= is. */
static void add_proof(struct buf *final)
{
	uint8_t salted[SCRAM_HASH], key[SCRAM_HASH], stored[SCRAM_HASH], proof[SCRAM_HASH];
	AUTO(buf_free) struct buf text = BUF(1024);
	buf_add_str(&text, "n=user,r=rOprNGfwEbeRWgbNEkqO,r=" VECTOR_NONCE
			   ",s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,");
	buf_add_slice(&text, buf_slice(final));
	scram_salted_password(
		SLICE("pencil"), slice(vector_salt, sizeof(vector_salt)), 4096, salted);
	scram_client_key(salted, key);
	scram_hash(slice(key, sizeof(key)), stored);
	scram_hmac(slice(stored, sizeof(stored)), buf_slice(&text), proof);
	scram_xor(proof, key);
	buf_add_str(final, ",p=");
	base64_encode(final, slice(proof, sizeof(proof)));
}

static void a_binding_other_than_the_one_announced_is_denied_though_the_proof_fits(void **state)
{
	AUTO(talk_free) struct talk t;
	AUTO(buf_free) struct buf final = BUF(512);
	start_vector(&t, scram_only);
	assert_int_equal(say(&t, SLICE("n,,n=user,r=rOprNGfwEbeRWgbNEkqO")), SASL_CONTINUE);
	buf_add_str(&final, "c=eSws,r=" VECTOR_NONCE);
	add_proof(&final);
	assert_int_equal(say(&t, buf_slice(&final)), SASL_DENIED);
}

static void a_nonce_other_than_the_one_given_out_is_denied_though_the_proof_fits(void **state)
{
	AUTO(talk_free) struct talk t;
	AUTO(buf_free) struct buf final = BUF(512);
	start_vector(&t, scram_only);
	assert_int_equal(say(&t, SLICE("n,,n=user,r=rOprNGfwEbeRWgbNEkqO")), SASL_CONTINUE);
	buf_add_str(&final, "c=biws,r=" VECTOR_NONCE "x");
	add_proof(&final);
	assert_int_equal(say(&t, buf_slice(&final)), SASL_DENIED);
}

static void scram_matches_the_vector_of_rfc_7677(void **state)
{
	AUTO(talk_free) struct talk t;
	start_vector(&t, scram_only);
	assert_int_equal(say(&t, SLICE("n,,n=user,r=rOprNGfwEbeRWgbNEkqO")), SASL_CONTINUE);
	assert_slice(buf_slice(&t.reply), "r=" VECTOR_NONCE ",s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096");
	assert_int_equal(say(&t, SLICE(VECTOR_FINAL)), SASL_DONE);
	assert_slice(buf_slice(&t.reply), "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
	assert_slice(sasl_user(t.session), "user");
	assert_string_equal(t.directory.user, "user");
}

static void scram_without_initial_response_asks_for_it_once(void **state)
{
	AUTO(talk_free) struct talk t;
	start_vector(&t, scram_only);
	assert_int_equal(say(&t, SLICE_NONE), SASL_CONTINUE);
	assert_int_equal(t.reply.len, 0);
	assert_int_equal(say(&t, SLICE_NONE), SASL_MALFORMED);
}

static void a_changed_final_message_is_denied(void **state)
{
	static const char *const finals[] = {/* proof */
		"c=biws,r=" VECTOR_NONCE ",p=eHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
		/* nonce */
		"c=biws,r=x" VECTOR_NONCE ",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
		/* binding: "y,," */
		"c=eSws,r=" VECTOR_NONCE ",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
		/* an extension that the proof does not cover */
		"c=biws,r=" VECTOR_NONCE ",x=y,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="};
	for (size_t i = 0; i < ARRAY_LEN(finals); i++) {
		AUTO(talk_free) struct talk t;
		start_vector(&t, scram_only);
		assert_int_equal(say(&t, SLICE("n,,n=user,r=rOprNGfwEbeRWgbNEkqO")), SASL_CONTINUE);
		assert_int_equal(say(&t, slice_str(finals[i])), SASL_DENIED);
		assert_int_equal(t.reply.len, 0);
	}
}

static void a_malformed_final_message_is_told_apart_from_a_wrong_one(void **state)
{
	static const char *const finals[] = {"", "c=biws", "c=biws,r=" VECTOR_NONCE,
		"c=biws,r=" VECTOR_NONCE ",p=!", "c=biws,r=" VECTOR_NONCE ",p=AAAA",
		"c=biws,r=" VECTOR_NONCE ",m=1,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
		VECTOR_FINAL ",x=y", VECTOR_FINAL ","};
	for (size_t i = 0; i < ARRAY_LEN(finals); i++) {
		AUTO(talk_free) struct talk t;
		start_vector(&t, scram_only);
		assert_int_equal(say(&t, SLICE("n,,n=user,r=rOprNGfwEbeRWgbNEkqO")), SASL_CONTINUE);
		assert_int_equal(say(&t, slice_str(finals[i])), SASL_MALFORMED);
	}
}

static void malformed_first_messages_are_refused_before_the_directory_is_asked(void **state)
{
	static const char *const firsts[] = {"", "n", "n,", "n,,", "n,,n=user", "n,,r=abc,n=user",
		"n,,n=user,r=", "n,,m=x,n=user,r=abc", "x,,n=user,r=abc", "p,,n=user,r=abc",
		"p=,,n=user,r=abc", "n,x,n=user,r=abc", "n,a=,n=user,r=abc", "n,,n=,r=abc",
		"n,,n=user,r=a c", "n,,n=user,r=abc,", "n,,n=user,r=abc,1=x", "nn,,n=user,r=abc"};
	for (size_t i = 0; i < ARRAY_LEN(firsts); i++) {
		AUTO(talk_free) struct talk t;
		talk_start(&t, "SCRAM-SHA-256", scram_only);
		assert_int_equal(say(&t, slice_str(firsts[i])), SASL_MALFORMED);
		assert_int_equal(t.directory.asked, 0);
	}
}

static void a_scram_name_with_a_bad_escape_is_denied(void **state)
{
	AUTO(talk_free) struct talk t;
	talk_start(&t, "SCRAM-SHA-256", scram_only);
	assert_int_equal(say(&t, SLICE("n,,n=us=41er,r=abc")), SASL_DENIED);
	assert_int_equal(t.directory.asked, 0);
}

/* The server's first message for a user, with the fixed nonce. */
static void first_answer(const char *user, struct sasl_offer offer, char ret_answer[256])
{
	AUTO(talk_free) struct talk t;
	char message[128];
	(void)snprintf(message, sizeof(message), "n,,n=%s,r=abc", user);
	talk_start(&t, "SCRAM-SHA-256", offer);
	sasl_scram_fix_nonce(t.session, "def");
	assert_int_equal(say(&t, slice_str(message)), SASL_CONTINUE);
	(void)snprintf(ret_answer, 256, "%s", buf_cstr(&t.reply));
}

static void an_unknown_user_gets_keys_that_are_always_the_same(void **state)
{
	char once[256], again[256], other_case[256], other_user[256];
	first_answer("nobody", scram_only, once);
	first_answer("nobody", scram_only, again);
	first_answer("NoBody", scram_only, other_case);
	first_answer("nobodi", scram_only, other_user);
	assert_string_equal(once, again);
	assert_string_equal(once, other_case);
	assert_string_not_equal(once, other_user);
	assert_non_null(strstr(once, ",i=15000"));
}

static void made_up_keys_follow_secret_name_and_iterations(void **state)
{
	struct sasl_scram_keys a, b, c;
	sasl_scram_make_up(SLICE("kept on disk"), SLICE("zoe"), 4096, &a);
	sasl_scram_make_up(SLICE("kept on disk"), SLICE("ZOE"), 4096, &b);
	sasl_scram_make_up(SLICE("another"), SLICE("zoe"), 4096, &c);
	assert_int_equal(a.iterations, 4096);
	assert_memory_equal(&a, &b, sizeof(a));
	assert_memory_not_equal(a.salt, c.salt, sizeof(a.salt));
	assert_memory_not_equal(a.stored_key, c.stored_key, sizeof(a.stored_key));
}

static void an_unknown_user_is_denied_only_at_the_end(void **state)
{
	AUTO(talk_free) struct talk t;
	talk_start(&t, "SCRAM-SHA-256", scram_only);
	sasl_scram_fix_nonce(t.session, "def");
	assert_int_equal(say(&t, SLICE("n,,n=nobody,r=abc")), SASL_CONTINUE);
	assert_int_equal(
		say(&t, SLICE("c=biws,r=abcdef,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=")),
		SASL_DENIED);
	assert_string_equal(t.err.text, "wrong user or password");
}

static void binding_flag_of(const char *mechanism, struct sasl_offer offer, const char *first,
	enum sasl_outcome expected)
{
	AUTO(talk_free) struct talk t;
	talk_start(&t, mechanism, offer);
	assert_int_equal(say(&t, slice_str(first)), expected);
}

static void a_client_that_was_hidden_plus_from_is_denied(void **state)
{
	binding_flag_of("SCRAM-SHA-256", with_binding, "y,,n=user,r=abc", SASL_DENIED);
	binding_flag_of("SCRAM-SHA-256", scram_only, "y,,n=user,r=abc", SASL_CONTINUE);
	binding_flag_of("SCRAM-SHA-256", with_binding, "n,,n=user,r=abc", SASL_CONTINUE);
}

static void binding_and_plus_go_together(void **state)
{
	binding_flag_of("SCRAM-SHA-256", with_binding, "p=tls-exporter,,n=user,r=abc", SASL_DENIED);
	binding_flag_of("SCRAM-SHA-256-PLUS", with_binding, "n,,n=user,r=abc", SASL_DENIED);
	binding_flag_of("SCRAM-SHA-256-PLUS", with_binding, "y,,n=user,r=abc", SASL_DENIED);
	binding_flag_of(
		"SCRAM-SHA-256-PLUS", with_binding, "p=tls-exporter,,n=user,r=abc", SASL_CONTINUE);
}

static void only_bindings_at_hand_are_taken(void **state)
{
	struct sasl_offer end_point_only = with_binding;
	end_point_only.exporter = SLICE_NONE;
	binding_flag_of("SCRAM-SHA-256-PLUS", end_point_only,
		"p=tls-server-end-point,,n=user,r=abc", SASL_CONTINUE);
	binding_flag_of(
		"SCRAM-SHA-256-PLUS", end_point_only, "p=tls-exporter,,n=user,r=abc", SASL_DENIED);
	binding_flag_of(
		"SCRAM-SHA-256-PLUS", with_binding, "p=tls-unique,,n=user,r=abc", SASL_DENIED);
}

static void what_scram_done_says_is_the_outcome(void **state)
{
	AUTO(talk_free) struct talk t;
	start_vector(&t, scram_only);
	t.directory.done_result = 1;
	assert_int_equal(say(&t, SLICE("n,,n=user,r=rOprNGfwEbeRWgbNEkqO")), SASL_CONTINUE);
	assert_int_equal(say(&t, SLICE(VECTOR_FINAL)), SASL_DENIED);
	assert_int_equal(t.reply.len, 0);
}

static void without_scram_done_nobody_acts_for_another(void **state)
{
	const struct {
		const char *first, *binding;
		enum sasl_outcome expected;
	} cases[] = {{"n,,", "biws", SASL_DONE}, {"n,a=boss,", "bixhPWJvc3Ms", SASL_DENIED}};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(talk_free) struct talk t;
		char message[256];
		start_vector(&t, scram_only);
		t.session->callbacks.scram_done = NULL;
		(void)snprintf(message, sizeof(message), "%sn=user,r=rOprNGfwEbeRWgbNEkqO",
			cases[i].first);
		assert_int_equal(say(&t, slice_str(message)), SASL_CONTINUE);
		AUTO(buf_free) struct buf final = BUF(512);
		buf_add_str(&final, "c=");
		buf_add_str(&final, cases[i].binding);
		buf_add_str(&final, ",r=" VECTOR_NONCE);
		add_proof(&final);
		assert_int_equal(say(&t, buf_slice(&final)), cases[i].expected);
	}
}

static void after_the_end_nothing_is_taken(void **state)
{
	AUTO(talk_free) struct talk t;
	talk_start(&t, "PLAIN", plain_only);
	assert_int_equal(say(&t, SLICE("\0user\0wrong")), SASL_DENIED);
	assert_int_equal(say(&t, SLICE("\0user\0pencil")), SASL_MALFORMED);
	assert_int_equal(t.directory.asked, 1);
}

static void a_message_past_the_bound_is_malformed(void **state)
{
	AUTO(talk_free) struct talk t;
	AUTO(buf_free) struct buf message = BUF(2 * SASL_MESSAGE_MAX);
	buf_add(&message, "n,,n=user,r=", 12);
	while (message.len <= SASL_MESSAGE_MAX)
		buf_add_byte(&message, 'x');
	talk_start(&t, "SCRAM-SHA-256", scram_only);
	assert_int_equal(say(&t, buf_slice(&message)), SASL_MALFORMED);
}

static void an_answer_that_does_not_fit_the_reply_ends_the_exchange(void **state)
{
	AUTO(talk_free) struct talk t;
	talk_start(&t, "SCRAM-SHA-256", scram_only);
	t.reply.max = 40;
	assert_int_equal(say(&t, SLICE("n,,n=user,r=abc")), SASL_MALFORMED);
	assert_int_equal(t.reply.len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_list_holds_what_the_offer_allows),
		cmocka_unit_test(what_is_not_offered_is_not_begun),
		cmocka_unit_test(plain_takes_an_initial_response),
		cmocka_unit_test(plain_without_initial_response_asks_for_it_once),
		cmocka_unit_test(a_wrong_password_is_denied_without_saying_why_to_the_client),
		cmocka_unit_test(a_directory_that_is_down_is_no_denial),
		cmocka_unit_test(an_authzid_is_passed_on_and_one_for_oneself_is_not),
		cmocka_unit_test(plain_with_too_few_or_too_many_nuls_is_malformed),
		cmocka_unit_test(an_empty_password_never_reaches_the_directory),
		cmocka_unit_test(user_names_are_prepared_and_passwords_are_not),
		cmocka_unit_test(user_names_that_saslprep_refuses_are_denied),
		cmocka_unit_test(login_asks_for_user_then_password),
		cmocka_unit_test(login_takes_the_user_as_initial_response),
		cmocka_unit_test(
			a_binding_other_than_the_one_announced_is_denied_though_the_proof_fits),
		cmocka_unit_test(
			a_nonce_other_than_the_one_given_out_is_denied_though_the_proof_fits),
		cmocka_unit_test(scram_matches_the_vector_of_rfc_7677),
		cmocka_unit_test(scram_without_initial_response_asks_for_it_once),
		cmocka_unit_test(a_changed_final_message_is_denied),
		cmocka_unit_test(a_malformed_final_message_is_told_apart_from_a_wrong_one),
		cmocka_unit_test(
			malformed_first_messages_are_refused_before_the_directory_is_asked),
		cmocka_unit_test(a_scram_name_with_a_bad_escape_is_denied),
		cmocka_unit_test(an_unknown_user_gets_keys_that_are_always_the_same),
		cmocka_unit_test(made_up_keys_follow_secret_name_and_iterations),
		cmocka_unit_test(an_unknown_user_is_denied_only_at_the_end),
		cmocka_unit_test(a_client_that_was_hidden_plus_from_is_denied),
		cmocka_unit_test(binding_and_plus_go_together),
		cmocka_unit_test(only_bindings_at_hand_are_taken),
		cmocka_unit_test(what_scram_done_says_is_the_outcome),
		cmocka_unit_test(without_scram_done_nobody_acts_for_another),
		cmocka_unit_test(after_the_end_nothing_is_taken),
		cmocka_unit_test(a_message_past_the_bound_is_malformed),
		cmocka_unit_test(an_answer_that_does_not_fit_the_reply_ends_the_exchange),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
