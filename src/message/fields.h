/* The header blocks of FETCH BODY[HEADER.FIELDS (…)] and BODY[HEADER.FIELDS.NOT (…)] (RFC 9051
 * section 6.4.5.1). */
#ifndef MESSAGE_FIELDS_H
#define MESSAGE_FIELDS_H

#include "base/arena.h"
#include "base/buf.h"

/* Names of fields, made ready once for a command that asks them of many messages. */
struct message_field_names;

/* The names' bytes are borrowed; the set lives in the arena. */
struct message_field_names *message_field_names_new(
	const struct slice *names, size_t count, struct arena *arena) WARN_UNUSED;
/* Is the name (any case) one of them? */
bool message_field_names_has(const struct message_field_names *names, struct slice name);
/* Appends the fields of `header` that are among `names` (those that are not, when `others`) in
 * their original bytes and order, then an empty line. */
void message_write_fields(
	const struct message_field_names *names, struct slice header, bool others, struct buf *to);

#endif
