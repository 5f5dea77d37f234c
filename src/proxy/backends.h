/* Back ends: which hosts there are, their addresses, who is down, and connecting to them.
 *
 * A host is known from the first time that somebody lives there; so many are kept, those that were
 * not used for the longest time are forgotten. What is known of it, for each protocol: whether it
 * is down, and until when it is not asked again (2 s, then 4, 8 … 30 s). Its addresses are those of
 * its name, looked up anew after a while and after a failure; or the one in the config. All calls
 * may be made from any thread, and those that connect wait (base/wait.h). */
#ifndef PROXY_BACKENDS_H
#define PROXY_BACKENDS_H

#include "conf/settings.h"
#include "net/client.h"
#include "proxy/place.h"

enum proxy_protocol {
	PROXY_IMAP,
	PROXY_POP3,
	PROXY_SUBMISSION,
	PROXY_MANAGESIEVE,
	PROXY_HTTP,
	PROXY_SMTP,
	PROXY_LMTP,
	PROXY_PROTOCOLS, /* how many there are */
};
const char *proxy_protocol_name(enum proxy_protocol protocol); /* "imap" */

struct proxy_backends;
/* Reads certificates and no more: no back end needs to answer. The settings must outlive it. */
int proxy_backends_new(const struct conf_settings *settings, struct proxy_backends **ret_backends,
	struct err *err) WARN_UNUSED;
/* No link may be left. NULL is fine. */
void proxy_backends_free(struct proxy_backends *backends);

/* A connection to a back end. Made by proxy_backends_connect(), ended by one of the calls below. */
struct proxy_link {
	struct proxy_backends *backends;
	struct proxy_backend *backend; /* held meanwhile */
	struct net_client *net;
	enum proxy_protocol protocol;
	/* Its TLS begins by the protocol's own word (STARTTLS): before anything is told, say it and
	 * call proxy_link_start_tls(). */
	bool wants_tls;
	bool is_here;   /* a role on this machine, by its Unix socket */
	char name[288]; /* "store1.example.org:993", for logs */
};

/* Whom a connection is made for, for a PROXY header (which is sent where the config says so). */
struct proxy_ends {
	const struct net_address *client; /* NULL: for ourselves */
	const struct net_address *local;  /* where the client connected to */
};

/* Connects to the first of the places that is up: connected, and with its TLS when that comes at
 * once. *tried is 0 at first; after proxy_link_failed() the same call goes on with those that were
 * not tried. Negative: there is none, for now (temporary); or there is something wrong with all of
 * them. The link's net has the time-out for answers of the config. */
int proxy_backends_connect(struct proxy_backends *backends, const struct proxy_places *places,
	enum proxy_protocol protocol, const struct proxy_ends *ends, unsigned *tried,
	struct proxy_link *ret_link, struct err *err) WARN_UNUSED;
/* As net_client_start_tls_with(): by the host's own anchors and name. */
int proxy_link_start_tls(struct proxy_link *link, struct err *err) WARN_UNUSED;
/* Our own name, for EHLO. */
const char *proxy_link_hostname(const struct proxy_link *link);
/* It has greeted us: it is up. */
void proxy_link_works(const struct proxy_link *link);
/* It broke off, does not answer, or says that it can't serve now (before it was known for whom):
 * closes it, and the host is down for this protocol for a while. Logged when that is news. */
void proxy_link_failed(struct proxy_link *link, const struct err *why);
/* The connection, which is the caller's then; for net_session_join(). */
struct net_client *proxy_link_take(struct proxy_link *link) WARN_UNUSED;
/* Closes it. Legal after all calls, more than once, and on a zeroed link. */
void proxy_link_close(struct proxy_link *link);

/* What back ends of a protocol announce before a login, in the protocol's own words, as heard last;
 * default_host's own count more than others'. Up to PROXY_CAPABILITIES_MAX bytes, more is cut off
 * at a blank or line end. */
enum { PROXY_CAPABILITIES_MAX = 2048 };
void proxy_link_announces(const struct proxy_link *link, struct slice capabilities);
/* Appends it; false when nothing was heard yet. */
bool proxy_backends_capabilities(
	struct proxy_backends *backends, enum proxy_protocol protocol, struct buf *to);

struct proxy_backends_figures {
	unsigned known, down; /* hosts; those that are down for any protocol */
	uint64_t connected, failed;
};
struct proxy_backends_figures proxy_backends_figures(struct proxy_backends *backends);

#endif
