/* Reading and writing that looks blocking: where the socket is not ready the coroutine waits. */
#include "conn.h"

#include "coroutine.h"
#include "options.h"
#include "stats.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <openssl/err.h>

enum { COMPLAINTS_MAX = 5, LINE_MAX_BYTES = 64 << 20 };

struct run run;

uint64_t conn_random(struct conn *c) /* splitmix64 */
{
	uint64_t z = (c->rng += 0x9E3779B97F4A7C15ULL);
	z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
	z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
	return z ^ (z >> 31);
}
unsigned conn_random_below(struct conn *c, unsigned n)
{
	return n ? (unsigned)(conn_random(c) % n) : 0;
}

void conn_complain(struct conn *c, const char *fmt, ...)
{
	if (run.complaints++ >= COMPLAINTS_MAX)
		return;
	va_list ap;
	va_start(ap, fmt);
	fprintf(stderr, "mailload: conn %d: ", c->id);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
}
void conn_close(struct conn *c)
{
	if (c->ssl) {
		SSL_free(c->ssl);
		c->ssl = NULL;
	}
	if (c->fd >= 0) {
		close(c->fd);
		c->fd = -1;
	}
	c->rp = c->rl = c->wl = 0;
	c->caps = 0;
}
void conn_fail(struct conn *c, const char *fmt, ...)
{
	char b[512];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(b, sizeof(b), fmt, ap);
	va_end(ap);
	conn_complain(c, "%s", b);
	stats.errors++;
	longjmp(c->failed, 1);
}

static struct sockaddr_storage server;
static socklen_t server_len;
void conn_resolve(void)
{
	if (!strncmp(options.host, "unix:", 5)) {
		struct sockaddr_un *u = (void *)&server;
		u->sun_family = AF_UNIX;
		snprintf(u->sun_path, sizeof(u)->sun_path, "%s", options.host + 5);
		server_len = sizeof(*u);
		return;
	}
	struct addrinfo h = {.ai_socktype = SOCK_STREAM}, *r;
	if (!options.port || getaddrinfo(options.host, options.port, &h, &r)) {
		fprintf(stderr, "bad --host/--port\n");
		exit(2);
	}
	memcpy(&server, r->ai_addr, r->ai_addrlen);
	server_len = r->ai_addrlen;
	freeaddrinfo(r);
	/* loopback only: this tool is a load generator */
	int ok = 0;
	if (server.ss_family == AF_INET)
		ok = (ntohl(((struct sockaddr_in *)&server)->sin_addr.s_addr) >> 24) == 127;
	else if (server.ss_family == AF_INET6)
		ok = IN6_IS_ADDR_LOOPBACK(&((struct sockaddr_in6 *)&server)->sin6_addr);
	if (!ok) {
		fprintf(stderr, "refusing: %s is not a loopback address\n", options.host);
		exit(2);
	}
}

void conn_start_tls(struct conn *c)
{
	c->ssl = SSL_new(run.tls);
	SSL_set_fd(c->ssl, c->fd);
	c->rp = c->rl = 0;
	for (;;) {
		int r = SSL_connect(c->ssl);
		if (r == 1)
			break;
		int e = SSL_get_error(c->ssl, r);
		if (e != SSL_ERROR_WANT_READ && e != SSL_ERROR_WANT_WRITE)
			conn_fail(c, "TLS handshake: %s",
				ERR_reason_error_string(ERR_peek_error()) ?: "eof");
		coroutine_wait(c);
	}
	stats.handshakes++;
}
/* An address for each, so that limits by address do not meet them. */
static void come_from_afar(struct conn *c)
{
	enum { IN_A_NET = 200 };
	int small = 4096;
	struct sockaddr_in from = {.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(0x7f090001u + (uint32_t)(c->id / IN_A_NET) * 256u +
					 (uint32_t)(c->id % IN_A_NET))};
	if (setsockopt(c->fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)) ||
		bind(c->fd, (struct sockaddr *)&from, sizeof(from)))
		conn_fail(c, "bind: %s", strerror(errno));
}
void conn_open(struct conn *c)
{
	c->fd = socket(server.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		conn_fail(c, "socket: %s", strerror(errno));
	if (server.ss_family != AF_UNIX) {
		int one = 1;
		setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	}
	if (options.hostile)
		come_from_afar(c);
	struct epoll_event ev = {
		.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = c};
	int r = connect(c->fd, (struct sockaddr *)&server, server_len);
	int e = errno;
	if (epoll_ctl(run.epoll, EPOLL_CTL_ADD, c->fd, &ev))
		conn_fail(c, "epoll_ctl: %s", strerror(errno));
	if (r < 0) {
		if (e != EINPROGRESS && e != EAGAIN)
			conn_fail(c, "connect: %s", strerror(e));
		struct sockaddr_storage p;
		for (;;) {
			socklen_t pl = sizeof(p);
			int se = 0;
			socklen_t sl = sizeof(se);
			getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &se, &sl);
			if (se)
				conn_fail(c, "connect: %s", strerror(se));
			if (!getpeername(c->fd, (struct sockaddr *)&p, &pl))
				break;
			coroutine_wait(c);
		}
	}
	if (options.tls == TLS_DIRECT)
		conn_start_tls(c);
}
/* A server that writes a reply in two pieces without TCP_NODELAY waits for our ACK of the first;
 * with the kernel's delayed ACK that is a 40 ms stall per reply (Cyrus).  Ack at once unless
 * --delayed-ack. */
static void quickack(struct conn *c)
{
	int one = 1;
	if (!options.delayed_ack && server.ss_family != AF_UNIX)
		setsockopt(c->fd, IPPROTO_TCP, TCP_QUICKACK, &one, sizeof(one));
}
void conn_fill(struct conn *c) /* read at least one byte */
{
	if (c->rp && c->rp == c->rl)
		c->rp = c->rl = 0;
	if (c->rl == c->rc) {
		if (c->rp) {
			memmove(c->rb, c->rb + c->rp, c->rl - c->rp);
			c->rl -= c->rp;
			c->rp = 0;
		} else {
			c->rc = c->rc ? c->rc * 2 : 4096;
			if (c->rc > LINE_MAX_BYTES)
				conn_fail(c, "line too long");
			c->rb = realloc(c->rb, c->rc);
			if (!c->rb)
				abort();
		}
	}
	for (;;) {
		ssize_t n;
		if (c->ssl) {
			int r = SSL_read(c->ssl, c->rb + c->rl, (int)(c->rc - c->rl));
			if (r > 0)
				n = r;
			else {
				int e = SSL_get_error(c->ssl, r);
				if (e == SSL_ERROR_WANT_READ || e == SSL_ERROR_WANT_WRITE) {
					quickack(c);
					coroutine_wait(c);
					continue;
				}
				conn_fail(c, "server closed (tls %d)", e);
			}
		} else {
			n = read(c->fd, c->rb + c->rl, c->rc - c->rl);
			if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
				quickack(c);
				coroutine_wait(c);
				continue;
			}
			if (n <= 0)
				conn_fail(c, "server closed%s%s", n < 0 ? ": " : "",
					n < 0 ? strerror(errno) : "");
		}
		c->rl += (size_t)n;
		stats.bytes_in += (uint64_t)n;
		return;
	}
}
char *conn_line(struct conn *c, size_t *len) /* one line, CRLF removed, valid until the next read */
{
	size_t scan = 0;
	for (;;) {
		char *p = memchr(c->rb + c->rp + scan, '\n', c->rl - c->rp - scan);
		if (c->rb && p) {
			char *s = c->rb + c->rp;
			size_t n = (size_t)(p - s);
			c->rp += n + 1;
			if (n && s[n - 1] == '\r')
				n--;
			s[n] = 0;
			*len = n;
			return s;
		}
		scan = c->rl - c->rp;
		conn_fill(c);
	}
}
void conn_skip(struct conn *c, size_t n)
{
	while (n) {
		if (c->rp == c->rl)
			conn_fill(c);
		size_t k = c->rl - c->rp;
		if (k > n)
			k = n;
		c->rp += k;
		n -= k;
	}
}
void conn_put(struct conn *c, const void *p, size_t n)
{
	if (c->wl + n > c->wc) {
		c->wc = (c->wl + n) * 2;
		c->wb = realloc(c->wb, c->wc);
		if (!c->wb)
			abort();
	}
	memcpy(c->wb + c->wl, p, n);
	c->wl += n;
}
void conn_putf(struct conn *c, const char *fmt, ...)
{
	char b[2048];
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(b, sizeof(b), fmt, ap);
	va_end(ap);
	conn_put(c, b, (size_t)n);
}
void conn_flush(struct conn *c)
{
	size_t off = 0;
	while (off < c->wl) {
		ssize_t n;
		if (c->ssl) {
			int r = SSL_write(c->ssl, c->wb + off, (int)(c->wl - off));
			if (r > 0)
				n = r;
			else {
				int e = SSL_get_error(c->ssl, r);
				if (e == SSL_ERROR_WANT_READ || e == SSL_ERROR_WANT_WRITE) {
					coroutine_wait(c);
					continue;
				}
				conn_fail(c, "tls write error");
			}
		} else {
			n = send(c->fd, c->wb + off, c->wl - off, MSG_NOSIGNAL);
			if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
				coroutine_wait(c);
				continue;
			}
			if (n < 0)
				conn_fail(c, "write: %s", strerror(errno));
		}
		off += (size_t)n;
	}
	stats.bytes_out += c->wl;
	c->wl = 0;
}
/* every connection set up before the clock starts */
void conn_wait_for_all(struct conn *c)
{
	conn_setup_done(c);
	c->at_barrier = 1;
	run.at_barrier++;
	while (c->at_barrier)
		coroutine_wait(c);
}

void conn_setup_done(struct conn *c)
{
	if (c->in_setup) {
		c->in_setup = 0;
		run.in_setup--;
	}
}
