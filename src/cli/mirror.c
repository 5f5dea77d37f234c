/* rookery mirror …: the store role has a mirror, and the mx role has one of its own for the queue.
 * An operator has one: each command goes to both roles, the store's first, and what they answer is
 * put together.
 *
 * The store makes the key, or takes it; the mx role gets the same line, with what the store knows
 * of itself. Whatever is done at the one and fails at the other is done by giving the command once
 * more: who is paired so, or not paired any more, has nothing against it. */
#include "cli/cli.h"

enum { TEXT_SIZE = 1024 };

/* What a role says of a command that it does not know. */
static const char UNKNOWN[] = "no such command here";

/* A command that both roles are asked to run. */
struct both {
	struct cli *cli;
	const struct admin_command *command;
	const struct cli_words *words;
	struct cli_answer store, mx;
};

static void ask_store(struct both *b)
{
	cli_ask(b->cli, b->cli->settings->control_socket, b->command, b->words, NULL, &b->store);
}

static void ask_mx(struct both *b, const struct cli_words *words)
{
	cli_ask(b->cli, b->cli->settings->mx.control_socket, b->command, words, NULL, &b->mx);
}

/* The role runs on as it was started, from a program that mirrored no queue. */
static bool mx_is_old(const struct both *b)
{
	return b->mx.status != CLI_DONE && strncmp(b->mx.text, UNKNOWN, strlen(UNKNOWN)) == 0;
}

static const char *text_of(const json_t *result, const char *key)
{
	const char *text = json_string_value(json_object_get(result, key));
	return text ? text : "";
}

/* Behind the result's own message. */
static void add_message(json_t *result, const char *more)
{
	const char *message = text_of(result, "message");
	json_t *both = json_sprintf("%s%s%s", message, message[0] ? "\n" : "", more);
	(void)json_object_set_new(result, "message", both);
}

/* What the roles tell each other is not for people: the key is, where it is to be carried on. */
static int finish(const struct both *b, json_t *result)
{
	(void)json_object_del(result, "line");
	return cli_finish(b->cli, b->command, result);
}

static int fail_mx(const struct both *b, const char *before, const char *behind)
{
	cli_print_progress("", 0, 0);
	return cli_fail(b->cli, b->mx.status, "%s%s%s", before, b->mx.text, behind);
}

/* An mx that is old loses nothing by it, and is told of the pair when it is not old any more. */
static int finish_with_old_mx(const struct both *b, const char *peer)
{
	char more[TEXT_SIZE];
	(void)snprintf(more, sizeof(more),
		"The mx role that runs here is of an older version, and does not mirror its queue. "
		"Once it was started anew, run: rookery mirror pair %s",
		peer);
	add_message(b->store.result, more);
	return finish(b, b->store.result);
}

/* What the mx role needs besides the operator's words. */
static void words_for_mx(const struct both *b, struct cli_words *ret_words)
{
	const json_t *made = b->store.result;
	*ret_words = *b->words;
	ret_words->options = json_object();
	(void)json_object_set(ret_words->options, "made-here", json_object_get(made, "first"));
	(void)json_object_set(ret_words->options, "line", json_object_get(made, "line"));
	(void)json_object_set(ret_words->options, "other", json_object_get(made, "other"));
}

/* A store role of an older version says nothing of itself: it is the first one if it made the key.
 */
static void complete(struct both *b)
{
	json_t *made = b->store.result;
	json_t *key = json_object_get(made, "key");
	if (!json_object_get(made, "first"))
		(void)json_object_set_new(made, "first", json_boolean(key != NULL));
	if (!json_object_get(made, "line") && key)
		(void)json_object_set(made, "line", key);
}

/* The store is paired, and stays so. */
static int fail_queue(const struct both *b, const char *peer)
{
	char done[TEXT_SIZE];
	bool has_another = strcmp(b->mx.kind, "exists") == 0;
	(void)snprintf(
		done, sizeof(done), "the store is paired with %.255s, the queue is not: ", peer);
	return fail_mx(b, done,
		has_another
			? ". `rookery mirror unpair` at both nodes ends that; then pair them anew"
			: ". When that is mended, run the same command again");
}

static int pair(struct both *b)
{
	struct cli_words words;
	const char *peer = b->words->arguments[0];
	ask_store(b);
	if (b->store.status != CLI_DONE)
		return cli_fail_answer(b->cli, &b->store);
	complete(b);
	words_for_mx(b, &words);
	if (words.count == 1)
		words.arguments[words.count++] = text_of(b->store.result, "line");
	ask_mx(b, &words);
	json_decref(words.options);
	if (mx_is_old(b))
		return finish_with_old_mx(b, peer);
	if (b->mx.status != CLI_DONE)
		return fail_queue(b, peer);
	bool news = json_object_get(b->store.result, "already") &&
		    !json_object_get(b->mx.result, "already");
	return finish(b, news ? b->mx.result : b->store.result);
}

static int replace(struct both *b)
{
	struct cli_words words;
	ask_store(b);
	if (b->store.status != CLI_DONE)
		return cli_fail_answer(b->cli, &b->store);
	complete(b);
	words_for_mx(b, &words);
	ask_mx(b, &words);
	json_decref(words.options);
	if (mx_is_old(b))
		return finish_with_old_mx(b, text_of(b->store.result, "other"));
	if (b->mx.status != CLI_DONE)
		return fail_mx(b, "the store waits for a new node, the queue does not: ",
			". When that is mended, run the same command again: it makes another key");
	return finish(b, b->store.result);
}

static bool is_absent(const struct cli_answer *answer)
{
	return strcmp(answer->kind, "absent") == 0;
}

/* pause, resume, unpair: of whichever is paired. */
static int change(struct both *b)
{
	ask_store(b);
	if (b->store.status != CLI_DONE && !is_absent(&b->store))
		return cli_fail_answer(b->cli, &b->store);
	ask_mx(b, b->words);
	if (b->store.status == CLI_DONE && (is_absent(&b->mx) || mx_is_old(b)))
		return finish(b, b->store.result);
	if (b->mx.status == CLI_DONE)
		return finish(b, b->mx.result);
	if (is_absent(&b->mx) || mx_is_old(b))
		return cli_fail_answer(b->cli, &b->store);
	return fail_mx(b,
		b->store.status == CLI_DONE ? "done for the store, not for the queue: "
					    : "the queue: ",
		". When that is mended, run the same command again");
}

/* The queue's figures as lines behind the store's: those that most people want to know. */
static json_t *for_people(const json_t *result)
{
	static const char *const KEYS[] = {"since", "on_this_disk_only", "accounts_apart",
		"rows_unreadable", "link_error", "merge_error", "error"};
	const json_t *queue = json_object_get(result, "queue");
	json_t *lines = json_copy((json_t *)result);
	(void)json_object_del(lines, "queue");
	(void)json_object_set(lines, "queue", json_object_get(queue, "state"));
	for (size_t i = 0; i < ARRAY_LEN(KEYS); i++) {
		char key[64];
		(void)snprintf(key, sizeof(key), "queue_%s", KEYS[i]);
		(void)json_object_set(lines, key, json_object_get(queue, KEYS[i]));
	}
	return lines;
}

static int status(struct both *b)
{
	ask_store(b);
	if (b->store.status != CLI_DONE)
		return cli_fail_answer(b->cli, &b->store);
	ask_mx(b, b->words);
	if (b->mx.status != CLI_DONE && !mx_is_old(b))
		return fail_mx(b, "the queue: ", "");
	json_t *queue = mx_is_old(b) ? json_pack("{s:s, s:s}", "state", "not mirrored", "error",
					       "the mx role that runs is of an older version")
				     : json_incref(b->mx.result);
	(void)json_object_set_new(b->store.result, "queue", queue);
	json_t *shown = b->cli->json ? json_incref(b->store.result) : for_people(b->store.result);
	int r = finish(b, shown);
	json_decref(shown);
	return r;
}

static void add_count(json_t *to, const json_t *from, const char *key)
{
	json_int_t sum = json_integer_value(json_object_get(to, key)) +
			 json_integer_value(json_object_get(from, key));
	(void)json_object_set_new(to, key, json_integer(sum));
}

/* What was found in the store is shown, whatever the queue's mirror has. */
static int verify(struct both *b)
{
	ask_store(b);
	if (b->store.status != CLI_DONE)
		return cli_fail_answer(b->cli, &b->store);
	json_t *result = b->store.result;
	ask_mx(b, b->words);
	if (b->mx.status == CLI_DONE) {
		(void)json_array_extend(json_object_get(result, "findings"),
			json_object_get(b->mx.result, "findings"));
		add_count(result, b->mx.result, "damage");
		add_count(result, b->mx.result, "accounts");
		add_message(result, text_of(b->mx.result, "message"));
		return finish(b, result);
	}
	if (mx_is_old(b) || is_absent(&b->mx)) {
		add_message(result,
			mx_is_old(b)
				? "The mx role that runs here is of an older version, and does "
				  "not mirror its queue."
				: "The queue is not mirrored yet: run `rookery mirror pair "
				  "ADDRESS` "
				  "once more, at both nodes.");
		return finish(b, result);
	}
	if (b->cli->json)
		(void)json_object_set_new(
			result, "error", json_sprintf("the queue: %s", b->mx.text));
	int r = finish(b, result);
	if (!b->cli->json)
		(void)fail_mx(b, "the queue: ", "");
	return r == CLI_DONE ? b->mx.status : r;
}

static const struct {
	const char *name;
	int (*run)(struct both *b);
} COMMANDS[] = {
	{"mirror pair", pair},
	{"mirror status", status},
	{"mirror verify", verify},
	{"mirror pause", change},
	{"mirror resume", change},
	{"mirror replace", replace},
	{"mirror unpair", change},
};

static int run_at_both(struct both *b)
{
	for (size_t i = 0; i < ARRAY_LEN(COMMANDS); i++)
		if (strcmp(COMMANDS[i].name, b->command->name) == 0)
			return COMMANDS[i].run(b);
	return cli_fail(b->cli, CLI_USAGE, "%s: no such command", b->command->name);
}

static int run_at_one(struct both *b, bool mx)
{
	if (mx)
		ask_mx(b, b->words);
	else
		ask_store(b);
	const struct cli_answer *answer = mx ? &b->mx : &b->store;
	return answer->status == CLI_DONE ? finish(b, answer->result)
					  : cli_fail_answer(b->cli, answer);
}

int cli_mirror(struct cli *cli, const struct admin_command *command, const struct cli_words *words)
{
	const struct conf_settings *s = cli->settings;
	struct both b = {.cli = cli, .command = command, .words = words};
	if (!s->store.on && !s->mx.on)
		return cli_fail(cli, CLI_FAILED,
			"this machine has no store: %s has neither a `store` block nor an `mx` "
			"block",
			s->file);
	if (s->store.on && !cli_listens(s->control_socket))
		return cli_fail(cli, CLI_TEMPORARY,
			"a mirror needs the running server: start it first (`rookery serve`)");
	if (s->mx.on && !cli_listens(s->mx.control_socket))
		return cli_fail(cli, CLI_TEMPORARY,
			"no mx role runs here: start the server first (`rookery serve`)");
	int r = s->store.on && s->mx.on ? run_at_both(&b) : run_at_one(&b, s->mx.on);
	json_decref(b.store.result);
	json_decref(b.mx.result);
	return r;
}
