/* A client that waits: the same layers as a session, on a socket that is waited for by the epoll
 * set of the loop that it runs on (awaited.h), or with poll(). */
#include "net/client_internal.h"
#include "net/loop_internal.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/errno_here.h"
#include "base/must.h"
#include "base/wait.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <unistd.h>

enum {
	TIMEOUT_MS = 30 * 1000,
	READ_SIZE = 16 * 1024,
	QUEUE_FULL = 64 * 1024, /* then a write sends by itself */
	DIRECT_READ = 16 * 1024,
};

struct net_client {
	struct net_client *next; /* in a pool */
	struct net_socket socket;
	struct net_layer *top;
	struct net_client_options options; /* strings are borrowed from tls_name and ca_file */
	char *tls_name, *ca_file;
	struct net_tls_client *trust; /* owned, unless lent by a pool */
	bool trust_lent;
	struct buf in, out;
	size_t in_at;
	struct net_loop *loop;  /* in whose epoll set it is, with a reference; NULL: none */
	net_awaited_id awaited; /* its place there */
	bool watches_output;
	bool failed;          /* the stream's state is not known: not to be used again */
	struct err write_err; /* of a write that sent by itself; told by the next flush */
};

static int too_late(const struct net_client *client, struct err *err)
{
	char peer[NET_ADDRESS_TEXT];
	net_address_text(&client->options.address, peer);
	return err_temporary(err, ERR_UNAVAILABLE, "%s does not answer in time", peer);
}

static int poll_for(struct net_client *client, short events, int64_t until, struct err *err)
{
	for (;;) {
		struct pollfd fd = {.fd = client->socket.fd, .events = events};
		int64_t left = until - clock_mono_ms();
		wait_block_begin();
		int got = left > 0 ? poll(&fd, 1, (int)MIN(left, INT32_MAX)) : 0;
		wait_block_end();
		if (got > 0) {
			client->socket.dry = false;
			return 0;
		}
		if (got < 0 && errno == EINTR)
			continue;
		if (got == 0)
			return too_late(client, err);
		char peer[NET_ADDRESS_TEXT];
		net_address_text(&client->options.address, peer);
		return err_errno(err, errno, "cannot wait for %s", peer);
	}
}

/* Gives its place up; events that are under way find nobody. */
static void forget_loop(struct net_client *client)
{
	if (!client->loop)
		return;
	net_awaiteds_release(&client->loop->awaiteds, client->awaited);
	net_loop_unref(client->loop);
	client->loop = NULL;
	client->watches_output = false;
}

static void leave_loop(struct net_client *client)
{
	if (!client->loop)
		return;
	(void)epoll_ctl(client->loop->epoll, EPOLL_CTL_DEL, client->socket.fd, NULL);
	forget_loop(client);
}

/* Into the epoll set of the loop that this code runs on, and of output too when that is asked for:
 * at most one call each. False: it runs on none, or there is no room. */
static bool enter_loop(struct net_client *client, bool output)
{
	struct net_runner *runner = net_runner_here();
	struct net_loop *loop = runner ? runner->loop : NULL;
	int fd = client->socket.fd;
	if (client->loop && client->loop != loop)
		leave_loop(client);
	if (!loop)
		return false;
	if (client->loop == loop && (client->watches_output || !output))
		return true;
	bool is_new = !client->loop;
	if (is_new && !net_awaiteds_take(&loop->awaiteds, &client->awaited))
		return false;
	uint64_t about = client->awaited + NET_ABOUT_AWAITED;
	client->watches_output = output;
	if (!is_new) {
		net_loop_watch_output(loop, fd, about);
		return true;
	}
	uint32_t events = EPOLLIN | EPOLLRDHUP | (output ? EPOLLOUT : 0);
	if (net_loop_watch(loop, fd, events, about) != 0) {
		net_awaiteds_release(&loop->awaiteds, client->awaited);
		return false;
	}
	(void)atomic_fetch_add(&loop->refs, 1);
	client->loop = loop;
	return true;
}

static int wait_ready(struct net_client *client, short events, int64_t until, struct err *err)
{
	bool output = events & POLLOUT;
	unsigned heard, bits = output ? NET_SLOT_WRITABLE : NET_SLOT_READABLE;
	if (!enter_loop(client, output))
		return poll_for(client, events, until, err);
	switch (net_awaiteds_wait(&client->loop->awaiteds, client->awaited, bits | NET_SLOT_ENDED,
		client->options.ends_early, until, &heard)) {
	case NET_AWAITED_TOO_LATE:
		return too_late(client, err);
	case NET_AWAITED_STOPPED:
		return err_temporary(err, ERR_UNAVAILABLE, "the server stops");
	case NET_AWAITED_HEARD:
		break;
	}
	client->socket.dry = false;
	client->socket.ended = client->socket.ended || (heard & NET_SLOT_ENDED);
	return 0;
}

/* After a layer said WANT_. */
static int wait_wanted(struct net_client *client, ssize_t wanted, int64_t until, struct err *err)
{
	return wait_ready(client, wanted == NET_LAYER_WANT_WRITE ? POLLOUT : POLLIN, until, err);
}

static int64_t time_out(const struct net_client *client)
{
	return clock_mono_ms() + client->options.timeout_ms;
}

static int gone(struct net_client *client, struct err *err)
{
	char peer[NET_ADDRESS_TEXT];
	net_address_text(&client->options.address, peer);
	client->failed = true;
	return err_temporary(err, ERR_UNAVAILABLE, "%s closed the connection", peer);
}

static int open_socket(struct net_client *client, struct err *err)
{
	const struct net_address *to = &client->options.address;
	char peer[NET_ADDRESS_TEXT];
	net_address_text(to, peer);
	if (to->len == 0)
		return err_permanent(err, ERR_BAD_INPUT, "no address to connect to");
	int fd = socket(to->storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return err_errno(err, errno, "cannot open a socket for %s", peer);
	net_socket_init(&client->socket, fd);
	client->top = &client->socket.layer;
	int on = 1;
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (connect(fd, (const struct sockaddr *)&to->storage, to->len) == 0)
		return 0;
	if (errno != EINPROGRESS)
		return err_errno(err, errno, "cannot connect to %s", peer);
	if (wait_ready(client, POLLOUT, time_out(client), err) != 0)
		return -1;
	int number = 0;
	socklen_t len = sizeof(number);
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &number, &len) != 0 || number != 0)
		return err_errno(err, number, "cannot connect to %s", peer);
	return 0;
}

static int secure(struct net_client *client, struct net_tls_client *trust, const char *name,
	const struct net_tls_dane *dane, struct err *err)
{
	int r = dane ? net_tls_connect_dane(trust, dane, client->top, &client->top, err)
		     : net_tls_connect(trust, name, client->top, &client->top, err);
	if (r != 0)
		return -1;
	int64_t until = time_out(client);
	for (;;) {
		int done = client->top->ops->handshake(&client->top, err);
		if (done == 0)
			break;
		if (done == NET_LAYER_BROKEN || wait_wanted(client, done, until, err) != 0)
			return -1;
	}
	client->failed = false;
	return 0;
}

/* What is queued goes out in the clear. */
static int leave_plain(struct net_client *client, struct err *err)
{
	if (net_client_flush(client, err) != 0)
		return -1;
	/* What the server sent before the handshake is not of the secured stream. */
	client->in.len = client->in_at = 0;
	client->failed = true; /* until the handshake is done */
	return 0;
}

int net_client_start_tls(struct net_client *client, struct err *err)
{
	const struct net_client_options *o = &client->options;
	bool verify = o->tls_name && !o->unverified && !o->dane;
	if (leave_plain(client, err) != 0)
		return -1;
	if (!client->trust && net_tls_client_new(o->ca_file, verify, &client->trust, err) != 0)
		return -1;
	return secure(client, client->trust, o->tls_name, o->dane, err);
}

int net_client_start_tls_with(struct net_client *client, struct net_tls_client *trust,
	const char *name, const struct net_tls_dane *dane, struct err *err)
{
	if (leave_plain(client, err) != 0)
		return -1;
	return secure(client, trust, name, dane, err);
}

static char *copy_string(const char *text)
{
	return text ? slice_dup(slice_str(text)) : NULL;
}

int net_client_open(const struct net_client_options *options, struct net_tls_client *trust,
	struct net_client **ret_client, struct err *err)
{
	struct net_client *client = ALLOC(struct net_client);
	client->options = *options;
	client->tls_name = copy_string(options->tls_name);
	client->ca_file = copy_string(options->ca_file);
	client->options.tls_name = client->tls_name;
	client->options.ca_file = client->ca_file;
	if (client->options.timeout_ms == 0)
		client->options.timeout_ms = TIMEOUT_MS;
	client->trust = trust;
	client->trust_lent = trust != NULL;
	client->in = BUF(SIZE_MAX / 2);
	client->out = BUF(SIZE_MAX / 2);
	client->socket.fd = -1;
	if (open_socket(client, err) != 0 ||
		(options->tls == NET_CLIENT_TLS && net_client_start_tls(client, err) != 0)) {
		client->failed = true;
		net_client_close(client);
		return -1;
	}
	*ret_client = client;
	return 0;
}

int net_client_connect(
	const struct net_client_options *options, struct net_client **ret_client, struct err *err)
{
	return net_client_open(options, options->trust, ret_client, err);
}

const struct net_tls_info *net_client_tls_info(struct net_client *client)
{
	return net_layer_tls_info(client->top);
}

struct net_address net_client_local(const struct net_client *client)
{
	struct net_address local = {.len = sizeof(local.storage)};
	if (getsockname(client->socket.fd, (struct sockaddr *)&local.storage, &local.len) != 0)
		local.len = 0;
	return local;
}

void net_client_set_timeout(struct net_client *client, unsigned timeout_ms)
{
	client->options.timeout_ms = timeout_ms ? timeout_ms : TIMEOUT_MS;
}

void net_client_write(struct net_client *client, struct slice bytes)
{
	if (client->failed)
		return;
	buf_add_slice(&client->out, bytes);
	if (client->out.len >= QUEUE_FULL)
		(void)!net_client_flush(client, &client->write_err);
}

int net_client_flush(struct net_client *client, struct err *err)
{
	size_t sent = 0;
	if (client->write_err.class != ERR_NONE) {
		if (err)
			*err = client->write_err;
		return -1;
	}
	if (client->out.failed)
		client->failed = true;
	if (client->failed)
		return err_temporary(err, ERR_UNAVAILABLE, "the connection has failed before");
	int64_t until = time_out(client);
	while (sent < client->out.len) {
		ssize_t took = client->top->ops->write(
			client->top, client->out.data + sent, client->out.len - sent);
		if (took > 0) {
			sent += (size_t)took;
			until = time_out(client);
			continue;
		}
		if (took == NET_LAYER_BROKEN)
			return gone(client, err);
		if (wait_wanted(client, took, until, err) != 0) {
			client->failed = true;
			return -1;
		}
	}
	client->out.len = 0;
	return 0;
}

void net_client_stop_writing(struct net_client *client)
{
	client->failed = false;
	client->write_err.class = ERR_NONE;
	buf_clear(&client->out);
}

void net_client_wipe_sent(struct net_client *client)
{
	if (client->out.len == 0 && client->out.data)
		explicit_bzero(client->out.data, client->out.cap);
}

/* At least one byte into `to`; a count, or negative. */
static ssize_t read_some(
	struct net_client *client, char *to, size_t len, int64_t until, struct err *err)
{
	for (;;) {
		ssize_t got = client->top->ops->read(client->top, to, len);
		if (got > 0)
			return got;
		if (got == 0 || got == NET_LAYER_BROKEN)
			return gone(client, err);
		if (wait_wanted(client, got, until, err) != 0) {
			client->failed = true;
			return -1;
		}
	}
}

/* Adds what comes to the input. */
static int fill(struct net_client *client, int64_t until, struct err *err)
{
	if (client->in_at > 0) {
		buf_consume(&client->in, client->in_at);
		client->in_at = 0;
	}
	char *to = buf_reserve(&client->in, READ_SIZE);
	if (!to)
		return err_temporary(err, ERR_OTHER, "no memory");
	ssize_t got = read_some(client, to, READ_SIZE, until, err);
	if (got < 0)
		return -1;
	client->in.len += (size_t)got;
	return 0;
}

int net_client_read_line(
	struct net_client *client, size_t max, struct slice *ret_line, struct err *err)
{
	size_t looked = 0; /* bytes without a line end */
	if (net_client_flush(client, err) != 0)
		return -1;
	int64_t until = 0; /* for the whole line; not known till something is waited for */
	for (;;) {
		struct slice have =
			slice(client->in.data + client->in_at, client->in.len - client->in_at);
		ssize_t end = slice_find(slice_from(have, looked), '\n');
		size_t len = end >= 0 ? looked + (size_t)end : have.len;
		if (len > max + 1) { /* CR */
			client->failed = true;
			return err_temporary(err, ERR_LIMIT, "a line of more than %zu bytes", max);
		}
		if (end >= 0) {
			client->in_at += len + 1;
			*ret_line = slice(have.ptr, len);
			if (len > 0 && have.ptr[len - 1] == '\r')
				ret_line->len--;
			return 0;
		}
		looked = have.len;
		until = until ? until : time_out(client);
		if (fill(client, until, err) != 0)
			return -1;
	}
}

int net_client_read_bytes(struct net_client *client, size_t len, struct buf *to, struct err *err)
{
	if (net_client_flush(client, err) != 0)
		return -1;
	while (len > 0) {
		size_t have = MIN(client->in.len - client->in_at, len);
		if (have > 0) {
			buf_add(to, client->in.data + client->in_at, have);
			client->in_at += have;
			len -= have;
			if (to->failed) {
				client->failed = true;
				return err_temporary(err, ERR_LIMIT, "more bytes than expected");
			}
		} else if (len < DIRECT_READ) {
			if (fill(client, time_out(client), err) != 0)
				return -1;
		} else {
			/* Large bodies go straight to their place. */
			size_t piece = MIN(len, (size_t)1 << 20);
			char *place = buf_reserve(to, piece);
			ssize_t got =
				place ? read_some(client, place, piece, time_out(client), err) : -1;
			if (!place) {
				client->failed = true;
				(void)err_temporary(err, ERR_LIMIT, "more bytes than expected");
			}
			if (got < 0)
				return -1;
			to->len += (size_t)got;
			len -= (size_t)got;
		}
	}
	return 0;
}

static void free_client(struct net_client *client)
{
	if (!client->trust_lent)
		net_tls_client_free(client->trust);
	buf_free(&client->in);
	buf_free(&client->out);
	free(client->tls_name);
	free(client->ca_file);
	free(client);
}

void net_client_close(struct net_client *client)
{
	if (!client)
		return;
	if (client->top) {
		if (!client->failed)
			(void)client->top->ops->finish(client->top);
		client->top->ops->free(client->top);
	}
	forget_loop(client); /* closing takes it out of the epoll set */
	if (client->socket.fd >= 0)
		(void)close(client->socket.fd);
	free_client(client);
}

void net_client_release(struct net_client *client, struct net_end *end, struct buf *input)
{
	leave_loop(client);
	end->socket = client->socket;
	end->top = client->top;
	end->broken = client->failed || client->out.failed;
	struct net_layer **lowest = &end->top;
	while (*lowest != &client->socket.layer)
		lowest = &(*lowest)->below;
	*lowest = &end->socket.layer;
	buf_add_slice(&end->out, buf_slice(&client->out));
	buf_add_slice(input, slice_from(buf_slice(&client->in), client->in_at));
	free_client(client);
}

bool net_client_is_quiet(struct net_client *client)
{
	char byte;
	if (client->failed || client->out.len > 0 || client->in.len > client->in_at)
		return false;
	client->socket.dry = false;
	return client->top->ops->read(client->top, &byte, 1) == NET_LAYER_WANT_READ;
}

struct net_client **net_client_next(struct net_client *client)
{
	return &client->next;
}
