/* The file: a header, and slots that each hold a message's id, or zeroes. A slot is written before
 * the message is sent, and cleared after its entries are settled; the kernel keeps the page when
 * this process dies in between. */
#include "queue/underway.h"

#include "base/alloc.h"
#include "base/errno_here.h"
#include "base/must.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

enum { BOOT_SIZE = 48 };

static const char MAGIC[8] = "underway";

struct file {
	char magic[8];
	char boot[BOOT_SIZE];
	struct id slots[QUEUE_UNDERWAY_MAX];
};

struct queue_underway {
	struct file *file;
	bool blank;
	pthread_mutex_t lock;
	struct {
		uint32_t users; /* deliveries of this process */
		bool earlier;   /* an earlier process left it, and it is still in the queue */
	} slots[QUEUE_UNDERWAY_MAX];
	size_t top; /* no slot from here on is used */
};

static int map(const char *path, struct file **ret_file, struct err *err)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_errno(err, errno, "can't open %s", path);
	void *at = MAP_FAILED;
	if (ftruncate(fd, sizeof(struct file)) == 0)
		at = mmap(NULL, sizeof(struct file), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	int r = at != MAP_FAILED ? 0 : err_errno(err, errno, "can't map %s", path);
	(void)close(fd);
	*ret_file = at;
	return r;
}

/* Of another run of the machine it may be older than what was sent. */
static bool is_good(const struct file *f, const char *boot)
{
	return boot && memcmp(f->magic, MAGIC, sizeof(MAGIC)) == 0 &&
	       strncmp(f->boot, boot, sizeof(f->boot) - 1) == 0;
}

static void lower_top(struct queue_underway *u)
{
	while (u->top > 0 && id_is_none(u->file->slots[u->top - 1]))
		u->top--;
}

int queue_underway_open(
	const char *path, const char *boot, struct queue_underway **ret_underway, struct err *err)
{
	struct file *file;
	if (map(path, &file, err) < 0)
		return -1;
	struct queue_underway *u = ALLOC(struct queue_underway);
	u->file = file;
	u->blank = !is_good(file, boot);
	if (u->blank) {
		*file = (struct file){0};
		(void)snprintf(file->boot, sizeof(file->boot), "%s", boot ? boot : "");
		memcpy(file->magic, MAGIC, sizeof(MAGIC));
	}
	u->top = QUEUE_UNDERWAY_MAX;
	lower_top(u);
	must(pthread_mutex_init(&u->lock, NULL) == 0);
	*ret_underway = u;
	return 0;
}

void queue_underway_close(struct queue_underway *u)
{
	if (!u)
		return;
	(void)munmap(u->file, sizeof(*u->file));
	(void)pthread_mutex_destroy(&u->lock);
	free(u);
}

bool queue_underway_is_blank(const struct queue_underway *u)
{
	return u->blank;
}

/* The lock is held. Its place, or `top`. */
static size_t find(const struct queue_underway *u, struct id message)
{
	size_t i = 0;
	while (i < u->top && !id_eq(u->file->slots[i], message))
		i++;
	return i;
}

bool queue_underway_was(struct queue_underway *u, struct id message)
{
	(void)pthread_mutex_lock(&u->lock);
	size_t i = find(u, message);
	bool was = i < u->top && u->slots[i].earlier;
	(void)pthread_mutex_unlock(&u->lock);
	return was;
}

void queue_underway_keep(struct queue_underway *u, struct id message)
{
	(void)pthread_mutex_lock(&u->lock);
	size_t i = find(u, message);
	if (i < u->top)
		u->slots[i].earlier = true;
	(void)pthread_mutex_unlock(&u->lock);
}

void queue_underway_forget_others(struct queue_underway *u)
{
	(void)pthread_mutex_lock(&u->lock);
	for (size_t i = 0; i < u->top; i++)
		if (!u->slots[i].earlier && u->slots[i].users == 0)
			u->file->slots[i] = ID_NONE;
	lower_top(u);
	(void)pthread_mutex_unlock(&u->lock);
}

void queue_underway_begin(struct queue_underway *u, struct id message)
{
	(void)pthread_mutex_lock(&u->lock);
	size_t i = find(u, message);
	if (i == u->top)
		i = find(u, ID_NONE);
	if (i < QUEUE_UNDERWAY_MAX) {
		u->file->slots[i] = message;
		u->slots[i].users++;
		u->top += i == u->top;
	}
	(void)pthread_mutex_unlock(&u->lock);
}

void queue_underway_end(struct queue_underway *u, struct id message)
{
	(void)pthread_mutex_lock(&u->lock);
	size_t i = find(u, message);
	if (i < u->top && u->slots[i].users > 0 && --u->slots[i].users == 0 && !u->slots[i].earlier)
		u->file->slots[i] = ID_NONE; /* one of before may have more recipients in doubt */
	lower_top(u);
	(void)pthread_mutex_unlock(&u->lock);
}
