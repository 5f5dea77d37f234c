/* Who is logged in on this node, so that all sessions of a user can be ended at once: he is kicked,
 * or moves to another node. A protocol adds a session at its login and removes it when it closes.
 *
 * A session is told to go: it is woken, finds directory_presence_is_told(), says goodbye in its
 * protocol's words, and closes. One that can't say anything (a proxy's, which only passes bytes on)
 * is cut at once. Any thread. */
#ifndef DIRECTORY_SESSIONS_H
#define DIRECTORY_SESSIONS_H

#include "base/id.h"
#include "net/session.h"

struct directory_sessions;
struct directory_presence; /* one session's place in it */

/* Whose sessions: those with this account, and those with this canonical address. Either may be
 * missing (ID_NONE, ""); a user of a directory elsewhere may have several addresses. */
struct directory_who {
	struct id account;
	struct slice user;
};

struct directory_sessions *directory_sessions_new(void);
/* All were removed. NULL is fine. */
void directory_sessions_free(struct directory_sessions *sessions);
/* Asked, when a session has been added, whether it is to go at once: so none slips in between
 * somebody's look at who may log in and directory_sessions_end(). Set before the first is added. */
void directory_sessions_bar(struct directory_sessions *sessions,
	bool (*is_barred)(void *context, struct id account), void *context);

/* `cut`: it is cut in place of being told. Holds a reference to the session until it is removed,
 * which is by the session's close() at the latest. `sessions` NULL: returns NULL. */
struct directory_presence *directory_sessions_add(struct directory_sessions *sessions,
	struct net_session *session, const struct directory_who *who, bool cut);
void directory_sessions_remove(struct directory_sessions *sessions,
	struct directory_presence *presence); /* NULL is fine */
/* By the session itself, when it runs. NULL: false. */
bool directory_presence_is_told(const struct directory_presence *presence);

/* How many there are. */
unsigned directory_sessions_count(
	struct directory_sessions *sessions, const struct directory_who *who);
/* Ends them: tells them to go, and cuts those that are still there after `grace_ms`, for which it
 * waits (base/wait.h) no longer than needed. Returns how many there were. */
unsigned directory_sessions_end(
	struct directory_sessions *sessions, const struct directory_who *who, unsigned grace_ms);

#endif
