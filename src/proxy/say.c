/* Lines, and the message of a login. */
#include "proxy/say.h"

#include "base/base64.h"
#include "envelope/xclient.h"

#include <openssl/crypto.h>
#include <stdarg.h>

enum { SAID_MAX = 4096 };

void proxy_say(struct net_client *net, const char *format, ...)
{
	char text[SAID_MAX];
	va_list arguments;
	va_start(arguments, format);
	int len = vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	if (len > 0)
		net_client_write(net, slice(text, MIN((size_t)len, sizeof(text) - 1)));
}

void proxy_say_wipe(struct buf *secret)
{
	if (secret->data)
		OPENSSL_cleanse(secret->data, secret->cap);
	buf_free(secret);
}

static bool make_room(struct buf *b, size_t size)
{
	*b = BUF(size + 1);
	return buf_reserve(b, size + 1) != NULL;
}

/* Unknown and Unix addresses are left out. */
static bool put_address(
	const struct net_address *a, char ip[NET_ADDRESS_TEXT], char port[8], struct slice ret[2])
{
	uint8_t ignored[16];
	if (!a || !net_address_bytes(a, ignored))
		return false;
	net_address_host(a, ip);
	(void)snprintf(port, 8, "%u", net_address_port(a));
	ret[0] = slice_str(ip);
	ret[1] = slice_str(port);
	return true;
}

void proxy_say_xclient(const struct proxy_client *client, const char *helo, const char *proto,
	unsigned offered, struct buf *to)
{
	struct slice texts[ENVELOPE_XCLIENT_ATTRIBUTES] = {{0}}, pair[2];
	char ip[NET_ADDRESS_TEXT], port[8], local_ip[NET_ADDRESS_TEXT], local_port[8], ttl[8];
	if (put_address(client->peer, ip, port, pair)) {
		texts[ENVELOPE_XCLIENT_ADDR] = pair[0];
		texts[ENVELOPE_XCLIENT_PORT] = pair[1];
	}
	if (put_address(client->local, local_ip, local_port, pair)) {
		texts[ENVELOPE_XCLIENT_DESTADDR] = pair[0];
		texts[ENVELOPE_XCLIENT_DESTPORT] = pair[1];
	}
	(void)snprintf(ttl, sizeof(ttl), "%u", client->ttl);
	texts[ENVELOPE_XCLIENT_TTL] = slice_str(ttl);
	texts[ENVELOPE_XCLIENT_PROTO] = slice_str(proto);
	texts[ENVELOPE_XCLIENT_HELO] = slice_str(helo ? helo : "");
	texts[ENVELOPE_XCLIENT_SESSION] = slice_str(client->session);
	envelope_write_xclient(texts, offered, to);
}

void proxy_say_sasl(const struct proxy_credentials *c, struct buf *to)
{
	AUTO(proxy_say_wipe) struct buf plain = {0};
	struct slice message = c->token ? c->token->message : SLICE_NONE;
	if (!c->token && make_room(&plain, c->user.len + c->master.len + c->password.len + 2)) {
		if (c->master.len > 0)
			buf_add_slice(&plain, c->user);
		buf_add_byte(&plain, '\0');
		buf_add_slice(&plain, c->master.len > 0 ? c->master : c->user);
		buf_add_byte(&plain, '\0');
		buf_add_slice(&plain, c->password);
		message = buf_slice(&plain);
	}
	if (make_room(to, (message.len + 2) / 3 * 4))
		base64_encode(to, message);
}

struct slice proxy_say_to_challenge(const struct proxy_credentials *credentials,
	struct slice challenge, struct proxy_answer *answer)
{
	bool bearer = slice_eq(credentials->token->mechanism, SLICE("OAUTHBEARER"));
	buf_clear(&answer->challenge);
	if (!base64_decode(&answer->challenge, slice_trim(challenge)))
		buf_clear(&answer->challenge);
	return bearer ? SLICE("AQ==") : SLICE("");
}

bool proxy_say_fits_line(struct slice text)
{
	for (size_t i = 0; i < text.len; i++)
		if ((unsigned char)text.ptr[i] < ' ' || text.ptr[i] == 127)
			return false;
	return true;
}
