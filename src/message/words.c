/* Encoded words decoded. Words of one charset that follow each other, with only white space
 * between, are joined as bytes before they are converted: mailers split characters across them. */
#include "message/header.h"

#include "message/charset.h"
#include "message/decode_internal.h"
#include "message/words_internal.h"

bool encoded_word_begin(struct slice s, struct encoded_word *ret_word)
{
	enum { CHARSET_MAX = 64 };
	if (s.len < 8 || s.ptr[0] != '=' || s.ptr[1] != '?')
		return false;
	size_t i = 2;
	while (i < s.len && i < CHARSET_MAX && s.ptr[i] != '?' && (unsigned char)s.ptr[i] > ' ')
		i++;
	if (i == 2 || s.len - i < 3 || s.ptr[i] != '?' || s.ptr[i + 2] != '?')
		return false;
	char encoding = (char)(s.ptr[i + 1] | 0x20);
	if (encoding != 'b' && encoding != 'q')
		return false;
	struct slice charset = slice(s.ptr + 2, i - 2);
	ret_word->charset = slice_cut(&charset, '*');
	ret_word->base64 = encoding == 'b';
	ret_word->text = slice(s.ptr + i + 3, s.len - i - 3);
	return true;
}

/* Decoded bytes of one charset, not yet converted. */
struct pending {
	struct slice charset;
	struct buf bytes;
	struct slice source; /* the encoded words themselves, for charsets that nobody knows */
};

/* Line ends and NUL come out of an encoded word only by somebody's ill will. */
static void flush(struct pending *pending, struct buf *to)
{
	size_t before = to->len;
	if (pending->source.len > 0) {
		if (!charset_to_utf8(pending->charset, buf_slice(&pending->bytes), to))
			charset_guess_to_utf8(pending->source, to);
		for (size_t i = before; i < to->len; i++)
			if (to->data[i] == '\r' || to->data[i] == '\n' || to->data[i] == '\0')
				to->data[i] = ' ';
	}
	buf_clear(&pending->bytes);
	pending->source = SLICE_NONE;
}

static void add_word(
	struct pending *pending, struct encoded_word word, struct slice source, struct buf *to)
{
	if (pending->source.len > 0 && slice_eq_nocase(pending->charset, word.charset)) {
		size_t len = (size_t)(source.ptr + source.len - pending->source.ptr);
		pending->source.len = len;
	} else {
		flush(pending, to);
		pending->charset = word.charset;
		pending->source = source;
	}
	if (word.base64)
		base64_decode_mail(&pending->bytes, word.text);
	else
		decode_q(word.text, &pending->bytes);
}

static bool is_blank(const char *p, const char *end)
{
	while (p < end && (*p == ' ' || *p == '\t'))
		p++;
	return p == end;
}

/* `text` is unfolded. */
static void decode_words(struct slice text, struct buf *to)
{
	struct pending pending = {.bytes = BUF(text.len + 16)};
	const char *raw = text.ptr, *end = text.ptr + text.len, *p = raw;
	while (p < end && (p = memmem(p, (size_t)(end - p), "=?", 2)) != NULL) {
		struct encoded_word word;
		if (!encoded_word_begin(slice(p, (size_t)(end - p)), &word)) {
			p += 2;
			continue;
		}
		const char *stop = memmem(word.text.ptr, word.text.len, "?=", 2);
		if (!stop)
			break; /* nor does any later word end */
		word.text.len = (size_t)(stop - word.text.ptr);
		if (pending.source.len == 0 || !is_blank(raw, p)) {
			flush(&pending, to);
			charset_guess_to_utf8(slice(raw, (size_t)(p - raw)), to);
		}
		add_word(&pending, word, slice(p, (size_t)(stop + 2 - p)), to);
		p = raw = stop + 2;
	}
	flush(&pending, to);
	charset_guess_to_utf8(slice(raw, (size_t)(end - raw)), to);
	buf_free(&pending.bytes);
}

static bool is_plain(struct slice value)
{
	unsigned char high = 0;
	for (size_t i = 0; i < value.len; i++)
		high |= (unsigned char)value.ptr[i];
	return high < 0x80 && slice_find(value, '\n') < 0 && slice_search(value, SLICE("=?")) < 0;
}

void message_decode_value(struct slice value, struct buf *to)
{
	value = value.len ? slice_trim(value) : value;
	if (value.len == 0)
		return;
	if (is_plain(value)) {
		buf_add_slice(to, value);
		return;
	}
	AUTO(buf_free) struct buf unfolded = BUF(value.len);
	message_unfold(value, &unfolded);
	decode_words(buf_slice(&unfolded), to);
}
