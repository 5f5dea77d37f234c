/* The values of Content-Type and Content-Disposition (RFC 2045 section 5.1, RFC 2183, RFC 2231). */
#ifndef MESSAGE_CONTENT_INTERNAL_H
#define MESSAGE_CONTENT_INTERNAL_H

#include "message/message.h"

/* Type, subtype and parameters. False, and nothing set, when it is no Content-Type at all. */
WARN_UNUSED bool content_read_type(struct slice value, struct arena *arena, struct slice *ret_type,
	struct slice *ret_subtype, struct message_parameter **ret_parameters);
/* Disposition and its parameters; false when there is none. */
bool content_read_disposition(struct slice value, struct arena *arena,
	struct slice *ret_disposition, struct message_parameter **ret_parameters);
/* The first token of a value ("base64"), without comments; empty when there is none. */
struct slice content_read_token(struct slice value);

#endif
