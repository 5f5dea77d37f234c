/* Messages to send. */
#ifndef LOAD_MESSAGE_H
#define LOAD_MESSAGE_H

#include "conn.h"

void message_init(void);
void message_make(struct conn *c, const char *to); /* into c->msg, c->msglen */
/* The user's number put into a pattern such as "user%04d". */
void message_address(char *b, size_t n, const char *pat, int u);
const char *message_word(struct conn *c);

#endif
