/* The bottom layer: recv() and send() on a non-blocking socket. */
#include "net/layer.h"

#include "base/errno_here.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

static int socket_handshake(struct net_layer **layer, struct err *err)
{
	return 0;
}

/* A short read has emptied the socket (epoll(7) promises it for streams): the next one is not asked
 * of the kernel until epoll has spoken again. That saves a call per command. */
static ssize_t socket_read(struct net_layer *layer, void *to, size_t len)
{
	struct net_socket *sock = (struct net_socket *)layer;
	if (sock->dry)
		return NET_LAYER_WANT_READ;
	ssize_t got;
	do {
		got = recv(sock->fd, to, len, 0);
	} while (got < 0 && errno == EINTR);
	if (got < 0) {
		if (errno != EAGAIN)
			return NET_LAYER_BROKEN;
		sock->dry = true;
		return NET_LAYER_WANT_READ;
	}
	if ((size_t)got < len && !sock->ended)
		sock->dry = got > 0;
	return got;
}

static bool socket_may_read(struct net_layer *layer)
{
	return !((struct net_socket *)layer)->dry;
}

static ssize_t socket_write(struct net_layer *layer, const void *from, size_t len)
{
	struct net_socket *sock = (struct net_socket *)layer;
	ssize_t sent;
	do {
		sent = send(sock->fd, from, len, MSG_NOSIGNAL);
	} while (sent < 0 && errno == EINTR);
	if (sent < 0)
		return errno == EAGAIN ? NET_LAYER_WANT_WRITE : NET_LAYER_BROKEN;
	return sent;
}

static int socket_finish(struct net_layer *layer)
{
	return 0;
}

static void socket_free(struct net_layer *layer)
{
}

static const struct net_layer_ops SOCKET_OPS = {
	.handshake = socket_handshake,
	.read = socket_read,
	.may_read = socket_may_read,
	.write = socket_write,
	.finish = socket_finish,
	.free = socket_free,
};

const struct net_tls_info *net_layer_tls_info(struct net_layer *top)
{
	while (top && !top->ops->tls_info)
		top = top->below;
	return top ? top->ops->tls_info(top) : NULL;
}

void net_socket_init(struct net_socket *sock, int fd)
{
	*sock = (struct net_socket){.layer = {.ops = &SOCKET_OPS}, .fd = fd};
}

void net_socket_set_options(int fd)
{
	int on = 1;
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
}

void net_socket_limit_unsent(int fd, unsigned bytes)
{
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &bytes, sizeof(bytes));
}
