/* Commits that came are applied together: all that wait when an applier looks, as one write, with
 * one sync and one answer to the other node for all. What comes meanwhile waits for the next turn;
 * so the busier a link is the more share a sync. After a turn of many the applier waits a moment
 * for as many to come again: a sync costs as much for few.
 *
 * A large commit is applied beside the others, who do not wait for it. When a turn lasts from one
 * PING to the next while commits wait, another applier takes these; the one that was slow goes when
 * it is back.
 *
 * That is allowed because commits that are under way at once are of different accounts: none needs
 * to be on the disk before another one. */
#include "mirror/link_internal.h"

#include "base/alloc.h"
#include "base/clock.h"

enum {
	APPLIERS = 1,     /* a second one gets half of the commits, and syncs as often */
	APPLIERS_MAX = 8, /* all but one are slow */
	MANY = 4,         /* commits; below that nobody is kept waiting */
	GATHER_MS = 1,
	JOINED_MAX = 128,
	JOINED_BYTES = 4 << 20, /* one that is larger goes beside */
};

struct joined {
	struct arena arena;
	uint64_t turn;
	size_t count;
	struct link_incoming *list[JOINED_MAX];
	struct mirror_frame answers[JOINED_MAX];
};

/* Some of what waits. When there is nothing, or somebody had a turn while this one was slow, the
 * applier is one no more. */
static bool take(struct mirror_link *link, struct joined *joined)
{
	struct link_incoming *next;
	size_t bytes = 0;
	joined->count = 0;
	link_lock(link);
	bool stays = joined->turn == 0 || joined->turn == link->turns || link->appliers == 1;
	joined->turn = ++link->turns;
	while (stays && (next = link->commits) != NULL && joined->count < JOINED_MAX &&
		(joined->count == 0 || bytes + next->size <= JOINED_BYTES)) {
		link->commits = next->next;
		bytes += next->size;
		joined->list[joined->count++] = next;
	}
	if (!link->commits)
		link->last_commit = &link->commits;
	if (joined->count == 0)
		link->appliers--;
	link_unlock(link);
	return joined->count > 0;
}

static bool read_one(struct mirror_link *link, struct link_incoming *one, struct arena *arena,
	struct mirror_commit *ret_commit)
{
	struct slice ignored;
	return link_unpack(link, one, &ignored) == 0 &&
	       mirror_commit_read(buf_slice(&one->bytes), arena, ret_commit);
}

static void apply(struct mirror_link *link, struct joined *joined)
{
	struct mirror_commit *commits =
		ARENA_ARRAY(&joined->arena, struct mirror_commit, joined->count);
	struct mirror_commit all;
	struct err err = {0};
	size_t good = 0;
	for (size_t i = 0; i < joined->count; i++) {
		struct link_incoming *one = joined->list[i];
		bool reads = read_one(link, one, &joined->arena, &commits[good]);
		good += reads;
		joined->answers[i] = (struct mirror_frame){.type = MIRROR_DONE,
			.number = one->number,
			.taken = reads,
			.why = reads ? SLICE_NONE : SLICE("this is no commit")};
	}
	if (good > 1)
		mirror_commit_join(commits, good, &joined->arena, &all);
	else
		all = commits[0];
	if (good == 0 || link->ops->apply(link->context, &all, &err) == 0)
		return;
	struct slice why = arena_copy(&joined->arena, slice_str(err.text));
	for (size_t i = 0; i < joined->count; i++)
		if (joined->answers[i].taken) {
			joined->answers[i].taken = false;
			joined->answers[i].why = why;
		}
}

/* Fewer wait than were applied the last time. */
static bool are_fewer(struct mirror_link *link, size_t last)
{
	size_t count = 0;
	link_lock(link);
	for (struct link_incoming *one = link->commits; one && count < last; one = one->next)
		count++;
	link_unlock(link);
	return count < last;
}

/* Where many write, more commits come in a moment. */
static void gather(struct mirror_link *link, size_t last)
{
	if (last >= MANY && are_fewer(link, last))
		wait_pause(clock_mono_ms() + GATHER_MS);
}

static void apply_and_answer(struct mirror_link *link, struct joined *joined)
{
	apply(link, joined);
	for (size_t i = 0; i < joined->count; i++)
		link_let_go(link, joined->list[i]);
	link_send_all(link, joined->answers, joined->count);
	for (size_t i = 0; i < joined->count; i++)
		link_incoming_free(joined->list[i]);
	arena_free(&joined->arena);
}

static void run(struct mirror_job *job)
{
	struct mirror_link *link = job->link;
	struct joined *joined = ALLOC(struct joined);
	free(job);
	for (; take(link, joined); gather(link, joined->count))
		apply_and_answer(link, joined);
	free(joined);
}

static void run_large(struct mirror_job *job)
{
	struct joined *joined = ALLOC(struct joined);
	joined->count = 1;
	joined->list[0] = job->whole;
	apply_and_answer(job->link, joined);
	free(joined);
	free(job);
}

void link_add_commit(struct mirror_link *link, struct link_incoming *commit)
{
	commit->next = NULL;
	if (commit->size > JOINED_BYTES) {
		link_spawn(link, run_large, commit);
		return;
	}
	link_lock(link);
	*link->last_commit = commit;
	link->last_commit = &commit->next;
	link_unlock(link);
}

void link_apply_commits(struct mirror_link *link)
{
	link_lock(link);
	bool spawns = link->commits && link->appliers < APPLIERS;
	link->appliers += spawns;
	link_unlock(link);
	if (spawns)
		link_spawn(link, run, NULL);
}

void link_look_at_appliers(struct mirror_link *link)
{
	link_lock(link);
	bool spawns = link->commits && link->turns == link->turns_at_ping &&
		      link->appliers < APPLIERS_MAX;
	link->turns_at_ping = link->turns;
	link->appliers += spawns;
	link_unlock(link);
	if (spawns)
		link_spawn(link, run, NULL);
}
