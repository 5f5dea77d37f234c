/* One role's process, as the supervisor sees it. */
#ifndef ROLES_CHILD_H
#define ROLES_CHILD_H

#include "base/err.h"
#include "roles/channel.h"
#include "roles/role.h"

#include <sys/types.h>

struct child {
	const struct role_kind *kind;
	pid_t pid; /* 0: not running */
	struct channel channel;
	bool ready, failed_first;       /* said "ready"; died before it ever was */
	unsigned failures;              /* in a row, for the back-off */
	int64_t started_ms, restart_ms; /* monotonic; restart_ms 0: none is due */
	uint64_t restarts;
};

/* Starts <program> --config <config> role <name>, and sends it the certificates. */
int child_start(struct child *child, const char *program, const char *config,
	const json_t *certificates, struct err *err) WARN_UNUSED;
/* The process has ended with `status` (of waitpid): logs it, and says when to start again. */
void child_ended(struct child *child, int status);

#endif
