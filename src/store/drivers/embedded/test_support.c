/* A store in a temporary folder, and commits that tell whether they are whole. */
#include "store/drivers/embedded/test_support.h"

#include "base/alloc.h"
#include "base/bytes.h"

#include <ftw.h>
#include <unistd.h>

enum { KEY = 24, REFERENCE = 2 + ID_SIZE };

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

void test_remove_tree(const char *path)
{
	(void)nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

int test_set_up(void **state)
{
	struct place_of_test *p = ALLOC(struct place_of_test);
	/* In memory where that is possible: what is tested needs no disk, and syncs take long. */
	bool memory = access("/dev/shm", W_OK) == 0;
	(void)snprintf(p->folder, sizeof(p->folder), "%s/rookery-embedded-XXXXXX",
		memory ? "/dev/shm" : "/tmp");
	assert_non_null(mkdtemp(p->folder));
	(void)snprintf(p->path, sizeof(p->path), "%s/store", p->folder);
	p->account = id_new();
	p->files = &embedded_files_system;
	p->segment_bytes = 1 << 20;
	*state = p;
	return 0;
}

int test_tear_down(void **state)
{
	struct place_of_test *p = *state;
	if (p->db)
		test_close(p);
	test_remove_tree(p->folder);
	free(p);
	return 0;
}

void test_open(struct place_of_test *p)
{
	struct err err = {0};
	struct store_driver_options options = {.path = p->path, .segment_bytes = p->segment_bytes};
	if (embedded_open(&options, p->files, &p->db, &err) != 0)
		fail_msg("open: %s", err.text);
}

void test_close(struct place_of_test *p)
{
	store_driver_embedded.close(p->db);
	p->db = NULL;
}

struct id test_blob(uint64_t n)
{
	struct id id = {.bytes = {1}};
	bytes_put_be64(id.bytes + 8, n);
	return id;
}

char *test_body(uint64_t n, size_t *ret_len)
{
	*ret_len = n % 7 == 0 ? 70000 + n % 1000 : n * 997 % 20000;
	char *body = alloc(*ret_len + 1);
	for (size_t i = 0; i < *ret_len; i++)
		body[i] = (char)((i * 2654435761u >> 9) + n);
	return body;
}

static struct slice key_of(char kind, uint64_t n, char key[KEY])
{
	return slice(key, (size_t)snprintf(key, KEY, "%c%llu", kind, (unsigned long long)n));
}

static struct slice reference_of(uint64_t n, char key[REFERENCE])
{
	struct id blob = test_blob(n);
	key[0] = STORE_KEY_BLOB_REF;
	memcpy(key + 1, blob.bytes, ID_SIZE);
	key[1 + ID_SIZE] = 'x';
	return slice(key, REFERENCE);
}

static int commit(struct place_of_test *p, uint64_t n, const struct store_batch *batch,
	const struct store_new_blob *blob, struct err *err)
{
	struct store_txn *txn;
	/* A lock for each commit: tests with threads want groups. */
	struct id account = test_blob(n);
	assert_int_equal(store_driver_embedded.begin(p->db, &account, 1, &txn, err), 0);
	return store_driver_embedded.commit(txn, batch, blob, blob ? 1 : 0, err);
}

int test_commit(struct place_of_test *p, uint64_t n, struct err *err)
{
	struct store_batch batch;
	char key[KEY], value[KEY], reference[REFERENCE];
	size_t len;
	AUTO_FREE char *body = test_body(n, &len);
	struct store_new_blob blob = {test_blob(n), slice(body, len)};
	struct slice text = slice_from(key_of('n', n, value), 1);
	store_batch_init(&batch);
	store_batch_put(&batch, key_of('n', n, key), text);
	store_batch_put(&batch, reference_of(n, reference), SLICE_NONE);
	store_batch_put(&batch, key_of('m', n, key), text);
	int rc = commit(p, n, &batch, &blob, err);
	store_batch_free(&batch);
	return rc;
}

int test_release(struct place_of_test *p, uint64_t n, struct err *err)
{
	struct store_batch batch;
	char reference[REFERENCE];
	store_batch_init(&batch);
	store_batch_delete(&batch, reference_of(n, reference));
	store_batch_release(&batch, test_blob(n));
	int rc = commit(p, n, &batch, NULL, err);
	store_batch_free(&batch);
	return rc;
}

static bool has(struct place_of_test *p, struct slice key, struct slice value)
{
	AUTO(buf_free) struct buf got = BUF(100);
	struct err err = {0};
	int rc = store_driver_embedded.get(p->db, NULL, key, &got, &err);
	if (rc < 0)
		fail_msg("get: %s", err.text);
	if (rc == 0)
		assert_true(slice_eq(buf_slice(&got), value));
	return rc == 0;
}

static void look_at_blob(struct place_of_test *p, uint64_t n)
{
	size_t len;
	AUTO_FREE char *body = test_body(n, &len);
	AUTO(buf_free) struct buf got = BUF(1 << 20);
	struct err err = {0};
	int rc = store_driver_embedded.blob_read(p->db, test_blob(n), 0, UINT64_MAX, &got, &err);
	if (rc != 0)
		fail_msg("blob of commit %llu: %s", (unsigned long long)n,
			rc < 0 ? err.text : "absent");
	assert_true(slice_eq(buf_slice(&got), slice(body, len)));
}

enum test_state test_look(struct place_of_test *p, uint64_t n)
{
	char key[KEY], value[KEY], reference[REFERENCE];
	struct slice text = slice_from(key_of('n', n, value), 1);
	bool first = has(p, key_of('n', n, key), text), second = has(p, key_of('m', n, key), text);
	bool referred = has(p, reference_of(n, reference), SLICE_NONE);
	if (first != second || (referred && !first))
		fail_msg("commit %llu is there in part", (unsigned long long)n);
	if (!first) {
		uint64_t len;
		struct err err = {0};
		assert_int_equal(store_driver_embedded.blob_len(p->db, test_blob(n), &len, &err),
			STORE_ABSENT);
		return TEST_NOTHING;
	}
	if (referred)
		look_at_blob(p, n);
	return referred ? TEST_WHOLE : TEST_RELEASED;
}

static void fail_on_damage(void *context, const struct store_finding *finding)
{
	if (finding->damage)
		fail_msg("%s: %s", finding->object, finding->text);
}

void test_check(struct place_of_test *p)
{
	struct err err = {0};
	if (store_driver_embedded.check(p->db, fail_on_damage, NULL, NULL, &err) != 0)
		fail_msg("check: %s", err.text);
}
