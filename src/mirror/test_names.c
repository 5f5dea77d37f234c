/* Objects with names that both nodes changed while they were apart, and names that follow those of
 * collections. */
#include "mirror/test_apart.h"
#include "mirror/test_box.h"

#include "base/clock.h"

enum { NODES = PAIR_NODES };

static const char CARDS[] = "cards";

/* A write a second after the one before, in the account's collection of that kind. */
static struct store_collection *begin(
	struct apart *s, size_t node, enum store_kind kind, struct store_write **ret_write)
{
	struct store_collection *c;
	clock_fake(-1, clock_wall_ms() + 1000);
	done(store_write_begin(apart_store(s, node), &s->account, 1, ret_write, &s->err));
	int r = store_write_find_collection(
		*ret_write, s->account, kind, slice_str(CARDS), &c, &s->err);
	if (r == STORE_ABSENT)
		r = store_write_collection_new(
			*ret_write, s->account, kind, slice_str(CARDS), SLICE_NONE, &c, &s->err);
	assert_int_equal(r, 0);
	return c;
}

static void end(struct apart *s, struct store_write *w)
{
	done(store_write_commit(w, &s->err));
}

static void add(
	struct apart *s, size_t node, enum store_kind kind, const char *name, const char *data)
{
	struct store_write *w;
	struct store_collection *c = begin(s, node, kind, &w);
	struct store_object o = {.name = slice_str(name), .data = slice_str(data)};
	done(store_write_object_new(w, c, &o, SLICE_NONE, &s->err));
	end(s, w);
}

/* The object of that number. */
static void change(struct apart *s, size_t node, enum store_kind kind, uint32_t number,
	const char *name, const char *data)
{
	struct store_write *w;
	struct store_object o;
	struct store_collection *c = begin(s, node, kind, &w);
	done(store_write_get_object(w, c, number, &o, &s->err));
	o.name = slice_str(name);
	o.data = slice_str(data);
	done(store_write_object(w, c, &o, SLICE_NONE, &s->err));
	end(s, w);
}

static void take_away(struct apart *s, size_t node, enum store_kind kind, const char *name)
{
	struct store_write *w;
	struct store_object o;
	struct store_collection *c = begin(s, node, kind, &w);
	done(store_write_find_object(w, c, slice_str(name), &o, &s->err));
	done(store_write_object_gone(w, c, &o, &s->err));
	end(s, w);
}

static void rename_box(struct apart *s, size_t node, const char *from, const char *to)
{
	struct store_write *w;
	struct store_collection *c = box_begin_later(s, node, from, &w);
	c->name = slice_str(to);
	store_write_collection_changed(w, c);
	end(s, w);
}

static bool tell(void *context, const struct store_object *object)
{
	ssize_t conflict = slice_search(object->name, SLICE(" (conflict "));
	struct slice name =
		conflict < 0 ? object->name : slice_sub(object->name, 0, (size_t)conflict);
	buf_printf(context, "%.*s%s=%.*s ", SLICE_ARG(name), conflict < 0 ? "" : "*",
		SLICE_ARG(object->data));
	return true;
}

/* "name=data " of each, by number; copies with a star. */
static void assert_cards(struct apart *s, enum store_kind kind, const char *expected)
{
	struct arena arena = ARENA_EMPTY;
	AUTO(buf_free) struct buf told = BUF(1000);
	struct store_collection c;
	done(store_find_collection(
		apart_store(s, 0), s->account, kind, slice_str(CARDS), &arena, &c, &s->err));
	done(store_scan_objects(
		apart_store(s, 0), s->account, c.id, 1, UINT32_MAX, tell, &told, &s->err));
	assert_slice(buf_slice(&told), expected);
	arena_free(&arena);
}

/* One object at two nodes that are apart then. */
static struct apart one_card(enum store_kind kind, const char *name)
{
	struct apart s = apart_new(1);
	pair_link(s.pair);
	add(&s, 0, kind, name, "was");
	apart_part(&s);
	return s;
}

static void over(struct apart *s)
{
	pair_free(s->pair);
	clock_fake(-1, -1);
}

static void of_two_changes_the_later_holds_and_the_other_is_a_copy(void **state)
{
	enum store_kind kind = (enum store_kind)UNKNOWN_KIND;
	for (size_t early = 0; early < NODES; early++) {
		struct apart s = one_card(kind, "ann");
		change(&s, early, kind, 1, "ann", "early");
		change(&s, 1 - early, kind, 1, "ann", "late");
		apart_meet(&s);
		assert_cards(&s, kind, "ann=late ann*=early ");
		over(&s);
	}
}

static void a_copy_has_the_name_that_its_side_gave(void **state)
{
	enum store_kind kind = (enum store_kind)UNKNOWN_KIND;
	struct apart s = one_card(kind, "ann");
	change(&s, 0, kind, 1, "anna", "early");
	change(&s, 1, kind, 1, "annie", "late");
	apart_meet(&s);
	assert_cards(&s, kind, "annie=late anna*=early ");
	over(&s);
}

static void what_says_the_same_has_no_copy(void **state)
{
	enum store_kind kind = (enum store_kind)UNKNOWN_KIND;
	struct apart s = one_card(kind, "ann");
	change(&s, 0, kind, 1, "anna", "now");
	change(&s, 1, kind, 1, "annie", "now");
	apart_meet(&s);
	assert_cards(&s, kind, "annie=now ");
	over(&s);
}

static void what_one_side_changed_has_no_copy(void **state)
{
	enum store_kind kind = (enum store_kind)UNKNOWN_KIND;
	struct apart s = one_card(kind, "ann");
	change(&s, 1, kind, 1, "ann", "now");
	apart_meet(&s);
	assert_cards(&s, kind, "ann=now ");
	over(&s);
}

static void what_has_no_name_has_no_copy(void **state)
{
	enum store_kind kind = (enum store_kind)UNKNOWN_KIND;
	struct apart s = one_card(kind, "");
	change(&s, 0, kind, 1, "", "early");
	change(&s, 1, kind, 1, "", "late");
	apart_meet(&s);
	assert_cards(&s, kind, "=late ");
	over(&s);
}

static void of_some_kinds_the_later_is_all_that_stays(void **state)
{
	enum store_kind kind = (enum store_kind)PLAIN_KIND;
	struct apart s = one_card(kind, "ann");
	change(&s, 1, kind, 1, "ann", "early");
	change(&s, 0, kind, 1, "ann", "late");
	apart_meet(&s);
	assert_cards(&s, kind, "ann=late ");
	over(&s);
}

static void of_one_name_the_older_object_keeps_it_and_all_others_are_copies(void **state)
{
	enum store_kind kind = (enum store_kind)UNKNOWN_KIND;
	struct apart s = one_card(kind, "bob");
	add(&s, 0, kind, "ann", "first");
	change(&s, 0, kind, 1, "cat", "was");
	add(&s, 1, kind, "ann", "second");
	change(&s, 1, kind, 1, "dan", "other");
	apart_meet(&s);
	assert_cards(&s, kind, "dan=other ann*=second cat*=was ann=first ");
	over(&s);
}

/* A long name is cut between characters. */
static void the_name_of_a_copy_fits(void **state)
{
	enum store_kind kind = (enum store_kind)UNKNOWN_KIND;
	char name[STORE_NAME_MAX + 1];
	for (size_t i = 0; i < STORE_NAME_MAX; i += 3)
		memcpy(name + i, "\xe2\x82\xac", 3);
	name[STORE_NAME_MAX] = '\0';
	struct apart s = one_card(kind, name);
	change(&s, 0, kind, 1, name, "early");
	change(&s, 1, kind, 1, name, "late");
	apart_meet(&s);
	char expected[3 * STORE_NAME_MAX];
	(void)snprintf(expected, sizeof(expected), "%s=late %.*s*=early ", name,
		(STORE_NAME_MAX - 64) / 3 * 3, name);
	struct arena arena = ARENA_EMPTY;
	AUTO(buf_free) struct buf told = BUF(sizeof(expected));
	struct store_collection c;
	done(store_find_collection(
		apart_store(&s, 0), s.account, kind, slice_str(CARDS), &arena, &c, &s.err));
	done(store_scan_objects(
		apart_store(&s, 0), s.account, c.id, 1, UINT32_MAX, tell, &told, &s.err));
	assert_slice(buf_slice(&told), expected);
	arena_free(&arena);
	over(&s);
}

/* A mailbox "old", and who subscribes to it by that name. */
static struct apart one_box(const char *const *subscribed)
{
	struct apart s = apart_new(1);
	pair_link(s.pair);
	box_make(&s, 0, "old", 0);
	for (; *subscribed; subscribed++)
		add(&s, 0, STORE_SUBSCRIPTIONS, *subscribed, "");
	apart_part(&s);
	return s;
}

static void rename_with_subscription(struct apart *s, size_t node, const char *from, const char *to)
{
	rename_box(s, node, from, to);
	take_away(s, node, STORE_SUBSCRIPTIONS, from);
	add(s, node, STORE_SUBSCRIPTIONS, to, "");
}

static void of_two_new_names_the_one_that_holds_is_subscribed(void **state)
{
	static const char *const OLD[] = {"old", NULL};
	for (size_t early = 0; early < NODES; early++) {
		struct apart s = one_box(OLD);
		rename_with_subscription(&s, early, "old", "early");
		rename_with_subscription(&s, 1 - early, "old", "late");
		apart_meet(&s);
		assert_cards(&s, STORE_SUBSCRIPTIONS, "late= ");
		over(&s);
	}
}

static void a_subscription_follows_to_the_name_that_holds(void **state)
{
	static const char *const OLD[] = {"old", NULL};
	for (size_t early = 0; early < NODES; early++) {
		struct apart s = one_box(OLD);
		rename_with_subscription(&s, early, "old", "early");
		rename_box(&s, 1 - early, "old", "late");
		apart_meet(&s);
		assert_cards(&s, STORE_SUBSCRIPTIONS, "late= ");
		over(&s);
	}
}

static void a_subscription_follows_a_rename_at_the_other_side(void **state)
{
	static const char *const NONE[] = {NULL};
	for (size_t node = 0; node < NODES; node++) {
		struct apart s = one_box(NONE);
		add(&s, node, STORE_SUBSCRIPTIONS, "old", "");
		rename_box(&s, 1 - node, "old", "new");
		apart_meet(&s);
		assert_cards(&s, STORE_SUBSCRIPTIONS, "new= ");
		over(&s);
	}
}

/* RFC 9051 section 6.3.7: only a client takes a subscription away. */
static void what_both_knew_as_subscribed_stays(void **state)
{
	static const char *const SOME[] = {"old", "early", NULL};
	struct apart s = one_box(SOME);
	rename_box(&s, 0, "old", "early");
	rename_box(&s, 1, "old", "late");
	apart_meet(&s);
	assert_cards(&s, STORE_SUBSCRIPTIONS, "old= early= ");
	over(&s);
}

static void a_subscription_to_a_name_that_another_mailbox_has_stays(void **state)
{
	static const char *const OLD[] = {"old", NULL};
	struct apart s = one_box(OLD);
	rename_with_subscription(&s, 0, "old", "early");
	rename_box(&s, 1, "old", "late");
	box_make(&s, 1, "early", 0);
	apart_meet(&s);
	assert_cards(&s, STORE_SUBSCRIPTIONS, "early= ");
	over(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(of_two_changes_the_later_holds_and_the_other_is_a_copy),
		cmocka_unit_test(a_copy_has_the_name_that_its_side_gave),
		cmocka_unit_test(what_says_the_same_has_no_copy),
		cmocka_unit_test(what_one_side_changed_has_no_copy),
		cmocka_unit_test(what_has_no_name_has_no_copy),
		cmocka_unit_test(of_some_kinds_the_later_is_all_that_stays),
		cmocka_unit_test(of_one_name_the_older_object_keeps_it_and_all_others_are_copies),
		cmocka_unit_test(the_name_of_a_copy_fits),
		cmocka_unit_test(of_two_new_names_the_one_that_holds_is_subscribed),
		cmocka_unit_test(a_subscription_follows_to_the_name_that_holds),
		cmocka_unit_test(a_subscription_follows_a_rename_at_the_other_side),
		cmocka_unit_test(what_both_knew_as_subscribed_stays),
		cmocka_unit_test(a_subscription_to_a_name_that_another_mailbox_has_stays),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
