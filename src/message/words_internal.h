/* Encoded words (RFC 2047 section 2): =?charset?encoding?text?= */
#ifndef MESSAGE_WORDS_INTERNAL_H
#define MESSAGE_WORDS_INTERNAL_H

#include "base/slice.h"

struct encoded_word {
	struct slice charset; /* without the language of RFC 2231 section 5 */
	bool base64;          /* else Q */
	struct slice text;    /* from encoded_word_begin: up to the end of the input */
};

/* The front of an encoded word, up to its text. The caller finds the end. */
WARN_UNUSED bool encoded_word_begin(struct slice s, struct encoded_word *ret_word);

#endif
