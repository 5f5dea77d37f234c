/* What goes in and out by a config file, a line each. */
#include "conf/flows.h"
#include "conf/test_support.h"

static void note(void *context, const struct conf_flow *flow)
{
	struct buf *to = context;
	if (flow->who == CONF_FLOW_MIRROR || strcmp(flow->what, "DNS") == 0 ||
		strcmp(flow->what, "MTA-STS") == 0)
		return;
	buf_printf(to, "%s %s %s %.*s %u", flow->role, flow->in ? "<" : ">", flow->what,
		SLICE_ARG(flow->host), flow->port);
	if (flow->in && flow->who == CONF_FLOW_LISTED)
		buf_printf(to, " %s%s%s", flow->option, flow->list->count ? " " : "",
			flow->list->count ? flow->list->items[0] : "");
	else if (flow->in)
		buf_add_str(to, flow->who == CONF_FLOW_ANYBODY ? " anybody" : " monitoring");
	buf_add_str(to, "\n");
}

static void assert_flows(const char *config, bool behind, const char *expected)
{
	AUTO(loaded_free) struct loaded l = load_good(config);
	AUTO(buf_free) struct buf lines = BUF(64 * 1024);
	conf_flows(l.settings, behind, note, &lines);
	assert_string_equal(buf_cstr(&lines), expected);
}

static void what_is_on_this_machine_only_is_none(void **state)
{
	assert_flows("mx { listen smtp 127.0.0.1:25; outbound { smart_host 127.0.0.1:26; }\n"
		     "milter r { address 127.0.0.1:11332; } }\n"
		     "store { listen imap [::1]:143; learn { } }\n"
		     "metrics { listen 127.0.0.1:9090; }",
		false, "");
}

static void each_listener_is_for_somebody(void **state)
{
	assert_flows("proxy_trusted 192.0.2.5;\nmetrics { listen *:9090; }\n"
		     "mx { listen smtp *:25; listen smtp 192.0.2.1:10025 proxy;\n"
		     "outbound { smart_host 192.0.2.9:587; } }\n"
		     "store { listen imaps *:993; listen lmtp *:24; listen authmod *:8120;\n"
		     "authmod_trusted 192.0.2.7; front_ends 192.0.2.8; }",
		false,
		"mx < smtp * 25 anybody\n"
		"mx < smtp 192.0.2.1 10025 proxy_trusted 192.0.2.5\n"
		"mx > smart host 192.0.2.9 587\n"
		"store < imaps * 993 anybody\n"
		"store < lmtp * 24 store.front_ends 192.0.2.8\n"
		"store < authmod * 8120 store.authmod_trusted 192.0.2.7\n"
		" < health * 9090 monitoring\n");
}

static void behind_front_ends_clients_ports_are_theirs(void **state)
{
	assert_flows("mx { listen submissions *:465; xclient { from 192.0.2.6; }\n"
		     "outbound { smart_host 192.0.2.9:587; } }\n"
		     "store { listen imaps *:993; listen pop3 *:110; front_ends 192.0.2.8; }",
		true,
		"mx < submissions * 465 mx.xclient.from 192.0.2.6\n"
		"mx > smart host 192.0.2.9 587\n"
		"store < imaps * 993 store.front_ends 192.0.2.8\n"
		"store < pop3 * 110 store.front_ends 192.0.2.8\n");
}

static void servers_of_the_directory_are_read_as_urls_and_as_addresses(void **state)
{
	assert_flows("store { listen imap *:143; }\ndirectory { driver ldap; ldap { base dc=x;\n"
		     "servers \"ldaps://a.example ldap://192.0.2.4:1389 ldapi:///x "
		     "ldaps://[2001:db8::9]:1636 ldap://[2001:db8::8]\"; } }",
		false,
		"store < imap * 143 anybody\n"
		"store > directory a.example 636\n"
		"store > directory 192.0.2.4 1389\n"
		"store > directory 2001:db8::9 1636\n"
		"store > directory 2001:db8::8 389\n");
	assert_flows("store { listen imap *:143; }\ndirectory { driver postgresql;\n"
		     "postgresql { servers tls:db.example:5432 unix:/x [2001:db8::9]:5433; } }",
		false,
		"store < imap * 143 anybody\n"
		"store > directory db.example 5432\n"
		"store > directory 2001:db8::9 5433\n");
}

static void a_proxy_goes_to_back_ends_by_the_protocols_that_it_takes(void **state)
{
	assert_flows("proxy { listen imaps *:993; listen smtp *:25; directory tls:d.example:8120;\n"
		     "default_host \"a.example:1993, b.example\"; backend b.example {\n"
		     "address 192.0.2.3; tls none; smtp_port 2525; } }",
		false,
		"proxy < imaps * 993 anybody\n"
		"proxy < smtp * 25 anybody\n"
		"proxy > directory d.example 8120\n"
		"proxy > imap a.example 993\n"
		"proxy > smtp a.example 25\n"
		"proxy > imap 192.0.2.3 143\n"
		"proxy > smtp 192.0.2.3 2525\n"
		"proxy > imap (tohost) * 993\n"
		"proxy > smtp (tohost) * 25\n");
}

static void an_mx_goes_to_its_store_and_to_where_users_live(void **state)
{
	assert_flows(
		"mx { listen smtp *:25; store tls:a.example:24 tls:b.example:24;\n"
		"directory tls:a.example:8120; default_host \"c.example, [2001:db8::1]:2424\";\n"
		"outbound { smart_host 192.0.2.9:587; } }",
		false,
		"mx < smtp * 25 anybody\n"
		"mx > store a.example 24\n"
		"mx > store b.example 24\n"
		"mx > lmtp c.example 24\n"
		"mx > lmtp 2001:db8::1 2424\n"
		"mx > lmtp (tohost) * 24\n"
		"mx > directory a.example 8120\n"
		"mx > smart host 192.0.2.9 587\n");
}

static void nodes_of_a_cluster_are_told_and_tell(void **state)
{
	assert_flows("store { listen imap *:143; }\nproxy { listen authmod *:8121;\n"
		     "authmod_trusted 192.0.2.8; }\n"
		     "cluster { nodes tls:a.example:8120; secret_file /etc/x; }",
		false,
		"store < imap * 143 anybody\n"
		"store > cluster a.example 8120\n"
		"proxy < authmod * 8121 proxy.authmod_trusted 192.0.2.8\n"
		"proxy > cluster a.example 8120\n");
}

static void users_come_from_other_stores_and_go_there(void **state)
{
	assert_flows("store { listen imap *:143; listen move *:8130; move_trusted 192.0.2.8;\n"
		     "move_secret_file /etc/x; }",
		false,
		"store < imap * 143 anybody\n"
		"store < move * 8130 store.move_trusted 192.0.2.8\n"
		"store > move * 8130\n");
}

static void a_page_of_webmail_is_for_anybody(void **state)
{
	assert_flows("web { }", false, "web < http * 80 anybody\n");
	assert_flows("proxy_trusted 192.0.2.5;\nweb { }", true,
		"web < http * 80 proxy_trusted 192.0.2.5\n");
}

static void an_authority_is_asked_and_asks_back(void **state)
{
	assert_flows("mx { listen smtp *:25; outbound { smart_host 192.0.2.9:587; } }\n"
		     "tls { acme { names a.example; agree_to_terms yes;\n"
		     "directory https://acme.example:14000/dir; } }",
		false,
		"mx < smtp * 25 anybody\n"
		"mx > smart host 192.0.2.9 587\n"
		"mx < ACME * 80 anybody\n"
		"mx > ACME acme.example 14000\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_on_this_machine_only_is_none),
		cmocka_unit_test(each_listener_is_for_somebody),
		cmocka_unit_test(behind_front_ends_clients_ports_are_theirs),
		cmocka_unit_test(servers_of_the_directory_are_read_as_urls_and_as_addresses),
		cmocka_unit_test(a_proxy_goes_to_back_ends_by_the_protocols_that_it_takes),
		cmocka_unit_test(an_mx_goes_to_its_store_and_to_where_users_live),
		cmocka_unit_test(nodes_of_a_cluster_are_told_and_tell),
		cmocka_unit_test(users_come_from_other_stores_and_go_there),
		cmocka_unit_test(a_page_of_webmail_is_for_anybody),
		cmocka_unit_test(an_authority_is_asked_and_asks_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
