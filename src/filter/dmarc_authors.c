/* The author's domains of a message. What can't be read as an address with a domain makes the whole
 * unreadable: a mail program may show it as one. */
#include "filter/dmarc.h"
#include "filter/name.h"
#include "message/address.h"
#include "message/header.h"

static bool add(struct slice host, struct arena *arena,
	struct slice domains[FILTER_DMARC_AUTHORS_MAX], size_t *count)
{
	struct slice domain;
	if (!filter_name_to_ascii(host, arena, &domain))
		return false;
	for (size_t i = 0; i < *count; i++)
		if (dns_name_eq(domains[i], domain))
			return true;
	if (*count == FILTER_DMARC_AUTHORS_MAX)
		return false;
	domains[(*count)++] = domain;
	return true;
}

bool filter_dmarc_authors(struct slice header, struct arena *arena,
	struct slice ret_domains[FILTER_DMARC_AUTHORS_MAX], size_t *ret_count)
{
	struct message_field field;
	*ret_count = 0;
	while (message_next_field(&header, &field)) {
		if (!slice_eq_nocase(field.name, SLICE("From")))
			continue;
		for (struct message_address *a = message_parse_addresses(field.value, arena); a;
			a = a->next) {
			if (!a->host.ptr)
				continue; /* a group's start or end */
			if (!add(a->host, arena, ret_domains, ret_count))
				return false;
		}
	}
	return *ret_count > 0;
}
