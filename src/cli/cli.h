/* The rookery command: what its files share. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include "admin/admin.h"
#include "conf/settings.h"

#define CLI_CONFIG_DEFAULT "/etc/rookery/rookery.conf"

/* Exit statuses. */
enum { CLI_DONE = 0, CLI_FAILED = 1, CLI_USAGE = 2, CLI_TEMPORARY = 75 /* EX_TEMPFAIL */ };

struct cli {
	const char *program; /* how we were called */
	const char *config;
	bool json;
	bool quiet;                           /* prints no result, only what went wrong */
	const struct conf_settings *settings; /* once loaded */
};

/* "rookery: <text>" to stderr (or {"error":…} with --json); returns `status`. */
int cli_fail(const struct cli *cli, int status, const char *format, ...) PRINTF_LIKE(3, 4);
/* Loads cli->settings; on failure prints the report and returns an exit status, else 0. */
int cli_load_settings(struct cli *cli);

/* arguments.c: the words behind a command's name, by its row. 0, or an exit status (said why). */
struct cli_words {
	const char *arguments[1001];
	size_t count;
	json_t *options; /* freed by the caller */
};
int cli_parse(struct cli *cli, const struct admin_command *command, int argc, char **argv,
	struct cli_words *ret_words);

/* main.c */
bool cli_has_option(const struct admin_command *command, const char *name);
/* password.c: asks twice on a terminal, or once, else reads a line of standard input. NULL: there
 * was none, or the two differ (said so). The caller wipes and frees it. */
char *cli_ask_password(const struct cli *cli, const char *what, bool once);

/* password_hash.c: rookery password hash: prints what stands for a password in files and tables. */
int cli_password_hash(struct cli *cli);

/* call.c: runs a command, in the server or here; prints. Returns the exit status. */
int cli_call(struct cli *cli, const struct admin_command *command, const struct cli_words *words,
	const char *password);

/* A role's answer, by its control socket. */
struct cli_answer {
	int status;      /* CLI_DONE, or what to exit with */
	json_t *result;  /* of CLI_DONE: freed by the caller; else NULL */
	char text[1024]; /* else why not */
	char kind[16];   /* and what kind of "no" it is: "absent"; "" when nobody said */
};
/* Is somebody listening there, at a socket of the settings? */
bool cli_listens(const char *at);
/* Prints progress, and nothing else. */
void cli_ask(const struct cli *cli, const char *at, const struct admin_command *command,
	const struct cli_words *words, const char *password, struct cli_answer *ret_answer);
/* cli_fail() with the answer's text and status, behind the progress. */
int cli_fail_answer(const struct cli *cli, const struct cli_answer *answer);
/* Prints its result; returns the exit status. */
int cli_finish(const struct cli *cli, const struct admin_command *command, const json_t *result);

/* mirror.c: commands of ADMIN_BOTH, at each role that this machine has; prints. Returns the exit
 * status. */
int cli_mirror(struct cli *cli, const struct admin_command *command, const struct cli_words *words);

/* backup.c: rookery backup FOLDER; `command` is the one that lets the store make the copy. */
int cli_backup(struct cli *cli, const struct admin_command *command, const char *folder);

/* print.c */
void cli_print(const struct admin_command *command, const json_t *result);
void cli_print_progress(const char *what, uint64_t done, uint64_t total); /* total 0: clear */

/* help.c */
void cli_print_help(void);
/* What may have been meant; NULL when nothing is like it. */
const char *cli_nearest_command(const char *wanted);
void cli_print_command_help(const struct admin_command *command);
int cli_print_completion(const struct cli *cli, const char *shell);
void cli_print_manual(void); /* rookery(1), roff */

/* config_command.c: rookery config check|show|sample|explain|manual */
int cli_config(struct cli *cli, int argc, char **argv);

#endif
