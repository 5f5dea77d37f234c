/* Columns by name. NULL, and a column that is not there, are "not set". */
#include "directory/sql_row.h"

#include "directory/account.h"

enum { TARGETS_MAX = 2000 };

/* One of an answer. */
struct row {
	const PGresult *of;
	int at;
};

static bool column(const struct row *row, const char *name, struct slice *ret_value)
{
	int number = PQfnumber(row->of, name);
	if (number < 0 || PQgetisnull(row->of, row->at, number))
		return false;
	*ret_value = slice(PQgetvalue(row->of, row->at, number),
		(size_t)PQgetlength(row->of, row->at, number));
	return true;
}

static int bad(const char *name, struct err *err)
{
	return err_temporary(
		err, ERR_DAMAGED, "the database's row has a wrong value in column %s", name);
}

static int take_text(const struct row *row, const char *name, struct arena *arena,
	struct slice *ret_text, struct err *err)
{
	struct slice value = SLICE("");
	*ret_text = SLICE("");
	if (!column(row, name, &value))
		return 0;
	if (!directory_text_is_plain(value))
		return bad(name, err);
	*ret_text = arena_copy(arena, value);
	return 0;
}

static int take_number(
	const struct row *row, const char *name, uint64_t *ret_number, struct err *err)
{
	struct slice value;
	*ret_number = UINT64_MAX;
	if (!column(row, name, &value))
		return 0;
	return slice_to_u64(value, INT64_MAX, ret_number) ? 0 : bad(name, err);
}

bool directory_sql_bool(struct slice text, bool *ret_value)
{
	static const char *const yes[] = {"t", "true", "yes", "y", "on", "1"}, *const no[] = {"f",
										       "false",
										       "no", "n",
										       "off", "0"};
	for (size_t i = 0; i < ARRAY_LEN(yes); i++) {
		*ret_value = slice_eq_nocase(text, slice_str(yes[i]));
		if (*ret_value || slice_eq_nocase(text, slice_str(no[i])))
			return true;
	}
	return false;
}

static int take_bool(const struct row *row, const char *name, bool *ret_value, struct err *err)
{
	struct slice value;
	if (!column(row, name, &value))
		return 0;
	return directory_sql_bool(value, ret_value) ? 0 : bad(name, err);
}

/* Cuts the next of "a, b" or "{a,b}" off; empty at the end. */
static struct slice cut(struct slice *rest)
{
	struct slice one = SLICE("");
	while (rest->len > 0 && one.len == 0) {
		one = slice_trim(slice_cut(rest, ','));
		if (one.len > 1 && slice_starts(one, SLICE("\"")) && slice_ends(one, SLICE("\"")))
			one = slice_sub(one, 1, one.len - 2); /* as an array has it */
	}
	return one;
}

static struct slice without_braces(struct slice list)
{
	list = slice_trim(list);
	return slice_starts(list, SLICE("{")) && slice_ends(list, SLICE("}"))
		       ? slice_sub(list, 1, list.len - 2)
		       : list;
}

static int take_services(const struct row *row, unsigned *ret_services, struct err *err)
{
	struct slice rest, one;
	*ret_services = DIRECTORY_ALL_SERVICES;
	if (!column(row, "services", &rest))
		return 0;
	*ret_services = 0;
	rest = without_braces(rest);
	while ((one = cut(&rest)).len > 0) {
		unsigned service = slice_eq_nocase(one, SLICE("all")) ? DIRECTORY_ALL_SERVICES
								      : directory_service_of(one);
		if (service == 0 && !slice_eq_nocase(one, SLICE("none")))
			return bad("services", err);
		*ret_services |= service;
	}
	return 0;
}

static size_t take_list(struct slice list, struct arena *arena, struct slice **ret_items)
{
	size_t most = 1, count = 0;
	struct slice rest = without_braces(list), one;
	for (size_t i = 0; i < rest.len; i++)
		most += rest.ptr[i] == ',';
	*ret_items = ARENA_ARRAY(arena, struct slice, most);
	while ((one = cut(&rest)).len > 0)
		(*ret_items)[count++] = arena_copy(arena, one);
	return count;
}

static int take_lists(
	const struct row *row, struct arena *arena, struct directory_user *user, struct err *err)
{
	struct slice list, *items;
	bool keep_copy = true;
	if (column(row, "forward", &list)) {
		user->forward_count = take_list(list, arena, &items);
		user->forwards = items;
	}
	if (column(row, "groups", &list)) {
		user->group_count = take_list(list, arena, &items);
		user->groups = items;
	}
	if (take_bool(row, "keep_copy", &keep_copy, err) < 0)
		return -1;
	user->no_copy = !keep_copy && user->forward_count > 0;
	return 0;
}

/* His address is the row's, where it has one; his account comes from the column id, else from that.
 */
static int take_identity(const struct row *row, const struct directory_address *asked,
	struct arena *arena, struct directory_user *user, struct err *err)
{
	struct directory_address address = *asked;
	struct slice value;
	if (column(row, "address", &value) && !directory_address_parse(value, &address))
		return bad("address", err);
	user->name = arena_copy(arena, directory_address_slice(&address));
	user->domain = directory_domain_of(user->name);
	if (PQfnumber(row->of, "id") < 0)
		value = user->name;
	else if (!column(row, "id", &value) || value.len == 0)
		return bad("id", err);
	user->account = directory_account_of(value);
	return 0;
}

static int take_row(const struct row *row, const struct directory_address *asked,
	struct arena *arena, struct directory_sql_row *ret_row, struct err *err)
{
	struct directory_user *user = &ret_row->user;
	*ret_row = (struct directory_sql_row){0};
	if (take_identity(row, asked, arena, user, err) < 0 ||
		take_text(row, "full_name", arena, &user->full_name, err) < 0 ||
		take_text(row, "to_host", arena, &user->to_host, err) < 0 ||
		take_text(row, "password", arena, &ret_row->password, err) < 0 ||
		take_text(row, "scram", arena, &ret_row->scram, err) < 0 ||
		take_number(row, "quota_bytes", &user->quota_bytes, err) < 0 ||
		take_number(row, "quota_messages", &user->quota_messages, err) < 0 ||
		take_bool(row, "suspended", &user->suspended, err) < 0 ||
		take_services(row, &user->services, err) < 0 ||
		take_lists(row, arena, user, err) < 0)
		return -1;
	return 0;
}

int directory_sql_row_take(const PGresult *rows, const struct directory_address *asked,
	struct arena *arena, struct directory_sql_row *ret_row, struct err *err)
{
	const struct row row = {rows, 0};
	if (PQntuples(rows) == 0)
		return DIRECTORY_UNKNOWN;
	if (PQntuples(rows) > 1)
		return err_temporary(
			err, ERR_DAMAGED, "the database has %d rows for one user", PQntuples(rows));
	return take_row(&row, asked, arena, ret_row, err);
}

/* Users are told from each other by their addresses, so each row of a list has one. */
int directory_sql_row_take_at(const PGresult *rows, int at, struct arena *arena,
	struct directory_sql_row *ret_row, struct err *err)
{
	const struct row row = {rows, at};
	struct directory_address address;
	struct slice value;
	if (!column(&row, "address", &value) || !directory_address_parse(value, &address))
		return bad("address", err);
	return take_row(&row, &address, arena, ret_row, err);
}

int directory_sql_targets(const PGresult *rows, struct arena *arena, struct slice **ret_targets,
	size_t *ret_count, struct err *err)
{
	*ret_targets = ARENA_ARRAY(arena, struct slice, TARGETS_MAX);
	*ret_count = 0;
	if (PQnfields(rows) < 1)
		return err_temporary(err, ERR_DAMAGED, "alias_query gives no column");
	for (int row = 0; row < PQntuples(rows); row++) {
		struct slice *items,
			list = slice(PQgetvalue(rows, row, 0), (size_t)PQgetlength(rows, row, 0));
		size_t count = take_list(list, arena, &items);
		if (*ret_count + count > TARGETS_MAX)
			return err_temporary(err, ERR_LIMIT,
				"an alias in the database has more than %d targets", TARGETS_MAX);
		memcpy(*ret_targets + *ret_count, items, count * sizeof(*items));
		*ret_count += count;
	}
	return PQntuples(rows) > 0 ? 0 : DIRECTORY_UNKNOWN;
}
