/* Sends one message to one server by smtp/outbound, for tests against real ones:
 *
 *     send_message [OPTION...] ADDRESS:PORT SENDER RECIPIENT... < MESSAGE
 *
 * --tls none|opportunistic|required, --host NAME (of the certificate), --ca FILE (who is trusted;
 * else anybody), --user NAME, --password TEXT, --times COUNT (on one connection), --binary, --utf8.
 * Prints what came of opening, and a line for each recipient of each message: its address; taken,
 * later or never; code, enhanced code and text that the server said, or why it was not asked. */
#include "smtp/outbound.h"

#include "envelope/path.h"
#include "net/layer.h"

#include <fcntl.h>
#include <getopt.h>
#include <unistd.h>

enum { MESSAGE_MAX = 256 << 20, READ = 64 * 1024, TIMEOUT_MS = 30 * 1000 };

struct arguments {
	struct smtp_hop hop;
	const char *ca;
	unsigned long times;
	bool binary, utf8;
};

static int usage(void)
{
	(void)fprintf(
		stderr, "send_message [OPTION...] ADDRESS:PORT SENDER RECIPIENT... < MESSAGE\n");
	return 2;
}

static bool read_tls(const char *word, enum smtp_tls_mode *ret_mode)
{
	static const char *const NAMES[] = {"none", "opportunistic", "required"};
	for (size_t i = 0; i < ARRAY_LEN(NAMES); i++)
		if (strcmp(word, NAMES[i]) == 0) {
			*ret_mode = (enum smtp_tls_mode)i;
			return true;
		}
	return false;
}

static bool read_options(int count, char **words, struct arguments *a)
{
	static const struct option OPTIONS[] = {{"tls", required_argument, NULL, 't'},
		{"host", required_argument, NULL, 'h'}, {"ca", required_argument, NULL, 'c'},
		{"user", required_argument, NULL, 'u'}, {"password", required_argument, NULL, 'p'},
		{"times", required_argument, NULL, 'n'}, {"binary", no_argument, NULL, 'b'},
		{"utf8", no_argument, NULL, '8'}, {0}};
	int option;
	bool good = true;
	while ((option = getopt_long(count, words, "", OPTIONS, NULL)) >= 0)
		switch (option) {
		case 't':
			good = good && read_tls(optarg, &a->hop.tls);
			break;
		case 'h':
			a->hop.host = optarg;
			break;
		case 'c':
			a->ca = optarg;
			break;
		case 'u':
			a->hop.user = slice_str(optarg);
			break;
		case 'p':
			a->hop.password = slice_str(optarg);
			break;
		case 'n':
			a->times = strtoul(optarg, NULL, 10);
			break;
		case 'b':
			a->binary = true;
			break;
		case '8':
			a->utf8 = true;
			break;
		default:
			good = false;
		}
	return good && count - optind >= 3;
}

static bool read_input(struct buf *to)
{
	for (;;) {
		char *room = buf_reserve(to, READ);
		ssize_t got = room ? read(STDIN_FILENO, room, READ) : -1;
		if (got <= 0)
			return got == 0;
		to->len += (size_t)got;
	}
}

static void print_opening(const struct smtp_opening *opening)
{
	static const char *const TLS[] = {
		"unused", "done", "not-offered", "refused", "broken", "untrusted"};
	(void)printf("tls %s %s %s\n", TLS[opening->tls],
		opening->tls_version ? opening->tls_version : "-",
		opening->verified_by ? opening->verified_by : "-");
}

static void print_results(const struct smtp_transaction *t)
{
	for (size_t i = 0; i < t->count; i++) {
		const struct smtp_recipient *r = t->recipients[i];
		const char *result = r->result == 0                  ? "taken"
				     : r->err.class == ERR_PERMANENT ? "never"
								     : "later";
		(void)printf("%.*s %s %d %s %s\n", SLICE_ARG(r->envelope.path.address), result,
			r->said ? r->said->code : 0,
			r->said            ? r->said->status
			: r->err.status[0] ? r->err.status
					   : "-",
			r->said ? r->said->text : r->err.text);
	}
}

static bool fill(
	struct smtp_transaction *t, const struct arguments *a, char *const *names, size_t count)
{
	t->count = count - 1;
	t->recipients = ARENA_ARRAY(&t->arena, struct smtp_recipient *, count);
	t->session = "test";
	t->sender.body = a->binary ? ENVELOPE_BINARYMIME : ENVELOPE_7BIT;
	t->sender.smtputf8 = a->utf8;
	if (names[0][0] && !envelope_parse_address(slice_str(names[0]), &t->sender.path))
		return false;
	for (size_t i = 0; i < t->count; i++) {
		struct smtp_recipient *r = ARENA_NEW(&t->arena, struct smtp_recipient);
		t->recipients[i] = r;
		if (!envelope_parse_address(slice_str(names[i + 1]), &r->envelope.path))
			return false;
	}
	return true;
}

static int send_all(const struct arguments *a, struct smtp_transaction *t, struct err *err)
{
	static const char *const SENT[] = {"sent", "ended", "in doubt"};
	const struct smtp_outbound_options options = {
		.hostname = "client.test",
		.patience = {TIMEOUT_MS, TIMEOUT_MS, TIMEOUT_MS, TIMEOUT_MS, TIMEOUT_MS,
			TIMEOUT_MS},
		.spool_dir_fd = AT_FDCWD,
	};
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct smtp_opening opening;
	struct smtp_outbound *o;
	int r = smtp_outbound_open(&a->hop, &options, &arena, &opening, &o, err);
	print_opening(&opening);
	if (r != 0)
		return -1;
	for (unsigned long i = 0; i < a->times; i++) {
		enum smtp_sent sent = smtp_outbound_send(o, t);
		print_results(t);
		(void)printf("%s\n", SENT[sent]);
		if (sent != SMTP_SENT)
			break;
	}
	smtp_outbound_close(o);
	return 0;
}

int main(int count, char **words)
{
	struct arguments a = {.hop = {.host = "localhost"}, .times = 1};
	struct smtp_transaction t = {0};
	struct buf message = BUF(MESSAGE_MAX);
	struct net_tls_client *trust = NULL;
	struct err err;
	if (!read_options(count, words, &a) || !read_input(&message) ||
		!fill(&t, &a, words + optind + 1, (size_t)(count - optind - 1)))
		return usage();
	t.message = buf_slice(&message);
	int r = net_address_parse(slice_str(words[optind]), &a.hop.address, &err);
	if (r == 0 && a.ca)
		r = net_tls_client_new(a.ca, true, &trust, &err);
	a.hop.trust = trust;
	a.hop.verified_by = trust ? "name" : NULL;
	if (r == 0)
		r = send_all(&a, &t, &err);
	if (r != 0)
		(void)printf("not opened: %s %s %s\n",
			err.class == ERR_PERMANENT ? "never" : "later",
			err.status[0] ? err.status : "-", err.text);
	net_tls_client_free(trust);
	arena_free(&t.arena);
	buf_free(&message);
	return r != 0;
}
