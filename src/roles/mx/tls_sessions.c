/* DANE goes before MTA-STS, as where it is decided what to demand (outbound.c). */
#include "roles/mx/tls_sessions.h"

static const struct slice NOT_NAMED = {"the policy does not name this host", 34};

/* "3 1 1 1f85…", a line each. */
static void add_records(const struct net_tls_dane *dane, struct buf *to)
{
	for (size_t i = 0; i < dane->record_count; i++) {
		const struct net_tls_dane_record *r = &dane->records[i];
		buf_printf(to, "%u %u %u ", r->usage, r->selector, r->matching);
		for (size_t at = 0; at < r->data.len; at++)
			buf_printf(to, "%02x", (unsigned char)r->data.ptr[at]);
		buf_add_byte(to, '\n');
	}
}

static void add_hosts(const struct dns_mta_sts_policy *policy, struct buf *to)
{
	for (size_t i = 0; i < policy->mx_count; i++)
		buf_printf(to, "%.*s\n", SLICE_ARG(policy->mx[i]));
}

static bool has_dane(const struct mx_tls_session *s)
{
	return s->dane && s->dane->demand != DNS_DANE_NONE;
}

static bool has_sts(const struct mx_tls_session *s)
{
	return !has_dane(s) && s->sts->policy.mode != DNS_MTA_STS_NONE;
}

/* What there is too much of is left out. */
static void tell(const struct mx_tls_session *s, enum reports_tls_type type,
	const struct reports_tls_failure *failure)
{
	AUTO(buf_free) struct buf text = BUF(REPORTS_POLICY_MAX), hosts = BUF(REPORTS_POLICY_MAX);
	struct reports_tls_policy policy = {.type = type};
	if (type == REPORTS_TLSA && has_dane(s)) {
		add_records(&s->dane->tls, &text);
		policy.text = buf_slice(&text);
		policy.hosts = slice_str(s->dane->tls.host);
	} else if (type == REPORTS_STS && has_sts(s)) {
		add_hosts(&s->sts->policy, &hosts);
		policy.text = s->sts->text;
		policy.hosts = buf_slice(&hosts);
	}
	reports_count_tls(s->reports, s->domain, &policy,
		failure->result == REPORTS_TLS_FINE ? NULL : failure);
}

static enum reports_tls_result of_certificate(enum net_tls_trouble trouble)
{
	switch (trouble) {
	case NET_TLS_EXPIRED:
		return REPORTS_CERTIFICATE_EXPIRED;
	case NET_TLS_OTHER_NAME:
		return REPORTS_CERTIFICATE_HOST_MISMATCH;
	case NET_TLS_UNTRUSTED:
	case NET_TLS_NO_TROUBLE:
		break;
	}
	return REPORTS_CERTIFICATE_NOT_TRUSTED;
}

/* TLS stands; is it as the policy wants it? */
static void judge(const struct mx_tls_session *s, const struct smtp_opening *opening,
	struct reports_tls_failure *failure)
{
	failure->result = REPORTS_TLS_FINE;
	failure->reason = SLICE("");
	if (has_dane(s) && s->dane->demand == DNS_DANE_ENCRYPT) {
		failure->result = REPORTS_TLSA_INVALID;
		failure->reason = SLICE("no usable TLSA record");
	} else if (has_sts(s) && opening->trouble != NET_TLS_NO_TROUBLE) {
		failure->result = of_certificate(opening->trouble);
		failure->reason = slice_str(opening->tls_words);
	} else if (has_sts(s) && !dns_mta_sts_has_mx(&s->sts->policy, s->host)) {
		failure->result = REPORTS_VALIDATION_FAILURE;
		failure->reason = NOT_NAMED;
	}
}

void mx_tls_session_opened(const struct mx_tls_session *s, const struct smtp_hop *hop,
	const struct smtp_opening *opening)
{
	char sending[NET_ADDRESS_TEXT] = "", receiving[NET_ADDRESS_TEXT];
	if (!s->reports || opening->tls == SMTP_TLS_UNUSED)
		return;
	if (opening->local.len > 0)
		net_address_host(&opening->local, sending);
	net_address_host(&hop->address, receiving);
	struct reports_tls_failure failure = {.sending_ip = slice_str(sending),
		.host = s->host,
		.receiving_ip = slice_str(receiving),
		.reason = slice_str(opening->tls_words)};
	switch (opening->tls) {
	case SMTP_TLS_NOT_OFFERED:
	case SMTP_TLS_REFUSED:
		failure.result = REPORTS_STARTTLS_NOT_SUPPORTED;
		break;
	case SMTP_TLS_UNTRUSTED:
		failure.result = of_certificate(opening->trouble);
		break;
	case SMTP_TLS_DONE:
		judge(s, opening, &failure);
		break;
	case SMTP_TLS_BROKEN:
	case SMTP_TLS_UNUSED:
		failure.result = REPORTS_VALIDATION_FAILURE;
		break;
	}
	tell(s,
		has_dane(s)  ? REPORTS_TLSA
		: has_sts(s) ? REPORTS_STS
			     : REPORTS_NO_POLICY,
		&failure);
}

void mx_tls_session_without_policy(const struct mx_tls_session *s)
{
	static const enum reports_tls_result RESULTS[] = {
		[MX_STS_UNREACHABLE] = REPORTS_STS_POLICY_FETCH_ERROR,
		[MX_STS_INVALID] = REPORTS_STS_POLICY_INVALID,
		[MX_STS_UNTRUSTED] = REPORTS_STS_WEBPKI_INVALID,
	};
	if (!s->reports || s->sts->trouble == MX_STS_NO_TROUBLE)
		return;
	const struct reports_tls_failure failure = {.result = RESULTS[s->sts->trouble]};
	tell(s, REPORTS_STS, &failure);
}

void mx_tls_session_refused(const struct mx_tls_session *s)
{
	const struct reports_tls_failure failure = {
		.result = REPORTS_VALIDATION_FAILURE, .host = s->host, .reason = NOT_NAMED};
	if (s->reports)
		tell(s, REPORTS_STS, &failure);
}

void mx_tls_session_unknown(const struct mx_tls_session *s, const struct err *err)
{
	const struct reports_tls_failure failure = {
		.result = REPORTS_DNSSEC_INVALID, .host = s->host, .reason = slice_str(err->text)};
	if (s->reports && err->kind == ERR_DAMAGED)
		tell(s, REPORTS_TLSA, &failure);
}
