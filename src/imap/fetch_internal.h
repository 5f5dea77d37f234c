/* What FETCH was asked for, as a list of items; parsed once, written for each message. */
#ifndef IMAP_FETCH_INTERNAL_H
#define IMAP_FETCH_INTERNAL_H

#include "imap/session_internal.h"
#include "mail/message.h"
#include "message/fields.h"
#include "message/message.h"

enum imap_fetch_kind {
	IMAP_FETCH_UID,
	IMAP_FETCH_FLAGS,
	IMAP_FETCH_SIZE,
	IMAP_FETCH_MODSEQ,
	/* From here on the message's facts are needed. */
	IMAP_FETCH_INTERNALDATE,
	IMAP_FETCH_SAVEDATE,
	IMAP_FETCH_EMAILID,
	IMAP_FETCH_THREADID,
	/* From the kept forms. */
	IMAP_FETCH_ENVELOPE,
	IMAP_FETCH_BODYSTRUCTURE,
	/* From the message's bytes. */
	IMAP_FETCH_STRUCTURE, /* BODY without extension data */
	IMAP_FETCH_SECTION,   /* BODY[…], RFC822… */
	IMAP_FETCH_BINARY,
	IMAP_FETCH_BINARY_SIZE,
};

enum imap_section {
	IMAP_SECTION_ALL, /* the message, or a part's body */
	IMAP_SECTION_HEADER,
	IMAP_SECTION_FIELDS,
	IMAP_SECTION_FIELDS_NOT,
	IMAP_SECTION_TEXT,
	IMAP_SECTION_MIME,
};

enum { IMAP_FETCH_ITEMS_MAX = 200, IMAP_SECTION_DEPTH_MAX = 64 };

struct imap_fetch_item {
	enum imap_fetch_kind kind;
	enum imap_section section;
	bool peek;
	struct slice label;      /* what the answer calls it: "BODY[1.TEXT]", "RFC822" */
	const uint32_t *numbers; /* of the part; none: the whole message */
	size_t number_count;
	const struct message_field_names *fields;
	bool partial;
	uint64_t partial_from, partial_len;
	struct imap_fetch_item *next;
};

struct imap_fetch_request {
	struct imap_fetch_item *items;
	size_t count;
	bool facts, facets, sets_seen; /* what any item needs */
	bool has_uid, has_flags, has_modseq;
};

/* "(UID FLAGS BODY.PEEK[]<0.1000>)", or one item, or a macro. Pure; everything in the parser's
 * arena. */
WARN_UNUSED bool imap_fetch_items(struct imap_parser *p, struct imap_fetch_request *ret_request);
/* Adds an item that needs no argument, unless it is there. */
void imap_fetch_add(struct imap_parser *p, struct imap_fetch_request *request,
	enum imap_fetch_kind kind, const char *label);

/* What is to be sent of one item: a range of the message's bytes, or bytes of our own. */
struct imap_content {
	bool nil;              /* there is no such part */
	bool own;              /* in `bytes`, else a range of the blob */
	bool binary;           /* holds NUL: literal8 */
	bool unknown_encoding; /* BINARY of a part whose encoding is not known */
	uint64_t from, len;
	struct buf bytes;
};

/* One message while its items are written: its bytes and structure are read when the first item
 * needs them, and kept until the last, or until the client is waited for. */
struct imap_fetch_message {
	const struct mail_message *facts; /* borrowed */
	struct mail_facet forms;          /* borrowed */
	struct buf whole;                 /* empty until needed */
	struct message_part *root;
	struct arena arena;
};
/* Frees what was read, no more. */
void imap_fetch_message_free(struct imap_fetch_message *m);
/* Finds the bytes of IMAP_FETCH_SECTION, BINARY, BINARY_SIZE (len alone counts), STRUCTURE. The
 * caller frees ret_content->bytes, also after a failure. */
int imap_fetch_content(struct mail *mail, struct imap_fetch_message *m,
	const struct imap_fetch_item *item, struct imap_content *ret_content,
	struct err *err) WARN_UNUSED;

/* fetch_rows.c: a message to be told of. */
struct imap_fetch_row {
	uint32_t uid, seq;
	struct mail_row in_view;
	bool have_facts, have_facet; /* false where the request wants them: it is gone */
	struct mail_message facts;
	size_t envelope_at, envelope_len, structure_at, structure_len; /* in facets */
};

struct imap_fetch_rows {
	struct mail_set uids; /* of the view */
	bool changed_only;    /* rows whose MODSEQ is above: */
	uint64_t changed_since;
	uint32_t range, next_seq;    /* of the set; 0: at the range's start */
	struct imap_fetch_row *rows; /* the batch */
	uint32_t count, at, loaded; /* its rows; those written, counted by the caller; those read */
	struct buf facets;
};

enum { IMAP_FETCH_NO_MORE = 1 };
void imap_fetch_rows_init(struct imap_fetch_rows *rows);
void imap_fetch_rows_free(struct imap_fetch_rows *rows);
/* Frees what can be read again. */
void imap_fetch_rows_forget(struct imap_fetch_rows *rows);
/* The row to be written now; the same again until the caller has counted `at` up. Read again when
 * imap_fetch_rows_forget() was called since. */
int imap_fetch_rows_next(struct imap_session *s, struct imap_fetch_rows *rows,
	const struct imap_fetch_request *request, struct imap_fetch_row **ret_row,
	struct err *err) WARN_UNUSED;

/* fetch_send.c: what is left to be sent of an item. */
struct imap_sending {
	const struct imap_fetch_item *item;
	struct imap_content content; /* `from` and `len` are of what is left */
	bool kept;                   /* it is one of the message's forms, from `from` on */
};
/* Writes the value of an item from IMAP_FETCH_ENVELOPE on, or the beginning of it. Positive: the
 * message is gone; after that and a failure NIL stands there. */
int imap_send_begin(struct imap_session *s, struct imap_fetch_message *m,
	const struct imap_fetch_item *item, struct imap_sending *ret_sending,
	struct err *err) WARN_UNUSED;
/* Writes what is left. IMAP_DONE, IMAP_WAIT_OUTPUT; IMAP_CLOSE: it can't be read, see err. The
 * content's bytes may be freed while it waits. */
enum imap_run imap_send_on(struct imap_session *s, struct imap_fetch_message *m,
	struct imap_sending *sending, struct err *err) WARN_UNUSED;
/* Whether so much may be held while a client is waited for; then it is released later. */
bool imap_fetch_hold(struct imap_service *service, size_t bytes) WARN_UNUSED;
void imap_fetch_release(struct imap_service *service, size_t bytes);

#endif
