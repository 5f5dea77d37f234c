/* A fallback is parsed as if it stood in the file, so that one piece of code knows what a value
 * looks like, and a wrong row fails in the tests. */
#include "conf/defaults.h"

#include "conf/shape.h"
#include "conf/value.h"

#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

/* The system's full name as far as it can be told without asking the network twice. */
static const char *system_name(struct arena *arena)
{
	char name[256] = "";
	if (gethostname(name, sizeof(name) - 1) < 0 || !conf_is_host(slice_str(name), false))
		return "localhost";
	const char *result = arena_copy(arena, slice_str(name)).ptr;
	const struct addrinfo hints = {.ai_flags = AI_CANONNAME, .ai_socktype = SOCK_STREAM};
	struct addrinfo *found;
	if (strchr(name, '.') || getaddrinfo(name, NULL, &hints, &found) != 0)
		return result;
	if (found->ai_canonname && conf_is_host(slice_str(found->ai_canonname), false))
		result = arena_copy(arena, slice_str(found->ai_canonname)).ptr;
	freeaddrinfo(found);
	return result;
}

static const char *value_of(
	struct arena *arena, const struct conf_settings *settings, struct slice variable)
{
	const char *value = "";
	if (slice_eq(variable, SLICE("data")))
		value = settings->data;
	else if (slice_eq(variable, SLICE("run")))
		value = settings->run;
	else if (slice_eq(variable, SLICE("user")))
		value = settings->user;
	else if (slice_eq(variable, SLICE("host")))
		value = system_name(arena);
	/* NULL when it was given wrongly: that is a fault of its own, told already. */
	return value ? value : "";
}

/* The word with its <variable> replaced; there is one at most. */
static struct slice expand(
	struct arena *arena, const struct conf_settings *settings, struct slice word)
{
	ssize_t open = slice_find(word, '<'), close = slice_find(word, '>');
	if (open < 0 || close < open)
		return word;
	struct slice variable = slice_sub(word, (size_t)open + 1, (size_t)(close - open) - 1);
	return slice_str(arena_printf(arena, "%.*s%s%.*s", (int)open, word.ptr,
		value_of(arena, settings, variable),
		SLICE_ARG(slice_from(word, (size_t)close + 1))));
}

int conf_default_set(struct arena *arena, const struct conf_settings *settings,
	const struct conf_option *option, void *field, struct conf_faults *faults)
{
	struct slice rest = slice_str(option->fallback);
	struct conf_source *source = ARENA_NEW(arena, struct conf_source);
	source->name = arena_printf(arena, "default of %s", option->key);
	AUTO(buf_free) struct buf text = BUF(4096);
	while (rest.len > 0) {
		struct slice values = slice_cut(&rest, ';');
		buf_printf(&text, "%s %.*s;\n", option->key, SLICE_ARG(values));
	}
	source->text = arena_copy(arena, buf_slice(&text));
	struct conf_counts counts = {0};
	struct conf_node *node;
	int outcome = conf_parse(arena, source, &counts, faults, &node);
	for (; outcome == 0 && node; node = node->next) {
		for (struct conf_word *word = node->values; word; word = word->next)
			word->text = expand(arena, settings, word->text);
		outcome = conf_value_set(arena, option, node, field, faults);
	}
	return outcome;
}
