/* Servers, and a stack of idle connections to each. A host name is looked up anew for each new
 * connection, so that a server may move. */
#include "directory/authmod_links.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"
#include "directory/authmod_line.h"
#include "directory/turns.h"
#include "net/layer.h"
#include "net/remote.h"

#include <openssl/crypto.h>
#include <stdatomic.h>

enum {
	SERVERS_MAX = 16,
	CONNECTIONS = 8,
	DEFAULT_TIMEOUT_MS = 30 * 1000,
	PASSED_OVER_MS = 20 * 1000,
	LOGIN_MAX = 4096,
	GREETING_MAX = 1024,
};

struct directory_authmod_server {
	const char *text; /* as in the options */
	struct net_remote remote;
	_Atomic int64_t passed_over_until; /* clock_mono_ms(); 0: it works */
	struct net_client *idle[DIRECTORY_AUTHMOD_CONNECTIONS_MAX];
	unsigned idle_count;
};

struct directory_authmod_links {
	struct directory_authmod_server servers[SERVERS_MAX];
	unsigned count;
	unsigned timeout_ms, connections;
	char *secret; /* NULL: none */
	struct net_tls_client *trust;
	struct directory_turns turns;
	pthread_mutex_t lock; /* guards the idle ones; not held over a round trip */
};

static int take_server(struct directory_authmod_links *links, const char *text, struct err *err)
{
	if (links->count == SERVERS_MAX)
		return err_permanent(err, ERR_LIMIT, "more than %d servers", SERVERS_MAX);
	struct directory_authmod_server *s = &links->servers[links->count++];
	s->text = slice_dup(slice_str(text));
	return net_remote_parse(slice_str(text), NULL, &s->remote, err);
}

int directory_authmod_links_new(const struct directory_authmod_options *options,
	struct directory_authmod_links **ret_links, struct err *err)
{
	struct directory_authmod_links *links = ALLOC(struct directory_authmod_links);
	bool tls = false;
	int r = 0;
	links->timeout_ms = options->timeout_ms ? options->timeout_ms : DEFAULT_TIMEOUT_MS;
	links->connections =
		MIN(options->connections ? options->connections : (unsigned)CONNECTIONS,
			(unsigned)DIRECTORY_AUTHMOD_CONNECTIONS_MAX);
	links->secret = options->secret.len > 0 ? slice_dup(options->secret) : NULL;
	directory_turns_init(&links->turns, options->at_once_max ? links->connections : UINT32_MAX);
	must(pthread_mutex_init(&links->lock, NULL) == 0);
	for (size_t i = 0; i < options->server_count && r == 0; i++) {
		r = take_server(links, options->servers[i], err);
		tls = tls || links->servers[i].remote.tls;
	}
	if (r == 0 && links->count == 0)
		r = err_permanent(err, ERR_BAD_INPUT, "no server is given");
	if (r == 0 && tls)
		r = net_tls_client_new(options->ca_file, true, &links->trust, err);
	if (r < 0) {
		directory_authmod_links_free(links);
		return r;
	}
	*ret_links = links;
	return 0;
}

void directory_authmod_links_free(struct directory_authmod_links *links)
{
	if (!links)
		return;
	for (unsigned i = 0; i < links->count; i++) {
		struct directory_authmod_server *s = &links->servers[i];
		while (s->idle_count > 0)
			net_client_close(s->idle[--s->idle_count]);
		free((char *)s->text);
	}
	net_tls_client_free(links->trust);
	if (links->secret)
		OPENSSL_cleanse(links->secret, strlen(links->secret));
	free(links->secret);
	directory_turns_deinit(&links->turns);
	(void)pthread_mutex_destroy(&links->lock);
	free(links);
}

int directory_authmod_links_enter(
	struct directory_authmod_links *links, int64_t deadline, struct err *err)
{
	if (directory_turns_take(&links->turns, deadline))
		return 0;
	return err_temporary(err, ERR_LIMIT, "all %u connections to the directory are in use",
		links->connections);
}

void directory_authmod_links_leave(struct directory_authmod_links *links)
{
	directory_turns_give(&links->turns);
}

static bool is_passed_over(const struct directory_authmod_server *s, int64_t now)
{
	return now < atomic_load(&s->passed_over_until);
}

struct directory_authmod_server *directory_authmod_links_pick(
	struct directory_authmod_links *links, unsigned *tried)
{
	int64_t now = clock_mono_ms();
	for (int over = 0; over < 2; over++)
		for (unsigned i = 0; i < links->count; i++) {
			if ((*tried & 1U << i) ||
				(over == 0 && is_passed_over(&links->servers[i], now)))
				continue;
			*tried |= 1U << i;
			return &links->servers[i];
		}
	return NULL;
}

bool directory_authmod_links_are_several(const struct directory_authmod_links *links)
{
	return links->count > 1;
}

void directory_authmod_links_failed(struct directory_authmod_server *server)
{
	int64_t until = clock_mono_ms() + PASSED_OVER_MS;
	if (atomic_exchange(&server->passed_over_until, until) == 0)
		log_warn(NULL, "a server of the directory fails", F_STR("server", server->text));
}

const char *directory_authmod_server_name(const struct directory_authmod_server *server)
{
	return server->text;
}

static struct net_client *pop(
	struct directory_authmod_links *links, struct directory_authmod_server *server)
{
	struct net_client *client = NULL;
	must(pthread_mutex_lock(&links->lock) == 0);
	if (server->idle_count > 0)
		client = server->idle[--server->idle_count];
	must(pthread_mutex_unlock(&links->lock) == 0);
	return client;
}

void directory_authmod_links_give(struct directory_authmod_links *links,
	struct directory_authmod_server *server, struct net_client *client)
{
	must(pthread_mutex_lock(&links->lock) == 0);
	bool kept = server->idle_count < links->connections;
	if (kept)
		server->idle[server->idle_count++] = client;
	must(pthread_mutex_unlock(&links->lock) == 0);
	if (!kept)
		net_client_close(client);
	if (atomic_exchange(&server->passed_over_until, 0) != 0)
		log_info(NULL, "a server of the directory works again",
			F_STR("server", server->text));
}

/* Says the secret: all that is asked afterwards is asked by a node of ours. */
static int log_in(struct directory_authmod_links *links, struct net_client *client, struct err *err)
{
	struct buf command = BUF(LOGIN_MAX);
	struct slice answer;
	if (buf_reserve(&command, LOGIN_MAX)) /* growing would leave copies behind */
		buf_add_str(&command, "login");
	directory_authmod_add_word(&command, slice_str(links->secret));
	buf_add_str(&command, "\r\n");
	net_client_write(client, buf_slice(&command));
	if (command.data)
		OPENSSL_cleanse(command.data, command.cap);
	buf_free(&command);
	int r = net_client_read_line(client, GREETING_MAX, &answer, err);
	net_client_wipe_sent(client);
	if (r < 0 || slice_starts_nocase(answer, SLICE("+OK")))
		return r;
	return err_temporary(err, ERR_DENIED, "it refuses the shared secret");
}

static int open_client(struct directory_authmod_links *links,
	const struct directory_authmod_server *server, const struct net_address *address,
	struct net_client **ret_client, struct err *err)
{
	struct net_client_options o = {
		.address = *address,
		.tls = server->remote.tls ? NET_CLIENT_TLS : NET_CLIENT_PLAIN,
		.tls_name = server->remote.tls ? server->remote.host : NULL,
		.trust = links->trust,
		/* so that there is time for the next one */
		.timeout_ms = MAX(links->timeout_ms / MIN(links->count, 3u), 1u),
	};
	int r = net_client_connect(&o, ret_client, err);
	if (r < 0)
		return r;
	net_client_set_timeout(*ret_client, links->timeout_ms);
	if (links->secret && server->remote.tls && log_in(links, *ret_client, err) < 0) {
		net_client_close(*ret_client);
		return -1;
	}
	return 0;
}

static int connect_to(struct directory_authmod_links *links,
	const struct directory_authmod_server *server, struct net_client **ret_client,
	struct err *err)
{
	struct net_address addresses[NET_REMOTE_ADDRESSES_MAX];
	size_t count;
	int r = net_remote_look_up(&server->remote, addresses, &count, err);
	if (r < 0)
		return r;
	r = -1;
	for (size_t i = 0; i < count && r < 0; i++)
		r = open_client(links, server, &addresses[i], ret_client, err);
	return r;
}

int directory_authmod_links_take(struct directory_authmod_links *links,
	struct directory_authmod_server *server, bool fresh, struct net_client **ret_client,
	struct err *err)
{
	struct net_client *client;
	while (!fresh && (client = pop(links, server))) {
		if (net_client_is_quiet(client)) {
			*ret_client = client;
			return 0;
		}
		net_client_close(client);
	}
	return connect_to(links, server, ret_client, err);
}
