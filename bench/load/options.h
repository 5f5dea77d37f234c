/* What a run is asked to do. */
#ifndef LOAD_OPTIONS_H
#define LOAD_OPTIONS_H

#include <stdint.h>

enum { TLS_NONE, TLS_START, TLS_DIRECT };

struct options {
	const char *mode, *host, *port, *user_pattern, *rcpt_pattern, *pass, *mailbox, *items,
		*helo, *from;
	int conns, msgs, rcpts, users, user_base, tls, per_conn, ramp, hold, auth, pipeline;
	int count, dele, passes, delayed_ack;
	int every;   /* milliseconds, of progress; 0: none is told */
	int lmtp;    /* of the mode: LMTP instead of SMTP */
	int hostile; /* of the mode: from many addresses, with a small window */
	double size_kib, timeout;
	int size_mix;
	uint64_t seed;
	const char *run; /* tells one run's messages from another's */
	const char *weights;
};
extern struct options options;

/* Exits with a usage text when they make no sense. */
void options_parse(int argc, char **argv);
_Noreturn void options_usage(void);

#endif
