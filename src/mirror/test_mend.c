/* Sides that are damaged: what one lacks is not taken for deleted. */
#include "mirror/merge.h"

#include "mirror/test_apart.h"
#include "mirror/test_box.h"

#include "base/alloc.h"
#include "base/clock.h"

enum { MESSAGES = 5, NODES = PAIR_NODES };

struct sides {
	struct apart apart;
	struct mirror_rows rows[NODES];
	struct model models[NODES];
};

static void add(struct apart *s, size_t node, const char *name)
{
	struct store_write *w;
	struct store_collection *c = box_begin_later(s, node, name, &w);
	box_add(s, w, c);
	done(store_write_commit(w, &s->err));
}

static int set_up(void **state)
{
	struct sides *s = ALLOC(struct sides);
	s->apart = apart_new(1);
	pair_link(s->apart.pair);
	box_make(&s->apart, 0, "one", 0);
	box_make(&s->apart, 0, "two", 0);
	for (int i = 0; i < MESSAGES; i++) {
		add(&s->apart, 0, "one");
		add(&s->apart, 0, "two");
	}
	apart_part(&s->apart);
	add(&s->apart, 0, "one");
	add(&s->apart, 1, "two");
	for (size_t i = 0; i < NODES; i++) {
		const struct store_driver *driver;
		struct store_db *db;
		s->rows[i] = MIRROR_ROWS_NONE;
		driver = store_driver_of(apart_store(&s->apart, i), &db);
		done(mirror_rows_load(
			driver, db, NULL, s->apart.account, &s->rows[i], &s->apart.err));
		done(model_read(&s->rows[i], &s->models[i], &s->apart.err));
	}
	*state = s;
	return 0;
}

static int tear_down(void **state)
{
	struct sides *s = *state;
	for (size_t i = 0; i < NODES; i++) {
		model_free(&s->models[i]);
		mirror_rows_free(&s->rows[i]);
	}
	model_free(&s->apart.common);
	mirror_rows_free(&s->apart.common_rows);
	pair_free(s->apart.pair);
	clock_fake(-1, -1);
	free(s);
	return 0;
}

static size_t objects_of(const struct model *model)
{
	size_t count = 0;
	for (size_t i = 0; i < model->collection_count; i++) {
		const struct model_collection *c = &model->collections[i];
		count += c->object_count;
		for (size_t k = 1; k < c->object_count; k++)
			assert_true(c->objects[k - 1].row.number < c->objects[k].row.number);
	}
	return count;
}

static void lose(struct model_collection *c, size_t at)
{
	memmove(&c->objects[at], &c->objects[at + 1],
		(--c->object_count - at) * sizeof(*c->objects));
}

static void sides_that_are_whole_stay_as_they_are(void **state)
{
	struct sides *s = *state;
	mirror_fill_gaps(&s->models[0], &s->models[1]);
	for (size_t i = 0; i < NODES; i++)
		assert_int_equal(objects_of(&s->models[i]), 2 * MESSAGES + 1);
}

static void what_a_damaged_side_lacks_it_gets(void **state)
{
	struct sides *s = *state;
	for (size_t i = 0; i < NODES; i++)
		for (size_t c = 0; c < 2; c++) {
			lose(&s->models[i].collections[c], 0);
			lose(&s->models[i].collections[c], 2 + i);
		}
	mirror_fill_gaps(&s->models[0], &s->models[1]);
	/* The first ones were lost at both; of others one of them knew each. */
	for (size_t i = 0; i < NODES; i++)
		assert_int_equal(objects_of(&s->models[i]), 2 * (MESSAGES - 1) + 2);
}

static void what_it_knows_to_be_gone_stays_gone(void **state)
{
	struct sides *s = *state;
	struct model_collection *c = &s->models[0].collections[0];
	struct model_gone gone = {
		.id = c->objects[1].row.id, .number = c->objects[1].row.number, .change = 3};
	model_add_gone(c, &gone);
	lose(c, 1);
	lose(c, 1);
	mirror_fill_gaps(&s->models[0], &s->models[1]);
	assert_null(model_find_object(&s->models[0].collections[0], gone.number));
	assert_non_null(model_find_object(&s->models[1].collections[0], gone.number));
}

static void a_collection_that_is_lost_comes_back_with_its_objects(void **state)
{
	struct sides *s = *state;
	struct model *model = &s->models[1];
	free(model->collections[0].objects);
	free(model->collections[0].gone);
	model->collections[0] = model->collections[1];
	model->collection_count = 1;
	mirror_fill_gaps(&s->models[0], model);
	assert_int_equal(model->collection_count, 2);
	assert_true(id_cmp(model->collections[0].row.id, model->collections[1].row.id) < 0);
	assert_true(objects_of(model) >= 2 * MESSAGES);
}

int main(void)
{
#define SIDES(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		SIDES(sides_that_are_whole_stay_as_they_are),
		SIDES(what_a_damaged_side_lacks_it_gets),
		SIDES(what_it_knows_to_be_gone_stays_gone),
		SIDES(a_collection_that_is_lost_comes_back_with_its_objects),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
