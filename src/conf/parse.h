/* The grammar of the config file:
 *
 *     file      = *statement
 *     statement = name *value ";"
 *               / name *value "{" *statement "}"
 *     value     = bare word / quoted string         bare: no white space, no ; { } "
 *     quoted    = DQUOTE … DQUOTE, on one line, with the escapes \" \\ \n
 *     comment   = "#" to the end of the line, where a word could begin
 *
 * Pure: text in, tree out. What the names mean, settings.h knows. */
#ifndef CONF_PARSE_H
#define CONF_PARSE_H

#include "base/arena.h"
#include "conf/fault.h"

enum {
	CONF_TEXT_MAX = 1 << 20,  /* bytes of one file */
	CONF_NODES_MAX = 1 << 16, /* statements, over all included files */
	CONF_WORDS_MAX = 1 << 17, /* values likewise */
	CONF_WORD_MAX = 4096,     /* bytes of one word */
	CONF_DEPTH_MAX = 16,      /* blocks in blocks */
};

struct conf_word {
	struct slice
		text; /* without quotes and escapes; ends in NUL (not counted), has none inside */
	struct conf_place place;
	struct conf_word *next;
};

struct conf_node {
	struct conf_word name;
	struct conf_word *values;
	size_t value_count;
	bool is_block;
	struct conf_node *children; /* of a block; in the file's order */
	struct conf_node *next;
};

/* Counts over all files of one load; begins as zeroes. */
struct conf_counts {
	size_t nodes, words;
};

/* Everything is made in `arena` and points to `source`, which both must outlive the tree. Stops at
 * the first fault and returns negative. */
int conf_parse(struct arena *arena, const struct conf_source *source, struct conf_counts *counts,
	struct conf_faults *faults, struct conf_node **ret_first) WARN_UNUSED;

#endif
