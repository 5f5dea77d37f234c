/* The store with mail and directory on it: what the store role serves, and what the command line
 * opens itself when no server runs. */
#ifndef ROLES_FLOORS_H
#define ROLES_FLOORS_H

#include "conf/settings.h"
#include "directory/directory.h"
#include "mail/mail.h"
#include "mirror/node.h"
#include "roles/sandbox.h"
#include "store/merge_rule.h"

enum { FLOORS_MERGE_RULES_MAX = 16 };

struct floors {
	struct mirror_node *mirror; /* on which the store lies */
	/* Of mail and directory, for the mirror; ended by kind 0. */
	struct store_merge_rule merge_rules[FLOORS_MERGE_RULES_MAX];
	struct store *store;
	struct mail *mail;
	struct directory *directory; /* which of them, the config says */
};

/* `folder` is the store role's. Whatever was opened before a failure stays open: close it. */
int floors_open(const struct conf_settings *settings, const char *folder, struct floors *ret_floors,
	struct err *err) WARN_UNUSED;
void floors_close(struct floors *floors);

/* As root, before the privileges go: what was restored into the role's folder by root becomes the
 * user's. Looks at the store's top folder only when nothing is to do. */
int floors_adopt(const char *folder, const struct sandbox_user *user, struct err *err) WARN_UNUSED;

/* As the operator, with no server: becomes the store's user, makes its folder if missing, opens.
 * ERR_IN_USE when a server has it open. */
int floors_open_here(const struct conf_settings *settings, struct floors *ret_floors,
	struct err *err) WARN_UNUSED;

#endif
