/* Asking for a password without showing it. */
#include "cli/cli.h"

#include <termios.h>
#include <unistd.h>

enum { PASSWORD_MAX = 1024 };

/* One line, its end cut off; NULL when there is none. */
static char *read_line(void)
{
	char *line = NULL;
	size_t room = 0;
	ssize_t n = getline(&line, &room, stdin);
	if (n <= 0 || n > PASSWORD_MAX) {
		free(line);
		return NULL;
	}
	if (line[n - 1] == '\n')
		line[n - 1] = '\0';
	return line;
}

static char *ask(const char *prompt, const char *what)
{
	struct termios before, silent;
	if (tcgetattr(STDIN_FILENO, &before) < 0)
		return NULL;
	/* Silent first, then the prompt: what is typed in answer to it is neither shown nor thrown
	 * away. */
	silent = before;
	silent.c_lflag &= ~(tcflag_t)ECHO;
	(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
	fprintf(stderr, "%s%s%s: ", prompt, what[0] ? " for " : "", what);
	char *line = read_line();
	(void)tcsetattr(STDIN_FILENO, TCSADRAIN, &before);
	fprintf(stderr, "\n");
	return line;
}

static void drop(char *password)
{
	if (password)
		explicit_bzero(password, strlen(password));
	free(password);
}

char *cli_ask_password(const struct cli *cli, const char *what, bool once)
{
	bool terminal = isatty(STDIN_FILENO);
	char *first = terminal ? ask("Password", what) : read_line();
	if (!first || !first[0]) {
		drop(first);
		(void)cli_fail(cli, CLI_FAILED, "expected a password on standard input");
		return NULL;
	}
	if (!terminal || once)
		return first;
	char *second = ask("Once more", "");
	bool same = second && strcmp(first, second) == 0;
	drop(second);
	if (same)
		return first;
	drop(first);
	(void)cli_fail(cli, CLI_FAILED, "the two differ");
	return NULL;
}
