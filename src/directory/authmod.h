/* The authmod line protocol: as a server for other roles and nodes, and as a directory driver that
 * asks one. Over Unix sockets (same machine) or TCP, with TLS. The words on the wire:
 * docs/formats/authmod.md.
 *
 *     check <user> <password> [<ip>]   +OK <user> <drop path|config> <uid> name="value" …
 *     lookup <user>                    -ERR reason (no)        -DEAD reason (can't tell now)
 *     version, help, quit, exit; from us also: route, domain, scram, login, and as fields of
 * check the service and the master whose password it is
 */
#ifndef DIRECTORY_AUTHMOD_H
#define DIRECTORY_AUTHMOD_H

#include "directory/directory.h"
#include "net/client.h"
#include "net/session.h"

struct directory_sessions;

/* A protocol for net_loop_listen(); its `service` is a struct directory_authmod_service. */
extern const struct net_protocol directory_authmod_protocol;
struct directory_authmod_service {
	struct directory *directory; /* borrowed, as all here */
	/* Those that `kick` ends; NULL: none are known. */
	struct directory_sessions *sessions;
	bool trusted; /* may ask for SCRAM keys and about masters: local sockets */
	/* Of a listener that other nodes reach: who is not in `networks` is not listened to (NULL:
	 * all are), and nothing is answered before "login <secret>" ("": all is). Who has said it
	 * is trusted. */
	const struct net_trusted *networks;
	struct slice secret;
};

enum { DIRECTORY_AUTHMOD_CONNECTIONS_MAX = 256 };
struct directory_authmod_options {
	/* "unix:/path", "host:port", "tls:host:port" (a name or an IP, [in brackets] for IPv6): the
	 * first one that works is asked. The certificate is checked against the host. Copied. */
	const char *const *servers;
	size_t server_count;
	const char *ca_file;  /* PEM; NULL: the system's */
	struct slice secret;  /* said to servers by TLS; "": none. Copied */
	unsigned timeout_ms;  /* of a question; 0: 30 s */
	unsigned connections; /* idle ones kept, to each server; 0: 8 */
	bool at_once_max;     /* and no more are used at once: others wait */
	/* Domains of a server that knows check and lookup only, as those of other makers: which are
	 * ours is told here, and aliases are users who forward and are not known otherwise. None:
	 * it knows our own commands too. Copied. */
	const char *const *domains;
	size_t domain_count;
	char plus_separator;                  /* with domains; 0: no plus addressing */
	uint64_t quota_bytes, quota_messages; /* with domains: of who has none of his own */
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
