/* Masters: who may log in as any user. */
#include "directory/masters.h"

#include "base/test.h"
#include "directory/fake.h"
#include "directory/password.h"

/* Of "mo" and of "ma". */
#define MO "{SSHA}8f2USnJFXDK05TwYmsrF5t6w++VzYWx0"
#define MA                                                                                         \
	"$6$abcdefgh$kNvY837XPrD7XXTd22/ekc4pWCSwaDKyxWnKyTjM5DDXru/ixAVV/"                        \
	"0IASehaPHXkMcaIYuclEgERKdoDKc5L0/"

static const struct directory_fake_user users[] = {
	{.name = "ann@example.org", .password = "secret"},
	{.name = "bob@example.org", .password = "bob", .user = {.services = DIRECTORY_POP3}},
};

struct world {
	struct directory *fake, *masters;
	struct arena arena;
	struct err err;
};

static void begin(struct world *w, const char *text)
{
	*w = (struct world){.fake = directory_fake_new(users, ARRAY_LEN(users))};
	assert_int_equal(directory_masters_new(w->fake, slice_str(text), &w->masters, &w->err), 0);
}

static void end(struct world *w)
{
	directory_free(w->masters);
	directory_free(w->fake);
	arena_free(&w->arena);
}

static int check(struct world *w, const char *user, const char *name, const char *password)
{
	const struct directory_master master = {slice_str(name), slice_str(password)};
	struct directory_user found;
	int r = directory_check_master(w->masters, slice_str(user), &master, SLICE("192.0.2.1"),
		DIRECTORY_IMAP, &w->arena, &found, &w->err);
	if (r == 0)
		assert_slice(found.name, user);
	return r;
}

static void a_master_is_any_user_by_his_own_password(void **state)
{
	struct world w;
	begin(&w, "# who\n\nmo:" MO "\r\n  ma : " MA "\n");
	assert_int_equal(check(&w, "ann@example.org", "mo", "mo"), 0);
	assert_int_equal(check(&w, "ann@example.org", "ma", "ma"), 0);
	assert_int_equal(check(&w, "ann@example.org", "mo", "ma"), DIRECTORY_WRONG);
	assert_int_equal(check(&w, "ann@example.org", "mo", "secret"), DIRECTORY_WRONG);
	assert_int_equal(check(&w, "ann@example.org", "my", "mo"), DIRECTORY_WRONG);
	assert_int_equal(check(&w, "ann@example.org", "mo", ""), DIRECTORY_WRONG);
	end(&w);
}

static void the_user_must_be_there_and_allowed(void **state)
{
	struct world w;
	begin(&w, "mo:" MO);
	assert_int_equal(check(&w, "zoe@example.org", "mo", "mo"), DIRECTORY_UNKNOWN);
	assert_int_equal(check(&w, "bob@example.org", "mo", "mo"), DIRECTORY_DENIED);
	assert_string_equal(w.err.text, "bob@example.org may not use imap");
	directory_fake_set_dead(w.fake, true);
	assert_true(check(&w, "ann@example.org", "mo", "mo") < 0);
	end(&w);
}

static void users_log_in_as_before(void **state)
{
	struct world w;
	struct directory_user user;
	begin(&w, "mo:" MO);
	assert_int_equal(directory_check(w.masters, SLICE("ann@example.org"), SLICE("secret"),
				 SLICE("192.0.2.1"), DIRECTORY_IMAP, &w.arena, &user, &w.err),
		0);
	assert_int_equal(directory_check(w.masters, SLICE("ann@example.org"), SLICE("mo"),
				 SLICE("192.0.2.1"), DIRECTORY_IMAP, &w.arena, &user, &w.err),
		DIRECTORY_WRONG);
	/* Without masters there are none. */
	const struct directory_master master = {SLICE("mo"), SLICE("mo")};
	assert_int_equal(directory_check_master(w.fake, SLICE("ann@example.org"), &master,
				 SLICE("192.0.2.1"), DIRECTORY_IMAP, &w.arena, &user, &w.err),
		DIRECTORY_WRONG);
	end(&w);
}

static void a_hash_that_we_make_is_taken(void **state)
{
	AUTO(buf_free) struct buf line = BUF(DIRECTORY_HASH_TEXT_MAX);
	struct directory_hasher *hasher = directory_hasher_new(1024, 1);
	struct world w;
	buf_add_str(&line, "mo:");
	assert_int_equal(directory_hasher_make(hasher, SLICE("new"), &line, NULL), 0);
	begin(&w, buf_cstr(&line));
	assert_int_equal(check(&w, "ann@example.org", "mo", "new"), 0);
	assert_int_equal(check(&w, "ann@example.org", "mo", "old"), DIRECTORY_WRONG);
	end(&w);
	directory_hasher_free(hasher);
}

static void faults_name_the_line_and_no_secret(void **state)
{
	struct directory *fake = directory_fake_new(users, ARRAY_LEN(users)), *masters;
	static const char *const BAD[] = {"secret", ":" MO, "mo:", "mo:secret", "mo:{PLAIN}secret",
		"mo:$argon2id$secret", "mo:" MO "\nmo:" MA};
	struct err err;
	for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
		assert_true(directory_masters_new(fake, slice_str(BAD[i]), &masters, &err) < 0);
		assert_int_equal(err.class, ERR_PERMANENT);
		assert_non_null(strstr(err.text, "line "));
		assert_null(strstr(err.text, "secret"));
	}
	directory_free(fake);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_master_is_any_user_by_his_own_password),
		cmocka_unit_test(the_user_must_be_there_and_allowed),
		cmocka_unit_test(users_log_in_as_before),
		cmocka_unit_test(a_hash_that_we_make_is_taken),
		cmocka_unit_test(faults_name_the_line_and_no_secret),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
