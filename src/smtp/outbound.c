/* From the socket to the first MAIL. A host that can't be used leaves the caller with the next one,
 * so nearly every failure here is temporary: none of them is about a recipient. */
#include "smtp/outbound_internal.h"

#include "base/alloc.h"
#include "net/layer.h"
#include "net/tls.h"

enum { SECOND = 1000, MINUTE = 60 * SECOND, QUIT_MS = 2 * SECOND };

static struct smtp_patience patience_of(const struct smtp_patience *asked)
{
	struct smtp_patience p = *asked;
	p.connect = p.connect ? p.connect : 30 * SECOND;
	p.greeting = p.greeting ? p.greeting : 5 * MINUTE;
	p.command = p.command ? p.command : 5 * MINUTE;
	p.data_begin = p.data_begin ? p.data_begin : 2 * MINUTE;
	p.data_block = p.data_block ? p.data_block : 3 * MINUTE;
	p.data_end = p.data_end ? p.data_end : 10 * MINUTE;
	return p;
}

int smtp_outbound_heard(
	struct smtp_outbound *o, const struct smtp_client_reply *reply, struct err *err)
{
	if (reply->code >= 400)
		o->opening->said = smtp_said_new(reply, o->host, o->arena);
	if (reply->code != 421)
		return 0;
	(void)smtp_client_reply_err(reply, err);
	err->kind = ERR_UNAVAILABLE;
	return -1;
}

int smtp_outbound_ask(struct smtp_outbound *o, struct slice line, struct smtp_client_reply *reply,
	struct smtp_offer *offer, struct err *err)
{
	net_client_write(o->x.net, line);
	if (smtp_client_read_reply(o->x.net, reply, offer, err) < 0)
		return -1;
	return smtp_outbound_heard(o, reply, err);
}

/* This host takes no mail, now or at all. */
static int no_service(const struct smtp_client_reply *reply, struct err *err)
{
	(void)smtp_client_reply_err(reply, err);
	if (reply->code >= 500)
		err->kind = ERR_UNAVAILABLE;
	return -1;
}

static int hello(struct smtp_outbound *o, struct err *err)
{
	UNINITIALIZED struct smtp_client_reply reply;
	char line[300];
	net_client_set_timeout(o->x.net, o->patience.command);
	o->offer = (struct smtp_offer){0};
	(void)snprintf(line, sizeof(line), "EHLO %.255s\r\n", o->hostname);
	if (smtp_outbound_ask(o, slice_str(line), &reply, &o->offer, err) < 0)
		return -1;
	if (reply.code >= 500) {
		o->offer = (struct smtp_offer){0};
		(void)snprintf(line, sizeof(line), "HELO %.255s\r\n", o->hostname);
		if (smtp_outbound_ask(o, slice_str(line), &reply, NULL, err) < 0)
			return -1;
	}
	if (reply.code / 100 != 2)
		return no_service(&reply, err);
	o->x.extensions = o->offer.extensions;
	return 0;
}

static int no_tls(enum smtp_tls_outcome outcome, struct smtp_outbound *o, struct err *err)
{
	o->opening->tls = outcome;
	if (o->hop->tls != SMTP_TLS_REQUIRED)
		return 0; /* go on in the clear */
	(void)err_temporary(err, ERR_DENIED, "TLS is required, and %s",
		outcome == SMTP_TLS_NOT_OFFERED ? "the server does not offer it"
						: "the server refuses to begin it");
	return err_status(err, "4.7.4");
}

static void tell_trouble(struct smtp_outbound *o, const struct err *failure)
{
	const struct net_tls_info *info = net_client_tls_info(o->x.net);
	const char *words = info && info->trouble_words ? info->trouble_words
			    : failure                   ? failure->text
							: NULL;
	o->opening->trouble = info ? info->trouble : NET_TLS_NO_TROUBLE;
	o->opening->tls_words = words ? arena_copy(o->arena, slice_str(words)).ptr : NULL;
}

static int handshake(struct smtp_outbound *o, struct err *err)
{
	struct net_tls_client *any = NULL;
	struct net_tls_client *trust = o->hop->trust;
	net_client_set_timeout(o->x.net, o->patience.connect);
	int r = trust ? 0 : net_tls_client_new(NULL, false, &any, err);
	if (r == 0)
		r = net_client_start_tls_with(
			o->x.net, trust ? trust : any, o->host, o->hop->dane, err);
	net_tls_client_free(any);
	tell_trouble(o, r < 0 ? err : NULL);
	if (r == 0) {
		const struct net_tls_info *info = net_client_tls_info(o->x.net);
		o->tls = true;
		o->verified = (trust || o->hop->dane) && o->hop->verified_by;
		o->opening->tls = SMTP_TLS_DONE;
		o->opening->tls_version = arena_copy(o->arena, slice_str(info->version)).ptr;
		o->opening->tls_cipher = arena_copy(o->arena, slice_str(info->cipher)).ptr;
		if (o->verified)
			o->opening->verified_by =
				arena_copy(o->arena, slice_str(o->hop->verified_by)).ptr;
		return 0;
	}
	o->opening->tls = err->kind == ERR_DENIED ? SMTP_TLS_UNTRUSTED : SMTP_TLS_BROKEN;
	if (o->hop->tls != SMTP_TLS_REQUIRED)
		return SMTP_OPENED_WITHOUT_TLS;
	err->class = ERR_TEMPORARY;
	err->kind = ERR_DENIED;
	return err_status(err, "4.7.5");
}

static int start_tls(struct smtp_outbound *o, struct err *err)
{
	UNINITIALIZED struct smtp_client_reply reply;
	if (o->hop->tls == SMTP_TLS_NONE || o->tls)
		return 0;
	if (!(o->x.extensions & SMTP_HAS_STARTTLS))
		return no_tls(SMTP_TLS_NOT_OFFERED, o, err);
	if (smtp_outbound_ask(o, SLICE("STARTTLS\r\n"), &reply, NULL, err) < 0)
		return -1;
	if (reply.code != 220)
		return no_tls(SMTP_TLS_REFUSED, o, err);
	int r = handshake(o, err);
	return r == 0 ? hello(o, err) : r; /* what was said in the clear counts no more */
}

static int greet(struct smtp_outbound *o, struct err *err)
{
	UNINITIALIZED struct smtp_client_reply reply;
	int r = o->hop->tls_at_once ? handshake(o, err) : 0;
	if (r != 0)
		return r;
	net_client_set_timeout(o->x.net, o->patience.greeting);
	if (smtp_outbound_ask(o, SLICE(""), &reply, NULL, err) < 0)
		return -1;
	if (reply.code / 100 != 2)
		return no_service(&reply, err);
	r = hello(o, err);
	if (r == 0)
		r = start_tls(o, err);
	if (r == 0 && o->hop->user.len > 0)
		r = smtp_outbound_login(o, err);
	return r;
}

static struct smtp_outbound *new_outbound(
	const struct smtp_hop *hop, const struct smtp_outbound_options *options)
{
	struct smtp_outbound *o = ALLOC(struct smtp_outbound);
	o->patience = patience_of(&options->patience);
	o->host = slice_dup(slice_sub(slice_str(hop->host), 0, 255));
	o->hostname = options->hostname;
	o->spool_dir_fd = options->spool_dir_fd;
	o->x.patience = &o->patience;
	o->x.host = o->host;
	return o;
}

int smtp_outbound_open(const struct smtp_hop *hop, const struct smtp_outbound_options *options,
	struct arena *arena, struct smtp_opening *ret_opening, struct smtp_outbound **ret_outbound,
	struct err *err)
{
	struct smtp_outbound *o = new_outbound(hop, options);
	struct net_client_options to = {.address = hop->address, .timeout_ms = o->patience.connect};
	*ret_opening = (struct smtp_opening){0};
	o->hop = hop;
	o->opening = ret_opening;
	o->arena = arena;
	int r = net_client_connect(&to, &o->x.net, err);
	if (r < 0 && err->class == ERR_TEMPORARY)
		err->kind = ERR_UNAVAILABLE;
	if (r == 0)
		ret_opening->local = net_client_local(o->x.net);
	if (r == 0)
		r = greet(o, err);
	o->hop = NULL;
	o->opening = NULL;
	o->arena = NULL;
	if (r != 0) {
		bool gone = err->class == ERR_TEMPORARY && err->kind == ERR_UNAVAILABLE;
		o->ended = r == SMTP_OPENED_WITHOUT_TLS || gone;
		smtp_outbound_close(o);
		return r;
	}
	*ret_outbound = o;
	return 0;
}

bool smtp_outbound_has(const struct smtp_outbound *o, enum smtp_client_extension extension)
{
	return o->x.extensions & extension;
}

void smtp_outbound_close(struct smtp_outbound *o)
{
	if (!o)
		return;
	if (o->x.net && !o->ended) {
		net_client_set_timeout(o->x.net, QUIT_MS);
		net_client_write(o->x.net, SLICE("QUIT\r\n"));
		(void)!net_client_flush(o->x.net, NULL);
	}
	net_client_close(o->x.net);
	free(o->host);
	free(o);
}
