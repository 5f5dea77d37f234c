/* Clients that hold a connection and do as little as they can: thousands cost hardly any CPU here.
 * Each comes from an address of its own, with a small window. */
#include "coroutine.h"
#include "imap.h"
#include "modes.h"
#include "options.h"
#include "stats.h"

#include <string.h>
#include <sys/socket.h>

/* Counts, and holds the connection until it breaks or the run ends; a byte is read whenever
 * c->due is set. */
static void hold(struct conn *c)
{
	char byte;
	stats.ok++;
	run.ready++;
	conn_setup_done(c);
	while (!run.stopping) {
		coroutine_wait(c);
		if (!c->due)
			continue;
		c->due = 0;
		if (recv(c->fd, &byte, 1, MSG_DONTWAIT) != 0)
			continue;
		stats.dropped++;
		run.ready--;
		break;
	}
}

/* Says nothing, not even in TLS; reads the greeting. */
void mode_silent(struct conn *c)
{
	if (setjmp(c->failed)) {
		conn_close(c);
		conn_setup_done(c);
		return;
	}
	conn_open(c);
	hold(c);
}

/* Takes a byte a second of FETCH 1:* (--items) */
void mode_imap_slow(struct conn *c)
{
	c->user = options.user_base + c->id % options.users;
	if (setjmp(c->failed)) {
		conn_close(c);
		conn_setup_done(c);
		return;
	}
	imap_open(c, 1);
	conn_putf(c, "a%u FETCH 1:* (%s)\r\n", ++c->tag, options.items);
	conn_flush(c);
	conn_fill(c);
	hold(c);
}
