/* The two loops that see every byte of a body. They are written with the compiler's vectors (16
 * bytes on every machine that we build for), 64 bytes a round: a round without a candidate costs a
 * few instructions a vector, whatever its lines are like. */
#include "message/lines_internal.h"

typedef uint8_t vector __attribute__((vector_size(16)));
typedef uint64_t halves __attribute__((vector_size(16)));

enum {
	ROUND = 64,
	ROUNDS_MAX = 60, /* each adds at most 4 to a lane of 8 bits */
};

#define SPLAT(c) ((vector){c, c, c, c, c, c, c, c, c, c, c, c, c, c, c, c})

static inline vector load(const char *p)
{
	vector v;
	memcpy(&v, p, sizeof(v));
	return v;
}

static inline bool any(vector v)
{
	halves h = (halves)v;
	return (h[0] | h[1]) != 0;
}

static uint32_t sum(vector v)
{
	uint32_t total = 0;
	for (int i = 0; i < 16; i++)
		total += v[i];
	return total;
}

static const char *count_rounds(const char *p, const char *end, uint32_t *count)
{
	while (end - p >= ROUND) {
		vector counts = SPLAT(0);
		for (int round = 0; round < ROUNDS_MAX && end - p >= ROUND; round++, p += ROUND)
			for (int i = 0; i < ROUND; i += 16)
				counts -= (vector)(load(p + i) == SPLAT('\n'));
		*count += sum(counts);
	}
	return p;
}

/* As count_rounds, up to the first round that holds "\n--". */
static const char *count_rounds_without_dashes(const char *p, const char *end, uint32_t *count)
{
	bool found = false;
	while (!found && end - p >= ROUND + 2) {
		vector counts = SPLAT(0);
		for (int round = 0; round < ROUNDS_MAX && end - p >= ROUND + 2; round++) {
			vector candidates = SPLAT(0), more = SPLAT(0);
			for (int i = 0; i < ROUND; i += 16) {
				vector lf = (vector)(load(p + i) == SPLAT('\n'));
				more -= lf;
				candidates |= lf & (vector)(load(p + i + 1) == SPLAT('-')) &
					      (vector)(load(p + i + 2) == SPLAT('-'));
			}
			found = any(candidates);
			if (found)
				break;
			counts += more;
			p += ROUND;
		}
		*count += sum(counts);
	}
	return p;
}

uint32_t lines_count(const char *p, const char *end)
{
	uint32_t count = 0;
	for (p = count_rounds(p, end, &count); p < end; p++)
		count += *p == '\n';
	return count;
}

const char *lines_next_dashes(const char *p, const char *end, uint32_t *lines)
{
	if (end - p >= 2 && p[0] == '-' && p[1] == '-')
		return p;
	while (p < end) {
		p = count_rounds_without_dashes(p, end, lines);
		const char *stop = end - p > ROUND ? p + ROUND : end;
		while (p < stop) {
			const char *lf = memchr(p, '\n', (size_t)(stop - p));
			if (!lf) {
				p = stop;
				break;
			}
			(*lines)++;
			p = lf + 1;
			if (end - p >= 2 && p[0] == '-' && p[1] == '-')
				return p;
		}
	}
	return end;
}
