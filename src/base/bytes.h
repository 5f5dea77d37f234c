/* Numbers as bytes: big-endian (keys sort as the numbers do), little-endian (records), and varints
 * (7 bits a byte, low bits first, 10 bytes at most). And checksums. */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include "base/buf.h"

static inline void bytes_put_be16(void *to, uint16_t v)
{
	v = __builtin_bswap16(v);
	memcpy(to, &v, sizeof(v));
}
static inline void bytes_put_be32(void *to, uint32_t v)
{
	v = __builtin_bswap32(v);
	memcpy(to, &v, sizeof(v));
}
static inline void bytes_put_be64(void *to, uint64_t v)
{
	v = __builtin_bswap64(v);
	memcpy(to, &v, sizeof(v));
}
static inline uint16_t bytes_get_be16(const void *from)
{
	uint16_t v;
	memcpy(&v, from, sizeof(v));
	return __builtin_bswap16(v);
}
static inline uint32_t bytes_get_be32(const void *from)
{
	uint32_t v;
	memcpy(&v, from, sizeof(v));
	return __builtin_bswap32(v);
}
static inline uint64_t bytes_get_be64(const void *from)
{
	uint64_t v;
	memcpy(&v, from, sizeof(v));
	return __builtin_bswap64(v);
}
static inline void bytes_put_le16(void *to, uint16_t v)
{
	memcpy(to, &v, sizeof(v));
}
static inline void bytes_put_le32(void *to, uint32_t v)
{
	memcpy(to, &v, sizeof(v));
}
static inline void bytes_put_le64(void *to, uint64_t v)
{
	memcpy(to, &v, sizeof(v));
}
static inline uint16_t bytes_get_le16(const void *from)
{
	uint16_t v;
	memcpy(&v, from, sizeof(v));
	return v;
}
static inline uint32_t bytes_get_le32(const void *from)
{
	uint32_t v;
	memcpy(&v, from, sizeof(v));
	return v;
}
static inline uint64_t bytes_get_le64(const void *from)
{
	uint64_t v;
	memcpy(&v, from, sizeof(v));
	return v;
}
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the accessors above assume it");

void bytes_add_varint(struct buf *b, uint64_t value);
/* Varint length, then the bytes. */
void bytes_add_counted(struct buf *b, struct slice s);
/* These cut what they read off the front of *rest. False (and *rest unspecified) when it is cut
 * short or too long. */
WARN_UNUSED bool bytes_cut_varint(struct slice *rest, uint64_t *ret_value);
WARN_UNUSED bool bytes_cut_counted(struct slice *rest, struct slice *ret_bytes);
WARN_UNUSED bool bytes_cut(struct slice *rest, size_t len, struct slice *ret_bytes);

/* CRC-32C (Castagnoli) of the bytes, going on from `crc` (0 to begin). Uses the CPU's instruction.
 */
WARN_UNUSED uint32_t bytes_crc32c(uint32_t crc, struct slice s);
/* A fast 64-bit hash for tables in memory; the seed is the process's own, so it never goes to disk.
 */
WARN_UNUSED uint64_t bytes_hash(struct slice s);

#endif
