/* What a run counts. */
#ifndef LOAD_STATS_H
#define LOAD_STATS_H

#include <stddef.h>
#include <stdint.h>

struct histogram {
	const char *name;
	uint32_t *v; /* microseconds */
	size_t n, cap;
};

struct stats {
	uint64_t ok, errors, deliveries, bytes_in, bytes_out, dropped, handshakes;
	int64_t begin, end; /* of the measured time */
	struct histogram all;
};
extern struct stats stats;

int64_t stats_now(void); /* monotonic nanoseconds */
void histogram_add(struct histogram *h, int64_t ns);
double histogram_quantile(struct histogram *h, double q); /* milliseconds */

#endif
