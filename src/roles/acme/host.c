/* The life of it: what is opened when, and who is answered. */
#include "roles/acme/host_internal.h"

#include "acme/alpn.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/errno_here.h"
#include "base/log.h"
#include "net/session.h"
#include "roles/fetch.h"
#include "roles/resolver.h"

#include <fcntl.h>
#include <unistd.h>

enum {
	LOOK_MS = 250,
	FILES_RETRY_MS = 60 * 1000,
	BACKLOG = 128,
	AUTHORITIES_MAX = 1 << 20,
	PEM_MAX = 4096,
	HTTPS_PORT = 443,
};

bool acme_host_is_wanted(const struct role *role)
{
	const struct conf_settings *s = role->settings;
	return s->tls.acme.on && role->kind == (s->mx.on ? &role_mx : &role_store);
}

static int read_authorities(const char *path, struct buf *to, struct err *err)
{
	ssize_t n = 1;
	if (path[0] == '\0')
		return 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_errno(err, errno, "tls.acme.authorities: can't read %s", path);
	while (n > 0) {
		char *room = buf_reserve(to, 4096);
		n = room ? read(fd, room, 4096) : 0;
		to->len += n > 0 ? (size_t)n : 0;
	}
	(void)close(fd);
	if (to->failed || slice_search(buf_slice(to), SLICE("-----BEGIN CERTIFICATE-----")) < 0)
		return err_permanent(err, ERR_BAD_INPUT,
			"tls.acme.authorities: %s holds no certificates as PEM", path);
	return 0;
}

static int listen_there(struct acme_host *host, struct err *err)
{
	const char *at = host->conf->challenge == CONF_ACME_HTTP ? host->conf->http_listen
								 : host->conf->tls_listen;
	struct net_address address;
	if (net_address_parse(slice_str(at), &address, err) < 0 ||
		net_address_listen(&address, BACKLOG, 0, &host->fd, err) < 0)
		return err_prefix(err, "tls.acme %s", at);
	return 0;
}

int acme_host_prepare(struct role *role, const struct sandbox_user *user,
	struct acme_host **ret_host, struct err *err)
{
	struct acme_host *host = ALLOC(struct acme_host);
	*ret_host = host;
	fetch_begin();
	host->role = role;
	host->conf = &role->settings->tls.acme;
	host->fd = -1;
	host->authorities = BUF(AUTHORITIES_MAX);
	host->plans.count = acme_plans_of(host->conf, &host->arena, &host->plans.list);
	acme_folder(role->settings, host->folder);
	if (read_authorities(host->conf->authorities, &host->authorities, err) < 0 ||
		sandbox_folder(host->folder, user, 0750, err) < 0)
		return -1;
	return listen_there(host, err);
}

const char *acme_host_folder(const struct acme_host *host)
{
	return host->folder;
}

uint16_t acme_host_port(const struct acme_host *host)
{
	struct slice rest = slice_from(slice_str(host->conf->directory), sizeof("https://") - 1);
	struct slice authority = slice_cut(&rest, '/');
	ssize_t bracket = slice_find(authority, ']');
	uint64_t port;
	if (bracket >= 0)
		authority = slice_from(authority, (size_t)bracket + 1);
	(void)slice_cut(&authority, ':');
	return slice_to_u64(authority, UINT16_MAX, &port) ? (uint16_t)port : HTTPS_PORT;
}

static int find_answer(struct acme_host *host, const char *prefix, struct slice name,
	struct arena *arena, struct slice *ret_key_authorization)
{
	struct acme_answer_row row;
	struct slice data;
	struct err err;
	int r = acme_find(host->store, prefix, name, arena, &data, &err);
	if (r < 0)
		log_warn(NULL, "a challenge can't be answered", F_ERR(&err));
	if (r != 0 || !acme_answer_row_read(data, &row))
		return -1;
	*ret_key_authorization = row.key_authorization;
	return 0;
}

static bool find_token(void *context, struct slice token, struct buf *to)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct slice text;
	if (find_answer(context, ACME_HTTP, token, &arena, &text) < 0)
		return false;
	buf_add_slice(to, text);
	log_info(NULL, "a challenge was answered", F_STR("challenge", "http-01"));
	return !to->failed;
}

static int find_certificate(void *context, const char *name, char **ret_chain, char **ret_key)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	AUTO(buf_free) struct buf chain = BUF(PEM_MAX), key = BUF(PEM_MAX);
	struct slice text;
	struct err err;
	if (find_answer(context, ACME_ALPN, slice_str(name), &arena, &text) < 0)
		return -1;
	if (acme_alpn_certificate(name, text, &chain, &key, &err) < 0) {
		log_warn(NULL, "a challenge can't be answered", F_ERR(&err));
		return -1;
	}
	*ret_chain = buf_steal(&chain, NULL);
	*ret_key = buf_steal(&key, NULL);
	log_info(NULL, "a challenge was answered", F_STR("challenge", "tls-alpn-01"),
		F_STR("name", name));
	return 0;
}

/* All was said in the handshake. */
static enum net_next end_at_once(struct net_session *session)
{
	return NET_CLOSE;
}

static enum net_next end_now(struct net_session *session, unsigned events)
{
	return NET_CLOSE;
}

static void nothing_is_left(struct net_session *session)
{
}

static const struct net_protocol alpn_protocol = {.name = "acme-tls",
	.session_size = 1,
	.open = end_at_once,
	.run = end_now,
	.close = nothing_is_left,
	.input_max = 4096,
	.timeout_ms = 1000};

static int serve(struct acme_host *host, struct err *err)
{
	const struct acme_page_options page = {.fd = host->fd,
		.find = find_token,
		.context = host,
		.redirect = host->conf->redirect};
	const struct net_listener_options listener = {.fd = host->fd,
		.protocol = &alpn_protocol,
		.service = host,
		.tls = host->role->tls,
		.tls_at_once = true};
	host->fd = -1;
	return host->conf->challenge == CONF_ACME_HTTP
		       ? acme_page_start(&page, &host->page, err)
		       : net_loop_listen(host->role->loop, &listener, err);
}

static void woken(void *context, struct id account)
{
	struct acme_host *host = context;
	atomic_store(&host->changed, true);
}

static void look(void *context)
{
	struct acme_host *host = context;
	struct err err;
	if (atomic_load(&host->role->stopping))
		return;
	bool changed = atomic_exchange(&host->changed, false);
	if (changed)
		host->files_due_ms = 0;
	if (clock_mono_ms() >= host->files_due_ms) {
		host->files_due_ms = INT64_MAX;
		if (acme_files_write(host, &err) < 0) {
			log_error(NULL, "certificates can't be given to other roles", F_ERR(&err));
			host->files_due_ms = clock_mono_ms() + FILES_RETRY_MS;
		}
	}
	acme_worker_run(host->worker, changed);
}

int acme_host_open(struct acme_host *host, struct store *store, struct mirror_node *mirror,
	struct dns *dns, struct err *err)
{
	struct err why;
	if (!host)
		return 0;
	host->store = host->plans.store = store;
	host->mirror = mirror;
	host->dns = dns;
	if (!dns && resolver_open(&host->role->settings->dns, &host->own_dns, &why) == 0)
		host->dns = host->own_dns;
	else if (!dns)
		log_error(NULL, "the authority's name can't be looked up", F_ERR(&why));
	const struct net_tls_challenges challenges = {.find = find_certificate, .context = host};
	net_tls_slot_answer(host->role->tls, &challenges);
	host->watch = store_watch(store, STORE_SYSTEM_ACCOUNT, woken, host);
	host->worker = acme_worker_new(host);
	net_loop_every(host->role->loop, LOOK_MS, look, host);
	return serve(host, err);
}

const struct acme_plans *acme_host_plans(const struct acme_host *host)
{
	return host ? &host->plans : NULL;
}

static void metrics_of(struct acme_host *host, const struct acme_plan *plan, struct buf *to)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct acme_row row;
	struct acme_leaf leaf = {0};
	struct err err;
	char label[300];
	if (acme_worker_load(host, plan, &arena, &row, &err) < 0)
		return;
	(void)snprintf(label, sizeof(label), "name=\"%s\"", plan->name);
	if (row.chain.len > 0)
		(void)!acme_leaf_read(row.chain, &leaf, &err);
	int64_t left = MAX(leaf.not_after - clock_wall(), (int64_t)0);
	role_metric(host->role, to, "certificate_days_left", label, (uint64_t)left / 86400);
	role_metric(host->role, to, "certificate_failures", label, row.failures);
}

void acme_host_metrics(struct acme_host *host, struct buf *to)
{
	if (!host)
		return;
	for (size_t i = 0; i < host->plans.count; i++)
		metrics_of(host, &host->plans.list[i], to);
	role_metric(host->role, to, "acme_certificates_total", "", atomic_load(&host->had));
	role_metric(host->role, to, "acme_failures_total", "", atomic_load(&host->failed));
}

void acme_host_close(struct acme_host *host)
{
	if (!host)
		return;
	acme_page_stop(host->page);
	if (host->watch)
		store_unwatch(host->store, host->watch);
	acme_worker_free(host->worker);
	dns_free(host->own_dns);
	if (host->fd >= 0)
		(void)close(host->fd);
	buf_free(&host->authorities);
	arena_free(&host->arena);
	free(host);
}
