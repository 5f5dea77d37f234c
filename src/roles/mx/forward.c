/* Each recipient that forwards has a message of his own in the queue: others need not know that it
 * went to him, too. */
#include "roles/mx/forward.h"

#include "base/log.h"
#include "directory/address.h"

enum {
	SEAL_MAX = 64 * 1024,
	FIELD_MAX = 1024,
	DELIVERED_MAX = 100, /* fields Delivered-To; with more it has been to too many places */
};

static const char FIELD[] = "Delivered-To";

static int in_a_circle(struct mx_forward *f, const struct smtp_transaction *t,
	struct slice forwarder, struct err *err)
{
	(void)atomic_fetch_add(&f->looped, 1);
	log_warn(t->log, "a message that was forwarded is back",
		F_SLICE("sender", t->sender.path.address), F_SLICE("forwarder", forwarder));
	(void)err_permanent(err, ERR_OTHER,
		"Mail forwarding loop: %.*s has passed this message on before",
		SLICE_ARG(slice_sub(forwarder, 0, 100)));
	return err_status(err, "5.4.6");
}

/* The value without comments and brackets, as we and others write it. */
static struct slice address_of(struct slice value)
{
	value = slice_trim(value);
	if (value.len > 1 && value.ptr[0] == '<' && value.ptr[value.len - 1] == '>')
		value = slice_sub(value, 1, value.len - 2);
	return value;
}

/* Its author's domain is ours, and DMARC says that he is not: sent on from here, with a sender in a
 * domain of ours, it would pass DMARC. */
static int check_author(struct mx_forward *f, const struct mx_checked *checked, struct err *err)
{
	const struct slice domains[] = {checked->unwanted_author, checked->unwanted_by};
	for (size_t i = 0; i < ARRAY_LEN(domains); i++) {
		int ours = domains[i].len > 0 ? directory_domain(f->directory, domains[i], err)
					      : DIRECTORY_UNKNOWN;
		if (ours < 0)
			return ours;
		if (ours > 0)
			continue;
		(void)err_permanent(err, ERR_DENIED,
			"This message is not by %.*s, so it is not passed on (DMARC)",
			SLICE_ARG(checked->unwanted_author));
		return err_status(err, "5.7.1");
	}
	return 0;
}

static int check_circle(struct mx_forward *f, const struct smtp_transaction *t, struct err *err)
{
	struct slice known[DELIVERED_MAX], rest = t->message;
	struct message_field field;
	size_t count = 0;
	while (message_next_field(&rest, &field) && count < DELIVERED_MAX)
		if (slice_eq_nocase(field.name, slice_str(FIELD)))
			known[count++] = address_of(field.value);
	for (size_t i = 0; i < t->count; i++) {
		const struct mx_recipient *r = mx_recipient_of(t->recipients[i]);
		if (r->count > 0 && count == DELIVERED_MAX)
			return in_a_circle(f, t, r->forwarder, err);
		for (size_t k = 0; r->count > 0 && k < count; k++)
			if (slice_eq_nocase(known[k], r->forwarder))
				return in_a_circle(f, t, r->forwarder, err);
	}
	return 0;
}

int mx_forward_check(struct mx_forward *f, const struct smtp_transaction *t,
	const struct mx_checked *checked, struct err *err)
{
	bool goes_on = false;
	for (size_t i = 0; i < t->count; i++)
		goes_on |= mx_recipient_of(t->recipients[i])->count > 0;
	if (!goes_on)
		return 0;
	return check_circle(f, t, err) < 0 ? -1 : check_author(f, checked, err);
}

size_t mx_forward_set_aside(struct smtp_transaction *t)
{
	size_t count = t->count, kept = 0;
	for (size_t i = 0; i < count; i++) {
		struct smtp_recipient *r = t->recipients[i];
		if (mx_recipient_of(r)->count > 0 && !mx_recipient_of(r)->stays)
			continue;
		t->recipients[i] = t->recipients[kept];
		t->recipients[kept++] = r;
	}
	t->count = kept;
	return count;
}

void mx_forward_rejoin(struct smtp_transaction *t, size_t count)
{
	t->count = count;
}

/* RFC 3461 section 5.2.7: who hears of success from here, hears of none from there. */
static unsigned notify_of(unsigned notify, bool is_told_here)
{
	if (!is_told_here || !(notify & ENVELOPE_NOTIFY_SUCCESS))
		return notify;
	notify &= ~(unsigned)ENVELOPE_NOTIFY_SUCCESS;
	return notify ? notify : (unsigned)ENVELOPE_NOTIFY_NEVER;
}

/* The chain that came is that of the message as it is, unless a milter has put a set on it. */
static bool has_that_chain(
	const struct filter_message *message, const struct filter_arc_result *came)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct filter_arc_chain chain;
	(void)!filter_arc_collect(message->header, &arena, &chain);
	return chain.highest == came->chain.highest && chain.count == came->chain.count;
}

/* In front of `fields`, which stand in front of the message. Without a seal it goes on, too. */
static void seal(struct mx_forward *f, const struct smtp_transaction *t, struct slice domain,
	const struct mx_checked *checked, struct slice fields, struct buf *to)
{
	struct filter_message message = filter_message_of(t->message);
	struct keys *keys = mx_queue_keys(f->queue);
	struct err err = {0};
	message.added = fields;
	if (checked->results.len == 0 || f->conf->arc.seal == CONF_ARC_SEAL_NO ||
		!has_that_chain(&message, &checked->arc))
		return;
	int r = keys_seal(keys, domain, &message, &checked->arc, checked->results, to, &err);
	struct slice other = slice_str(f->conf->srs.domain);
	if (r == FILTER_ARC_NOT_SEALED && other.len > 0)
		r = keys_seal(keys, other, &message, &checked->arc, checked->results, to, &err);
	if (r < 0)
		log_warn(t->log, "a message could not be sealed", F_ERR(&err));
	(void)atomic_fetch_add(&f->sealed, r == 0);
}

/* To whom it goes. */
static void address(
	const struct smtp_recipient *r, struct arena *arena, struct mx_queue_onward *onward)
{
	const struct mx_recipient *m = mx_recipient_of(r);
	struct queue_recipient *to = ARENA_ARRAY(arena, struct queue_recipient, m->count);
	unsigned notify = notify_of(r->envelope.notify, m->stays || m->count > 1);
	for (size_t i = 0; i < m->count; i++) {
		struct envelope_path path;
		to[i] = (struct queue_recipient){
			.address = m->elsewhere[i], .notify = notify, .orcpt = r->envelope.orcpt};
		onward->smtputf8 |= envelope_parse_address(to[i].address, &path) && path.is_utf8;
	}
	onward->recipients = to;
	onward->count = m->count;
}

static int send_on(struct mx_forward *f, struct smtp_transaction *t, const struct smtp_recipient *r,
	const struct mx_checked *checked, struct slice why, struct err *err)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	AUTO(buf_free) struct buf fields = BUF(FIELD_MAX + t->extra.len);
	AUTO(buf_free) struct buf head = BUF(SEAL_MAX + FIELD_MAX + t->extra.len);
	struct slice forwarder = mx_recipient_of(r)->forwarder;
	struct slice domain = directory_domain_of(forwarder);
	struct mx_queue_onward onward = {.why = why, .smtputf8 = t->sender.smtputf8};
	if (mx_srs_sender(f->srs, &t->sender.path, domain, &arena, &onward.sender, err) < 0)
		return -1;
	address(r, &arena, &onward);
	buf_printf(&fields, "%s: %.*s\r\n", FIELD, SLICE_ARG(forwarder));
	buf_add_slice(&fields, t->extra);
	seal(f, t, domain, checked, buf_slice(&fields), &head);
	buf_add_slice(&head, buf_slice(&fields));
	if (fields.failed || head.failed)
		return err_temporary(err, ERR_LIMIT, "no memory for a message that goes on");
	onward.head = buf_slice(&head);
	if (mx_queue_send_on(f->queue, t, &onward, err) < 0)
		return -1;
	(void)atomic_fetch_add(&f->forwarded, onward.count);
	log_info(t->log, "message goes on", F_SLICE("sender", onward.sender),
		F_SLICE("forwarder", forwarder), F_UINT("addresses", onward.count));
	return 0;
}

static bool comes_again(const struct smtp_transaction *t)
{
	for (size_t i = 0; i < t->count; i++)
		if (t->recipients[i]->result < 0 && t->recipients[i]->err.class != ERR_PERMANENT)
			return true;
	return false;
}

int mx_forward_queue(struct mx_forward *f, struct smtp_transaction *t,
	const struct mx_checked *checked, struct slice why, struct err *err)
{
	if (comes_again(t))
		return 0;
	for (size_t i = 0; i < t->count; i++) {
		struct smtp_recipient *r = t->recipients[i];
		const struct mx_recipient *m = mx_recipient_of(r);
		if (m->count == 0 || r->result < 0)
			continue;
		if (send_on(f, t, r, checked, why, err) < 0)
			return -1;
		if (!m->stays && m->count > 1)
			mx_dsn_expanded(f->report, t, r);
	}
	return 0;
}

void mx_forward_metrics(struct mx_forward *f, struct role *role, struct buf *to)
{
	role_metric(role, to, "forwarded_total", "", f->forwarded);
	role_metric(role, to, "forwarded_sealed_total", "", f->sealed);
	role_metric(role, to, "forward_loops_total", "", f->looped);
}
