/* The table of hosts: who is known, who is down, and whose turn it is. */
#include "proxy/backends_internal.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"

enum {
	HOSTS_MAX = 1024,
	PAUSE_FIRST_MS = 2000,
	PAUSE_MAX_MS = 30 * 1000,
	ALL_DOWN_MS = 1000, /* when there is nobody else, one is asked so often */
};

const char *proxy_protocol_name(enum proxy_protocol protocol)
{
	static const char *const names[] = {[PROXY_IMAP] = "imap",
		[PROXY_POP3] = "pop3",
		[PROXY_SUBMISSION] = "submission",
		[PROXY_MANAGESIEVE] = "managesieve",
		[PROXY_HTTP] = "http",
		[PROXY_SMTP] = "smtp",
		[PROXY_LMTP] = "lmtp"};
	_Static_assert(ARRAY_LEN(names) == PROXY_PROTOCOLS, "each has a name");
	return names[protocol];
}

static void lock(struct proxy_backends *b)
{
	must(pthread_mutex_lock(&b->lock) == 0);
}

static void unlock(struct proxy_backends *b)
{
	must(pthread_mutex_unlock(&b->lock) == 0);
}

static int open_trust(const char *authorities, struct net_tls_client **ret_trust, struct err *err)
{
	return net_tls_client_new(authorities[0] ? authorities : NULL, true, ret_trust, err);
}

static bool is_secured(const struct conf_proxy *conf, const struct conf_backend *backend)
{
	enum conf_backend_tls tls =
		backend && backend->tls != CONF_BACKEND_AS_PROXY ? backend->tls : conf->backend_tls;
	return tls != CONF_BACKEND_NONE;
}

static int open_trusts(struct proxy_backends *b, struct err *err)
{
	const struct conf_proxy *conf = &b->settings->proxy;
	bool wanted = is_secured(conf, NULL);
	b->trusts = alloc_zero(conf->backend_count + 1, sizeof(struct net_tls_client *));
	for (size_t i = 0; i < conf->backend_count; i++) {
		const struct conf_backend *one = &conf->backends[i];
		if (!is_secured(conf, one))
			continue;
		wanted = wanted || !one->authorities[0];
		if (one->authorities[0] && open_trust(one->authorities, &b->trusts[i], err) < 0)
			return err_prefix(err, "proxy.backend.authorities");
	}
	if (wanted && open_trust(conf->backend_authorities, &b->trust, err) < 0)
		return err_prefix(err, "proxy.backend_authorities");
	return 0;
}

static int check_blocks(const struct conf_proxy *conf, struct err *err)
{
	for (size_t i = 0; i < conf->backend_count; i++) {
		const struct conf_backend *one = &conf->backends[i];
		struct proxy_places places;
		if (!proxy_places_parse(slice_str(one->name), &places) || places.count != 1 ||
			places.at[0].port != 0)
			return err_permanent(err, ERR_BAD_INPUT,
				"block \"proxy.backend\": \"%.80s\" is no host", one->name);
		for (size_t n = 0; n < i; n++)
			if (slice_eq_nocase(
				    slice_str(one->name), slice_str(conf->backends[n].name)))
				return err_permanent(err, ERR_EXISTS,
					"block \"proxy.backend\" \"%.80s\" is given twice",
					one->name);
	}
	return 0;
}

int proxy_backends_new(
	const struct conf_settings *settings, struct proxy_backends **ret_backends, struct err *err)
{
	const struct conf_proxy *conf = &settings->proxy;
	struct proxy_backends *b = ALLOC(struct proxy_backends);
	b->settings = settings;
	must(pthread_mutex_init(&b->lock, NULL) == 0);
	int r = open_trusts(b, err);
	if (r == 0)
		r = check_blocks(conf, err);
	if (r == 0 && conf->default_host[0] &&
		!proxy_places_parse(slice_str(conf->default_host), &b->default_host))
		r = err_permanent(err, ERR_BAD_INPUT,
			"proxy.default_host: \"%.80s\" is no list of hosts", conf->default_host);
	if (r < 0) {
		proxy_backends_free(b);
		return -1;
	}
	*ret_backends = b;
	return 0;
}

void proxy_backends_free(struct proxy_backends *b)
{
	if (!b)
		return;
	for (unsigned i = 0; i < PROXY_BUCKETS; i++)
		while (b->buckets[i]) {
			struct proxy_backend *next = b->buckets[i]->next;
			must(b->buckets[i]->users == 0);
			free(b->buckets[i]);
			b->buckets[i] = next;
		}
	for (size_t i = 0; b->trusts && i < b->settings->proxy.backend_count; i++)
		net_tls_client_free(b->trusts[i]);
	free(b->trusts);
	net_tls_client_free(b->trust);
	(void)pthread_mutex_destroy(&b->lock);
	free(b);
}

static unsigned bucket_of(struct slice host, uint16_t port)
{
	uint32_t hash = 2166136261u ^ port;
	for (size_t i = 0; i < host.len; i++)
		hash = (hash ^ (uint8_t)slice_lower(host.ptr[i])) * 16777619u;
	return hash % PROXY_BUCKETS;
}

/* Takes out of the table whom nobody used for the longest time; false: all are in use. */
static bool forget_one(struct proxy_backends *b)
{
	struct proxy_backend **oldest = NULL;
	for (unsigned i = 0; i < PROXY_BUCKETS; i++)
		for (struct proxy_backend **at = &b->buckets[i]; *at; at = &(*at)->next)
			if ((*at)->users == 0 && (!oldest || (*at)->used_ms < (*oldest)->used_ms))
				oldest = at;
	if (!oldest)
		return false;
	struct proxy_backend *gone = *oldest;
	*oldest = gone->next;
	b->count--;
	free(gone);
	return true;
}

static bool is_here(const struct conf_settings *settings, struct slice host)
{
	const struct conf_list *names = &settings->proxy.names;
	for (size_t i = 0; i < names->count; i++)
		if (slice_eq_nocase(host, slice_str(names->items[i])))
			return true;
	return slice_eq_nocase(host, slice_str(settings->hostname));
}

static struct proxy_backend *add(
	struct proxy_backends *b, const struct proxy_place *place, unsigned bucket)
{
	const struct conf_proxy *conf = &b->settings->proxy;
	if (b->count >= HOSTS_MAX && !forget_one(b))
		return NULL;
	struct proxy_backend *backend = ALLOC(struct proxy_backend);
	for (size_t i = 0; i < place->host.len; i++)
		backend->host[i] = slice_lower(place->host.ptr[i]);
	backend->port = place->port;
	backend->is_here = place->port == 0 && is_here(b->settings, place->host);
	backend->trust = b->trust;
	for (size_t i = 0; i < conf->backend_count; i++)
		if (slice_eq_nocase(place->host, slice_str(conf->backends[i].name))) {
			backend->conf = &conf->backends[i];
			if (b->trusts[i])
				backend->trust = b->trusts[i];
		}
	if (!is_secured(conf, backend->conf))
		backend->trust = NULL;
	backend->next = b->buckets[bucket];
	b->buckets[bucket] = backend;
	b->count++;
	return backend;
}

static struct proxy_backend *find(struct proxy_backends *b, const struct proxy_place *place)
{
	unsigned bucket = bucket_of(place->host, place->port);
	for (struct proxy_backend *one = b->buckets[bucket]; one; one = one->next)
		if (one->port == place->port && slice_eq_nocase(place->host, slice_str(one->host)))
			return one;
	return add(b, place, bucket);
}

/* Up; or down and it is time to look, which only the first who comes does; or, when there is nobody
 * else, not looked at for a second. */
static bool is_due(const struct proxy_health *health, bool all_down, int64_t now)
{
	if (health->pause_ms == 0)
		return true;
	return now >= (all_down ? MIN(health->asked_ms + ALL_DOWN_MS, health->not_until_ms)
				: health->not_until_ms);
}

int proxy_backends_pick(struct proxy_backends *b, const struct proxy_places *places,
	enum proxy_protocol protocol, unsigned *tried, struct proxy_backend **ret_backend,
	struct err *err)
{
	struct proxy_backend *found = NULL;
	bool has_room = true;
	int64_t now = clock_mono_ms();
	lock(b);
	for (int all_down = 0; all_down < 2 && !found; all_down++)
		for (size_t i = 0; i < places->count && !found; i++) {
			if (*tried & 1U << i)
				continue;
			struct proxy_backend *one = find(b, &places->at[i]);
			has_room = has_room && one;
			if (!one || !is_due(&one->health[protocol], all_down, now))
				continue;
			struct proxy_health *health = &one->health[protocol];
			if (health->pause_ms > 0) /* others leave it to us */
				health->not_until_ms = now + health->pause_ms;
			health->asked_ms = one->used_ms = now;
			one->users++;
			*tried |= 1U << i;
			found = one;
		}
	unlock(b);
	*ret_backend = found;
	if (found)
		return 0;
	if (!has_room)
		return err_temporary(err, ERR_LIMIT, "more than %d back ends", HOSTS_MAX);
	return err_temporary(err, ERR_UNAVAILABLE, "%.*s is down%s", SLICE_ARG(places->at[0].host),
		places->count > 1 ? ", and so are all others" : "");
}

void proxy_backends_release(struct proxy_backends *b, struct proxy_backend *backend)
{
	lock(b);
	backend->users--;
	unlock(b);
}

void proxy_link_works(const struct proxy_link *link)
{
	struct proxy_backends *b = link->backends;
	struct proxy_health *health = &link->backend->health[link->protocol];
	lock(b);
	bool is_news = health->pause_ms > 0;
	health->pause_ms = 0;
	unlock(b);
	if (is_news)
		log_info(NULL, "back end is up again", F_STR("backend", link->name),
			F_STR("protocol", proxy_protocol_name(link->protocol)));
}

void proxy_link_failed(struct proxy_link *link, const struct err *why)
{
	struct proxy_backends *b = link->backends;
	struct proxy_health *health = &link->backend->health[link->protocol];
	lock(b);
	bool is_news = health->pause_ms == 0;
	health->pause_ms = is_news ? (unsigned)PAUSE_FIRST_MS
				   : MIN(health->pause_ms * 2, (unsigned)PAUSE_MAX_MS);
	health->asked_ms = clock_mono_ms();
	health->not_until_ms = health->asked_ms + health->pause_ms;
	link->backend->addresses_until_ms = 0; /* it may have moved */
	unlock(b);
	atomic_fetch_add_explicit(&b->failed, 1, memory_order_relaxed);
	if (is_news)
		log_warn(NULL, "back end is down", F_STR("backend", link->name),
			F_STR("protocol", proxy_protocol_name(link->protocol)), F_ERR(why));
	proxy_link_close(link);
}

static bool is_default(const struct proxy_backends *b, const struct proxy_backend *backend)
{
	for (size_t i = 0; i < b->default_host.count; i++)
		if (slice_eq_nocase(b->default_host.at[i].host, slice_str(backend->host)))
			return true;
	return false;
}

/* No word is cut in two. */
static struct slice bounded(struct slice text)
{
	if (text.len <= PROXY_CAPABILITIES_MAX)
		return text;
	text.len = PROXY_CAPABILITIES_MAX;
	while (text.len > 0 && text.ptr[text.len - 1] != ' ' && text.ptr[text.len - 1] != '\n')
		text.len--;
	return text;
}

void proxy_link_announces(const struct proxy_link *link, struct slice capabilities)
{
	struct proxy_backends *b = link->backends;
	bool is_its = is_default(b, link->backend);
	struct slice text = bounded(capabilities);
	lock(b);
	if (is_its || !b->heard[link->protocol].is_default) {
		memcpy(b->heard[link->protocol].text, text.ptr, text.len);
		b->heard[link->protocol].len = text.len;
		b->heard[link->protocol].is_default = is_its;
	}
	unlock(b);
}

bool proxy_backends_capabilities(
	struct proxy_backends *b, enum proxy_protocol protocol, struct buf *to)
{
	lock(b);
	size_t len = b->heard[protocol].len;
	buf_add(to, b->heard[protocol].text, len);
	unlock(b);
	return len > 0;
}

struct proxy_backends_figures proxy_backends_figures(struct proxy_backends *b)
{
	struct proxy_backends_figures f = {.connected = b->connected, .failed = b->failed};
	lock(b);
	f.known = b->count;
	for (unsigned i = 0; i < PROXY_BUCKETS; i++)
		for (const struct proxy_backend *one = b->buckets[i]; one; one = one->next) {
			bool down = false;
			for (unsigned p = 0; p < PROXY_PROTOCOLS; p++)
				down = down || one->health[p].pause_ms > 0;
			f.down += down;
		}
	unlock(b);
	return f;
}
