/* The inner one answers first, so that a wrong password stays wrong. */
#include "move/barred.h"

#include "base/alloc.h"
#include "directory/driver.h"

struct barred {
	struct directory base;
	struct directory *inner;
	struct move_marks *marks;
};

static struct barred *of(struct directory *d)
{
	return CONTAINER_OF(d, struct barred, base);
}

static int not_now(struct slice name, struct err *err)
{
	(void)err_temporary(
		err, ERR_UNAVAILABLE, "%.*s is on the way to another node", SLICE_ARG(name));
	return err_status(err, "4.2.1");
}

/* One of several: all of them are asked about again, and who has it is not given it twice. */
static int barred_lookup(struct directory *d, struct slice address, struct arena *arena,
	struct directory_route *ret_route, struct err *err)
{
	int r = directory_lookup(of(d)->inner, address, arena, ret_route, err);
	for (size_t i = 0; r == 0 && i < ret_route->count; i++)
		if (move_marks_is_barred(of(d)->marks, ret_route->users[i].account))
			return not_now(ret_route->users[i].name, err);
	return r;
}

static int barred_domain(struct directory *d, struct slice domain, struct err *err)
{
	return directory_domain(of(d)->inner, domain, err);
}

static int barred_check(struct directory *d, struct slice user, struct slice password,
	struct slice client, enum directory_service service, struct arena *arena,
	struct directory_user *ret_user, struct err *err)
{
	int r = directory_check(
		of(d)->inner, user, password, client, service, arena, ret_user, err);
	return r == 0 && move_marks_is_barred(of(d)->marks, ret_user->account)
		       ? not_now(ret_user->name, err)
		       : r;
}

static int barred_check_master(struct directory *d, struct slice user,
	const struct directory_master *master, struct slice client, enum directory_service service,
	struct arena *arena, struct directory_user *ret_user, struct err *err)
{
	int r = directory_check_master(
		of(d)->inner, user, master, client, service, arena, ret_user, err);
	return r == 0 && move_marks_is_barred(of(d)->marks, ret_user->account)
		       ? not_now(ret_user->name, err)
		       : r;
}

static int barred_user(struct directory *d, struct slice user, enum directory_service service,
	struct arena *arena, struct directory_user *ret_user, struct err *err)
{
	int r = directory_user(of(d)->inner, user, service, arena, ret_user, err);
	return r == 0 && move_marks_is_barred(of(d)->marks, ret_user->account)
		       ? not_now(ret_user->name, err)
		       : r;
}

static int barred_scram(
	struct directory *d, struct slice user, struct sasl_scram_keys *ret_keys, struct err *err)
{
	return directory_scram(of(d)->inner, user, ret_keys, err);
}

static void barred_flush(struct directory *d, struct slice user)
{
	directory_flush(of(d)->inner, user);
}

static void barred_free(struct directory *d)
{
	free(of(d));
}

static const struct directory_driver BARRED = {
	.name = "barred",
	.lookup = barred_lookup,
	.domain = barred_domain,
	.check = barred_check,
	.check_master = barred_check_master,
	.user = barred_user,
	.scram = barred_scram,
	.flush = barred_flush,
	.free = barred_free,
};

struct directory *move_barred_new(struct directory *inner, struct move_marks *marks)
{
	struct barred *b = ALLOC(struct barred);
	b->base = (struct directory){.driver = &BARRED, .no_scram = inner->no_scram};
	b->inner = inner;
	b->marks = marks;
	return &b->base;
}
