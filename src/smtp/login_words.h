/* What a client is told when AUTH ends: RFC 4954 section 6. The server's and the proxy's. */
#ifndef SMTP_LOGIN_WORDS_H
#define SMTP_LOGIN_WORDS_H

#include "directory/login.h"

/* By enum directory_login_outcome. No text: directory_login_reason(). */
struct smtp_login_words {
	unsigned code;
	const char *status, *text;
};
extern const struct smtp_login_words smtp_login_words[];

#endif
