/* Recipients are told apart by place, and each gets the result that is his. */
#include "smtp/split.h"

#include "base/test.h"

enum { RECIPIENTS_MAX = 6, PLACES = 3, ROUNDS = 20000 };

static const char *const PLACE[PLACES] = {"", "s1.test", "s2.test:24,s3.test"};

struct fixture {
	struct smtp_transaction t;
	struct smtp_recipient recipients[RECIPIENTS_MAX], *list[RECIPIENTS_MAX];
	struct smtp_destination items[RECIPIENTS_MAX][PLACES * 2];
	struct smtp_destinations destinations[RECIPIENTS_MAX];
};

static struct smtp_destinations of(const struct smtp_recipient *r)
{
	return *(const struct smtp_destinations *)r->backend;
}

static void add(
	struct fixture *f, const char *address, const struct smtp_destination *items, size_t count)
{
	size_t i = f->t.count++;
	f->recipients[i] = (struct smtp_recipient){.backend = &f->destinations[i], .result = -7};
	assert_true(envelope_parse_address(slice_str(address), &f->recipients[i].envelope.path));
	memcpy(f->items[i], items, count * sizeof(*items));
	f->destinations[i] = (struct smtp_destinations){f->items[i], count};
	f->list[i] = &f->recipients[i];
	f->t.recipients = f->list;
}

#define TO(place, address) (&(struct smtp_destination){SLICE(place), SLICE(address)}), (size_t)1

static void each_place_gets_those_who_live_there(void **state)
{
	static struct fixture f;
	struct smtp_split split;
	f.t.message = SLICE("hello");
	add(&f, "ann@x.test", TO("", ""));
	add(&f, "ben@x.test", TO("s1.test", ""));
	add(&f, "Cyd+y@x.test", TO("", ""));
	f.recipients[1].envelope.orcpt = SLICE("rfc822;ben@x.test");
	f.recipients[1].envelope.notify = ENVELOPE_NOTIFY_SUCCESS;
	smtp_split_begin(&split, &f.t, of);
	assert_int_equal(split.count, 2);
	assert_slice(split.parts[0].place, "");
	assert_int_equal(split.parts[0].t->count, 2);
	assert_slice(split.parts[0].t->recipients[1]->envelope.path.address, "Cyd+y@x.test");
	assert_slice(split.parts[0].t->message, "hello");
	const struct envelope_recipient *ben = &split.parts[1].t->recipients[0]->envelope;
	assert_slice(split.parts[1].place, "s1.test");
	assert_slice(ben->orcpt, "rfc822;ben@x.test");
	assert_int_equal(ben->notify, ENVELOPE_NOTIFY_SUCCESS);
	split.parts[0].t->recipients[1]->result =
		err_permanent(&split.parts[0].t->recipients[1]->err, ERR_OTHER, "Cyd's is full");
	smtp_split_end(&split);
	assert_int_equal(f.recipients[0].result, 0);
	assert_int_equal(f.recipients[1].result, 0);
	assert_true(f.recipients[2].result < 0);
	assert_string_equal(f.recipients[2].err.text, "Cyd's is full");
}

static void an_alias_is_named_by_who_is_behind_it_and_nobody_twice(void **state)
{
	static struct fixture f;
	struct smtp_split split;
	const struct smtp_destination team[] = {{SLICE("s1.test"), SLICE("ann+x@x.test")},
		{SLICE(""), SLICE("ben@x.test")}, {SLICE("s1.test"), SLICE("cyd@x.test")}};
	add(&f, "team+x@x.test", team, 3);
	add(&f, "Cyd@x.test", TO("s1.test", ""));
	add(&f, "ben@x.test", TO("s1.test", "")); /* another one of that name */
	f.recipients[0].envelope.notify = ENVELOPE_NOTIFY_NEVER;
	f.recipients[0].envelope.orcpt = SLICE("rfc822;team");
	f.recipients[1].envelope.notify = ENVELOPE_NOTIFY_SUCCESS;
	smtp_split_begin(&split, &f.t, of);
	assert_int_equal(split.count, 2);
	const struct smtp_transaction *s1 = split.parts[0].t;
	assert_int_equal(s1->count, 3);
	assert_slice(s1->recipients[0]->envelope.path.address, "ann+x@x.test");
	assert_slice(s1->recipients[0]->envelope.path.domain, "x.test");
	assert_slice(s1->recipients[0]->envelope.orcpt, "rfc822;team");
	assert_slice(s1->recipients[1]->envelope.path.address, "cyd@x.test");
	assert_int_equal(s1->recipients[1]->envelope.notify, ENVELOPE_NOTIFY_SUCCESS);
	assert_slice(s1->recipients[2]->envelope.path.address, "ben@x.test");
	s1->recipients[1]->result = err_temporary(&s1->recipients[1]->err, ERR_OTHER, "busy");
	s1->recipients[1]->doubt = SMTP_DOUBT_KNOWN;
	smtp_split_end(&split);
	assert_string_equal(f.recipients[0].err.text, "busy");
	assert_string_equal(f.recipients[1].err.text, "busy");
	assert_int_equal(f.recipients[1].doubt, SMTP_DOUBT_KNOWN);
	assert_int_equal(f.recipients[2].result, 0);
}

/* A destination's fate is said by its address: fine, for good, for now. */
static unsigned fate_of(struct slice place, struct slice address)
{
	unsigned sum = 17;
	for (size_t i = 0; i < place.len; i++)
		sum = sum * 31 + (unsigned char)place.ptr[i];
	for (size_t i = 0; i < address.len; i++)
		sum = sum * 31 + (unsigned char)address.ptr[i];
	return sum % 3;
}

static void say(struct smtp_split *split)
{
	for (size_t p = 0; p < split->count; p++)
		for (size_t i = 0; i < split->parts[p].t->count; i++) {
			struct smtp_recipient *r = split->parts[p].t->recipients[i];
			unsigned fate = fate_of(split->parts[p].place, r->envelope.path.address);
			assert_int_equal(r->result, 0);
			r->result = fate ? -1 : 0;
			r->err.class = fate == 1 ? ERR_PERMANENT : ERR_TEMPORARY;
		}
}

static void check(const struct fixture *f)
{
	for (size_t i = 0; i < f->t.count; i++) {
		const struct smtp_recipient *r = &f->recipients[i];
		unsigned worst = 0;
		for (size_t k = 0; k < f->destinations[i].count; k++) {
			const struct smtp_destination *d = &f->destinations[i].items[k];
			unsigned fate = fate_of(
				d->place, d->address.len ? d->address : r->envelope.path.address);
			worst = MAX(worst, fate);
		}
		assert_int_equal(r->result<0, worst> 0);
		if (worst > 0)
			assert_int_equal(r->err.class, worst == 1 ? ERR_PERMANENT : ERR_TEMPORARY);
	}
}

/* In every combination: what a place said of an address is what all hear who were named by it. */
static void results_land_where_they_belong(void **state)
{
	static const char *const ADDRESSES[] = {
		"a@x.test", "b@x.test", "c@x.test", "d@x.test", "e@x.test", "f@x.test"};
	unsigned seed = 1, kinds[3] = {0};
	for (int round = 0; round < ROUNDS; round++) {
		struct fixture f = {.t.session = "s"};
		struct smtp_split split;
		size_t count = 1 + (size_t)rand_r(&seed) % RECIPIENTS_MAX, named = 0;
		for (size_t i = 0; i < count; i++) {
			struct smtp_destination items[PLACES];
			size_t n = 1 + (size_t)rand_r(&seed) % PLACES;
			for (size_t k = 0; k < n; k++)
				items[k] = (struct smtp_destination){
					slice_str(PLACE[rand_r(&seed) % PLACES]),
					n == 1 ? SLICE("")
					       : slice_str(ADDRESSES[rand_r(&seed) % 6])};
			add(&f, ADDRESSES[rand_r(&seed) % 6], items, n);
		}
		smtp_split_begin(&split, &f.t, of);
		assert_true(split.count <= PLACES);
		for (size_t p = 0; p < split.count; p++)
			named += split.parts[p].t->count;
		assert_true(named <= split.link_count);
		say(&split);
		smtp_split_end(&split);
		check(&f);
		for (size_t i = 0; i < count; i++)
			kinds[f.recipients[i].result == 0                    ? 0
				: f.recipients[i].err.class == ERR_PERMANENT ? 1
									     : 2]++;
	}
	assert_true(kinds[0] > ROUNDS / 10 && kinds[1] > ROUNDS / 10 && kinds[2] > ROUNDS / 10);
}

static void what_is_plain(void **state)
{
	const struct smtp_destination one = {SLICE("s1.test"), SLICE("")},
				      other = {SLICE("s1.test"), SLICE("a@x.test")};
	assert_true(
		smtp_destinations_is_plain(&(struct smtp_destinations){&one, 1}, SLICE("s1.test")));
	assert_false(smtp_destinations_is_plain(&(struct smtp_destinations){&one, 1}, SLICE("")));
	assert_false(smtp_destinations_is_plain(
		&(struct smtp_destinations){&other, 1}, SLICE("s1.test")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_place_gets_those_who_live_there),
		cmocka_unit_test(an_alias_is_named_by_who_is_behind_it_and_nobody_twice),
		cmocka_unit_test(results_land_where_they_belong),
		cmocka_unit_test(what_is_plain),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
