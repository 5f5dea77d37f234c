/* Messages that are on their way to our own store at this moment, in a file mapped into memory: so
 * the next process knows, after SIGKILL, which ones may have arrived. Writing to it costs no
 * system call; what a crash of the machine loses of it is made up for by doubting everything. Calls
 * may be made from any thread. */
#ifndef QUEUE_UNDERWAY_H
#define QUEUE_UNDERWAY_H

#include "base/err.h"
#include "base/id.h"

enum { QUEUE_UNDERWAY_MAX = 1024 }; /* messages at one time */

struct queue_underway;

/* The file at `path`, made if it is missing. `boot` says which run of the machine this is (any
 * text; NULL: not known). */
int queue_underway_open(const char *path, const char *boot, struct queue_underway **ret_underway,
	struct err *err) WARN_UNUSED;
void queue_underway_close(struct queue_underway *underway); /* NULL is fine */

/* Nothing is known of what an earlier process sent: the file was missing, damaged, or the machine
 * has been started anew since. */
bool queue_underway_is_blank(const struct queue_underway *underway);
/* Whether it was under way when an earlier process was killed. */
bool queue_underway_was(struct queue_underway *underway, struct id message);
/* Of what was under way, only messages that are still in the queue matter: each of those is named,
 * and then the others are forgotten. */
void queue_underway_keep(struct queue_underway *underway, struct id message);
void queue_underway_forget_others(struct queue_underway *underway);

/* It goes out now; and what came of it is written down. Of more than QUEUE_UNDERWAY_MAX nothing is
 * noted. */
void queue_underway_begin(struct queue_underway *underway, struct id message);
void queue_underway_end(struct queue_underway *underway, struct id message);

#endif
