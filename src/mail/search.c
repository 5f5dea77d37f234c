/* Searching: one pass over the rows decides what rows can decide; what is left is read in windows,
 * each stage only for the messages that the one before left open. */
#include "mail/search.h"
#include "mail/each_internal.h"
#include "mail/mail_internal.h"
#include "mail/message.h"
#include "mail/record_internal.h"
#include "mail/search_internal.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/wait.h"

enum {
	WINDOW = 256,
	ROWS_AT_ONCE = 1 << 12, /* between two looks at the clock */
	READ_MAX = 16 << 20,    /* bytes of one message that are looked at */
	PROGRESS_MS = 1000,
};

struct search {
	struct mail *mail;
	struct id account, mailbox;
	const struct mail_view *view;
	struct search_node *program;
	int64_t now, reported_ms;
	bool (*progress)(void *context, uint32_t done);
	void *context;
	struct mail_search_result *result;
	uint32_t room;
	bool uses_facets;
	struct buf bytes; /* of the message being read */
	/* The window: messages that rows left open. */
	struct search_message messages[WINDOW];
	uint32_t uids[WINDOW];
	enum search_answer answers[WINDOW];
	uint32_t count;
	/* Those of them that a stage is read for. */
	uint32_t wanted[WINDOW], wanted_uids[WINDOW], wanted_count;
	struct mail_record record;
};

static int report(struct search *s, uint32_t done, struct err *err)
{
	int64_t now = clock_mono_ms();
	if (!s->progress || now - s->reported_ms < PROGRESS_MS)
		return 0;
	s->reported_ms = now;
	if (!s->progress(s->context, done))
		return err_temporary(err, ERR_OTHER, "the search was stopped");
	return 0;
}

static void found(struct search *s, const struct search_message *message)
{
	struct mail_search_result *result = s->result;
	if (result->count == s->room) {
		s->room = s->room ? s->room * 2 : 64;
		result->seqs = alloc_resize(result->seqs, s->room, sizeof(*result->seqs));
	}
	result->seqs[result->count++] = message->seq;
	result->highest_modseq = MAX(result->highest_modseq, message->row->modseq);
}

static void list_open(struct search *s)
{
	s->wanted_count = 0;
	for (uint32_t i = 0; i < s->count; i++) {
		if (s->answers[i] != SEARCH_MAYBE)
			continue;
		s->wanted[s->wanted_count] = i;
		s->wanted_uids[s->wanted_count++] = s->uids[i];
	}
}

static void try_object(void *context, uint32_t index, const struct store_object *object)
{
	struct search *s = context;
	struct search_message *m = &s->messages[s->wanted[index]];
	if (!mail_record_read(object->data, &s->record))
		return;
	m->stage = STAGE_OBJECT;
	m->blob = object->blob;
	m->header_len = s->record.header_len;
	m->internal_date = s->record.internal_date;
	m->saved = s->record.saved;
	s->answers[s->wanted[index]] = search_try(s->program, m);
}

static void try_facet(void *context, uint32_t index, struct slice facet)
{
	struct search *s = context;
	struct search_message *m = &s->messages[s->wanted[index]];
	struct mail_facet_record record;
	if (!mail_facet_record_read(facet, &record) || !record.texts_are_whole)
		return;
	m->stage = STAGE_FACET;
	m->envelope = record.envelope;
	s->answers[s->wanted[index]] = search_try(s->program, m);
	m->envelope = SLICE_NONE;
}

/* A message whose bytes can't be read is not found; whoever reads it gets the error. */
static void skip_damaged(struct search *s, uint32_t index, const struct err *err)
{
	char blob[ID_TEXT_SIZE + 1];
	id_to_text(s->messages[index].blob, blob);
	log_warn(NULL, "message left out of a search", F_UINT("uid", s->uids[index]),
		F_STR("blob", blob), F_ERR(err));
	s->answers[index] = SEARCH_NO;
}

/* Reads the header, or all, and tries again. */
static int try_bytes(struct search *s, uint32_t index, enum search_stage stage, struct err *err)
{
	struct search_message *m = &s->messages[index];
	struct err own = {0};
	uint64_t len = stage == STAGE_HEADER ? m->header_len : READ_MAX;
	buf_clear(&s->bytes);
	int r = mail_message_read(
		s->mail, m->blob, 0, MIN(len, (uint64_t)READ_MAX), &s->bytes, &own);
	if (r < 0 && own.kind != ERR_DAMAGED) {
		if (err)
			*err = own;
		return r;
	}
	if (r < 0) {
		skip_damaged(s, index, &own);
		return 0;
	}
	if (r == MAIL_ABSENT) {
		s->answers[index] = SEARCH_NO;
		return 0;
	}
	m->stage = stage;
	m->whole = buf_slice(&s->bytes);
	m->header = slice_sub(m->whole, 0, m->header_len);
	s->answers[index] = search_try(s->program, m);
	search_message_forget(m);
	return 0;
}

/* Stages that read the messages' bytes, one message after the other. */
static int finish_window(struct search *s, struct err *err)
{
	bool headers = search_uses(s->program, STAGE_HEADER) || s->uses_facets;
	for (uint32_t i = 0; i < s->wanted_count; i++) {
		uint32_t index = s->wanted[i];
		int r = report(s, s->messages[index].seq, err);
		if (r == 0 && headers)
			r = try_bytes(s, index, STAGE_HEADER, err);
		if (r == 0 && s->answers[index] == SEARCH_MAYBE)
			r = try_bytes(s, index, STAGE_BODY, err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Whoever was not visited by the object stage was expunged since the view was made. */
static void drop_expunged(struct search *s)
{
	for (uint32_t i = 0; i < s->count; i++)
		if (s->answers[i] == SEARCH_MAYBE && s->messages[i].stage < STAGE_OBJECT)
			s->answers[i] = SEARCH_NO;
}

static int try_window(struct search *s, struct err *err)
{
	list_open(s);
	if (s->wanted_count > 0) {
		int r = mail_each_object(s->mail, s->account, s->mailbox, s->wanted_uids,
			s->wanted_count, try_object, s, err);
		if (r < 0)
			return r;
		drop_expunged(s);
		list_open(s);
		if (s->wanted_count > 0 && s->uses_facets) {
			r = mail_each_facet(s->mail, s->account, s->mailbox, s->wanted_uids,
				s->wanted_count, try_facet, s, err);
			list_open(s);
		}
		if (r == 0)
			r = finish_window(s, err);
		if (r < 0)
			return r;
	}
	for (uint32_t i = 0; i < s->count; i++)
		if (s->answers[i] == SEARCH_YES)
			found(s, &s->messages[i]);
	s->count = 0;
	return 0;
}

static int search_rows(struct search *s, struct err *err)
{
	uint32_t rows = mail_view_count(s->view);
	for (uint32_t seq = 1; seq <= rows; seq++) {
		const struct mail_row *row = mail_view_row(s->view, seq);
		if (row->gone)
			continue;
		struct search_message *m = &s->messages[s->count];
		*m = (struct search_message){.stage = STAGE_ROW,
			.now = s->now,
			.seq = seq,
			.row = row,
			.keywords = mail_view_keywords(s->view, row->keywords)};
		enum search_answer answer = search_try(s->program, m);
		if (answer == SEARCH_NO)
			continue;
		/* In the window too when found, behind those still open: results ascend. */
		if (answer == SEARCH_YES && s->count == 0) {
			found(s, m);
			continue;
		}
		s->uids[s->count] = row->uid;
		s->answers[s->count++] = answer;
		int r = s->count == WINDOW ? try_window(s, err) : 0;
		if (r == 0 && seq % ROWS_AT_ONCE == 0)
			r = report(s, seq, err);
		if (seq % ROWS_AT_ONCE == 0)
			wait_give_way();
		if (r < 0)
			return r;
	}
	return try_window(s, err);
}

int mail_search_run(struct mail *mail, struct id account, struct id mailbox,
	const struct mail_view *view, const struct mail_search *program,
	bool (*progress)(void *context, uint32_t done), void *context,
	struct mail_search_result *ret_result, struct err *err)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	AUTO_FREE struct search *s = ALLOC(struct search);
	s->mail = mail;
	s->account = account;
	s->mailbox = mailbox;
	s->view = view;
	s->now = clock_wall();
	s->reported_ms = clock_mono_ms();
	s->progress = progress;
	s->context = context;
	s->result = ret_result;
	s->bytes = BUF(READ_MAX);
	*ret_result = (struct mail_search_result){0};
	int r = search_compile(program, &arena, &s->program, err);
	if (r < 0)
		return r;
	s->uses_facets = search_uses(s->program, STAGE_FACET);
	r = search_rows(s, err);
	buf_free(&s->bytes);
	if (r < 0) {
		free(ret_result->seqs);
		*ret_result = (struct mail_search_result){0};
	}
	return r;
}
