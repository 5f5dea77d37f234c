/* The table of mechanisms, and what is the same for all of them. */
#include "sasl/sasl.h"

#include "base/alloc.h"
#include "base/must.h"
#include "sasl/prepare.h"
#include "sasl/sasl_internal.h"

enum { MAGIC = 0x5341534c };

static const struct sasl_mechanism mechanisms[] = {
	{"PLAIN", SASL_BY_PASSWORD, false, sasl_plain_step},
	{"LOGIN", SASL_BY_PASSWORD, false, sasl_login_step},
	{"SCRAM-SHA-256-PLUS", SASL_BY_SCRAM, true, sasl_scram_step},
	{"SCRAM-SHA-256", SASL_BY_SCRAM, false, sasl_scram_step},
	{"OAUTHBEARER", SASL_BY_TOKEN, false, sasl_oauthbearer_step},
	{"XOAUTH2", SASL_BY_TOKEN, false, sasl_xoauth2_step},
};

static bool is_offered(const struct sasl_mechanism *mechanism, const struct sasl_offer *offer)
{
	if (mechanism->by == SASL_BY_PASSWORD)
		return offer->plain;
	if (mechanism->by == SASL_BY_TOKEN)
		return offer->token;
	return offer->scram && (!mechanism->plus || sasl_scram_can_bind(offer));
}

void sasl_list(const struct sasl_offer *offer, const char *separator, struct buf *to)
{
	const char *between = "";
	for (size_t i = 0; i < ARRAY_LEN(mechanisms); i++)
		if (is_offered(&mechanisms[i], offer)) {
			buf_add_str(to, between);
			buf_add_str(to, mechanisms[i].name);
			between = separator;
		}
}

static const struct sasl_mechanism *find(struct slice name, const struct sasl_offer *offer)
{
	for (size_t i = 0; i < ARRAY_LEN(mechanisms); i++)
		if (slice_eq_nocase(name, slice_str(mechanisms[i].name)))
			return is_offered(&mechanisms[i], offer) ? &mechanisms[i] : NULL;
	return NULL;
}

struct sasl_session *sasl_new(struct slice mechanism, const struct sasl_offer *offer,
	const struct sasl_callbacks *callbacks)
{
	const struct sasl_mechanism *found = find(mechanism, offer);
	if (!found)
		return NULL;
	must(found->by == SASL_BY_SCRAM      ? callbacks->scram_keys != NULL
		: found->by == SASL_BY_TOKEN ? callbacks->check_token != NULL
					     : callbacks->check_password != NULL);
	struct sasl_session *session = ALLOC(struct sasl_session);
	session->magic = MAGIC;
	session->mechanism = found;
	session->callbacks = *callbacks;
	/* SASLprep may make three times as many bytes. */
	session->user = session->authzid = BUF(4 * SASL_TEXT_MAX);
	if (found->by == SASL_BY_SCRAM)
		session->scram = sasl_scram_new(offer, found->plus);
	return session;
}

enum sasl_outcome sasl_malformed(struct err *err, const char *why)
{
	(void)err_permanent(err, ERR_BAD_INPUT, "%s", why);
	return SASL_MALFORMED;
}

enum sasl_outcome sasl_denied(struct err *err, const char *why)
{
	(void)err_permanent(err, ERR_DENIED, "%s", why);
	return SASL_DENIED;
}

enum sasl_outcome sasl_result(int result, struct err *err)
{
	if (result < 0)
		return SASL_TEMPORARY;
	return result == 0 ? SASL_DONE : sasl_denied(err, "wrong user or password");
}

bool sasl_set_names(struct sasl_session *session, struct slice user, struct slice authzid)
{
	if (!sasl_prepare(user, &session->user) || !sasl_prepare(authzid, &session->authzid) ||
		session->user.len == 0)
		return false;
	/* To act for oneself is nothing to be asked for. */
	if (slice_eq(buf_slice(&session->user), buf_slice(&session->authzid)))
		buf_clear(&session->authzid);
	return true;
}

enum sasl_outcome sasl_step(
	struct sasl_session *session, struct slice message, struct buf *reply, struct err *err)
{
	must(session->magic == MAGIC);
	if (session->over)
		return sasl_malformed(err, "the exchange is over");
	size_t before = reply->len;
	enum sasl_outcome outcome =
		message.len > SASL_MESSAGE_MAX
			? sasl_malformed(err, "the message is too long")
			: session->mechanism->step(session, message, reply, err);
	if (reply->failed)
		outcome = sasl_malformed(err, "the answer is too long");
	if (outcome != SASL_CONTINUE)
		session->over = true;
	if (outcome != SASL_CONTINUE && outcome != SASL_DONE)
		reply->len = before;
	return outcome;
}

struct slice sasl_user(const struct sasl_session *session)
{
	return buf_slice(&session->user);
}

struct slice sasl_authzid(const struct sasl_session *session)
{
	return buf_slice(session->authzid.len ? &session->authzid : &session->user);
}

void sasl_free(struct sasl_session *session)
{
	if (!session)
		return;
	must(session->magic == MAGIC);
	session->magic = 0;
	buf_free(&session->user);
	buf_free(&session->authzid);
	sasl_scram_free(session->scram);
	free(session);
}
