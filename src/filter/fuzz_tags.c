/* A list of tags: parts lie inside, in order; what is found is what a walk sees. */
#include "base/must.h"
#include "filter/tags.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_parts(struct slice value)
{
	struct filter_tags_parts parts = filter_tags_parts(value, ':');
	struct slice part;
	size_t count = 0, colons = 0;
	for (size_t i = 0; i < value.len; i++)
		colons += value.ptr[i] == ':';
	while (filter_tags_next_part(&parts, &part))
		count++;
	must(count == colons + 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice list = slice(data, size), rest = list;
	struct filter_tag tag;
	const char *before = list.ptr;
	bool good = filter_tags_check(list);
	size_t count = 0;
	enum filter_tags_outcome outcome;
	while ((outcome = filter_tags_next(&rest, &tag)) == FILTER_TAGS_TAG) {
		must(tag.name.len > 0 && tag.name.ptr >= before);
		must(tag.room.ptr + tag.room.len <= list.ptr + list.len);
		must(tag.value.len <= tag.room.len);
		before = tag.room.ptr + tag.room.len;
		check_parts(tag.value);
		if (good) {
			char name[64];
			(void)snprintf(name, sizeof(name), "%.*s", SLICE_ARG(tag.name));
			must(tag.name.len >= sizeof(name) ||
				slice_eq(filter_tags_find(list, name), tag.value));
		}
		count++;
	}
	must(!good || (outcome == FILTER_TAGS_END && count > 0 && count <= FILTER_TAGS_MAX));
	return 0;
}
