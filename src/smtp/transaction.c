/* From MAIL to the end of the message. */
#include "smtp/session_internal.h"

#include "base/alloc.h"
#include "net/tls.h"

/* The client of our own role that is the client here. */
static const struct net_address *origin_of(struct smtp_session *s, struct smtp_transaction *t)
{
	struct net_address *origin = ARENA_NEW(&t->arena, struct net_address);
	struct slice ip;
	bool told = t->sender.client.len > 0 && smtp_is_ours(s) &&
		    envelope_from_xtext(t->sender.client, &t->arena, &ip) &&
		    net_address_of_ip(ip, 0, origin);
	return told ? origin : NULL;
}

void smtp_transaction_begin(struct smtp_session *s, const struct envelope_sender *sender)
{
	smtp_transaction_end(s);
	struct smtp_transaction *t = ALLOC(struct smtp_transaction);
	t->sender = *sender;
	struct slice *const owned[] = {&t->sender.path.address, &t->sender.path.local,
		&t->sender.path.domain, &t->sender.envid, &t->sender.auth, &t->sender.session,
		&t->sender.client};
	for (size_t i = 0; i < ARRAY_LEN(owned); i++)
		*owned[i] = arena_copy(&t->arena, *owned[i]);
	t->user = slice_str(s->user);
	t->log = net_log(s->net);
	t->client = net_peer(s->net);
	t->local = net_local(s->net);
	t->helo = slice_str(s->helo);
	t->tls = net_tls_info(s->net);
	t->kept = &s->kept;
	t->ttl = s->client_ttl;
	t->is_ours = smtp_is_ours(s);
	t->origin = origin_of(s, t);
	t->session = smtp_is_ours(s) && t->sender.session.len > 0 ? t->sender.session.ptr
								  : net_session_id(s->net);
	s->transaction = t;
}

void smtp_spool_end(struct smtp_session *s)
{
	if (!s->spool)
		return;
	spool_free(s->spool);
	s->spool = NULL;
	atomic_fetch_sub_explicit(&s->service->messages_open, 1, memory_order_relaxed);
}

void smtp_forget(struct smtp_session *s)
{
	void *kept = s->kept;
	s->kept = NULL;
	if (kept)
		s->service->backend->forget(s->service->context, kept);
}

void smtp_transaction_end(struct smtp_session *s)
{
	struct smtp_transaction *t = s->transaction;
	s->transaction = NULL;
	smtp_spool_end(s);
	s->received = 0;
	s->recipients_tried = 0;
	s->in_chunks = s->chunk_last = false;
	s->chunk_left = 0;
	s->spool_result = 0;
	s->dots = (struct envelope_dots){0};
	if (!t)
		return;
	free(t->recipients);
	arena_free(&t->arena);
	free(t);
}
