/* The server half of authmod: one line in, one answer out (for `route` some +DATA rows first). All
 * that a session keeps between lines is whether its client has said the secret. */
#include "directory/authmod_line.h"

#include "directory/address.h"
#include "directory/kick.h"

#include <openssl/crypto.h>

enum {
	IDLE_MS = 10 * 60 * 1000,
	ANSWER_MAX = 4 * 1024 * 1024, /* of a route with as many rows as an alias can have */
};

struct session {
	bool known; /* has said the secret */
};

struct request {
	struct directory_authmod_service *service;
	struct session *session;
	struct log_scope *log;
	const struct directory_authmod_line *line;
	struct arena arena;
	struct buf answer;
	struct err err;
	bool quit;
};

static void answer(struct request *q, const char *text)
{
	buf_add_str(&q->answer, text);
	buf_add_str(&q->answer, "\r\n");
}

static void add_reason(struct request *q, const char *fallback)
{
	struct slice text = slice_str(q->err.text[0] ? q->err.text : fallback);
	for (size_t i = 0; i < text.len; i++)
		buf_add_byte(&q->answer, (unsigned char)text.ptr[i] < 0x20 ? ' ' : text.ptr[i]);
	buf_add_str(&q->answer, "\r\n");
}

/* Says no, or that it can't be told now. */
static void refuse(struct request *q, int result)
{
	switch (result) {
	case DIRECTORY_UNKNOWN:
		answer(q, "-ERR [UNKNOWN] there is no such name");
		break;
	case DIRECTORY_WRONG:
		answer(q, "-ERR [WRONG] wrong password");
		break;
	case DIRECTORY_DENIED:
		buf_add_str(&q->answer, "-ERR [DENIED] ");
		add_reason(q, "not allowed");
		break;
	default:
		log_warn(q->log, "directory can't tell", F_ERR(&q->err));
		buf_add_str(&q->answer, "-DEAD ");
		add_reason(q, "the directory does not answer");
		break;
	}
}

static void add_name(struct buf *names, struct slice name)
{
	buf_add_str(names, names->len > 0 ? "," : "");
	buf_add_slice(names, name);
}

static void answer_user(struct request *q, int result, const struct directory_user *user)
{
	AUTO(buf_free) struct buf forwards = BUF(DIRECTORY_AUTHMOD_LINE_MAX / 2);
	if (result != 0) {
		refuse(q, result);
		return;
	}
	buf_add_str(&q->answer, "+OK");
	directory_authmod_add_user(&q->answer, user);
	for (size_t i = 0; i < user->forward_count; i++)
		add_name(&forwards, user->forwards[i]);
	if (forwards.len > 0)
		directory_authmod_add_field(&q->answer, "fwd", buf_slice(&forwards));
	buf_add_str(&q->answer, "\r\n");
}

/* The service that is asked for; false when it has a name that we don't know. */
static bool take_service(const struct request *q, enum directory_service *ret_service)
{
	struct slice name = directory_authmod_field(q->line, "service");
	*ret_service = (enum directory_service)directory_service_of(name);
	return name.len == 0 || *ret_service != 0;
}

/* Our own roles, and nodes that have said the secret. */
static bool is_trusted(const struct request *q)
{
	return q->service->trusted || (q->session->known && q->service->secret.len > 0);
}

static void not_here(struct request *q)
{
	answer(q, "-ERR not allowed here");
}

static void check(struct request *q)
{
	const struct slice *words = q->line->words;
	enum directory_service service;
	struct directory_user user;
	if (!take_service(q, &service)) {
		answer(q, "-ERR there is no such service");
		return;
	}
	struct slice client = q->line->word_count > 3 ? words[3] : SLICE("");
	struct directory_master master = {directory_authmod_field(q->line, "master"), words[2]};
	if (master.name.len > 0 && !is_trusted(q)) {
		not_here(q);
		return;
	}
	int r = master.name.len > 0 ? directory_check_master(q->service->directory, words[1],
					      &master, client, service, &q->arena, &user, &q->err)
				    : directory_check(q->service->directory, words[1], words[2],
					      client, service, &q->arena, &user, &q->err);
	answer_user(q, r, &user);
}

/* An alias, for who knows no `route`: where it leads, as fwd. */
static void lookup_alias(struct request *q)
{
	AUTO(buf_free) struct buf names = BUF(DIRECTORY_AUTHMOD_LINE_MAX / 2);
	struct directory_route route;
	int r = directory_lookup(
		q->service->directory, q->line->words[1], &q->arena, &route, &q->err);
	for (size_t i = 0; r == 0 && i < route.count; i++)
		if (!route.users[i].no_copy)
			add_name(&names, route.users[i].name);
	for (size_t i = 0; r == 0 && i < route.elsewhere_count; i++)
		add_name(&names, route.elsewhere[i]);
	if (names.failed)
		r = err_temporary(&q->err, ERR_LIMIT, "this alias is too long for one line");
	if (r != 0) {
		refuse(q, r);
		return;
	}
	buf_add_str(&q->answer, "+OK");
	directory_authmod_add_word(&q->answer, route.matched);
	buf_add_str(&q->answer, " config 0");
	directory_authmod_add_field(&q->answer, "fwd", buf_slice(&names));
	buf_add_str(&q->answer, "\r\n");
}

static void lookup(struct request *q)
{
	enum directory_service service;
	struct directory_user user;
	if (!take_service(q, &service)) {
		answer(q, "-ERR there is no such service");
		return;
	}
	int r = directory_user(
		q->service->directory, q->line->words[1], service, &q->arena, &user, &q->err);
	if (r == DIRECTORY_UNKNOWN && service == 0)
		lookup_alias(q);
	else
		answer_user(q, r, &user);
}

static void route(struct request *q)
{
	struct directory_route found;
	int r = directory_lookup(
		q->service->directory, q->line->words[1], &q->arena, &found, &q->err);
	if (r != 0) {
		refuse(q, r);
		return;
	}
	for (size_t i = 0; i < found.count; i++) {
		buf_add_str(&q->answer, "+DATA");
		directory_authmod_add_user(&q->answer, &found.users[i]);
		buf_add_str(&q->answer, "\r\n");
	}
	/* Rows without a user: who does not know them can't take them for one. */
	for (size_t i = 0; i < found.elsewhere_count; i++) {
		buf_add_str(&q->answer, "+DATA");
		directory_authmod_add_field(&q->answer, "fwd", found.elsewhere[i]);
		buf_add_str(&q->answer, "\r\n");
	}
	buf_add_str(&q->answer, "+OK");
	directory_authmod_add_word(&q->answer, found.matched);
	buf_add_str(&q->answer, " config 0");
	directory_authmod_add_field(&q->answer, "detail", found.detail);
	directory_authmod_add_number(&q->answer, "count", found.count + found.elsewhere_count);
	buf_add_str(&q->answer, "\r\n");
}

static void domain(struct request *q)
{
	int r = directory_domain(q->service->directory, q->line->words[1], &q->err);
	if (r != 0) {
		refuse(q, r);
		return;
	}
	buf_add_str(&q->answer, "+OK");
	directory_authmod_add_word(&q->answer, q->line->words[1]);
	buf_add_str(&q->answer, " config 0\r\n");
}

static void scram(struct request *q)
{
	AUTO(buf_free) struct buf text = BUF(1024);
	struct sasl_scram_keys keys;
	if (!is_trusted(q)) {
		not_here(q);
		return;
	}
	int r = directory_scram(q->service->directory, q->line->words[1], &keys, &q->err);
	if (r != 0) {
		refuse(q, r);
		return;
	}
	sasl_scram_to_text(&keys, &text);
	buf_add_str(&q->answer, "+OK");
	directory_authmod_add_word(&q->answer, q->line->words[1]);
	buf_add_str(&q->answer, " config 0");
	directory_authmod_add_field(&q->answer, "scram", buf_slice(&text));
	buf_add_str(&q->answer, "\r\n");
}

/* His sessions end before the answer. */
static void kick(struct request *q)
{
	if (!is_trusted(q)) {
		not_here(q);
		return;
	}
	unsigned count =
		directory_kick(q->service->directory, q->service->sessions, q->line->words[1]);
	log_info(q->log, "a node says that a user is kicked", F_SLICE("kicked", q->line->words[1]),
		F_UINT("sessions", count));
	buf_add_str(&q->answer, "+OK");
	directory_authmod_add_word(&q->answer, q->line->words[1]);
	buf_add_str(&q->answer, " config 0");
	directory_authmod_add_number(&q->answer, "sessions", count);
	buf_add_str(&q->answer, "\r\n");
}

static void flush(struct request *q)
{
	if (!is_trusted(q)) {
		not_here(q);
		return;
	}
	directory_flush(
		q->service->directory, q->line->word_count > 1 ? q->line->words[1] : SLICE(""));
	answer(q, "+OK forgotten");
}

/* The same time for every secret of the right length. */
static void login(struct request *q)
{
	struct slice said = q->line->words[1], secret = q->service->secret;
	if (said.len == secret.len && secret.len > 0 &&
		CRYPTO_memcmp(said.ptr, secret.ptr, secret.len) == 0) {
		q->session->known = true;
		answer(q, "+OK welcome");
		return;
	}
	log_warn(q->log, "directory: a node with a wrong secret");
	answer(q, "-ERR wrong secret");
	q->quit = true;
}

static void version(struct request *q)
{
	answer(q, "+OK rookery " ROOKERY_VERSION " authmod 1");
}

static void quit(struct request *q)
{
	answer(q, "+OK bye");
	q->quit = true;
}

static void help(struct request *q)
{
	answer(q, "+OK check lookup route domain scram kick flush login version help quit exit");
}

static const struct command {
	const char *name;
	size_t words_min, words_max;
	void (*run)(struct request *q);
	bool for_all; /* also for who has not said the secret */
} commands[] = {
	{"check", 3, 4, check},
	{"lookup", 2, 2, lookup},
	{"route", 2, 2, route},
	{"domain", 2, 2, domain},
	{"scram", 2, 2, scram},
	{"kick", 2, 2, kick},
	{"flush", 1, 2, flush},
	{"login", 2, 2, login, .for_all = true},
	{"set", 1, DIRECTORY_AUTHMOD_WORDS_MAX, not_here},
	{"del", 1, DIRECTORY_AUTHMOD_WORDS_MAX, not_here},
	{"search", 1, DIRECTORY_AUTHMOD_WORDS_MAX, not_here},
	{"version", 1, DIRECTORY_AUTHMOD_WORDS_MAX, version, .for_all = true},
	{"help", 1, DIRECTORY_AUTHMOD_WORDS_MAX, help, .for_all = true},
	{"quit", 1, 1, quit, .for_all = true},
	{"exit", 1, 1, quit, .for_all = true},
};

static void run_command(struct request *q)
{
	const struct directory_authmod_line *l = q->line;
	for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
		const struct command *c = &commands[i];
		if (!slice_eq_nocase(l->words[0], slice_str(c->name)))
			continue;
		if (l->word_count < c->words_min || l->word_count > c->words_max)
			answer(q, "-ERR wrong number of words");
		else if (!q->session->known && !c->for_all)
			answer(q, "-ERR say the secret first");
		else
			c->run(q);
		return;
	}
	answer(q, "-ERR unknown command");
}

/* Answers one line. True when the session is over. */
static bool serve_line(struct net_session *session, struct slice text)
{
	UNINITIALIZED struct directory_authmod_line line;
	struct request q = {
		.service = net_service(session),
		.session = net_state(session),
		.log = net_log(session),
		.line = &line,
		.answer = BUF(ANSWER_MAX),
	};
	if (!directory_authmod_parse(text, &line))
		answer(&q, "-ERR malformed line");
	else if (line.word_count > 0)
		run_command(&q);
	if (q.answer.failed)
		net_write_str(session, "-DEAD the answer is too long\r\n");
	else
		net_write(session, buf_slice(&q.answer));
	buf_free(&q.answer);
	arena_free(&q.arena);
	return q.quit;
}

static enum net_next run(struct net_session *session, unsigned events)
{
	if (events & (NET_SHUTDOWN | NET_TIMEOUT))
		return NET_CLOSE;
	for (;;) {
		struct slice in = net_input(session);
		ssize_t end = slice_find(in, '\n');
		if (end < 0 && in.len > DIRECTORY_AUTHMOD_LINE_MAX) {
			net_write_str(session, "-ERR the line is too long\r\n");
			return NET_CLOSE;
		}
		if (end < 0)
			return events & NET_EOF ? NET_CLOSE : NET_WAIT_INPUT;
		struct slice line = slice_sub(in, 0, (size_t)end);
		if (slice_ends(line, SLICE("\r")))
			line.len--;
		bool over = serve_line(session, line);
		if (end > 0)
			explicit_bzero((char *)in.ptr, (size_t)end); /* it may have been "check" */
		net_consume(session, (size_t)end + 1);
		if (over)
			return NET_CLOSE;
		if (net_output_full(session))
			return NET_WAIT_OUTPUT;
	}
}

static enum net_next open_session(struct net_session *session)
{
	const struct directory_authmod_service *service = net_service(session);
	struct session *s = net_state(session);
	s->known = service->secret.len == 0;
	if (!service->networks || net_trusted_has(service->networks, net_peer(session)))
		return NET_WAIT_INPUT; /* the client speaks first */
	log_warn(net_log(session), "directory: a node that is not among the trusted");
	net_write_str(session, "-ERR not allowed from there\r\n");
	return NET_CLOSE;
}

static void close_session(struct net_session *session)
{
}

const struct net_protocol directory_authmod_protocol = {
	.name = "authmod",
	.session_size = sizeof(struct session),
	.open = open_session,
	.run = run,
	.close = close_session,
	.input_max = DIRECTORY_AUTHMOD_LINE_MAX + 2,
	.refusal = "-DEAD too many connections\r\n",
	.timeout_ms = IDLE_MS,
};
