/* One POP3 connection, as its files see it. */
#ifndef POP3_SESSION_INTERNAL_H
#define POP3_SESSION_INTERNAL_H

#include "base/bytes.h"
#include "directory/login.h"
#include "mail/change.h"
#include "mail/message.h"
#include "mail/set.h"
#include "mail/view.h"
#include "pop3/pop3.h"

enum {
	POP3_COMMAND_MAX =
		1024, /* RFC 2449 section 4 asks for 255; passwords and XCLIENT are longer */
	POP3_SASL_LINE_MAX = 12288,
};

enum pop3_phase {
	POP3_AUTHORIZATION,
	POP3_IN_AUTH,
	POP3_IN_PAUSE,
	POP3_TRANSACTION,
	POP3_LISTING,
	POP3_SENDING,
};

enum pop3_run { POP3_GO_ON, POP3_PARK, POP3_WAIT_OUTPUT, POP3_CLOSE };

struct pop3_session {
	struct net_session *net;
	struct pop3_service *service;
	enum pop3_phase phase;
	struct slice user; /* what USER said, on the heap */
	unsigned refusals, errors;
	/* The maildrop, since the login: */
	bool locked;
	struct id account, mailbox;
	struct mail_view *view;  /* does not change during the session */
	struct mail_set deleted; /* message numbers */
	struct buf doomed;       /* struct mail_seen of each of them */
	/* LIST or UIDL under way: the line of a message, and which is next. */
	void (*list_line)(struct pop3_session *s, uint32_t n);
	uint32_t list_next;
	/* RETR or TOP under way: */
	struct id blob;
	uint64_t at, end, header_end;
	int64_t lines_left; /* of the body; -1: all */
	bool line_start;
	struct directory_login *login;       /* PASS or AUTH under way */
	struct directory_presence *presence; /* since the login */
};

/* locks.c: false when somebody else has it. */
bool pop3_lock(struct pop3_locks *locks, struct id account);
void pop3_unlock(struct pop3_locks *locks, struct id account);

/* session.c */
void pop3_set_idle_timeout(struct pop3_session *s);
enum pop3_run pop3_ok(struct pop3_session *s, const char *text);
/* `code` without brackets: "IN-USE", "AUTH", "SYS/TEMP"; NULL none. */
enum pop3_run pop3_err(struct pop3_session *s, const char *code, const char *text);
enum pop3_run pop3_failed(struct pop3_session *s, const struct err *err);

/* auth.c */
enum pop3_run pop3_cmd_user(struct pop3_session *s, struct slice argument);
enum pop3_run pop3_cmd_pass(struct pop3_session *s, struct slice argument);
enum pop3_run pop3_cmd_auth(struct pop3_session *s, struct slice argument);
enum pop3_run pop3_auth_line(struct pop3_session *s, struct slice line);
enum pop3_run pop3_auth_pause(struct pop3_session *s);
void pop3_auth_end(struct pop3_session *s);
void pop3_forget_user(struct pop3_session *s);

/* maildrop.c */
enum pop3_run pop3_open_maildrop(struct pop3_session *s, const struct directory_user *user);
void pop3_close_maildrop(struct pop3_session *s);
enum pop3_run pop3_cmd_stat(struct pop3_session *s, struct slice argument);
enum pop3_run pop3_cmd_list(struct pop3_session *s, struct slice argument);
enum pop3_run pop3_cmd_uidl(struct pop3_session *s, struct slice argument);
enum pop3_run pop3_cmd_dele(struct pop3_session *s, struct slice argument);
enum pop3_run pop3_cmd_rset(struct pop3_session *s, struct slice argument);
enum pop3_run pop3_cmd_retr(struct pop3_session *s, struct slice argument);
enum pop3_run pop3_cmd_top(struct pop3_session *s, struct slice argument);
enum pop3_run pop3_cmd_quit(struct pop3_session *s, struct slice argument);
enum pop3_run pop3_list_on(struct pop3_session *s);
enum pop3_run pop3_send_on(struct pop3_session *s);

#endif
