/* Line ends. What is wrong is found a vector at a time: a LF without CR before it, a CR without LF
 * after it. Seen from the byte behind, both are one test: is one there without the other? */
#include "message/crlf.h"

typedef uint8_t vector __attribute__((vector_size(16)));
typedef uint64_t halves __attribute__((vector_size(16)));

enum { ROUND = 64 };

#define SPLAT(c) ((vector){c, c, c, c, c, c, c, c, c, c, c, c, c, c, c, c})

static inline vector load(const char *p)
{
	vector v;
	memcpy(&v, p, sizeof(v));
	return v;
}

static inline bool is_wrong(char before, char here, bool bare_cr)
{
	bool lf = here == '\n', cr = before == '\r';
	return lf ? !cr : cr && bare_cr;
}

/* The first byte at or after `p` that needs a line end's half put in front of it; `end` when none
 * does. The byte before `p` can be read. */
static const char *find_wrong(const char *p, const char *end, bool bare_cr)
{
	const vector lf = SPLAT('\n'), cr = SPLAT('\r');
	const vector keep = bare_cr ? SPLAT(0) : SPLAT(0xFF);
	for (; end - p >= ROUND; p += ROUND) {
		vector wrong = SPLAT(0);
		for (int i = 0; i < ROUND; i += 16) {
			vector is_lf = (vector)(load(p + i) == lf);
			vector after_cr = (vector)(load(p + i - 1) == cr);
			wrong |= (is_lf ^ after_cr) & (is_lf | ~keep);
		}
		halves h = (halves)wrong;
		if (h[0] | h[1])
			break;
	}
	while (p < end && !is_wrong(p[-1], *p, bare_cr))
		p++;
	return p;
}

void message_crlf_feed(struct message_crlf *state, struct slice bytes, struct buf *to)
{
	if (bytes.len == 0)
		return;
	const char *p = bytes.ptr, *end = p + bytes.len;
	/* The first byte is looked at by itself: the one before it was in another piece. */
	if (is_wrong(state->held_cr ? '\r' : '\0', *p, state->bare_cr))
		buf_add(to, *p == '\n' ? "\r" : "\n", 1);
	const char *run = p++;
	for (;;) {
		p = find_wrong(p, end, state->bare_cr);
		buf_add(to, run, (size_t)(p - run));
		if (p == end)
			break;
		buf_add(to, *p == '\n' ? "\r" : "\n", 1);
		run = p++;
	}
	state->held_cr = end[-1] == '\r';
}

void message_crlf_end(struct message_crlf *state, struct buf *to)
{
	if (state->held_cr && state->bare_cr)
		buf_add_byte(to, '\n');
	state->held_cr = false;
}

bool message_crlf_is_normal(struct slice message, bool bare_cr)
{
	if (message.len == 0)
		return true;
	const char *end = message.ptr + message.len;
	return message.ptr[0] != '\n' && find_wrong(message.ptr + 1, end, bare_cr) == end &&
	       !(bare_cr && end[-1] == '\r');
}
