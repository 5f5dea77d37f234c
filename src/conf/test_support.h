/* Config files as text: what they set, or why they do not. */
#ifndef CONF_TEST_SUPPORT_H
#define CONF_TEST_SUPPORT_H

#include "base/test.h"
#include "conf/settings.h"

struct loaded {
	const struct conf_settings *settings;
	struct buf report;
	struct err err;
};

static inline void loaded_free(struct loaded *l)
{
	conf_settings_free(l->settings);
	buf_free(&l->report);
}

static inline struct loaded load(const char *text)
{
	struct loaded l = {.report = BUF(CONF_REPORT_MAX)};
	int outcome = conf_settings_from_text("t", slice_str(text), &l.report, &l.settings, &l.err);
	assert_int_equal(outcome, l.settings ? 0 : -1);
	return l;
}

static inline struct loaded load_good(const char *text)
{
	struct loaded l = load(text);
	if (!l.settings)
		fail_msg("%s", buf_cstr(&l.report));
	return l;
}

static inline void assert_fault(const char *text, const char *expected)
{
	AUTO(loaded_free) struct loaded l = load(text);
	assert_null(l.settings);
	assert_int_equal(l.err.class, ERR_PERMANENT);
	assert_int_equal(l.err.kind, ERR_BAD_INPUT);
	assert_string_equal(l.err.text, expected);
}

#endif
