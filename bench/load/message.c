/* Messages of plain words, each different, made from one pool of text. */
#include "message.h"

#include "options.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static char *pool;
static size_t pool_n;
static const char *const words[] = {"mail", "server", "cluster", "quarterly", "report", "invoice",
	"meeting", "the", "and", "please", "review", "attached", "regards", "schedule", "monday",
	"budget", "project", "delivery", "of", "to", "in", "for", "update", "customer", "contract",
	"signature", "confirm", "travel", "question", "about", "new", "release", "draft", "final"};
#define WORDS (sizeof(words) / sizeof(*words))
void message_init(void)
{
	struct conn r = {.rng = 12345};
	size_t cap = 1 << 20;
	pool = malloc(cap + 128);
	size_t col = 0;
	while (pool_n < cap) {
		const char *w = words[conn_random_below(&r, WORDS)];
		size_t l = strlen(w);
		if (col + l + 1 > 72) {
			pool[pool_n++] = '\r';
			pool[pool_n++] = '\n';
			col = 0;
		} else if (col) {
			pool[pool_n++] = ' ';
			col++;
		}
		memcpy(pool + pool_n, w, l);
		pool_n += l;
		col += l;
	}
	pool[pool_n++] = '\r';
	pool[pool_n++] = '\n';
}
static uint64_t last_number;
void message_make(struct conn *c, const char *to)
{
	size_t want = (size_t)(options.size_kib * 1024);
	if (options.size_mix) {
		unsigned k = conn_random_below(c, 100);
		want = k < 60 ? 4096 : k < 90 ? 16384 : k < 98 ? 65536 : 524288;
	}
	if (c->msgcap < want + 4096) {
		c->msgcap = want + 4096;
		c->msg = realloc(c->msg, c->msgcap);
		if (!c->msg)
			abort();
	}
	uint64_t no = ++last_number;
	time_t t = time(NULL);
	struct tm tm;
	gmtime_r(&t, &tm);
	char d[64];
	strftime(d, sizeof(d), "%a, %d %b %Y %H:%M:%S +0000", &tm);
	const char *a = words[conn_random_below(c, WORDS)], *b = words[conn_random_below(c, WORDS)],
		   *e = words[conn_random_below(c, WORDS)];
	size_t n = (size_t)snprintf(c->msg, c->msgcap,
		"Received: from mx%u.src.test (mx%u.src.test [127.0.0.1])\r\n"
		"\tby gw.src.test with ESMTPS id %016" PRIx64 "\r\n\tfor <%s>; %s\r\n"
		"From: \"Load Sender %u\" <sender%u@src.test>\r\nTo: <%s>\r\n"
		"Subject: %s %s %s number %" PRIu64 "\r\nDate: %s\r\n"
		"Message-ID: <%s.%d.%" PRIu64 ".%" PRIx64 "@src.test>\r\n"
		"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
		"Content-Transfer-Encoding: 7bit\r\nUser-Agent: mailload/1.0\r\n"
		"List-Id: <load.src.test>\r\n\r\n",
		conn_random_below(c, 8), conn_random_below(c, 8), conn_random(c), to, d,
		conn_random_below(c, 500), conn_random_below(c, 500), to, a, b, e, no, d,
		options.run, c->id, no, conn_random(c));
	size_t off = conn_random_below(c, (unsigned)(pool_n / 2));
	while (off < pool_n && pool[off] != '\n')
		off++;
	off++;
	while (n < want) {
		size_t k = pool_n - off;
		if (k > want - n)
			k = want - n;
		memcpy(c->msg + n, pool + off, k);
		n += k;
		off = 0;
	}
	/* end on a whole line */
	while (n && c->msg[n - 1] != '\n')
		n--;
	c->msglen = n;
}
void message_address(char *b, size_t n, const char *pat, int u)
{
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(b, n, pat, u);
#pragma GCC diagnostic pop
}

const char *message_word(struct conn *c)
{
	return words[conn_random_below(c, WORDS)];
}
