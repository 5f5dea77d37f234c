/* The proxy role: looks users up and passes their connections on to the back ends where they live.
 * It keeps nothing: no mailbox, no queue, no store. */
#include "roles/role.h"

#include "admin/admin.h"
#include "base/alloc.h"
#include "base/log.h"
#include "directory/timed.h"
#include "proxy/http.h"
#include "proxy/imap.h"
#include "proxy/pop3.h"
#include "proxy/sieve.h"
#include "proxy/submission.h"
#include "roles/cluster.h"
#include "roles/directory/open.h"
#include "roles/directory/service.h"
#include "roles/proxy/hear.h"
#include "roles/proxy/mail.h"
#include "roles/secret_file.h"

#include <openssl/crypto.h>

struct state {
	struct proxy proxy;
	struct proxy_mail mail;
	char *master_secret;                   /* NULL: none */
	struct directory_authmod_service told; /* by the store of this machine whom to kick */
	struct role_directory_service told_remote;
	struct role_cluster *cluster;
	struct admin admin;
	struct proxy_hear hear;
};

static bool is_wanted(const struct conf_settings *settings)
{
	return settings->proxy.on;
}

static const char *user(const struct conf_settings *settings)
{
	return settings->proxy.user[0] ? settings->proxy.user : settings->user;
}

static const struct conf_listens *listens(const struct conf_settings *settings)
{
	return &settings->proxy.listen;
}

static bool connects(const struct conf_settings *settings)
{
	return true;
}

static int prepare(struct role *role, struct err *err)
{
	role->state = ALLOC(struct state);
	if (role_listen_cluster(role, err) < 0)
		return -1;
	return role_listen_unix(role, role->settings->proxy.control_socket, "control", "", err);
}

/* Servers that our own option names, or what the block directory has. */
static int open_directory(
	const struct conf_settings *settings, struct directory **ret_directory, struct err *err)
{
	const struct conf_proxy *conf = &settings->proxy;
	const struct role_directory_servers servers = {
		.servers = &conf->directory,
		.authorities = conf->directory_authorities,
		.secret_file = conf->directory_secret_file,
		.timeout_ms = conf->directory_timeout_ms,
		.block = "proxy",
	};
	struct directory_timed_options timed = {
		.positive_ms = (int64_t)settings->directory.cache_positive_ms,
		.negative_ms = (int64_t)settings->directory.cache_negative_ms,
		.entries_max = settings->directory.cache_entries,
	};
	if (conf->directory.count == 0)
		return role_directory_open(settings, ret_directory, err);
	if (role_directory_open_servers(&servers, &timed.inner, err) < 0)
		return -1;
	*ret_directory = directory_timed_new(&timed);
	directory_set_scram(*ret_directory, role_directory_has_scram(settings));
	return 0;
}

/* Who logs in for others, and his password. */
static int open_master(struct state *s, const struct conf_proxy *conf, struct err *err)
{
	if (conf->login != CONF_PROXY_LOGIN_MASTER)
		return 0;
	if (!conf->master_user[0] || !conf->master_secret_file[0])
		return err_permanent(err, ERR_BAD_INPUT,
			"proxy.login master needs master_user and master_secret_file");
	if (secret_file_read(conf->master_secret_file, &s->master_secret, err) < 0)
		return err_prefix(err, "proxy.master_secret_file");
	s->proxy.master_secret = slice_str(s->master_secret);
	return 0;
}

static int serve_authmod(
	struct role *role, struct state *s, const struct role_listener *l, struct err *err)
{
	const struct conf_proxy *conf = &role->settings->proxy;
	const struct role_directory_service_options options = {.directory = s->proxy.directory,
		.sessions = s->proxy.sessions,
		.trusted = &conf->authmod_trusted,
		.secret_file = conf->authmod_secret_file,
		.block = "proxy"};
	return role_directory_service_serve(&s->told_remote, &options, role, l, err);
}

static int serve(struct role *role, struct state *s, const struct role_listener *l, struct err *err)
{
	if (l->is_unix && l->name && strcmp(l->name, "cluster") == 0)
		return role_serve(role, l, &directory_authmod_protocol, &s->told, err);
	if (l->is_unix && l->name && strcmp(l->name, "control") == 0)
		return role_serve(role, l, &admin_protocol, &s->admin, err);
	switch (l->protocol) {
	case CONF_HTTP:
	case CONF_HTTPS:
		return role_serve(role, l, &proxy_http_protocol, &s->proxy, err);
	case CONF_AUTHMOD:
		return serve_authmod(role, s, l, err);
	case CONF_IMAP:
	case CONF_IMAPS:
		return role_serve(role, l, &proxy_imap_protocol, &s->proxy, err);
	case CONF_SMTP:
	case CONF_LMTP:
		return proxy_mail_serve(&s->mail, role, l, err);
	case CONF_POP3:
	case CONF_POP3S:
		return role_serve(role, l, &proxy_pop3_protocol, &s->proxy, err);
	case CONF_SUBMISSION:
	case CONF_SUBMISSIONS:
		return role_serve(role, l, &proxy_submission_protocol, &s->proxy, err);
	case CONF_MANAGESIEVE:
		return role_serve(role, l, &proxy_sieve_protocol, &s->proxy, err);
	default:
		return err_permanent(err, ERR_BAD_INPUT, "the proxy role can't serve %s yet",
			conf_protocol_name(l->protocol));
	}
}

static int open_role(struct role *role, struct err *err)
{
	const struct conf_proxy *conf = &role->settings->proxy;
	struct state *s = role->state;
	struct proxy *proxy = &s->proxy;
	proxy->settings = role->settings;
	proxy->sessions = directory_sessions_new();
	if (open_directory(role->settings, &proxy->directory, err) < 0 ||
		role_trust_front_ends(role, &conf->front_ends, "proxy.front_ends", err) < 0 ||
		open_master(s, conf, err) < 0 ||
		proxy_backends_new(role->settings, &proxy->backends, err) < 0)
		return -1;
	if (conf->default_host[0] &&
		!proxy_places_parse(slice_str(conf->default_host), &proxy->default_host))
		return err_permanent(err, ERR_BAD_INPUT, "proxy.default_host is no list of hosts");
	proxy->throttle = role_throttle_new(role);
	proxy_mail_init(&s->mail, role, proxy);
	s->told = (struct directory_authmod_service){
		.directory = proxy->directory, .sessions = proxy->sessions, .trusted = true};
	if (role_cluster_new(role, &s->cluster, err) < 0)
		return -1;
	s->admin = (struct admin){.directory = proxy->directory,
		.sessions = proxy->sessions,
		.cluster = role_cluster_admin(s->cluster),
		.hostname = role->settings->hostname};
	for (size_t i = 0; i < role->listener_count; i++)
		if (serve(role, s, &role->listeners[i], err) < 0)
			return -1;
	proxy_hear_start(&s->hear, role, proxy);
	return 0;
}

static void metrics(struct role *role, struct buf *to)
{
	struct state *s = role->state;
	struct proxy_backends_figures f = proxy_backends_figures(s->proxy.backends);
	for (unsigned p = 0; p < PROXY_PROTOCOLS; p++) {
		const struct proxy_figures *of = &s->proxy.figures[p];
		const char *name = proxy_protocol_name((enum proxy_protocol)p);
		char label[64];
		(void)snprintf(label, sizeof(label), "protocol=\"%s\"", name);
		role_login_metrics(role, to, name, of->logins, of->refused);
		role_metric(role, to, "logins_put_off_total", label, of->put_off);
		role_metric(role, to, "proxied_connections", label, of->joined);
	}
	proxy_mail_metrics(&s->mail, role, to);
	role_metric(role, to, "backends", "", f.known);
	role_metric(role, to, "backends_down", "", f.down);
	role_metric(role, to, "backend_connections_total", "", f.connected);
	role_metric(role, to, "backend_failures_total", "", f.failed);
	role_metric(role, to, "proxied_bytes_total", "to=\"backend\"", s->proxy.bytes.to_server);
	role_metric(role, to, "proxied_bytes_total", "to=\"client\"", s->proxy.bytes.to_client);
	role_metric(role, to, "directory_lookups_total", "", s->proxy.lookups);
	role_metric(role, to, "http_requests_total", "", s->proxy.http_requests);
	role_metric(role, to, "directory_remembered_hits_total", "",
		directory_timed_hits(s->proxy.directory));
	role_metric(role, to, "directory_remembered", "", directory_timed_kept(s->proxy.directory));
}

static void close_role(struct role *role)
{
	struct state *s = role->state;
	role_cluster_free(s->cluster);
	proxy_backends_free(s->proxy.backends);
	directory_throttle_free(s->proxy.throttle);
	role_directory_service_deinit(&s->told_remote);
	directory_free(s->proxy.directory);
	directory_sessions_free(s->proxy.sessions);
	if (s->master_secret)
		OPENSSL_cleanse(s->master_secret, strlen(s->master_secret));
	free(s->master_secret);
	free(s);
}

const struct role_kind role_proxy = {
	.name = "proxy",
	.is_wanted = is_wanted,
	.user = user,
	.listens = listens,
	.connects = connects,
	.prepare = prepare,
	.open = open_role,
	.metrics = metrics,
	.close = close_role,
};
