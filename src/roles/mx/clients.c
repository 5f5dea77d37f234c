/* A client is judged with the first recipient, what its message links to when that is here: each by
 * one round of questions (lists.h). */
#include "roles/mx/clients.h"

#include "base/alloc.h"
#include "base/log.h"
#include "filter/dns_list.h"
#include "filter/helo.h"
#include "filter/urls.h"
#include "roles/mx/lists.h"

enum {
	QUESTIONS_MAX = 2 * MX_LISTS_MAX + 1, /* two domains of each list; the name */
	LINK_QUESTIONS_MAX = 100,
	REASONS_MAX = 8192,
	TOLD_MAX = 180, /* of reasons, to the client */
};

struct mx_clients {
	const struct conf_checks *conf;
	struct net_loop *loop;
	const char *hostname;
	struct dns *dns;
	const struct net_trusted *trusted;
	struct mx_lists lists;
	struct filter_suffixes *suffixes; /* NULL: there are no lists of links */
	atomic_uint_fast64_t judged, refused, marked;
};

static bool has_lists_of(const struct conf_mx *conf, enum conf_dns_list_of of)
{
	for (size_t i = 0; i < conf->dns_list_count; i++)
		if (conf->dns_lists[i].of == of)
			return true;
	return false;
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
	if (has_lists_of(conf, CONF_DNS_LIST_OF_URL))
		c->suffixes = filter_suffixes_load();
	return mx_lists_init(&c->lists, conf, err);
}

void mx_clients_free(struct mx_clients *c)
{
	if (!c)
		return;
	mx_lists_deinit(&c->lists);
	filter_suffixes_free(c->suffixes);
	free(c);
}

static void plan_list(struct mx_round *r, struct mx_list *list, const struct smtp_transaction *t,
	struct arena *arena)
{
	struct slice zone = slice_str(list->conf->zone), name, second;
	if (list->conf->of == CONF_DNS_LIST_OF_URL)
		return;
	if (list->conf->of == CONF_DNS_LIST_OF_CLIENT) {
		if (filter_dns_list_client(t->client, zone, arena, &name))
			mx_round_add(r, list, name);
		return;
	}
	bool sender = filter_dns_list_domain(t->sender.path.domain, zone, arena, &name);
	if (sender)
		mx_round_add(r, list, name);
	if (filter_dns_list_domain(t->helo, zone, arena, &second) &&
		!(sender && slice_eq(name, second)))
		mx_round_add(r, list, second);
}

static void plan(struct mx_clients *c, struct mx_round *r, const struct smtp_transaction *t,
	struct arena *arena)
{
	if (!c->dns)
		return;
	if (c->conf->no_ptr_score > 0)
		mx_round_add(r, NULL, SLICE(""));
	for (size_t i = 0; i < c->lists.count; i++)
		plan_list(r, &c->lists.list[i], t, arena);
}

static void count_own(struct mx_clients *c, struct mx_round *r, const struct smtp_transaction *t,
	struct mx_client_score *s, struct buf *reasons)
{
	const struct conf_checks *conf = c->conf;
	const struct mx_question *first = &r->questions[0];
	bool asked = r->count > 0 && !first->list;
	enum filter_helo helo = filter_helo_judge(t->helo, slice_str(c->hostname), t->local);
	if (helo != FILTER_HELO_GOOD)
		mx_score_add(s, reasons, helo == FILTER_HELO_BAD ? "bad-helo" : "own-helo",
			helo == FILTER_HELO_BAD ? conf->bad_helo_score : conf->own_helo_score);
	s->has_name = asked && first->outcome == 0;
	if (asked && first->outcome > 0)
		mx_score_add(s, reasons, "no-ptr", conf->no_ptr_score);
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
	struct mx_round *r =
		mx_round_new(&arena, c->loop, c->dns, c->conf->ask_timeout_ms, QUESTIONS_MAX);
	r->client = t->client;
	s->judged = true;
	plan(c, r, t, &arena);
	mx_round_ask(r);
	mx_round_count(r, s, &reasons, t->log);
	count_own(c, r, t, s, &reasons);
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

static int refuse(struct smtp_transaction *t, const char *what, const struct mx_client_score *s,
	struct err *err)
{
	t->reply_code = 554;
	(void)err_permanent(
		err, ERR_DENIED, "%s: %.*s", what, SLICE_ARG(slice_sub(s->reasons, 0, TOLD_MAX)));
	return err_status(err, "5.7.1");
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
	return refuse(t, "We take no mail from you", s, err);
}

static void plan_links(struct mx_clients *c, struct mx_round *r, const struct filter_urls *urls,
	struct arena *arena)
{
	for (size_t i = 0; i < c->lists.count; i++) {
		struct mx_list *list = &c->lists.list[i];
		struct slice zone = slice_str(list->conf->zone), name;
		for (size_t u = 0; list->conf->of == CONF_DNS_LIST_OF_URL && u < urls->count; u++)
			if (filter_dns_list_domain(urls->names[u], zone, arena, &name))
				mx_round_add(r, list, name);
	}
}

static void judge_links(struct mx_clients *c, struct smtp_transaction *t, struct mx_client_score *s)
{
	AUTO(buf_free) struct buf reasons = BUF(REASONS_MAX);
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct filter_urls urls;
	unsigned before = s->score;
	filter_urls_find(t->message, c->suffixes, &arena, &urls);
	struct mx_round *r =
		mx_round_new(&arena, c->loop, c->dns, c->conf->ask_timeout_ms, LINK_QUESTIONS_MAX);
	plan_links(c, r, &urls, &arena);
	mx_round_ask(r);
	buf_add_slice(&reasons, s->reasons);
	mx_round_count(r, s, &reasons, t->log);
	s->reasons = arena_copy(&t->arena, buf_slice(&reasons));
	if (s->score > before)
		log_info(t->log, "links judged", F_UINT("score", s->score),
			F_SLICE("reasons", s->reasons), F_UINT("links", urls.count),
			F_SLICE("sender", t->sender.path.address));
}

int mx_clients_message(struct mx_clients *c, struct smtp_transaction *t, struct err *err)
{
	struct mx_client_score *s = t->client_score;
	if (!s || !s->judged || !c->dns || !c->suffixes)
		return 0;
	judge_links(c, t, s);
	if (!is_reached(c->conf->reject_score, s))
		return 0;
	(void)atomic_fetch_add(&c->refused, 1);
	return refuse(t, "We take no mail with such links", s, err);
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
	mx_lists_metrics(&c->lists, role, to);
}
