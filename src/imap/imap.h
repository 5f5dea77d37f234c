/* The IMAP server: IMAP4rev1 (RFC 3501) and IMAP4rev2 (RFC 9051) over the mail floor. Which
 * commands there are, and in which state they are allowed, stands in commands.c; which
 * capabilities, in capability.c. */
#ifndef IMAP_IMAP_H
#define IMAP_IMAP_H

#include "directory/directory.h"
#include "directory/sessions.h"
#include "directory/throttle.h"
#include "mail/mail.h"
#include "net/session.h"

#include <stdatomic.h>

/* Its `service` is a struct imap_service. */
extern const struct net_protocol imap_protocol;

struct imap_service {
	struct mail *mail; /* borrowed, as all here */
	struct directory *directory;
	struct directory_throttle *throttle; /* of failed logins; NULL: none */
	struct directory_sessions *sessions; /* who is logged in; NULL: nobody wants to know */
	const char *hostname;
	int spool_dir_fd;          /* folder for messages on their way in */
	unsigned login_timeout_ms; /* until logged in; 0: 3 minutes */
	unsigned idle_timeout_ms;  /* without a command; 0: 30 minutes (RFC 9051 section 5.4) */
	atomic_size_t held;        /* bytes that FETCH holds for clients that read slowly */
	atomic_size_t appending;   /* bytes of memory promised to messages that APPEND takes in */
	struct imap_figures {      /* for metrics */
		atomic_uint_fast64_t logins, logins_failed, commands, fetched, appended;
	} figures;
};

#endif
