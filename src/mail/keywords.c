/* Keyword sets: sorted without case, each name once. */
#include "mail/keywords_internal.h"

#include "base/alloc.h"

int mail_keyword_cmp(struct slice a, struct slice b)
{
	size_t len = MIN(a.len, b.len);
	for (size_t i = 0; i < len; i++) {
		unsigned char x = (unsigned char)slice_lower(a.ptr[i]),
			      y = (unsigned char)slice_lower(b.ptr[i]);
		if (x != y)
			return x < y ? -1 : 1;
	}
	return a.len < b.len ? -1 : a.len > b.len;
}

/* atom of RFC 9051 section 9. */
static bool is_atom(struct slice name)
{
	for (size_t i = 0; i < name.len; i++) {
		unsigned char c = (unsigned char)name.ptr[i];
		if (c <= ' ' || c >= 0x7f || strchr("(){%*\"\\]", c))
			return false;
	}
	return name.len > 0;
}

/* By name, then as they were written, so that the first of equals stays. */
static int compare_places(const void *a, const void *b)
{
	const struct slice *x = *(const struct slice *const *)a;
	const struct slice *y = *(const struct slice *const *)b;
	int order = mail_keyword_cmp(*x, *y);
	return order ? order : x < y ? -1 : x > y;
}

int mail_keywords_make(const struct slice *names, size_t count, struct arena *arena,
	struct mail_keywords *ret_keywords, struct err *err)
{
	*ret_keywords = (struct mail_keywords){0};
	if (count == 0)
		return 0;
	for (size_t i = 0; i < count; i++) {
		if (names[i].len > MAIL_KEYWORD_LEN_MAX)
			return err_permanent(err, ERR_LIMIT, "keyword is longer than %d bytes",
				MAIL_KEYWORD_LEN_MAX);
		if (!is_atom(names[i]))
			return err_permanent(err, ERR_BAD_INPUT, "keyword is no atom");
	}
	const struct slice **places = ARENA_ARRAY(arena, const struct slice *, count);
	for (size_t i = 0; i < count; i++)
		places[i] = &names[i];
	qsort(places, count, sizeof(*places), compare_places);
	size_t kept = 0;
	for (size_t i = 0; i < count; i++)
		if (kept == 0 || mail_keyword_cmp(*places[kept - 1], *places[i]) != 0)
			places[kept++] = places[i];
	if (kept > MAIL_KEYWORDS_MAX)
		return err_permanent(err, ERR_LIMIT, "more than %d keywords", MAIL_KEYWORDS_MAX);
	struct slice *copies = ARENA_ARRAY(arena, struct slice, kept);
	for (size_t i = 0; i < kept; i++)
		copies[i] = arena_copy(arena, *places[i]);
	*ret_keywords = (struct mail_keywords){.count = (uint32_t)kept, .names = copies};
	return 0;
}

bool mail_keywords_has(const struct mail_keywords *keywords, struct slice name)
{
	uint32_t low = 0, high = keywords->count;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		int order = mail_keyword_cmp(keywords->names[middle], name);
		if (order == 0)
			return true;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return false;
}

bool mail_keywords_equal(const struct mail_keywords *a, const struct mail_keywords *b)
{
	if (a->count != b->count)
		return false;
	for (uint32_t i = 0; i < a->count; i++)
		if (mail_keyword_cmp(a->names[i], b->names[i]) != 0)
			return false;
	return true;
}

uint32_t mail_keywords_join(
	const struct mail_keywords *a, const struct mail_keywords *b, struct slice *ret_names)
{
	uint32_t i = 0, j = 0, count = 0;
	while (i < a->count || j < b->count) {
		int order = i == a->count   ? 1
			    : j == b->count ? -1
					    : mail_keyword_cmp(a->names[i], b->names[j]);
		ret_names[count++] = order <= 0 ? a->names[i] : b->names[j];
		i += order <= 0;
		j += order >= 0;
	}
	return count;
}

uint32_t mail_keywords_without(
	const struct mail_keywords *a, const struct mail_keywords *b, struct slice *ret_names)
{
	uint32_t count = 0;
	for (uint32_t i = 0; i < a->count; i++)
		if (!mail_keywords_has(b, a->names[i]))
			ret_names[count++] = a->names[i];
	return count;
}

/* The block begins with the array. */
struct mail_keywords mail_keywords_copy(const struct mail_keywords *keywords)
{
	size_t bytes = 0;
	for (uint32_t i = 0; i < keywords->count; i++)
		bytes += keywords->names[i].len;
	struct slice *names = alloc(sizeof(*names) * keywords->count + bytes);
	char *at = (char *)(names + keywords->count);
	for (uint32_t i = 0; i < keywords->count; i++) {
		memcpy(at, keywords->names[i].ptr, keywords->names[i].len);
		names[i] = slice(at, keywords->names[i].len);
		at += keywords->names[i].len;
	}
	return (struct mail_keywords){.count = keywords->count, .names = names};
}
