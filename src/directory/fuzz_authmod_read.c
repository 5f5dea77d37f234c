/* Answers of other makers: whatever we write is read as it was meant, and nothing is read past its
 * end. */
#include "base/must.h"
#include "directory/authmod_line.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Every byte is looked at, so that the sanitizer sees them. */
static void look_at(struct slice s)
{
	size_t sum = 0;
	for (size_t i = 0; i < s.len; i++)
		sum += (unsigned char)s.ptr[i];
	must(sum <= s.len * UINT8_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct directory_authmod_line line;
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct directory_user user;
	if (!directory_authmod_read(slice(data, size), &line))
		return 0;
	must(line.word_count > 0 && line.word_count <= DIRECTORY_AUTHMOD_WORDS_MAX);
	must(line.field_count <= DIRECTORY_AUTHMOD_FIELDS_MAX);
	must(line.used <= DIRECTORY_AUTHMOD_LINE_MAX);
	for (size_t i = 0; i < line.word_count; i++)
		look_at(line.words[i]);
	for (size_t i = 0; i < line.field_count; i++) {
		must(line.fields[i].name.len > 0);
		look_at(line.fields[i].value);
	}
	if (!directory_authmod_take_user(&line, &arena, &user))
		return 0;
	directory_authmod_take_forwards(&line, &arena, &user);
	for (size_t i = 0; i < user.forward_count; i++)
		must(user.forwards[i].len > 0);
	return 0;
}
