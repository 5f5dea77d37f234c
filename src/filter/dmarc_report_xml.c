/* An aggregate report as XML (RFC 9990, "Description of the content XML file" and "DMARC XML
 * Schema"), and as gzip. */
#define ZLIB_CONST
#include "filter/dmarc_report.h"

#include <zlib.h>

enum { SIGNATURES_MAX = 100 }; /* a row (RFC 9990: "DKIM Signatures in Aggregate Reports") */

/* Text between tags: escaped, and without what XML 1.0 has no room for. */
static void add_text(struct slice text, struct buf *to)
{
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.ptr[i];
		if (c == '&')
			buf_add_str(to, "&amp;");
		else if (c == '<')
			buf_add_str(to, "&lt;");
		else if (c == '>')
			buf_add_str(to, "&gt;");
		else
			buf_add_byte(to, (char)(c < ' ' || c > '~' ? '?' : c));
	}
}

static void add(struct buf *to, unsigned depth, const char *name, struct slice text)
{
	buf_printf(to, "%*s<%s>", (int)depth * 2, "", name);
	add_text(text, to);
	buf_printf(to, "</%s>\n", name);
}

static void add_if(struct buf *to, unsigned depth, const char *name, struct slice text)
{
	if (text.len > 0)
		add(to, depth, name, text);
}

static void add_str(struct buf *to, unsigned depth, const char *name, const char *text)
{
	add(to, depth, name, slice_str(text));
}

static void add_number(struct buf *to, unsigned depth, const char *name, int64_t number)
{
	buf_printf(to, "%*s<%s>%lld</%s>\n", (int)depth * 2, "", name, (long long)number, name);
}

static void add_metadata(const struct filter_dmarc_report *r, struct buf *to)
{
	buf_add_str(to, "  <report_metadata>\n");
	add(to, 2, "org_name", r->organization);
	add(to, 2, "email", r->email);
	add_if(to, 2, "extra_contact_info", r->contact);
	buf_printf(to, "    <report_id>%.*s@%.*s</report_id>\n", SLICE_ARG(r->id),
		SLICE_ARG(r->submitter)); /* as in the message's Subject */
	buf_add_str(to, "    <date_range>\n");
	add_number(to, 3, "begin", r->begin);
	add_number(to, 3, "end", r->end);
	buf_add_str(to, "    </date_range>\n");
	add_str(to, 2, "generator", "Rookery " ROOKERY_VERSION);
	buf_add_str(to, "  </report_metadata>\n");
}

static void add_policy(const struct filter_dmarc_report *r, struct buf *to)
{
	buf_add_str(to, "  <policy_published>\n");
	add(to, 2, "domain", r->domain);
	add_str(to, 2, "p", filter_dmarc_policy_name(r->record.p));
	add_str(to, 2, "sp", filter_dmarc_policy_name(r->record.sp));
	add_str(to, 2, "np", filter_dmarc_policy_name(r->record.np));
	add_str(to, 2, "adkim", r->record.strict_dkim ? "s" : "r");
	add_str(to, 2, "aspf", r->record.strict_spf ? "s" : "r");
	add_str(to, 2, "discovery_method", "treewalk");
	add(to, 2, "fo", r->record.fo);
	add_str(to, 2, "testing", r->record.testing ? "y" : "n");
	buf_add_str(to, "  </policy_published>\n");
}

/* Why something else was done than the policy wants; it must be said ("PolicyEvaluatedType"). */
static void add_reason(const struct filter_dmarc_row *row, bool testing, struct buf *to)
{
	bool passed = row->spf_aligned || row->dkim_aligned;
	struct slice type = row->override_type;
	if (type.len == 0 && !passed && row->disposal != row->policy)
		type = testing ? SLICE("policy_test_mode") : SLICE("local_policy");
	if (type.len == 0)
		return;
	buf_add_str(to, "        <reason>\n");
	add(to, 5, "type", type);
	add_if(to, 5, "comment", row->override_words);
	buf_add_str(to, "        </reason>\n");
}

static void add_evaluation(const struct filter_dmarc_row *row, bool testing, struct buf *to)
{
	bool passed = row->spf_aligned || row->dkim_aligned;
	buf_add_str(to, "    <row>\n");
	add(to, 3, "source_ip", row->source);
	add_number(to, 3, "count", (int64_t)row->count);
	buf_add_str(to, "      <policy_evaluated>\n");
	add_str(to, 4, "disposition",
		passed && row->disposal == FILTER_DMARC_NONE && row->policy != FILTER_DMARC_NONE
			? "pass"
			: filter_dmarc_policy_name(row->disposal));
	add_str(to, 4, "dkim", row->dkim_aligned ? "pass" : "fail");
	add_str(to, 4, "spf", row->spf_aligned ? "pass" : "fail");
	add_reason(row, testing, to);
	buf_add_str(to, "      </policy_evaluated>\n    </row>\n");
}

static void add_results(const struct filter_dmarc_row *row, struct buf *to)
{
	buf_add_str(to, "    <auth_results>\n");
	for (size_t i = 0; i < MIN(row->dkim_count, (size_t)SIGNATURES_MAX); i++) {
		buf_add_str(to, "      <dkim>\n");
		add(to, 4, "domain", row->dkim[i].domain);
		add(to, 4, "selector", row->dkim[i].selector);
		add(to, 4, "result", row->dkim[i].result);
		add_if(to, 4, "human_result", row->dkim[i].words);
		buf_add_str(to, "      </dkim>\n");
	}
	if (row->spf_domain.len > 0) {
		buf_add_str(to, "      <spf>\n");
		add(to, 4, "domain", row->spf_domain);
		add_str(to, 4, "scope", "mfrom");
		add(to, 4, "result", row->spf_result);
		buf_add_str(to, "      </spf>\n");
	}
	buf_add_str(to, "    </auth_results>\n");
}

static void add_row(const struct filter_dmarc_row *row, bool testing, struct buf *to)
{
	buf_add_str(to, "  <record>\n");
	add_evaluation(row, testing, to);
	buf_add_str(to, "    <identifiers>\n");
	add(to, 3, "header_from", row->header_from);
	add(to, 3, "envelope_from", row->envelope_from);
	add_if(to, 3, "envelope_to", row->envelope_to);
	buf_add_str(to, "    </identifiers>\n");
	add_results(row, to);
	buf_add_str(to, "  </record>\n");
}

void filter_dmarc_report_xml(const struct filter_dmarc_report *report, struct buf *to)
{
	buf_add_str(to, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
			"<feedback xmlns=\"urn:ietf:params:xml:ns:dmarc-2.0\">\n"
			"  <version>1.0</version>\n");
	add_metadata(report, to);
	add_policy(report, to);
	for (size_t i = 0; i < report->row_count && !to->failed; i++)
		add_row(&report->rows[i], report->record.testing, to);
	buf_add_str(to, "</feedback>\n");
}

int filter_dmarc_report_gzip(struct slice xml, struct buf *to, struct err *err)
{
	enum { GZIP_WINDOW = 15 + 16, MEMORY = 8 };
	z_stream stream = {0};
	if (deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, GZIP_WINDOW, MEMORY,
		    Z_DEFAULT_STRATEGY) != Z_OK)
		return err_temporary(err, ERR_OTHER, "no memory to compress a report");
	size_t max = deflateBound(&stream, xml.len);
	char *room = xml.len <= UINT32_MAX && max <= UINT32_MAX ? buf_reserve(to, max) : NULL;
	stream.next_in = (const Bytef *)xml.ptr;
	stream.avail_in = (uInt)xml.len;
	stream.next_out = (Bytef *)room;
	stream.avail_out = (uInt)max;
	int r = room ? deflate(&stream, Z_FINISH) : Z_BUF_ERROR;
	if (r == Z_STREAM_END)
		to->len += stream.total_out;
	(void)deflateEnd(&stream);
	return r == Z_STREAM_END ? 0 : err_temporary(err, ERR_LIMIT, "a report is too large");
}
