/* What a SASL exchange asks, answered by a directory. */
#include "directory/sasl.h"

#include "directory/address.h"

/* Naming oneself is the same as naming nobody. */
static bool is_other(struct slice authzid, struct slice user)
{
	struct directory_address a, b;
	if (authzid.len == 0 || slice_eq(authzid, user))
		return false;
	return !directory_address_parse(authzid, &a) || !directory_address_parse(user, &b) ||
	       !slice_eq(directory_address_slice(&a), directory_address_slice(&b));
}

static int refuse_other(struct directory_sasl *asked)
{
	(void)err_permanent(&asked->denied, ERR_DENIED, "acting for another user is not allowed");
	return DIRECTORY_DENIED;
}

/* "Denied" keeps its reason; "can't tell" goes out by `err`. */
static int conclude(struct directory_sasl *asked, int r, const struct err *why, struct err *err)
{
	if (r == DIRECTORY_DENIED)
		asked->denied = *why;
	else if (r < 0 && err)
		*err = *why;
	return r;
}

static int check_master(struct directory_sasl *asked, struct slice user, struct slice master,
	struct slice password, struct err *err)
{
	const struct directory_master who = {master, password};
	struct err why = {0};
	if (!asked->may_act)
		return refuse_other(asked);
	asked->by_master = true;
	int r = directory_check_master(asked->directory, user, &who, slice_str(asked->client),
		asked->service, asked->arena, &asked->user, &why);
	if (r == 0)
		asked->master = arena_copy(asked->arena, master);
	return conclude(asked, r, &why, err);
}

static int check_password(void *context, struct slice authzid, struct slice user,
	struct slice password, struct err *err)
{
	struct directory_sasl *asked = context;
	struct err why = {0};
	if (is_other(authzid, user))
		return check_master(asked, authzid, user, password, err);
	int r = directory_check(asked->directory, user, password, slice_str(asked->client),
		asked->service, asked->arena, &asked->user, &why);
	return conclude(asked, r, &why, err);
}

static int scram_keys(
	void *context, struct slice user, struct sasl_scram_keys *ret_keys, struct err *err)
{
	struct directory_sasl *asked = context;
	return directory_scram(asked->directory, user, ret_keys, err);
}

static int scram_done(void *context, struct slice authzid, struct slice user, struct err *err)
{
	struct directory_sasl *asked = context;
	struct err why = {0};
	if (is_other(authzid, user)) /* of masters we have no keys */
		return refuse_other(asked);
	int r = directory_user(
		asked->directory, user, asked->service, asked->arena, &asked->user, &why);
	return conclude(asked, r, &why, err);
}

static int check_token(void *context, struct slice mechanism, struct slice user,
	struct slice message, struct buf *challenge, struct err *err)
{
	struct directory_sasl *asked = context;
	const struct directory_token token = {user, mechanism, message};
	struct err why = {0};
	int r = directory_token(asked->directory, &token, slice_str(asked->client), asked->service,
		challenge, asked->arena, &asked->user, &why);
	return conclude(asked, r, &why, err);
}

struct sasl_callbacks directory_sasl_callbacks(struct directory_sasl *asked)
{
	return (struct sasl_callbacks){
		.check_password = check_password,
		.scram_keys = scram_keys,
		.scram_done = scram_done,
		.check_token = check_token,
		.context = asked,
	};
}
