/* What a domain publishes about reports of TLS. */
#include "reports/reports_internal.h"

#include "dns/records.h"
#include "dns/tls_rpt.h"

enum { TEXTS_MAX = 16 };

int reports_find_tls_record(struct dns *dns, struct slice domain, struct arena *arena,
	struct slice *ret_text, struct slice *ret_rua, struct err *err)
{
	struct slice name = slice_str(arena_printf(arena, "_smtp._tls.%.*s", SLICE_ARG(domain)));
	struct slice texts[TEXTS_MAX];
	struct dns_answer answer;
	struct err why = {0};
	size_t count = 0;
	if (!dns_name_is_good(name))
		return 1;
	int r = dns_lookup(dns, name, DNS_TXT, arena, &answer, &why);
	if (r < 0 && why.class == ERR_TEMPORARY)
		return err_temporary(err, ERR_UNAVAILABLE, "%s", why.text);
	for (size_t i = 0; r == 0 && i < answer.count && count < TEXTS_MAX; i++)
		count += dns_read_txt(answer.records[i], arena, &texts[count]);
	if (!dns_tls_rpt_read_record(texts, count, ret_rua))
		return 1;
	for (size_t i = 0; i < count; i++)
		if (ret_rua->ptr >= texts[i].ptr && ret_rua->ptr < texts[i].ptr + texts[i].len)
			*ret_text = texts[i];
	return 0;
}
