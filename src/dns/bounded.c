#include "dns/bounded.h"

static int lookup(struct dns *dns, struct slice name, enum dns_type type, struct arena *arena,
	struct dns_answer *ret_answer, struct err *err)
{
	const struct dns_bounded *b = (const struct dns_bounded *)dns;
	const struct dns_driver *driver = b->inner->driver;
	if (!driver->lookup_until)
		return driver->lookup(b->inner, name, type, arena, ret_answer, err);
	return driver->lookup_until(b->inner, b->deadline, name, type, arena, ret_answer, err);
}

static void nothing(struct dns *dns)
{
}

static const struct dns_driver DRIVER = {.lookup = lookup, .free = nothing};

struct dns *dns_bounded_init(struct dns_bounded *b, struct dns *inner, int64_t deadline)
{
	*b = (struct dns_bounded){{&DRIVER}, inner, deadline};
	return &b->dns;
}
