/* The client's half of submission: the greeting, EHLO, STARTTLS, XCLIENT, the login. */
#include "proxy/submission.h"

#include "proxy/say.h"
#include "proxy/submission_answer.h"

enum { LINE_MAX_BYTES = 4096, LINES_MAX = 100 };

/* A whole answer: the last line's code and status; all lines in `text`, with their ends between. */
static int read_answer(struct proxy_link *link, struct buf *text,
	struct proxy_submission_line *ret_line, struct err *err)
{
	struct slice line;
	for (unsigned i = 0; i < LINES_MAX; i++) {
		if (net_client_read_line(link->net, LINE_MAX_BYTES, &line, err) < 0)
			return -1;
		if (!proxy_submission_read_line(line, ret_line))
			return err_temporary(err, ERR_BAD_INPUT, "it does not speak SMTP");
		buf_add_str(text, i > 0 ? "\r\n" : "");
		buf_add_slice(text, line);
		if (!ret_line->more && !text->failed)
			return 0;
	}
	return err_temporary(err, ERR_LIMIT, "its answer does not come to an end");
}

/* One with this code. */
static int expect(struct proxy_link *link, unsigned code, const char *to, struct err *err)
{
	AUTO(buf_free) struct buf text = BUF(PROXY_ANSWER_MAX);
	struct proxy_submission_line line;
	if (read_answer(link, &text, &line, err) < 0)
		return -1;
	if (line.code == code)
		return 0;
	return err_temporary(err, ERR_UNAVAILABLE, "it answers %s by %.*s", to,
		SLICE_ARG(slice_sub(buf_slice(&text), 0, 120)));
}

static int say_hello(struct proxy_link *link, const char *name, unsigned *traits, struct err *err)
{
	AUTO(buf_free) struct buf text = BUF(PROXY_ANSWER_MAX);
	AUTO(buf_free) struct buf extensions = BUF(PROXY_ANSWER_MAX);
	struct proxy_submission_line line;
	proxy_say(link->net, "EHLO %s\r\n", name);
	if (read_answer(link, &text, &line, err) < 0)
		return -1;
	if (line.code != 250)
		return err_temporary(err, ERR_UNAVAILABLE, "it answers EHLO by %.*s",
			SLICE_ARG(slice_sub(buf_slice(&text), 0, 120)));
	struct slice rest = buf_slice(&text);
	*traits = 0;
	(void)slice_cut(&rest, '\n'); /* its name */
	while (rest.len > 0) {
		struct slice extension = slice_from(slice_trim(slice_cut(&rest, '\n')), 4);
		*traits |= proxy_submission_traits(extension);
		buf_add_slice(&extensions, extension);
		buf_add_str(&extensions, "\r\n");
	}
	proxy_link_announces(link, buf_slice(&extensions));
	return 0;
}

/* The session begins anew then. */
static int say_client(struct proxy_link *link, const struct proxy_client *client, const char *name,
	unsigned *traits, struct err *err)
{
	AUTO(buf_free) struct buf words = BUF(1024);
	proxy_say_xclient(client, name, "ESMTP", *traits >> PROXY_SUBMISSION_XCLIENT_SHIFT, &words);
	if (words.len == 0)
		return 0;
	proxy_say(link->net, "XCLIENT%s\r\n", buf_cstr(&words));
	AUTO(buf_free) struct buf text = BUF(PROXY_ANSWER_MAX);
	struct proxy_submission_line line;
	if (read_answer(link, &text, &line, err) < 0)
		return -1;
	if (line.code != 220)
		return err_temporary(err, ERR_DENIED, "it answers XCLIENT by %.*s",
			SLICE_ARG(slice_sub(buf_slice(&text), 0, 120)));
	return say_hello(link, name, traits, err);
}

static int greet(struct proxy_link *link, const struct proxy_client *client, unsigned *traits,
	struct err *err)
{
	const char *own = proxy_link_hostname(link);
	const char *name = client && client->helo ? client->helo : own;
	if (expect(link, 220, "our connection", err) < 0 || say_hello(link, name, traits, err) < 0)
		return -1;
	if (link->wants_tls) {
		net_client_write(link->net, SLICE("STARTTLS\r\n"));
		if (expect(link, 220, "STARTTLS", err) < 0 || proxy_link_start_tls(link, err) < 0 ||
			say_hello(link, name, traits, err) < 0)
			return -1;
	}
	if (client && *traits >> PROXY_SUBMISSION_XCLIENT_SHIFT)
		return say_client(link, client, name, traits, err);
	return 0;
}

static bool can_authenticate(const struct proxy_credentials *c, unsigned traits)
{
	if (!c->token)
		return traits & PROXY_SUBMISSION_PLAIN;
	return traits &
	       (slice_eq(c->token->mechanism, SLICE("XOAUTH2")) ? PROXY_SUBMISSION_XOAUTH2
								: PROXY_SUBMISSION_OAUTHBEARER);
}

static int login(struct proxy_link *link, const struct proxy_credentials *c, unsigned traits,
	struct proxy_answer *answer, struct err *err)
{
	struct slice mechanism = c->token ? c->token->mechanism : SLICE("PLAIN");
	AUTO(proxy_say_wipe) struct buf message = {0};
	struct proxy_submission_line line;
	if (!can_authenticate(c, traits))
		return err_temporary(
			err, ERR_UNAVAILABLE, "it offers no login that the proxy could use");
	proxy_say_sasl(c, &message);
	proxy_say(link->net, "AUTH %.*s ", SLICE_ARG(mechanism));
	net_client_write(link->net, buf_slice(&message));
	net_client_write(link->net, SLICE("\r\n"));
	int r = read_answer(link, &answer->words, &line, err);
	net_client_wipe_sent(link->net);
	if (r == 0 && line.code == 334) {
		if (c->token)
			proxy_say(link->net, "%.*s\r\n",
				SLICE_ARG(proxy_say_to_challenge(c, line.text, answer)));
		else
			net_client_write(link->net, SLICE("*\r\n"));
		buf_clear(&answer->words);
		r = read_answer(link, &answer->words, &line, err);
	}
	if (r < 0)
		return -1;
	if (line.code == 421)
		return err_temporary(err, ERR_DENIED, "it says %.*s",
			SLICE_ARG(slice_sub(buf_slice(&answer->words), 0, 120)));
	answer->said = proxy_submission_said(&line);
	return 0;
}

const struct proxy_dialog proxy_submission_dialog = {
	.protocol = PROXY_SUBMISSION,
	.service = DIRECTORY_SUBMISSION,
	.greet = greet,
	.login = login,
};
