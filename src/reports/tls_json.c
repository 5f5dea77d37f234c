/* The report as I-JSON (RFC 8460 section 4.4); fields in the order of its example. */
#include "reports/tls_report.h"

#include "base/clock.h"

#include <jansson.h>

static json_t *text(struct slice s)
{
	AUTO(buf_free) struct buf clean = BUF(s.len + 1);
	for (size_t i = 0; i < s.len; i++)
		buf_add_byte(&clean, s.ptr[i] < ' ' || s.ptr[i] > '~' ? '?' : s.ptr[i]);
	return json_stringn(clean.data ? clean.data : "", clean.len);
}

static json_t *lines(struct slice s)
{
	json_t *list = json_array();
	while (s.len > 0) {
		struct slice line = slice_trim(slice_cut(&s, '\n'));
		if (line.len > 0)
			(void)json_array_append_new(list, text(line));
	}
	return list;
}

static json_t *moment(int64_t seconds)
{
	struct clock_date d = clock_to_date(seconds);
	return json_sprintf("%04d-%02d-%02dT%02d:%02d:%02dZ", (int)d.year, d.month, d.day, d.hour,
		d.minute, d.second);
}

static void set_if(json_t *object, const char *key, struct slice value)
{
	if (value.len > 0)
		(void)json_object_set_new(object, key, text(value));
}

static json_t *policy_of(const struct reports_tls_report *r, const struct reports_tls_policy *p)
{
	json_t *policy = json_pack("{s:s}", "policy-type", reports_tls_type_name(p->type));
	if (p->text.len > 0)
		(void)json_object_set_new(policy, "policy-string", lines(p->text));
	(void)json_object_set_new(policy, "policy-domain", text(r->domain));
	if (p->hosts.len > 0)
		(void)json_object_set_new(policy, "mx-host", lines(p->hosts));
	return policy;
}

static json_t *detail_of(const struct reports_tls_detail *d)
{
	json_t *detail =
		json_pack("{s:s}", "result-type", reports_tls_result_name(d->failure.result));
	set_if(detail, "sending-mta-ip", d->failure.sending_ip);
	set_if(detail, "receiving-mx-hostname", d->failure.host);
	set_if(detail, "receiving-ip", d->failure.receiving_ip);
	(void)json_object_set_new(
		detail, "failed-session-count", json_integer((json_int_t)d->count));
	set_if(detail, "failure-reason-code", d->failure.reason);
	return detail;
}

static json_t *part_of(const struct reports_tls_report *r, const struct reports_tls_part *p)
{
	json_t *part = json_pack("{s:o, s:{s:I, s:I}}", "policy", policy_of(r, &p->policy),
		"summary", "total-successful-session-count", (json_int_t)p->good,
		"total-failure-session-count", (json_int_t)p->bad);
	if (p->detail_count == 0)
		return part;
	json_t *details = json_array();
	for (size_t i = 0; i < p->detail_count; i++)
		(void)json_array_append_new(details, detail_of(&p->details[i]));
	(void)json_object_set_new(part, "failure-details", details);
	return part;
}

static int add_piece(const char *bytes, size_t len, void *to)
{
	buf_add(to, bytes, len);
	return 0;
}

int reports_tls_json(const struct reports_tls_report *r, struct buf *to, struct err *err)
{
	json_t *policies = json_array();
	for (size_t i = 0; i < r->count; i++)
		(void)json_array_append_new(policies, part_of(r, &r->parts[i]));
	json_t *report = json_pack("{s:o, s:{s:o, s:o}, s:o, s:o, s:o}", "organization-name",
		text(r->organization), "date-range", "start-datetime", moment(r->begin),
		"end-datetime", moment(r->end), "contact-info", text(r->contact), "report-id",
		text(r->id), "policies", policies);
	int done = json_dump_callback(report, add_piece, to, JSON_INDENT(2));
	json_decref(report);
	return done == 0 && !to->failed ? 0
					: err_temporary(err, ERR_LIMIT, "a report is too large");
}
