/* Any bytes as a client's commands: collected, then parsed by what their verb asks for. */
#include "imap/collect.h"
#include "imap/fetch_internal.h"
#include "imap/list_internal.h"
#include "imap/parse.h"
#include "imap/search_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_search(struct imap_parser p)
{
	struct mail_set found = {0};
	struct imap_search_parse q = {
		.count = 100, .largest_uid = 1000, .recent_from = 90, .found = &found};
	(void)imap_search_keys(&q, &p);
	imap_search_free(&q);
}

static void try_sets(struct imap_parser p)
{
	struct slice text;
	struct mail_set set = {0};
	struct imap_fetch_request request;
	uint8_t flags;
	struct mail_keywords keywords;
	if (imap_set_text(&p, &text) && mail_set_parse(&set, text, 1000) && imap_space(&p)) {
		struct imap_parser copy = p;
		(void)!imap_fetch_items(&copy, &request);
		(void)!imap_flags(&p, true, &flags, &keywords);
	}
	mail_set_free(&set);
}

static void try_names(struct imap_parser p)
{
	struct slice name, pattern;
	struct message_date date;
	int64_t day;
	struct imap_parser copy = p;
	if (imap_mailbox(&p, &name) && imap_space(&p) && imap_list_mailbox(&p, &pattern))
		(void)imap_list_match(pattern, name);
	p = copy;
	(void)!imap_date_time(&copy, &date);
	(void)!imap_date(&p, &day);
}

static void try_command(struct slice command, bool utf8)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct imap_parser p = {.rest = arena_copy(&arena, command), .arena = &arena, .utf8 = utf8};
	struct slice tag, verb, string;
	uint64_t number;
	if (!imap_tag(&p, &tag) || !imap_space(&p) || !imap_atom(&p, &verb) || !imap_space(&p))
		return;
	try_search(p);
	try_sets(p);
	try_names(p);
	struct imap_parser copy = p;
	bool binary;
	while (imap_string(&copy, &string, &binary) && imap_space(&copy))
		continue;
	(void)!imap_number64(&p, &number);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice input = slice(data, size);
	struct imap_collect c = {0};
	for (int turn = 0; turn < 100; turn++) {
		enum imap_collected got = imap_collect_step(&c, input);
		if (got == IMAP_NEED_MORE || got == IMAP_TOO_LONG)
			break;
		if (got == IMAP_LITERAL) {
			if (!imap_collect_literal(&c))
				break;
			continue;
		}
		struct slice command = slice(input.ptr, c.at - 1);
		if (command.len > 0 && command.ptr[command.len - 1] == '\r')
			command.len--;
		try_command(command, turn & 1);
		input = slice_from(input, c.at);
		c = (struct imap_collect){0};
	}
	return 0;
}
