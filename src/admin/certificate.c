/* rookery certificate …: what an authority gives (tls.acme). */
#include "admin/commands.h"

#include "admin/values.h"
#include "base/clock.h"

static int no_acme(struct err *err)
{
	return err_permanent(err, ERR_UNAVAILABLE,
		"no certificates are had here: the config has no block tls.acme");
}

static int load(struct admin *admin, const struct acme_plan *plan, struct arena *arena,
	struct acme_row *ret_row, struct err *err)
{
	struct slice data;
	int r = acme_find(
		admin->acme->store, ACME_CERTIFICATE, slice_str(plan->name), arena, &data, err);
	if (r != 0 || !acme_row_read(data, ret_row))
		*ret_row = (struct acme_row){0};
	return r < 0 ? r : 0;
}

/* null for never */
static json_t *time_of(int64_t seconds)
{
	return seconds > 0 ? admin_time(seconds) : json_null();
}

/* When it is tried next: null for now. */
static json_t *next_of(const struct acme_row *row, const struct acme_leaf *leaf)
{
	int64_t due = row->chain.len > 0 && row->order_key.len == 0 ? acme_leaf_due(leaf) : 0;
	if (row->failures > 0)
		due = MAX(due, row->next_ms / 1000);
	return due > clock_wall() ? admin_time(due) : json_null();
}

static json_t *row_of(const struct acme_plan *plan, const struct acme_row *row)
{
	struct acme_leaf leaf = {0};
	struct err ignored;
	if (row->chain.len > 0 && acme_leaf_read(row->chain, &leaf, &ignored) < 0)
		leaf = (struct acme_leaf){0};
	return json_pack("{s:s, s:o, s:o, s:o, s:I, s:o}", "name", plan->name, "issuer",
		leaf.issuer[0] ? json_string(leaf.issuer) : json_null(), "not_after",
		time_of(leaf.not_after), "next", next_of(row, &leaf), "failures",
		(json_int_t)row->failures, "error",
		row->error.len > 0 ? admin_string(row->error) : json_null());
}

int admin_certificate_list(
	struct admin *admin, const struct admin_call *call, json_t **ret_result, struct err *err)
{
	if (!admin->acme)
		return no_acme(err);
	json_t *rows = json_array();
	for (size_t i = 0; i < admin->acme->count; i++) {
		AUTO(arena_free) struct arena arena = ARENA_EMPTY;
		struct acme_row row;
		if (load(admin, &admin->acme->list[i], &arena, &row, err) < 0) {
			json_decref(rows);
			return -1;
		}
		(void)json_array_append_new(rows, row_of(&admin->acme->list[i], &row));
	}
	*ret_result = json_pack("{s:o}", "rows", rows);
	return 0;
}

/* Any of its names will do. */
static const struct acme_plan *find_plan(
	const struct admin *admin, struct slice name, struct err *err)
{
	for (size_t i = 0; i < admin->acme->count; i++)
		for (size_t n = 0; n < admin->acme->list[i].count; n++)
			if (slice_eq_nocase(name, slice_str(admin->acme->list[i].names[n])))
				return &admin->acme->list[i];
	(void)err_permanent(err, ERR_ABSENT, "tls.acme has no name %.*s",
		(int)MIN(name.len, (size_t)100), name.ptr);
	return NULL;
}

static json_t *tlsa_of(const struct acme_leaf *leaf)
{
	char text[16 + 2 * ACME_DIGEST_LEN] = "3 1 1 ";
	for (size_t i = 0; i < ACME_DIGEST_LEN; i++)
		(void)snprintf(text + 6 + 2 * i, 3, "%02x", leaf->key_digest[i]);
	return json_string(text);
}

int admin_certificate_show(
	struct admin *admin, const struct admin_call *call, json_t **ret_result, struct err *err)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct acme_leaf leaf = {0};
	struct acme_row row;
	struct err ignored;
	if (!admin->acme)
		return no_acme(err);
	const struct acme_plan *plan = find_plan(admin, admin_argument(call, 0), err);
	if (!plan || load(admin, plan, &arena, &row, err) < 0)
		return -1;
	json_t *result = row_of(plan, &row), *names = json_array();
	for (size_t i = 0; i < plan->count; i++)
		(void)json_array_append_new(names, json_string(plan->names[i]));
	if (row.chain.len > 0 && acme_leaf_read(row.chain, &leaf, &ignored) == 0) {
		(void)json_object_set_new(result, "not_before", time_of(leaf.not_before));
		(void)json_object_set_new(result, "serial", json_string(leaf.serial));
		(void)json_object_set_new(result, "tlsa", tlsa_of(&leaf));
	}
	(void)json_object_set_new(result, "names", names);
	(void)json_object_set_new(result, "authority", admin_string(row.directory));
	(void)json_object_set_new(result, "had", time_of(row.had_ms / 1000));
	(void)json_object_set_new(result, "tried", time_of(row.tried_ms / 1000));
	(void)json_object_set_new(
		result, "order", row.order_url.len > 0 ? admin_string(row.order_url) : json_null());
	*ret_result = result;
	return 0;
}

int admin_certificate_renew(
	struct admin *admin, const struct admin_call *call, json_t **ret_result, struct err *err)
{
	const struct acme_plan *only = NULL;
	if (!admin->acme)
		return no_acme(err);
	if (call->argument_count > 0 && !(only = find_plan(admin, admin_argument(call, 0), err)))
		return -1;
	for (size_t i = 0; i < admin->acme->count; i++) {
		const struct acme_plan *plan = &admin->acme->list[i];
		if (only && only != plan)
			continue;
		if (acme_put(admin->acme->store, ACME_RENEW, slice_str(plan->name), SLICE(""),
			    err) < 0)
			return -1;
	}
	*ret_result = admin_message(
		"It is asked for now. `rookery certificate list` shows what comes of it.");
	return 0;
}
