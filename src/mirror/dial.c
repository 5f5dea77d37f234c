/* Finding the other node: its name is looked up anew each time. */
#include "mirror/node_internal.h"

#include "base/clock.h"
#include "base/wait.h"
#include "net/address.h"
#include "net/layer.h"

#include <netdb.h>

enum { WAIT_FIRST_MS = 200, WAIT_MAX_MS = 500, PORT_SIZE = 8 };

/* "host", "host:port", "[2001:db8::1]:port", "2001:db8::1": the port is SLICE_NONE when there is
 * none. False when it is none of these. */
static bool cut_peer(const char *peer, struct slice *ret_host, struct slice *ret_port)
{
	struct slice rest = slice_str(peer);
	ssize_t colon = slice_find(rest, ':');
	*ret_host = rest;
	*ret_port = SLICE_NONE;
	if (rest.len > 0 && rest.ptr[0] == '[') {
		ssize_t end = slice_find(rest, ']');
		if (end < 0)
			return false;
		*ret_host = slice_sub(rest, 1, (size_t)end - 1);
		rest = slice_from(rest, (size_t)end + 1);
		if (rest.len > 0 && rest.ptr[0] != ':')
			return false;
		if (rest.len > 0)
			*ret_port = slice_from(rest, 1);
	} else if (colon >= 0 && slice_find(slice_from(rest, (size_t)colon + 1), ':') < 0) {
		*ret_host = slice_sub(rest, 0, (size_t)colon);
		*ret_port = slice_from(rest, (size_t)colon + 1);
	}
	return ret_host->len > 0 && ret_host->len <= 255;
}

static bool read_port(struct slice port, uint64_t *ret_number)
{
	return port.len < PORT_SIZE && slice_to_u64(port, UINT16_MAX, ret_number) &&
	       *ret_number > 0;
}

bool mirror_split_peer(
	const char *peer, const char *default_port, char host[256], char port[PORT_SIZE])
{
	struct slice name, number;
	uint64_t value;
	if (!cut_peer(peer, &name, &number))
		return false;
	if (!number.ptr)
		number = slice_str(default_port);
	if (!read_port(number, &value))
		return false;
	(void)snprintf(host, 256, "%.*s", (int)name.len, name.ptr);
	(void)snprintf(port, PORT_SIZE, "%.*s", (int)number.len, number.ptr);
	return true;
}

int mirror_check_peer(const char *peer, struct err *err)
{
	char host[256], port[PORT_SIZE];
	if (strlen(peer) > MIRROR_PEER_MAX || !mirror_split_peer(peer, "1", host, port))
		return err_permanent(err, ERR_BAD_INPUT,
			"\"%s\" is no address: give a host name or IP, and maybe a port "
			"(mail-b.example.org, [2001:db8::1]:7625)",
			peer);
	return 0;
}

int mirror_next_port(const char *peer, char ret_peer[256], struct err *err)
{
	struct slice name, number;
	uint64_t port;
	if (mirror_check_peer(peer, err) < 0)
		return -1;
	if (!cut_peer(peer, &name, &number) || !read_port(number, &port)) {
		(void)snprintf(ret_peer, 256, "%s", peer);
		return 0;
	}
	bool bracketed = slice_find(name, ':') >= 0;
	int len = snprintf(ret_peer, 256, "%s%.*s%s:%u", bracketed ? "[" : "", SLICE_ARG(name),
		bracketed ? "]" : "", (unsigned)port + 1);
	if (port == UINT16_MAX || len > MIRROR_PEER_MAX)
		return err_permanent(err, ERR_BAD_INPUT,
			"\"%s\" names the last port, and the one behind it is needed too", peer);
	return 0;
}

static int look_up(struct mirror_node *node, const char *peer, struct net_address *ret_address,
	struct err *err)
{
	char host[256], port[PORT_SIZE];
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found = NULL;
	const char *colon = strrchr(node->options.listen, ':');
	if (!mirror_split_peer(peer, colon ? colon + 1 : "", host, port))
		return err_permanent(err, ERR_BAD_INPUT, "\"%s\" is no address", peer);
	wait_block_begin();
	int r = getaddrinfo(host, port, &hints, &found);
	wait_block_end();
	if (r != 0)
		return err_temporary(err, ERR_UNAVAILABLE, "%s: %s", host, gai_strerror(r));
	ret_address->len = found->ai_addrlen;
	memcpy(&ret_address->storage, found->ai_addr, found->ai_addrlen);
	freeaddrinfo(found);
	return 0;
}

void mirror_dial_later(struct mirror_node *node)
{
	node->dialing = false;
	node->dial_at = clock_mono_ms() + node->dial_wait_ms;
	node->dial_wait_ms = MIN(2 * node->dial_wait_ms, (unsigned)WAIT_MAX_MS);
}

void mirror_dial_failed(void *service, const struct err *err)
{
	struct mirror_node *node = service;
	mirror_node_lock(node);
	mirror_dial_later(node);
	if (node->paired)
		mirror_node_say(node, err);
	mirror_node_unlock(node);
}

void mirror_dial_reset(struct mirror_node *node)
{
	node->dialing = false;
	node->dial_wait_ms = WAIT_FIRST_MS;
	node->dial_at = clock_mono_ms() + WAIT_FIRST_MS;
}

static int dial(struct mirror_node *node, const struct mirror_pairing *p, struct err *err)
{
	struct net_address address = {0};
	struct net_tls_client *tls;
	int r = look_up(node, p->peer, &address, err);
	if (r == 0)
		r = net_tls_client_new_key(
			id_slice(&p->cluster), slice(p->key, MIRROR_KEY_SIZE), &tls, err);
	if (r < 0)
		return r;
	r = net_connector_connect(node->connector, &address, tls, err);
	net_tls_client_free(tls);
	return r;
}

void mirror_dial(void *context)
{
	struct mirror_node *node = context;
	struct mirror_pairing pairing;
	struct err err;
	mirror_node_lock(node);
	bool wanted = node->paired && !node->pairing.paused;
	pairing = node->pairing;
	node->dialing = wanted;
	mirror_node_unlock(node);
	if (wanted && dial(node, &pairing, &err) < 0)
		mirror_dial_failed(node, &err);
	explicit_bzero(pairing.key, sizeof(pairing.key));
}
