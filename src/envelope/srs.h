/* Sender rewriting (SRS, the guarded scheme): who passes a message on writes its sender as an
 * address of his own, so that SPF lets it pass and reports come back to him; the address itself
 * says whom it stands for, and a hash under a secret says that he wrote it.
 *
 *     SRS0=HASH=TIME=DOMAIN=LOCAL@ours     for LOCAL@DOMAIN
 *     SRS1=HASH=HOST=REST@ours             for SRS0REST@HOST, which HOST has written
 *
 * The hash is HMAC-SHA1 over TIME, DOMAIN and LOCAL (or HOST and REST) in lower case, in base64,
 * the first letters of it; TIME is the day in base32, modulo 1,024. Both are compared without
 * regard to case, which some servers do not keep. As Mail::SRS, libsrs2 and postsrsd have it. Pure.
 */
#ifndef ENVELOPE_SRS_H
#define ENVELOPE_SRS_H

#include "base/buf.h"
#include "envelope/path.h"

enum {
	ENVELOPE_SRS_HASH = 8, /* letters that we write, and the least that are believed */
	ENVELOPE_SRS_DAYS = 21,
};

/* Appends the address at `domain` that stands for the sender. `now`: seconds since 1970. False: it
 * can't be written so (none, a quoted local part, an address literal, too long), and nothing is
 * appended. */
WARN_UNUSED bool envelope_srs_write(const struct envelope_path *sender, struct slice domain,
	struct slice secret, int64_t now, struct buf *to);

enum envelope_srs {
	ENVELOPE_SRS_NONE,    /* not such an address */
	ENVELOPE_SRS_GOOD,    /* the address that it stands for is appended */
	ENVELOPE_SRS_FORGED,  /* no secret of these has signed it */
	ENVELOPE_SRS_EXPIRED, /* older than ENVELOPE_SRS_DAYS; SRS1 leaves that to HOST */
};
/* Reads a local part. */
enum envelope_srs envelope_srs_read(
	struct slice local, const struct slice *secrets, size_t count, int64_t now, struct buf *to);

#endif
