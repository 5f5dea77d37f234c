/* Finding the other node: its name is looked up anew each time. */
#include "mirror/node_internal.h"

#include "base/clock.h"
#include "base/wait.h"
#include "net/address.h"
#include "net/layer.h"

#include <netdb.h>

enum { WAIT_FIRST_MS = 200, WAIT_MAX_MS = 500, PORT_SIZE = 8 };

/* "host", "host:port", "[2001:db8::1]:port", "2001:db8::1". False when it is none of these. */
bool mirror_split_peer(
	const char *peer, const char *default_port, char host[256], char port[PORT_SIZE])
{
	struct slice rest = slice_str(peer), name = rest, number = slice_str(default_port);
	ssize_t colon = slice_find(rest, ':');
	if (rest.len > 0 && rest.ptr[0] == '[') {
		ssize_t end = slice_find(rest, ']');
		if (end < 0)
			return false;
		name = slice_sub(rest, 1, (size_t)end - 1);
		rest = slice_from(rest, (size_t)end + 1);
		if (rest.len > 0 && rest.ptr[0] != ':')
			return false;
		if (rest.len > 0)
			number = slice_from(rest, 1);
	} else if (colon >= 0 && slice_find(slice_from(rest, (size_t)colon + 1), ':') < 0) {
		name = slice_sub(rest, 0, (size_t)colon);
		number = slice_from(rest, (size_t)colon + 1);
	}
	uint64_t value;
	if (name.len == 0 || name.len > 255 || number.len >= PORT_SIZE ||
		!slice_to_u64(number, UINT16_MAX, &value) || value == 0)
		return false;
	(void)snprintf(host, 256, "%.*s", (int)name.len, name.ptr);
	(void)snprintf(port, PORT_SIZE, "%.*s", (int)number.len, number.ptr);
	return true;
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
