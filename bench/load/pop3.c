/* POP3: log in, retrieve everything, one session after another. */
#include "message.h"
#include "modes.h"
#include "options.h"
#include "stats.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void pop_ok(struct conn *c, const char *what, char *out, size_t outn)
{
	size_t n;
	char *l = conn_line(c, &n);
	if (strncmp(l, "+OK", 3))
		conn_fail(c, "%s: %s", what, l);
	if (out)
		snprintf(out, outn, "%s", l);
}
void mode_pop3(struct conn *c)
{
	volatile int left = options.msgs;
	if (setjmp(c->failed)) {
		conn_close(c);
		left--;
	}
	while (left > 0 && !run.stopping) {
		char user[256], l[256];
		int64_t ts = stats_now();
		c->user = options.user_base +
			  (c->id + (options.msgs - left) * options.conns) % options.users;
		conn_open(c);
		pop_ok(c, "greeting", NULL, 0);
		if (options.tls == TLS_START) {
			conn_putf(c, "STLS\r\n");
			conn_flush(c);
			pop_ok(c, "STLS", NULL, 0);
			conn_start_tls(c);
		}
		message_address(user, sizeof(user), options.user_pattern, c->user);
		conn_putf(c, "USER %s\r\n", user);
		conn_flush(c);
		pop_ok(c, "USER", NULL, 0);
		conn_putf(c, "PASS %s\r\n", options.pass);
		conn_flush(c);
		pop_ok(c, "PASS", NULL, 0);
		conn_putf(c, "STAT\r\n");
		conn_flush(c);
		pop_ok(c, "STAT", l, sizeof(l));
		int n = atoi(l + 3);
		histogram_add(&imap_times[OP_LOGIN], stats_now() - ts);
		for (int i = 1; i <= n && !run.stopping; i++) {
			int64_t t0 = stats_now();
			conn_putf(c, "RETR %d\r\n", i);
			conn_flush(c);
			pop_ok(c, "RETR", NULL, 0);
			for (;;) {
				size_t k;
				char *s = conn_line(c, &k);
				if (k == 1 && s[0] == '.')
					break;
			}
			histogram_add(&stats.all, stats_now() - t0);
			stats.ok++;
			if (options.dele) {
				conn_putf(c, "DELE %d\r\n", i);
				conn_flush(c);
				pop_ok(c, "DELE", NULL, 0);
			}
		}
		conn_putf(c, "QUIT\r\n");
		conn_flush(c);
		pop_ok(c, "QUIT", NULL, 0);
		conn_close(c);
		left--;
	}
}
