/* Moving users at the store role: what the settings say of it. */
#ifndef ROLES_STORE_MOVE_H
#define ROLES_STORE_MOVE_H

#include "conf/settings.h"
#include "mail/mail.h"
#include "move/move.h"

struct store_move {
	struct move_marks *marks;
	struct move_node *node;
	struct directory *barred; /* for those who let users in */
	struct move_service service;
	struct net_trusted networks;
	struct mail *mail;
	char *secret;
};

/* Who it can't read its secret from moves nobody: errors. `folder` outlives it, and `asked`, which
 * `barred` stands around. */
int store_move_open(const struct conf_settings *settings, const struct move_options *options,
	struct directory *asked, struct mail *mail, struct store_move *ret_move,
	struct err *err) WARN_UNUSED;
/* Only where there is a listener: it must be known whom to trust. */
int store_move_serve(
	const struct conf_settings *settings, struct store_move *move, struct err *err) WARN_UNUSED;
void store_move_close(struct store_move *move); /* before the store */

#endif
