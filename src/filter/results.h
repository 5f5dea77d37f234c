/* Authentication-Results (RFC 8601): what was found out about a message, as a field in front of it.
 * Writing, reading, and taking out what only we may say. Pure. */
#ifndef FILTER_RESULTS_H
#define FILTER_RESULTS_H

#include "base/arena.h"
#include "base/buf.h"

enum {
	FILTER_RESULT_PROPERTIES = 6,   /* a result; more are left out */
	FILTER_RESULTS_MAX = 64,        /* a field */
	FILTER_RESULTS_VALUE_MAX = 400, /* of one value, when it is written */
};

struct filter_property {
	struct slice type, name, value; /* "smtp", "mailfrom", "example.com" */
};

struct filter_result {
	struct slice method, result; /* "spf", "pass" */
	struct slice reason;         /* empty: none */
	struct slice comment;        /* behind the result, when written; empty: none. Not read */
	struct filter_property properties[FILTER_RESULT_PROPERTIES];
	size_t property_count;
};

struct filter_results {
	struct slice server; /* authserv-id */
	struct filter_result *list;
	size_t count; /* 0: "none" */
};

/* Adds a property; its bytes are borrowed. Left out when there is no room or no value. */
void filter_result_add(
	struct filter_result *result, const char *type, const char *name, struct slice value);
/* Appends the whole field with its line end: one result a line, values quoted where they have to
 * be, bytes that can't stand in a header replaced by "?". Non-ASCII stays (RFC 6532). */
void filter_results_write(const struct filter_results *results, struct buf *to);
/* Reads a field's raw value. What it returns lies in the arena; names of methods, results and
 * properties in lower case. False when malformed, or of a version that is not 1. */
WARN_UNUSED bool filter_results_read(
	struct slice value, struct arena *arena, struct filter_results *ret_results);

/* May a field that comes from elsewhere not stay (section 5)? It bears our authserv-id, or can't be
 * read so that it might seem to. */
bool filter_results_is_ours(struct slice name, struct slice value, struct slice server);
/* Appends the header block (with its empty line) without such fields; all else byte by byte.
 * Returns how many went. */
size_t filter_results_remove(struct slice header, struct slice server, struct buf *to);

#endif
