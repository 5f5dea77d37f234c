/* What is sent when. A report of a day is due some time in the four hours behind it, each at a
 * moment of its own that follows from its name and the node: so not all the world's reports come at
 * midnight, and a restart changes nothing. */
#include "reports/reports_internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "filter/digest.h"

enum { SPREAD_S = 4 * 3600 };

static int64_t due_at(const struct reports_name *name, struct slice text, struct id account)
{
	unsigned char hash[FILTER_DIGEST_LEN];
	struct filter_digest digest = filter_digest_new();
	filter_digest_add(&digest, id_slice(&account));
	filter_digest_add(&digest, text);
	filter_digest_end(&digest, hash);
	unsigned spread = ((unsigned)hash[0] << 8 | hash[1]) * SPREAD_S >> 16;
	return name->day + DAY_SECONDS + (int64_t)spread;
}

/* Which reports of an account are sent. */
struct wanted {
	bool due_only;
	struct slice domain; /* empty: all */
	void (*visit)(void *context, const struct reports_sent_now *sent);
	void *context;
};

static bool is_wanted(const struct wanted *w, const struct store_collection *c, struct id account)
{
	struct reports_name name;
	struct reports_head head;
	int64_t now = clock_wall();
	if (!reports_name_read(c->name, &name) || !reports_head_read(c->data, &head))
		return false;
	if (w->domain.len > 0 && !slice_eq_nocase(name.domain, w->domain))
		return false;
	return !w->due_only || (now >= due_at(&name, c->name, account) && now >= head.next_s);
}

/* How many were looked at. */
static int send_account(
	struct reports *r, struct id account, const struct wanted *w, struct err *err)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct store_collection *list;
	size_t count;
	int sent = 0;
	if (store_list_collections(
		    r->options.store, account, STORE_REPORTS, &arena, &list, &count, err) < 0)
		return -1;
	for (size_t i = 0; i < count && !reports_is_stopping(r); i++) {
		AUTO(reports_outgoing_free) struct reports_outgoing out = {.arena = ARENA_EMPTY};
		struct reports_sent_now now;
		struct err why;
		if (!is_wanted(w, &list[i], account) || !reports_works_on(r, account) ||
			reports_send_one(r, account, list[i].name, &out, &now, &why) != 0)
			continue;
		sent++;
		if (w->visit)
			w->visit(w->context, &now);
	}
	if (w->due_only && reports_works_on(r, account) &&
		reports_sent_clean(r, account, clock_wall(), err) < 0)
		return -1;
	return sent;
}

static int send_wanted(struct reports *r, const struct wanted *w, struct err *err)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct id *accounts;
	size_t count;
	int all = 0;
	int done = reports_find_accounts(r, &arena, &accounts, &count, err);
	for (size_t i = 0; done >= 0 && i < count; i++) {
		if (!reports_works_on(r, accounts[i]))
			continue;
		done = send_account(r, accounts[i], w, err);
		all += MAX(done, 0);
	}
	return done < 0 ? done : all;
}

int reports_send(struct reports *r, struct slice domain,
	void (*visit)(void *context, const struct reports_sent_now *sent), void *context,
	struct err *err)
{
	const struct wanted wanted = {.domain = domain, .visit = visit, .context = context};
	if (reports_fold(r, err) < 0)
		return -1;
	return send_wanted(r, &wanted, err);
}

void reports_work(struct reports *r)
{
	const struct wanted due = {.due_only = true};
	struct err err;
	if (reports_fold(r, &err) < 0)
		log_warn(NULL, "what was counted for reports can't be written down yet",
			F_ERR(&err));
	if (!r->options.dns || reports_is_stopping(r))
		return;
	if (send_wanted(r, &due, &err) < 0)
		log_warn(NULL, "reports that are due can't be looked for", F_ERR(&err));
}
