/* A transaction as the input of a report. */
#include "smtp/dsn.h"

#include "base/alloc.h"
#include "queue/report.h"

static enum queue_report_action action_of(enum smtp_dsn_action action)
{
	return action == SMTP_DSN_DELIVERED  ? QUEUE_REPORT_DELIVERED
	       : action == SMTP_DSN_EXPANDED ? QUEUE_REPORT_EXPANDED
					     : QUEUE_REPORT_FAILED;
}

bool smtp_dsn_wanted(const struct smtp_transaction *t, const struct smtp_recipient *r,
	enum smtp_dsn_action action)
{
	return (r->result == 0) == (action != SMTP_DSN_FAILED) &&
	       queue_report_wanted(t->sender.path.address, r->envelope.notify, action_of(action));
}

static struct queue_report_recipient recipient(
	const struct smtp_recipient *r, enum smtp_dsn_action action)
{
	bool failed = action == SMTP_DSN_FAILED;
	return (struct queue_report_recipient){
		.action = action_of(action),
		.address = r->envelope.path.address,
		.is_utf8 = r->envelope.path.is_utf8,
		.orcpt = r->envelope.orcpt,
		.status = failed ? r->err.status : NULL,
		.words = failed ? r->err.text : NULL,
	};
}

void smtp_dsn_write(const struct smtp_transaction *t, enum smtp_dsn_action action,
	const char *hostname, struct buf *to)
{
	AUTO_FREE struct queue_report_recipient *recipients =
		alloc_zero(t->count + 1, sizeof(*recipients));
	struct queue_report report = {
		.hostname = hostname,
		.sender = t->sender.path.address,
		.envid = t->sender.envid,
		.ret = t->sender.ret,
		.smtputf8 = t->sender.smtputf8,
		.recipients = recipients,
		.extra = t->extra,
		.message = t->message,
	};
	for (size_t i = 0; i < t->count; i++)
		if (smtp_dsn_wanted(t, t->recipients[i], action))
			recipients[report.count++] = recipient(t->recipients[i], action);
	queue_report_write(&report, to);
}
