/* Records of SPF. A record is read twice: once whole, for an error anywhere in it counts (section
 * 4.6), and once term by term when it is evaluated. So nothing of it is kept but its bytes. */
#include "filter/spf_record.h"

#include "filter/spf_macro.h"

#include <arpa/inet.h>
#include <netinet/in.h>

enum { BITS4 = 32, BITS6 = 128, MAPPED = 12 };

enum term_kind { TERM_END, TERM_MECHANISM, TERM_MODIFIER, TERM_BAD };

struct modifier {
	struct slice text, name, value;
};

/* How a mechanism's name may go on. */
enum argument {
	NO_ARGUMENT = 0,
	MAY_HAVE_DOMAIN = 1,
	MUST_HAVE_DOMAIN = 2,
	MAY_HAVE_CIDR = 4, /* both of dual-cidr-length */
	ADDRESS = 8,
};

static const struct {
	struct slice name;
	unsigned argument;
} MECHANISMS[] = {
	[FILTER_SPF_ALL] = {{"all", 3}, NO_ARGUMENT},
	[FILTER_SPF_INCLUDE] = {{"include", 7}, MUST_HAVE_DOMAIN},
	[FILTER_SPF_A] = {{"a", 1}, MAY_HAVE_DOMAIN | MAY_HAVE_CIDR},
	[FILTER_SPF_MX] = {{"mx", 2}, MAY_HAVE_DOMAIN | MAY_HAVE_CIDR},
	[FILTER_SPF_PTR] = {{"ptr", 3}, MAY_HAVE_DOMAIN},
	[FILTER_SPF_IP4] = {{"ip4", 3}, ADDRESS},
	[FILTER_SPF_IP6] = {{"ip6", 3}, ADDRESS},
	[FILTER_SPF_EXISTS] = {{"exists", 6}, MUST_HAVE_DOMAIN},
};

bool filter_spf_is_record(struct slice text)
{
	struct slice version = SLICE("v=spf1");
	return slice_starts_nocase(text, version) &&
	       (text.len == version.len || text.ptr[version.len] == ' ');
}

static bool is_alpha(char c)
{
	return ((unsigned char)c | 0x20) >= 'a' && ((unsigned char)c | 0x20) <= 'z';
}

static bool is_name_byte(char c)
{
	return is_alpha(c) || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
}

/* "/24" at the end of *s, decimal without leading zeros. 1: cut; 0: none there; -1: bad. */
static int cut_bits(struct slice *s, const char *slash, unsigned max, uint8_t *ret_bits)
{
	size_t digits = 0, mark = strlen(slash);
	uint64_t value;
	while (digits < s->len && s->ptr[s->len - digits - 1] >= '0' &&
		s->ptr[s->len - digits - 1] <= '9')
		digits++;
	struct slice before = slice_sub(*s, 0, s->len - digits);
	if (digits == 0 || !slice_ends(before, slice_str(slash)))
		return 0;
	struct slice number = slice_from(*s, before.len);
	if ((number.ptr[0] == '0' && digits > 1) || !slice_to_u64(number, max, &value))
		return -1;
	*ret_bits = (uint8_t)value;
	*s = slice_sub(before, 0, before.len - mark);
	return 1;
}

/* dual-cidr-length of section 5.6, cut off the end of *s. */
static bool cut_dual_cidr(struct slice *s, struct filter_spf_term *term)
{
	return cut_bits(s, "//", BITS6, &term->bits6) >= 0 &&
	       cut_bits(s, "/", BITS4, &term->bits4) >= 0;
}

static bool parse_address(struct slice s, struct filter_spf_term *term)
{
	bool is_ip4 = term->mechanism == FILTER_SPF_IP4;
	char text[INET6_ADDRSTRLEN];
	int cut = is_ip4 ? cut_bits(&s, "/", BITS4, &term->bits4)
			 : cut_bits(&s, "/", BITS6, &term->bits6);
	if (cut < 0 || s.len == 0 || s.len >= sizeof(text) || memchr(s.ptr, 0, s.len))
		return false;
	memcpy(text, s.ptr, s.len);
	text[s.len] = '\0';
	if (!is_ip4)
		return inet_pton(AF_INET6, text, term->address) == 1;
	memset(term->address + MAPPED - 2, 0xff, 2);
	return inet_pton(AF_INET, text, term->address + MAPPED) == 1;
}

/* What stands behind the name: ":" and a domain or address, "/" and bits, or nothing. */
static bool parse_argument(struct slice s, unsigned allowed, struct filter_spf_term *term)
{
	bool colon = s.len > 0 && s.ptr[0] == ':';
	if (allowed & ADDRESS)
		return colon && parse_address(slice_from(s, 1), term);
	if ((allowed & MAY_HAVE_CIDR) && !cut_dual_cidr(&s, term))
		return false;
	if (s.len == 0)
		return !(allowed & MUST_HAVE_DOMAIN);
	term->domain = slice_from(s, 1);
	return colon && (allowed & (MAY_HAVE_DOMAIN | MUST_HAVE_DOMAIN)) &&
	       filter_spf_is_domain_spec(term->domain);
}

static enum term_kind parse_mechanism(struct slice text, struct filter_spf_term *ret)
{
	struct slice s = text;
	size_t name = 0;
	*ret = (struct filter_spf_term){
		.text = text, .qualifier = '+', .bits4 = BITS4, .bits6 = BITS6};
	if (strchr("+-~?", s.ptr[0])) {
		ret->qualifier = s.ptr[0];
		s = slice_from(s, 1);
	}
	while (name < s.len && is_name_byte(s.ptr[name]))
		name++;
	for (size_t i = 0; i < ARRAY_LEN(MECHANISMS); i++)
		if (slice_eq_nocase(slice_sub(s, 0, name), MECHANISMS[i].name)) {
			ret->mechanism = (enum filter_spf_mechanism)i;
			return parse_argument(slice_from(s, name), MECHANISMS[i].argument, ret)
				       ? TERM_MECHANISM
				       : TERM_BAD;
		}
	return TERM_BAD;
}

/* name "=" at the front makes a modifier; the name begins with a letter. */
static bool split_modifier(struct slice text, struct modifier *ret)
{
	size_t name = 0;
	if (!is_alpha(text.ptr[0]))
		return false;
	while (name < text.len && is_name_byte(text.ptr[name]))
		name++;
	if (name == text.len || text.ptr[name] != '=')
		return false;
	ret->text = text;
	ret->name = slice_sub(text, 0, name);
	ret->value = slice_from(text, name + 1);
	return true;
}

static enum term_kind cut_term(
	struct slice *rest, struct filter_spf_term *ret_term, struct modifier *ret_modifier)
{
	struct slice text;
	do {
		if (rest->len == 0)
			return TERM_END;
		text = slice_cut(rest, ' ');
	} while (text.len == 0);
	ret_term->text = text;
	if (text.ptr[0] == '\0')
		return TERM_BAD;
	if (split_modifier(text, ret_modifier))
		return TERM_MODIFIER;
	return parse_mechanism(text, ret_term);
}

/* redirect and exp once at most; of others the syntax only. */
static bool take_modifier(const struct modifier *m, struct filter_spf_record *record)
{
	struct slice *place = slice_eq_nocase(m->name, SLICE("redirect")) ? &record->redirect
			      : slice_eq_nocase(m->name, SLICE("exp"))    ? &record->exp
									  : NULL;
	if (!place) {
		return slice_find(m->value, ' ') < 0 &&
		       filter_spf_is_macro_string(m->value, FILTER_SPF_IN_TEXT);
	}
	if (place->len > 0 || !filter_spf_is_domain_spec(m->value))
		return false;
	*place = m->value;
	return true;
}

bool filter_spf_record_parse(struct slice text, struct filter_spf_record *ret_record)
{
	struct filter_spf_term term;
	struct modifier modifier;
	*ret_record = (struct filter_spf_record){.terms = slice_from(text, strlen("v=spf1"))};
	struct slice rest = ret_record->terms;
	for (;;) {
		enum term_kind kind = cut_term(&rest, &term, &modifier);
		if (kind == TERM_END)
			return true;
		if (kind == TERM_BAD ||
			(kind == TERM_MODIFIER && !take_modifier(&modifier, ret_record))) {
			ret_record->bad = term.text;
			return false;
		}
	}
}

bool filter_spf_next_term(struct slice *terms, struct filter_spf_term *ret_term)
{
	struct modifier modifier;
	enum term_kind kind;
	do
		kind = cut_term(terms, ret_term, &modifier);
	while (kind == TERM_MODIFIER);
	return kind == TERM_MECHANISM;
}
