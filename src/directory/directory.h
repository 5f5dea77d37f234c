/* Who is this, may he log in, where does he live?
 *
 * One interface, several drivers: internal (objects in the store's system account) and authmod (the
 * line protocol, asked of another role or node). "No such user", "wrong password" and "can't tell
 * now" are three different answers everywhere. All calls may be made from any thread. */
#ifndef DIRECTORY_DIRECTORY_H
#define DIRECTORY_DIRECTORY_H

#include "base/arena.h"
#include "base/err.h"
#include "base/id.h"
#include "sasl/sasl.h"

/* Positive outcomes. */
enum {
	DIRECTORY_UNKNOWN = 1, /* no such user or address (its domain may be ours or not) */
	DIRECTORY_WRONG = 2,   /* wrong password */
	DIRECTORY_DENIED = 3,  /* right, but suspended or this service is not his; err says which */
};

/* What a user may use, as bits. */
enum directory_service {
	DIRECTORY_IMAP = 1,
	DIRECTORY_POP3 = 2,
	DIRECTORY_SUBMISSION = 4,
	DIRECTORY_MANAGESIEVE = 8,
	DIRECTORY_HTTP = 16,
	DIRECTORY_DELIVERY = 32, /* may get mail */
};
enum { DIRECTORY_ALL_SERVICES = 63 };
/* "imap" … of one bit, and back (0: unknown). */
const char *directory_service_name(enum directory_service service);
unsigned directory_service_of(struct slice name);

/* A user. Slices lie in the caller's arena. Who is suspended may not log in and gets no mail. */
struct directory_user {
	struct id account;      /* ID_NONE from a driver that does not know it */
	struct slice name;      /* canonical address: lower case, "user@example.org" */
	struct slice domain;    /* its part behind "@" */
	struct slice full_name; /* "" when not set */
	unsigned services;      /* bits of enum directory_service */
	bool suspended;
	uint64_t quota_bytes, quota_messages; /* 0: none; the domain's default is put in already */
	struct id domain_id; /* of the domain, when it has a limit of its own; else ID_NONE */
	uint64_t domain_quota_bytes, domain_quota_messages;
	struct slice to_host;         /* where he lives, "host", "host:port", "a,b"; "" here */
	int64_t created;              /* seconds since 1970 */
	const struct slice *forwards; /* addresses that his mail goes on to, where that is known */
	size_t forward_count;
	bool no_copy;               /* and only to these: he himself gets nothing */
	const struct slice *groups; /* he is in, as the directory names them; where it has any */
	size_t group_count;
	struct slice answered_by; /* the server that said this; "" where there is none */
};

/* Where mail for an address goes. */
struct directory_route {
	/* One for a user, several for an alias. Those with no_copy are who the address belongs to,
	 * too, but it is not to be delivered to them. */
	struct directory_user *users;
	size_t count;
	struct slice *elsewhere; /* addresses in domains that are not ours, each once */
	size_t elsewhere_count;
	struct slice detail; /* "lists" of "ann+lists@example.org"; "" when none */
	/* The user or alias that matched; of a catch-all the address that was asked for. */
	struct slice matched;
};

struct directory;

struct directory_token {
	struct slice user;      /* whom it names */
	struct slice mechanism; /* of SASL, by which it came */
	struct slice message;   /* whole, as the client sent it */
};

/* For RCPT TO: users, aliases, plus addressing, catch-all, in this order. Aliases and what users
 * forward are followed, to 2,000 addresses at most. 0, DIRECTORY_UNKNOWN, DIRECTORY_DENIED (may not
 * get mail), or negative: can't tell now. Users of an alias who may not get mail are left out. An
 * alias that leads to nobody can't be told, and who forwards to nobody gets his mail himself: none
 * bounces for a mistake in the directory. */
int directory_lookup(struct directory *directory, struct slice address, struct arena *arena,
	struct directory_route *ret_route, struct err *err) WARN_UNUSED;
/* Whether any of the users is to get it. */
WARN_UNUSED bool directory_route_stays(const struct directory_route *route);
/* Whether mail for the domain ends here: 0 yes, DIRECTORY_UNKNOWN no. */
int directory_domain(struct directory *directory, struct slice domain, struct err *err) WARN_UNUSED;
/* For a login by full address. A `service` of 0 asks for none in particular. `client` is the IP as
 * text, for limits and logs. App passwords count where the user allows the service. 0 and the user;
 * or UNKNOWN, WRONG, DENIED, negative. Takes the same time for unknown users as for wrong
 * passwords. */
int directory_check(struct directory *directory, struct slice user, struct slice password,
	struct slice client, enum directory_service service, struct arena *arena,
	struct directory_user *ret_user, struct err *err) WARN_UNUSED;
/* The user alone, by address or by login name, without a password (after SCRAM; at APPEND, to know
 * his limits as they are now). DIRECTORY_DENIED as directory_check. */
int directory_user(struct directory *directory, struct slice user, enum directory_service service,
	struct arena *arena, struct directory_user *ret_user, struct err *err) WARN_UNUSED;
/* For a login of somebody who may log in as any user, with a password of his own. 0 and the user;
 * or DIRECTORY_UNKNOWN (no such user), WRONG (no such master, another password, or this directory
 * has no masters: masters.h), DENIED, negative. Who may ask is for the caller to know. */
struct directory_master {
	struct slice name, password;
};
int directory_check_master(struct directory *directory, struct slice user,
	const struct directory_master *master, struct slice client, enum directory_service service,
	struct arena *arena, struct directory_user *ret_user, struct err *err) WARN_UNUSED;
/* For SCRAM. DIRECTORY_UNKNOWN also when the user has no keys; the internal directory gives keys
 * that no password fits instead, so that nobody learns who exists. */
int directory_scram(struct directory *directory, struct slice user,
	struct sasl_scram_keys *ret_keys, struct err *err) WARN_UNUSED;
/* For a login by a token, see sasl/sasl.h; as directory_check() else. Only where
 * directory_takes_tokens(), which most do not. */
int directory_token(struct directory *directory, const struct directory_token *token,
	struct slice client, enum directory_service service, struct buf *challenge,
	struct arena *arena, struct directory_user *ret_user, struct err *err) WARN_UNUSED;
bool directory_takes_tokens(const struct directory *directory);
/* Whether SCRAM is worth offering: a mechanism that is offered and then fails locks clients out who
 * would send their password otherwise. It is, until told that the directory has no keys, which is
 * done before the directory is used. */
bool directory_has_scram(const struct directory *directory);
void directory_set_scram(struct directory *directory, bool has_scram);
/* From now on the user lives there ("host" or "host:port"). May have been done when it fails: ask.
 * ERR_DENIED: this directory can't be told. */
int directory_set_host(struct directory *directory, struct slice user, struct slice host,
	struct err *err) WARN_UNUSED;
/* What is remembered of a directory elsewhere about this user or address, "" all, is asked anew. */
void directory_flush(struct directory *directory, struct slice user);
void directory_free(struct directory *directory); /* NULL is fine */

#endif
