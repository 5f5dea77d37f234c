/* A report is a message in the queue, to the sender. */
#include "roles/mx/dsn.h"

#include "base/log.h"
#include "smtp/dsn.h"

enum { DSN_MAX = 4 << 20 };

static void write_one(
	const struct mx_dsn *report, const struct smtp_transaction *t, enum smtp_dsn_action action)
{
	bool wanted = false;
	for (size_t i = 0; i < t->count; i++)
		wanted |= smtp_dsn_wanted(t, t->recipients[i], action);
	if (!wanted)
		return;
	AUTO(buf_free) struct buf text = BUF(DSN_MAX);
	struct err err = {0};
	smtp_dsn_write(t, action, report->hostname, &text);
	struct mx_queue_report dsn = {.sender = t->sender.path.address,
		.session = slice_str(t->session),
		.text = buf_slice(&text),
		.smtputf8 = t->sender.smtputf8,
		.requiretls = t->sender.require_tls};
	if (text.failed || mx_queue_add_report(report->queue, &dsn, &err) < 0)
		log_warn(t->log, "delivery report not written",
			F_SLICE("recipient", t->sender.path.address), F_ERR(&err));
}

void mx_dsn_delivered(const struct mx_dsn *report, const struct smtp_transaction *t)
{
	write_one(report, t, SMTP_DSN_DELIVERED);
}

void mx_dsn_expanded(
	const struct mx_dsn *report, const struct smtp_transaction *t, struct smtp_recipient *r)
{
	struct smtp_transaction about = *t; /* read only: its arena stays whose it is */
	about.recipients = &r;
	about.count = 1;
	write_one(report, &about, SMTP_DSN_EXPANDED);
}
