/* What the store does with mail that comes by LMTP: recipients are looked up in the directory,
 * messages go into mailboxes, one copy of the bytes for all of them. */
#ifndef ROLES_STORE_DELIVERY_H
#define ROLES_STORE_DELIVERY_H

#include "mail/mail.h"
#include "smtp/server.h"

struct delivery {
	struct mail *mail; /* borrowed */
	struct directory *directory;
	/* Names of fields by which mx says that a message is junk; "": none. */
	const char *junk_header;
	bool elsewhere; /* the directory is: it makes no mailboxes */
};

/* Its context is a struct delivery. */
extern const struct smtp_backend delivery_backend;

#endif
