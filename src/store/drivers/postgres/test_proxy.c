/* One thread that copies bytes both ways between pairs of sockets. */
#include "store/drivers/postgres/test_proxy.h"

#include "base/alloc.h"
#include "base/must.h"
#include "base/slice.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { PAIRS = 32, BYTES = 64 << 10 };

struct proxy {
	char folder[64];
	struct sockaddr_un here, server;
	int listener, stop[2];
	_Atomic int mode;
	pthread_t thread;
	struct pollfd fds[2 + 2 * PAIRS]; /* stop, listener, then client and server by turns */
};

static void address(struct sockaddr_un *to, const char *folder)
{
	to->sun_family = AF_UNIX;
	must((size_t)snprintf(to->sun_path, sizeof(to->sun_path), "%s/.s.PGSQL.5432", folder) <
		sizeof(to->sun_path));
}

static void end_pair(struct pollfd *pair)
{
	for (int i = 0; i < 2; i++) {
		(void)close(pair[i].fd);
		pair[i].fd = -1;
	}
}

static void take(struct proxy *p)
{
	int client = accept4(p->listener, NULL, NULL, SOCK_CLOEXEC);
	int server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool good = atomic_load(&p->mode) != PROXY_GONE &&
		    connect(server, (struct sockaddr *)&p->server, sizeof(p->server)) == 0;
	for (size_t i = 2; good && i < ARRAY_LEN(p->fds); i += 2)
		if (p->fds[i].fd < 0) {
			p->fds[i].fd = client;
			p->fds[i + 1].fd = server;
			return;
		}
	(void)close(client);
	(void)close(server);
}

/* False: the pair shall end, and these bytes with it. */
static bool may_pass(struct proxy *p, bool from_client, struct slice bytes)
{
	/* CommandComplete of a COMMIT. */
	static const struct slice done = {"C\0\0\0\x0b"
					  "COMMIT",
		12};
	int mode = atomic_load(&p->mode);
	if (mode == PROXY_LOSE_REQUEST && from_client)
		atomic_store(&p->mode, PROXY_PASS);
	else if (mode == PROXY_LOSE_COMMIT && !from_client && slice_search(bytes, done) >= 0)
		atomic_store(&p->mode, PROXY_PASS);
	else if (mode == PROXY_LOSE_AND_GO && !from_client && slice_search(bytes, done) >= 0)
		atomic_store(&p->mode, PROXY_GONE);
	else
		return mode != PROXY_GONE;
	return false;
}

static void copy(struct proxy *p, struct pollfd *pair, bool from_client)
{
	static char bytes[BYTES]; /* of the one thread of the one proxy */
	struct pollfd *from = &pair[from_client ? 0 : 1], *to = &pair[from_client ? 1 : 0];
	ssize_t n = from->fd < 0 ? 0 : read(from->fd, bytes, sizeof(bytes));
	if (from->fd < 0)
		return;
	if (n <= 0 || !may_pass(p, from_client, slice(bytes, (size_t)n)) ||
		send(to->fd, bytes, (size_t)n, MSG_NOSIGNAL) != n)
		end_pair(pair);
}

static void *run(void *argument)
{
	struct proxy *p = argument;
	while (poll(p->fds, ARRAY_LEN(p->fds), -1) >= 0 && !p->fds[0].revents) {
		for (size_t i = 2; i < ARRAY_LEN(p->fds); i += 2) {
			if (p->fds[i].revents)
				copy(p, &p->fds[i], true);
			if (p->fds[i].fd >= 0 && p->fds[i + 1].revents)
				copy(p, &p->fds[i], false);
		}
		if (p->fds[1].revents)
			take(p);
	}
	return NULL;
}

struct proxy *proxy_new(const char *server_folder)
{
	struct proxy *p = ALLOC(struct proxy);
	(void)snprintf(p->folder, sizeof(p->folder), "/tmp/rookery-proxy-XXXXXX");
	must(mkdtemp(p->folder));
	address(&p->here, p->folder);
	address(&p->server, server_folder);
	p->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	must(bind(p->listener, (struct sockaddr *)&p->here, sizeof(p->here)) == 0);
	must(listen(p->listener, PAIRS) == 0 && pipe(p->stop) == 0);
	for (size_t i = 0; i < ARRAY_LEN(p->fds); i++)
		p->fds[i] = (struct pollfd){.fd = -1, .events = POLLIN};
	p->fds[0].fd = p->stop[0];
	p->fds[1].fd = p->listener;
	must(pthread_create(&p->thread, NULL, run, p) == 0);
	return p;
}

void proxy_free(struct proxy *p)
{
	must(write(p->stop[1], "x", 1) == 1);
	(void)pthread_join(p->thread, NULL);
	for (size_t i = 2; i < ARRAY_LEN(p->fds); i += 2)
		if (p->fds[i].fd >= 0)
			end_pair(&p->fds[i]);
	(void)close(p->listener);
	(void)close(p->stop[0]);
	(void)close(p->stop[1]);
	(void)unlink(p->here.sun_path);
	(void)rmdir(p->folder);
	free(p);
}

void proxy_set(struct proxy *proxy, enum proxy_mode mode)
{
	atomic_store(&proxy->mode, mode);
}

const char *proxy_folder(const struct proxy *proxy)
{
	return proxy->folder;
}
