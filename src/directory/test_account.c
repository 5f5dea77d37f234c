#include "base/test.h"
#include "directory/account.h"

#include <stdio.h>

static void it_is_the_same_for_ever(void **state)
{
	char text[2 * ID_SIZE + 1];
	struct id id = directory_account_of(SLICE("0b2a5a5e-8d0c-103c-9f3b-6f0c8c1f2a44"));
	for (size_t i = 0; i < ID_SIZE; i++)
		(void)snprintf(text + 2 * i, 3, "%02x", id.bytes[i]);
	assert_string_equal(text, "fffea60ffb54bd5d53bf5fe0b06414eb");
}

static void another_identity_is_another_account(void **state)
{
	struct id a = directory_account_of(SLICE("1")), b = directory_account_of(SLICE("2"));
	assert_false(id_eq(a, b));
	assert_int_equal(a.bytes[0], 0xff);
	assert_int_equal(b.bytes[0], 0xff);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_the_same_for_ever),
		cmocka_unit_test(another_identity_is_another_account),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
