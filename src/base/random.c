/* The kernel's random bytes, fetched in pools. */
#include "base/random.h"

#include "base/must.h"

#include <stdatomic.h>
#include <string.h>
#include <sys/random.h>

enum { POOL = 256 };

static _Thread_local struct {
	unsigned char bytes[POOL];
	size_t left;
} pool;

static void fill(void *data, size_t len)
{
	unsigned char *at = data;
	while (len) {
		ssize_t got = getrandom(at, MIN(len, (size_t)POOL), 0);
		must(got > 0);
		at += got;
		len -= (size_t)got;
	}
}

static atomic_uint_least64_t fake; /* state of splitmix64; 0: none */

void random_fake(uint64_t seed)
{
	atomic_store(&fake, seed);
}

static void fill_fake(unsigned char *at, size_t len)
{
	while (len > 0) {
		uint64_t z = atomic_fetch_add(&fake, 0x9e3779b97f4a7c15) + 0x9e3779b97f4a7c15;
		size_t now = MIN(len, sizeof(z));
		z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
		z = (z ^ z >> 27) * 0x94d049bb133111eb;
		z ^= z >> 31;
		memcpy(at, &z, now);
		at += now;
		len -= now;
	}
}

/* Not inlined: callers may go on on another thread (base/wait.h). */
__attribute__((noinline)) void random_bytes(void *data, size_t len)
{
	if (atomic_load_explicit(&fake, memory_order_relaxed) != 0) {
		fill_fake(data, len);
		return;
	}
	if (len > POOL / 2) {
		fill(data, len);
		return;
	}
	if (pool.left < len) {
		fill(pool.bytes, POOL);
		pool.left = POOL;
	}
	pool.left -= len;
	memcpy(data, pool.bytes + pool.left, len);
	memset(pool.bytes + pool.left, 0, len);
}

uint64_t random_below(uint64_t bound)
{
	must(bound > 0);
	uint64_t skip = -bound % bound, value;
	do
		random_bytes(&value, sizeof(value));
	while (value < skip);
	return value % bound;
}
