/* DMARC's judgement: policy of the author's domain, alignment of what SPF and DKIM vouch for. */
#include "filter/dmarc.h"

#include "filter/dmarc_walk.h"
#include "filter/name.h"

/* One author's domain on its way. */
struct judge {
	struct filter_dmarc_tree *tree;
	struct slice author;
	struct filter_dmarc_walk walk;
	const struct filter_dmarc_query *query;
};

enum aligned { NOT_ALIGNED, ALIGNED, CANT_TELL };

/* Section 4.4, and 4.10.2 for when no walk is needed. */
static enum aligned align(struct judge *j, struct slice domain, bool strict)
{
	struct filter_dmarc_walk theirs;
	if (dns_name_eq(domain, j->author))
		return ALIGNED;
	/* the same organisation is at or above both */
	if (strict || !filter_name_is_within(domain, j->walk.organization))
		return NOT_ALIGNED;
	if (filter_dmarc_walk(j->tree, domain, &theirs, NULL) < 0)
		return CANT_TELL;
	return dns_name_eq(theirs.organization, j->walk.organization) ? ALIGNED : NOT_ALIGNED;
}

/* True when the identity speaks for the author. *unsure: it may, and can't be told now. */
static bool speaks(
	struct judge *j, const struct filter_dmarc_identity *identity, bool strict, bool *unsure)
{
	if (identity->domain.len == 0 || identity->vouch == FILTER_DMARC_DENIED)
		return false;
	enum aligned a = align(j, identity->domain, strict);
	if (a == CANT_TELL || (a == ALIGNED && identity->vouch == FILTER_DMARC_UNSURE))
		*unsure = true;
	return a == ALIGNED && identity->vouch == FILTER_DMARC_VOUCHED;
}

/* For np: does the name exist at all? (appendix A.4) */
static int exists(struct judge *j, bool *ret_exists, struct err *err)
{
	struct dns_answer answer;
	struct err why = {0};
	int r = dns_lookup(j->tree->dns, j->author, DNS_A, j->tree->arena, &answer, &why);
	*ret_exists = r != DNS_NO_NAME && !(r < 0 && why.class == ERR_PERMANENT);
	if (r < 0 && why.class != ERR_PERMANENT)
		return err_temporary(
			err, ERR_UNAVAILABLE, "%.*s: %s", SLICE_ARG(j->author), why.text);
	return 0;
}

static int choose_policy(struct judge *j, struct filter_dmarc_answer *a, struct err *err)
{
	bool there = true;
	const struct filter_dmarc_record *r = &a->record;
	if (dns_name_eq(a->policy_domain, j->author)) {
		a->policy = r->p;
		return 0;
	}
	if (r->np != r->sp && exists(j, &there, err) < 0)
		return -1;
	a->policy = there ? r->sp : r->np;
	return 0;
}

/* Section 4.10.1, at its end: a record whose policies can't be read asks for reports at most. */
static bool mend(struct filter_dmarc_record *r)
{
	struct slice uris = r->rua, address;
	if (r->has_p && !r->bad_policy)
		return true;
	r->p = r->sp = r->np = FILTER_DMARC_NONE;
	return filter_dmarc_next_address(&uris, &address);
}

static void temporary(struct judge *j, struct filter_dmarc_answer *a, const struct err *err)
{
	a->result = FILTER_DMARC_RESULT_TEMPERROR;
	a->reason = arena_printf(j->tree->arena, "%s", err->text);
}

static void judge_identities(struct judge *j, struct filter_dmarc_answer *a)
{
	bool unsure = false;
	size_t count = MIN(j->query->dkim_count, (size_t)FILTER_DMARC_IDENTITIES_MAX);
	a->spf_aligned = speaks(j, &j->query->spf, a->record.strict_spf, &unsure);
	for (size_t i = 0; i < count && !a->dkim_aligned; i++)
		a->dkim_aligned = speaks(j, &j->query->dkim[i], a->record.strict_dkim, &unsure);
	if (a->spf_aligned || a->dkim_aligned) {
		a->result = FILTER_DMARC_RESULT_PASS;
		a->reason = a->spf_aligned && a->dkim_aligned ? "SPF and DKIM are aligned"
			    : a->spf_aligned                  ? "SPF is aligned"
							      : "DKIM is aligned";
		return;
	}
	a->result = unsure ? FILTER_DMARC_RESULT_TEMPERROR : FILTER_DMARC_RESULT_FAIL;
	a->reason = unsure ? "what would be aligned can't be told now" : "nothing is aligned";
	if (unsure)
		return;
	a->disposal = a->policy;
	if (a->record.testing && a->disposal > FILTER_DMARC_NONE)
		a->disposal = (enum filter_dmarc_policy)(a->disposal - 1);
}

static void judge_author(struct judge *j, struct filter_dmarc_answer *a)
{
	struct err err = {0};
	*a = (struct filter_dmarc_answer){.author = j->author, .reason = "no policy"};
	if (filter_dmarc_walk(j->tree, j->author, &j->walk, &err) < 0) {
		temporary(j, a, &err);
		return;
	}
	if (!j->walk.policy)
		return;
	a->record = j->walk.policy->record;
	a->record_text = j->walk.policy->text;
	a->policy_domain = j->walk.policy->domain;
	if (!mend(&a->record)) {
		a->reason = "a policy that can't be understood";
		return;
	}
	if (choose_policy(j, a, &err) < 0)
		temporary(j, a, &err);
	else
		judge_identities(j, a);
}

/* How much an answer weighs among those of several authors. */
static int weight(const struct filter_dmarc_answer *a)
{
	switch (a->result) {
	case FILTER_DMARC_RESULT_FAIL:
		return 10 + (int)a->disposal;
	case FILTER_DMARC_RESULT_TEMPERROR:
		return 5;
	case FILTER_DMARC_RESULT_NONE:
		return 2;
	default:
		return 1;
	}
}

void filter_dmarc_check(const struct filter_dmarc_query *query, struct arena *arena,
	struct filter_dmarc_answer *ret_answer)
{
	struct filter_dmarc_tree tree = {.dns = query->dns, .arena = arena};
	*ret_answer = (struct filter_dmarc_answer){.result = FILTER_DMARC_RESULT_PERMERROR,
		.reason = "no domain of an author, or too many"};
	if (query->author_count > FILTER_DMARC_AUTHORS_MAX)
		return;
	for (size_t i = 0; i < query->author_count; i++) {
		struct judge j = {.tree = &tree, .author = query->authors[i], .query = query};
		struct filter_dmarc_answer one;
		judge_author(&j, &one);
		if (i == 0 || weight(&one) > weight(ret_answer))
			*ret_answer = one;
	}
}

const char *filter_dmarc_result_name(enum filter_dmarc_result result)
{
	static const char *const NAMES[] = {
		[FILTER_DMARC_RESULT_NONE] = "none",
		[FILTER_DMARC_RESULT_PASS] = "pass",
		[FILTER_DMARC_RESULT_FAIL] = "fail",
		[FILTER_DMARC_RESULT_TEMPERROR] = "temperror",
		[FILTER_DMARC_RESULT_PERMERROR] = "permerror",
	};
	return NAMES[result];
}
