/* The server is the child of a keeper: a process that reads commands from the test by a socket, and
 * takes everything away when that closes, which it does even when the test is killed. PostgreSQL
 * refuses to run as root, so root starts it as `postgres` or `nobody`. */
#include "store/drivers/postgres/test_server.h"

#include "base/errno_here.h"
#include "base/must.h"
#include "base/slice.h"

#include <fcntl.h>
#include <ftw.h>
#include <glob.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PATH = 256, PLACE = 160, START_TRIES = 600, FOLDER_BYTES = 1 << 30 };

static struct server {
	char folder[64], bin[PATH], place[PLACE];
	uid_t uid; /* whose the server is; 0: ours */
	gid_t gid;
	int command; /* to the keeper */
	pid_t keeper, postmaster;
	unsigned schemas;
} server; /* of the one thread that starts it; then only `schemas` changes, in the main thread */

NORETURN static void give_up(const char *why, const char *detail)
{
	(void)fprintf(stderr, "test server: %s%s\n", why, detail);
	exit(1);
}

/* The newest version that Debian has installed. */
static void find_programs(void)
{
	const char *named = getenv("ROOKERY_POSTGRES_BIN");
	glob_t found;
	long best = -1;
	if (named)
		(void)snprintf(server.bin, sizeof(server.bin), "%s", named);
	if (named)
		return;
	if (glob("/usr/lib/postgresql/*/bin/postgres", 0, NULL, &found) != 0)
		give_up("no PostgreSQL server is installed (/usr/lib/postgresql/*/bin/postgres): ",
			"script/setup --test installs it");
	for (size_t i = 0; i < found.gl_pathc; i++) {
		long version = strtol(found.gl_pathv[i] + strlen("/usr/lib/postgresql/"), NULL, 10);
		if (version > best)
			(void)snprintf(server.bin, sizeof(server.bin),
				"/usr/lib/postgresql/%ld/bin", best = version);
	}
	globfree(&found);
}

static void find_user(void)
{
	if (geteuid() != 0)
		return;
	const struct passwd *user = getpwnam("postgres");
	if (!user)
		user = getpwnam("nobody");
	if (!user)
		give_up("neither postgres nor nobody is a user here", "");
	server.uid = user->pw_uid;
	server.gid = user->pw_gid;
}

/* In memory where there is enough of it: containers often have 64 MiB there. */
static void make_folder(void)
{
	struct statvfs room;
	bool memory = access("/dev/shm", W_OK) == 0 && statvfs("/dev/shm", &room) == 0 &&
		      (uint64_t)room.f_bavail * room.f_frsize >= FOLDER_BYTES;
	(void)snprintf(server.folder, sizeof(server.folder), "%s/rookery-postgres-XXXXXX",
		memory ? "/dev/shm" : "/tmp");
	if (!mkdtemp(server.folder))
		give_up("no folder: ", strerror(errno));
	if (server.uid)
		must(chown(server.folder, server.uid, server.gid) == 0);
	(void)snprintf(server.place, sizeof(server.place),
		"host=%s port=5432 user=rookery dbname=postgres", server.folder);
}

/* In the keeper: a program of PostgreSQL's as the right user. arguments[0] becomes its whole path,
 * for it looks beside itself for others. */
static pid_t spawn(const char *program, const char **arguments)
{
	char path[PATH + 32];
	(void)snprintf(path, sizeof(path), "%s/%s", server.bin, program);
	arguments[0] = path;
	pid_t pid = fork();
	if (pid != 0)
		return pid;
	if (server.uid &&
		(setgroups(0, NULL) != 0 || setgid(server.gid) != 0 || setuid(server.uid) != 0))
		_exit(126);
	(void)prctl(PR_SET_PDEATHSIG, SIGQUIT);
	(void)signal(SIGINT, SIG_DFL);
	(void)signal(SIGTERM, SIG_DFL);
	if (chdir(server.folder) == 0)
		(void)execv(path, (char *const *)(uintptr_t)arguments);
	(void)fprintf(stderr, "%s: %s\n", path, strerror(errno));
	_exit(127);
}

static bool run_initdb(const char *data)
{
	const char *arguments[] = {"initdb", "-D", data, "-U", "rookery", "-A", "trust", "-E",
		"UTF8", "--no-locale", "--no-sync", NULL};
	int status = -1;
	pid_t pid = spawn("initdb", arguments);
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
		return false;
	/* One user who needs a password, so that a wrong one can be tried. */
	char path[PATH];
	(void)snprintf(path, sizeof(path), "%s/data/pg_hba.conf", server.folder);
	FILE *rules = fopen(path, "we");
	if (!rules)
		return false;
	(void)fputs("local all locked scram-sha-256\nlocal all all trust\n", rules);
	return fclose(rules) == 0;
}

/* True when it takes connections. */
static bool start(const char *data)
{
	char sockets[PATH];
	(void)snprintf(sockets, sizeof(sockets), "unix_socket_directories=%s", server.folder);
	const char *arguments[] = {"postgres", "-D", data, "-c", sockets, "-c",
		"listen_addresses=", "-c", "port=5432", "-c", "fsync=off", "-c",
		"full_page_writes=off", "-c", "shared_buffers=32MB", "-c", "max_wal_size=64MB",
		"-c", "max_connections=200", "-c", "autovacuum=off", NULL};
	server.postmaster = spawn("postgres", arguments);
	for (int tries = 0; server.postmaster > 0 && tries < START_TRIES; tries++) {
		if (PQping(server.place) == PQPING_OK)
			return true;
		if (waitpid(server.postmaster, NULL, WNOHANG) == server.postmaster)
			break;
		(void)usleep(20000);
	}
	server.postmaster = 0;
	return false;
}

static void stop(void)
{
	if (server.postmaster <= 0)
		return;
	(void)kill(server.postmaster, SIGQUIT);
	(void)waitpid(server.postmaster, NULL, 0);
	server.postmaster = 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

/* The keeper's life. Never returns. */
NORETURN static void keep(int command)
{
	char data[PATH], log[PATH], order;
	(void)setsid(); /* what ends a group of processes shall not end this one */
	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGTERM, SIG_IGN);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)snprintf(data, sizeof(data), "%s/data", server.folder);
	(void)snprintf(log, sizeof(log), "%s/log", server.folder);
	int fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	(void)dup2(fd, 1);
	(void)dup2(fd, 2);
	bool good = run_initdb(data) && start(data);
	(void)!write(command, good ? "+" : "-", 1);
	while (read(command, &order, 1) == 1) {
		stop();
		good = order == 'q' || start(data);
		(void)!write(command, good ? "+" : "-", 1);
	}
	stop();
	(void)nftw(server.folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	_exit(0);
}

static void let_go(void)
{
	(void)close(server.command);
	(void)waitpid(server.keeper, NULL, 0);
}

static void expect_done(void)
{
	char answer = '-', path[PATH], line[512];
	if (read(server.command, &answer, 1) == 1 && answer == '+')
		return;
	(void)snprintf(path, sizeof(path), "%s/log", server.folder);
	FILE *log = fopen(path, "re");
	while (log && fgets(line, sizeof(line), log))
		(void)fputs(line, stderr);
	give_up("PostgreSQL does not start: ", server.bin);
}

static void need_server(void)
{
	int pair[2];
	if (server.keeper)
		return;
	find_programs();
	find_user();
	make_folder();
	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
	server.keeper = fork();
	must(server.keeper >= 0);
	if (server.keeper == 0) {
		(void)close(pair[0]);
		keep(pair[1]);
	}
	(void)close(pair[1]);
	server.command = pair[0];
	must(atexit(let_go) == 0);
	expect_done();
}

const char *test_server_folder(void)
{
	need_server();
	return server.folder;
}

void test_server_crash(void)
{
	must(write(server.command, "q", 1) == 1);
	expect_done();
}

void test_server_start(void)
{
	must(write(server.command, "s", 1) == 1);
	expect_done();
}

PGconn *test_server_connect(const char *database)
{
	PGconn *pg = PQconnectdb(database);
	if (PQstatus(pg) != CONNECTION_OK)
		give_up("", PQerrorMessage(pg));
	return pg;
}

long test_server_sql(const char *database, const char *sql)
{
	PGconn *pg = test_server_connect(database);
	PGresult *result = PQexec(pg, sql);
	ExecStatusType status = PQresultStatus(result);
	if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK)
		give_up(sql, PQresultErrorMessage(result));
	long value = PQntuples(result) ? strtol(PQgetvalue(result, 0, 0), NULL, 10) : 0;
	PQclear(result);
	PQfinish(pg);
	return value;
}

long test_server_cut_all(const char *database)
{
	return test_server_sql(database,
		"SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
		"WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()");
}

void test_server_database(char database[TEST_DATABASE])
{
	char sql[64];
	need_server();
	unsigned number = ++server.schemas;
	(void)snprintf(sql, sizeof(sql), "CREATE SCHEMA t%u", number);
	(void)test_server_sql(server.place, sql);
	(void)snprintf(
		database, TEST_DATABASE, "%s options=-csearch_path=t%u", server.place, number);
}
