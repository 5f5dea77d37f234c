/* Leases by account. One shard's mutex guards its accounts; nothing waits under it. */
#include "mirror/lease.h"

#include "base/alloc.h"
#include "base/must.h"
#include "base/wait.h"

/* While the other node waits for a lease, so many more of our own writes may go before it. */
enum { SERVED_MAX = 16 };

struct lease_waiter {
	struct lease_waiter *next;
	struct wait granted;
};

struct mirror_lease {
	struct id account;
	struct mirror_lease *next;
	bool here;       /* this node has it */
	bool held;       /* a writer of ours holds it */
	bool asked;      /* by us: it will come */
	bool wanted;     /* by the other */
	unsigned served; /* writers of ours since then */
	struct lease_waiter *first, **last;
};

void mirror_leases_init(struct mirror_leases *leases, bool is_first,
	const struct mirror_lease_ops *ops, void *context)
{
	*leases = (struct mirror_leases){.ops = ops, .context = context, .is_first = is_first};
	for (size_t i = 0; i < MIRROR_LEASE_SHARDS; i++) {
		must(pthread_mutex_init(&leases->shards[i].lock, NULL) == 0);
		leases->shards[i].alone = true;
	}
}

/* The same on both nodes: ids are random at their end. */
static unsigned spread(struct id account)
{
	return (unsigned)account.bytes[ID_SIZE - 1] << 8 | account.bytes[ID_SIZE - 2];
}

static bool is_at_home(const struct mirror_leases *leases, struct id account)
{
	return (account.bytes[ID_SIZE - 3] % 2 == 0) == leases->is_first;
}

static struct mirror_lease_shard *shard_of(struct mirror_leases *leases, struct id account)
{
	return &leases->shards[spread(account) % MIRROR_LEASE_SHARDS];
}

static struct mirror_lease **place_of(struct mirror_lease_shard *shard, struct id account)
{
	struct mirror_lease **at =
		&shard->bucket[spread(account) / MIRROR_LEASE_SHARDS % MIRROR_LEASE_BUCKETS];
	while (*at && !id_eq((*at)->account, account))
		at = &(*at)->next;
	return at;
}

static struct mirror_lease *find_or_make(
	struct mirror_leases *leases, struct mirror_lease_shard *shard, struct id account)
{
	struct mirror_lease **at = place_of(shard, account);
	if (!*at) {
		*at = ALLOC(struct mirror_lease);
		(*at)->account = account;
		(*at)->here = is_at_home(leases, account);
		(*at)->last = &(*at)->first;
	}
	return *at;
}

/* An account that is as it would be without memory of it. */
static void forget_if_plain(
	struct mirror_leases *leases, struct mirror_lease_shard *shard, struct mirror_lease *l)
{
	if (l->here != is_at_home(leases, l->account) || l->asked || l->wanted || l->held ||
		l->first)
		return;
	struct mirror_lease **at = place_of(shard, l->account);
	*at = l->next;
	free(l);
}

static void ask(struct mirror_leases *leases, struct mirror_lease *l)
{
	if (l->here || l->asked)
		return;
	l->asked = true;
	leases->ops->want(leases->context, l->account);
}

static void hold(struct mirror_lease *l)
{
	l->held = true;
	l->served += l->wanted;
}

/* Whether the other node comes before our next writer. */
static bool owed(const struct mirror_lease *l)
{
	return l->wanted && (!l->first || l->served >= SERVED_MAX);
}

/* Nobody holds it: the next writer does, here or there. */
static void pass_on(struct mirror_leases *leases, const struct mirror_lease_shard *shard,
	struct mirror_lease *l)
{
	if (l->held || (!l->here && !shard->alone))
		return;
	if (!shard->alone && owed(l)) {
		l->here = l->wanted = false;
		l->served = 0;
		leases->ops->give(leases->context, l->account);
		if (l->first)
			ask(leases, l);
		return;
	}
	struct lease_waiter *waiter = l->first;
	if (!waiter)
		return;
	l->first = waiter->next;
	if (!l->first)
		l->last = &l->first;
	hold(l);
	wait_done(&waiter->granted);
}

/* The time is over. True when it was granted in the last moment. */
static bool give_up(struct mirror_leases *leases, struct id account, struct lease_waiter *own)
{
	struct mirror_lease_shard *shard = shard_of(leases, account);
	(void)pthread_mutex_lock(&shard->lock);
	bool got = wait_is_done(&own->granted);
	if (!got) {
		struct mirror_lease *l = *place_of(shard, account);
		struct lease_waiter **at = &l->first;
		while (*at != own)
			at = &(*at)->next;
		*at = own->next;
		if (l->last == &own->next)
			l->last = at;
	}
	(void)pthread_mutex_unlock(&shard->lock);
	return got;
}

/* Alone, whoever comes first takes the lease over. */
static bool take_over(struct mirror_leases *leases, struct id account)
{
	struct mirror_lease_shard *shard = shard_of(leases, account);
	(void)pthread_mutex_lock(&shard->lock);
	struct mirror_lease *l = *place_of(shard, account);
	bool taken_over = shard->alone && !l->here;
	l->here |= taken_over;
	(void)pthread_mutex_unlock(&shard->lock);
	return taken_over;
}

int mirror_lease_take(struct mirror_leases *leases, struct id account, int64_t deadline,
	bool *ret_taken_over, struct err *err)
{
	struct mirror_lease_shard *shard = shard_of(leases, account);
	struct lease_waiter own = {0};
	(void)pthread_mutex_lock(&shard->lock);
	struct mirror_lease *l = find_or_make(leases, shard, account);
	bool got = !l->held && (l->here || shard->alone);
	if (got) {
		hold(l);
	} else {
		*l->last = &own;
		l->last = &own.next;
		if (!shard->alone)
			ask(leases, l);
	}
	(void)pthread_mutex_unlock(&shard->lock);
	if (got || wait_until(&own.granted, deadline) || give_up(leases, account, &own)) {
		*ret_taken_over = take_over(leases, account);
		return 0;
	}
	char text[ID_TEXT_SIZE + 1];
	id_to_text(account, text);
	return err_temporary(err, ERR_IN_USE, "account %s is locked for too long", text);
}

void mirror_lease_drop(struct mirror_leases *leases, struct id account)
{
	struct mirror_lease_shard *shard = shard_of(leases, account);
	(void)pthread_mutex_lock(&shard->lock);
	struct mirror_lease *l = *place_of(shard, account);
	must(l && l->held);
	l->held = false;
	pass_on(leases, shard, l);
	forget_if_plain(leases, shard, l);
	(void)pthread_mutex_unlock(&shard->lock);
}

bool mirror_lease_wanted(struct mirror_leases *leases, struct id account)
{
	struct mirror_lease_shard *shard = shard_of(leases, account);
	(void)pthread_mutex_lock(&shard->lock);
	struct mirror_lease *l = find_or_make(leases, shard, account);
	bool fits = !shard->alone && l->here && !l->wanted;
	if (fits) {
		l->wanted = true;
		pass_on(leases, shard, l);
	}
	forget_if_plain(leases, shard, l);
	(void)pthread_mutex_unlock(&shard->lock);
	return fits;
}

bool mirror_lease_given(struct mirror_leases *leases, struct id account)
{
	struct mirror_lease_shard *shard = shard_of(leases, account);
	(void)pthread_mutex_lock(&shard->lock);
	struct mirror_lease *l = find_or_make(leases, shard, account);
	bool fits = !shard->alone && !l->here && l->asked;
	if (fits) {
		l->here = true;
		l->asked = false;
		pass_on(leases, shard, l);
	}
	forget_if_plain(leases, shard, l);
	(void)pthread_mutex_unlock(&shard->lock);
	return fits;
}

static void each(struct mirror_leases *leases,
	void (*visit)(struct mirror_leases *leases, struct mirror_lease_shard *shard))
{
	for (size_t i = 0; i < MIRROR_LEASE_SHARDS; i++) {
		(void)pthread_mutex_lock(&leases->shards[i].lock);
		visit(leases, &leases->shards[i]);
		(void)pthread_mutex_unlock(&leases->shards[i].lock);
	}
}

static void become_alone(struct mirror_leases *leases, struct mirror_lease_shard *shard)
{
	shard->alone = true;
	for (size_t i = 0; i < MIRROR_LEASE_BUCKETS; i++)
		for (struct mirror_lease *l = shard->bucket[i]; l; l = l->next) {
			l->asked = l->wanted = false;
			pass_on(leases, shard, l);
		}
}

static void forget_all(struct mirror_leases *leases, struct mirror_lease_shard *shard)
{
	for (size_t i = 0; i < MIRROR_LEASE_BUCKETS; i++) {
		struct mirror_lease *l = shard->bucket[i], *next;
		shard->bucket[i] = NULL;
		for (; l; l = next) {
			must(!l->held && !l->first);
			next = l->next;
			free(l);
		}
	}
}

static void become_linked(struct mirror_leases *leases, struct mirror_lease_shard *shard)
{
	forget_all(leases, shard);
	shard->alone = false;
}

void mirror_leases_alone(struct mirror_leases *leases)
{
	each(leases, become_alone);
}

void mirror_leases_linked(struct mirror_leases *leases)
{
	each(leases, become_linked);
}

void mirror_leases_deinit(struct mirror_leases *leases)
{
	each(leases, forget_all);
	for (size_t i = 0; i < MIRROR_LEASE_SHARDS; i++)
		(void)pthread_mutex_destroy(&leases->shards[i].lock);
}

void mirror_leases_count(struct mirror_leases *leases, size_t *ret_away, size_t *ret_waiting)
{
	*ret_away = *ret_waiting = 0;
	for (size_t s = 0; s < MIRROR_LEASE_SHARDS; s++) {
		struct mirror_lease_shard *shard = &leases->shards[s];
		(void)pthread_mutex_lock(&shard->lock);
		for (size_t i = 0; i < MIRROR_LEASE_BUCKETS; i++)
			for (const struct mirror_lease *l = shard->bucket[i]; l; l = l->next) {
				*ret_away += l->here != is_at_home(leases, l->account);
				for (const struct lease_waiter *w = l->first; w; w = w->next)
					++*ret_waiting;
			}
		(void)pthread_mutex_unlock(&shard->lock);
	}
}
