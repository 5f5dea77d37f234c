/* Help, completion and the manual page: all from the tables. */
#include "cli/cli.h"

#include "conf/nearest.h"

static const struct {
	const char *name, *help;
} LOCAL[] = {
	{"serve", "Serves: one process a role, until SIGTERM. SIGHUP reads config and certificates "
		  "again."},
	{"config check", "Reads the config file and says what is wrong with it."},
	{"config show", "Shows the settings in force, with all defaults."},
	{"config explain OPTION", "Explains one option."},
	{"config sample", "Prints a sample config file with every option."},
	{"password hash",
		"Asks for a password and prints its hash, for files and tables of yours."},
	{"completion bash", "Prints a completion script for the shell."},
	{"version", "Prints the version."},
	{"help [COMMAND]", "Prints this, or a command's options."},
};

static const char GLOBAL[] =
	"  --config FILE   default: " CLI_CONFIG_DEFAULT ", or $ROOKERY_CONFIG\n"
	"  --json          answers as JSON\n";

enum { COLUMNS = 79, COMMAND_WIDTH = 32, OPTION_WIDTH = 24 };

/* A name and what it means, the latter in its own column, broken between words. */
static void print_item(const char *name, int width, const char *text)
{
	struct slice rest = slice_str(text);
	int column = printf("  %-*s ", width, name);
	int left = 3 + width;
	while (rest.len > 0) {
		struct slice word = slice_cut(&rest, ' ');
		if (column > left && column + 1 + (int)word.len > COLUMNS) {
			printf("\n");
			column = printf("%*s", left, "");
		}
		column += printf("%s%.*s", column > left ? " " : "", SLICE_ARG(word));
	}
	printf("\n");
}

void cli_print_help(void)
{
	printf("rookery: a mail server that clusters\n\nUsage: rookery [--config FILE] [--json] "
	       "COMMAND\n\n%s\n",
		GLOBAL);
	for (size_t i = 0; i < ARRAY_LEN(LOCAL); i++)
		print_item(LOCAL[i].name, COMMAND_WIDTH, LOCAL[i].help);
	printf("\n");
	for (size_t i = 0; i < admin_command_count; i++) {
		const struct admin_command *c = &admin_commands[i];
		char usage[64];
		(void)snprintf(usage, sizeof(usage), "%s%s%s", c->name, c->arguments[0] ? " " : "",
			c->arguments);
		print_item(usage, COMMAND_WIDTH, c->help);
	}
	printf("\nThese work while the server runs, and without it.\n");
}

void cli_print_command_help(const struct admin_command *c)
{
	printf("Usage: rookery %s%s%s%s\n\n%s\n", c->name, c->arguments[0] ? " " : "", c->arguments,
		c->options->name ? " [OPTIONS]" : "", c->help);
	if (c->wants_password && !cli_has_option(c, "password"))
		printf("The password is asked for, or read from standard input.\n");
	if (c->options->name)
		printf("\n");
	for (const struct admin_option *o = c->options; o->name; o++) {
		char name[64];
		(void)snprintf(name, sizeof(name), "--%s%s%s", o->name, o->value ? " " : "",
			o->value ? o->value : "");
		print_item(name, OPTION_WIDTH, o->help);
	}
}

const char *cli_nearest_command(const char *wanted)
{
	struct conf_nearest nearest = {.wanted = slice_str(wanted)};
	for (size_t i = 0; i < ARRAY_LEN(LOCAL); i++) {
		size_t len = strcspn(LOCAL[i].name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ[");
		while (len > 0 && LOCAL[i].name[len - 1] == ' ')
			len--;
		if (len == strlen(LOCAL[i].name))
			conf_nearest_offer(&nearest, LOCAL[i].name);
	}
	for (size_t i = 0; i < admin_command_count; i++)
		conf_nearest_offer(&nearest, admin_commands[i].name);
	return nearest.best;
}

int cli_print_completion(const struct cli *cli, const char *shell)
{
	if (strcmp(shell, "bash") != 0)
		return cli_fail(cli, CLI_USAGE, "no completion for %s, only for bash", shell);
	/* Options of all commands may stand in front; bash takes "--config=x" for three words. */
	printf("_rookery() {\n\tlocal words=(\"${COMP_WORDS[@]:1:COMP_CWORD-1}\") "
	       "word=\"${COMP_WORDS[COMP_CWORD]}\"\n"
	       "\tlocal global=(--json --config) found=() one\n"
	       "\twhile true; do\n\t\tcase \"${words[*]:0:3}\" in\n"
	       "\t\t--json*) words=(\"${words[@]:1}\") ;;\n"
	       "\t\t--config|'--config =') return ;;\n"
	       "\t\t'--config = '*) words=(\"${words[@]:3}\") ;;\n"
	       "\t\t'--config '*) words=(\"${words[@]:2}\") ;;\n"
	       "\t\t*) break ;;\n\t\tesac\n\tdone\n"
	       "\tlocal line=\"${words[*]}\" all=(");
	for (size_t i = 0; i < ARRAY_LEN(LOCAL); i++) {
		struct slice rest = slice_str(LOCAL[i].name), first = slice_cut(&rest, ' ');
		struct slice second = slice_cut(&rest, ' ');
		bool word = second.len > 0 && second.ptr[0] >= 'a';
		printf("'%.*s%s%.*s' ", SLICE_ARG(first), word ? " " : "",
			word ? (int)second.len : 0, second.ptr ? second.ptr : "");
	}
	for (size_t i = 0; i < admin_command_count; i++)
		printf("'%s' ", admin_commands[i].name);
	printf(")\n\tcase \"$line\" in\n");
	for (size_t i = 0; i < admin_command_count; i++) {
		printf("\t'%s'*) found=(--json --help", admin_commands[i].name);
		for (const struct admin_option *o = admin_commands[i].options; o->name; o++)
			printf(" --%s", o->name);
		printf(") ;;\n");
	}
	printf("\t*) if [[ -z $line && $word == -* ]]; then found=(\"${global[@]}\"); fi\n"
	       "\tfor one in \"${all[@]}\"; do\n"
	       "\t\tif [ -z \"$line\" ]; then found+=(\"${one%%%% *}\")\n"
	       "\t\telif [[ $one == \"$line \"* ]]; then one=${one#\"$line \"}; "
	       "found+=(\"${one%%%% *}\"); fi\n"
	       "\tdone ;;\n\tesac\n"
	       "\tmapfile -t COMPREPLY < <(compgen -W \"${found[*]}\" -- \"$word\")\n}\n"
	       "complete -o default -F _rookery rookery\n");
	return CLI_DONE;
}

void cli_print_manual(void)
{
	printf(".TH ROOKERY 1 \"\" \"Rookery " ROOKERY_VERSION "\" \"User Commands\"\n"
	       ".SH NAME\nrookery \\- a mail server that clusters\n"
	       ".SH SYNOPSIS\n.B rookery\n[\\fB\\-\\-config\\fR \\fIFILE\\fR] [\\fB\\-\\-json\\fR] "
	       "\\fICOMMAND\\fR\n"
	       ".SH DESCRIPTION\nServes mail, and does what operators need. Commands on a store "
	       "work while the "
	       "server runs, by its control socket, and without it.\n"
	       ".SH COMMANDS\n");
	for (size_t i = 0; i < ARRAY_LEN(LOCAL); i++)
		printf(".TP\n.B %s\n%s\n", LOCAL[i].name, LOCAL[i].help);
	for (size_t i = 0; i < admin_command_count; i++) {
		const struct admin_command *c = &admin_commands[i];
		printf(".TP\n.B %s %s\n%s\n", c->name, c->arguments, c->help);
		for (const struct admin_option *o = c->options; o->name; o++)
			printf(".br\n\\fB\\-\\-%s\\fR%s%s%s: %s.\n", o->name,
				o->value ? " \\fI" : "", o->value ? o->value : "",
				o->value ? "\\fR" : "", o->help);
	}
	printf(".SH EXIT STATUS\n0 done; 1 failed, or damage was found; 2 wrong usage; 75 can't be "
	       "done just now.\n"
	       ".SH FILES\n.I " CLI_CONFIG_DEFAULT "\n.SH SEE ALSO\nrookery.conf(5)\n");
}
