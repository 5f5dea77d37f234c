/* The limit of a link as two nodes have it: one TLS 1.3 connection with a pre-shared key and
 * AES-128-GCM over loopback, between two processes, of which one sends and one reads, whole records
 * at a time, and neither does anything else.
 *
 * limit_link SECONDS   prints "RESULT key=value ...". */
#include <arpa/inet.h>
#include <errno.h>
#include <openssl/ssl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { RECORD = 16 << 10, KEY_LEN = 32, LOOK_EVERY = 256 };
static const char SUITE[] = "TLS_AES_128_GCM_SHA256", NAME[] = "bench";

static void fail(const char *what)
{
	fprintf(stderr, "limit_link: %s: %s\n", what, strerror(errno));
	exit(1);
}

static unsigned client_key(SSL *ssl, const char *hint, char *name, unsigned name_max,
	unsigned char *key, unsigned key_max)
{
	(void)snprintf(name, name_max, "%s", NAME);
	memset(key, 'k', KEY_LEN);
	return KEY_LEN;
}

static unsigned server_key(SSL *ssl, const char *name, unsigned char *key, unsigned key_max)
{
	memset(key, 'k', KEY_LEN);
	return KEY_LEN;
}

static SSL *begin(int fd, const SSL_METHOD *method)
{
	SSL_CTX *context = SSL_CTX_new(method);
	if (!context || !SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) ||
		!SSL_CTX_set_ciphersuites(context, SUITE) || !SSL_CTX_set_num_tickets(context, 0))
		fail("TLS");
	SSL_CTX_set_psk_client_callback(context, client_key);
	SSL_CTX_set_psk_server_callback(context, server_key);
	SSL *ssl = SSL_new(context);
	if (!ssl || !SSL_set_fd(ssl, fd))
		fail("TLS");
	return ssl;
}

static double seconds(clockid_t clock)
{
	struct timespec t;
	(void)clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Until the sender closes. */
static void receive(int listener)
{
	static char record[RECORD];
	int fd = accept(listener, NULL, NULL);
	if (fd < 0)
		fail("accept");
	SSL *ssl = begin(fd, TLS_server_method());
	if (SSL_accept(ssl) != 1)
		fail("handshake");
	while (SSL_read(ssl, record, sizeof(record)) > 0)
		;
	_exit(0);
}

static void send_for(const struct sockaddr_in *to, double time_s)
{
	static char record[RECORD];
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	if (fd < 0 || connect(fd, (const struct sockaddr *)to, sizeof(*to)))
		fail("connect");
	SSL *ssl = begin(fd, TLS_client_method());
	if (SSL_connect(ssl) != 1)
		fail("handshake");
	uint64_t sent = 0;
	double begun = seconds(CLOCK_MONOTONIC), spent = 0;
	while (spent < time_s) {
		for (int i = 0; i < LOOK_EVERY; i++, sent += sizeof(record))
			if (SSL_write(ssl, record, sizeof(record)) != sizeof(record))
				fail("write");
		spent = seconds(CLOCK_MONOTONIC) - begun;
	}
	printf("RESULT cipher=%s mb_s=%.1f sender_cpu_s=%.2f\n", SSL_get_cipher(ssl),
		(double)sent / spent / 1e6, seconds(CLOCK_PROCESS_CPUTIME_ID));
	(void)shutdown(fd, SHUT_WR);
}

int main(int argc, char **argv)
{
	double time_s = argc == 2 ? strtod(argv[1], NULL) : 0;
	if (time_s <= 0) {
		fprintf(stderr, "usage: limit_link SECONDS\n");
		return 2;
	}
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	if (listener < 0 || bind(listener, (struct sockaddr *)&address, len) ||
		listen(listener, 1) || getsockname(listener, (struct sockaddr *)&address, &len))
		fail("listen");
	pid_t child = fork();
	if (child < 0)
		fail("fork");
	if (child == 0)
		receive(listener);
	send_for(&address, time_s);
	(void)fflush(stdout);
	return waitpid(child, NULL, 0) == child ? 0 : 1;
}
