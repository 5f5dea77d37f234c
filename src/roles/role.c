/* A role's life: sockets are bound and folders made while it may still do so, then privileges go,
 * then the kind opens what it serves. A thread listens to the supervisor meanwhile. */
#include "roles/role.h"

#include "base/alloc.h"
#include "base/arena.h"
#include "base/errno_here.h"
#include "base/log.h"
#include "net/session.h"
#include "roles/acme/host.h"
#include "roles/channel.h"
#include "roles/sandbox.h"

#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DNS_PORT = 53 };
enum { BACKLOG = 4096, STOP_GRACE_MS = 3000, CERTIFICATES_MAX = 1000, NAMES_MAX = 100 };
/* What a whole message takes goes back to the system when it is freed. Left alone, malloc() takes
 * such blocks from its heaps once one was freed, and each heap keeps the most that it ever held. */
enum { LARGE_BLOCK = 512 * 1024 };

const struct role_kind *const role_kinds[] = {&role_store, &role_mx, &role_proxy, NULL};

int role_listen_unix(
	struct role *role, const char *path, const char *name, const char *owner, struct err *err)
{
	struct net_address address;
	struct sandbox_user user;
	char text[600];
	int fd;
	if (role->listener_count == ROLE_LISTENERS_MAX)
		return err_permanent(err, ERR_LIMIT, "more than %d listeners", ROLE_LISTENERS_MAX);
	if (strncmp(path, "unix:", 5) == 0)
		path += 5;
	(void)snprintf(text, sizeof(text), "unix:%s", path);
	if (sandbox_find_user(owner, &user, err) < 0 ||
		net_address_parse(slice_str(text), &address, err) < 0 ||
		net_address_listen(&address, BACKLOG, 0600, &fd, err) < 0)
		return -1;
	role->listeners[role->listener_count++] =
		(struct role_listener){.fd = fd, .is_unix = true, .name = name};
	if (user.change && chown(path, user.uid, user.gid) < 0)
		return err_errno(err, errno, "can't give the socket %s to its user", path);
	return 0;
}

int role_listen_front_ends(
	struct role *role, const char *path, const char *name, const char *owner, struct err *err)
{
	if (role_listen_unix(role, path, name, owner, err) < 0)
		return -1;
	role->listeners[role->listener_count - 1].front_end = true;
	return 0;
}

int role_listen_proxy(struct role *role, const char *name, struct err *err)
{
	const struct conf_settings *settings = role->settings;
	char path[600];
	if (!settings->proxy.on)
		return 0;
	(void)snprintf(path, sizeof(path), "%s/proxy-%s", settings->run, name);
	return role_listen_front_ends(role, path, name, role_proxy.user(settings), err);
}

int role_listen_cluster(struct role *role, struct err *err)
{
	const struct conf_settings *settings = role->settings;
	const struct role_kind *teller = settings->store.on ? &role_store : &role_proxy;
	char path[600];
	if (!teller->is_wanted(settings))
		return 0;
	(void)snprintf(path, sizeof(path), "%s/cluster-%s", settings->run, role->kind->name);
	return role_listen_unix(role, path, "cluster", teller->user(settings), err);
}

static int listen_all(struct role *role, struct err *err)
{
	const struct conf_listens *listens = role->kind->listens(role->settings);
	for (size_t i = 0; i < listens->count; i++) {
		const struct conf_listen *listen = &listens->items[i];
		struct net_address address;
		int fd;
		if (role->listener_count == ROLE_LISTENERS_MAX)
			return err_permanent(
				err, ERR_LIMIT, "more than %d listeners", ROLE_LISTENERS_MAX);
		if (net_address_parse(slice_str(listen->address), &address, err) < 0 ||
			net_address_listen(&address, BACKLOG, 0666, &fd, err) < 0)
			return err_prefix(err, "listen %s %s", conf_protocol_name(listen->protocol),
				listen->address);
		role->listeners[role->listener_count++] = (struct role_listener){
			.fd = fd, .protocol = listen->protocol, .proxy = listen->proxy};
	}
	return 0;
}

int role_serve(struct role *role, const struct role_listener *listener,
	const struct net_protocol *protocol, void *service, struct err *err)
{
	struct net_listener_options options = {
		.fd = listener->fd,
		.protocol = protocol,
		.service = service,
		.tls = listener->is_unix ? NULL : role->tls,
		.tls_at_once = !listener->is_unix && conf_protocol_is_tls(listener->protocol),
		.proxy_header = listener->proxy,
		.trusted = role->proxy_trusted,
		.front_ends = role->front_ends,
		.for_front_ends = listener->front_end,
		.plain_loopback_ok = role->settings->plain_login_on_loopback,
	};
	return net_loop_listen(role->loop, &options, err);
}

void role_metric(
	struct role *role, struct buf *to, const char *name, const char *labels, uint64_t value)
{
	buf_printf(to, "rookery_%s{role=\"%s\"%s%s} %llu\n", name, role->kind->name,
		labels[0] ? "," : "", labels, (unsigned long long)value);
}

void role_login_metrics(
	struct role *role, struct buf *to, const char *protocol, uint64_t logins, uint64_t failed)
{
	char label[64];
	(void)snprintf(label, sizeof(label), "protocol=\"%s\"", protocol);
	role_metric(role, to, "logins_total", label, logins);
	role_metric(role, to, "logins_failed_total", label, failed);
}

struct directory_throttle *role_throttle_new(const struct role *role)
{
	const struct conf_limits *limits = &role->settings->limits;
	return directory_throttle_new(
		(unsigned)limits->auth_failures_per_address, limits->auth_failure_window_ms);
}

void role_tell(struct role *role, json_t *message)
{
	(void)pthread_mutex_lock(&role->channel_lock);
	(void)channel_send(role->channel, message);
	(void)pthread_mutex_unlock(&role->channel_lock);
}

static void loop_metrics(struct role *role, struct buf *to)
{
	struct net_loop_figures f = net_loop_figures(role->loop);
	role_metric(role, to, "connections_accepted_total", "", f.accepted);
	role_metric(role, to, "connections_refused_total", "", f.refused_limit);
	role_metric(role, to, "connections", "", f.connections);
	role_metric(role, to, "connections_parked", "", f.parked);
	role_metric(role, to, "workers", "", f.workers);
	role_metric(role, to, "workers_busy", "", f.workers_busy);
}

/* {"certificates":[{"chain":"…","key":"…","names":["…"]}]} */
static int take_certificates(struct role *role, const json_t *list, struct err *err)
{
	size_t count = MIN(json_array_size(list), (size_t)CERTIFICATES_MAX);
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct net_tls_certificate *all = ARENA_ARRAY(&arena, struct net_tls_certificate, count);
	for (size_t i = 0; i < count; i++) {
		const json_t *one = json_array_get(list, i), *names = json_object_get(one, "names");
		size_t name_count = MIN(json_array_size(names), (size_t)NAMES_MAX);
		struct slice *copies = ARENA_ARRAY(&arena, struct slice, name_count);
		for (size_t n = 0; n < name_count; n++)
			copies[n] = slice_str(json_string_value(json_array_get(names, n)));
		all[i] = (struct net_tls_certificate){
			.chain_pem = slice_str(json_string_value(json_object_get(one, "chain"))),
			.key_pem = slice_str(json_string_value(json_object_get(one, "key"))),
			.names = copies,
			.name_count = name_count,
		};
	}
	return count ? net_tls_slot_set(role->tls, all, count, err) : 0;
}

struct listening {
	struct role *role;
	struct channel *channel;
};

static void answer_metrics(struct role *role)
{
	AUTO(buf_free) struct buf text = BUF(1 << 20);
	loop_metrics(role, &text);
	role->kind->metrics(role, &text);
	acme_host_metrics(role->acme, &text);
	const char *ailment = role->kind->ailment ? role->kind->ailment(role) : NULL;
	role_tell(role, json_pack("{s:s, s:s?}", "metrics", buf_cstr(&text), "ailment", ailment));
}

static void stop(struct role *role)
{
	atomic_store(&role->stopping, true);
	net_loop_stop(role->loop, STOP_GRACE_MS);
}

static void take_message(struct role *role, const json_t *message)
{
	const json_t *certificates = json_object_get(message, "certificates");
	const json_t *level = json_object_get(message, "log_level");
	struct err err;
	if (certificates && take_certificates(role, certificates, &err) < 0)
		log_error(NULL, "certificates not taken, the old ones stay", F_ERR(&err));
	else if (certificates)
		log_info(
			NULL, "certificates taken", F_UINT("count", json_array_size(certificates)));
	if (level)
		log_set_level((enum log_level)json_integer_value(level));
	if (json_object_get(message, "metrics"))
		answer_metrics(role);
	if (json_object_get(message, "stop"))
		stop(role);
}

/* When the supervisor is gone the role goes too: somebody else will start them all again. */
static void *listen_to_supervisor(void *context)
{
	struct listening *l = context;
	for (;;) {
		bool gone;
		json_t *message = channel_receive(l->channel, true, &gone);
		if (!message && gone)
			break;
		if (message)
			take_message(l->role, message);
		json_decref(message);
	}
	stop(l->role);
	return NULL;
}

static int open_folder(struct role *role, const struct sandbox_user *user, struct err *err)
{
	char spool[600];
	(void)snprintf(role->folder, sizeof(role->folder), "%s/%s", role->settings->data,
		role->kind->name);
	(void)snprintf(spool, sizeof(spool), "%s/spool", role->folder);
	struct sandbox_user nobody = {0};
	if (sandbox_folder(role->settings->data, &nobody, 0755, err) < 0 ||
		sandbox_folder(role->settings->run, &nobody, 0755, err) < 0 ||
		sandbox_folder(role->folder, user, 0700, err) < 0 ||
		sandbox_folder(spool, user, 0700, err) < 0)
		return -1;
	role->folder_fd = open(role->folder, O_DIRECTORY | O_CLOEXEC);
	role->spool_fd = open(spool, O_DIRECTORY | O_CLOEXEC);
	if (role->folder_fd < 0 || role->spool_fd < 0)
		return err_errno(err, errno, "can't open the folder %s", role->folder);
	return 0;
}

static int trust(
	struct net_trusted *set, const struct conf_list *list, const char *option, struct err *err)
{
	for (size_t i = 0; i < list->count; i++)
		if (net_trusted_add(set, slice_str(list->items[i]), err) < 0)
			return err_prefix(err, "%s", option);
	return 0;
}

int role_trust_front_ends(
	struct role *role, const struct conf_list *networks, const char *option, struct err *err)
{
	return trust(role->front_ends, networks, option, err);
}

/* What the kernel lets it do from now on. */
static const char *confine(const struct role *role)
{
	const struct role_kind *kind = role->kind;
	const char *writable[] = {role->folder, role->settings->run,
		role->acme ? acme_host_folder(role->acme) : NULL};
	const uint16_t peers[] = {kind->peer ? kind->peer(role->settings) : 0,
		role->acme ? acme_host_port(role->acme) : 0, role->acme ? DNS_PORT : 0};
	const struct sandbox_network network = {.port = kind->port ? kind->port(role->settings) : 0,
		.peers = peers,
		.peer_count = ARRAY_LEN(peers),
		.connects = kind->connects && kind->connects(role->settings)};
	return sandbox_confine(writable, ARRAY_LEN(writable) - (role->acme ? 0 : 1), &network);
}

static int start(struct role *role, struct channel *channel, struct err *err)
{
	const struct conf_limits *limits = &role->settings->limits;
	struct net_loop_options loop = {
		.max_connections = (unsigned)limits->connections,
		.max_per_address = (unsigned)limits->connections_per_address,
		.workers_max = (unsigned)limits->workers,
	};
	struct sandbox_user user;
	bool gone;
	json_t *first = channel_receive(channel, true, &gone);
	if (!first)
		return err_temporary(err, ERR_UNAVAILABLE, "the supervisor is gone");
	int r = take_certificates(role, json_object_get(first, "certificates"), err);
	json_decref(first);
	if (r < 0 || sandbox_find_user(role->kind->user(role->settings), &user, err) < 0 ||
		open_folder(role, &user, err) < 0 ||
		trust(role->proxy_trusted, &role->settings->proxy_trusted, "proxy_trusted", err) <
			0 ||
		listen_all(role, err) < 0 || role->kind->prepare(role, err) < 0)
		return -1;
	if (acme_host_is_wanted(role) && acme_host_prepare(role, &user, &role->acme, err) < 0)
		return -1;
	if (sandbox_drop(&user, err) < 0)
		return -1;
	const char *confined = confine(role);
	if (net_loop_new(&loop, &role->loop, err) < 0 || role->kind->open(role, err) < 0)
		return -1;
	log_info(NULL, "role ready", F_STR("confined_by", confined), F_UINT("uid", geteuid()));
	return channel_send(channel, json_pack("{s:b}", "ready", 1)) ? 0 : -1;
}

static void close_role(struct role *role)
{
	net_loop_free(role->loop);
	net_tls_slot_free(role->tls);
	net_trusted_free(role->proxy_trusted);
	free(role->proxy_trusted);
	net_trusted_free(role->front_ends);
	free(role->front_ends);
	(void)close(role->folder_fd);
	(void)close(role->spool_fd);
	(void)pthread_mutex_destroy(&role->channel_lock);
	free(role);
}

int role_main(const struct role_kind *kind, const struct conf_settings *settings, int channel_fd)
{
	struct err err = {0};
	struct channel channel;
	struct role *role = ALLOC(struct role);
	sigset_t ours;
	role->kind = kind;
	role->settings = settings;
	role->tls = net_tls_slot_new();
	role->proxy_trusted = ALLOC(struct net_trusted);
	role->front_ends = ALLOC(struct net_trusted);
	(void)mallopt(M_MMAP_THRESHOLD, LARGE_BLOCK);
	log_set_role(kind->name);
	channel_init(&channel, channel_fd);
	role->channel = &channel;
	(void)pthread_mutex_init(&role->channel_lock, NULL);
	/* The supervisor gets the signals of the terminal, and tells us. */
	(void)signal(SIGPIPE, SIG_IGN);
	(void)sigemptyset(&ours);
	(void)sigaddset(&ours, SIGINT);
	(void)sigaddset(&ours, SIGTERM);
	(void)sigaddset(&ours, SIGHUP);
	(void)pthread_sigmask(SIG_BLOCK, &ours, NULL);
	if (start(role, &channel, &err) < 0) {
		log_error(NULL, "role can't start", F_ERR(&err));
		(void)channel_send(&channel, json_pack("{s:s}", "failed", err.text));
		_exit(1); /* what was opened halfway goes with the process */
	}
	struct listening listening = {.role = role, .channel = &channel};
	pthread_t listener;
	int r = pthread_create(&listener, NULL, listen_to_supervisor, &listening) == 0
			? net_loop_run(role->loop, &err)
			: -1;
	if (r < 0)
		log_error(NULL, "role stops", F_ERR(&err));
	if (r == 0) {
		(void)shutdown(channel_fd, SHUT_RD); /* ends the listening thread */
		(void)pthread_join(listener, NULL);
	}
	kind->close(role);
	close_role(role);
	channel_close(&channel);
	log_info(NULL, "role stopped");
	return r < 0;
}
