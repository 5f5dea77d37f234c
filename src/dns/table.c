/* A list that is searched from its beginning: tests have few records. */
#include "dns/table.h"

#include "base/alloc.h"
#include "base/must.h"
#include "dns/records.h"
#include "dns/text.h"

#include <stdatomic.h>

enum { TTL = 300, CHAIN_MAX = 8 };

enum row_kind { ROW_RECORD, ROW_UNKNOWN, ROW_ALL_UNKNOWN, ROW_SIGNED, ROW_UNSIGNED };

struct row {
	enum row_kind kind;
	struct slice name;
	enum dns_type type;
	struct slice rdata;
};

struct table {
	struct dns dns;
	struct arena arena; /* of what the rows point at */
	struct row *rows;
	size_t count;
	atomic_uint questions;
};

static const struct table *table_of(const struct dns *dns)
{
	return (const struct table *)dns;
}

void dns_table_add(struct dns *dns, const char *line)
{
	struct table *t = (struct table *)dns;
	struct slice rest = arena_copy(&t->arena, slice_str(line));
	struct slice first = slice_cut(&rest, ' ');
	struct row row = {.name = first};
	if (slice_eq(first, SLICE("signed")) || slice_eq(first, SLICE("unsigned"))) {
		row.kind = first.ptr[0] == 's' ? ROW_SIGNED : ROW_UNSIGNED;
		row.name = rest;
	} else if (slice_eq(rest, SLICE("?"))) {
		row.kind = ROW_ALL_UNKNOWN;
	} else {
		must(dns_type_find(slice_cut(&rest, ' '), &row.type));
		if (slice_eq(rest, SLICE("?")))
			row.kind = ROW_UNKNOWN;
		else
			must(dns_text_read(row.type, rest, &t->arena, &row.rdata));
	}
	must(dns_name_is_good(row.name));
	t->rows = alloc_resize(t->rows, t->count + 1, sizeof(*t->rows));
	t->rows[t->count++] = row;
}

/* Is `name` below `parent`, or the same? */
static bool is_under(struct slice name, struct slice parent)
{
	name = dns_name_trim(name);
	parent = dns_name_trim(parent);
	if (parent.len == 0 || dns_name_eq(name, parent))
		return true;
	return name.len > parent.len && name.ptr[name.len - parent.len - 1] == '.' &&
	       dns_name_eq(slice_from(name, name.len - parent.len), parent);
}

/* The nearest line above decides. */
static bool is_signed(const struct table *t, struct slice name)
{
	const struct row *best = NULL;
	for (size_t i = 0; i < t->count; i++) {
		const struct row *row = &t->rows[i];
		if ((row->kind == ROW_SIGNED || row->kind == ROW_UNSIGNED) &&
			is_under(name, row->name) && (!best || row->name.len >= best->name.len))
			best = row;
	}
	return best && best->kind == ROW_SIGNED;
}

static bool exists(const struct table *t, struct slice name)
{
	for (size_t i = 0; i < t->count; i++)
		if (t->rows[i].kind == ROW_RECORD && is_under(t->rows[i].name, name))
			return true;
	return false;
}

static bool is_unknown(const struct table *t, struct slice name, enum dns_type type)
{
	for (size_t i = 0; i < t->count; i++) {
		const struct row *row = &t->rows[i];
		bool all = row->kind == ROW_ALL_UNKNOWN;
		if ((all || (row->kind == ROW_UNKNOWN && row->type == type)) &&
			dns_name_eq(row->name, name))
			return true;
	}
	return false;
}

static void collect(const struct table *t, struct slice name, enum dns_type type,
	struct arena *arena, struct dns_answer *answer)
{
	answer->records = ARENA_ARRAY(arena, struct slice, t->count);
	answer->count = 0;
	for (size_t i = 0; i < t->count; i++) {
		const struct row *row = &t->rows[i];
		if (row->kind == ROW_RECORD && row->type == type && dns_name_eq(row->name, name))
			answer->records[answer->count++] = arena_copy(arena, row->rdata);
	}
}

static int lookup(struct dns *dns, struct slice name, enum dns_type type, struct arena *arena,
	struct dns_answer *ret_answer, struct err *err)
{
	struct table *t = (struct table *)dns;
	(void)atomic_fetch_add(&t->questions, 1);
	if (!dns_name_is_good(name))
		return err_permanent(
			err, ERR_BAD_INPUT, "no domain name can be \"%.*s\"", SLICE_ARG(name));
	*ret_answer = (struct dns_answer){
		.secure = true, .ttl = TTL, .name = arena_copy(arena, dns_name_trim(name))};
	for (int step = 0; step < CHAIN_MAX; step++) {
		if (is_unknown(t, ret_answer->name, type))
			break;
		ret_answer->secure = ret_answer->secure && is_signed(t, ret_answer->name);
		collect(t, ret_answer->name, type, arena, ret_answer);
		if (ret_answer->count > 0)
			return 0;
		struct dns_answer alias;
		collect(t, ret_answer->name, DNS_CNAME, arena, &alias);
		if (alias.count == 0)
			return exists(t, ret_answer->name) ? DNS_NO_DATA : DNS_NO_NAME;
		must(dns_read_name(alias.records[0], arena, &ret_answer->name));
	}
	*ret_answer = (struct dns_answer){0};
	return err_temporary(err, ERR_UNAVAILABLE, "%.*s %s can't be told now", SLICE_ARG(name),
		dns_type_name(type));
}

static void table_free(struct dns *dns)
{
	struct table *t = (struct table *)dns;
	arena_free(&t->arena);
	free(t->rows);
	free(t);
}

unsigned dns_table_questions(const struct dns *dns)
{
	return atomic_load(&table_of(dns)->questions);
}

static const struct dns_driver DRIVER = {.lookup = lookup, .free = table_free};

struct dns *dns_table_new(const char *const *lines, size_t count)
{
	struct table *t = ALLOC(struct table);
	t->dns.driver = &DRIVER;
	for (size_t i = 0; i < count; i++)
		dns_table_add(&t->dns, lines[i]);
	return &t->dns;
}
