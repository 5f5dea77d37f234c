/* Every command but DATA, BDAT and AUTH. */
#include "smtp/session_internal.h"

#include "base/alloc.h"
#include "envelope/xclient.h"
#include "net/tls.h"

enum { DEFAULT_RECIPIENTS_MAX = 1000 };

static enum smtp_run bad_sequence(struct smtp_session *s, const char *text)
{
	return smtp_reply(s, 503, "5.5.1", text);
}

/* RFC 8689 section 4.1: within TLS; and what never leaves the machine needs none. */
static bool takes_require_tls(const struct smtp_session *s)
{
	return net_is_tls(s->net) || smtp_is_ours(s);
}

static void write_extensions(struct smtp_session *s)
{
	struct buf *out = net_output(s->net);
	buf_printf(out,
		"250-PIPELINING\r\n250-SIZE "
		"%llu\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250-CHUNKING\r\n"
		"250-BINARYMIME\r\n",
		(unsigned long long)smtp_message_max(s));
	if (!smtp_is_lmtp(s)) /* reports are written by mx, who can send them anywhere */
		buf_add_str(out, "250-DSN\r\n");
	if (net_tls_offered(s->net))
		buf_add_str(out, "250-STARTTLS\r\n");
	if (smtp_auth_offered(s)) {
		struct sasl_offer offer = directory_login_offer(s->net, s->service->directory);
		buf_add_str(out, "250-AUTH ");
		sasl_list(&offer, " ", out);
		buf_add_str(out, "\r\n");
	}
	if (takes_require_tls(s))
		buf_add_str(out, "250-REQUIRETLS\r\n");
	if (smtp_is_ours(s))
		buf_add_str(out, "250-XSESSION\r\n250-XADDR\r\n250-XDELIVERY\r\n");
	if (smtp_xclient_offered(s))
		buf_add_str(out, "250-XCLIENT " ENVELOPE_XCLIENT_OFFER "\r\n");
	buf_add_str(out, "250 ENHANCEDSTATUSCODES\r\n");
}

static enum smtp_run hello(struct smtp_session *s, struct slice name, bool extended)
{
	name = slice_cut(&name, ' ');
	if (!envelope_is_domain(name))
		return smtp_reply(
			s, 501, "5.5.2", "Say who you are: a domain or an address literal");
	smtp_transaction_end(s);
	smtp_forget(s);
	free(s->helo);
	s->helo = slice_dup(s->client_helo ? slice_str(s->client_helo) : name);
	s->extended = extended;
	if (!extended)
		return smtp_reply(s, 250, NULL, s->service->hostname);
	net_printf(s->net, "250-%s\r\n", s->service->hostname);
	write_extensions(s);
	return SMTP_GO_ON;
}

static enum smtp_run starttls(struct smtp_session *s, struct slice arguments)
{
	if (arguments.len > 0)
		return smtp_reply(s, 501, "5.5.4", "STARTTLS has no parameter");
	if (s->user) /* he would have to be forgotten */
		return bad_sequence(s, "Not after a login");
	if (!net_tls_offered(s->net))
		return smtp_reply(s, 502, "5.5.1",
			net_is_tls(s->net) ? "TLS is active already" : "There is no certificate");
	(void)smtp_reply(s, 220, "2.0.0", "Begin the handshake");
	net_start_tls(s->net);
	return SMTP_PARK;
}

static enum smtp_run parse_trouble(
	struct smtp_session *s, enum envelope_parsed r, const char *path_status)
{
	switch (r) {
	case ENVELOPE_BAD_PATH:
		return smtp_reply(s, 501, path_status, "Malformed address");
	case ENVELOPE_BAD_PARAMETER:
		return smtp_reply(s, 555, "5.5.4", "Unknown or malformed parameter");
	default:
		return smtp_reply(s, 501, "5.5.2", "Malformed command");
	}
}

static enum smtp_run mail(struct smtp_session *s, struct slice arguments)
{
	struct envelope_sender sender;
	struct err err;
	if (!s->helo)
		return bad_sequence(s, smtp_is_lmtp(s) ? "LHLO first" : "EHLO first");
	if (s->transaction)
		return bad_sequence(s, "A transaction is open already");
	if (s->service->kind == SMTP_SUBMISSION && !s->user)
		return smtp_reply(s, 530, "5.7.0",
			net_is_secure(s->net) ? "Log in first" : "STARTTLS and log in first");
	enum envelope_parsed r = envelope_parse_mail(arguments, &sender);
	if (r != ENVELOPE_PARSED)
		return parse_trouble(s, r, "5.1.7");
	bool of_peer =
		sender.session.len > 0 || sender.client.len > 0 || !id_is_none(sender.delivery);
	if (of_peer && !smtp_is_ours(s))
		return parse_trouble(s, ENVELOPE_BAD_PARAMETER, NULL);
	if (sender.require_tls && !takes_require_tls(s))
		return smtp_reply(s, 555, "5.5.4", "REQUIRETLS is for TLS only: STARTTLS first");
	if (sender.path.address.len > 0 && sender.path.domain.len == 0)
		return smtp_reply(s, 501, "5.1.7", "A domain is missing");
	if (sender.path.is_utf8 && !sender.smtputf8)
		return smtp_reply(s, 553, "5.6.7", "Say SMTPUTF8 with such an address");
	if (sender.size > smtp_message_max(s))
		return smtp_reply(s, 552, "5.3.4", "Message too big");
	smtp_transaction_begin(s, &sender);
	const struct smtp_backend *backend = s->service->backend;
	if (backend->sender && backend->sender(s->service->context, s->transaction, &err) < 0) {
		enum smtp_run run = smtp_failed(s, &err, "4.3.0", "5.7.1");
		smtp_transaction_end(s);
		return run;
	}
	return smtp_reply(s, 250, "2.1.0", "Sender ok");
}

/* "<postmaster>" alone is this host's (RFC 5321 section 4.5.1). */
static struct slice full_address(
	const struct smtp_session *s, struct arena *arena, struct slice address)
{
	return slice_str(arena_printf(arena, "%.*s@%s", SLICE_ARG(address), s->service->hostname));
}

static bool is_ascii(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.ptr[i] >= 0x80)
			return false;
	return true;
}

static struct smtp_recipient *new_recipient(
	struct smtp_session *s, const struct envelope_recipient *envelope)
{
	struct smtp_transaction *t = s->transaction;
	struct smtp_recipient *r = ARENA_NEW(&t->arena, struct smtp_recipient);
	struct slice address = envelope->path.address;
	r->envelope = *envelope;
	r->envelope.path.address = envelope->path.domain.len > 0
					   ? arena_copy(&t->arena, address)
					   : full_address(s, &t->arena, address);
	/* local and domain lie inside the address */
	size_t local = envelope->path.local.len;
	r->envelope.path.local = slice(r->envelope.path.address.ptr, local);
	r->envelope.path.domain = slice_from(r->envelope.path.address, local + 1);
	r->envelope.orcpt = arena_copy(&t->arena, envelope->orcpt);
	return r;
}

static enum smtp_run rcpt(struct smtp_session *s, struct slice arguments)
{
	struct envelope_recipient envelope;
	struct smtp_transaction *t = s->transaction;
	struct err err;
	uint32_t max =
		s->service->recipients_max ? s->service->recipients_max : DEFAULT_RECIPIENTS_MAX;
	if (!t)
		return bad_sequence(s, "MAIL first");
	if (s->in_chunks)
		return bad_sequence(s, "BDAT has begun this message");
	enum envelope_parsed parsed = envelope_parse_rcpt(arguments, &envelope);
	if (parsed != ENVELOPE_PARSED)
		return parse_trouble(s, parsed, "5.1.3");
	if (envelope.path.domain.len == 0 &&
		!slice_eq_nocase(envelope.path.local, SLICE("postmaster")))
		return smtp_reply(s, 501, "5.1.3", "A domain is missing");
	if ((envelope.path.is_utf8 || !is_ascii(envelope.orcpt)) && !t->sender.smtputf8)
		return smtp_reply(s, 553, "5.6.7", "Say SMTPUTF8 with such an address");
	/* Refused ones count too: each has had its room in the arena. */
	if (s->recipients_tried >= max)
		return smtp_reply(s, 452, "4.5.3", "Too many recipients");
	s->recipients_tried++;
	struct smtp_recipient *r = new_recipient(s, &envelope);
	if (s->service->backend->recipient(s->service->context, t, r, &err) < 0) {
		atomic_fetch_add_explicit(
			&s->service->figures.recipients_refused, 1, memory_order_relaxed);
		log_info(net_log(s->net), "recipient refused",
			F_SLICE("recipient", r->envelope.path.address),
			F_SLICE("sender", t->sender.path.address), F_ERR(&err));
		return smtp_failed(s, &err, "4.3.0", "5.1.1");
	}
	if (t->count == t->room) {
		t->room = t->room ? t->room * 2 : 4;
		t->recipients =
			alloc_resize(t->recipients, t->room, sizeof(struct smtp_recipient *));
	}
	t->recipients[t->count++] = r;
	return smtp_reply(s, 250, "2.1.5", "Recipient ok");
}

enum smtp_run smtp_command(struct smtp_session *s, struct slice line)
{
	struct slice arguments;
	enum envelope_verb verb = envelope_cut_verb(line, &arguments);
	switch (verb) {
	case ENVELOPE_LHLO:
		if (!smtp_is_lmtp(s))
			break;
		return hello(s, arguments, true);
	case ENVELOPE_EHLO:
	case ENVELOPE_HELO:
		if (smtp_is_lmtp(s))
			break;
		return hello(s, arguments, verb == ENVELOPE_EHLO);
	case ENVELOPE_MAIL:
		return mail(s, arguments);
	case ENVELOPE_RCPT:
		return rcpt(s, arguments);
	case ENVELOPE_DATA:
		return smtp_cmd_data(s, arguments);
	case ENVELOPE_BDAT:
		return smtp_cmd_bdat(s, arguments);
	case ENVELOPE_AUTH:
		return smtp_cmd_auth(s, arguments);
	case ENVELOPE_STARTTLS:
		return starttls(s, arguments);
	case ENVELOPE_RSET:
		smtp_transaction_end(s);
		return smtp_reply(s, 250, "2.0.0", "Forgotten");
	case ENVELOPE_NOOP:
		return smtp_reply(s, 250, "2.0.0", "Done");
	case ENVELOPE_QUIT:
		(void)smtp_reply(s, 221, "2.0.0", "Good bye");
		return SMTP_CLOSE;
	case ENVELOPE_VRFY:
		return smtp_reply(s, 252, "2.5.2", "Can't verify, but will take mail");
	case ENVELOPE_EXPN:
		return smtp_reply(s, 502, "5.5.1", "Lists are not told");
	case ENVELOPE_HELP:
		return smtp_reply(s, 214, "2.0.0", "See RFC 5321");
	case ENVELOPE_XCLIENT:
		return smtp_cmd_xclient(s, arguments);
	case ENVELOPE_UNKNOWN:
		break;
	}
	return smtp_reply(s, 500, "5.5.2", "Unknown command");
}
