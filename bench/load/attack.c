/* Clients that do harm again and again: each connection comes once a second, asks for too much, and
 * goes, or is thrown out. */
#include "coroutine.h"
#include "imap.h"
#include "message.h"
#include "modes.h"
#include "options.h"
#include "stats.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define HUGE_SIZE "10737418240"
enum { FLOOD = 64 * 1024, FLOOD_MAX = 160 * 1024 * 1024 };

static void say(struct conn *c, const char *text)
{
	conn_put(c, text, strlen(text));
	conn_flush(c);
}

static void line_of(struct conn *c, const char *begin)
{
	size_t n;
	char *l;
	do
		l = conn_line(c, &n);
	while (strncmp(l, begin, strlen(begin)) != 0);
}

/* As much as the server takes before it closes the connection; lines or one line. */
static void flood(struct conn *c, int lines)
{
	static char bytes[FLOOD];
	memset(bytes, 'x', sizeof(bytes));
	for (size_t i = 998; lines && i + 1 < sizeof(bytes); i += 1000) {
		bytes[i] = '\r';
		bytes[i + 1] = '\n';
	}
	for (int sent = 0; sent < FLOOD_MAX && !run.stopping; sent += FLOOD) {
		conn_put(c, bytes, sizeof(bytes));
		conn_flush(c);
	}
}

/* A literal that waits for the server's word, then one that does not. */
static void literal(struct conn *c)
{
	c->user = options.user_base;
	imap_open(c, 0);
	conn_putf(c, "a%u APPEND INBOX {" HUGE_SIZE "}\r\n", ++c->tag);
	conn_flush(c);
	(void)imap_answer(c, "APPEND", 1);
	say(c, "b APPEND INBOX {" HUGE_SIZE "+}\r\n");
	flood(c, 1);
}

static void announced(struct conn *c)
{
	line_of(c, "220 ");
	say(c, "EHLO load.example.test\r\n");
	line_of(c, "250 ");
	say(c, "MAIL FROM:<a@source.test> SIZE=" HUGE_SIZE "\r\n");
	line_of(c, "552 ");
}

static void begin_message(struct conn *c)
{
	char to[256];
	message_address(to, sizeof(to), options.rcpt_pattern, options.user_base);
	line_of(c, "220 ");
	conn_putf(c, "EHLO load.example.test\r\nMAIL FROM:<a@source.test>\r\nRCPT TO:<%s>\r\n", to);
	conn_flush(c);
	for (int i = 0; i < 3; i++)
		line_of(c, "250 ");
}

static void chunk(struct conn *c)
{
	begin_message(c);
	say(c, "BDAT " HUGE_SIZE "\r\n");
	flood(c, 1);
}

static void endless_message(struct conn *c)
{
	begin_message(c);
	say(c, "DATA\r\n");
	line_of(c, "354 ");
	flood(c, 1);
}

/* Of any protocol. */
static void endless_line(struct conn *c)
{
	flood(c, 0);
}

static void reset(struct conn *c)
{
	struct linger now = {.l_onoff = 1};
	(void)setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
}

/* For a name that nobody has; goes before it is answered. */
static void wrong_login(struct conn *c)
{
	conn_putf(c, "a LOGIN nobody%d@example.test wrong\r\n", c->id);
	conn_flush(c);
	line_of(c, "* OK");
	while (!c->due && !run.stopping)
		coroutine_wait(c);
}

static const struct attack {
	const char *name;
	void (*once)(struct conn *c);
	int opens; /* by itself */
} attacks[] = {
	{"attack-literal", literal, 1},
	{"attack-size", announced, 0},
	{"attack-chunk", chunk, 0},
	{"attack-message", endless_message, 0},
	{"attack-line", endless_line, 0},
	{"attack-reset", reset, 0},
	{"attack-login", wrong_login, 0},
};

static const struct attack *chosen(void)
{
	for (size_t i = 0; i < sizeof(attacks) / sizeof(attacks[0]); i++)
		if (!strcmp(attacks[i].name, options.mode))
			return &attacks[i];
	options_usage();
}

void mode_attack(struct conn *c)
{
	const struct attack *attack = chosen();
	c->may_be_cut = 1;
	run.ready++;
	conn_setup_done(c);
	while (!run.stopping) {
		while (!c->due && !run.stopping)
			coroutine_wait(c);
		c->due = 0;
		if (!setjmp(c->failed)) {
			if (!attack->opens)
				conn_open(c);
			attack->once(c);
		}
		stats.ok++;
		conn_close(c);
	}
}
