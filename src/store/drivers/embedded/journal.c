/* Group commit: gathering, turns, waking. */
#include "store/drivers/embedded/journal_internal.h"

#include "base/alloc.h"
#include "base/log.h"

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
	j->last_turn = &j->turns;
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

/* Takes the last place in the queue. The lock is held. */
static void queue_turn(struct embedded_journal *j, struct embedded_turn *turn)
{
	*j->last_turn = turn;
	j->last_turn = &turn->next;
	if (j->turns == turn)
		wait_done(&turn->wait);
}

/* Of who has the turn, which is the first in the queue. */
static void end_turn(struct embedded_journal *j)
{
	(void)pthread_mutex_lock(&j->lock);
	j->turns = j->turns->next;
	if (!j->turns)
		j->last_turn = &j->turns;
	struct embedded_turn *next = j->turns;
	(void)pthread_mutex_unlock(&j->lock);
	if (next)
		wait_done(&next->wait);
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
		queue_turn(j, &g->turn);
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

/* A member's memory is its own again once it is told. */
static void tell_all(struct embedded_group *g, struct embedded_member *leader)
{
	struct embedded_member *next;
	for (struct embedded_member *m = g->first; m; m = next) {
		next = m->next;
		if (m != leader)
			wait_done(&m->done);
	}
}

/* A turn without a group: nothing is written and everything that was is applied. */
static void begin_quiet(struct embedded_journal *j, struct embedded_turn *turn)
{
	*turn = (struct embedded_turn){0};
	(void)pthread_mutex_lock(&j->lock);
	queue_turn(j, turn);
	j->gathering = NULL; /* who comes now stands behind */
	(void)pthread_mutex_unlock(&j->lock);
	wait_for(&turn->wait);
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
	struct embedded_turn turn;
	begin_quiet(j, &turn);
	if (atomic_load(&j->broken))
		embedded_journal_cut(j);
	end_quiet(j);
}

int embedded_journal_seal(struct embedded_journal *j, struct err *err)
{
	struct embedded_turn turn;
	begin_quiet(j, &turn);
	int rc = j->end > EMBEDDED_SEGMENT_HEADER ? embedded_journal_rotate(j, err) : 0;
	end_quiet(j);
	return rc;
}

int embedded_journal_still(struct embedded_journal *j, int (*run)(void *context), void *context)
{
	struct embedded_turn turn;
	begin_quiet(j, &turn);
	if (atomic_load(&j->broken))
		embedded_journal_cut(j);
	int r = run(context);
	end_quiet(j);
	return r;
}

/* No more members after this. */
static void close_group(struct embedded_journal *j, struct embedded_group *g)
{
	(void)pthread_mutex_lock(&j->lock);
	if (j->gathering == g)
		j->gathering = NULL;
	(void)pthread_mutex_unlock(&j->lock);
}

static void lead(struct embedded_journal *j, struct embedded_group *g)
{
	wait_for(&g->turn.wait);
	close_group(j, g);
	wait_block_begin();
	g->rc = embedded_group_write(j, g, &g->err);
	if (g->rc == 0)
		(void)pthread_mutex_lock(&j->apply_lock);
	wait_block_end();
	end_turn(j);
	if (g->rc == 0) {
		g->rc = embedded_group_apply(j, g, &g->err);
		(void)pthread_mutex_unlock(&j->apply_lock);
		if (g->rc < 0)
			repair(j);
	}
	if (g->rc < 0)
		log_error(NULL, "commit failed", F_ERR(&g->err), F_UINT("commits", g->count));
}

int embedded_journal_commit(
	struct embedded_journal *j, struct embedded_record *record, struct err *err)
{
	struct embedded_member member = {.record = record};
	bool leading;
	(void)pthread_mutex_lock(&j->lock);
	struct embedded_group *g = join(j, &member, &leading);
	(void)pthread_mutex_unlock(&j->lock);
	if (leading) {
		lead(j, g);
		tell_all(g, &member);
	} else {
		wait_for(&member.done);
	}
	int rc = g->rc;
	if (rc < 0 && err)
		*err = g->err;
	if (atomic_fetch_sub(&g->refs, 1) == 1)
		free(g);
	return rc;
}
