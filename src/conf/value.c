/* One pair of functions a type: words into a field, a field into words. */
#include "conf/value.h"

#include "conf/shape.h"

static const struct unit {
	const char *name;
	uint64_t factor;
} sizes[] = {{"T", 1ull << 40}, {"G", 1ull << 30}, {"M", 1ull << 20}, {"K", 1ull << 10}, {"", 1}},
  durations[] = {{"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}};

static bool read_with_unit(
	struct slice text, const struct unit *units, size_t count, uint64_t *ret_value)
{
	size_t digits = 0;
	uint64_t value;
	while (digits < text.len && text.ptr[digits] >= '0' && text.ptr[digits] <= '9')
		digits++;
	if (!slice_to_u64(slice_sub(text, 0, digits), UINT64_MAX, &value))
		return false;
	for (size_t i = 0; i < count; i++)
		if (slice_eq_nocase(slice_from(text, digits), slice_str(units[i].name))) {
			*ret_value = value * units[i].factor;
			return value <= UINT64_MAX / units[i].factor;
		}
	return false;
}

/* With the largest unit that leaves a whole number; 0 with the smallest but one. */
static void write_with_unit(struct buf *to, uint64_t value, const struct unit *units, size_t count)
{
	size_t i = 0;
	while (i + 1 < count && (value < units[i].factor || value % units[i].factor != 0))
		i++;
	buf_add_u64(to, value / units[i].factor);
	if (value > 0)
		buf_add_str(to, units[i].name);
}

static bool read_number(const struct conf_option *option, struct slice text, uint64_t *ret_value)
{
	bool ok;
	bool duration = option->type == CONF_DURATION || option->type == CONF_DURATIONS;
	if (option->type == CONF_SIZE)
		ok = read_with_unit(text, sizes, ARRAY_LEN(sizes), ret_value);
	else if (duration && slice_eq(text, SLICE("0")))
		ok = (*ret_value = 0, true);
	else if (duration)
		ok = read_with_unit(text, durations, ARRAY_LEN(durations), ret_value);
	else
		ok = slice_to_u64(text, UINT64_MAX, ret_value);
	return ok && *ret_value >= option->least && *ret_value <= option->most;
}

static void write_number(const struct conf_option *option, uint64_t value, struct buf *to)
{
	if (option->type == CONF_SIZE)
		write_with_unit(to, value, sizes, ARRAY_LEN(sizes));
	else if (option->type == CONF_DURATION || option->type == CONF_DURATIONS)
		write_with_unit(to, value, durations, ARRAY_LEN(durations));
	else
		buf_add_u64(to, value);
}

static bool read_bool(struct slice text, bool *ret_value)
{
	*ret_value = slice_eq(text, SLICE("yes"));
	return *ret_value || slice_eq(text, SLICE("no"));
}

/* The place of `name` in a list of names; -1 when it is not there. */
static int find_choice(const char *choices, struct slice name)
{
	struct slice rest = slice_str(choices);
	for (int i = 0; rest.len > 0; i++)
		if (slice_eq(slice_cut(&rest, ' '), name))
			return i;
	return -1;
}

static struct slice choice_at(const char *choices, unsigned at)
{
	struct slice rest = slice_str(choices), name = SLICE_NONE;
	for (unsigned i = 0; i <= at; i++)
		name = slice_cut(&rest, ' ');
	return name;
}

static bool is_plain_text(struct slice text)
{
	for (size_t i = 0; i < text.len; i++)
		if ((unsigned char)text.ptr[i] < 0x20)
			return false;
	return true;
}

static bool is_word_of(const struct conf_option *option, struct slice text)
{
	switch (option->type) {
	case CONF_TEXT:
		return text.len >= option->least && text.len <= option->most && is_plain_text(text);
	case CONF_PATH:
		return slice_starts(text, SLICE("/")) && is_plain_text(text);
	case CONF_HOST:
		return conf_is_host(text, false);
	case CONF_HOSTS:
		return conf_is_host(text, true);
	case CONF_ADDRESS:
		return conf_is_address(text) && is_plain_text(text);
	case CONF_NETWORKS:
		return conf_is_network(text);
	case CONF_REMOTES:
		return conf_is_remote(text) && is_plain_text(text);
	case CONF_RANGES:
		return conf_is_range(text);
	case CONF_SERVERS:
		return conf_is_address(text) && !slice_starts(text, SLICE("*")) &&
		       !slice_starts(text, SLICE("unix:"));
	default:
		return false;
	}
}

static int wrong_value(
	const struct conf_option *option, const struct conf_word *word, struct conf_faults *faults)
{
	AUTO(buf_free) struct buf expected = BUF(512);
	conf_value_expected(option, &expected);
	return conf_fault(faults, word->place, "wrong value \"%.40s\" for \"%s\", expected %s",
		word->text.ptr, option->key, buf_cstr(&expected));
}

/* The array behind a list that grows by doubling: a new one whenever the count is a power of 2. */
static void *grow(struct arena *arena, const void *items, size_t count, size_t size)
{
	if (count & (count - 1))
		return NULL;
	char *grown = arena_alloc(arena, size * (count ? count * 2 : 1));
	if (count)
		memcpy(grown, items, size * count);
	return grown;
}

static int add_words(struct arena *arena, const struct conf_option *option,
	const struct conf_node *node, struct conf_list *list, struct conf_faults *faults)
{
	for (const struct conf_word *word = node->values; word; word = word->next) {
		if (!is_word_of(option, word->text))
			return wrong_value(option, word, faults);
		if (list->count == CONF_LIST_MAX)
			return conf_fault(faults, word->place, "more than %d values for \"%s\"",
				(int)CONF_LIST_MAX, option->key);
		const char **grown = grow(arena, list->items, list->count, sizeof(const char *));
		if (grown)
			list->items = grown;
		((const char **)list->items)[list->count++] = word->text.ptr;
	}
	return 0;
}

static int add_durations(struct arena *arena, const struct conf_option *option,
	const struct conf_node *node, struct conf_durations *list, struct conf_faults *faults)
{
	for (const struct conf_word *word = node->values; word; word = word->next) {
		uint64_t value;
		if (!read_number(option, word->text, &value))
			return wrong_value(option, word, faults);
		if (list->count == CONF_DURATIONS_MAX)
			return conf_fault(faults, word->place, "more than %d values for \"%s\"",
				(int)CONF_DURATIONS_MAX, option->key);
		uint64_t *grown = grow(arena, list->items, list->count, sizeof(value));
		if (grown)
			list->items = grown;
		((uint64_t *)list->items)[list->count++] = value;
	}
	return 0;
}

/* <protocol> <address> [proxy] */
static int add_listen(struct arena *arena, const struct conf_option *option,
	const struct conf_node *node, struct conf_listens *list, struct conf_faults *faults)
{
	const struct conf_word *protocol = node->values, *address = protocol->next;
	const struct conf_word *flag = address ? address->next : NULL;
	struct conf_listen item = {0};
	if (find_choice(option->choices, protocol->text) < 0)
		return wrong_value(option, protocol, faults);
	while (!slice_eq(protocol->text, slice_str(conf_protocol_name(item.protocol))))
		item.protocol++;
	if (!address)
		return conf_fault(faults, protocol->place,
			"\"%s\" lacks an address behind \"%s\", expected one like *:25",
			option->key, protocol->text.ptr);
	if (!conf_is_address(address->text))
		return conf_fault(faults, address->place,
			"wrong address \"%.60s\", expected one like 192.0.2.1:25, "
			"[2001:db8::1]:25, *:25 or unix:/path",
			address->text.ptr);
	item.address = address->text.ptr;
	if (flag && (flag->next || !slice_eq(flag->text, SLICE("proxy"))))
		return conf_fault(faults, flag->place,
			"wrong flag \"%.40s\" for \"%s\", expected proxy or \";\"", flag->text.ptr,
			option->key);
	item.proxy = flag != NULL;
	if (list->count == CONF_LISTEN_MAX)
		return conf_fault(
			faults, node->name.place, "more than %d listeners", (int)CONF_LISTEN_MAX);
	struct conf_listen *grown = grow(arena, list->items, list->count, sizeof(item));
	if (grown)
		list->items = grown;
	((struct conf_listen *)list->items)[list->count++] = item;
	return 0;
}

static int set_one(const struct conf_option *option, const struct conf_word *word, void *field,
	struct conf_faults *faults)
{
	bool ok;
	int choice;
	switch (option->type) {
	case CONF_BOOL:
		ok = read_bool(word->text, field);
		break;
	case CONF_NUMBER:
	case CONF_SIZE:
	case CONF_DURATION:
		ok = read_number(option, word->text, field);
		break;
	case CONF_CHOICE:
		choice = find_choice(option->choices, word->text);
		ok = choice >= 0;
		if (ok)
			memcpy(field, &choice, sizeof(choice));
		break;
	default:
		ok = is_word_of(option, word->text);
		if (ok)
			*(const char **)field = word->text.ptr;
	}
	return ok ? 0 : wrong_value(option, word, faults);
}

bool conf_value_is_list(const struct conf_option *option)
{
	return option->type == CONF_LISTEN || option->type == CONF_HOSTS ||
	       option->type == CONF_NETWORKS || option->type == CONF_SERVERS ||
	       option->type == CONF_RANGES || option->type == CONF_DURATIONS ||
	       option->type == CONF_REMOTES;
}

int conf_value_set(struct arena *arena, const struct conf_option *option,
	const struct conf_node *node, void *field, struct conf_faults *faults)
{
	if (node->value_count == 0) {
		AUTO(buf_free) struct buf expected = BUF(512);
		conf_value_expected(option, &expected);
		return conf_fault(faults, node->name.place, "\"%s\" has no value, expected %s",
			option->key, buf_cstr(&expected));
	}
	if (option->type == CONF_LISTEN)
		return add_listen(arena, option, node, field, faults);
	if (option->type == CONF_DURATIONS)
		return add_durations(arena, option, node, field, faults);
	if (conf_value_is_list(option))
		return add_words(arena, option, node, field, faults);
	const struct conf_word *second = node->values->next;
	if (second && second->place.line > node->values->place.line)
		return conf_fault(faults, second->place,
			"\"%s\" takes one value, expected \";\" behind \"%.40s\" in line %u",
			option->key, node->values->text.ptr, node->values->place.line);
	if (second)
		return conf_fault(faults, second->place,
			"\"%s\" takes one value, expected \";\" before \"%.40s\"", option->key,
			second->text.ptr);
	return set_one(option, node->values, field, faults);
}

void conf_value_quote(struct buf *to, struct slice word)
{
	bool bare = word.len > 0 && word.ptr[0] != '#';
	for (size_t i = 0; i < word.len; i++)
		if (strchr(" \t\r\n;{}\"\\", word.ptr[i]))
			bare = false;
	if (bare) {
		buf_add_slice(to, word);
		return;
	}
	buf_add_byte(to, '"');
	for (size_t i = 0; i < word.len; i++) {
		char c = word.ptr[i];
		if (c == '"' || c == '\\' || c == '\n')
			buf_add_byte(to, '\\');
		buf_add_byte(to, c == '\n' ? 'n' : c);
	}
	buf_add_byte(to, '"');
}

static void write_list(const struct conf_option *option, const struct conf_list *list,
	const char *indent, struct buf *to)
{
	if (list->count == 0)
		return;
	buf_printf(to, "%s%s", indent, option->key);
	for (size_t i = 0; i < list->count; i++) {
		buf_add_byte(to, ' ');
		conf_value_quote(to, slice_str(list->items[i]));
	}
	buf_add_str(to, ";\n");
}

static void write_durations(const struct conf_option *option, const struct conf_durations *list,
	const char *indent, struct buf *to)
{
	if (list->count > 0)
		buf_printf(to, "%s%s", indent, option->key);
	for (size_t i = 0; i < list->count; i++) {
		buf_add_byte(to, ' ');
		write_number(option, list->items[i], to);
	}
	if (list->count > 0)
		buf_add_str(to, ";\n");
}

static void write_listens(const struct conf_option *option, const struct conf_listens *list,
	const char *indent, struct buf *to)
{
	for (size_t i = 0; i < list->count; i++) {
		const struct conf_listen *item = &list->items[i];
		buf_printf(to, "%s%s %s ", indent, option->key, conf_protocol_name(item->protocol));
		conf_value_quote(to, slice_str(item->address));
		buf_add_str(to, item->proxy ? " proxy;\n" : ";\n");
	}
}

void conf_value_write(
	const struct conf_option *option, const void *field, const char *indent, struct buf *to)
{
	unsigned choice;
	if (option->type == CONF_LISTEN) {
		write_listens(option, field, indent, to);
		return;
	}
	if (option->type == CONF_DURATIONS) {
		write_durations(option, field, indent, to);
		return;
	}
	if (conf_value_is_list(option)) {
		write_list(option, field, indent, to);
		return;
	}
	buf_printf(to, "%s%s ", indent, option->key);
	switch (option->type) {
	case CONF_BOOL:
		buf_add_str(to, *(const bool *)field ? "yes" : "no");
		break;
	case CONF_NUMBER:
	case CONF_SIZE:
	case CONF_DURATION:
		write_number(option, *(const uint64_t *)field, to);
		break;
	case CONF_CHOICE:
		memcpy(&choice, field, sizeof(choice));
		buf_add_slice(to, choice_at(option->choices, choice));
		break;
	default:
		conf_value_quote(to, slice_str(*(const char *const *)field));
	}
	buf_add_str(to, ";\n");
}

static void add_choices(const char *choices, struct buf *to)
{
	struct slice rest = slice_str(choices);
	while (rest.len > 0) {
		buf_add_slice(to, slice_cut(&rest, ' '));
		if (rest.len > 0)
			buf_add_str(to, slice_find(rest, ' ') < 0 ? " or " : ", ");
	}
}

static void add_range(const struct conf_option *option, const char *what, struct buf *to)
{
	buf_printf(to, "%s from ", what);
	write_number(option, option->least, to);
	buf_add_str(to, " to ");
	write_number(option, option->most, to);
}

void conf_value_expected(const struct conf_option *option, struct buf *to)
{
	switch (option->type) {
	case CONF_BOOL:
		buf_add_str(to, "yes or no");
		break;
	case CONF_NUMBER:
		add_range(option, "a number", to);
		break;
	case CONF_SIZE:
		add_range(option, "a size", to);
		buf_add_str(to, ", like 512K, 64M or 1G");
		break;
	case CONF_DURATION:
		add_range(option, "a duration", to);
		buf_add_str(to, ", like 30s, 5m, 1h or 7d");
		break;
	case CONF_DURATIONS:
		add_range(option, "durations", to);
		buf_printf(to, ", like 5m 30m 1h, %d at most", (int)CONF_DURATIONS_MAX);
		break;
	case CONF_CHOICE:
		add_choices(option->choices, to);
		break;
	case CONF_TEXT:
		if (option->least == 0)
			buf_printf(to, "at most %u byte%s of text", (unsigned)option->most,
				option->most == 1 ? "" : "s");
		else
			buf_printf(to, "%u to %u bytes of text", (unsigned)option->least,
				(unsigned)option->most);
		break;
	case CONF_PATH:
		buf_add_str(to, "an absolute path, like /var/lib/rookery");
		break;
	case CONF_HOST:
	case CONF_HOSTS:
		buf_add_str(to, "a host name, like mail.example.org");
		break;
	case CONF_ADDRESS:
		buf_add_str(to, "an address like 192.0.2.1:25, [2001:db8::1]:25, *:25 or "
				"unix:/path");
		break;
	case CONF_NETWORKS:
		buf_add_str(to, "a network like 192.0.2.0/24, 2001:db8::/32 or 192.0.2.1");
		break;
	case CONF_REMOTES:
		buf_add_str(to, "a server like host:25, tls:host:25 or unix:/path");
		break;
	case CONF_RANGES:
		buf_add_str(to, "an IPv4 address or a range, like 127.0.0.4-127.0.0.11");
		break;
	case CONF_SERVERS:
		buf_add_str(to, "an IP address and a port, like 192.0.2.1:53 or [2001:db8::1]:53");
		break;
	case CONF_LISTEN:
		add_choices(option->choices, to);
		buf_add_str(to, ", then an address");
		break;
	}
}
