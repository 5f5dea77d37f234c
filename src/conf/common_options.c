/* The table of what may be common, and the common options behind a node's own. */
#include "conf/common_options.h"

#include "base/errno_here.h"
#include "conf/defaults.h"
#include "conf/file.h"
#include "conf/settings.h"

#include <unistd.h>

static const char NAME[] = "common.conf";

/* Read the head of common_options.h before a line is added. A block stands for all options in it.
 */
static const char *const common[] = {
	"directory.cache_entries",
	"directory.cache_negative",
	"directory.cache_positive",
	"limits",
	"mx.arc",
	"mx.checks.bad_helo_score",
	"mx.checks.dmarc",
	"mx.checks.mark_score",
	"mx.checks.no_ptr_score",
	"mx.checks.own_helo_score",
	"mx.checks.reject_score",
	"mx.command_timeout",
	"mx.data_timeout",
	"mx.errors_max",
	"mx.greylist",
	"mx.limits",
	"mx.max_message_size",
	"mx.queue",
	"mx.recipients_max",
	"mx.reports",
	"mx.srs.on",
	"mx.submission_max_message_size",
	"mx.submission_recipients_max",
	"store.append_limit",
	"store.compact_interval",
	"store.imap_idle_timeout",
	"store.junk_header",
	"store.lmtp_idle_timeout",
	"store.login_timeout",
	"store.mirror.ack",
	"store.mirror.compress",
	"store.mirror.scrub",
	"store.mirror.silence",
	"mx.mirror.ack",
	"mx.mirror.compress",
	"mx.mirror.scrub",
	"mx.mirror.silence",
	"store.password_cache",
	"store.password_hash_memory",
	"store.password_hash_passes",
	"store.plus_separator",
	"store.pop3_idle_timeout",
	"store.quota",
	"store.quota_messages",
	"store.scram_iterations",
};

bool conf_option_is_common(const struct conf_option *option)
{
	AUTO(buf_free) struct buf name = BUF(256);
	conf_option_name(option, &name);
	for (size_t i = 0; i < ARRAY_LEN(common); i++)
		if (slice_eq(buf_slice(&name), slice_str(common[i])) ||
			strcmp(option->block, common[i]) == 0)
			return true;
	return false;
}

void conf_common_list(struct buf *to)
{
	for (size_t i = 0; i < conf_option_count; i++) {
		if (!conf_option_is_common(&conf_options[i]))
			continue;
		conf_option_name(&conf_options[i], to);
		buf_add_byte(to, '\n');
	}
}

/* Names that nobody knows are told with the values. */
static void check_names(
	const struct conf_block *block, const struct conf_node *nodes, struct conf_faults *faults)
{
	for (const struct conf_node *node = nodes; node; node = node->next) {
		const struct conf_block *inner = conf_block_find(block, node->name.text);
		const struct conf_option *option = conf_option_find(block, node->name.text);
		if (slice_eq(node->name.text, SLICE("include")) || (inner && inner->item_size) ||
			(option && !conf_option_is_common(option)))
			(void)conf_fault(faults, node->name.place,
				"\"%.60s\" can't be common: each node has its own (\"rookery "
				"common options\" lists what can)",
				node->name.text.ptr);
		else if (inner)
			check_names(inner, node->children, faults);
	}
}

/* As a config file of its own; the name keeps the system from being asked for one. */
static int check_values(struct slice text, struct conf_faults *faults)
{
	AUTO(buf_free) struct buf whole = BUF(CONF_COMMON_MAX + 64);
	const struct conf_settings *settings;
	struct err err;
	buf_add_slice(&whole, text);
	buf_add_str(&whole, "\nhostname localhost;\n");
	if (conf_settings_from_text(NAME, buf_slice(&whole), faults->report, &settings, &err) ==
		0) {
		conf_settings_free(settings);
		return 0;
	}
	*faults->err = err;
	return -1;
}

static int read_common(struct arena *arena, const char *name, struct slice text, struct buf *report,
	struct conf_node **ret_nodes, struct err *err)
{
	struct conf_faults faults = {.report = report, .err = err, .max = CONF_FAULTS_MAX};
	struct conf_source *source = ARENA_NEW(arena, struct conf_source);
	struct conf_counts counts = {0};
	source->name = arena_copy(arena, slice_str(name)).ptr;
	source->text = arena_copy(arena, text);
	if (text.len > CONF_COMMON_MAX)
		return err_permanent(err, ERR_LIMIT, "common options are %d bytes at most",
			(int)CONF_COMMON_MAX);
	if (conf_parse(arena, source, &counts, &faults, ret_nodes) < 0)
		return -1;
	check_names(&conf_blocks[0], *ret_nodes, &faults);
	return faults.count > 0 ? -1 : check_values(text, &faults);
}

int conf_common_check(struct slice text, struct buf *report, struct err *err)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct conf_node *nodes;
	return read_common(&arena, NAME, text, report, &nodes, err);
}

void conf_common_path(const char *data, char path[CONF_COMMON_PATH])
{
	(void)snprintf(path, CONF_COMMON_PATH, "%s/%s", data, NAME);
}

static struct conf_node *find(struct conf_node *nodes, const struct conf_node *like)
{
	while (nodes && !slice_eq(nodes->name.text, like->name.text))
		nodes = nodes->next;
	return nodes;
}

/* A role is on because its own node says so. */
static bool turns_on(const struct conf_block *block)
{
	return block->on != CONF_NO_OFFSET;
}

static void merge(const struct conf_block *block, struct conf_node **own, struct conf_node *more)
{
	for (struct conf_node *node = more, *after; node; node = after) {
		const struct conf_block *inner = conf_block_find(block, node->name.text);
		struct conf_node *there = find(*own, node), **end = own;
		after = node->next;
		if (there && inner && there->is_block) {
			merge(inner, &there->children, node->children);
			continue;
		}
		/* Statements of a list are added one by one; `there` may be one of them. */
		if (there && there->name.place.source != node->name.place.source)
			continue;
		if (!there && inner && turns_on(inner))
			continue;
		while (*end)
			end = &(*end)->next;
		*end = node;
		node->next = NULL;
	}
}

/* Where the data is, before anything is known. */
static const char *data_of(struct arena *arena, const struct conf_node *own)
{
	for (; own; own = own->next)
		if (slice_eq(own->name.text, SLICE("data")) && own->value_count == 1)
			return own->values->text.ptr;
	const struct conf_option *option = conf_option_find(&conf_blocks[0], SLICE("data"));
	return arena_copy(arena, slice_str(option->fallback)).ptr;
}

int conf_common_add(struct arena *arena, struct conf_node **own, struct err *err)
{
	char path[CONF_COMMON_PATH];
	struct conf_node *nodes;
	struct slice text;
	conf_common_path(data_of(arena, *own), path);
	int number = conf_file_read_all(arena, path, &text);
	if (number == ENOENT || number == ENOTDIR)
		return 0;
	if (number != 0)
		return err_errno(err, number, "can't read %.200s", path);
	if (read_common(arena, path, text, NULL, &nodes, err) < 0)
		return -1;
	merge(&conf_blocks[0], own, nodes);
	return 0;
}
