/* No domain holds a space, so what stands behind one is never a part of it. */
#include "queue/destination.h"

#include "dns/idn.h"

static const char *const SUFFIXES[] = {
	[QUEUE_TLS_AS_POLICY] = "",
	[QUEUE_TLS_REQUIRED] = " requiretls",
	[QUEUE_TLS_WAIVED] = " tls-optional",
};

static const char LOCAL[] = " lmtp";

bool queue_destination_is_local(struct slice name, struct slice *ret_place)
{
	*ret_place = name;
	if (name.len == 0)
		return true;
	if (!slice_ends(name, slice_str(LOCAL)))
		return false;
	ret_place->len -= strlen(LOCAL);
	return true;
}

static struct slice local(struct slice place, char room[QUEUE_DESTINATION_MAX])
{
	if (place.len == 0 || place.len > QUEUE_PLACE_MAX)
		return SLICE("");
	int len = snprintf(room, QUEUE_DESTINATION_MAX, "%.*s%s", SLICE_ARG(place), LOCAL);
	return slice(room, (size_t)len);
}

struct slice queue_destination_with(
	struct slice domain, enum queue_tls tls, char room[QUEUE_DESTINATION_MAX])
{
	int len = snprintf(room, QUEUE_DESTINATION_MAX, "%.*s%s", SLICE_ARG(domain), SUFFIXES[tls]);
	return len < QUEUE_DESTINATION_MAX ? slice(room, (size_t)len) : SLICE("invalid");
}

struct slice queue_destination_of(const struct queue_entry *e, char room[QUEUE_DESTINATION_MAX])
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct envelope_path path;
	struct slice domain;
	if (e->flags & QUEUE_LOCAL)
		return local(e->place, room);
	if (!envelope_parse_address(e->recipient, &path) ||
		!dns_name_to_ascii(path.domain, &arena, &domain))
		return SLICE("invalid");
	return queue_destination_with(domain,
		e->flags & QUEUE_REQUIRETLS     ? QUEUE_TLS_REQUIRED
		: e->flags & QUEUE_TLS_OPTIONAL ? QUEUE_TLS_WAIVED
						: QUEUE_TLS_AS_POLICY,
		room);
}

enum queue_tls queue_destination_read(struct slice name, struct slice *ret_domain)
{
	enum queue_tls tls = QUEUE_TLS_AS_POLICY;
	*ret_domain = name;
	for (size_t i = 1; i < ARRAY_LEN(SUFFIXES); i++)
		if (slice_ends(name, slice_str(SUFFIXES[i]))) {
			tls = (enum queue_tls)i;
			ret_domain->len -= strlen(SUFFIXES[i]);
		}
	return tls;
}
