/* libunbound with a small name server on loopback: answers, absence, silence, many at once.
 * Validation has its test in tests/system/test_dns.py. */
#include "base/bytes.h"
#include "base/clock.h"
#include "base/test.h"
#include "dns/resolver.h"
#include "dns/text.h"

#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

enum {
	HEAD = 12,
	PACKET_MAX = 4096,
	RCODE_AT = 3,
	ANSWERS_AT = 6,
	REFUSED = 5,
	QUICK_MS = 150,
	SLOW_MS = 10000
};

/* Answers by the first letter of the name: "a…" has an address, "b…" is another name of a.lan,
 * "n…" does not exist, "f…" fails, "s…" gets no answer, and all else has no data. */
struct server {
	int fd;
	struct net_address address;
	pthread_t thread;
	atomic_uint asked;
};

static size_t answer(uint8_t *packet, size_t len)
{
	static const uint8_t A[] = {0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1};
	static const uint8_t ALIAS[] = {
		0xc0, 0x0c, 0, 5, 0, 1, 0, 0, 0, 60, 0, 7, 1, 'a', 3, 'l', 'a', 'n', 0};
	size_t end = HEAD;
	while (end < len && packet[end] != 0)
		end += packet[end] + 1u;
	end += 5;
	bool wants_a = end <= len && packet[end - 3] == DNS_A;
	char letter = (char)(packet[HEAD + 1] | ' ');
	packet[2] = 0x84;
	packet[RCODE_AT] = letter == 'n' ? 3 : letter == 'f' ? REFUSED : 0;
	memset(packet + ANSWERS_AT, 0, HEAD - ANSWERS_AT);
	if (letter != 'b' && (letter != 'a' || !wants_a))
		return end;
	const uint8_t *record = letter == 'a' ? A : ALIAS;
	size_t record_len = letter == 'a' ? sizeof(A) : sizeof(ALIAS);
	packet[ANSWERS_AT + 1] = 1;
	memcpy(packet + end, record, record_len);
	return end + record_len;
}

static void *serve(void *context)
{
	struct server *server = context;
	uint8_t packet[PACKET_MAX];
	struct sockaddr_storage from;
	for (;;) {
		socklen_t from_len = sizeof(from);
		ssize_t len = recvfrom(server->fd, packet, sizeof(packet) / 2, 0,
			(struct sockaddr *)&from, &from_len);
		if (len <= HEAD + 1)
			return NULL;
		(void)atomic_fetch_add(&server->asked, 1);
		if ((packet[HEAD + 1] | ' ') != 's')
			(void)sendto(server->fd, packet, answer(packet, (size_t)len), 0,
				(struct sockaddr *)&from, from_len);
	}
}

static void server_start(struct server *server)
{
	assert_int_equal(net_address_parse(SLICE("127.0.0.1:0"), &server->address, NULL), 0);
	server->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct sockaddr *name = (struct sockaddr *)&server->address.storage;
	assert_int_equal(bind(server->fd, name, server->address.len), 0);
	assert_int_equal(getsockname(server->fd, name, &server->address.len), 0);
	assert_int_equal(pthread_create(&server->thread, NULL, serve, server), 0);
}

static void server_stop(struct server *server)
{
	/* A packet too short to be a question. */
	assert_int_equal(sendto(server->fd, "", 1, 0, (struct sockaddr *)&server->address.storage,
				 server->address.len),
		1);
	assert_int_equal(pthread_join(server->thread, NULL), 0);
	(void)close(server->fd);
}

struct setting {
	struct server server;
	struct dns *dns;
};

static int set_up(void **state)
{
	static struct setting setting;
	setting = (struct setting){0};
	server_start(&setting.server);
	struct dns_resolver_options options = {
		.servers = &setting.server.address, .server_count = 1, .timeout_ms = SLOW_MS};
	struct err err;
	if (dns_resolver_new(&options, &setting.dns, &err) < 0)
		fail_msg("%s", err.text);
	*state = &setting;
	return 0;
}

static int tear_down(void **state)
{
	struct setting *setting = *state;
	dns_free(setting->dns);
	server_stop(&setting->server);
	return 0;
}

static void an_address_is_found_and_remembered(void **state)
{
	struct setting *s = *state;
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	AUTO(buf_free) struct buf text = BUF(100);
	struct dns_answer a;
	struct err err = {0};
	for (int i = 0; i < 2; i++) {
		if (dns_lookup(s->dns, SLICE("a.lan."), DNS_A, &arena, &a, &err) != 0)
			fail_msg("%s", err.text);
		assert_int_equal(a.count, 1);
		assert_false(a.secure);
		assert_true(a.ttl > 0 && a.ttl <= 60);
		assert_slice(a.name, "a.lan");
	}
	dns_text_write(DNS_A, a.records[0], &text);
	assert_slice(buf_slice(&text), "192.0.2.1");
	assert_int_equal(atomic_load(&s->server.asked), 1);
}

static void an_alias_leads_to_its_name(void **state)
{
	struct setting *s = *state;
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct dns_answer a;
	assert_int_equal(dns_lookup(s->dns, SLICE("b.lan"), DNS_A, &arena, &a, NULL), 0);
	assert_slice(a.name, "a.lan");
	assert_int_equal(a.count, 1);
}

static void absence_and_failure_differ(void **state)
{
	struct setting *s = *state;
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct dns_answer a;
	struct err err = {0};
	assert_int_equal(dns_lookup(s->dns, SLICE("n.lan"), DNS_A, &arena, &a, &err), DNS_NO_NAME);
	assert_int_equal(dns_lookup(s->dns, SLICE("a.lan"), DNS_MX, &arena, &a, &err), DNS_NO_DATA);
	assert_int_equal(a.count, 0);
	assert_true(dns_lookup(s->dns, SLICE("f.lan"), DNS_A, &arena, &a, &err) < 0);
	assert_int_equal(err.class, ERR_TEMPORARY);
	assert_true(dns_lookup(s->dns, SLICE("a..lan"), DNS_A, &arena, &a, &err) < 0);
	assert_int_equal(err.class, ERR_PERMANENT);
	assert_int_equal(err.kind, ERR_BAD_INPUT);
}

static void silence_ends_in_time(void **state)
{
	struct setting *s = *state;
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct dns_resolver_options options = {
		.servers = &s->server.address, .server_count = 1, .timeout_ms = QUICK_MS};
	struct dns *dns;
	struct dns_answer a;
	struct err err = {0};
	assert_int_equal(dns_resolver_new(&options, &dns, &err), 0);
	int64_t began = clock_mono_ms();
	assert_true(dns_lookup(dns, SLICE("s.lan"), DNS_A, &arena, &a, &err) < 0);
	assert_int_equal(err.class, ERR_TEMPORARY);
	assert_non_null(strstr(err.text, "in time"));
	assert_true(clock_mono_ms() - began >= QUICK_MS);
	dns_free(dns);
}

enum { THREADS = 8, EACH = 50 };

static void *ask_many(void *context)
{
	struct setting *s = context;
	for (int i = 0; i < EACH; i++) {
		AUTO(arena_free) struct arena arena = ARENA_EMPTY;
		char name[32];
		struct dns_answer a;
		(void)snprintf(name, sizeof(name), "a%d.lan", i);
		if (dns_lookup(s->dns, slice_str(name), DNS_A, &arena, &a, NULL) != 0)
			return NULL;
	}
	return s;
}

static void many_threads_ask(void **state)
{
	pthread_t threads[THREADS];
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, ask_many, *state), 0);
	size_t all_good = 0;
	for (size_t i = 0; i < THREADS; i++) {
		void *good;
		assert_int_equal(pthread_join(threads[i], &good), 0);
		all_good += good != NULL;
	}
	assert_int_equal(all_good, THREADS);
}

/* The time-out falls together with the answer as often as can be. */
static void answers_that_come_too_late_hurt_nobody(void **state)
{
	struct setting *s = *state;
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct dns_resolver_options options = {
		.servers = &s->server.address, .server_count = 1, .timeout_ms = 1};
	struct dns *dns = NULL;
	struct err err = {0};
	while (dns_resolver_new(&options, &dns, &err) < 0)
		assert_int_equal(err.class, ERR_TEMPORARY);
	for (int i = 0; i < 200; i++) {
		char name[32];
		struct dns_answer a;
		(void)snprintf(name, sizeof(name), "a%d.lan", i);
		int outcome = dns_lookup(dns, slice_str(name), DNS_A, &arena, &a, &err);
		assert_true(outcome == 0 || err.class == ERR_TEMPORARY);
	}
	dns_free(dns);
}

static void *ask_in_vain(void *context)
{
	struct setting *s = context;
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct dns_answer a;
	struct err err = {0};
	char name[32]; /* one of its own: libunbound asks once for all who want the same */
	(void)snprintf(name, sizeof(name), "s%zx.lan", (size_t)&arena);
	(void)!dns_lookup(s->dns, slice_str(name), DNS_A, &arena, &a, &err);
	return err.kind == ERR_UNAVAILABLE ? s : NULL;
}

static void questions_at_once_are_bounded(void **state)
{
	struct setting *s = *state;
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct dns_resolver_options options = {.servers = &s->server.address,
		.server_count = 1,
		.timeout_ms = 2 * QUICK_MS,
		.questions_max = 1};
	struct setting other = {0};
	struct dns_answer a;
	struct err err = {0};
	pthread_t thread;
	void *good;
	assert_int_equal(dns_resolver_new(&options, &other.dns, &err), 0);
	assert_int_equal(pthread_create(&thread, NULL, ask_in_vain, &other), 0);
	while (atomic_load(&s->server.asked) == 0)
		(void)usleep(1000);
	int outcome = dns_lookup(other.dns, SLICE("a.lan"), DNS_A, &arena, &a, &err);
	assert_int_equal(pthread_join(thread, &good), 0);
	assert_non_null(good);
	assert_true(outcome < 0 && err.class == ERR_TEMPORARY && err.kind == ERR_LIMIT);
	assert_int_equal(dns_lookup(other.dns, SLICE("a.lan"), DNS_A, &arena, &a, &err), 0);
	dns_free(other.dns);
}

enum { SILENT = 150, LIBRARY_DEFAULT = 16 }; /* questions on their way at once */

static void silent_servers_hold_up_no_others(void **state)
{
	struct setting *s = *state;
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct dns_resolver_options options = {
		.servers = &s->server.address, .server_count = 1, .timeout_ms = 1000};
	struct setting other = {0};
	struct dns_answer a;
	pthread_t threads[SILENT];
	assert_int_equal(dns_resolver_new(&options, &other.dns, NULL), 0);
	for (size_t i = 0; i < SILENT; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, ask_in_vain, &other), 0);
	while (atomic_load(&s->server.asked) < LIBRARY_DEFAULT)
		(void)usleep(1000);
	int outcome = dns_lookup(other.dns, SLICE("a.lan"), DNS_A, &arena, &a, NULL);
	for (size_t i = 0; i < SILENT; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(outcome, 0);
	dns_free(other.dns);
}

static void bad_options_are_said_at_once(void **state)
{
	struct dns *dns;
	struct err err = {0};
	struct dns_resolver_options options = {.root_key = "/nowhere/root.key"};
	assert_true(dns_resolver_new(&options, &dns, &err) < 0);
	assert_int_equal(err.class, ERR_PERMANENT);
	assert_non_null(strstr(err.text, "/nowhere/root.key"));
	options = (struct dns_resolver_options){.anchors = "/etc/passwd"};
	assert_true(dns_resolver_new(&options, &dns, &err) < 0);
	options = (struct dns_resolver_options){.resolv_conf = "/nowhere/resolv.conf"};
	assert_true(dns_resolver_new(&options, &dns, &err) < 0);
	assert_non_null(strstr(err.text, "/nowhere/resolv.conf"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			an_address_is_found_and_remembered, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_alias_leads_to_its_name, set_up, tear_down),
		cmocka_unit_test_setup_teardown(absence_and_failure_differ, set_up, tear_down),
		cmocka_unit_test_setup_teardown(silence_ends_in_time, set_up, tear_down),
		cmocka_unit_test_setup_teardown(many_threads_ask, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			answers_that_come_too_late_hurt_nobody, set_up, tear_down),
		cmocka_unit_test_setup_teardown(questions_at_once_are_bounded, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			silent_servers_hold_up_no_others, set_up, tear_down),
		cmocka_unit_test(bad_options_are_said_at_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
