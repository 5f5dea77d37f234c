/* As with MTA-STS, fields stand between semicolons; here white space may stand around "=", too. */
#include "dns/tls_rpt.h"

static const struct slice VERSION = {"v=TLSRPTv1;", 11};

static bool is_uri(struct slice text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.ptr[i] <= ' ' || text.ptr[i] > '~' || text.ptr[i] == '"' ||
			text.ptr[i] == '<' || text.ptr[i] == '>' || text.ptr[i] == '\\')
			return false;
	return text.len > 0;
}

/* rua is the first field behind the version; what follows is for later versions. */
static bool read_text(struct slice text, struct slice *ret_rua)
{
	struct slice rest = slice_from(text, VERSION.len),
		     value = slice_trim(slice_cut(&rest, ';'));
	struct slice name = slice_trim(slice_cut(&value, '='));
	*ret_rua = slice_trim(value);
	return slice_eq(name, SLICE("rua")) && ret_rua->len > 0;
}

bool dns_tls_rpt_read_record(const struct slice *texts, size_t count, struct slice *ret_rua)
{
	const struct slice *found = NULL;
	for (size_t i = 0; i < count; i++) {
		if (!slice_starts(texts[i], VERSION))
			continue;
		if (found)
			return false;
		found = &texts[i];
	}
	return found && read_text(*found, ret_rua);
}

bool dns_tls_rpt_next_uri(struct slice *rua, struct dns_tls_rpt_uri *ret_uri)
{
	static const struct slice MAILTO = {"mailto:", 7}, HTTPS = {"https://", 8};
	while (rua->len > 0) {
		struct slice uri = slice_trim(slice_cut(rua, ','));
		if (!is_uri(uri))
			continue;
		if (slice_starts_nocase(uri, HTTPS) && uri.len > HTTPS.len) {
			*ret_uri = (struct dns_tls_rpt_uri){DNS_TLS_RPT_HTTPS, uri};
			return true;
		}
		if (!slice_starts_nocase(uri, MAILTO))
			continue;
		uri = slice_from(uri, MAILTO.len);
		uri = slice_cut(&uri, '!');
		uri = slice_cut(&uri, '?');
		if (uri.len == 0)
			continue;
		*ret_uri = (struct dns_tls_rpt_uri){DNS_TLS_RPT_MAILTO, uri};
		return true;
	}
	return false;
}
