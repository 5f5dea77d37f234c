/* A command line: what is taken holds no line end, and lies inside the line. */
#include "base/must.h"
#include "envelope/command.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_inside(struct slice part, struct slice line)
{
	must(part.len == 0 || (part.ptr >= line.ptr && part.ptr + part.len <= line.ptr + line.len));
}

static void check_xtext(struct slice xtext)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct slice text;
	if (xtext.len > 0)
		must(envelope_from_xtext(xtext, &arena, &text) && text.len <= xtext.len);
}

static void check_mail(struct slice arguments)
{
	struct envelope_sender s;
	if (envelope_parse_mail(arguments, &s) != ENVELOPE_PARSED)
		return;
	check_inside(s.path.address, arguments);
	check_inside(s.envid, arguments);
	check_xtext(s.envid);
	check_xtext(s.auth);
	check_xtext(s.session);
	check_xtext(s.client);
}

static void check_rcpt(struct slice arguments)
{
	struct envelope_recipient r;
	if (envelope_parse_rcpt(arguments, &r) != ENVELOPE_PARSED)
		return;
	must(r.path.address.len > 0 && slice_find(r.orcpt, '\n') < 0);
	check_inside(r.path.address, arguments);
	check_inside(r.orcpt, arguments);
	must(!(r.notify & ENVELOPE_NOTIFY_NEVER) || r.notify == ENVELOPE_NOTIFY_NEVER);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct slice line = slice(data, size), rest, text;
	uint64_t chunk;
	bool last;
	(void)envelope_cut_verb(line, &rest);
	check_inside(rest, line);
	check_mail(rest);
	check_rcpt(rest);
	if (envelope_parse_bdat(rest, &chunk, &last))
		must(chunk <= INT64_MAX);
	if (envelope_from_xtext(rest, &arena, &text))
		must(text.len <= rest.len);
	return 0;
}
