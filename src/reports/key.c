/* Keys of rows: what messages or sessions have to have in common to be counted together. */
#include "reports/row.h"

#include "base/bytes.h"
#include "filter/digest.h"

enum {
	SIGNATURES_MAX = 20,
	SPF_ALIGNED = 1,
	DKIM_ALIGNED = 2,
	POLICY_ROW = 'P',
	FAILURE_ROW = 'F',
};

static void add_text(struct buf *to, struct slice text)
{
	bytes_add_counted(to, slice_sub(text, 0, REPORTS_TEXT_MAX));
}

static bool cut_number(struct slice *key, uint64_t max, unsigned *ret_number)
{
	uint64_t value;
	if (!bytes_cut_varint(key, &value) || value > max)
		return false;
	*ret_number = (unsigned)value;
	return true;
}

void reports_dmarc_key(const struct filter_dmarc_row *r, struct buf *to)
{
	const struct slice texts[] = {r->source, r->override_type, r->override_words,
		r->header_from, r->envelope_from, r->spf_domain, r->spf_result};
	size_t signatures = MIN(r->dkim_count, (size_t)SIGNATURES_MAX);
	bytes_add_varint(
		to, (r->spf_aligned ? SPF_ALIGNED : 0u) | (r->dkim_aligned ? DKIM_ALIGNED : 0u));
	bytes_add_varint(to, (uint64_t)r->policy);
	bytes_add_varint(to, (uint64_t)r->disposal);
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		add_text(to, texts[i]);
	bytes_add_varint(to, signatures);
	for (size_t i = 0; i < signatures; i++) {
		add_text(to, r->dkim[i].domain);
		add_text(to, r->dkim[i].selector);
		add_text(to, r->dkim[i].result);
	}
}

static bool read_signatures(struct slice key, struct arena *arena, struct filter_dmarc_row *r)
{
	unsigned count;
	if (!cut_number(&key, SIGNATURES_MAX, &count))
		return false;
	struct filter_dmarc_signature *list =
		ARENA_ARRAY(arena, struct filter_dmarc_signature, count);
	for (unsigned i = 0; i < count; i++)
		if (!bytes_cut_counted(&key, &list[i].domain) ||
			!bytes_cut_counted(&key, &list[i].selector) ||
			!bytes_cut_counted(&key, &list[i].result))
			return false;
	r->dkim = list;
	r->dkim_count = count;
	return key.len == 0;
}

bool reports_dmarc_read(struct slice key, struct arena *arena, struct filter_dmarc_row *ret_row)
{
	struct filter_dmarc_row *r = ret_row;
	unsigned aligned, policy, disposal;
	*r = (struct filter_dmarc_row){0};
	struct slice *const texts[] = {&r->source, &r->override_type, &r->override_words,
		&r->header_from, &r->envelope_from, &r->spf_domain, &r->spf_result};
	if (!cut_number(&key, SPF_ALIGNED | DKIM_ALIGNED, &aligned) ||
		!cut_number(&key, FILTER_DMARC_REJECT, &policy) ||
		!cut_number(&key, FILTER_DMARC_REJECT, &disposal))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		if (!bytes_cut_counted(&key, texts[i]))
			return false;
	r->spf_aligned = aligned & SPF_ALIGNED;
	r->dkim_aligned = aligned & DKIM_ALIGNED;
	r->policy = (enum filter_dmarc_policy)policy;
	r->disposal = (enum filter_dmarc_policy)disposal;
	return read_signatures(key, arena, r);
}

const char *reports_tls_type_name(enum reports_tls_type type)
{
	static const char *const NAMES[] = {
		[REPORTS_NO_POLICY] = "no-policy-found",
		[REPORTS_TLSA] = "tlsa",
		[REPORTS_STS] = "sts",
	};
	return NAMES[type];
}

const char *reports_tls_result_name(enum reports_tls_result result)
{
	static const char *const NAMES[REPORTS_TLS_RESULTS] = {
		[REPORTS_TLS_FINE] = "success",
		[REPORTS_STARTTLS_NOT_SUPPORTED] = "starttls-not-supported",
		[REPORTS_CERTIFICATE_HOST_MISMATCH] = "certificate-host-mismatch",
		[REPORTS_CERTIFICATE_EXPIRED] = "certificate-expired",
		[REPORTS_CERTIFICATE_NOT_TRUSTED] = "certificate-not-trusted",
		[REPORTS_VALIDATION_FAILURE] = "validation-failure",
		[REPORTS_TLSA_INVALID] = "tlsa-invalid",
		[REPORTS_DNSSEC_INVALID] = "dnssec-invalid",
		[REPORTS_DANE_REQUIRED] = "dane-required",
		[REPORTS_STS_POLICY_FETCH_ERROR] = "sts-policy-fetch-error",
		[REPORTS_STS_POLICY_INVALID] = "sts-policy-invalid",
		[REPORTS_STS_WEBPKI_INVALID] = "sts-webpki-invalid",
	};
	return NAMES[result];
}

static void policy_id(struct slice key, unsigned char ret_id[REPORTS_POLICY_ID])
{
	unsigned char hash[FILTER_DIGEST_LEN];
	struct filter_digest digest = filter_digest_new();
	filter_digest_add(&digest, key);
	filter_digest_end(&digest, hash);
	memcpy(ret_id, hash, REPORTS_POLICY_ID);
}

void reports_tls_policy_key(const struct reports_tls_policy *policy, struct buf *to)
{
	buf_add_byte(to, POLICY_ROW);
	bytes_add_varint(to, (uint64_t)policy->type);
	bytes_add_counted(to, slice_sub(policy->text, 0, REPORTS_POLICY_MAX / 2));
	bytes_add_counted(to, slice_sub(policy->hosts, 0, REPORTS_POLICY_MAX / 2));
}

void reports_tls_failure_key(
	struct slice policy_key, const struct reports_tls_failure *failure, struct buf *to)
{
	unsigned char id[REPORTS_POLICY_ID];
	policy_id(policy_key, id);
	buf_add_byte(to, FAILURE_ROW);
	buf_add(to, id, sizeof(id));
	bytes_add_varint(to, (uint64_t)failure->result);
	add_text(to, failure->sending_ip);
	add_text(to, failure->host);
	add_text(to, failure->receiving_ip);
	add_text(to, failure->reason);
}

static bool read_failure(struct slice rest, struct reports_tls_key *k)
{
	struct reports_tls_failure *f = &k->failure;
	struct slice id;
	unsigned result;
	if (!bytes_cut(&rest, REPORTS_POLICY_ID, &id) ||
		!cut_number(&rest, REPORTS_TLS_RESULTS - 1, &result))
		return false;
	memcpy(k->policy_id, id.ptr, REPORTS_POLICY_ID);
	f->result = (enum reports_tls_result)result;
	return bytes_cut_counted(&rest, &f->sending_ip) && bytes_cut_counted(&rest, &f->host) &&
	       bytes_cut_counted(&rest, &f->receiving_ip) && bytes_cut_counted(&rest, &f->reason) &&
	       rest.len == 0;
}

bool reports_tls_read(struct slice key, struct reports_tls_key *ret_key)
{
	struct reports_tls_key *k = ret_key;
	struct slice rest = key, kind;
	unsigned type;
	*k = (struct reports_tls_key){0};
	if (!bytes_cut(&rest, 1, &kind))
		return false;
	k->is_failure = kind.ptr[0] == FAILURE_ROW;
	if (k->is_failure)
		return read_failure(rest, k);
	if (kind.ptr[0] != POLICY_ROW || !cut_number(&rest, REPORTS_STS, &type) ||
		!bytes_cut_counted(&rest, &k->policy.text) ||
		!bytes_cut_counted(&rest, &k->policy.hosts) || rest.len > 0)
		return false;
	k->policy.type = (enum reports_tls_type)type;
	policy_id(key, k->policy_id);
	return true;
}
