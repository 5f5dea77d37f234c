/* Signs, seals and verifies a message on standard input, for tests against other implementations
 * (tests/system/test_dkim_others.py). Keys come from a file of lines "NAME TEXT", not from DNS.
 *
 *   dkim_probe key rsa|ed25519                    a new private key, PEM
 *   dkim_probe record PEM-FILE                    its TXT record
 *   dkim_probe sign DOMAIN SELECTOR PEM-FILE …    the message, signed (more pairs: more signatures)
 *   dkim_probe verify KEYS-FILE                   "pass DOMAIN SELECTOR" a signature
 *   dkim_probe arc-verify KEYS-FILE               "pass", "fail REASON", "none"
 *   dkim_probe arc-seal KEYS-FILE DOMAIN SELECTOR PEM-FILE RESULTS    the message, sealed */
#include "base/clock.h"
#include "base/must.h"
#include "filter/arc_seal.h"
#include "filter/dkim_sign.h"
#include "filter/dkim_verify.h"
#include "filter/test_keys.h"

enum { INPUT_MAX = 256 << 20, KEYS_MAX = 100 };

static struct slice read_all(FILE *file, struct arena *arena)
{
	AUTO(buf_free) struct buf bytes = BUF(INPUT_MAX);
	size_t got;
	do {
		char *room = buf_reserve(&bytes, 65536);
		must(room);
		got = fread(room, 1, 65536, file);
		bytes.len += got;
	} while (got > 0);
	return arena_copy(arena, buf_slice(&bytes));
}

static struct slice read_file(const char *path, struct arena *arena)
{
	FILE *file = fopen(path, "rb");
	if (!file) {
		fprintf(stderr, "dkim_probe: no file %s\n", path);
		exit(2);
	}
	struct slice bytes = read_all(file, arena);
	(void)fclose(file);
	return bytes;
}

static struct filter_message read_message(struct arena *arena)
{
	return filter_message_of(read_all(stdin, arena));
}

static struct test_keys read_keys(const char *path, struct arena *arena)
{
	struct test_key *table = ARENA_ARRAY(arena, struct test_key, KEYS_MAX + 1);
	struct slice lines = read_file(path, arena);
	for (size_t n = 0; lines.len > 0; n++) {
		struct slice text = slice_cut(&lines, '\n'), name = slice_cut(&text, ' ');
		must(n < KEYS_MAX);
		table[n].name = arena_copy(arena, name).ptr;
		table[n].text = arena_copy(arena, text).ptr;
	}
	return test_keys_of(table);
}

static struct filter_dkim_signer read_signer(
	const char *domain, const char *selector, const char *path, struct arena *arena)
{
	struct filter_dkim_secret *secret;
	struct err err;
	if (filter_dkim_secret_read(read_file(path, arena), &secret, &err) < 0) {
		fprintf(stderr, "dkim_probe: %s: %s\n", path, err.text);
		exit(2);
	}
	return (struct filter_dkim_signer){slice_str(domain), slice_str(selector), secret};
}

static void free_signer(struct filter_dkim_signer *signer)
{
	filter_dkim_secret_free((struct filter_dkim_secret *)signer->secret);
}

static int print_with(struct slice fields, const struct filter_message *message)
{
	const struct slice parts[] = {fields, message->header, message->body};
	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		if (parts[i].len > 0 && fwrite(parts[i].ptr, parts[i].len, 1, stdout) != 1)
			return 1;
	return 0;
}

static int make_key(char **words, struct arena *arena)
{
	AUTO(buf_free) struct buf pem = BUF(FILTER_DKIM_PEM_MAX);
	struct filter_dkim_secret *secret;
	bool is_rsa = strcmp(words[0], "rsa") == 0;
	must(filter_dkim_secret_new(is_rsa ? FILTER_DKIM_RSA_SHA256 : FILTER_DKIM_ED25519_SHA256,
		     &secret, NULL) == 0);
	must(filter_dkim_secret_write(secret, &pem, NULL) == 0);
	filter_dkim_secret_free(secret);
	printf("%s", buf_cstr(&pem));
	return 0;
}

static int print_record(char **words, struct arena *arena)
{
	AUTO(buf_free) struct buf record = BUF(FILTER_DKIM_PEM_MAX);
	AUTO(free_signer) struct filter_dkim_signer signer = read_signer("", "", words[0], arena);
	must(filter_dkim_secret_record(signer.secret, &record, NULL) == 0);
	puts(buf_cstr(&record));
	return 0;
}

static int sign(char **words, struct arena *arena)
{
	AUTO(buf_free) struct buf fields = BUF(1 << 20);
	struct filter_message message = read_message(arena);
	for (char **pair = words + 1; pair[0] && pair[1]; pair += 2) {
		AUTO(free_signer)
		struct filter_dkim_signer signer = read_signer(words[0], pair[0], pair[1], arena);
		must(filter_dkim_sign(&message, &signer, 1, clock_wall(), 86400, &fields, NULL) ==
			0);
	}
	return print_with(buf_slice(&fields), &message);
}

static int verify(char **words, struct arena *arena)
{
	struct test_keys keys = read_keys(words[0], arena);
	struct filter_message message = read_message(arena);
	struct filter_dkim_results results;
	filter_dkim_verify(&message, &keys.dns, clock_wall(), arena, &results);
	for (size_t i = 0; i < results.count; i++) {
		const struct filter_dkim_result *r = &results.list[i];
		printf("%s %.*s %.*s %s\n", filter_dkim_status_word(r->verdict.status),
			SLICE_ARG(r->signature.domain), SLICE_ARG(r->signature.selector),
			r->verdict.reason);
	}
	return 0;
}

static int arc_verify(char **words, struct arena *arena)
{
	struct test_keys keys = read_keys(words[0], arena);
	struct filter_message message = read_message(arena);
	struct filter_arc_result result;
	filter_arc_verify(&message, &keys.dns, clock_wall(), arena, &result);
	printf("%s %s\n", filter_arc_status_word(result.status), result.reason);
	return 0;
}

static int arc_seal(char **words, struct arena *arena)
{
	AUTO(buf_free) struct buf fields = BUF(1 << 20);
	struct test_keys keys = read_keys(words[0], arena);
	struct filter_message message = read_message(arena);
	AUTO(free_signer)
	struct filter_dkim_signer signer = read_signer(words[1], words[2], words[3], arena);
	struct filter_arc_result came;
	filter_arc_verify(&message, &keys.dns, clock_wall(), arena, &came);
	must(filter_arc_seal(&message, &came, &signer, slice_str(words[4]), clock_wall(), &fields,
		     NULL) >= 0);
	return print_with(buf_slice(&fields), &message);
}

static const struct {
	const char *verb;
	int words; /* at least */
	int (*run)(char **words, struct arena *arena);
} VERBS[] = {
	{"key", 1, make_key},
	{"record", 1, print_record},
	{"sign", 3, sign},
	{"verify", 1, verify},
	{"arc-verify", 1, arc_verify},
	{"arc-seal", 5, arc_seal},
};

int main(int argc, char **argv)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	for (size_t i = 0; argc > 1 && i < ARRAY_LEN(VERBS); i++)
		if (strcmp(argv[1], VERBS[i].verb) == 0 && argc - 2 >= VERBS[i].words)
			return VERBS[i].run(argv + 2, &arena);
	fprintf(stderr, "dkim_probe: see the head of its source\n");
	return 2;
}
