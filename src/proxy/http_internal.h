/* A connection that speaks HTTP, and its request, as the files of http*.c see them. */
#ifndef PROXY_HTTP_INTERNAL_H
#define PROXY_HTTP_INTERNAL_H

#include "http/authorization.h"
#include "http/write.h"
#include "net/far.h"
#include "proxy/http.h"

enum {
	PROXY_HTTP_HEAD_MS = 30 * 1000,     /* for a whole head, from its first byte */
	PROXY_HTTP_DRAIN_MS = 10 * 1000,    /* for each piece of a body that is dropped */
	PROXY_HTTP_DRAIN_MAX = 256 * 1024,  /* of a body that is dropped; else it is closed */
	PROXY_HTTP_REPEAT_MAX = 128 * 1024, /* of the body of one that may be sent again */
	PROXY_HTTP_STALE_MS = 1000,         /* idle for longer: it may be closed by now */
	PROXY_HTTP_INTERIM_MAX = 16,        /* 1xx answers to one request */
	PROXY_HTTP_RETRY_S = 10,            /* what clients are told to wait */
};

enum proxy_http_phase {
	PROXY_HTTP_HEAD,   /* a request is awaited */
	PROXY_HTTP_PAUSED, /* a refusal is kept back for a while */
	PROXY_HTTP_DRAIN,  /* the body of what was refused is read and dropped */
	PROXY_HTTP_ASKED,  /* the request went to the back end, its body goes, the answer is awaited
			    */
	PROXY_HTTP_ANSWER, /* the answer's body goes to the client */
};

/* What a step comes to. */
enum proxy_http_next {
	PROXY_HTTP_ON, /* another step may follow at once */
	PROXY_HTTP_WAIT,
	PROXY_HTTP_CLOSE,
	PROXY_HTTP_ABORT, /* so that the client sees that something is missing */
	PROXY_HTTP_JOINED,
};

/* One request, from its head to the end of its answer. */
struct proxy_http_request {
	char method[16];        /* cut off: only known ones matter */
	struct http_body up;    /* as the client sends it */
	struct http_body down;  /* as the back end does */
	struct http_scan scan;  /* of the answer's head */
	struct buf kept;        /* what was sent, as long as it may be sent again; has secrets */
	enum http_framing told; /* of the answer, to the client */
	unsigned status;        /* of the answer, or of the refusal */
	const char *words;      /* of the refusal */
	unsigned interim;       /* 1xx that were passed on */
	int64_t began_ms;
	int64_t pause_until_ms; /* 0: none yet */
	uint64_t drained;
	uint64_t up_bytes, down_bytes; /* of bodies */
	bool up_done : 1;
	bool minor_0 : 1, keeps : 1, expects_continue : 1; /* as the head said */
	bool has_password : 1;                             /* Basic */
	bool upgrade : 1;                                  /* to WebSocket, if it agrees */
	bool may_repeat : 1;
	bool far_keeps : 1; /* the back end goes on after its answer */
	bool closes : 1;    /* the client was told that this is the last answer */
};

/* All that is parked: small. */
struct proxy_http_session {
	struct net_session *net;
	struct proxy *proxy;
	enum proxy_http_phase phase;
	struct http_scan scan; /* of the request's head */
	int64_t head_ms;       /* when its first byte was seen; 0: nothing is there */
	bool skipped;          /* an empty line in front of it */
	struct proxy_http_request *request;
	/* The back end that is connected; link NULL: none. */
	struct proxy_link *link;
	char *whose;   /* for whom: user, place, client */
	char *to_host; /* where; "": default_host */
	/* Whose sessions may be ended; one that is told loses its back end between two requests. */
	struct directory_presence *presence;
	bool is_fresh; /* it has not answered yet */
	bool logged_in;
	int64_t used_ms; /* when its last answer ended */
	/* login master: the Authorization that was found right last (SHA-256), and until when. */
	uint8_t checked[32];
	int64_t checked_until_ms;
	unsigned refusals;
	bool ended;      /* the client sends no more */
	bool leaving;    /* the loop stops */
	char client[64]; /* IP of the present request's client, as text */
};

/* http_ask.c: the head of a request is in the input, `len` bytes; takes it out. */
enum proxy_http_next proxy_http_ask(struct proxy_http_session *s, size_t len);
/* The same request to a new connection. Negative: nobody is there. */
int proxy_http_ask_again(struct proxy_http_session *s, struct err *err) WARN_UNUSED;
/* http_answer.c: the steps of ASKED and ANSWER, and their time-outs. */
enum proxy_http_next proxy_http_asked(struct proxy_http_session *s);
enum proxy_http_next proxy_http_answer(struct proxy_http_session *s);
enum proxy_http_next proxy_http_asked_too_long(struct proxy_http_session *s);
/* http_refuse.c: answers with words of our own; what is left of the request is dropped. */
enum proxy_http_next proxy_http_refuse(
	struct proxy_http_session *s, unsigned status, const char *words);
/* After the pause that a wrong password has; counts it. */
enum proxy_http_next proxy_http_refuse_later(
	struct proxy_http_session *s, unsigned status, const char *words);
enum proxy_http_next proxy_http_paused(struct proxy_http_session *s);
enum proxy_http_next proxy_http_drain(struct proxy_http_session *s);
/* http.c: the request is over, the next may come. */
enum proxy_http_next proxy_http_next(struct proxy_http_session *s);
void proxy_http_forget_request(struct proxy_http_session *s);
/* http.c: no request can follow this one on the client's connection. */
bool proxy_http_is_last(struct proxy_http_session *s);
/* http.c: the back end's connection is closed. */
void proxy_http_leave(struct proxy_http_session *s);
/* A wrong user or password of this client, for the throttle and the figures. */
void proxy_http_failed(struct proxy_http_session *s);

#endif
