/* Files are read whole and parsed; then each `include` node is replaced by the nodes of the files
 * that it names. */
#include "conf/file.h"

#include "base/errno_here.h"

#include <fcntl.h>
#include <glob.h>
#include <sys/stat.h>
#include <unistd.h>

struct reading {
	struct arena *arena;
	struct conf_faults *faults;
	struct conf_counts counts;
	unsigned files;
};

static void close_fd(const int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
}

int conf_file_read_all(struct arena *arena, const char *path, struct slice *ret_text)
{
	/* Non-blocking, so that a FIFO is refused below and never waited for. */
	AUTO(close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	if (fd < 0 || fstat(fd, &st) < 0)
		return errno;
	if (!S_ISREG(st.st_mode))
		return S_ISDIR(st.st_mode) ? EISDIR : EINVAL;
	if (st.st_size > CONF_TEXT_MAX)
		return EFBIG;
	AUTO(buf_free) struct buf text = BUF(CONF_TEXT_MAX + 1);
	for (;;) {
		char *room = buf_reserve(&text, MIN((size_t)4096, text.max - text.len));
		if (!room || text.len == text.max)
			return room ? EFBIG : ENOMEM;
		ssize_t got = read(fd, room, MIN((size_t)4096, text.max - text.len));
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return errno;
		if (got == 0)
			break;
		text.len += (size_t)got;
	}
	*ret_text = arena_copy(arena, buf_slice(&text));
	return 0;
}

static int expand(struct reading *reading, const char *name, struct slice text, unsigned depth,
	struct conf_node **ret_first);

static int include_file(struct reading *reading, const char *path, const struct conf_word *asked,
	unsigned depth, struct conf_node **ret_first)
{
	struct slice text;
	if (++reading->files > CONF_FILES_MAX)
		return conf_fault(reading->faults, asked->place, "more than %d files are included",
			(int)CONF_FILES_MAX);
	int number = conf_file_read_all(reading->arena, path, &text);
	if (number != 0) {
		char why[128];
		return conf_fault(reading->faults, asked->place, "can't read \"%.120s\": %s", path,
			strerror_r(number, why, sizeof(why)));
	}
	return expand(reading, path, text, depth, ret_first);
}

/* The pattern, relative to the folder of the file in which it stands. */
static const char *resolve(struct reading *reading, const struct conf_word *pattern)
{
	const char *from = pattern->place.source->name;
	const char *slash = strrchr(from, '/');
	if (pattern->text.ptr[0] == '/' || !slash)
		return pattern->text.ptr;
	return arena_printf(
		reading->arena, "%.*s/%s", (int)(slash - from), from, pattern->text.ptr);
}

static int include(struct reading *reading, const struct conf_node *node, unsigned depth,
	struct conf_node **ret_first)
{
	const struct conf_word *pattern = node->values;
	if (node->is_block || node->value_count != 1 || pattern->text.len == 0)
		return conf_fault(reading->faults, node->name.place,
			"expected one file name or pattern: include \"conf.d/*.conf\";");
	if (depth >= CONF_INCLUDE_DEPTH_MAX)
		return conf_fault(reading->faults, node->name.place,
			"files include each other more than %d deep", (int)CONF_INCLUDE_DEPTH_MAX);
	glob_t found = {0};
	const char *path = resolve(reading, pattern);
	int outcome = glob(path, GLOB_NOMAGIC, NULL, &found);
	if (outcome != 0 && outcome != GLOB_NOMATCH) {
		globfree(&found);
		return conf_fault(
			reading->faults, pattern->place, "can't read the folder of \"%s\"", path);
	}
	struct conf_node **tail = ret_first;
	outcome = 0;
	for (size_t i = 0; i < found.gl_pathc && outcome == 0; i++) {
		outcome = include_file(reading, found.gl_pathv[i], pattern, depth + 1, tail);
		while (outcome == 0 && *tail)
			tail = &(*tail)->next;
	}
	globfree(&found);
	return outcome;
}

static int expand_nodes(struct reading *reading, unsigned depth, struct conf_node **link)
{
	while (*link) {
		struct conf_node *node = *link;
		if (!slice_eq(node->name.text, SLICE("include"))) {
			if (expand_nodes(reading, depth, &node->children) < 0)
				return -1;
			link = &node->next;
			continue;
		}
		struct conf_node *after = node->next;
		*link = NULL;
		if (include(reading, node, depth, link) < 0)
			return -1;
		while (*link)
			link = &(*link)->next;
		*link = after;
	}
	return 0;
}

/* Parses the text of one file, then what it includes. `name` must live as long as the arena. */
static int expand(struct reading *reading, const char *name, struct slice text, unsigned depth,
	struct conf_node **ret_first)
{
	struct conf_source *source = ARENA_NEW(reading->arena, struct conf_source);
	source->name = arena_copy(reading->arena, slice_str(name)).ptr;
	/* Some editors leave a byte order mark. */
	source->text = slice_starts(text, SLICE("\xef\xbb\xbf")) ? slice_from(text, 3) : text;
	if (conf_parse(reading->arena, source, &reading->counts, reading->faults, ret_first) < 0)
		return -1;
	return expand_nodes(reading, depth, ret_first);
}

int conf_file_from_text(struct arena *arena, const char *name, struct slice text,
	struct conf_faults *faults, struct conf_node **ret_first)
{
	struct reading reading = {.arena = arena, .faults = faults, .files = 1};
	return expand(&reading, name, arena_copy(arena, text), 0, ret_first);
}

int conf_file_read(struct arena *arena, const char *path, struct conf_faults *faults,
	struct conf_node **ret_first)
{
	struct reading reading = {.arena = arena, .faults = faults, .files = 1};
	struct slice text;
	int number = conf_file_read_all(arena, path, &text);
	if (number != 0)
		return err_errno(faults->err, number, "can't read the config file %.100s", path);
	return expand(&reading, path, text, 0, ret_first);
}
