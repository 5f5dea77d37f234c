/* Lines of POP3 and of submission, from a back end: as fuzz_imap_answer.c has it for IMAP. */
#include "base/must.h"
#include "proxy/pop3_answer.h"
#include "proxy/submission_answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Whole lines of printable text. */
static void must_be_lines(struct slice text)
{
	must(text.len == 0 || slice_ends(text, SLICE("\r\n")));
	while (text.len > 0) {
		struct slice line = slice_cut(&text, '\n');
		must(line.len > 1 && line.ptr[line.len - 1] == '\r');
		for (size_t i = 0; i + 1 < line.len; i++)
			must(line.ptr[i] >= ' ' && line.ptr[i] <= '~');
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text = slice(data, size);
	struct proxy_submission_line line;
	AUTO(buf_free) struct buf pop3 = BUF(1 << 20), submission = BUF(1 << 20);
	(void)proxy_pop3_traits(text);
	(void)proxy_pop3_said(text);
	proxy_pop3_announce(text, &pop3);
	must_be_lines(buf_slice(&pop3));
	must(!slice_starts(buf_slice(&pop3), SLICE(".")));
	(void)proxy_submission_traits(text);
	proxy_submission_announce(text, true, &submission);
	must_be_lines(buf_slice(&submission));
	if (proxy_submission_read_line(text, &line)) {
		must(line.code >= 200 && line.code <= 599);
		must(line.text.len < text.len && line.status.len <= line.text.len);
		(void)proxy_submission_said(&line);
	}
	return 0;
}
