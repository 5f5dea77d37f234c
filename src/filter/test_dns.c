/* Over the DNS's own table (dns/table.h), by name, type and value. */
#include "filter/test_dns.h"

#include "base/alloc.h"
#include "dns/table.h"
#include "dns/text.h"

enum { LINE_MAX_LEN = 4096 };

struct dns *test_dns_new(void)
{
	return dns_table_new(NULL, 0);
}

void test_dns_add(struct dns *dns, const char *name, enum dns_type type, const char *value)
{
	char line[LINE_MAX_LEN];
	(void)snprintf(line, sizeof(line), "%s %s %s%s", name, dns_type_name(type),
		type == DNS_MX ? "10 " : "", value);
	dns_table_add(dns, line);
}

void test_dns_break(struct dns *dns, const char *name)
{
	char line[LINE_MAX_LEN];
	(void)snprintf(line, sizeof(line), "%s ?", name);
	dns_table_add(dns, line);
}
