/* TLSA records of an exchanger: under which name they are looked for, and which of them count. */
#include "dns/dane.h"

#include "dns/name.h"
#include "dns/records.h"

enum {
	RECORDS_MAX = 64,
	SELECTOR_MAX = 1, /* certificate, public key */
	MATCH_FULL = 0,
	MATCH_SHA256 = 1,
	MATCH_SHA512 = 2,
	REFERENCES_MAX = 4,
};

/* Section 3.1.3: usages 0 and 1 can't be checked by a client that has no set of authorities that
 * all servers know. */
static bool is_usable(const struct dns_tlsa *tlsa)
{
	if (tlsa->usage != DNS_TLSA_DANE_TA && tlsa->usage != DNS_TLSA_DANE_EE)
		return false;
	if (tlsa->selector > SELECTOR_MAX)
		return false;
	switch (tlsa->matching) {
	case MATCH_FULL:
		return true;
	case MATCH_SHA256:
		return tlsa->data.len == 32;
	case MATCH_SHA512:
		return tlsa->data.len == 64;
	default:
		return false;
	}
}

static void take_records(
	const struct dns_answer *answer, struct arena *arena, struct net_tls_dane *tls)
{
	size_t count = MIN(answer->count, (size_t)RECORDS_MAX);
	struct net_tls_dane_record *records = ARENA_ARRAY(arena, struct net_tls_dane_record, count);
	for (size_t i = 0; i < count; i++) {
		struct dns_tlsa tlsa;
		if (dns_read_tlsa(answer->records[i], &tlsa) && is_usable(&tlsa))
			records[tls->record_count++] = (struct net_tls_dane_record){
				.usage = tlsa.usage,
				.selector = tlsa.selector,
				.matching = tlsa.matching,
				.data = tlsa.data,
			};
	}
	tls->records = records;
}

static void add_reference(
	struct net_tls_dane *tls, const char **references, struct slice name, struct arena *arena)
{
	for (size_t i = 0; i < tls->reference_count; i++)
		if (dns_name_eq(slice_str(references[i]), name))
			return;
	if (tls->reference_count < REFERENCES_MAX && name.len > 0)
		references[tls->reference_count++] = arena_copy(arena, name).ptr;
}

/* Section 3.2.2: a certificate for the host will do, or one for the domain. */
static void set_references(const struct dns_route *route, const struct dns_exchanger *host,
	struct arena *arena, struct net_tls_dane *tls)
{
	const char **references = ARENA_ARRAY(arena, const char *, REFERENCES_MAX);
	tls->references = references;
	add_reference(tls, references, slice_str(tls->host), arena);
	add_reference(tls, references, host->name, arena);
	add_reference(tls, references, route->domain, arena);
	add_reference(tls, references, route->final_domain, arena);
}

static int cannot_tell(struct slice base, struct err *err)
{
	(void)err_prefix(err, "DANE for %.*s", SLICE_ARG(base));
	if (err)
		err->class = ERR_TEMPORARY;
	return err ? err_status(err, "4.7.5") : -1;
}

/* The records under this name, when they are secure. 1: there are none. */
static int find_at(struct dns *dns, struct slice base, uint16_t port, struct arena *arena,
	struct dns_dane *dane, struct err *err)
{
	struct dns_answer answer;
	struct slice name = slice_str(arena_printf(arena, "_%u._tcp.%.*s", port, SLICE_ARG(base)));
	if (!dns_name_is_good(name)) /* too long for the labels in front: there can be none */
		return 1;
	int r = dns_lookup(dns, name, DNS_TLSA, arena, &answer, err);
	if (r < 0)
		return cannot_tell(base, err);
	if (r > 0 || !answer.secure)
		return 1;
	dane->tls.host = arena_copy(arena, base).ptr;
	take_records(&answer, arena, &dane->tls);
	dane->demand = dane->tls.record_count > 0 ? DNS_DANE_VERIFY : DNS_DANE_ENCRYPT;
	return 0;
}

/* Section 2.2.2: the addresses are insecure at the end of CNAMEs, but the host's own zone may be
 * secure, and TLSA records may stand there. */
static int is_secure_alias(
	struct dns *dns, struct slice name, struct arena *arena, bool *ret_secure, struct err *err)
{
	struct dns_answer answer;
	int r = dns_lookup(dns, name, DNS_CNAME, arena, &answer, err);
	if (r < 0)
		return cannot_tell(name, err);
	*ret_secure = r == 0 && answer.secure;
	return 0;
}

int dns_find_dane(struct dns *dns, const struct dns_route *route, const struct dns_exchanger *host,
	uint16_t port, struct arena *arena, struct dns_dane *ret_dane, struct err *err)
{
	bool is_alias = !dns_name_eq(host->name, host->final_name), secure = host->secure;
	int r = 1;
	*ret_dane = (struct dns_dane){.demand = DNS_DANE_NONE};
	if (!route->secure || route->literal)
		return 0;
	if (!secure && is_alias && is_secure_alias(dns, host->name, arena, &secure, err) < 0)
		return -1;
	if (!secure)
		return 0;
	if (is_alias && host->secure)
		r = find_at(dns, host->final_name, port, arena, ret_dane, err);
	if (r == 1)
		r = find_at(dns, host->name, port, arena, ret_dane, err);
	if (r < 0)
		return -1;
	if (ret_dane->demand != DNS_DANE_NONE)
		set_references(route, host, arena, &ret_dane->tls);
	return 0;
}
