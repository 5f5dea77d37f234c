/* A policy is an object "DOMAIN" of the collection `mta-sts` in the mx's store; its data is a
 * version, when it was fetched and last tried (milliseconds since 1970), what was wrong then (not
 * in version 1), the record's id, counted, and the policy's text: empty while none was had. */
#include "roles/mx/sts.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "base/log.h"
#include "dns/exchangers.h"
#include "dns/records.h"
#include "roles/fetch.h"

enum {
	VERSION_FIRST = 1,
	VERSION = 2,
	RETRY_MS = 5 * 60 * 1000, /* after a policy could not be had */
	FETCH_MS = 60 * 1000,     /* section 3.3 */
	TEXTS_MAX = 16,
	ROW_ROOM = 64 + DNS_MTA_STS_ID_MAX,
};

static const char COLLECTION[] = "mta-sts";
static const char PATH[] = "/.well-known/mta-sts.txt";

struct kept {
	int64_t fetched_ms, tried_ms;
	enum mx_sts_trouble trouble; /* when it was tried last */
	struct slice id, text;
};

static bool read_row(struct slice data, struct kept *ret_kept)
{
	struct slice version;
	uint64_t fetched, tried, trouble = MX_STS_NO_TROUBLE;
	*ret_kept = (struct kept){0};
	if (!bytes_cut(&data, 1, &version) || version.ptr[0] < VERSION_FIRST ||
		version.ptr[0] > VERSION || !bytes_cut_varint(&data, &fetched) ||
		!bytes_cut_varint(&data, &tried) ||
		(version.ptr[0] > VERSION_FIRST && !bytes_cut_varint(&data, &trouble)) ||
		!bytes_cut_counted(&data, &ret_kept->id))
		return false;
	if (trouble <= MX_STS_UNTRUSTED)
		ret_kept->trouble = (enum mx_sts_trouble)trouble;
	ret_kept->fetched_ms = (int64_t)fetched;
	ret_kept->tried_ms = (int64_t)tried;
	ret_kept->text = data;
	return true;
}

static void write_row(const struct kept *kept, struct buf *to)
{
	buf_add_byte(to, VERSION);
	bytes_add_varint(to, (uint64_t)kept->fetched_ms);
	bytes_add_varint(to, (uint64_t)kept->tried_ms);
	bytes_add_varint(to, (uint64_t)kept->trouble);
	bytes_add_counted(to, kept->id);
	buf_add_slice(to, kept->text);
}

/* All zero when there is none. */
static int find_kept(const struct mx_sts *sts, struct slice domain, struct arena *arena,
	struct kept *ret_kept, struct err *err)
{
	struct store_collection c;
	struct store_object object;
	*ret_kept = (struct kept){0};
	int r = store_find_collection(sts->store, STORE_SYSTEM_ACCOUNT, STORE_POLICIES,
		slice_str(COLLECTION), arena, &c, err);
	if (r == 0)
		r = store_find_object(
			sts->store, STORE_SYSTEM_ACCOUNT, c.id, domain, arena, &object, err);
	if (r == 0)
		(void)read_row(object.data, ret_kept);
	return r < 0 ? r : 0;
}

static int put(struct store_write *write, struct slice domain, struct slice data, struct err *err)
{
	struct store_collection *c;
	struct store_object object, fresh = {.name = domain, .data = data};
	int r = store_write_find_collection(
		write, STORE_SYSTEM_ACCOUNT, STORE_POLICIES, slice_str(COLLECTION), &c, err);
	if (r == STORE_ABSENT)
		r = store_write_collection_new(write, STORE_SYSTEM_ACCOUNT, STORE_POLICIES,
			slice_str(COLLECTION), SLICE(""), &c, err);
	if (r == 0)
		r = store_write_find_object(write, c, domain, &object, err);
	if (r == STORE_ABSENT)
		return store_write_object_new(write, c, &fresh, SLICE_NONE, err);
	object.data = data;
	return r < 0 ? r : store_write_object(write, c, &object, SLICE_NONE, err);
}

/* Without it the policy holds for this one time. */
static void keep(const struct mx_sts *sts, struct slice domain, const struct kept *kept)
{
	AUTO(buf_free) struct buf data = BUF(ROW_ROOM + DNS_MTA_STS_POLICY_MAX);
	const struct id account = STORE_SYSTEM_ACCOUNT;
	struct store_write *write;
	struct err err;
	write_row(kept, &data);
	int r = store_write_begin(sts->store, &account, 1, &write, &err);
	if (r == 0) {
		r = put(write, domain, buf_slice(&data), &err);
		if (r == 0)
			r = store_write_commit(write, &err);
		else
			store_write_abort(write);
	}
	if (r < 0)
		log_warn(NULL, "an MTA-STS policy can't be kept", F_SLICE("domain", domain),
			F_ERR(&err));
}

/* The id of the domain's record; empty when it has none, or it can't be told now. */
static struct slice find_id(const struct mx_sts *sts, struct slice domain, struct arena *arena)
{
	struct slice name = slice_str(arena_printf(arena, "_mta-sts.%.*s", SLICE_ARG(domain)));
	struct slice texts[TEXTS_MAX], id;
	struct dns_answer answer;
	size_t count = 0;
	if (dns_lookup(sts->dns, name, DNS_TXT, arena, &answer, NULL) != 0)
		return SLICE("");
	for (size_t i = 0; i < answer.count && count < TEXTS_MAX; i++)
		count += dns_read_txt(answer.records[i], arena, &texts[count]);
	return dns_mta_sts_read_record(texts, count, &id) ? arena_copy(arena, id) : SLICE("");
}

static int fetch(const struct mx_sts *sts, struct slice domain, struct arena *arena, struct buf *to,
	struct err *err)
{
	const char *host = arena_printf(arena, "mta-sts.%.*s", SLICE_ARG(domain));
	const struct dns_route_options addresses = {.port = sts->port};
	struct dns_route route;
	if (dns_find_host(sts->dns, slice_str(host), &addresses, arena, &route, err) < 0)
		return -1;
	struct fetch_options options = {.host = host,
		.path = PATH,
		.port = sts->port,
		.addresses = route.hosts[0].addresses,
		.address_count = route.hosts[0].count,
		.authorities = sts->authorities,
		.type = "text/plain",
		.timeout_ms = FETCH_MS,
		.max = DNS_MTA_STS_POLICY_MAX};
	return fetch_text(&options, to, err);
}

/* In place of what is kept, which stays when there is no better one. */
static void renew(const struct mx_sts *sts, struct slice domain, struct slice id,
	struct arena *arena, struct kept *kept)
{
	AUTO(buf_free) struct buf text = BUF(DNS_MTA_STS_POLICY_MAX);
	struct dns_mta_sts_policy policy;
	struct err err;
	kept->tried_ms = clock_wall_ms();
	kept->trouble = MX_STS_NO_TROUBLE;
	if (fetch(sts, domain, arena, &text, &err) < 0)
		kept->trouble = err.kind == ERR_DENIED ? MX_STS_UNTRUSTED : MX_STS_UNREACHABLE;
	else if (dns_mta_sts_read_policy(buf_slice(&text), arena, &policy, &err) < 0)
		kept->trouble = MX_STS_INVALID;
	if (kept->trouble != MX_STS_NO_TROUBLE) {
		log_warn(NULL, "an MTA-STS policy can't be had", F_SLICE("domain", domain),
			F_ERR(&err));
	} else {
		kept->fetched_ms = kept->tried_ms;
		kept->id = id;
		kept->text = arena_copy(arena, buf_slice(&text));
		log_info(NULL, "an MTA-STS policy was fetched", F_SLICE("domain", domain),
			F_STR("mode", dns_mta_sts_mode_name(policy.mode)));
	}
	keep(sts, domain, kept);
}

static bool is_in_force(
	const struct kept *kept, struct arena *arena, struct dns_mta_sts_policy *ret_policy)
{
	struct err ignored;
	return kept->text.len > 0 &&
	       dns_mta_sts_read_policy(kept->text, arena, ret_policy, &ignored) == 0 &&
	       clock_wall_ms() - kept->fetched_ms < (int64_t)ret_policy->max_age * 1000;
}

int mx_sts_find(const struct mx_sts *sts, struct slice domain, struct arena *arena,
	struct mx_sts_found *ret_found, struct err *err)
{
	struct kept kept;
	*ret_found = (struct mx_sts_found){.policy.mode = DNS_MTA_STS_NONE};
	if (find_kept(sts, domain, arena, &kept, err) < 0)
		return -1;
	struct slice id = find_id(sts, domain, arena);
	bool fits = is_in_force(&kept, arena, &ret_found->policy) && slice_eq(kept.id, id);
	if (id.len > 0 && !fits && clock_wall_ms() - kept.tried_ms >= RETRY_MS)
		renew(sts, domain, id, arena, &kept);
	if (is_in_force(&kept, arena, &ret_found->policy)) {
		ret_found->text = kept.text;
		return 0;
	}
	ret_found->policy = (struct dns_mta_sts_policy){.mode = DNS_MTA_STS_NONE};
	ret_found->trouble = id.len > 0 ? kept.trouble : MX_STS_NO_TROUBLE;
	return 0;
}
