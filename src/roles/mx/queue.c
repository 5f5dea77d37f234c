/* The queue lies in an embedded store of the role's own. What waits for stores of ours goes there
 * by LMTP; the report of what can't be delivered is a message like others. */
#include "roles/mx/queue.h"

#include "acme/kept.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/errno_here.h"
#include "base/log.h"
#include "base/must.h"
#include "message/header.h"
#include "queue/destination.h"
#include "roles/mirrored.h"
#include "roles/mx/greylist.h"
#include "roles/mx/outbound.h"
#include "roles/resolver.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <unistd.h>

enum {
	REPORT_MAX = 64 << 20,
	CACHE_BYTES = 8 << 20,
	HOUSE_LOOK_MS = 10 * 1000,
	MERGE_RULES_MAX = 16,
};

static const char NODE_FILE[] = "node"; /* the id of this node's queue */
static const char UNDERWAY_FILE[] = "underway";

struct mx_queue {
	struct role *role;
	struct mx_local *local; /* to stores of ours */
	struct mx_recipients *recipients;
	struct dns *dns; /* NULL: there is none */
	struct mx_outbound *outbound;
	struct mirror_node *mirror; /* on which the queue's store lies */
	struct store *store;
	struct store_merge_rule merge_rules[MERGE_RULES_MAX]; /* ended by kind 0 */
	struct mirrored_house house;
	struct id node;
	bool has_tried;                   /* since the start: it need not wait for a merge */
	char underway[600], boot[64];     /* for struct queue_options */
	int64_t linked_ms;                /* since when, on the monotonic clock; 0: never */
	atomic_int_fast64_t shared_until; /* since 1970; as queue_options */
	struct queue *queue;
	struct keys *keys;
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

struct mx_outbound *mx_queue_outbound(struct mx_queue *q)
{
	return q->outbound;
}

struct keys *mx_queue_keys(struct mx_queue *q)
{
	return q->keys;
}

/* A connection: to a store of ours, or to a server elsewhere. */
struct peer {
	struct mx_local_peer *here;
	struct mx_outbound_peer *elsewhere;
};

static int open_peer(void *context, struct slice destination, void **ret_peer, struct err *err)
{
	struct mx_queue *q = context;
	struct peer *peer = ALLOC(struct peer);
	struct slice place;
	int r = queue_destination_is_local(destination, &place)
			? mx_local_open(q->local, place, &peer->here, err)
			: mx_outbound_open(q->outbound, destination, &peer->elsewhere, err);
	if (r < 0)
		free(peer);
	else
		*ret_peer = peer;
	return r;
}

static int send_to_peer(void *peer, struct queue_delivery *d, struct err *err)
{
	const struct peer *p = peer;
	return p->elsewhere ? mx_outbound_send(p->elsewhere, d, err)
			    : mx_local_send(p->here, d, err);
}

static void close_peer(void *peer)
{
	struct peer *p = peer;
	if (p->elsewhere)
		mx_outbound_close(p->elsewhere);
	else
		mx_local_close(p->here);
	free(p);
}

static int find_place(void *context, const struct queue_entry *entry,
	char ret_place[QUEUE_PLACE_MAX + 1], struct err *err)
{
	return mx_local_place(((struct mx_queue *)context)->local, entry, ret_place, err);
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

int mx_queue_add_report(struct mx_queue *q, const struct mx_queue_report *report, struct err *err)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct queue_recipient *to;
	struct queue_message message = {.body = ENVELOPE_8BITMIME,
		.smtputf8 = report->smtputf8,
		.requiretls = report->requiretls,
		.session = report->session,
		.text = report->text};
	if (mx_recipients_of_report(
		    q->recipients, report->sender, &arena, &to, &message.count, err) < 0)
		return -1;
	message.recipients = to;
	return queue_add(q->queue, &message, err);
}

static int report(void *context, enum queue_report_action action, const struct queue_delivery *d,
	struct err *err)
{
	struct mx_queue *q = context;
	AUTO(buf_free) struct buf text = BUF(REPORT_MAX);
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	const struct queue_entry *first = &d->entries[0];
	struct queue_report_recipient *recipients =
		ARENA_ARRAY(&arena, struct queue_report_recipient, d->count);
	for (size_t i = 0; i < d->count; i++)
		describe(q, action, &d->entries[i], &d->outcomes[i], &recipients[i]);
	struct queue_report report = {.hostname = q->role->settings->hostname,
		.sender = first->sender,
		.envid = first->envid,
		/* What needs TLS does not come back whole (RFC 8689 section 5). */
		.ret = first->flags & QUEUE_REQUIRETLS ? ENVELOPE_RET_HDRS : first->ret,
		.smtputf8 = first->smtputf8,
		.arrival = first->arrived_ms / 1000,
		.recipients = recipients,
		.count = d->count,
		.message = d->message};
	queue_report_write(&report, &text);
	if (text.failed)
		return err_temporary(err, ERR_LIMIT, "no memory for a report");
	struct mx_queue_report about = {.sender = first->sender,
		.session = first->session,
		.text = buf_slice(&text),
		.smtputf8 = queue_report_is_utf8(&report),
		.requiretls = first->flags & QUEUE_REQUIRETLS};
	return mx_queue_add_report(q, &about, err);
}

static const struct queue_transport TRANSPORT = {.open = open_peer,
	.send = send_to_peer,
	.close = close_peer,
	.place = find_place,
	.report = report};

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

void mx_queue_report_to(struct mx_queue *q, struct reports *reports)
{
	mx_outbound_report_to(q->outbound, reports);
}

struct id mx_queue_node(struct mx_queue *q)
{
	return q->node;
}

/* Which run of the machine this is; "": nobody says. */
static void read_boot(char *to, size_t size)
{
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, to, size - 1);
	to[n > 0 ? n : 0] = '\0';
	if (fd >= 0)
		(void)close(fd);
}

/* While it was alone the other node may have taken over what lies here. */
static void note_link(struct mx_queue *q, const struct mirror_pair_view *view)
{
	if (view->state != MIRROR_IN_SYNC || view->since_ms == q->linked_ms)
		return;
	q->linked_ms = view->since_ms;
	atomic_store(&q->shared_until, clock_wall_ms());
}

static int64_t shared_until(void *context)
{
	return atomic_load(&((struct mx_queue *)context)->shared_until);
}

static bool is_other(void *context, struct id node)
{
	const struct mx_queue *q = context;
	struct mirror_pair_view view;
	mirror_node_see_pair(q->mirror, &view);
	return view.state == MIRROR_IN_SYNC && id_eq(view.other, node);
}

/* Each node works on what it took itself; of what a node took that is one of the two no more, the
 * first one does. The other one's it takes over when that has been away for long; while the mirror
 * is paused that one is not lost. */
static bool works_for(const struct mx_queue *q, struct id account,
	bool (*is_of)(struct id account, struct id node))
{
	struct mirror_pair_view view;
	if (is_of(account, q->node))
		return true;
	mirror_node_see_pair(q->mirror, &view);
	uint64_t take_over = q->role->settings->mx.queue.take_over_ms;
	int64_t away = view.state == MIRROR_ALONE ? clock_mono_ms() - view.since_ms : 0;
	if (view.state == MIRROR_UNPAIRED || (take_over > 0 && away >= (int64_t)take_over))
		return true;
	return view.is_first && !is_of(account, view.other);
}

static bool works_on(void *context, struct id account)
{
	return works_for(context, account, queue_is_shard_of);
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
	struct mirror_pair_view view;
	mirror_node_see_pair(q->mirror, &view);
	note_link(q, &view);
	return q->has_tried;
}

static bool has_reports_of(struct id account, struct id node)
{
	return id_eq(account, reports_account(node));
}

/* Not while it is being found out what the other node has sent meanwhile. */
bool mx_queue_works_on_reports(struct mx_queue *q, struct id account)
{
	struct mirror_status status;
	if (mirror_node_ailment(q->mirror))
		return false;
	mirror_node_status(q->mirror, &status);
	return status.state != MIRROR_MERGING && works_for(q, account, has_reports_of);
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

int mx_queue_open(
	struct role *role, struct mx_local *local, struct mx_queue **ret_queue, struct err *err)
{
	const struct conf_queue *conf = &role->settings->mx.queue;
	struct mx_queue *q = ALLOC(struct mx_queue);
	*ret_queue = q;
	q->role = role;
	q->local = local;
	struct queue_options options = {.loop = role->loop,
		.transport = &TRANSPORT,
		.context = q,
		.schedule = {.connections_max = (unsigned)conf->connections,
			.per_destination_max = (unsigned)conf->connections_per_destination,
			.backoff_first_ms = (unsigned)conf->reach_first_ms,
			.backoff_max_ms = (unsigned)MAX(conf->reach_max_ms, conf->reach_first_ms)},
		.lifetime_ms = (int64_t)conf->lifetime_ms,
		.delay_ms = (int64_t)conf->delay_warning_ms,
		.works_on = works_on,
		.is_ready = is_ready,
		.shared_until_ms = shared_until,
		.is_other = is_other,
		.underway = q->underway,
		.boot = q->boot[0] ? q->boot : NULL};
	(void)snprintf(q->underway, sizeof(q->underway), "%s/%s", role->folder, UNDERWAY_FILE);
	read_boot(q->boot, sizeof(q->boot));
	_Static_assert(
		(int)QUEUE_RETRIES_MAX >= (int)CONF_DURATIONS_MAX, "all of `retry` has room");
	for (size_t i = 0; i < conf->retry.count; i++)
		options.retry_ms[options.retry_count++] = (unsigned)conf->retry.items[i];
	open_resolver(q);
	if (load_node(role->folder_fd, &q->node, err) < 0 || open_store(q, err) < 0 ||
		mx_outbound_new(role, q->dns, q->store, &q->outbound, err) < 0)
		return -1;
	options.store = q->store;
	options.node = q->node;
	q->house = (struct mirrored_house){.store = q->store,
		.node = q->mirror,
		.forgetting = store_forgetting_new(q->store),
		.stopping = &role->stopping,
		.interval_ms = role->settings->store.compact_interval_ms};
	if (keys_open(q->store, &q->keys, err) < 0)
		return -1;
	return queue_open(&options, &q->queue, err);
}

void mx_queue_report_by(struct mx_queue *q, struct mx_recipients *recipients)
{
	q->recipients = recipients;
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
	store_forgetting_free(q->house.forgetting);
	if (q->store)
		store_close(q->store);
	mirror_node_free(q->mirror);
	mx_outbound_free(q->outbound);
	dns_free(q->dns);
	free(q);
}

/* Its sender asks for delivery, whatever TLS the other side demands (RFC 8689 section 3). */
static bool is_tls_waived(struct slice message)
{
	struct message_field field;
	while (message_next_field(&message, &field))
		if (slice_eq_nocase(field.name, SLICE("TLS-Required")))
			return slice_eq_nocase(slice_trim(field.value), SLICE("No"));
	return false;
}

int mx_queue_hold(struct mx_queue *q, const struct smtp_transaction *t,
	const struct queue_recipient *recipients, size_t count, struct slice why, struct err *err)
{
	struct mx_queue_onward as_it_is = {.id = t->sender.again ? t->sender.delivery : ID_NONE,
		.sender = t->sender.path.address,
		.head = t->extra,
		.why = why,
		.smtputf8 = t->sender.smtputf8,
		.recipients = recipients,
		.count = count};
	return mx_queue_send_on(q, t, &as_it_is, err);
}

int mx_queue_send_on(struct mx_queue *q, const struct smtp_transaction *t,
	const struct mx_queue_onward *o, struct err *err)
{
	struct queue_message message = {.id = o->id,
		.sender = o->sender,
		.body = t->sender.body,
		.ret = t->sender.ret,
		.smtputf8 = o->smtputf8,
		.requiretls = t->sender.require_tls,
		.tls_optional = is_tls_waived(t->message),
		.envid = t->sender.envid,
		.user = t->user,
		.session = slice_str(t->session),
		.recipients = o->recipients,
		.count = o->count,
		.held = o->why,
		.head = o->head,
		.text = t->message};
	return queue_add(q->queue, &message, err);
}
