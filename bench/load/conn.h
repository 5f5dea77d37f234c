/* One connection to the server. Any failure ends in a longjmp() to c->failed, which the mode sets.
 */
#ifndef LOAD_CONN_H
#define LOAD_CONN_H

#include <setjmp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <openssl/ssl.h>

struct conn {
	void *sp;
	char *stack;
	void (*fn)(struct conn *c);
	int id, done, started, waiting, at_barrier, in_setup;
	int due; /* a byte is to be read (hostile.c) */
	int fd;
	SSL *ssl;
	char *rb; /* read: what is between rp and rl is not used yet */
	size_t rp, rl, rc;
	char *wb; /* to be written by conn_flush() */
	size_t wl, wc;
	uint64_t rng;
	unsigned exists, caps, tag;
	int user;
	char *msg;
	size_t msgcap, msglen;
	jmp_buf failed;
};

/* The state of the run, shared by all connections. */
struct run {
	int epoll, active, in_setup, at_barrier, ready, complaints;
	SSL_CTX *tls;
	volatile sig_atomic_t stopping;
};
extern struct run run;

/* Finds the server's address; loopback only, since this is a load generator. */
void conn_resolve(void);
void conn_open(struct conn *c);
void conn_start_tls(struct conn *c);
void conn_close(struct conn *c);
_Noreturn void conn_fail(struct conn *c, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* A line on standard error; only the first few of a run. */
void conn_complain(struct conn *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

void conn_fill(struct conn *c); /* reads at least one byte */
/* One line without its CRLF, ends in NUL, valid until the next read. */
char *conn_line(struct conn *c, size_t *len);
void conn_skip(struct conn *c, size_t n);
void conn_put(struct conn *c, const void *p, size_t n);
void conn_putf(struct conn *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void conn_flush(struct conn *c);

void conn_setup_done(struct conn *c);
/* Returns when every connection has come here: the clock starts then. */
void conn_wait_for_all(struct conn *c);

uint64_t conn_random(struct conn *c);
unsigned conn_random_below(struct conn *c, unsigned n);

#endif
