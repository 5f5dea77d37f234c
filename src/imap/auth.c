/* LOGIN and AUTHENTICATE: the words for a login's outcomes. A refused login answers after a pause,
 * during which the session is parked. */
#include "imap/login_words.h"
#include "imap/session_internal.h"

#include "base/alloc.h"
#include "directory/login.h"

/* A login that waits for the client's next line, or for the end of its pause. */
struct going_login {
	struct imap_going going;
	struct directory_login *login;
};

static void free_login(struct imap_session *s, struct imap_going *going)
{
	struct going_login *g = (struct going_login *)going;
	directory_login_free(g->login);
	free(g);
}

static struct going_login *begin(struct imap_session *s)
{
	struct directory_login_options options = {
		.directory = s->service->directory,
		.service = DIRECTORY_IMAP,
		.protocol = "imap",
		.throttle = s->service->throttle,
		.logins = &s->service->figures.logins,
		.failed = &s->service->figures.logins_failed,
		.refusals = &s->failures,
	};
	directory_login_client(s->net, &options);
	struct going_login *g = ALLOC(struct going_login);
	g->going.free = free_login;
	g->login = directory_login_new(&options);
	s->going = &g->going;
	return g;
}

static enum imap_run logged_in(struct imap_session *s, const struct directory_user *user)
{
	AUTO(buf_free) struct buf code = BUF(4096);
	imap_logged_in(s, user);
	buf_add_str(&code, "CAPABILITY ");
	imap_write_capabilities(s, &code);
	return imap_ok(s, buf_cstr(&code), "Logged in");
}

static enum imap_run pause_over(struct imap_session *s, struct imap_going *going, unsigned events);
static enum imap_run take_line(struct imap_session *s, struct imap_going *going, unsigned events);

static enum imap_run answer(
	struct imap_session *s, struct going_login *g, enum directory_login_outcome outcome)
{
	const char *text = imap_login_words[outcome].text;
	switch (outcome) {
	case DIRECTORY_LOGIN_CHALLENGE:
		g->going.resume = take_line;
		net_printf(s->net, "+ %s\r\n", directory_login_challenge(g->login));
		return IMAP_WAIT_INPUT;
	case DIRECTORY_LOGIN_PAUSE:
		g->going.resume = pause_over;
		return pause_over(s, &g->going, 0);
	case DIRECTORY_LOGIN_DONE:
		return logged_in(s, directory_login_user(g->login));
	case DIRECTORY_LOGIN_DENIED:
		text = directory_login_reason(g->login);
		break;
	default:
		break;
	}
	if (!imap_login_words[outcome].code)
		return imap_bad_text(s, text);
	(void)imap_no(s, imap_login_words[outcome].code, text);
	if (outcome != DIRECTORY_LOGIN_REFUSED_LAST)
		return IMAP_DONE;
	net_write_str(s->net, "* BYE Too many failures\r\n");
	return IMAP_CLOSE;
}

static enum imap_run pause_over(struct imap_session *s, struct imap_going *going, unsigned events)
{
	struct going_login *g = (struct going_login *)going;
	unsigned left_ms;
	enum directory_login_outcome outcome = directory_login_wait(g->login, &left_ms);
	if (outcome == DIRECTORY_LOGIN_PAUSE) {
		net_set_timeout(s->net, left_ms);
		return IMAP_WAIT_INPUT;
	}
	imap_set_login_timeout(s);
	return answer(s, g, outcome);
}

static void wipe(struct slice bytes)
{
	if (bytes.len > 0)
		explicit_bzero((char *)bytes.ptr, bytes.len);
}

/* The command itself is still in the input, too. */
static void wipe_command(struct imap_session *s, struct slice arguments)
{
	wipe(arguments);
	wipe(slice_sub(net_input(s->net), 0, s->collect.at));
}

static enum imap_run take_line(struct imap_session *s, struct imap_going *going, unsigned events)
{
	struct going_login *g = (struct going_login *)going;
	struct slice input = net_input(s->net);
	ssize_t end = slice_find(input, '\n');
	if (events & NET_TIMEOUT) {
		net_write_str(s->net, "* BYE Autologout\r\n");
		return IMAP_CLOSE;
	}
	size_t len = end < 0 ? input.len : (size_t)end;
	if (len > DIRECTORY_LOGIN_LINE_MAX + 1) /* CR */
		return IMAP_CLOSE;
	if (end < 0)
		return IMAP_WAIT_INPUT;
	struct slice line = slice(input.ptr, len);
	enum directory_login_outcome outcome = directory_login_line(g->login, line);
	wipe(line);
	net_consume(s->net, len + 1);
	return answer(s, g, outcome);
}

static enum imap_run login(struct imap_session *s, struct imap_parser *p)
{
	struct slice name, password;
	if (!imap_space(p) || !imap_astring(p, &name) || !imap_space(p) ||
		!imap_astring(p, &password) || !imap_end(p))
		return imap_bad(s, p);
	if (!net_is_secure(s->net))
		return imap_no(s, "PRIVACYREQUIRED", "Not without TLS");
	struct going_login *g = begin(s);
	enum directory_login_outcome outcome = directory_login_password(g->login, name, password);
	wipe(password); /* a quoted one was copied */
	return answer(s, g, outcome);
}

enum imap_run imap_cmd_login(struct imap_session *s, struct imap_parser *p)
{
	struct slice arguments = p->rest;
	enum imap_run r = login(s, p);
	wipe_command(s, arguments);
	return r;
}

static enum imap_run authenticate(struct imap_session *s, struct imap_parser *p)
{
	struct slice mechanism, initial = SLICE_NONE;
	if (!imap_space(p) || !imap_atom(p, &mechanism))
		return imap_bad(s, p);
	if (imap_skip(p, ' ')) {
		initial = p->rest;
		p->rest = slice_from(p->rest, p->rest.len);
	}
	struct going_login *g = begin(s);
	return answer(s, g, directory_login_sasl(g->login, mechanism, initial));
}

enum imap_run imap_cmd_authenticate(struct imap_session *s, struct imap_parser *p)
{
	struct slice arguments = p->rest;
	enum imap_run r = authenticate(s, p);
	wipe_command(s, arguments);
	return r;
}
