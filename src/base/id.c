/* Ids from the clock and the kernel's random source. */
#include "base/id.h"

#include "base/clock.h"
#include "base/random.h"

static const char ALPHABET[] = "abcdefghijklmnopqrstuvwxyz234567";

struct id id_new(void)
{
	struct id id;
	uint64_t ms = (uint64_t)clock_wall_ms();
	for (int i = 5; i >= 0; i--) {
		id.bytes[i] = (uint8_t)ms;
		ms >>= 8;
	}
	random_bytes(id.bytes + 6, ID_SIZE - 6);
	return id;
}

bool id_cut(struct slice *rest, struct id *ret_id)
{
	if (rest->len < ID_SIZE)
		return false;
	memcpy(ret_id->bytes, rest->ptr, ID_SIZE);
	*rest = slice_from(*rest, ID_SIZE);
	return true;
}

bool id_is_none(struct id id)
{
	return id_eq(id, ID_NONE);
}

void id_to_text(struct id id, char ret_text[ID_TEXT_SIZE + 1])
{
	unsigned bits = 0, have = 0;
	size_t out = 0;
	for (size_t i = 0; i < ID_SIZE; i++) {
		bits = bits << 8 | id.bytes[i];
		have += 8;
		while (have >= 5) {
			have -= 5;
			ret_text[out++] = ALPHABET[bits >> have & 31];
		}
	}
	ret_text[out++] = ALPHABET[bits << (5 - have) & 31];
	ret_text[out] = '\0';
}

bool id_from_text(struct slice text, struct id *ret_id)
{
	if (text.len != ID_TEXT_SIZE)
		return false;
	unsigned bits = 0, have = 0;
	size_t out = 0;
	for (size_t i = 0; i < text.len; i++) {
		const char *at = text.ptr[i] ? strchr(ALPHABET, text.ptr[i]) : NULL;
		if (!at)
			return false;
		bits = bits << 5 | (unsigned)(at - ALPHABET);
		have += 5;
		if (have >= 8 && out < ID_SIZE) {
			have -= 8;
			ret_id->bytes[out++] = (uint8_t)(bits >> have);
		}
	}
	return true;
}
