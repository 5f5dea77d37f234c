/* One report on its way. The commit that puts its message into the queue takes its rows away, so it
 * goes out once, whenever the process is killed. Only what goes by HTTPS, which no commit can hold,
 * may go twice, under the same id. */
#include "reports/reports_internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "filter/name.h"

enum {
	SIGNATURES_MAX = 256 * 1024,
	TRIES = 5, /* while others count on in the same report */
	RETRY_FIRST_S = 15 * 60,
	RETRY_MAX_S = 4 * 3600,
	GIVE_UP_S = DAY_SECONDS, /* RFC 8460 section 5.5 */
};

/* By each key of our domain, or of the nearest one above it. */
static int sign(const struct reports *r, struct slice domain, struct slice text, struct buf *to,
	struct err *err)
{
	struct filter_message message = filter_message_of(text);
	while (domain.len > 0 && to->len == 0) {
		if (keys_sign(r->options.keys, domain, &message, to, err) < 0)
			return -1;
		domain = filter_name_parent(domain);
	}
	return to->failed ? err_temporary(err, ERR_LIMIT, "no memory for signatures") : 0;
}

/* It is gone from what is gathered; nobody has counted on in it since it was read. */
static int take_away(void *context, struct store_write *write, struct err *err)
{
	const struct reports_outgoing *out = context;
	const struct reports_loaded *l = &out->loaded;
	struct store_collection *c;
	int r = store_write_collection(write, l->account, l->collection, &c, err);
	if (r != 0 || c->change != l->change)
		return r < 0 ? r : err_temporary(err, ERR_IN_USE, "it is changed at this moment");
	struct reports_sent sent = {
		.end = out->end, .sent_s = clock_wall(), .id = slice_str(out->id)};
	r = store_write_collection_gone(write, c, err);
	return r < 0 ? r : reports_sent_put(write, l->account, &l->name, &sent, err);
}

/* The same without a message. */
static int settle(struct reports *r, struct reports_outgoing *out, struct err *err)
{
	struct store_write *write;
	if (store_write_begin(r->options.store, &out->loaded.account, 1, &write, err) < 0)
		return -1;
	if (take_away(out, write, err) == 0)
		return store_write_commit(write, err);
	store_write_abort(write);
	return -1;
}

static int queue_mail(struct reports *r, struct reports_outgoing *out, struct err *err)
{
	AUTO(buf_free) struct buf signatures = BUF(SIGNATURES_MAX);
	struct queue_recipient to[FILTER_DMARC_DESTINATIONS_MAX] = {0};
	bool tls = out->loaded.name.kind == REPORTS_TLS;
	if (sign(r, out->submitter, buf_slice(&out->mail), &signatures, err) < 0)
		return -1;
	if (tls && signatures.len == 0)
		return err_temporary(err, ERR_ABSENT,
			"a report of TLS must be signed, and %.*s has no DKIM key",
			SLICE_ARG(out->submitter));
	for (size_t i = 0; i < out->address_count; i++) {
		struct slice domain = out->addresses[i];
		while (slice_find(domain, '@') >= 0)
			(void)slice_cut(&domain, '@');
		int where = r->options.find_domain(r->options.context, domain, err);
		if (where < 0)
			return -1;
		to[i] = (struct queue_recipient){.address = out->addresses[i], .local = where == 0};
	}
	const struct queue_also also = {
		.account = out->loaded.account, .write = take_away, .context = out};
	const struct queue_message message = {.sender = slice_str(r->options.envelope_from),
		.session = slice_str(out->id),
		.recipients = to,
		.count = out->address_count,
		.tls_optional = tls,
		.head = buf_slice(&signatures),
		.text = buf_slice(&out->mail),
		.also = &also};
	return queue_add(r->options.queue, &message, err);
}

/* How many took it; *err is set when one did not. */
static size_t post(struct reports *r, struct reports_outgoing *out, struct err *err)
{
	size_t done = 0;
	for (size_t i = 0; i < out->post_count; i++) {
		if (r->options.post(
			    r->options.context, out->posts[i], buf_slice(&out->gzip), err) == 0)
			done++;
		else
			log_warn(NULL, "a report can't be posted",
				F_SLICE("domain", out->loaded.name.domain),
				F_SLICE("to", out->posts[i]), F_ERR(err));
	}
	return done;
}

/* Positive: so many took it, or would: 0 is nobody. One that took it is enough (RFC 8460 section
 * 3). */
static int hand_out(struct reports *r, struct reports_outgoing *out, struct err *err)
{
	size_t wanted = out->post_count + out->address_count, posted = post(r, out, err);
	if (wanted > 0 && posted == 0 && out->address_count == 0)
		return -1;
	if (out->address_count > 0 && queue_mail(r, out, err) == 0)
		return (int)(posted + out->address_count);
	if (out->address_count > 0 && (posted == 0 || err->kind == ERR_IN_USE))
		return -1;
	return settle(r, out, err) < 0 ? -1 : (int)posted;
}

/* It is tried again later, or thrown away after a day. */
static void put_off(struct reports *r, struct reports_outgoing *out, const struct err *why)
{
	AUTO(buf_free) struct buf data = BUF(REPORTS_ABOUT_MAX + 128);
	struct reports_head head = out->loaded.head;
	struct store_write *write;
	struct store_collection *c;
	struct err err;
	int64_t now = clock_wall();
	head.first_s = head.first_s ? head.first_s : now;
	head.next_s = now + MIN((int64_t)RETRY_FIRST_S << MIN(head.attempts, 8u), RETRY_MAX_S);
	head.attempts++;
	bool over = now - head.first_s >= GIVE_UP_S;
	log_warn(NULL, over ? "a report is given up" : "a report can't be sent yet",
		F_STR("kind", reports_kind_name(out->loaded.name.kind)),
		F_SLICE("domain", out->loaded.name.domain), F_ERR(why));
	reports_head_write(&head, &data);
	int done = store_write_begin(r->options.store, &out->loaded.account, 1, &write, &err);
	if (done < 0)
		return;
	done = store_write_collection(write, out->loaded.account, out->loaded.collection, &c, &err);
	if (done == 0 && over)
		done = store_write_collection_gone(write, c, &err);
	else if (done == 0 && c->change == out->loaded.change) {
		c->data = buf_slice(&data);
		store_write_collection_changed(write, c);
	}
	if (done == 0)
		done = store_write_commit(write, &err);
	else
		store_write_abort(write);
	(void)atomic_fetch_add(&r->given_up, over && done == 0);
}

static void tell(struct reports *r, const struct reports_outgoing *out, int sent)
{
	const struct reports_loaded *l = &out->loaded;
	if (sent > 0)
		(void)atomic_fetch_add(
			l->name.kind == REPORTS_DMARC ? &r->dmarc_sent : &r->tls_sent, 1);
	log_info(NULL, sent > 0 ? "a report is on its way" : "nobody wants a report",
		F_STR("kind", reports_kind_name(l->name.kind)), F_SLICE("domain", l->name.domain),
		F_STR("id", out->id), F_UINT("counted", l->head.good + l->head.bad),
		F_UINT("rows", l->count), F_UINT("destinations", (uint64_t)sent));
}

static int try_once(struct reports *r, struct id account, struct slice name,
	struct reports_outgoing *out, struct err *err)
{
	reports_outgoing_free(out);
	*out = (struct reports_outgoing){.arena = ARENA_EMPTY};
	int found = reports_load(r, account, name, &out->arena, &out->loaded, err);
	if (found != 0)
		return found < 0 ? found : -STORE_ABSENT - 1;
	if (reports_build(r, out, err) < 0)
		return -1;
	return hand_out(r, out, err);
}

int reports_send_one(struct reports *r, struct id account, struct slice name,
	struct reports_outgoing *out, struct reports_sent_now *ret_sent, struct err *err)
{
	int sent = -1;
	for (int i = 0; i < TRIES && sent == -1; i++) {
		*err = (struct err){0};
		sent = try_once(r, account, name, out, err);
		if (sent == -1 && err->kind != ERR_IN_USE)
			break;
	}
	if (sent < -1)
		return STORE_ABSENT;
	*ret_sent = (struct reports_sent_now){.name = out->loaded.name,
		.id = out->id,
		.good = out->loaded.head.good,
		.bad = out->loaded.head.bad,
		.destinations = sent > 0 ? (size_t)sent : 0};
	if (sent >= 0) {
		tell(r, out, sent);
		return 0;
	}
	ret_sent->failure = err;
	(void)atomic_fetch_add(&r->failures, 1);
	put_off(r, out, err);
	return 0;
}
