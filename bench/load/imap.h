/* The IMAP client. */
#ifndef LOAD_IMAP_H
#define LOAD_IMAP_H

#include "conn.h"
#include "stats.h"

enum { IMAP_LITPLUS = 1, IMAP_MULTIAPPEND = 2, IMAP_IDLE = 4, IMAP_LITMINUS = 8 };

/* Reads up to the tagged answer of the current tag, or up to a "+" line.
 * 0 OK, 1 NO, 2 BAD, 3 continuation. */
int imap_answer(struct conn *c, const char *what, int quiet);
int imap_command(struct conn *c, const char *what, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void imap_open(struct conn *c, int select);
void imap_close(struct conn *c);
int imap_append(struct conn *c, const char *mbox);

#endif
