/* What all protocols of the proxy share: the `service` of their listeners. Made by the role. */
#ifndef PROXY_PROXY_H
#define PROXY_PROXY_H

#include "conf/settings.h"
#include "directory/directory.h"
#include "directory/throttle.h"
#include "directory/sessions.h"
#include "net/join.h"
#include "net/session.h"
#include "proxy/backends.h"

#include <stdatomic.h>

struct proxy_figures {
	/* Logins: done, refused, put off because somebody can't tell or serve now. */
	atomic_uint_fast64_t logins, refused, put_off;
	atomic_uint_fast64_t joined; /* connections that are joined now */
};

struct proxy {
	const struct conf_settings *settings;
	struct directory *directory;
	struct directory_throttle *throttle;
	struct proxy_backends *backends;
	struct directory_sessions *sessions;
	struct proxy_places default_host; /* count 0: none */
	struct slice master_secret;       /* of login master */
	struct proxy_figures figures[PROXY_PROTOCOLS];
	struct net_join_figures bytes;
	atomic_uint_fast64_t lookups;
	atomic_uint_fast64_t http_requests;
};

/* Where a user lives: his to_host, or default_host. Negative: not to be told (temporary), since the
 * directory has nonsense or nothing. The places point into the user, or into `proxy`. */
int proxy_places_of(const struct proxy *proxy, const struct directory_user *user,
	struct proxy_places *ret_places, struct err *err) WARN_UNUSED;

/* The loop guard: a front end says how often a client may still be passed on; others begin here. */
enum { PROXY_TTL = 5 };

#endif
