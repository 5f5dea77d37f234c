/* A command's words by its row: options may stand anywhere. */
#include "cli/cli.h"

static const struct admin_option *find_option(
	const struct admin_command *command, struct slice name)
{
	for (const struct admin_option *o = command->options; o->name; o++)
		if (slice_eq(name, slice_str(o->name)))
			return o;
	return NULL;
}

static int usage(const struct cli *cli, const struct admin_command *command, const char *why,
	const char *word)
{
	return cli_fail(cli, CLI_USAGE, "%s: %s%s%s (usage: rookery %s%s%s%s)", command->name, why,
		word ? " " : "", word ? word : "", command->name, command->arguments[0] ? " " : "",
		command->arguments, command->options->name ? " [--option…]" : "");
}

/* The lines of a batch file, as an array. */
static json_t *read_lines(const char *path)
{
	FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "r");
	char *line = NULL;
	size_t room = 0;
	if (!file)
		return NULL;
	json_t *lines = json_array();
	for (ssize_t n; (n = getline(&line, &room, file)) > 0;)
		(void)json_array_append_new(
			lines, json_stringn(line, (size_t)n - (line[n - 1] == '\n')));
	free(line);
	if (file != stdin)
		(void)fclose(file);
	return lines;
}

static int take_option(const struct cli *cli, const struct admin_command *command, int argc,
	char **argv, int *at, json_t *options)
{
	struct slice value = slice_str(argv[*at] + 2), name = slice_cut(&value, '=');
	bool has_value = name.len < strlen(argv[*at] + 2);
	const struct admin_option *option = find_option(command, name);
	if (!option)
		return usage(cli, command, "unknown option", argv[*at]);
	if (!option->value) {
		if (has_value)
			return usage(cli, command, "takes no value:", argv[*at]);
		(void)json_object_set_new(options, option->name, json_true());
		return CLI_DONE;
	}
	const char *text = has_value ? argv[*at] + 2 + name.len + 1 : NULL;
	if (!text && *at + 1 < argc)
		text = argv[++*at];
	if (!text)
		return usage(cli, command, "a value is missing behind", argv[*at]);
	bool is_file = strcmp(option->value, "FILE") == 0;
	json_t *json = is_file ? read_lines(text) : json_string(text);
	if (!json)
		return cli_fail(cli, CLI_FAILED, is_file ? "can't read %s" : "not UTF-8: %s", text);
	(void)json_object_set_new(options, option->name, json);
	return CLI_DONE;
}

int cli_parse(struct cli *cli, const struct admin_command *command, int argc, char **argv,
	struct cli_words *w)
{
	int r = CLI_DONE;
	bool only_words = false;
	w->count = 0;
	w->options = json_object();
	for (int i = 0; i < argc && r == CLI_DONE; i++) {
		if (!only_words && strcmp(argv[i], "--") == 0)
			only_words = true;
		else if (!only_words && strcmp(argv[i], "--json") == 0)
			cli->json = true;
		else if (!only_words && strcmp(argv[i], "--help") == 0) {
			cli_print_command_help(command);
			json_decref(w->options);
			exit(CLI_DONE);
		} else if (!only_words && strncmp(argv[i], "--", 2) == 0)
			r = take_option(cli, command, argc, argv, &i, w->options);
		else if (w->count == ARRAY_LEN(w->arguments))
			r = usage(cli, command, "too many words", NULL);
		else
			w->arguments[w->count++] = argv[i];
	}
	if (r == CLI_DONE && w->count < command->arguments_min)
		r = usage(cli, command, "a word is missing", NULL);
	if (r == CLI_DONE && w->count > command->arguments_max)
		r = usage(cli, command, "one word too many:", w->arguments[command->arguments_max]);
	if (r != CLI_DONE)
		json_decref(w->options);
	return r;
}
