/* The queue lies in an embedded store of the role's own. What waits for our store goes there by
 * LMTP; the report of what can't be delivered is a message like others. */
#include "roles/mx/queue.h"

#include "acme/kept.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/errno_here.h"
#include "base/log.h"
#include "base/must.h"
#include "roles/mirrored.h"
#include "roles/mx/greylist.h"
#include "roles/mx/outbound.h"
#include "roles/mx/sending.h"
#include "roles/resolver.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <unistd.h>

enum {
	REPORT_MAX = 64 << 20,
	CACHE_BYTES = 8 << 20,
	HOUSE_LOOK_MS = 10 * 1000,
	MERGE_RULES_MAX = 16,
	AWAY_MS = 2000, /* that nobody tries our store after it did not answer */
};

static const char NODE_FILE[] = "node"; /* the id of this node's queue */

struct mx_queue {
	struct role *role;
	struct smtp_client_pool *pool; /* to our store */
	struct directory *directory;
	struct dns *dns; /* NULL: there is none */
	struct mx_outbound *outbound;
	struct mirror_node *mirror; /* on which the queue's store lies */
	struct store *store;
	struct store_merge_rule merge_rules[MERGE_RULES_MAX]; /* ended by kind 0 */
	struct mirrored_house house;
	struct id node;
	bool has_tried; /* since the start: it need not wait for a merge */
	struct queue *queue;
	struct keys *keys;
	atomic_int_fast64_t away_until; /* monotonic */
};

struct queue *mx_queue_of(struct mx_queue *q)
{
	return q->queue;
}

struct dns *mx_queue_dns(struct mx_queue *q)
{
	return q->dns;
}

struct store *mx_queue_store(struct mx_queue *q)
{
	return q->store;
}

struct mirror_node *mx_queue_mirror(struct mx_queue *q)
{
	return q->mirror;
}

struct keys *mx_queue_keys(struct mx_queue *q)
{
	return q->keys;
}

void mx_queue_store_is_away(struct mx_queue *q)
{
	atomic_store(&q->away_until, clock_mono_ms() + AWAY_MS);
}

bool mx_queue_is_store_away(struct mx_queue *q)
{
	return clock_mono_ms() < atomic_load(&q->away_until);
}

/* A connection: to our store (the pool has it), or to a server elsewhere. */
struct peer {
	struct mx_queue *q;
	struct mx_outbound_peer *elsewhere; /* NULL: our store */
};

static int reach_store(struct mx_queue *q, struct err *err)
{
	if (smtp_client_reach(q->pool, err) < 0) {
		mx_queue_store_is_away(q);
		return -1;
	}
	atomic_store(&q->away_until, 0);
	return 0;
}

static int open_peer(void *context, struct slice destination, void **ret_peer, struct err *err)
{
	struct mx_queue *q = context;
	struct peer *peer = ALLOC(struct peer);
	peer->q = q;
	int r = destination.len == 0
			? reach_store(q, err)
			: mx_outbound_open(q->outbound, destination, &peer->elsewhere, err);
	if (r < 0)
		free(peer);
	else
		*ret_peer = peer;
	return r;
}

static int send_to_store(struct mx_queue *q, struct queue_delivery *d, struct err *err)
{
	struct mx_sending s;
	mx_sending_begin(&s, d);
	int r = smtp_client_deliver(q->pool, &s.t, err);
	bool lost = r == SMTP_CLIENT_LOST, for_good = r < 0 && err->class == ERR_PERMANENT;
	mx_sending_tell(&s, d);
	for (size_t i = 0; i < d->count && (lost || for_good); i++)
		d->outcomes[i] = (struct queue_outcome){.result = -1, .err = *err, .lost = lost};
	mx_sending_end(&s);
	if (r != 0 && !for_good)
		mx_queue_store_is_away(q);
	return lost ? QUEUE_PEER_GONE : for_good ? 0 : r;
}

static int send_to_peer(void *peer, struct queue_delivery *d, struct err *err)
{
	const struct peer *p = peer;
	return p->elsewhere ? mx_outbound_send(p->elsewhere, d, err) : send_to_store(p->q, d, err);
}

static void close_peer(void *peer)
{
	struct peer *p = peer;
	if (p->elsewhere)
		mx_outbound_close(p->elsewhere);
	free(p);
}

/* 0: ours; DIRECTORY_UNKNOWN: elsewhere. */
static int find_sender(struct mx_queue *q, struct slice sender, struct err *err)
{
	struct envelope_path path;
	if (!envelope_parse_address(sender, &path))
		return DIRECTORY_UNKNOWN;
	return directory_domain(q->directory, path.domain, err);
}

static void describe(const struct mx_queue *q, enum queue_report_action action,
	const struct queue_entry *e, const struct queue_outcome *o,
	struct queue_report_recipient *ret)
{
	*ret = (struct queue_report_recipient){.action = action,
		.address = e->recipient,
		.orcpt = e->orcpt,
		.last_attempt = clock_wall()};
	for (size_t i = 0; i < e->recipient.len; i++)
		ret->is_utf8 |= (unsigned char)e->recipient.ptr[i] >= 0x80;
	if (o->host[0])
		ret->remote = o->host;
	if (o->result < 0) {
		ret->status = o->err.status;
		ret->words = o->err.text;
		ret->code = o->code;
		ret->said_status = o->err.status;
		ret->said_text = o->err.text;
	}
	if (action == QUEUE_REPORT_DELAYED)
		ret->retry_until = e->arrived_ms / 1000 +
				   (int64_t)q->role->settings->mx.queue.lifetime_ms / 1000;
}

static int add_report(struct mx_queue *q, const struct queue_entry *about, bool local, bool utf8,
	struct slice text, struct err *err)
{
	struct queue_recipient sender = {.address = about->sender, .local = local};
	struct queue_message message = {.body = ENVELOPE_8BITMIME,
		.smtputf8 = utf8,
		.session = about->session,
		.recipients = &sender,
		.count = 1,
		.text = text};
	return queue_add(q->queue, &message, err);
}

static int report(void *context, enum queue_report_action action, const struct queue_delivery *d,
	struct err *err)
{
	struct mx_queue *q = context;
	AUTO(buf_free) struct buf text = BUF(REPORT_MAX);
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	const struct queue_entry *first = &d->entries[0];
	int where = find_sender(q, first->sender, err);
	if (where < 0)
		return where;
	struct queue_report_recipient *recipients =
		ARENA_ARRAY(&arena, struct queue_report_recipient, d->count);
	for (size_t i = 0; i < d->count; i++)
		describe(q, action, &d->entries[i], &d->outcomes[i], &recipients[i]);
	struct queue_report report = {.hostname = q->role->settings->hostname,
		.sender = first->sender,
		.envid = first->envid,
		.ret = first->ret,
		.smtputf8 = first->smtputf8,
		.arrival = first->arrived_ms / 1000,
		.recipients = recipients,
		.count = d->count,
		.message = d->message};
	queue_report_write(&report, &text);
	if (text.failed)
		return err_temporary(err, ERR_LIMIT, "no memory for a report");
	return add_report(
		q, first, where == 0, queue_report_is_utf8(&report), buf_slice(&text), err);
}

static const struct queue_transport TRANSPORT = {
	.open = open_peer, .send = send_to_peer, .close = close_peer, .report = report};

/* The id of this node's queue, which is made once. */
static int load_node(int folder_fd, struct id *ret_node, struct err *err)
{
	int fd = openat(folder_fd, NODE_FILE, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_errno(err, errno, "can't open the queue's %s", NODE_FILE);
	ssize_t n = read(fd, ret_node->bytes, ID_SIZE);
	if (n == 0) {
		*ret_node = id_new();
		n = write(fd, ret_node->bytes, ID_SIZE);
		if (n == ID_SIZE && fsync(fd) < 0)
			n = -1;
	}
	int r = n == ID_SIZE ? 0 : err_errno(err, errno, "can't use the queue's %s", NODE_FILE);
	(void)close(fd);
	return r;
}

static void add_merge_rules(struct mx_queue *q, const struct store_merge_rule *rules)
{
	size_t count = 0;
	while (q->merge_rules[count].kind)
		count++;
	for (; rules->kind; rules++) {
		must(count + 1 < MERGE_RULES_MAX);
		q->merge_rules[count++] = *rules;
	}
}

static int open_store(struct mx_queue *q, struct err *err)
{
	const struct conf_settings *settings = q->role->settings;
	struct mirrored_options options = {.conf = &settings->mx.mirror,
		.folder = q->role->folder,
		.name = "queue",
		.segment_bytes = settings->store.segment_size,
		.cache_bytes = CACHE_BYTES,
		.rules = q->merge_rules,
		.id = q->node};
	add_merge_rules(q, mx_greylist_merge_rules);
	add_merge_rules(q, acme_merge_rules);
	return mirrored_open(&options, &q->mirror, &q->store, err);
}

/* Each node works on what it took itself; of what a node took that is one of the two no more, the
 * first one does. The other one's it takes over when that has been away for long; while the mirror
 * is paused that one is not lost. */
static bool works_on(void *context, struct id account)
{
	const struct mx_queue *q = context;
	struct mirror_pair_view view;
	if (queue_is_shard_of(account, q->node))
		return true;
	mirror_node_see_pair(q->mirror, &view);
	uint64_t take_over = q->role->settings->mx.queue.take_over_ms;
	int64_t away = view.state == MIRROR_ALONE ? clock_mono_ms() - view.since_ms : 0;
	if (view.state == MIRROR_UNPAIRED || (take_over > 0 && away >= (int64_t)take_over))
		return true;
	return view.is_first && !queue_is_shard_of(account, view.other);
}

/* Not before it is known what the other node has sent meanwhile; nor when nothing could be written
 * down. */
static bool is_ready(void *context)
{
	struct mx_queue *q = context;
	struct mirror_status status;
	if (mirror_node_ailment(q->mirror))
		return false;
	if (!q->has_tried) {
		mirror_node_status(q->mirror, &status);
		q->has_tried = status.state != MIRROR_MERGING;
	}
	return q->has_tried;
}

static void keep_house(void *context)
{
	mirrored_keep_house(&((struct mx_queue *)context)->house);
}

/* Mail among our own users goes on without. */
static void open_resolver(struct mx_queue *q)
{
	struct err err;
	if (resolver_open(&q->role->settings->dns, &q->dns, &err) == 0)
		return;
	q->dns = NULL;
	log_error(NULL, "without a resolver no mail can leave", F_ERR(&err));
}

int mx_queue_open(struct role *role, struct smtp_client_pool *pool, struct directory *directory,
	struct mx_queue **ret_queue, struct err *err)
{
	const struct conf_queue *conf = &role->settings->mx.queue;
	struct mx_queue *q = ALLOC(struct mx_queue);
	*ret_queue = q;
	q->role = role;
	q->pool = pool;
	q->directory = directory;
	struct queue_options options = {.loop = role->loop,
		.transport = &TRANSPORT,
		.context = q,
		.schedule = {.connections_max = (unsigned)conf->connections,
			.per_destination_max = (unsigned)conf->connections_per_destination},
		.lifetime_ms = (int64_t)conf->lifetime_ms,
		.delay_ms = (int64_t)conf->delay_warning_ms,
		.works_on = works_on,
		.is_ready = is_ready};
	open_resolver(q);
	if (load_node(role->folder_fd, &q->node, err) < 0 || open_store(q, err) < 0 ||
		mx_outbound_new(role, q->dns, q->store, &q->outbound, err) < 0)
		return -1;
	options.store = q->store;
	options.node = q->node;
	q->house = (struct mirrored_house){.store = q->store,
		.stopping = &role->stopping,
		.interval_ms = role->settings->store.compact_interval_ms};
	if (keys_open(q->store, &q->keys, err) < 0)
		return -1;
	return queue_open(&options, &q->queue, err);
}

int mx_queue_start(struct mx_queue *q, struct err *err)
{
	struct net_loop *loop = q->role->loop;
	if (mirror_node_serve(q->mirror, loop, err) < 0)
		return -1;
	queue_start(q->queue);
	net_loop_every(loop, HOUSE_LOOK_MS, keep_house, q);
	return 0;
}

void mx_queue_close(struct mx_queue *q)
{
	if (!q)
		return;
	queue_close(q->queue);
	keys_close(q->keys);
	if (q->store)
		store_close(q->store);
	mirror_node_free(q->mirror);
	mx_outbound_free(q->outbound);
	dns_free(q->dns);
	free(q);
}

int mx_queue_keep(struct mx_queue *q, const struct smtp_transaction *t,
	const struct queue_recipient *recipients, size_t count, struct err *err)
{
	return mx_queue_hold(q, t, recipients, count, SLICE(""), err);
}

int mx_queue_hold(struct mx_queue *q, const struct smtp_transaction *t,
	const struct queue_recipient *recipients, size_t count, struct slice why, struct err *err)
{
	struct queue_message message = {.sender = t->sender.path.address,
		.body = t->sender.body,
		.ret = t->sender.ret,
		.smtputf8 = t->sender.smtputf8,
		.requiretls = t->sender.require_tls,
		.envid = t->sender.envid,
		.user = t->user,
		.session = slice_str(t->session),
		.recipients = recipients,
		.count = count,
		.held = why,
		.head = t->extra,
		.text = t->message};
	return queue_add(q->queue, &message, err);
}
