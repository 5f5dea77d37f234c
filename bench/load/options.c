/* The command line. */
#include "options.h"

#include "modes.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct options options = {
	.host = "127.0.0.1",
	.user_pattern = "user%04d@example.test",
	.rcpt_pattern = "user%04d@example.test",
	.pass = "secret",
	.mailbox = "INBOX",
	.items = "FLAGS",
	.helo = "load.example.test",
	.from = "sender%d@source.test",
	.conns = 10,
	.msgs = 100,
	.rcpts = 1,
	.users = 1000,
	.hold = 30,
	.pipeline = 1,
	.count = 200,
	.size_kib = 4,
	.timeout = 120,
	.seed = 1,
	.passes = 2,
};

void options_usage(void)
{
	puts("mailload MODE [flags]   modes: smtp-in lmtp imap-fill imap-mix imap-login imap-idle "
	     "imap-fetchall imap-fetch pop3 silent imap-slow\n"
	     "  --host H (loopback, or unix:/path)  --port P  --tls none|starttls|tls\n"
	     "  --user-pattern, --rcpt-pattern user%04d@example.test  --pass P  --users U  "
	     "--user-base B\n"
	     "  --conns N   concurrent connections   --msgs M   messages/operations/sessions each\n"
	     "  --size KIB|mix (mix: 60% 4K 30% 16K 8% 64K 2% 512K)   --rcpts R per message\n"
	     "  --per-conn K  reconnect after K messages (smtp, lmtp; 0: never)   --no-pipeline\n"
	     "  --auth (AUTH PLAIN)   --mailbox INBOX   --count K (imap-fill: fill up to K)\n"
	     "  --passes P (imap-fetchall, imap-fetch)   --items FLAGS (imap-fetch, imap-slow)   "
	     "--dele "
	     "(pop3)\n"
	     "  --ramp K  connections in login at one time (imap-idle)\n"
	     "  --hold S  seconds (imap-idle, silent, imap-slow)\n"
	     "  --weights "
	     "flags,headers,envelope,body,store,append,search,expunge,noop,select,login\n"
	     "  --every MS  tells progress: AT monotonic-seconds deliveries errors\n"
	     "  --timeout S  ends the run   --seed X   --delayed-ack (do not ack at once)");
	exit(2);
}

static void parse_weights(const char *text)
{
	char *end = NULL;
	for (int i = 0; i < IMAP_OPS; i++) {
		imap_weights[i] = (int)strtol(text, &end, 10);
		text = *end == ',' ? end + 1 : end;
	}
}

static int number(const char *text)
{
	char *end;
	long value = strtol(text, &end, 10);
	if (*end || end == text || value < 0 || value > 1 << 30)
		options_usage();
	return (int)value;
}

static int tls_kind(const char *text)
{
	if (!strcmp(text, "tls"))
		return TLS_DIRECT;
	return !strcmp(text, "starttls") ? TLS_START : TLS_NONE;
}

static const struct {
	const char *name;
	char letter; /* of getopt_long() */
	const char **text;
	int *number;
} flags[] = {
	{"host", 'h', &options.host, NULL},
	{"port", 'p', &options.port, NULL},
	{"user-pattern", 'u', &options.user_pattern, NULL},
	{"rcpt-pattern", 'r', &options.rcpt_pattern, NULL},
	{"pass", 'w', &options.pass, NULL},
	{"mailbox", 'b', &options.mailbox, NULL},
	{"items", 'i', &options.items, NULL},
	{"from", 'f', &options.from, NULL},
	{"weights", 'W', &options.weights, NULL},
	{"users", 'U', NULL, &options.users},
	{"user-base", 'B', NULL, &options.user_base},
	{"conns", 'N', NULL, &options.conns},
	{"msgs", 'M', NULL, &options.msgs},
	{"rcpts", 'R', NULL, &options.rcpts},
	{"per-conn", 'K', NULL, &options.per_conn},
	{"count", 'c', NULL, &options.count},
	{"ramp", 'm', NULL, &options.ramp},
	{"hold", 'H', NULL, &options.hold},
	{"passes", 'P', NULL, &options.passes},
	{"every", 'e', NULL, &options.every},
};
enum { FLAGS = sizeof(flags) / sizeof(flags[0]) };

static void parse_flag(int letter, const char *value)
{
	for (int i = 0; i < FLAGS; i++) {
		if (flags[i].letter == letter && flags[i].text) {
			*flags[i].text = value;
			return;
		}
		if (flags[i].letter == letter) {
			*flags[i].number = number(value);
			return;
		}
	}
	switch (letter) {
	case 't':
		options.tls = tls_kind(value);
		break;
	case 'S':
		options.size_mix = !strcmp(value, "mix");
		options.size_kib = strtod(value, NULL);
		break;
	case 'T':
		options.timeout = strtod(value, NULL);
		break;
	case 's':
		options.seed = strtoull(value, NULL, 0);
		break;
	case 'l':
		options.pipeline = 0;
		break;
	case 'a':
		options.auth = 1;
		break;
	case 'd':
		options.dele = 1;
		break;
	case 'A':
		options.delayed_ack = 1;
		break;
	default:
		options_usage();
	}
}

void options_parse(int argc, char **argv)
{
	static const struct option others[] = {{"tls", 1, 0, 't'}, {"size", 1, 0, 'S'},
		{"timeout", 1, 0, 'T'}, {"seed", 1, 0, 's'}, {"no-pipeline", 0, 0, 'l'},
		{"auth", 0, 0, 'a'}, {"dele", 0, 0, 'd'}, {"delayed-ack", 0, 0, 'A'}};
	enum { OTHERS = sizeof(others) / sizeof(others[0]) };
	struct option known[FLAGS + OTHERS + 1] = {0};
	for (int i = 0; i < FLAGS; i++)
		known[i] = (struct option){flags[i].name, 1, NULL, flags[i].letter};
	memcpy(known + FLAGS, others, sizeof(others));
	if (argc < 2 || argv[1][0] == '-')
		options_usage();
	options.mode = argv[1];
	optind = 2;
	for (int letter; (letter = getopt_long(argc, argv, "", known, NULL)) != -1;)
		parse_flag(letter, optarg);
	if (options.conns < 1 || options.users < 1)
		options_usage();
	if (options.weights)
		parse_weights(options.weights);
}
