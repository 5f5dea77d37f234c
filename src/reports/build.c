/* Counts become a report, and it is found out who gets it. */
#include "reports/reports_internal.h"

#include "base/clock.h"
#include "dns/tls_rpt.h"
#include "reports/tls_report.h"

enum {
	BODY_MAX = 128 << 20,
	GZIP_MAX = 32 << 20,
	MAIL_MAX = 64 << 20,
	PARTS_MAX = 100, /* policies of a day; more are left out */
};

void reports_outgoing_free(struct reports_outgoing *out)
{
	buf_free(&out->gzip);
	buf_free(&out->mail);
	arena_free(&out->arena);
}

/* Of this report alone, and the same whichever node sends it: when it begins, the node whose counts
 * they are, and the domain. */
static void set_id(struct reports_outgoing *out)
{
	const struct reports_name *name = &out->loaded.name;
	struct clock_date d = clock_to_date(out->loaded.head.begin);
	const uint8_t *node = out->loaded.account.bytes;
	char hash[REPORTS_ROW_NAME];
	reports_row_name(name->domain, hash);
	(void)snprintf(out->id, sizeof(out->id),
		"%04d%02d%02dT%02d%02d%02d.%s.%02x%02x%02x%02x.%.12s", (int)d.year, d.month, d.day,
		d.hour, d.minute, d.second, reports_kind_name(name->kind), node[6], node[7],
		node[8], node[9], hash);
}

static void set_words(const struct reports *r, struct reports_outgoing *out)
{
	const struct reports_options *o = &r->options;
	struct slice rest = slice_str(o->from);
	out->email = rest;
	(void)slice_cut(&rest, '@');
	out->submitter = rest;
	out->organization = o->organization[0] ? slice_str(o->organization) : rest;
	out->contact = slice_str(o->contact);
	out->end = MIN(out->loaded.name.day + DAY_SECONDS - 1, clock_wall());
	out->end = MAX(out->end, out->loaded.head.begin);
}

/* Whoever wants no file so large is left out ("rua=mailto:a@example.org!10m"). */
static void leave_out_small(struct reports_outgoing *out, const struct filter_dmarc_record *record)
{
	size_t kept = 0;
	for (size_t i = 0; i < out->address_count; i++)
		if (filter_dmarc_fits(record, out->addresses[i], out->gzip.len))
			out->addresses[kept++] = out->addresses[i];
	out->address_count = kept;
}

static int build_dmarc(struct reports *r, struct reports_outgoing *out, struct err *err)
{
	AUTO(buf_free) struct buf xml = BUF(BODY_MAX);
	const struct reports_loaded *l = &out->loaded;
	struct filter_dmarc_row *rows = ARENA_ARRAY(&out->arena, struct filter_dmarc_row, l->count);
	struct filter_dmarc_report report = {.organization = out->organization,
		.email = out->email,
		.contact = out->contact,
		.submitter = out->submitter,
		.id = slice_str(out->id),
		.begin = l->head.begin,
		.end = out->end,
		.domain = l->name.domain,
		.rows = rows};
	for (size_t i = 0; i < l->count; i++) {
		struct filter_dmarc_row *row = &rows[report.row_count];
		if (!reports_dmarc_read(l->rows[i].key, &out->arena, row))
			continue;
		row->count = l->rows[i].good + l->rows[i].bad;
		report.row_count++;
	}
	if (report.row_count == 0 || !filter_dmarc_record_parse(l->head.about, &report.record))
		return 0;
	if (filter_dmarc_destinations(r->options.dns, l->name.domain, &report.record, &out->arena,
		    out->addresses, &out->address_count, err) < 0)
		return -1;
	if (out->address_count == 0)
		return 0;
	filter_dmarc_report_xml(&report, &xml);
	if (xml.failed)
		return err_temporary(err, ERR_LIMIT, "a report is too large");
	if (filter_dmarc_report_gzip(buf_slice(&xml), &out->gzip, err) < 0)
		return -1;
	leave_out_small(out, &report.record);
	if (out->address_count > 0)
		filter_dmarc_report_mail(&report, out->addresses, out->address_count, clock_wall(),
			buf_slice(&out->gzip), &out->mail);
	return 0;
}

/* Policies first, then what failed under each. */
static size_t read_parts(struct reports_outgoing *out, struct reports_tls_part *parts)
{
	const struct reports_loaded *l = &out->loaded;
	struct arena *arena = &out->arena;
	struct reports_tls_key *keys = ARENA_ARRAY(arena, struct reports_tls_key, l->count), key;
	size_t count = 0;
	for (size_t i = 0; i < l->count; i++) {
		if (!reports_tls_read(l->rows[i].key, &key) || key.is_failure || count == PARTS_MAX)
			continue;
		keys[count] = key;
		parts[count++] = (struct reports_tls_part){
			.policy = key.policy, .good = l->rows[i].good, .bad = l->rows[i].bad};
	}
	for (size_t at = 0; at < count; at++) {
		struct reports_tls_detail *details = NULL;
		size_t found = 0;
		for (size_t i = 0; i < l->count; i++) {
			if (!reports_tls_read(l->rows[i].key, &key) || !key.is_failure ||
				memcmp(key.policy_id, keys[at].policy_id, REPORTS_POLICY_ID) != 0)
				continue;
			if (!details)
				details =
					ARENA_ARRAY(arena, struct reports_tls_detail, l->count - i);
			details[found++] = (struct reports_tls_detail){
				.failure = key.failure, .count = l->rows[i].bad};
		}
		parts[at].details = details;
		parts[at].detail_count = found;
	}
	return count;
}

/* An address of a record of TLS reporting; its %-escapes undone. */
static void add_uri(struct reports_outgoing *out, const struct dns_tls_rpt_uri *uri)
{
	struct slice address;
	if (uri->scheme == DNS_TLS_RPT_HTTPS)
		out->posts[out->post_count++] = uri->text;
	else if (filter_dmarc_decode_address(uri->text, &out->arena, &address))
		out->addresses[out->address_count++] = address;
}

static int find_uris(struct reports *r, struct reports_outgoing *out, struct err *err)
{
	struct slice text, rua;
	struct dns_tls_rpt_uri uri;
	int found = reports_find_tls_record(
		r->options.dns, out->loaded.name.domain, &out->arena, &text, &rua, err);
	for (int i = 0; found == 0 && i < DNS_TLS_RPT_URIS_MAX && dns_tls_rpt_next_uri(&rua, &uri);
		i++)
		add_uri(out, &uri);
	return found < 0 ? found : 0;
}

static int build_tls(struct reports *r, struct reports_outgoing *out, struct err *err)
{
	AUTO(buf_free) struct buf json = BUF(BODY_MAX);
	const struct reports_loaded *l = &out->loaded;
	struct reports_tls_part *parts =
		ARENA_ARRAY(&out->arena, struct reports_tls_part, l->count);
	struct reports_tls_report report = {.organization = out->organization,
		.email = out->email,
		.contact = out->contact.len > 0 ? out->contact : out->email,
		.submitter = out->submitter,
		.id = slice_str(out->id),
		.begin = l->head.begin,
		.end = out->end,
		.domain = l->name.domain,
		.parts = parts,
		.count = read_parts(out, parts)};
	if (report.count == 0)
		return 0;
	if (find_uris(r, out, err) < 0)
		return -1;
	if (out->address_count + out->post_count == 0)
		return 0;
	if (reports_tls_json(&report, &json, err) < 0 ||
		filter_dmarc_report_gzip(buf_slice(&json), &out->gzip, err) < 0)
		return -1;
	if (out->address_count > 0)
		reports_tls_mail(&report, out->addresses, out->address_count, clock_wall(),
			buf_slice(&out->gzip), &out->mail);
	return 0;
}

int reports_build(struct reports *r, struct reports_outgoing *out, struct err *err)
{
	out->gzip = BUF(GZIP_MAX);
	out->mail = BUF(MAIL_MAX);
	if (!r->options.dns)
		return err_temporary(err, ERR_UNAVAILABLE, "this server has no resolver");
	set_id(out);
	set_words(r, out);
	int done = out->loaded.name.kind == REPORTS_DMARC ? build_dmarc(r, out, err)
							  : build_tls(r, out, err);
	if (done == 0 && out->mail.failed)
		return err_temporary(err, ERR_LIMIT, "a report is too large");
	return done;
}
