/* Any bytes as a config file: parsed, judged against the rows, and when they are good, written out
 * and read again. Include is left out: what is in other files is not the input's to say. */
#include "conf/parse.h"
#include "conf/settings.h"

#include "base/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text = slice(data, size);
	AUTO(buf_free) struct buf report = BUF(CONF_REPORT_MAX), again = BUF(16 << 20);
	const struct conf_settings *settings;
	struct err err;
	if (slice_search(text, SLICE("include")) >= 0) {
		AUTO(arena_free) struct arena arena = ARENA_EMPTY;
		struct conf_source source = {"fuzz", text};
		struct conf_counts counts = {0};
		struct conf_faults faults = {&report, &err, 0, CONF_FAULTS_MAX};
		struct conf_node *first;
		must((conf_parse(&arena, &source, &counts, &faults, &first) < 0) ==
			(faults.count > 0));
		return 0;
	}
	/* Without a host name the system would be asked for it. */
	AUTO(buf_free) struct buf named = BUF(16 << 20);
	if (slice_search(text, SLICE("hostname")) < 0)
		buf_add_str(&named, "hostname fuzz.example;");
	buf_add_slice(&named, text);
	if (conf_settings_from_text("fuzz", buf_slice(&named), &report, &settings, &err) < 0) {
		must(report.len > 0 && err.class == ERR_PERMANENT);
		return 0;
	}
	conf_settings_write(settings, &again);
	const struct conf_settings *second;
	must(conf_settings_from_text("again", buf_slice(&again), &report, &second, &err) == 0);
	must(conf_settings_diff(settings, second, NULL, NULL) == 0);
	conf_settings_free(settings);
	conf_settings_free(second);
	return 0;
}
