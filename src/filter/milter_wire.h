/* The milter protocol's bytes (version 6, as Sendmail 8.14 and later speak it): frames, commands,
 * answers. Pure. A frame is four bytes of length (big-endian, of what follows), one byte that says
 * what it is, and its data; texts in it end in NUL. */
#ifndef FILTER_MILTER_WIRE_H
#define FILTER_MILTER_WIRE_H

#include "base/buf.h"

enum {
	FILTER_MILTER_VERSION = 6,
	FILTER_MILTER_VERSION_MIN = 2,
	FILTER_MILTER_VERSION_DATA = 4, /* the first that knows of DATA */
	FILTER_MILTER_CHUNK = 65535,    /* of a body */
	FILTER_MILTER_FRAME_MAX = 1024 * 1024 + 64,
	FILTER_MILTER_HEAD = 5, /* length and kind */
};

/* Commands, from us. */
enum filter_milter_command {
	MILTER_ABORT = 'A',
	MILTER_BODY = 'B',
	MILTER_CONNECT = 'C',
	MILTER_MACRO = 'D',
	MILTER_END_OF_BODY = 'E',
	MILTER_HELO = 'H',
	MILTER_HEADER = 'L',
	MILTER_MAIL = 'M',
	MILTER_END_OF_HEADER = 'N',
	MILTER_NEGOTIATE = 'O',
	MILTER_QUIT = 'Q',
	MILTER_RCPT = 'R',
	MILTER_DATA = 'T',
};

/* Answers, from the filter. */
enum filter_milter_answer {
	MILTER_ADD_RCPT = '+',
	MILTER_DELETE_RCPT = '-',
	MILTER_ADD_RCPT_ARGS = '2',
	MILTER_SHUTDOWN = '4',
	MILTER_ACCEPT = 'a',
	MILTER_REPLACE_BODY = 'b',
	MILTER_CONTINUE = 'c',
	MILTER_DISCARD = 'd',
	MILTER_CHANGE_SENDER = 'e',
	MILTER_FAIL_CONNECTION = 'f',
	MILTER_ADD_HEADER = 'h',
	MILTER_INSERT_HEADER = 'i',
	MILTER_CHANGE_HEADER = 'm',
	MILTER_PROGRESS = 'p',
	MILTER_QUARANTINE = 'q',
	MILTER_REJECT = 'r',
	MILTER_SKIP = 's',
	MILTER_TEMPFAIL = 't',
	MILTER_REPLY_CODE = 'y',
};

/* What a filter may do. */
enum filter_milter_action {
	MILTER_MAY_ADD_HEADERS = 0x1,
	MILTER_MAY_CHANGE_BODY = 0x2,
	MILTER_MAY_ADD_RCPT = 0x4,
	MILTER_MAY_DELETE_RCPT = 0x8,
	MILTER_MAY_CHANGE_HEADERS = 0x10,
	MILTER_MAY_QUARANTINE = 0x20,
	MILTER_MAY_CHANGE_SENDER = 0x40,
	MILTER_MAY_ADD_RCPT_ARGS = 0x80,
	MILTER_MAY_ASK_MACROS = 0x100,
	MILTER_MAY_ALL = 0x1ff,
};

/* What it does not want to be told (NO_), or does not answer (SILENT_). */
enum filter_milter_step {
	MILTER_NO_CONNECT = 0x1,
	MILTER_NO_HELO = 0x2,
	MILTER_NO_MAIL = 0x4,
	MILTER_NO_RCPT = 0x8,
	MILTER_NO_BODY = 0x10,
	MILTER_NO_HEADERS = 0x20,
	MILTER_NO_END_OF_HEADER = 0x40,
	MILTER_SILENT_HEADER = 0x80,
	MILTER_NO_UNKNOWN = 0x100,
	MILTER_NO_DATA = 0x200,
	MILTER_MAY_SKIP = 0x400, /* it may answer MILTER_SKIP to a body's chunk */
	MILTER_SILENT_CONNECT = 0x1000,
	MILTER_SILENT_HELO = 0x2000,
	MILTER_SILENT_MAIL = 0x4000,
	MILTER_SILENT_RCPT = 0x8000,
	MILTER_SILENT_DATA = 0x10000,
	MILTER_SILENT_UNKNOWN = 0x20000,
	MILTER_SILENT_END_OF_HEADER = 0x40000,
	MILTER_SILENT_BODY = 0x80000,
	MILTER_LEADING_SPACE = 0x100000, /* values with the space behind the colon */
	MILTER_STEPS_OFFERED = 0x1ff7ff,
};

/* Points of a session with macros of their own; numbers of the wire. */
enum filter_milter_stage {
	MILTER_AT_CONNECT = 0,
	MILTER_AT_HELO = 1,
	MILTER_AT_MAIL = 2,
	MILTER_AT_RCPT = 3,
	MILTER_AT_DATA = 4,
	MILTER_AT_END = 5,
	MILTER_AT_END_OF_HEADER = 6,
	MILTER_STAGES = 7,
};

/* Appends a frame's head; what is appended behind it is its data, until filter_milter_end(). */
size_t filter_milter_begin(struct buf *to, char kind);
void filter_milter_end(struct buf *to, size_t begin);
/* Text and its NUL; bytes from an inner NUL on are left out. */
void filter_milter_add_text(struct buf *to, struct slice text);

struct filter_milter_frame {
	char kind;
	struct slice data;
};
/* Cuts a frame off the front of *rest. 0: done; 1: there is more to come; negative: none can be
 * (its length is 0 or past the maximum). */
WARN_UNUSED int filter_milter_cut_frame(struct slice *rest, struct filter_milter_frame *ret_frame);

struct filter_milter_negotiation {
	uint32_t version, actions, steps;
	struct slice macros[MILTER_STAGES]; /* names, as it asked for them; ptr NULL: it did not */
};
/* The data of a filter's MILTER_NEGOTIATE. */
WARN_UNUSED bool filter_milter_read_negotiation(
	struct slice data, struct filter_milter_negotiation *ret);

/* An answer's data: those that its kind has. Slices point into the frame. */
struct filter_milter_reply {
	char kind;
	uint32_t index;           /* of a header field */
	struct slice name, value; /* a header field; an address and its parameters; a reason */
	unsigned code;            /* MILTER_REPLY_CODE: 4xx or 5xx */
	struct slice status;      /* "5.7.1", or empty */
	struct slice text;        /* all of the body; of a reply code what follows */
};
/* False: no answer that could be. */
WARN_UNUSED bool filter_milter_read_reply(
	const struct filter_milter_frame *frame, struct filter_milter_reply *ret);

#endif
