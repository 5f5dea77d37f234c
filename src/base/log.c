/* Rendering events as logfmt or JSON lines. */
#include "base/log.h"

#include "base/buf.h"
#include "base/clock.h"

#include <stdatomic.h>
#include <sys/uio.h>
#include <unistd.h>

enum { LONGEST_LINE = 8192, LONGEST_VALUE = 1024, USUAL_LINE = 600 };

static atomic_int least_level = LOG_INFO;
static enum log_format line_format = LOG_LOGFMT;
static int line_fd = 2;
static const char *role_name;
static bool priorities;
static const char *const LEVELS[] = {"debug", "info", "warn", "error"};

void log_setup(enum log_level least, enum log_format format, int fd)
{
	atomic_store(&least_level, least);
	line_format = format;
	line_fd = fd;
}

void log_set_level(enum log_level least)
{
	atomic_store(&least_level, least);
}

void log_set_priorities(bool on)
{
	priorities = on;
}

void log_set_role(const char *role)
{
	role_name = role;
}

bool log_enabled(enum log_level level)
{
	return (int)level >= atomic_load_explicit(&least_level, memory_order_relaxed);
}

static bool is_plain(struct slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];
		if (c <= ' ' || c == '"' || c == '=' || c == '\\' || c >= 0x7f)
			return false;
	}
	return s.len > 0;
}

/* JSON string escapes, used in logfmt too; bytes that are no valid UTF-8 are shown as \u00XX. */
static void add_escaped(struct buf *line, unsigned char c)
{
	if (c == '"' || c == '\\') {
		buf_add_byte(line, '\\');
		buf_add_byte(line, (char)c);
	} else {
		buf_printf(line, "\\u%04x", c);
	}
}

static void add_quoted(struct buf *line, struct slice s)
{
	size_t done = 0;
	buf_add_byte(line, '"');
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];
		if (c >= ' ' && c < 0x7f && c != '"' && c != '\\')
			continue;
		buf_add(line, s.ptr + done, i - done);
		add_escaped(line, c);
		done = i + 1;
	}
	buf_add(line, s.ptr + done, s.len - done);
	buf_add_byte(line, '"');
}

static void add_key(struct buf *line, const char *key)
{
	if (line->len > 1)
		buf_add_byte(line, line_format == LOG_JSON ? ',' : ' ');
	if (line_format == LOG_JSON)
		buf_add_byte(line, '"');
	buf_add_str(line, key);
	buf_add_str(line, line_format == LOG_JSON ? "\":" : "=");
}

static void add_text(struct buf *line, const char *key, struct slice value)
{
	if (value.len > LONGEST_VALUE)
		value.len = LONGEST_VALUE;
	add_key(line, key);
	if (line_format == LOG_LOGFMT && is_plain(value))
		buf_add_slice(line, value);
	else
		add_quoted(line, value);
}

static void add_field(struct buf *line, const struct log_field *f)
{
	switch (f->type) {
	case LOG_NO_FIELD:
		return;
	case LOG_SLICE:
		add_text(line, f->key, f->slice);
		return;
	case LOG_INT:
		add_key(line, f->key);
		if (f->i < 0)
			buf_add_byte(line, '-');
		buf_add_u64(line, f->i < 0 ? -(uint64_t)f->i : (uint64_t)f->i);
		return;
	case LOG_UINT:
		add_key(line, f->key);
		buf_add_u64(line, f->u);
		return;
	case LOG_REDACTED:
		add_text(line, f->key, SLICE("(redacted)"));
		return;
	}
}

static void add_scope(struct buf *line, const struct log_scope *scope)
{
	if (!scope)
		return;
	add_scope(line, scope->parent);
	for (size_t i = 0; i < LOG_SCOPE_FIELDS; i++)
		add_field(line, &scope->fields[i]);
}

/* `digits` digits of `number`, and what follows them. */
static void add_digits(struct buf *line, int64_t number, int digits, char then)
{
	char text[8];
	for (int i = digits; i-- > 0; number /= 10)
		text[i] = (char)('0' + number % 10);
	text[digits] = then;
	buf_add(line, text, (size_t)digits + 1);
}

static void add_time(struct buf *line)
{
	int64_t ms = clock_wall_ms();
	struct clock_date d = clock_to_date(ms / 1000);
	add_key(line, "time");
	if (line_format == LOG_JSON)
		buf_add_byte(line, '"');
	add_digits(line, d.year, 4, '-');
	add_digits(line, d.month, 2, '-');
	add_digits(line, d.day, 2, 'T');
	add_digits(line, d.hour, 2, ':');
	add_digits(line, d.minute, 2, ':');
	add_digits(line, d.second, 2, '.');
	add_digits(line, ms % 1000, 3, 'Z');
	if (line_format == LOG_JSON)
		buf_add_byte(line, '"');
}

void log_write(const struct log_scope *scope, enum log_level level, const char *event,
	const struct log_field *fields, size_t field_count)
{
	if (!log_enabled(level))
		return;
	AUTO(buf_free) struct buf line = BUF(LONGEST_LINE);
	if (!buf_reserve(&line, USUAL_LINE))
		return;
	if (line_format == LOG_JSON)
		buf_add_byte(&line, '{');
	add_time(&line);
	add_text(&line, "level", slice_str(LEVELS[level]));
	if (role_name)
		add_text(&line, "role", slice_str(role_name));
	add_text(&line, "event", slice_str(event));
	add_scope(&line, scope);
	for (size_t i = 0; i < field_count; i++)
		add_field(&line, &fields[i]);
	line.failed = false;
	line.max += 2;
	buf_add_str(&line, line_format == LOG_JSON ? "}\n" : "\n");
	static const char PRIORITIES[][4] = {"<7>", "<6>", "<4>", "<3>"};
	struct iovec parts[] = {
		{(void *)PRIORITIES[level], priorities ? 3 : 0}, {line.data, line.len}};
	ssize_t written = writev(line_fd, parts, ARRAY_LEN(parts));
	(void)written; /* nowhere left to say so */
}
