/* LMTP as a client. With PIPELINING and CHUNKING a small message is one write and one read.
 *
 * A message whose end has left us may have been delivered, whatever becomes of the answer: it is
 * never sent again from here. The caller may, if the server knows what it has (XDELIVERY). */
#include "smtp/client_internal.h"

int smtp_client_reach(struct smtp_client_pool *pool, struct err *err)
{
	struct smtp_client_link link;
	unsigned tried = 0;
	if (smtp_client_open(pool, &tried, &link, err) < 0)
		return err_prefix(err, "the store can't be reached");
	smtp_client_keep(&link);
	return 0;
}

/* What the message needs and the server lacks. */
static int check_needs(
	const struct smtp_exchange *c, const struct smtp_transaction *t, struct err *err)
{
	const char *lacks =
		t->sender.smtputf8 && !(c->extensions & SMTP_HAS_SMTPUTF8) ? "SMTPUTF8"
		: t->sender.body == ENVELOPE_BINARYMIME && !(c->extensions & SMTP_HAS_CHUNKING)
			? "BINARYMIME"
			: NULL;
	if (!lacks)
		return 0;
	(void)err_permanent(err, ERR_OTHER, "The mailbox's server can't take %s", lacks);
	return err_status(err, "5.6.1");
}

static void forget_results(struct smtp_transaction *t)
{
	for (size_t i = 0; i < t->count; i++) {
		t->recipients[i]->result = 0;
		t->recipients[i]->doubt = SMTP_NO_DOUBT;
	}
}

static bool knows_again(const struct smtp_exchange *c, const struct smtp_transaction *t)
{
	return (c->extensions & SMTP_HAS_XDELIVERY) && !id_is_none(t->sender.delivery);
}

/* Whoever has no answer of his own may have it. */
static int lose(const struct smtp_exchange *c, struct smtp_transaction *t, enum smtp_exchanged r,
	struct err *err)
{
	bool known = knows_again(c, t);
	log_warn(t->log, known ? "answer lost" : "answer lost, the message may be doubled",
		F_STR("id", t->session), F_SLICE("sender", t->sender.path.address));
	if (r == SMTP_EXCHANGE_BROKEN)
		(void)err_prefix(err, "the store did not answer");
	for (size_t i = 0; i < t->count; i++) {
		struct smtp_recipient *one = t->recipients[i];
		if (r == SMTP_EXCHANGE_BROKEN && one->result == 0) {
			one->result = -1;
			one->err = *err;
			one->doubt = SMTP_DOUBT;
		}
		if (one->doubt != SMTP_NO_DOUBT && known)
			one->doubt = SMTP_DOUBT_KNOWN;
	}
	return SMTP_CLIENT_LOST;
}

int smtp_client_deliver(struct smtp_client_pool *pool, struct smtp_transaction *t, struct err *err)
{
	unsigned tried = 0;
	bool met = false;
	for (;;) {
		struct smtp_client_link link;
		struct err unreached;
		forget_results(t);
		if (smtp_client_open(pool, &tried, &link, &unreached) < 0) {
			if (!met) /* else what has broken says more */
				*err = unreached;
			return err_prefix(err,
				met ? "the store did not answer" : "the store can't be reached");
		}
		if (check_needs(&link.x, t, err) < 0) {
			smtp_client_keep(&link);
			return -1;
		}
		smtp_exchange_take(&link.x, t);
		enum smtp_exchanged r = smtp_exchange_run(&link.x, t, err);
		if (r == SMTP_EXCHANGE_DONE) {
			smtp_client_keep(&link);
			return 0;
		}
		/* An idle connection may have ended just now: then nothing was taken. */
		bool was_idle = link.reused && !link.x.answered && !link.x.complete;
		smtp_client_drop(pool, &link, !was_idle, &tried);
		if (link.x.complete && (r == SMTP_EXCHANGE_BROKEN || link.x.lost))
			return lose(&link.x, t, r, err);
		if (r == SMTP_EXCHANGE_KNOWN)
			return 0;
		met = met || !was_idle;
	}
}
