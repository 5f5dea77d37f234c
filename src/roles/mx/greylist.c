/* A row is a named object: "t" and a hash of client network, sender and recipient, with the moment
 * at which they were seen first; or "c" and the client's network, with the moment at which it was
 * last known to come again. Its data is a version and that moment, in milliseconds since 1970.
 *
 * Rows lie in SHARDS accounts of one collection each, by the client's network, so that writers need
 * not wait for each other; the accounts are the same at both nodes of a mirror. */
#include "roles/mx/greylist.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "base/log.h"
#include "filter/digest.h"
#include "filter/spf.h"
#include "roles/mx/clients.h"

enum {
	VERSION = 1,
	SHARDS = 16,
	NET_SIZE = 16,
	HASH_SIZE = 20, /* of it that is kept */
	NAME_ROOM = 2 * FILTER_DIGEST_LEN + 2,
	HOUR_MS = 3600 * 1000,
	BATCH = 256, /* rows that go in one write */
};

static const int64_t DAY_MS = 24 * (int64_t)HOUR_MS;
static const char COLLECTION[] = "greylist";

const struct store_merge_rule mx_greylist_merge_rules[] = {
	{.kind = STORE_GREYLIST, .later_only = true}, {0}};

struct names {
	struct id account;
	char client[NAME_ROOM], triplet[NAME_ROOM];
};

static struct id account_of(unsigned shard)
{
	struct id id = ID_NONE;
	id.bytes[0] = 'g';
	id.bytes[ID_SIZE - 2] = (uint8_t)shard; /* leases and locks are spread by the end */
	id.bytes[ID_SIZE - 1] = 'g';
	return id;
}

/* IPv4 by /24, IPv6 by /64. */
static bool network_of(const struct net_address *client, uint8_t ret[NET_SIZE])
{
	if (!net_address_bytes(client, ret))
		return false;
	size_t kept = net_ip_is_v4(ret) ? 15 : 8;
	memset(ret + kept, 0, NET_SIZE - kept);
	return true;
}

static void write_name(char kind, const uint8_t *bytes, size_t len, char ret[NAME_ROOM])
{
	ret[0] = kind;
	for (size_t i = 0; i < len; i++)
		(void)snprintf(ret + 1 + 2 * i, 3, "%02x", bytes[i]);
}

static void add_lower(struct filter_digest *digest, struct slice text)
{
	for (size_t i = 0; i < text.len; i++) {
		char c = slice_lower(text.ptr[i]);
		filter_digest_add(digest, slice(&c, 1));
	}
	filter_digest_add(digest, slice("", 1));
}

static bool name_all(const struct net_address *client, struct slice sender, struct slice recipient,
	struct names *ret)
{
	uint8_t net[NET_SIZE];
	unsigned char hash[FILTER_DIGEST_LEN];
	if (!network_of(client, net))
		return false;
	unsigned shard = 0;
	for (size_t i = 0; i < NET_SIZE; i++)
		shard = shard * 31 + net[i];
	ret->account = account_of(shard % SHARDS);
	struct filter_digest digest = filter_digest_new();
	filter_digest_add(&digest, slice(net, sizeof(net)));
	add_lower(&digest, sender);
	add_lower(&digest, recipient);
	filter_digest_end(&digest, hash);
	write_name('c', net, sizeof(net), ret->client);
	write_name('t', hash, HASH_SIZE, ret->triplet);
	return true;
}

/* -1: it is no such row. */
static int64_t read_row(struct slice data)
{
	struct slice version;
	uint64_t ms;
	if (!bytes_cut(&data, 1, &version) || version.ptr[0] != VERSION ||
		!bytes_cut_varint(&data, &ms) || ms > INT64_MAX)
		return -1;
	return (int64_t)ms;
}

/* *ret_ms: -1 when there is none. */
static int find(const struct mx_greylist *g, struct id account, const char *name, int64_t *ret_ms,
	struct err *err)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct store_collection c;
	struct store_object object;
	*ret_ms = -1;
	int r = store_find_collection(
		g->store, account, STORE_GREYLIST, slice_str(COLLECTION), &arena, &c, err);
	if (r == 0)
		r = store_find_object(
			g->store, account, c.id, slice_str(name), &arena, &object, err);
	if (r == 0)
		*ret_ms = read_row(object.data);
	return r < 0 ? r : 0;
}

static int open_collection(struct store_write *write, struct id account,
	struct store_collection **ret_collection, struct err *err)
{
	struct slice name = slice_str(COLLECTION);
	int r = store_write_find_collection(
		write, account, STORE_GREYLIST, name, ret_collection, err);
	if (r == STORE_ABSENT)
		r = store_write_collection_new(
			write, account, STORE_GREYLIST, name, SLICE(""), ret_collection, err);
	return r;
}

static int put(struct store_write *write, struct store_collection *c, const char *name, int64_t ms,
	struct err *err)
{
	AUTO(buf_free) struct buf data = BUF(16);
	struct store_object object, fresh = {.name = slice_str(name)};
	buf_add_byte(&data, VERSION);
	bytes_add_varint(&data, (uint64_t)ms);
	fresh.data = buf_slice(&data);
	int r = store_write_find_object(write, c, fresh.name, &object, err);
	if (r == STORE_ABSENT)
		return store_write_object_new(write, c, &fresh, SLICE_NONE, err);
	object.data = fresh.data;
	return r < 0 ? r : store_write_object(write, c, &object, SLICE_NONE, err);
}

static int drop(
	struct store_write *write, struct store_collection *c, const char *name, struct err *err)
{
	struct store_object object;
	int r = store_write_find_object(write, c, slice_str(name), &object, err);
	if (r == 0)
		r = store_write_object_gone(write, c, &object, err);
	return r < 0 ? r : 0;
}

/* `name` was seen; `done_with` (may be NULL) is not needed any more. */
static int keep(const struct mx_greylist *g, struct id account, const char *name, int64_t now_ms,
	const char *done_with, struct err *err)
{
	struct store_write *write;
	struct store_collection *c;
	if (store_write_begin(g->store, &account, 1, &write, err) < 0)
		return -1;
	int r = open_collection(write, account, &c, err);
	if (r == 0)
		r = put(write, c, name, now_ms, err);
	if (r == 0 && done_with)
		r = drop(write, c, done_with, err);
	if (r == 0)
		return store_write_commit(write, err);
	store_write_abort(write);
	return -1;
}

int mx_greylist_ask(struct mx_greylist *g, const struct net_address *client, struct slice sender,
	struct slice recipient, int64_t now_ms, int64_t *ret_wait_ms, struct err *err)
{
	struct names n;
	int64_t known, first, delay = (int64_t)g->conf->delay_ms;
	*ret_wait_ms = 0;
	if (!name_all(client, sender, recipient, &n))
		return 0;
	if (find(g, n.account, n.client, &known, err) < 0)
		return -1;
	if (known >= 0 && now_ms - known < (int64_t)g->conf->remember_ms)
		return now_ms - known < DAY_MS ? 0
					       : keep(g, n.account, n.client, now_ms, NULL, err);
	if (find(g, n.account, n.triplet, &first, err) < 0)
		return -1;
	int64_t age = now_ms - first;
	bool counts = first >= 0 && age >= 0 && age < (int64_t)g->conf->retry_ms;
	if (counts && age >= delay)
		return keep(g, n.account, n.client, now_ms, n.triplet, err);
	*ret_wait_ms = counts ? delay - age : delay;
	if (!counts && keep(g, n.account, n.triplet, now_ms, NULL, err) < 0)
		return -1;
	return MX_GREYLIST_WAIT;
}

struct sweep {
	const struct mx_greylist *greylist;
	int64_t now_ms;
	uint32_t numbers[BATCH];
	size_t count;
};

static bool is_old(const struct sweep *s, const struct store_object *object)
{
	int64_t age = s->now_ms - read_row(object->data);
	bool client = slice_starts(object->name, SLICE("c"));
	const struct conf_greylist *conf = s->greylist->conf;
	return age >= (int64_t)(client ? conf->remember_ms : conf->retry_ms);
}

static bool look_at(void *context, const struct store_object *object)
{
	struct sweep *s = context;
	if (is_old(s, object))
		s->numbers[s->count++] = object->number;
	return s->count < BATCH;
}

static int drop_old(struct sweep *s, struct id account, struct err *err)
{
	struct store_write *write;
	struct store_collection *c;
	struct store_object object;
	if (store_write_begin(s->greylist->store, &account, 1, &write, err) < 0)
		return -1;
	int r = open_collection(write, account, &c, err);
	for (size_t i = 0; r == 0 && i < s->count; i++) {
		r = store_write_get_object(write, c, s->numbers[i], &object, err);
		if (r == 0 && is_old(s, &object))
			r = store_write_object_gone(write, c, &object, err);
		r = r == STORE_ABSENT ? 0 : r;
	}
	if (r == 0)
		return store_write_commit(write, err);
	store_write_abort(write);
	return -1;
}

static int clean_shard(
	const struct mx_greylist *g, struct id account, int64_t now_ms, struct err *err)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct store_collection c;
	struct sweep s = {.greylist = g, .now_ms = now_ms, .count = BATCH};
	int r = store_find_collection(
		g->store, account, STORE_GREYLIST, slice_str(COLLECTION), &arena, &c, err);
	while (r == 0 && s.count == BATCH) {
		s.count = 0;
		r = store_scan_objects(g->store, account, c.id, 1, UINT32_MAX, look_at, &s, err);
		if (r == 0 && s.count > 0)
			r = drop_old(&s, account, err);
	}
	return r < 0 ? r : 0;
}

int mx_greylist_clean(struct mx_greylist *g, int64_t now_ms, struct err *err)
{
	for (unsigned i = 0; i < SHARDS; i++)
		if (clean_shard(g, account_of(i), now_ms, err) < 0)
			return -1;
	return 0;
}

void mx_greylist_keep_house(void *context)
{
	struct mx_greylist *g = context;
	struct err err;
	if (clock_mono_ms() < g->due_ms)
		return;
	g->due_ms = clock_mono_ms() + HOUR_MS;
	if (mx_greylist_clean(g, clock_wall_ms(), &err) < 0)
		log_warn(NULL, "old rows of the greylist stay", F_ERR(&err));
}

static bool passes_spf(const struct mx_greylist *g, const struct smtp_transaction *t)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct filter_spf_answer answer;
	struct filter_spf_query query = {.dns = g->dns,
		.client = t->client,
		.sender = t->sender.path.address,
		.helo = t->helo,
		.receiver = slice_str(g->hostname)};
	if (!g->dns)
		return false;
	filter_spf_check(&query, &arena, &answer);
	return answer.result == FILTER_SPF_PASS;
}

static bool is_spared(const struct mx_greylist *g, const struct smtp_transaction *t)
{
	const struct mx_client_score *s = mx_clients_score(t);
	if (!g->conf->on || !s || !s->judged)
		return true;
	if (g->conf->spare == CONF_GREYLIST_NOBODY || s->score > 0)
		return false;
	return s->has_name || (g->conf->spare == CONF_GREYLIST_SPF && passes_spf(g, t));
}

int mx_greylist_recipient(struct mx_greylist *g, struct smtp_transaction *t,
	const struct smtp_recipient *r, struct err *err)
{
	int64_t wait_ms;
	if (is_spared(g, t))
		return 0;
	int answer = mx_greylist_ask(g, t->client, t->sender.path.address, r->envelope.path.address,
		clock_wall_ms(), &wait_ms, err);
	if (answer < 0)
		log_warn(t->log, "the greylist can't be asked, mail goes on", F_ERR(err));
	if (answer != MX_GREYLIST_WAIT) {
		(void)atomic_fetch_add(&g->passed, 1);
		return 0;
	}
	(void)atomic_fetch_add(&g->deferred, 1);
	t->reply_code = 450;
	(void)err_temporary(err, ERR_DENIED, "We do not know you yet, try again in %u s",
		(unsigned)((wait_ms + 999) / 1000));
	return err_status(err, "4.7.1");
}

void mx_greylist_metrics(struct mx_greylist *g, struct role *role, struct buf *to)
{
	role_metric(role, to, "greylist_deferred_total", "", g->deferred);
	role_metric(role, to, "greylist_passed_total", "", g->passed);
}
