/* All questions go on to the inner one; logins that succeed find mailboxes. */
#include "roles/store/homes.h"

#include "base/alloc.h"
#include "directory/driver.h"
#include "mail/mailbox.h"
#include "store/store.h"

struct homes {
	struct directory base;
	struct directory *inner;
	struct mail *mail;
	bool (*is_away)(void *context, struct id account);
	void *context;
};

static struct homes *of(struct directory *d)
{
	return CONTAINER_OF(d, struct homes, base);
}

int store_home_prepare(struct mail *mail, const struct directory_user *user, struct err *err)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct mail_mailbox inbox;
	if (id_is_none(user->account))
		return err_temporary(err, ERR_OTHER, "the directory knows no account of %.*s",
			SLICE_ARG(user->name));
	store_catch_up(mail_store(mail), user->account);
	int r = mail_mailbox_find(mail, user->account, SLICE("INBOX"), &arena, &inbox, err);
	return r > 0 ? mail_account_prepare(mail, user->account, err) : r;
}

static int homes_lookup(struct directory *d, struct slice address, struct arena *arena,
	struct directory_route *ret_route, struct err *err)
{
	return directory_lookup(of(d)->inner, address, arena, ret_route, err);
}

static int homes_domain(struct directory *d, struct slice domain, struct err *err)
{
	return directory_domain(of(d)->inner, domain, err);
}

/* Who uses no mailbox now needs none now: he may live on another node. */
static int at_home(struct directory *d, enum directory_service service,
	const struct directory_user *user, struct err *err)
{
	const unsigned reads = DIRECTORY_IMAP | DIRECTORY_POP3;
	if (of(d)->is_away && of(d)->is_away(of(d)->context, user->account))
		return 0;
	return service & reads ? store_home_prepare(of(d)->mail, user, err) : 0;
}

static int homes_check(struct directory *d, struct slice user, struct slice password,
	struct slice client, enum directory_service service, struct arena *arena,
	struct directory_user *ret_user, struct err *err)
{
	int r = directory_check(
		of(d)->inner, user, password, client, service, arena, ret_user, err);
	return r == 0 ? at_home(d, service, ret_user, err) : r;
}

static int homes_check_master(struct directory *d, struct slice user,
	const struct directory_master *master, struct slice client, enum directory_service service,
	struct arena *arena, struct directory_user *ret_user, struct err *err)
{
	int r = directory_check_master(
		of(d)->inner, user, master, client, service, arena, ret_user, err);
	return r == 0 ? at_home(d, service, ret_user, err) : r;
}

static int homes_user(struct directory *d, struct slice user, enum directory_service service,
	struct arena *arena, struct directory_user *ret_user, struct err *err)
{
	int r = directory_user(of(d)->inner, user, service, arena, ret_user, err);
	return r == 0 ? at_home(d, service, ret_user, err) : r;
}

static int homes_scram(
	struct directory *d, struct slice user, struct sasl_scram_keys *ret_keys, struct err *err)
{
	return directory_scram(of(d)->inner, user, ret_keys, err);
}

static int homes_scan(struct directory *d, struct slice domain, struct slice pattern,
	bool (*visit)(void *context, const struct directory_user *user), void *context,
	struct err *err)
{
	struct directory *inner = of(d)->inner;
	return inner->driver->scan
		       ? inner->driver->scan(inner, domain, pattern, visit, context, err)
		       : err_permanent(err, ERR_DENIED, "this directory does not list its users");
}

static int homes_set_host(
	struct directory *d, struct slice user, struct slice host, struct err *err)
{
	return directory_set_host(of(d)->inner, user, host, err);
}

static void homes_flush(struct directory *d, struct slice user)
{
	directory_flush(of(d)->inner, user);
}

static void homes_free(struct directory *d)
{
	directory_free(of(d)->inner);
	free(of(d));
}

static const struct directory_driver HOMES = {
	.name = "homes",
	.lookup = homes_lookup,
	.domain = homes_domain,
	.check = homes_check,
	.check_master = homes_check_master,
	.user = homes_user,
	.scram = homes_scram,
	.scan = homes_scan,
	.set_host = homes_set_host,
	.flush = homes_flush,
	.free = homes_free,
};

void store_homes_leave(struct directory *directory,
	bool (*is_away)(void *context, struct id account), void *context)
{
	if (directory->driver != &HOMES)
		return;
	of(directory)->is_away = is_away;
	of(directory)->context = context;
}

struct directory *store_homes_new(struct directory *inner, struct mail *mail)
{
	struct homes *h = ALLOC(struct homes);
	h->base = (struct directory){.driver = &HOMES, .no_scram = inner->no_scram};
	h->inner = inner;
	h->mail = mail;
	return &h->base;
}
