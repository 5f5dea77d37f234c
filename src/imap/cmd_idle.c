/* IDLE (RFC 2177): the session is parked; a watch on the account wakes it, and it tells what is
 * new. */
#include "imap/session_internal.h"

#include "base/alloc.h"

struct idle {
	struct imap_going going;
	struct store_watch *watch;
	struct net_session *net;
	char tag[]; /* all that is kept of the command while it is parked */
};

static void woken(void *context, struct id account)
{
	net_session_wake(context);
}

static void idle_free(struct imap_session *s, struct imap_going *going)
{
	struct idle *idle = (struct idle *)going;
	store_unwatch(mail_store(imap_mail(s)), idle->watch);
	net_session_unref(idle->net);
	free(idle);
}

static enum imap_run idle_done(struct imap_session *s)
{
	struct slice input = net_input(s->net);
	ssize_t end = slice_find(input, '\n');
	struct slice line = slice_trim(slice(input.ptr, (size_t)end));
	bool done = slice_eq_nocase(line, SLICE("DONE"));
	net_consume(s->net, (size_t)end + 1);
	return done ? imap_ok(s, NULL, "Done") : imap_bad_text(s, "Expected DONE");
}

static enum imap_run idle_resume(struct imap_session *s, struct imap_going *going, unsigned events)
{
	struct err err;
	struct slice input = net_input(s->net);
	if (slice_find(input, '\n') >= 0)
		return idle_done(s);
	if (input.len > IMAP_TAG_MAX)
		return imap_bad_text(s, "Expected DONE");
	if (events & NET_TIMEOUT) {
		net_write_str(s->net, "* BYE Autologout; idle for too long\r\n");
		return IMAP_CLOSE;
	}
	if ((events & NET_WOKEN) && s->selected && imap_sync(s, false, &err) < 0)
		log_warn(net_log(s->net), "mailbox news not available", F_ERR(&err));
	arena_free(&s->arena);
	if (s->shutting_down)
		return IMAP_CLOSE;
	return net_output_full(s->net) ? IMAP_WAIT_OUTPUT : IMAP_WAIT_INPUT;
}

enum imap_run imap_cmd_idle(struct imap_session *s, struct imap_parser *p)
{
	struct err err;
	if (!imap_end(p))
		return imap_bad(s, p);
	struct idle *idle = alloc_zero(1, sizeof(*idle) + s->tag.len + 1);
	memcpy(idle->tag, s->tag.ptr, s->tag.len);
	s->tag = slice(idle->tag, s->tag.len);
	idle->going = (struct imap_going){.resume = idle_resume, .free = idle_free};
	idle->net = net_session_ref(s->net);
	/* Watched first, looked at second: nothing is missed in between. */
	idle->watch = store_watch(mail_store(imap_mail(s)), imap_account(s), woken, idle->net);
	s->going = &idle->going;
	net_write_str(s->net, "+ idling\r\n");
	if (s->selected && imap_sync(s, false, &err) < 0)
		log_warn(net_log(s->net), "mailbox news not available", F_ERR(&err));
	arena_free(&s->arena);
	return s->shutting_down ? IMAP_CLOSE : IMAP_WAIT_INPUT;
}
