/* SPF's check_host(): finds the record, walks its terms, follows include and redirect. Depth and
 * work are bounded by the count of terms that ask. */
#include "filter/spf.h"

#include "base/clock.h"
#include "base/wait.h"
#include "filter/name.h"
#include "dns/records.h"
#include "filter/spf_check_internal.h"

enum {
	EXPANDED_MAX = 16 * 1024, /* of a domain, before it is cut to a name's length */
	EXPLANATION_MAX = 500,
	MAPPED = 12,
};

/* Of a mechanism, besides a result that ends the check. */
enum match { MATCH, NO_MATCH, TEMPORARY, PERMANENT };

/* A record that decides: where its exp= stands. */
struct origin {
	struct slice exp, domain;
	struct slice term;
};

static enum filter_spf_result check_host(
	struct spf_check *c, struct slice domain, struct origin *ret_origin);

static enum filter_spf_result permanent(struct spf_check *c, const char *why)
{
	c->why = why;
	return FILTER_SPF_PERMERROR;
}

static enum match bad(struct spf_check *c, const char *why)
{
	c->why = why;
	return PERMANENT;
}

/* An empty name: it can't be asked for. */
static struct slice target(struct spf_check *c, struct slice spec)
{
	AUTO(buf_free) struct buf text = BUF(EXPANDED_MAX);
	if (spec.len == 0)
		return c->values.domain;
	if (!filter_spf_expand(spec, FILTER_SPF_IN_DOMAIN, &c->values, &text) || text.failed)
		return SLICE("");
	return arena_copy(c->arena, filter_spf_fit_name(buf_slice(&text)));
}

static enum match count_void(struct spf_check *c)
{
	if (++c->voids > SPF_VOIDS_MAX)
		return bad(c, "more than two look-ups that find nothing");
	return NO_MATCH;
}

static enum match match_a(struct spf_check *c, const struct filter_spf_term *term)
{
	bool has, is_void;
	if (spf_has_client(c, target(c, term->domain), term, &has, &is_void) == SPF_CANT_TELL)
		return TEMPORARY;
	if (is_void)
		return count_void(c);
	return has ? MATCH : NO_MATCH;
}

static enum match match_mx(struct spf_check *c, const struct filter_spf_term *term)
{
	struct dns_answer answer;
	enum spf_found found = spf_ask(c, target(c, term->domain), DNS_MX, &answer);
	if (found != SPF_FOUND)
		return found == SPF_VOID ? count_void(c) : TEMPORARY;
	if (answer.count > SPF_MX_MAX)
		return bad(c, "an mx with more than ten hosts");
	for (size_t i = 0; i < answer.count; i++) {
		struct dns_mx mx;
		bool has, is_void;
		if (!dns_read_mx(answer.records[i], c->arena, &mx) || mx.name.len == 0)
			continue;
		if (spf_has_client(c, mx.name, term, &has, &is_void) == SPF_CANT_TELL)
			return TEMPORARY;
		if (has)
			return MATCH;
	}
	return NO_MATCH;
}

static enum match match_exists(struct spf_check *c, const struct filter_spf_term *term)
{
	struct dns_answer answer;
	switch (spf_ask(c, target(c, term->domain), DNS_A, &answer)) {
	case SPF_FOUND:
		return MATCH;
	case SPF_VOID:
		return count_void(c);
	default:
		return TEMPORARY;
	}
}

/* Section 5.2. What the other record says of itself (exp, its term) is not for our answer. */
static enum match match_include(struct spf_check *c, const struct filter_spf_term *term)
{
	struct origin theirs = {0};
	struct slice domain = c->values.domain;
	enum filter_spf_result r = check_host(c, target(c, term->domain), &theirs);
	c->values.domain = domain;
	switch (r) {
	case FILTER_SPF_PASS:
		return MATCH;
	case FILTER_SPF_TEMPERROR:
		return TEMPORARY;
	case FILTER_SPF_PERMERROR:
		return PERMANENT;
	case FILTER_SPF_NONE:
		return bad(c, "includes a domain without a record");
	default:
		return NO_MATCH;
	}
}

static enum match match_address(struct spf_check *c, const struct filter_spf_term *term)
{
	bool is_ip4 = term->mechanism == FILTER_SPF_IP4;
	if (is_ip4 != c->values.is_ip4)
		return NO_MATCH;
	size_t from = is_ip4 ? MAPPED : 0;
	bool same = spf_bits_match(
		c->values.ip + from, term->address + from, is_ip4 ? term->bits4 : term->bits6);
	return same ? MATCH : NO_MATCH;
}

static enum match match(struct spf_check *c, const struct filter_spf_term *term)
{
	bool asks = term->mechanism != FILTER_SPF_ALL && term->mechanism != FILTER_SPF_IP4 &&
		    term->mechanism != FILTER_SPF_IP6;
	if (asks && ++c->lookups > SPF_LOOKUPS_MAX)
		return bad(c, "more than ten terms that ask the DNS");
	switch (term->mechanism) {
	case FILTER_SPF_INCLUDE:
		return match_include(c, term);
	case FILTER_SPF_A:
		return match_a(c, term);
	case FILTER_SPF_MX:
		return match_mx(c, term);
	case FILTER_SPF_PTR:
		return spf_has_name_in(c, target(c, term->domain)) ? MATCH : NO_MATCH;
	case FILTER_SPF_IP4:
	case FILTER_SPF_IP6:
		return match_address(c, term);
	case FILTER_SPF_EXISTS:
		return match_exists(c, term);
	default:
		return MATCH; /* all */
	}
}

static enum filter_spf_result of_qualifier(char qualifier)
{
	return qualifier == '+'   ? FILTER_SPF_PASS
	       : qualifier == '-' ? FILTER_SPF_FAIL
	       : qualifier == '~' ? FILTER_SPF_SOFTFAIL
				  : FILTER_SPF_NEUTRAL;
}

/* Section 6.1. */
static enum filter_spf_result redirect(
	struct spf_check *c, struct slice spec, struct origin *ret_origin)
{
	if (++c->lookups > SPF_LOOKUPS_MAX)
		return permanent(c, "more than ten terms that ask the DNS");
	enum filter_spf_result r = check_host(c, target(c, spec), ret_origin);
	if (r == FILTER_SPF_NONE)
		return permanent(c, "redirects to a domain without a record");
	return r;
}

/* The one record of SPF among the TXT records (section 4.5). */
static enum filter_spf_result find_record(
	struct spf_check *c, struct slice domain, struct slice *ret_text)
{
	struct dns_answer answer;
	*ret_text = SLICE_NONE;
	/* section 4.3: neither have a single label and an address literal */
	if (!filter_name_is_valid(domain) || filter_name_labels(domain) < 2 ||
		domain.ptr[0] == '[') {
		c->why = "not a domain name";
		return FILTER_SPF_NONE;
	}
	enum spf_found found = spf_ask(c, domain, DNS_TXT, &answer);
	if (found == SPF_CANT_TELL)
		return FILTER_SPF_TEMPERROR;
	for (size_t i = 0; i < answer.count; i++) {
		struct slice text;
		if (!dns_read_txt(answer.records[i], c->arena, &text) ||
			!filter_spf_is_record(text))
			continue;
		if (ret_text->ptr)
			return permanent(c, "more than one record");
		*ret_text = text;
	}
	if (!ret_text->ptr)
		c->why = "no record";
	return FILTER_SPF_NONE;
}

static enum filter_spf_result check_host(
	struct spf_check *c, struct slice domain, struct origin *ret_origin)
{
	struct filter_spf_record record;
	struct filter_spf_term term;
	struct slice text;
	enum filter_spf_result r = find_record(c, domain, &text);
	if (!text.ptr || r != FILTER_SPF_NONE)
		return r;
	if (!filter_spf_record_parse(text, &record))
		return permanent(
			c, arena_printf(c->arena, "%.*s: can't understand \"%.*s\"",
				   SLICE_ARG(domain), SLICE_ARG(slice_sub(record.bad, 0, 100))));
	c->values.domain = domain;
	ret_origin->domain = domain;
	ret_origin->exp = record.exp;
	for (struct slice rest = record.terms; filter_spf_next_term(&rest, &term);) {
		wait_give_way();
		switch (match(c, &term)) {
		case MATCH:
			ret_origin->term = term.text;
			return of_qualifier(term.qualifier);
		case NO_MATCH:
			break;
		case TEMPORARY:
			return FILTER_SPF_TEMPERROR;
		default:
			return FILTER_SPF_PERMERROR;
		}
	}
	if (record.redirect.len > 0)
		return redirect(c, record.redirect, ret_origin);
	return FILTER_SPF_NEUTRAL;
}

static bool is_printing(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.ptr[i] < ' ' || s.ptr[i] > '~')
			return false;
	return true;
}

/* Section 6.2: whatever goes wrong here, there is no explanation then. */
static struct slice explain(struct spf_check *c, const struct origin *origin)
{
	AUTO(buf_free) struct buf to = BUF(EXPLANATION_MAX);
	struct dns_answer answer;
	struct slice text;
	if (origin->exp.len == 0)
		return SLICE_NONE;
	c->values.domain = origin->domain;
	if (spf_ask(c, target(c, origin->exp), DNS_TXT, &answer) != SPF_FOUND ||
		answer.count != 1 || !dns_read_txt(answer.records[0], c->arena, &text) ||
		!filter_spf_expand(text, FILTER_SPF_IN_TEXT, &c->values, &to) || to.failed ||
		!is_printing(buf_slice(&to)))
		return SLICE_NONE;
	return arena_copy(c->arena, buf_slice(&to));
}

/* The last "@" that is not the first byte parts them; no local part means "postmaster". */
static void set_sender(struct spf_check *c, struct slice sender)
{
	size_t at = sender.len;
	while (at > 0 && sender.ptr[at - 1] != '@')
		at--;
	struct slice local = at > 0 ? slice_sub(sender, 0, at - 1) : SLICE("");
	struct slice domain = slice_from(sender, at), ascii;
	if (filter_name_to_ascii(domain, c->arena, &ascii))
		domain = ascii;
	c->values.local = local.len ? local : SLICE("postmaster");
	c->values.sender_domain = arena_copy(c->arena, dns_name_trim(domain));
	c->values.sender = slice_str(arena_printf(c->arena, "%.*s@%.*s", SLICE_ARG(c->values.local),
		SLICE_ARG(c->values.sender_domain)));
}

static void check(const struct filter_spf_query *query, struct slice sender, struct arena *arena,
	struct filter_spf_answer *ret)
{
	struct origin origin = {0};
	struct spf_check c = {
		.dns = query->dns,
		.arena = arena,
		.values = {.helo = query->helo,
			.receiver = query->receiver,
			.now = clock_wall(),
			.validated = spf_validated_name},
		.deadline = clock_mono_ms() + SPF_TIME_MS,
	};
	c.values.context = &c;
	set_sender(&c, sender);
	*ret = (struct filter_spf_answer){.domain = c.values.sender_domain};
	if (!net_address_bytes(query->client, c.values.ip)) {
		ret->reason = SLICE("not a client of the Internet");
		return;
	}
	c.values.is_ip4 = net_ip_is_v4(c.values.ip);
	ret->result = check_host(&c, ret->domain, &origin);
	bool is_error = ret->result == FILTER_SPF_NONE || ret->result >= FILTER_SPF_TEMPERROR;
	ret->reason = is_error              ? slice_str(c.why ? c.why : "")
		      : origin.term.len > 0 ? origin.term
					    : SLICE("no term matches");
	if (ret->result == FILTER_SPF_FAIL)
		ret->explanation = explain(&c, &origin);
}

void filter_spf_check_helo(const struct filter_spf_query *query, struct arena *arena,
	struct filter_spf_answer *ret_answer)
{
	check(query, slice_str(arena_printf(arena, "postmaster@%.*s", SLICE_ARG(query->helo))),
		arena, ret_answer);
}

void filter_spf_check(const struct filter_spf_query *query, struct arena *arena,
	struct filter_spf_answer *ret_answer)
{
	if (query->sender.len == 0)
		filter_spf_check_helo(query, arena, ret_answer);
	else
		check(query, query->sender, arena, ret_answer);
}

const char *filter_spf_result_name(enum filter_spf_result result)
{
	static const char *const NAMES[] = {
		[FILTER_SPF_NONE] = "none",
		[FILTER_SPF_NEUTRAL] = "neutral",
		[FILTER_SPF_PASS] = "pass",
		[FILTER_SPF_FAIL] = "fail",
		[FILTER_SPF_SOFTFAIL] = "softfail",
		[FILTER_SPF_TEMPERROR] = "temperror",
		[FILTER_SPF_PERMERROR] = "permerror",
	};
	return NAMES[result];
}
