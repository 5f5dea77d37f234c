/* Filling mailboxes, logging in, IDLE by the thousand, fetching all of a mailbox. */
#include "coroutine.h"
#include "imap.h"
#include "message.h"
#include "modes.h"
#include "options.h"
#include "stats.h"

#include <string.h>
#include <strings.h>

static int pick_user(struct conn *c)
{
	return options.user_base + (int)conn_random_below(c, (unsigned)options.users);
}
/* fill --mailbox up to --count messages */
void mode_imap_fill(struct conn *c)
{
	c->user = options.user_base + c->id % options.users;
	if (setjmp(c->failed)) {
		conn_close(c);
		return;
	}
	imap_open(c, 0);
	if (strcasecmp(options.mailbox, "INBOX")) {
		conn_putf(c, "a%u CREATE %s\r\n", ++c->tag, options.mailbox);
		conn_flush(c);
		imap_answer(c, "CREATE", 1);
	}
	c->exists = 0;
	if (imap_command(c, "SELECT", "SELECT %s", options.mailbox))
		conn_fail(c, "SELECT %s failed", options.mailbox);
	int need = options.count - (int)c->exists;
	char to[256];
	message_address(to, sizeof(to), options.rcpt_pattern, c->user);
	if (c->caps & IMAP_MULTIAPPEND) {
		while (need > 0 && !run.stopping) {
			int k = need < 250 ? need : 250;
			conn_putf(c, "a%u APPEND %s", ++c->tag, options.mailbox);
			for (int i = 0; i < k; i++) {
				message_make(c, to);
				int plus = (c->caps & IMAP_LITPLUS) ||
					   ((c->caps & IMAP_LITMINUS) && c->msglen <= 4096);
				conn_putf(c, " {%zu%s}\r\n", c->msglen, plus ? "+" : "");
				if (!plus) {
					conn_flush(c);
					if (imap_answer(c, "APPEND", 0) != 3)
						conn_fail(c, "APPEND refused");
				}
				conn_put(c, c->msg, c->msglen);
				if (c->wl > 65536)
					conn_flush(c);
			}
			conn_put(c, "\r\n", 2);
			conn_flush(c);
			if (imap_answer(c, "APPEND", 0))
				conn_fail(c, "APPEND failed");
			need -= k;
			stats.ok += (uint64_t)k;
		}
	} else {
		while (need-- > 0 && !run.stopping) {
			if (imap_append(c, options.mailbox))
				conn_fail(c, "APPEND failed");
			stats.ok++;
		}
	}
	imap_close(c);
}
void mode_imap_login(struct conn *c)
{
	volatile int left = options.msgs;
	if (setjmp(c->failed)) {
		conn_close(c);
		left--;
	}
	while (left > 0 && !run.stopping) {
		c->user = pick_user(c);
		int64_t t0 = stats_now();
		imap_open(c, 1);
		int64_t t1 = stats_now();
		imap_close(c);
		histogram_add(&imap_times[OP_LOGIN], t1 - t0);
		histogram_add(&stats.all, stats_now() - t0);
		stats.ok++;
		left--;
	}
}
void mode_imap_idle(struct conn *c)
{
	c->user = options.user_base + c->id % options.users;
	volatile int counted = 0;
	if (setjmp(c->failed)) {
		conn_close(c);
		if (counted) {
			stats.dropped++;
			run.ready--;
		}
		conn_setup_done(c);
		return;
	}
	int64_t t0 = stats_now();
	imap_open(c, 1);
	conn_putf(c, "a%u IDLE\r\n", ++c->tag);
	conn_flush(c);
	if (imap_answer(c, "IDLE", 0) != 3)
		conn_fail(c, "IDLE refused");
	histogram_add(&stats.all, stats_now() - t0);
	stats.ok++;
	run.ready++;
	counted = 1;
	conn_setup_done(c);
	while (!run.stopping) {
		if (c->rp < c->rl) {
			size_t n;
			char *l = conn_line(c, &n);
			if (!strncasecmp(l, "* BYE", 5))
				conn_fail(c, "%s", l);
			continue;
		}
		if (run.stopping)
			break;
		conn_fill(c);
	}
}
const struct fetch_command fetch_commands[FETCH_COMMANDS] = {{"flags", "FETCH 1:* (FLAGS)"},
	{"envelope", "FETCH 1:* (ENVELOPE)"}, {"body", "FETCH 1:* (BODY.PEEK[])"}};
double fetch_seconds[FETCH_COMMANDS][FETCH_PASSES_MAX];
void mode_imap_fetchall(struct conn *c)
{
	c->user = options.user_base + c->id % options.users;
	if (setjmp(c->failed)) {
		conn_close(c);
		return;
	}
	imap_open(c, 1);
	conn_wait_for_all(c);
	for (int p = 0; p < options.passes && p < FETCH_PASSES_MAX; p++)
		for (int i = 0; i < FETCH_COMMANDS; i++) {
			int64_t t0 = stats_now();
			if (imap_command(c, fetch_commands[i].name, "%s", fetch_commands[i].cmd))
				conn_fail(c, "%s failed", fetch_commands[i].name);
			double s = (double)(stats_now() - t0) / 1e9;
			if (c->id == 0)
				fetch_seconds[i][p] = s;
			stats.ok += c->exists;
			histogram_add(&stats.all, (int64_t)(s * 1e9));
		}
	imap_close(c);
}

/* FETCH 1:* (--items), --passes times */
void mode_imap_fetch(struct conn *c)
{
	c->user = options.user_base + c->id % options.users;
	if (setjmp(c->failed)) {
		conn_close(c);
		return;
	}
	imap_open(c, 1);
	for (int p = 0; p < options.passes && !run.stopping; p++) {
		int64_t begin = stats_now();
		if (imap_command(c, "FETCH", "FETCH 1:* (%s)", options.items))
			conn_fail(c, "FETCH failed");
		histogram_add(&stats.all, stats_now() - begin);
		stats.ok += c->exists;
	}
	imap_close(c);
}
