/* RDATA of each type: what is read is written in words, and those words are the same record. */
#include "base/must.h"
#include "dns/records.h"
#include "dns/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { TEXT_MAX = 1 << 18, INPUT_MAX = 4096 };

static bool same_text(struct slice a, struct slice b, struct arena *arena)
{
	struct slice text_a, text_b;
	return dns_read_txt(a, arena, &text_a) && dns_read_txt(b, arena, &text_b) &&
	       slice_eq(text_a, text_b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum dns_type TYPES[] = {
		DNS_A, DNS_NS, DNS_CNAME, DNS_PTR, DNS_MX, DNS_TXT, DNS_AAAA, DNS_SRV, DNS_TLSA};
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	AUTO(buf_free) struct buf text = BUF(TEXT_MAX);
	struct slice again;
	if (size == 0 || size > INPUT_MAX)
		return 0;
	struct slice rdata = slice(data + 1, size - 1);
	enum dns_type type = TYPES[data[0] % ARRAY_LEN(TYPES)];
	(void)!dns_text_read(type, rdata, &arena, &again);
	dns_text_write(type, rdata, &text);
	must(!text.failed && dns_text_read(type, buf_slice(&text), &arena, &again));
	/* A TXT record's text may be cut into strings in several ways. */
	must(slice_eq(again, rdata) || (type == DNS_TXT && same_text(again, rdata, &arena)));
	return 0;
}
