/* The life of an IMAP connection: collect a command, run it, park; or go on with one that is under
 * way. A command's bytes are copied into its arena and consumed before it runs, so that a command
 * that waits for the output to drain holds nothing of the input. */
#include "imap/session_internal.h"

#include "base/alloc.h"
#include "base/must.h"

enum {
	DEFAULT_LOGIN_TIMEOUT_MS = 3 * 60 * 1000,
	DEFAULT_IDLE_TIMEOUT_MS = 30 * 60 * 1000,
	LITERAL_MAX_BEFORE_LOGIN = 4096,
	COMMAND_MAX_BEFORE_LOGIN = 16 * 1024, /* a SASL response may have 12 KiB */
	FAILURES_MAX = 10,
};

struct mail *imap_mail(struct imap_session *s)
{
	return s->service->mail;
}

struct id imap_account(struct imap_session *s)
{
	return s->user->account;
}

int imap_limits(struct imap_session *s, struct mail_limits *ret_limits, struct err *err)
{
	struct directory_user user;
	int r = directory_user(s->service->directory, slice_str(s->user->name), DIRECTORY_IMAP,
		&s->arena, &user, err);
	if (r > 0)
		return err_permanent(err, ERR_DENIED, "this account is closed");
	if (r < 0)
		return r;
	*ret_limits = (struct mail_limits){
		.bytes = user.quota_bytes,
		.messages = user.quota_messages,
		.domain = user.domain_id,
		.domain_bytes = user.domain_quota_bytes,
		.domain_messages = user.domain_quota_messages,
	};
	return 0;
}

bool imap_has(const struct imap_session *s, enum imap_enabled what)
{
	return (s->enabled & what) != 0;
}

unsigned imap_enable(struct imap_session *s, unsigned what)
{
	if (what & IMAP_QRESYNC)
		what |= IMAP_CONDSTORE;
	unsigned news = what & ~s->enabled;
	s->enabled |= what;
	return news;
}

void imap_unselect(struct imap_session *s)
{
	struct imap_selected *box = s->selected;
	if (!box)
		return;
	mail_view_unref(box->view);
	mail_set_free(&box->found);
	mail_set_free(&box->quiet);
	free((void *)box->told.names);
	free(box);
	s->selected = NULL;
	s->state = IMAP_AUTHENTICATED;
}

void imap_catch_up(struct imap_session *s)
{
	store_catch_up(mail_store(imap_mail(s)), imap_account(s));
}

void imap_set_login_timeout(struct imap_session *s)
{
	net_set_timeout(s->net, s->service->login_timeout_ms ? s->service->login_timeout_ms
							     : DEFAULT_LOGIN_TIMEOUT_MS);
}

void imap_logged_in(struct imap_session *s, const struct directory_user *user)
{
	s->user = alloc_zero(1, sizeof(*s->user) + user->name.len + 1);
	s->user->account = user->account;
	memcpy(s->user->name, user->name.ptr, user->name.len);
	s->state = IMAP_AUTHENTICATED;
	s->failures = 0;
	net_log_tag(s->net, "user", user->name);
	s->presence = directory_sessions_add(s->service->sessions, s->net,
		&(struct directory_who){.account = user->account, .user = user->name}, false);
	net_set_timeout(s->net, s->service->idle_timeout_ms ? s->service->idle_timeout_ms
							    : DEFAULT_IDLE_TIMEOUT_MS);
}

static void free_going(struct imap_session *s)
{
	struct imap_going *going = s->going;
	s->going = NULL;
	if (going && going->free)
		going->free(s, going);
}

static void command_ended(struct imap_session *s)
{
	free_going(s);
	s->by_uid = s->keep_expunged = false;
	s->name = NULL;
	s->tag = SLICE_NONE;
	arena_free(&s->arena);
	must_doing(NULL, NULL);
}

static const struct imap_command *find_command(struct imap_session *s, struct slice verb)
{
	for (size_t i = 0; i < imap_command_count; i++)
		if (slice_eq_nocase(verb, slice_str(imap_commands[i].name)) &&
			(!s->by_uid || imap_commands[i].by_uid))
			return &imap_commands[i];
	return NULL;
}

static enum imap_run too_many_failures(struct imap_session *s, enum imap_run r)
{
	if (++s->failures < FAILURES_MAX)
		return r;
	net_write_str(s->net, "* BYE Too many bad commands\r\n");
	return IMAP_CLOSE;
}

/* Tag, verb, state: then the command's own function. */
static enum imap_run execute(struct imap_session *s, struct slice command)
{
	struct imap_parser p = {
		.rest = arena_copy(&s->arena, command),
		.arena = &s->arena,
		.utf8 = imap_has(s, IMAP_REV2),
	};
	struct slice verb;
	if (!imap_tag(&p, &s->tag)) {
		s->tag = SLICE("*");
		return too_many_failures(s, imap_bad(s, &p));
	}
	if (!imap_space(&p) || !imap_atom(&p, &verb))
		return too_many_failures(s, imap_bad(s, &p));
	if (slice_eq_nocase(verb, SLICE("UID"))) {
		s->by_uid = true;
		if (!imap_space(&p) || !imap_atom(&p, &verb))
			return too_many_failures(s, imap_bad(s, &p));
	}
	const struct imap_command *command_row = find_command(s, verb);
	if (!command_row)
		return too_many_failures(s, imap_bad_text(s, "Unknown command"));
	s->name = command_row->name;
	must_doing(net_session_id(s->net), s->name);
	atomic_fetch_add_explicit(&s->service->figures.commands, 1, memory_order_relaxed);
	if (s->state != IMAP_LOGIN)
		s->failures = 0; /* only those in a row count */
	if (!(command_row->states & s->state))
		return imap_bad_text(s, s->state == IMAP_LOGIN ? "Log in first"
					: s->state == IMAP_AUTHENTICATED
						? "Select a mailbox first"
						: "Not now: you are logged in");
	if (command_row->writes && s->selected->read_only)
		return imap_no(s, "READ-ONLY", "The mailbox was opened by EXAMINE");
	return command_row->run(s, &p);
}

/* A literal was announced: is it an argument, a message, or too much? */
static enum imap_run on_literal(struct imap_session *s, struct slice input)
{
	struct imap_collect *c = &s->collect;
	size_t line_end = c->at;
	if (s->state != IMAP_LOGIN) {
		int r = imap_append_begin(
			s, slice(input.ptr, c->announced_at), c->literal, c->plus, c->binary);
		if (r != 0) {
			bool plus = c->plus;
			net_consume(s->net, line_end);
			*c = (struct imap_collect){0};
			if (r < 0)
				return IMAP_DONE;
			if (!plus)
				net_write_str(s->net, "+ OK\r\n");
			return IMAP_WAIT_INPUT;
		}
	}
	bool fits = (s->state != IMAP_LOGIN || c->literal <= LITERAL_MAX_BEFORE_LOGIN) &&
		    imap_collect_literal(c);
	if (fits) {
		if (!c->plus)
			net_write_str(s->net, "+ OK\r\n");
		return IMAP_WAIT_INPUT;
	}
	if (c->plus) { /* it is on its way already: RFC 7888 section 4 */
		net_write_str(s->net, "* BYE [TOOBIG] Literal too long\r\n");
		return IMAP_CLOSE;
	}
	struct imap_parser p = {.rest = input, .arena = &s->arena};
	if (!imap_tag(&p, &s->tag))
		s->tag = SLICE("*");
	s->tag = arena_copy(&s->arena, s->tag);
	net_consume(s->net, line_end);
	*c = (struct imap_collect){0};
	return imap_no(s, "TOOBIG", "Literal too long");
}

static enum imap_run too_long(struct imap_session *s)
{
	net_write_str(s->net, "* BYE [TOOBIG] Command too long\r\n");
	return IMAP_CLOSE;
}

/* Runs what the input holds. IMAP_WAIT_INPUT: nothing whole is there. */
static enum imap_run next_command(struct imap_session *s)
{
	for (;;) {
		struct slice input = net_input(s->net);
		enum imap_run r;
		switch (imap_collect_step(&s->collect, input)) {
		case IMAP_NEED_MORE:
			if (s->state == IMAP_LOGIN && input.len > COMMAND_MAX_BEFORE_LOGIN)
				return too_long(s);
			return IMAP_WAIT_INPUT;
		case IMAP_TOO_LONG:
			return too_long(s);
		case IMAP_LITERAL:
			r = on_literal(s, input);
			if (r != IMAP_WAIT_INPUT || s->going)
				return r;
			continue;
		case IMAP_COMMAND:
			break;
		}
		struct slice command = slice(input.ptr, s->collect.at - 1);
		if (command.len > 0 && command.ptr[command.len - 1] == '\r')
			command.len--;
		r = execute(s, command);
		net_consume(s->net, s->collect.at);
		s->collect = (struct imap_collect){0};
		return r;
	}
}

static enum net_next bye(struct imap_session *s, const char *line)
{
	net_write_str(s->net, line);
	return NET_CLOSE;
}

static enum net_next run(struct net_session *net, unsigned events)
{
	struct imap_session *s = net_state(net);
	if (events & NET_SHUTDOWN)
		return bye(s, "* BYE Server is going down, come back soon\r\n");
	if (directory_presence_is_told(s->presence))
		return bye(s, "* BYE [UNAVAILABLE] Please log in again\r\n");
	if ((events & NET_TIMEOUT) && !s->going)
		return bye(s, "* BYE Autologout; idle for too long\r\n");
	for (;;) {
		bool went_on = s->going != NULL;
		enum imap_run r = went_on ? s->going->resume(s, s->going, events) : next_command(s);
		switch (r) {
		case IMAP_DONE:
			command_ended(s);
			if (s->shutting_down)
				return NET_CLOSE;
			if (net_output_full(net))
				return NET_WAIT_OUTPUT;
			break;
		case IMAP_WAIT_OUTPUT:
			return NET_WAIT_OUTPUT;
		case IMAP_CLOSE:
			return NET_CLOSE;
		case IMAP_WAIT_INPUT:
			/* What it waits for may have arrived together with it. */
			if (!went_on && s->going && net_input(net).len > 0)
				break;
			return events & NET_EOF ? NET_CLOSE : NET_WAIT_INPUT;
		}
		events &= NET_EOF;
	}
}

static enum net_next open_session(struct net_session *net)
{
	struct imap_session *s = net_state(net);
	s->net = net;
	s->service = net_service(net);
	s->state = IMAP_LOGIN;
	imap_set_login_timeout(s);
	struct buf *out = net_output(net);
	buf_add_str(out, "* OK [CAPABILITY ");
	imap_write_capabilities(s, out);
	buf_printf(out, "] %s Rookery ready\r\n", s->service->hostname);
	return NET_WAIT_INPUT;
}

static void close_session(struct net_session *net)
{
	struct imap_session *s = net_state(net);
	free_going(s);
	imap_unselect(s);
	arena_free(&s->arena);
	directory_sessions_remove(s->service->sessions, s->presence);
	s->presence = NULL;
	free(s->user);
	s->user = NULL;
}

const struct net_protocol imap_protocol = {
	.name = "imap",
	.session_size = sizeof(struct imap_session),
	.open = open_session,
	.run = run,
	.close = close_session,
	.input_max = IMAP_COMMAND_MAX + IMAP_LINE_MAX,
	.timeout_ms = DEFAULT_LOGIN_TIMEOUT_MS,
};
