/* Nanoseconds of CPU per call of the hot paths. Built on demand: `ninja src/message/bench_message`;
 * with an argument only those whose name has it. */
#include "message/address.h"
#include "message/charset.h"
#include "message/crlf.h"
#include "message/date.h"
#include "message/fields.h"
#include "message/header.h"
#include "message/imap_form.h"
#include "message/preview.h"
#include "message/text.h"

static const char HEADER[] =
	"Return-Path: <ann@example.test>\r\n"
	"Received: from mx.example.test (mx.example.test [192.0.2.1])\r\n"
	"\tby store.example.test with LMTP id 6K3jAb1cZ2YxAAAAqwe123\r\n"
	"\tfor <bob@example.test>; Mon, 07 Feb 2022 22:43:05 +0100\r\n"
	"Received: from client.example.test ([198.51.100.7]) by mx.example.test\r\n"
	"\twith ESMTPSA id abc; Mon, 07 Feb 2022 22:43:04 +0100\r\n"
	"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.test; s=k1;\r\n"
	"\th=from:to:subject:date:message-id; bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=;\r\n"
	"\tb=dzdVyOfAKCdLXdJOc9G2q8LoXSlEniSbav+yuU4zGeeruD00lszZVoG4ZHRNiYzR\r\n"
	"From: =?utf-8?q?Ann_M=C3=BCller?= <ann@example.test>\r\n"
	"To: \"Bob Builder\" <bob@example.test>, Carol <carol@example.test>\r\n"
	"Cc: dave@example.test\r\n"
	"Subject: =?utf-8?q?Re=3A_Gr=C3=BC=C3=9Fe?= and some more words\r\n"
	"Date: Mon, 7 Feb 2022 22:43:04 +0100\r\n"
	"Message-ID: <20220207224304.12345@client.example.test>\r\n"
	"In-Reply-To: <20220206101010.6789@example.test>\r\n"
	"References: <1@example.test> <20220206101010.6789@example.test>\r\n"
	"MIME-Version: 1.0\r\n";
static const char PLAIN[] = "Content-Type: text/plain; charset=utf-8\r\n"
			    "Content-Transfer-Encoding: 8bit\r\n\r\n";
static const char MIXED[] =
	"Content-Type: multipart/mixed; boundary=\"=_outer\"\r\n\r\n"
	"--=_outer\r\nContent-Type: multipart/alternative; boundary=\"=_in\"\r\n\r\n"
	"--=_in\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nhello\r\n"
	"--=_in\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>hello</p>\r\n"
	"--=_in--\r\n--=_outer\r\nContent-Type: application/pdf; name=\"a.pdf\"\r\n"
	"Content-Disposition: attachment; filename=\"a.pdf\"\r\n"
	"Content-Transfer-Encoding: base64\r\n\r\n";

static void fill(struct buf *message, size_t size)
{
	static const char LINE[] =
		"The quick brown fox jumps over the lazy dog, again and again and again.\r\n";
	while (message->len < size)
		buf_add(message, LINE, sizeof(LINE) - 1);
}

/* What a delivery does with a message. */
static void deliver(struct slice whole, struct buf *out)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	const struct message_part *root = message_parse(whole, &arena);
	(void)message_write_envelope(slice_sub(whole, 0, root->header_len), out);
	message_write_structure(root, whole, true, out);
}

static struct message_field_names *names;

static void chosen_fields(struct slice whole, struct buf *out)
{
	message_write_fields(names, slice_sub(whole, 0, message_header_len(whole)), false, out);
}

static void parse_only(struct slice whole, struct buf *out)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	const struct message_part *root = message_parse(whole, &arena);
	(void)root;
}

static void envelope_only(struct slice whole, struct buf *out)
{
	(void)message_write_envelope(slice_sub(whole, 0, sizeof(HEADER) - 1), out);
}

static void split_envelope(struct slice whole, struct buf *out)
{
	struct slice fields[MESSAGE_ENVELOPE_FIELDS];
	static struct buf envelope = BUF(10000);
	if (envelope.len == 0)
		envelope_only(whole, &envelope);
	if (message_envelope_fields(buf_slice(&envelope), fields))
		buf_add_byte(out, 'x');
}

static void normalise(struct slice whole, struct buf *out)
{
	struct message_crlf state = MESSAGE_CRLF(true);
	message_crlf_feed(&state, whole, out);
	message_crlf_end(&state, out);
}

static void body_text(struct slice whole, struct buf *out)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	message_body_text(message_parse(whole, &arena), whole, out);
}

static void fold(struct slice whole, struct buf *out)
{
	charset_fold(whole, out);
}

static void preview(struct slice whole, struct buf *out)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	message_preview(message_parse(whole, &arena), whole, out);
}

static void decode_subject(struct slice whole, struct buf *out)
{
	message_decode_value(SLICE("=?utf-8?q?Re=3A_Gr=C3=BC=C3=9Fe?= and some more words"), out);
}

static void decode_koi8(struct slice whole, struct buf *out)
{
	message_decode_value(SLICE("=?koi8-r?q?=F0=F2=E9=F7=E5=F4?="), out);
}

static void date(struct slice whole, struct buf *out)
{
	struct message_date d;
	if (message_parse_date(SLICE("Mon, 7 Feb 2022 22:43:04 +0100"), &d))
		buf_add_byte(out, 'x');
}

static const char *only = "";

/* Of this process alone: others may be at work on the machine. */
static int64_t cpu_ns(void)
{
	struct timespec now = {0};
	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void run(const char *what, void (*call)(struct slice, struct buf *), struct slice whole)
{
	AUTO(buf_free) struct buf out = BUF(64u << 20);
	enum { BATCH_NS = 200 * 1000 * 1000 };
	int64_t best = INT64_MAX;
	if (!strstr(what, only))
		return;
	for (int round = 0; round < 3; round++) {
		int64_t calls = 0, start = cpu_ns(), now;
		do {
			for (int i = 0; i < 16; i++, calls++) {
				buf_clear(&out);
				call(whole, &out);
			}
			now = cpu_ns();
		} while (now - start < BATCH_NS);
		best = MIN(best, (now - start) / calls);
	}
	printf("%-44s %9lld ns\n", what, (long long)best);
}

int main(int argc, char **argv)
{
	static const struct slice WANTED[] = {{"from", 4}, {"to", 2}, {"cc", 2}, {"subject", 7},
		{"date", 4}, {"message-id", 10}, {"references", 10}, {"in-reply-to", 11},
		{"content-type", 12}};
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	AUTO(buf_free) struct buf plain = BUF(1 << 20), mixed = BUF(1 << 20), big = BUF(16 << 20);
	if (argc > 1)
		only = argv[1];
	names = message_field_names_new(WANTED, ARRAY_LEN(WANTED), &arena);
	buf_add_str(&plain, HEADER);
	buf_add_str(&plain, PLAIN);
	fill(&plain, 10240);
	buf_add_str(&mixed, HEADER);
	buf_add_str(&mixed, MIXED);
	fill(&mixed, 102400);
	buf_add_str(&mixed, "--=_outer--\r\n");
	buf_add_str(&big, HEADER);
	buf_add_str(&big, MIXED);
	fill(&big, 10u << 20);
	run("parse+envelope+structure, plain 10 KiB", deliver, buf_slice(&plain));
	run("parse+envelope+structure, mixed 100 KiB", deliver, buf_slice(&mixed));
	run("parse+envelope+structure, mixed 10 MiB", deliver, buf_slice(&big));
	run("parse, plain 10 KiB", parse_only, buf_slice(&plain));
	run("envelope", envelope_only, buf_slice(&plain));
	run("stored envelope into fields", split_envelope, buf_slice(&plain));
	run("header fields, 9 names of a 1.4 KiB header", chosen_fields, buf_slice(&plain));
	run("line ends, 10 KiB, nothing to do", normalise, buf_slice(&plain));
	run("body text, plain 10 KiB", body_text, buf_slice(&plain));
	run("fold for search, ASCII 10 KiB", fold, buf_slice(&plain));
	run("preview, plain 10 KiB", preview, buf_slice(&plain));
	run("decode a UTF-8 subject", decode_subject, buf_slice(&plain));
	run("decode a KOI8-R subject", decode_koi8, buf_slice(&plain));
	run("date", date, buf_slice(&plain));
	return 0;
}
