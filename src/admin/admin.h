/* What operators do, as a table of commands over a running store: `rookery
 * domain|user|alias|store|mirror|…`. The command line parses by this table and sends the call to
 * the role's control socket; when no server runs, it opens the store and runs the same function
 * itself.
 */
#ifndef ADMIN_ADMIN_H
#define ADMIN_ADMIN_H

#include "acme/kept.h"
#include "admin/cluster.h"
#include "base/err.h"
#include "directory/directory.h"
#include "directory/sessions.h"
#include "keys/keys.h"
#include "dns/dns.h"
#include "mail/mail.h"
#include "mirror/node.h"
#include "move/move.h"
#include "net/session.h"
#include "queue/queue.h"
#include "reports/reports.h"

#include <jansson.h>

/* What commands work on; borrowed. */
struct admin {
	struct store *store;
	struct mail *mail;
	struct directory *directory;
	struct directory_sessions *sessions; /* on this node; NULL: no role runs */
	const struct admin_cluster *cluster; /* who else is told; NULL: nobody */
	struct move_node *moves;             /* the same */
	struct mirror_node *mirror;          /* of the role's own store; NULL: it has none */
	struct queue *queue;                 /* the mx role's; NULL: this is not the mx role */
	struct keys *keys;                   /* the same */
	struct reports *reports;             /* the same */
	const struct acme_plans *acme;       /* of the role that keeps certificates; else NULL */
	const char *hostname;                /* the same */
	struct dns *dns;                     /* of ADMIN_DNS; else NULL */
};

/* One call. */
struct admin_call {
	const char *const *arguments; /* behind the command's name */
	size_t argument_count;
	json_t *options;      /* object: option's name → string, true, or array of strings */
	const char *password; /* NULL: none was given */
	/* Long work tells how far it is; returns false when the caller is gone. May be NULL. */
	bool (*progress)(void *context, const char *what, uint64_t done, uint64_t total);
	void *context;
};

struct admin_option {
	const char *name;  /* "quota": --quota */
	const char *value; /* what stands behind it, "SIZE"; NULL: nothing */
	const char *help;
};

/* How a result is shown to people; --json shows it as it is. */
enum admin_shape {
	ADMIN_NOTHING,  /* result["message"] */
	ADMIN_OBJECT,   /* name and value, a line each */
	ADMIN_TABLE,    /* result["rows"], columns by `columns` */
	ADMIN_FINDINGS, /* result["findings"]; exit status 1 when result["damage"] > 0 */
};

/* Who runs a command. */
enum admin_place {
	ADMIN_STORE, /* the store role, or the command line itself when no server runs */
	/* The same; where the config has a proxy and no store, the proxy role, while it runs. */
	ADMIN_DIRECTORY,
	ADMIN_MX, /* the mx role, while it runs */
	/* Every role here that has a mirror of its own, the store role first, while they run. */
	ADMIN_BOTH,
	/* The role that keeps certificates, while it runs: mx, else the store. */
	ADMIN_ACME,
	/* The command line by itself, with a resolver as the config has it: it asks the DNS and
	 * nothing else. */
	ADMIN_DNS,
};

struct admin_command {
	const char *name;      /* "user add" */
	const char *arguments; /* "ADDRESS [TARGET...]" for usage */
	const char *help;      /* one sentence */
	size_t arguments_min, arguments_max;
	const struct admin_option *options; /* ended by a NULL name */
	/* The command line asks for one, twice; of a command with an option "password" once, and
	 * only when that is given. */
	bool wants_password;
	enum admin_shape shape;
	const char *const *columns; /* ADMIN_TABLE: keys, ended by NULL */
	/* Fills *ret_result (an object, owned by the caller). ERR_… as the floors below say. */
	int (*run)(struct admin *admin, const struct admin_call *call, json_t **ret_result,
		struct err *err);
	enum admin_place place;
};
extern const struct admin_command admin_commands[];
extern const size_t admin_command_count;
const struct admin_command *admin_find(const char *name);

/* The control socket's protocol: one JSON object a line each way. Its `service` is a struct admin.
 *   → {"command":"user add","arguments":[…],"options":{…},"password":"…"}
 *   ← {"progress":"checking","done":1,"total":9}   any number of times
 *   ← {"ok":true,"result":{…}}  or  {"ok":false,"error":"…","kind":"exists"} */
extern const struct net_protocol admin_protocol;

#endif
