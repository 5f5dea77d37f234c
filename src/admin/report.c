/* rookery report … */
#include "admin/commands.h"

#include "admin/values.h"
#include "base/clock.h"

static int no_reports(struct err *err)
{
	return err_temporary(
		err, ERR_UNAVAILABLE, "reports belong to the mx role, and none runs here");
}

/* Where a record wants them, as it is written there. */
static json_t *destinations_of(struct slice record)
{
	while (record.len > 0) {
		struct slice value = slice_cut(&record, ';');
		struct slice name = slice_trim(slice_cut(&value, '='));
		if (slice_eq_nocase(name, SLICE("rua")))
			return admin_string(slice_trim(value));
	}
	return json_null();
}

static json_t *sum_of(uint64_t good, uint64_t bad)
{
	uint64_t sum = good + bad;
	return json_integer((json_int_t)sum);
}

static json_t *time_of(int64_t seconds)
{
	return seconds > 0 ? admin_time(seconds) : json_null();
}

static void add_info(void *context, const struct reports_info *info)
{
	(void)json_array_append_new(context,
		json_pack("{s:o, s:s, s:o, s:o, s:o, s:I, s:I, s:o, s:o, s:I, s:b}", "domain",
			admin_string(info->name.domain), "kind", reports_kind_name(info->name.kind),
			"begin", time_of(info->head.begin), "end",
			time_of(info->name.day + DAY_SECONDS), "counted",
			sum_of(info->head.good, info->head.bad), "failures",
			(json_int_t)info->head.bad, "rows", (json_int_t)info->rows, "destinations",
			destinations_of(info->head.about), "last_sent", time_of(info->last_sent_s),
			"attempts", (json_int_t)info->head.attempts, "here", info->here));
}

int admin_report_list(
	struct admin *admin, const struct admin_call *call, json_t **ret_result, struct err *err)
{
	if (!admin->reports)
		return no_reports(err);
	json_t *rows = json_array();
	if (reports_fold(admin->reports, err) < 0 ||
		reports_list(admin->reports, add_info, rows, err) < 0) {
		json_decref(rows);
		return -1;
	}
	*ret_result = json_pack("{s:o}", "rows", rows);
	return 0;
}

static json_t *dmarc_row(const struct reports_row *row)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct filter_dmarc_row r;
	if (!reports_dmarc_read(row->key, &arena, &r))
		return NULL;
	return json_pack("{s:o, s:o, s:o, s:o}", "source", admin_string(r.source), "name",
		admin_string(r.header_from), "result",
		json_sprintf("spf %s, dkim %s, %s", r.spf_aligned ? "pass" : "fail",
			r.dkim_aligned ? "pass" : "fail",
			r.disposal == FILTER_DMARC_NONE ? "taken"
							: filter_dmarc_policy_name(r.disposal)),
		"counted", sum_of(row->good, row->bad));
}

static json_t *tls_row(const struct reports_row *row)
{
	struct reports_tls_key key;
	if (!reports_tls_read(row->key, &key))
		return NULL;
	if (!key.is_failure)
		return json_pack("{s:s, s:o, s:o, s:o}", "source",
			reports_tls_type_name(key.policy.type), "name", json_string(""), "result",
			json_sprintf("%llu passed, %llu failed", (unsigned long long)row->good,
				(unsigned long long)row->bad),
			"counted", sum_of(row->good, row->bad));
	return json_pack("{s:o, s:o, s:o, s:I}", "source", admin_string(key.failure.receiving_ip),
		"name", admin_string(key.failure.host), "result",
		json_sprintf("%s%s%.*s", reports_tls_result_name(key.failure.result),
			key.failure.reason.len > 0 ? ": " : "", SLICE_ARG(key.failure.reason)),
		"counted", (json_int_t)row->bad);
}

static void add_row(void *context, const struct reports_name *name, const struct reports_row *row)
{
	json_t *shown = name->kind == REPORTS_DMARC ? dmarc_row(row) : tls_row(row);
	if (!shown)
		return;
	(void)json_object_set_new(shown, "kind", json_string(reports_kind_name(name->kind)));
	(void)json_object_set_new(shown, "day", time_of(name->day));
	(void)json_array_append_new(context, shown);
}

int admin_report_show(
	struct admin *admin, const struct admin_call *call, json_t **ret_result, struct err *err)
{
	if (!admin->reports)
		return no_reports(err);
	json_t *rows = json_array();
	int r = reports_fold(admin->reports, err);
	if (r == 0)
		r = reports_show(admin->reports, admin_argument(call, 0), add_row, rows, err);
	if (r == 0 && json_array_size(rows) == 0)
		r = err_permanent(
			err, ERR_ABSENT, "nothing is gathered about %.100s", call->arguments[0]);
	if (r < 0) {
		json_decref(rows);
		return r;
	}
	*ret_result = json_pack("{s:o}", "rows", rows);
	return 0;
}

static void add_sent(void *context, const struct reports_sent_now *sent)
{
	json_t *result = sent->failure            ? admin_string(slice_str(sent->failure->text))
			 : sent->destinations > 0 ? json_string("on its way")
						  : json_string("nobody wants it");
	(void)json_array_append_new(context,
		json_pack("{s:o, s:s, s:s, s:o, s:I, s:I, s:b, s:o}", "domain",
			admin_string(sent->name.domain), "kind", reports_kind_name(sent->name.kind),
			"id", sent->id, "counted", sum_of(sent->good, sent->bad), "failures",
			(json_int_t)sent->bad, "destinations", (json_int_t)sent->destinations,
			"failed", sent->failure != NULL, "result", result));
}

int admin_report_send(
	struct admin *admin, const struct admin_call *call, json_t **ret_result, struct err *err)
{
	if (!admin->reports)
		return no_reports(err);
	json_t *rows = json_array();
	struct slice domain = admin_argument(call, 0);
	int r = reports_send(admin->reports, domain, add_sent, rows, err);
	if (r == 0 && domain.len > 0)
		r = err_permanent(err, ERR_ABSENT,
			"nothing is gathered about %.100s that this node sends",
			call->arguments[0]);
	if (r < 0) {
		json_decref(rows);
		return r;
	}
	*ret_result = json_pack("{s:o}", "rows", rows);
	return 0;
}
