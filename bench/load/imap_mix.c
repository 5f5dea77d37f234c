/* What mail programs do all day, by weights. */
#include "imap.h"
#include "message.h"
#include "modes.h"
#include "options.h"
#include "stats.h"

#include <stdlib.h>
#include <string.h>

struct histogram imap_times[IMAP_OPS] = {{.name = "flags"}, {.name = "headers"},
	{.name = "envelope"}, {.name = "body"}, {.name = "store"}, {.name = "append"},
	{.name = "search"}, {.name = "expunge"}, {.name = "noop"}, {.name = "select"},
	{.name = "login"}};
int imap_weights[IMAP_OPS] = {18, 8, 8, 28, 14, 5, 5, 5, 4, 3, 2};

static void mix_op(struct conn *c, int op)
{
	unsigned n = c->exists, a, b;
	if (n == 0 && op != OP_LOGIN && op != OP_SELECT && op != OP_NOOP)
		op = OP_APPEND;
	int64_t t0 = stats_now();
	switch (op) {
	case OP_FLAGS:
		a = 1 + conn_random_below(c, n);
		b = a + 49 > n ? n : a + 49;
		imap_command(c, "FETCH FLAGS", "FETCH %u:%u (UID FLAGS)", a, b);
		break;
	case OP_HEADERS:
		a = 1 + conn_random_below(c, n);
		b = a + 19 > n ? n : a + 19;
		imap_command(c, "FETCH HEADERS",
			"FETCH %u:%u (UID RFC822.SIZE FLAGS BODY.PEEK[HEADER.FIELDS (FROM TO CC "
			"SUBJECT DATE MESSAGE-ID)])",
			a, b);
		break;
	case OP_ENVELOPE:
		a = 1 + conn_random_below(c, n);
		b = a + 19 > n ? n : a + 19;
		imap_command(c, "FETCH ENVELOPE",
			"FETCH %u:%u (UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE)", a, b);
		break;
	case OP_BODY:
		imap_command(
			c, "FETCH BODY", "FETCH %u (UID BODY.PEEK[])", 1 + conn_random_below(c, n));
		break;
	case OP_STORE:
		a = 1 + conn_random_below(c, n);
		imap_command(c, "STORE", "STORE %u %cFLAGS (\\Seen)", a,
			conn_random_below(c, 3) ? '+' : '-');
		break;
	case OP_APPEND:
		imap_append(c, options.mailbox);
		break;
	case OP_SEARCH:
		switch (conn_random_below(c, 4)) {
		case 0:
		case 1:
			imap_command(c, "SEARCH", "SEARCH UNSEEN");
			break;
		case 2:
			imap_command(c, "SEARCH", "SEARCH SUBJECT %s", message_word(c));
			break;
		case 3:
			imap_command(c, "SEARCH", "SEARCH SINCE 1-Jan-2024 NOT DELETED");
			break;
		}
		break;
	case OP_EXPUNGE:
		imap_command(c, "STORE", "STORE %u +FLAGS.SILENT (\\Deleted)",
			1 + conn_random_below(c, n));
		imap_command(c, "EXPUNGE", "EXPUNGE");
		break;
	case OP_NOOP:
		imap_command(c, "NOOP", "NOOP");
		break;
	case OP_SELECT:
		imap_command(c, "SELECT", "SELECT %s", options.mailbox);
		break;
	case OP_LOGIN:
		imap_close(c);
		imap_open(c, 1);
		break;
	}
	int64_t d = stats_now() - t0;
	histogram_add(&imap_times[op], d);
	histogram_add(&stats.all, d);
	stats.ok++;
}
void mode_imap_mix(struct conn *c)
{
	volatile int left = options.msgs, begun = 0;
	c->user = options.user_base + c->id % options.users;
	volatile int tot = 0;
	for (int i = 0; i < IMAP_OPS; i++)
		tot += imap_weights[i];
	if (setjmp(c->failed)) {
		conn_close(c);
		left--;
	}
	while (left > 0 && !run.stopping) {
		if (c->fd < 0)
			imap_open(c, 1);
		if (!begun) {
			begun = 1;
			conn_wait_for_all(c);
		}
		while (left > 0 && !run.stopping) {
			int k = (int)conn_random_below(c, (unsigned)tot), op = 0;
			while (k >= imap_weights[op])
				k -= imap_weights[op++];
			mix_op(c, op);
			left--;
		}
	}
	if (!begun)
		conn_wait_for_all(c);
	if (c->fd >= 0)
		imap_close(c);
}
/* fill --mailbox up to --count messages */
