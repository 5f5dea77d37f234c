/* A directory that is kept elsewhere knows nothing of mailboxes: this one around it makes those of
 * a user when he logs in for the first time. (When mail comes first, the delivery makes them.) */
#ifndef ROLES_STORE_HOMES_H
#define ROLES_STORE_HOMES_H

#include "directory/directory.h"
#include "mail/mail.h"

/* `inner` is the new one's from now on; `mail` is borrowed. */
struct directory *store_homes_new(struct directory *inner, struct mail *mail);
/* Users for whom nothing is made, since they live on another node: `is_away` says so. Of another
 * directory than one of store_homes_new() it does nothing. Before it is asked anything. */
void store_homes_leave(struct directory *directory,
	bool (*is_away)(void *context, struct id account), void *context);
/* A driver that knows no account is a mistake: then nothing is done but failing for now. */
int store_home_prepare(
	struct mail *mail, const struct directory_user *user, struct err *err) WARN_UNUSED;

#endif
