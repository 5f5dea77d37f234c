/* Senders of mail that goes on to elsewhere (envelope/srs.h), by the settings: whether they are
 * written anew, at which domain, and by which secrets. */
#ifndef ROLES_MX_SRS_H
#define ROLES_MX_SRS_H

#include "directory/directory.h"
#include "envelope/path.h"
#include "roles/role.h"
#include "store/store.h"

enum { MX_SRS_SECRETS_MAX = 16, MX_SRS_SECRET_MIN = 16, MX_SRS_SECRET_MAX = 255 };

struct mx_srs {
	const struct conf_srs *conf;
	struct directory *directory; /* this and the store: set by the role when they are there */
	struct store *store;         /* the mx's own */
	struct slice secrets[MX_SRS_SECRETS_MAX]; /* of the file, whose bytes are `text` */
	size_t secret_count;
	char *text;
};

/* Reads the file of secrets, if there is one: while the role may still read it. ERR_BAD_INPUT: it,
 * or the domain, makes no sense. */
int mx_srs_init(struct mx_srs *srs, const struct conf_srs *conf, struct err *err) WARN_UNUSED;
void mx_srs_deinit(struct mx_srs *srs);

/* The sender under which an address at `domain` passes on what `sender` has sent, in the arena: no
 * other one when it is none, is ours, or can't be written so. Makes a secret when there is none. */
int mx_srs_sender(struct mx_srs *srs, const struct envelope_path *sender, struct slice domain,
	struct arena *arena, struct slice *ret_sender, struct err *err) WARN_UNUSED;

enum { MX_SRS_NONE = 1 }; /* positive outcome: it is not a rewritten sender of ours */
/* Whom mail to such an address is led to. Forged and old ones are ERR_PERMANENT, with a status. */
int mx_srs_back(struct mx_srs *srs, const struct envelope_path *address, struct arena *arena,
	struct slice *ret_address, struct err *err) WARN_UNUSED;

#endif
