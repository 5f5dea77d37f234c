/* What two nodes say to each other while a user moves, as bytes and back; pure.
 * docs/formats/move.md has the forms. Before the secret was said nobody is believed; afterwards a
 * peer may still be of another version or out of its mind: what does not parse ends the connection.
 */
#ifndef MOVE_WIRE_H
#define MOVE_WIRE_H

#include "base/buf.h"
#include "base/err.h"
#include "base/id.h"

enum {
	MOVE_VERSION = 1,            /* spoken */
	MOVE_FRAME_MAX = 256 * 1024, /* bytes of a message in one frame */
	MOVE_MESSAGE_MAX = 1 << 30,  /* of a whole message */
	MOVE_GREETING_MAX = 4096,    /* of one before the secret was said */
	MOVE_FRAME_HEAD = 4 + 1 + 1, /* length, type, whether it is the last of its message */
};

/* A message is a request, or its answer. */
enum move_type {
	MOVE_HELLO = 1,
	MOVE_BEGIN = 2,  /* the account is being brought; from then on it is this run's */
	MOVE_ROWS = 3,   /* answer: the rows that are there, and bodies that are not */
	MOVE_APPLY = 4,  /* changes of rows; answer: ids of bodies that are not there */
	MOVE_BODIES = 5, /* these */
	MOVE_FINISH = 6, /* that is all; answer: whether it is the same there */
	MOVE_OPEN = 7,   /* he lives there from now on */
	MOVE_DROP = 8,   /* he does not come */
	MOVE_OK = 64,
	MOVE_NO = 65,
};

struct move_frame {
	unsigned type; /* enum move_type, or another one */
	bool last;
	struct slice bytes;
};
/* Cuts the next frame off the front of *input. 1; 0: more bytes are needed; -1: no frame begins
 * like this. */
int move_frame_next(struct slice *input, struct move_frame *ret_frame) WARN_UNUSED;
/* The head of a frame with so many bytes. */
void move_frame_head(unsigned type, size_t len, bool last, char ret_head[MOVE_FRAME_HEAD]);

/* Fields of all requests; of each type only its own are set. Slices point into the input. */
struct move_request {
	enum move_type type;
	/* hello */
	unsigned first_version, last_version; /* that the sender speaks */
	unsigned rows_version;                /* of what lies in its store: ROW_VERSION */
	struct slice secret;
	struct slice software; /* for people */
	/* all others */
	struct id account, run;
	/* begin */
	struct slice user, from, to;
	bool internal;  /* his directory is the internal one: his row comes with the end */
	uint64_t bytes; /* of his mail, to know about the room */
	/* apply: a batch; bodies: see move_body_next(); finish: his row */
	struct slice rest;
	/* finish */
	uint64_t digest, rows;
};
void move_request_write(const struct move_request *request, struct buf *to);
/* False: malformed, or no request. */
WARN_UNUSED bool move_request_read(
	unsigned type, struct slice bytes, struct move_request *ret_request);

/* Bodies one by one, in a request's `rest`. */
void move_body_head(struct id blob, uint64_t len, struct buf *to);
/* 1; 0: no more; -1: malformed. */
int move_body_next(struct slice *rest, struct id *ret_blob, struct slice *ret_bytes) WARN_UNUSED;

/* Of MOVE_NO. */
void move_refusal_write(const struct err *why, struct buf *to);
/* False: malformed. */
WARN_UNUSED bool move_refusal_read(struct slice bytes, struct err *ret_why);

#endif
