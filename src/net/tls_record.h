/* TLS 1.3 records (RFC 8446 section 5): sealed and opened with the traffic keys that a handshake
 * left. Pure: bytes in, bytes out. Cipher and hash are libcrypto's. */
#ifndef NET_TLS_RECORD_H
#define NET_TLS_RECORD_H

#include "base/slice.h"

enum {
	TLS_RECORD_HEADER = 5,
	TLS_RECORD_PLAIN_MAX = 1 << 14,               /* section 5.1 */
	TLS_RECORD_MAX = 5 + (1 << 14) + 256,         /* section 5.2 */
	TLS_RECORD_OVERHEAD = TLS_RECORD_HEADER + 17, /* what sealing adds: header, type, tag */
	TLS_SECRET_MAX = 48,
};

enum tls_content { TLS_ALERT = 21, TLS_HANDSHAKE = 22, TLS_DATA = 23 };

/* Section 6.2; as far as they are said in the middle of a connection. */
enum tls_alert {
	TLS_CLOSE_NOTIFY = 0,
	TLS_UNEXPECTED_MESSAGE = 10,
	TLS_BAD_RECORD_MAC = 20,
	TLS_RECORD_OVERFLOW = 22,
	TLS_ILLEGAL_PARAMETER = 47,
	TLS_DECODE_ERROR = 50,
	TLS_INTERNAL_ERROR = 80,
};

/* One direction. */
struct tls_keys {
	uint64_t sequence; /* of the next record */
	uint8_t suite;     /* low byte of the cipher suite's number, 0x13XX */
	uint8_t secret[TLS_SECRET_MAX], key[32], iv[12];
};

/* `suite` is the number that was negotiated; false when it is none of the three that are known
 * (0x1301 to 0x1303), or the secret's length is not that of its hash. */
WARN_UNUSED bool tls_keys_init(struct tls_keys *keys, unsigned suite, struct slice secret);
/* The next generation (section 7.2). */
void tls_keys_update(struct tls_keys *keys);
/* True when so many records were sealed that the keys should be updated (section 5.5). */
bool tls_keys_are_worn(const struct tls_keys *keys);
void tls_keys_wipe(struct tls_keys *keys);

/* Seals up to TLS_RECORD_PLAIN_MAX bytes; `to` has room for TLS_RECORD_OVERHEAD more. Returns the
 * record's length. */
size_t tls_record_seal(
	struct tls_keys *keys, enum tls_content content, struct slice plain, uint8_t *to);
/* Length of the record that begins here, with its header; 0: the header is not whole yet. Negative:
 * -alert, it is no record of a protected stream. */
int tls_record_len(struct slice bytes);
/* Opens a whole record in place. 0, or an alert to answer with. */
int tls_record_open(struct tls_keys *keys, uint8_t *record, size_t len, uint8_t *ret_content,
	struct slice *ret_plain);

#endif
