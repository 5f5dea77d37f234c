/* Results for people. */
#include "cli/cli.h"

#include <unistd.h>

enum { COLUMNS_MAX = 16, CELL_MAX = 256 };

/* Keys whose numbers are bytes, shown in units. */
static bool is_bytes(const char *key)
{
	static const char *const KEYS[] = {"quota", "user_quota", "used", "bytes", "bytes_written",
		"segment_bytes", "dead_bytes", "size"};
	for (size_t i = 0; i < ARRAY_LEN(KEYS); i++)
		if (strcmp(key, KEYS[i]) == 0)
			return true;
	return false;
}

static void write_bytes(char *to, size_t room, json_int_t bytes)
{
	static const char UNITS[] = "KMGTP";
	double value = (double)bytes;
	int unit = -1;
	while (value >= 1024 && unit < 4) {
		value /= 1024;
		unit++;
	}
	if (unit < 0)
		(void)snprintf(to, room, "%lld", (long long)bytes);
	else
		(void)snprintf(to, room, value < 10 ? "%.1f%c" : "%.0f%c", value, UNITS[unit]);
}

static void write_cell(char *to, size_t room, const char *key, const json_t *value)
{
	to[0] = '\0';
	if (json_is_string(value)) {
		(void)snprintf(to, room, "%s", json_string_value(value));
	} else if (json_is_integer(value) && is_bytes(key)) {
		write_bytes(to, room, json_integer_value(value));
	} else if (json_is_integer(value)) {
		(void)snprintf(to, room, "%lld", (long long)json_integer_value(value));
	} else if (json_is_real(value)) {
		(void)snprintf(to, room, "%.2f", json_real_value(value));
	} else if (json_is_boolean(value)) {
		(void)snprintf(to, room, "%s", json_is_true(value) ? "yes" : "no");
	} else if (json_is_array(value)) {
		size_t len = 0;
		for (size_t i = 0; i < json_array_size(value) && len < room; i++)
			len += (size_t)MAX(0, snprintf(to + len, room - len, "%s%s", i ? ", " : "",
						      json_string_value(json_array_get(value, i))));
	} else {
		(void)snprintf(to, room, "-");
	}
}

/* Columns on the terminal, not bytes: continuation bytes of UTF-8 take none. */
static int width(const char *text)
{
	int n = 0;
	for (; *text; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

static void pad(const char *text, int to, bool right)
{
	int gap = MAX(to - width(text), 0);
	if (right)
		printf("%*s%s", gap, "", text);
	else
		printf("%s%*s", text, gap, "");
}

static void title_of(char *to, size_t room, const char *key)
{
	(void)snprintf(to, room, "%s", key);
	for (char *c = to; *c; c++)
		*c = *c == '_' ? ' ' : *c;
}

static void print_table(const struct admin_command *command, const json_t *rows)
{
	int widths[COLUMNS_MAX] = {0};
	bool numbers[COLUMNS_MAX] = {false};
	char cell[CELL_MAX];
	size_t columns = 0;
	while (command->columns[columns] && columns < COLUMNS_MAX)
		columns++;
	for (size_t c = 0; c < columns; c++) {
		widths[c] = (int)strlen(command->columns[c]);
		for (size_t i = 0; i < json_array_size(rows); i++) {
			const json_t *value =
				json_object_get(json_array_get(rows, i), command->columns[c]);
			write_cell(cell, sizeof(cell), command->columns[c], value);
			widths[c] = MAX(widths[c], width(cell));
			numbers[c] |= json_is_integer(value);
		}
	}
	for (size_t c = 0; c < columns; c++) {
		title_of(cell, sizeof(cell), command->columns[c]);
		pad(cell, c + 1 < columns || numbers[c] ? widths[c] : 0, numbers[c]);
		printf("%s", c + 1 < columns ? "  " : "\n");
	}
	for (size_t i = 0; i < json_array_size(rows); i++)
		for (size_t c = 0; c < columns; c++) {
			write_cell(cell, sizeof(cell), command->columns[c],
				json_object_get(json_array_get(rows, i), command->columns[c]));
			pad(cell, c + 1 < columns || numbers[c] ? widths[c] : 0, numbers[c]);
			printf("%s", c + 1 < columns ? "  " : "\n");
		}
}

static void print_object(const json_t *object)
{
	const char *key;
	json_t *value;
	int widest = 0;
	json_object_foreach((json_t *)object, key, value) widest = MAX(widest, (int)strlen(key));
	json_object_foreach((json_t *)object, key, value)
	{
		char cell[CELL_MAX], title[64];
		title_of(title, sizeof(title), key);
		write_cell(cell, sizeof(cell), key, value);
		printf("%-*s  %s\n", widest, title, cell);
	}
}

static void print_findings(const json_t *result)
{
	const json_t *findings = json_object_get(result, "findings");
	for (size_t i = 0; i < json_array_size(findings); i++) {
		const json_t *one = json_array_get(findings, i);
		printf("%s  %s: %s\n",
			json_is_true(json_object_get(one, "damage")) ? "DAMAGE" : "remark",
			json_string_value(json_object_get(one, "object")),
			json_string_value(json_object_get(one, "text")));
	}
}

void cli_print(const struct admin_command *command, const json_t *result)
{
	const char *message = json_string_value(json_object_get(result, "message"));
	switch (command->shape) {
	case ADMIN_TABLE:
		print_table(command, json_object_get(result, "rows"));
		break;
	case ADMIN_OBJECT:
		print_object(result);
		break;
	case ADMIN_FINDINGS:
		print_findings(result);
		break;
	case ADMIN_NOTHING:
		break;
	}
	if (message)
		printf("%s\n", message);
}

void cli_print_progress(const char *what, uint64_t done, uint64_t total)
{
	static bool shown; /* one terminal, one line on it */
	if (!isatty(STDERR_FILENO) || (!what[0] && !shown))
		return;
	shown = what[0] != '\0';
	fprintf(stderr, "\r\033[K");
	if (!shown)
		return;
	if (total)
		fprintf(stderr, "%s: %llu %%", what, (unsigned long long)(done * 100 / total));
	else
		fprintf(stderr, "%s: %llu", what, (unsigned long long)done);
	(void)fflush(stderr);
}
