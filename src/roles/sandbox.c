/* Users, Landlock (by system calls: glibc has no names for them), seccomp (by libseccomp). */
#include "roles/sandbox.h"

#include "base/errno_here.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/landlock.h>
#include <pwd.h>
#include <seccomp.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

int sandbox_find_user(const char *name, struct sandbox_user *ret_user, struct err *err)
{
	uint64_t number;
	*ret_user = (struct sandbox_user){.uid = geteuid(), .gid = getegid()};
	if (geteuid() != 0 || name[0] == '\0')
		return 0;
	if (slice_to_u64(slice_str(name), UINT32_MAX - 1, &number)) {
		*ret_user = (struct sandbox_user){
			.uid = (uid_t)number, .gid = (gid_t)number, .change = number != 0};
		return 0;
	}
	struct passwd entry, *found = NULL;
	char room[4096];
	if (getpwnam_r(name, &entry, room, sizeof(room), &found) != 0)
		return err_errno(err, errno, "can't look up user \"%s\"", name);
	if (!found)
		return err_permanent(err, ERR_ABSENT,
			"there is no user \"%s\": make it with `useradd --system %s`, or set "
			"`user`",
			name, name);
	*ret_user = (struct sandbox_user){
		.uid = found->pw_uid, .gid = found->pw_gid, .change = found->pw_uid != 0};
	return 0;
}

static int make_parents(const char *path, struct err *err)
{
	char parent[512];
	const char *slash = strrchr(path, '/');
	if (!slash || slash == path)
		return 0;
	(void)snprintf(parent, sizeof(parent), "%.*s", (int)(slash - path), path);
	if (access(parent, F_OK) == 0)
		return 0;
	if (make_parents(parent, err) < 0)
		return -1;
	if (mkdir(parent, 0755) < 0 && errno != EEXIST)
		return err_errno(err, errno, "can't make the folder %s", parent);
	return 0;
}

int sandbox_folder(
	const char *path, const struct sandbox_user *user, unsigned mode, struct err *err)
{
	if (make_parents(path, err) < 0)
		return -1;
	if (mkdir(path, mode) < 0 && errno != EEXIST)
		return err_errno(err, errno, "can't make the folder %s", path);
	if (user->change && chown(path, user->uid, user->gid) < 0)
		return err_errno(err, errno, "can't give the folder %s to its user", path);
	return 0;
}

int sandbox_drop(const struct sandbox_user *user, struct err *err)
{
	if (!user->change)
		return 0;
	if (setgroups(0, NULL) < 0 || setresgid(user->gid, user->gid, user->gid) < 0 ||
		setresuid(user->uid, user->uid, user->uid) < 0)
		return err_errno(err, errno, "can't become user %u", (unsigned)user->uid);
	return 0;
}

enum {
	READ = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR,
	WRITE = READ | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |
		LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_DIR |
		LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK,
	ALL_OF_ABI_1 = WRITE | LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_MAKE_CHAR |
		       LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK |
		       LANDLOCK_ACCESS_FS_MAKE_SYM,
	/* Newer than the headers of some systems: */
	FS_REFER = 1 << 13,    /* ABI 2 */
	FS_TRUNCATE = 1 << 14, /* ABI 3 */
	NET_BIND_TCP = 1 << 0, /* ABI 4 */
	NET_CONNECT_TCP = 1 << 1,
	RULE_NET_PORT = 2,
};

/* The kernel's struct as of ABI 4; older kernels are given less of it. */
struct ruleset {
	uint64_t fs, net;
};

static void allow(int ruleset, const char *path, uint64_t access)
{
	struct landlock_path_beneath_attr rule = {
		.allowed_access = access, .parent_fd = open(path, O_PATH | O_CLOEXEC)};
	if (rule.parent_fd < 0)
		return;
	(void)syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
	(void)close(rule.parent_fd);
}

/* As of ABI 4. `access`: all that the rules are about; a rule about anything else is none. */
static void allow_port(int ruleset, uint64_t access, uint16_t port)
{
	struct {
		uint64_t access, port;
	} rule = {access, port};
	(void)syscall(SYS_landlock_add_rule, ruleset, RULE_NET_PORT, &rule, 0);
}

static void allow_network(int ruleset, const struct sandbox_network *network, uint64_t handled)
{
	if (network->port != 0)
		allow_port(ruleset, handled, network->port);
	for (size_t i = 0; i < network->peer_count && !network->connects; i++)
		if (network->peers[i] != 0)
			allow_port(ruleset, NET_CONNECT_TCP, network->peers[i]);
}

static bool landlock(
	const char *const *writable, size_t count, const struct sandbox_network *network)
{
	static const char *const READABLE[] = {"/usr", "/lib", "/lib64", "/etc", "/dev/urandom",
		"/dev/null", "/proc/self", "/proc/meminfo", "/proc/cpuinfo",
		"/proc/sys/kernel/random/boot_id", "/sys/devices/system/cpu", "/sys/block",
		"/sys/dev"};
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	if (abi < 1)
		return false;
	uint64_t extra = (abi >= 2 ? FS_REFER : 0u) | (abi >= 3 ? FS_TRUNCATE : 0u);
	struct ruleset wanted = {
		.fs = ALL_OF_ABI_1 | extra,
		.net = abi < 4             ? 0
		       : network->connects ? NET_BIND_TCP
					   : NET_BIND_TCP | NET_CONNECT_TCP,
	};
	size_t size = abi >= 4 ? sizeof(wanted) : sizeof(wanted.fs);
	int ruleset = (int)syscall(SYS_landlock_create_ruleset, &wanted, size, 0);
	if (ruleset < 0)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(READABLE); i++) {
		struct stat st;
		bool folder = stat(READABLE[i], &st) == 0 && S_ISDIR(st.st_mode);
		allow(ruleset, READABLE[i], folder ? READ : LANDLOCK_ACCESS_FS_READ_FILE);
	}
	for (size_t i = 0; i < count; i++)
		allow(ruleset, writable[i], WRITE | extra);
	if (abi >= 4)
		allow_network(ruleset, network, wanted.net);
	bool on = syscall(SYS_landlock_restrict_self, ruleset, 0) == 0;
	(void)close(ruleset);
	return on;
}

/* What a mail server never does. A call of one of these is an attack or a bug: the process dies and
 * the supervisor says so. */
static const int FORBIDDEN[] = {
	SCMP_SYS(execve),
	SCMP_SYS(execveat),
	SCMP_SYS(fork),
	SCMP_SYS(vfork),
	SCMP_SYS(ptrace),
	SCMP_SYS(process_vm_readv),
	SCMP_SYS(process_vm_writev),
	SCMP_SYS(mount),
	SCMP_SYS(umount2),
	SCMP_SYS(pivot_root),
	SCMP_SYS(chroot),
	SCMP_SYS(setns),
	SCMP_SYS(unshare),
	SCMP_SYS(bpf),
	SCMP_SYS(perf_event_open),
	SCMP_SYS(kexec_load),
	SCMP_SYS(init_module),
	SCMP_SYS(finit_module),
	SCMP_SYS(delete_module),
	SCMP_SYS(reboot),
	SCMP_SYS(swapon),
	SCMP_SYS(swapoff),
	SCMP_SYS(keyctl),
	SCMP_SYS(add_key),
	SCMP_SYS(request_key),
	SCMP_SYS(userfaultfd),
	SCMP_SYS(open_by_handle_at),
	SCMP_SYS(personality),
	SCMP_SYS(acct),
	SCMP_SYS(settimeofday),
	SCMP_SYS(clock_settime),
	SCMP_SYS(adjtimex),
	SCMP_SYS(sethostname),
	SCMP_SYS(setdomainname),
	SCMP_SYS(io_uring_setup),
	SCMP_SYS(setuid),
	SCMP_SYS(setgid),
	SCMP_SYS(setreuid),
	SCMP_SYS(setregid),
	SCMP_SYS(setresuid),
	SCMP_SYS(setresgid),
};

static bool seccomp(void)
{
#ifdef __SANITIZE_ADDRESS__
	return false; /* its leak checker traces the process */
#endif
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	if (!filter)
		return false;
	bool good = true;
	for (size_t i = 0; i < ARRAY_LEN(FORBIDDEN) && good; i++)
		good = seccomp_rule_add(filter, SCMP_ACT_KILL_PROCESS, FORBIDDEN[i], 0) == 0;
	good = good && seccomp_load(filter) == 0;
	seccomp_release(filter);
	return good;
}

const char *sandbox_confine(
	const char *const *writable, size_t count, const struct sandbox_network *network)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return "none";
	bool files = landlock(writable, count, network), calls = seccomp();
	return files && calls ? "landlock seccomp"
	       : files        ? "landlock"
	       : calls        ? "seccomp"
			      : "none";
}
