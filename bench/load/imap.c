/* The IMAP client: opening, commands and their answers. */
#include "imap.h"

#include "message.h"
#include "options.h"
#include "stats.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static void scan_capabilities(struct conn *c, const char *l)
{
	if (strcasestr(l, "LITERAL+"))
		c->caps |= IMAP_LITPLUS;
	if (strcasestr(l, "LITERAL-"))
		c->caps |= IMAP_LITMINUS;
	if (strcasestr(l, "MULTIAPPEND"))
		c->caps |= IMAP_MULTIAPPEND;
	if (strcasestr(l, " IDLE"))
		c->caps |= IMAP_IDLE;
}
/* Reads up to the tagged reply of the current tag, or up to a "+" line.
 * 0 OK, 1 NO, 2 BAD, 3 continuation. */
int imap_answer(struct conn *c, const char *what, int quiet)
{
	char tag[16];
	size_t tl = (size_t)snprintf(tag, sizeof(tag), "a%u ", c->tag);
	for (;;) {
		size_t n;
		char *l = conn_line(c, &n);
		if (n >= 2 && l[0] == '*' && l[1] == ' ') {
			char *e;
			unsigned long v = strtoul(l + 2, &e, 10);
			if (e > l + 2 && *e == ' ') {
				if (!strncasecmp(e, " EXISTS", 7))
					c->exists = (unsigned)v;
				else if (!strncasecmp(e, " EXPUNGE", 8)) {
					if (c->exists)
						c->exists--;
				}
			} else if (strcasestr(l, "CAPABILITY"))
				scan_capabilities(c, l);
			else if (!strncasecmp(l + 2, "BYE", 3) && what[0] != 'Q')
				conn_fail(c, "%s: %s", what, l);
			/* literals: skip the bytes, then the rest of the same response */
			while (n > 2 && l[n - 1] == '}') {
				char *b = memrchr(l, '{', n);
				if (!b)
					break;
				conn_skip(c, strtoul(b + 1, NULL, 10));
				l = conn_line(c, &n);
			}
			continue;
		}
		if (l[0] == '+')
			return 3;
		if (n > tl && !memcmp(l, tag, tl)) {
			char *s = l + tl;
			if (strcasestr(s, "[CAPABILITY"))
				scan_capabilities(c, s);
			int r = !strncasecmp(s, "OK", 2) ? 0 : !strncasecmp(s, "NO", 2) ? 1 : 2;
			if (r && !quiet) {
				conn_complain(c, "%s: %s", what, s);
				stats.errors++;
			}
			return r;
		}
		conn_fail(c, "%s: unexpected '%s'", what, l);
	}
}
int imap_command(struct conn *c, const char *what, const char *fmt, ...)
{
	char b[1024];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(b, sizeof(b), fmt, ap);
	va_end(ap);
	conn_putf(c, "a%u %s\r\n", ++c->tag, b);
	conn_flush(c);
	return imap_answer(c, what, 0);
}
void imap_open(struct conn *c, int select)
{
	char user[256];
	size_t n;
	c->caps = 0;
	conn_open(c);
	char *l = conn_line(c, &n);
	if (strncmp(l, "* OK", 4))
		conn_fail(c, "greeting: %s", l);
	scan_capabilities(c, l);
	if (options.tls == TLS_START) {
		if (imap_command(c, "STARTTLS", "STARTTLS"))
			conn_fail(c, "STARTTLS refused");
		conn_start_tls(c);
	}
	message_address(user, sizeof(user), options.user_pattern, c->user);
	c->caps = 0;
	if (imap_command(c, "LOGIN", "LOGIN %s %s", user, options.pass))
		conn_fail(c, "LOGIN %s failed", user);
	if (!c->caps && imap_command(c, "CAPABILITY", "CAPABILITY"))
		conn_fail(c, "CAPABILITY failed");
	if (select && imap_command(c, "SELECT", "SELECT %s", options.mailbox))
		conn_fail(c, "SELECT %s failed", options.mailbox);
}
void imap_close(struct conn *c)
{
	imap_command(c, "QLOGOUT", "LOGOUT");
	conn_close(c);
}
int imap_append(struct conn *c, const char *mbox)
{
	char to[256];
	message_address(to, sizeof(to), options.rcpt_pattern, c->user);
	message_make(c, to);
	int plus = (c->caps & IMAP_LITPLUS) || ((c->caps & IMAP_LITMINUS) && c->msglen <= 4096);
	conn_putf(c, "a%u APPEND %s {%zu%s}\r\n", ++c->tag, mbox, c->msglen, plus ? "+" : "");
	if (!plus) {
		conn_flush(c);
		if (imap_answer(c, "APPEND", 0) != 3)
			return 1;
	}
	conn_put(c, c->msg, c->msglen);
	conn_put(c, "\r\n", 2);
	conn_flush(c);
	return imap_answer(c, "APPEND", 0);
}
