/* A directory around another one, with masters: who may log in as any of its users, by a password
 * of their own (directory_check_master()). All other questions go on to the inner one. Any thread.
 */
#ifndef DIRECTORY_MASTERS_H
#define DIRECTORY_MASTERS_H

#include "directory/directory.h"

enum {
	DIRECTORY_MASTERS_MAX = 1000,
	DIRECTORY_MASTERS_TEXT_MAX = 256 * 1024,
};

/* `text` has lines NAME:HASH, hashes as sql_hash.h and password.h have them; empty lines and those
 * that begin with "#" are passed over. `inner` is borrowed. Errors, permanent, name the line and
 * not what stands in it: no name, no hash that we know, a name twice. */
int directory_masters_new(struct directory *inner, struct slice text,
	struct directory **ret_directory, struct err *err) WARN_UNUSED;

#endif
