/* The server's half of all protocols of the proxy, as far as it is the same: a session takes
 * commands until a login begins, goes through what directory/login.h says of it, and is joined with
 * a back end, or is where it was before. A protocol brings the words. */
#ifndef PROXY_FRONT_H
#define PROXY_FRONT_H

#include "proxy/login.h"

enum proxy_run {
	PROXY_GO_ON,
	PROXY_PARK,   /* more input, or time, is needed */
	PROXY_JOINED, /* he is in, and all that was said to the client is written */
	PROXY_CLOSE,
};

struct proxy_front {
	const struct proxy_dialog *dialog;
	/* What open() says. */
	void (*greet)(struct proxy_session *s);
	/* One command of the input, which it consumes; PROXY_PARK when none is whole. */
	enum proxy_run (*take)(struct proxy_session *s);
	/* The client's next message of SASL, without its end; of what is cut off the input `len`
	 * bytes are to be consumed (a return of 0: nothing whole is there). NULL: it is a line. */
	size_t (*cut_line)(struct proxy_session *s, struct slice input, struct slice *ret_line);
	void (*challenge)(struct proxy_session *s, const char *text); /* base64 */
	void (*welcome)(struct proxy_session *s, const struct proxy_answer *answer);
	/* Why not. The back end's own words are in `answer`, where it was asked and they fit. */
	enum proxy_run (*refuse)(struct proxy_session *s, enum directory_login_outcome outcome,
		const struct proxy_answer *answer);
	/* Said before the connection is closed: too many wrong passwords, nothing came for too
	 * long, too much came at once, we stop. Whole lines. */
	const char *refused, *timed_out, *too_long, *stopping;
	const char *farewell; /* the last of them for who is joined: see net/join.h; NULL: none */
	void (*secured)(struct proxy_session *s); /* TLS stands; NULL: nothing is to be done */
};

/* The session's state begins with a struct proxy_session. */
enum net_next proxy_front_open(struct net_session *net, const struct proxy_front *front);
enum net_next proxy_front_run(struct net_session *net, unsigned events);
void proxy_front_close(struct net_session *net);
/* What comes of a step of a login; for commands that begin one. */
enum proxy_run proxy_front_answer(struct proxy_session *s, enum directory_login_outcome outcome);
/* A line of the input without its end, for commands that are lines; `max` bytes at most.
 * PROXY_GO_ON and the line, which stays in the input; proxy_front_drop() wipes and consumes it. */
enum proxy_run proxy_front_line(struct proxy_session *s, size_t max, struct slice *ret_line);
void proxy_front_drop(struct proxy_session *s, size_t len);
enum { PROXY_FRONT_SASL_MAX = DIRECTORY_LOGIN_LINE_MAX + 2 };

#endif
