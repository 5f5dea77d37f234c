/* The rows: every block and every option of the config file. All that knows an option by name works
 * from them: reading, defaults, reload, manual, sample file. To add an option, add a field to
 * settings.h and a row to options.c (options_mx.inc for the mx, options_proxy.inc for the proxy);
 * blocks stand in blocks.c. */
#ifndef CONF_OPTIONS_H
#define CONF_OPTIONS_H

#include "conf/settings.h"

enum conf_type {        /* type of the field in the struct */
	CONF_BOOL,      /* bool */
	CONF_NUMBER,    /* uint64_t */
	CONF_SIZE,      /* uint64_t, bytes */
	CONF_DURATION,  /* uint64_t, milliseconds */
	CONF_CHOICE,    /* an enum; the place in `choices`, from 0 */
	CONF_TEXT,      /* const char *; least and most count its bytes */
	CONF_PATH,      /* const char *; absolute */
	CONF_HOST,      /* const char * */
	CONF_ADDRESS,   /* const char *; IP and port, or Unix socket */
	CONF_HOSTS,     /* struct conf_list */
	CONF_NETWORKS,  /* struct conf_list */
	CONF_SERVERS,   /* struct conf_list; IP addresses with ports */
	CONF_REMOTES,   /* struct conf_list; servers by name or IP, with or without TLS */
	CONF_DURATIONS, /* struct conf_durations */
	CONF_RANGES,    /* struct conf_list; IPv4 addresses, or two with "-" between */
	CONF_LISTEN,    /* struct conf_listens; `choices` are the protocols allowed */
};

enum conf_effect { CONF_RELOAD, CONF_RESTART };

struct conf_option {
	const char *block; /* path: "", "mx", "tls.certificate" */
	const char *key;
	enum conf_type type;
	enum conf_effect effect; /* what a change needs */
	uint64_t least, most;    /* of numbers, sizes, durations (of each), lengths */
	const char *choices;     /* names, one space between */
	/* As in the file; statements of lists have "; " between. <data>, <run>, <user> stand for
	 * those options, <host> for the system's name. NULL: the option must be given. */
	const char *fallback;
	const char *example; /* for the sample file, where the fallback does not say enough */
	size_t offset;       /* of the field in conf_settings, or in the block's item */
	const char *help;    /* one paragraph */
};

#define CONF_NO_OFFSET SIZE_MAX

struct conf_block {
	const char *path;
	const char *label; /* what a label is for; NULL: takes none */
	size_t on;         /* offset of the bool that says it is there; CONF_NO_OFFSET: none */
	/* A block that may be repeated makes an array of items; the first field of an item is its
	 * label. */
	size_t item_size, items, count; /* size of one, offsets of pointer and count */
	const char *help;
};

extern const struct conf_option conf_options[];
extern const size_t conf_option_count;
extern const struct conf_block conf_blocks[]; /* parents stand before children; [0] is the file */
extern const size_t conf_block_count;

/* The last part of a block's path: "certificate". */
const char *conf_block_name(const struct conf_block *block);
/* The block that `name` opens inside `parent`; NULL when there is none. */
const struct conf_block *conf_block_find(const struct conf_block *parent, struct slice name);
bool conf_block_is_child(const struct conf_block *parent, const struct conf_block *child);
/* An option directly inside a block. */
const struct conf_option *conf_option_find(const struct conf_block *block, struct slice key);
static inline bool conf_option_is_in(
	const struct conf_option *option, const struct conf_block *block)
{
	return strcmp(option->block, block->path) == 0;
}
/* "mx.listen", "hostname". */
void conf_option_name(const struct conf_option *option, struct buf *to);

#endif
