/* What the store does with mail that comes by LMTP: recipients are looked up in the directory,
 * messages go into mailboxes, one copy of the bytes for all of them. */
#ifndef ROLES_DELIVERY_H
#define ROLES_DELIVERY_H

#include "mail/mail.h"
#include "smtp/server.h"

struct delivery {
	struct mail *mail; /* borrowed */
	struct directory *directory;
};

/* Its context is a struct delivery. */
extern const struct smtp_backend delivery_backend;

#endif
