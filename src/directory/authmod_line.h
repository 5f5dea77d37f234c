/* Writing lines of the authmod protocol, and users as fields of one. */
#ifndef DIRECTORY_AUTHMOD_LINE_H
#define DIRECTORY_AUTHMOD_LINE_H

#include "directory/authmod.h"

/* A blank and the word, quoted unless it can stand bare. Control characters become blanks: callers
 * have refused those where that matters. */
void directory_authmod_add_word(struct buf *to, struct slice word);
/* A blank and name="value". */
void directory_authmod_add_field(struct buf *to, const char *name, struct slice value);
void directory_authmod_add_number(struct buf *to, const char *name, uint64_t value);
/* The value of a field; empty when it is not there. */
struct slice directory_authmod_field(const struct directory_authmod_line *line, const char *name);

/* " <user> config 0 name="value" …": what follows +OK and +DATA. */
void directory_authmod_add_user(struct buf *to, const struct directory_user *user);
/* The other way; slices are copied. False when the line names no user. */
WARN_UNUSED bool directory_authmod_take_user(const struct directory_authmod_line *line,
	struct arena *arena, struct directory_user *ret_user);
/* Where he forwards to ("fwd"), in addition. */
void directory_authmod_take_forwards(const struct directory_authmod_line *line, struct arena *arena,
	struct directory_user *user);

/* An answer of a program of another maker, which quotes as it likes (fuzzed): what the grammar has
 * no place for is taken as it is meant or left out. A quote ends where a blank or nothing follows,
 * a backslash is one unless it stands before a quote, control characters are blanks. False: too
 * long, or not a word in it. */
WARN_UNUSED bool directory_authmod_read(struct slice line, struct directory_authmod_line *ret_line);

#endif
