/* What a server lacks of what a message needs: made up for, or told as a refusal.
 *
 * SIZE too small: 5.3.4. No 8BITMIME: parts become quoted-printable or base64 (RFC 6152 section 3);
 * no BINARYMIME: binary parts become base64 (RFC 3030); 5.6.3 where that can't be. No SMTPUTF8:
 * sent without when header and local parts are ASCII, domains as A-labels, else 5.6.7 (RFC 6531
 * sections 3.2 and 3.7.1). REQUIRETLS
 * not offered, or TLS not verified: 5.7.30 (RFC 8689). */
#ifndef SMTP_FIT_H
#define SMTP_FIT_H

#include "base/spool.h"
#include "smtp/exchange.h"

struct smtp_fit {
	const struct smtp_offer *offer;
	bool tls_verified;
	int spool_dir_fd;    /* borrowed: for a converted message */
	struct spool *spool; /* it; lives until smtp_fit_end() */
};

/* Fills what x sends; addresses of t may get another form. Recipients whose address needs SMTPUTF8
 * get their refusal; negative: err is that of all (permanent as above; temporary when there is no
 * room for a converted message). The line ends of text come out as CR LF. */
int smtp_fit_message(struct smtp_fit *fit, struct smtp_exchange *x, struct smtp_transaction *t,
	struct err *err) WARN_UNUSED;
void smtp_fit_end(struct smtp_fit *fit);

/* A domain in UTF-8 has a form in ASCII (RFC 5890), which lies in `arena`. False: a local part has
 * none, or the domain is none; the path is as it was. */
WARN_UNUSED bool smtp_path_to_ascii(struct envelope_path *path, struct arena *arena);

#endif
