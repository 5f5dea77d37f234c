/* Special uses and their names. */
#include "mail/mailbox.h"

static const struct {
	enum mail_use use;
	const char *name;
} uses[] = {
	{MAIL_USE_ALL, "\\All"},
	{MAIL_USE_ARCHIVE, "\\Archive"},
	{MAIL_USE_DRAFTS, "\\Drafts"},
	{MAIL_USE_FLAGGED, "\\Flagged"},
	{MAIL_USE_JUNK, "\\Junk"},
	{MAIL_USE_SENT, "\\Sent"},
	{MAIL_USE_TRASH, "\\Trash"},
	{MAIL_USE_IMPORTANT, "\\Important"},
};

const char *mail_use_name(enum mail_use use)
{
	for (size_t i = 0; i < ARRAY_LEN(uses); i++)
		if (uses[i].use == use)
			return uses[i].name;
	return "";
}

unsigned mail_use_of(struct slice name)
{
	for (size_t i = 0; i < ARRAY_LEN(uses); i++)
		if (slice_eq_nocase(slice_str(uses[i].name), name))
			return uses[i].use;
	return 0;
}
