/* A session's struct, for session.c (what a protocol calls) and drive.c (what the loop does). */
#ifndef NET_SESSION_INTERNAL_H
#define NET_SESSION_INTERNAL_H

#include "net/end.h"
#include "net/far.h"
#include "net/join.h"
#include "net/loop_internal.h"

enum {
	NET_SESSION_MAGIC = 0x5e551011,
	NET_SESSION_ID = 16,       /* characters: 80 random bits */
	NET_READ_SIZE = 16 * 1024, /* one TLS record */
	NET_TAGS = 2,
	NET_TAG_MAX = 96,
	/* Far above what any protocol queues at once (NET_OUTPUT_HIGH and one write): a session
	 * that gets here is cut. */
	NET_OUTPUT_MAX = 1 << 30,
	NET_CLOSE_MS = 30 * 1000, /* for the rest of the output */
};

enum net_stage {
	NET_STAGE_CONNECT,   /* the server's answer is awaited, by one that we open */
	NET_STAGE_PROXY,     /* the PROXY header is awaited */
	NET_STAGE_PROXIED,   /* the client's address is known */
	NET_STAGE_HANDSHAKE, /* TLS */
	NET_STAGE_OPEN,      /* the protocol's open() comes next */
	NET_STAGE_SERVE,
	NET_STAGE_JOINED, /* join.c */
	NET_STAGE_CLOSE,  /* the output's rest goes out */
	NET_STAGE_LINGER, /* the client's rest is read and dropped, so that no reset overtakes it */
};

/* What a step of a session's stage came to. */
enum net_step {
	NET_STEP_AGAIN,
	NET_STEP_WAIT,
	NET_STEP_GONE, /* it is to be ended */
};

struct net_session {
	uint32_t magic;
	atomic_uint refs;
	struct net_loop *loop;
	const struct net_listener_options *options; /* of its listener or connector */
	const struct net_protocol *protocol;
	net_slot_id id;
	struct net_task task; /* while claimed by the ready queue */
	struct net_timer timer;
	/* When the wait is over; the timer may be set to an earlier time and then looks again. */
	atomic_int_least64_t deadline;

	/* All below belongs to the claim's owner. */
	struct net_runner *runner; /* while it runs */
	struct net_end near;
	struct net_join *join;         /* NULL: this connection stands for itself */
	struct net_far *beside;        /* far.c; NULL: none */
	struct net_end *far;           /* of the join, or of the one beside */
	struct net_limit_entry *limit; /* NULL when its address is not counted */

	enum net_stage stage;
	enum net_next waiting;
	unsigned events;     /* of enum net_event, not yet told */
	unsigned timeout_ms; /* see net_set_timeout() */
	int64_t active_ms;   /* last run, or the output's last progress */
	int64_t stage_ends;  /* deadline of stages other than SERVE */
	bool opened : 1, start_tls : 1, secure : 1;
	bool outgoing : 1, peer_trusted : 1, proxied : 1;
	bool front_end : 1, by_unix : 1, by_loopback : 1; /* whoever its client is */
	bool end_told : 1;  /* the client's end of stream, by NET_EOF */
	bool consumed : 1;  /* input, in this run */
	bool lingers : 1;   /* also when nothing is left unread */
	bool told_full : 1; /* by net_output_full(), and not drained since */

	struct buf in;
	size_t in_at;      /* consumed */
	unsigned lingered; /* bytes dropped */

	struct net_address peer, local;
	char text_id[NET_SESSION_ID + 1];
	char *client_text, *tags[NET_TAGS];
	struct log_scope log;
	_Alignas(16) char state[];
};

static inline size_t net_input_len(const struct net_session *s)
{
	return s->in.len - s->in_at;
}
static inline size_t net_output_len(const struct net_session *s)
{
	return net_end_waiting(&s->near);
}
/* session.c: moves input in; true when bytes were added. Sets ended or broken. */
bool net_session_fill(struct net_session *session);
/* session.c: sends what the socket takes. Sets blocked or broken. */
void net_session_send(struct net_session *session);
/* join.c: what was joined in run() begins; a step of it; the loop stops or it is cut; a time-out;
 * when the next one is due; it is over, which closes the far end and adds the figures up. */
void net_join_begin(struct net_session *session);
enum net_step net_join_step(struct net_session *session);
enum net_step net_join_leave(struct net_session *session);
enum net_step net_join_timed_out(struct net_session *session);
int64_t net_join_deadline(const struct net_session *session);
void net_join_end(struct net_session *session);
/* join.c: as net_session_join(), with what far.c had; `end` and `input` are moved. */
void net_join_take(struct net_session *session, struct net_end *end, struct buf *input,
	const struct net_join_options *options);
/* far.c: reads and sends; NET_FAR when that is news. Whether input may be read for it. Parking. */
unsigned net_far_events(struct net_session *session);
bool net_far_takes_more(const struct net_session *session);
void net_far_park(struct net_session *session);
/* session.c: a buffer without memory borrows the worker's; park.c: and gives it back, as far as it
 * is empty. */
void net_session_borrow(struct buf *to, struct buf *spare);
void net_session_give_back(struct buf *b, size_t *at, struct buf *spare);
/* park.c: false when news came meanwhile. After true the session is not this thread's any more. */
WARN_UNUSED bool net_session_park(struct net_session *session);
/* session_life.c: takes the fd over. Nobody knows of it until net_session_begin(). */
struct net_session *net_session_new(struct net_loop *loop,
	const struct net_listener_options *options, int fd, const struct net_address *peer);
/* session_life.c: into its slot, claimed and queued; the loop's from then on. False: there is no
 * room, and it is the caller's still. */
WARN_UNUSED bool net_session_begin(struct net_session *session);
/* drive.c: the next stage, which has as much time. */
void net_session_enter(struct net_session *session, enum net_stage stage, int64_t ms);
/* drive.c: who the client is, for the log. */
void net_session_tag_client(struct net_session *session);
/* session_life.c: closes and frees one that was not begun. */
void net_session_drop(struct net_session *session);
/* session_life.c: of a connected socket. */
void net_session_learn_local(struct net_session *session);
/* session_life.c: closes the connection and frees what belongs to it. */
void net_session_end(struct net_session *session);

#endif
