/* The mechanisms that send the password itself: PLAIN (RFC 4616) and LOGIN, which was never written
 * down but is what some mail programs know. The password is never copied: it is passed on out of
 * the client's message. */
#include "sasl/prepare.h"
#include "sasl/sasl_internal.h"

static enum sasl_outcome check(struct sasl_session *session, struct slice password, struct err *err)
{
	/* An empty one is no password, whatever a directory behind may take it for. */
	if (password.len == 0)
		return sasl_denied(err, "empty password");
	if (password.len > SASL_TEXT_MAX)
		return sasl_malformed(err, "the password is too long");
	return sasl_result(
		session->callbacks.check_password(session->callbacks.context,
			buf_slice(&session->authzid), buf_slice(&session->user), password, err),
		err);
}

/* [authzid] NUL authcid NUL passwd */
enum sasl_outcome sasl_plain_step(
	struct sasl_session *session, struct slice message, struct buf *reply, struct err *err)
{
	if (!message.ptr && session->step++ == 0)
		return SASL_CONTINUE;
	struct slice rest = message;
	if (slice_find(rest, '\0') < 0)
		return sasl_malformed(err, "PLAIN without NUL");
	struct slice authzid = slice_cut(&rest, '\0');
	if (slice_find(rest, '\0') < 0)
		return sasl_malformed(err, "PLAIN with one NUL, expected two");
	struct slice user = slice_cut(&rest, '\0');
	if (slice_find(rest, '\0') >= 0)
		return sasl_malformed(err, "PLAIN with three NULs, expected two");
	if (!sasl_set_names(session, user, authzid))
		return sasl_denied(err, "the user's name is empty or no SASLprep text");
	return check(session, rest, err);
}

enum sasl_outcome sasl_login_step(
	struct sasl_session *session, struct slice message, struct buf *reply, struct err *err)
{
	enum { ASK_USER, TAKE_USER, TAKE_PASSWORD };
	if (session->step == ASK_USER) {
		session->step = TAKE_USER;
		if (!message.ptr) {
			buf_add_str(reply, "Username:");
			return SASL_CONTINUE;
		}
	}
	if (session->step == TAKE_USER) {
		session->step = TAKE_PASSWORD;
		if (!sasl_set_names(session, message, SLICE_NONE))
			return sasl_denied(err, "the user's name is empty or no SASLprep text");
		buf_add_str(reply, "Password:");
		return SASL_CONTINUE;
	}
	return check(session, message, err);
}
