/* Command lines of SMTP and LMTP: verbs, and the parameters of MAIL and RCPT. Pure. */
#ifndef ENVELOPE_COMMAND_H
#define ENVELOPE_COMMAND_H

#include "base/arena.h"
#include "base/id.h"
#include "envelope/path.h"

enum {
	ENVELOPE_LINE_MAX = 4096, /* 512 in RFC 5321, plus what each extension adds */
	ENVELOPE_ENVID_MAX = 100, /* RFC 3461 section 4.4 */
	ENVELOPE_ORCPT_MAX = 500,
};

enum envelope_verb {
	ENVELOPE_UNKNOWN,
	ENVELOPE_AUTH,
	ENVELOPE_BDAT,
	ENVELOPE_DATA,
	ENVELOPE_EHLO,
	ENVELOPE_EXPN,
	ENVELOPE_HELO,
	ENVELOPE_HELP,
	ENVELOPE_LHLO,
	ENVELOPE_MAIL,
	ENVELOPE_NOOP,
	ENVELOPE_QUIT,
	ENVELOPE_RCPT,
	ENVELOPE_RSET,
	ENVELOPE_STARTTLS,
	ENVELOPE_VRFY,
};
/* Cuts the verb off a line (without its line end); *ret_rest is what follows, spaces trimmed. */
enum envelope_verb envelope_cut_verb(struct slice line, struct slice *ret_rest);

enum envelope_body { ENVELOPE_7BIT, ENVELOPE_8BITMIME, ENVELOPE_BINARYMIME };
enum envelope_ret { ENVELOPE_RET_UNSET, ENVELOPE_RET_FULL, ENVELOPE_RET_HDRS };

struct envelope_sender {
	struct envelope_path path;
	uint64_t size; /* declared; 0: not; UINT64_MAX: that and all above */
	enum envelope_body body;
	bool smtputf8;
	bool require_tls; /* RFC 8689 */
	enum envelope_ret ret;
	struct slice envid;   /* xtext, as written; empty: none */
	struct slice auth;    /* AUTH=, as written */
	struct slice session; /* XSESSION= of a trusted peer: its session id */
	/* XDELIVERY= of a trusted peer: what it knows the message by, the same whenever it sends
	 * it; ID_NONE: not said. `again` ("id,again"): it may have arrived before. */
	struct id delivery;
	bool again;
};

enum envelope_notify {
	ENVELOPE_NOTIFY_NEVER = 1,
	ENVELOPE_NOTIFY_SUCCESS = 2,
	ENVELOPE_NOTIFY_FAILURE = 4,
	ENVELOPE_NOTIFY_DELAY = 8,
};
struct envelope_recipient {
	struct envelope_path path;
	unsigned notify;    /* bits; 0: not said */
	struct slice orcpt; /* "rfc822;…" xtext, as written; empty: none */
};

enum envelope_parsed {
	ENVELOPE_PARSED,
	ENVELOPE_BAD_SYNTAX,    /* 501 5.5.2 */
	ENVELOPE_BAD_PATH,      /* 501 5.1.7 or 5.1.3 */
	ENVELOPE_BAD_PARAMETER, /* 555 5.5.4: unknown, or its value is malformed */
};
/* "FROM:<…> SIZE=1 BODY=8BITMIME" and "TO:<…> NOTIFY=…". Slices point into the line. */
enum envelope_parsed envelope_parse_mail(
	struct slice arguments, struct envelope_sender *ret_sender);
enum envelope_parsed envelope_parse_rcpt(
	struct slice arguments, struct envelope_recipient *ret_recipient);
/* "1000 LAST" of BDAT. */
WARN_UNUSED bool envelope_parse_bdat(struct slice arguments, uint64_t *ret_size, bool *ret_last);
/* RFC 3461 xtext: undone into the arena; false when malformed. */
WARN_UNUSED bool envelope_from_xtext(
	struct slice xtext, struct arena *arena, struct slice *ret_text);

#endif
