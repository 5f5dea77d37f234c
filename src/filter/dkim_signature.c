/* One reader a tag, in a table: each knows its grammar, the table which kinds of field need it. */
#include "filter/dkim_signature.h"

#include "base/base64.h"
#include "filter/name.h"
#include "filter/tags.h"

enum {
	DOMAIN_MAX = 253,           /* RFC 1035 section 2.3.4, without the final dot */
	SIGNATURE_BYTES_MAX = 1024, /* of RSA with 8,192 bits */
};

#define OF(kind) (1u << FILTER_DKIM_##kind)
#define OF_ALL   (OF(SIGNATURE) | OF(ARC_MESSAGE) | OF(ARC_SEAL))

#define GOOD FILTER_DKIM_SAY(NONE, "")

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static struct slice without_space(struct slice text, struct arena *arena)
{
	char *copy = arena_alloc(arena, text.len + 1);
	size_t len = 0;
	for (size_t i = 0; i < text.len; i++)
		if (!is_space(text.ptr[i]))
			copy[len++] = text.ptr[i];
	return slice(copy, len);
}

struct slice filter_dkim_from_base64(struct slice text, struct arena *arena)
{
	struct slice digits = without_space(text, arena);
	AUTO(buf_free) struct buf bytes = BUF(digits.len + 4);
	if (digits.len == 0 || !base64_decode(&bytes, digits))
		return SLICE_NONE;
	return arena_copy(arena, buf_slice(&bytes));
}

unsigned filter_arc_instance(struct slice text)
{
	uint64_t number;
	if (text.len == 0 || text.ptr[0] == '0' ||
		!slice_to_u64(text, FILTER_ARC_INSTANCES_MAX, &number))
		return 0;
	return (unsigned)number;
}

/* Labels with dots between them; underscores are in use, and U-labels (RFC 8616). */
static bool is_domain(struct slice s)
{
	if (s.len == 0 || s.len > DOMAIN_MAX)
		return false;
	char before = '.';
	for (size_t i = 0; i < s.len; i++) {
		char c = s.ptr[i];
		bool of_label = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
				(c >= '0' && c <= '9') || c == '-' || c == '_' ||
				(unsigned char)c >= 0x80;
		if (!of_label && (c != '.' || before == '.'))
			return false;
		before = c;
	}
	return before != '.';
}

/* What a reader sees and fills. */
struct reading {
	enum filter_dkim_kind kind;
	struct filter_dkim_signature *to;
	struct arena *arena;
};

static struct filter_dkim_verdict read_version(struct reading *r, const struct filter_tag *tag)
{
	if (!slice_eq(tag->value, SLICE("1")))
		return FILTER_DKIM_SAY(NEUTRAL, "version is not 1");
	return GOOD;
}

static struct filter_dkim_verdict read_algorithm(struct reading *r, const struct filter_tag *tag)
{
	r->to->algorithm_text = tag->value;
	if (slice_eq(tag->value, SLICE("rsa-sha1")))
		return FILTER_DKIM_SAY(POLICY, "rsa-sha1 is not accepted");
	if (slice_eq(tag->value, SLICE("rsa-sha256")))
		r->to->algorithm = FILTER_DKIM_RSA_SHA256;
	else if (slice_eq(tag->value, SLICE("ed25519-sha256")))
		r->to->algorithm = FILTER_DKIM_ED25519_SHA256;
	else
		return FILTER_DKIM_SAY(NEUTRAL, "unknown algorithm");
	return GOOD;
}

static struct filter_dkim_verdict read_signature(struct reading *r, const struct filter_tag *tag)
{
	r->to->text = tag->value;
	r->to->hole = tag->room;
	r->to->signature = filter_dkim_from_base64(tag->value, r->arena);
	if (r->to->signature.len == 0 || r->to->signature.len > SIGNATURE_BYTES_MAX)
		return FILTER_DKIM_SAY(NEUTRAL, "malformed signature (b=)");
	return GOOD;
}

static struct filter_dkim_verdict read_body_hash(struct reading *r, const struct filter_tag *tag)
{
	struct slice bytes = filter_dkim_from_base64(tag->value, r->arena);
	if (bytes.len != FILTER_DIGEST_LEN)
		return FILTER_DKIM_SAY(NEUTRAL, "malformed body hash (bh=)");
	memcpy(r->to->body_hash, bytes.ptr, FILTER_DIGEST_LEN);
	return GOOD;
}

static bool form_of(struct slice word, enum filter_canon *ret_form)
{
	*ret_form = slice_eq(word, SLICE("relaxed")) ? FILTER_CANON_RELAXED : FILTER_CANON_SIMPLE;
	return *ret_form == FILTER_CANON_RELAXED || slice_eq(word, SLICE("simple"));
}

static struct filter_dkim_verdict read_forms(struct reading *r, const struct filter_tag *tag)
{
	struct slice body = tag->value, header = slice_cut(&body, '/');
	bool both = header.len < tag->value.len;
	r->to->body_form = FILTER_CANON_SIMPLE;
	if (!form_of(slice_trim(header), &r->to->header_form) ||
		(both && !form_of(slice_trim(body), &r->to->body_form)))
		return FILTER_DKIM_SAY(NEUTRAL, "unknown canonicalization");
	return GOOD;
}

static struct filter_dkim_verdict read_domain(struct reading *r, const struct filter_tag *tag)
{
	r->to->domain = is_domain(tag->value) ? tag->value : SLICE_NONE;
	if (r->to->domain.len == 0)
		return FILTER_DKIM_SAY(NEUTRAL, "malformed domain (d=)");
	return GOOD;
}

static struct filter_dkim_verdict read_selector(struct reading *r, const struct filter_tag *tag)
{
	r->to->selector = is_domain(tag->value) ? tag->value : SLICE_NONE;
	if (r->to->selector.len == 0)
		return FILTER_DKIM_SAY(NEUTRAL, "malformed selector (s=)");
	return GOOD;
}

/* A field without From says nothing to readers (RFC 6376 section 5.4); ARC leaves it to the sealer.
 */
static struct filter_dkim_verdict read_names(struct reading *r, const struct filter_tag *tag)
{
	struct filter_tags_parts parts = filter_tags_parts(tag->value, ':');
	struct slice name;
	size_t count = 0;
	r->to->names = tag->value;
	while (filter_tags_next_part(&parts, &name)) {
		if (r->kind == FILTER_DKIM_ARC_MESSAGE && slice_eq_nocase(name, SLICE("ARC-Seal")))
			return FILTER_DKIM_SAY(PERMERROR, "ARC-Seal is among the signed fields");
		count++;
	}
	if (count > FILTER_DKIM_NAMES_MAX)
		return FILTER_DKIM_SAY(POLICY, "too many names of fields (h=)");
	if (r->kind == FILTER_DKIM_SIGNATURE && !filter_tags_has_part(tag->value, ':', "from"))
		return FILTER_DKIM_SAY(PERMERROR, "From is not signed");
	return GOOD;
}

static struct filter_dkim_verdict read_identity(struct reading *r, const struct filter_tag *tag)
{
	struct slice identity = without_space(tag->value, r->arena);
	if (!memrchr(identity.ptr, '@', identity.len))
		return FILTER_DKIM_SAY(NEUTRAL, "malformed identity (i=)");
	r->to->identity = identity;
	return GOOD;
}

static struct filter_dkim_verdict read_instance(struct reading *r, const struct filter_tag *tag)
{
	r->to->instance = filter_arc_instance(tag->value);
	if (r->to->instance == 0)
		return FILTER_DKIM_SAY(NEUTRAL, "malformed instance (i=)");
	return GOOD;
}

static struct filter_dkim_verdict read_body_len(struct reading *r, const struct filter_tag *tag)
{
	if (!slice_to_u64(tag->value, INT64_MAX, &r->to->body_len))
		return FILTER_DKIM_SAY(NEUTRAL, "malformed length of the body (l=)");
	return GOOD;
}

static struct filter_dkim_verdict read_queries(struct reading *r, const struct filter_tag *tag)
{
	if (!filter_tags_has_part(tag->value, ':', "dns/txt"))
		return FILTER_DKIM_SAY(NEUTRAL, "the key is not in DNS (q=)");
	return GOOD;
}

static struct filter_dkim_verdict read_time(struct reading *r, const struct filter_tag *tag)
{
	uint64_t seconds;
	if (!slice_to_u64(tag->value, INT64_MAX, &seconds))
		return FILTER_DKIM_SAY(NEUTRAL, "malformed time (t=)");
	r->to->time = (int64_t)seconds;
	return GOOD;
}

static struct filter_dkim_verdict read_expiry(struct reading *r, const struct filter_tag *tag)
{
	uint64_t seconds;
	if (!slice_to_u64(tag->value, INT64_MAX, &seconds))
		return FILTER_DKIM_SAY(NEUTRAL, "malformed time (x=)");
	r->to->expiry = (int64_t)seconds;
	return GOOD;
}

static struct filter_dkim_verdict read_chain(struct reading *r, const struct filter_tag *tag)
{
	if (slice_eq(tag->value, SLICE("none")))
		r->to->chain = FILTER_DKIM_CHAIN_NONE;
	else if (slice_eq(tag->value, SLICE("pass")))
		r->to->chain = FILTER_DKIM_CHAIN_PASS;
	else if (slice_eq(tag->value, SLICE("fail")))
		r->to->chain = FILTER_DKIM_CHAIN_FAIL;
	else
		return FILTER_DKIM_SAY(NEUTRAL, "malformed state of the chain (cv=)");
	return GOOD;
}

/* RFC 8617 section 4.1.3. */
static struct filter_dkim_verdict refuse_names(struct reading *r, const struct filter_tag *tag)
{
	return FILTER_DKIM_SAY(PERMERROR, "a seal names fields (h=)");
}

/* Domain and selector first: they are told with every verdict. */
static const struct reader {
	const char *name;
	unsigned kinds, needed;
	struct filter_dkim_verdict (*read)(struct reading *r, const struct filter_tag *tag);
	const char *missing;
} READERS[] = {
	{"d", OF_ALL, OF_ALL, read_domain, "no domain (d=)"},
	{"s", OF_ALL, OF_ALL, read_selector, "no selector (s=)"},
	{"a", OF_ALL, OF_ALL, read_algorithm, "no algorithm (a=)"},
	{"b", OF_ALL, OF_ALL, read_signature, "no signature (b=)"},
	{"i", OF(SIGNATURE), 0, read_identity, NULL},
	{"i", OF(ARC_MESSAGE) | OF(ARC_SEAL), OF(ARC_MESSAGE) | OF(ARC_SEAL), read_instance,
		"no instance (i=)"},
	{"v", OF(SIGNATURE), OF(SIGNATURE), read_version, "no version (v=)"},
	{"bh", OF(SIGNATURE) | OF(ARC_MESSAGE), OF(SIGNATURE) | OF(ARC_MESSAGE), read_body_hash,
		"no body hash (bh=)"},
	{"h", OF(SIGNATURE) | OF(ARC_MESSAGE), OF(SIGNATURE) | OF(ARC_MESSAGE), read_names,
		"no names of fields (h=)"},
	{"h", OF(ARC_SEAL), 0, refuse_names, NULL},
	{"c", OF(SIGNATURE) | OF(ARC_MESSAGE), 0, read_forms, NULL},
	{"l", OF(SIGNATURE) | OF(ARC_MESSAGE), 0, read_body_len, NULL},
	{"q", OF(SIGNATURE) | OF(ARC_MESSAGE), 0, read_queries, NULL},
	{"t", OF_ALL, 0, read_time, NULL},
	{"x", OF(SIGNATURE) | OF(ARC_MESSAGE), 0, read_expiry, NULL},
	{"cv", OF(ARC_SEAL), OF(ARC_SEAL), read_chain, "no state of the chain (cv=)"},
};

/* All readers, though one has complained: the first complaint counts. */
static struct filter_dkim_verdict read_tags(struct reading *r, struct slice list)
{
	struct filter_dkim_verdict verdict = GOOD;
	unsigned kind = 1u << r->kind;
	for (size_t i = 0; i < ARRAY_LEN(READERS); i++) {
		const struct reader *reader = &READERS[i];
		struct filter_dkim_verdict said = GOOD;
		struct filter_tag tag;
		if (!(reader->kinds & kind))
			continue;
		if (filter_tags_get(list, reader->name, &tag))
			said = reader->read(r, &tag);
		else if (reader->needed & kind)
			said = FILTER_DKIM_SAY(NEUTRAL, reader->missing);
		if (verdict.status == FILTER_DKIM_NONE)
			verdict = said;
	}
	return verdict;
}

/* What two tags say together. */
static struct filter_dkim_verdict check_together(struct reading *r)
{
	struct filter_dkim_signature *s = r->to;
	if (r->kind == FILTER_DKIM_SIGNATURE) {
		const char *at = memrchr(s->identity.ptr, '@', s->identity.len);
		size_t local = (size_t)(at - s->identity.ptr) + 1;
		if (!filter_name_is_within(slice_from(s->identity, local), s->domain))
			return FILTER_DKIM_SAY(PERMERROR, "identity (i=) is not of the domain");
	}
	if (s->time >= 0 && s->expiry >= 0 && s->expiry <= s->time)
		return FILTER_DKIM_SAY(PERMERROR, "expired before it was made");
	return GOOD;
}

struct filter_dkim_verdict filter_dkim_signature_parse(enum filter_dkim_kind kind,
	const struct message_field *field, struct arena *arena,
	struct filter_dkim_signature *ret_signature)
{
	struct filter_dkim_signature *s = ret_signature;
	*s = (struct filter_dkim_signature){
		.field = *field, .body_len = FILTER_CANON_ALL, .time = -1, .expiry = -1};
	struct reading r = {.kind = kind, .to = s, .arena = arena};
	if (field->whole.len > FILTER_DKIM_FIELD_MAX)
		return FILTER_DKIM_SAY(NEUTRAL, "field is too large");
	if (!filter_tags_check(field->value))
		return FILTER_DKIM_SAY(NEUTRAL, "malformed list of tags");
	struct filter_dkim_verdict verdict = read_tags(&r, field->value);
	if (s->identity.len == 0 && s->domain.len > 0)
		s->identity = slice_str(arena_printf(arena, "@%.*s", SLICE_ARG(s->domain)));
	if (kind == FILTER_DKIM_ARC_SEAL)
		s->header_form = FILTER_CANON_RELAXED;
	return verdict.status == FILTER_DKIM_NONE ? check_together(&r) : verdict;
}

struct filter_dkim_verdict filter_dkim_signature_check_time(
	const struct filter_dkim_signature *signature, int64_t now)
{
	if (signature->expiry >= 0 && signature->expiry < now - FILTER_DKIM_CLOCK_SKEW)
		return FILTER_DKIM_SAY(POLICY, "expired");
	if (signature->time > now + FILTER_DKIM_CLOCK_SKEW)
		return FILTER_DKIM_SAY(POLICY, "made in the future");
	return GOOD;
}
