/* argon2id, as many at once as there are CPUs. */
#include "directory/password.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/random.h"
#include "directory/directory.h"
#include "directory/turns.h"
#include "sasl/prepare.h"

#include <argon2.h>
#include <openssl/crypto.h>
#include <sched.h>
#include <stdatomic.h>

enum {
	SALT_SIZE = 16,
	HASH_SIZE = 32,
	DEFAULT_KIB = 19 * 1024,
	DEFAULT_PASSES = 2,
	KIB_MIN = 8, /* argon2's own least */
	KIB_MAX = 1024 * 1024,
	PASSES_MAX = 100,
	LANES_MAX = 64,
	WAIT_MAX_MS = 10 * 1000,
};

struct directory_hasher {
	uint32_t kib, passes;
	char dummy[DIRECTORY_HASH_TEXT_MAX]; /* verified for who has no hash */
	atomic_uint_fast64_t count;
	struct directory_turns turns;
	unsigned wait_ms;
};

static unsigned cpus(void)
{
	cpu_set_t set;
	if (sched_getaffinity(0, sizeof(set), &set) != 0)
		return 1;
	int n = CPU_COUNT(&set);
	return n > 0 ? (unsigned)n : 1;
}

static int take_turn(struct directory_hasher *h, struct err *err)
{
	if (directory_turns_take(&h->turns, clock_mono_ms() + h->wait_ms))
		return 0;
	return err_temporary(err, ERR_LIMIT, "too many passwords are being checked at once");
}

/* In the form that SCRAM uses (RFC 4013), so that a password typed on two machines is the same
 * bytes. What has no such form stays as it is. `room` is wiped and freed by wipe(). */
static struct slice prepared(struct slice password, struct buf *room)
{
	if (!buf_reserve(room, room->max) || !sasl_prepare(password, room))
		return password;
	return buf_slice(room);
}

static void wipe(struct buf *room)
{
	if (room->data)
		OPENSSL_cleanse(room->data, room->cap);
	buf_free(room);
}

static int hash_text(struct directory_hasher *h, struct slice password,
	char ret_text[DIRECTORY_HASH_TEXT_MAX], struct err *err)
{
	uint8_t salt[SALT_SIZE];
	random_bytes(salt, sizeof(salt));
	int r = argon2id_hash_encoded(h->passes, h->kib, 1, password.ptr, password.len, salt,
		sizeof(salt), HASH_SIZE, ret_text, DIRECTORY_HASH_TEXT_MAX);
	if (r != ARGON2_OK)
		return err_temporary(err, ERR_UNAVAILABLE, "the password can't be hashed: %s",
			argon2_error_message(r));
	return 0;
}

struct directory_hasher *directory_hasher_new(uint32_t argon2_kib, uint32_t argon2_passes)
{
	struct directory_hasher *h = ALLOC(struct directory_hasher);
	h->kib = MIN(MAX(argon2_kib ? argon2_kib : (uint32_t)DEFAULT_KIB, (uint32_t)KIB_MIN),
		(uint32_t)KIB_MAX);
	h->passes =
		MIN(argon2_passes ? argon2_passes : (uint32_t)DEFAULT_PASSES, (uint32_t)PASSES_MAX);
	h->wait_ms = WAIT_MAX_MS;
	directory_turns_init(&h->turns, cpus());
	/* What it hashes matters to nobody: a match is not believed. Without memory for it now,
	 * checks fail as temporary later, as they should. */
	char secret[SALT_SIZE];
	random_bytes(secret, sizeof(secret));
	if (hash_text(h, slice(secret, sizeof(secret)), h->dummy, NULL) != 0)
		h->dummy[0] = '\0';
	return h;
}

void directory_hasher_limit(struct directory_hasher *hasher, unsigned at_once, unsigned wait_ms)
{
	hasher->turns.max = at_once;
	hasher->wait_ms = wait_ms;
}

void directory_hasher_free(struct directory_hasher *hasher)
{
	if (!hasher)
		return;
	directory_turns_deinit(&hasher->turns);
	free(hasher);
}

int directory_hasher_make(
	struct directory_hasher *hasher, struct slice password, struct buf *to, struct err *err)
{
	AUTO(wipe) struct buf room = BUF(3 * SASL_TEXT_MAX + 1);
	char text[DIRECTORY_HASH_TEXT_MAX];
	int r = take_turn(hasher, err);
	if (r != 0)
		return r;
	r = hash_text(hasher, prepared(password, &room), text, err);
	directory_turns_give(&hasher->turns);
	atomic_fetch_add_explicit(&hasher->count, 1, memory_order_relaxed);
	if (r == 0)
		buf_add_str(to, text);
	return r;
}

int directory_hasher_verify(
	struct directory_hasher *hasher, struct slice hash, struct slice password, struct err *err)
{
	AUTO(wipe) struct buf room = BUF(3 * SASL_TEXT_MAX + 1);
	char text[DIRECTORY_HASH_TEXT_MAX];
	struct slice use = hash.len > 0 ? hash : slice_str(hasher->dummy);
	if (use.len >= sizeof(text) || !directory_hash_is_sound(use))
		return err_temporary(err, ERR_DAMAGED, "the stored password hash can't be read");
	memcpy(text, use.ptr, use.len);
	text[use.len] = '\0';
	password = prepared(password, &room);
	int r = take_turn(hasher, err);
	if (r != 0)
		return r;
	r = argon2_verify(text, password.ptr, password.len, Argon2_id);
	directory_turns_give(&hasher->turns);
	atomic_fetch_add_explicit(&hasher->count, 1, memory_order_relaxed);
	if (r == ARGON2_OK)
		return hash.len > 0 ? 0 : DIRECTORY_WRONG;
	if (r == ARGON2_VERIFY_MISMATCH)
		return DIRECTORY_WRONG;
	return err_temporary(
		err, ERR_UNAVAILABLE, "the password can't be checked: %s", argon2_error_message(r));
}

uint64_t directory_hasher_count(const struct directory_hasher *hasher)
{
	return atomic_load_explicit(&hasher->count, memory_order_relaxed);
}

unsigned directory_hasher_most_at_once(struct directory_hasher *hasher)
{
	return directory_turns_most(&hasher->turns);
}

/* Cuts "<name><number>" and what ends it off the front. */
static bool cut_parameter(struct slice *rest, const char *name, char end, uint64_t max)
{
	struct slice prefix = slice_str(name), number = slice_cut(rest, end);
	uint64_t value;
	return slice_starts(number, prefix) &&
	       slice_to_u64(slice_from(number, prefix.len), max, &value) && value > 0;
}

bool directory_hash_is_sound(struct slice hash)
{
	struct slice rest = hash;
	if (hash.len >= DIRECTORY_HASH_TEXT_MAX || !slice_starts(hash, SLICE("$argon2id$")))
		return false;
	rest = slice_from(rest, sizeof("$argon2id$") - 1);
	if (!cut_parameter(&rest, "v=", '$', ARGON2_VERSION_NUMBER) ||
		!cut_parameter(&rest, "m=", ',', KIB_MAX) ||
		!cut_parameter(&rest, "t=", ',', PASSES_MAX) ||
		!cut_parameter(&rest, "p=", '$', LANES_MAX))
		return false;
	struct slice salt = slice_cut(&rest, '$');
	return salt.len >= 11 && rest.len >= 16; /* base64 of 8 and 12 bytes, argon2's least */
}
