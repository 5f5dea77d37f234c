/* Socket addresses: parsing, text, listening. "Any address of both families" is kept as family
 * AF_UNSPEC over the fields of an IPv6 address, so that it can be told from "[::]". */
#include "net/address.h"

#include "base/errno_here.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static const struct slice UNIX_PREFIX = {.ptr = "unix:", .len = 5};

static const struct sockaddr_in *as_v4(const struct net_address *a)
{
	return (const struct sockaddr_in *)&a->storage;
}

static const struct sockaddr_in6 *as_v6(const struct net_address *a)
{
	return (const struct sockaddr_in6 *)&a->storage;
}

/* The path, or "" for the unnamed end of a pair; abstract names are not used. */
static struct slice unix_path(const struct net_address *a)
{
	const struct sockaddr_un *un = (const struct sockaddr_un *)&a->storage;
	size_t head = offsetof(struct sockaddr_un, sun_path);
	size_t max = a->len > head ? a->len - head : 0;
	return slice(un->sun_path, strnlen(un->sun_path, MIN(max, sizeof(un->sun_path))));
}

static int parse_unix(struct slice path, struct net_address *ret_address, struct err *err)
{
	struct sockaddr_un *un = (struct sockaddr_un *)&ret_address->storage;
	if (path.len == 0 || path.len >= sizeof(un->sun_path) || slice_find(path, '\0') >= 0)
		return err_permanent(err, ERR_BAD_INPUT,
			"a Unix socket path has 1 to %zu characters", sizeof(un->sun_path) - 1);
	un->sun_family = AF_UNIX;
	memcpy(un->sun_path, path.ptr, path.len);
	ret_address->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + path.len + 1);
	return 0;
}

static bool parse_v6(struct slice host, uint16_t port, struct net_address *ret_address)
{
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&ret_address->storage;
	char text[INET6_ADDRSTRLEN];
	if (host.len >= sizeof(text))
		return false;
	memcpy(text, host.ptr, host.len);
	text[host.len] = '\0';
	if (inet_pton(AF_INET6, text, &v6->sin6_addr) != 1)
		return false;
	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons(port);
	ret_address->len = sizeof(*v6);
	return true;
}

static bool parse_v4(struct slice host, uint16_t port, struct net_address *ret_address)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)&ret_address->storage;
	char text[INET_ADDRSTRLEN];
	if (host.len == 0 || host.len >= sizeof(text))
		return false;
	memcpy(text, host.ptr, host.len);
	text[host.len] = '\0';
	if (inet_pton(AF_INET, text, &v4->sin_addr) != 1)
		return false;
	v4->sin_family = AF_INET;
	v4->sin_port = htons(port);
	ret_address->len = sizeof(*v4);
	return true;
}

int net_address_parse(struct slice text, struct net_address *ret_address, struct err *err)
{
	*ret_address = (struct net_address){0};
	if (slice_starts(text, UNIX_PREFIX))
		return parse_unix(slice_from(text, UNIX_PREFIX.len), ret_address, err);
	size_t colon = text.len;
	while (colon > 0 && text.ptr[colon - 1] != ':')
		colon--;
	uint64_t port;
	if (colon == 0 || !slice_to_u64(slice_from(text, colon), 65535, &port))
		return err_permanent(
			err, ERR_BAD_INPUT, "no port (0 to 65535) in \"%.*s\"", SLICE_ARG(text));
	struct slice host = slice(text.ptr, colon - 1);
	bool good;
	if (slice_eq(host, SLICE("*"))) {
		good = parse_v6(SLICE("::"), (uint16_t)port, ret_address);
		ret_address->storage.ss_family = AF_UNSPEC;
	} else if (host.len >= 2 && host.ptr[0] == '[' && host.ptr[host.len - 1] == ']') {
		good = parse_v6(slice_sub(host, 1, host.len - 2), (uint16_t)port, ret_address);
	} else {
		good = parse_v4(host, (uint16_t)port, ret_address);
	}
	if (good)
		return 0;
	*ret_address = (struct net_address){0};
	return err_permanent(err, ERR_BAD_INPUT, "\"%.*s\" is no IP address, [IPv6 address] or *",
		SLICE_ARG(host));
}

bool net_address_of_ip(struct slice ip, uint16_t port, struct net_address *ret_address)
{
	*ret_address = (struct net_address){0};
	if (slice_starts_nocase(ip, SLICE("IPV6:")))
		ip = slice_from(ip, 5);
	if (!parse_v4(ip, port, ret_address) && !parse_v6(ip, port, ret_address))
		return false;
	net_address_normalise(ret_address);
	return true;
}

void net_address_host(const struct net_address *address, char ret_text[NET_ADDRESS_TEXT])
{
	const char *text = NULL;
	if (address->len == 0)
		text = "unknown";
	else if (address->storage.ss_family == AF_INET)
		text = inet_ntop(AF_INET, &as_v4(address)->sin_addr, ret_text, NET_ADDRESS_TEXT);
	else if (address->storage.ss_family == AF_INET6)
		text = inet_ntop(AF_INET6, &as_v6(address)->sin6_addr, ret_text, NET_ADDRESS_TEXT);
	else
		text = address->storage.ss_family == AF_UNIX ? "local" : "*";
	if (text != ret_text)
		(void)snprintf(ret_text, NET_ADDRESS_TEXT, "%s", text ? text : "unknown");
}

void net_address_text(const struct net_address *address, char ret_text[NET_ADDRESS_TEXT])
{
	char host[NET_ADDRESS_TEXT];
	if (net_address_is_unix(address)) {
		(void)snprintf(
			ret_text, NET_ADDRESS_TEXT, "unix:%.*s", SLICE_ARG(unix_path(address)));
		return;
	}
	net_address_host(address, host);
	if (address->len == 0)
		(void)snprintf(ret_text, NET_ADDRESS_TEXT, "unknown");
	else
		(void)snprintf(ret_text, NET_ADDRESS_TEXT,
			address->storage.ss_family == AF_INET6 ? "[%.100s]:%u" : "%.100s:%u", host,
			net_address_port(address));
}

uint16_t net_address_port(const struct net_address *address)
{
	if (address->len == 0 || address->storage.ss_family == AF_UNIX)
		return 0;
	return address->storage.ss_family == AF_INET ? ntohs(as_v4(address)->sin_port)
						     : ntohs(as_v6(address)->sin6_port);
}

static const uint8_t MAPPED[12] = {[10] = 0xff, [11] = 0xff};

bool net_ip_is_v4(const uint8_t bytes[16])
{
	return memcmp(bytes, MAPPED, sizeof(MAPPED)) == 0;
}

bool net_address_bytes(const struct net_address *address, uint8_t ret_bytes[16])
{
	if (address->len == 0)
		return false;
	if (address->storage.ss_family == AF_INET) {
		memcpy(ret_bytes, MAPPED, sizeof(MAPPED));
		memcpy(ret_bytes + 12, &as_v4(address)->sin_addr, 4);
		return true;
	}
	if (address->storage.ss_family != AF_INET6)
		return false;
	memcpy(ret_bytes, &as_v6(address)->sin6_addr, 16);
	return true;
}

void net_address_normalise(struct net_address *address)
{
	if (address->len == 0 || address->storage.ss_family != AF_INET6)
		return;
	struct sockaddr_in6 v6 = *as_v6(address);
	if (!IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr))
		return;
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = v6.sin6_port};
	memcpy(&v4.sin_addr, v6.sin6_addr.s6_addr + 12, 4);
	*address = (struct net_address){.len = sizeof(v4)};
	memcpy(&address->storage, &v4, sizeof(v4));
}

bool net_address_is_loopback(const struct net_address *address)
{
	uint8_t bytes[16];
	if (!net_address_bytes(address, bytes))
		return false;
	if (address->storage.ss_family == AF_INET)
		return bytes[12] == 127;
	return IN6_IS_ADDR_LOOPBACK(&as_v6(address)->sin6_addr);
}

bool net_address_is_unix(const struct net_address *address)
{
	return address->len > 0 && address->storage.ss_family == AF_UNIX;
}

/* Nobody answers on a socket file that a dead server has left. */
static bool is_stale(const struct net_address *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return false;
	bool stale = connect(fd, (const struct sockaddr *)&address->storage, address->len) != 0 &&
		     errno == ECONNREFUSED;
	(void)close(fd);
	return stale;
}

/* Permissions are set between bind() and listen(): until then nobody can connect. */
static int bind_unix(int fd, const struct net_address *address, unsigned mode)
{
	const struct sockaddr *name = (const struct sockaddr *)&address->storage;
	const char *path = ((const struct sockaddr_un *)&address->storage)->sun_path;
	if (bind(fd, name, address->len) != 0) {
		if (errno != EADDRINUSE)
			return -1;
		if (!is_stale(address)) {
			errno = EADDRINUSE;
			return -1;
		}
		if (unlink(path) != 0 || bind(fd, name, address->len) != 0)
			return -1;
	}
	return chmod(path, (mode_t)mode);
}

static int bind_ip(int fd, const struct net_address *address, bool both)
{
	int on = 1, only = both ? 0 : 1;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0)
		return -1;
	if (address->storage.ss_family == AF_INET6 &&
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof(only)) != 0)
		return -1;
	return bind(fd, (const struct sockaddr *)&address->storage, address->len);
}

int net_address_listen(const struct net_address *address, int backlog, unsigned unix_mode,
	int *ret_fd, struct err *err)
{
	struct net_address at = *address;
	char text[NET_ADDRESS_TEXT];
	net_address_text(address, text);
	bool both = at.len > 0 && at.storage.ss_family == AF_UNSPEC;
	if (both)
		at.storage.ss_family = AF_INET6;
	int type = SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK;
	int fd = socket(at.storage.ss_family, type, 0);
	if (fd < 0 && both && errno == EAFNOSUPPORT) {
		/* A kernel without IPv6: all of IPv4 is all there is. */
		(void)parse_v4(SLICE("0.0.0.0"), net_address_port(address), &at);
		fd = socket(AF_INET, type, 0);
	}
	if (fd < 0)
		return err_errno(err, errno, "cannot open a socket for %s", text);
	int done =
		net_address_is_unix(&at) ? bind_unix(fd, &at, unix_mode) : bind_ip(fd, &at, both);
	if (done != 0 || listen(fd, backlog) != 0) {
		int number = errno;
		(void)close(fd);
		return err_errno(err, number, "cannot listen on %s", text);
	}
	*ret_fd = fd;
	return 0;
}
