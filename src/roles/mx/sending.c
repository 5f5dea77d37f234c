/* Both have the same words for an envelope, but whom they belong to differs. */
#include "roles/mx/sending.h"

#include "smtp/exchange.h"

static void set_path(struct slice address, struct envelope_path *ret_path)
{
	if (!envelope_parse_address(address, ret_path))
		*ret_path = (struct envelope_path){.address = address};
}

void mx_sending_begin(struct mx_sending *s, const struct queue_delivery *d)
{
	const struct queue_entry *first = &d->entries[0];
	*s = (struct mx_sending){
		.t = {.arena = ARENA_EMPTY, .count = d->count, .message = d->message}};
	struct arena *arena = &s->t.arena;
	s->t.session = arena_copy(arena, first->session).ptr;
	set_path(first->sender, &s->t.sender.path);
	s->t.sender.body = first->body;
	s->t.sender.smtputf8 = first->smtputf8;
	s->t.sender.require_tls = first->flags & QUEUE_REQUIRETLS;
	s->t.sender.ret = first->ret;
	s->t.sender.envid = first->envid;
	s->t.sender.delivery = first->message;
	s->t.sender.again = d->again;
	s->recipients = ARENA_ARRAY(arena, struct smtp_recipient, d->count);
	s->t.recipients = ARENA_ARRAY(arena, struct smtp_recipient *, d->count);
	for (size_t i = 0; i < d->count; i++) {
		struct smtp_recipient *r = &s->recipients[i];
		set_path(d->entries[i].recipient, &r->envelope.path);
		r->envelope.notify = d->entries[i].notify;
		r->envelope.orcpt = d->entries[i].orcpt;
		s->t.recipients[i] = r;
	}
}

void mx_sending_tell(const struct mx_sending *s, struct queue_delivery *d)
{
	for (size_t i = 0; i < d->count; i++) {
		const struct smtp_recipient *r = &s->recipients[i];
		struct queue_outcome *o = &d->outcomes[i];
		o->result = r->result;
		if (r->result < 0)
			o->err = r->err;
		if (!r->said)
			continue;
		o->code = r->said->code;
		(void)snprintf(o->host, sizeof(o->host), "%s", r->said->host);
	}
}

void mx_sending_end(struct mx_sending *s)
{
	arena_free(&s->t.arena);
}
