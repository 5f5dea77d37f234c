/* Three views of the same rows. */
#include "conf/explain.h"

#include "base/arena.h"
#include "conf/nearest.h"
#include "conf/options.h"
#include "conf/value.h"

enum { WIDTH = 78 };

/* The words of a paragraph, broken before WIDTH columns, each line behind `prefix`. */
static void add_wrapped(struct buf *to, const char *prefix, const char *paragraph)
{
	struct slice rest = slice_str(paragraph);
	size_t column = 0;
	while (rest.len > 0) {
		struct slice word = slice_cut(&rest, ' ');
		if (column > 0 && column + 1 + word.len > WIDTH) {
			buf_add_byte(to, '\n');
			column = 0;
		}
		buf_add_str(to, column == 0 ? prefix : " ");
		column += (column == 0 ? strlen(prefix) : 1) + word.len;
		buf_add_slice(to, word);
	}
	buf_add_byte(to, '\n');
}

/* "Expected: a size from 1K to 1G, like 512K. Default: 64M. A change needs a restart." */
static void add_facts(const struct conf_option *option, struct buf *to)
{
	buf_add_str(to, "Expects ");
	conf_value_expected(option, to);
	if (!option->fallback)
		buf_add_str(to, ". Must be given");
	else if (option->fallback[0])
		buf_printf(to, ". Default: %s", option->fallback);
	else
		buf_add_str(to, ". Default: none");
	buf_add_str(to, option->effect == CONF_RESTART ? ". A change needs a restart."
						       : ". A reload is enough.");
}

static void explain_option(const struct conf_option *option, struct buf *to)
{
	AUTO(buf_free) struct buf facts = BUF(4096);
	conf_option_name(option, to);
	buf_add_byte(to, '\n');
	add_wrapped(to, "    ", option->help);
	add_facts(option, &facts);
	add_wrapped(to, "    ", buf_cstr(&facts));
}

static void explain_block(const struct conf_block *block, struct buf *to)
{
	buf_printf(to, "%s%s { ... }\n", block->path, block->label ? " [label]" : "");
	add_wrapped(to, "    ", block->help);
	for (size_t i = 0; i < conf_block_count; i++)
		if (conf_block_is_child(block, &conf_blocks[i]))
			buf_printf(to, "\n%s { ... }\n", conf_blocks[i].path);
	for (size_t i = 0; i < conf_option_count; i++)
		if (conf_option_is_in(&conf_options[i], block)) {
			buf_add_byte(to, '\n');
			explain_option(&conf_options[i], to);
		}
}

static int absent(struct slice name, struct err *err)
{
	struct conf_nearest nearest = {.wanted = name};
	AUTO(arena_free) struct arena names = ARENA_EMPTY;
	for (size_t i = 0; i < conf_option_count; i++) {
		conf_nearest_offer(&nearest, conf_options[i].key);
		conf_nearest_offer(&nearest,
			arena_printf(&names, "%s.%s", conf_options[i].block, conf_options[i].key));
	}
	for (size_t i = 1; i < conf_block_count; i++)
		conf_nearest_offer(&nearest, conf_blocks[i].path);
	struct slice shown = slice_sub(name, 0, 40);
	if (nearest.best)
		return err_permanent(err, ERR_ABSENT,
			"unknown option \"%.*s\", did you mean \"%s\"?", SLICE_ARG(shown),
			nearest.best);
	return err_permanent(err, ERR_ABSENT, "unknown option \"%.*s\"", SLICE_ARG(shown));
}

int conf_explain(struct slice name, struct buf *to, struct err *err)
{
	bool found = false;
	for (size_t i = 1; i < conf_block_count && !found; i++)
		if (slice_eq(name, slice_str(conf_blocks[i].path))) {
			explain_block(&conf_blocks[i], to);
			found = true;
		}
	AUTO(buf_free) struct buf full = BUF(256);
	for (size_t i = 0; i < conf_option_count; i++) {
		const struct conf_option *option = &conf_options[i];
		buf_clear(&full);
		conf_option_name(option, &full);
		if (!slice_eq(name, buf_slice(&full)) && !slice_eq(name, slice_str(option->key)))
			continue;
		if (found)
			buf_add_byte(to, '\n');
		explain_option(option, to);
		found = true;
	}
	return found ? 0 : absent(name, err);
}

/* The sample: help stands behind "# ", what could be uncommented behind a bare "#". */

static void sample_option(const struct conf_option *option, const char *indent, struct buf *to)
{
	AUTO(buf_free) struct buf facts = BUF(4096), prefix = BUF(64);
	buf_printf(&prefix, "%s# ", indent);
	add_facts(option, &facts);
	add_wrapped(to, buf_cstr(&prefix), option->help);
	add_wrapped(to, buf_cstr(&prefix), buf_cstr(&facts));
	struct slice rest = slice_str(option->example ? option->example : option->fallback);
	while (rest.len > 0) {
		struct slice values = slice_trim(slice_cut(&rest, ';'));
		buf_printf(to, "%s#%s %.*s;\n", indent, option->key, SLICE_ARG(values));
	}
}

/* Whether the block stands in the sample uncommented: mx and store do, and what is there anyway. */
static bool is_live(const struct conf_block *block)
{
	return !block->item_size && strcmp(block->path, "metrics") != 0 &&
	       strcmp(block->path, "store.learn") != 0 && strcmp(block->path, "tls.acme") != 0 &&
	       strcmp(block->path, "proxy") != 0;
}

static void sample_block(const struct conf_block *block, unsigned depth, struct buf *to)
{
	const char tabs[] = "\t\t\t\t", *inside = tabs + sizeof(tabs) - 1 - depth;
	bool first = depth > 0;
	for (size_t i = 0; i < conf_option_count; i++)
		if (conf_option_is_in(&conf_options[i], block)) {
			buf_add_str(to, first ? "" : "\n");
			sample_option(&conf_options[i], inside, to);
			first = false;
		}
	for (size_t i = 1; i < conf_block_count; i++) {
		const struct conf_block *child = &conf_blocks[i];
		if (!conf_block_is_child(block, child))
			continue;
		AUTO(buf_free) struct buf prefix = BUF(64);
		buf_printf(&prefix, "%s# ", inside);
		buf_add_byte(to, '\n');
		add_wrapped(to, buf_cstr(&prefix), child->help);
		buf_printf(to, "%s%s%s {\n", inside, is_live(child) ? "" : "#",
			conf_block_name(child));
		sample_block(child, depth + 1, to);
		buf_printf(to, "%s%s}\n", inside, is_live(child) ? "" : "#");
	}
}

void conf_write_sample(struct buf *to)
{
	add_wrapped(to, "# ",
		"Config file of Rookery. Statements behind # are defaults or examples. Sizes take "
		"K, M, G and T; durations ms, s, m, h and d. include \"conf.d/*.conf\"; reads "
		"other "
		"files, relative to this one. \"rookery config explain <option>\" says the same.");
	sample_block(&conf_blocks[0], 0, to);
}

/* Text for roff: no escape, no request, hyphens that can be copied. */
static void add_roff(struct buf *to, const char *text)
{
	if (text[0] == '.' || text[0] == '\'')
		buf_add_str(to, "\\&");
	for (; *text; text++)
		if (*text == '\\')
			buf_add_str(to, "\\e");
		else if (*text == '-')
			buf_add_str(to, "\\-");
		else
			buf_add_byte(to, *text);
	buf_add_byte(to, '\n');
}

void conf_write_manual(struct buf *to)
{
	for (size_t i = 0; i < conf_block_count; i++) {
		const struct conf_block *block = &conf_blocks[i];
		buf_add_str(to, ".SS ");
		add_roff(to, block->path[0] ? block->path : "Outside all blocks");
		add_roff(to, block->help);
		for (size_t j = 0; j < conf_option_count; j++) {
			const struct conf_option *option = &conf_options[j];
			if (!conf_option_is_in(option, block))
				continue;
			AUTO(buf_free) struct buf facts = BUF(4096);
			add_facts(option, &facts);
			buf_add_str(to, ".TP\n.B ");
			add_roff(to, option->key);
			add_roff(to, option->help);
			add_roff(to, buf_cstr(&facts));
		}
	}
}
