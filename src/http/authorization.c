/* A scheme, one blank or more, and its one word. */
#include "http/authorization.h"

#include "base/base64.h"
#include "base/base64url.h"
#include "http/head.h"

#include <jansson.h>

enum { SECRET_MAX = HTTP_HEAD_MAX };

static void wipe(struct buf *secret)
{
	if (secret->data)
		explicit_bzero(secret->data, secret->cap);
	buf_free(secret);
}

void http_credentials_free(struct http_credentials *credentials)
{
	wipe(&credentials->secret);
	*credentials = (struct http_credentials){0};
}

static bool has_control(struct slice text)
{
	for (size_t i = 0; i < text.len; i++)
		if ((unsigned char)text.ptr[i] < ' ' || text.ptr[i] == 127)
			return true;
	return false;
}

/* RFC 7617 section 2: the first colon ends the user, controls are in neither. Reserved at once, so
 * that no copy is left behind. */
static bool read_basic(struct slice word, struct http_credentials *c)
{
	if (!buf_reserve(&c->secret, word.len + 4) || !base64_decode(&c->secret, word))
		return false;
	struct slice rest = buf_slice(&c->secret);
	if (slice_find(rest, ':') < 0 || has_control(rest))
		return false;
	c->scheme = HTTP_BASIC;
	c->user = slice_cut(&rest, ':');
	c->password = rest;
	return c->user.len > 0;
}

/* RFC 6750 section 2.1, b64token */
static bool is_token68(struct slice word)
{
	for (size_t i = 0; i < word.len; i++) {
		char c = slice_lower(word.ptr[i]);
		if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') &&
			(c == '\0' || !strchr("-._~+/=", c)))
			return false;
	}
	return word.len > 0;
}

static void read_claim(const json_t *payload, const char *claim, struct http_credentials *c)
{
	const json_t *value = json_object_get(payload, claim);
	struct slice user = slice(json_string_value(value), json_string_length(value));
	if (user.len == 0 || has_control(user))
		return;
	buf_clear(&c->secret); /* the payload's bytes: they were read */
	buf_add_slice(&c->secret, user);
	if (!c->secret.failed)
		c->user = buf_slice(&c->secret);
}

/* "header.payload.signature"; anything else is opaque, and fine. */
static bool read_bearer(struct slice word, const char *claim, struct http_credentials *c)
{
	if (!is_token68(word))
		return false;
	c->scheme = HTTP_BEARER;
	struct slice rest = word, header = slice_cut(&rest, '.'), payload = slice_cut(&rest, '.');
	if (claim[0] == '\0' || header.len == 0 || rest.len == 0 || slice_find(rest, '.') >= 0)
		return true;
	if (!buf_reserve(&c->secret, payload.len + 4) || !base64url_decode(&c->secret, payload))
		return true;
	json_t *read = json_loadb(c->secret.data, c->secret.len, JSON_REJECT_DUPLICATES, NULL);
	if (json_is_object(read))
		read_claim(read, claim, c);
	json_decref(read);
	return true;
}

bool http_credentials_read(
	struct slice value, const char *claim, struct http_credentials *ret_credentials)
{
	*ret_credentials = (struct http_credentials){.secret = BUF(SECRET_MAX)};
	struct slice word = value, scheme = slice_cut(&word, ' ');
	while (word.len > 0 && word.ptr[0] == ' ')
		word = slice_from(word, 1);
	if (value.len == 0)
		return true;
	if (slice_eq_nocase(scheme, SLICE("Basic")))
		return read_basic(word, ret_credentials);
	if (slice_eq_nocase(scheme, SLICE("Bearer")))
		return read_bearer(word, claim, ret_credentials);
	ret_credentials->scheme = HTTP_OTHER_SCHEME;
	return http_is_token(scheme);
}

void http_basic_add(struct buf *to, struct slice user, struct slice password)
{
	struct buf both = BUF(SECRET_MAX);
	if (buf_reserve(&both, user.len + password.len + 1)) {
		buf_add_slice(&both, user);
		buf_add_byte(&both, ':');
		buf_add_slice(&both, password);
	}
	buf_add_str(to, "Basic ");
	base64_encode(to, buf_slice(&both));
	wipe(&both);
}
