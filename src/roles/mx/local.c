/* Where somebody lives is asked at RCPT, and again when his mail leaves the queue: he may have
 * moved meanwhile. */
#include "roles/mx/local.h"

#include "base/alloc.h"
#include "roles/mx/sending.h"

enum { HOUSE_MS = 60 * 1000 };

static const struct smtp_destination OWN_STORE = {.place = {.len = 0}, .address = {.len = 0}};
static const struct smtp_destinations TO_OWN_STORE = {&OWN_STORE, 1};

static void keep_house(void *context)
{
	smtp_places_keep_house(((struct mx_local *)context)->places);
}

static int set_default(struct mx_local *l, const char *host, struct err *err)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct slice name;
	if (smtp_places_name(l->places, slice_str(host), &arena, &name, err) == 0) {
		(void)snprintf(l->default_place, sizeof(l->default_place), "%.*s", SLICE_ARG(name));
		return 0;
	}
	return err_permanent(err, ERR_BAD_INPUT, "mx.default_host: \"%.200s\" is no host", host);
}

int mx_local_init(
	struct mx_local *l, struct role *role, struct directory *directory, struct err *err)
{
	const struct conf_mx *conf = &role->settings->mx;
	const struct smtp_places_options options = {.own = conf->store.items,
		.own_count = conf->store.count,
		.hostname = role->settings->hostname,
		.names = role->settings->proxy.names.items,
		.name_count = role->settings->proxy.names.count,
		.ca_file = conf->store_authorities[0] ? conf->store_authorities : NULL,
		.port = (uint16_t)conf->backend_port,
		.tls = conf->backend_tls == CONF_MX_BACKEND_STARTTLS,
		.timeout_ms = (unsigned)conf->store_timeout_ms};
	*l = (struct mx_local){.directory = directory,
		.loop = role->loop,
		.separator = role->settings->store.plus_separator[0]};
	if (smtp_places_new(&options, &l->places, err) < 0)
		return err_prefix(err, "mx.store");
	if (set_default(l, conf->default_host, err) < 0)
		return -1;
	net_loop_every(role->loop, HOUSE_MS, keep_house, l);
	return 0;
}

void mx_local_deinit(struct mx_local *l)
{
	smtp_places_free(l->places);
}

static int place_of(void *context, const struct directory_user *user, struct arena *arena,
	struct slice *ret_place, struct err *err)
{
	const struct mx_local *l = context;
	*ret_place = slice_str(l->default_place);
	return user->to_host.len == 0
		       ? 0
		       : smtp_places_name(l->places, user->to_host, arena, ret_place, err);
}

static bool has_hosts(const struct mx_local *l, const struct directory_route *route)
{
	bool has = l->default_place[0];
	for (size_t i = 0; !has && i < route->count; i++)
		has = route->users[i].to_host.len > 0;
	return has;
}

int mx_local_route(struct mx_local *l, const struct directory_route *route, struct slice address,
	struct arena *arena, struct smtp_destinations *ret_destinations, struct err *err)
{
	*ret_destinations = TO_OWN_STORE;
	if (!l || !has_hosts(l, route))
		return 0;
	const struct smtp_router router = {place_of, l, l->separator};
	return smtp_route(&router, route, address, arena, ret_destinations, err);
}

struct mx_local_peer {
	struct mx_local *local;
	struct smtp_place *place;
	struct slice name; /* owned */
};

int mx_local_open(
	struct mx_local *l, struct slice place, struct mx_local_peer **ret_peer, struct err *err)
{
	struct smtp_place *at;
	if (smtp_places_take(l->places, place, &at, err) < 0)
		return -1;
	if (smtp_client_reach(smtp_place_pool(at), err) < 0) {
		smtp_place_set_away(at);
		smtp_places_give(l->places, at);
		return -1;
	}
	smtp_place_set_here(at);
	*ret_peer = ALLOC(struct mx_local_peer);
	**ret_peer = (struct mx_local_peer){l, at, slice_str(slice_dup(place))};
	return 0;
}

void mx_local_close(struct mx_local_peer *peer)
{
	smtp_places_give(peer->local->places, peer->place);
	free((char *)peer->name.ptr);
	free(peer);
}

/* Who is unknown by now, or takes no mail, is his last store's affair: it says so. */
static int find(struct mx_local *l, struct slice address, struct slice last, struct arena *arena,
	struct smtp_destinations *ret_destinations, struct err *err)
{
	struct directory_route route;
	int found = directory_lookup(l->directory, address, arena, &route, err);
	if (found == 0)
		return mx_local_route(l, &route, address, arena, ret_destinations, err);
	if (found > 0)
		*ret_destinations = smtp_route_to(last, arena);
	return found < 0 ? -1 : 0;
}

int mx_local_place(struct mx_local *l, const struct queue_entry *e,
	char ret_place[QUEUE_PLACE_MAX + 1], struct err *err)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct smtp_destinations to;
	if (find(l, e->recipient, e->place, &arena, &to, err) < 0)
		return -1;
	/* Of one with several places any will do: from there it is split. */
	struct slice place = to.items[0].place;
	for (size_t i = 1; i < to.count; i++)
		if (slice_eq(to.items[i].place, e->place))
			place = e->place;
	(void)snprintf(ret_place, QUEUE_PLACE_MAX + 1, "%.*s", SLICE_ARG(place));
	return 0;
}

static struct smtp_destinations destinations_of(const struct smtp_recipient *r)
{
	return *(const struct smtp_destinations *)r->backend;
}

/* Whom this delivery is for, in `s`; false: an outcome says why he is not. */
static bool is_for(struct mx_local_peer *peer, struct mx_sending *s, struct queue_delivery *d,
	size_t i, bool *ret_plain)
{
	struct queue_outcome *o = &d->outcomes[i];
	struct smtp_destinations *to = ARENA_NEW(&s->t.arena, struct smtp_destinations);
	struct err err;
	if (find(peer->local, d->entries[i].recipient, peer->name, &s->t.arena, to, &err) < 0) {
		*o = (struct queue_outcome){.result = -1, .err = err};
		return false;
	}
	*ret_plain = smtp_destinations_is_plain(to, peer->name);
	if (to->count == 1 && !*ret_plain) {
		o->moved = true;
		(void)snprintf(o->place, sizeof(o->place), "%.*s", SLICE_ARG(to->items[0].place));
		return false;
	}
	s->recipients[i].backend = to;
	return true;
}

/* The recipients of the transaction become those who are meant; all plain? */
static bool choose(
	struct mx_local_peer *peer, struct mx_sending *s, struct queue_delivery *d, bool *chosen)
{
	bool all_plain = true;
	s->t.count = 0;
	for (size_t i = 0; i < d->count; i++) {
		bool plain;
		chosen[i] = is_for(peer, s, d, i, &plain);
		if (!chosen[i])
			continue;
		s->t.recipients[s->t.count++] = &s->recipients[i];
		all_plain = all_plain && plain;
	}
	return all_plain;
}

static void tell(const struct mx_sending *s, struct queue_delivery *d, const bool *chosen)
{
	for (size_t i = 0; i < d->count; i++) {
		struct queue_outcome *o = &d->outcomes[i];
		if (!chosen[i])
			continue;
		*o = (struct queue_outcome){.result = s->recipients[i].result};
		if (o->result < 0)
			o->err = s->recipients[i].err;
		o->lost = o->result < 0 && s->recipients[i].doubt != SMTP_NO_DOUBT;
	}
}

/* An alias whose users have parted since it was taken: what is missing at one place is sent again
 * to all, which know what they have. */
static int send_parts(struct mx_local_peer *peer, struct mx_sending *s)
{
	struct smtp_split split;
	int r = 0;
	smtp_split_begin(&split, &s->t, destinations_of);
	smtp_split_deliver(peer->local->places, peer->local->loop, split.parts, split.count);
	for (size_t i = 0; i < split.count; i++)
		if (slice_eq(split.parts[i].place, peer->name) && split.parts[i].outcome != 0 &&
			split.parts[i].err.class != ERR_PERMANENT)
			r = QUEUE_PEER_GONE;
	smtp_split_end(&split);
	return r;
}

static int send_together(struct mx_local_peer *peer, struct mx_sending *s, struct err *err)
{
	struct smtp_split_part all = {.place = peer->name, .t = &s->t};
	smtp_split_deliver(peer->local->places, NULL, &all, 1);
	if (all.outcome < 0)
		*err = all.err;
	return all.outcome == SMTP_CLIENT_LOST                     ? QUEUE_PEER_GONE
	       : all.outcome < 0 && all.err.class != ERR_PERMANENT ? -1
								   : 0;
}

int mx_local_send(struct mx_local_peer *peer, struct queue_delivery *d, struct err *err)
{
	struct mx_sending s;
	mx_sending_begin(&s, d);
	bool *chosen = ARENA_ARRAY(&s.t.arena, bool, d->count);
	bool plain = choose(peer, &s, d, chosen);
	int r = s.t.count == 0 ? 0 : plain ? send_together(peer, &s, err) : send_parts(peer, &s);
	tell(&s, d, chosen);
	mx_sending_end(&s);
	return r;
}
