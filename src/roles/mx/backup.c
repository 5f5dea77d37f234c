/* What a domain's server has said about a recipient is remembered in a table of fixed size, by
 * address; what it could not say, by domain, so that nobody waits for it again and again. A place
 * in the table is the last one's who had it. */
#include "roles/mx/backup.h"

#include "base/alloc.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/log.h"
#include "dns/idn.h"
#include "smtp/outbound.h"

#include <pthread.h>

enum {
	PLACES = 8192,
	MINUTE_MS = 60 * 1000,
	TAKEN_MS = 60 * MINUTE_MS,
	REFUSED_MS = 10 * MINUTE_MS,
	UNKNOWN_MS = MINUTE_MS,
};

enum verdict { TAKEN, REFUSED, UNKNOWN };

struct place {
	char *name; /* address, or domain; NULL: free */
	enum verdict verdict;
	char status[sizeof(((struct err *)0)->status)];
	int64_t until_ms; /* monotonic */
};

struct mx_backup {
	const struct conf_backup *conf;
	struct mx_outbound *outbound;
	pthread_mutex_t lock; /* guards places; nothing waits under it */
	struct place *places;
	atomic_uint_fast64_t asked, refused, unknown;
};

struct mx_backup *mx_backup_new(const struct role *role, struct mx_outbound *outbound)
{
	struct mx_backup *b = ALLOC(struct mx_backup);
	b->conf = &role->settings->mx.backup;
	b->outbound = outbound;
	(void)pthread_mutex_init(&b->lock, NULL);
	b->places = alloc_zero(PLACES, sizeof(struct place));
	return b;
}

void mx_backup_free(struct mx_backup *b)
{
	if (!b)
		return;
	for (size_t i = 0; i < PLACES; i++)
		free(b->places[i].name);
	free(b->places);
	(void)pthread_mutex_destroy(&b->lock);
	free(b);
}

static bool fits(struct slice pattern, struct slice domain)
{
	if (!slice_starts(pattern, SLICE("*.")))
		return dns_name_eq(pattern, domain);
	struct slice above = slice_from(pattern, 1);
	return domain.len > above.len &&
	       slice_eq_nocase(slice_from(domain, domain.len - above.len), above);
}

bool mx_backup_has(const struct mx_backup *b, struct slice domain)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct slice name;
	if (!dns_name_to_ascii(domain, &arena, &name))
		return false;
	for (size_t i = 0; i < b->conf->domains.count; i++)
		if (fits(slice_str(b->conf->domains.items[i]), name))
			return true;
	return false;
}

static struct place *place_of(struct mx_backup *b, struct slice name)
{
	return &b->places[bytes_hash(name) % PLACES];
}

static bool recall(struct mx_backup *b, struct slice name, struct place *ret_place)
{
	(void)pthread_mutex_lock(&b->lock);
	const struct place *p = place_of(b, name);
	bool found = p->name && p->until_ms > clock_mono_ms() && slice_eq(slice_str(p->name), name);
	*ret_place = *p;
	ret_place->name = NULL;
	(void)pthread_mutex_unlock(&b->lock);
	return found;
}

static void remember(
	struct mx_backup *b, struct slice name, enum verdict verdict, const char *status)
{
	static const int64_t FOR[] = {
		[TAKEN] = TAKEN_MS, [REFUSED] = REFUSED_MS, [UNKNOWN] = UNKNOWN_MS};
	(void)pthread_mutex_lock(&b->lock);
	struct place *p = place_of(b, name);
	free(p->name);
	p->name = slice_dup(name);
	p->verdict = verdict;
	p->until_ms = clock_mono_ms() + FOR[verdict];
	(void)snprintf(p->status, sizeof(p->status), "%s", status);
	(void)pthread_mutex_unlock(&b->lock);
}

static int refuse(struct mx_backup *b, const char *status, struct err *err)
{
	(void)atomic_fetch_add(&b->refused, 1);
	(void)err_permanent(
		err, ERR_ABSENT, "The domain's own server does not take mail for that address");
	return err_status(err, status[0] ? status : "5.1.1");
}

/* What the domain's server says now. */
static int ask(struct mx_backup *b, const struct smtp_transaction *t,
	const struct envelope_path *path, struct slice domain, struct slice address,
	struct err *err)
{
	(void)atomic_fetch_add(&b->asked, 1);
	int r = mx_outbound_probe(
		b->outbound, domain, path, (unsigned)b->conf->verify_timeout_ms, err);
	if (r == 0) {
		remember(b, address, TAKEN, "");
		return 0;
	}
	if (r == SMTP_PROBE_REFUSED) {
		log_info(t->log, "recipient refused by its own server",
			F_SLICE("recipient", address), F_ERR(err));
		remember(b, address, REFUSED, err->status);
		return refuse(b, err->status, err);
	}
	(void)atomic_fetch_add(&b->unknown, 1);
	remember(b, domain, UNKNOWN, "");
	log_info(t->log, "a recipient can't be verified, the mail is taken",
		F_SLICE("recipient", address), F_ERR(err));
	return 0;
}

/* A name that says where to go on is none that we pass to a server which may follow it: it trusts
 * us, as its backup, more than strangers. */
static bool is_route(struct slice local)
{
	for (size_t i = 0; i < local.len; i++)
		if (strchr("%!@", local.ptr[i]))
			return true;
	return false;
}

int mx_backup_verify(struct mx_backup *b, const struct smtp_transaction *t,
	const struct smtp_recipient *r, struct err *err)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	const struct envelope_path *path = &r->envelope.path;
	struct place known;
	struct slice domain;
	if (is_route(path->local)) {
		(void)err_permanent(err, ERR_DENIED, "An address there may not hold a route");
		return err_status(err, "5.7.1");
	}
	if (!b->conf->verify_recipients || !dns_name_to_ascii(path->domain, &arena, &domain))
		return 0;
	struct slice address = slice_str(
		arena_printf(&arena, "%.*s@%.*s", SLICE_ARG(path->local), SLICE_ARG(domain)));
	if (recall(b, address, &known))
		return known.verdict == REFUSED ? refuse(b, known.status, err) : 0;
	if (recall(b, domain, &known))
		return 0;
	return ask(b, t, path, domain, address, err);
}

void mx_backup_metrics(struct mx_backup *b, struct role *role, struct buf *to)
{
	role_metric(role, to, "backup_recipients_asked_total", "", b->asked);
	role_metric(role, to, "backup_recipients_refused_total", "", b->refused);
	role_metric(role, to, "backup_recipients_unknown_total", "", b->unknown);
}
