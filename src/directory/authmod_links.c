/* Servers, and a stack of idle connections to each. A host name is looked up anew for each new
 * connection, so that a server may move. */
#include "directory/authmod_links.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"
#include "base/wait.h"
#include "directory/authmod_line.h"
#include "directory/turns.h"
#include "net/layer.h"

#include <netdb.h>
#include <openssl/crypto.h>

enum {
	SERVERS_MAX = 16,
	CONNECTIONS = 8,
	DEFAULT_TIMEOUT_MS = 30 * 1000,
	PASSED_OVER_MS = 20 * 1000,
	ADDRESSES_MAX = 4, /* of one host that are tried */
	HOST_MAX = 256,
	LOGIN_MAX = 4096,
	GREETING_MAX = 1024,
};

struct directory_authmod_server {
	const char *text; /* as in the options */
	char host[HOST_MAX], port[8];
	struct net_address address; /* of a Unix socket; else unknown */
	bool tls;
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

/* "host:port", "[v6]:port" */
static bool take_host(struct directory_authmod_server *s, struct slice text)
{
	size_t colon = text.len;
	uint64_t port;
	while (colon > 0 && text.ptr[colon - 1] != ':')
		colon--;
	if (colon < 2 || !slice_to_u64(slice_from(text, colon), UINT16_MAX, &port) || port == 0)
		return false;
	struct slice host = slice_sub(text, 0, colon - 1);
	if (slice_starts(host, SLICE("[")) && slice_ends(host, SLICE("]")))
		host = slice_sub(host, 1, host.len - 2);
	if (host.len == 0 || host.len >= HOST_MAX)
		return false;
	(void)snprintf(s->host, sizeof(s->host), "%.*s", SLICE_ARG(host));
	(void)snprintf(s->port, sizeof(s->port), "%u", (unsigned)port);
	return true;
}

static int take_server(struct directory_authmod_links *links, const char *text, struct err *err)
{
	struct slice rest = slice_str(text);
	if (links->count == SERVERS_MAX)
		return err_permanent(err, ERR_LIMIT, "more than %d servers", SERVERS_MAX);
	struct directory_authmod_server *s = &links->servers[links->count];
	s->text = slice_dup(rest);
	links->count++;
	if (slice_starts(rest, SLICE("unix:")))
		return net_address_parse(rest, &s->address, err);
	s->tls = slice_starts(rest, SLICE("tls:"));
	if (!take_host(s, slice_from(rest, s->tls ? 4 : 0)))
		return err_permanent(err, ERR_BAD_INPUT,
			"\"%s\" is no server, expected one like tls:host:port", text);
	return 0;
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
		tls = tls || links->servers[i].tls;
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
		.tls = server->tls ? NET_CLIENT_TLS : NET_CLIENT_PLAIN,
		.tls_name = server->tls ? server->host : NULL,
		.trust = links->trust,
		/* so that there is time for the next one */
		.timeout_ms = MAX(links->timeout_ms / MIN(links->count, 3u), 1u),
	};
	int r = net_client_connect(&o, ret_client, err);
	if (r < 0)
		return r;
	net_client_set_timeout(*ret_client, links->timeout_ms);
	if (links->secret && server->tls && log_in(links, *ret_client, err) < 0) {
		net_client_close(*ret_client);
		return -1;
	}
	return 0;
}

static int look_up(
	const struct directory_authmod_server *server, struct addrinfo **ret_found, struct err *err)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
	wait_block_begin();
	int r = getaddrinfo(server->host, server->port, &hints, ret_found);
	wait_block_end();
	if (r == 0)
		return 0;
	return err_temporary(
		err, ERR_UNAVAILABLE, "can't look up %s: %s", server->host, gai_strerror(r));
}

static int connect_to_host(struct directory_authmod_links *links,
	const struct directory_authmod_server *server, struct net_client **ret_client,
	struct err *err)
{
	struct addrinfo *found;
	unsigned tried = 0;
	int r = look_up(server, &found, err);
	if (r < 0)
		return r;
	r = -1;
	for (const struct addrinfo *a = found; a && r < 0 && tried < ADDRESSES_MAX;
		a = a->ai_next, tried++) {
		struct net_address address = {.len = a->ai_addrlen};
		memcpy(&address.storage, a->ai_addr, a->ai_addrlen);
		r = open_client(links, server, &address, ret_client, err);
	}
	freeaddrinfo(found);
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
	return server->address.len > 0
		       ? open_client(links, server, &server->address, ret_client, err)
		       : connect_to_host(links, server, ret_client, err);
}
