/* The embedded store under the mirror, as roles have it. */
#include "roles/mirrored.h"

#include "base/clock.h"
#include "base/log.h"
#include "net/address.h"

enum { DEFAULT_COMPACT_MS = 10 * 60 * 1000 };

static const enum mirror_ack ACKS[] = {
	[CONF_ACK_BOTH] = MIRROR_ACK_BOTH,
	[CONF_ACK_BOTH_OR_TEMPFAIL] = MIRROR_ACK_BOTH_OR_TEMPFAIL,
	[CONF_ACK_ONE] = MIRROR_ACK_ONE,
};

static const enum mirror_compress COMPRESS[] = {
	[CONF_COMPRESS_AUTO] = MIRROR_COMPRESS_AUTO,
	[CONF_COMPRESS_YES] = MIRROR_COMPRESS_YES,
	[CONF_COMPRESS_NO] = MIRROR_COMPRESS_NO,
};

int mirrored_open(const struct mirrored_options *options, struct mirror_node **ret_node,
	struct store **ret_store, struct err *err)
{
	static const struct store_merge_rule NO_RULES[] = {{0}};
	char path[600];
	(void)snprintf(path, sizeof(path), "%s/%s", options->folder, options->name);
	struct mirror_node_options mirror = {
		.folder = options->folder,
		.inner = &store_driver_embedded,
		.inner_options =
			{
				.path = path,
				.segment_bytes = options->segment_bytes,
				.cache_bytes = options->cache_bytes,
			},
		.rules = options->rules ? options->rules : NO_RULES,
		.listen = options->conf->listen,
		.version = ROOKERY_VERSION,
		.ack = ACKS[options->conf->ack],
		.silence_ms = (unsigned)options->conf->silence_ms,
		.scrub_ms = options->conf->scrub_ms,
		.compress = COMPRESS[options->conf->compress],
		.id = options->id,
	};
	if (mirror_node_open(&mirror, ret_node, err) < 0)
		return -1;
	struct store_options store = {.driver = &mirror_driver, .db = mirror_node_db(*ret_node)};
	if (store_open(&store, ret_store, err) < 0)
		return -1;
	mirror_node_attach(*ret_node, *ret_store);
	return 0;
}

uint16_t mirrored_port(const struct conf_mirror *conf)
{
	struct net_address address;
	struct err ignored;
	if (net_address_parse(slice_str(conf->listen), &address, &ignored) < 0)
		return 0;
	return net_address_port(&address);
}

void mirrored_metrics(struct role *role, struct mirror_node *node, struct buf *to)
{
	struct mirror_status status;
	mirror_node_status(node, &status);
	if (status.state == MIRROR_UNPAIRED)
		return;
	const struct mirror_figures *f = &status.figures;
	role_metric(role, to, "mirror_in_sync", "", status.state == MIRROR_IN_SYNC);
	role_metric(role, to, "mirror_linked", "", f->linked);
	role_metric(role, to, "mirror_unmirrored_commits", "", status.unmirrored);
	role_metric(role, to, "mirror_under_way_commits", "", f->commits.ahead);
	role_metric(role, to, "mirror_under_way_bytes", "", f->commits.ahead_bytes);
	role_metric(role, to, "mirror_accounts_apart", "", f->leases.apart);
	role_metric(role, to, "mirror_accounts_merged_total", "", status.merged);
	role_metric(role, to, "mirror_commits_sent_total", "", f->commits.shipped);
	role_metric(role, to, "mirror_commits_received_total", "", f->commits.applied);
	role_metric(role, to, "mirror_commits_differing_total", "", f->commits.differing);
	role_metric(role, to, "mirror_commit_microseconds_total", "", f->ship_ns / 1000);
	role_metric(role, to, "mirror_rows_unreadable", "", status.unread);
	role_metric(role, to, "mirror_accounts_healed_total", "", status.mended);
	role_metric(role, to, "mirror_scrubs_total", "", status.scrub.rounds);
	role_metric(role, to, "mirror_scrub_bodies_total", "", status.scrub.bodies);
	role_metric(role, to, "mirror_scrub_bytes_total", "", status.scrub.bytes);
	role_metric(role, to, "mirror_scrub_differing_total", "", status.scrub.differing);
	role_metric(role, to, "mirror_scrub_healed_total", "", status.scrub.healed);
	role_metric(role, to, "mirror_scrub_unhealed_total", "", status.scrub.unhealed);
	const struct mirror_link_status *link = &status.link;
	role_metric(role, to, "mirror_round_trip_microseconds", "",
		(uint64_t)MAX(link->round_trip_us, (int64_t)0));
	role_metric(role, to, "mirror_sent_bytes_total", "", link->sent);
	role_metric(role, to, "mirror_sent_plain_bytes_total", "", link->sent_plain);
	role_metric(role, to, "mirror_received_bytes_total", "", link->received);
	role_metric(role, to, "mirror_received_plain_bytes_total", "", link->received_plain);
	role_metric(role, to, "mirror_leases_away", "", f->leases.away);
	role_metric(role, to, "mirror_writers_waiting", "", f->leases.waiting);
}

/* Housekeeping must not hold up the end: it looks at this between its pieces. */
static bool go_on(void *context, const char *what, uint64_t done, uint64_t total)
{
	const struct mirrored_house *house = context;
	return !atomic_load(house->stopping);
}

/* Both have had the same since the last time. One of two does it for both. */
static bool is_in_step(const struct mirrored_house *house)
{
	struct mirror_pair_view view;
	mirror_node_see_pair(house->node, &view);
	return view.state == MIRROR_UNPAIRED ||
	       (view.state == MIRROR_IN_SYNC && view.is_first && view.since_ms < house->done_ms);
}

static void forget(struct mirrored_house *house)
{
	uint64_t forgotten;
	struct err err;
	if (!house->forgetting)
		return;
	if (store_forget_gone(
		    house->forgetting, is_in_step(house), go_on, house, &forgotten, &err) < 0)
		log_warn(NULL, "tombstones could not be forgotten", F_ERR(&err));
	else if (forgotten > 0)
		log_info(NULL, "tombstones forgotten", F_UINT("count", forgotten));
}

/* Rows of large deleted collections first: what they refer to is dead then, and its space free. */
void mirrored_keep_house(struct mirrored_house *house)
{
	if (clock_mono_ms() < house->due_ms)
		return;
	struct store_db *db;
	const struct store_driver *driver = store_driver_of(house->store, &db);
	uint64_t freed = 0;
	struct err err;
	forget(house);
	if (store_sweep(house->store, go_on, house, &err) < 0)
		log_warn(NULL, "sweeping failed", F_ERR(&err));
	if (driver->compact(db, false, go_on, house, &freed, &err) < 0)
		log_warn(NULL, "compaction failed", F_ERR(&err));
	else if (freed > 0)
		log_info(NULL, "compacted", F_UINT("bytes_freed", freed));
	uint64_t interval = house->interval_ms ? house->interval_ms : DEFAULT_COMPACT_MS;
	house->done_ms = clock_mono_ms();
	house->due_ms = house->done_ms + (int64_t)interval;
}
