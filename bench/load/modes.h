/* What one connection does, by mode; and the figures that only some modes have. */
#ifndef LOAD_MODES_H
#define LOAD_MODES_H

#include "conn.h"
#include "stats.h"

void mode_smtp(struct conn *c);
void mode_imap_mix(struct conn *c);
void mode_imap_fill(struct conn *c);
void mode_imap_login(struct conn *c);
void mode_imap_idle(struct conn *c);
void mode_imap_fetchall(struct conn *c);
void mode_imap_fetch(struct conn *c);
void mode_pop3(struct conn *c);
void mode_silent(struct conn *c);
void mode_imap_slow(struct conn *c);

enum imap_op {
	OP_FLAGS,
	OP_HEADERS,
	OP_ENVELOPE,
	OP_BODY,
	OP_STORE,
	OP_APPEND,
	OP_SEARCH,
	OP_EXPUNGE,
	OP_NOOP,
	OP_SELECT,
	OP_LOGIN,
	IMAP_OPS
};
extern struct histogram imap_times[IMAP_OPS];
extern int imap_weights[IMAP_OPS];

enum { FETCH_COMMANDS = 3, FETCH_PASSES_MAX = 8 };
struct fetch_command {
	const char *name, *cmd;
};
extern const struct fetch_command fetch_commands[FETCH_COMMANDS];
extern double fetch_seconds[FETCH_COMMANDS][FETCH_PASSES_MAX];

#endif
