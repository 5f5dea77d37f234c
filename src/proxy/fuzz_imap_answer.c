/* A back end's lines: whatever is read stands in the line; what is announced is words that can't
 * end ours. */
#include "base/must.h"
#include "proxy/imap_answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must_be_in(struct slice part, struct slice line)
{
	must(part.len == 0 || (part.ptr >= line.ptr && part.ptr + part.len <= line.ptr + line.len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice line = slice(data, size);
	struct proxy_imap_line read;
	AUTO(buf_free) struct buf list = BUF(1 << 20), again = BUF(1 << 20);
	must(proxy_imap_literal(line) <= 64 * 1024);
	(void)proxy_imap_traits(line);
	proxy_imap_announce(line, &list);
	for (size_t i = 0; i < list.len; i++)
		must(list.data[i] >= ' ' && list.data[i] <= '~' && list.data[i] != ']');
	must((proxy_imap_traits(buf_slice(&list)) & PROXY_IMAP_STARTTLS) == 0);
	proxy_imap_announce(buf_slice(&list), &again);
	must(slice_eq(buf_slice(&list), buf_slice(&again)));
	if (!proxy_imap_read_line(line, &read))
		return 0;
	must_be_in(read.tag, line);
	must_be_in(read.rest, line);
	must_be_in(read.code, line);
	must_be_in(read.capabilities, line);
	(void)proxy_imap_said(&read);
	return 0;
}
