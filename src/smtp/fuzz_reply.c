/* Replies of a server elsewhere: what is kept of them is bounded and clean. */
#include "base/must.h"
#include "smtp/client_reply.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct smtp_client_reply *reply, const struct smtp_offer *offer)
{
	struct err err;
	must(reply->code >= 200 && reply->code <= 599);
	must(reply->len < sizeof(reply->text) && reply->text[reply->len] == '\0');
	for (size_t i = 0; i < reply->len; i++)
		must(reply->text[i] >= ' ' && reply->text[i] < 127);
	must(strnlen(reply->status, sizeof(reply->status)) < sizeof(reply->status));
	must(!reply->status[0] || reply->status[0] == '0' + reply->code / 100);
	must(strnlen(offer->mechanisms, sizeof(offer->mechanisms)) < sizeof(offer->mechanisms));
	must(smtp_client_reply_err(reply, &err) < 0);
	must((err.class == ERR_PERMANENT) == (reply->code >= 500));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice rest = slice(data, size);
	struct smtp_client_reply reply = {0};
	struct smtp_offer offer = {0};
	while (rest.len > 0) {
		struct slice line = slice_cut(&rest, '\n');
		if (slice_ends(line, SLICE("\r")))
			line.len--;
		enum smtp_reply_outcome r = smtp_client_reply_line(&reply, line, &offer);
		if (r == SMTP_REPLY_COMPLETE)
			check(&reply, &offer);
		if (r != SMTP_REPLY_MORE)
			reply.lines = 0;
	}
	return 0;
}
