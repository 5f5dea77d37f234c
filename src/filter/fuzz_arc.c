/* A header's sets: those of a chain in order are whole; its keys are those of test_keys.c. */
#include "base/must.h"
#include "filter/arc_verify.h"
#include "filter/test_keys.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct test_keys keys = test_keys_of(TEST_KEYS);
	struct filter_message message = filter_message_of(slice(data, size));
	struct filter_arc_chain chain;
	struct filter_arc_result result;
	enum filter_arc_status status = filter_arc_collect(message.header, &arena, &chain);
	must(chain.count <= FILTER_ARC_INSTANCES_MAX && chain.highest == chain.count);
	must((status == FILTER_ARC_FAIL) == (chain.reason != NULL));
	if (status == FILTER_ARC_PASS) {
		must(chain.count > 0 && !chain.ended);
		for (unsigned i = 0; i < chain.count; i++) {
			must(chain.sets[i].seal.domain.len > 0);
			must(chain.sets[i].results.whole.len > 0);
			must(chain.sets[i].message.whole.len > 0);
		}
	}
	filter_arc_verify(&message, &keys.dns, 1800000000, &arena, &result);
	must(result.status != FILTER_ARC_PASS || status == FILTER_ARC_PASS);
	must(keys.questions <= chain.count + 1);
	return 0;
}
