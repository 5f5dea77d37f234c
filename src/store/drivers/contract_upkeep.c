/* The contract on upkeep: check, backup and figures. */
#include "store/drivers/contract.h"

#include "base/alloc.h"

#include <unistd.h>

static void count_damage(void *context, const struct store_finding *finding)
{
	size_t *damage = context;
	*damage += finding->damage;
}

static void assert_findings(struct fixture *f, bool damage)
{
	size_t count = 0;
	struct err err = {0};
	assert_int_equal(contract_driver->check(f->db, count_damage, NULL, &count, &err), 0);
	assert_int_equal(count > 0, damage);
}

static void test_check_finds_nothing_wrong_with_a_good_store(void **state)
{
	struct fixture *f = *state;
	AUTO_FREE char *bytes = contract_pattern(300000, 5);
	struct id blob = contract_add_blob(f, slice(bytes, 300000), "12");
	(void)contract_add_blob(f, slice(bytes, 100), "");
	contract_put(f, "a", "1");
	contract_drop(f, blob, '1');
	assert_findings(f, false);
}

static void test_check_finds_a_reference_without_its_blob(void **state)
{
	struct fixture *f = *state;
	char key[18];
	struct store_batch batch;
	store_batch_init(&batch);
	contract_reference(id_new(), '1', key);
	store_batch_put(&batch, slice(key, sizeof(key)), SLICE_NONE);
	contract_commit(f, &batch, NULL, 0);
	assert_findings(f, true);
}

static void test_a_backup_is_whole_or_refused_for_good(void **state)
{
	struct fixture *f = *state;
	char path[128];
	struct err err = {0};
	contract_put(f, "a", "1");
	(void)snprintf(path, sizeof(path), "%s/backup", f->folder);
	if (contract_driver->backup(f->db, path, NULL, NULL, &err) < 0) {
		assert_int_equal(err.class, ERR_PERMANENT);
		assert_int_not_equal(access(path, F_OK), 0);
		return;
	}
	struct fixture copy = {.account = f->account};
	const struct store_driver_options options = {.path = path};
	assert_int_equal(contract_driver->open(&options, &copy.db, &err), 0);
	contract_value(&copy, "a", "1");
	contract_driver->close(copy.db);
}

static void test_figures_count(void **state)
{
	struct fixture *f = *state;
	struct store_driver_figures before = contract_driver->figures(f->db);
	contract_put(f, "a", "1");
	struct store_driver_figures after = contract_driver->figures(f->db);
	assert_int_equal(after.commits, before.commits + 1);
	assert_false(after.failed);
}

int contract_upkeep(void)
{
	const struct CMUnitTest tests[] = {
		CONTRACT_CASE(test_check_finds_nothing_wrong_with_a_good_store),
		CONTRACT_CASE(test_check_finds_a_reference_without_its_blob),
		CONTRACT_CASE(test_a_backup_is_whole_or_refused_for_good),
		CONTRACT_CASE(test_figures_count),
	};
	return cmocka_run_group_tests_name("upkeep", tests, NULL, NULL);
}
