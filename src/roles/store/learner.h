/* rspamd learns from what users move (mail/learn.h): its controller is sent one message after the
 * other, by HTTP. docs/filter.md says what an operator sees of it. */
#ifndef ROLES_STORE_LEARNER_H
#define ROLES_STORE_LEARNER_H

#include "mail/learn.h"
#include "roles/role.h"

struct learner {
	struct role *role; /* NULL: nothing is learnt */
	struct mail *mail;
	char *field;         /* "Password: …"; NULL: none */
	int64_t scan_at;     /* monotonic */
	int64_t paused_till; /* likewise: the controller was not well */
	unsigned failures;   /* in a row */
	/* By mail_learn_as; then what was put off, and given up. */
	atomic_uint_least64_t learnt[MAIL_LEARN_HAM + 1], failed, given_up;
};

/* The controller's TCP port; 0: none. */
uint16_t learner_port(const struct conf_learn *conf);
/* From then on, on the role's loop; the settings say where. */
void learner_start(struct learner *learner, struct role *role, struct mail *mail);
void learner_metrics(struct learner *learner, struct buf *to);
/* The loop has ended. */
void learner_deinit(struct learner *learner);

#endif
