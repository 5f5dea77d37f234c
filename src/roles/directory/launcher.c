/* One loop over the listener, the ends of connections, and signals. A program that ends by itself
 * early is started again after a pause that doubles: short pauses connections wait out, in long
 * ones they are closed at once. Who does not end when its connection is closed is killed. */
#include "roles/directory/launcher.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/errno_here.h"
#include "base/log.h"
#include "net/address.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	BACKLOG = 1024,
	PROGRAMS_MAX = 256,
	STEADY_MS = 10 * 1000, /* who lived so long may be started again at once */
	PAUSE_FIRST_MS = 100,
	PAUSE_MAX_MS = 30 * 1000,
	PAUSE_WAITED_OUT_MS = 500,
	GRACE_MS = 300, /* to end by itself */
	CANT_START = 127,
};

struct program {
	pid_t pid;
	int fd;                      /* its connection, to see the other end close it; -1: closed */
	int64_t started_ms, kill_ms; /* kill_ms 0: not yet */
};

struct launcher {
	char *words[LAUNCHER_WORDS_MAX + 1];
	int listener, signals;
	unsigned max, count, failures;
	int64_t pause_until;
	struct program programs[PROGRAMS_MAX];
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

bool launcher_split(char *command, char *ret_words[LAUNCHER_WORDS_MAX + 1])
{
	unsigned count = 0;
	for (char *at = command; *at;) {
		if (is_blank(*at)) {
			at++;
			continue;
		}
		if (count == LAUNCHER_WORDS_MAX)
			return false;
		char end = *at == '"' ? '"' : ' ';
		at += end == '"';
		ret_words[count++] = at;
		while (*at && *at != end && !(end == ' ' && is_blank(*at)))
			at++;
		if (end == '"' && *at != '"')
			return false;
		if (*at)
			*at++ = '\0';
	}
	ret_words[count] = NULL;
	return count > 0;
}

static void become_program(struct launcher *l, int fd)
{
	sigset_t none;
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)signal(SIGPIPE, SIG_DFL);
	(void)setsid();
	if (dup2(fd, STDIN_FILENO) < 0 || dup2(fd, STDOUT_FILENO) < 0)
		_exit(CANT_START);
	(void)execv(l->words[0], l->words);
	_exit(CANT_START);
}

static void start_program(struct launcher *l, int fd)
{
	pid_t pid = fork();
	if (pid == 0)
		become_program(l, fd);
	if (pid < 0) {
		log_error(NULL, "directory: no process for its program", F_INT("errno", errno));
		(void)close(fd);
		return;
	}
	l->programs[l->count++] =
		(struct program){.pid = pid, .fd = fd, .started_ms = clock_mono_ms()};
}

static void take_connection(struct launcher *l)
{
	/* blocking, for the program's sake */
	int fd = accept4(l->listener, NULL, NULL, SOCK_CLOEXEC);
	if (fd < 0)
		return;
	if (clock_mono_ms() < l->pause_until)
		(void)close(fd);
	else
		start_program(l, fd);
}

/* Whoever reads from it sees its end. */
static void hang_up(struct program *p)
{
	if (p->fd < 0)
		return;
	(void)shutdown(p->fd, SHUT_RDWR);
	(void)close(p->fd);
	p->fd = -1;
}

static void program_ended(struct launcher *l, struct program *p, int status)
{
	int64_t now = clock_mono_ms();
	if (p->kill_ms == 0) { /* by itself */
		bool steady = now - p->started_ms > STEADY_MS;
		l->failures = steady ? 0 : l->failures + 1;
		int64_t pause = (int64_t)PAUSE_FIRST_MS << MIN(l->failures, 12u);
		l->pause_until = steady ? 0 : now + MIN(pause, (int64_t)PAUSE_MAX_MS);
		log_warn(NULL, "directory: its program ended", F_STR("program", l->words[0]),
			F_INT("status", WIFEXITED(status) ? WEXITSTATUS(status) : -1),
			F_INT("signal", WIFSIGNALED(status) ? WTERMSIG(status) : 0),
			F_INT("again_in_ms", MAX(l->pause_until - now, 0)));
	} else if (now - p->started_ms > STEADY_MS) {
		l->failures = 0;
	}
	hang_up(p);
	*p = l->programs[--l->count];
}

static void reap(struct launcher *l)
{
	int status;
	pid_t pid;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		for (unsigned i = 0; i < l->count; i++)
			if (l->programs[i].pid == pid) {
				program_ended(l, &l->programs[i], status);
				break;
			}
	}
}

static void kill_due(struct launcher *l, int64_t now)
{
	for (unsigned i = 0; i < l->count; i++) {
		const struct program *p = &l->programs[i];
		if (p->kill_ms > 0 && now >= p->kill_ms) {
			(void)kill(p->pid, SIGKILL);
			(void)kill(-p->pid, SIGKILL); /* and what it has started */
		}
	}
}

/* The connection was closed: the program reads that its input ends, and has a moment for it. */
static void dismiss(struct program *p)
{
	p->kill_ms = clock_mono_ms() + GRACE_MS;
	hang_up(p);
}

static void end_all(struct launcher *l)
{
	for (unsigned i = 0; i < l->count; i++)
		(void)kill(-l->programs[i].pid, SIGKILL);
	_exit(0);
}

/* Until something may be due. */
static int patience(const struct launcher *l, int64_t now)
{
	int64_t until = INT64_MAX;
	if (l->pause_until > now)
		until = l->pause_until;
	for (unsigned i = 0; i < l->count; i++)
		if (l->programs[i].kill_ms > 0)
			until = MIN(until, MAX(l->programs[i].kill_ms, now + 10));
	return until == INT64_MAX ? -1 : (int)(until - now) + 1;
}

static void take_signals(struct launcher *l)
{
	struct signalfd_siginfo info;
	while (read(l->signals, &info, sizeof(info)) == (ssize_t)sizeof(info))
		if (info.ssi_signo == SIGTERM)
			end_all(l);
	reap(l);
}

static void turn(struct launcher *l)
{
	struct pollfd fds[PROGRAMS_MAX + 2];
	int64_t now = clock_mono_ms();
	unsigned count = l->count;
	bool waits = l->count >= l->max ||
		     (l->pause_until > now && l->pause_until - now <= PAUSE_WAITED_OUT_MS);
	fds[0] = (struct pollfd){.fd = l->signals, .events = POLLIN};
	fds[1] = (struct pollfd){.fd = waits ? -1 : l->listener, .events = POLLIN};
	for (unsigned i = 0; i < count; i++)
		fds[2 + i] = (struct pollfd){.fd = l->programs[i].fd, .events = POLLRDHUP};
	if (poll(fds, count + 2, patience(l, now)) < 0)
		return;
	for (unsigned i = 0; i < count; i++)
		if (fds[2 + i].revents && l->programs[i].kill_ms == 0)
			dismiss(&l->programs[i]);
	kill_due(l, clock_mono_ms());
	if (fds[0].revents)
		take_signals(l);
	if (fds[1].revents)
		take_connection(l);
}

/* Sockets of the role, its channel, its folders: none of that is for programs. */
static void close_others(int keep)
{
	(void)syscall(SYS_close_range, STDERR_FILENO + 1, keep - 1, 0);
	(void)syscall(SYS_close_range, keep + 1, ~0U, 0);
}

static void run(struct launcher *l, const struct sandbox_user *user, pid_t role)
{
	sigset_t ours;
	struct err err;
	if (l->listener > STDERR_FILENO + 1)
		close_others(l->listener);
	(void)setsid();
	if (sandbox_drop(user, &err) < 0)
		_exit(1);
	/* after the change of user, which would undo it */
	(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
	(void)sigfillset(&ours);
	(void)sigprocmask(SIG_SETMASK, &ours, NULL);
	(void)sigemptyset(&ours);
	(void)sigaddset(&ours, SIGCHLD);
	(void)sigaddset(&ours, SIGTERM);
	l->signals = signalfd(-1, &ours, SFD_CLOEXEC | SFD_NONBLOCK);
	while (l->signals >= 0 && getppid() == role)
		turn(l);
	end_all(l);
}

static int prepare(
	struct launcher *l, const struct launcher_options *o, char *command, struct err *err)
{
	struct net_address address;
	char text[600];
	l->max = MIN(o->programs, (unsigned)PROGRAMS_MAX);
	if (!launcher_split(command, l->words))
		return err_permanent(err, ERR_BAD_INPUT, "\"%s\" is no command", o->command);
	if (l->words[0][0] != '/' || access(l->words[0], X_OK) < 0)
		return err_permanent(err, ERR_ABSENT,
			"there is no program %s that may be run (its whole path is needed)",
			l->words[0]);
	(void)snprintf(text, sizeof(text), "unix:%s", o->socket);
	if (net_address_parse(slice_str(text), &address, err) < 0 ||
		net_address_listen(&address, BACKLOG, 0600, &l->listener, err) < 0)
		return -1;
	if (o->user->change && chown(o->socket, o->user->uid, o->user->gid) < 0)
		return err_errno(err, errno, "can't give the socket %s to its user", o->socket);
	return 0;
}

int launcher_start(const struct launcher_options *options, pid_t *ret_launcher, struct err *err)
{
	struct launcher *l = ALLOC(struct launcher);
	char *command = slice_dup(slice_str(options->command));
	pid_t role = getpid();
	l->listener = -1;
	int r = prepare(l, options, command, err);
	pid_t pid = r < 0 ? -1 : fork();
	if (pid == 0)
		run(l, options->user, role);
	if (r == 0 && pid < 0)
		r = err_errno(err, errno, "can't start a process");
	if (l->listener >= 0)
		(void)close(l->listener);
	free(command);
	free(l);
	*ret_launcher = pid;
	return r;
}

bool launcher_lives(pid_t launcher)
{
	return waitpid(launcher, NULL, WNOHANG) == 0;
}
