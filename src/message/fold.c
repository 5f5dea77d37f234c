/* Text folded for searching: two texts that a person takes for the same become the same bytes.
 * ASCII goes through a table; runs of anything else through ICU, in pieces of bounded size, since
 * putting combining marks in order is not linear in the length of their run. */
#include "message/charset.h"

#include "base/wait.h"

#include <unicode/unorm2.h>
#include <unicode/uchar.h>
#include <unicode/ustring.h>
#include <unicode/utf8.h>

enum {
	PIECE_SOFT = 48, /* characters, then cut before the next one that combines with nothing */
	PIECE_HARD = 64, /* characters */
	UNITS = PIECE_HARD * 2,
	FOLDED_UNITS = UNITS * 18, /* the longest decomposition of one character */
};

#define EACH(byte) ((uint64_t)0x0101010101010101 * (byte))

static const uint64_t HIGH_BITS = EACH(0x80);

static inline uint64_t load(const char *p)
{
	uint64_t eight;
	memcpy(&eight, p, sizeof(eight));
	return eight;
}

/* Whether eight bytes of ASCII need no squeezing: no control character, no two spaces in a row. */
static inline bool is_calm(uint64_t eight, char before)
{
	uint64_t spaces = ~((eight ^ EACH(' ')) + EACH(0x7F)) & HIGH_BITS;
	uint64_t printing = (eight + EACH(0x80 - ' ')) & HIGH_BITS;
	bool begins = before == ' ' && (eight & 0xFF) == ' ';
	return printing == HIGH_BITS && (spaces & spaces << 8) == 0 && !begins;
}

static inline uint64_t lower_eight(uint64_t eight)
{
	uint64_t from_a = eight + EACH(0x80 - 'A'), past_z = eight + EACH(0x80 - 'Z' - 1);
	return eight | (from_a & ~past_z & HIGH_BITS) >> 2;
}

static inline char fold_byte(char c)
{
	if (c >= '\t' && c <= '\r')
		return ' ';
	return (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
}

static void add_folded(const char *text, size_t len, struct buf *to)
{
	char *room = len ? buf_reserve(to, len) : NULL, *out = room;
	if (!room)
		return;
	char before = to->len > 0 ? room[-1] : '\0';
	for (size_t i = 0; i < len;) {
		uint64_t eight = len - i >= sizeof(eight) ? load(text + i) : HIGH_BITS;
		if ((eight & HIGH_BITS) == 0 && is_calm(eight, before)) {
			eight = lower_eight(eight);
			memcpy(out, &eight, sizeof(eight));
			out += sizeof(eight);
			i += sizeof(eight);
			before = out[-1];
			continue;
		}
		for (size_t stop = MIN(i + sizeof(eight), len); i < stop; i++) {
			char c = fold_byte(text[i]);
			*out = c;
			out += !(c == ' ' && before == ' ');
			before = c;
		}
	}
	to->len += (size_t)(out - room);
}

static size_t ascii_len(const char *p, size_t len)
{
	size_t i = 0;
	while (len - i >= sizeof(uint64_t) && (load(p + i) & HIGH_BITS) == 0)
		i += sizeof(uint64_t);
	while (i < len && (uint8_t)p[i] < 0x80)
		i++;
	return i;
}

/* The bytes of the next piece of characters past ASCII. */
static size_t piece_len(struct slice s)
{
	size_t i = 0;
	for (unsigned count = 0; i < s.len && (uint8_t)s.ptr[i] >= 0x80; count++) {
		size_t next = i;
		UChar32 c;
		U8_NEXT((const uint8_t *)s.ptr, next, s.len, c);
		if (count >= PIECE_HARD || (count >= PIECE_SOFT && u_getCombiningClass(c) == 0))
			break;
		i = next;
	}
	return i;
}

static void add_piece(struct slice piece, struct buf *to)
{
	UErrorCode status = U_ZERO_ERROR;
	UChar units[UNITS], folded[FOLDED_UNITS], apart[FOLDED_UNITS];
	char utf8[FOLDED_UNITS * 3];
	int32_t len = 0;
	u_strFromUTF8WithSub(
		units, UNITS, &len, piece.ptr, (int32_t)piece.len, 0xFFFD, NULL, &status);
	len = unorm2_normalize(
		unorm2_getNFKCCasefoldInstance(&status), units, len, folded, FOLDED_UNITS, &status);
	len = unorm2_normalize(
		unorm2_getNFKDInstance(&status), folded, len, apart, FOLDED_UNITS, &status);
	u_strToUTF8WithSub(utf8, sizeof(utf8), &len, apart, len, 0xFFFD, NULL, &status);
	if (U_SUCCESS(status))
		add_folded(utf8, (size_t)len, to);
}

void charset_fold(struct slice utf8, struct buf *to)
{
	size_t at = 0;
	while (at < utf8.len && !to->failed) {
		size_t ascii = at + ascii_len(utf8.ptr + at, utf8.len - at);
		add_folded(utf8.ptr + at, ascii - at, to);
		if (ascii < utf8.len) {
			struct slice piece = slice_from(utf8, ascii);
			piece.len = piece_len(piece);
			add_piece(piece, to);
			ascii += piece.len;
		}
		wait_give_way_over(utf8.ptr + at, utf8.ptr + ascii);
		at = ascii;
	}
}
