/* From OpenSSL to the layer of records: what a handshake leaves behind. */
#include "net/tls_internal.h"
#include "net/tls_record.h"

#include "base/alloc.h"

struct tls_handover {
	bool is_client;
	uint8_t in_secret[TLS_SECRET_MAX], out_secret[TLS_SECRET_MAX];
	size_t in_len, out_len;   /* 0: not known yet */
	uint64_t records_written; /* since out_secret is known */
};

struct tls_handover *tls_handover_new(bool is_client)
{
	struct tls_handover *handover = ALLOC(struct tls_handover);
	handover->is_client = is_client;
	return handover;
}

void tls_handover_free(struct tls_handover *handover)
{
	if (!handover)
		return;
	explicit_bzero(handover, sizeof(*handover));
	free(handover);
}

static int digit_of(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Returns the count of bytes; 0 when it is no secret. */
static size_t secret_of(struct slice hex, uint8_t to[TLS_SECRET_MAX])
{
	if (hex.len % 2 != 0 || hex.len / 2 > TLS_SECRET_MAX)
		return 0;
	for (size_t i = 0; i < hex.len; i += 2) {
		int high = digit_of(hex.ptr[i]), low = digit_of(hex.ptr[i + 1]);
		if (high < 0 || low < 0)
			return 0;
		to[i / 2] = (uint8_t)(high << 4 | low);
	}
	return hex.len / 2;
}

/* "LABEL <client random> <secret>", as NSS writes its key logs. */
void tls_handover_secret(struct tls_handover *handover, const char *line)
{
	struct slice secret = slice_str(line);
	struct slice label = slice_cut(&secret, ' ');
	(void)slice_cut(&secret, ' ');
	bool of_client = slice_eq(label, SLICE("CLIENT_TRAFFIC_SECRET_0"));
	if (!of_client && !slice_eq(label, SLICE("SERVER_TRAFFIC_SECRET_0")))
		return;
	if (of_client == handover->is_client)
		handover->out_len = secret_of(secret, handover->out_secret);
	else
		handover->in_len = secret_of(secret, handover->in_secret);
}

void tls_handover_record(struct tls_handover *handover)
{
	if (handover->out_len > 0)
		handover->records_written++;
}

struct net_layer *tls_handover_finish(
	struct tls_handover *handover, SSL *ssl, struct slice input, struct net_layer *below)
{
	if (SSL_version(ssl) != TLS1_3_VERSION || handover->in_len == 0 || handover->out_len == 0 ||
		SSL_has_pending(ssl))
		return NULL;
	struct net_records_start start = {
		.suite = SSL_CIPHER_get_protocol_id(SSL_get_current_cipher(ssl)),
		.in_secret = slice(handover->in_secret, handover->in_len),
		.out_secret = slice(handover->out_secret, handover->out_len),
		.records_written = handover->records_written,
		.is_client = handover->is_client,
		.input = input,
		.info = net_tls_info_new(ssl),
	};
	struct net_layer *records = net_records_new(&start, below);
	if (!records)
		free(start.info);
	return records;
}
