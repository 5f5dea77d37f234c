/* Milters are told of a transaction as it goes, on the session's own stack: what they think of a
 * recipient is his answer. A milter that has failed stays out of the transaction, be it that mail
 * goes on without it; else all that follows in the transaction fails in the same way. */
#include "roles/mx/milter.h"

#include "base/alloc.h"
#include "dns/client.h"
#include "dns/name.h"
#include "filter/milter.h"
#include "net/tls.h"
#include "roles/mx/milter_changes.h"

enum { MILTERS_MAX = 32, NAME_MAX_LEN = 64, REASON_MAX = 256 };

struct milter {
	const struct conf_milter *conf;
	struct filter_milter_options options;
	/* Transactions; what was refused of them (5xx), put off (4xx), dropped, held; failures. */
	atomic_uint_fast64_t asked, refused, deferred, dropped, held, failed;
};

struct mx_milters {
	const char *hostname;
	struct dns *dns;
	mx_milter_route route;
	void *context;
	struct milter list[MILTERS_MAX];
	size_t count;
};

/* Of one client: its conversations. NULL: none yet, or it has ended. */
struct talks {
	struct filter_milter *list[MILTERS_MAX];
	struct arena arena;
	struct slice name; /* "mail.example.org", "[192.0.2.1]"; empty: not looked up yet */
};

/* Of one transaction. */
struct asked {
	bool out[MILTERS_MAX]; /* it is not asked, or has failed */
	const struct milter *dropped_by;
	struct err refusal; /* of the transaction as a whole; class ERR_NONE: there is none */
	unsigned refusal_code;
};

/* A call for one transaction. */
struct call {
	struct mx_milters *milters;
	struct smtp_transaction *t;
	struct talks *talks;
	struct asked *asked;
};

static bool is_name(struct slice name)
{
	for (size_t i = 0; i < name.len; i++) {
		char c = slice_lower(name.ptr[i]);
		if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && !strchr("._-", c))
			return false;
	}
	return name.len > 0 && name.len <= NAME_MAX_LEN;
}

static int add(struct mx_milters *m, const struct conf_milter *conf, struct err *err)
{
	struct milter *to = &m->list[m->count];
	if (m->count == MILTERS_MAX)
		return err_permanent(err, ERR_LIMIT, "more than %d milters", MILTERS_MAX);
	if (!is_name(slice_str(conf->name)))
		return err_permanent(err, ERR_BAD_INPUT,
			"mx.milter \"%s\": its label must be a name of letters, digits, \".\", "
			"\"_\" and \"-\"",
			conf->name);
	for (size_t i = 0; i < m->count; i++)
		if (strcmp(m->list[i].conf->name, conf->name) == 0)
			return err_permanent(
				err, ERR_EXISTS, "two blocks mx.milter are called %s", conf->name);
	to->conf = conf;
	to->options = (struct filter_milter_options){.name = conf->name,
		.connect_ms = (unsigned)conf->timeout_ms,
		.command_ms = (unsigned)conf->timeout_ms,
		.end_ms = (unsigned)conf->message_timeout_ms};
	m->count++;
	return net_address_parse(slice_str(conf->address), &to->options.address, err);
}

int mx_milters_new(const struct role *role, struct dns *dns, mx_milter_route route, void *context,
	struct mx_milters **ret_milters, struct err *err)
{
	const struct conf_mx *conf = &role->settings->mx;
	struct mx_milters *m = ALLOC(struct mx_milters);
	*ret_milters = m;
	m->hostname = role->settings->hostname;
	m->dns = dns;
	m->route = route;
	m->context = context;
	for (size_t i = 0; i < conf->milter_count; i++)
		if (add(m, &conf->milters[i], err) < 0)
			return -1;
	return 0;
}

void mx_milters_free(struct mx_milters *m)
{
	free(m);
}

void mx_milters_forget(void *kept)
{
	struct talks *talks = kept;
	for (size_t i = 0; i < MILTERS_MAX; i++)
		filter_milter_close(talks->list[i]);
	arena_free(&talks->arena);
	free(talks);
}

static void hang_up(struct call *c, size_t i)
{
	filter_milter_close(c->talks->list[i]);
	c->talks->list[i] = NULL;
}

/* All that follows in this transaction fails so. */
static int refuse_all(struct call *c, const struct err *err)
{
	c->asked->refusal = *err;
	c->asked->refusal_code = c->t->reply_code;
	return -1;
}

static int refuse_again(struct call *c, struct err *err)
{
	*err = c->asked->refusal;
	c->t->reply_code = c->asked->refusal_code;
	return -1;
}

static int failed(struct call *c, size_t i, struct err *err)
{
	static const char *const THEN[] = {"tempfail", "accept", "reject"};
	struct milter *milter = &c->milters->list[i];
	enum conf_milter_failure then = milter->conf->on_failure;
	(void)atomic_fetch_add(&milter->failed, 1);
	log_warn(c->t->log, "milter failed", F_STR("milter", milter->conf->name),
		F_STR("then", THEN[then]), F_ERR(err));
	hang_up(c, i);
	c->asked->out[i] = true;
	if (then == CONF_MILTER_ACCEPT)
		return 0;
	err->class = ERR_TEMPORARY;
	if (then == CONF_MILTER_REJECT) {
		(void)err_permanent(err, ERR_OTHER, "A filter of ours does not work");
		(void)err_status(err, "5.3.0");
	}
	return refuse_all(c, err);
}

static int refuse(struct call *c, struct milter *milter, const char *step,
	const struct filter_milter_verdict *v, struct err *err)
{
	char status[sizeof(err->status)];
	bool for_good = v->kind == FILTER_MILTER_REFUSE, ends = v->kind == FILTER_MILTER_HANG_UP;
	struct slice text = v->text.len > 0 ? v->text
			    : for_good      ? SLICE("Refused by a filter")
					    : SLICE("Put off by a filter, try again later");
	(void)snprintf(status, sizeof(status), "%.*s", SLICE_ARG(v->status));
	(void)atomic_fetch_add(for_good ? &milter->refused : &milter->deferred, 1);
	log_info(c->t->log, "milter decided", F_STR("milter", milter->conf->name),
		F_STR("verdict", for_good ? "refused" : "deferred"), F_STR("step", step),
		F_UINT("code", v->code), F_SLICE("text", text));
	(void)err_set(err, for_good ? ERR_PERMANENT : ERR_TEMPORARY, ERR_DENIED, __func__, "%.*s",
		SLICE_ARG(text));
	c->t->reply_code = v->code ? v->code : for_good ? 550 : ends ? 421 : 451;
	return err_status(err, status[0] ? status : for_good ? "5.7.1" : "4.7.1");
}

/* 0: go on, which it also does when the message will be dropped. */
static int judge(struct call *c, size_t i, const char *step, const struct filter_milter_verdict *v,
	struct err *err)
{
	struct milter *milter = &c->milters->list[i];
	if (v->kind == FILTER_MILTER_GO_ON)
		return 0;
	if (v->kind != FILTER_MILTER_DROP)
		return refuse(c, milter, step, v, err);
	c->asked->dropped_by = milter;
	(void)atomic_fetch_add(&milter->dropped, 1);
	log_info(c->t->log, "milter decided", F_STR("milter", milter->conf->name),
		F_STR("verdict", "dropped"), F_STR("step", step));
	return 0;
}

/* What can't be told has no name. */
static void find_name(struct call *c, const char *ip)
{
	struct talks *talks = c->talks;
	struct err err;
	if (talks->name.len == 0 &&
		(!c->milters->dns || dns_client_name(c->milters->dns, c->t->client, &talks->arena,
					     &talks->name, &err) != 0))
		talks->name = slice_str(arena_printf(&talks->arena, "[%s]", ip));
}

static void set_client_macros(struct call *c, struct filter_milter *m, const char *ip)
{
	const struct smtp_transaction *t = c->t;
	struct slice name = c->talks->name;
	char both[NET_ADDRESS_TEXT + DNS_NAME_MAX + 4];
	(void)snprintf(both, sizeof(both), "%.*s [%s]", SLICE_ARG(name), ip);
	filter_milter_set(m, "j", slice_str(c->milters->hostname));
	filter_milter_set(m, "v", SLICE("Rookery"));
	filter_milter_set(m, "{daemon_name}", t->user.len > 0 ? SLICE("submission") : SLICE("mx"));
	filter_milter_set(m, "_", name.ptr[0] == '[' ? name : slice_str(both));
	filter_milter_set(m, "{client_name}", name);
	filter_milter_set(m, "{client_addr}", slice_str(ip));
	if (t->tls) {
		filter_milter_set(m, "{tls_version}", slice_str(t->tls->version));
		filter_milter_set(m, "{cipher}", slice_str(t->tls->cipher));
	}
}

/* Who it is that connected. One who is refused here is asked about anew next time. */
static int greet(struct call *c, size_t i, struct err *err)
{
	char ip[NET_ADDRESS_TEXT];
	struct filter_milter **m = &c->talks->list[i];
	struct filter_milter_verdict v;
	net_address_host(c->t->client, ip);
	find_name(c, ip);
	if (filter_milter_open(&c->milters->list[i].options, m, err) < 0) {
		*m = NULL;
		return failed(c, i, err);
	}
	set_client_macros(c, *m, ip);
	if (filter_milter_connect(*m, c->talks->name, c->t->client, &v, err) < 0)
		return failed(c, i, err);
	int r = judge(c, i, "connection", &v, err);
	if (r == 0 && v.kind == FILTER_MILTER_GO_ON) {
		if (filter_milter_helo(*m, c->t->helo, &v, err) < 0)
			return failed(c, i, err);
		r = judge(c, i, "HELO", &v, err);
	}
	if (v.kind != FILTER_MILTER_GO_ON)
		hang_up(c, i);
	return r;
}

/* As they may have been sent: they were parsed and not kept. */
static void write_parameters(const struct envelope_sender *sender, struct buf *to)
{
	if (sender->size > 0)
		buf_printf(to, "SIZE=%llu ", (unsigned long long)sender->size);
	if (sender->body != ENVELOPE_7BIT)
		buf_printf(to, "BODY=%s ",
			sender->body == ENVELOPE_8BITMIME ? "8BITMIME" : "BINARYMIME");
	if (sender->smtputf8)
		buf_add_str(to, "SMTPUTF8");
}

static int begin_one(struct call *c, size_t i, struct err *err)
{
	AUTO(buf_free) struct buf parameters = BUF(256);
	const struct smtp_transaction *t = c->t;
	struct filter_milter_verdict v;
	(void)atomic_fetch_add(&c->milters->list[i].asked, 1);
	if (c->talks->list[i] && !filter_milter_is_open(c->talks->list[i]))
		hang_up(c, i);
	if (!c->talks->list[i] && greet(c, i, err) < 0)
		return -1;
	struct filter_milter *m = c->talks->list[i];
	if (!m || c->asked->out[i])
		return 0;
	filter_milter_set(m, "i", slice_str(t->session));
	filter_milter_set(m, "{auth_authen}", t->user);
	filter_milter_set(m, "{mail_addr}", t->sender.path.address);
	write_parameters(&t->sender, &parameters);
	if (filter_milter_mail(m, t->sender.path.address, buf_slice(&parameters), &v, err) < 0)
		return failed(c, i, err);
	return judge(c, i, "MAIL", &v, err);
}

static int begin(struct call *c, struct err *err)
{
	struct smtp_transaction *t = c->t;
	c->asked = t->backend = ARENA_NEW(&t->arena, struct asked);
	for (size_t i = 0; i < c->milters->count; i++)
		if (t->user.len > 0 && !c->milters->list[i].conf->submission)
			c->asked->out[i] = true;
		else if (!c->asked->dropped_by && begin_one(c, i, err) < 0)
			return refuse_all(c, err);
	return 0;
}

static int tell_recipient(struct call *c, size_t i, struct slice address, struct err *err)
{
	struct filter_milter *m = c->talks->list[i];
	struct filter_milter_verdict v;
	filter_milter_set(m, "{rcpt_addr}", address);
	if (filter_milter_rcpt(m, address, SLICE(""), &v, err) < 0)
		return failed(c, i, err);
	return judge(c, i, "RCPT", &v, err);
}

int mx_milters_recipient(struct mx_milters *milters, struct smtp_transaction *t,
	struct smtp_recipient *r, struct err *err)
{
	if (milters->count == 0)
		return 0;
	if (!*t->kept)
		*t->kept = ALLOC(struct talks);
	struct call c = {.milters = milters, .t = t, .talks = *t->kept, .asked = t->backend};
	if (c.asked && c.asked->refusal.class != ERR_NONE)
		return refuse_again(&c, err);
	if (!c.asked && begin(&c, err) < 0)
		return -1;
	for (size_t i = 0; i < milters->count && !c.asked->dropped_by; i++)
		if (!c.asked->out[i] && tell_recipient(&c, i, r->envelope.path.address, err) < 0)
			return -1;
	return 0;
}

/* So that milters see them; and what this host says of itself stays in front. */
static int show(struct smtp_transaction *t, size_t ours, struct buf *message, struct err *err)
{
	if (ours == 0)
		return 0;
	struct buf whole = BUF(ours + t->message.len + 1);
	buf_add_slice(&whole, slice_sub(t->extra, 0, ours));
	buf_add_slice(&whole, t->message);
	if (whole.failed) {
		buf_free(&whole);
		return err_temporary(err, ERR_LIMIT, "no memory for the message");
	}
	buf_free(message);
	*message = whole;
	t->message = buf_slice(message);
	t->extra = slice_from(t->extra, ours);
	return 0;
}

/* Operators read it on a terminal. */
static struct slice reason(struct call *c, const struct milter *milter, struct slice text)
{
	char clean[REASON_MAX];
	(void)snprintf(clean, sizeof(clean), "%.*s", SLICE_ARG(text));
	for (char *at = clean; *at; at++)
		if (*at < ' ' || *at > '~')
			*at = '?';
	return slice_str(arena_printf(&c->t->arena, "milter %s: %s", milter->conf->name, clean));
}

static int take(struct call *c, size_t i, const struct filter_milter_changes *changes,
	struct buf *message, struct mx_milter_wish *wish, struct err *err)
{
	struct milter *milter = &c->milters->list[i];
	if (changes->quarantine.ptr && wish->why.len == 0) {
		wish->why = reason(c, milter, changes->quarantine);
		(void)atomic_fetch_add(&milter->held, 1);
		log_info(c->t->log, "milter decided", F_STR("milter", milter->conf->name),
			F_STR("verdict", "held"), F_SLICE("text", changes->quarantine));
	}
	return mx_milter_change(c->t, changes, milter->conf->name, c->milters->route,
		c->milters->context, message, err);
}

static int tell_message(
	struct call *c, size_t i, struct buf *message, struct mx_milter_wish *wish, struct err *err)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct filter_milter *m = c->talks->list[i];
	struct filter_milter_changes changes;
	struct filter_milter_verdict v;
	if (filter_milter_data(m, &v, err) < 0)
		return failed(c, i, err);
	if (v.kind != FILTER_MILTER_GO_ON)
		return judge(c, i, "DATA", &v, err);
	int r = filter_milter_message(m, c->t->message, &arena, &changes, &v, err);
	if (r < 0)
		r = failed(c, i, err);
	else if (v.kind != FILTER_MILTER_GO_ON)
		r = judge(c, i, "message", &v, err);
	else
		r = take(c, i, &changes, message, wish, err);
	filter_milter_changes_free(&changes);
	return r;
}

int mx_milters_message(struct mx_milters *milters, struct smtp_transaction *t, size_t ours,
	struct buf *message, struct mx_milter_wish *ret_wish, struct err *err)
{
	*ret_wish = (struct mx_milter_wish){0};
	struct call c = {.milters = milters, .t = t, .talks = *t->kept, .asked = t->backend};
	if (!c.asked)
		return 0;
	if (c.asked->refusal.class != ERR_NONE)
		return refuse_again(&c, err);
	if (!c.asked->dropped_by && show(t, ours, message, err) < 0)
		return -1;
	for (size_t i = 0; i < milters->count && !c.asked->dropped_by; i++)
		if (!c.asked->out[i] && tell_message(&c, i, message, ret_wish, err) < 0)
			return -1;
	ret_wish->drop = c.asked->dropped_by || t->count == 0;
	if (t->count == 0 && !c.asked->dropped_by)
		log_info(t->log, "milters left no recipient");
	return 0;
}

void mx_milters_metrics(struct mx_milters *m, struct role *role, struct buf *to)
{
	for (size_t i = 0; i < m->count; i++) {
		const struct milter *milter = &m->list[i];
		char label[NAME_MAX_LEN + 16];
		(void)snprintf(label, sizeof(label), "milter=\"%s\"", milter->conf->name);
		role_metric(role, to, "milter_asked_total", label, milter->asked);
		role_metric(role, to, "milter_refused_total", label, milter->refused);
		role_metric(role, to, "milter_deferred_total", label, milter->deferred);
		role_metric(role, to, "milter_dropped_total", label, milter->dropped);
		role_metric(role, to, "milter_held_total", label, milter->held);
		role_metric(role, to, "milter_failed_total", label, milter->failed);
	}
}
