/* The store role: mailboxes and the directory; IMAP, POP3, LMTP, the authmod service for mx, and
 * the control socket for the command line. */
#include "roles/role.h"

#include "admin/admin.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/wait.h"
#include "directory/admin.h"
#include "directory/authmod.h"
#include "directory/masters.h"
#include "imap/imap.h"
#include "mail/quota.h"
#include "pop3/pop3.h"
#include "roles/acme/host.h"
#include "roles/cluster.h"
#include "roles/directory/launcher.h"
#include "roles/directory/open.h"
#include "roles/directory/open_authmod.h"
#include "roles/directory/service.h"
#include "roles/floors.h"
#include "roles/store/common_options.h"
#include "roles/store/delivery.h"
#include "roles/store/homes.h"
#include "roles/store/learner.h"
#include "roles/store/move.h"
#include "roles/mirrored.h"
#include "roles/sandbox.h"
#include "roles/secret_file.h"

enum {
	HOUSEKEEPING_LOOK_MS = 1000,   /* so the first time is just after the start */
	LOCAL_RECIPIENTS_MAX = 100000, /* as many as mx may be told to take */
	STORE_PATIENCE_MS = 10 * 1000, /* for a command that works without a server */
	STORE_LOOK_MS = 20,
};

struct state {
	struct role *role;
	struct directory *masters; /* around that of `floors`; NULL: there are none */
	struct mirrored_house house;
	struct learner learner;
	struct store_common common;
	struct floors floors;
	struct pop3_locks *locks;
	struct directory_throttle *throttle;
	struct directory_sessions *sessions;
	struct role_cluster *cluster;
	struct imap_service imap;
	struct pop3_service pop3;
	struct smtp_service lmtp, lmtp_local;
	struct delivery delivery;
	struct directory_authmod_service authmod;
	struct role_directory_service authmod_remote; /* zero: nobody listens */
	struct store_move move;
	pid_t launcher; /* 0: none */
	struct admin admin;
};

static bool is_wanted(const struct conf_settings *settings)
{
	return settings->store.on;
}

static const char *user(const struct conf_settings *settings)
{
	return settings->store.user[0] ? settings->store.user : settings->user;
}

static const struct conf_listens *listens(const struct conf_settings *settings)
{
	return &settings->store.listen;
}

static uint16_t port(const struct conf_settings *settings)
{
	return mirrored_port(&settings->store.mirror);
}

static bool connects(const struct conf_settings *settings)
{
	return role_directory_is_elsewhere(settings) || settings->cluster.nodes.count > 0 ||
	       settings->store.move_secret_file[0];
}

static uint16_t peer(const struct conf_settings *settings)
{
	return settings->store.learn.on ? learner_port(&settings->store.learn) : 0;
}

/* mx may be another user: its two sockets belong to him, and open to nobody else, since who asks
 * there gets SCRAM keys and is believed. So do the proxy's. The control socket is the operator's.
 */
static int prepare(struct role *role, struct err *err)
{
	const struct conf_settings *settings = role->settings;
	struct state *s = ALLOC(struct state);
	struct sandbox_user self;
	role->state = s;
	s->role = role;
	if (sandbox_find_user(user(settings), &self, err) < 0 ||
		floors_adopt(role->folder, &self, err) < 0 ||
		role_directory_authmod_prepare(settings, &self, &s->launcher, err) < 0)
		return -1;
	const char *peer = settings->mx.on ? role_mx.user(settings) : "";
	if (role_listen_unix(role, settings->control_socket, "control", "", err) < 0 ||
		role_listen_front_ends(role, settings->store.lmtp_socket, "lmtp", peer, err) < 0 ||
		role_listen_unix(role, settings->store.authmod_socket, "authmod", peer, err) < 0)
		return -1;
	if (role_listen_proxy(role, "imap", err) < 0 || role_listen_proxy(role, "pop3", err) < 0 ||
		role_listen_proxy(role, "lmtp", err) < 0 ||
		role_listen_proxy(role, "authmod", err) < 0)
		return -1;
	return 0;
}

static struct smtp_service lmtp_service(struct role *role, struct state *s, bool local)
{
	return (struct smtp_service){
		.kind = SMTP_LMTP,
		.hostname = role->settings->hostname,
		.backend = &delivery_backend,
		.context = &s->delivery,
		.spool_dir_fd = role->spool_fd,
		.message_max = role->settings->store.append_limit,
		.recipients_max = local ? LOCAL_RECIPIENTS_MAX : 0,
		.command_timeout_ms = (unsigned)role->settings->store.lmtp_idle_timeout_ms,
	};
}

/* The directory as the services ask it. */
static struct directory *directory_of(const struct state *s)
{
	return s->masters ? s->masters : s->floors.directory;
}

static int read_masters(struct state *s, const char *path, struct err *err)
{
	AUTO(secret_file_free) char *text = NULL;
	if (!path[0])
		return 0;
	if (secret_file_read_all(path, DIRECTORY_MASTERS_TEXT_MAX, &text, err) < 0)
		return err_prefix(err, "store.masters_file");
	int r = directory_masters_new(s->floors.directory, slice_str(text), &s->masters, err);
	return r < 0 ? err_prefix(err, "store.masters_file %s", path) : 0;
}

static void make_services(struct role *role, struct state *s)
{
	const struct conf_settings *settings = role->settings;
	s->delivery.mail = s->floors.mail;
	s->delivery.directory = s->move.barred;
	s->delivery.junk_header = settings->store.junk_header;
	s->delivery.elsewhere = role_directory_is_elsewhere(settings);
	s->lmtp = lmtp_service(role, s, false);
	s->lmtp_local = lmtp_service(role, s, true);
	s->imap = (struct imap_service){
		.mail = s->floors.mail,
		.directory = s->move.barred,
		.throttle = s->throttle,
		.sessions = s->sessions,
		.hostname = settings->hostname,
		.spool_dir_fd = role->spool_fd,
		.login_timeout_ms = (unsigned)settings->store.login_timeout_ms,
		.idle_timeout_ms = (unsigned)settings->store.imap_idle_timeout_ms,
	};
	s->pop3 = (struct pop3_service){
		.mail = s->floors.mail,
		.directory = s->move.barred,
		.locks = s->locks,
		.throttle = s->throttle,
		.sessions = s->sessions,
		.hostname = settings->hostname,
		.idle_timeout_ms = (unsigned)settings->store.pop3_idle_timeout_ms,
	};
	s->authmod =
		(struct directory_authmod_service){.directory = directory_of(s), .trusted = true};
	s->admin = (struct admin){.store = s->floors.store,
		.acme = acme_host_plans(role->acme),
		.mail = s->floors.mail,
		.directory = s->floors.directory,
		.sessions = s->sessions,
		.cluster = role_cluster_admin(s->cluster),
		.moves = s->move.node,
		.mirror = s->floors.mirror};
}

static int serve_unix(
	struct role *role, struct state *s, const struct role_listener *l, struct err *err)
{
	if (strcmp(l->name, "imap") == 0)
		return role_serve(role, l, &imap_protocol, &s->imap, err);
	if (strcmp(l->name, "pop3") == 0)
		return role_serve(role, l, &pop3_protocol, &s->pop3, err);
	if (strcmp(l->name, "lmtp") == 0)
		return role_serve(role, l, &smtp_lmtp_protocol, &s->lmtp_local, err);
	if (strcmp(l->name, "authmod") == 0)
		return role_serve(role, l, &directory_authmod_protocol, &s->authmod, err);
	return role_serve(role, l, &admin_protocol, &s->admin, err);
}

/* To other nodes. */
static int serve_authmod(
	struct role *role, struct state *s, const struct role_listener *l, struct err *err)
{
	const struct role_directory_service_options options = {.directory = directory_of(s),
		.sessions = s->sessions,
		.trusted = &role->settings->store.authmod_trusted,
		.secret_file = role->settings->store.authmod_secret_file,
		.block = "store"};
	return role_directory_service_serve(&s->authmod_remote, &options, role, l, err);
}

static int serve_move(
	struct role *role, struct state *s, const struct role_listener *l, struct err *err)
{
	return store_move_serve(role->settings, &s->move, err) < 0
		       ? -1
		       : role_serve(role, l, &move_protocol, &s->move.service, err);
}

static int serve(struct role *role, struct state *s, const struct role_listener *l, struct err *err)
{
	if (l->is_unix && l->name)
		return serve_unix(role, s, l, err);
	switch (l->protocol) {
	case CONF_IMAP:
	case CONF_IMAPS:
		return role_serve(role, l, &imap_protocol, &s->imap, err);
	case CONF_POP3:
	case CONF_POP3S:
		return role_serve(role, l, &pop3_protocol, &s->pop3, err);
	case CONF_LMTP:
		return role_serve(role, l, &smtp_lmtp_protocol, &s->lmtp, err);
	case CONF_AUTHMOD:
		return serve_authmod(role, s, l, err);
	case CONF_MOVE:
		return serve_move(role, s, l, err);
	default:
		return err_permanent(err, ERR_BAD_INPUT, "the store role can't serve %s yet",
			conf_protocol_name(l->protocol));
	}
}

/* Accounts of domains that have a limit are counted together, from the start on. */
struct joining {
	struct mail *mail;
	struct move_marks *marks; /* who lives elsewhere counts there */
	struct err *err;
	int result;
};

/* Who can't be read does not keep others from being served. */
static int unless_damaged(int r, const struct err *err)
{
	if (r >= 0 || err->kind != ERR_DAMAGED)
		return r;
	log_error(NULL, "what domains hold is not known whole until the next start", F_ERR(err));
	return 0;
}

static bool join(void *context, const struct directory_user *u)
{
	struct joining *j = context;
	if (!id_is_none(u->domain_id) && !move_marks_is_barred(j->marks, u->account))
		j->result = unless_damaged(
			mail_domain_join(j->mail, u->account, u->domain_id, j->err), j->err);
	return j->result == 0;
}

static int join_all(struct state *s, struct err *err)
{
	struct joining joining = {.mail = s->floors.mail, .marks = s->move.marks, .err = err};
	if (role_directory_is_elsewhere(s->role->settings)) /* which has no limits of domains */
		return 0;
	int r = directory_user_scan(s->floors.directory, SLICE(""), SLICE(""), join, &joining, err);
	return r < 0 ? unless_damaged(r, err) : joining.result;
}

/* Without the launcher nobody can log in: with a new role there is a new one. */
static void watch_launcher(void *context)
{
	struct state *s = context;
	if (s->launcher == 0 || launcher_lives(s->launcher))
		return;
	s->launcher = 0;
	log_error(NULL, "the launcher of the directory's program is gone; the role starts again");
	net_loop_stop(s->role->loop, 0);
}

static void keep_house(void *context)
{
	mirrored_keep_house(&((struct state *)context)->house);
}

/* A command may have opened the store just before the server came, and ends soon. */
static int open_floors(const struct role *role, struct floors *ret_floors, struct err *err)
{
	int64_t deadline = clock_mono_ms() + STORE_PATIENCE_MS;
	for (bool told = false;; told = true) {
		int r = floors_open(role->settings, role->folder, ret_floors, err);
		if (r == 0 || err->kind != ERR_IN_USE || clock_mono_ms() >= deadline)
			return r;
		if (!told)
			log_info(NULL, "waiting for the store", F_ERR(err));
		wait_pause(clock_mono_ms() + STORE_LOOK_MS);
	}
}

static bool is_barred(void *context, struct id account)
{
	return move_marks_is_barred(context, account);
}

static int open_moves(struct role *role, struct state *s, struct err *err)
{
	const struct move_options options = {
		.store = s->floors.store,
		.directory = s->floors.directory,
		.internal = !role_directory_is_elsewhere(role->settings),
		.sessions = s->sessions,
		.folder = role->folder,
		.stopping = &role->stopping,
	};
	if (store_move_open(
		    role->settings, &options, directory_of(s), s->floors.mail, &s->move, err) < 0)
		return -1;
	directory_sessions_bar(s->sessions, is_barred, s->move.marks);
	store_homes_leave(s->floors.directory, is_barred, s->move.marks);
	return 0;
}

static int open_role(struct role *role, struct err *err)
{
	struct state *s = role->state;
	if (open_floors(role, &s->floors, err) < 0)
		return -1;
	s->locks = pop3_locks_new();
	s->throttle = role_throttle_new(role);
	s->sessions = directory_sessions_new();
	if (read_masters(s, role->settings->store.masters_file, err) < 0 ||
		open_moves(role, s, err) < 0 || join_all(s, err) < 0 ||
		role_cluster_new(role, &s->cluster, err) < 0)
		return -1;
	make_services(role, s);
	if (role_trust_front_ends(
		    role, &role->settings->store.front_ends, "store.front_ends", err) < 0)
		return -1;
	if (mirror_node_serve(s->floors.mirror, role->loop, err) < 0)
		return -1;
	if (acme_host_open(role->acme, s->floors.store, s->floors.mirror, NULL, err) < 0)
		return -1;
	for (size_t i = 0; i < role->listener_count; i++)
		if (serve(role, s, &role->listeners[i], err) < 0)
			return -1;
	s->house = (struct mirrored_house){.store = s->floors.store,
		.stopping = &role->stopping,
		.interval_ms = role->settings->store.compact_interval_ms};
	net_loop_every(role->loop, HOUSEKEEPING_LOOK_MS, keep_house, s);
	if (s->launcher)
		net_loop_every(role->loop, HOUSEKEEPING_LOOK_MS, watch_launcher, s);
	store_common_start(&s->common, role, s->floors.store);
	if (role->settings->store.learn.on)
		learner_start(&s->learner, role, s->floors.mail);
	return 0;
}

static void store_metrics(struct role *role, struct state *s, struct buf *to)
{
	struct store_db *db;
	const struct store_driver *driver = store_driver_of(s->floors.store, &db);
	struct store_driver_figures f = driver->figures(db);
	role_metric(role, to, "store_commits_total", "", f.commits);
	role_metric(role, to, "store_syncs_total", "", f.syncs);
	role_metric(role, to, "store_written_bytes_total", "", f.bytes_written);
	role_metric(role, to, "store_blobs_read_total", "", f.blobs_read);
	role_metric(role, to, "store_segments", "", f.segments);
	role_metric(role, to, "store_segment_bytes", "", f.segment_bytes);
	role_metric(role, to, "store_segment_dead_bytes", "", f.segment_dead_bytes);
	role_metric(role, to, "store_failed", "", f.failed);
}

static const char *ailment(struct role *role)
{
	struct state *s = role->state;
	struct store_db *db;
	const struct store_driver *driver = store_driver_of(s->floors.store, &db);
	return driver->figures(db).failed ? "takes no more mail: its disk refused a write"
					  : mirror_node_ailment(s->floors.mirror);
}

static void metrics(struct role *role, struct buf *to)
{
	struct state *s = role->state;
	const struct imap_figures *imap = &s->imap.figures;
	const struct pop3_figures *pop3 = &s->pop3.figures;
	store_metrics(role, s, to);
	mirrored_metrics(role, s->floors.mirror, to);
	learner_metrics(&s->learner, to);
	role_login_metrics(role, to, "imap", imap->logins, imap->logins_failed);
	role_metric(role, to, "imap_commands_total", "", imap->commands);
	role_metric(role, to, "imap_messages_fetched_total", "", imap->fetched);
	role_metric(role, to, "imap_messages_appended_total", "", imap->appended);
	role_login_metrics(role, to, "pop3", pop3->logins, pop3->logins_failed);
	role_metric(role, to, "pop3_messages_retrieved_total", "", pop3->retrieved);
	role_metric(role, to, "messages_accepted_total", "protocol=\"lmtp\"",
		s->lmtp.figures.accepted + s->lmtp_local.figures.accepted);
	role_metric(role, to, "messages_refused_total", "protocol=\"lmtp\"",
		s->lmtp.figures.refused + s->lmtp_local.figures.refused);
}

static void close_role(struct role *role)
{
	struct state *s = role->state;
	acme_host_close(role->acme);
	pop3_locks_free(s->locks);
	directory_throttle_free(s->throttle);
	directory_sessions_free(s->sessions);
	learner_deinit(&s->learner);
	store_move_close(&s->move);
	directory_free(s->masters);
	role_cluster_free(s->cluster);
	store_common_stop(&s->common);
	floors_close(&s->floors);
	role_directory_service_deinit(&s->authmod_remote);
	free(s);
}

const struct role_kind role_store = {
	.name = "store",
	.is_wanted = is_wanted,
	.user = user,
	.listens = listens,
	.port = port,
	.peer = peer,
	.connects = connects,
	.prepare = prepare,
	.open = open_role,
	.metrics = metrics,
	.ailment = ailment,
	.close = close_role,
};
