/* A question goes to libunbound with a struct of ours; its answer comes back through ub_process(),
 * on the thread that polls for it.
 *
 * Who waits may give up at any moment, also while the answer is on its way. So a question lies on
 * the heap, and under the resolver's lock it is settled who is the last to have it: who asked (the
 * answer has come, or libunbound has promised that it will not), or the answer's thread. */
#include "dns/resolver_internal.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/errno_here.h"
#include "base/must.h"
#include "base/wait.h"
#include "dns/name.h"
#include "dns/text.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
	TIMEOUT_MS = 20 * 1000,
	QUESTIONS_MAX = 1000,
	CLASS_IN = 1,
	RCODE_NO_ERROR = 0, /* RFC 1035 section 4.1.1 */
	RCODE_NO_NAME = 3,
};

struct resolver {
	struct dns dns;
	struct ub_ctx *unbound;
	pthread_t thread;
	int stop_fd; /* an eventfd: written once, to end the thread */
	pthread_mutex_t lock;
	unsigned timeout_ms, questions_max;
	atomic_uint questions; /* under way */
};

struct question {
	struct resolver *resolver;
	struct wait wait;
	/* Guarded by the resolver's lock: */
	bool answered, left; /* nobody waits any more */
	int failure;         /* of libunbound */
	struct ub_result *result;
};

static void question_free(struct question *q)
{
	ub_resolve_free(q->result);
	free(q);
}

static void on_answer(void *context, int failure, struct ub_result *result)
{
	struct question *q = context;
	struct resolver *r = q->resolver;
	(void)pthread_mutex_lock(&r->lock);
	q->answered = true;
	q->failure = failure;
	q->result = result;
	if (q->left)
		question_free(q);
	else
		wait_done(&q->wait); /* from here on it is who asked that has it */
	(void)pthread_mutex_unlock(&r->lock);
}

static void *take_answers(void *context)
{
	struct resolver *r = context;
	struct pollfd fds[] = {
		{.fd = ub_fd(r->unbound), .events = POLLIN}, {.fd = r->stop_fd, .events = POLLIN}};
	for (;;) {
		int ready = poll(fds, ARRAY_LEN(fds), -1);
		must(ready > 0 || errno == EINTR);
		if (ready > 0 && fds[1].revents)
			return NULL;
		if (ready > 0)
			(void)ub_process(r->unbound);
	}
}

/* Gives up. False: the answer has come after all. */
static bool leave(struct question *q, int id)
{
	struct resolver *r = q->resolver;
	(void)pthread_mutex_lock(&r->lock);
	bool answered = q->answered;
	q->left = !answered;
	bool ours = !answered && ub_cancel(r->unbound, id) == 0;
	(void)pthread_mutex_unlock(&r->lock);
	if (ours)
		question_free(q);
	return !answered;
}

static void fill_answer(struct slice name, const struct ub_result *result, struct arena *arena,
	struct dns_answer *answer)
{
	struct slice final = dns_name_trim(slice_str(result->canonname));
	*answer = (struct dns_answer){
		.secure = result->secure != 0,
		.ttl = (uint32_t)MAX(result->ttl, 0),
		.name = arena_copy(arena, final.len > 0 && dns_name_is_good(final) ? final : name),
	};
	size_t count = 0;
	while (result->havedata && result->data[count])
		count++;
	answer->records = ARENA_ARRAY(arena, struct slice, count);
	for (; answer->count < count; answer->count++)
		answer->records[answer->count] = arena_copy(arena,
			slice(result->data[answer->count], (size_t)result->len[answer->count]));
}

/* What came of a question that was answered. */
static int judge(struct slice name, enum dns_type type, const struct question *q,
	struct arena *arena, struct dns_answer *ret_answer, struct err *err)
{
	const struct ub_result *result = q->result;
	const char *type_name = dns_type_name(type);
	if (q->failure != 0 || !result)
		return err_temporary(err, ERR_UNAVAILABLE, "%.*s %s: %s", SLICE_ARG(name),
			type_name, ub_strerror(q->failure));
	if (result->bogus)
		return err_temporary(err, ERR_DAMAGED, "%.*s %s: bogus: %s", SLICE_ARG(name),
			type_name, result->why_bogus ? result->why_bogus : "validation failed");
	if (result->rcode != RCODE_NO_ERROR && result->rcode != RCODE_NO_NAME)
		return err_temporary(err, ERR_UNAVAILABLE,
			"%.*s %s: the name servers fail (code %d)", SLICE_ARG(name), type_name,
			result->rcode);
	fill_answer(name, result, arena, ret_answer);
	if (ret_answer->count > 0)
		return 0;
	return result->nxdomain || result->rcode == RCODE_NO_NAME ? DNS_NO_NAME : DNS_NO_DATA;
}

static int ask(struct resolver *r, int64_t deadline, struct slice name, enum dns_type type,
	struct arena *arena, struct dns_answer *ret_answer, struct err *err)
{
	char text[DNS_NAME_MAX + 2];
	int id = 0;
	struct question *q = ALLOC(struct question);
	q->resolver = r;
	(void)snprintf(text, sizeof(text), "%.*s", SLICE_ARG(name.len > 0 ? name : SLICE(".")));
	int failure = ub_resolve_async(r->unbound, text, (int)type, CLASS_IN, q, on_answer, &id);
	if (failure != 0) {
		question_free(q);
		return err_temporary(err, ERR_UNAVAILABLE, "%s %s: %s", text, dns_type_name(type),
			ub_strerror(failure));
	}
	if (!wait_until(&q->wait, deadline) && leave(q, id))
		return err_temporary(err, ERR_UNAVAILABLE, "%s %s: no answer in time", text,
			dns_type_name(type));
	int outcome = judge(name, type, q, arena, ret_answer, err);
	question_free(q);
	return outcome;
}

static int lookup_until(struct dns *dns, int64_t deadline, struct slice name, enum dns_type type,
	struct arena *arena, struct dns_answer *ret_answer, struct err *err)
{
	struct resolver *r = (struct resolver *)dns;
	deadline = MIN(deadline, clock_mono_ms() + (int64_t)r->timeout_ms);
	if (!dns_name_is_good(name) || !dns_type_name(type))
		return err_permanent(err, ERR_BAD_INPUT, "there can be no name \"%.*s\" in the DNS",
			SLICE_ARG(name));
	unsigned before = atomic_fetch_add(&r->questions, 1);
	int outcome = before < r->questions_max
			      ? ask(r, deadline, dns_name_trim(name), type, arena, ret_answer, err)
			      : err_temporary(err, ERR_LIMIT,
					"too many questions to the DNS at the same time");
	(void)atomic_fetch_sub(&r->questions, 1);
	return outcome;
}

static int lookup(struct dns *dns, struct slice name, enum dns_type type, struct arena *arena,
	struct dns_answer *ret_answer, struct err *err)
{
	return lookup_until(dns, INT64_MAX, name, type, arena, ret_answer, err);
}

/* The threads begin now, with no signal of the process: libunbound's with the first question, whose
 * answer it knows by itself. */
static int start(struct resolver *r, struct err *err)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct dns_answer answer;
	sigset_t all, old;
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &old);
	must(pthread_create(&r->thread, NULL, take_answers, r) == 0);
	int outcome = ask(r, clock_mono_ms() + r->timeout_ms, SLICE("localhost"), DNS_A, &arena,
		&answer, err);
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	return outcome < 0 ? -1 : 0;
}

static void stop(struct resolver *r)
{
	uint64_t one = 1;
	must(write(r->stop_fd, &one, sizeof(one)) == sizeof(one));
	(void)pthread_join(r->thread, NULL);
}

static void resolver_deinit(struct resolver *r)
{
	ub_ctx_delete(r->unbound);
	(void)close(r->stop_fd);
	(void)pthread_mutex_destroy(&r->lock);
	free(r);
}

static void resolver_free(struct dns *dns)
{
	struct resolver *r = (struct resolver *)dns;
	must(atomic_load(&r->questions) == 0);
	stop(r);
	resolver_deinit(r);
}

static const struct dns_driver DRIVER = {
	.lookup = lookup, .lookup_until = lookup_until, .free = resolver_free};

int dns_resolver_new(
	const struct dns_resolver_options *options, struct dns **ret_dns, struct err *err)
{
	struct resolver *r = ALLOC(struct resolver);
	*r = (struct resolver){
		.dns.driver = &DRIVER,
		.unbound = ub_ctx_create(),
		.stop_fd = eventfd(0, EFD_CLOEXEC),
		.timeout_ms = options->timeout_ms ? options->timeout_ms : TIMEOUT_MS,
		.questions_max = options->questions_max ? options->questions_max : QUESTIONS_MAX,
	};
	must(r->unbound && r->stop_fd >= 0 && pthread_mutex_init(&r->lock, NULL) == 0);
	(void)ub_ctx_debugout(r->unbound, NULL); /* what it has to say comes as errors */
	must(ub_ctx_async(r->unbound, 1) == 0);  /* a thread, not a child process */
	if (dns_resolver_set_up(r->unbound, options, err) < 0) {
		resolver_deinit(r);
		return -1;
	}
	if (start(r, err) < 0) {
		stop(r);
		resolver_deinit(r);
		return -1;
	}
	*ret_dns = &r->dns;
	return 0;
}
