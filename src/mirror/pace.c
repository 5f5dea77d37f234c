/* Clients are seen by what the mirror commits. */
#include "mirror/pace.h"

#include "base/clock.h"

static uint64_t commits_of(struct mirror *mirror)
{
	struct mirror_commits commits = mirror_commits(mirror);
	return commits.shipped + commits.applied + commits.alone;
}

struct mirror_piece mirror_piece_begin(struct mirror *mirror)
{
	return (struct mirror_piece){clock_mono_ns(), commits_of(mirror)};
}

int64_t mirror_piece_rest(
	struct mirror *mirror, const struct mirror_piece *piece, const struct mirror_pace *pace)
{
	uint64_t took_ms = (uint64_t)(clock_mono_ns() - piece->since_ns) / 1000000 + 1;
	uint64_t commits = commits_of(mirror) - piece->commits;
	bool busy = commits * 1000 >= pace->busy_commits * took_ms;
	uint64_t rest_ms = took_ms * (busy ? pace->when_busy : pace->when_idle);
	return clock_mono_ms() + (int64_t)MIN(rest_ms, (uint64_t)pace->rest_max_ms);
}
