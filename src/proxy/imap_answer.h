/* What an IMAP server answers before and at a login, as far as a proxy has to know it. Pure. */
#ifndef PROXY_IMAP_ANSWER_H
#define PROXY_IMAP_ANSWER_H

#include "base/buf.h"
#include "proxy/login.h"

/* What a server can do, of what a proxy uses; bits. */
enum proxy_imap_trait {
	PROXY_IMAP_STARTTLS = 1,
	PROXY_IMAP_SASL_IR = 2,
	PROXY_IMAP_LITERAL_PLUS = 4,
	PROXY_IMAP_ID = 8,
	PROXY_IMAP_PLAIN = 16,
	PROXY_IMAP_OAUTHBEARER = 32,
	PROXY_IMAP_XOAUTH2 = 64,
	PROXY_IMAP_LOGINDISABLED = 128,
	PROXY_IMAP_ID_SENT = 256, /* of a connection: its answer is still to be read */
};
/* Of "IMAP4rev1 SASL-IR AUTH=PLAIN". */
unsigned proxy_imap_traits(struct slice capabilities);
/* The same list as the proxy announces it: without what is each server's own affair (AUTH=…,
 * STARTTLS, LOGINDISABLED) and what is no capability at all; with what the proxy itself does. */
void proxy_imap_announce(struct slice capabilities, struct buf *to);

enum proxy_imap_kind {
	PROXY_IMAP_UNTAGGED, /* "* …" */
	PROXY_IMAP_TAGGED,
	PROXY_IMAP_GO_AHEAD, /* "+ …" */
};
enum proxy_imap_status {
	PROXY_IMAP_DATA, /* none of these: only untagged */
	PROXY_IMAP_OK,
	PROXY_IMAP_NO,
	PROXY_IMAP_BAD,
	PROXY_IMAP_BYE,
	PROXY_IMAP_PREAUTH,
};
struct proxy_imap_line {
	enum proxy_imap_kind kind;
	enum proxy_imap_status status;
	struct slice tag;
	struct slice rest;         /* all behind the tag: "OK [CAPABILITY IMAP4rev1] Hello" */
	struct slice code;         /* "CAPABILITY IMAP4rev1"; empty: none */
	struct slice capabilities; /* of that code, or of "* CAPABILITY …"; empty: not said */
};
/* A line without its end. False: no server of IMAP says this. */
WARN_UNUSED bool proxy_imap_read_line(struct slice line, struct proxy_imap_line *ret_line);
/* How many bytes of a literal follow the line; 0: none does, or none that makes sense. */
WARN_UNUSED size_t proxy_imap_literal(struct slice line);
/* What a tagged answer to a login comes to. */
enum proxy_said proxy_imap_said(const struct proxy_imap_line *line);

#endif
