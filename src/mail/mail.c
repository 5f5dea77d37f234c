/* The mail floor's own object: the store it stands on and its tables in memory. */
#include "mail/mail_internal.h"

#include "base/alloc.h"

static const uint64_t MESSAGE_MAX_DEFAULT = 64u << 20;
enum { CACHED_VIEWS_DEFAULT = 1000 };

int mail_open(const struct mail_options *options, struct mail **ret_mail, struct err *err)
{
	uint64_t message_max = options->message_max ? options->message_max : MESSAGE_MAX_DEFAULT;
	if (message_max > INT32_MAX) /* sizes are 32 bits wide in IMAP and in rows */
		return err_permanent(err, ERR_LIMIT, "messages can't be larger than 2 GiB");
	struct mail *mail = ALLOC(struct mail);
	mail->store = options->store;
	mail->message_max = message_max;
	mail->views = view_cache_new(
		options->cached_views ? options->cached_views : CACHED_VIEWS_DEFAULT);
	mail->recents = recent_table_new();
	mail->delivered = delivered_table_new();
	mail->quotas = quota_table_new();
	mail->lessons = options->learn ? learn_list_new() : NULL;
	*ret_mail = mail;
	return 0;
}

void mail_close(struct mail *mail)
{
	if (!mail)
		return;
	view_cache_free(mail->views);
	recent_table_free(mail->recents);
	delivered_table_free(mail->delivered);
	quota_table_free(mail->quotas);
	learn_list_free(mail->lessons);
	free(mail);
}

struct store *mail_store(struct mail *mail)
{
	return mail->store;
}

uint64_t mail_message_max(struct mail *mail)
{
	return mail->message_max;
}
