/* rookery: serves, and does what operators need. Commands on a store stand in admin/table.c. */
#include "cli/cli.h"

#include "base/errno_here.h"

#include "roles/journal.h"
#include "roles/role.h"
#include "roles/supervisor.h"

#include <limits.h>
#include <stdarg.h>
#include <unistd.h>

int cli_fail(const struct cli *cli, int status, const char *format, ...)
{
	char text[1024];
	va_list args;
	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (cli->json) {
		json_t *object = json_pack("{s:s}", "error", text);
		(void)json_dumpf(object, stdout, JSON_INDENT(1));
		printf("\n");
		json_decref(object);
	} else {
		fprintf(stderr, "rookery: %s\n", text);
	}
	return status;
}

int cli_load_settings(struct cli *cli)
{
	AUTO(buf_free) struct buf report = BUF(CONF_REPORT_MAX);
	struct err err;
	if (conf_settings_load(cli->config, &report, &cli->settings, &err) == 0)
		return CLI_DONE;
	if (report.len > 0 && !cli->json) {
		fprintf(stderr, "%s", buf_cstr(&report));
		return CLI_FAILED;
	}
	return cli_fail(cli, CLI_FAILED, "%s", err.text);
}

/* The whole path of this program: roles are started with it. */
static const char *own_path(char room[PATH_MAX])
{
	ssize_t n = readlink("/proc/self/exe", room, PATH_MAX - 1);
	if (n <= 0)
		return NULL;
	room[n] = '\0';
	return room;
}

static int serve(struct cli *cli)
{
	char program[PATH_MAX];
	int r = cli_load_settings(cli);
	if (r != CLI_DONE)
		return r;
	if (!own_path(program))
		return cli_fail(cli, CLI_FAILED, "can't find my own path: %s", strerror(errno));
	struct err err;
	if (journal_set_up(cli->settings, &err) < 0)
		return cli_fail(cli, CLI_FAILED, "%s", err.text);
	r = supervisor_serve(cli->settings, program, cli->config);
	conf_settings_free(cli->settings);
	return r;
}

/* Started by the supervisor only. */
static int role(struct cli *cli, const char *name)
{
	int r = cli_load_settings(cli);
	if (r != CLI_DONE)
		return r;
	struct err err;
	if (journal_set_up(cli->settings, &err) < 0)
		return cli_fail(cli, CLI_FAILED, "%s", err.text);
	for (size_t i = 0; role_kinds[i]; i++)
		if (strcmp(role_kinds[i]->name, name) == 0) {
			r = role_main(role_kinds[i], cli->settings, ROLE_CHANNEL_FD);
			conf_settings_free(cli->settings);
			return r;
		}
	return cli_fail(cli, CLI_USAGE, "no such role: %s", name);
}

bool cli_has_option(const struct admin_command *command, const char *name)
{
	for (const struct admin_option *o = command->options; o->name; o++)
		if (strcmp(o->name, name) == 0)
			return true;
	return false;
}

static int run_admin(struct cli *cli, const struct admin_command *command, int argc, char **argv)
{
	struct cli_words words;
	int r = cli_parse(cli, command, argc, argv, &words);
	if (r != CLI_DONE)
		return r;
	r = cli_load_settings(cli);
	char *password = NULL;
	bool once = cli_has_option(command, "password");
	bool ask = command->wants_password && !json_object_get(words.options, "batch") &&
		   (!once || json_object_get(words.options, "password"));
	if (r == CLI_DONE && ask) {
		password = cli_ask_password(cli, words.count ? words.arguments[0] : "", once);
		r = password ? CLI_DONE : CLI_FAILED;
	}
	if (r == CLI_DONE)
		r = strcmp(command->name, "backup") == 0
			    ? cli_backup(cli, command, words.arguments[0])
			    : cli_call(cli, command, &words, password);
	if (password)
		explicit_bzero(password, strlen(password));
	free(password);
	json_decref(words.options);
	conf_settings_free(cli->settings);
	return r;
}

/* "user app-password add" is told as well as "app-password add". */
static const struct admin_command *find_command(int argc, char **argv, int *ret_words)
{
	char name[64];
	int skip = argc > 1 && strcmp(argv[0], "user") == 0 && strcmp(argv[1], "app-password") == 0;
	argc -= skip;
	argv += skip;
	for (int n = MIN(argc, 2); n > 0; n--) {
		(void)snprintf(name, sizeof(name), n == 2 ? "%.30s %.30s" : "%.30s", argv[0],
			n == 2 ? argv[1] : "");
		const struct admin_command *command = admin_find(name);
		if (command) {
			*ret_words = n + skip;
			return command;
		}
	}
	return NULL;
}

static int no_such_command(const struct cli *cli, int argc, char **argv)
{
	char name[64];
	(void)snprintf(name, sizeof(name), argc > 1 ? "%.30s %.30s" : "%.30s", argv[0],
		argc > 1 ? argv[1] : "");
	const char *near = cli_nearest_command(name);
	if (!near)
		return cli_fail(
			cli, CLI_USAGE, "there is no command \"%s\": see rookery help", name);
	return cli_fail(cli, CLI_USAGE,
		"there is no command \"%s\"; did you mean \"%s\"? See rookery help", name, near);
}

static int help(struct cli *cli, int argc, char **argv)
{
	int words;
	if (argc == 0) {
		cli_print_help();
		return CLI_DONE;
	}
	const struct admin_command *command = find_command(argc, argv, &words);
	if (!command)
		return no_such_command(cli, argc, argv);
	cli_print_command_help(command);
	return CLI_DONE;
}

static int dispatch(struct cli *cli, int argc, char **argv)
{
	const char *first = argc ? argv[0] : "help";
	int words;
	if (strcmp(first, "serve") == 0 && argc == 1)
		return serve(cli);
	if (strcmp(first, "role") == 0 && argc == 2)
		return role(cli, argv[1]);
	if (strcmp(first, "config") == 0)
		return cli_config(cli, argc - 1, argv + 1);
	if (strcmp(first, "password") == 0 && argc == 2 && strcmp(argv[1], "hash") == 0)
		return cli_password_hash(cli);
	if (strcmp(first, "completion") == 0 && argc == 2)
		return cli_print_completion(cli, argv[1]);
	if (strcmp(first, "manual") == 0 && argc == 1) {
		cli_print_manual();
		return CLI_DONE;
	}
	if (strcmp(first, "version") == 0 || strcmp(first, "--version") == 0) {
		printf("rookery %s\n", ROOKERY_VERSION);
		return CLI_DONE;
	}
	if (strcmp(first, "help") == 0 || strcmp(first, "--help") == 0 || strcmp(first, "-h") == 0)
		return help(cli, argc ? argc - 1 : 0, argv + 1);
	const struct admin_command *command = find_command(argc, argv, &words);
	if (command)
		return run_admin(cli, command, argc - words, argv + words);
	return no_such_command(cli, argc, argv);
}

int main(int argc, char **argv)
{
	const char *from_environment = getenv("ROOKERY_CONFIG");
	struct cli cli = {
		.program = argv[0],
		.config = from_environment ? from_environment : CLI_CONFIG_DEFAULT,
	};
	int at = 1;
	for (; at < argc && argv[at][0] == '-'; at++) {
		if (strcmp(argv[at], "--json") == 0)
			cli.json = true;
		else if (strcmp(argv[at], "--config") == 0 && at + 1 < argc)
			cli.config = argv[++at];
		else if (strncmp(argv[at], "--config=", 9) == 0)
			cli.config = argv[at] + 9;
		else
			break;
	}
	return dispatch(&cli, argc - at, argv + at);
}
