/* The supervisor: a poll loop over signals, the roles' channels, and the status page's questions.
 *
 * Threads: the status page's thread asks through `page`, which its lock guards; everything else
 * belongs to the main thread. */
#include "roles/supervisor.h"

#include "base/clock.h"
#include "base/errno_here.h"
#include "base/log.h"
#include "roles/certificates.h"
#include "roles/child.h"
#include "roles/common_file.h"
#include "roles/metrics_page.h"
#include "roles/status_page.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CHILDREN_MAX = 8, STOP_WAIT_MS = 10000, ANSWER_WAIT_MS = 2000, METRICS_MAX = 4 << 20 };
enum { AILMENT_MAX = 200 };

struct supervisor {
	const struct conf_settings *settings;
	const char *program, *config;
	json_t *certificates;
	const struct conf_settings *latest; /* of the last reload; NULL: `settings` */
	struct child children[CHILDREN_MAX];
	size_t child_count;
	bool stopping, broken;
	int64_t stop_by_ms;
	int signals, asked; /* descriptors */
	/* Between the main thread and the status page's: */
	struct page {
		pthread_mutex_t lock;
		pthread_cond_t answered; /* or of no use to wait for */
		bool ready[CHILDREN_MAX];
		uint64_t restarts[CHILDREN_MAX];
		uint64_t question, answers[CHILDREN_MAX]; /* the answer to which question */
		struct buf text[CHILDREN_MAX];
		char ailment[CHILDREN_MAX][AILMENT_MAX]; /* empty: none */
	} page;
};

static void publish(struct supervisor *s)
{
	(void)pthread_mutex_lock(&s->page.lock);
	for (size_t i = 0; i < s->child_count; i++) {
		s->page.ready[i] = s->children[i].ready && !s->stopping;
		s->page.restarts[i] = s->children[i].restarts;
	}
	(void)pthread_cond_signal(&s->page.answered); /* nobody waits for one that died */
	(void)pthread_mutex_unlock(&s->page.lock);
}

static bool all_answered(const struct supervisor *s, uint64_t question)
{
	for (size_t i = 0; i < s->child_count; i++)
		if (s->page.ready[i] && s->page.answers[i] < question)
			return false;
	return true;
}

/* Asks all roles how they are; not all may answer in time. The page's lock is held. */
static uint64_t ask(struct supervisor *s)
{
	struct page *page = &s->page;
	struct timespec until;
	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += ANSWER_WAIT_MS / 1000;
	uint64_t question = ++page->question, one = 1;
	ssize_t written = write(s->asked, &one, sizeof(one));
	(void)written;
	while (!all_answered(s, question) &&
		pthread_cond_timedwait(&page->answered, &page->lock, &until) == 0)
		continue;
	return question;
}

static bool healthy(void *context, struct buf *text)
{
	struct supervisor *s = context;
	struct page *page = &s->page;
	bool all = true;
	(void)pthread_mutex_lock(&page->lock);
	uint64_t question = ask(s);
	for (size_t i = 0; i < s->child_count; i++) {
		bool well = page->answers[i] != question || page->ailment[i][0] == '\0';
		buf_printf(text, "%s %s\n", s->children[i].kind->name,
			!page->ready[i] ? "not ready"
			: well          ? "ready"
					: page->ailment[i]);
		all = all && page->ready[i] && well;
	}
	(void)pthread_mutex_unlock(&page->lock);
	return all;
}

static void metrics(void *context, struct buf *text)
{
	struct supervisor *s = context;
	struct page *page = &s->page;
	(void)pthread_mutex_lock(&page->lock);
	uint64_t question = ask(s);
	AUTO(buf_free) struct buf own = BUF(METRICS_MAX);
	struct slice texts[CHILDREN_MAX + 1];
	size_t count = 1;
	buf_printf(&own, "rookery_info{version=\"%s\"} 1\n", ROOKERY_VERSION);
	for (size_t i = 0; i < s->child_count; i++) {
		const char *name = s->children[i].kind->name;
		buf_printf(&own,
			"rookery_up{role=\"%s\"} %d\nrookery_restarts_total{role=\"%s\"} %llu\n",
			name, page->ready[i], name, (unsigned long long)page->restarts[i]);
		if (page->answers[i] == question)
			texts[count++] = buf_slice(&page->text[i]);
	}
	texts[0] = buf_slice(&own);
	metrics_page_write(texts, count, text);
	(void)pthread_mutex_unlock(&page->lock);
}

/* Passes questions of the page's thread on. */
static void ask_roles(struct supervisor *s)
{
	uint64_t count;
	ssize_t got = read(s->asked, &count, sizeof(count));
	(void)got;
	for (size_t i = 0; i < s->child_count; i++)
		if (s->children[i].ready)
			(void)channel_send(
				&s->children[i].channel, json_pack("{s:b}", "metrics", 1));
}

static void take_answer(struct supervisor *s, size_t i, const char *text, const char *ailment)
{
	(void)pthread_mutex_lock(&s->page.lock);
	buf_clear(&s->page.text[i]);
	buf_add_str(&s->page.text[i], text);
	(void)snprintf(s->page.ailment[i], AILMENT_MAX, "%s", ailment ? ailment : "");
	s->page.answers[i] = s->page.question;
	(void)pthread_cond_signal(&s->page.answered);
	(void)pthread_mutex_unlock(&s->page.lock);
}

/* Takes over `fresh`. */
static void hand_out(struct supervisor *s, json_t *fresh, const struct conf_log *log)
{
	json_decref(s->certificates);
	s->certificates = fresh;
	for (size_t i = 0; i < s->child_count; i++)
		if (s->children[i].pid && s->children[i].channel.fd >= 0)
			(void)channel_send(&s->children[i].channel,
				json_pack("{s:O, s:i}", "certificates", fresh, "log_level",
					(int)log->level));
}

/* A role has written certificates that it was given by an authority. */
static void renew_certificates(struct supervisor *s)
{
	const struct conf_settings *settings = s->latest ? s->latest : s->settings;
	json_t *fresh;
	struct err err;
	if (certificates_load(settings, s->settings, &fresh, &err) < 0)
		log_error(NULL, "certificates not read again, everything stays as it is",
			F_ERR(&err));
	else
		hand_out(s, fresh, &settings->log);
}

/* What roles take over while they serve. */
static bool is_live(struct slice option)
{
	return (slice_starts(option, SLICE("tls.")) && !slice_starts(option, SLICE("tls.acme"))) ||
	       slice_eq(option, SLICE("log.level"));
}

/* Moves those options of `now` that are not taken over to `later`. */
static void sort_options(struct buf *now, struct buf *later)
{
	AUTO(buf_free) struct buf all = BUF(4096);
	buf_add_slice(&all, buf_slice(now));
	buf_clear(now);
	for (struct slice rest = buf_slice(&all); rest.len > 0;) {
		struct slice option = slice_trim(slice_cut(&rest, ','));
		struct buf *to = is_live(option) ? now : later;
		buf_printf(to, "%s%.*s", to->len ? ", " : "", SLICE_ARG(option));
	}
}

static void reload(struct supervisor *s)
{
	const struct conf_settings *fresh;
	AUTO(buf_free) struct buf report = BUF(CONF_REPORT_MAX), now = BUF(4096), later = BUF(4096);
	json_t *certificates;
	struct err err;
	if (conf_settings_load(s->config, &report, &fresh, &err) < 0 ||
		certificates_load(fresh, s->settings, &certificates, &err) < 0) {
		log_error(NULL, "not reloaded, everything stays as it is", F_ERR(&err));
		return;
	}
	(void)conf_settings_diff(s->settings, fresh, &now, &later);
	sort_options(&now, &later);
	if (later.len > 0)
		log_warn(NULL, "some changed options need a restart",
			F_SLICE("options", buf_slice(&later)));
	if (fresh->common_fault[0])
		log_error(NULL, "common options are not gone by",
			F_STR("reason", fresh->common_fault));
	log_set_level(fresh->log.level);
	hand_out(s, certificates, &fresh->log);
	log_info(NULL, "reloaded", F_SLICE("changed", buf_slice(&now)));
	conf_settings_free(s->latest);
	s->latest = fresh;
}

/* From the store. A hole in that role must not become one in the others: what may not be common is
 * not written. */
static void take_common(struct supervisor *s, struct slice text)
{
	struct err err;
	int r = common_file_put(s->settings->data, text, &err);
	if (r < 0)
		log_error(NULL, "common options not taken, everything stays as it is", F_ERR(&err));
	if (r == 0) {
		log_info(NULL, "common options have changed");
		reload(s);
	}
}

static void take_messages(struct supervisor *s, size_t i)
{
	struct child *child = &s->children[i];
	bool gone;
	json_t *message;
	while ((message = channel_receive(&child->channel, false, &gone)) != NULL) {
		const char *text = json_string_value(json_object_get(message, "metrics"));
		if (text)
			take_answer(
				s, i, text, json_string_value(json_object_get(message, "ailment")));
		if (json_object_get(message, "certificates_changed") && !s->stopping)
			renew_certificates(s);
		const json_t *common = json_object_get(message, "common");
		if (json_is_string(common) && child->kind == &role_store && !s->stopping)
			take_common(s, (struct slice){json_string_value(common),
					       json_string_length(common)});
		const char *why = json_string_value(json_object_get(message, "failed"));
		if (why && child->restarts == 0 && !s->stopping)
			fprintf(stderr, "rookery: role %s can't start: %s\n", child->kind->name,
				why);
		if (json_object_get(message, "ready")) {
			child->ready = true;
			publish(s);
		}
		json_decref(message);
	}
	if (gone && child->channel.fd >= 0) {
		(void)close(child->channel.fd); /* waitpid() says the rest */
		child->channel.fd = -1;
	}
}

static void start_child(struct supervisor *s, struct child *child)
{
	struct err err;
	if (child_start(child, s->program, s->config, s->certificates, &err) < 0) {
		log_error(NULL, "role can't be started", F_ERR(&err));
		child->restart_ms = clock_mono_ms() + 1000;
	}
}

static void stop_all(struct supervisor *s)
{
	if (s->stopping)
		return;
	log_info(NULL, "stopping");
	s->stopping = true;
	s->stop_by_ms = clock_mono_ms() + STOP_WAIT_MS;
	publish(s);
	for (size_t i = 0; i < s->child_count; i++)
		if (s->children[i].pid && s->children[i].channel.fd >= 0)
			(void)channel_send(&s->children[i].channel, json_pack("{s:b}", "stop", 1));
}

static void reap(struct supervisor *s)
{
	int status;
	pid_t pid;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (size_t i = 0; i < s->child_count; i++) {
			struct child *child = &s->children[i];
			if (child->pid != pid)
				continue;
			if (child->channel.fd >= 0)
				take_messages(s, i); /* its last words */
			if (s->stopping) {
				child->pid = 0;
				channel_close(&child->channel);
				continue;
			}
			child_ended(child, status);
			/* What can't start at all is for the operator, not for ever more attempts.
			 */
			if (child->failed_first) {
				s->broken = true;
				stop_all(s);
			}
		}
	publish(s);
}

static void take_signals(struct supervisor *s)
{
	struct signalfd_siginfo info;
	while (read(s->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo == SIGCHLD)
			reap(s);
		else if (info.ssi_signo == SIGHUP)
			reload(s);
		else
			stop_all(s);
	}
}

static bool any_running(const struct supervisor *s)
{
	for (size_t i = 0; i < s->child_count; i++)
		if (s->children[i].pid)
			return true;
	return false;
}

/* Starts what is due; returns how long to sleep. */
static int tend(struct supervisor *s)
{
	int64_t now = clock_mono_ms(), sleep = -1;
	for (size_t i = 0; i < s->child_count; i++) {
		struct child *child = &s->children[i];
		if (s->stopping) {
			if (child->pid && now >= s->stop_by_ms)
				(void)kill(child->pid, SIGKILL);
			continue;
		}
		if (child->pid || !child->restart_ms)
			continue;
		if (now >= child->restart_ms)
			start_child(s, child);
		else
			sleep = sleep < 0 ? child->restart_ms - now
					  : MIN(sleep, child->restart_ms - now);
	}
	return s->stopping ? (int)MAX(s->stop_by_ms - now, (int64_t)100) : (int)sleep;
}

static void poll_once(struct supervisor *s, int sleep_ms)
{
	struct pollfd fds[CHILDREN_MAX + 2] = {
		{.fd = s->signals, .events = POLLIN},
		{.fd = s->asked, .events = POLLIN},
	};
	for (size_t i = 0; i < s->child_count; i++)
		fds[i + 2] =
			(struct pollfd){.fd = s->children[i].pid ? s->children[i].channel.fd : -1,
				.events = POLLIN};
	if (poll(fds, s->child_count + 2, sleep_ms) <= 0)
		return;
	for (size_t i = 0; i < s->child_count; i++)
		if (fds[i + 2].revents)
			take_messages(s, i);
	if (fds[1].revents)
		ask_roles(s);
	if (fds[0].revents)
		take_signals(s);
}

static int prepare(struct supervisor *s, struct err *err)
{
	sigset_t ours;
	(void)sigemptyset(&ours);
	(void)sigaddset(&ours, SIGCHLD);
	(void)sigaddset(&ours, SIGHUP);
	(void)sigaddset(&ours, SIGINT);
	(void)sigaddset(&ours, SIGTERM);
	(void)pthread_sigmask(SIG_BLOCK, &ours, NULL);
	(void)pthread_mutex_init(&s->page.lock, NULL);
	pthread_condattr_t attr;
	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC); /* the other one jumps */
	(void)pthread_cond_init(&s->page.answered, &attr);
	(void)pthread_condattr_destroy(&attr);
	s->signals = signalfd(-1, &ours, SFD_CLOEXEC | SFD_NONBLOCK);
	s->asked = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (s->signals < 0 || s->asked < 0)
		return err_errno(err, errno, "can't listen to signals");
	for (size_t i = 0; role_kinds[i]; i++) {
		if (!role_kinds[i]->is_wanted(s->settings))
			continue;
		s->page.text[s->child_count] = BUF(METRICS_MAX);
		s->children[s->child_count++] =
			(struct child){.kind = role_kinds[i], .channel = {.fd = -1}};
	}
	if (s->child_count == 0)
		return err_permanent(err, ERR_BAD_INPUT,
			"%s names no role: it needs an `mx` or a `store` block", s->config);
	return certificates_load(s->settings, s->settings, &s->certificates, err);
}

int supervisor_serve(const struct conf_settings *settings, const char *program, const char *config)
{
	struct supervisor s = {.settings = settings, .program = program, .config = config};
	struct status_page_source source = {.healthy = healthy, .metrics = metrics, .context = &s};
	struct status_page *page = NULL;
	struct err err;
	log_set_role("supervisor");
	if (prepare(&s, &err) < 0 ||
		(settings->metrics.on &&
			status_page_start(settings->metrics.listen, &source, &page, &err) < 0)) {
		fprintf(stderr, "rookery: can't serve: %s\n", err.text);
		return 1;
	}
	if (settings->common_fault[0])
		log_error(NULL, "common options are not gone by",
			F_STR("reason", settings->common_fault));
	log_info(NULL, "starting", F_STR("version", ROOKERY_VERSION), F_STR("config", config));
	for (size_t i = 0; i < s.child_count; i++)
		start_child(&s, &s.children[i]);
	while (!s.stopping || any_running(&s))
		poll_once(&s, tend(&s));
	status_page_stop(page);
	json_decref(s.certificates);
	conf_settings_free(s.latest);
	for (size_t i = 0; i < s.child_count; i++)
		buf_free(&s.page.text[i]);
	(void)close(s.signals);
	(void)close(s.asked);
	log_info(NULL, "stopped");
	return s.broken;
}
