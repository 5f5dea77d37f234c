/* What accounts hold is in their rows; what domains hold is summed here, in memory, from the rows
 * of the accounts that joined.
 *
 * Of each joined account the figures at the highest change number seen are kept, so that notes may
 * come late, twice or out of order: only a newer one moves the sum, by the difference. One lock
 * guards all of it and is held for a few look-ups; servers without domain limits never take it. */
#include "mail/quota_internal.h"
#include "mail/mail_internal.h"

#include "base/alloc.h"
#include "base/bytes.h"

#include <pthread.h>
#include <stdatomic.h>

/* What is kept of a domain, or of an account. */
struct holder {
	struct id id;
	struct holder *next; /* in the bucket */
	struct mail_usage usage;
	/* of a domain */
	struct mail_usage reserved;
	uint32_t members;
	/* of an account */
	struct holder *domain;
	uint64_t change;
};

struct holders {
	struct holder **buckets;
	uint32_t bucket_count, count;
};

struct quota_table {
	pthread_mutex_t lock;
	atomic_uint members;
	struct holders accounts, domains;
};

struct quota_table *quota_table_new(void)
{
	struct quota_table *table = ALLOC(struct quota_table);
	(void)pthread_mutex_init(&table->lock, NULL);
	return table;
}

static void holders_free(struct holders *holders)
{
	for (uint32_t i = 0; i < holders->bucket_count; i++) {
		while (holders->buckets[i]) {
			struct holder *holder = holders->buckets[i];
			holders->buckets[i] = holder->next;
			free(holder);
		}
	}
	free(holders->buckets);
}

void quota_table_free(struct quota_table *table)
{
	holders_free(&table->accounts);
	holders_free(&table->domains);
	(void)pthread_mutex_destroy(&table->lock);
	free(table);
}

static struct holder **place_of(const struct holders *holders, struct id id)
{
	struct holder **link =
		&holders->buckets[bytes_hash(id_slice(&id)) & (holders->bucket_count - 1)];
	while (*link && !id_eq((*link)->id, id))
		link = &(*link)->next;
	return link;
}

static struct holder *find(const struct holders *holders, struct id id)
{
	return holders->bucket_count ? *place_of(holders, id) : NULL;
}

static void grow(struct holders *holders)
{
	struct holders larger = {
		.bucket_count = MAX(holders->bucket_count * 2, 64u), .count = holders->count};
	larger.buckets = alloc_zero(larger.bucket_count, sizeof(struct holder *));
	for (uint32_t i = 0; i < holders->bucket_count; i++) {
		while (holders->buckets[i]) {
			struct holder *holder = holders->buckets[i];
			holders->buckets[i] = holder->next;
			struct holder **link = place_of(&larger, holder->id);
			holder->next = NULL;
			*link = holder;
		}
	}
	free(holders->buckets);
	*holders = larger;
}

static struct holder *find_or_add(struct holders *holders, struct id id)
{
	struct holder *holder = find(holders, id);
	if (holder)
		return holder;
	if (holders->count >= holders->bucket_count)
		grow(holders);
	holder = ALLOC(struct holder);
	holder->id = id;
	*place_of(holders, id) = holder;
	holders->count++;
	return holder;
}

static void drop(struct holders *holders, struct holder *holder)
{
	*place_of(holders, holder->id) = holder->next;
	holders->count--;
	free(holder);
}

int mail_usage(struct mail *mail, struct id account, struct mail_usage *ret_usage, struct err *err)
{
	struct store_account row;
	*ret_usage = (struct mail_usage){0};
	int r = store_get_account(mail->store, account, &row, err);
	if (r == 0)
		*ret_usage = (struct mail_usage){.bytes = row.bytes, .messages = row.count};
	return r < 0 ? r : 0;
}

/* Called with the lock held. */
static void note(struct quota_table *table, const struct store_account *row)
{
	struct holder *account = find(&table->accounts, row->id);
	if (!account || row->change <= account->change)
		return;
	/* The difference may be negative: unsigned numbers wrap and come out right. */
	account->domain->usage.bytes += row->bytes - account->usage.bytes;
	account->domain->usage.messages += row->count - account->usage.messages;
	account->usage = (struct mail_usage){.bytes = row->bytes, .messages = row->count};
	account->change = row->change;
}

/* Called with the lock held. */
static void leave(struct quota_table *table, struct id id)
{
	struct holder *account = find(&table->accounts, id);
	if (!account)
		return;
	struct holder *domain = account->domain;
	domain->usage.bytes -= account->usage.bytes;
	domain->usage.messages -= account->usage.messages;
	if (--domain->members == 0 && domain->reserved.messages == 0)
		drop(&table->domains, domain);
	drop(&table->accounts, account);
	atomic_fetch_sub(&table->members, 1);
}

int mail_domain_join(struct mail *mail, struct id account, struct id domain, struct err *err)
{
	struct quota_table *table = mail->quotas;
	struct store_account row = {.id = account};
	(void)pthread_mutex_lock(&table->lock);
	struct holder *member = find(&table->accounts, account);
	if (member && !id_eq(member->domain->id, domain)) {
		leave(table, account);
		member = NULL;
	}
	if (!member) {
		member = find_or_add(&table->accounts, account);
		member->domain = find_or_add(&table->domains, domain);
		member->domain->members++;
		atomic_fetch_add(&table->members, 1);
	}
	(void)pthread_mutex_unlock(&table->lock);
	/* Commits from here on are noted; the row read now covers those before. */
	int r = store_get_account(mail->store, account, &row, err);
	if (r == 0) {
		(void)pthread_mutex_lock(&table->lock);
		note(table, &row);
		(void)pthread_mutex_unlock(&table->lock);
	}
	return r < 0 ? r : 0;
}

void mail_domain_leave(struct mail *mail, struct id account)
{
	(void)pthread_mutex_lock(&mail->quotas->lock);
	leave(mail->quotas, account);
	(void)pthread_mutex_unlock(&mail->quotas->lock);
}

struct mail_usage mail_domain_usage(struct mail *mail, struct id domain)
{
	(void)pthread_mutex_lock(&mail->quotas->lock);
	struct holder *holder = find(&mail->quotas->domains, domain);
	struct mail_usage usage = holder ? holder->usage : (struct mail_usage){0};
	(void)pthread_mutex_unlock(&mail->quotas->lock);
	return usage;
}

static bool exceeds(uint64_t held, uint64_t more, uint64_t limit)
{
	return limit > 0 && more > 0 && (held >= limit || more > limit - held);
}

static int over_quota(struct err *err, const char *whose, const char *what)
{
	(void)err_permanent(err, ERR_OVER_QUOTA, "the %s's quota of %s is used up", whose, what);
	return err_status(err, "5.2.2");
}

int quota_check_account(const struct store_account *account, const struct mail_limits *limits,
	uint64_t bytes, uint64_t messages, struct err *err)
{
	if (exceeds(account->bytes, bytes, limits->bytes))
		return over_quota(err, "account", "storage");
	if (exceeds(account->count, messages, limits->messages))
		return over_quota(err, "account", "messages");
	return 0;
}

static bool domain_is_limited(const struct mail_limits *limits)
{
	return !id_is_none(limits->domain) && (limits->domain_bytes || limits->domain_messages);
}

int quota_reserve(struct mail *mail, const struct mail_limits *limits, uint64_t bytes,
	uint64_t messages, struct err *err)
{
	int r = 0;
	if (!domain_is_limited(limits))
		return 0;
	(void)pthread_mutex_lock(&mail->quotas->lock);
	struct holder *domain = find_or_add(&mail->quotas->domains, limits->domain);
	if (exceeds(domain->usage.bytes + domain->reserved.bytes, bytes, limits->domain_bytes))
		r = over_quota(err, "domain", "storage");
	else if (exceeds(domain->usage.messages + domain->reserved.messages, messages,
			 limits->domain_messages))
		r = over_quota(err, "domain", "messages");
	if (r == 0) {
		domain->reserved.bytes += bytes;
		domain->reserved.messages += messages;
	}
	(void)pthread_mutex_unlock(&mail->quotas->lock);
	return r;
}

void quota_release(
	struct mail *mail, const struct mail_limits *limits, uint64_t bytes, uint64_t messages)
{
	if (!domain_is_limited(limits))
		return;
	(void)pthread_mutex_lock(&mail->quotas->lock);
	struct holder *domain = find(&mail->quotas->domains, limits->domain);
	if (domain) {
		domain->reserved.bytes -= bytes;
		domain->reserved.messages -= messages;
	}
	(void)pthread_mutex_unlock(&mail->quotas->lock);
}

int quota_commit(struct mail *mail, struct store_write *write, const struct id *accounts,
	size_t count, struct err *err)
{
	AUTO_FREE struct store_account *rows = NULL;
	if (atomic_load(&mail->quotas->members) > 0) {
		rows = alloc_zero(count, sizeof(*rows));
		for (size_t i = 0; i < count; i++) {
			const struct store_account *row;
			int r = store_write_account(write, accounts[i], &row, err);
			if (r != 0) {
				store_write_abort(write);
				return r;
			}
			rows[i] = *row;
		}
	}
	int r = store_write_commit(write, err);
	if (r == 0 && rows) {
		(void)pthread_mutex_lock(&mail->quotas->lock);
		for (size_t i = 0; i < count; i++)
			note(mail->quotas, &rows[i]);
		(void)pthread_mutex_unlock(&mail->quotas->lock);
	}
	return r;
}
