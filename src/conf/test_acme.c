/* Block tls.acme: what it sets, and the words for what can't be meant. */
#include "conf/settings.h"

#include "base/test.h"

static const struct conf_settings *load(const char *text, struct err *err)
{
	const struct conf_settings *settings = NULL;
	int r = conf_settings_from_text("t", slice_str(text), NULL, &settings, err);
	assert_int_equal(r, settings ? 0 : -1);
	return settings;
}

static void assert_fault(const char *text, const char *expected)
{
	struct err err;
	assert_null(load(text, &err));
	assert_string_equal(err.text, expected);
}

static void acme_is_on_when_its_block_is_there(void **state)
{
	struct err err;
	const struct conf_settings *on =
		load("mx { }\ntls { acme { names mail.example.org imap.example.org;\n"
		     "agree_to_terms yes; } }\n",
			&err);
	const struct conf_settings *off = load("mx { }", &err);
	const struct conf_acme *acme = &on->tls.acme;
	assert_true(acme->on);
	assert_int_equal(acme->names.count, 2);
	assert_int_equal(acme->challenge, CONF_ACME_HTTP);
	assert_int_equal(acme->certificates, CONF_ACME_ONE);
	assert_string_equal(acme->http_listen, "*:80");
	assert_false(off->tls.acme.on);
	conf_settings_free(on);
	conf_settings_free(off);
}

static void acme_that_can_not_be_is_told_so_at_its_line(void **state)
{
	assert_fault("mx { }\ntls { acme { agree_to_terms yes; } }",
		"t:2:7: block \"acme\" lacks \"names\"");
	assert_fault("mx { }\ntls { acme { names a.example; } }",
		"t:2:7: block \"acme\" lacks \"agree_to_terms yes\": read the authority's terms "
		"first");
	assert_fault("mx { }\ntls { acme { agree_to_terms yes; names a.example *.a.example; } }",
		"t:2:34: name \"*.a.example\" can't be had, expected a full name without *");
	assert_fault("mx { }\ntls { acme { agree_to_terms yes; names a.example;\n"
		     "directory http://a.example/; } }",
		"t:3:1: directory \"http://a.example/\", expected a URL that begins with "
		"https://");
	assert_fault("mx { }\ntls { acme { agree_to_terms yes; names a.example;\ncontact ann; } }",
		"t:3:1: contact \"ann\", expected a mail address");
	assert_fault("mx { }\ntls { acme { agree_to_terms yes; names a.example;\neab_kid k; } }",
		"t:2:7: block \"acme\" lacks \"eab_hmac_key\"");
	assert_fault("mx { }\ntls { acme { agree_to_terms yes; names a.example;\n"
		     "http_listen *:25; } }",
		"t:3:1: address *:25 is taken by another listener, expected one of its own");
	assert_fault("tls { acme { agree_to_terms yes; names a.example; } }",
		"t:1:7: block \"acme\" needs a role on this machine, expected a block mx or store");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(acme_is_on_when_its_block_is_there),
		cmocka_unit_test(acme_that_can_not_be_is_told_so_at_its_line),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
