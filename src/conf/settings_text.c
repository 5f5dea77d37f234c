/* Settings as text: written out as a config file, and compared option by option in that form. */
#include "conf/options.h"
#include "conf/value.h"

static const struct conf_block *block_of(const struct conf_option *option)
{
	const struct conf_block *block = conf_blocks;
	while (!conf_option_is_in(option, block))
		block++;
	return block;
}

static size_t item_count(const struct conf_settings *settings, const struct conf_block *block)
{
	return block->item_size ? *(const size_t *)((const char *)settings + block->count) : 1;
}

static const char *item_at(
	const struct conf_settings *settings, const struct conf_block *block, size_t i)
{
	const char *base = (const char *)settings;
	if (!block->item_size)
		return base;
	return *(const char *const *)(base + block->items) + i * block->item_size;
}

static bool is_on(const struct conf_settings *settings, const struct conf_block *block)
{
	return block->on == CONF_NO_OFFSET || *(const bool *)((const char *)settings + block->on);
}

static void write_item(const struct conf_settings *settings, const struct conf_block *block,
	size_t item, unsigned depth, struct buf *to);

static void write_children(const struct conf_settings *settings, const struct conf_block *parent,
	unsigned depth, struct buf *to)
{
	for (size_t i = 0; i < conf_block_count; i++) {
		const struct conf_block *block = &conf_blocks[i];
		if (!conf_block_is_child(parent, block) || !is_on(settings, block))
			continue;
		for (size_t item = 0; item < item_count(settings, block); item++)
			write_item(settings, block, item, depth, to);
	}
}

static void write_options(const struct conf_settings *settings, const struct conf_block *block,
	size_t item, const char *indent, struct buf *to)
{
	const char *base = item_at(settings, block, item);
	for (size_t i = 0; i < conf_option_count; i++)
		if (conf_option_is_in(&conf_options[i], block))
			conf_value_write(
				&conf_options[i], base + conf_options[i].offset, indent, to);
}

static void write_item(const struct conf_settings *settings, const struct conf_block *block,
	size_t item, unsigned depth, struct buf *to)
{
	const char tabs[] = "\t\t\t\t", *indent = tabs + sizeof(tabs) - 1 - depth;
	buf_printf(to, "%s%s ", indent, conf_block_name(block));
	const char *label =
		block->item_size ? *(const char *const *)item_at(settings, block, item) : "";
	if (label[0]) {
		conf_value_quote(to, slice_str(label));
		buf_add_byte(to, ' ');
	}
	buf_add_str(to, "{\n");
	write_options(settings, block, item, indent - 1, to);
	write_children(settings, block, depth + 1, to);
	buf_printf(to, "%s}\n", indent);
}

void conf_settings_write(const struct conf_settings *settings, struct buf *to)
{
	write_options(settings, &conf_blocks[0], 0, "", to);
	write_children(settings, &conf_blocks[0], 0, to);
}

static bool same(const struct conf_settings *old, const struct conf_settings *new,
	const struct conf_option *option)
{
	enum { VALUE_MAX = 1 << 20 };
	AUTO(buf_free) struct buf before = BUF(VALUE_MAX), after = BUF(VALUE_MAX);
	const struct conf_block *block = block_of(option);
	for (size_t i = 0; i < item_count(old, block); i++)
		conf_value_write(option, item_at(old, block, i) + option->offset, "", &before);
	for (size_t i = 0; i < item_count(new, block); i++)
		conf_value_write(option, item_at(new, block, i) + option->offset, "", &after);
	return slice_eq(buf_slice(&before), buf_slice(&after));
}

static void add_name(struct buf *to, const char *block, const char *key)
{
	if (to)
		buf_printf(to, "%s%s%s%s", to->len ? ", " : "", block,
			block[0] && key[0] ? "." : "", key);
}

size_t conf_settings_diff(const struct conf_settings *old, const struct conf_settings *new,
	struct buf *reload, struct buf *restart)
{
	size_t need_restart = 0;
	for (size_t i = 0; i < conf_block_count; i++)
		if (is_on(old, &conf_blocks[i]) != is_on(new, &conf_blocks[i])) {
			add_name(restart, conf_blocks[i].path, "");
			need_restart++;
		}
	for (size_t i = 0; i < conf_option_count; i++) {
		const struct conf_option *option = &conf_options[i];
		const struct conf_block *block = block_of(option);
		/* A role that comes or goes is named as a whole. */
		if (!is_on(old, block) || !is_on(new, block) || same(old, new, option))
			continue;
		add_name(option->effect == CONF_RESTART ? restart : reload, option->block,
			option->key);
		need_restart += option->effect == CONF_RESTART;
	}
	return need_restart;
}
