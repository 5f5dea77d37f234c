/* The base subject of RFC 5256 section 2.1, which THREAD and SORT compare. The rules repeat until
 * nothing changes; each round takes something off an end, and runs of [blobs] go at once, so the
 * whole is linear. */
#include "message/text.h"

/* Step 1: runs of white space as one space. */
static void add_squeezed(struct slice subject, struct buf *to)
{
	for (size_t i = 0; i < subject.len; i++) {
		char c = subject.ptr[i];
		bool space = c == ' ' || c == '\t' || c == '\r' || c == '\n';
		if (!space)
			buf_add_byte(to, c);
		else if (to->len > 0 && to->data[to->len - 1] != ' ')
			buf_add_byte(to, ' ');
	}
}

static size_t skip_spaces(struct slice s, size_t at)
{
	while (at < s.len && s.ptr[at] == ' ')
		at++;
	return at;
}

/* Past "[…]" and the spaces after it; `at` when there is none. */
static size_t skip_blob(struct slice s, size_t at)
{
	if (at >= s.len || s.ptr[at] != '[')
		return at;
	for (size_t i = at + 1; i < s.len && s.ptr[i] != '['; i++)
		if (s.ptr[i] == ']')
			return skip_spaces(s, i + 1);
	return at;
}

/* Past "re:", "fw:", "fwd:", with a blob before the colon or without; `at` when there is none. */
static size_t skip_refwd(struct slice s, size_t at)
{
	struct slice rest = slice_from(s, at);
	size_t i = at;
	if (slice_starts_nocase(rest, SLICE("re")))
		i += 2;
	else if (slice_starts_nocase(rest, SLICE("fwd")))
		i += 3;
	else if (slice_starts_nocase(rest, SLICE("fw")))
		i += 2;
	else
		return at;
	i = skip_blob(s, skip_spaces(s, i));
	return i < s.len && s.ptr[i] == ':' ? i + 1 : at;
}

/* Steps 3 to 5: leaders and blobs in front. */
static struct slice strip_front(struct slice s)
{
	size_t at = skip_spaces(s, 0);
	for (;;) {
		size_t last_blob = at, after = at, next;
		while ((next = skip_blob(s, after)) > after) {
			last_blob = after;
			after = next;
		}
		next = skip_refwd(s, after);
		if (next == after) {
			/* No leader: the blobs go, except one that would leave nothing. */
			at = after < s.len ? after : last_blob;
			return slice_from(s, at);
		}
		at = skip_spaces(s, next);
	}
}

/* Step 2: "(fwd)" and spaces at the end. */
static struct slice strip_end(struct slice s)
{
	for (;;) {
		if (s.len > 0 && s.ptr[s.len - 1] == ' ')
			s.len--;
		else if (s.len >= 5 && slice_eq_nocase(slice_from(s, s.len - 5), SLICE("(fwd)")))
			s.len -= 5;
		else
			return s;
	}
}

void message_base_subject(struct slice subject, struct buf *to)
{
	AUTO(buf_free) struct buf squeezed = BUF(subject.len + 1);
	add_squeezed(subject, &squeezed);
	if (squeezed.len == 0)
		return;
	struct slice s = buf_slice(&squeezed);
	for (;;) {
		s = strip_front(strip_end(s));
		/* Step 6. */
		if (!slice_starts_nocase(s, SLICE("[fwd:")) || s.ptr[s.len - 1] != ']')
			break;
		s = slice(s.ptr + 5, s.len - 6);
	}
	buf_add_slice(to, s);
}
