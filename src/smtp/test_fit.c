/* What a server lacks. */
#include "base/test.h"
#include "smtp/fit.h"

#include <fcntl.h>

#define ALL                                                                                        \
	(SMTP_HAS_EIGHT_BIT | SMTP_HAS_BINARY | SMTP_HAS_CHUNKING | SMTP_HAS_SMTPUTF8 |            \
		SMTP_HAS_SIZE)
#define EIGHT_BIT "Subject: x\r\n\r\nThe caf\xc3\xa9 of all\r\n"

struct world {
	struct smtp_offer offer;
	struct smtp_fit fit;
	struct smtp_exchange x;
	struct smtp_transaction t;
	struct smtp_recipient recipients[2], *pointers[2];
	struct err err;
};

static struct world *make(unsigned extensions, const char *message)
{
	static struct world w;
	w = (struct world){
		.offer.extensions = extensions,
		.fit = {.offer = &w.offer, .spool_dir_fd = AT_FDCWD},
		.t = {.recipients = w.pointers,
			.count = 2,
			.extra = SLICE("Received: by us\r\n"),
			.message = slice_str(message)},
		.pointers = {&w.recipients[0], &w.recipients[1]},
	};
	return &w;
}

static int fit(struct world *w)
{
	return smtp_fit_message(&w->fit, &w->x, &w->t, &w->err);
}

static void refused(struct world *w, const char *status)
{
	assert_true(fit(w) < 0);
	assert_int_equal(w->err.class, ERR_PERMANENT);
	assert_string_equal(w->err.status, status);
	smtp_fit_end(&w->fit);
}

static void what_is_offered_needs_no_copy(void **state)
{
	static const enum envelope_body DECLARED[] = {
		ENVELOPE_7BIT, ENVELOPE_8BITMIME, ENVELOPE_BINARYMIME};
	for (size_t i = 0; i < ARRAY_LEN(DECLARED); i++) {
		struct world *w = make(ALL, EIGHT_BIT);
		w->t.sender.body = DECLARED[i];
		assert_int_equal(fit(w), 0);
		assert_ptr_equal(w->x.message.ptr, w->t.message.ptr);
		assert_int_equal(w->x.body, i == 2 ? ENVELOPE_BINARYMIME : ENVELOPE_8BITMIME);
		smtp_fit_end(&w->fit);
	}
	struct world *w = make(0, "Subject: x\r\n\r\nascii\r\n");
	w->t.sender.body = ENVELOPE_8BITMIME;
	assert_int_equal(fit(w), 0);
	assert_ptr_equal(w->x.message.ptr, w->t.message.ptr);
	assert_int_equal(w->x.body, ENVELOPE_7BIT);
	smtp_fit_end(&w->fit);
}

static void without_8bitmime_text_is_converted(void **state)
{
	struct world *w = make(0, EIGHT_BIT);
	assert_int_equal(fit(w), 0);
	assert_slice(w->x.message,
		"Subject: x\r\nMIME-Version: 1.0\r\n"
		"Content-Type: text/plain; charset=unknown-8bit\r\n"
		"Content-Transfer-Encoding: quoted-printable\r\n\r\nThe caf=C3=A9 of all\r\n");
	assert_slice(w->x.extra, "Received: by us\r\n");
	assert_int_equal(w->x.body, ENVELOPE_7BIT);
	smtp_fit_end(&w->fit);
	refused(make(0, "Subject: caf\xc3\xa9\r\n\r\nx\r\n"), "5.6.3");
	w = make(0, "Subject: x\r\n\r\nx\r\n");
	w->t.extra = SLICE("Received: caf\xc3\xa9\r\n");
	refused(w, "5.6.3");
}

static void without_binarymime_parts_are_converted(void **state)
{
	static const char BINARY[] = "MIME-Version: 1.0\r\nContent-Transfer-Encoding: binary\r\n"
				     "Content-Type: a/b\r\n\r\na\nb\r\n";
	static const unsigned LACKS[] = {ALL & ~SMTP_HAS_BINARY, ALL & ~SMTP_HAS_CHUNKING};
	for (size_t i = 0; i < ARRAY_LEN(LACKS); i++) {
		struct world *w = make(LACKS[i], BINARY);
		w->t.sender.body = ENVELOPE_BINARYMIME;
		assert_int_equal(fit(w), 0);
		assert_slice(w->x.message, "MIME-Version: 1.0\r\nContent-Type: a/b\r\n"
					   "Content-Transfer-Encoding: base64\r\n\r\nYQpiDQo=\r\n");
		assert_int_equal(w->x.body, ENVELOPE_7BIT);
		smtp_fit_end(&w->fit);
	}
}

static void line_ends_of_text_are_mended(void **state)
{
	struct world *w = make(ALL, "Subject: x\n\na\rb\r\n.\n");
	assert_int_equal(fit(w), 0);
	assert_slice(w->x.message, "Subject: x\r\n\r\na\r\nb\r\n.\r\n");
	smtp_fit_end(&w->fit);
}

static void large_messages_are_converted_too(void **state)
{
	struct buf text = BUF(8 << 20);
	buf_add_str(&text, "MIME-Version: 1.0\r\nContent-Type: text/plain\r\n\r\n");
	while (text.len < 2 << 20)
		buf_add_str(&text, "A line with \xc3\xa9 in it, and more of it\r\n");
	struct world *w = make(0, "");
	w->t.message = buf_slice(&text);
	assert_int_equal(fit(w), 0);
	assert_true(w->x.message.len > text.len);
	assert_true(slice_ends(w->x.message, SLICE("with =C3=A9 in it, and more of it\r\n")));
	smtp_fit_end(&w->fit);
	buf_free(&text);
}

static void a_size_that_is_too_small_is_told_before(void **state)
{
	struct world *w = make(ALL, EIGHT_BIT);
	w->offer.size_max = w->t.extra.len + w->t.message.len;
	assert_int_equal(fit(w), 0);
	w->offer.size_max--;
	refused(w, "5.3.4");
	w->offer.size_max = 60; /* enough for what is there, not for what it becomes */
	w->offer.extensions = 0;
	refused(w, "5.3.4");
}

static void without_smtputf8_ascii_is_sent(void **state)
{
	struct world *w = make(ALL & ~SMTP_HAS_SMTPUTF8, EIGHT_BIT);
	w->t.sender.smtputf8 = true;
	assert_int_equal(fit(w), 0);
	assert_false(w->x.smtputf8);
	smtp_fit_end(&w->fit);
	w = make(ALL, EIGHT_BIT);
	w->t.sender.smtputf8 = true;
	assert_int_equal(fit(w), 0);
	assert_true(w->x.smtputf8);
	smtp_fit_end(&w->fit);
	w = make(ALL & ~SMTP_HAS_SMTPUTF8, "Subject: caf\xc3\xa9\r\n\r\nx\r\n");
	w->t.sender.smtputf8 = true;
	refused(w, "5.6.7");
	w = make(ALL & ~SMTP_HAS_SMTPUTF8, "Subject: x\r\n\r\nx\r\n");
	w->t.sender.smtputf8 = true;
	w->t.extra = SLICE("Received: for caf\xc3\xa9\r\n");
	refused(w, "5.6.7");
	w = make(ALL & ~SMTP_HAS_SMTPUTF8, "Subject: x\r\n\r\nx\r\n");
	w->t.sender.smtputf8 = w->t.sender.path.is_utf8 = true;
	refused(w, "5.6.7");
}

static void set_path(struct envelope_path *path, const char *address)
{
	assert_true(envelope_parse_address(slice_str(address), path));
}

static void without_smtputf8_a_domain_goes_as_a_labels(void **state)
{
	struct world *w = make(ALL & ~SMTP_HAS_SMTPUTF8, "Subject: x\r\n\r\nx\r\n");
	w->t.sender.smtputf8 = true;
	set_path(&w->t.sender.path, "ann@b\u00fccher.example");
	set_path(&w->recipients[0].envelope.path, "x+y@M\u00dcNCHEN.example");
	set_path(&w->recipients[1].envelope.path, "bj\u00f6rn@b\u00fccher.example");
	assert_int_equal(fit(w), 0);
	assert_false(w->x.smtputf8);
	assert_slice(w->t.sender.path.address, "ann@xn--bcher-kva.example");
	assert_slice(w->t.sender.path.local, "ann");
	assert_slice(w->recipients[0].envelope.path.address, "x+y@xn--mnchen-3ya.example");
	assert_slice(w->recipients[0].envelope.path.domain, "xn--mnchen-3ya.example");
	assert_int_equal(w->recipients[0].result, 0);
	assert_string_equal(w->recipients[1].err.status, "5.6.7");
	arena_free(&w->t.arena);
	w = make(ALL, "Subject: x\r\n\r\nx\r\n");
	set_path(&w->t.sender.path, "ann@b\u00fccher.example");
	assert_int_equal(fit(w), 0);
	assert_slice(w->t.sender.path.address, "ann@b\u00fccher.example");
	assert_true(w->x.smtputf8);
}

static void a_recipient_in_utf8_fails_by_itself(void **state)
{
	struct world *w = make(ALL & ~SMTP_HAS_SMTPUTF8, "Subject: x\r\n\r\nx\r\n");
	w->t.sender.smtputf8 = w->recipients[1].envelope.path.is_utf8 = true;
	assert_int_equal(fit(w), 0);
	assert_int_equal(w->recipients[0].result, 0);
	assert_true(w->recipients[1].result < 0);
	assert_string_equal(w->recipients[1].err.status, "5.6.7");
	smtp_fit_end(&w->fit);
}

static void no_room_is_temporary(void **state)
{
	struct world *w = make(0, "");
	struct buf text = BUF(1 << 20);
	buf_add_str(&text, "MIME-Version: 1.0\r\n\r\n");
	while (text.len < 500000)
		buf_add_str(&text, "caf\xc3\xa9 caf\xc3\xa9\r\n");
	w->t.message = buf_slice(&text);
	w->fit.spool_dir_fd = -1;
	assert_true(fit(w) < 0);
	assert_int_equal(w->err.class, ERR_TEMPORARY);
	assert_string_equal(w->err.status, "4.3.1");
	smtp_fit_end(&w->fit);
	buf_free(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_offered_needs_no_copy),
		cmocka_unit_test(without_8bitmime_text_is_converted),
		cmocka_unit_test(without_binarymime_parts_are_converted),
		cmocka_unit_test(line_ends_of_text_are_mended),
		cmocka_unit_test(large_messages_are_converted_too),
		cmocka_unit_test(a_size_that_is_too_small_is_told_before),
		cmocka_unit_test(without_smtputf8_ascii_is_sent),
		cmocka_unit_test(without_smtputf8_a_domain_goes_as_a_labels),
		cmocka_unit_test(a_recipient_in_utf8_fails_by_itself),
		cmocka_unit_test(no_room_is_temporary),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
