/* Varints and checksums. */
#include "base/bytes.h"

#include "base/random.h"

#include <pthread.h>
#ifdef __x86_64__
#include <cpuid.h>
#include <nmmintrin.h>
#endif

enum { CRC32C_POLYNOMIAL_REVERSED = 0x82f63b78 };

void bytes_add_varint(struct buf *b, uint64_t value)
{
	char bytes[10];
	size_t n = 0;
	while (value >= 0x80) {
		bytes[n++] = (char)(value | 0x80);
		value >>= 7;
	}
	bytes[n++] = (char)value;
	buf_add(b, bytes, n);
}

void bytes_add_counted(struct buf *b, struct slice s)
{
	bytes_add_varint(b, s.len);
	buf_add_slice(b, s);
}

bool bytes_cut_varint(struct slice *rest, uint64_t *ret_value)
{
	uint64_t value = 0;
	for (unsigned shift = 0; shift < 64 && rest->len > 0; shift += 7) {
		unsigned char byte = (unsigned char)rest->ptr[0];
		*rest = slice_from(*rest, 1);
		if (shift == 63 && byte > 1)
			return false;
		value |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80)) {
			*ret_value = value;
			return true;
		}
	}
	return false;
}

bool bytes_cut(struct slice *rest, size_t len, struct slice *ret_bytes)
{
	if (rest->len < len)
		return false;
	*ret_bytes = slice(rest->ptr, len);
	*rest = slice_from(*rest, len);
	return true;
}

bool bytes_cut_counted(struct slice *rest, struct slice *ret_bytes)
{
	uint64_t len;
	return bytes_cut_varint(rest, &len) && len <= rest->len &&
	       bytes_cut(rest, (size_t)len, ret_bytes);
}

static uint32_t crc_table[256];
static bool crc_by_cpu;
static uint64_t hash_seed;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void prepare(void)
{
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t c = i;
		for (int bit = 0; bit < 8; bit++)
			c = c & 1 ? c >> 1 ^ CRC32C_POLYNOMIAL_REVERSED : c >> 1;
		crc_table[i] = c;
	}
#ifdef __x86_64__
	crc_by_cpu = __builtin_cpu_supports("sse4.2");
#endif
	random_bytes(&hash_seed, sizeof(hash_seed));
}

#ifdef __x86_64__
__attribute__((target("sse4.2"))) static uint32_t crc_cpu(uint32_t crc, struct slice s)
{
	uint64_t c = crc;
	for (; s.len >= 8; s = slice(s.ptr + 8, s.len - 8))
		c = _mm_crc32_u64(c, bytes_get_le64(s.ptr));
	for (; s.len; s = slice(s.ptr + 1, s.len - 1))
		c = _mm_crc32_u8((uint32_t)c, (unsigned char)*s.ptr);
	return (uint32_t)c;
}
#endif

uint32_t bytes_crc32c(uint32_t crc, struct slice s)
{
	(void)pthread_once(&once, prepare);
	crc = ~crc;
#ifdef __x86_64__
	if (crc_by_cpu)
		return ~crc_cpu(crc, s);
#endif
	for (size_t i = 0; i < s.len; i++)
		crc = crc >> 8 ^ crc_table[(crc ^ (unsigned char)s.ptr[i]) & 0xff];
	return ~crc;
}

uint64_t bytes_hash(struct slice s)
{
	(void)pthread_once(&once, prepare);
	uint64_t h = hash_seed ^ s.len;
	for (; s.len >= 8; s = slice(s.ptr + 8, s.len - 8)) {
		__uint128_t m = (__uint128_t)(h ^ bytes_get_le64(s.ptr)) * 0x9e3779b97f4a7c15u;
		h = (uint64_t)m ^ (uint64_t)(m >> 64);
	}
	for (; s.len; s = slice(s.ptr + 1, s.len - 1))
		h = (h ^ (unsigned char)*s.ptr) * 0x100000001b3u;
	__uint128_t m = (__uint128_t)(h ^ hash_seed) * 0xd6e8feb86659fd93u;
	return (uint64_t)m ^ (uint64_t)(m >> 64);
}
