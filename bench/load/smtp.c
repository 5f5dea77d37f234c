/* SMTP and LMTP: messages in, one after another, many connections. */
#include "message.h"
#include "modes.h"
#include "options.h"
#include "stats.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int pick_user(struct conn *c)
{
	return options.user_base + (int)conn_random_below(c, (unsigned)options.users);
}
static void b64(const unsigned char *s, size_t n, char *d)
{
	static const char t[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	for (size_t i = 0; i < n; i += 3) {
		unsigned v = (unsigned)s[i] << 16 | (i + 1 < n ? s[i + 1] : 0) << 8 |
			     (i + 2 < n ? s[i + 2] : 0);
		*d++ = t[v >> 18 & 63];
		*d++ = t[v >> 12 & 63];
		*d++ = i + 1 < n ? t[v >> 6 & 63] : '=';
		*d++ = i + 2 < n ? t[v & 63] : '=';
	}
	*d = 0;
}

enum { SMTP_PIPELINING = 1, SMTP_STARTTLS = 2 };
static int smtp_reply(struct conn *c, char *txt, size_t txtn)
{
	for (;;) {
		size_t n;
		char *l = conn_line(c, &n);
		if (n < 3)
			conn_fail(c, "short SMTP reply '%s'", l);
		if (strcasestr(l, "PIPELINING"))
			c->caps |= SMTP_PIPELINING;
		if (strcasestr(l, "STARTTLS"))
			c->caps |= SMTP_STARTTLS;
		if (n == 3 || l[3] != '-') {
			if (txt)
				snprintf(txt, txtn, "%s", l);
			return atoi(l);
		}
	}
}
static void smtp_expect(struct conn *c, int want, const char *what)
{
	char t[256];
	int r = smtp_reply(c, t, sizeof(t));
	if (r / 100 != want / 100)
		conn_fail(c, "%s: %s", what, t);
}
static void smtp_hello(struct conn *c)
{
	c->caps = 0;
	conn_putf(c, "%s %s\r\n", options.lmtp ? "LHLO" : "EHLO", options.helo);
	conn_flush(c);
	smtp_expect(c, 250, "hello");
}

static void open_session(struct conn *c)
{
	conn_open(c);
	smtp_expect(c, 220, "banner");
	smtp_hello(c);
	if (options.tls == TLS_START) {
		conn_putf(c, "STARTTLS\r\n");
		conn_flush(c);
		smtp_expect(c, 220, "STARTTLS");
		conn_start_tls(c);
		smtp_hello(c);
	}
	if (options.auth) {
		char user[256], enc[900];
		unsigned char raw[600];
		message_address(user, sizeof(user), options.user_pattern,
			options.user_base + c->id % options.users);
		int n = snprintf((char *)raw, sizeof(raw), "%c%s%c%s", 0, user, 0, options.pass);
		b64(raw, (size_t)n, enc);
		conn_putf(c, "AUTH PLAIN %s\r\n", enc);
		conn_flush(c);
		smtp_expect(c, 235, "AUTH");
	}
}

/* True when the answer is 2xx; else it is counted as an error. */
static int is_good(struct conn *c, const char *what)
{
	char text[256];
	if (smtp_reply(c, text, sizeof(text)) / 100 == 2)
		return 1;
	conn_complain(c, "%s: %s", what, text);
	stats.errors++;
	return 0;
}

/* MAIL, RCPT and DATA, pipelined where the server allows. The number of recipients taken, or -1
 * when the server does not want the message. */
static int send_envelope(struct conn *c)
{
	int pipelined = options.pipeline && (c->caps & SMTP_PIPELINING), taken = 0;
	char from[256], to[256] = "", text[256];
	message_address(from, sizeof(from), options.from, c->id);
	conn_putf(c, "MAIL FROM:<%s>\r\n", from);
	if (!pipelined) {
		conn_flush(c);
		smtp_expect(c, 250, "MAIL");
	}
	for (int i = 0; i < options.rcpts; i++) {
		message_address(to, sizeof(to), options.rcpt_pattern, pick_user(c));
		conn_putf(c, "RCPT TO:<%s>\r\n", to);
		if (!pipelined) {
			conn_flush(c);
			taken += is_good(c, "RCPT");
		}
	}
	message_make(c, to);
	conn_putf(c, "DATA\r\n");
	conn_flush(c);
	if (pipelined) {
		smtp_expect(c, 250, "MAIL");
		for (int i = 0; i < options.rcpts; i++)
			taken += is_good(c, "RCPT");
	}
	if (smtp_reply(c, text, sizeof(text)) == 354)
		return taken;
	conn_complain(c, "DATA: %s", text);
	stats.errors++;
	return -1;
}

static void send_message(struct conn *c)
{
	int taken = send_envelope(c);
	if (taken < 0)
		return;
	conn_put(c, c->msg, c->msglen);
	conn_put(c, ".\r\n", 3);
	conn_flush(c);
	int64_t begin = stats_now();
	int good = 0;
	for (int i = 0; i < (options.lmtp ? taken : 1); i++)
		good += is_good(c, "end of data");
	histogram_add(&stats.all, stats_now() - begin);
	if (good)
		stats.ok++;
	stats.deliveries += (uint64_t)(options.lmtp ? good : good ? taken : 0);
}

void mode_smtp(struct conn *c)
{
	volatile int left = options.msgs;
	if (setjmp(c->failed)) {
		conn_close(c);
		left--;
	}
	while (left > 0 && !run.stopping) {
		char text[256];
		open_session(c);
		conn_setup_done(c);
		int most = options.per_conn > 0 ? options.per_conn : left;
		for (int i = 0; left > 0 && i < most && !run.stopping; i++, left--)
			send_message(c);
		conn_putf(c, "QUIT\r\n");
		conn_flush(c);
		(void)smtp_reply(c, text, sizeof(text));
		conn_close(c);
	}
	conn_setup_done(c);
}
