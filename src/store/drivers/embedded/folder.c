/* The folder of a store: its format file and its lock.
 *
 * FORMAT is one line of text, written before anything else and never changed:
 *     rookery-store 1 <tag, 16 hex digits>
 * The tag is random and stands in every record, so that neither another store's segment nor bytes
 * inside a message are ever taken for a record. */
#include "store/drivers/embedded/db.h"

#include "base/alloc.h"
#include "base/errno_here.h"
#include "base/random.h"

#include <fcntl.h>
#include <inttypes.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FORMAT_SIZE = 64 };

char *embedded_path(const char *path, const char *name)
{
	size_t size = strlen(path) + strlen(name) + 2;
	char *joined = alloc(size);
	(void)snprintf(joined, size, "%s/%s", path, name);
	return joined;
}

static int make_folder(const char *path, struct err *err)
{
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return err_errno(err, errno, "%s", path);
	return 0;
}

int embedded_folder_create(
	const struct embedded_files *files, const char *path, uint64_t tag, struct err *err)
{
	char text[FORMAT_SIZE];
	int len = snprintf(
		text, sizeof(text), "rookery-store %d %016" PRIx64 "\n", EMBEDDED_VERSION, tag);
	AUTO_FREE char *segments = embedded_path(path, "segments");
	AUTO_FREE char *format = embedded_path(path, "FORMAT");
	AUTO_FREE char *draft = embedded_path(path, "FORMAT.new");
	if (make_folder(segments, err) < 0)
		return -1;
	(void)files->unlink(files->context, draft); /* of an earlier start that was cut off */
	if (embedded_files_create(files, draft, slice(text, (size_t)len), err) < 0)
		return -1;
	if (files->rename(files->context, draft, format) < 0)
		return err_errno(err, errno, "%s", format);
	return embedded_files_sync_folder(files, path, err);
}

static bool hex_tag(struct slice text, uint64_t *ret_tag)
{
	uint64_t tag = 0;
	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];
		if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
			return false;
		tag = tag << 4 | (uint64_t)(c <= '9' ? c - '0' : c - 'a' + 10);
	}
	*ret_tag = tag;
	return text.len == 16;
}

/* STORE_ABSENT when the folder is no store yet. */
static int read_format(struct store_db *db, struct err *err)
{
	AUTO_FREE char *path = embedded_path(db->path, "FORMAT");
	char text[FORMAT_SIZE];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? STORE_ABSENT : err_errno(err, errno, "%s", path);
	ssize_t len = read(fd, text, sizeof(text));
	int why = errno;
	(void)close(fd);
	if (len < 0)
		return err_errno(err, why, "%s", path);
	struct slice rest = slice_trim(slice(text, (size_t)len));
	struct slice name = slice_cut(&rest, ' ');
	struct slice version = slice_cut(&rest, ' ');
	uint64_t number;
	if (!slice_eq(name, SLICE("rookery-store")) || !slice_to_u64(version, UINT32_MAX, &number))
		return err_permanent(err, ERR_DAMAGED, "%s is no format file of a store", path);
	if (number != EMBEDDED_VERSION)
		return err_permanent(err, ERR_BAD_INPUT,
			"%s: version %u is not known to this program, which knows %d", path,
			(unsigned)number, EMBEDDED_VERSION);
	if (!hex_tag(rest, &db->tag))
		return err_permanent(err, ERR_DAMAGED, "%s is no format file of a store", path);
	return 0;
}

static int take_lock(struct store_db *db, struct err *err)
{
	AUTO_FREE char *path = embedded_path(db->path, "LOCK");
	db->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (db->lock_fd < 0)
		return err_errno(err, errno, "%s", path);
	if (flock(db->lock_fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	if (errno != EWOULDBLOCK)
		return err_errno(err, errno, "%s", path);
	return err_temporary(err, ERR_IN_USE, "another process has the store %s open", db->path);
}

int embedded_folder_open(struct store_db *db, struct err *err)
{
	if (!db->read_only && make_folder(db->path, err) < 0)
		return -1;
	if (take_lock(db, err) < 0)
		return -1;
	int rc = read_format(db, err);
	if (rc != STORE_ABSENT)
		return rc;
	AUTO_FREE char *keys = embedded_path(db->path, "keys");
	if (access(keys, F_OK) == 0)
		return err_permanent(err, ERR_DAMAGED, "%s has keys but no FORMAT", db->path);
	if (db->read_only)
		return err_permanent(err, ERR_ABSENT, "%s is no store", db->path);
	do
		random_bytes(&db->tag, sizeof(db->tag));
	while (db->tag == 0);
	return embedded_folder_create(db->files, db->path, db->tag, err);
}
