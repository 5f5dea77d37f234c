/* Group commit: gathering, turns, waking. */
#include "store/drivers/embedded/journal_internal.h"

#include "base/alloc.h"
#include "base/log.h"

#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

/* A group is closed at this size: bounds the wait of its first member. */
enum { GROUP_BYTES = 16 << 20, GROUP_COUNT = 4096 };
enum { FIRST_STEP = 1 << 20 };

void embedded_journal_init(struct embedded_journal *j, struct embedded_segments *segments,
	struct embedded_index *index, struct embedded_segment *current,
	struct embedded_position applied, uint64_t segment_bytes, bool no_sync)
{
	*j = (struct embedded_journal){
		.segments = segments,
		.index = index,
		.segment_bytes = segment_bytes,
		.no_sync = no_sync,
		.current = current,
		.end = applied.offset,
		.allocated = applied.offset,
		.step = FIRST_STEP,
		.next_seq = applied.number,
		.applied = applied,
		.batch = rocksdb_writebatch_create(),
	};
	(void)pthread_mutex_init(&j->lock, NULL);
	(void)pthread_mutex_init(&j->apply_lock, NULL);
	(void)pthread_cond_init(&j->turn, NULL);
}

void embedded_journal_free(struct embedded_journal *j)
{
	if (!j->batch)
		return;
	const struct embedded_files *files = j->segments->files;
	if (j->allocated > j->end && !atomic_load(&j->failed))
		(void)files->ftruncate(files->context, atomic_load(&j->current->fd), j->end);
	embedded_segments_unref(j->segments, j->current);
	rocksdb_writebatch_destroy(j->batch);
	free(j->iov);
	(void)pthread_cond_destroy(&j->turn);
	(void)pthread_mutex_destroy(&j->apply_lock);
	(void)pthread_mutex_destroy(&j->lock);
	*j = (struct embedded_journal){0};
}

struct embedded_position embedded_journal_applied(struct embedded_journal *j)
{
	(void)pthread_mutex_lock(&j->apply_lock);
	struct embedded_position applied = j->applied;
	(void)pthread_mutex_unlock(&j->apply_lock);
	return applied;
}

/* The lock is held. */
static void wait_turn(struct embedded_journal *j, uint64_t ticket)
{
	while (j->serving != ticket)
		(void)pthread_cond_wait(&j->turn, &j->lock);
}

static void end_turn(struct embedded_journal *j)
{
	(void)pthread_mutex_lock(&j->lock);
	j->serving++;
	(void)pthread_cond_broadcast(&j->turn);
	(void)pthread_mutex_unlock(&j->lock);
}

/* The gathering group, or a new one that the caller leads. The lock is held. */
static struct embedded_group *join(
	struct embedded_journal *j, struct embedded_member *member, bool *ret_lead)
{
	struct embedded_group *g = j->gathering;
	*ret_lead = !g || g->count >= GROUP_COUNT ||
		    g->bytes + member->record->header.len > GROUP_BYTES;
	if (*ret_lead) {
		g = ALLOC(struct embedded_group);
		g->last = &g->first;
		g->ticket = j->next_ticket++;
		j->gathering = g;
	}
	atomic_fetch_add(&g->refs, 1);
	*g->last = member;
	g->last = &member->next;
	g->count++;
	g->iov_count += member->record->iov_count;
	g->bytes += member->record->header.len;
	return g;
}

static void wait_done(struct embedded_group *g)
{
	while (atomic_load_explicit(&g->done, memory_order_acquire) == 0)
		(void)syscall(SYS_futex, &g->done, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
}

static void wake_all(struct embedded_group *g)
{
	atomic_store_explicit(&g->done, 1, memory_order_release);
	if (atomic_load(&g->refs) > 1)
		(void)syscall(SYS_futex, &g->done, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

/* A turn without a group: nothing is written and everything that was is applied. */
static void begin_quiet(struct embedded_journal *j)
{
	(void)pthread_mutex_lock(&j->lock);
	uint64_t ticket = j->next_ticket++;
	j->gathering = NULL; /* who comes now stands behind */
	wait_turn(j, ticket);
	(void)pthread_mutex_unlock(&j->lock);
	(void)pthread_mutex_lock(&j->apply_lock);
}

static void end_quiet(struct embedded_journal *j)
{
	(void)pthread_mutex_unlock(&j->apply_lock);
	end_turn(j);
}

/* Cuts what the index refused off the log, unless somebody else just did. */
static void repair(struct embedded_journal *j)
{
	begin_quiet(j);
	if (atomic_load(&j->broken))
		embedded_journal_cut(j);
	end_quiet(j);
}

int embedded_journal_seal(struct embedded_journal *j, struct err *err)
{
	begin_quiet(j);
	int rc = j->end > EMBEDDED_SEGMENT_HEADER ? embedded_journal_rotate(j, err) : 0;
	end_quiet(j);
	return rc;
}

/* The lock is held; it is released. */
static void lead(struct embedded_journal *j, struct embedded_group *g)
{
	wait_turn(j, g->ticket);
	if (j->gathering == g)
		j->gathering = NULL;
	(void)pthread_mutex_unlock(&j->lock);
	g->rc = embedded_group_write(j, g, &g->err);
	if (g->rc < 0) {
		end_turn(j);
	} else {
		(void)pthread_mutex_lock(&j->apply_lock);
		end_turn(j);
		g->rc = embedded_group_apply(j, g, &g->err);
		(void)pthread_mutex_unlock(&j->apply_lock);
		if (g->rc < 0)
			repair(j);
	}
	if (g->rc < 0)
		log_error(NULL, "commit failed", F_ERR(&g->err), F_UINT("commits", g->count));
	wake_all(g);
}

int embedded_journal_commit(
	struct embedded_journal *j, struct embedded_record *record, struct err *err)
{
	struct embedded_member member = {.record = record};
	bool leading;
	(void)pthread_mutex_lock(&j->lock);
	struct embedded_group *g = join(j, &member, &leading);
	if (leading) {
		lead(j, g);
	} else {
		(void)pthread_mutex_unlock(&j->lock);
		wait_done(g);
	}
	int rc = g->rc;
	if (rc < 0 && err)
		*err = g->err;
	if (atomic_fetch_sub(&g->refs, 1) == 1)
		free(g);
	return rc;
}
