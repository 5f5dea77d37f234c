/* How work in the background gives way: after each piece it rests, for longer when clients wrote
 * meanwhile. */
#ifndef MIRROR_PACE_H
#define MIRROR_PACE_H

#include "mirror/mirror.h"

struct mirror_pace {
	unsigned busy_commits; /* a second, from which on clients come first */
	/* Rests are so many times as long as the work was. */
	unsigned when_idle, when_busy;
	unsigned rest_max_ms;
};

/* A piece of work. */
struct mirror_piece {
	int64_t since_ns;
	uint64_t commits;
};

struct mirror_piece mirror_piece_begin(struct mirror *mirror);
/* When to go on after it, clock_mono_ms(). */
int64_t mirror_piece_rest(
	struct mirror *mirror, const struct mirror_piece *piece, const struct mirror_pace *pace);

#endif
