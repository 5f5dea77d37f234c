/* What a check of SPF asks the DNS. An error in the names of the client is never the domain's
 * fault: such a name is passed over (RFC 7208 section 5.5). */
#include "base/clock.h"
#include "filter/name.h"
#include "dns/records.h"
#include "filter/spf_check_internal.h"

enum { MAPPED = 12, IP4_BYTES = 4, IP6_BYTES = 16 };

enum spf_found spf_ask(
	struct spf_check *c, struct slice name, enum dns_type type, struct dns_answer *ret_answer)
{
	struct err err = {0};
	*ret_answer = (struct dns_answer){0};
	if (!filter_name_is_valid(name))
		return SPF_VOID;
	if (clock_mono_ms() >= c->deadline) {
		c->why = "the check took too long";
		return SPF_CANT_TELL;
	}
	int r = dns_lookup(c->dns, name, type, c->arena, ret_answer, &err);
	if (r == 0)
		return SPF_FOUND;
	if (r > 0 || err.class == ERR_PERMANENT)
		return SPF_VOID;
	c->why = arena_printf(c->arena, "%.*s: %s", SLICE_ARG(name), err.text);
	return SPF_CANT_TELL;
}

bool spf_bits_match(const uint8_t *a, const uint8_t *b, unsigned bits)
{
	unsigned bytes = bits / 8, rest = bits % 8;
	if (memcmp(a, b, bytes) != 0)
		return false;
	return rest == 0 || (a[bytes] ^ b[bytes]) >> (8 - rest) == 0;
}

enum spf_found spf_has_client(struct spf_check *c, struct slice name,
	const struct filter_spf_term *cidr, bool *ret_has, bool *ret_void)
{
	struct dns_answer answer;
	bool is_ip4 = c->values.is_ip4;
	const uint8_t *client = c->values.ip + (is_ip4 ? MAPPED : 0);
	enum spf_found found = spf_ask(c, name, is_ip4 ? DNS_A : DNS_AAAA, &answer);
	*ret_has = false;
	*ret_void = found == SPF_VOID;
	for (size_t i = 0; found == SPF_FOUND && i < answer.count && !*ret_has; i++) {
		struct slice r = answer.records[i];
		*ret_has = r.len == (size_t)(is_ip4 ? IP4_BYTES : IP6_BYTES) &&
			   spf_bits_match(client, (const uint8_t *)r.ptr,
				   is_ip4 ? cidr->bits4 : cidr->bits6);
	}
	return found;
}

static struct slice reverse_name(struct spf_check *c)
{
	AUTO(buf_free) struct buf name = BUF(128);
	if (!filter_spf_expand(SLICE("%{ir}.%{v}.arpa"), FILTER_SPF_IN_DOMAIN, &c->values, &name))
		return SLICE("");
	return arena_copy(c->arena, buf_slice(&name));
}

/* The first ten names (section 4.6.4), once a check. */
static void ask_names(struct spf_check *c)
{
	struct dns_answer answer;
	if (c->names.asked)
		return;
	c->names.asked = true;
	if (spf_ask(c, reverse_name(c), DNS_PTR, &answer) != SPF_FOUND)
		return;
	for (size_t i = 0; i < answer.count && i < SPF_PTR_MAX; i++) {
		struct slice name;
		if (dns_read_name(answer.records[i], c->arena, &name) && name.len > 0)
			c->names.name[c->names.count++] = name;
	}
}

static bool confirm(struct spf_check *c, size_t i)
{
	static const struct filter_spf_term WHOLE = {.bits4 = 32, .bits6 = 128};
	bool has, is_void;
	if (c->names.state[i] == SPF_UNTRIED) {
		bool good =
			spf_has_client(c, c->names.name[i], &WHOLE, &has, &is_void) == SPF_FOUND &&
			has;
		c->names.state[i] = good ? SPF_CONFIRMED : SPF_WRONG;
	}
	return c->names.state[i] == SPF_CONFIRMED;
}

bool spf_has_name_in(struct spf_check *c, struct slice domain)
{
	ask_names(c);
	for (size_t i = 0; i < c->names.count; i++)
		if (filter_name_is_within(c->names.name[i], domain) && confirm(c, i))
			return true;
	return false;
}

struct slice spf_validated_name(void *context)
{
	struct spf_check *c = context;
	struct slice domain = c->values.domain;
	ask_names(c);
	for (int round = 0; round < 3; round++) /* the domain, a name below it, any */
		for (size_t i = 0; i < c->names.count; i++) {
			struct slice name = c->names.name[i];
			bool wanted = round == 0   ? dns_name_eq(name, domain)
				      : round == 1 ? filter_name_is_within(name, domain)
						   : true;
			if (wanted && confirm(c, i))
				return name;
		}
	return SLICE("unknown");
}
