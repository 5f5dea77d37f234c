/* Measures what one parked connection costs: `measure_parked [COUNT]`. A child process serves, the
 * parent connects; the child's PSS before and after, divided, is the answer. Printed for plain
 * connections, TLS 1.2, TLS 1.3 and STARTTLS, each with one command behind it; and for those that
 * are joined with one to a server, which is another child, plain and with TLS at both ends. */
#include "net/test_front.h"

#include "base/test.h"

#include <malloc.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static long pss_kib(pid_t pid)
{
	char path[64], line[256];
	long kib = -1;
	(void)snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int)pid);
	FILE *file = fopen(path, "r");
	assert_non_null(file);
	while (kib < 0 && fgets(line, sizeof(line), file))
		if (strncmp(line, "Pss:", 4) == 0)
			kib = strtol(line + 4, NULL, 10);
	(void)fclose(file);
	return kib;
}

struct ports {
	uint16_t plain, tls;
};

enum kind { PLAIN, TLS_12, TLS_13, STARTTLS, JOINED_PLAIN, JOINED_TLS };

static bool is_joined(enum kind kind)
{
	return kind == JOINED_PLAIN || kind == JOINED_TLS;
}

/* In a child. `back` NULL: the server itself, else what joins with it. */
static void serve(int ports_to, int end_from, const struct ports *back, enum kind kind)
{
	struct test_server_options options = {.loop.max_per_address = 100000};
	struct front *front = front_start(&options);
	struct ports ports = {front->server->plain, front->server->tls_at_once};
	char byte;
	(void)unlink(front->near_unix + strlen("unix:")); /* it ends by a signal */
	(void)rmdir(front->folder);
	if (back) {
		front_set_back(
			front, kind == JOINED_TLS ? back->tls : back->plain, kind == JOINED_TLS);
		ports = (struct ports){front->plain, front->tls};
	}
	if (write(ports_to, &ports, sizeof(ports)) == sizeof(ports))
		(void)!read(end_from, &byte, 1);
	_exit(0);
}

static pid_t start(const struct ports *back, enum kind kind, struct ports *ret_ports)
{
	int ports_pipe[2], end_pipe[2];
	assert_int_equal(pipe(ports_pipe), 0);
	assert_int_equal(pipe(end_pipe), 0);
	pid_t child = fork();
	if (child == 0)
		serve(ports_pipe[1], end_pipe[0], back, kind);
	assert_int_equal(read(ports_pipe[0], ret_ports, sizeof(*ret_ports)), sizeof(*ret_ports));
	return child;
}

static void stop(pid_t child)
{
	(void)kill(child, SIGKILL);
	(void)waitpid(child, NULL, 0);
}

static struct test_peer *park(const struct ports *ports, enum kind kind)
{
	int version = kind == TLS_12 ? TLS1_2_VERSION : TLS1_3_VERSION;
	bool tls = kind == TLS_12 || kind == TLS_13 || kind == JOINED_TLS;
	struct test_peer *peer = tls ? test_connect_tls(ports->tls, "one.example", version)
				     : test_connect(ports->plain);
	if (is_joined(kind))
		(void)front_join(peer);
	else
		assert_line(peer, "hello");
	if (kind == STARTTLS) {
		test_send(peer, "STARTTLS\r\n");
		assert_line(peer, "go");
		test_start_tls(peer, "one.example", version);
	}
	test_send(peer, "ECHO parked\r\n");
	assert_line(peer, "parked");
	return peer;
}

static void measure(const char *name, enum kind kind, unsigned count)
{
	struct ports ports, back_ports;
	pid_t back = start(NULL, kind, &back_ports), child = back;
	if (is_joined(kind))
		child = start(&back_ports, kind, &ports);
	else
		ports = back_ports;
	for (int i = 0; i < 20; i++) { /* so that caches are filled before */
		struct test_peer *peer = park(&ports, kind);
		test_close(peer);
	}
	(void)usleep(200 * 1000);
	long before = pss_kib(child);
	for (unsigned i = 0; i < count; i++) {
		/* The parent keeps only the socket. */
		struct test_peer *peer = park(&ports, kind);
		int fd = dup(peer->fd);
		assert_true(fd >= 0);
		test_close(peer);
	}
	(void)usleep(300 * 1000);
	long after = pss_kib(child);
	printf("%-12s %u connections: %ld KiB before, %ld KiB after, %.2f KiB each\n", name, count,
		before, after, (double)(after - before) / count);
	stop(child);
	if (back != child)
		stop(back);
}

int main(int argc, char **argv)
{
	unsigned count = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 1000;
	struct rlimit files = {.rlim_cur = 200000, .rlim_max = 200000};
	if (setrlimit(RLIMIT_NOFILE, &files) != 0) {
		(void)getrlimit(RLIMIT_NOFILE, &files);
		files.rlim_cur = files.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &files);
	}
	measure("plain", PLAIN, count);
	measure("TLSv1.2", TLS_12, count);
	measure("TLSv1.3", TLS_13, count);
	measure("STARTTLS", STARTTLS, count);
	measure("joined", JOINED_PLAIN, count);
	measure("joined TLS", JOINED_TLS, count);
	return 0;
}
