/* The system account changes with every user, so a look compares before it tells. */
#include "roles/store/common_options.h"

#include "admin/common_options.h"
#include "base/bytes.h"
#include "base/log.h"

enum { LOOK_MS = 250 };

static void woken(void *context, struct id account)
{
	struct store_common *common = context;
	atomic_store(&common->changed, true);
}

static void look(void *context)
{
	struct store_common *common = context;
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct slice text;
	int64_t since;
	struct err err;
	if (!atomic_exchange(&common->changed, false))
		return;
	if (admin_common_read(common->store, &arena, &text, &since, &err) < 0) {
		log_error(NULL, "common options can't be read", F_ERR(&err));
		return;
	}
	uint64_t hash = bytes_hash(text);
	if (common->told == hash || since == 0) /* never set, or by a later version */
		return;
	common->told = hash;
	role_tell(common->role, json_pack("{s:s%}", "common", text.ptr, text.len));
}

void store_common_start(struct store_common *common, struct role *role, struct store *store)
{
	common->role = role;
	common->store = store;
	common->watch = store_watch(store, STORE_SYSTEM_ACCOUNT, woken, common);
	atomic_store(&common->changed, true);
	net_loop_every(role->loop, LOOK_MS, look, common);
}

void store_common_stop(struct store_common *common)
{
	if (common->watch)
		store_unwatch(common->store, common->watch);
	common->watch = NULL;
}
