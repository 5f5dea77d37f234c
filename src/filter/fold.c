/* Counts columns; a fold is a line end and a tab, which takes eight. */
#include "filter/fold.h"

enum { COLUMNS = 78, TAB = 8 };

struct filter_fold filter_fold_begin(struct buf *to, const char *name)
{
	buf_add_str(to, name);
	buf_add_byte(to, ':');
	return (struct filter_fold){.to = to, .column = strlen(name) + 1};
}

static void new_line(struct filter_fold *f)
{
	buf_add_str(f->to, "\r\n\t");
	f->column = TAB;
}

static void add(struct filter_fold *f, struct slice text)
{
	buf_add_slice(f->to, text);
	f->column += text.len;
}

void filter_fold_word(struct filter_fold *f, struct slice word)
{
	if (f->column > TAB && f->column + 1 + word.len > COLUMNS)
		new_line(f);
	else
		add(f, SLICE(" "));
	add(f, word);
}

void filter_fold_more(struct filter_fold *f, struct slice word)
{
	if (f->column > TAB && f->column + word.len > COLUMNS)
		new_line(f);
	add(f, word);
}

void filter_fold_split(struct filter_fold *f, struct slice text)
{
	while (text.len > 0) {
		if (f->column >= COLUMNS)
			new_line(f);
		struct slice part = slice_sub(text, 0, COLUMNS - f->column);
		add(f, part);
		text = slice_from(text, part.len);
	}
}

void filter_fold_end(struct filter_fold *f)
{
	buf_add_str(f->to, "\r\n");
	f->column = 0;
}
