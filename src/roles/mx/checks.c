/* The questions are asked one after the other, on the session's own stack. No answer of the DNS in
 * time is a result like others ("temperror"): mail is not put off for it. */
#include "roles/mx/checks.h"

#include "base/clock.h"
#include "base/log.h"
#include "filter/arc_verify.h"
#include "filter/dkim_verify.h"
#include "filter/junk.h"
#include "filter/name.h"
#include "filter/verdicts.h"
#include "message/header.h"
#include "roles/mx/clients.h"

enum { FIELD_MAX = 32 * 1024, RESULTS_MAX = FILTER_DKIM_SIGNATURES_MAX + 4, TEXT_B = 8 };

/* One message's. */
struct check {
	struct mx_checks *checks;
	struct smtp_transaction *t;
	struct arena arena;
	struct filter_message message;
	struct filter_spf_answer spf;
	struct filter_dkim_results dkim;
	struct filter_arc_result arc;
	struct filter_dmarc_answer dmarc;
	bool dmarc_asked;
	struct filter_result results[RESULTS_MAX];
	size_t count;
};

int mx_checks_init(struct mx_checks *c, const struct role *role, struct dns *dns, struct err *err)
{
	*c = (struct mx_checks){.conf = &role->settings->mx.checks,
		.hostname = role->settings->hostname,
		.dns = dns};
	const char *junk = role->settings->store.junk_header;
	(void)snprintf(c->our_fields, sizeof(c->our_fields), "%s%s" MX_CLIENTS_FIELD, junk,
		junk[0] ? " " : "");
	for (size_t i = 0; i < c->conf->trusted.count; i++)
		if (net_trusted_add(&c->trusted, slice_str(c->conf->trusted.items[i]), err) < 0)
			return err_prefix(err, "mx.checks.trusted");
	return 0;
}

void mx_checks_deinit(struct mx_checks *c)
{
	net_trusted_free(&c->trusted);
}

static void ask_spf(struct check *k)
{
	struct slice sender = k->t->sender.path.address;
	struct filter_spf_query query = {.dns = k->checks->dns,
		.client = k->t->client,
		.sender = sender,
		.helo = k->t->helo,
		.receiver = slice_str(k->checks->hostname)};
	filter_spf_check(&query, &k->arena, &k->spf);
	k->results[k->count++] = filter_spf_to_result(&k->spf, sender, k->t->helo);
}

static void tell_dkim(struct check *k, const struct filter_dkim_result *r)
{
	struct filter_result *to = &k->results[k->count++];
	*to = (struct filter_result){.method = SLICE("dkim"),
		.result = slice_str(filter_dkim_status_word(r->verdict.status)),
		.reason = slice_str(r->verdict.reason)};
	filter_result_add(to, "header", "d", r->signature.domain);
	filter_result_add(to, "header", "s", r->signature.selector);
	filter_result_add(to, "header", "a", r->signature.algorithm_text);
	filter_result_add(to, "header", "b", slice_sub(r->signature.text, 0, TEXT_B));
}

static void ask_dkim(struct check *k)
{
	filter_dkim_verify(&k->message, k->checks->dns, clock_wall(), &k->arena, &k->dkim);
	for (size_t i = 0; i < k->dkim.count; i++)
		tell_dkim(k, &k->dkim.list[i]);
	if (k->dkim.count == 0)
		k->results[k->count++] =
			(struct filter_result){.method = SLICE("dkim"), .result = SLICE("none")};
}

static const char *arc_word(enum filter_arc_status status)
{
	return status == FILTER_ARC_PASS ? "pass" : status == FILTER_ARC_FAIL ? "fail" : "none";
}

static void ask_arc(struct check *k)
{
	filter_arc_verify(&k->message, k->checks->dns, clock_wall(), &k->t->arena, &k->arc);
	if (k->arc.status == FILTER_ARC_NONE)
		return;
	k->results[k->count++] = (struct filter_result){.method = SLICE("arc"),
		.result = slice_str(arc_word(k->arc.status)),
		.reason = slice_str(k->arc.reason ? k->arc.reason : "")};
}

static enum filter_dmarc_vouch vouch(bool passed, bool unsure)
{
	return passed ? FILTER_DMARC_VOUCHED : unsure ? FILTER_DMARC_UNSURE : FILTER_DMARC_DENIED;
}

static void ask_dmarc(struct check *k)
{
	struct slice authors[FILTER_DMARC_AUTHORS_MAX];
	struct filter_dmarc_identity dkim[FILTER_DKIM_SIGNATURES_MAX];
	struct filter_dmarc_query query = {.dns = k->checks->dns,
		.authors = authors,
		.spf = {k->spf.domain, vouch(k->spf.result == FILTER_SPF_PASS,
					       k->spf.result == FILTER_SPF_TEMPERROR)},
		.dkim = dkim};
	if (!filter_dmarc_authors(k->message.header, &k->arena, authors, &query.author_count))
		query.author_count = 0;
	for (size_t i = 0; i < k->dkim.count; i++) {
		const struct filter_dkim_result *r = &k->dkim.list[i];
		struct slice domain;
		if (!filter_name_to_ascii(r->signature.domain, &k->arena, &domain))
			continue;
		dkim[query.dkim_count++] = (struct filter_dmarc_identity){
			domain, vouch(r->verdict.status == FILTER_DKIM_PASS,
					r->verdict.status == FILTER_DKIM_TEMPERROR)};
	}
	filter_dmarc_check(&query, &k->arena, &k->dmarc);
	k->results[k->count++] = filter_dmarc_to_result(&k->dmarc);
}

static void count_one(struct check *k)
{
	struct mx_checks *c = k->checks;
	bool signed_well = false;
	for (size_t i = 0; i < k->dkim.count; i++)
		signed_well |= k->dkim.list[i].verdict.status == FILTER_DKIM_PASS;
	(void)atomic_fetch_add(&c->checked, 1);
	(void)atomic_fetch_add(&c->spf_failed, k->spf.result == FILTER_SPF_FAIL);
	(void)atomic_fetch_add(&c->dkim_failed, k->dkim.count > 0 && !signed_well);
	(void)atomic_fetch_add(&c->dmarc_failed, k->dmarc.result == FILTER_DMARC_RESULT_FAIL);
	log_info(k->t->log, "message checked", F_STR("spf", filter_spf_result_name(k->spf.result)),
		F_STR("dkim", signed_well          ? "pass"
			      : k->dkim.count == 0 ? "none"
						   : "fail"),
		F_STR("dmarc", filter_dmarc_result_name(k->dmarc.result)),
		F_SLICE("author", k->dmarc.author));
}

static void write_field(struct check *k, struct mx_checked *checked)
{
	AUTO(buf_free) struct buf field = BUF(FIELD_MAX);
	struct filter_results results = {
		.server = slice_str(k->checks->hostname), .list = k->results, .count = k->count};
	filter_results_write(&results, &field);
	if (field.failed)
		return;
	struct slice value = arena_copy(&k->t->arena, buf_slice(&field));
	(void)slice_cut(&value, ':');
	buf_add_slice(&field, k->t->extra);
	if (field.failed)
		return;
	k->t->extra = arena_copy(&k->t->arena, buf_slice(&field));
	*checked = (struct mx_checked){.results = slice_trim(value), .arc = k->arc};
	if (k->dmarc.disposal == FILTER_DMARC_NONE)
		return;
	checked->unwanted_author = arena_copy(&k->t->arena, k->dmarc.author);
	checked->unwanted_by = arena_copy(&k->t->arena, k->dmarc.policy_domain);
}

/* The message has another header now; it may have lain in `message` before. */
static int set_header(struct smtp_transaction *t, const struct buf *header, struct slice body,
	struct buf *message, struct err *err)
{
	struct buf whole = BUF(header->len + body.len + 1);
	buf_add_slice(&whole, buf_slice(header));
	buf_add_slice(&whole, body);
	if (header->failed || whole.failed) {
		buf_free(&whole);
		return err_temporary(err, ERR_LIMIT, "no memory for the message");
	}
	buf_free(message);
	*message = whole;
	t->message = buf_slice(message);
	return 0;
}

/* Fields of others that bear our name go: nobody but we may say what we found. */
static int take_out(struct check *k, struct buf *message, struct err *err)
{
	AUTO(buf_free) struct buf header = BUF(k->message.header.len + 1);
	if (filter_results_remove(k->message.header, slice_str(k->checks->hostname), &header) == 0)
		return 0;
	return set_header(k->t, &header, k->message.body, message, err);
}

int mx_checks_unmark(
	struct mx_checks *c, struct smtp_transaction *t, struct buf *message, struct err *err)
{
	struct filter_message now = filter_message_of(t->message);
	AUTO(buf_free) struct buf header = BUF(now.header.len + 1);
	if (t->user.len == 0 && net_trusted_has(&c->trusted, t->client))
		return 0;
	if (filter_junk_remove(now.header, slice_str(c->our_fields), &header) == 0)
		return 0;
	return set_header(t, &header, now.body, message, err);
}

static bool is_refused(const struct check *k)
{
	return k->checks->conf->dmarc == CONF_DMARC_REJECT &&
	       k->dmarc.disposal == FILTER_DMARC_REJECT && k->arc.status != FILTER_ARC_PASS;
}

/* Reports by mail to us, of somebody who may send them, are not counted: each would be a report's
 * subject in turn, and two servers would write to each other for ever. */
static bool is_report(struct check *k)
{
	struct slice header = k->message.header;
	if (k->dmarc.result != FILTER_DMARC_RESULT_PASS)
		return false;
	struct slice subject = message_header_value(header, "Subject", &k->arena);
	return message_header_value(header, "TLS-Report-Domain", &k->arena).ptr ||
	       (slice_starts_nocase(subject, SLICE("Report Domain:")) &&
		       slice_search(subject, SLICE("Submitter:")) >= 0);
}

/* For the report to the author's domain. */
static void report(struct check *k, bool refused)
{
	char source[NET_ADDRESS_TEXT];
	struct filter_dmarc_signature dkim[FILTER_DKIM_SIGNATURES_MAX];
	const struct filter_dmarc_answer *d = &k->dmarc;
	bool spared = !refused && k->arc.status == FILTER_ARC_PASS &&
		      d->disposal == FILTER_DMARC_REJECT &&
		      k->checks->conf->dmarc == CONF_DMARC_REJECT;
	if (!k->checks->reports || d->policy_domain.len == 0 || d->record.rua.len == 0 ||
		d->result == FILTER_DMARC_RESULT_TEMPERROR || is_report(k))
		return;
	net_address_host(k->t->client, source);
	for (size_t i = 0; i < k->dkim.count; i++) {
		const struct filter_dkim_result *r = &k->dkim.list[i];
		dkim[i] = (struct filter_dmarc_signature){.domain = r->signature.domain,
			.selector = r->signature.selector,
			.result = slice_str(filter_dkim_status_word(r->verdict.status))};
	}
	const struct filter_dmarc_row row = {.source = slice_str(source),
		.count = 1,
		.spf_aligned = d->spf_aligned,
		.dkim_aligned = d->dkim_aligned,
		.policy = d->policy,
		.disposal = refused ? FILTER_DMARC_REJECT : FILTER_DMARC_NONE,
		.override_type = spared ? SLICE("local_policy") : SLICE(""),
		.override_words = spared ? SLICE("arc=pass") : SLICE(""),
		.header_from = d->author,
		.envelope_from = k->t->sender.path.domain,
		.dkim = dkim,
		.dkim_count = k->dkim.count,
		.spf_domain = k->spf.domain,
		.spf_result = slice_str(filter_spf_result_name(k->spf.result))};
	reports_count_dmarc(k->checks->reports, d->policy_domain, d->record_text, &row);
}

int mx_checks_run(struct mx_checks *c, struct smtp_transaction *t, struct buf *message,
	struct mx_checked *ret_checked, struct err *err)
{
	*ret_checked = (struct mx_checked){.results = SLICE("")};
	if (!c->conf->on || !c->dns || t->user.len > 0 || net_trusted_has(&c->trusted, t->client))
		return 0;
	struct check k = {.checks = c,
		.t = t,
		.arena = ARENA_EMPTY,
		.message = filter_message_of(t->message)};
	ask_spf(&k);
	ask_dkim(&k);
	ask_arc(&k);
	ask_dmarc(&k);
	count_one(&k);
	report(&k, is_refused(&k));
	int r = 0;
	if (is_refused(&k)) {
		(void)atomic_fetch_add(&c->refused, 1);
		(void)err_permanent(err, ERR_DENIED,
			"The author's domain %.*s wants such mail rejected (DMARC)",
			SLICE_ARG(k.dmarc.author));
		r = err_status(err, "5.7.1");
	} else {
		write_field(&k, ret_checked);
		r = take_out(&k, message, err);
	}
	arena_free(&k.arena);
	return r;
}
