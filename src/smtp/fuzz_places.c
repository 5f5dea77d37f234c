/* Hosts as a directory has them: a name comes out that reads as itself, or none. */
#include "smtp/places.h"

#include "base/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const OWN[] = {"unix:/run/none/lmtp"};
	static struct smtp_places *places;
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	const struct smtp_places_options options = {
		.own = OWN, .own_count = 1, .hostname = "us.test", .port = 24};
	struct slice name, again;
	struct smtp_place *place;
	struct err err;
	if (!places)
		must(smtp_places_new(&options, &places, &err) == 0);
	if (smtp_places_name(places, slice((const char *)data, size), &arena, &name, &err) < 0) {
		must(err.class == ERR_TEMPORARY);
		return 0;
	}
	must(name.len <= SMTP_PLACE_NAME_MAX);
	must(smtp_places_name(places, name, &arena, &again, &err) == 0 && slice_eq(name, again));
	must(smtp_places_take(places, name, &place, &err) == 0);
	smtp_places_give(places, place);
	return 0;
}
