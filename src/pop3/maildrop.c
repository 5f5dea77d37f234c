/* The maildrop: INBOX as it was at the login. Deletions are done at QUIT: of messages by their ids,
 * since UIDs may be other ones by then, when two nodes of a mirror have become one
 * (docs/mirror.md). */
#include "pop3/session_internal.h"

#include "envelope/dots.h"
#include "mail/changes.h"
#include "mail/mailbox.h"

enum { PIECE = 64 * 1024 };

enum pop3_run pop3_open_maildrop(struct pop3_session *s, const struct directory_user *user)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct mail_mailbox inbox;
	struct err err;
	if (!pop3_lock(s->service->locks, user->account))
		return pop3_err(s, "IN-USE", "Another session has this mailbox");
	s->locked = true;
	s->account = user->account;
	int r = mail_mailbox_find(
		s->service->mail, s->account, SLICE("INBOX"), &arena, &inbox, &err);
	if (r == 0) {
		s->mailbox = inbox.id;
		r = mail_view_open(s->service->mail, s->account, s->mailbox, &s->view, &err);
		store_catch_up(mail_store(s->service->mail), s->account);
	}
	if (r != 0) {
		pop3_close_maildrop(s);
		return r < 0 ? pop3_failed(s, &err)
			     : pop3_err(s, "SYS/TEMP", "There is no INBOX yet");
	}
	s->phase = POP3_TRANSACTION;
	net_printf(s->net, "+OK %u messages\r\n", mail_view_count(s->view));
	return POP3_GO_ON;
}

static void forget_deletions(struct pop3_session *s)
{
	mail_set_free(&s->deleted);
	buf_free(&s->doomed);
}

void pop3_close_maildrop(struct pop3_session *s)
{
	if (s->locked)
		pop3_unlock(s->service->locks, s->account);
	s->locked = false;
	mail_view_unref(s->view);
	s->view = NULL;
	forget_deletions(s);
}

/* A message number that is there and not deleted; 0 otherwise. */
static uint32_t number_of(struct pop3_session *s, struct slice text)
{
	uint64_t n;
	if (!slice_to_u64(slice_trim(text), UINT32_MAX, &n) || n == 0 ||
		n > mail_view_count(s->view) || mail_set_has(&s->deleted, (uint32_t)n))
		return 0;
	return (uint32_t)n;
}

static enum pop3_run no_such(struct pop3_session *s)
{
	return pop3_err(s, NULL, "No such message");
}

enum pop3_run pop3_cmd_stat(struct pop3_session *s, struct slice argument)
{
	uint64_t bytes = 0, count = 0;
	for (uint32_t n = 1; n <= mail_view_count(s->view); n++)
		if (!mail_set_has(&s->deleted, n)) {
			bytes += mail_view_row(s->view, n)->size;
			count++;
		}
	net_printf(
		s->net, "+OK %llu %llu\r\n", (unsigned long long)count, (unsigned long long)bytes);
	return POP3_GO_ON;
}

static void write_size(struct pop3_session *s, uint32_t n)
{
	buf_printf(net_output(s->net), "%u %u\r\n", n, mail_view_row(s->view, n)->size);
}

/* UIDVALIDITY and UID: never used again, the same after a restart. */
static void write_uid(struct pop3_session *s, uint32_t n)
{
	buf_printf(net_output(s->net), "%u %08x%08x\r\n", n, mail_view_uid_validity(s->view),
		mail_view_row(s->view, n)->uid);
}

static enum pop3_run list(struct pop3_session *s, struct slice argument,
	void (*write_line)(struct pop3_session *s, uint32_t n))
{
	if (slice_trim(argument).len > 0) {
		uint32_t n = number_of(s, argument);
		if (!n)
			return no_such(s);
		net_printf(s->net, "+OK ");
		write_line(s, n);
		return POP3_GO_ON;
	}
	net_printf(s->net, "+OK\r\n");
	s->list_line = write_line;
	s->list_next = 1;
	s->phase = POP3_LISTING;
	return POP3_GO_ON;
}

/* A long list waits for a slow reader, as a message does. */
enum pop3_run pop3_list_on(struct pop3_session *s)
{
	uint32_t count = mail_view_count(s->view);
	for (; s->list_next <= count; s->list_next++) {
		if (net_output_full(s->net))
			return POP3_WAIT_OUTPUT;
		if (!mail_set_has(&s->deleted, s->list_next))
			s->list_line(s, s->list_next);
	}
	net_printf(s->net, ".\r\n");
	s->phase = POP3_TRANSACTION;
	return POP3_GO_ON;
}

enum pop3_run pop3_cmd_list(struct pop3_session *s, struct slice argument)
{
	return list(s, argument, write_size);
}

enum pop3_run pop3_cmd_uidl(struct pop3_session *s, struct slice argument)
{
	return list(s, argument, write_uid);
}

static int remember_id(struct pop3_session *s, const struct mail_message *message, struct err *err)
{
	struct mail_seen seen = {message->id, message->uid};
	s->doomed.max = mail_view_count(s->view) * sizeof(seen);
	buf_add(&s->doomed, &seen, sizeof(seen));
	if (!s->doomed.failed)
		return 0;
	s->doomed.failed = false;
	return err_temporary(err, ERR_OTHER, "no memory to delete more");
}

/* At QUIT. One that is gone already is deleted for all who ask. */
static enum pop3_run doom(struct pop3_session *s, uint32_t n)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct mail_message message;
	struct err err;
	uint32_t uid = mail_view_row(s->view, n)->uid;
	bool left = false;
	int r = mail_message_get(
		s->service->mail, s->account, s->mailbox, uid, &arena, &message, &err);
	bool absent = r == MAIL_ABSENT;
	if (r == 0)
		r = remember_id(s, &message, &err);
	else if (absent)
		r = mail_has_left(s->service->mail, s->account, s->mailbox,
			mail_view_change(s->view), uid, &left, &err);
	if (r < 0)
		return pop3_failed(s, &err);
	if (absent && !left)
		return pop3_err(s, NULL, "That message has another UID now: log in again");
	mail_set_add(&s->deleted, n, n);
	return pop3_ok(s, "Will be deleted at QUIT");
}

enum pop3_run pop3_cmd_dele(struct pop3_session *s, struct slice argument)
{
	uint32_t n = number_of(s, argument);
	if (!n)
		return no_such(s);
	return doom(s, n);
}

enum pop3_run pop3_cmd_rset(struct pop3_session *s, struct slice argument)
{
	forget_deletions(s);
	return pop3_ok(s, "Nothing will be deleted");
}

static enum pop3_run begin_sending(struct pop3_session *s, uint32_t n, int64_t body_lines)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct mail_message m;
	struct err err;
	int r = mail_message_get(s->service->mail, s->account, s->mailbox,
		mail_view_row(s->view, n)->uid, &arena, &m, &err);
	if (r < 0)
		return pop3_failed(s, &err);
	if (r > 0)
		return pop3_err(s, NULL, "That message was deleted by another program");
	s->blob = m.blob;
	s->at = 0;
	s->end = m.size;
	s->header_end = m.header_len;
	s->lines_left = body_lines;
	s->line_start = true;
	s->phase = POP3_SENDING;
	if (body_lines < 0)
		atomic_fetch_add_explicit(&s->service->figures.retrieved, 1, memory_order_relaxed);
	net_printf(s->net, "+OK %u octets\r\n", m.size);
	return POP3_GO_ON;
}

enum pop3_run pop3_cmd_retr(struct pop3_session *s, struct slice argument)
{
	uint32_t n = number_of(s, argument);
	return n ? begin_sending(s, n, -1) : no_such(s);
}

enum pop3_run pop3_cmd_top(struct pop3_session *s, struct slice argument)
{
	uint64_t lines;
	uint32_t n = number_of(s, slice_cut(&argument, ' '));
	if (!slice_to_u64(slice_trim(argument), INT32_MAX, &lines))
		return pop3_err(s, NULL, "TOP takes a number and a count of lines");
	return n ? begin_sending(s, n, (int64_t)lines) : no_such(s);
}

/* For TOP: how much of a piece of the body is still wanted. */
static struct slice cut_lines(struct pop3_session *s, struct slice piece)
{
	uint64_t into_body = s->at >= s->header_end ? 0 : s->header_end - s->at;
	size_t at = (size_t)MIN(into_body, (uint64_t)piece.len);
	while (s->lines_left > 0 && at < piece.len) {
		ssize_t lf = slice_find(slice_from(piece, at), '\n');
		if (lf < 0)
			return piece;
		at += (size_t)lf + 1;
		s->lines_left--;
	}
	if (s->lines_left == 0 && (at < piece.len || s->at + at >= s->header_end))
		s->end = s->at + at;
	return slice(piece.ptr, at);
}

enum pop3_run pop3_send_on(struct pop3_session *s)
{
	AUTO(buf_free) struct buf piece = BUF(PIECE);
	struct err err;
	while (s->at < s->end) {
		if (net_output_full(s->net))
			return POP3_WAIT_OUTPUT;
		buf_clear(&piece);
		int r = mail_message_read(s->service->mail, s->blob, s->at,
			MIN(s->end - s->at, (uint64_t)PIECE), &piece, &err);
		if (r != 0 || piece.len == 0) {
			if (r < 0)
				log_error(net_log(s->net), "message can't be read", F_ERR(&err));
			return POP3_CLOSE; /* the answer has begun: there is no way back */
		}
		struct slice bytes = buf_slice(&piece);
		if (s->lines_left >= 0)
			bytes = cut_lines(s, bytes);
		envelope_dots_write(net_output(s->net), &s->line_start, bytes);
		s->at += bytes.len;
	}
	envelope_dots_write_end(net_output(s->net), s->line_start);
	s->phase = POP3_TRANSACTION;
	return POP3_GO_ON;
}

static int expunge(struct pop3_session *s, size_t *ret_expunged, struct err *err)
{
	return mail_expunge_seen(s->service->mail, s->account, s->mailbox,
		(struct mail_seen *)(void *)s->doomed.data,
		s->doomed.len / sizeof(struct mail_seen), ret_expunged, err);
}

/* INBOX may be part of another mailbox now, which has the same messages. */
static int expunge_anew(struct pop3_session *s, size_t *ret_expunged, struct err *err)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct mail_mailbox inbox;
	int r = mail_mailbox_find(
		s->service->mail, s->account, SLICE("INBOX"), &arena, &inbox, err);
	if (r != 0)
		return r < 0 ? r : 0; /* and there is none */
	s->mailbox = inbox.id;
	return expunge(s, ret_expunged, err);
}

/* RFC 1939 section 6: deletes, then lets the mailbox go. */
enum pop3_run pop3_cmd_quit(struct pop3_session *s, struct slice argument)
{
	size_t expunged = 0;
	struct err err;
	int r = 0;
	if (s->doomed.len > 0) {
		r = expunge(s, &expunged, &err);
		if (r < 0 && err.kind == ERR_ABSENT)
			r = expunge_anew(s, &expunged, &err);
		atomic_fetch_add_explicit(
			&s->service->figures.deleted, expunged, memory_order_relaxed);
	}
	if (r < 0)
		(void)pop3_failed(s, &err);
	else
		(void)pop3_ok(s, "Good bye");
	pop3_close_maildrop(s);
	return POP3_CLOSE;
}
