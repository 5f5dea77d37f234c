/* Lists under several locks: logins are many and find their list by the session, who looks for a
 * user walks them all. */
#include "directory/sessions.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/must.h"
#include "base/wait.h"

#include <pthread.h>
#include <stdatomic.h>

enum { SHARDS = 64, LOOK_MS = 5 };

struct directory_presence {
	struct directory_presence *next, **link; /* in its shard's list, under its lock */
	struct net_session *session;
	struct id account;
	unsigned short shard;
	bool cut;
	atomic_bool told;
	char user[];
};

struct shard {
	pthread_mutex_t lock;
	struct directory_presence *list;
};

struct directory_sessions {
	bool (*is_barred)(void *context, struct id account);
	void *context;
	atomic_uint next_shard;
	struct shard shards[SHARDS];
};

struct directory_sessions *directory_sessions_new(void)
{
	struct directory_sessions *sessions = ALLOC(struct directory_sessions);
	for (size_t i = 0; i < SHARDS; i++)
		(void)pthread_mutex_init(&sessions->shards[i].lock, NULL);
	return sessions;
}

void directory_sessions_free(struct directory_sessions *sessions)
{
	if (!sessions)
		return;
	for (size_t i = 0; i < SHARDS; i++) {
		must(!sessions->shards[i].list);
		(void)pthread_mutex_destroy(&sessions->shards[i].lock);
	}
	free(sessions);
}

void directory_sessions_bar(struct directory_sessions *sessions,
	bool (*is_barred)(void *context, struct id account), void *context)
{
	sessions->is_barred = is_barred;
	sessions->context = context;
}

/* Under the shard's lock, which keeps the session in the list: it may close at any time. */
static void tell(struct directory_presence *p)
{
	atomic_store(&p->told, true);
	if (p->cut)
		net_session_cut(p->session);
	else
		net_session_wake(p->session);
}

struct directory_presence *directory_sessions_add(struct directory_sessions *sessions,
	struct net_session *session, const struct directory_who *who, bool cut)
{
	if (!sessions)
		return NULL;
	struct directory_presence *p = alloc_zero(1, sizeof(*p) + who->user.len + 1);
	p->session = net_session_ref(session);
	p->account = who->account;
	p->cut = cut;
	p->shard = atomic_fetch_add(&sessions->next_shard, 1) % SHARDS;
	memcpy(p->user, who->user.ptr, who->user.len);
	struct shard *shard = &sessions->shards[p->shard];
	(void)pthread_mutex_lock(&shard->lock);
	p->next = shard->list;
	p->link = &shard->list;
	if (p->next)
		p->next->link = &p->next;
	shard->list = p;
	(void)pthread_mutex_unlock(&shard->lock);
	/* Who bars an account does so first, then ends its sessions: either he finds this one, or
	 * it finds the bar. It is this session's own thread, so it is still there. */
	if (sessions->is_barred && sessions->is_barred(sessions->context, p->account))
		tell(p);
	return p;
}

void directory_sessions_remove(
	struct directory_sessions *sessions, struct directory_presence *presence)
{
	if (!presence)
		return;
	struct shard *shard = &sessions->shards[presence->shard];
	(void)pthread_mutex_lock(&shard->lock);
	*presence->link = presence->next;
	if (presence->next)
		presence->next->link = presence->link;
	(void)pthread_mutex_unlock(&shard->lock);
	net_session_unref(presence->session);
	free(presence);
}

bool directory_presence_is_told(const struct directory_presence *presence)
{
	return presence && atomic_load(&presence->told);
}

static bool is_his(const struct directory_presence *p, const struct directory_who *who)
{
	if (!id_is_none(who->account) && id_eq(p->account, who->account))
		return true;
	return who->user.len > 0 && slice_eq(slice_str(p->user), who->user);
}

/* `told`: only those that were told to go. */
static unsigned each(struct directory_sessions *sessions, const struct directory_who *who,
	bool told, void (*visit)(struct directory_presence *p))
{
	unsigned count = 0;
	for (size_t i = 0; i < SHARDS; i++) {
		struct shard *shard = &sessions->shards[i];
		(void)pthread_mutex_lock(&shard->lock);
		for (struct directory_presence *p = shard->list; p; p = p->next) {
			if (!is_his(p, who) || (told && !atomic_load(&p->told)))
				continue;
			count++;
			if (visit)
				visit(p);
		}
		(void)pthread_mutex_unlock(&shard->lock);
	}
	return count;
}

unsigned directory_sessions_count(
	struct directory_sessions *sessions, const struct directory_who *who)
{
	return each(sessions, who, false, NULL);
}

static void cut(struct directory_presence *p)
{
	net_session_cut(p->session);
}

unsigned directory_sessions_end(
	struct directory_sessions *sessions, const struct directory_who *who, unsigned grace_ms)
{
	int64_t deadline = clock_mono_ms() + grace_ms;
	unsigned count = each(sessions, who, false, tell);
	unsigned left = count;
	while (left > 0 && clock_mono_ms() < deadline) {
		wait_pause(clock_mono_ms() + LOOK_MS);
		left = each(sessions, who, true, NULL); /* not those who came again */
	}
	if (left > 0)
		(void)each(sessions, who, true, cut);
	return count;
}
