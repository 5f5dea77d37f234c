/* The queue lies in an embedded store of the role's own. What waits for our store goes there by
 * LMTP; the report of what can't be delivered is a message like others. */
#include "roles/mx_queue.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/errno_here.h"
#include "base/log.h"
#include "smtp/dsn.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <unistd.h>

enum {
	REPORT_MAX = 64 << 20,
	CACHE_BYTES = 8 << 20,
	AWAY_MS = 2000, /* that nobody tries our store after it did not answer */
};

static const char NODE_FILE[] = "node"; /* the id of this node's queue */

struct mx_queue {
	struct role *role;
	struct smtp_client_pool *pool; /* to our store */
	struct directory *directory;
	struct store *store; /* the queue's */
	struct queue *queue;
	atomic_int_fast64_t away_until; /* monotonic */
};

struct queue *mx_queue_of(struct mx_queue *q)
{
	return q->queue;
}

void mx_queue_store_is_away(struct mx_queue *q)
{
	atomic_store(&q->away_until, clock_mono_ms() + AWAY_MS);
}

bool mx_queue_is_store_away(struct mx_queue *q)
{
	return clock_mono_ms() < atomic_load(&q->away_until);
}

/* A delivery as a transaction of the LMTP client. */
struct sending {
	struct smtp_transaction t;
	struct smtp_recipient *recipients;
};

static void set_path(struct slice address, struct envelope_path *ret_path)
{
	if (!envelope_parse_address(address, ret_path))
		*ret_path = (struct envelope_path){.address = address};
}

static void begin_sending(const struct queue_delivery *d, struct sending *ret)
{
	const struct queue_entry *first = &d->entries[0];
	struct sending *s = ret;
	*s = (struct sending){
		.t = {.arena = ARENA_EMPTY, .count = d->count, .message = d->message}};
	struct arena *arena = &s->t.arena;
	s->t.session = arena_copy(arena, first->session).ptr;
	set_path(first->sender, &s->t.sender.path);
	s->t.sender.body = first->body;
	s->t.sender.smtputf8 = first->smtputf8;
	s->t.sender.ret = first->ret;
	s->t.sender.envid = first->envid;
	s->recipients = ARENA_ARRAY(arena, struct smtp_recipient, d->count);
	s->t.recipients = ARENA_ARRAY(arena, struct smtp_recipient *, d->count);
	for (size_t i = 0; i < d->count; i++) {
		struct smtp_recipient *r = &s->recipients[i];
		set_path(d->entries[i].recipient, &r->envelope.path);
		r->envelope.notify = d->entries[i].notify;
		r->envelope.orcpt = d->entries[i].orcpt;
		r->result = d->outcomes[i].result;
		r->err = d->outcomes[i].err;
		s->t.recipients[i] = r;
	}
}

static void end_sending(struct sending *s)
{
	arena_free(&s->t.arena);
}

static int open_peer(void *context, struct slice destination, void **ret_peer, struct err *err)
{
	struct mx_queue *q = context;
	*ret_peer = q;
	if (destination.len > 0) {
		(void)err_permanent(err, ERR_OTHER, "Mail for elsewhere is not sent yet");
		return err_status(err, "5.4.1");
	}
	if (smtp_client_reach(q->pool, err) < 0) {
		mx_queue_store_is_away(q);
		return -1;
	}
	atomic_store(&q->away_until, 0);
	return 0;
}

static int send_to_store(void *peer, struct queue_delivery *d, struct err *err)
{
	struct mx_queue *q = peer;
	struct sending s;
	begin_sending(d, &s);
	int r = smtp_client_deliver(q->pool, &s.t, err);
	bool lost = r == SMTP_CLIENT_LOST, for_good = r < 0 && err->class == ERR_PERMANENT;
	for (size_t i = 0; i < d->count; i++) {
		d->outcomes[i].result = lost || for_good ? -1 : s.recipients[i].result;
		d->outcomes[i].err = lost || for_good ? *err : s.recipients[i].err;
		d->outcomes[i].lost = lost;
	}
	end_sending(&s);
	if (r != 0 && !for_good)
		mx_queue_store_is_away(q);
	return lost ? QUEUE_PEER_GONE : for_good ? 0 : r;
}

static void close_peer(void *peer)
{
}

/* 0: ours; DIRECTORY_UNKNOWN: elsewhere. */
static int find_sender(struct mx_queue *q, struct slice sender, struct err *err)
{
	struct envelope_path path;
	if (!envelope_parse_address(sender, &path))
		return DIRECTORY_UNKNOWN;
	return directory_domain(q->directory, path.domain, err);
}

/* Reports on what takes long are not written yet. */
static int report(
	void *context, enum queue_report kind, const struct queue_delivery *d, struct err *err)
{
	struct mx_queue *q = context;
	AUTO(buf_free) struct buf text = BUF(REPORT_MAX);
	struct sending s;
	if (kind == QUEUE_DELAYED)
		return 0;
	int where = find_sender(q, d->entries[0].sender, err);
	if (where < 0)
		return where;
	begin_sending(d, &s);
	smtp_dsn_write(&s.t, kind == QUEUE_FAILED ? SMTP_DSN_FAILED : SMTP_DSN_DELIVERED,
		q->role->settings->hostname, &text);
	struct queue_recipient sender = {.address = d->entries[0].sender, .local = where == 0};
	struct queue_message message = {.body = ENVELOPE_8BITMIME,
		.smtputf8 = d->entries[0].smtputf8,
		.session = d->entries[0].session,
		.recipients = &sender,
		.count = 1,
		.text = buf_slice(&text)};
	int r = text.failed ? err_temporary(err, ERR_LIMIT, "no memory for a report")
			    : queue_add(q->queue, &message, err);
	end_sending(&s);
	return r;
}

static const struct queue_transport TRANSPORT = {
	.open = open_peer, .send = send_to_store, .close = close_peer, .report = report};

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

static int open_store(struct mx_queue *q, struct err *err)
{
	char path[600];
	(void)snprintf(path, sizeof(path), "%s/queue", q->role->folder);
	struct store_options options = {.driver = &store_driver_embedded,
		.driver_options = {.path = path,
			.segment_bytes = q->role->settings->store.segment_size,
			.cache_bytes = CACHE_BYTES}};
	return store_open(&options, &q->store, err);
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
		.delay_ms = (int64_t)conf->delay_warning_ms};
	if (load_node(role->folder_fd, &options.node, err) < 0 || open_store(q, err) < 0)
		return -1;
	options.store = q->store;
	return queue_open(&options, &q->queue, err);
}

void mx_queue_start(struct mx_queue *q)
{
	queue_start(q->queue);
}

void mx_queue_close(struct mx_queue *q)
{
	if (!q)
		return;
	queue_close(q->queue);
	if (q->store)
		store_close(q->store);
	free(q);
}

int mx_queue_keep(struct mx_queue *q, const struct smtp_transaction *t,
	const struct queue_recipient *recipients, size_t count, struct err *err)
{
	struct queue_message message = {.sender = t->sender.path.address,
		.body = t->sender.body,
		.ret = t->sender.ret,
		.smtputf8 = t->sender.smtputf8,
		.envid = t->sender.envid,
		.user = t->user,
		.session = slice_str(t->session),
		.recipients = recipients,
		.count = count,
		.head = t->extra,
		.text = t->message};
	return queue_add(q->queue, &message, err);
}
