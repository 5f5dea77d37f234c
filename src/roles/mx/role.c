/* The mx role: takes mail from the world and from users, asks the store's directory who is there,
 * and hands messages on by LMTP, or keeps them in its queue: when a store is away, and when they
 * go to other servers. It has no access to any mailbox. */
#include "roles/role.h"

#include "admin/admin.h"
#include "base/alloc.h"
#include "directory/cached.h"
#include "roles/acme/host.h"
#include "roles/directory/open.h"
#include "roles/directory/service.h"
#include "roles/mirrored.h"
#include "roles/mx/backup.h"
#include "roles/mx/checks.h"
#include "roles/mx/clients.h"
#include "roles/mx/delivery.h"
#include "roles/mx/forward.h"
#include "roles/mx/greylist.h"
#include "roles/mx/limits.h"
#include "roles/mx/milter.h"
#include "roles/mx/queue.h"
#include "roles/mx/recipients.h"
#include "roles/mx/reporting.h"
#include "roles/mx/srs.h"

enum { SIGNATURES_MAX = 256 * 1024, HOUSE_MS = 60 * 1000 };

struct state {
	const char *hostname;
	struct directory *directory;
	struct mx_local local;
	struct mx_queue *queue;
	struct mx_srs srs;
	struct mx_recipients recipients;
	struct mx_dsn report;
	struct mx_delivery delivery;
	struct mx_forward forward;
	struct mx_reporting *reporting;
	struct mx_checks checks;
	struct mx_clients *clients;
	struct mx_backup *backup;
	struct mx_limits limits;
	struct mx_greylist greylist;
	struct mx_milters *milters;
	struct admin admin;
	struct directory_throttle *throttle;
	struct directory_sessions *sessions;
	struct smtp_service exchanger, submission;
	struct directory_authmod_service told; /* by the store of this machine what to forget */
	struct role_directory_service told_remote;
};

static bool is_wanted(const struct conf_settings *settings)
{
	return settings->mx.on;
}

static const char *user(const struct conf_settings *settings)
{
	return settings->mx.user[0] ? settings->mx.user : settings->user;
}

static const struct conf_listens *listens(const struct conf_settings *settings)
{
	return &settings->mx.listen;
}

static uint16_t port(const struct conf_settings *settings)
{
	return mirrored_port(&settings->mx.mirror);
}

static int prepare(struct role *role, struct err *err)
{
	struct state *s = ALLOC(struct state);
	role->state = s;
	if (mx_srs_init(&s->srs, &role->settings->mx.srs, err) < 0)
		return -1;
	if (role_listen_unix(role, role->settings->mx.control_socket, "control", "", err) < 0)
		return -1;
	return role_listen_proxy(role, "submission", err) < 0 ? -1 : role_listen_cluster(role, err);
}

/* Users send as themselves, or as an alias that leads to them. */
static int check_address(const struct state *s, struct smtp_transaction *t, struct err *err)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct directory_route route;
	if (t->user.len == 0 || t->sender.path.address.len == 0)
		return 0;
	int r = directory_lookup(s->directory, t->sender.path.address, &arena, &route, err);
	if (r < 0)
		return -1;
	for (size_t i = 0; r == 0 && i < route.count; i++)
		if (slice_eq(route.users[i].name, t->user))
			return 0;
	(void)err_permanent(err, ERR_DENIED, "This address is not yours");
	return err_status(err, "5.7.1");
}

static int check_sender(void *context, struct smtp_transaction *t, struct err *err)
{
	struct state *s = context;
	return check_address(s, t, err) < 0 ? -1 : mx_limits_message(&s->limits, t, err);
}

static int check_recipient(
	void *context, struct smtp_transaction *t, struct smtp_recipient *r, struct err *err)
{
	struct state *s = context;
	if (mx_limits_recipient(&s->limits, t, err) < 0)
		return -1;
	if (mx_recipients_find(&s->recipients, t, r, t->user.len > 0, err) < 0 ||
		mx_clients_recipient(s->clients, t, err) < 0 ||
		mx_greylist_recipient(&s->greylist, t, r, err) < 0 ||
		(mx_recipient_of(r)->at_primary && mx_backup_verify(s->backup, t, r, err) < 0))
		return -1;
	return mx_milters_recipient(s->milters, t, r, err);
}

static int route_of_milter(
	void *context, struct smtp_transaction *t, struct smtp_recipient *r, struct err *err)
{
	struct state *s = context;
	return mx_recipients_find(&s->recipients, t, r, true, err);
}

/* What users send is signed, in front of the fields that we add: for the domain of the envelope's
 * sender, which is theirs (check_sender()); whom From names, nobody has looked at. */
static int sign(struct state *s, struct smtp_transaction *t, struct err *err)
{
	AUTO(buf_free) struct buf front = BUF(SIGNATURES_MAX);
	struct slice domain = t->sender.path.domain;
	struct filter_message message = filter_message_of(t->message);
	message.added = t->extra;
	if (domain.len == 0) { /* a report of a mail program */
		domain = t->user;
		(void)slice_cut(&domain, '@');
	}
	if (keys_sign(mx_queue_keys(s->queue), domain, &message, &front, err) < 0)
		return -1;
	buf_add_slice(&front, t->extra);
	if (front.failed)
		return err_temporary(err, ERR_LIMIT, "no memory for signatures");
	t->extra = arena_copy(&t->arena, buf_slice(&front));
	return 0;
}

/* What stays here first: it may be refused. Then what goes on. */
static int pass(struct state *s, struct smtp_transaction *t, const struct mx_checked *checked,
	struct slice why, struct err *err)
{
	if (mx_forward_check(&s->forward, t, checked, err) < 0)
		return -1;
	size_t count = mx_forward_set_aside(t);
	int r = t->count == 0 ? 0
		: why.len > 0 ? mx_delivery_keep(&s->delivery, t, why, err)
			      : mx_delivery_run(&s->delivery, t, err);
	mx_forward_rejoin(t, count);
	return r < 0 ? r : mx_forward_queue(&s->forward, t, checked, why, err);
}

static int deliver(void *context, struct smtp_transaction *t, struct err *err)
{
	struct state *s = context;
	AUTO(buf_free) struct buf message = BUF(t->message.len + 1);
	struct mx_checked checked;
	struct mx_milter_wish wish;
	size_t extra = t->extra.len;
	if (mx_clients_message(s->clients, t, err) < 0 ||
		mx_checks_run(&s->checks, t, &message, &checked, err) < 0)
		return -1;
	mx_clients_mark(s->clients, t);
	if (mx_checks_unmark(&s->checks, t, &message, err) < 0 ||
		mx_milters_message(s->milters, t, t->extra.len - extra, &message, &wish, err) < 0)
		return -1;
	if (wish.drop)
		return 0;
	if (t->user.len > 0 && sign(s, t, err) < 0)
		return -1;
	return pass(s, t, &checked, wish.why, err);
}

static void forget(void *context, void *kept)
{
	mx_milters_forget(kept);
}

static const struct smtp_backend backend = {
	.sender = check_sender, .recipient = check_recipient, .deliver = deliver, .forget = forget};

static struct smtp_service service(struct role *role, struct state *s, enum smtp_kind kind)
{
	const struct conf_mx *conf = &role->settings->mx;
	bool submission = kind == SMTP_SUBMISSION;
	return (struct smtp_service){
		.kind = kind,
		.hostname = role->settings->hostname,
		.backend = &backend,
		.context = s,
		.directory = submission ? s->directory : NULL,
		.throttle = s->throttle,
		.sessions = submission ? s->sessions : NULL,
		.spool_dir_fd = role->spool_fd,
		.message_max =
			submission ? conf->submission_max_message_size : conf->max_message_size,
		.recipients_max = (uint32_t)(submission ? conf->submission_recipients_max
							: conf->recipients_max),
		.command_timeout_ms = (unsigned)conf->command_timeout_ms,
		.data_timeout_ms = (unsigned)conf->data_timeout_ms,
		.errors_max = (uint32_t)conf->errors_max,
	};
}

static void open_forward(struct state *s, const struct conf_mx *conf)
{
	s->srs.directory = s->directory;
	s->srs.store = mx_queue_store(s->queue);
	s->recipients = (struct mx_recipients){
		.directory = s->directory, .local = &s->local, .srs = &s->srs, .backup = s->backup};
	mx_queue_report_by(s->queue, &s->recipients);
	s->report = (struct mx_dsn){s->hostname, s->queue};
	s->delivery = (struct mx_delivery){s->queue, &s->local, &s->report};
	s->forward = (struct mx_forward){.directory = s->directory,
		.conf = conf,
		.queue = s->queue,
		.srs = &s->srs,
		.report = &s->report};
}

static bool connects(const struct conf_settings *settings)
{
	return true;
}

static int open_directory(
	const struct conf_mx *conf, struct directory **ret_directory, struct err *err)
{
	const struct role_directory_servers servers = {.servers = &conf->directory,
		.authorities = conf->directory_authorities,
		.secret_file = conf->directory_secret_file,
		.timeout_ms = conf->directory_timeout_ms,
		.block = "mx"};
	return role_directory_open_servers(&servers, ret_directory, err);
}

static int serve(struct role *role, struct state *s, const struct role_listener *l, struct err *err)
{
	const struct role_directory_service_options options = {.directory = s->directory,
		.sessions = s->sessions,
		.trusted = &role->settings->mx.authmod_trusted,
		.secret_file = role->settings->mx.authmod_secret_file,
		.block = "mx"};
	bool own = l->is_unix && l->name;
	if (own && strcmp(l->name, "control") == 0)
		return role_serve(role, l, &admin_protocol, &s->admin, err);
	if (own && strcmp(l->name, "cluster") == 0)
		return role_serve(role, l, &directory_authmod_protocol, &s->told, err);
	if (!own && l->protocol == CONF_AUTHMOD)
		return role_directory_service_serve(&s->told_remote, &options, role, l, err);
	if (own || l->protocol == CONF_SUBMISSION || l->protocol == CONF_SUBMISSIONS)
		return role_serve(role, l, &smtp_submission_protocol, &s->submission, err);
	return role_serve(role, l, &smtp_protocol, &s->exchanger, err);
}

static int serve_all(struct role *role, struct state *s, struct err *err)
{
	for (size_t i = 0; i < role->listener_count; i++)
		if (serve(role, s, &role->listeners[i], err) < 0)
			return -1;
	return 0;
}

static int open_role(struct role *role, struct err *err)
{
	const struct conf_mx *conf = &role->settings->mx;
	struct state *s = role->state;
	struct directory_cached_options cached = {0};
	if (open_directory(conf, &cached.inner, err) < 0)
		return -1;
	s->directory = directory_cached_new(&cached);
	directory_set_scram(s->directory, role_directory_has_scram(role->settings));
	s->hostname = role->settings->hostname;
	if (mx_local_init(&s->local, role, s->directory, err) < 0 ||
		mx_queue_open(role, &s->local, &s->queue, err) < 0 ||
		mx_reporting_new(role, s->queue, s->directory, &s->reporting, err) < 0)
		return -1;
	s->backup = mx_backup_new(role, mx_queue_outbound(s->queue));
	open_forward(s, conf);
	mx_queue_report_to(s->queue, mx_reporting_of(s->reporting));
	s->admin = (struct admin){.queue = mx_queue_of(s->queue),
		.acme = acme_host_plans(role->acme),
		.keys = mx_queue_keys(s->queue),
		.reports = mx_reporting_of(s->reporting),
		.mirror = mx_queue_mirror(s->queue),
		.hostname = s->hostname};
	if (role_trust_front_ends(role, &conf->xclient.from, "mx.xclient.from", err) < 0 ||
		mx_checks_init(&s->checks, role, mx_queue_dns(s->queue), err) < 0 ||
		mx_clients_new(role, mx_queue_dns(s->queue), &s->checks.trusted, &s->clients, err) <
			0 ||
		mx_milters_new(role, mx_queue_dns(s->queue), route_of_milter, s, &s->milters, err) <
			0)
		return -1;
	s->checks.reports = mx_reporting_of(s->reporting);
	s->greylist = (struct mx_greylist){.conf = &conf->greylist,
		.store = mx_queue_store(s->queue),
		.dns = mx_queue_dns(s->queue),
		.hostname = s->hostname};
	net_loop_every(role->loop, HOUSE_MS, mx_greylist_keep_house, &s->greylist);
	mx_limits_init(&s->limits, role, &s->checks.trusted);
	if (mx_queue_start(s->queue, err) < 0)
		return -1;
	mx_reporting_start(s->reporting);
	if (acme_host_open(role->acme, mx_queue_store(s->queue), mx_queue_mirror(s->queue),
		    mx_queue_dns(s->queue), err) < 0)
		return -1;
	s->throttle = role_throttle_new(role);
	s->sessions = directory_sessions_new();
	s->exchanger = service(role, s, SMTP_EXCHANGER);
	s->submission = service(role, s, SMTP_SUBMISSION);
	s->told = (struct directory_authmod_service){
		.directory = s->directory, .sessions = s->sessions, .trusted = true};
	return serve_all(role, s, err);
}

static void service_metrics(
	struct role *role, struct buf *to, const char *protocol, const struct smtp_figures *f)
{
	char label[64];
	(void)snprintf(label, sizeof(label), "protocol=\"%s\"", protocol);
	role_metric(role, to, "sessions_total", label, f->connections);
	role_metric(role, to, "messages_accepted_total", label, f->accepted);
	role_metric(role, to, "messages_refused_total", label, f->refused);
	role_metric(role, to, "recipients_refused_total", label, f->recipients_refused);
	role_login_metrics(role, to, protocol, f->logins, f->logins_failed);
}

static void queue_metrics(struct role *role, struct state *s, struct buf *to)
{
	struct queue_figures f = queue_figures(mx_queue_of(s->queue));
	role_metric(role, to, "queue_entries", "", f.entries);
	role_metric(role, to, "queue_held", "", f.held);
	role_metric(role, to, "queue_destinations", "", f.destinations);
	role_metric(role, to, "queue_destinations_unreachable", "", f.unreachable);
	role_metric(role, to, "queue_connections", "", f.connections);
	role_metric(role, to, "queue_added_total", "", f.added);
	role_metric(role, to, "queue_delivered_total", "", f.delivered);
	role_metric(role, to, "queue_delayed_total", "", f.delayed);
	role_metric(role, to, "queue_failed_total", "", f.failed);
	role_metric(role, to, "queue_answers_lost_total", "", f.lost);
	role_metric(
		role, to, "directory_remembered_total", "", directory_cached_used(s->directory));
}

static void local_metrics(struct role *role, struct state *s, struct buf *to)
{
	role_metric(role, to, "backends", "", smtp_places_count(s->local.places));
}

static void check_metrics(struct role *role, struct state *s, struct buf *to)
{
	const struct mx_checks *c = &s->checks;
	role_metric(role, to, "checks_total", "", c->checked);
	role_metric(role, to, "checks_refused_total", "", c->refused);
	role_metric(role, to, "checks_failed_total", "method=\"spf\"", c->spf_failed);
	role_metric(role, to, "checks_failed_total", "method=\"dkim\"", c->dkim_failed);
	role_metric(role, to, "checks_failed_total", "method=\"dmarc\"", c->dmarc_failed);
}

static void metrics(struct role *role, struct buf *to)
{
	struct state *s = role->state;
	service_metrics(role, to, "smtp", &s->exchanger.figures);
	service_metrics(role, to, "submission", &s->submission.figures);
	queue_metrics(role, s, to);
	local_metrics(role, s, to);
	check_metrics(role, s, to);
	mx_forward_metrics(&s->forward, role, to);
	role_metric(
		role, to, "srs_recipients_total", "result=\"led_back\"", s->recipients.led_back);
	role_metric(
		role, to, "srs_recipients_total", "result=\"refused\"", s->recipients.not_led_back);
	mx_greylist_metrics(&s->greylist, role, to);
	mx_limits_metrics(&s->limits, role, to);
	mx_reporting_metrics(s->reporting, role, to);
	mx_clients_metrics(s->clients, role, to);
	mx_backup_metrics(s->backup, role, to);
	mx_milters_metrics(s->milters, role, to);
	mirrored_metrics(role, mx_queue_mirror(s->queue), to);
}

static const char *ailment(struct role *role)
{
	const struct state *s = role->state;
	return mirror_node_ailment(mx_queue_mirror(s->queue));
}

static void close_role(struct role *role)
{
	struct state *s = role->state;
	acme_host_close(role->acme);
	mx_milters_free(s->milters);
	mx_clients_free(s->clients);
	mx_backup_free(s->backup);
	mx_limits_deinit(&s->limits);
	mx_checks_deinit(&s->checks);
	mx_reporting_free(s->reporting);
	mx_queue_close(s->queue);
	mx_local_deinit(&s->local);
	mx_srs_deinit(&s->srs);
	directory_throttle_free(s->throttle);
	directory_sessions_free(s->sessions);
	role_directory_service_deinit(&s->told_remote);
	directory_free(s->directory);
	free(s);
}

const struct role_kind role_mx = {
	.name = "mx",
	.is_wanted = is_wanted,
	.user = user,
	.listens = listens,
	.port = port,
	.connects = connects,
	.prepare = prepare,
	.open = open_role,
	.metrics = metrics,
	.ailment = ailment,
	.close = close_role,
};
