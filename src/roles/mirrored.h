/* A role's own store and the mirror on which it lies: opening by the settings, figures of the
 * mirror, upkeep of the store. */
#ifndef ROLES_MIRRORED_H
#define ROLES_MIRRORED_H

#include "mirror/node.h"
#include "roles/role.h"
#include "store/forget.h"

struct mirrored_options {
	const struct conf_mirror *conf;
	const char *folder; /* with mirror.json; its `name` has the store */
	const char *name;
	uint64_t segment_bytes, cache_bytes;
	const struct store_merge_rule *rules; /* may be NULL */
	struct id id;                         /* of this node; may be none */
};

/* What of it is there when this fails is the caller's too. */
int mirrored_open(const struct mirrored_options *options, struct mirror_node **ret_node,
	struct store **ret_store, struct err *err) WARN_UNUSED;
/* Its port; 0 when it has none. */
uint16_t mirrored_port(const struct conf_mirror *conf);
void mirrored_metrics(struct role *role, struct mirror_node *node, struct buf *to);

/* Rows of large deleted collections go, then the space of what is dead: every ten minutes, or as
 * `interval_ms` says. Waits. */
struct mirrored_house {
	struct store *store;
	struct mirror_node *node;
	/* Of a store that nobody asks what is gone in it: tombstones go, too. NULL: they stay. */
	struct store_forgetting *forgetting;
	const atomic_bool *stopping;
	uint64_t interval_ms;    /* 0: 10 minutes */
	int64_t due_ms, done_ms; /* monotonic; 0 at first */
};
void mirrored_keep_house(struct mirrored_house *house);

#endif
