/* Memory first, an unnamed file later, mapped when it is read. */
#include "base/spool.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "base/errno_here.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

struct spool {
	int dir_fd, file; /* file -1 while in memory */
	uint64_t max, file_len;
	struct buf memory; /* all of it, or what is not yet written to the file */
	void *map;
	size_t map_len;
	bool failed;
};

struct spool *spool_new(int dir_fd, size_t memory_max, uint64_t max)
{
	struct spool *s = ALLOC(struct spool);
	s->dir_fd = dir_fd;
	s->file = -1;
	s->max = max;
	s->memory = BUF(memory_max);
	return s;
}

static void unmap(struct spool *s)
{
	if (s->map)
		(void)munmap(s->map, s->map_len);
	s->map = NULL;
}

static int write_out(struct spool *s, struct slice bytes, struct err *err)
{
	if (s->file < 0)
		s->file = openat(s->dir_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (s->file < 0)
		return err_errno(err, errno, "can't make a temporary file");
	while (bytes.len > 0) {
		ssize_t n = pwrite(s->file, bytes.ptr, bytes.len, (off_t)s->file_len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return err_errno(
				err, n < 0 ? errno : ENOSPC, "can't write a temporary file");
		s->file_len += (uint64_t)n;
		bytes = slice_from(bytes, (size_t)n);
	}
	return 0;
}

static int write_memory(struct spool *s, struct err *err)
{
	int r = write_out(s, buf_slice(&s->memory), err);
	buf_clear(&s->memory);
	return r;
}

int spool_add(struct spool *s, struct slice bytes, struct err *err)
{
	unmap(s);
	if (s->failed)
		return err_temporary(err, ERR_OTHER, "the message was cut short before");
	if (bytes.len > s->max - spool_len(s)) {
		s->failed = true;
		return err_permanent(
			err, ERR_LIMIT, "more than %llu bytes", (unsigned long long)s->max);
	}
	buf_add_slice(&s->memory, bytes);
	if (!s->memory.failed)
		return 0;
	int r = write_memory(s, err);
	if (r == 0)
		r = write_out(s, bytes, err);
	s->failed = r < 0;
	return r;
}

uint64_t spool_len(const struct spool *s)
{
	return s->file_len + s->memory.len;
}

int spool_slice(struct spool *s, struct slice *ret_bytes, struct err *err)
{
	if (s->failed)
		return err_temporary(err, ERR_OTHER, "the message was cut short before");
	if (s->file < 0) {
		*ret_bytes = buf_slice(&s->memory);
		return 0;
	}
	if (write_memory(s, err) < 0)
		return -1;
	if (!s->map) {
		void *map = mmap(NULL, (size_t)s->file_len, PROT_READ, MAP_SHARED, s->file, 0);
		if (map == MAP_FAILED)
			return err_errno(err, errno, "can't read a temporary file");
		s->map = map;
		s->map_len = (size_t)s->file_len;
	}
	*ret_bytes = slice(s->map, s->map_len);
	return 0;
}

void spool_free(struct spool *s)
{
	if (!s)
		return;
	unmap(s);
	if (s->file >= 0)
		(void)close(s->file);
	buf_free(&s->memory);
	free(s);
}
