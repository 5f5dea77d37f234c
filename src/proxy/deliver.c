/* Connections to back ends belong to the client's session: they say who he is. They are kept from
 * one transaction to the next. */
#include "proxy/deliver.h"

#include "base/alloc.h"
#include "base/log.h"
#include "proxy/hop.h"
#include "smtp/route.h"

enum { HOPS_MAX = 64 }; /* of one session */

/* What a session keeps. */
struct kept {
	struct proxy_hop *hops[HOPS_MAX];
	size_t count;
};

/* The `backend` of a recipient: whom he stands for, in transactions of back ends. */
struct targets {
	struct smtp_recipient **at;
	size_t count, room;
	bool refused; /* somebody else of them was, and err says why */
	struct err err;
};

static struct kept *kept_of(struct smtp_transaction *t)
{
	if (!*t->kept)
		*t->kept = ALLOC(struct kept);
	return *t->kept;
}

static void drop(struct kept *k, size_t i)
{
	proxy_hop_close(k->hops[i]);
	free(k->hops[i]->place);
	free(k->hops[i]);
	k->hops[i] = k->hops[--k->count];
}

static void forget(void *context, void *kept)
{
	struct kept *k = kept;
	while (k->count > 0)
		drop(k, k->count - 1);
	free(k);
}

/* A new transaction: what was begun for the last one is over. */
static int sender(void *context, struct smtp_transaction *t, struct err *err)
{
	struct kept *k = kept_of(t);
	for (size_t i = k->count; i-- > 0;) {
		proxy_hop_reset(k->hops[i]);
		if (!proxy_hop_is_usable(k->hops[i]))
			drop(k, i);
	}
	return 0;
}

static int unknown(const struct proxy_deliver *d, struct slice domain, struct err *err)
{
	int ours = directory_domain(d->proxy->directory, domain, err);
	if (ours < 0)
		return -1;
	(void)err_permanent(err, ours == 0 ? ERR_ABSENT : ERR_DENIED, "%s",
		ours == 0 ? "No such user here" : "Relaying is not allowed");
	return err_status(err, ours == 0 ? "5.1.1" : "5.7.1");
}

/* The hosts, as the directory or the config writes them. */
static int place_of(void *context, const struct directory_user *user, struct arena *arena,
	struct slice *ret_place, struct err *err)
{
	const struct proxy *p = context;
	struct proxy_places places;
	if (proxy_places_of(p, user, &places, err) < 0)
		return -1;
	*ret_place = arena_copy(arena,
		user->to_host.len > 0 ? user->to_host : slice_str(p->settings->proxy.default_host));
	return 0;
}

static int look_up(struct proxy_deliver *d, struct smtp_transaction *t, struct slice address,
	struct slice domain, struct smtp_destinations *ret_to, struct err *err)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	const struct smtp_router router = {place_of, d->proxy, d->separator};
	struct directory_route route;
	(void)atomic_fetch_add_explicit(&d->proxy->lookups, 1, memory_order_relaxed);
	int found = directory_lookup(d->proxy->directory, address, &arena, &route, err);
	if (found == DIRECTORY_UNKNOWN)
		return unknown(d, domain, err);
	if (found == DIRECTORY_DENIED) {
		(void)err_permanent(err, ERR_DENIED, "This mailbox takes no mail");
		return err_status(err, "5.2.1");
	}
	if (found < 0 || smtp_route(&router, &route, address, &t->arena, ret_to, err) < 0)
		return -1;
	if (!d->lmtp && ret_to->count > 1) /* its mx splits it */
		*ret_to = smtp_route_to(ret_to->items[0].place, &t->arena);
	return 0;
}

/* The roles here take mail by the store's socket. */
static bool is_here(const struct proxy *p, const struct proxy_places *places)
{
	const struct conf_list *names = &p->settings->proxy.names;
	struct slice host = places->at[0].host;
	if (places->count != 1 || places->at[0].port != 0)
		return false;
	for (size_t i = 0; i < names->count; i++)
		if (slice_eq_nocase(host, slice_str(names->items[i])))
			return true;
	return slice_eq_nocase(host, slice_str(p->settings->hostname));
}

static int not_there(struct err *err)
{
	err->class = ERR_TEMPORARY;
	err->kind = ERR_UNAVAILABLE;
	return err_status(err, "4.3.0");
}

static int connect_hop(
	struct proxy_deliver *d, struct smtp_transaction *t, struct proxy_hop *hop, struct err *err)
{
	struct proxy_places places;
	char helo[256];
	(void)snprintf(helo, sizeof(helo), "%.*s", SLICE_ARG(t->helo));
	const struct proxy_client client = {.peer = t->client,
		.local = t->local,
		.ttl = (t->ttl > 0 ? t->ttl : PROXY_TTL) - 1,
		.session = t->session,
		.helo = helo};
	if (client.ttl == 0) {
		(void)err_temporary(err, ERR_OTHER, "Too many proxies pass this client on");
		return err_status(err, "4.4.6");
	}
	if (!proxy_places_parse(slice_str(hop->place), &places))
		return err_bug(err, "a place that is none");
	bool lmtp = d->lmtp || is_here(d->proxy, &places);
	if (proxy_hop_connect(hop, d->proxy->backends, &places, lmtp, &client,
		    d->proxy->settings->hostname, err) < 0)
		return not_there(err);
	log_info(t->log, "mail goes to a back end", F_STR("backend", hop->link.name));
	return 0;
}

static struct proxy_hop *hop_at(struct kept *k, struct slice place)
{
	for (size_t i = 0; i < k->count; i++)
		if (slice_eq_nocase(slice_str(k->hops[i]->place), place))
			return k->hops[i];
	return NULL;
}

static int too_many(struct smtp_transaction *t, const char *why, struct err *err)
{
	t->reply_code = 452;
	(void)err_temporary(err, ERR_LIMIT, "%s", why);
	return err_status(err, "4.5.3");
}

static struct proxy_hop *add_hop(struct kept *k, struct slice place)
{
	struct proxy_hop *hop = ALLOC(struct proxy_hop);
	hop->place = slice_dup(place);
	k->hops[k->count++] = hop;
	return hop;
}

/* With SMTP's one answer there is one back end in a transaction: another one only when the first
 * has taken nobody. */
static int leave_others(struct proxy_deliver *d, struct smtp_transaction *t, struct kept *k,
	struct slice place, struct err *err)
{
	for (size_t i = 0; i < k->count; i++) {
		struct proxy_hop *other = k->hops[i];
		if (d->lmtp || !other->open || slice_eq_nocase(slice_str(other->place), place))
			continue;
		if (other->t.count > 0)
			return too_many(t, "Recipients of this server only, the others next", err);
		proxy_hop_reset(other);
	}
	return 0;
}

/* A transaction at that place, begun if there is none. As proxy_hop_begin(). */
static int reach(struct proxy_deliver *d, struct smtp_transaction *t, struct slice place,
	struct proxy_hop **ret_hop, struct err *err)
{
	struct kept *k = kept_of(t);
	struct proxy_hop *hop = hop_at(k, place);
	if (leave_others(d, t, k, place, err) < 0)
		return -1;
	if (!hop && k->count == HOPS_MAX)
		return too_many(t, "Too many servers for one message", err);
	*ret_hop = hop = hop ? hop : add_hop(k, place);
	if (hop->open)
		return 0;
	if (!proxy_hop_is_usable(hop)) {
		proxy_hop_close(hop);
		if (connect_hop(d, t, hop, err) < 0)
			return -1;
	}
	int r = proxy_hop_begin(hop, t, err);
	if (r >= 0)
		return r;
	proxy_hop_close(hop);
	return not_there(err);
}

static struct smtp_recipient *find_named(struct proxy_hop *hop, struct slice address)
{
	for (size_t i = 0; i < hop->t.count; i++)
		if (slice_eq_nocase(hop->t.recipients[i]->envelope.path.address, address))
			return hop->t.recipients[i];
	return NULL;
}

static struct smtp_recipient *name(struct smtp_transaction *t, const struct smtp_recipient *r,
	const struct smtp_destination *to)
{
	struct smtp_recipient *named = ARENA_NEW(&t->arena, struct smtp_recipient);
	named->envelope = r->envelope;
	if (to->address.len > 0 && !envelope_parse_address(to->address, &named->envelope.path))
		named->envelope.path = (struct envelope_path){.address = to->address};
	return named;
}

/* Asks his back end for one of those whom a recipient stands for. Negative: he is not taken. */
static int add_target(struct proxy_deliver *d, struct smtp_transaction *t,
	const struct smtp_recipient *r, const struct smtp_destination *to, struct targets *targets,
	struct err *err)
{
	struct proxy_hop *hop = NULL;
	int done = reach(d, t, to->place, &hop, err);
	if (done != 0)
		return -1;
	struct smtp_recipient *named = name(t, r, to);
	struct smtp_recipient *same = find_named(hop, named->envelope.path.address);
	if (!same && (done = proxy_hop_add(hop, named, err)) != 0) {
		if (done > 0)
			return -1;
		/* Those whom it took before hear of it at the end. */
		proxy_hop_lose(hop, err);
		return not_there(err);
	}
	targets->at = arena_grow(
		&t->arena, targets->at, targets->count, &targets->room, sizeof(*targets->at));
	targets->at[targets->count++] = same ? same : named;
	return 0;
}

static bool is_worse(const struct err *one, const struct err *other)
{
	return one->class != ERR_PERMANENT && other->class == ERR_PERMANENT;
}

static int recipient(
	void *context, struct smtp_transaction *t, struct smtp_recipient *r, struct err *err)
{
	struct proxy_deliver *d = context;
	struct smtp_destinations to;
	struct targets *targets = ARENA_NEW(&t->arena, struct targets);
	if (look_up(d, t, r->envelope.path.address, r->envelope.path.domain, &to, err) < 0)
		return -1;
	for (size_t i = 0; i < to.count; i++) {
		struct err one;
		if (add_target(d, t, r, &to.items[i], targets, &one) == 0)
			continue;
		if (!targets->refused || is_worse(&one, &targets->err))
			targets->err = one;
		targets->refused = true;
	}
	r->backend = targets;
	if (targets->count > 0)
		return 0; /* of the others he hears at the end */
	*err = targets->err;
	return -1;
}

/* The worst of what became of those whom he stands for. */
static void answer(struct smtp_recipient *r)
{
	const struct targets *targets = r->backend;
	r->result = targets->refused ? -1 : 0;
	if (targets->refused)
		r->err = targets->err;
	for (size_t i = 0; i < targets->count; i++) {
		const struct smtp_recipient *one = targets->at[i];
		if (one->result == 0 || (r->result < 0 && !is_worse(&one->err, &r->err)))
			continue;
		r->result = -1;
		r->err = one->err;
	}
}

static void send_to(void *context, void *item)
{
	proxy_hop_send(*(struct proxy_hop **)item, context);
}

static int deliver(void *context, struct smtp_transaction *t, struct err *err)
{
	struct proxy_deliver *d = context;
	struct kept *k = kept_of(t);
	struct proxy_hop *hops[HOPS_MAX];
	size_t count = 0;
	for (size_t i = 0; i < k->count; i++)
		if (k->hops[i]->open && k->hops[i]->t.count > 0)
			hops[count++] = k->hops[i];
	net_together_run(&d->together, d->loop, send_to, t, hops, sizeof(*hops), count);
	for (size_t i = 0; i < t->count; i++)
		answer(t->recipients[i]);
	return 0;
}

const struct smtp_backend proxy_deliver_backend = {
	.sender = sender, .recipient = recipient, .deliver = deliver, .forget = forget};
