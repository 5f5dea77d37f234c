/* Each question runs on a stack of its own, the first one on the caller's. */
#include "roles/mx/lists.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "dns/client.h"
#include "dns/name.h"
#include "filter/dns_list.h"

enum {
	FAILURES_MAX = 3,     /* on end, of a list */
	SLEEP_MS = 60 * 1000, /* after so many */
};

static int add_list(struct mx_lists *lists, const struct conf_dns_list *conf, struct err *err)
{
	struct mx_list *list = &lists->list[lists->count];
	if (lists->count == MX_LISTS_MAX)
		return err_permanent(
			err, ERR_LIMIT, "more than %d blocks mx.dns_list", MX_LISTS_MAX);
	if (slice_find(slice_str(conf->zone), '.') < 0 || !dns_name_is_good(slice_str(conf->zone)))
		return err_permanent(err, ERR_BAD_INPUT,
			"mx.dns_list \"%s\": its label must be the list's zone", conf->zone);
	list->conf = conf;
	list->ranges = alloc_zero(conf->codes.count + 1, sizeof(*list->ranges));
	lists->count++;
	for (size_t i = 0; i < conf->codes.count; i++)
		if (!ip_range_read(slice_str(conf->codes.items[i]), &list->ranges[i]))
			return err_permanent(err, ERR_BAD_INPUT, "mx.dns_list %s: codes %s",
				conf->zone, conf->codes.items[i]);
	return 0;
}

int mx_lists_init(struct mx_lists *lists, const struct conf_mx *conf, struct err *err)
{
	for (size_t i = 0; i < conf->dns_list_count; i++)
		if (add_list(lists, &conf->dns_lists[i], err) < 0)
			return -1;
	return 0;
}

void mx_lists_deinit(struct mx_lists *lists)
{
	for (size_t i = 0; i < lists->count; i++)
		free(lists->list[i].ranges);
}

struct mx_round *mx_round_new(
	struct arena *arena, struct net_loop *loop, struct dns *dns, uint64_t within_ms, size_t max)
{
	struct mx_round *r = ARENA_NEW(arena, struct mx_round);
	r->loop = loop;
	r->questions = ARENA_ARRAY(arena, struct mx_question, max);
	r->max = max;
	(void)dns_bounded_init(&r->dns, dns, clock_mono_ms() + (int64_t)within_ms);
	return r;
}

static void ask(struct mx_question *q)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct mx_round *r = q->round;
	struct slice name;
	q->outcome = q->list ? filter_dns_list_ask(&r->dns.dns, q->name, q->list->ranges,
				       q->list->conf->codes.count, &q->code, &q->err)
			     : dns_client_name(&r->dns.dns, r->client, &arena, &name, &q->err);
}

/* After the last of them the round's memory is gone. */
static void ask_beside(void *context)
{
	struct mx_question *q = context;
	struct mx_round *r = q->round;
	ask(q);
	if (atomic_fetch_sub(&r->left, 1) == 1)
		wait_done(&r->all);
}

void mx_round_ask(struct mx_round *r)
{
	atomic_init(&r->left, r->count - 1);
	for (size_t i = 1; i < r->count; i++)
		net_loop_spawn(r->loop, ask_beside, &r->questions[i]);
	if (r->count > 0)
		ask(&r->questions[0]);
	if (r->count > 1)
		wait_for(&r->all);
}

void mx_round_add(struct mx_round *r, struct mx_list *list, struct slice name)
{
	if (r->count == r->max || (list && clock_mono_ms() < atomic_load(&list->asleep_until)))
		return;
	struct mx_question *q = &r->questions[r->count++];
	*q = (struct mx_question){.round = r, .list = list, .name = name};
}

void mx_score_add(struct mx_client_score *s, struct buf *reasons, const char *why, uint64_t score)
{
	if (score == 0)
		return;
	s->score += (unsigned)score;
	buf_printf(reasons, "%s%s %u", reasons->len > 0 ? ", " : "", why, (unsigned)score);
}

static void note_failure(
	struct mx_list *list, const struct mx_question *q, const struct log_scope *log)
{
	(void)atomic_fetch_add(&list->failed, 1);
	if (atomic_fetch_add(&list->failures, 1) + 1 < FAILURES_MAX)
		return;
	atomic_store(&list->failures, 0);
	atomic_store(&list->asleep_until, clock_mono_ms() + SLEEP_MS);
	log_warn(log, "a list does not answer and is left alone for a minute",
		F_STR("list", list->conf->zone), F_ERR(&q->err));
}

void mx_round_count(struct mx_round *r, struct mx_client_score *s, struct buf *reasons,
	const struct log_scope *log)
{
	const struct mx_list *counted = NULL, *failed = NULL;
	for (size_t i = 0; i < r->count; i++) {
		struct mx_question *q = &r->questions[i];
		if (!q->list)
			continue;
		(void)atomic_fetch_add(&q->list->asked, 1);
		if (q->outcome < 0) {
			if (q->list != failed) /* however many questions it was asked */
				note_failure(q->list, q, log);
			failed = q->list;
			continue;
		}
		atomic_store(&q->list->failures, 0);
		if (q->outcome != 0 || q->list == counted)
			continue;
		counted = q->list;
		(void)atomic_fetch_add(&q->list->hits, 1);
		mx_score_add(s, reasons, q->list->conf->zone, q->list->conf->score);
	}
}

void mx_lists_metrics(struct mx_lists *lists, struct role *role, struct buf *to)
{
	for (size_t i = 0; i < lists->count; i++) {
		struct mx_list *list = &lists->list[i];
		char label[DNS_NAME_MAX + 16];
		(void)snprintf(label, sizeof(label), "list=\"%s\"", list->conf->zone);
		role_metric(role, to, "dns_list_asked_total", label, list->asked);
		role_metric(role, to, "dns_list_hits_total", label, list->hits);
		role_metric(role, to, "dns_list_failed_total", label, list->failed);
	}
}
