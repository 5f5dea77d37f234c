/* APPEND and MULTIAPPEND (RFC 3502), with literal8 (RFC 3516). Messages are spooled as they arrive,
 * and stored all at once at the end.
 *
 * The collector stops at every literal that is announced; imap_append_begin() looks whether it is
 * the message. From there on the session goes on in append_resume(): literal bytes, then a line
 * that either ends the command or announces the next message. */
#include "imap/session_internal.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "mail/change.h"

enum {
	MESSAGES_MAX = 1000,       /* in one MULTIAPPEND */
	SPOOL_MEMORY = 128 * 1024, /* of a message kept in memory */
	SWALLOW_MAX = 2,           /* as much of a refused LITERAL+ is read, in largest messages */
	TOTAL_MAX = 16,            /* largest messages' worth of bytes in one MULTIAPPEND */
	APPENDING_MAX = 128 * 1024 * 1024, /* memory for the messages of all clients */
};

struct part {
	struct spool *spool;
	struct mail_new message;
};

struct append {
	struct imap_going going;
	struct id mailbox;
	struct mail_limits limits;
	struct part *parts;
	size_t count, room;
	uint64_t left; /* literal bytes still to come */
	uint64_t total;
	size_t promised; /* of service->appending */
	/* A refusal that waits for the end of what the client is sending anyway (LITERAL+). */
	bool refused, bad;
	const char *refusal_code, *refusal;
	struct imap_collect tail;
};

static void append_free(struct imap_session *s, struct imap_going *going)
{
	struct append *a = (struct append *)going;
	(void)atomic_fetch_sub_explicit(&s->service->appending, a->promised, memory_order_relaxed);
	for (size_t i = 0; i < a->count; i++)
		spool_free(a->parts[i].spool);
	free(a->parts);
	free(a);
}

static void refuse_later(struct append *a, const char *code, const char *text)
{
	if (a->refused)
		return;
	a->refused = true;
	a->refusal_code = code;
	a->refusal = text;
}

static void refuse_for_error(struct imap_session *s, struct append *a, const struct err *err)
{
	const char *code = err->class != ERR_PERMANENT   ? "UNAVAILABLE"
			   : err->kind == ERR_OVER_QUOTA ? "OVERQUOTA"
			   : err->kind == ERR_LIMIT      ? "TOOBIG"
							 : NULL;
	refuse_later(a, code, arena_printf(&s->arena, "%s", err->text));
}

/* " (flags) "date" " in front of a message's literal. False when that is not what stands there. */
static bool parse_options(struct imap_parser *p, struct mail_new *message)
{
	message->internal_date.seconds = clock_wall();
	message->internal_date.zone_minutes = 0;
	if (!imap_space(p))
		return false;
	if (imap_at(p, '(') &&
		(!imap_flags(p, false, &message->flags, &message->keywords) || !imap_space(p)))
		return false;
	if (imap_at(p, '"') && (!imap_date_time(p, &message->internal_date) || !imap_space(p)))
		return false;
	return true;
}

/* Memory for a message. When clients have announced too much, one of each goes to a file, and no
 * more are taken: a file each would use up the descriptors. */
static size_t promise_memory(struct imap_session *s, struct append *a, uint64_t literal)
{
	atomic_size_t *sum = &s->service->appending;
	size_t want = (size_t)MIN(literal, (uint64_t)SPOOL_MEMORY);
	if (atomic_fetch_add_explicit(sum, want, memory_order_relaxed) + want <= APPENDING_MAX) {
		a->promised += want;
		return want;
	}
	(void)atomic_fetch_sub_explicit(sum, want, memory_order_relaxed);
	if (a->count > 0)
		refuse_later(
			a, "LIMIT", "Too many messages are on their way in, try one at a time");
	return 0;
}

/* Room for one more message, checked against size and quota. */
static void begin_part(
	struct imap_session *s, struct append *a, const struct mail_new *message, uint64_t literal)
{
	struct err err;
	a->left = literal;
	a->total += literal;
	if (literal == 0)
		refuse_later(a, NULL, "An empty message is not stored");
	else if (literal > mail_message_max(imap_mail(s)))
		refuse_later(a, "TOOBIG", "Message too big");
	else if (a->count == MESSAGES_MAX || a->total > TOTAL_MAX * mail_message_max(imap_mail(s)))
		refuse_later(a, "LIMIT", "Too many messages in one APPEND");
	else if (!a->refused &&
		 mail_room_check(imap_mail(s), imap_account(s), &a->limits, a->total, &err) < 0)
		refuse_for_error(s, a, &err);
	size_t memory = a->refused ? 0 : promise_memory(s, a, literal);
	if (a->refused)
		return;
	if (a->count == a->room) {
		a->room = a->room ? a->room * 2 : 4;
		a->parts = alloc_resize(a->parts, a->room, sizeof(*a->parts));
	}
	a->parts[a->count++] = (struct part){
		.spool =
			spool_new(s->service->spool_dir_fd, memory, mail_message_max(imap_mail(s))),
		.message = *message,
	};
}

/* "APPENDUID 38505 3955:3957" */
static const char *appenduid(struct imap_session *s, const struct mail_added *added, size_t count)
{
	AUTO(buf_free) struct buf text = BUF(SIZE_MAX);
	struct mail_set uids = {0};
	mail_added_set(added, count, &uids);
	buf_printf(&text, "APPENDUID %u ", added->uid_validity);
	mail_set_write(&uids, &text);
	mail_set_free(&uids);
	return arena_copy(&s->arena, buf_slice(&text)).ptr;
}

static enum imap_run store_all(struct imap_session *s, struct append *a)
{
	struct mail_new *messages = ARENA_ARRAY(&s->arena, struct mail_new, a->count);
	struct mail_added added;
	struct err err;
	for (size_t i = 0; i < a->count; i++) {
		messages[i] = a->parts[i].message;
		if (spool_slice(a->parts[i].spool, &messages[i].bytes, &err) < 0)
			return imap_failed(s, &err);
	}
	if (mail_append(imap_mail(s), imap_account(s), a->mailbox, &a->limits, messages, a->count,
		    &added, &err) < 0)
		return err.kind == ERR_ABSENT ? imap_no(s, "TRYCREATE", "No such mailbox")
					      : imap_failed(s, &err);
	atomic_fetch_add_explicit(&s->service->figures.appended, a->count, memory_order_relaxed);
	return imap_ok(s, appenduid(s, &added, a->count), "Stored");
}

static enum imap_run ended(struct imap_session *s, struct append *a)
{
	if (a->bad)
		return imap_bad_text(s, "Expected the end, or another message");
	if (a->refused)
		return imap_no(s, a->refusal_code, a->refusal);
	return store_all(s, a);
}

/* The line behind a message. IMAP_WAIT_INPUT: go on (more literal, or more of the line). */
static enum imap_run take_tail(struct imap_session *s, struct append *a, bool *ret_waits)
{
	struct slice input = net_input(s->net);
	enum imap_collected got = imap_collect_step(&a->tail, input);
	*ret_waits = got == IMAP_NEED_MORE;
	if (*ret_waits)
		return IMAP_WAIT_INPUT;
	if (got == IMAP_TOO_LONG)
		return IMAP_CLOSE;
	size_t end = a->tail.at;
	bool again = got == IMAP_LITERAL, plus = a->tail.plus;
	uint64_t literal = a->tail.literal;
	struct slice line = slice_trim(slice(input.ptr, end));
	struct mail_new message = {0};
	struct imap_parser p = {.arena = &s->arena};
	p.rest = arena_copy(&s->arena, slice(input.ptr, again ? a->tail.announced_at : 0));
	bool good = again ? parse_options(&p, &message) && imap_end(&p) : line.len == 0;
	a->tail = (struct imap_collect){0};
	net_consume(s->net, end);
	a->bad |= !good;
	if (!again)
		return ended(s, a);
	if (plus && literal > SWALLOW_MAX * mail_message_max(imap_mail(s))) {
		net_write_str(s->net, "* BYE [TOOBIG] Literal too long\r\n");
		return IMAP_CLOSE;
	}
	if (a->bad)
		refuse_later(a, NULL, "Malformed");
	begin_part(s, a, &message, literal);
	if (!plus) {
		if (a->refused)
			return ended(s, a);
		net_write_str(s->net, "+ OK\r\n");
	}
	return IMAP_WAIT_INPUT;
}

static enum imap_run take_literal(struct imap_session *s, struct append *a)
{
	struct slice input = net_input(s->net);
	struct err err;
	struct slice piece = slice_sub(input, 0, (size_t)MIN(a->left, (uint64_t)input.len));
	if (!a->refused && spool_add(a->parts[a->count - 1].spool, piece, &err) < 0) {
		log_error(net_log(s->net), "message can't be spooled", F_ERR(&err));
		refuse_for_error(s, a, &err);
	}
	a->left -= piece.len;
	net_consume(s->net, piece.len);
	return IMAP_WAIT_INPUT;
}

static enum imap_run append_resume(
	struct imap_session *s, struct imap_going *going, unsigned events)
{
	struct append *a = (struct append *)going;
	if (events & NET_TIMEOUT) {
		net_write_str(s->net, "* BYE Autologout; idle for too long\r\n");
		return IMAP_CLOSE;
	}
	for (;;) {
		if (a->left > 0) {
			if (net_input(s->net).len == 0)
				return IMAP_WAIT_INPUT;
			(void)take_literal(s, a);
			continue;
		}
		bool waits;
		enum imap_run r = take_tail(s, a, &waits);
		if (r != IMAP_WAIT_INPUT || waits)
			return r;
	}
}

/* "tag APPEND mailbox [flags] [date] " up to the announcement. */
static bool parse_prefix(struct imap_session *s, struct imap_parser *p, struct slice *ret_tag,
	struct slice *ret_mailbox, struct mail_new *ret_message)
{
	return imap_tag(p, ret_tag) && imap_space(p) && imap_word(p, "APPEND") && imap_space(p) &&
	       imap_mailbox(p, ret_mailbox) && parse_options(p, ret_message) && imap_end(p);
}

int imap_append_begin(
	struct imap_session *s, struct slice so_far, uint64_t literal, bool plus, bool binary)
{
	struct slice verb = so_far, tag = slice_cut(&verb, ' ');
	if (tag.len == 0 || !slice_starts_nocase(verb, SLICE("APPEND ")))
		return 0;
	struct imap_parser p = {
		.rest = arena_copy(&s->arena, so_far),
		.arena = &s->arena,
		.utf8 = imap_has(s, IMAP_REV2),
	};
	struct mail_new message = {0};
	struct slice name;
	if (!parse_prefix(s, &p, &tag, &name, &message))
		return 0;
	s->tag = tag;
	s->name = "APPEND";
	if (plus && literal > SWALLOW_MAX * mail_message_max(imap_mail(s)))
		return 0; /* the session ends it: too much to swallow */
	struct append *a = ALLOC(struct append);
	a->going = (struct imap_going){.resume = append_resume, .free = append_free};
	struct mail_mailbox mailbox;
	struct err err;
	int r = mail_mailbox_find(imap_mail(s), imap_account(s), name, &s->arena, &mailbox, &err);
	if (r == MAIL_ABSENT)
		refuse_later(a, "TRYCREATE", "No such mailbox");
	else if (r < 0 || imap_limits(s, &a->limits, &err) < 0)
		refuse_for_error(s, a, &err);
	else
		a->mailbox = mailbox.id;
	begin_part(s, a, &message, literal);
	s->going = &a->going;
	if (a->refused && !plus) {
		(void)ended(s, a);
		return -1;
	}
	return 1;
}

/* Reached when no literal was announced where the message should be. */
enum imap_run imap_cmd_append(struct imap_session *s, struct imap_parser *p)
{
	return imap_bad_text(s, "Expected mailbox, flags, date, and the message as a literal");
}
