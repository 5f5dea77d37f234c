/* All fields that a reader sees or that decide how the body is shown. Those that would mislead are
 * named once more than they are there, so that none can be added; others only when they are there,
 * because relays and lists add them rightfully. */
#include "filter/dkim_names.h"

enum { INSTANCES_MAX = 16 }; /* of one name; of more the lowest are signed */

enum often {
	ALWAYS,   /* over-signed, there or not */
	WHEN_ANY, /* over-signed when there */
	AS_MANY,  /* signed when there */
};

static const struct {
	const char *name;
	enum often often;
} NAMES[] = {
	{"from", ALWAYS},
	{"reply-to", ALWAYS},
	{"subject", ALWAYS},
	{"date", ALWAYS},
	{"to", ALWAYS},
	{"cc", ALWAYS},
	{"message-id", ALWAYS},
	{"mime-version", ALWAYS},
	{"content-type", ALWAYS},
	{"content-transfer-encoding", ALWAYS},
	{"sender", WHEN_ANY},
	{"in-reply-to", WHEN_ANY},
	{"references", WHEN_ANY},
	{"resent-date", AS_MANY},
	{"resent-from", AS_MANY},
	{"resent-sender", AS_MANY},
	{"resent-to", AS_MANY},
	{"resent-cc", AS_MANY},
	{"resent-message-id", AS_MANY},
	{"list-id", AS_MANY},
	{"list-help", AS_MANY},
	{"list-unsubscribe", AS_MANY},
	{"list-unsubscribe-post", AS_MANY},
	{"list-subscribe", AS_MANY},
	{"list-post", AS_MANY},
	{"list-owner", AS_MANY},
	{"list-archive", AS_MANY},
	{"feedback-id", AS_MANY},
};

void filter_dkim_names_want(struct filter_dkim_hashes *hashes)
{
	filter_dkim_fields_begin(hashes->fields);
	for (size_t i = 0; i < ARRAY_LEN(NAMES); i++)
		filter_dkim_fields_want(hashes->fields, slice_str(NAMES[i].name), INSTANCES_MAX);
}

struct slice filter_dkim_names_list(const struct filter_dkim_hashes *hashes, struct arena *arena)
{
	AUTO(buf_free) struct buf list = BUF(ARRAY_LEN(NAMES) * (INSTANCES_MAX + 1) * 32);
	for (size_t i = 0; i < ARRAY_LEN(NAMES); i++) {
		struct slice name = slice_str(NAMES[i].name);
		uint64_t count = filter_dkim_fields_count(hashes->fields, name);
		if (count > INSTANCES_MAX)
			count = INSTANCES_MAX;
		else if (NAMES[i].often == ALWAYS || (NAMES[i].often == WHEN_ANY && count > 0))
			count++;
		for (uint64_t n = 0; n < count; n++) {
			if (list.len > 0)
				buf_add_byte(&list, ':');
			buf_add_slice(&list, name);
		}
	}
	return arena_copy(arena, buf_slice(&list));
}
