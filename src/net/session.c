/* What a protocol's code calls while its session runs. */
#include "net/session_internal.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/must.h"

#include <stdarg.h>

/* A write of this size goes to the socket straight from the caller's memory, as far as it takes
 * it. */
enum { DIRECT_WRITE = 32 * 1024, PRINTF_FIRST = 512 };

void *net_state(struct net_session *session)
{
	return session->state;
}

void *net_service(struct net_session *session)
{
	return session->options->service;
}

const char *net_session_id(const struct net_session *session)
{
	return session->text_id;
}

struct log_scope *net_log(struct net_session *session)
{
	return &session->log;
}

/* Field 0 of the scope is the session id, 1 the client, then the tags. */
void net_log_tag(struct net_session *session, const char *key, struct slice value)
{
	enum { FIRST = LOG_SCOPE_FIELDS - NET_TAGS };
	struct log_field *fields = session->log.fields + FIRST;
	size_t i = 0;
	while (i < NET_TAGS && fields[i].type != LOG_NO_FIELD && strcmp(fields[i].key, key) != 0)
		i++;
	must(i < NET_TAGS);
	free(session->tags[i]);
	session->tags[i] = slice_dup(slice_sub(value, 0, NET_TAG_MAX));
	fields[i] = F_STR(key, session->tags[i]);
}

const struct net_address *net_peer(const struct net_session *session)
{
	return &session->peer;
}

const struct net_address *net_local(const struct net_session *session)
{
	return &session->local;
}

void net_set_peer(struct net_session *session, const struct net_address *address)
{
	session->peer = *address;
	net_session_tag_client(session);
}

void net_set_local(struct net_session *session, const struct net_address *address)
{
	session->local = *address;
}

bool net_is_front_end(const struct net_session *session)
{
	return session->front_end;
}

bool net_peer_is_trusted(const struct net_session *session)
{
	return session->peer_trusted;
}

/* A buffer without memory borrows the worker's. */
void net_session_borrow(struct buf *to, struct buf *spare)
{
	if (to->data || !spare->data)
		return;
	to->data = spare->data;
	to->cap = spare->cap;
	*spare = BUF(spare->max);
}

/* Between net_start_tls() and the handshake there is no input: whatever a protocol's loop does
 * next, it can't run what came before. */
struct slice net_input(struct net_session *session)
{
	if (session->start_tls)
		return SLICE_NONE;
	return slice(session->in.data + session->in_at, net_input_len(session));
}

void net_consume(struct net_session *session, size_t len)
{
	if (session->start_tls)
		return;
	must(len <= net_input_len(session));
	session->in_at += len;
	session->consumed = session->consumed || len > 0;
	if (session->in_at == session->in.len)
		session->in_at = session->in.len = 0;
}

bool net_session_fill(struct net_session *s)
{
	bool added = false;
	if (s->in_at > 0) {
		buf_consume(&s->in, s->in_at);
		s->in_at = 0;
	}
	net_session_borrow(&s->in, &s->runner->spare_input);
	while (!s->near.ended && !s->near.broken && s->in.len < s->in.max &&
		s->near.top->ops->may_read(s->near.top)) {
		size_t room = MIN(s->in.max - s->in.len, MAX(s->in.cap - s->in.len, NET_READ_SIZE));
		char *to = buf_reserve(&s->in, room);
		if (!to) {
			s->in.failed = false; /* no memory: what is there comes first */
			break;
		}
		ssize_t got = s->near.top->ops->read(s->near.top, to, room);
		if (got > 0) {
			s->in.len += (size_t)got;
			added = true;
		} else if (got == 0) {
			s->near.ended = true;
		} else {
			s->near.broken = got == NET_LAYER_BROKEN;
			break;
		}
	}
	return added;
}

bool net_read_more(struct net_session *session)
{
	session->near.socket.dry = false;
	return !session->start_tls && net_session_fill(session);
}

void net_session_send(struct net_session *s)
{
	if (net_end_send(&s->near))
		s->active_ms = 0; /* progress; drive.c looks at the clock */
}

struct buf *net_output(struct net_session *session)
{
	must(session->runner);
	net_session_borrow(&session->near.out, &session->runner->spare_output);
	return &session->near.out;
}

void net_write(struct net_session *session, struct slice bytes)
{
	struct buf *out = net_output(session);
	if (bytes.len >= DIRECT_WRITE && !session->near.broken) {
		net_session_send(session);
		if (net_output_len(session) == 0)
			bytes = slice_from(bytes, net_end_write(&session->near, bytes));
		session->active_ms = 0;
	}
	buf_add_slice(out, bytes);
}

void net_write_str(struct net_session *session, const char *text)
{
	net_write(session, slice_str(text));
}

void net_printf(struct net_session *session, const char *format, ...)
{
	struct buf *out = net_output(session);
	va_list args, again;
	va_start(args, format);
	va_copy(again, args);
	char *room = buf_reserve(out, PRINTF_FIRST);
	int len = room ? vsnprintf(room, PRINTF_FIRST, format, args) : -1;
	if (len >= PRINTF_FIRST) {
		room = buf_reserve(out, (size_t)len + 1);
		len = room ? vsnprintf(room, (size_t)len + 1, format, again) : -1;
	}
	if (len > 0)
		out->len += (size_t)len;
	va_end(again);
	va_end(args);
}

bool net_output_full(struct net_session *session)
{
	if (net_output_len(session) <= (session->near.blocked ? NET_OUTPUT_LOW : NET_OUTPUT_HIGH))
		return false;
	net_session_send(session);
	session->told_full = net_output_len(session) > NET_OUTPUT_LOW && !session->near.broken;
	return session->told_full;
}

void net_limit_unsent(struct net_session *session, unsigned bytes)
{
	net_socket_limit_unsent(session->near.socket.fd, bytes);
}

void net_linger(struct net_session *session)
{
	session->lingers = true;
}

void net_flush(struct net_session *session)
{
	net_session_send(session);
}

void net_set_timeout(struct net_session *session, unsigned ms)
{
	session->timeout_ms = ms;
}

void net_start_tls(struct net_session *session)
{
	must(net_tls_offered(session));
	session->start_tls = true;
}

bool net_tls_offered(const struct net_session *session)
{
	return session->options->tls && !session->secure;
}

bool net_is_tls(const struct net_session *session)
{
	return session->secure;
}

bool net_is_secure(const struct net_session *session)
{
	return session->secure || session->by_unix ||
	       (session->options->plain_loopback_ok && session->by_loopback);
}

const struct net_tls_info *net_tls_info(const struct net_session *session)
{
	return session->secure ? net_layer_tls_info(session->near.top) : NULL;
}

void net_session_wake(struct net_session *session)
{
	must(session->magic == NET_SESSION_MAGIC);
	if (net_slots_post(&session->loop->slots, session->id, NET_SLOT_WOKEN))
		net_session_queue(session);
}

void net_session_wake_behind(struct net_session *session)
{
	must(session->magic == NET_SESSION_MAGIC);
	if (net_slots_post(&session->loop->slots, session->id, NET_SLOT_WOKEN))
		net_ready_push_behind(&session->loop->ready, &session->task);
}

void net_session_cut(struct net_session *session)
{
	must(session->magic == NET_SESSION_MAGIC);
	if (net_slots_post(&session->loop->slots, session->id, NET_SLOT_CUT))
		net_session_queue(session);
}

struct net_session *net_session_ref(struct net_session *session)
{
	(void)atomic_fetch_add_explicit(&session->refs, 1, memory_order_relaxed);
	return session;
}

void net_session_unref(struct net_session *session)
{
	must(session->magic == NET_SESSION_MAGIC);
	if (atomic_fetch_sub(&session->refs, 1) != 1)
		return;
	struct net_loop *loop = session->loop;
	session->magic = 0;
	free(session);
	net_loop_unref(loop);
}
