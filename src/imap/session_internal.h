/* One IMAP connection, as the command files see it. */
#ifndef IMAP_SESSION_INTERNAL_H
#define IMAP_SESSION_INTERNAL_H

#include "base/spool.h"
#include "imap/collect.h"
#include "imap/imap.h"
#include "imap/parse.h"
#include "mail/mailbox.h"
#include "mail/view.h"

enum imap_state {
	IMAP_LOGIN = 1, /* not authenticated */
	IMAP_AUTHENTICATED = 2,
	IMAP_SELECTED = 4,
};
enum { IMAP_ANY_STATE = 7 };

/* What was turned on with ENABLE, or by using it. */
enum imap_enabled {
	IMAP_CONDSTORE = 1,
	IMAP_QRESYNC = 2,
	IMAP_REV2 = 4,
};

struct imap_user {
	struct id account;
	char name[]; /* canonical address */
};

/* The selected mailbox. */
struct imap_selected {
	struct id mailbox;
	struct mail_view *view; /* what the client knows */
	uint64_t all_told;      /* of all changes up to this one, EXPUNGEs too */
	uint32_t recent_from;   /* UIDs from here on are \Recent in this session */
	bool read_only;
	struct mail_set found; /* SEARCHRES: "$", UIDs */
	/* STORE.SILENT: these UIDs at this modseq were changed by us, and need no FETCH answer. */
	struct mail_set quiet;
	uint64_t quiet_modseq;
	struct mail_keywords told; /* keywords of the last FLAGS answer; one block */
};

struct imap_session;

/* What a command says when it returns. */
enum imap_run {
	IMAP_DONE,        /* its tagged answer is written */
	IMAP_WAIT_INPUT,  /* resume() is called when there is input, a wake-up, a time-out */
	IMAP_WAIT_OUTPUT, /* resume() is called when the output has drained */
	IMAP_CLOSE,       /* send what is queued, close */
};

/* A command under way beyond one run: IDLE, AUTHENTICATE, APPEND, a long FETCH. Its state is on the
 * heap (or in the command's arena) and hangs at session->going. */
struct imap_going {
	enum imap_run (*resume)(struct imap_session *s, struct imap_going *going, unsigned events);
	/* Frees it, also when the connection breaks; may be NULL. */
	void (*free)(struct imap_session *s, struct imap_going *going);
};

struct imap_command {
	const char *name;
	unsigned states; /* enum imap_state bits where it is allowed */
	/* Parses the arguments (p stands behind the name), does it, answers. What it returns false
	 * for in the parser is answered as BAD by `return imap_bad(s, p)`. */
	enum imap_run (*run)(struct imap_session *s, struct imap_parser *p);
	bool by_uid; /* "UID FETCH": the same function; s->by_uid is set */
	bool writes; /* refused in a mailbox opened by EXAMINE */
};
extern const struct imap_command imap_commands[];
extern const size_t imap_command_count;

struct imap_session {
	struct net_session *net;
	struct imap_service *service;
	enum imap_state state;
	unsigned enabled;  /* enum imap_enabled */
	unsigned failures; /* bad logins, then bad commands */
	struct imap_user *user;
	struct directory_presence *presence; /* since the login */
	struct imap_selected *selected;
	struct imap_collect collect;
	struct imap_going *going;
	bool shutting_down;
	/* Of the command that runs: */
	struct arena arena; /* freed when it is done */
	struct slice tag;   /* in the arena */
	const char *name;   /* "UID FETCH" */
	bool by_uid;
	bool keep_expunged; /* no EXPUNGE may be sent before its end (FETCH, STORE, SEARCH) */
};

/* session.c */
struct mail *imap_mail(struct imap_session *s);
struct id imap_account(struct imap_session *s);
/* Around reading what the client is told: see store_catch_up(). */
void imap_catch_up(struct imap_session *s);
/* The user's limits as they are now. */
int imap_limits(
	struct imap_session *s, struct mail_limits *ret_limits, struct err *err) WARN_UNUSED;
bool imap_has(const struct imap_session *s, enum imap_enabled what);
/* Turns it on (QRESYNC brings CONDSTORE). Returns the bits that were off. */
unsigned imap_enable(struct imap_session *s, unsigned what);
void imap_unselect(struct imap_session *s);
void imap_set_login_timeout(struct imap_session *s);
/* After a login: fills user and state. */
void imap_logged_in(struct imap_session *s, const struct directory_user *user);

/* reply.c: answers. `code` without brackets, NULL for none. All return IMAP_DONE. */
enum imap_run imap_ok(struct imap_session *s, const char *code, const char *text);
enum imap_run imap_no(struct imap_session *s, const char *code, const char *text);
enum imap_run imap_bad(struct imap_session *s, const struct imap_parser *p);
enum imap_run imap_bad_text(struct imap_session *s, const char *text);
/* NO with the code that fits the error; logs what is not the client's fault. */
enum imap_run imap_failed(struct imap_session *s, const struct err *err);
/* The buffer answers go to; the line's "* " is the caller's. */
struct buf *imap_out(struct imap_session *s);
/* A string as quoted or literal; ptr NULL is NIL. 8-bit goes as literal unless UTF-8 was enabled.
 */
void imap_write_string(struct imap_session *s, struct slice text);
/* A mailbox name as this client may see it (modified UTF-7, or UTF-8 once enabled). */
void imap_write_mailbox(struct imap_session *s, struct slice name);
/* "(\Seen \Recent $Label)" */
void imap_write_flags(
	struct buf *to, uint8_t flags, const struct mail_keywords *keywords, bool recent);
/* "* FLAGS …" and "* OK [PERMANENTFLAGS …]" when there are keywords that the client was not told
 * of. */
void imap_write_keywords_news(struct imap_session *s, const struct mail_view *view);

/* sync.c: tells the client what changed in the selected mailbox since its view (EXPUNGE or
 * VANISHED, EXISTS, RECENT, FETCH with flags) and makes the newest view his. With keep_expunged
 * rows that left stay in place, and if there are any the outcome is IMAP_DELAYS. Does nothing when
 * no mailbox is selected; closes the mailbox when it was deleted. Called by imap_ok and imap_no. */
enum { IMAP_DELAYS = 1 };
int imap_sync(struct imap_session *s, bool keep_expunged, struct err *err) WARN_UNUSED;
/* "* VANISHED (EARLIER) …": which of the UIDs asked for (NULL: of all) were expunged since that
 * MODSEQ; nothing when none was. */
void imap_tell_vanished(struct imap_session *s, uint64_t since, const struct mail_set *asked);
/* A message set of the command's kind (UIDs or sequence numbers, "$" too) as UIDs that are in the
 * view, rows that are gone left out. False: malformed or a number that is not there (error set).
 * The caller frees the set. */
WARN_UNUSED bool imap_message_set(
	struct imap_session *s, struct imap_parser *p, struct mail_set *ret_uids);

/* capability.c: "IMAP4rev1 …" for the session's state. */
void imap_write_capabilities(struct imap_session *s, struct buf *to);

/* The commands' functions; each file is named for what is in it. */
enum imap_run imap_cmd_append(struct imap_session *s, struct imap_parser *p);
enum imap_run imap_cmd_authenticate(struct imap_session *s, struct imap_parser *p);
enum imap_run imap_cmd_capability(struct imap_session *s, struct imap_parser *p);
enum imap_run imap_cmd_check(struct imap_session *s, struct imap_parser *p);
enum imap_run imap_cmd_close(struct imap_session *s, struct imap_parser *p);
enum imap_run imap_cmd_copy(struct imap_session *s, struct imap_parser *p);
enum imap_run imap_cmd_create(struct imap_session *s, struct imap_parser *p);
enum imap_run imap_cmd_delete(struct imap_session *s, struct imap_parser *p);
enum imap_run imap_cmd_enable(struct imap_session *s, struct imap_parser *p);
enum imap_run imap_cmd_examine(struct imap_session *s, struct imap_parser *p);
enum imap_run imap_cmd_expunge(struct imap_session *s, struct imap_parser *p);
enum imap_run imap_cmd_fetch(struct imap_session *s, struct imap_parser *p);
enum imap_run imap_cmd_getquota(struct imap_session *s, struct imap_parser *p);
enum imap_run imap_cmd_getquotaroot(struct imap_session *s, struct imap_parser *p);
enum imap_run imap_cmd_id(struct imap_session *s, struct imap_parser *p);
enum imap_run imap_cmd_idle(struct imap_session *s, struct imap_parser *p);
enum imap_run imap_cmd_list(struct imap_session *s, struct imap_parser *p);
enum imap_run imap_cmd_login(struct imap_session *s, struct imap_parser *p);
enum imap_run imap_cmd_logout(struct imap_session *s, struct imap_parser *p);
enum imap_run imap_cmd_lsub(struct imap_session *s, struct imap_parser *p);
enum imap_run imap_cmd_move(struct imap_session *s, struct imap_parser *p);
enum imap_run imap_cmd_namespace(struct imap_session *s, struct imap_parser *p);
enum imap_run imap_cmd_noop(struct imap_session *s, struct imap_parser *p);
enum imap_run imap_cmd_rename(struct imap_session *s, struct imap_parser *p);
enum imap_run imap_cmd_search(struct imap_session *s, struct imap_parser *p);
enum imap_run imap_cmd_select(struct imap_session *s, struct imap_parser *p);
enum imap_run imap_cmd_starttls(struct imap_session *s, struct imap_parser *p);
enum imap_run imap_cmd_status(struct imap_session *s, struct imap_parser *p);
enum imap_run imap_cmd_store(struct imap_session *s, struct imap_parser *p);
enum imap_run imap_cmd_subscribe(struct imap_session *s, struct imap_parser *p);
enum imap_run imap_cmd_unselect(struct imap_session *s, struct imap_parser *p);
enum imap_run imap_cmd_unsubscribe(struct imap_session *s, struct imap_parser *p);

/* APPEND's message literals are streamed: the collector stops at each announcement, and this
 * decides. `so_far` is the command up to the announcement (its "{"). Returns 1 when the literal is
 * the message (then the command is running: s->going is set, and the literal's bytes come to
 * resume()), 0 when it is an ordinary literal (a mailbox name), negative after a refusal was
 * written (too big, no such mailbox): with a synchronising literal the client sends nothing more;
 * else the literal is swallowed. */
int imap_append_begin(
	struct imap_session *s, struct slice so_far, uint64_t literal, bool plus, bool binary);

#endif
