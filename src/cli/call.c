/* Running a command: over the control socket when a server listens there, else on the store itself.
 */
#include "cli/cli.h"

#include "base/alloc.h"
#include "base/errno_here.h"

#include "net/client.h"
#include "roles/floors.h"
#include "roles/resolver.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { ANSWER_MAX = 1 << 30, PATIENCE_MS = 24 * 60 * 60 * 1000 };

int cli_finish(const struct cli *cli, const struct admin_command *command, const json_t *result)
{
	cli_print_progress("", 0, 0);
	if (cli->quiet) {
		/* a step of something larger */
	} else if (cli->json) {
		(void)json_dumpf(result, stdout, JSON_INDENT(1));
		printf("\n");
	} else {
		cli_print(command, result);
	}
	bool damage = json_integer_value(json_object_get(result, "damage")) > 0;
	return damage ? CLI_FAILED : CLI_DONE;
}

static int failed(const struct cli *cli, const char *text, bool temporary)
{
	cli_print_progress("", 0, 0);
	return cli_fail(cli, temporary ? CLI_TEMPORARY : CLI_FAILED, "%s", text);
}

static json_t *request_of(
	const struct admin_command *command, const struct cli_words *words, const char *password)
{
	json_t *arguments = json_array();
	for (size_t i = 0; i < words->count; i++)
		(void)json_array_append_new(arguments, json_string(words->arguments[i]));
	return json_pack("{s:s, s:o, s:O, s:s?}", "command", command->name, "arguments", arguments,
		"options", words->options, "password", password);
}

static void fail_answer(struct cli_answer *answer, int status, const char *text)
{
	answer->status = status;
	(void)snprintf(answer->text, sizeof(answer->text), "%s", text);
}

int cli_fail_answer(const struct cli *cli, const struct cli_answer *answer)
{
	cli_print_progress("", 0, 0);
	return cli_fail(cli, answer->status, "%s", answer->text);
}

/* One line of the server's. False: that was not the last one. */
static bool take_line(const struct cli *cli, const json_t *line, struct cli_answer *answer)
{
	const char *what = json_string_value(json_object_get(line, "progress"));
	const char *text = json_string_value(json_object_get(line, "error"));
	const char *kind = json_string_value(json_object_get(line, "kind"));
	if (what) {
		if (!cli->json)
			cli_print_progress(what,
				(uint64_t)json_integer_value(json_object_get(line, "done")),
				(uint64_t)json_integer_value(json_object_get(line, "total")));
		return false;
	}
	if (json_is_true(json_object_get(line, "ok"))) {
		answer->result = json_incref(json_object_get(line, "result"));
		return true;
	}
	bool temporary = json_is_true(json_object_get(line, "temporary"));
	fail_answer(answer, temporary ? CLI_TEMPORARY : CLI_FAILED,
		text ? text : "the server's answer is no answer");
	(void)snprintf(answer->kind, sizeof(answer->kind), "%s", kind ? kind : "");
	return true;
}

static void read_answer(const struct cli *cli, struct net_client *net, struct cli_answer *answer)
{
	struct slice line;
	struct err err;
	for (bool last = false; !last;) {
		if (net_client_read_line(net, ANSWER_MAX, &line, &err) < 0) {
			fail_answer(answer, CLI_TEMPORARY, "the server broke off: see its log");
			return;
		}
		json_t *json = json_loadb(line.ptr, line.len, 0, NULL);
		last = take_line(cli, json, answer);
		json_decref(json);
	}
}

static void send_request(struct net_client *net, char *text)
{
	net_client_write(net, slice_str(text));
	net_client_write(net, SLICE("\n"));
	explicit_bzero(text, strlen(text));
}

static const char *path_of(const char *at)
{
	return strncmp(at, "unix:", 5) == 0 ? at + 5 : at;
}

void cli_ask(const struct cli *cli, const char *at, const struct admin_command *command,
	const struct cli_words *words, const char *password, struct cli_answer *answer)
{
	struct net_client_options options = {.timeout_ms = PATIENCE_MS};
	struct net_client *net;
	struct err err;
	char address[600];
	*answer = (struct cli_answer){0};
	json_t *request = request_of(command, words, password);
	AUTO_FREE char *text = request ? json_dumps(request, JSON_COMPACT) : NULL;
	json_decref(request);
	if (!text) {
		fail_answer(answer, CLI_USAGE, "the words are not UTF-8");
		return;
	}
	(void)snprintf(address, sizeof(address), "unix:%s", path_of(at));
	if (net_address_parse(slice_str(address), &options.address, &err) < 0 ||
		net_client_connect(&options, &net, &err) < 0) {
		explicit_bzero(text, strlen(text));
		fail_answer(answer, CLI_FAILED, err.text);
		return;
	}
	send_request(net, text);
	read_answer(cli, net, answer);
	net_client_close(net);
}

static bool progress_here(void *context, const char *what, uint64_t done, uint64_t total)
{
	const struct cli *cli = context;
	if (!cli->json)
		cli_print_progress(what, done, total);
	return true;
}

static int run_here(struct cli *cli, const struct admin_command *command, struct admin *admin,
	const struct cli_words *words, const char *password)
{
	struct err err;
	json_t *result = NULL;
	struct admin_call call = {
		.arguments = words->arguments,
		.argument_count = words->count,
		.options = words->options,
		.password = password,
		.progress = progress_here,
		.context = cli,
	};
	int r = command->run(admin, &call, &result, &err);
	int status = r < 0 ? failed(cli, err.text, err.class != ERR_PERMANENT)
			   : cli_finish(cli, command, result);
	json_decref(result);
	return status;
}

static int call_here(struct cli *cli, const struct admin_command *command,
	const struct cli_words *words, const char *password)
{
	struct floors floors;
	struct err err;
	log_setup(LOG_WARN, LOG_LOGFMT, STDERR_FILENO);
	int status;
	if (floors_open_here(cli->settings, &floors, &err) < 0) {
		status = failed(cli, err.text, err.class != ERR_PERMANENT);
	} else {
		struct admin admin = {
			.store = floors.store, .mail = floors.mail, .directory = floors.directory};
		status = run_here(cli, command, &admin, words, password);
	}
	floors_close(&floors);
	return status;
}

static int ask_dns(
	struct cli *cli, const struct admin_command *command, const struct cli_words *words)
{
	struct admin admin = {0};
	struct err err;
	if (resolver_open(&cli->settings->dns, &admin.dns, &err) < 0)
		return failed(cli, err.text, err.class != ERR_PERMANENT);
	int status = run_here(cli, command, &admin, words, NULL);
	dns_free(admin.dns);
	return status;
}

/* What else may be wrong, the connection itself says. */
bool cli_listens(const char *at)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path_of(at));
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool absent = fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0 &&
		      (errno == ENOENT || errno == ECONNREFUSED);
	if (fd >= 0)
		(void)close(fd);
	return !absent;
}

int cli_call(struct cli *cli, const struct admin_command *command, const struct cli_words *words,
	const char *password)
{
	const struct conf_settings *settings = cli->settings;
	bool mx = command->place == ADMIN_MX || (command->place == ADMIN_ACME && settings->mx.on);
	bool proxy = command->place == ADMIN_DIRECTORY && settings->proxy.on && !settings->store.on;
	bool is_running_only = mx || proxy || command->place == ADMIN_ACME;
	const char *path = mx      ? settings->mx.control_socket
			   : proxy ? settings->proxy.control_socket
				   : settings->control_socket;
	struct cli_answer answer;
	if (command->place == ADMIN_DNS)
		return ask_dns(cli, command, words);
	if (command->place == ADMIN_BOTH)
		return cli_mirror(cli, command, words);
	if (!cli_listens(path) && is_running_only)
		return cli_fail(cli, CLI_TEMPORARY,
			"no %s role runs here: start the server first (`rookery serve`)",
			mx      ? "mx"
			: proxy ? "proxy"
				: "store");
	if (!cli_listens(path))
		return call_here(cli, command, words, password);
	cli_ask(cli, path, command, words, password, &answer);
	int status = answer.status == CLI_DONE ? cli_finish(cli, command, answer.result)
					       : cli_fail_answer(cli, &answer);
	json_decref(answer.result);
	return status;
}
