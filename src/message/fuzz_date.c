/* Dates: what was read can be written, and reads back as the same moment. */
#include "base/must.h"
#include "message/date.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(buf_free) struct buf text = BUF(64);
	struct message_date date, back;
	if (message_parse_imap_date(slice(data, size), &date)) {
		message_write_imap_date(&text, date);
		must(message_parse_imap_date(buf_slice(&text), &back));
		must(back.seconds == date.seconds && back.zone_minutes == date.zone_minutes);
		buf_clear(&text);
	}
	if (message_parse_date(slice(data, size), &date)) {
		message_write_date(&text, date);
		must(message_parse_date(buf_slice(&text), &back) && back.seconds == date.seconds);
	}
	return 0;
}
