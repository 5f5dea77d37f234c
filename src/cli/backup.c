/* rookery backup FOLDER.
 *
 * The server may write below its own data folder only, and is often another user. So the copy is
 * made there first, which is mostly links, and then copied to FOLDER with the rights of whoever
 * asked. That runs in this process; the first step in a child, which may give up its user for the
 * store's (when no server runs). */
#include "cli/cli.h"

#include "base/alloc.h"
#include "base/errno_here.h"
#include "base/id.h"

#include <fcntl.h>
#include <fts.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PIECE = 1 << 20 };

static int sync_folder(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	int r = fsync(fd);
	(void)close(fd);
	return r;
}

static int copy_bytes(int from, int to, char *piece)
{
	for (;;) {
		ssize_t got = read(from, piece, PIECE);
		if (got <= 0)
			return got < 0 ? -1 : fsync(to);
		for (ssize_t done = 0; done < got;) {
			ssize_t n = write(to, piece + done, (size_t)(got - done));
			if (n < 0)
				return -1;
			done += n;
		}
	}
}

static int copy_file(const char *from, const char *to)
{
	AUTO_FREE char *piece = alloc_zero(1, PIECE);
	int in = open(from, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	int out = in < 0 ? -1 : open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	int r = out < 0 ? -1 : copy_bytes(in, out, piece);
	int number = errno;
	if (in >= 0)
		(void)close(in);
	if (out >= 0)
		(void)close(out);
	errno = number;
	return r;
}

/* FORMAT comes last: a copy that was cut off has none and is no store. */
static int format_last(const FTSENT **a, const FTSENT **b)
{
	return (strcmp((*a)->fts_name, "FORMAT") == 0) - (strcmp((*b)->fts_name, "FORMAT") == 0);
}

static int copy_entry(const FTSENT *entry, const char *to)
{
	switch (entry->fts_info) {
	case FTS_D:
		return entry->fts_level == 0 ? 0 : mkdir(to, 0700);
	case FTS_DP:
		return sync_folder(to);
	case FTS_F:
		return copy_file(entry->fts_accpath, to);
	default:
		errno = entry->fts_errno ? entry->fts_errno : EINVAL;
		return -1;
	}
}

/* Into a folder that is there. Negative: errno says why. */
static int copy_tree(const char *from, const char *to)
{
	char room[PATH_MAX];
	(void)snprintf(room, sizeof(room), "%s", from);
	char *const roots[] = {room, NULL};
	FTS *walk = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, format_last);
	int r = walk ? 0 : -1;
	FTSENT *entry = NULL;
	uint64_t files = 0;
	errno = 0;
	while (r == 0 && (entry = fts_read(walk))) {
		char target[PATH_MAX];
		int n = snprintf(
			target, sizeof(target), "%s%s", to, entry->fts_path + strlen(from));
		errno = ENAMETOOLONG;
		r = n < PATH_MAX ? copy_entry(entry, target) : -1;
		if (r == 0) {
			cli_print_progress("files copied", ++files, 0);
			errno = 0;
		}
	}
	int number = errno;
	if (walk)
		(void)fts_close(walk);
	errno = number;
	return r == 0 && number != 0 ? -1 : r;
}

static void remove_tree(const char *path)
{
	char room[PATH_MAX];
	(void)snprintf(room, sizeof(room), "%s", path);
	char *const roots[] = {room, NULL};
	FTS *walk = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	if (!walk)
		return;
	for (FTSENT *entry; (entry = fts_read(walk));)
		if (entry->fts_info == FTS_DP)
			(void)rmdir(entry->fts_accpath);
		else if (entry->fts_info != FTS_D)
			(void)unlink(entry->fts_accpath);
	(void)fts_close(walk);
}

/* Its exit status; what went wrong was said. */
static int make_copy(const struct cli *cli, const struct admin_command *command, const char *folder)
{
	(void)fflush(NULL);
	pid_t child = fork();
	if (child < 0)
		return cli_fail(cli, CLI_TEMPORARY, "can't fork: %s", strerror(errno));
	if (child == 0) {
		struct cli quiet = *cli;
		struct cli_words words = {.arguments = {folder}, .count = 1};
		quiet.quiet = true;
		words.options = json_object();
		int r = cli_call(&quiet, command, &words, NULL);
		json_decref(words.options);
		exit(r);
	}
	int status;
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return CLI_FAILED;
	return WIFEXITED(status) ? WEXITSTATUS(status) : CLI_FAILED;
}

int cli_backup(struct cli *cli, const struct admin_command *command, const char *folder)
{
	char near[PATH_MAX], name[ID_TEXT_SIZE + 1];
	id_to_text(id_new(), name);
	(void)snprintf(near, sizeof(near), "%s/store/backup-%s", cli->settings->data, name);
	if (mkdir(folder, 0700) < 0)
		return cli_fail(cli, CLI_FAILED, "%s: %s", folder,
			errno == EEXIST ? "is there already" : strerror(errno));
	int r = make_copy(cli, command, near);
	if (r == CLI_DONE && copy_tree(near, folder) < 0)
		r = cli_fail(
			cli, CLI_FAILED, "can't copy %s to %s: %s", near, folder, strerror(errno));
	remove_tree(near);
	if (r != CLI_DONE) {
		remove_tree(folder);
		return r;
	}
	AUTO_FREE char *text = NULL;
	if (asprintf(&text, "Backed up to %s.", folder) < 0)
		return CLI_FAILED;
	json_t *result = json_pack("{s:s}", "message", text);
	r = cli_finish(cli, command, result);
	json_decref(result);
	return r;
}
