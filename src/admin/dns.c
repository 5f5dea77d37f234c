/* rookery dns lookup, rookery dns route: what the DNS says, and what follows from it for mail. */
#include "admin/commands.h"

#include "admin/values.h"
#include "dns/dane.h"
#include "dns/idn.h"
#include "dns/mta_sts.h"
#include "dns/records.h"
#include "dns/text.h"

enum { RECORD_TEXT_MAX = 1 << 18, SMTP_PORT = 25 };

static json_t *record_text(enum dns_type type, struct slice rdata)
{
	AUTO(buf_free) struct buf text = BUF(RECORD_TEXT_MAX);
	dns_text_write(type, rdata, &text);
	return admin_string(buf_slice(&text));
}

static int absent(struct slice name, enum dns_type type, int absence,
	const struct dns_answer *answer, struct err *err)
{
	const char *proof = answer->secure ? ", and that is proven" : "";
	if (absence == DNS_NO_NAME)
		return err_permanent(
			err, ERR_ABSENT, "there is no name %.*s%s", SLICE_ARG(name), proof);
	return err_permanent(
		err, ERR_ABSENT, "%.*s has no %s%s", SLICE_ARG(name), dns_type_name(type), proof);
}

int admin_dns_lookup(
	struct admin *admin, const struct admin_call *call, json_t **ret_result, struct err *err)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct slice name = admin_argument(call, 0), type_name = admin_argument(call, 1);
	enum dns_type type;
	struct dns_answer answer;
	if (!dns_type_find(type_name, &type))
		return err_permanent(err, ERR_BAD_INPUT,
			"\"%.*s\" is none of A, AAAA, CNAME, MX, NS, PTR, SRV, TLSA, TXT",
			SLICE_ARG(type_name));
	(void)!dns_name_to_ascii(name, &arena, &name);
	int r = dns_lookup(admin->dns, name, type, &arena, &answer, err);
	if (r != 0)
		return r < 0 ? -1 : absent(name, type, r, &answer, err);
	json_t *rows = json_array();
	for (size_t i = 0; i < answer.count; i++)
		(void)json_array_append_new(
			rows, json_pack("{s:o, s:I, s:s, s:o}", "name", admin_string(answer.name),
				      "ttl", (json_int_t)answer.ttl, "type", dns_type_name(type),
				      "data", record_text(type, answer.records[i])));
	*ret_result = json_pack("{s:o, s:b, s:s}", "rows", rows, "secure", answer.secure, "message",
		answer.secure ? "Secure: validated by DNSSEC." : "Insecure: not signed.");
	return 0;
}

static json_t *addresses_of(const struct dns_exchanger *host)
{
	json_t *all = json_array();
	for (size_t i = 0; i < host->count; i++) {
		char text[NET_ADDRESS_TEXT];
		net_address_host(&host->addresses[i], text);
		(void)json_array_append_new(all, json_string(text));
	}
	return all;
}

static json_t *tlsa_of(const struct dns_dane *dane)
{
	json_t *all = json_array();
	for (size_t i = 0; i < dane->tls.record_count; i++) {
		const struct net_tls_dane_record *r = &dane->tls.records[i];
		AUTO(buf_free) struct buf text = BUF(RECORD_TEXT_MAX);
		buf_printf(&text, "%u %u %u ", r->usage, r->selector, r->matching);
		for (size_t n = 0; n < r->data.len; n++)
			buf_printf(&text, "%02x", (unsigned char)r->data.ptr[n]);
		(void)json_array_append_new(all, admin_string(buf_slice(&text)));
	}
	return all;
}

static json_t *row_of(struct admin *admin, const struct dns_route *route,
	const struct dns_exchanger *host, struct arena *arena)
{
	static const char *const DEMANDS[] = {
		[DNS_DANE_NONE] = "none",
		[DNS_DANE_ENCRYPT] = "encrypt",
		[DNS_DANE_VERIFY] = "verify",
	};
	struct dns_dane dane = {0};
	struct err err;
	int r = dns_find_dane(admin->dns, route, host, SMTP_PORT, arena, &dane, &err);
	json_t *row = json_pack("{s:i, s:o, s:o, s:b, s:s, s:o}", "preference", host->preference,
		"host", admin_string(host->name), "addresses", addresses_of(host), "secure",
		host->secure, "dane", r < 0 ? "can't tell: not used" : DEMANDS[dane.demand], "tlsa",
		tlsa_of(&dane));
	if (r < 0)
		(void)json_object_set_new(row, "dane_error", admin_string(slice_str(err.text)));
	return row;
}

/* The id of the domain's MTA-STS record; null without one. */
static json_t *mta_sts_of(struct admin *admin, const struct dns_route *route, struct arena *arena,
	const char **ret_why)
{
	struct dns_answer answer;
	struct err err;
	struct slice id,
		name = slice_str(arena_printf(arena, "_mta-sts.%.*s", SLICE_ARG(route->domain)));
	*ret_why = NULL;
	if (route->literal)
		return json_null();
	int r = dns_lookup(admin->dns, name, DNS_TXT, arena, &answer, &err);
	if (r < 0 && err.class != ERR_PERMANENT)
		*ret_why = arena_copy(arena, slice_str(err.text)).ptr;
	if (r != 0)
		return json_null();
	struct slice *texts = ARENA_ARRAY(arena, struct slice, answer.count);
	for (size_t i = 0; i < answer.count; i++)
		if (!dns_read_txt(answer.records[i], arena, &texts[i]))
			texts[i] = SLICE_NONE;
	return dns_mta_sts_read_record(texts, answer.count, &id) ? admin_string(id) : json_null();
}

static json_t *summary(const struct dns_route *route, const json_t *sts, const char *sts_error)
{
	AUTO(buf_free) struct buf text = BUF(4096);
	if (route->implicit)
		buf_add_str(&text, "No MX record: the domain is its own exchanger. ");
	buf_add_str(&text, route->literal  ? "An address, not a domain."
			   : route->secure ? "The route is secure."
					   : "The route is insecure.");
	if (route->unknown > 0)
		buf_printf(&text, " Of %zu more, the addresses can't be told now.", route->unknown);
	if (sts_error)
		buf_printf(&text, " MTA-STS can't be told now: %s.", sts_error);
	else if (json_is_string(sts))
		buf_printf(&text, " MTA-STS record %s.", json_string_value(sts));
	return admin_string(buf_slice(&text));
}

int admin_dns_route(
	struct admin *admin, const struct admin_call *call, json_t **ret_result, struct err *err)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct dns_route_options options = {0};
	struct dns_route route;
	struct slice domain = admin_argument(call, 0);
	(void)!dns_name_to_ascii(domain, &arena, &domain);
	if (dns_find_route(admin->dns, domain, &options, &arena, &route, err) < 0)
		return err_prefix(err, "%s", err->status);
	json_t *rows = json_array();
	for (size_t i = 0; i < route.count; i++)
		(void)json_array_append_new(rows, row_of(admin, &route, &route.hosts[i], &arena));
	const char *sts_error;
	json_t *sts = mta_sts_of(admin, &route, &arena, &sts_error);
	json_t *message = summary(&route, sts, sts_error);
	*ret_result = json_pack("{s:o, s:o, s:b, s:b, s:I, s:o, s:o}", "domain",
		admin_string(route.domain), "rows", rows, "secure", route.secure, "implicit",
		route.implicit, "unknown", (json_int_t)route.unknown, "mta_sts", sts, "message",
		message);
	return 0;
}
