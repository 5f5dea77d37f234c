/* First the list of names, sorted, shuffled and cut where we stand in it by name; then addresses,
 * host by host, and cut again where one is ours. */
#include "dns/exchangers.h"

#include "base/random.h"
#include "dns/name.h"
#include "dns/records.h"

enum { PORT = 25, HOSTS_MAX = 10, ADDRESSES_MAX = 20, MX_MAX = 256, LITERAL_MAX = 46 };

struct search {
	struct dns *dns;
	struct dns_route_options options; /* with defaults filled in */
	struct arena *arena;
	struct dns_route *route;
	struct dns_mx *names;
	size_t name_count;
	size_t addresses_left;
	bool looped;        /* hosts were left out because we are among them */
	struct err unknown; /* why the first unknown host is */
};

static int with_status(struct err *err, const char *status)
{
	return err ? err_status(err, status) : -1;
}

static int no_domain(struct slice domain, struct err *err)
{
	(void)err_permanent(err, ERR_BAD_INPUT, "\"%.*s\" is no domain", SLICE_ARG(domain));
	return with_status(err, "5.1.3");
}

static bool is_own_name(const struct dns_route_options *options, struct slice name)
{
	for (size_t i = 0; i < options->own_name_count; i++)
		if (dns_name_eq(options->own_names[i], name))
			return true;
	return false;
}

static bool is_own_address(
	const struct dns_route_options *options, const struct net_address *address)
{
	uint8_t bytes[16], own[16];
	for (size_t i = 0; i < options->own_address_count; i++)
		if (net_address_bytes(address, bytes) &&
			net_address_bytes(&options->own_addresses[i], own) &&
			memcmp(bytes, own, sizeof(own)) == 0)
			return true;
	return false;
}

static int compare_preference(const void *a, const void *b)
{
	return ((const struct dns_mx *)a)->preference - ((const struct dns_mx *)b)->preference;
}

/* Shuffled first, so whatever the sort does with equals, each order of them is as likely. */
static void sort_names(struct search *s)
{
	for (size_t i = s->name_count; i > 1; i--) {
		size_t other = random_below(i);
		struct dns_mx kept = s->names[i - 1];
		s->names[i - 1] = s->names[other];
		s->names[other] = kept;
	}
	if (s->name_count > 1)
		qsort(s->names, s->name_count, sizeof(*s->names), compare_preference);
}

/* Leaves out all names that are not better than this preference. */
static void cut_names(struct search *s, uint16_t preference)
{
	size_t left = 0;
	while (left < s->name_count && s->names[left].preference < preference)
		left++;
	s->looped = true;
	s->name_count = left;
}

static void cut_own_names(struct search *s)
{
	for (size_t i = 0; i < s->name_count; i++)
		if (is_own_name(&s->options, s->names[i].name)) {
			cut_names(s, s->names[i].preference);
			return;
		}
}

static int takes_no_mail(struct slice domain, struct err *err)
{
	(void)err_permanent(err, ERR_ABSENT, "%.*s takes no mail (null MX)", SLICE_ARG(domain));
	return with_status(err, "5.1.10");
}

/* Records that can't be read are as if they were not there. */
static int take_names(struct search *s, const struct dns_answer *answer, struct err *err)
{
	size_t count = MIN(answer->count, (size_t)MX_MAX);
	bool null = false;
	s->names = ARENA_ARRAY(s->arena, struct dns_mx, count);
	for (size_t i = 0; i < count; i++) {
		struct dns_mx *mx = &s->names[s->name_count];
		if (!dns_read_mx(answer->records[i], s->arena, mx))
			continue;
		if (mx->name.len > 0)
			s->name_count++;
		else
			null = true;
	}
	return null && s->name_count == 0 ? takes_no_mail(s->route->domain, err) : 0;
}

static void be_own_exchanger(struct search *s)
{
	s->route->implicit = true;
	s->names = ARENA_NEW(s->arena, struct dns_mx);
	s->names[0].name = s->route->domain;
	s->name_count = 1;
}

static int find_names(struct search *s, struct err *err)
{
	struct dns_route *route = s->route;
	struct dns_answer answer;
	int r = dns_lookup(s->dns, route->domain, DNS_MX, s->arena, &answer, err);
	if (r < 0)
		return with_status(err, err && err->class == ERR_PERMANENT ? "5.1.3" : "4.4.3");
	route->secure = answer.secure;
	route->final_domain = answer.name.len > 0 ? answer.name : route->domain;
	if (r == DNS_NO_NAME) {
		(void)err_permanent(
			err, ERR_ABSENT, "there is no domain %.*s", SLICE_ARG(route->domain));
		return with_status(err, "5.1.2");
	}
	if (r == 0)
		return take_names(s, &answer, err);
	be_own_exchanger(s);
	return 0;
}

/* Adds the host's addresses of one family. */
static int add_addresses(
	struct search *s, struct dns_exchanger *host, enum dns_type type, struct err *err)
{
	struct dns_answer answer;
	int r = dns_lookup(s->dns, host->name, type, s->arena, &answer, err);
	if (r != 0)
		return r;
	struct net_address *all =
		ARENA_ARRAY(s->arena, struct net_address, host->count + answer.count);
	if (host->count > 0)
		memcpy(all, host->addresses, host->count * sizeof(*all));
	host->secure = answer.secure && (host->count == 0 || host->secure);
	host->addresses = all;
	host->final_name = answer.name;
	for (size_t i = 0; i < answer.count && host->count < s->addresses_left; i++)
		if (dns_read_address(type, answer.records[i], s->options.port, &all[host->count]))
			host->count++;
	return 0;
}

/* Both families, in the order asked for. A family that can't be told now hides no addresses of the
 * other one. */
static int find_addresses(struct search *s, struct dns_exchanger *host, struct err *err)
{
	enum dns_families families = s->options.families;
	bool v4_first = families == DNS_IPV4_FIRST || families == DNS_IPV4_ONLY;
	bool both = families == DNS_IPV4_FIRST || families == DNS_IPV6_FIRST;
	int first = add_addresses(s, host, v4_first ? DNS_A : DNS_AAAA, err);
	if (first == DNS_NO_NAME || !both)
		return first;
	struct err other_err = {0};
	int other = add_addresses(s, host, v4_first ? DNS_AAAA : DNS_A, &other_err);
	if (other < 0 && first >= 0 && err)
		*err = other_err;
	return host->count > 0 ? 0 : first < 0 || other < 0 ? -1 : 1;
}

static void note_unknown(struct search *s, const struct err *err)
{
	if (s->route->unknown++ == 0)
		s->unknown = *err;
}

static bool has_own_address(const struct search *s, const struct dns_exchanger *host)
{
	for (size_t i = 0; i < host->count; i++)
		if (is_own_address(&s->options, &host->addresses[i]))
			return true;
	return false;
}

static void find_hosts(struct search *s)
{
	struct dns_route *route = s->route;
	s->name_count = MIN(s->name_count, s->options.hosts_max);
	route->hosts = ARENA_ARRAY(s->arena, struct dns_exchanger, s->name_count);
	for (size_t i = 0; i < s->name_count && s->addresses_left > 0; i++) {
		struct dns_exchanger *host = &route->hosts[route->count];
		struct err err = {0};
		*host = (struct dns_exchanger){
			.preference = s->names[i].preference, .name = s->names[i].name};
		int r = find_addresses(s, host, &err);
		if (r < 0 && err.class != ERR_PERMANENT)
			note_unknown(s, &err);
		if (r != 0 || host->count == 0)
			continue;
		if (has_own_address(s, host)) {
			cut_names(s, host->preference);
			while (route->count > 0 &&
				route->hosts[route->count - 1].preference >= host->preference)
				route->count--;
			return;
		}
		s->addresses_left -= host->count;
		route->count++;
	}
}

static int judge(struct search *s, struct err *err)
{
	struct slice domain = s->route->domain;
	if (s->route->count > 0)
		return 0;
	if (s->route->unknown > 0) {
		if (err)
			*err = s->unknown;
		return with_status(err, "4.4.3");
	}
	if (s->looped) {
		(void)err_permanent(err, ERR_DENIED, "mail for %.*s comes back to this server",
			SLICE_ARG(domain));
		return with_status(err, "5.4.6");
	}
	(void)err_permanent(err, ERR_ABSENT,
		s->route->implicit ? "%.*s has neither an exchanger nor an address"
				   : "no exchanger of %.*s has an address",
		SLICE_ARG(domain));
	return with_status(err, "5.4.4");
}

/* "[192.0.2.1]" and "[IPv6:2001:db8::1]" (RFC 5321 section 4.1.3). */
static bool read_literal(struct search *s, struct net_address *ret_address)
{
	struct slice inner = slice_sub(s->route->domain, 1, s->route->domain.len - 2);
	bool v6 = slice_starts_nocase(inner, SLICE("IPv6:"));
	char text[NET_ADDRESS_TEXT];
	if (v6)
		inner = slice_from(inner, 5);
	(void)snprintf(text, sizeof(text), v6 ? "[%.*s]:%u" : "%.*s:%u", SLICE_ARG(inner),
		s->options.port);
	return inner.len < LITERAL_MAX && slice_find(inner, '*') < 0 &&
	       net_address_parse(slice_str(text), ret_address, NULL) == 0 &&
	       ret_address->storage.ss_family == (v6 ? AF_INET6 : AF_INET);
}

static int find_literal(struct search *s, struct err *err)
{
	struct dns_route *route = s->route;
	struct net_address *address = ARENA_NEW(s->arena, struct net_address);
	if (!read_literal(s, address))
		return no_domain(route->domain, err);
	route->literal = true;
	if (is_own_address(&s->options, address)) {
		s->looped = true;
		return judge(s, err);
	}
	route->hosts = ARENA_NEW(s->arena, struct dns_exchanger);
	route->hosts[0] = (struct dns_exchanger){.name = route->domain,
		.final_name = route->domain,
		.addresses = address,
		.count = 1};
	route->count = 1;
	return 0;
}

static void begin(struct search *s, struct slice domain)
{
	struct dns_route_options *o = &s->options;
	o->port = o->port ? o->port : PORT;
	o->hosts_max = o->hosts_max ? o->hosts_max : HOSTS_MAX;
	s->addresses_left = o->addresses_max ? o->addresses_max : ADDRESSES_MAX;
	*s->route = (struct dns_route){.domain = arena_copy(s->arena, dns_name_trim(domain))};
	s->route->final_domain = s->route->domain;
}

int dns_find_route(struct dns *dns, struct slice domain, const struct dns_route_options *options,
	struct arena *arena, struct dns_route *ret_route, struct err *err)
{
	struct search s = {.dns = dns, .options = *options, .arena = arena, .route = ret_route};
	begin(&s, domain);
	if (ret_route->domain.len == 0)
		return no_domain(domain, err);
	if (slice_starts(domain, SLICE("[")) && slice_ends(domain, SLICE("]")))
		return find_literal(&s, err);
	if (find_names(&s, err) < 0)
		return -1;
	sort_names(&s);
	cut_own_names(&s);
	find_hosts(&s);
	return judge(&s, err);
}

int dns_find_host(struct dns *dns, struct slice name, const struct dns_route_options *options,
	struct arena *arena, struct dns_route *ret_route, struct err *err)
{
	struct search s = {.dns = dns, .options = *options, .arena = arena, .route = ret_route};
	begin(&s, name);
	if (ret_route->domain.len == 0)
		return no_domain(name, err);
	be_own_exchanger(&s);
	find_hosts(&s);
	return judge(&s, err);
}
