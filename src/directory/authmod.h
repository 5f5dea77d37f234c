/* The authmod line protocol: as a server for other roles and nodes, and as a directory driver that
 * asks one. Over Unix sockets (same machine) or TCP. The words on the wire:
 * docs/formats/authmod.md.
 *
 *     check <user> <password> [<ip>]   +OK <user> <drop path|config> <uid> name="value" …
 *     lookup <user>                    -ERR reason (no)        -DEAD reason (can't tell now)
 *     version, help, quit, exit; from us also: route, domain, scram, and the service as a field
 */
#ifndef DIRECTORY_AUTHMOD_H
#define DIRECTORY_AUTHMOD_H

#include "directory/directory.h"
#include "net/client.h"
#include "net/session.h"

/* A protocol for net_loop_listen(); its `service` is a struct directory_authmod_service. */
extern const struct net_protocol directory_authmod_protocol;
struct directory_authmod_service {
	struct directory *directory; /* borrowed */
	bool trusted;                /* may ask for SCRAM keys: local sockets */
};

struct directory_authmod_options {
	struct net_client_options server;
	unsigned connections; /* idle ones kept; 0: 8 */
};
int directory_authmod_new(const struct directory_authmod_options *options,
	struct directory **ret_directory, struct err *err) WARN_UNUSED;

/* The line grammar, pure (fuzzed): words separated by blanks, "…" for words with blanks (\" and \\
 * inside), name="value" pairs. Tolerant on input: in answers, which begin with "+", a value may
 * stand bare; past the last field that there is room for, fields are ignored. In refusals, which
 * begin with "-", the second word is the whole reason. False: too long, too many words, a quote
 * that does not end, control characters. The line comes without CR LF; the slices point into it or
 * into `bytes`, so the struct is not to be copied. */
enum {
	DIRECTORY_AUTHMOD_LINE_MAX = 16384,
	DIRECTORY_AUTHMOD_WORDS_MAX = 8,
	DIRECTORY_AUTHMOD_FIELDS_MAX = 32,
};
struct directory_authmod_line {
	struct slice words[DIRECTORY_AUTHMOD_WORDS_MAX];
	size_t word_count;
	struct {
		struct slice name, value;
	} fields[DIRECTORY_AUTHMOD_FIELDS_MAX];
	size_t field_count;
	size_t used;
	char bytes[DIRECTORY_AUTHMOD_LINE_MAX]; /* quoted text without its backslashes */
};
WARN_UNUSED bool directory_authmod_parse(
	struct slice line, struct directory_authmod_line *ret_line);

#endif
