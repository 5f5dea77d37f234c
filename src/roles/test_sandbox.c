/* Confined children try what is forbidden. Where the kernel has no Landlock, its part is skipped.
 */
#include "roles/resolver.h"
#include "roles/sandbox.h"

#include "base/errno_here.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { SKIPPED = 77 };

static char inside[64], outside[64];

enum { PORT = 47625 }; /* that may be listened on; it is bound for a moment only */
enum { PEER = 47925 }; /* that may be connected to */

/* Runs `attempt` in a confined child; gives waitpid()'s status. */
static int confined_to(
	const char *needs, uint16_t port, uint16_t peer, bool connects, int (*attempt)(void))
{
	pid_t pid = fork();
	if (pid == 0) {
		const char *const writable[] = {inside};
		const struct sandbox_network network = {
			.port = port, .peers = &peer, .peer_count = 1, .connects = connects};
		if (!strstr(sandbox_confine(writable, 1, &network), needs))
			_exit(SKIPPED);
		_exit(attempt());
	}
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == SKIPPED)
		skip();
	return status;
}

static int confined(const char *needs, int (*attempt)(void))
{
	return confined_to(needs, 0, 0, false, attempt);
}

static int can_open(const char *folder, int flags)
{
	char path[128];
	(void)snprintf(path, sizeof(path), "%s/file", folder);
	return open(path, flags, 0600) >= 0;
}

static int write_inside(void)
{
	return can_open(inside, O_RDWR | O_CREAT);
}

static int write_outside(void)
{
	return can_open(outside, O_WRONLY | O_CREAT);
}

static int read_outside(void)
{
	return can_open(outside, O_RDONLY);
}

static int write_etc(void)
{
	return open("/etc/rookery-test", O_WRONLY | O_CREAT, 0600) >= 0;
}

static int read_other_process(void)
{
	char path[64];
	(void)snprintf(path, sizeof(path), "/proc/%d/mem", (int)getppid());
	return open(path, O_RDONLY) >= 0;
}

static int run_program(void)
{
	(void)execl("/bin/true", "true", NULL);
	return 0;
}

static int become_root(void)
{
	return setuid(0) == 0;
}

/* A question leaves for the name server, who is us and says nothing. */
static int ask_the_dns(void)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct sockaddr_in name = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(name);
	int server = socket(AF_INET, SOCK_DGRAM, 0);
	if (bind(server, (struct sockaddr *)&name, len) < 0 ||
		getsockname(server, (struct sockaddr *)&name, &len) < 0)
		return 0;
	char address[32], packet[512];
	(void)snprintf(address, sizeof(address), "127.0.0.1:%u", ntohs(name.sin_port));
	const char *const servers[] = {address};
	const struct conf_dns settings = {.servers = {servers, 1},
		.resolv_conf = "",
		.root_key = "/usr/share/dns/root.key",
		.anchors = "",
		.timeout_ms = 300};
	struct dns *dns;
	struct dns_answer answer;
	if (resolver_open(&settings, &dns, NULL) < 0)
		return 0;
	int r = dns_lookup(dns, SLICE("example.org"), DNS_MX, &arena, &answer, NULL);
	dns_free(dns);
	return r < 0 && recv(server, packet, sizeof(packet), MSG_DONTWAIT) > 12;
}

static int can_bind(uint16_t port)
{
	struct sockaddr_in name = {.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		.sin_port = htons(port)};
	int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	return bind(fd, (struct sockaddr *)&name, sizeof(name)) == 0;
}

static int bind_port(void)
{
	return can_bind(PORT);
}

static int bind_another_port(void)
{
	return can_bind(PORT + 1);
}

/* Nobody listens there: 1 when it may be tried. */
static int connect_to(uint16_t port)
{
	struct sockaddr_in name = {.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		.sin_port = htons(port)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	return connect(fd, (struct sockaddr *)&name, sizeof(name)) == 0 || errno == ECONNREFUSED;
}

static int connect_to_peer(void)
{
	return connect_to(PEER);
}

static int connect_to_another(void)
{
	return connect_to(PEER + 1);
}

static int bind_peers_port(void)
{
	return can_bind(PEER);
}

static void expect_exit(int status, int code)
{
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), code);
}

static void expect_killed(int status)
{
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGSYS);
}

static void test_files_in_its_own_folder_can_be_written(void **state)
{
	expect_exit(confined("", write_inside), 1);
}

static void test_files_outside_can_be_neither_read_nor_written(void **state)
{
	expect_exit(confined("landlock", read_outside), 0);
	expect_exit(confined("landlock", write_outside), 0);
}

static void test_the_systems_files_can_not_be_written(void **state)
{
	expect_exit(confined("landlock", write_etc), 0);
}

static void test_memory_of_other_processes_can_not_be_read(void **state)
{
	expect_exit(confined("landlock", read_other_process), 0);
}

static void test_the_dns_can_be_asked(void **state)
{
	expect_exit(confined("", ask_the_dns), 1);
}

/* Kernels before Landlock's ABI 4 know nothing of ports. */
static bool knows_ports(void)
{
	return syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION) >= 4;
}

static void test_the_mirrors_port_can_be_listened_on_and_no_other(void **state)
{
	for (int connects = 0; connects < 2; connects++) {
		expect_exit(confined_to("", PORT, 0, connects, bind_port), 1);
		if (knows_ports())
			expect_exit(
				confined_to("landlock", PORT, 0, connects, bind_another_port), 0);
	}
}

static void test_the_peers_port_can_be_connected_to_and_no_other(void **state)
{
	expect_exit(confined_to("", PORT, PEER, false, connect_to_peer), 1);
	if (!knows_ports())
		return;
	expect_exit(confined_to("landlock", PORT, PEER, false, connect_to_another), 0);
	expect_exit(confined_to("landlock", PORT, PEER, false, bind_peers_port), 0);
	expect_exit(confined_to("landlock", 0, PEER, true, bind_peers_port), 0);
}

static void test_a_program_started_kills_the_process(void **state)
{
	expect_killed(confined("seccomp", run_program));
}

static void test_a_try_to_change_user_kills_the_process(void **state)
{
	expect_killed(confined("seccomp", become_root));
}

static void test_a_user_may_be_a_number(void **state)
{
	struct sandbox_user user;
	struct err err;
	assert_int_equal(sandbox_find_user("64321", &user, &err), 0);
	assert_int_equal(user.change, geteuid() == 0);
	assert_int_equal(user.uid, geteuid() == 0 ? 64321 : geteuid());
}

static void test_a_missing_user_is_told_with_what_to_do(void **state)
{
	struct sandbox_user user;
	struct err err;
	if (geteuid() != 0)
		skip();
	assert_int_equal(sandbox_find_user("no-such-bird", &user, &err), -1);
	assert_int_equal(err.kind, ERR_ABSENT);
	assert_non_null(strstr(err.text, "useradd"));
}

static int make_folders(void **state)
{
	(void)snprintf(inside, sizeof(inside), "/tmp/rookery-in-XXXXXX");
	(void)snprintf(outside, sizeof(outside), "/tmp/rookery-out-XXXXXX");
	if (!mkdtemp(inside) || !mkdtemp(outside))
		return -1;
	return can_open(outside, O_WRONLY | O_CREAT) ? 0 : -1;
}

static int remove_folders(void **state)
{
	char path[128];
	(void)snprintf(path, sizeof(path), "%s/file", inside);
	(void)unlink(path);
	(void)snprintf(path, sizeof(path), "%s/file", outside);
	(void)unlink(path);
	return rmdir(inside) | rmdir(outside);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_files_in_its_own_folder_can_be_written),
		cmocka_unit_test(test_files_outside_can_be_neither_read_nor_written),
		cmocka_unit_test(test_the_systems_files_can_not_be_written),
		cmocka_unit_test(test_memory_of_other_processes_can_not_be_read),
		cmocka_unit_test(test_the_dns_can_be_asked),
		cmocka_unit_test(test_the_mirrors_port_can_be_listened_on_and_no_other),
		cmocka_unit_test(test_the_peers_port_can_be_connected_to_and_no_other),
		cmocka_unit_test(test_a_program_started_kills_the_process),
		cmocka_unit_test(test_a_try_to_change_user_kills_the_process),
		cmocka_unit_test(test_a_user_may_be_a_number),
		cmocka_unit_test(test_a_missing_user_is_told_with_what_to_do),
	};
	return cmocka_run_group_tests(tests, make_folders, remove_folders);
}
