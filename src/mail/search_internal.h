/* A search program made ready, and what is known of a message while it is tried.
 *
 * Conditions have a stage: what must have been read to decide them. A program is tried with what is
 * at hand; MAYBE says that the next stage has to be read. */
#ifndef MAIL_SEARCH_INTERNAL_H
#define MAIL_SEARCH_INTERNAL_H

#include "mail/search.h"
#include "message/date.h"

enum search_stage {
	STAGE_ROW,    /* the view's row */
	STAGE_OBJECT, /* the message's data: dates, ids */
	STAGE_FACET,  /* the envelope */
	STAGE_HEADER, /* the header's bytes */
	STAGE_BODY,   /* all bytes */
	STAGES,
};

enum search_answer { SEARCH_NO, SEARCH_YES, SEARCH_MAYBE };

struct search_node {
	const struct mail_search *source;
	enum search_stage stage, last_stage; /* first that may decide it; last that may be needed */
	int envelope_field;                  /* enum message_envelope_index, or -1 */
	struct slice needle;                 /* folded */
	struct id blob;                      /* of MAIL_SEARCH_EMAIL_ID */
	struct search_node *children, *next; /* children: cheap ones first */
};

/* The nodes live in the arena and refer to the program. ERR_LIMIT. */
int search_compile(const struct mail_search *program, struct arena *arena,
	struct search_node **ret_node, struct err *err) WARN_UNUSED;
/* Whether some condition needs that stage. */
bool search_uses(const struct search_node *node, enum search_stage stage);

struct search_message {
	enum search_stage stage; /* what is filled below */
	int64_t now;
	uint32_t seq;
	const struct mail_row *row;
	const struct mail_keywords *keywords;
	/* STAGE_OBJECT */
	struct id blob;
	uint32_t header_len;
	struct message_date internal_date;
	int64_t saved;
	/* STAGE_FACET; ptr NULL: has none that says all */
	struct slice envelope;
	/* STAGE_HEADER: the header; STAGE_BODY: all */
	struct slice header;
	/* Folded text, made by whoever needs it first; owned. */
	struct slice whole;
	struct buf body_text, whole_text;
	bool has_body_text, has_whole_text;
};
/* Never MAYBE at STAGE_BODY. */
enum search_answer search_try(const struct search_node *node, struct search_message *message);
void search_message_forget(struct search_message *message); /* the owned texts */

#endif
