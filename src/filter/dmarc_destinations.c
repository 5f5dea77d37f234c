/* Who gets the reports. An address in another organisation's domain counts only when that domain
 * says that it wants reports of this one: else anybody could have them sent to anybody (RFC 9990,
 * "Verifying External Destinations"). */
#include "envelope/path.h"
#include "filter/dmarc_report.h"
#include "filter/dmarc_walk.h"
#include "filter/name.h"
#include "dns/records.h"

struct search {
	struct filter_dmarc_tree tree;
	struct slice domain, organization;
	struct slice *addresses;
	size_t count;
};

static int hex(char c)
{
	const char *digits = "0123456789abcdef";
	const char *at = c ? strchr(digits, c >= 'A' && c <= 'F' ? c + 32 : c) : NULL;
	return at ? (int)(at - digits) : -1;
}

/* %-escapes of a URI undone; what then is no address is none. */
static bool decode(
	struct slice text, struct arena *arena, struct slice *ret, struct slice *ret_host)
{
	char *out = arena_alloc(arena, text.len + 1);
	struct envelope_path path;
	size_t len = 0;
	for (size_t i = 0; i < text.len; i++) {
		int high = i + 2 < text.len ? hex(text.ptr[i + 1]) : -1;
		int low = i + 2 < text.len ? hex(text.ptr[i + 2]) : -1;
		bool escaped = text.ptr[i] == '%' && high >= 0 && low >= 0;
		out[len++] = escaped ? (char)(high << 4 | low) : text.ptr[i];
		i += escaped ? 2 : 0;
	}
	*ret = slice(out, len);
	if (!envelope_parse_address(*ret, &path) || path.is_utf8)
		return false;
	*ret_host = path.domain;
	return filter_name_is_valid(path.domain);
}

bool filter_dmarc_decode_address(struct slice text, struct arena *arena, struct slice *ret_address)
{
	struct slice host;
	return decode(text, arena, ret_address, &host);
}

/* "10m"; false: it is no size. */
static bool read_size(struct slice text, uint64_t *ret_bytes)
{
	static const char UNITS[] = "kmgt";
	const char *unit = text.len > 0 ? strchr(UNITS, text.ptr[text.len - 1] | 0x20) : NULL;
	int shift = unit && *unit ? 10 * (int)(unit - UNITS + 1) : 0;
	if (shift > 0)
		text.len--;
	if (!slice_to_u64(text, UINT64_MAX >> shift, ret_bytes))
		return false;
	*ret_bytes <<= shift;
	return true;
}

bool filter_dmarc_fits(
	const struct filter_dmarc_record *record, struct slice address, uint64_t size)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct slice uris = record->rua;
	while (uris.len > 0) {
		struct slice uri = slice_cut(&uris, ','), one = uri, text, decoded;
		uint64_t most;
		if (!filter_dmarc_next_address(&one, &text) ||
			!filter_dmarc_decode_address(text, &arena, &decoded) ||
			!slice_eq_nocase(decoded, address))
			continue;
		(void)slice_cut(&uri, '!');
		return !read_size(slice_trim(uri), &most) || size <= most;
	}
	return true;
}

static void add(struct search *s, struct slice address)
{
	for (size_t i = 0; i < s->count; i++)
		if (slice_eq_nocase(s->addresses[i], address))
			return;
	if (s->count < FILTER_DMARC_DESTINATIONS_MAX)
		s->addresses[s->count++] = address;
}

/* The confirming record may name other addresses of the same host, and no others. */
static void add_confirmed(struct search *s, const struct filter_dmarc_record *theirs,
	struct slice address, struct slice host)
{
	struct slice uris = theirs->rua, text, other, other_host;
	if (uris.len == 0) {
		add(s, address);
		return;
	}
	while (filter_dmarc_next_address(&uris, &text))
		if (decode(text, s->tree.arena, &other, &other_host) &&
			dns_name_eq(other_host, host))
			add(s, other);
}

static int verify(struct search *s, struct slice address, struct slice host, struct err *err)
{
	struct dns_answer answer;
	struct err why = {0};
	struct slice name = slice_str(arena_printf(
		s->tree.arena, "%.*s._report._dmarc.%.*s", SLICE_ARG(s->domain), SLICE_ARG(host)));
	if (!filter_name_is_valid(name))
		return 0;
	int r = dns_lookup(s->tree.dns, name, DNS_TXT, s->tree.arena, &answer, &why);
	if (r < 0 && why.class != ERR_PERMANENT)
		return err_temporary(err, ERR_UNAVAILABLE, "%.*s: %s", SLICE_ARG(name), why.text);
	for (size_t i = 0; r == 0 && i < answer.count; i++) {
		struct filter_dmarc_record theirs;
		struct slice text;
		if (dns_read_txt(answer.records[i], s->tree.arena, &text) &&
			filter_dmarc_record_parse(text, &theirs)) {
			add_confirmed(s, &theirs, address, host);
			break;
		}
	}
	return 0;
}

static int take(struct search *s, struct slice address, struct slice host, struct err *err)
{
	struct filter_dmarc_walk walk;
	if (filter_name_is_within(host, s->organization)) {
		if (filter_dmarc_walk(&s->tree, host, &walk, err) < 0)
			return -1;
		if (dns_name_eq(walk.organization, s->organization)) {
			add(s, address);
			return 0;
		}
	}
	return verify(s, address, host, err);
}

int filter_dmarc_destinations(struct dns *dns, struct slice domain,
	const struct filter_dmarc_record *record, struct arena *arena,
	struct slice ret_addresses[FILTER_DMARC_DESTINATIONS_MAX], size_t *ret_count,
	struct err *err)
{
	struct search s = {
		.tree = {.dns = dns, .arena = arena}, .domain = domain, .addresses = ret_addresses};
	struct slice uris = record->rua, text, address, host;
	struct filter_dmarc_walk walk;
	*ret_count = 0;
	if (filter_dmarc_walk(&s.tree, domain, &walk, err) < 0)
		return -1;
	s.organization = walk.organization;
	for (int i = 0;
		i < FILTER_DMARC_DESTINATIONS_MAX && filter_dmarc_next_address(&uris, &text); i++)
		if (decode(text, arena, &address, &host) && take(&s, address, host, err) < 0)
			return -1;
	*ret_count = s.count;
	return 0;
}
