/* HTML to text, for search and previews: a scan that knows what ends a tag, which elements have no
 * text of their own and which begin a new line. Nothing is nested, so nothing can be too deep. */
#include "message/html_internal.h"

#include "base/wait.h"
#include "message/html_entities_internal.h"

struct scan {
	const char *p, *end;
	struct buf *to;
	bool space; /* white space is due before the next text */
	bool line;  /* and it is a line break */
	bool any;   /* some text was written */
};

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static void add_text(struct scan *s, const char *text, size_t len)
{
	if ((s->space || s->line) && s->any)
		buf_add_byte(s->to, s->line ? '\n' : ' ');
	s->space = s->line = false;
	s->any = true;
	buf_add(s->to, text, len);
}

static struct slice cut_name(const char *p, const char *end)
{
	const char *start = p;
	while (p < end && (is_letter(*p) || (*p >= '0' && *p <= '9')))
		p++;
	return slice(start, (size_t)(p - start));
}

/* Past the '>' of the tag; a '>' in quotes is none. */
static const char *tag_end(const char *p, const char *end)
{
	char quote = 0, before = 0; /* the last that was no space */
	for (; p < end; p++) {
		if (quote) {
			if (*p == quote)
				quote = 0;
		} else if (*p == '>') {
			return p + 1;
		} else if ((*p == '"' || *p == '\'') && before == '=') {
			quote = *p;
		}
		if (!is_space(*p))
			before = *p;
	}
	return end;
}

static bool is_one_of(struct slice name, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (slice_eq_nocase(name, slice_str(names[i])))
			return true;
	return false;
}

static bool breaks_line(struct slice name)
{
	static const char *const NAMES[] = {"p", "br", "div", "tr", "li", "ul", "ol", "dl", "dt",
		"dd", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "table", "blockquote", "pre",
		"section", "article", "header", "footer", "title", "body", "head", "html", "center",
		"form", "option", "address", "figure", "main", "nav", "aside"};
	return is_one_of(name, NAMES, ARRAY_LEN(NAMES));
}

static bool separates_words(struct slice name)
{
	static const char *const NAMES[] = {"td", "th", "img", "input", "button"};
	return is_one_of(name, NAMES, ARRAY_LEN(NAMES));
}

static bool has_no_text(struct slice name)
{
	static const char *const NAMES[] = {"script", "style", "template"};
	return is_one_of(name, NAMES, ARRAY_LEN(NAMES));
}

/* Past "</name ...>", or the end. */
static const char *element_end(const char *p, const char *end, struct slice name)
{
	while (p < end && (p = memchr(p, '<', (size_t)(end - p))) != NULL) {
		if (end - p > 1 && p[1] == '/' &&
			slice_eq_nocase(cut_name(p + 2, MIN(end, p + 2 + name.len + 1)), name))
			return tag_end(p + 2, end);
		p++;
	}
	return end;
}

/* At '<'. */
static void scan_tag(struct scan *s)
{
	const char *p = s->p + 1;
	if (s->end - p >= 3 && memcmp(p, "!--", 3) == 0) {
		const char *close = memmem(p + 1, (size_t)(s->end - p - 1), "-->", 3);
		s->p = close ? close + 3 : s->end;
		return;
	}
	bool closes = p < s->end && *p == '/';
	if (p >= s->end || !(closes || is_letter(*p) || *p == '!' || *p == '?')) {
		add_text(s, s->p, 1);
		s->p++;
		return;
	}
	struct slice name = cut_name(p + closes, s->end);
	s->p = tag_end(p, s->end);
	if (breaks_line(name))
		s->line = true;
	else if (separates_words(name))
		s->space = true;
	else if (!closes && has_no_text(name) && s->p[-2] != '/')
		s->p = element_end(s->p, s->end, name);
}

/* At '&'. */
static void scan_reference(struct scan *s)
{
	char utf8[4];
	size_t len, written = html_read_reference(slice(s->p, (size_t)(s->end - s->p)), utf8, &len);
	if (written == 0) {
		add_text(s, s->p, 1);
		s->p++;
		return;
	}
	s->p += len;
	if (written == 1 && is_space(utf8[0]))
		s->space = true;
	else
		add_text(s, utf8, written);
}

void html_to_text(struct slice html, struct buf *to)
{
	if (html.len == 0)
		return;
	struct scan s = {.p = html.ptr, .end = html.ptr + html.len, .to = to};
	while (s.p < s.end && !to->failed) {
		const char *start = s.p;
		while (s.p < s.end && *s.p != '<' && *s.p != '&' && !is_space(*s.p))
			s.p++;
		if (s.p > start)
			add_text(&s, start, (size_t)(s.p - start));
		else if (*s.p == '<')
			scan_tag(&s);
		else if (*s.p == '&')
			scan_reference(&s);
		else {
			s.space = true;
			s.p++;
		}
		wait_give_way_over(start, s.p);
	}
}
