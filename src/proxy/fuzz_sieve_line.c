/* Lines of ManageSieve, from clients and back ends: cut anywhere, the same words come out; what is
 * quoted is read as it was. */
#include "base/must.h"
#include "proxy/sieve_line.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_prefixes(struct slice text, const struct proxy_sieve_words *whole)
{
	for (size_t len = 0; len < whole->len; len += 1 + whole->len / 16) {
		AUTO(arena_free) struct arena arena = ARENA_EMPTY;
		struct proxy_sieve_words part;
		must(proxy_sieve_read(slice_sub(text, 0, len), &arena, &part) == PROXY_SIEVE_MORE);
	}
}

static void try_quoting(struct slice text)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	AUTO(buf_free) struct buf line = BUF(1 << 20);
	struct proxy_sieve_words words;
	proxy_sieve_quote(&line, text);
	buf_add_str(&line, "\r\n");
	must(proxy_sieve_read(buf_slice(&line), &arena, &words) == PROXY_SIEVE_LINE);
	must(words.count == 1 && words.len == line.len && words.at[0].len == text.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	AUTO(buf_free) struct buf announced = BUF(1 << 20);
	struct slice text = slice(data, size);
	struct proxy_sieve_words words;
	must(proxy_sieve_literal(text) <= PROXY_SIEVE_LITERAL_MAX);
	(void)proxy_sieve_said(text);
	proxy_sieve_announce(text, &announced);
	try_quoting(text);
	enum proxy_sieve_outcome r = proxy_sieve_read(text, &arena, &words);
	must(words.len <= text.len);
	if (r != PROXY_SIEVE_LINE)
		return 0;
	must(words.len > 0 && text.ptr[words.len - 1] == '\n');
	(void)proxy_sieve_traits(&words);
	try_prefixes(text, &words);
	return 0;
}
