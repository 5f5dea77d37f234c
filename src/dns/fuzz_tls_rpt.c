/* Records of TLS reporting: what is cut out lies in the text, and is a URI. */
#include "base/must.h"
#include "dns/tls_rpt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text = slice(data, size), rest = text, texts[2], rua;
	struct dns_tls_rpt_uri uri;
	texts[0] = slice_cut(&rest, '\n');
	texts[1] = rest;
	if (!dns_tls_rpt_read_record(texts, 2, &rua))
		return 0;
	must(rua.len > 0 && rua.ptr >= text.ptr && rua.ptr + rua.len <= text.ptr + text.len);
	while (dns_tls_rpt_next_uri(&rua, &uri)) {
		must(uri.text.len > 0);
		must(uri.text.ptr >= text.ptr &&
			uri.text.ptr + uri.text.len <= text.ptr + text.len);
		for (size_t i = 0; i < uri.text.len; i++)
			must(uri.text.ptr[i] > ' ' && uri.text.ptr[i] <= '~');
	}
	return 0;
}
