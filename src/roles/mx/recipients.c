/* A rewritten sender is looked for first: no user and no catch-all has an address of that form. */
#include "roles/mx/recipients.h"

#include "base/log.h"

static const struct mx_recipient RELAYED = {.relayed = true},
				 AT_PRIMARY = {.relayed = true, .at_primary = true};

static void set(struct smtp_recipient *r, const struct mx_recipient *what)
{
	r->backend = (void *)what;
}

/* Users and milters may send to other servers; other servers may not, but to domains whose backup
 * we are. */
static int unknown(
	const struct mx_recipients *m, bool may_leave, struct smtp_recipient *r, struct err *err)
{
	int ours = directory_domain(m->directory, r->envelope.path.domain, err);
	if (ours < 0)
		return -1;
	if (ours == 0) {
		(void)err_permanent(err, ERR_ABSENT, "No such user here");
		return err_status(err, "5.1.1");
	}
	if (may_leave || (m->backup && mx_backup_has(m->backup, r->envelope.path.domain))) {
		set(r, may_leave ? &RELAYED : &AT_PRIMARY);
		return 0;
	}
	(void)err_permanent(err, ERR_DENIED, "Relaying is not allowed");
	return err_status(err, "5.7.1");
}

/* It goes on to these. What the message has of them already is counted. */
static int forward(struct smtp_transaction *t, struct smtp_recipient *r, struct slice forwarder,
	const struct slice *elsewhere, size_t count, const struct smtp_destinations *to,
	struct err *err)
{
	size_t forwarders = 0, before = 0;
	for (size_t i = 0; i < t->count; i++) {
		forwarders += mx_recipient_of(t->recipients[i])->count > 0;
		before += mx_recipient_of(t->recipients[i])->count;
	}
	if (forwarders == MX_FORWARDERS_MAX || before + count > MX_FORWARDS_MAX) {
		t->reply_code = 452;
		(void)err_temporary(err, ERR_LIMIT, "Too many forwarded recipients");
		return err_status(err, "4.5.3");
	}
	struct mx_recipient *made = ARENA_NEW(&t->arena, struct mx_recipient);
	made->stays = to != NULL;
	if (to)
		made->to = *to;
	made->forwarder = arena_copy(&t->arena, forwarder);
	made->elsewhere = ARENA_ARRAY(&t->arena, struct slice, count);
	made->count = count;
	for (size_t i = 0; i < count; i++)
		made->elsewhere[i] = arena_copy(&t->arena, elsewhere[i]);
	set(r, made);
	return 0;
}

/* He, or those behind him, live there. What is named one by one is counted, since one address may
 * stand for thousands. */
static int find_places(const struct mx_recipients *m, struct smtp_transaction *t,
	struct slice address, const struct directory_route *route, struct smtp_destinations *ret_to,
	struct err *err)
{
	if (mx_local_route(m->local, route, address, &t->arena, ret_to, err) < 0)
		return -1;
	if (ret_to->count > 1)
		t->targets += ret_to->count;
	if (t->targets <= MX_TARGETS_MAX || ret_to->count == 1)
		return 0;
	t->targets -= ret_to->count;
	t->reply_code = 452;
	(void)err_temporary(err, ERR_LIMIT, "Too many mailboxes for one message");
	return err_status(err, "4.5.3");
}

static int look_up(const struct mx_recipients *m, struct smtp_transaction *t,
	struct smtp_recipient *r, bool may_leave, struct err *err)
{
	/* Not the transaction's: an alias may be long, and who of ours is behind it is the store's
	 * affair. */
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct directory_route route;
	int found = directory_lookup(m->directory, r->envelope.path.address, &arena, &route, err);
	if (found == DIRECTORY_UNKNOWN)
		return unknown(m, may_leave, r, err);
	if (found == DIRECTORY_DENIED) {
		(void)err_permanent(err, ERR_DENIED, "This mailbox takes no mail");
		return err_status(err, "5.2.1");
	}
	if (found < 0)
		return -1;
	struct smtp_destinations to;
	bool stays = directory_route_stays(&route) || route.elsewhere_count == 0;
	if (stays && find_places(m, t, r->envelope.path.address, &route, &to, err) < 0)
		return -1;
	if (route.elsewhere_count > 0)
		return forward(t, r, route.matched, route.elsewhere, route.elsewhere_count,
			stays ? &to : NULL, err);
	struct mx_recipient *made = ARENA_NEW(&t->arena, struct mx_recipient);
	made->stays = true;
	made->to = to;
	set(r, made);
	return 0;
}

/* Who it stands for may be one of ours: then he is the recipient. */
static int lead_back(const struct mx_recipients *m, struct smtp_transaction *t,
	struct smtp_recipient *r, struct slice address, struct err *err)
{
	struct envelope_path path;
	if (!envelope_parse_address(address, &path))
		return err_bug(err, "a rewritten sender stands for no address");
	int ours = directory_domain(m->directory, path.domain, err);
	if (ours < 0)
		return -1;
	if (ours != 0)
		return forward(t, r, r->envelope.path.address, &address, 1, NULL, err);
	r->envelope.path = path;
	return look_up(m, t, r, false, err);
}

int mx_recipients_find(struct mx_recipients *m, struct smtp_transaction *t,
	struct smtp_recipient *r, bool may_leave, struct err *err)
{
	struct slice address;
	int back = mx_srs_back(m->srs, &r->envelope.path, &t->arena, &address, err);
	if (back == MX_SRS_NONE)
		return look_up(m, t, r, may_leave, err);
	if (back == 0)
		back = lead_back(m, t, r, address, err);
	(void)atomic_fetch_add(back == 0 ? &m->led_back : &m->not_led_back, 1);
	if (back == 0)
		log_info(t->log, "mail to a rewritten sender",
			F_SLICE("recipient", r->envelope.path.address), F_SLICE("to", address));
	return back;
}

/* `to` is where he lives, also when nobody is there: then our store says so. */
static void list_report(struct slice address, const struct smtp_destinations *to,
	const struct directory_route *route, struct arena *arena, struct queue_recipient **ret_list,
	size_t *ret_count)
{
	size_t count = 0;
	*ret_list =
		ARENA_ARRAY(arena, struct queue_recipient, to->count + route->elsewhere_count + 1);
	for (size_t i = 0; i < to->count; i++)
		(*ret_list)[count++] = (struct queue_recipient){
			.address = to->items[i].address.len > 0 ? to->items[i].address : address,
			.local = true,
			.place = to->items[i].place};
	for (size_t i = 0; i < route->elsewhere_count; i++)
		(*ret_list)[count++] = (struct queue_recipient){.address = route->elsewhere[i]};
	*ret_count = count;
}

int mx_recipients_of_report(struct mx_recipients *m, struct slice sender, struct arena *arena,
	struct queue_recipient **ret_list, size_t *ret_count, struct err *err)
{
	struct envelope_path path;
	struct directory_route route = {.elsewhere = &sender, .elsewhere_count = 1};
	struct smtp_destinations to = {.count = 0};
	int back = MX_SRS_NONE, ours = DIRECTORY_UNKNOWN;
	if (envelope_parse_address(sender, &path))
		back = mx_srs_back(m->srs, &path, arena, &sender, err);
	if (back < 0 && err->class != ERR_PERMANENT)
		return back;
	if (envelope_parse_address(sender, &path))
		ours = directory_domain(m->directory, path.domain, err);
	if (ours < 0)
		return ours;
	if (ours == 0) {
		int found = directory_lookup(m->directory, sender, arena, &route, err);
		if (found < 0)
			return found;
		if (found > 0)
			route = (struct directory_route){.count = 0};
		if ((found > 0 || directory_route_stays(&route)) &&
			mx_local_route(m->local, &route, sender, arena, &to, err) < 0)
			return -1;
	}
	list_report(sender, &to, &route, arena, ret_list, ret_count);
	return 0;
}
