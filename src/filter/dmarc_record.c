/* DMARC policy records: a list of tags (as DKIM's, RFC 6376 section 3.2) in which only the version
 * must be right. */
#include "filter/dmarc_record.h"

struct tag {
	struct slice name, value;
};

/* "name = value", up to the next semicolon. False at the end; an empty name: not a tag. */
static bool cut_tag(struct slice *rest, struct tag *ret)
{
	if (rest->len == 0)
		return false;
	struct slice value = slice_cut(rest, ';'), whole = value;
	ret->name = slice_trim(slice_cut(&value, '='));
	ret->value = slice_trim(value);
	if (ret->name.len == whole.len)
		ret->name = SLICE("");
	return true;
}

static bool read_policy(struct slice value, enum filter_dmarc_policy *ret)
{
	for (int i = FILTER_DMARC_NONE; i <= FILTER_DMARC_REJECT; i++)
		if (slice_eq_nocase(value,
			    slice_str(filter_dmarc_policy_name((enum filter_dmarc_policy)i)))) {
			*ret = (enum filter_dmarc_policy)i;
			return true;
		}
	return false;
}

static bool is_fo(struct slice value)
{
	while (value.len > 0) {
		struct slice one = slice_trim(slice_cut(&value, ':'));
		if (one.len != 1 || slice_find(SLICE("01dsDS"), one.ptr[0]) < 0)
			return false;
	}
	return true;
}

static void take_policy(struct slice value, enum filter_dmarc_policy *ret_policy, bool *ret_has,
	struct filter_dmarc_record *r)
{
	*ret_has = read_policy(value, ret_policy);
	r->bad_policy = r->bad_policy || !*ret_has;
}

static void take(const struct tag *tag, struct filter_dmarc_record *r)
{
	struct slice v = tag->value;
	char flag = v.len == 1 ? (char)(v.ptr[0] | 0x20) : '\0';
	if (slice_eq_nocase(tag->name, SLICE("p")))
		take_policy(v, &r->p, &r->has_p, r);
	else if (slice_eq_nocase(tag->name, SLICE("sp")))
		take_policy(v, &r->sp, &r->has_sp, r);
	else if (slice_eq_nocase(tag->name, SLICE("np")))
		take_policy(v, &r->np, &r->has_np, r);
	else if (slice_eq_nocase(tag->name, SLICE("adkim")))
		r->strict_dkim = flag == 's';
	else if (slice_eq_nocase(tag->name, SLICE("aspf")))
		r->strict_spf = flag == 's';
	else if (slice_eq_nocase(tag->name, SLICE("t")))
		r->testing = flag == 'y';
	else if (slice_eq_nocase(tag->name, SLICE("psd")))
		r->psd = flag == 'y'   ? FILTER_DMARC_PSD_YES
			 : flag == 'n' ? FILTER_DMARC_PSD_NO
				       : FILTER_DMARC_PSD_UNKNOWN;
	else if (slice_eq_nocase(tag->name, SLICE("rua")))
		r->rua = v;
	else if (slice_eq_nocase(tag->name, SLICE("ruf")))
		r->ruf = v;
	else if (slice_eq_nocase(tag->name, SLICE("fo")) && v.len > 0 && is_fo(v))
		r->fo = v;
}

bool filter_dmarc_record_parse(struct slice text, struct filter_dmarc_record *ret_record)
{
	struct filter_dmarc_record *r = ret_record;
	struct tag tag;
	*r = (struct filter_dmarc_record){.fo = SLICE("0")};
	if (!cut_tag(&text, &tag) || !slice_eq(tag.name, SLICE("v")) ||
		!slice_eq(tag.value, SLICE("DMARC1")))
		return false;
	while (cut_tag(&text, &tag))
		take(&tag, r);
	if (!r->has_sp)
		r->sp = r->p;
	if (!r->has_np)
		r->np = r->sp;
	return true;
}

static bool is_address(struct slice s)
{
	ssize_t at = slice_find(s, '@');
	if (at <= 0 || (size_t)at + 1 == s.len)
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (s.ptr[i] <= ' ' || s.ptr[i] > '~' ||
			slice_find(SLICE("<>\"(),:;@[\\]"), s.ptr[i]) >= 0)
			if (i != (size_t)at)
				return false;
	return true;
}

bool filter_dmarc_next_address(struct slice *uris, struct slice *ret_address)
{
	static const struct slice SCHEME = {"mailto:", 7};
	while (uris->len > 0) {
		struct slice uri = slice_trim(slice_cut(uris, ','));
		if (!slice_starts_nocase(uri, SCHEME))
			continue;
		uri = slice_from(uri, SCHEME.len);
		uri = slice_cut(&uri, '!');
		*ret_address = slice_cut(&uri, '?');
		if (is_address(*ret_address))
			return true;
	}
	return false;
}

const char *filter_dmarc_policy_name(enum filter_dmarc_policy policy)
{
	static const char *const NAMES[] = {
		[FILTER_DMARC_NONE] = "none",
		[FILTER_DMARC_QUARANTINE] = "quarantine",
		[FILTER_DMARC_REJECT] = "reject",
	};
	return NAMES[policy];
}
