/* Starting a role's process, and waiting ever longer between starts that fail. */
#include "roles/child.h"

#include "base/clock.h"
#include "base/errno_here.h"
#include "base/log.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { BACK_OFF_FIRST_MS = 100, BACK_OFF_MAX_MS = 30000, STEADY_MS = 10000 };

/* Between fork and exec: only what is safe there. */
static void become_role(const char *program, const char *config, const char *name, int channel)
{
	char *const argv[] = {(char *)program, (char *)"--config", (char *)config, (char *)"role",
		(char *)name, NULL};
	sigset_t none;
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	/* Not the terminal's: Ctrl-C is for the supervisor, who stops us in order. */
	(void)signal(SIGINT, SIG_IGN);
	if (channel == ROLE_CHANNEL_FD)
		(void)fcntl(channel, F_SETFD, 0);
	else
		(void)dup2(channel, ROLE_CHANNEL_FD);
	(void)execv(program, argv);
	_exit(127);
}

int child_start(struct child *child, const char *program, const char *config,
	const json_t *certificates, struct err *err)
{
	int ends[2];
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		return err_errno(err, errno, "can't make a channel");
	child->started_ms = clock_mono_ms();
	child->restart_ms = 0;
	child->ready = false;
	child->pid = fork();
	if (child->pid == 0)
		become_role(program, config, child->kind->name, ends[1]);
	(void)close(ends[1]);
	if (child->pid < 0) {
		child->pid = 0;
		(void)close(ends[0]);
		return err_errno(err, errno, "can't start role %s", child->kind->name);
	}
	channel_init(&child->channel, ends[0]);
	(void)channel_send(
		&child->channel, json_pack("{s:O}", "certificates", (json_t *)certificates));
	return 0;
}

void child_ended(struct child *child, int status)
{
	int64_t now = clock_mono_ms();
	bool steady = child->ready && now - child->started_ms > STEADY_MS;
	child->failures = steady ? 0 : child->failures + 1;
	unsigned shift = MIN(child->failures, 12u);
	int64_t wait = MIN((int64_t)BACK_OFF_FIRST_MS << shift, (int64_t)BACK_OFF_MAX_MS);
	if (steady)
		wait = BACK_OFF_FIRST_MS;
	child->failed_first = !child->ready && child->restarts == 0;
	child->pid = 0;
	child->ready = false;
	child->restarts++;
	child->restart_ms = now + wait;
	channel_close(&child->channel);
	log_error(NULL, "role ended", F_STR("which", child->kind->name),
		F_INT("status", WIFEXITED(status) ? WEXITSTATUS(status) : -1),
		F_INT("signal", WIFSIGNALED(status) ? WTERMSIG(status) : 0),
		F_INT("again_in_ms", wait));
}
