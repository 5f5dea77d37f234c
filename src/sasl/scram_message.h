/* The four messages of SCRAM (RFC 5802 section 7) taken apart. Pure; all slices point into the
 * message. */
#ifndef SASL_SCRAM_MESSAGE_H
#define SASL_SCRAM_MESSAGE_H

#include "base/buf.h"

struct scram_client_first {
	char binding_flag;         /* 'n' none, 'y' supported but not offered, 'p' used */
	struct slice binding_name; /* of 'p' */
	struct slice authzid;      /* still encoded (scram_decode_name); empty: none */
	struct slice gs2_header;   /* the bytes before the bare message */
	struct slice bare;
	struct slice user; /* still encoded */
	struct slice nonce;
};
struct scram_server_first {
	struct slice nonce, salt; /* salt in base64 */
	uint64_t iterations;
};
struct scram_client_final {
	struct slice binding; /* base64 */
	struct slice nonce;
	struct slice proof;         /* base64 */
	struct slice without_proof; /* the bytes before ",p=" */
};
struct scram_server_final {
	struct slice verifier; /* base64; empty when the server sent an error */
	struct slice error;
};

/* False when malformed, which mandatory extensions ("m=") are too. Other extensions are skipped. */
WARN_UNUSED bool scram_read_client_first(struct slice text, struct scram_client_first *ret);
WARN_UNUSED bool scram_read_server_first(struct slice text, struct scram_server_first *ret);
WARN_UNUSED bool scram_read_client_final(struct slice text, struct scram_client_final *ret);
WARN_UNUSED bool scram_read_server_final(struct slice text, struct scram_server_final *ret);

/* "=2C" and "=3D" for comma and equals sign. False when another "=" is there. */
WARN_UNUSED bool scram_decode_name(struct slice name, struct buf *to);
void scram_encode_name(struct slice name, struct buf *to);

#endif
