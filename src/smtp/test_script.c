/* One thread, one blocking connection. */
#include "smtp/test_script.h"

#include "base/alloc.h"
#include "net/tls.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

struct script {
	const struct script_step *steps;
	int listener, fd;
	struct net_address address;
	pthread_t thread;
	bool joined;
	char *chain, *key;
	SSL_CTX *context;
	SSL *ssl;
	struct buf heard, in;
};

static bool fill(struct script *s)
{
	char bytes[4096];
	ssize_t got = s->ssl ? SSL_read(s->ssl, bytes, sizeof(bytes))
			     : recv(s->fd, bytes, sizeof(bytes), 0);
	if (got <= 0)
		return false;
	buf_add(&s->in, bytes, (size_t)got);
	return true;
}

/* Takes `len` bytes of input as heard. */
static bool take(struct script *s, size_t len)
{
	while (s->in.len < len)
		if (!fill(s))
			return false;
	buf_add(&s->heard, s->in.data, len);
	buf_consume(&s->in, len);
	return true;
}

/* As far as `end`, which is heard too. */
static bool take_until(struct script *s, struct slice end)
{
	ssize_t at;
	while ((at = slice_search(buf_slice(&s->in), end)) < 0)
		if (!fill(s))
			return false;
	return take(s, (size_t)at + end.len);
}

static bool hear(struct script *s, const char *what)
{
	if (strcmp(what, ".") == 0) {
		size_t before = s->heard.len;
		if (!take_until(s, SLICE("\r\n")))
			return false;
		if (slice_eq(slice_from(buf_slice(&s->heard), before), SLICE(".\r\n")))
			return true;
		return take_until(s, SLICE("\r\n.\r\n"));
	}
	size_t before = s->heard.len;
	if (!take_until(s, SLICE("\r\n")))
		return false;
	struct slice line = slice_from(buf_slice(&s->heard), before);
	if (!slice_starts(line, slice_str(what))) {
		buf_printf(&s->heard, "!%s\r\n", what);
		return false;
	}
	return strcmp(what, "BDAT") != 0 || take(s, strtoul(line.ptr + 5, NULL, 10));
}

static void say(struct script *s, const char *text)
{
	size_t len = strlen(text);
	if (s->ssl)
		(void)SSL_write(s->ssl, text, (int)len);
	else
		(void)!send(s->fd, text, len, MSG_NOSIGNAL);
}

static bool shake_hands(struct script *s)
{
	s->ssl = SSL_new(s->context);
	SSL_set_fd(s->ssl, s->fd);
	return SSL_accept(s->ssl) == 1;
}

static bool play(struct script *s)
{
	for (const struct script_step *step = s->steps; step->hear; step++) {
		if (step->hear[0] && !hear(s, step->hear))
			return false;
		if (!step->say)
			return false;
		if (step->say[0])
			say(s, step->say);
		if (step->then == SCRIPT_HANDSHAKE && !shake_hands(s))
			return false;
	}
	return true;
}

static void *serve(void *context)
{
	struct script *s = context;
	const struct timeval patience = {.tv_sec = 5};
	s->fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC);
	if (s->fd < 0)
		return NULL;
	(void)setsockopt(s->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (play(s))
		while (fill(s))
			;
	buf_add_slice(&s->heard, buf_slice(&s->in));
	if (s->ssl)
		(void)SSL_shutdown(s->ssl);
	SSL_free(s->ssl);
	(void)close(s->fd);
	return NULL;
}

static void load(struct script *s, const char *host)
{
	struct err err;
	assert_int_equal(net_tls_self_signed(host, &s->chain, &s->key, &err), 0);
	s->context = SSL_CTX_new(TLS_server_method());
	BIO *chain = BIO_new_mem_buf(s->chain, -1), *key = BIO_new_mem_buf(s->key, -1);
	X509 *certificate = PEM_read_bio_X509(chain, NULL, NULL, NULL);
	EVP_PKEY *private = PEM_read_bio_PrivateKey(key, NULL, NULL, NULL);
	assert_int_equal(SSL_CTX_use_certificate(s->context, certificate), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey(s->context, private), 1);
	X509_free(certificate);
	EVP_PKEY_free(private);
	BIO_free(chain);
	BIO_free(key);
}

struct script *script_start(const struct script_step *steps, const char *host)
{
	struct script *s = ALLOC(struct script);
	s->steps = steps;
	s->heard = s->in = BUF(1 << 24);
	assert_int_equal(net_address_parse(SLICE("127.0.0.1:1"), &s->address, NULL), 0);
	((struct sockaddr_in *)&s->address.storage)->sin_port = 0;
	if (host)
		load(s, host);
	int small = 64 * 1024;
	(void)signal(SIGPIPE, SIG_IGN); /* OpenSSL writes to who has left */
	s->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	(void)setsockopt(s->listener, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	assert_int_equal(
		bind(s->listener, (struct sockaddr *)&s->address.storage, s->address.len), 0);
	assert_int_equal(
		getsockname(s->listener, (struct sockaddr *)&s->address.storage, &s->address.len),
		0);
	assert_int_equal(listen(s->listener, 1), 0);
	assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
	return s;
}

struct net_address script_address(const struct script *script)
{
	return script->address;
}

const char *script_certificate(const struct script *script)
{
	return script->chain;
}

const char *script_heard(struct script *s)
{
	if (!s->joined) {
		(void)shutdown(s->listener, SHUT_RDWR); /* nobody may have come */
		assert_int_equal(pthread_join(s->thread, NULL), 0);
	}
	s->joined = true;
	return buf_cstr(&s->heard);
}

void script_free(struct script *s)
{
	(void)script_heard(s);
	(void)close(s->listener);
	SSL_CTX_free(s->context);
	buf_free(&s->heard);
	buf_free(&s->in);
	free(s->chain);
	free(s->key);
	free(s);
}

struct script_client *script_client_new(const struct script_step *steps, const char *host)
{
	static const char *const NAMES[] = {"ann@b.test", "ben@b.test", "cyd@b.test"};
	struct script_client *c = ALLOC(struct script_client);
	c->script = script_start(steps, host);
	c->hop = (struct smtp_hop){.host = "mx.b.test", .address = script_address(c->script)};
	c->options = (struct smtp_outbound_options){
		.hostname = "us.a.test",
		.patience = {5000, 5000, 5000, 5000, 5000, 5000},
		.spool_dir_fd = AT_FDCWD,
	};
	for (size_t i = 0; i < SCRIPT_RECIPIENTS; i++) {
		c->pointers[i] = &c->recipients[i];
		c->recipients[i].envelope.path.address = slice_str(NAMES[i]);
	}
	c->t = (struct smtp_transaction){
		.sender.path.address = SLICE("sue@a.test"),
		.recipients = c->pointers,
		.session = "s",
		.extra = SLICE("Received: by us\r\n"),
		.message = SLICE("Subject: x\r\n\r\n.dot\r\n"),
	};
	return c;
}

int script_client_open(struct script_client *c)
{
	return smtp_outbound_open(
		&c->hop, &c->options, &c->arena, &c->opening, &c->outbound, &c->err);
}

enum smtp_sent script_client_send(struct script_client *c, size_t count)
{
	assert_int_equal(script_client_open(c), 0);
	c->t.count = count;
	return smtp_outbound_send(c->outbound, &c->t);
}

const char *script_client_close(struct script_client *c)
{
	smtp_outbound_close(c->outbound);
	c->outbound = NULL;
	return script_heard(c->script);
}

void script_client_free(struct script_client *c)
{
	(void)script_client_close(c);
	script_free(c->script);
	arena_free(&c->arena);
	arena_free(&c->t.arena);
	free(c);
}
