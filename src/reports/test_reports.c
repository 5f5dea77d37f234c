/* Counted, written down, shown and sent: on a store in memory, a DNS and a clock of the test's own,
 * into a queue that does not run. */
#include "reports/reports.h"

#include "base/clock.h"
#include "base/test.h"
#include "dns/table.h"

#define done(call) assert_int_equal((call), 0)

static const int64_t NOON = 1795737600 + 12 * 3600; /* of 2026-11-27 */
static const char RECORD[] = "v=DMARC1; p=reject; rua=mailto:dmarc@a.test,mailto:x@there.test";
static const char *const DNS[] = {
	"_dmarc.a.test TXT v=DMARC1; p=reject",
	"a.test._report._dmarc.there.test TXT v=DMARC1",
	"_smtp._tls.a.test TXT v=TLSRPTv1; rua=mailto:tls@a.test,https://post.test/x",
	"_smtp._tls.post.test TXT v=TLSRPTv1; rua=https://post.test/y",
	"_smtp._tls.broken.test TXT ?",
	"test TXT nothing",
};

static bool store_is_broken;

static int commit(struct store_txn *txn, const struct store_batch *batch,
	const struct store_new_blob *blobs, size_t blob_count, struct err *err)
{
	if (!store_is_broken)
		return store_driver_memory.commit(txn, batch, blobs, blob_count, err);
	store_driver_memory.abort(txn);
	return err_temporary(err, ERR_UNAVAILABLE, "made to fail");
}

struct fixture {
	struct store_driver driver;
	struct store *store;
	struct keys *keys;
	struct queue *queue;
	struct dns *dns;
	struct reports *reports, *other; /* of two nodes */
	struct id node, other_node;
	bool took_over, finds_no_domain;
	int posts, post_result;
	struct err err;
	struct reports_info info[8];
	char domains[8][64], recipients[512], id[64], why[256];
	size_t count, entries, destinations;
};

static bool works_on(void *context, struct id account)
{
	const struct fixture *f = context;
	return f->took_over || id_eq(account, reports_account(f->node));
}

static int find_domain(void *context, struct slice domain, struct err *err)
{
	const struct fixture *f = context;
	if (f->finds_no_domain)
		return err_temporary(err, ERR_UNAVAILABLE, "no directory");
	return slice_eq(domain, SLICE("here.test")) ? 0 : 1;
}

static int post(void *context, struct slice uri, struct slice gzip, struct err *err)
{
	struct fixture *f = context;
	assert_true(slice_starts(uri, SLICE("https://post.test/")));
	assert_true(gzip.len > 0);
	f->posts++;
	return f->post_result < 0 ? err_temporary(err, ERR_UNAVAILABLE, "not now") : 0;
}

static struct reports_options options_of(struct fixture *f, struct id node)
{
	return (struct reports_options){.store = f->store,
		.queue = f->queue,
		.keys = f->keys,
		.dns = f->dns,
		.node = node,
		.dmarc = true,
		.tls = true,
		.from = "postmaster@mx.here.test",
		.envelope_from = "",
		.organization = "Here",
		.contact = "",
		.works_on = works_on,
		.find_domain = find_domain,
		.post = post,
		.context = f};
}

static int set_up(void **state)
{
	static struct fixture f;
	f = (struct fixture){
		.node = id_new(), .other_node = id_new(), .driver = store_driver_memory};
	f.driver.commit = commit;
	store_is_broken = false;
	struct store_options store = {.driver = &f.driver};
	clock_fake(1000000, NOON * 1000);
	done(store_open(&store, &f.store, &f.err));
	done(keys_open(f.store, &f.keys, &f.err));
	done(keys_add(f.keys, SLICE("here.test"), SLICE("s1"), FILTER_DKIM_ED25519_SHA256, &f.err));
	struct queue_options queue = {.store = f.store, .node = f.node};
	done(queue_open(&queue, &f.queue, &f.err));
	f.dns = dns_table_new(DNS, ARRAY_LEN(DNS));
	struct reports_options one = options_of(&f, f.node), two = options_of(&f, f.other_node);
	f.reports = reports_new(&one);
	f.other = reports_new(&two);
	*state = &f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	reports_free(f->reports);
	reports_free(f->other);
	dns_free(f->dns);
	queue_close(f->queue);
	keys_close(f->keys);
	store_close(f->store);
	clock_fake(-1, -1);
	return 0;
}

static void go_on(int64_t seconds)
{
	clock_fake(clock_mono_ms() + seconds * 1000, clock_wall_ms() + seconds * 1000);
}

static void count(struct reports *r, const char *source, bool passes)
{
	const struct filter_dmarc_row row = {.source = slice_str(source),
		.spf_aligned = passes,
		.policy = FILTER_DMARC_REJECT,
		.disposal = passes ? FILTER_DMARC_NONE : FILTER_DMARC_REJECT,
		.header_from = SLICE("a.test"),
		.envelope_from = SLICE("a.test"),
		.spf_domain = SLICE("a.test"),
		.spf_result = passes ? SLICE("pass") : SLICE("fail")};
	reports_count_dmarc(r, SLICE("A.test"), slice_str(RECORD), &row);
}

static void count_session(struct reports *r, const char *domain, bool passes)
{
	const struct reports_tls_policy policy = {.type = REPORTS_NO_POLICY};
	const struct reports_tls_failure failure = {.result = REPORTS_STARTTLS_NOT_SUPPORTED};
	reports_count_tls(r, slice_str(domain), &policy, passes ? NULL : &failure);
}

static void take_info(void *context, const struct reports_info *info)
{
	struct fixture *f = context;
	assert_true(f->count < ARRAY_LEN(f->info));
	(void)snprintf(
		f->domains[f->count], sizeof(*f->domains), "%.*s", SLICE_ARG(info->name.domain));
	f->info[f->count++] = *info;
}

static size_t list(struct fixture *f)
{
	f->count = 0;
	done(reports_list(f->reports, take_info, f, &f->err));
	return f->count;
}

static void take_sent(void *context, const struct reports_sent_now *sent)
{
	struct fixture *f = context;
	f->destinations += sent->destinations;
	(void)snprintf(f->id, sizeof(f->id), "%s", sent->id);
	(void)snprintf(f->why, sizeof(f->why), "%s", sent->failure ? sent->failure->text : "");
}

static int send_all(struct fixture *f)
{
	f->destinations = 0;
	return reports_send(f->reports, SLICE(""), take_sent, f, &f->err);
}

static bool take_entry(void *context, struct queue_place place, const struct queue_entry *e,
	uint64_t bytes, bool here)
{
	struct fixture *f = context;
	size_t len = strlen(f->recipients);
	(void)snprintf(f->recipients + len, sizeof(f->recipients) - len, "%s%.*s%s",
		len > 0 ? " " : "", SLICE_ARG(e->recipient),
		e->flags & QUEUE_TLS_OPTIONAL ? " (any tls)" : "");
	f->entries++;
	assert_int_equal(e->sender.len, 0);
	return true;
}

static const char *queued(struct fixture *f)
{
	f->entries = 0;
	f->recipients[0] = '\0';
	done(queue_scan(f->queue, take_entry, f, &f->err));
	return f->recipients;
}

static void counts_add_up_in_rows(void **state)
{
	struct fixture *f = *state;
	count(f->reports, "192.0.2.1", true);
	count(f->reports, "192.0.2.1", true);
	count(f->reports, "192.0.2.2", false);
	assert_int_equal(list(f), 0); /* they are in memory */
	assert_int_equal(reports_figures(f->reports).rows, 2);
	done(reports_fold(f->reports, &f->err));
	assert_int_equal(reports_figures(f->reports).rows, 0);
	count(f->reports, "192.0.2.1", true);
	done(reports_fold(f->reports, &f->err));
	done(reports_fold(f->reports, &f->err));
	assert_int_equal(list(f), 1);
	assert_string_equal(f->domains[0], "a.test");
	assert_int_equal(f->info[0].rows, 2);
	assert_int_equal(f->info[0].head.good, 3);
	assert_int_equal(f->info[0].head.bad, 1);
	assert_int_equal(f->info[0].head.begin, NOON - 12 * 3600);
	assert_int_equal(f->info[0].last_sent_s, 0);
	assert_true(f->info[0].here);
}

static void what_the_store_does_not_take_is_kept(void **state)
{
	struct fixture *f = *state;
	count(f->reports, "192.0.2.1", true);
	store_is_broken = true;
	assert_true(reports_fold(f->reports, &f->err) < 0);
	count(f->reports, "192.0.2.1", true);
	assert_true(reports_fold(f->reports, &f->err) < 0);
	store_is_broken = false;
	done(reports_fold(f->reports, &f->err));
	assert_int_equal(list(f), 1);
	assert_int_equal(f->info[0].head.good, 2);
	assert_int_equal(reports_figures(f->reports).dropped, 0);
}

static void who_asks_for_no_report_of_tls_is_not_counted(void **state)
{
	struct fixture *f = *state;
	count_session(f->reports, "a.test", true);
	count_session(f->reports, "a.test", false);
	count_session(f->reports, "none.test", false);
	count_session(f->reports, "broken.test", true); /* he may have asked */
	done(reports_fold(f->reports, &f->err));
	assert_int_equal(list(f), 2);
	assert_string_equal(f->domains[0], "a.test");
	assert_int_equal(f->info[0].head.good, 1);
	assert_int_equal(f->info[0].head.bad, 1);
	assert_string_equal(f->domains[1], "broken.test");
}

static void a_report_goes_once(void **state)
{
	struct fixture *f = *state;
	count(f->reports, "192.0.2.1", true);
	assert_int_equal(send_all(f), 1);
	assert_int_equal(f->destinations, 2);
	assert_string_equal(queued(f), "dmarc@a.test x@there.test");
	assert_int_equal(list(f), 0);
	assert_int_equal(send_all(f), 0);
	assert_string_equal(queued(f), "dmarc@a.test x@there.test");
	assert_int_equal(reports_figures(f->reports).dmarc_sent, 1);
}

static void what_comes_behind_a_report_is_another_one(void **state)
{
	struct fixture *f = *state;
	char id[64];
	count(f->reports, "192.0.2.1", true);
	assert_int_equal(send_all(f), 1);
	(void)snprintf(id, sizeof(id), "%s", f->id);
	go_on(60);
	count(f->reports, "192.0.2.1", true);
	done(reports_fold(f->reports, &f->err));
	assert_int_equal(list(f), 1);
	assert_int_equal(f->info[0].head.begin, NOON);
	assert_int_equal(f->info[0].last_sent_s, NOON);
	assert_int_equal(send_all(f), 1);
	assert_string_not_equal(f->id, id);
}

static void a_report_of_tls_goes_whatever_tls_does(void **state)
{
	struct fixture *f = *state;
	count_session(f->reports, "a.test", false);
	assert_int_equal(send_all(f), 1);
	assert_int_equal(f->destinations, 2);
	assert_int_equal(f->posts, 1);
	assert_string_equal(queued(f), "tls@a.test (any tls)");
}

static void a_report_of_tls_is_signed_or_does_not_go(void **state)
{
	struct fixture *f = *state;
	done(keys_set(f->keys, SLICE("here.test"), SLICE("s1"), false, &f->err));
	f->post_result = -1;
	count_session(f->reports, "a.test", false);
	assert_int_equal(send_all(f), 1);
	assert_int_equal(f->destinations, 0);
	assert_non_null(strstr(f->why, "DKIM"));
	assert_string_equal(queued(f), "");
	assert_int_equal(list(f), 1);
}

static void what_fails_is_tried_again_for_a_day(void **state)
{
	struct fixture *f = *state;
	f->post_result = -1;
	count_session(f->reports, "post.test", true);
	assert_int_equal(send_all(f), 1);
	assert_string_equal(f->why, "not now");
	assert_int_equal(list(f), 1);
	assert_int_equal(f->info[0].head.attempts, 1);
	go_on(36 * 3600); /* it is due, and not before its time */
	for (int i = 0; i < 3; i++)
		reports_work(f->reports);
	assert_int_equal(f->posts, 2);
	assert_int_equal(list(f), 0);
	assert_int_equal(reports_figures(f->reports).given_up, 1);
}

static void what_failed_once_may_go_later(void **state)
{
	struct fixture *f = *state;
	f->finds_no_domain = true;
	count(f->reports, "192.0.2.1", true);
	assert_int_equal(send_all(f), 1);
	assert_string_equal(f->why, "no directory");
	assert_string_equal(queued(f), "");
	f->finds_no_domain = false;
	assert_int_equal(send_all(f), 1);
	assert_int_equal(f->destinations, 2);
	assert_int_equal(list(f), 0);
}

static void a_day_is_told_of_when_it_is_over(void **state)
{
	struct fixture *f = *state;
	count(f->reports, "192.0.2.1", true);
	go_on(12 * 3600 - 1);
	reports_work(f->reports);
	assert_string_equal(queued(f), "");
	assert_int_equal(list(f), 1);
	count(f->reports, "192.0.2.1", true);
	go_on(1); /* another day */
	count(f->reports, "192.0.2.1", true);
	go_on(4 * 3600);
	reports_work(f->reports);
	assert_string_equal(queued(f), "dmarc@a.test x@there.test");
	assert_int_equal(list(f), 1);
	assert_int_equal(f->info[0].head.good, 1);
	assert_int_equal(f->info[0].head.begin, NOON + 12 * 3600);
}

/* Its report has its own id, whoever sends it. */
static void another_nodes_rows_are_taken_up_when_it_is_lost(void **state)
{
	struct fixture *f = *state;
	count(f->reports, "192.0.2.1", true);
	count(f->other, "192.0.2.1", true);
	count(f->other, "192.0.2.1", false);
	done(reports_fold(f->other, &f->err));
	assert_int_equal(send_all(f), 1);
	assert_int_equal(list(f), 1);
	assert_false(f->info[0].here);
	assert_int_equal(f->info[0].head.good + f->info[0].head.bad, 2);
	char id[64];
	(void)snprintf(id, sizeof(id), "%s", f->id);
	f->took_over = true;
	assert_int_equal(send_all(f), 1);
	assert_string_not_equal(f->id, id);
	assert_int_equal(list(f), 0);
	(void)queued(f);
	assert_int_equal(f->entries, 4);
}

static void a_report_has_room_for_so_many_rows(void **state)
{
	struct fixture *f = *state;
	char source[32];
	enum { MOST = 20000, MORE = 5 };
	for (unsigned i = 0; i < MOST + MORE; i++) {
		(void)snprintf(
			source, sizeof(source), "10.%u.%u.%u", i >> 16, i >> 8 & 255, i & 255);
		count(f->reports, source, true);
	}
	done(reports_fold(f->reports, &f->err));
	assert_int_equal(list(f), 1);
	assert_int_equal(f->info[0].rows, MOST);
	assert_int_equal(f->info[0].head.good, MOST + MORE);
	assert_int_equal(reports_figures(f->reports).dropped, MORE);
}

static void nobody_counts_where_nothing_is_on(void **state)
{
	struct fixture *f = *state;
	count(NULL, "192.0.2.1", true);
	count_session(NULL, "a.test", true);
	struct reports_options off = options_of(f, f->node);
	off.dmarc = off.tls = false;
	struct reports *r = reports_new(&off);
	count(r, "192.0.2.1", true);
	count_session(r, "a.test", true);
	assert_int_equal(reports_figures(r).rows, 0);
	reports_free(r);
}

#define REPORTS_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		REPORTS_TEST(counts_add_up_in_rows),
		REPORTS_TEST(what_the_store_does_not_take_is_kept),
		REPORTS_TEST(who_asks_for_no_report_of_tls_is_not_counted),
		REPORTS_TEST(a_report_goes_once),
		REPORTS_TEST(what_comes_behind_a_report_is_another_one),
		REPORTS_TEST(a_report_of_tls_goes_whatever_tls_does),
		REPORTS_TEST(a_report_of_tls_is_signed_or_does_not_go),
		REPORTS_TEST(what_fails_is_tried_again_for_a_day),
		REPORTS_TEST(what_failed_once_may_go_later),
		REPORTS_TEST(a_day_is_told_of_when_it_is_over),
		REPORTS_TEST(another_nodes_rows_are_taken_up_when_it_is_lost),
		REPORTS_TEST(a_report_has_room_for_so_many_rows),
		REPORTS_TEST(nobody_counts_where_nothing_is_on),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
