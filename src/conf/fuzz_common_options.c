/* Any bytes as common options, as a store role that was broken into could tell them: what passes
 * changes nothing that is a node's own. */
#include "conf/common_options.h"
#include "conf/settings.h"

#include "base/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char OWN[] = "hostname fuzz.example;\n";
	struct slice text = slice(data, size);
	AUTO(buf_free) struct buf whole = BUF(CONF_COMMON_MAX + 64), changed = BUF(1 << 16);
	const struct conf_settings *without, *with;
	struct err err;
	if (conf_common_check(text, NULL, &err) < 0)
		return 0;
	buf_add_slice(&whole, text);
	buf_add_str(&whole, "\n");
	buf_add_str(&whole, OWN);
	must(conf_settings_from_text("own", SLICE(OWN), NULL, &without, &err) == 0);
	must(conf_settings_from_text("both", buf_slice(&whole), NULL, &with, &err) == 0);
	(void)conf_settings_diff(without, with, &changed, &changed);
	for (struct slice rest = buf_slice(&changed); rest.len > 0;) {
		struct slice name = slice_trim(slice_cut(&rest, ','));
		for (size_t i = 0; i < conf_option_count; i++) {
			AUTO(buf_free) struct buf own = BUF(256);
			conf_option_name(&conf_options[i], &own);
			must(!slice_eq(name, buf_slice(&own)) ||
				conf_option_is_common(&conf_options[i]));
		}
	}
	conf_settings_free(without);
	conf_settings_free(with);
	return 0;
}
