/* The client half of authmod: a directory that asks another role or node. "-DEAD", silence, and
 * whatever can't be understood are all "can't tell now". A connection that is lost under a question
 * is made anew once: an idle one may have been closed by the server just now, or the server may
 * have been started again. Who can't tell is not the last to be asked: the next server is, while
 * there is time. */
#include "directory/authmod_links.h"
#include "directory/authmod_line.h"
#include "directory/authmod_other.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "directory/address.h"
#include "directory/driver.h"

#include <openssl/crypto.h>

enum {
	DEFAULT_TIMEOUT_MS = 30 * 1000,
	TEXT_MAX = 1024, /* of a name or password that is asked about */
	ROWS_MAX = 2000,
	COMMAND_MAX = 8192,
};

struct authmod {
	struct directory base;
	struct directory_authmod_links *links;
	int64_t timeout_ms;
	bool other; /* a server of another maker */
};

/* A question on its way. */
struct question {
	struct buf command;
	bool ours;   /* a command that only Rookery knows: a bare -ERR to it answers nothing */
	int refused; /* what a bare -ERR means else: DIRECTORY_WRONG, DIRECTORY_UNKNOWN */
	/* +DATA rows, and the +OK line. May be NULL. False: not understood. `restart` forgets the
	 * rows that came before a connection was lost. */
	bool (*row)(void *context, const struct directory_authmod_line *line);
	bool (*done)(void *context, const struct directory_authmod_line *line);
	void (*restart)(void *context);
	void *context;
	size_t rows;
	const char *server; /* that was asked last; of the links */
};

static void question_free(struct question *q)
{
	buf_free(&q->command);
}

enum fate { KEEP, DROP, LOST }; /* of the connection */

static struct authmod *authmod_of(struct directory *directory)
{
	return CONTAINER_OF(directory, struct authmod, base);
}

static int not_understood(struct err *err)
{
	return err_temporary(err, ERR_UNAVAILABLE, "the directory's answer can't be understood");
}

/* -ERR [CODE] reason */
static int read_refusal(const struct question *q, struct slice reason, struct err *err)
{
	struct slice rest = reason, code = slice_cut(&rest, ' ');
	if (slice_eq_nocase(code, SLICE("[UNKNOWN]")))
		return DIRECTORY_UNKNOWN;
	if (slice_eq_nocase(code, SLICE("[WRONG]")))
		return DIRECTORY_WRONG;
	if (slice_eq_nocase(code, SLICE("[DENIED]"))) {
		(void)err_permanent(err, ERR_DENIED, "%.*s", SLICE_ARG(rest));
		return DIRECTORY_DENIED;
	}
	if (q->ours)
		return err_temporary(err, ERR_UNAVAILABLE, "the directory refuses: %.*s",
			SLICE_ARG(slice_sub(reason, 0, 150)));
	return q->refused;
}

static int read_answer(const struct authmod *a, struct net_client *client, struct question *q,
	enum fate *ret_fate, struct err *err)
{
	UNINITIALIZED struct directory_authmod_line line;
	struct slice text;
	*ret_fate = KEEP;
	for (;;) {
		if (net_client_read_line(client, DIRECTORY_AUTHMOD_LINE_MAX, &text, err) < 0) {
			*ret_fate = LOST;
			return -1;
		}
		*ret_fate = KEEP;
		if (!(a->other ? directory_authmod_read(text, &line)
			       : directory_authmod_parse(text, &line)) ||
			line.word_count == 0)
			break;
		struct slice word = line.words[0];
		if (slice_eq_nocase(word, SLICE("+OK"))) {
			if (q->done && !q->done(q->context, &line))
				break;
			return 0;
		}
		if (slice_eq_nocase(word, SLICE("-ERR")))
			return read_refusal(q, line.words[1], err);
		if (slice_eq_nocase(word, SLICE("-DEAD")))
			return err_temporary(err, ERR_UNAVAILABLE, "%.*s",
				SLICE_ARG(slice_sub(line.words[1], 0, 200)));
		if (!slice_eq_nocase(word, SLICE("+DATA")) || !q->row || q->rows++ == ROWS_MAX ||
			!q->row(q->context, &line))
			break;
	}
	*ret_fate = DROP;
	return not_understood(err);
}

static int ask_once(struct authmod *a, struct directory_authmod_server *server, bool fresh,
	struct question *q, enum fate *ret_fate, struct err *err)
{
	struct net_client *client;
	*ret_fate = DROP;
	if (directory_authmod_links_take(a->links, server, fresh, &client, err) < 0)
		return -1;
	net_client_write(client, buf_slice(&q->command));
	int r = read_answer(a, client, q, ret_fate, err);
	net_client_wipe_sent(client); /* it may have been a password */
	if (*ret_fate == KEEP)
		directory_authmod_links_give(a->links, server, client);
	else
		net_client_close(client);
	return r;
}

static void start_over(struct question *q)
{
	q->rows = 0;
	if (q->restart)
		q->restart(q->context);
}

/* Not after a time-out: who asks would wait twice as long as he wants to. */
static int ask_server(struct authmod *a, struct directory_authmod_server *server, int64_t deadline,
	struct question *q, struct err *err)
{
	enum fate fate;
	q->server = directory_authmod_server_name(server);
	int r = ask_once(a, server, false, q, &fate, err);
	if (fate == LOST && clock_mono_ms() < deadline) {
		start_over(q);
		r = ask_once(a, server, true, q, &fate, err);
	}
	if (fate != KEEP)
		directory_authmod_links_failed(server);
	if (r < 0 && directory_authmod_links_are_several(a->links)) /* which one of them */
		(void)err_prefix(err, "%s", directory_authmod_server_name(server));
	return r;
}

static int ask_servers(struct authmod *a, int64_t deadline, struct question *q, struct err *err)
{
	struct directory_authmod_server *server;
	unsigned tried = 0;
	int r = -1;
	while ((server = directory_authmod_links_pick(a->links, &tried))) {
		start_over(q);
		r = ask_server(a, server, deadline, q, err);
		if (r >= 0 || clock_mono_ms() >= deadline)
			break;
	}
	return r;
}

static int ask(struct authmod *a, struct question *q, struct err *err)
{
	int64_t deadline = clock_mono_ms() + a->timeout_ms;
	struct err own;
	err = err ? err : &own;
	buf_add_str(&q->command, "\r\n");
	if (q->command.failed)
		return err_bug(err, "a question to the directory is too long");
	int r = directory_authmod_links_enter(a->links, deadline, err);
	if (r == 0) {
		r = ask_servers(a, deadline, q, err);
		directory_authmod_links_leave(a->links);
	}
	if (r < 0) {
		err->class = ERR_TEMPORARY;
		(void)err_prefix(err, "directory");
	}
	return r;
}

/* Whether a name or password can stand in a line at all. */
static bool can_ask(struct slice text)
{
	return text.len <= TEXT_MAX && directory_text_is_plain(text);
}

static void add_service(struct buf *command, enum directory_service service)
{
	if (service)
		directory_authmod_add_field(
			command, "service", slice_str(directory_service_name(service)));
}

struct user_answer {
	struct arena *arena;
	struct directory_user *user;
	bool other; /* of another maker: who forwards is a user there */
	bool alias;
};

static bool take_user(void *context, const struct directory_authmod_line *line)
{
	struct user_answer *answer = context;
	if (!answer->other && directory_authmod_field(line, "fwd").len > 0 &&
		directory_authmod_field(line, "account").len == 0) {
		answer->alias = true;
		return true;
	}
	if (!directory_authmod_take_user(line, answer->arena, answer->user))
		return false;
	directory_authmod_take_forwards(line, answer->arena, answer->user);
	return true;
}

static void note_server(int r, const struct question *q, struct user_answer *answer)
{
	if (r == 0 && !answer->alias)
		answer->user->answered_by = arena_copy(answer->arena, slice_str(q->server));
}

/* The server has said so already if it is ours; another one leaves it to us. */
static int finish_user(
	int r, const struct user_answer *answer, enum directory_service service, struct err *err)
{
	if (r != 0)
		return r;
	return answer->alias ? DIRECTORY_UNKNOWN : directory_allows(answer->user, service, err);
}

/* `master` is empty where the password is the user's own. */
static int ask_check(struct authmod *a, struct slice user, struct slice master,
	struct slice password, struct slice client, enum directory_service service,
	struct user_answer *answer, struct err *err)
{
	struct question q = {
		.command = BUF(COMMAND_MAX),
		.ours = master.len > 0,
		.refused = DIRECTORY_WRONG,
		.done = take_user,
		.context = answer,
	};
	if (!can_ask(user) || !can_ask(password) || !can_ask(master))
		return DIRECTORY_WRONG;
	if (buf_reserve(&q.command, COMMAND_MAX)) /* growing would leave copies behind */
		buf_add_str(&q.command, "check");
	directory_authmod_add_word(&q.command, user);
	directory_authmod_add_word(&q.command, password);
	if (client.len > 0 && can_ask(client))
		directory_authmod_add_word(&q.command, client);
	if (!a->other)
		add_service(&q.command, service);
	if (master.len > 0)
		directory_authmod_add_field(&q.command, "master", master);
	int r = ask(a, &q, err);
	note_server(r, &q, answer);
	if (q.command.data)
		OPENSSL_cleanse(q.command.data, q.command.cap);
	buf_free(&q.command);
	return finish_user(r, answer, service, err);
}

static int authmod_check(struct directory *directory, struct slice user, struct slice password,
	struct slice client, enum directory_service service, struct arena *arena,
	struct directory_user *ret_user, struct err *err)
{
	struct authmod *a = authmod_of(directory);
	struct user_answer answer = {.arena = arena, .user = ret_user, .other = a->other};
	return ask_check(a, user, SLICE(""), password, client, service, &answer, err);
}

/* Others don't know of masters, and would take the password for the user's. */
static int authmod_check_master(struct directory *directory, struct slice user,
	const struct directory_master *master, struct slice client, enum directory_service service,
	struct arena *arena, struct directory_user *ret_user, struct err *err)
{
	struct authmod *a = authmod_of(directory);
	struct user_answer answer = {.arena = arena, .user = ret_user};
	if (a->other || master->name.len == 0)
		return DIRECTORY_WRONG;
	return ask_check(a, user, master->name, master->password, client, service, &answer, err);
}

static int authmod_user(struct directory *directory, struct slice user,
	enum directory_service service, struct arena *arena, struct directory_user *ret_user,
	struct err *err)
{
	struct authmod *a = authmod_of(directory);
	struct user_answer answer = {.arena = arena, .user = ret_user, .other = a->other};
	AUTO(question_free)
	struct question q = {
		.command = BUF(COMMAND_MAX),
		.refused = DIRECTORY_UNKNOWN,
		.done = take_user,
		.context = &answer,
	};
	if (!can_ask(user))
		return DIRECTORY_UNKNOWN;
	buf_add_str(&q.command, "lookup");
	directory_authmod_add_word(&q.command, user);
	if (!a->other)
		add_service(&q.command, service);
	int r = ask(a, &q, err);
	note_server(r, &q, &answer);
	return finish_user(r, &answer, service, err);
}

struct route_answer {
	struct arena *arena;
	struct directory_route *route;
	size_t room, elsewhere_room;
};

static void forget_route(void *context)
{
	struct route_answer *answer = context;
	answer->route->count = answer->route->elsewhere_count = 0;
}

static bool take_row(void *context, const struct directory_authmod_line *line)
{
	struct route_answer *answer = context;
	struct directory_route *route = answer->route;
	if (line->word_count == 1) { /* an address elsewhere */
		struct slice address = directory_authmod_field(line, "fwd");
		route->elsewhere = arena_grow(answer->arena, route->elsewhere,
			route->elsewhere_count, &answer->elsewhere_room, sizeof(*route->elsewhere));
		route->elsewhere[route->elsewhere_count++] = arena_copy(answer->arena, address);
		return address.len > 0;
	}
	route->users = arena_grow(
		answer->arena, route->users, route->count, &answer->room, sizeof(*route->users));
	return directory_authmod_take_user(line, answer->arena, &route->users[route->count++]);
}

static bool take_route(void *context, const struct directory_authmod_line *line)
{
	struct route_answer *answer = context;
	uint64_t count;
	if (line->word_count < 2 ||
		!slice_to_u64(directory_authmod_field(line, "count"), ROWS_MAX, &count) ||
		count == 0 || count != answer->route->count + answer->route->elsewhere_count)
		return false;
	answer->route->matched = arena_copy(answer->arena, line->words[1]);
	answer->route->detail = arena_copy(answer->arena, directory_authmod_field(line, "detail"));
	return true;
}

static int authmod_lookup(struct directory *directory, struct slice address, struct arena *arena,
	struct directory_route *ret_route, struct err *err)
{
	struct route_answer answer = {.arena = arena, .route = ret_route};
	AUTO(question_free)
	struct question q = {
		.command = BUF(COMMAND_MAX),
		.ours = true,
		.row = take_row,
		.done = take_route,
		.restart = forget_route,
		.context = &answer,
	};
	*ret_route = (struct directory_route){.detail = SLICE("")};
	if (!can_ask(address))
		return DIRECTORY_UNKNOWN;
	buf_add_str(&q.command, "route");
	directory_authmod_add_word(&q.command, address);
	int r = ask(authmod_of(directory), &q, err);
	return r != 0 ? r : directory_route_allows(ret_route, err);
}

static int authmod_domain(struct directory *directory, struct slice domain, struct err *err)
{
	AUTO(question_free) struct question q = {.command = BUF(COMMAND_MAX), .ours = true};
	if (!can_ask(domain))
		return DIRECTORY_UNKNOWN;
	buf_add_str(&q.command, "domain");
	directory_authmod_add_word(&q.command, domain);
	return ask(authmod_of(directory), &q, err);
}

static bool take_scram(void *context, const struct directory_authmod_line *line)
{
	return sasl_scram_from_text(directory_authmod_field(line, "scram"), context);
}

static int authmod_scram(struct directory *directory, struct slice user,
	struct sasl_scram_keys *ret_keys, struct err *err)
{
	AUTO(question_free)
	struct question q = {
		.command = BUF(COMMAND_MAX),
		.ours = true,
		.done = take_scram,
		.context = ret_keys,
	};
	if (!can_ask(user))
		return DIRECTORY_UNKNOWN;
	buf_add_str(&q.command, "scram");
	directory_authmod_add_word(&q.command, user);
	return ask(authmod_of(directory), &q, err);
}

static void authmod_free(struct directory *directory)
{
	struct authmod *a = authmod_of(directory);
	directory_authmod_links_free(a->links);
	free(a);
}

static const struct directory_driver authmod_driver = {
	.name = "authmod",
	.lookup = authmod_lookup,
	.domain = authmod_domain,
	.check = authmod_check,
	.check_master = authmod_check_master,
	.user = authmod_user,
	.scram = authmod_scram,
	.free = authmod_free,
};

int directory_authmod_new(const struct directory_authmod_options *options,
	struct directory **ret_directory, struct err *err)
{
	struct directory_authmod_links *links;
	int r = directory_authmod_links_new(options, &links, err);
	if (r < 0)
		return r;
	struct authmod *a = ALLOC(struct authmod);
	a->base.driver = &authmod_driver;
	a->links = links;
	a->timeout_ms = options->timeout_ms ? options->timeout_ms : DEFAULT_TIMEOUT_MS;
	a->other = options->domain_count > 0;
	*ret_directory = a->other ? directory_authmod_other_new(options, &a->base) : &a->base;
	return 0;
}
