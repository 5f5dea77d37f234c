/* Messages on a connection that is open. */
#include "smtp/fit.h"
#include "smtp/outbound_internal.h"

/* All who have no answer get this one. */
static void fill(struct smtp_transaction *t, const struct err *err)
{
	for (size_t i = 0; i < t->count; i++) {
		struct smtp_recipient *r = t->recipients[i];
		if (r->result < 0)
			continue;
		r->result = -1;
		r->err = *err;
	}
}

static bool is_anybody_left(const struct smtp_transaction *t)
{
	for (size_t i = 0; i < t->count; i++)
		if (t->recipients[i]->result >= 0)
			return true;
	return false;
}

static enum smtp_sent exchange(struct smtp_outbound *o, struct smtp_transaction *t)
{
	struct err err;
	switch (smtp_exchange_run(&o->x, t, &err)) {
	case SMTP_EXCHANGE_DONE:
		return SMTP_SENT;
	case SMTP_EXCHANGE_BROKEN:
		fill(t, &err);
		break;
	case SMTP_EXCHANGE_KNOWN:
		break;
	}
	o->ended = true;
	return o->x.lost ? SMTP_SENT_IN_DOUBT : SMTP_SENT_ENDED;
}

enum smtp_sent smtp_outbound_send(struct smtp_outbound *o, struct smtp_transaction *t)
{
	struct err err;
	struct smtp_fit fit = {
		.offer = &o->offer,
		.tls_verified = o->verified,
		.spool_dir_fd = o->spool_dir_fd,
	};
	enum smtp_sent sent = SMTP_SENT;
	for (size_t i = 0; i < t->count; i++) {
		t->recipients[i]->result = 0;
		t->recipients[i]->said = NULL;
	}
	o->x.answered = o->x.complete = o->x.lost = false;
	if (o->ended) {
		(void)err_temporary(&err, ERR_UNAVAILABLE, "the connection has ended before");
		fill(t, &err);
		return SMTP_SENT_ENDED;
	}
	if (smtp_fit_message(&fit, &o->x, t, &err) < 0)
		fill(t, &err);
	else if (is_anybody_left(t))
		sent = exchange(o, t);
	smtp_fit_end(&fit);
	return sent;
}
