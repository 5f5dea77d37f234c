/* The names of an account as LIST sees them: one sorted array, implied parents put in. */
#ifndef IMAP_LIST_INTERNAL_H
#define IMAP_LIST_INTERNAL_H

#include "imap/session_internal.h"

struct imap_list_node {
	struct slice name;
	const struct mail_mailbox *mailbox; /* NULL: implied by a child, or only subscribed */
	bool subscribed, has_children;
};
struct imap_list {
	struct imap_list_node *nodes; /* sorted so that what is below a name follows it */
	size_t count;
};
/* Everything lies in the session's arena. */
int imap_list_load(struct imap_session *s, struct imap_list *ret_list, struct err *err) WARN_UNUSED;
/* Is node `i` below node `parent`? */
bool imap_list_is_below(const struct imap_list *list, size_t i, size_t parent);
/* "*" matches anything, "%" anything but the separator (RFC 9051 section 6.3.9); INBOX in any case.
 * Linear in pattern times name. */
bool imap_list_match(struct slice pattern, struct slice name);

#endif
