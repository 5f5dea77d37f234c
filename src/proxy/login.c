/* The flow of a login: the questions of directory/login.h, answered by a back end. */
#include "proxy/front.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/must.h"
#include "directory/driver.h"
#include "net/origin.h"

/* One login under way: what directory/login.h takes for a directory. */
struct proxy_attempt {
	struct directory directory; /* first */
	struct proxy_session *session;
	char *helo; /* NULL: none */
	struct proxy_link link;
	struct proxy_answer answer;
	int64_t began_ms;
};

static struct proxy_attempt *of(struct directory *d)
{
	return (struct proxy_attempt *)d;
}

void proxy_session_init(
	struct proxy_session *s, struct net_session *net, const struct proxy_front *front)
{
	s->net = net;
	s->proxy = net_service(net);
	s->front = front;
	s->dialog = front->dialog;
}

static struct proxy_figures *figures(const struct proxy_session *s)
{
	return &s->proxy->figures[s->dialog->protocol];
}

void proxy_session_deinit(struct proxy_session *s)
{
	proxy_login_end(s);
	directory_sessions_remove(s->proxy->sessions, s->presence);
	s->presence = NULL;
	if (s->joined)
		atomic_fetch_sub_explicit(&figures(s)->joined, 1, memory_order_relaxed);
	s->joined = false;
	free(s->told_session);
	s->told_session = NULL;
}

int proxy_session_become(struct proxy_session *s, const struct net_origin *origin)
{
	enum net_origin_outcome r = net_origin_take(s->net, origin);
	if (r != NET_ORIGIN_TAKEN)
		return (int)r;
	s->ttl = origin->ttl;
	free(s->told_session);
	s->told_session = origin->session[0] ? slice_dup(slice_str(origin->session)) : NULL;
	return 0;
}

static struct proxy_client client_of(const struct proxy_attempt *a)
{
	const struct proxy_session *s = a->session;
	return (struct proxy_client){
		.peer = net_peer(s->net),
		.local = net_local(s->net),
		.ttl = (s->ttl > 0 ? s->ttl : PROXY_TTL) - 1,
		.session = s->told_session ? s->told_session : net_session_id(s->net),
		.helo = a->helo,
	};
}

static void clear_answer(struct proxy_answer *answer)
{
	answer->said = PROXY_SAID_NOTHING;
	buf_clear(&answer->before);
	buf_clear(&answer->words);
	buf_clear(&answer->challenge);
}

/* Connects, greets and logs in at the first of the places that is up. Negative: none is. */
static int ask_back_ends(struct proxy_attempt *a, const struct proxy_places *places,
	const struct proxy_credentials *credentials, struct err *err)
{
	const struct proxy_dialog *dialog = a->session->dialog;
	struct proxy_client client = client_of(a);
	const struct proxy_ends ends = {client.peer, client.local};
	struct err last = {.class = ERR_NONE};
	unsigned tried = 0;
	for (;;) {
		unsigned traits = 0;
		clear_answer(&a->answer);
		if (proxy_backends_connect(a->session->proxy->backends, places, dialog->protocol,
			    &ends, &tried, &a->link, err) < 0) {
			if (last.class != ERR_NONE)
				*err = last;
			return -1;
		}
		int r = dialog->greet(&a->link, &client, &traits, &last);
		if (r == 0) {
			proxy_link_works(&a->link);
			r = dialog->login(&a->link, credentials, traits, &a->answer, &last);
		}
		if (r == 0)
			return 0;
		last.class = ERR_TEMPORARY; /* whatever it is, it is not the user's affair */
		if (last.kind == ERR_DENIED) {
			proxy_link_close(&a->link);
			*err = last;
			return -1;
		}
		proxy_link_failed(&a->link, &last);
	}
}

int proxy_login_hear(struct proxy *proxy, const struct proxy_dialog *dialog, struct err *err)
{
	struct proxy_link link;
	unsigned tried = 0, traits = 0;
	if (proxy_backends_connect(proxy->backends, &proxy->default_host, dialog->protocol, NULL,
		    &tried, &link, err) < 0)
		return -1;
	if (dialog->greet(&link, NULL, &traits, err) < 0) {
		proxy_link_failed(&link, err);
		return -1;
	}
	proxy_link_works(&link);
	proxy_link_close(&link);
	return 0;
}

static int log_done(struct proxy_attempt *a, const struct directory_user *user)
{
	log_info(net_log(a->session->net), "passed on", F_SLICE("user", user->name),
		F_STR("backend", a->link.name),
		F_UINT("ms", (uint64_t)(clock_mono_ms() - a->began_ms)));
	return 0;
}

/* What a back end says about itself or about us is never the client's fault. */
static int not_now(const struct proxy_attempt *a, struct err *err)
{
	return err_temporary(err, ERR_UNAVAILABLE, "%s says: %.*s", a->link.name,
		SLICE_ARG(slice_sub(buf_slice(&a->answer.words), 0, 150)));
}

/* From the user as the directory has him to a connection on which he is logged in. */
static int pass_on(struct proxy_attempt *a, const struct directory_user *user,
	const struct proxy_credentials *credentials, struct err *err)
{
	struct proxy_places places;
	if (client_of(a).ttl == 0)
		return err_temporary(err, ERR_UNAVAILABLE,
			"proxies pass this client on in a circle; the last one was asked for %.*s",
			SLICE_ARG(user->name));
	if (proxy_places_of(a->session->proxy, user, &places, err) < 0 ||
		ask_back_ends(a, &places, credentials, err) < 0)
		return -1;
	switch (a->answer.said) {
	case PROXY_SAID_YES:
		return log_done(a, user);
	case PROXY_SAID_NO:
		if (credentials->is_ours) { /* what it says is not for the client */
			int r = not_now(a, err);
			buf_clear(&a->answer.words);
			return r;
		}
		proxy_link_close(&a->link);
		return DIRECTORY_WRONG;
	case PROXY_SAID_DENIED:
		proxy_link_close(&a->link);
		(void)err_permanent(err, ERR_DENIED, "%.*s",
			SLICE_ARG(slice_sub(buf_slice(&a->answer.words), 0, 200)));
		return DIRECTORY_DENIED;
	default: /* he may have moved just now: the next login asks where he lives */
		directory_flush(a->session->proxy->directory, user->name);
		return not_now(a, err);
	}
}

static bool by_master(const struct proxy_attempt *a)
{
	return a->session->proxy->settings->proxy.login == CONF_PROXY_LOGIN_MASTER;
}

static int look_up(struct proxy_attempt *a, struct slice user, enum directory_service service,
	struct arena *arena, struct directory_user *ret_user, struct err *err)
{
	struct proxy *proxy = a->session->proxy;
	atomic_fetch_add_explicit(&proxy->lookups, 1, memory_order_relaxed);
	return directory_user(proxy->directory, user, service, arena, ret_user, err);
}

static int pass_on_by_master(
	struct proxy_attempt *a, const struct directory_user *user, struct err *err)
{
	const struct proxy *proxy = a->session->proxy;
	const struct proxy_credentials credentials = {.user = user->name,
		.master = slice_str(proxy->settings->proxy.master_user),
		.password = proxy->master_secret,
		.is_ours = true};
	return pass_on(a, user, &credentials, err);
}

static int attempt_check(struct directory *d, struct slice user, struct slice password,
	struct slice client, enum directory_service service, struct arena *arena,
	struct directory_user *ret_user, struct err *err)
{
	struct proxy_attempt *a = of(d);
	if (by_master(a)) {
		int r = directory_check(a->session->proxy->directory, user, password, client,
			service, arena, ret_user, err);
		return r == 0 ? pass_on_by_master(a, ret_user, err) : r;
	}
	int r = look_up(a, user, service, arena, ret_user, err);
	const struct proxy_credentials credentials = {.user = ret_user->name, .password = password};
	return r == 0 ? pass_on(a, ret_user, &credentials, err) : r;
}

/* A front end's master acts for the user: as he would at the back end. */
static int attempt_check_master(struct directory *d, struct slice user,
	const struct directory_master *master, struct slice client, enum directory_service service,
	struct arena *arena, struct directory_user *ret_user, struct err *err)
{
	struct proxy_attempt *a = of(d);
	if (by_master(a)) {
		int r = directory_check_master(a->session->proxy->directory, user, master, client,
			service, arena, ret_user, err);
		return r == 0 ? pass_on_by_master(a, ret_user, err) : r;
	}
	int r = look_up(a, user, service, arena, ret_user, err);
	const struct proxy_credentials credentials = {
		.user = ret_user->name, .master = master->name, .password = master->password};
	return r == 0 ? pass_on(a, ret_user, &credentials, err) : r;
}

/* SCRAM has proved who he is. */
static int attempt_user(struct directory *d, struct slice user, enum directory_service service,
	struct arena *arena, struct directory_user *ret_user, struct err *err)
{
	struct proxy_attempt *a = of(d);
	int r = look_up(a, user, service, arena, ret_user, err);
	return r == 0 ? pass_on_by_master(a, ret_user, err) : r;
}

static int attempt_scram(
	struct directory *d, struct slice user, struct sasl_scram_keys *ret_keys, struct err *err)
{
	return directory_scram(of(d)->session->proxy->directory, user, ret_keys, err);
}

static int attempt_token(struct directory *d, const struct directory_token *token,
	struct slice client, enum directory_service service, struct buf *challenge,
	struct arena *arena, struct directory_user *ret_user, struct err *err)
{
	struct proxy_attempt *a = of(d);
	int r = look_up(a, token->user, service, arena, ret_user, err);
	const struct proxy_credentials credentials = {.user = ret_user->name, .token = token};
	if (r == 0)
		r = pass_on(a, ret_user, &credentials, err);
	if (r == DIRECTORY_WRONG)
		buf_add_slice(challenge, buf_slice(&a->answer.challenge));
	return r;
}

static const struct directory_driver with_tokens = {
	.name = "proxy",
	.check = attempt_check,
	.check_master = attempt_check_master,
	.user = attempt_user,
	.scram = attempt_scram,
	.token = attempt_token,
};
static const struct directory_driver without_tokens = {
	.name = "proxy",
	.check = attempt_check,
	.check_master = attempt_check_master,
	.user = attempt_user,
	.scram = attempt_scram,
};

/* What a login asks of it is known before there is one. */
static struct directory directory_of(const struct proxy *proxy)
{
	const struct conf_proxy *conf = &proxy->settings->proxy;
	return (struct directory){.driver = conf->oauth ? &with_tokens : &without_tokens,
		.no_scram = conf->login != CONF_PROXY_LOGIN_MASTER ||
			    !directory_has_scram(proxy->directory)};
}

struct sasl_offer proxy_login_offer(const struct proxy_session *s)
{
	struct directory directory = directory_of(s->proxy);
	return directory_login_offer(s->net, &directory);
}

static void begin(struct proxy_session *s, const char *helo)
{
	must(!s->attempt);
	struct proxy_attempt *a = ALLOC(struct proxy_attempt);
	a->directory = directory_of(s->proxy);
	a->session = s;
	a->helo = helo ? slice_dup(slice_str(helo)) : NULL;
	a->answer = (struct proxy_answer){.before = BUF(PROXY_ANSWER_MAX),
		.words = BUF(PROXY_ANSWER_MAX),
		.challenge = BUF(SASL_MESSAGE_MAX / 2)};
	a->began_ms = clock_mono_ms();
	s->attempt = a;
	struct directory_login_options options = {
		.directory = &a->directory,
		.service = s->dialog->service,
		.protocol = proxy_protocol_name(s->dialog->protocol),
		.throttle = s->proxy->throttle,
		.logins = &figures(s)->logins,
		.failed = &figures(s)->refused,
		.refusals = &s->refusals,
	};
	directory_login_client(s->net, &options);
	s->login = directory_login_new(&options);
}

static enum directory_login_outcome counted(
	const struct proxy_session *s, enum directory_login_outcome outcome)
{
	if (outcome == DIRECTORY_LOGIN_NOT_NOW)
		atomic_fetch_add_explicit(&figures(s)->put_off, 1, memory_order_relaxed);
	return outcome;
}

enum directory_login_outcome proxy_login_password(
	struct proxy_session *s, struct slice user, struct slice password)
{
	begin(s, NULL);
	return counted(s, directory_login_password(s->login, user, password));
}

enum directory_login_outcome proxy_login_sasl(
	struct proxy_session *s, const char *helo, struct slice mechanism, struct slice initial)
{
	begin(s, helo);
	return counted(s, directory_login_sasl(s->login, mechanism, initial));
}

enum directory_login_outcome proxy_login_line(struct proxy_session *s, struct slice line)
{
	return counted(s, directory_login_line(s->login, line));
}

enum directory_login_outcome proxy_login_wait(struct proxy_session *s, unsigned *ret_left_ms)
{
	return directory_login_wait(s->login, ret_left_ms);
}

const struct proxy_answer *proxy_login_answer(const struct proxy_session *s)
{
	return &s->attempt->answer;
}

void proxy_login_end(struct proxy_session *s)
{
	struct proxy_attempt *a = s->attempt;
	directory_login_free(s->login);
	s->login = NULL;
	s->attempt = NULL;
	if (!a)
		return;
	proxy_link_close(&a->link);
	buf_free(&a->answer.before);
	buf_free(&a->answer.words);
	buf_free(&a->answer.challenge);
	free(a->helo);
	free(a);
}

void proxy_login_join(struct proxy_session *s)
{
	const struct directory_user *user = directory_login_user(s->login);
	const struct directory_who who = {user->account, user->name};
	const struct net_join_options options = {
		.idle_timeout_ms = (unsigned)s->proxy->settings->proxy.idle_timeout_ms,
		.farewell = s->front->farewell,
		.figures = &s->proxy->bytes,
	};
	net_log_tag(s->net, "user", user->name);
	s->presence = directory_sessions_add(s->proxy->sessions, s->net, &who, true);
	atomic_fetch_add_explicit(&figures(s)->joined, 1, memory_order_relaxed);
	s->joined = true;
	struct net_client *client = proxy_link_take(&s->attempt->link);
	proxy_login_end(s);
	net_session_join(s->net, client, &options);
}
