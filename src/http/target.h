/* What a request asks for, and of whom (RFC 9112 section 3.2, RFC 3986). Pure. */
#ifndef HTTP_TARGET_H
#define HTTP_TARGET_H

#include "base/slice.h"

#include <stdbool.h>

/* Origin-form ("/path?query"), or absolute-form ("http://host/path"), of which *target becomes the
 * origin-form and *ret_authority its host (else SLICE_NONE; "" is never one). False: neither, or
 * it has characters that are written with "%" (blanks, controls, quotes, "\", "#" of a fragment,
 * other than ASCII), or a "%" without two hexadecimal digits. */
WARN_UNUSED bool http_target_read(struct slice *target, struct slice *ret_authority);
/* "name", "192.0.2.1", "[2001:db8::1]", each with ":port" or without; no user. */
WARN_UNUSED bool http_authority_is_good(struct slice authority);
/* The path of an origin-form is this one, or below it where `path` ends in "/". Not where a segment
 * is ".." or written with "%": what it becomes is up to who reads it. */
WARN_UNUSED bool http_target_is_below(struct slice target, struct slice path);

#endif
