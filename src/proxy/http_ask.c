/* From a request's head to the back end: who the client is, whose request it is, where he lives,
 * and the head written anew to there. */
#include "proxy/http_internal.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/must.h"
#include "http/target.h"
#include "message/charset.h"

#include <openssl/sha.h>

enum {
	CHECKED_MS = 60 * 1000,
	ADDED_MAX = 4 * 1024,       /* to a head, by us */
	KEPT_OF_CHUNKS = 16 * 1024, /* of a body of which nobody says how long it is */
};

/* What is found out on the way. */
struct ask {
	struct proxy_http_session *s;
	size_t len; /* of the head */
	struct http_request head;
	struct http_client client;
	struct http_credentials credentials;
	struct arena arena;
	struct directory_user user; /* name empty: nobody is named */
	struct proxy_places places;
	struct buf authorization; /* in place of the client's; empty: his own */
};

static void end_ask(struct ask *ask)
{
	http_credentials_free(&ask->credentials);
	if (ask->authorization.data)
		explicit_bzero(ask->authorization.data, ask->authorization.cap);
	buf_free(&ask->authorization);
	arena_free(&ask->arena);
}

/* On: all is well so far. Anything else: it was answered. */
static enum proxy_http_next refuse(struct ask *ask, unsigned status, const char *words)
{
	return proxy_http_refuse(ask->s, status, words);
}

static struct proxy_http_request *begin_request(const struct http_request *head)
{
	struct proxy_http_request *r = ALLOC(struct proxy_http_request);
	(void)snprintf(r->method, sizeof(r->method), "%.*s", SLICE_ARG(head->method));
	http_body_begin(&r->up, head->head.framing, head->head.length);
	r->up_done = head->head.framing == HTTP_NO_BODY;
	r->minor_0 = head->head.minor_0;
	r->keeps = head->head.keeps;
	r->expects_continue = head->expects_continue;
	r->may_repeat = http_is_idempotent(head->method);
	r->upgrade = slice_eq_nocase(head->head.upgrade, SLICE("websocket")) && r->up_done &&
		     slice_eq(head->method, SLICE("GET"));
	r->kept = BUF(PROXY_HTTP_REPEAT_MAX + 2 * HTTP_HEAD_MAX);
	r->began_ms = clock_mono_ms();
	return r;
}

/* Front ends are believed; the TTL is taken from anyone, since it can only stop a request. */
static bool read_client(struct ask *ask)
{
	struct net_session *net = ask->s->net;
	struct http_client own = {
		.address = *net_peer(net), .secure = net_is_tls(net), .ttl = PROXY_TTL + 1};
	struct http_client said = own;
	char text[NET_ADDRESS_TEXT];
	bool good = http_client_read(&ask->head.head, &said);
	if (net_is_front_end(net)) {
		ask->client = said;
	} else {
		ask->client = own;
		ask->client.ttl = good ? said.ttl : own.ttl;
		good = true;
	}
	net_address_host(&ask->client.address, text);
	(void)snprintf(ask->s->client, sizeof(ask->s->client), "%.63s", text);
	return good;
}

/* A password that came in the clear is everybody's. */
static bool is_safe(const struct ask *ask)
{
	struct net_session *net = ask->s->net;
	return net_is_secure(net) || net_is_front_end(net) || ask->client.secure;
}

static bool may_be_anybody(const struct ask *ask)
{
	const struct http_request *head = &ask->head;
	return ask->s->proxy->default_host.count > 0 &&
	       (slice_eq(head->method, SLICE("OPTIONS")) ||
		       http_target_is_below(head->target, SLICE("/.well-known/")));
}

static void digest(struct slice bytes, uint8_t to[32])
{
	must(SHA256((const uint8_t *)bytes.ptr, bytes.len, to));
}

/* login master: the directory checks the password, once a minute on a connection. */
static int check_password(struct ask *ask, struct err *err)
{
	struct proxy_http_session *s = ask->s;
	const struct http_credentials *c = &ask->credentials;
	uint8_t now[32];
	digest(ask->head.authorization, now);
	if (clock_mono_ms() < s->checked_until_ms && memcmp(now, s->checked, sizeof(now)) == 0)
		return directory_user(
			s->proxy->directory, c->user, DIRECTORY_HTTP, &ask->arena, &ask->user, err);
	int r = directory_check(s->proxy->directory, c->user, c->password, slice_str(s->client),
		DIRECTORY_HTTP, &ask->arena, &ask->user, err);
	if (r == 0) {
		memcpy(s->checked, now, sizeof(now));
		s->checked_until_ms = clock_mono_ms() + CHECKED_MS;
	}
	return r;
}

static int look_up(struct ask *ask, struct err *err)
{
	struct proxy *proxy = ask->s->proxy;
	const struct http_credentials *c = &ask->credentials;
	atomic_fetch_add_explicit(&proxy->lookups, 1, memory_order_relaxed);
	if (c->scheme == HTTP_BASIC && proxy->settings->proxy.login == CONF_PROXY_LOGIN_MASTER)
		return check_password(ask, err);
	return directory_user(
		proxy->directory, c->user, DIRECTORY_HTTP, &ask->arena, &ask->user, err);
}

/* As Dovecot and others have it: who is logged in, "*", who does it. */
static void become_master(struct ask *ask)
{
	const struct proxy *proxy = ask->s->proxy;
	AUTO(buf_free) struct buf name = BUF(1024);
	ask->authorization = BUF(ADDED_MAX);
	(void)!buf_reserve(&ask->authorization, ADDED_MAX); /* at once: it leaves no copies */
	buf_add_slice(&name, ask->user.name);
	buf_add_byte(&name, '*');
	buf_add_str(&name, proxy->settings->proxy.master_user);
	http_basic_add(&ask->authorization, buf_slice(&name), proxy->master_secret);
}

static enum proxy_http_next find_user(struct ask *ask)
{
	struct proxy_http_session *s = ask->s;
	const struct http_credentials *c = &ask->credentials;
	struct err err = {0};
	if (!utf8_is_valid(c->user))
		return proxy_http_refuse_later(s, 401, "Wrong user or password.");
	int r = look_up(ask, &err);
	if (r == DIRECTORY_UNKNOWN || r == DIRECTORY_WRONG) {
		log_warn(net_log(s->net), "login refused", F_STR("protocol", "http"),
			F_SLICE("login", c->user), F_STR("for", s->client));
		return proxy_http_refuse_later(s, 401, "Wrong user or password.");
	}
	if (r == DIRECTORY_DENIED)
		return refuse(ask, 403, "This user may not use this service.");
	if (r < 0) {
		log_warn(net_log(s->net), "login put off", F_STR("protocol", "http"),
			F_SLICE("login", c->user), F_ERR(&err));
		return refuse(ask, 503, "It is not known for now where this user lives.");
	}
	if (c->scheme == HTTP_BASIC && s->proxy->settings->proxy.login == CONF_PROXY_LOGIN_MASTER)
		become_master(ask);
	return PROXY_HTTP_ON;
}

static enum proxy_http_next find_whose(struct ask *ask)
{
	struct proxy_http_session *s = ask->s;
	struct http_credentials *c = &ask->credentials;
	bool good = http_credentials_read(
		ask->head.authorization, s->proxy->settings->proxy.http_token_claim, c);
	bool token = c->scheme == HTTP_BEARER && s->proxy->settings->proxy.oauth;
	s->request->has_password = c->scheme == HTTP_BASIC;
	if (c->scheme == HTTP_NO_CREDENTIALS && may_be_anybody(ask))
		return PROXY_HTTP_ON;
	if (!is_safe(ask))
		return refuse(ask, 403, "Ask by TLS (https), since your password is asked for.");
	if (!good || (c->scheme != HTTP_BASIC && !token))
		return refuse(ask, 401, "Log in.");
	if (!directory_throttle_allows(s->proxy->throttle, slice_str(s->client))) {
		log_warn(net_log(s->net), "login not tried, too many failures from this address",
			F_STR("protocol", "http"), F_STR("for", s->client));
		return refuse(ask, 429, "Too many wrong passwords, try again later.");
	}
	/* A token that names nobody is for default_host to open. */
	return c->user.len > 0 ? find_user(ask) : PROXY_HTTP_ON;
}

static enum proxy_http_next find_place(struct ask *ask)
{
	struct err err = {0};
	if (proxy_places_of(ask->s->proxy, &ask->user, &ask->places, &err) == 0)
		return PROXY_HTTP_ON;
	log_warn(net_log(ask->s->net), "login put off", F_STR("protocol", "http"),
		F_SLICE("login", ask->user.name), F_ERR(&err));
	return refuse(ask, 503, "It is not known for now where this user lives.");
}

static int connect_to(struct proxy_http_session *s, const struct proxy_places *places,
	const struct net_address *client, struct err *err)
{
	struct proxy_link link;
	const struct proxy_ends ends = {.client = client, .local = net_local(s->net)};
	unsigned tried = 0;
	if (proxy_backends_connect(
		    s->proxy->backends, places, PROXY_HTTP, &ends, &tried, &link, err) < 0)
		return -1;
	struct net_client *connected = link.net;
	link.net = NULL; /* its host is held until it is left */
	s->link = ALLOC(struct proxy_link);
	*s->link = link;
	s->is_fresh = true;
	s->logged_in = false;
	net_far_open(s->net, connected);
	atomic_fetch_add_explicit(&s->proxy->figures[PROXY_HTTP].joined, 1, memory_order_relaxed);
	return 0;
}

/* The connection that is there is his, and good for this request. */
static bool is_connected(struct proxy_http_session *s, const char *whose)
{
	if (!s->link || strcmp(s->whose, whose) != 0)
		return false;
	(void)net_far_read_more(s->net);
	if (net_far_ended(s->net) || net_far_input(s->net).len > 0)
		return false;
	return s->request->may_repeat || clock_mono_ms() - s->used_ms < PROXY_HTTP_STALE_MS;
}

/* One back end connection serves one user, one place, one client: what it may have been told by a
 * PROXY header, or remembers of a login, holds for all its requests. */
static enum proxy_http_next reach(struct ask *ask)
{
	struct proxy_http_session *s = ask->s;
	AUTO(buf_free) struct buf whose = BUF(4096);
	struct err err = {0};
	buf_printf(&whose, "%.*s %.*s %s", SLICE_ARG(ask->user.name), SLICE_ARG(ask->user.to_host),
		s->client);
	if (is_connected(s, buf_cstr(&whose)))
		return PROXY_HTTP_ON;
	proxy_http_leave(s);
	if (connect_to(s, &ask->places, &ask->client.address, &err) < 0) {
		log_warn(net_log(s->net), "login put off", F_STR("protocol", "http"),
			F_SLICE("login", ask->user.name), F_ERR(&err));
		return refuse(ask, 503, "The server where this user lives can't be reached.");
	}
	if (ask->user.name.len > 0) {
		const struct directory_who who = {ask->user.account, ask->user.name};
		s->presence = directory_sessions_add(s->proxy->sessions, s->net, &who, false);
	}
	s->whose = slice_dup(buf_slice(&whose));
	s->to_host = slice_dup(ask->user.to_host);
	return PROXY_HTTP_ON;
}

/* A copy of what is sent, for when it turns out that the back end has left already: so large from
 * the start that it never moves, since it has secrets. */
static void keep(struct proxy_http_request *r, struct slice head)
{
	uint64_t body = r->up.framing == HTTP_CHUNKED ? KEPT_OF_CHUNKS : r->up.left;
	if (body <= PROXY_HTTP_REPEAT_MAX && buf_reserve(&r->kept, head.len + (size_t)body))
		buf_add_slice(&r->kept, head);
}

static enum proxy_http_next send_head(struct ask *ask)
{
	struct proxy_http_session *s = ask->s;
	struct proxy_http_request *r = s->request;
	struct buf head = BUF(2 * HTTP_HEAD_MAX);
	ask->client.ttl--;
	const struct http_request_changes changes = {
		.client = &ask->client,
		.host = slice_str(s->link->name),
		.authorization =
			ask->authorization.len > 0 ? buf_slice(&ask->authorization) : SLICE_NONE,
		.upgrade = r->upgrade,
	};
	bool fits = buf_reserve(&head, ask->len + ADDED_MAX) != NULL;
	http_request_write(&ask->head, &changes, &head);
	fits = fits && !head.failed;
	if (fits) {
		net_far_write(s->net, buf_slice(&head));
		net_far_wipe_sent(s->net);
		if (r->may_repeat && !s->is_fresh)
			keep(r, buf_slice(&head));
	}
	if (head.data)
		explicit_bzero(head.data, head.cap);
	buf_free(&head);
	if (!fits)
		return refuse(ask, 431, "The head of the request is too large.");
	s->phase = PROXY_HTTP_ASKED;
	return PROXY_HTTP_ON;
}

static enum proxy_http_next go(struct ask *ask)
{
	static enum proxy_http_next (*const STEPS[])(struct ask *) = {
		find_whose, find_place, reach, send_head};
	struct proxy_http_session *s = ask->s;
	if (!read_client(ask))
		return refuse(ask, 400, "What the front end says of the client makes no sense.");
	if (ask->client.ttl <= 1) {
		log_error(net_log(s->net), "proxies pass a request on in a circle");
		return refuse(ask, 508, "Proxies pass this request on in a circle.");
	}
	for (size_t i = 0; i < ARRAY_LEN(STEPS); i++) {
		enum proxy_http_phase phase = s->phase;
		const struct proxy_http_request *r = s->request;
		enum proxy_http_next next = STEPS[i](ask);
		/* A refusal has changed one of these. */
		if (next != PROXY_HTTP_ON || s->phase != phase || s->request != r)
			return next;
	}
	return PROXY_HTTP_ON;
}

enum proxy_http_next proxy_http_ask(struct proxy_http_session *s, size_t len)
{
	AUTO(end_ask) struct ask ask = {.s = s, .len = len};
	struct http_refusal refusal;
	struct slice bytes = slice(net_input(s->net).ptr, len);
	enum proxy_http_next next;
	atomic_fetch_add_explicit(&s->proxy->http_requests, 1, memory_order_relaxed);
	if (http_request_read(bytes, &ask.head, &refusal)) {
		s->request = begin_request(&ask.head);
		next = go(&ask);
	} else {
		AUTO(buf_free) struct buf words = BUF(200);
		buf_printf(&words, "The request has %s.", refusal.text);
		next = proxy_http_refuse(s, refusal.status, buf_cstr(&words));
	}
	explicit_bzero((char *)bytes.ptr, len); /* it may have a password */
	net_consume(s->net, len);
	return next;
}

int proxy_http_ask_again(struct proxy_http_session *s, struct err *err)
{
	struct proxy_http_request *r = s->request;
	struct proxy_places places = s->proxy->default_host;
	char *whose = s->whose, *to_host = s->to_host;
	struct directory_presence *presence = s->presence;
	s->whose = s->to_host = NULL;
	s->presence = NULL;
	proxy_http_leave(s);
	if (to_host[0] && !proxy_places_parse(slice_str(to_host), &places))
		places.count = 0;
	struct net_address client = *net_peer(s->net);
	(void)!net_address_of_ip(slice_str(s->client), net_address_port(&client), &client);
	int done = connect_to(s, &places, &client, err);
	if (done < 0) {
		directory_sessions_remove(s->proxy->sessions, presence);
		free(whose);
		free(to_host);
		return -1;
	}
	s->presence = presence;
	s->whose = whose;
	s->to_host = to_host;
	net_far_write(s->net, buf_slice(&r->kept));
	r->scan = (struct http_scan){0};
	return 0;
}
