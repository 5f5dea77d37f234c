#include "roles/mx/limits.h"

#include "base/clock.h"
#include "base/log.h"

enum { MINUTE_MS = 60 * 1000, HOUR_MS = 60 * MINUTE_MS, IP_SIZE = 16, NET_SIZE = 8 };

static struct rate *new_rate(uint64_t limit, uint64_t window_ms)
{
	return limit > 0 ? rate_new(limit, window_ms) : NULL;
}

void mx_limits_init(struct mx_limits *l, const struct role *role, const struct net_trusted *trusted)
{
	const struct conf_mx_limits *conf = &role->settings->mx.limits;
	*l = (struct mx_limits){.trusted = trusted,
		.messages = new_rate(conf->messages, MINUTE_MS),
		.recipients = new_rate(conf->recipients, MINUTE_MS),
		.user_messages = new_rate(conf->user_messages, HOUR_MS),
		.user_recipients = new_rate(conf->user_recipients, HOUR_MS)};
}

void mx_limits_deinit(struct mx_limits *l)
{
	rate_free(l->messages);
	rate_free(l->recipients);
	rate_free(l->user_messages);
	rate_free(l->user_recipients);
}

static int slow_down(struct smtp_transaction *t, const char *who, const char *what, struct err *err)
{
	log_info(t->log, "too much mail for now", F_STR("of", who), F_STR("limit", what),
		F_SLICE("sender", t->sender.path.address));
	t->reply_code = 450;
	(void)err_temporary(err, ERR_LIMIT, "Too many %s for now, try again later", what);
	return err_status(err, "4.7.1");
}

static int take(struct mx_limits *l, struct smtp_transaction *t, struct rate *of_client,
	struct rate *of_user, const char *what, struct err *err)
{
	int64_t now = clock_mono_ms();
	uint8_t ip[IP_SIZE];
	if (t->user.len > 0) {
		if (rate_take(of_user, t->user, now))
			return 0;
		(void)atomic_fetch_add(&l->users_slowed, 1);
		return slow_down(t, "user", what, err);
	}
	if (net_address_is_loopback(t->client) || net_trusted_has(l->trusted, t->client) ||
		!net_address_bytes(t->client, ip))
		return 0;
	if (rate_take(of_client, slice(ip, net_ip_is_v4(ip) ? IP_SIZE : NET_SIZE), now))
		return 0;
	(void)atomic_fetch_add(&l->clients_slowed, 1);
	return slow_down(t, "client", what, err);
}

int mx_limits_message(struct mx_limits *l, struct smtp_transaction *t, struct err *err)
{
	return take(l, t, l->messages, l->user_messages, "messages", err);
}

int mx_limits_recipient(struct mx_limits *l, struct smtp_transaction *t, struct err *err)
{
	return take(l, t, l->recipients, l->user_recipients, "recipients", err);
}

void mx_limits_metrics(struct mx_limits *l, struct role *role, struct buf *to)
{
	role_metric(role, to, "limits_reached_total", "of=\"client\"", l->clients_slowed);
	role_metric(role, to, "limits_reached_total", "of=\"user\"", l->users_slowed);
}
