/* Sequence sets from any bytes; the first byte says what "*" is. A set that was read is in order,
 * and written and read again the same. */
#include "base/must.h"
#include "mail/set.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(mail_set_free) struct mail_set set = {0}, again = {0};
	AUTO(buf_free) struct buf text = BUF(1u << 24);
	if (size == 0 || !mail_set_parse(&set, slice(data + 1, size - 1), data[0]))
		return 0;
	uint64_t count = 0;
	for (uint32_t i = 0; i < set.count; i++) {
		must(set.ranges[i].first >= 1 && set.ranges[i].first <= set.ranges[i].last);
		must(i == 0 || set.ranges[i].first - set.ranges[i - 1].last > 1);
		must(mail_set_has(&set, set.ranges[i].first) &&
			mail_set_has(&set, set.ranges[i].last));
		count += (uint64_t)set.ranges[i].last - set.ranges[i].first + 1;
	}
	must(count == mail_set_size(&set));
	mail_set_write(&set, &text);
	must(set.count == 0 || mail_set_parse(&again, buf_slice(&text), 0));
	must(again.count == set.count);
	must(set.count == 0 ||
		memcmp(again.ranges, set.ranges, sizeof(*set.ranges) * set.count) == 0);
	return 0;
}
