/* Submission through the proxy (RFC 6409, 4954), up to the login; `service` is a struct proxy. The
 * server's half is src/proxy/submission.c, the client's submission_dialog.c. */
#ifndef PROXY_SUBMISSION_H
#define PROXY_SUBMISSION_H

#include "proxy/login.h"

extern const struct net_protocol proxy_submission_protocol;
extern const struct proxy_dialog proxy_submission_dialog;

#endif
