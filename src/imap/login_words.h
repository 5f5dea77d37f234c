/* What a client is told when a login ends otherwise than he wished: RFC 5530 codes. The server's
 * and the proxy's. */
#ifndef IMAP_LOGIN_WORDS_H
#define IMAP_LOGIN_WORDS_H

#include "directory/login.h"

/* By enum directory_login_outcome. No code: BAD, else NO. No text: directory_login_reason(). */
struct imap_login_words {
	const char *code, *text;
};
extern const struct imap_login_words imap_login_words[];

#endif
