/* What a client is told when a login ends otherwise than he wished: RFC 2449, 3206 codes. The
 * server's and the proxy's. */
#ifndef POP3_LOGIN_WORDS_H
#define POP3_LOGIN_WORDS_H

#include "directory/login.h"

/* By enum directory_login_outcome. No text: directory_login_reason(). */
struct pop3_login_words {
	const char *code, *text;
};
extern const struct pop3_login_words pop3_login_words[];

#endif
