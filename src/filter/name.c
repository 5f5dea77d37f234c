/* Names of domains: cutting and comparing is done on the text as it is. */
#include "filter/name.h"

bool filter_name_is_valid(struct slice name)
{
	return dns_name_trim(name).len > 0 && dns_name_is_good(name);
}

size_t filter_name_labels(struct slice name)
{
	size_t count = 0;
	name = dns_name_trim(name);
	while (name.len > 0) {
		count++;
		name = filter_name_parent(name);
	}
	return count;
}

struct slice filter_name_parent(struct slice name)
{
	(void)slice_cut(&name, '.');
	return name;
}

bool filter_name_is_within(struct slice name, struct slice parent)
{
	name = dns_name_trim(name);
	parent = dns_name_trim(parent);
	if (parent.len == 0 || name.len < parent.len)
		return false;
	size_t at = name.len - parent.len;
	return slice_eq_nocase(slice_from(name, at), parent) &&
	       (at == 0 || name.ptr[at - 1] == '.');
}
