/* A store in memory with mail on it, for unit tests. */
#ifndef MAIL_TEST_SUPPORT_H
#define MAIL_TEST_SUPPORT_H

#include "base/test.h"
#include "mail/change.h"
#include "mail/mailbox.h"
#include "mail/message.h"
#include "mail/quota.h"
#include "mail/view.h"

struct fixture {
	struct store *store;
	struct mail *mail;
	struct id account;
	struct id inbox;
	struct arena arena;
};

#define assert_ok(call)                                                                            \
	do {                                                                                       \
		struct err err = {0};                                                              \
		int result_ = (call);                                                              \
		if (result_ != 0)                                                                  \
			fail_msg("%s: %d: %s", #call, result_, err.text);                          \
	} while (0)
#define assert_fails(call, expected_kind)                                                          \
	do {                                                                                       \
		struct err err = {0};                                                              \
		assert_true((call) < 0);                                                           \
		assert_int_equal(err.kind, (expected_kind));                                       \
	} while (0)

static const struct mail_limits no_limits = {0};

static inline struct id fixture_box(struct fixture *f, const char *name)
{
	struct mail_mailbox box;
	assert_ok(mail_mailbox_find(f->mail, f->account, slice_str(name), &f->arena, &box, &err));
	return box.id;
}

static inline struct id fixture_create(struct fixture *f, const char *name)
{
	struct mail_mailbox box;
	assert_ok(mail_mailbox_create(
		f->mail, f->account, slice_str(name), 0, &f->arena, &box, &err));
	return box.id;
}

static inline struct fixture *fixture_open(uint32_t cached_views)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct store_options options = {.driver = &store_driver_memory};
	assert_non_null(f);
	assert_ok(store_open(&options, &f->store, &err));
	struct mail_options mail_options = {.store = f->store, .cached_views = cached_views};
	assert_ok(mail_open(&mail_options, &f->mail, &err));
	f->account = id_new();
	assert_ok(mail_account_prepare(f->mail, f->account, &err));
	f->inbox = fixture_box(f, "INBOX");
	return f;
}

static inline void fixture_report(void *context, const struct store_finding *finding)
{
	(void)context;
	fail_msg("%s: %s", finding->object, finding->text);
}

/* The store agrees with itself at the end of every test. */
static inline void fixture_close(struct fixture *f)
{
	assert_ok(store_check(f->store, fixture_report, NULL, NULL, &err));
	mail_close(f->mail);
	store_close(f->store);
	arena_free(&f->arena);
	free(f);
}

static inline struct mail_keywords fixture_keywords(struct fixture *f, const char *names)
{
	struct slice list[MAIL_KEYWORDS_MAX + 8], rest = slice_str(names);
	struct mail_keywords keywords;
	size_t count = 0;
	while (rest.len > 0)
		list[count++] = slice_cut(&rest, ' ');
	assert_ok(mail_keywords_make(list, count, &f->arena, &keywords, &err));
	return keywords;
}

static inline uint32_t fixture_append(
	struct fixture *f, struct id box, const char *bytes, uint8_t flags, const char *keywords)
{
	struct mail_added added;
	struct mail_new message = {.bytes = slice_str(bytes),
		.flags = flags,
		.keywords = fixture_keywords(f, keywords),
		.internal_date = {.seconds = 1000000000, .zone_minutes = 90}};
	assert_ok(mail_append(f->mail, f->account, box, &no_limits, &message, 1, &added, &err));
	return added.first_uid;
}

static inline struct mail_set fixture_set(const char *text)
{
	struct mail_set set = {0};
	if (*text)
		assert_true(mail_set_parse(&set, slice_str(text), UINT32_MAX));
	return set;
}

static inline const char *fixture_text(struct fixture *f, const struct mail_set *set)
{
	struct buf text = BUF(1 << 20);
	mail_set_write(set, &text);
	const char *copy = arena_copy(&f->arena, buf_slice(&text)).ptr;
	buf_free(&text);
	return copy;
}

static inline uint64_t fixture_flags(struct fixture *f, struct id box, const char *uids,
	enum mail_store_mode mode, uint8_t flags, const char *keywords)
{
	uint64_t change;
	struct mail_store_request request = {.uids = fixture_set(uids),
		.mode = mode,
		.flags = flags,
		.keywords = fixture_keywords(f, keywords)};
	assert_ok(mail_store_flags(f->mail, f->account, box, &request, NULL, NULL, &change, &err));
	mail_set_free(&request.uids);
	return change;
}

static inline void fixture_expunge(struct fixture *f, struct id box, const char *uids)
{
	uint64_t change;
	struct mail_set set = fixture_set(uids);
	assert_ok(mail_expunge(f->mail, f->account, box, &set, true, NULL, &change, &err));
	mail_set_free(&set);
}

static inline struct mail_mailbox fixture_status(struct fixture *f, struct id box)
{
	struct mail_mailbox status;
	assert_ok(mail_mailbox_get(f->mail, f->account, box, &f->arena, &status, &err));
	return status;
}

static inline struct mail_view *fixture_view(struct fixture *f, struct id box)
{
	struct mail_view *view;
	assert_ok(mail_view_open(f->mail, f->account, box, &view, &err));
	return view;
}

/* Reproducible pseudo-random numbers. */
static inline uint32_t fixture_random(uint64_t *seed, uint32_t bound)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)((*seed >> 33) % bound);
}

#endif
