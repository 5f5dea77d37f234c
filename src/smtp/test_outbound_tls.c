/* STARTTLS and AUTH at servers elsewhere. */
#include "net/layer.h"
#include "smtp/test_script.h"

#include <unistd.h>

#define EHLO_TLS                                                                                   \
	{                                                                                          \
		"EHLO us.a.test", "250-mx.b.test\r\n250-STARTTLS\r\n250 AUTH PLAIN\r\n"            \
	}
#define STARTTLS                                                                                   \
	{                                                                                          \
		"STARTTLS", "220 go\r\n", SCRIPT_HANDSHAKE                                         \
	}
#define NO_TLS                                                                                     \
	{                                                                                          \
		"STARTTLS", "454 4.7.0 not now\r\n"                                                \
	}
#define GARBAGE                                                                                    \
	{"STARTTLS", "220 go\r\n"}, {"", "this is no handshake at all\r\n"},                       \
	{                                                                                          \
		"", NULL                                                                           \
	}
#define MESSAGE                                                                                    \
	{"MAIL FROM:<sue@a.test>", "250 ok\r\n"}, {"RCPT", "250 ok\r\n"}, {"DATA", "354 go\r\n"},  \
		{".", "250 ok\r\n"}, QUIT

/* Whom the script's certificate makes trusted. */
static struct net_tls_client *client_of(const struct script_client *c, bool lenient)
{
	char path[] = "/tmp/test_outbound_tls.XXXXXX";
	const char *pem = script_certificate(c->script);
	struct net_tls_client *trust;
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, pem, strlen(pem)), strlen(pem));
	(void)close(fd);
	assert_int_equal(lenient ? net_tls_client_new_lenient(path, &trust, NULL)
				 : net_tls_client_new(path, true, &trust, NULL),
		0);
	(void)unlink(path);
	return trust;
}

static struct net_tls_client *trust_of(const struct script_client *c)
{
	return client_of(c, false);
}

static void what_came_out_is_told(void **state)
{
	struct script_client *c = script_client_new(
		SCRIPT(HELLO, EHLO_TLS, STARTTLS, PLAIN_EHLO, MESSAGE), "mx.b.test");
	struct net_tls_client *trust = trust_of(c);
	c->hop.tls = SMTP_TLS_REQUIRED;
	c->hop.trust = trust;
	c->hop.verified_by = "sts";
	assert_int_equal(script_client_send(c, 1), SMTP_SENT);
	net_tls_client_free(trust);
	assert_int_equal(c->recipients[0].result, 0);
	assert_int_equal(c->opening.tls, SMTP_TLS_DONE);
	assert_string_equal(c->opening.tls_version, "TLSv1.3");
	assert_non_null(strstr(c->opening.tls_cipher, "TLS_"));
	assert_string_equal(c->opening.verified_by, "sts");
	script_client_free(c);
}

static void any_certificate_is_good_for_opportunistic_tls(void **state)
{
	struct script_client *c = script_client_new(
		SCRIPT(HELLO, EHLO_TLS, STARTTLS, PLAIN_EHLO, MESSAGE), "other.test");
	c->hop.tls = SMTP_TLS_OPPORTUNISTIC;
	c->hop.verified_by = "nothing can be without anchors";
	assert_int_equal(script_client_send(c, 1), SMTP_SENT);
	assert_int_equal(c->opening.tls, SMTP_TLS_DONE);
	assert_null(c->opening.verified_by);
	script_client_free(c);
}

/* As MTA-STS wants it while a policy is tested. */
static void what_is_wrong_with_a_certificate_is_told_and_mail_goes(void **state)
{
	static const struct {
		const char *host;
		bool known;
		enum net_tls_trouble trouble;
	} CASES[] = {{"mx.b.test", true, NET_TLS_NO_TROUBLE},
		{"other.test", true, NET_TLS_OTHER_NAME}, {"mx.b.test", false, NET_TLS_UNTRUSTED}};
	for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
		struct script_client *c = script_client_new(
			SCRIPT(HELLO, EHLO_TLS, STARTTLS, PLAIN_EHLO, MESSAGE), CASES[i].host);
		struct net_tls_client *trust;
		if (CASES[i].known)
			trust = client_of(c, true);
		else
			assert_int_equal(net_tls_client_new_lenient(NULL, &trust, NULL), 0);
		c->hop.tls = SMTP_TLS_OPPORTUNISTIC;
		c->hop.trust = trust;
		assert_int_equal(script_client_send(c, 1), SMTP_SENT);
		net_tls_client_free(trust);
		assert_int_equal(c->recipients[0].result, 0);
		assert_int_equal(c->opening.tls, SMTP_TLS_DONE);
		assert_int_equal(c->opening.trouble, CASES[i].trouble);
		assert_int_equal(c->opening.tls_words == NULL, i == 0);
		assert_true(c->opening.local.len > 0);
		script_client_free(c);
	}
}

static void what_was_said_in_the_clear_is_forgotten(void **state)
{
	struct script_client *c = script_client_new(
		SCRIPT(HELLO, EHLO_TLS,
			{"STARTTLS", "220 go\r\n250 injected\r\n", SCRIPT_HANDSHAKE}, PLAIN_EHLO,
			MESSAGE),
		"mx.b.test");
	c->hop.tls = SMTP_TLS_OPPORTUNISTIC;
	assert_int_equal(script_client_send(c, 1), SMTP_SENT);
	assert_false(smtp_outbound_has(c->outbound, SMTP_HAS_AUTH));
	assert_null(strchr(script_client_close(c), '!'));
	script_client_free(c);
}

static void tls_may_come_in_front_of_the_greeting(void **state)
{
	struct script_client *c = script_client_new(
		SCRIPT({"", "", SCRIPT_HANDSHAKE}, HELLO, EHLO_TLS, MESSAGE), "mx.b.test");
	c->hop.tls = SMTP_TLS_REQUIRED;
	c->hop.tls_at_once = true;
	assert_int_equal(script_client_send(c, 1), SMTP_SENT);
	assert_int_equal(c->opening.tls, SMTP_TLS_DONE);
	script_client_free(c);
}

static void opportunistic_tls_goes_on_without(void **state)
{
	static const struct script_step LACKS[][9] = {
		{HELLO, PLAIN_EHLO, MESSAGE},
		{HELLO, EHLO_TLS, NO_TLS, MESSAGE},
		{HELLO, EHLO_TLS, MESSAGE},
	};
	static const enum smtp_tls_outcome OUTCOMES[] = {
		SMTP_TLS_NOT_OFFERED, SMTP_TLS_REFUSED, SMTP_TLS_UNUSED};
	for (int i = 0; i < 3; i++) {
		struct script_client *c = script_client_new(LACKS[i], NULL);
		c->hop.tls = i < 2 ? SMTP_TLS_OPPORTUNISTIC : SMTP_TLS_NONE;
		assert_int_equal(script_client_send(c, 1), SMTP_SENT);
		assert_int_equal(c->recipients[0].result, 0);
		assert_int_equal(c->opening.tls, OUTCOMES[i]);
		assert_null(c->opening.tls_version);
		script_client_free(c);
	}
}

static void a_broken_handshake_asks_for_another_connection(void **state)
{
	struct script_client *c = script_client_new(SCRIPT(HELLO, EHLO_TLS, GARBAGE), NULL);
	c->hop.tls = SMTP_TLS_OPPORTUNISTIC;
	assert_int_equal(script_client_open(c), SMTP_OPENED_WITHOUT_TLS);
	assert_int_equal(c->opening.tls, SMTP_TLS_BROKEN);
	assert_true(c->err.text[0]);
	script_client_free(c);
}

static void required_tls_is_required(void **state)
{
	static const struct {
		struct script_step steps[8];
		const char *host, *status;
		enum smtp_tls_outcome outcome;
	} CASES[] = {
		{{HELLO, PLAIN_EHLO, QUIT}, "mx.b.test", "4.7.4", SMTP_TLS_NOT_OFFERED},
		{{HELLO, {"EHLO", "500 no\r\n"}, {"HELO", "250 hi\r\n"}, QUIT}, "mx.b.test",
			"4.7.4", SMTP_TLS_NOT_OFFERED},
		{{HELLO, EHLO_TLS, NO_TLS, QUIT}, "mx.b.test", "4.7.4", SMTP_TLS_REFUSED},
		{{HELLO, EHLO_TLS, GARBAGE}, "mx.b.test", "4.7.5", SMTP_TLS_BROKEN},
		{{HELLO, EHLO_TLS, STARTTLS}, "other.test", "4.7.5", SMTP_TLS_UNTRUSTED},
	};
	for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
		struct script_client *c = script_client_new(CASES[i].steps, CASES[i].host);
		struct net_tls_client *trust = trust_of(c);
		c->hop.tls = SMTP_TLS_REQUIRED;
		c->hop.trust = trust;
		c->hop.verified_by = "dane";
		assert_true(script_client_open(c) < 0);
		assert_int_equal(c->err.class, ERR_TEMPORARY);
		assert_int_equal(c->err.kind, ERR_DENIED);
		assert_string_equal(c->err.status, CASES[i].status);
		assert_int_equal(c->opening.tls, CASES[i].outcome);
		assert_null(c->opening.verified_by);
		assert_int_equal(c->opening.trouble, CASES[i].outcome == SMTP_TLS_UNTRUSTED
							     ? NET_TLS_OTHER_NAME
							     : NET_TLS_NO_TROUBLE);
		net_tls_client_free(trust);
		script_client_free(c);
	}
}

static void requiretls_is_passed_on_to_who_offers_it(void **state)
{
	static const char *const OFFERS[] = {
		"250-x\r\n250-8BITMIME\r\n250 REQUIRETLS\r\n", "250 x\r\n"};
	for (int i = 0; i < 3; i++) { /* offered; not offered; not verified */
		const struct script_step steps[] = {HELLO, EHLO_TLS, STARTTLS,
			{"EHLO", OFFERS[i == 1]},
			{"MAIL FROM:<sue@a.test> REQUIRETLS", "250 ok\r\n"}, {"RCPT", "250 ok\r\n"},
			{"DATA", "354 go\r\n"}, {".", "250 ok\r\n"}, {0}};
		struct script_client *c = script_client_new(steps, "mx.b.test");
		struct net_tls_client *trust = trust_of(c);
		c->hop.tls = SMTP_TLS_REQUIRED;
		c->hop.trust = trust;
		c->hop.verified_by = i == 2 ? NULL : "dane";
		c->t.sender.require_tls = true;
		assert_int_equal(script_client_send(c, 1), SMTP_SENT);
		net_tls_client_free(trust);
		assert_int_equal(c->recipients[0].result<0, i> 0);
		assert_string_equal(c->recipients[0].err.status, i > 0 ? "5.7.30" : "");
		script_client_free(c);
	}
}

#define EHLO_AUTH(mechanisms)                                                                      \
	{                                                                                          \
		"EHLO", "250-x\r\n250 AUTH " mechanisms "\r\n"                                     \
	}

static struct script_client *with_login(const struct script_step *steps)
{
	struct script_client *c = script_client_new(steps, NULL);
	c->hop.user = SLICE("tim");
	c->hop.password = SLICE("tanstaaftanstaaf");
	return c;
}

static void plain_logs_in(void **state) /* RFC 4616 section 4 */
{
	struct script_client *c = with_login(SCRIPT(HELLO, EHLO_AUTH("LOGIN PLAIN"),
		{"AUTH PLAIN AHRpbQB0YW5zdGFhZnRhbnN0YWFm\r\n", "235 2.7.0 welcome\r\n"}, MESSAGE));
	assert_int_equal(script_client_send(c, 1), SMTP_SENT);
	assert_int_equal(c->recipients[0].result, 0);
	script_client_free(c);
}

static void a_login_that_fails_makes_mail_wait(void **state)
{
	static const struct {
		struct script_step steps[6];
		const char *status;
	} CASES[] = {
		{{HELLO, PLAIN_EHLO, QUIT}, "4.7.9"},
		{{HELLO, EHLO_AUTH("GSSAPI"), QUIT}, "4.7.9"},
		{{HELLO, EHLO_AUTH("PLAIN"), {"AUTH", "535 5.7.8 wrong\r\n"}, QUIT}, "4.7.8"},
		{{HELLO, EHLO_AUTH("PLAIN"), {"AUTH", "334 what\r\n"}}, "4.7.0"},
		{{HELLO, EHLO_AUTH("PLAIN"), {"AUTH", "334 \r\n"}}, "4.7.0"},
		{{HELLO, EHLO_AUTH("PLAIN SCRAM-SHA-256"), {"AUTH SCRAM", "235 come in\r\n"}},
			"4.7.0"},
		{{HELLO, EHLO_AUTH("SCRAM-SHA-256"), {"AUTH SCRAM", "334 cj14LHM9YSxpPTE=\r\n"}},
			"4.7.0"},
	};
	for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
		struct script_client *c = with_login(CASES[i].steps);
		assert_true(script_client_open(c) < 0);
		assert_int_equal(c->err.class, ERR_TEMPORARY);
		assert_int_equal(c->err.kind, ERR_DENIED);
		assert_string_equal(c->err.status, CASES[i].status);
		script_client_free(c);
	}
}

static void a_login_may_not_be_possible_now(void **state)
{
	static const struct script_step STEPS[][6] = {
		{HELLO, EHLO_AUTH("PLAIN"), {"AUTH", "454 4.7.0 later\r\n"}, QUIT},
		{HELLO, EHLO_AUTH("PLAIN"), {"AUTH", "421 4.7.0 bye\r\n"}},
		{HELLO, EHLO_AUTH("PLAIN"), {"AUTH", NULL}},
	};
	for (size_t i = 0; i < ARRAY_LEN(STEPS); i++) {
		struct script_client *c = with_login(STEPS[i]);
		assert_true(script_client_open(c) < 0);
		assert_int_equal(c->err.class, ERR_TEMPORARY);
		assert_int_equal(c->err.kind, i == 0 ? ERR_OTHER : ERR_UNAVAILABLE);
		script_client_free(c);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_came_out_is_told),
		cmocka_unit_test(any_certificate_is_good_for_opportunistic_tls),
		cmocka_unit_test(what_is_wrong_with_a_certificate_is_told_and_mail_goes),
		cmocka_unit_test(what_was_said_in_the_clear_is_forgotten),
		cmocka_unit_test(tls_may_come_in_front_of_the_greeting),
		cmocka_unit_test(opportunistic_tls_goes_on_without),
		cmocka_unit_test(a_broken_handshake_asks_for_another_connection),
		cmocka_unit_test(required_tls_is_required),
		cmocka_unit_test(requiretls_is_passed_on_to_who_offers_it),
		cmocka_unit_test(plain_logs_in),
		cmocka_unit_test(a_login_that_fails_makes_mail_wait),
		cmocka_unit_test(a_login_may_not_be_possible_now),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
