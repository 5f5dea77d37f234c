/* The services of these listeners, and who is behind them. */
#include "roles/proxy/mail.h"

static struct smtp_service service(
	struct role *role, struct proxy_deliver *deliver, enum smtp_kind kind)
{
	return (struct smtp_service){
		.kind = kind,
		.hostname = role->settings->hostname,
		.backend = &proxy_deliver_backend,
		.context = deliver,
		.spool_dir_fd = role->spool_fd,
		.passes_on = kind == SMTP_LMTP,
	};
}

void proxy_mail_init(struct proxy_mail *m, struct role *role, struct proxy *proxy)
{
	char separator = role->settings->store.plus_separator[0];
	m->by_smtp =
		(struct proxy_deliver){.proxy = proxy, .loop = role->loop, .separator = separator};
	m->by_lmtp = (struct proxy_deliver){
		.proxy = proxy, .loop = role->loop, .lmtp = true, .separator = separator};
	m->smtp = service(role, &m->by_smtp, SMTP_EXCHANGER);
	m->lmtp = service(role, &m->by_lmtp, SMTP_LMTP);
}

int proxy_mail_serve(struct proxy_mail *m, struct role *role, const struct role_listener *listener,
	struct err *err)
{
	if (listener->protocol == CONF_LMTP)
		return role_serve(role, listener, &smtp_lmtp_protocol, &m->lmtp, err);
	return role_serve(role, listener, &smtp_protocol, &m->smtp, err);
}

static void metrics(struct role *role, struct buf *to, const char *label, struct smtp_service *s)
{
	role_metric(role, to, "sessions_total", label, s->figures.connections);
	role_metric(role, to, "messages_accepted_total", label, s->figures.accepted);
	role_metric(role, to, "messages_refused_total", label, s->figures.refused);
	role_metric(role, to, "recipients_refused_total", label, s->figures.recipients_refused);
}

void proxy_mail_metrics(struct proxy_mail *m, struct role *role, struct buf *to)
{
	metrics(role, to, "protocol=\"smtp\"", &m->smtp);
	metrics(role, to, "protocol=\"lmtp\"", &m->lmtp);
}
