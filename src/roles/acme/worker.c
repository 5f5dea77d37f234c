/* Orders what is due, a step at a time. What has been reached is written down before it matters:
 * the account's key before the account, a certificate's key before its order, the order's URL once
 * there is one. So whoever works next, after a crash or at the other node, goes on with it. */
#include "roles/acme/host_internal.h"

#include "acme/order.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"

enum {
	IDLE_MS = 60 * 1000, /* how often it is looked whether something is due */
	TAKE_OVER_MS = 3 * 1000,
	NAMES_MAX_LEN = ACME_NAMES_MAX * 256,
};

static const int64_t RETRY_MOST_MS = 24 * 3600 * (int64_t)1000;

/* One certificate. */
struct job {
	struct acme_worker *worker;
	const struct acme_plan *plan;
	struct acme_order *order; /* NULL: none is under way here */
	struct acme_key *key;     /* of it */
	int64_t next_ms;          /* when it is looked at again; monotonic */
};

struct acme_worker {
	struct acme_host *host;
	struct acme_client *client; /* NULL: nothing was asked so far */
	struct acme_client_options options;
	struct acme_key *account_key;
	struct job *jobs;
	size_t count;
};

struct acme_worker *acme_worker_new(struct acme_host *host)
{
	struct acme_worker *w = ALLOC(struct acme_worker);
	w->host = host;
	w->count = host->plans.count;
	w->jobs = alloc_zero(w->count + 1, sizeof(*w->jobs));
	for (size_t i = 0; i < w->count; i++)
		w->jobs[i] = (struct job){.worker = w, .plan = &host->plans.list[i]};
	return w;
}

static void drop_order(struct job *job)
{
	free(job->order);
	acme_key_free(job->key);
	job->order = NULL;
	job->key = NULL;
}

/* Nothing is known any more of what is under way. */
static void forget(struct acme_worker *w)
{
	for (size_t i = 0; i < w->count; i++)
		drop_order(&w->jobs[i]);
	acme_client_free(w->client);
	acme_key_free(w->account_key);
	w->client = NULL;
	w->account_key = NULL;
}

void acme_worker_free(struct acme_worker *w)
{
	if (!w)
		return;
	forget(w);
	free(w->jobs);
	free(w);
}

/* One of two works: the first while both are there, and whoever is left alone. */
static bool is_ours(const struct acme_worker *w)
{
	struct mirror_pair_view view;
	if (mirror_node_ailment(w->host->mirror))
		return false;
	mirror_node_see_pair(w->host->mirror, &view);
	switch (view.state) {
	case MIRROR_UNPAIRED:
		return true;
	case MIRROR_ALONE:
		return view.is_first || clock_mono_ms() - view.since_ms >= TAKE_OVER_MS;
	case MIRROR_IN_SYNC:
	case MIRROR_PAUSED:
		return view.is_first;
	default:
		return false;
	}
}

int acme_worker_load(struct acme_host *host, const struct acme_plan *plan, struct arena *arena,
	struct acme_row *ret_row, struct err *err)
{
	struct slice data;
	int r = acme_find(host->store, ACME_CERTIFICATE, slice_str(plan->name), arena, &data, err);
	if (r != 0 || !acme_row_read(data, ret_row))
		*ret_row = (struct acme_row){0};
	return r < 0 ? r : 0;
}

static int save(const struct job *job, const struct acme_row *row, struct err *err)
{
	AUTO(buf_free) struct buf data = BUF(ACME_ROW_MAX);
	acme_row_write(row, &data);
	if (data.failed)
		return err_permanent(err, ERR_LIMIT, "the certificate is too large to be kept");
	int r = acme_put(job->worker->host->store, ACME_CERTIFICATE, slice_str(job->plan->name),
		buf_slice(&data), err);
	explicit_bzero(data.data, data.len);
	return r;
}

static struct slice names_of(const struct acme_plan *plan, struct arena *arena)
{
	AUTO(buf_free) struct buf text = BUF(NAMES_MAX_LEN);
	for (size_t i = 0; i < plan->count; i++)
		buf_printf(&text, "%s%s", i ? " " : "", plan->names[i]);
	return arena_copy(arena, buf_slice(&text));
}

/* Whether that is the authority of the settings. */
static bool is_of(const struct job *job, struct slice directory)
{
	return slice_eq(directory, slice_str(job->worker->host->conf->directory));
}

static bool is_needed(const struct job *job, const struct acme_row *row)
{
	struct acme_leaf leaf;
	struct err ignored;
	return row->order_url.len > 0 || row->chain.len == 0 ||
	       !acme_plan_is(job->plan, row->names) || !is_of(job, row->directory) ||
	       acme_leaf_read(row->chain, &leaf, &ignored) < 0 ||
	       clock_wall() >= acme_leaf_due(&leaf);
}

/* How long nothing needs to be looked at, when nothing changes. */
static int64_t idle_ms(const struct acme_row *row)
{
	struct acme_leaf leaf;
	struct err ignored;
	if (row->chain.len == 0 || acme_leaf_read(row->chain, &leaf, &ignored) < 0)
		return IDLE_MS;
	int64_t left = (acme_leaf_due(&leaf) - clock_wall()) * 1000;
	return left > 0 ? MIN(left, (int64_t)IDLE_MS) : IDLE_MS;
}

static bool is_asked_for(const struct job *job)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct slice data;
	struct err ignored;
	return acme_find(job->worker->host->store, ACME_RENEW, slice_str(job->plan->name), &arena,
		       &data, &ignored) == 0;
}

static bool is_due(const struct job *job, const struct acme_row *row)
{
	if (is_asked_for(job))
		return true;
	return is_needed(job, row) && (row->failures == 0 || clock_wall_ms() >= row->next_ms);
}

/* The key, which is made once for each authority. */
static int load_account(struct acme_worker *w, struct err *err)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	AUTO(buf_free) struct buf pem = BUF(ACME_KEY_PEM_MAX);
	struct slice directory = slice_str(w->host->conf->directory), data;
	int r = acme_find(w->host->store, ACME_ACCOUNT, directory, &arena, &data, err);
	if (r < 0)
		return r;
	if (r == 0)
		return acme_key_read(data, &w->account_key, err);
	if (acme_key_new(&w->account_key, err) < 0 || acme_key_write(w->account_key, &pem, err) < 0)
		return -1;
	r = acme_put(w->host->store, ACME_ACCOUNT, directory, buf_slice(&pem), err);
	explicit_bzero(pem.data, pem.len);
	return r;
}

static int open_client(struct acme_worker *w, struct err *err)
{
	const struct conf_acme *conf = w->host->conf;
	if (w->client)
		return 0;
	if (!w->account_key && load_account(w, err) < 0) {
		acme_key_free(w->account_key);
		w->account_key = NULL;
		return err_prefix(err, "the account's key");
	}
	w->options = (struct acme_client_options){.transport = {acme_transport_ask, w->host},
		.directory = conf->directory,
		.contact = conf->contact,
		.eab_kid = conf->eab_kid,
		.eab_hmac_key = conf->eab_hmac_key,
		.key = w->account_key};
	w->client = acme_client_new(&w->options);
	return 0;
}

static int publish(void *context, const struct acme_answer *answer, struct err *err)
{
	const struct job *job = context;
	const struct acme_host *host = job->worker->host;
	AUTO(buf_free) struct buf data = BUF(4096);
	const struct acme_answer_row row = {.made_ms = clock_wall_ms(),
		.name = slice_str(answer->name),
		.key_authorization = answer->key_authorization};
	bool http = host->conf->challenge == CONF_ACME_HTTP;
	acme_answer_row_write(&row, &data);
	return acme_put(host->store, http ? ACME_HTTP : ACME_ALPN,
		slice_str(http ? answer->token : answer->name), buf_slice(&data), err);
}

static int keep_url(void *context, struct err *err)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	const struct job *job = context;
	struct acme_row row;
	if (acme_worker_load(job->worker->host, job->plan, &arena, &row, err) < 0)
		return -1;
	row.order_url = slice_str(job->order->url);
	return save(job, &row, err);
}

/* A key for the certificate to be, which is kept before anything is ordered for it. */
static int make_key(struct job *job, struct acme_row *row, struct arena *arena, struct err *err)
{
	AUTO(buf_free) struct buf pem = BUF(ACME_KEY_PEM_MAX);
	struct err ignored;
	bool reuse = job->worker->host->conf->reuse_key && row->key.len > 0 &&
		     acme_key_read(row->key, &job->key, &ignored) == 0;
	if ((!reuse && acme_key_new(&job->key, err) < 0) || acme_key_write(job->key, &pem, err) < 0)
		return -1;
	row->order_url = SLICE("");
	row->order_key = buf_slice(&pem);
	row->order_names = names_of(job->plan, arena);
	row->order_directory = slice_str(job->worker->host->conf->directory);
	int r = save(job, row, err);
	explicit_bzero(pem.data, pem.len);
	return r;
}

/* Goes on with an order that somebody has begun for these names, or begins one. */
static int begin(struct job *job, struct acme_row *row, struct arena *arena, struct err *err)
{
	struct acme_worker *w = job->worker;
	struct acme_host *host = w->host;
	bool goes_on = row->order_url.len > 0 && row->order_url.len < ACME_URL_MAX &&
		       acme_plan_is(job->plan, row->order_names) &&
		       is_of(job, row->order_directory);
	job->order = ALLOC(struct acme_order);
	if (open_client(w, err) < 0 ||
		acme_remove(host->store, ACME_RENEW, slice_str(job->plan->name), err) < 0)
		return -1;
	*job->order = (struct acme_order){.client = w->client,
		.names = job->plan->names,
		.count = job->plan->count,
		.challenge = host->conf->challenge == CONF_ACME_HTTP ? "http-01" : "tls-alpn-01",
		.publish = publish,
		.keep = keep_url,
		.context = job};
	if (goes_on)
		memcpy(job->order->url, row->order_url.ptr, row->order_url.len);
	int r = goes_on ? acme_key_read(row->order_key, &job->key, err)
			: make_key(job, row, arena, err);
	job->order->key = job->key;
	log_info(NULL, goes_on ? "an order of a certificate goes on" : "a certificate is ordered",
		F_STR("name", job->plan->name));
	return r;
}

static int keep_certificate(
	struct job *job, struct acme_row *row, struct slice chain, struct err *err)
{
	row->chain = chain;
	row->key = row->order_key;
	row->names = row->order_names;
	row->directory = row->order_directory;
	row->order_url = row->order_key = row->order_names = row->order_directory = SLICE("");
	row->error = SLICE("");
	row->had_ms = row->tried_ms = clock_wall_ms();
	row->failures = 0;
	row->next_ms = 0;
	return save(job, row, err);
}

static void tell(const struct job *job, struct slice chain)
{
	struct acme_leaf leaf;
	struct err ignored;
	(void)atomic_fetch_add(&job->worker->host->had, 1);
	if (acme_leaf_read(chain, &leaf, &ignored) == 0)
		log_info(NULL, "a certificate was had", F_STR("name", job->plan->name),
			F_STR("issuer", leaf.issuer),
			F_INT("days", (leaf.not_after - clock_wall()) / 86400));
}

static int64_t retry_ms(const struct acme_worker *w, uint64_t failures)
{
	int64_t wait = (int64_t)w->host->conf->retry_ms << MIN(failures - 1, (uint64_t)16);
	wait = MIN(wait, RETRY_MOST_MS);
	return w->client ? MAX(wait, acme_client_retry_ms(w->client)) : wait;
}

/* The old certificate stays. An order that the authority said no to is given up. */
static void fail(struct job *job, const struct err *why)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct acme_worker *w = job->worker;
	struct acme_row row;
	struct err err;
	(void)atomic_fetch_add(&w->host->failed, 1);
	drop_order(job);
	int64_t wait = (int64_t)w->host->conf->retry_ms;
	int r = acme_worker_load(w->host, job->plan, &arena, &row, &err);
	if (r == 0) {
		wait = retry_ms(w, ++row.failures);
		row.tried_ms = clock_wall_ms();
		row.next_ms = row.tried_ms + wait;
		row.error = slice_str(why->text);
		if (why->class == ERR_PERMANENT)
			row.order_url = row.order_key = row.order_names = row.order_directory =
				SLICE("");
		r = save(job, &row, &err);
	}
	if (r < 0)
		log_warn(NULL, "an attempt can't be written down", F_ERR(&err));
	log_warn(NULL, "a certificate can't be had", F_STR("name", job->plan->name), F_ERR(why),
		F_INT("again_in_s", wait / 1000));
	job->next_ms = clock_mono_ms() + MIN(wait, (int64_t)IDLE_MS);
}

static void clean(const struct job *job)
{
	struct err err;
	if (acme_remove_answers(
		    job->worker->host->store, job->plan->names, job->plan->count, &err) < 0)
		log_warn(NULL, "answers to challenges stay", F_ERR(&err));
}

static int finish(struct job *job, struct slice chain, struct err *err)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct acme_row row;
	struct acme_host *host = job->worker->host;
	if (acme_worker_load(host, job->plan, &arena, &row, err) < 0 ||
		acme_remove(host->store, ACME_RENEW, slice_str(job->plan->name), err) < 0 ||
		keep_certificate(job, &row, chain, err) < 0)
		return -1;
	tell(job, chain);
	drop_order(job);
	clean(job);
	return 0;
}

static void go_on(struct job *job)
{
	AUTO(buf_free) struct buf chain = BUF(ACME_CHAIN_MAX);
	int64_t wait_ms = 0;
	struct err err;
	int r = acme_order_run(job->order, &chain, &wait_ms, &err);
	if (r == ACME_ORDER_WAIT) {
		job->next_ms = clock_mono_ms() + wait_ms;
		return;
	}
	if (r == 0)
		r = finish(job, buf_slice(&chain), &err);
	if (r == 0 || atomic_load(&job->worker->host->role->stopping))
		return; /* what was cut off by the end goes on at the next start */
	if (err.class == ERR_PERMANENT)
		clean(job);
	fail(job, &err);
}

static void tend(struct job *job, bool changed)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct acme_row row;
	struct err err;
	bool look = job->order == NULL && changed;
	if (!look && clock_mono_ms() < job->next_ms)
		return;
	if (!job->order) {
		job->next_ms = clock_mono_ms() + IDLE_MS;
		if (acme_worker_load(job->worker->host, job->plan, &arena, &row, &err) < 0) {
			log_warn(NULL, "certificates can't be looked up", F_ERR(&err));
			return;
		}
		if (!is_due(job, &row)) {
			job->next_ms = clock_mono_ms() + idle_ms(&row);
			return;
		}
		if (begin(job, &row, &arena, &err) < 0) {
			fail(job, &err);
			return;
		}
	}
	go_on(job);
}

void acme_worker_run(struct acme_worker *w, bool changed)
{
	if (!is_ours(w)) {
		forget(w);
		for (size_t i = 0; i < w->count; i++)
			w->jobs[i].next_ms = 0;
		return;
	}
	for (size_t i = 0; i < w->count && !atomic_load(&w->host->role->stopping); i++)
		tend(&w->jobs[i], changed);
}
