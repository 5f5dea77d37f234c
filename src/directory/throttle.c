/* A set-associative table: an address hashes to a row of WAYS slots; within the row the oldest
 * window gives way. Keys are hashed with a secret, so that nobody can choose his neighbours. */
#include "directory/throttle.h"

#include "base/alloc.h"
#include "base/clock.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <string.h>
#include <sys/random.h>

enum { WAYS = 8, ROWS = DIRECTORY_THROTTLE_SLOTS / WAYS };

struct slot {
	uint8_t key[16];
	int64_t since_ms;  /* begin of the window */
	uint32_t failures; /* 0: free */
};

struct directory_throttle {
	unsigned failures;
	int64_t window_ms;
	uint64_t secret;
	pthread_mutex_t lock; /* guards the slots */
	struct slot slots[ROWS][WAYS];
};

struct directory_throttle *directory_throttle_new(unsigned failures, uint64_t window_ms)
{
	struct directory_throttle *t = ALLOC(struct directory_throttle);
	t->failures = failures;
	t->window_ms = (int64_t)window_ms;
	if (getrandom(&t->secret, sizeof(t->secret), 0) != sizeof(t->secret))
		t->secret = (uint64_t)clock_mono_ms();
	(void)pthread_mutex_init(&t->lock, NULL);
	return t;
}

void directory_throttle_free(struct directory_throttle *throttle)
{
	if (!throttle)
		return;
	(void)pthread_mutex_destroy(&throttle->lock);
	free(throttle);
}

/* IPv4 as ::ffff:a.b.c.d, IPv6 without its last 64 bits. False for what is no address: a client on
 * this machine's Unix sockets. */
static bool key_of(struct slice client, uint8_t key[16])
{
	char text[64];
	uint8_t four[4];
	if (client.len == 0 || client.len >= sizeof(text))
		return false;
	memcpy(text, client.ptr, client.len);
	text[client.len] = '\0';
	memset(key, 0, 16);
	if (inet_pton(AF_INET6, text, key) == 1) {
		static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
		if (memcmp(key, mapped, sizeof(mapped)) != 0)
			memset(key + 8, 0, 8);
		return true;
	}
	if (inet_pton(AF_INET, text, four) != 1)
		return false;
	key[10] = key[11] = 0xff;
	memcpy(key + 12, four, 4);
	return true;
}

static struct slot *row_of(struct directory_throttle *t, const uint8_t key[16])
{
	uint64_t halves[2];
	memcpy(halves, key, sizeof(halves));
	uint64_t hash = t->secret;
	for (int i = 0; i < 2; i++) {
		hash = (hash ^ halves[i]) * 0x9e3779b97f4a7c15u;
		hash ^= hash >> 29;
	}
	return t->slots[hash % ROWS];
}

static struct slot *find(struct directory_throttle *t, const uint8_t key[16], int64_t now_ms)
{
	struct slot *row = row_of(t, key);
	for (int i = 0; i < WAYS; i++)
		if (row[i].failures && memcmp(row[i].key, key, 16) == 0)
			return now_ms - row[i].since_ms < t->window_ms ? &row[i] : NULL;
	return NULL;
}

bool directory_throttle_allows_at(struct directory_throttle *t, struct slice client, int64_t now_ms)
{
	uint8_t key[16];
	if (!t || !key_of(client, key))
		return true;
	(void)pthread_mutex_lock(&t->lock);
	const struct slot *slot = find(t, key, now_ms);
	bool allowed = !slot || slot->failures < t->failures;
	(void)pthread_mutex_unlock(&t->lock);
	return allowed;
}

/* The slot of this address, a free one, or the one with the oldest window. */
static struct slot *place_for(struct directory_throttle *t, const uint8_t key[16])
{
	struct slot *row = row_of(t, key), *oldest = &row[0];
	for (int i = 0; i < WAYS; i++) {
		if (row[i].failures && memcmp(row[i].key, key, 16) == 0)
			return &row[i];
		if (!row[i].failures || (oldest->failures && row[i].since_ms < oldest->since_ms))
			oldest = &row[i];
	}
	return oldest;
}

void directory_throttle_failed_at(struct directory_throttle *t, struct slice client, int64_t now_ms)
{
	uint8_t key[16];
	if (!t || !key_of(client, key))
		return;
	(void)pthread_mutex_lock(&t->lock);
	struct slot *slot = find(t, key, now_ms);
	if (!slot) {
		slot = place_for(t, key);
		*slot = (struct slot){.since_ms = now_ms};
		memcpy(slot->key, key, sizeof(slot->key));
	}
	if (slot->failures < UINT32_MAX)
		slot->failures++;
	(void)pthread_mutex_unlock(&t->lock);
}

bool directory_throttle_allows(struct directory_throttle *t, struct slice client)
{
	return directory_throttle_allows_at(t, client, clock_mono_ms());
}

void directory_throttle_failed(struct directory_throttle *t, struct slice client)
{
	directory_throttle_failed_at(t, client, clock_mono_ms());
}
