/* Optimal string alignment: letters added, left out, replaced, or two neighbours swapped. */
#include "conf/nearest.h"

enum { NAME_MAX_LEN = 40 };

static unsigned distance(struct slice a, struct slice b)
{
	unsigned rows[3][NAME_MAX_LEN + 1];
	unsigned *before = rows[0], *last = rows[1], *row = rows[2];
	for (unsigned j = 0; j <= b.len; j++)
		last[j] = before[j] = j;
	for (unsigned i = 1; i <= a.len; i++) {
		row[0] = i;
		for (unsigned j = 1; j <= b.len; j++) {
			unsigned change = last[j - 1] + (a.ptr[i - 1] != b.ptr[j - 1]);
			row[j] = MIN(MIN(last[j], row[j - 1]) + 1, change);
			if (i > 1 && j > 1 && a.ptr[i - 1] == b.ptr[j - 2] &&
				a.ptr[i - 2] == b.ptr[j - 1])
				row[j] = MIN(row[j], before[j - 2] + 1);
		}
		unsigned *free_row = before;
		before = last;
		last = row;
		row = free_row;
	}
	return last[b.len];
}

void conf_nearest_offer(struct conf_nearest *nearest, const char *candidate)
{
	struct slice other = slice_str(candidate);
	if (nearest->wanted.len > NAME_MAX_LEN || other.len > NAME_MAX_LEN)
		return;
	unsigned d = distance(nearest->wanted, other);
	if (d > MAX(other.len / 3, (size_t)1) || (nearest->best && d >= nearest->distance))
		return;
	nearest->best = candidate;
	nearest->distance = d;
}
