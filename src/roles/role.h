/* A role is a process: what all of them have in common, and which there are. */
#ifndef ROLES_ROLE_H
#define ROLES_ROLE_H

#include "conf/settings.h"
#include "directory/throttle.h"
#include "net/loop.h"
#include "net/tls.h"

#include <jansson.h>
#include <pthread.h>
#include <stdatomic.h>

enum { ROLE_CHANNEL_FD = 3 }; /* where a role finds the channel to its supervisor */

struct acme_host;
struct channel;
struct role;

/* What a kind of role brings. */
struct role_kind {
	const char *name; /* "store" */
	bool (*is_wanted)(const struct conf_settings *settings);
	const char *(*user)(const struct conf_settings *settings);
	const struct conf_listens *(*listens)(const struct conf_settings *settings);
	/* A TCP port that it may listen on and connect to when it is confined; may be missing. */
	uint16_t (*port)(const struct conf_settings *settings);
	/* A TCP port that it may connect to besides; 0: none. May be missing. */
	uint16_t (*peer)(const struct conf_settings *settings);
	/* Whether it may connect to any TCP port; missing: it may not. */
	bool (*connects)(const struct conf_settings *settings);
	/* Before privileges are dropped: Unix sockets of its own (role_listen_unix). */
	int (*prepare)(struct role *role, struct err *err);
	/* Afterwards: opens what it needs and says which protocol serves which listener. */
	int (*open)(struct role *role, struct err *err);
	/* Its part of the metrics page, in Prometheus' text format. */
	void (*metrics)(struct role *role, struct buf *to);
	/* What it can't do though it serves, for people: or NULL. May be missing. */
	const char *(*ailment)(struct role *role);
	void (*close)(struct role *role);
};
extern const struct role_kind role_store, role_mx, role_proxy;
extern const struct role_kind *const role_kinds[]; /* ended by NULL */

/* A bound socket that waits for open() to say how it is served. */
struct role_listener {
	int fd;
	bool is_unix;
	enum conf_protocol protocol;
	bool proxy;
	const char *name; /* of a Unix socket: "lmtp", "authmod", "control" */
	bool front_end;   /* only front ends of ours can reach it */
};

enum { ROLE_LISTENERS_MAX = 256 };

struct role {
	const struct role_kind *kind;
	const struct conf_settings *settings;
	struct net_loop *loop;
	struct net_tls_slot *tls;
	struct net_trusted *proxy_trusted;
	struct net_trusted *front_ends; /* role_trust_front_ends() */
	struct role_listener listeners[ROLE_LISTENERS_MAX];
	size_t listener_count;
	int folder_fd, spool_fd; /* <data>/<role>, and spool in it */
	char folder[512];
	void *state;                  /* the kind's own */
	struct acme_host *acme;       /* NULL: it keeps no certificates */
	struct channel *channel;      /* to the supervisor */
	pthread_mutex_t channel_lock; /* held while a message is sent */
	atomic_bool stopping;         /* long work should end */
};

/* The whole life of a role's process; `channel` is the socket to the supervisor. Returns the exit
 * status. */
int role_main(const struct role_kind *kind, const struct conf_settings *settings, int channel);

/* For prepare(): a Unix socket at `path`, served as `name`; only its owner may connect ("": who we
 * are now, as sandbox_find_user). */
int role_listen_unix(struct role *role, const char *path, const char *name, const char *owner,
	struct err *err) WARN_UNUSED;
/* The same for roles of ours, which may speak for others there. */
int role_listen_front_ends(struct role *role, const char *path, const char *name, const char *owner,
	struct err *err) WARN_UNUSED;
/* The same for the proxy role on this node, at <run>/proxy-<name>; nothing where there is none.
 * `name` is not copied. */
int role_listen_proxy(struct role *role, const char *name, struct err *err) WARN_UNUSED;
/* Where the role of this node that is told by operators (role_cluster_new()) tells the others:
 * <run>/cluster-<role>, served as "cluster". */
int role_listen_cluster(struct role *role, struct err *err) WARN_UNUSED;
/* Takes over `message`, for the supervisor. Any thread. */
void role_tell(struct role *role, json_t *message);
/* For open(), before role_serve(): networks of front ends, which may speak for others; `option` is
 * theirs, for errors. */
int role_trust_front_ends(struct role *role, const struct conf_list *networks, const char *option,
	struct err *err) WARN_UNUSED;
/* For open(): hands a listener to the loop. */
int role_serve(struct role *role, const struct role_listener *listener,
	const struct net_protocol *protocol, void *service, struct err *err) WARN_UNUSED;
/* One line of the metrics page: rookery_<name>{role="…"<labels>} <value>. */
void role_metric(
	struct role *role, struct buf *to, const char *name, const char *labels, uint64_t value);
/* The lines of a protocol's logins. */
void role_login_metrics(
	struct role *role, struct buf *to, const char *protocol, uint64_t logins, uint64_t failed);
/* Of failed logins, by the settings; the caller frees it. */
struct directory_throttle *role_throttle_new(const struct role *role);

#endif
