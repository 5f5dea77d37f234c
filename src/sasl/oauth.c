/* The mechanisms that send a token in place of a password: OAUTHBEARER (RFC 7628), and XOAUTH2, its
 * forerunner, which has other letters around the same. Whether the token is right is asked; a
 * refusal goes to the client as a challenge, which it answers by anything, and then by "no". */
#include "sasl/prepare.h"
#include "sasl/sasl_internal.h"

static const char SEPARATOR = '\001';

/* "=2C" and "=3D" of a saslname (RFC 5801 section 4). */
static bool undo_name(struct slice name, struct buf *to)
{
	for (size_t i = 0; i < name.len; i++) {
		if (name.ptr[i] != '=') {
			buf_add_byte(to, name.ptr[i]);
			continue;
		}
		struct slice code = slice_sub(name, i, 3);
		if (!slice_eq(code, SLICE("=2C")) && !slice_eq(code, SLICE("=3D")))
			return false;
		buf_add_byte(to, code.ptr[1] == '2' ? ',' : '=');
		i += 2;
	}
	return true;
}

/* "n,a=user@example.org," in front of the fields. */
static bool cut_gs2_header(struct slice *rest, struct buf *ret_user)
{
	struct slice header = slice_cut(rest, SEPARATOR);
	struct slice binding = slice_cut(&header, ','), name = slice_cut(&header, ',');
	if ((!slice_eq(binding, SLICE("n")) && !slice_eq(binding, SLICE("y"))) || header.len > 0)
		return false;
	return slice_starts(name, SLICE("a=")) && undo_name(slice_from(name, 2), ret_user);
}

/* Fields, each ended by the separator, then one more. One of them is auth=Bearer …. */
static bool has_token(struct slice rest)
{
	bool found = false;
	while (slice_find(rest, SEPARATOR) > 0) {
		struct slice field = slice_cut(&rest, SEPARATOR);
		found = found || (slice_starts(field, SLICE("auth=")) && field.len > 5);
	}
	return found && rest.len == 1 && rest.ptr[0] == SEPARATOR;
}

static enum sasl_outcome judge(struct sasl_session *session, struct slice user,
	struct slice message, struct buf *reply, struct err *err)
{
	const struct sasl_callbacks *c = &session->callbacks;
	if (!sasl_set_names(session, user, SLICE_NONE))
		return sasl_denied(err, "the user's name is empty or no SASLprep text");
	int r = c->check_token(c->context, slice_str(session->mechanism->name),
		buf_slice(&session->user), message, reply, err);
	if (r <= 0 || reply->len == 0)
		return sasl_result(r, err);
	session->refused = true;
	return SASL_CONTINUE;
}

/* True: it is the first message, and the exchange goes on with it. */
static bool has_begun(struct sasl_session *session, struct slice message)
{
	return message.ptr || session->step++ > 0;
}

enum sasl_outcome sasl_oauthbearer_step(
	struct sasl_session *session, struct slice message, struct buf *reply, struct err *err)
{
	AUTO(buf_free) struct buf user = BUF(SASL_TEXT_MAX);
	struct slice rest = message;
	if (session->refused)
		return sasl_denied(err, "the token is refused");
	if (!has_begun(session, message))
		return SASL_CONTINUE;
	if (!cut_gs2_header(&rest, &user) || user.failed || !has_token(rest))
		return sasl_malformed(err, "no message of OAUTHBEARER that names a user");
	return judge(session, buf_slice(&user), message, reply, err);
}

enum sasl_outcome sasl_xoauth2_step(
	struct sasl_session *session, struct slice message, struct buf *reply, struct err *err)
{
	struct slice rest = message;
	if (session->refused)
		return sasl_denied(err, "the token is refused");
	if (!has_begun(session, message))
		return SASL_CONTINUE;
	struct slice user = slice_cut(&rest, SEPARATOR);
	if (!slice_starts(user, SLICE("user=")) || user.len > SASL_TEXT_MAX || !has_token(rest))
		return sasl_malformed(err, "no message of XOAUTH2");
	return judge(session, slice_from(user, 5), message, reply, err);
}
