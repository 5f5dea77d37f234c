#include "filter/test_dns.h"

#include "base/alloc.h"
#include "base/buf.h"

#include <arpa/inet.h>

enum { ROWS_MAX = 400, CNAMES_MAX = 8 };

struct test_dns {
	struct dns base;
	struct arena arena;
	struct row {
		const char *name, *value;
		enum dns_type type;
		bool broken;
	} rows[ROWS_MAX];
	size_t count;
	unsigned asked;
};

static struct slice without_dot(struct slice name)
{
	if (slice_ends(name, SLICE(".")))
		name.len--;
	return name;
}

static void add_name(struct buf *to, struct slice name)
{
	name = without_dot(name);
	while (name.len > 0) {
		struct slice label = slice_cut(&name, '.');
		buf_add_byte(to, (char)label.len);
		buf_add_slice(to, label);
	}
	buf_add_byte(to, '\0');
}

static void add_text(struct buf *to, struct slice text)
{
	do {
		struct slice one = slice_cut(&text, '|');
		do {
			struct slice piece = slice_sub(one, 0, 255);
			buf_add_byte(to, (char)piece.len);
			buf_add_slice(to, piece);
			one = slice_from(one, piece.len);
		} while (one.len > 0);
	} while (text.len > 0);
}

static struct slice rdata(struct arena *arena, enum dns_type type, const char *value)
{
	AUTO(buf_free) struct buf to = BUF(65535);
	unsigned char address[16];
	switch ((int)type) {
	case DNS_A:
	case DNS_AAAA:
		if (inet_pton(type == DNS_A ? AF_INET : AF_INET6, value, address) == 1)
			buf_add(&to, address, type == DNS_A ? 4 : 16);
		break;
	case DNS_MX:
		buf_add(&to, "\0\12", 2);
		add_name(&to, slice_str(value));
		break;
	case DNS_TXT:
		add_text(&to, slice_str(value));
		break;
	default:
		add_name(&to, slice_str(value));
		break;
	}
	return arena_copy(arena, buf_slice(&to));
}

static const char *cname_of(const struct test_dns *t, struct slice name)
{
	for (size_t i = 0; i < t->count; i++)
		if (t->rows[i].type == DNS_CNAME &&
			slice_eq_nocase(slice_str(t->rows[i].name), name))
			return t->rows[i].value;
	return NULL;
}

static int lookup(struct dns *dns, struct slice name, enum dns_type type, struct arena *arena,
	struct dns_answer *ret_answer, struct err *err)
{
	struct test_dns *t = CONTAINER_OF(dns, struct test_dns, base);
	bool exists = false;
	t->asked++;
	name = without_dot(name);
	for (int i = 0; cname_of(t, name); i++) {
		if (i == CNAMES_MAX)
			return err_temporary(err, ERR_UNAVAILABLE, "a loop of CNAMEs");
		name = without_dot(slice_str(cname_of(t, name)));
	}
	ret_answer->records = ARENA_ARRAY(arena, struct slice, ROWS_MAX);
	for (size_t i = 0; i < t->count; i++) {
		const struct row *row = &t->rows[i];
		if (!slice_eq_nocase(slice_str(row->name), name))
			continue;
		exists = true;
		if (row->broken && (row->type == 0 || row->type == type))
			return err_temporary(err, ERR_UNAVAILABLE, "no answer in time");
		if (row->type == type && row->value)
			ret_answer->records[ret_answer->count++] = rdata(arena, type, row->value);
	}
	ret_answer->name = name;
	return ret_answer->count ? 0 : exists ? DNS_NO_DATA : DNS_NO_NAME;
}

static const struct dns_driver driver = {.lookup = lookup};

struct test_dns *test_dns_new(void)
{
	struct test_dns *t = ALLOC(struct test_dns);
	t->base.driver = &driver;
	return t;
}

struct dns *test_dns_of(struct test_dns *t)
{
	return &t->base;
}

static void add(struct test_dns *t, const struct row *row)
{
	if (t->count == ROWS_MAX)
		abort();
	t->rows[t->count] = *row;
	t->rows[t->count++].name = arena_copy(&t->arena, slice_str(row->name)).ptr;
}

void test_dns_add(struct test_dns *t, const char *name, enum dns_type type, const char *value)
{
	add(t, &(struct row){.name = name,
		       .type = type,
		       .value = value ? arena_copy(&t->arena, slice_str(value)).ptr : NULL});
}

void test_dns_break(struct test_dns *t, const char *name, enum dns_type type)
{
	add(t, &(struct row){.name = name, .type = type, .broken = true});
}

unsigned test_dns_asked(const struct test_dns *t)
{
	return t->asked;
}

void test_dns_free(struct test_dns *t)
{
	arena_free(&t->arena);
	free(t);
}
