/* The grammar of IMAP commands (RFC 9051 section 9), pure: a parser walks over the bytes of one
 * whole command, literals in place. Every function cuts what it reads off the front and returns
 * false when it is not there; `error` then says what was expected, for the BAD answer. Nothing is
 * copied unless quotes have to be undone. */
#ifndef IMAP_PARSE_H
#define IMAP_PARSE_H

#include "mail/mail.h"
#include "mail/set.h"
#include "message/date.h"

struct imap_parser {
	struct slice rest;
	struct arena *arena; /* for what has to be copied */
	bool utf8;           /* mailbox names are UTF-8, not modified UTF-7 */
	const char *error;   /* NULL while all is well */
};

enum {
	IMAP_TAG_MAX = 128,
	IMAP_ATOM_MAX = 1024,
	IMAP_FLAGS_MAX = 128, /* in one flag list */
	IMAP_SET_TEXT_MAX = 64 * 1024,
};

/* Is the next byte `c`? Does not cut. */
bool imap_at(const struct imap_parser *p, char c);
WARN_UNUSED bool imap_char(struct imap_parser *p, char c); /* "expected …" */
WARN_UNUSED bool imap_space(struct imap_parser *p);
WARN_UNUSED bool imap_end(struct imap_parser *p); /* nothing may be left */
/* As imap_char, but no error when it is not there. */
bool imap_skip(struct imap_parser *p, char c);
/* Cuts the word (any case) if it stands there and ends there ("[" ends it: BODY[…]); no error
 * otherwise. */
bool imap_word(struct imap_parser *p, const char *word);
WARN_UNUSED bool imap_tag(struct imap_parser *p, struct slice *ret_tag);
/* ATOM-CHARs; at least one. */
WARN_UNUSED bool imap_atom(struct imap_parser *p, struct slice *ret_atom);
/* 1*ASTRING-CHAR (atom and "]"), quoted or literal. */
WARN_UNUSED bool imap_astring(struct imap_parser *p, struct slice *ret_string);
/* Quoted or literal. literal8 ("~{…}") too; *ret_binary says so (may be NULL: then it is refused).
 */
WARN_UNUSED bool imap_string(struct imap_parser *p, struct slice *ret_string, bool *ret_binary);
/* NIL gives ptr NULL. */
WARN_UNUSED bool imap_nstring(struct imap_parser *p, struct slice *ret_string);
WARN_UNUSED bool imap_number(struct imap_parser *p, uint32_t *ret_number);
WARN_UNUSED bool imap_number64(struct imap_parser *p, uint64_t *ret_number); /* <= 2^63 - 1 */
/* A mailbox name as the store knows it: UTF-8, "INBOX" in capitals. */
WARN_UNUSED bool imap_mailbox(struct imap_parser *p, struct slice *ret_name);
/* The same for LIST, with wildcards, which an atom may hold here. */
WARN_UNUSED bool imap_list_mailbox(struct imap_parser *p, struct slice *ret_pattern);
/* The bytes of a sequence-set ("1:4,*", or "$"), not yet looked into: see mail_set_parse. */
WARN_UNUSED bool imap_set_text(struct imap_parser *p, struct slice *ret_text);
/* "(\Seen $Forwarded)"; with `bare`, flags without parentheses too (STORE). \Recent is ignored. */
WARN_UNUSED bool imap_flags(
	struct imap_parser *p, bool bare, uint8_t *ret_flags, struct mail_keywords *ret_keywords);
/* "\" date-time in quotes, and the date of SEARCH (quoted or not) as days since 1970. */
WARN_UNUSED bool imap_date_time(struct imap_parser *p, struct message_date *ret_date);
WARN_UNUSED bool imap_date(struct imap_parser *p, int64_t *ret_day);
/* Sets the error (the first one stays) and returns false. */
bool imap_expected(struct imap_parser *p, const char *what);

bool imap_is_atom_char(char c);

#endif
