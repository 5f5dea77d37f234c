/* LMTP's recipients as accounts, its messages as deliveries. */
#include "roles/store/delivery.h"

#include "roles/store/homes.h"

#include "filter/junk.h"
#include "mail/change.h"

enum { TARGETS_MAX = 20000 }; /* mailboxes of one message; their rows lie in memory till it comes */

static struct mail_limits limits_of(const struct directory_user *user)
{
	return (struct mail_limits){
		.bytes = user->quota_bytes,
		.messages = user->quota_messages,
		.domain = user->domain_id,
		.domain_bytes = user->domain_quota_bytes,
		.domain_messages = user->domain_quota_messages,
	};
}

/* What goes on to elsewhere is the mx's affair, so those get nothing whose mail only goes on. When
 * there is nobody else it came here before they forwarded it, or past the mx: then it is kept. */
static int leave_out(struct directory_route *route, struct err *err)
{
	size_t kept = 0;
	if (route->count == 0) {
		(void)err_permanent(
			err, ERR_ABSENT, "This address is elsewhere: the mx leads there");
		return err_status(err, "5.4.4");
	}
	if (!directory_route_stays(route))
		return 0;
	for (size_t i = 0; i < route->count; i++)
		if (!route->users[i].no_copy)
			route->users[kept++] = route->users[i];
	route->count = kept;
	return 0;
}

static int recipient(
	void *context, struct smtp_transaction *t, struct smtp_recipient *r, struct err *err)
{
	const struct delivery *d = context;
	struct directory_route *route = ARENA_NEW(&t->arena, struct directory_route);
	int found = directory_lookup(d->directory, r->envelope.path.address, &t->arena, route, err);
	if (found == DIRECTORY_UNKNOWN) {
		(void)err_permanent(err, ERR_ABSENT, "No such user here");
		return err_status(err, "5.1.1");
	}
	if (found == DIRECTORY_DENIED) {
		(void)err_permanent(err, ERR_DENIED, "This mailbox takes no mail");
		return err_status(err, "5.2.1");
	}
	if (found < 0 || leave_out(route, err) < 0)
		return -1;
	if (t->targets + route->count > TARGETS_MAX) {
		(void)err_temporary(err, ERR_LIMIT, "Too many mailboxes for one message");
		return err_status(err, "4.5.3");
	}
	t->targets += route->count;
	for (size_t i = 0; i < route->count; i++) {
		struct mail_limits limits = limits_of(&route->users[i]);
		if (mail_room_check(
			    d->mail, route->users[i].account, &limits, t->sender.size, err) < 0)
			return -1;
	}
	r->backend = route;
	return 0;
}

/* An alias's answer is that of its worst target. */
static void answer(struct smtp_recipient *r, const struct mail_delivery *deliveries, size_t count)
{
	r->result = 0;
	for (size_t i = 0; i < count; i++)
		if (deliveries[i].result < 0 && (r->result == 0 || r->err.class == ERR_PERMANENT)) {
			r->result = deliveries[i].result;
			r->err = deliveries[i].err;
		}
}

/* Who is not of ours may write into a header what he likes. */
static bool is_junk(const struct delivery *d, const struct smtp_transaction *t)
{
	return t->is_ours && filter_junk_is_marked(t->message, slice_str(d->junk_header));
}

/* Mail may come before a user's first login. */
static int prepare(const struct delivery *d, const struct directory_route *route, struct err *err)
{
	for (size_t i = 0; i < route->count; i++)
		if (store_home_prepare(d->mail, &route->users[i], err) < 0)
			return -1;
	return 0;
}

static int deliver(void *context, struct smtp_transaction *t, struct err *err)
{
	const struct delivery *d = context;
	enum mail_use use = is_junk(d, t) ? MAIL_USE_JUNK : 0;
	const struct envelope_sender *sender = &t->sender;
	size_t total = 0, at = 0;
	for (size_t i = 0; i < t->count; i++)
		total += ((const struct directory_route *)t->recipients[i]->backend)->count;
	struct mail_delivery *all = ARENA_ARRAY(&t->arena, struct mail_delivery, total);
	for (size_t i = 0; i < t->count; i++) {
		const struct directory_route *route = t->recipients[i]->backend;
		for (size_t u = 0; u < route->count; u++)
			all[at++] = (struct mail_delivery){
				.account = route->users[u].account,
				.limits = limits_of(&route->users[u]),
				.use = use,
				.id = id_is_none(sender->delivery)
					      ? ID_NONE
					      : mail_delivery_id(sender->delivery,
							t->recipients[i]->envelope.path.address,
							route->users[u].account),
				.again = sender->again,
			};
	}
	for (size_t i = 0; d->elsewhere && i < t->count; i++)
		if (prepare(d, t->recipients[i]->backend, err) < 0)
			return -1;
	if (mail_deliver(d->mail, t->message, all, total, err) < 0)
		return -1;
	at = 0;
	for (size_t i = 0; i < t->count; i++) {
		const struct directory_route *route = t->recipients[i]->backend;
		answer(t->recipients[i], all + at, route->count);
		at += route->count;
	}
	return 0;
}

const struct smtp_backend delivery_backend = {.recipient = recipient, .deliver = deliver};
