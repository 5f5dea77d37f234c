/* All questions about a client are asked at the same time, each on a stack of its own, and none
 * longer than a bound that holds for all. A list that is silent, several times on end, is left
 * alone for a while: else each message would wait for it. */
#include "roles/mx/clients.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/wait.h"
#include "dns/bounded.h"
#include "dns/client.h"
#include "dns/name.h"
#include "filter/dns_list.h"
#include "filter/helo.h"

enum {
	LISTS_MAX = 32,
	QUESTIONS_MAX = 2 * LISTS_MAX + 1, /* two domains of each list; the name */
	FAILURES_MAX = 3,                  /* on end, of a list */
	SLEEP_MS = 60 * 1000,              /* after so many */
	REASONS_MAX = 8192,
};

struct list {
	const struct conf_dns_list *conf;
	struct ip_range *ranges;
	atomic_uint failures;
	atomic_int_fast64_t asleep_until; /* monotonic */
	atomic_uint_fast64_t asked, hits, failed;
};

struct mx_clients {
	const struct conf_checks *conf;
	struct net_loop *loop;
	const char *hostname;
	struct dns *dns;
	const struct net_trusted *trusted;
	struct list list[LISTS_MAX];
	size_t count;
	atomic_uint_fast64_t judged, refused, marked;
};

/* All that is asked about one client. */
struct round {
	struct mx_clients *clients;
	const struct net_address *client;
	struct dns_bounded dns;
	struct question {
		struct round *round;
		struct list *list; /* NULL: the client's name */
		struct slice name;
		int outcome;
		uint32_t code;
		struct err err;
	} questions[QUESTIONS_MAX];
	size_t count;
	atomic_size_t left;
	struct wait all;
};

static int add_list(struct mx_clients *c, const struct conf_dns_list *conf, struct err *err)
{
	struct list *list = &c->list[c->count];
	if (c->count == LISTS_MAX)
		return err_permanent(err, ERR_LIMIT, "more than %d blocks mx.dns_list", LISTS_MAX);
	if (slice_find(slice_str(conf->zone), '.') < 0 || !dns_name_is_good(slice_str(conf->zone)))
		return err_permanent(err, ERR_BAD_INPUT,
			"mx.dns_list \"%s\": its label must be the list's zone", conf->zone);
	list->conf = conf;
	list->ranges = alloc_zero(conf->codes.count + 1, sizeof(*list->ranges));
	c->count++;
	for (size_t i = 0; i < conf->codes.count; i++)
		if (!ip_range_read(slice_str(conf->codes.items[i]), &list->ranges[i]))
			return err_permanent(err, ERR_BAD_INPUT, "mx.dns_list %s: codes %s",
				conf->zone, conf->codes.items[i]);
	return 0;
}

int mx_clients_new(const struct role *role, struct dns *dns, const struct net_trusted *trusted,
	struct mx_clients **ret_clients, struct err *err)
{
	const struct conf_mx *conf = &role->settings->mx;
	struct mx_clients *c = ALLOC(struct mx_clients);
	*ret_clients = c;
	c->conf = &conf->checks;
	c->loop = role->loop;
	c->hostname = role->settings->hostname;
	c->dns = dns;
	c->trusted = trusted;
	for (size_t i = 0; i < conf->dns_list_count; i++)
		if (add_list(c, &conf->dns_lists[i], err) < 0)
			return -1;
	return 0;
}

void mx_clients_free(struct mx_clients *c)
{
	for (size_t i = 0; c && i < c->count; i++)
		free(c->list[i].ranges);
	free(c);
}

static void ask(struct question *q)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct round *r = q->round;
	struct slice name;
	q->outcome = q->list ? filter_dns_list_ask(&r->dns.dns, q->name, q->list->ranges,
				       q->list->conf->codes.count, &q->code, &q->err)
			     : dns_client_name(&r->dns.dns, r->client, &arena, &name, &q->err);
}

/* After the last of them the round's memory is gone. */
static void ask_beside(void *context)
{
	struct question *q = context;
	struct round *r = q->round;
	ask(q);
	if (atomic_fetch_sub(&r->left, 1) == 1)
		wait_done(&r->all);
}

static void ask_all(struct round *r)
{
	atomic_init(&r->left, r->count - 1);
	for (size_t i = 1; i < r->count; i++)
		net_loop_spawn(r->clients->loop, ask_beside, &r->questions[i]);
	if (r->count > 0)
		ask(&r->questions[0]);
	if (r->count > 1)
		wait_for(&r->all);
}

static void add_question(struct round *r, struct list *list, struct slice name)
{
	struct question *q = &r->questions[r->count++];
	*q = (struct question){.round = r, .list = list, .name = name};
}

static void plan_list(
	struct round *r, struct list *list, const struct smtp_transaction *t, struct arena *arena)
{
	struct slice zone = slice_str(list->conf->zone), name, second;
	if (clock_mono_ms() < atomic_load(&list->asleep_until))
		return;
	if (list->conf->of == CONF_DNS_LIST_OF_CLIENT) {
		if (filter_dns_list_client(t->client, zone, arena, &name))
			add_question(r, list, name);
		return;
	}
	bool sender = filter_dns_list_domain(t->sender.path.domain, zone, arena, &name);
	if (sender)
		add_question(r, list, name);
	if (filter_dns_list_domain(t->helo, zone, arena, &second) &&
		!(sender && slice_eq(name, second)))
		add_question(r, list, second);
}

static void plan(struct round *r, const struct smtp_transaction *t, struct arena *arena)
{
	struct mx_clients *c = r->clients;
	if (!c->dns)
		return;
	if (c->conf->no_ptr_score > 0)
		add_question(r, NULL, SLICE(""));
	for (size_t i = 0; i < c->count; i++)
		plan_list(r, &c->list[i], t, arena);
}

static void add_score(
	struct mx_client_score *s, struct buf *reasons, const char *why, uint64_t score)
{
	if (score == 0)
		return;
	s->score += (unsigned)score;
	buf_printf(reasons, "%s%s %u", reasons->len > 0 ? ", " : "", why, (unsigned)score);
}

static void note_failure(struct list *list, const struct question *q, const struct log_scope *log)
{
	(void)atomic_fetch_add(&list->failed, 1);
	if (atomic_fetch_add(&list->failures, 1) + 1 < FAILURES_MAX)
		return;
	atomic_store(&list->failures, 0);
	atomic_store(&list->asleep_until, clock_mono_ms() + SLEEP_MS);
	log_warn(log, "a list does not answer and is left alone for a minute",
		F_STR("list", list->conf->zone), F_ERR(&q->err));
}

/* A list counts once, whatever of a client is on it. */
static void count_lists(struct round *r, struct mx_client_score *s, struct buf *reasons,
	const struct log_scope *log)
{
	const struct list *counted = NULL;
	for (size_t i = 0; i < r->count; i++) {
		struct question *q = &r->questions[i];
		if (!q->list)
			continue;
		(void)atomic_fetch_add(&q->list->asked, 1);
		if (q->outcome < 0) {
			note_failure(q->list, q, log);
			continue;
		}
		atomic_store(&q->list->failures, 0);
		if (q->outcome != 0 || q->list == counted)
			continue;
		counted = q->list;
		(void)atomic_fetch_add(&q->list->hits, 1);
		add_score(s, reasons, q->list->conf->zone, q->list->conf->score);
	}
}

static void count_own(struct round *r, const struct smtp_transaction *t, struct mx_client_score *s,
	struct buf *reasons)
{
	const struct conf_checks *conf = r->clients->conf;
	const struct question *first = &r->questions[0];
	bool asked = r->count > 0 && !first->list;
	enum filter_helo helo =
		filter_helo_judge(t->helo, slice_str(r->clients->hostname), t->local);
	if (helo != FILTER_HELO_GOOD)
		add_score(s, reasons, helo == FILTER_HELO_BAD ? "bad-helo" : "own-helo",
			helo == FILTER_HELO_BAD ? conf->bad_helo_score : conf->own_helo_score);
	s->has_name = asked && first->outcome == 0;
	if (asked && first->outcome > 0)
		add_score(s, reasons, "no-ptr", conf->no_ptr_score);
}

static bool is_ours(const struct mx_clients *c, const struct smtp_transaction *t)
{
	return !c->conf->on || t->user.len > 0 || net_address_is_unix(t->client) ||
	       net_address_is_loopback(t->client) || net_trusted_has(c->trusted, t->client);
}

static void judge(struct mx_clients *c, struct smtp_transaction *t, struct mx_client_score *s)
{
	AUTO(buf_free) struct buf reasons = BUF(REASONS_MAX);
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct round *r = ARENA_NEW(&arena, struct round);
	r->clients = c;
	r->client = t->client;
	s->judged = true;
	(void)dns_bounded_init(&r->dns, c->dns, clock_mono_ms() + (int64_t)c->conf->ask_timeout_ms);
	plan(r, t, &arena);
	ask_all(r);
	count_lists(r, s, &reasons, t->log);
	count_own(r, t, s, &reasons);
	s->reasons = arena_copy(&t->arena, buf_slice(&reasons));
	(void)atomic_fetch_add(&c->judged, 1);
	if (s->score > 0)
		log_info(t->log, "client judged", F_UINT("score", s->score),
			F_SLICE("reasons", s->reasons), F_SLICE("helo", t->helo),
			F_SLICE("sender", t->sender.path.address));
}

static bool is_reached(uint64_t bound, const struct mx_client_score *s)
{
	return bound > 0 && s->score >= bound;
}

int mx_clients_recipient(struct mx_clients *c, struct smtp_transaction *t, struct err *err)
{
	struct mx_client_score *s = t->client_score;
	if (!s) {
		t->client_score = s = ARENA_NEW(&t->arena, struct mx_client_score);
		if (!is_ours(c, t))
			judge(c, t, s);
		(void)atomic_fetch_add(&c->refused, is_reached(c->conf->reject_score, s));
	}
	if (!is_reached(c->conf->reject_score, s))
		return 0;
	t->reply_code = 554;
	(void)err_permanent(err, ERR_DENIED, "We take no mail from you: %.*s",
		SLICE_ARG(slice_sub(s->reasons, 0, 180)));
	return err_status(err, "5.7.1");
}

const struct mx_client_score *mx_clients_score(const struct smtp_transaction *t)
{
	return t->client_score;
}

void mx_clients_mark(struct mx_clients *c, struct smtp_transaction *t)
{
	AUTO(buf_free) struct buf field = BUF(REASONS_MAX + t->extra.len);
	const struct mx_client_score *s = mx_clients_score(t);
	if (!s || !is_reached(c->conf->mark_score, s))
		return;
	buf_printf(&field, MX_CLIENTS_FIELD ": %u", s->score);
	for (struct slice rest = s->reasons; rest.len > 0; rest = slice_trim(rest)) {
		struct slice reason = slice_cut(&rest, ',');
		buf_printf(&field, "\r\n\t(%.*s)", SLICE_ARG(reason));
	}
	buf_add_str(&field, "\r\n");
	buf_add_slice(&field, t->extra);
	if (field.failed)
		return;
	t->extra = arena_copy(&t->arena, buf_slice(&field));
	(void)atomic_fetch_add(&c->marked, 1);
}

void mx_clients_metrics(struct mx_clients *c, struct role *role, struct buf *to)
{
	role_metric(role, to, "clients_judged_total", "", c->judged);
	role_metric(role, to, "clients_refused_total", "", c->refused);
	role_metric(role, to, "clients_marked_total", "", c->marked);
	for (size_t i = 0; i < c->count; i++) {
		struct list *list = &c->list[i];
		char label[DNS_NAME_MAX + 16];
		(void)snprintf(label, sizeof(label), "list=\"%s\"", list->conf->zone);
		role_metric(role, to, "dns_list_asked_total", label, list->asked);
		role_metric(role, to, "dns_list_hits_total", label, list->hits);
		role_metric(role, to, "dns_list_failed_total", label, list->failed);
	}
}
