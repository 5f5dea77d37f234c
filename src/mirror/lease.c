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
	bool apart;      /* not linked yet: both nodes write to it, each for itself */
	bool held;       /* a writer of ours holds it */
	bool asked;      /* by us: it will come */
	bool wanted;     /* by the other */
	unsigned served; /* writers of ours since then */
	struct lease_waiter *first, **last;
	bool commits;                 /* who holds it, to both disks */
	struct lease_waiter *readers; /* who wait for the end of that */
};

void mirror_leases_init(
	struct mirror_leases *leases, const struct mirror_lease_ops *ops, void *context)
{
	*leases = (struct mirror_leases){.ops = ops, .context = context, .epoch = 1};
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
	return (account.bytes[ID_SIZE - 3] % 2 == 0) == atomic_load(&leases->is_first);
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
		(*at)->here = atomic_load(&leases->remembers) && is_at_home(leases, account);
		(*at)->last = &(*at)->first;
	}
	return *at;
}

/* An account that is as it would be without memory of it. */
static void forget_if_plain(
	struct mirror_leases *leases, struct mirror_lease_shard *shard, struct mirror_lease *l)
{
	if (l->here != is_at_home(leases, l->account) || l->apart || l->asked || l->wanted ||
		l->held || l->first || l->readers)
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

/* This node need not ask the other one. */
static bool is_apart(const struct mirror_lease_shard *shard, const struct mirror_lease *l)
{
	return shard->alone || l->apart;
}

/* Nobody holds it: the next writer does, here or there. */
static void pass_on(struct mirror_leases *leases, const struct mirror_lease_shard *shard,
	struct mirror_lease *l)
{
	if (l->held || (!l->here && !is_apart(shard, l)))
		return;
	if (!is_apart(shard, l) && owed(l)) {
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

/* Apart, whoever comes first takes the lease over. */
static enum mirror_lease_way held_how(struct mirror_leases *leases, struct id account)
{
	struct mirror_lease_shard *shard = shard_of(leases, account);
	enum mirror_lease_way way = MIRROR_LEASE_LINKED;
	(void)pthread_mutex_lock(&shard->lock);
	struct mirror_lease *l = *place_of(shard, account);
	if (is_apart(shard, l)) {
		way = l->here ? MIRROR_LEASE_APART : MIRROR_LEASE_TAKEN_OVER;
		l->here = true;
	}
	(void)pthread_mutex_unlock(&shard->lock);
	return way;
}

int mirror_lease_take(struct mirror_leases *leases, struct id account, int64_t deadline,
	enum mirror_lease_way *ret_way, struct err *err)
{
	struct mirror_lease_shard *shard = shard_of(leases, account);
	struct lease_waiter own = {0};
	(void)pthread_mutex_lock(&shard->lock);
	struct mirror_lease *l = find_or_make(leases, shard, account);
	bool got = !l->held && (l->here || is_apart(shard, l));
	if (got) {
		hold(l);
	} else {
		*l->last = &own;
		l->last = &own.next;
		if (!is_apart(shard, l))
			ask(leases, l);
	}
	(void)pthread_mutex_unlock(&shard->lock);
	if (got || wait_until(&own.granted, deadline) || give_up(leases, account, &own)) {
		*ret_way = held_how(leases, account);
		return 0;
	}
	char text[ID_TEXT_SIZE + 1];
	id_to_text(account, text);
	return err_temporary(err, ERR_IN_USE, "account %s is locked for too long", text);
}

void mirror_lease_commits(struct mirror_leases *leases, struct id account)
{
	struct mirror_lease_shard *shard = shard_of(leases, account);
	(void)pthread_mutex_lock(&shard->lock);
	struct mirror_lease *l = *place_of(shard, account);
	must(l && l->held);
	l->commits = true;
	(void)pthread_mutex_unlock(&shard->lock);
}

/* The time is over. */
static void stop_reading(struct mirror_leases *leases, struct id account, struct lease_waiter *own)
{
	struct mirror_lease_shard *shard = shard_of(leases, account);
	(void)pthread_mutex_lock(&shard->lock);
	if (!wait_is_done(&own->granted)) {
		struct lease_waiter **at = &(*place_of(shard, account))->readers;
		while (*at != own)
			at = &(*at)->next;
		*at = own->next;
	}
	(void)pthread_mutex_unlock(&shard->lock);
}

void mirror_lease_await_commit(struct mirror_leases *leases, struct id account, int64_t deadline)
{
	struct mirror_lease_shard *shard = shard_of(leases, account);
	struct lease_waiter own = {0};
	(void)pthread_mutex_lock(&shard->lock);
	struct mirror_lease *l = *place_of(shard, account);
	bool waits = l && l->commits;
	if (waits) {
		own.next = l->readers;
		l->readers = &own;
	}
	(void)pthread_mutex_unlock(&shard->lock);
	if (waits && !wait_until(&own.granted, deadline))
		stop_reading(leases, account, &own);
}

static void tell_readers(struct mirror_lease *l)
{
	struct lease_waiter *reader = l->readers, *next;
	l->readers = NULL;
	l->commits = false;
	for (; reader; reader = next) {
		next = reader->next;
		wait_done(&reader->granted);
	}
}

void mirror_lease_drop(struct mirror_leases *leases, struct id account)
{
	struct mirror_lease_shard *shard = shard_of(leases, account);
	(void)pthread_mutex_lock(&shard->lock);
	struct mirror_lease *l = *place_of(shard, account);
	must(l && l->held);
	l->held = false;
	tell_readers(l);
	pass_on(leases, shard, l);
	forget_if_plain(leases, shard, l);
	(void)pthread_mutex_unlock(&shard->lock);
}

bool mirror_lease_wanted(struct mirror_leases *leases, uint64_t epoch, struct id account)
{
	struct mirror_lease_shard *shard = shard_of(leases, account);
	(void)pthread_mutex_lock(&shard->lock);
	struct mirror_lease *l = find_or_make(leases, shard, account);
	/* Of one that has just been parted it was sent before. */
	bool late = l->apart && shard->epoch == epoch;
	bool fits = shard->epoch == epoch && !is_apart(shard, l) && l->here && !l->wanted;
	if (fits) {
		l->wanted = true;
		pass_on(leases, shard, l);
	}
	forget_if_plain(leases, shard, l);
	(void)pthread_mutex_unlock(&shard->lock);
	return fits || late;
}

bool mirror_lease_given(struct mirror_leases *leases, uint64_t epoch, struct id account)
{
	struct mirror_lease_shard *shard = shard_of(leases, account);
	(void)pthread_mutex_lock(&shard->lock);
	struct mirror_lease *l = find_or_make(leases, shard, account);
	bool fits = shard->epoch == epoch && !is_apart(shard, l) && !l->here && l->asked;
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
	shard->epoch = atomic_load(&leases->epoch);
	for (size_t i = 0; i < MIRROR_LEASE_BUCKETS; i++)
		for (struct mirror_lease *l = shard->bucket[i]; l; l = l->next) {
			l->asked = l->wanted = l->apart = false;
			pass_on(leases, shard, l);
		}
}

/* Those that are not apart. */
static void forget_linked(struct mirror_leases *leases, struct mirror_lease_shard *shard)
{
	for (size_t i = 0; i < MIRROR_LEASE_BUCKETS; i++) {
		struct mirror_lease **at = &shard->bucket[i], *l;
		while ((l = *at) != NULL) {
			must(!l->held && !l->first);
			if (l->apart) {
				at = &l->next;
				continue;
			}
			*at = l->next;
			free(l);
		}
	}
}

static void forget_all(struct mirror_leases *leases, struct mirror_lease_shard *shard)
{
	for (size_t i = 0; i < MIRROR_LEASE_BUCKETS; i++)
		for (struct mirror_lease *l = shard->bucket[i]; l; l = l->next)
			l->apart = false;
	forget_linked(leases, shard);
}

static void become_linked(struct mirror_leases *leases, struct mirror_lease_shard *shard)
{
	forget_linked(leases, shard);
	shard->alone = false;
	shard->epoch = atomic_load(&leases->epoch);
}

void mirror_leases_set_side(struct mirror_leases *leases, bool is_first)
{
	atomic_store(&leases->is_first, is_first);
}

void mirror_leases_alone(struct mirror_leases *leases)
{
	(void)atomic_fetch_add(&leases->epoch, 1);
	each(leases, become_alone);
}

uint64_t mirror_leases_linked(struct mirror_leases *leases, const struct id *apart, size_t count)
{
	uint64_t epoch = atomic_fetch_add(&leases->epoch, 1) + 1;
	for (size_t i = 0; i < count; i++) {
		struct mirror_lease_shard *shard = shard_of(leases, apart[i]);
		(void)pthread_mutex_lock(&shard->lock);
		find_or_make(leases, shard, apart[i])->apart = true;
		(void)pthread_mutex_unlock(&shard->lock);
	}
	atomic_store(&leases->remembers, true);
	each(leases, become_linked);
	return epoch;
}

void mirror_lease_part(struct mirror_leases *leases, struct id account)
{
	struct mirror_lease_shard *shard = shard_of(leases, account);
	(void)pthread_mutex_lock(&shard->lock);
	struct mirror_lease *l = find_or_make(leases, shard, account);
	if (!shard->alone) {
		l->apart = true;
		l->asked = l->wanted = false;
		pass_on(leases, shard, l);
	}
	forget_if_plain(leases, shard, l);
	(void)pthread_mutex_unlock(&shard->lock);
}

bool mirror_lease_is_unsettled(struct mirror_leases *leases, struct id account)
{
	struct mirror_lease_shard *shard = shard_of(leases, account);
	(void)pthread_mutex_lock(&shard->lock);
	const struct mirror_lease *l = *place_of(shard, account);
	bool unsettled = l && l->apart && !shard->alone;
	(void)pthread_mutex_unlock(&shard->lock);
	return unsettled;
}

void mirror_lease_untake(struct mirror_leases *leases, struct id account)
{
	struct mirror_lease_shard *shard = shard_of(leases, account);
	(void)pthread_mutex_lock(&shard->lock);
	struct mirror_lease *l = *place_of(shard, account);
	must(l && l->held && is_apart(shard, l));
	l->here = false;
	(void)pthread_mutex_unlock(&shard->lock);
}

void mirror_lease_doubt(struct mirror_leases *leases, struct id account)
{
	struct mirror_lease_shard *shard = shard_of(leases, account);
	(void)pthread_mutex_lock(&shard->lock);
	struct mirror_lease *l = *place_of(shard, account);
	must(l && l->held);
	if (is_apart(shard, l))
		l->here = false;
	(void)pthread_mutex_unlock(&shard->lock);
}

void mirror_leases_doubt_away(struct mirror_leases *leases, const struct mirror_ids *apart)
{
	for (size_t s = 0; s < MIRROR_LEASE_SHARDS; s++) {
		struct mirror_lease_shard *shard = &leases->shards[s];
		(void)pthread_mutex_lock(&shard->lock);
		for (size_t i = 0; i < MIRROR_LEASE_BUCKETS; i++)
			for (struct mirror_lease *l = shard->bucket[i]; l; l = l->next)
				if (!is_at_home(leases, l->account) &&
					!mirror_ids_has(apart, l->account))
					l->here = false;
		(void)pthread_mutex_unlock(&shard->lock);
	}
}

void mirror_lease_settled(struct mirror_leases *leases, struct id account, bool here)
{
	struct mirror_lease_shard *shard = shard_of(leases, account);
	(void)pthread_mutex_lock(&shard->lock);
	struct mirror_lease *l = *place_of(shard, account);
	must(l && l->held);
	if (!shard->alone) {
		l->apart = false;
		l->here = here;
		l->commits = true; /* what it has become */
		if (l->first)
			ask(leases, l);
	}
	(void)pthread_mutex_unlock(&shard->lock);
}

void mirror_leases_deinit(struct mirror_leases *leases)
{
	each(leases, forget_all);
	for (size_t i = 0; i < MIRROR_LEASE_SHARDS; i++)
		(void)pthread_mutex_destroy(&leases->shards[i].lock);
}

/* Adds a bucket's leases. */
static void count_bucket(const struct mirror_leases *leases, const struct mirror_lease_shard *shard,
	const struct mirror_lease *l, struct mirror_lease_figures *to)
{
	for (; l; l = l->next) {
		to->apart += l->apart;
		to->away += !is_apart(shard, l) && l->here != is_at_home(leases, l->account);
		for (const struct lease_waiter *w = l->first; w; w = w->next)
			to->waiting++;
	}
}

struct mirror_lease_figures mirror_leases_count(struct mirror_leases *leases)
{
	struct mirror_lease_figures figures = {0};
	for (size_t s = 0; s < MIRROR_LEASE_SHARDS; s++) {
		struct mirror_lease_shard *shard = &leases->shards[s];
		(void)pthread_mutex_lock(&shard->lock);
		for (size_t i = 0; i < MIRROR_LEASE_BUCKETS; i++)
			count_bucket(leases, shard, shard->bucket[i], &figures);
		(void)pthread_mutex_unlock(&shard->lock);
	}
	return figures;
}
