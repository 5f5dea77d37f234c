/* Sorted ranges that do not touch. Parsing collects ranges as they are written, then sorts and
 * joins them once, so that a set of any order costs n log n. */
#include "mail/set.h"

#include "base/alloc.h"

static void append(struct mail_set *set, struct mail_range range)
{
	if (set->count == set->room) {
		set->room = set->room ? set->room * 2 : 4;
		set->ranges = alloc_resize(set->ranges, set->room, sizeof(*set->ranges));
	}
	set->ranges[set->count++] = range;
}

/* Whether `next` (which does not start before `range`) is in it or directly behind it. */
static bool touches(const struct mail_range *range, const struct mail_range *next)
{
	return next->first <= range->last || next->first - range->last == 1;
}

static int compare_ranges(const void *a, const void *b)
{
	const struct mail_range *x = a, *y = b;
	return x->first < y->first ? -1 : x->first > y->first;
}

static void sort_and_join(struct mail_set *set)
{
	if (set->count < 2)
		return;
	qsort(set->ranges, set->count, sizeof(*set->ranges), compare_ranges);
	uint32_t kept = 0;
	for (uint32_t i = 1; i < set->count; i++) {
		struct mail_range *last = &set->ranges[kept];
		if (touches(last, &set->ranges[i]))
			last->last = MAX(last->last, set->ranges[i].last);
		else
			set->ranges[++kept] = set->ranges[i];
	}
	set->count = kept + 1;
}

static bool parse_number(struct slice text, uint32_t largest, bool *ret_star, uint32_t *ret_number)
{
	uint64_t value;
	*ret_star = slice_eq(text, SLICE("*"));
	if (*ret_star) {
		*ret_number = largest;
		return true;
	}
	if (!slice_to_u64(text, UINT32_MAX, &value) || value == 0)
		return false;
	*ret_number = (uint32_t)value;
	return true;
}

bool mail_set_parse(struct mail_set *set, struct slice text, uint32_t largest)
{
	do {
		bool more = slice_find(text, ',') >= 0;
		struct slice item = slice_cut(&text, ',');
		bool is_range = slice_find(item, ':') >= 0;
		struct slice from = slice_cut(&item, ':');
		uint32_t first, last;
		bool first_star, last_star = false;
		if (!parse_number(from, largest, &first_star, &first))
			return false;
		last = first;
		if (is_range && !parse_number(item, largest, &last_star, &last))
			return false;
		if (set->count >= MAIL_SET_RANGES_MAX)
			return false;
		if (largest > 0 || (!first_star && !last_star))
			append(set, (struct mail_range){MIN(first, last), MAX(first, last)});
		if (more && text.len == 0)
			return false;
	} while (text.len > 0);
	sort_and_join(set);
	return true;
}

/* Index of the first range whose last >= number. */
static uint32_t range_from(const struct mail_set *set, uint32_t number)
{
	uint32_t low = 0, high = set->count;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (set->ranges[middle].last < number)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

void mail_set_add(struct mail_set *set, uint32_t first, uint32_t last)
{
	struct mail_range range = {first, last};
	struct mail_range *end = set->count ? &set->ranges[set->count - 1] : NULL;
	if (!end || (first > end->last && first - end->last > 1)) {
		append(set, range);
		return;
	}
	if (first >= end->first) {
		end->last = MAX(end->last, last);
		return;
	}
	/* Not in order: join with every range that it touches. */
	uint32_t at = range_from(set, first > 1 ? first - 1 : first), end_at = at;
	while (end_at < set->count &&
		(set->ranges[end_at].first <= last || set->ranges[end_at].first - last == 1)) {
		range.first = MIN(range.first, set->ranges[end_at].first);
		range.last = MAX(range.last, set->ranges[end_at].last);
		end_at++;
	}
	if (end_at == at) {
		append(set, range);
		memmove(&set->ranges[at + 1], &set->ranges[at],
			sizeof(range) * (set->count - 1 - at));
	} else {
		memmove(&set->ranges[at + 1], &set->ranges[end_at],
			sizeof(range) * (set->count - end_at));
		set->count -= end_at - at - 1;
	}
	set->ranges[at] = range;
}

bool mail_set_has(const struct mail_set *set, uint32_t number)
{
	uint32_t at = range_from(set, number);
	return at < set->count && set->ranges[at].first <= number;
}

uint64_t mail_set_size(const struct mail_set *set)
{
	uint64_t size = 0;
	for (uint32_t i = 0; i < set->count; i++)
		size += (uint64_t)set->ranges[i].last - set->ranges[i].first + 1;
	return size;
}

void mail_set_write(const struct mail_set *set, struct buf *to)
{
	for (uint32_t i = 0; i < set->count; i++) {
		if (i > 0)
			buf_add_byte(to, ',');
		buf_add_u64(to, set->ranges[i].first);
		if (set->ranges[i].last != set->ranges[i].first) {
			buf_add_byte(to, ':');
			buf_add_u64(to, set->ranges[i].last);
		}
	}
}

void mail_set_free(struct mail_set *set)
{
	free(set->ranges);
	*set = (struct mail_set){0};
}
