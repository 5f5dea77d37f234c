/* The POP3 server (RFC 1939) with CAPA (2449), STLS (2595), AUTH (5034), response codes (2449,
 * 3206). */
#ifndef POP3_POP3_H
#define POP3_POP3_H

#include "directory/directory.h"
#include "directory/sessions.h"
#include "directory/throttle.h"
#include "mail/mail.h"
#include "net/session.h"

#include <stdatomic.h>

/* Its `service` is a struct pop3_service. */
extern const struct net_protocol pop3_protocol;

struct pop3_locks;
struct pop3_locks *pop3_locks_new(void);
void pop3_locks_free(struct pop3_locks *locks);

struct pop3_service {
	struct mail *mail; /* borrowed, as all here */
	struct directory *directory;
	struct pop3_locks *locks;            /* one session a mailbox; shared by all listeners */
	struct directory_throttle *throttle; /* failed logins by address; NULL: not counted */
	struct directory_sessions *sessions; /* who is logged in; NULL: nobody wants to know */
	const char *hostname;
	unsigned idle_timeout_ms; /* 0: 10 minutes (RFC 1939 section 3) */
	struct pop3_figures {
		atomic_uint_fast64_t logins, logins_failed, retrieved, deleted;
	} figures;
};

#endif
