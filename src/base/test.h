/* What unit tests include: cmocka, and assertions on slices. */
#ifndef BASE_TEST_H
#define BASE_TEST_H

#include "base/slice.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define assert_slice(got, literal)                                                                 \
	do {                                                                                       \
		struct slice got_ = (got);                                                         \
		if (!slice_eq(got_, slice_str(literal)))                                           \
			fail_msg("got \"%.*s\", expected \"%s\"", SLICE_ARG(got_), (literal));     \
	} while (0)

#endif
