/* Counting, in memory: quick, and bounded. */
#include "reports/reports_internal.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/must.h"

struct reports *reports_new(const struct reports_options *options)
{
	struct reports *r = ALLOC(struct reports);
	r->options = *options;
	r->table = reports_table_new();
	must(pthread_mutex_init(&r->lock, NULL) == 0);
	return r;
}

void reports_free(struct reports *r)
{
	if (!r)
		return;
	reports_table_free(r->table);
	(void)pthread_mutex_destroy(&r->lock);
	free(r);
}

struct id reports_account(struct id node)
{
	struct id id = node;
	id.bytes[ID_SIZE - 4] = 'r';
	id.bytes[ID_SIZE - 2] = 0;
	id.bytes[ID_SIZE - 1] = 'r';
	return id;
}

bool reports_is_stopping(const struct reports *r)
{
	return r->options.stopping && atomic_load(r->options.stopping);
}

bool reports_works_on(const struct reports *r, struct id account)
{
	return !r->options.works_on || r->options.works_on(r->options.context, account);
}

void reports_add(struct reports *r, const struct reports_name *name, struct slice about,
	const struct reports_row *row)
{
	(void)pthread_mutex_lock(&r->lock);
	bool done = reports_table_add(r->table, name, about, row);
	(void)pthread_mutex_unlock(&r->lock);
	if (!done)
		(void)atomic_fetch_add(&r->dropped, row->good + row->bad);
}

/* Today's, in `room`. False: there can be no such domain. */
static bool name_today(enum reports_kind kind, struct slice domain, char room[ENVELOPE_DOMAIN_MAX],
	struct reports_name *ret_name)
{
	int64_t now = clock_wall();
	if (domain.len == 0 || domain.len > ENVELOPE_DOMAIN_MAX)
		return false;
	for (size_t i = 0; i < domain.len; i++)
		room[i] = slice_lower(domain.ptr[i]);
	*ret_name = (struct reports_name){
		.day = now - now % DAY_SECONDS, .kind = kind, .domain = slice(room, domain.len)};
	return true;
}

void reports_count_dmarc(struct reports *r, struct slice domain, struct slice record,
	const struct filter_dmarc_row *row)
{
	AUTO(buf_free) struct buf key = BUF(REPORTS_KEY_MAX);
	char room[ENVELOPE_DOMAIN_MAX];
	struct reports_name name;
	bool passed = row->spf_aligned || row->dkim_aligned;
	if (!r || !r->options.dmarc || !name_today(REPORTS_DMARC, domain, room, &name))
		return;
	(void)atomic_fetch_add(&r->dmarc_counted, 1);
	reports_dmarc_key(row, &key);
	if (key.failed || record.len > REPORTS_ABOUT_MAX || slice_find(record, '\0') >= 0) {
		(void)atomic_fetch_add(&r->dropped, 1);
		return;
	}
	reports_add(r, &name, record,
		&(struct reports_row){.good = passed, .bad = !passed, .key = buf_slice(&key)});
}

void reports_count_tls(struct reports *r, struct slice domain,
	const struct reports_tls_policy *policy, const struct reports_tls_failure *failure)
{
	AUTO(buf_free) struct buf key = BUF(REPORTS_KEY_MAX), detail = BUF(REPORTS_KEY_MAX);
	char room[ENVELOPE_DOMAIN_MAX];
	struct reports_name name;
	if (!r || !r->options.tls || !name_today(REPORTS_TLS, domain, room, &name))
		return;
	(void)atomic_fetch_add(&r->tls_counted, 1);
	reports_tls_policy_key(policy, &key);
	reports_add(r, &name, SLICE(""),
		&(struct reports_row){
			.good = !failure, .bad = failure != NULL, .key = buf_slice(&key)});
	if (!failure)
		return;
	reports_tls_failure_key(buf_slice(&key), failure, &detail);
	reports_add(
		r, &name, SLICE(""), &(struct reports_row){.bad = 1, .key = buf_slice(&detail)});
}

struct reports_figures reports_figures(struct reports *r)
{
	(void)pthread_mutex_lock(&r->lock);
	size_t rows = reports_table_rows(r->table);
	(void)pthread_mutex_unlock(&r->lock);
	return (struct reports_figures){.rows = rows,
		.dmarc_counted = atomic_load(&r->dmarc_counted),
		.tls_counted = atomic_load(&r->tls_counted),
		.dropped = atomic_load(&r->dropped),
		.dmarc_sent = atomic_load(&r->dmarc_sent),
		.tls_sent = atomic_load(&r->tls_sent),
		.failures = atomic_load(&r->failures),
		.given_up = atomic_load(&r->given_up)};
}
