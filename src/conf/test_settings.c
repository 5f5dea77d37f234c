/* What a config file sets, what stands without it, and the words for what is wrong. */
#include "conf/explain.h"
#include "conf/options.h"
#include "conf/test_support.h"

static void three_lines_make_a_server(void **state)
{
	AUTO(loaded_free)
	struct loaded l = load_good("hostname mail.example.org;\nmx { }\nstore { }\n");
	const struct conf_settings *s = l.settings;
	assert_string_equal(s->hostname, "mail.example.org");
	assert_string_equal(s->data, "/var/lib/rookery");
	assert_string_equal(s->control_socket, "unix:/var/lib/rookery/run/control");
	assert_true(s->mx.on && s->store.on);
	assert_int_equal(s->mx.listen.count, 3);
	assert_int_equal(s->mx.listen.items[2].protocol, CONF_SUBMISSIONS);
	assert_string_equal(s->mx.listen.items[2].address, "*:465");
	assert_int_equal(s->mx.store.count, 1);
	assert_string_equal(s->mx.store.items[0], s->store.lmtp_socket);
	assert_int_equal(s->mx.backend_tls, CONF_MX_BACKEND_STARTTLS);
	assert_int_equal(s->mx.directory.count, 1);
	assert_string_equal(s->mx.directory.items[0], s->store.authmod_socket);
	assert_int_equal(s->mx.max_message_size, 64 << 20);
	assert_int_equal(s->store.imap_idle_timeout_ms, 30 * 60 * 1000);
	assert_int_equal(s->store.quota, 0);
	assert_string_equal(s->store.plus_separator, "+");
	assert_int_equal(s->log.level, LOG_INFO);
	assert_true(s->tls.self_signed);
	assert_int_equal(s->tls.certificate_count, 0);
}

static void a_role_is_on_only_when_its_block_is_there_yet_its_options_have_values(void **state)
{
	AUTO(loaded_free) struct loaded l = load_good("hostname a.example; mx { }");
	assert_false(l.settings->store.on);
	assert_false(l.settings->metrics.on);
	assert_string_equal(l.settings->store.lmtp_socket, "unix:/var/lib/rookery/run/lmtp");
	assert_string_equal(l.settings->metrics.listen, "127.0.0.1:9090");
}

static void without_a_host_name_the_systems_is_used(void **state)
{
	AUTO(loaded_free) struct loaded l = load_good("mx { }");
	assert_true(strlen(l.settings->hostname) > 0);
}

static void defaults_follow_the_options_that_they_name(void **state)
{
	AUTO(loaded_free)
	struct loaded l = load_good(
		"mx { user alone; } store { } hostname a.example; user birds; data \"/d e\";");
	assert_string_equal(l.settings->run, "/d e/run");
	assert_string_equal(l.settings->mx.store.items[0], "unix:/d e/run/lmtp");
	assert_string_equal(l.settings->mx.user, "alone");
	assert_string_equal(l.settings->store.user, "birds");
}

static void sizes_and_durations_take_units(void **state)
{
	AUTO(loaded_free)
	struct loaded l =
		load_good("store { segment_size 2g; cache_size 1048576; quota 3T; "
			  "login_timeout 1500ms; imap_idle_timeout 7d; password_cache 0; }");
	const struct conf_store *s = &l.settings->store;
	assert_int_equal(s->segment_size, 2ull << 30);
	assert_int_equal(s->cache_size, 1 << 20);
	assert_int_equal(s->quota, 3ull << 40);
	assert_int_equal(s->login_timeout_ms, 1500);
	assert_int_equal(s->imap_idle_timeout_ms, 7 * 86400 * 1000);
	assert_int_equal(s->password_cache_ms, 0);
}

static void choices_become_enums(void **state)
{
	AUTO(loaded_free)
	struct loaded l = load_good("log { level error; format json; to journald; }");
	assert_int_equal(l.settings->log.level, LOG_ERROR);
	assert_int_equal(l.settings->log.format, LOG_JSON);
	assert_int_equal(l.settings->log.to, CONF_LOG_JOURNALD);
}

static void listeners_add_up_and_carry_their_flag(void **state)
{
	AUTO(loaded_free)
	struct loaded l = load_good("store { listen imap 192.0.2.1:143; listen imaps [::1]:993 "
				    "proxy; listen lmtp unix:/run/l; }");
	const struct conf_listens *listens = &l.settings->store.listen;
	assert_int_equal(listens->count, 3);
	assert_int_equal(listens->items[1].protocol, CONF_IMAPS);
	assert_string_equal(listens->items[1].address, "[::1]:993");
	assert_true(listens->items[1].proxy);
	assert_false(listens->items[2].proxy);
	assert_true(conf_protocol_is_tls(listens->items[1].protocol));
	assert_false(conf_protocol_is_tls(listens->items[2].protocol));
}

static void lists_grow_over_several_statements(void **state)
{
	AUTO(loaded_free)
	struct loaded l = load_good("proxy_trusted 192.0.2.0/24 ::1; proxy_trusted 10.0.0.1 "
				    "10.0.0.2 2001:db8::/32;");
	const char *const expected[] = {
		"192.0.2.0/24", "::1", "10.0.0.1", "10.0.0.2", "2001:db8::/32"};
	assert_int_equal(l.settings->proxy_trusted.count, ARRAY_LEN(expected));
	for (size_t i = 0; i < ARRAY_LEN(expected); i++)
		assert_string_equal(l.settings->proxy_trusted.items[i], expected[i]);
}

static void servers_are_addresses_with_ports(void **state)
{
	AUTO(loaded_free)
	struct loaded l = load_good("dns { servers 192.0.2.1:53 [::1]:5353; zone lan { servers "
				    "10.0.0.1:53; } zone example.org { servers 10.0.0.2:53; "
				    "servers 10.0.0.3:53; signed yes; } }");
	const struct conf_dns *dns = &l.settings->dns;
	assert_int_equal(dns->servers.count, 2);
	assert_string_equal(dns->servers.items[1], "[::1]:5353");
	assert_int_equal(dns->zone_count, 2);
	assert_string_equal(dns->zones[0].name, "lan");
	assert_false(dns->zones[0].is_signed);
	assert_int_equal(dns->zones[1].servers.count, 2);
	assert_true(dns->zones[1].is_signed);
	assert_int_equal(dns->timeout_ms, 20000);
	assert_string_equal(dns->root_key, "/usr/share/dns/root.key");
	assert_string_equal(dns->anchors, "");
	assert_string_equal(dns->resolv_conf, "");
	assert_fault("dns { servers *:53; }",
		"t:1:15: wrong value \"*:53\" for \"servers\", expected an IP address and a port, "
		"like 192.0.2.1:53 or [2001:db8::1]:53");
	assert_fault("dns { servers unix:/x; }",
		"t:1:15: wrong value \"unix:/x\" for \"servers\", expected an IP address and a "
		"port, like 192.0.2.1:53 or [2001:db8::1]:53");
	assert_fault("dns { zone x { } }", "t:1:7: block \"zone\" lacks \"servers\"");
}

static void learning_is_on_when_its_block_is_there(void **state)
{
	AUTO(loaded_free) struct loaded without = load_good("store { }");
	AUTO(loaded_free) struct loaded with = load_good("store { learn { } }");
	AUTO(loaded_free)
	struct loaded whole = load_good("store { learn { address unix:/c; password x; } }");
	assert_false(without.settings->store.learn.on);
	assert_true(with.settings->store.learn.on);
	assert_string_equal(with.settings->store.learn.address, "127.0.0.1:11334");
	assert_string_equal(with.settings->store.learn.password, "");
	assert_string_equal(whole.settings->store.learn.address, "unix:/c");
	assert_string_equal(whole.settings->store.learn.password, "x");
}

static void milters_stand_in_the_order_of_the_file(void **state)
{
	AUTO(loaded_free)
	struct loaded l =
		load_good("mx { milter rspamd { address 127.0.0.1:11332; } milter clamav { address "
			  "unix:/run/clamav; timeout 5s; message_timeout 1m; on_failure accept; "
			  "submission no; } }");
	const struct conf_mx *mx = &l.settings->mx;
	assert_int_equal(mx->milter_count, 2);
	assert_string_equal(mx->milters[0].name, "rspamd");
	assert_string_equal(mx->milters[0].address, "127.0.0.1:11332");
	assert_int_equal(mx->milters[0].timeout_ms, 30000);
	assert_int_equal(mx->milters[0].message_timeout_ms, 300000);
	assert_int_equal(mx->milters[0].on_failure, CONF_MILTER_TEMPFAIL);
	assert_true(mx->milters[0].submission);
	assert_string_equal(mx->milters[1].name, "clamav");
	assert_int_equal(mx->milters[1].timeout_ms, 5000);
	assert_int_equal(mx->milters[1].on_failure, CONF_MILTER_ACCEPT);
	assert_false(mx->milters[1].submission);
	assert_fault("mx { milter x { } }", "t:1:6: block \"milter\" lacks \"address\"");
}

static void certificates_repeat_with_and_without_label(void **state)
{
	AUTO(loaded_free)
	struct loaded l = load_good("tls { certificate { chain /c; key /k; } certificate two { "
				    "chain /c2; key /k2; names a.example *.b.example; } }");
	const struct conf_tls *tls = &l.settings->tls;
	assert_int_equal(tls->certificate_count, 2);
	assert_string_equal(tls->certificates[0].label, "");
	assert_string_equal(tls->certificates[0].key, "/k");
	assert_int_equal(tls->certificates[0].names.count, 0);
	assert_string_equal(tls->certificates[1].label, "two");
	assert_string_equal(tls->certificates[1].names.items[1], "*.b.example");
}

static void an_unknown_option_is_answered_with_the_nearest_name_and_the_line(void **state)
{
	AUTO(loaded_free)
	struct loaded l = load("hostname a.example;\nmx {\n    lisen smtp *:25;\n}\n");
	assert_null(l.settings);
	assert_slice(buf_slice(&l.report),
		"t:3:5: unknown option \"lisen\", did you mean \"listen\"?\n"
		"        lisen smtp *:25;\n"
		"        ^\n");
	assert_string_equal(
		l.err.text, "t:3:5: unknown option \"lisen\", did you mean \"listen\"?");
}

static void an_unknown_option_that_resembles_nothing_is_answered_plainly(void **state)
{
	assert_fault("frobnicate yes;", "t:1:1: unknown option \"frobnicate\"");
	assert_fault(
		"mx { frobnicate yes; }", "t:1:6: unknown option \"frobnicate\" in block \"mx\"");
}

static void an_option_in_the_wrong_block_is_told_where_it_belongs(void **state)
{
	assert_fault("mx { append_limit 1M; }",
		"t:1:6: unknown option \"append_limit\", it belongs into block \"store\"");
	assert_fault("mx { data /d; }", "t:1:6: unknown option \"data\" in block \"mx\", it "
					"belongs outside of all blocks");
}

static void an_unknown_block_is_answered_with_the_nearest_name(void **state)
{
	assert_fault("stroe { }", "t:1:1: unknown block \"stroe\", did you mean \"store\"?");
}

static void a_size_out_of_range_is_answered_with_the_range(void **state)
{
	assert_fault("mx {\n\tmax_message_size 1K;\n}",
		"t:2:19: wrong value \"1K\" for \"max_message_size\", expected a size from 64K to "
		"2G, like 512K, 64M or 1G");
	assert_fault("mx { max_message_size 99999999999999999999G; }",
		"t:1:23: wrong value \"99999999999999999999G\" for \"max_message_size\", expected "
		"a size from 64K to 2G, like 512K, 64M or 1G");
}

static void a_product_past_64_bits_is_refused(void **state)
{
	/* 2^64 / 2^40 + 1: wraps to 1T if nobody looks. */
	assert_fault("store { quota 16777217T; }",
		"t:1:15: wrong value \"16777217T\" for \"quota\", expected a size from 0 to "
		"1024T, like 512K, 64M or 1G");
}

static void a_duration_without_unit_is_refused(void **state)
{
	assert_fault("mx { command_timeout 300; }",
		"t:1:22: wrong value \"300\" for \"command_timeout\", expected a duration from 1s "
		"to 1h, like 30s, 5m, 1h or 7d");
}

static void each_type_says_what_it_expects(void **state)
{
	assert_fault("tls { self_signed true; }",
		"t:1:19: wrong value \"true\" for \"self_signed\", expected yes or no");
	assert_fault("log { level loud; }", "t:1:13: wrong value \"loud\" for \"level\", "
					    "expected debug, info, warn or error");
	assert_fault("limits { connections -1; }", "t:1:22: wrong value \"-1\" for "
						   "\"connections\", expected a number from 1 to "
						   "10000000");
	assert_fault("data var/lib;", "t:1:6: wrong value \"var/lib\" for \"data\", expected an "
				      "absolute path, like /var/lib/rookery");
	assert_fault("hostname -a;", "t:1:10: wrong value \"-a\" for \"hostname\", expected a "
				     "host name, like mail.example.org");
	assert_fault("proxy_trusted ::1 10.0.0.0/33;",
		"t:1:19: wrong value \"10.0.0.0/33\" for \"proxy_trusted\", expected a network "
		"like 192.0.2.0/24, 2001:db8::/32 or 192.0.2.1");
	assert_fault("mx { control_socket localhost:1; }",
		"t:1:21: wrong value \"localhost:1\" for \"control_socket\", expected an address "
		"like 192.0.2.1:25, [2001:db8::1]:25, *:25 or unix:/path");
	assert_fault("mx { store localhost:24 tls:localhost; }",
		"t:1:25: wrong value \"tls:localhost\" for \"store\", expected a server like "
		"host:25, tls:host:25 or unix:/path");
	assert_fault("mx { directory tls:*:1; }",
		"t:1:16: wrong value \"tls:*:1\" for \"directory\", expected a server like "
		"host:25, tls:host:25 or unix:/path");
	assert_fault("store { plus_separator ++; }",
		"t:1:24: wrong value \"++\" for \"plus_separator\", expected at most 1 byte of "
		"text");
}

static void a_listener_of_another_role_is_refused(void **state)
{
	assert_fault("mx { listen imap *:143; }",
		"t:1:13: wrong value \"imap\" for \"listen\", expected smtp, submission, "
		"submissions or authmod, then an address");
}

static void a_listener_needs_an_address_of_the_right_shape(void **state)
{
	assert_fault("mx { listen smtp; }",
		"t:1:13: \"listen\" lacks an address behind \"smtp\", expected one like *:25");
	assert_fault("mx { listen smtp 25; }",
		"t:1:18: wrong address \"25\", expected one like 192.0.2.1:25, [2001:db8::1]:25, "
		"*:25 or unix:/path");
	assert_fault("mx { listen smtp *:65536; }",
		"t:1:18: wrong address \"*:65536\", expected one like 192.0.2.1:25, "
		"[2001:db8::1]:25, *:25 or unix:/path");
	assert_fault("mx { listen smtp *:0; }",
		"t:1:18: wrong address \"*:0\", expected one like 192.0.2.1:25, "
		"[2001:db8::1]:25, *:25 or unix:/path");
	assert_fault("mx { listen smtp *:25 porxy; }",
		"t:1:23: wrong flag \"porxy\" for \"listen\", expected proxy or \";\"");
}

static void the_same_address_twice_is_refused_over_all_roles(void **state)
{
	assert_fault("mx { listen smtp *:25; }\nstore { listen lmtp *:25; }",
		"t:2:21: \"*:25\" is given twice, first at t:1");
}

static void an_option_given_twice_is_refused(void **state)
{
	assert_fault("data /a;\ndata /b;", "t:2:1: \"data\" is given twice, first at t:1");
	assert_fault("mx { }\n\nmx { }", "t:3:1: \"mx\" is given twice, first at t:1");
}

static void a_forgotten_semicolon_is_guessed_from_the_line_break(void **state)
{
	assert_fault("data /a\nuser b;",
		"t:2:1: \"data\" takes one value, expected \";\" behind \"/a\" in line 1");
	assert_fault(
		"data /a user;", "t:1:9: \"data\" takes one value, expected \";\" before \"user\"");
}

static void an_option_without_value_is_refused(void **state)
{
	assert_fault("log { to; }", "t:1:7: \"to\" has no value, expected stderr or journald");
}

static void blocks_and_options_are_not_taken_for_each_other(void **state)
{
	assert_fault("mx yes;", "t:1:1: \"mx\" is a block, expected \"{\" behind it");
	assert_fault("data { }", "t:1:1: \"data\" is an option, expected a value and \";\", "
				 "found a block");
	assert_fault("mx one { }", "t:1:4: block \"mx\" takes no label, expected \"{\"");
}

static void a_certificate_without_key_is_refused(void **state)
{
	assert_fault("tls {\n\tcertificate { chain /c; }\n}",
		"t:2:2: block \"certificate\" lacks \"key\"");
}

static void a_tls_listener_without_any_certificate_is_refused(void **state)
{
	assert_fault("mx { listen smtp *:25; listen submissions *:465; }\ntls { self_signed no; }",
		"t:2:7: listener submissions *:465 has no certificate, expected self_signed yes or "
		"a block certificate");
	AUTO(loaded_free)
	struct loaded plain = load_good("hostname a.example; mx { listen smtp *:25; } "
					"tls { self_signed no; }");
	assert_false(plain.settings->tls.self_signed);
}

static void a_socket_path_too_long_for_the_system_is_refused(void **state)
{
	char text[200] = "data /", name[121];
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	(void)snprintf(text, sizeof(text), "data /%s;", name);
	AUTO(loaded_free) struct loaded l = load(text);
	assert_null(l.settings);
	assert_non_null(strstr(l.err.text, "default of control_socket:1:16: wrong value"));
}

static void all_faults_are_reported_in_one_run_up_to_a_bound(void **state)
{
	AUTO(buf_free) struct buf text = BUF(4096);
	for (unsigned i = 0; i < 2 * CONF_FAULTS_MAX; i++)
		buf_add_str(&text, "xyzzy 1;\n");
	AUTO(loaded_free) struct loaded l = load(buf_cstr(&text));
	size_t lines = 0;
	for (struct slice rest = buf_slice(&l.report); rest.len > 0; lines++)
		(void)slice_cut(&rest, '\n');
	assert_int_equal(lines, 3 * CONF_FAULTS_MAX);
	assert_string_equal(l.err.text, "t:1:1: unknown option \"xyzzy\"");
}

static void what_is_written_reads_back_as_the_same(void **state)
{
	AUTO(loaded_free)
	struct loaded a = load_good(
		"hostname a.example; data \"/d \\\"e\"; run /r; store { quota 1500; "
		"password_cache 0; plus_separator \"\"; listen imap *:1 proxy; } tls { "
		"certificate \"my label\" { chain \"/c d\"; key /k; names x.example; } }");
	AUTO(buf_free) struct buf text = BUF(131072);
	conf_settings_write(a.settings, &text);
	AUTO(loaded_free) struct loaded b = load_good(buf_cstr(&text));
	assert_int_equal(conf_settings_diff(a.settings, b.settings, NULL, NULL), 0);
	assert_string_equal(b.settings->data, "/d \"e");
	assert_string_equal(b.settings->tls.certificates[0].label, "my label");
	assert_false(b.settings->mx.on);
}

static void a_diff_parts_what_needs_a_restart_from_what_does_not(void **state)
{
	AUTO(loaded_free) struct loaded a = load_good("hostname a.example; mx { }");
	AUTO(loaded_free)
	struct loaded b = load_good("hostname b.example; mx { errors_max 5; listen smtp *:26; } "
				    "log { format json; level debug; }");
	AUTO(buf_free) struct buf reload = BUF(1024), restart = BUF(1024);
	assert_int_equal(conf_settings_diff(a.settings, b.settings, &reload, &restart), 4);
	assert_slice(buf_slice(&reload), "log.level");
	assert_slice(buf_slice(&restart), "hostname, log.format, mx.listen, mx.errors_max");
}

static void a_diff_names_a_role_that_comes_as_a_whole(void **state)
{
	AUTO(loaded_free) struct loaded a = load_good("hostname a.example; mx { }");
	AUTO(loaded_free)
	struct loaded b = load_good("hostname a.example; mx { } store { quota 1; }");
	AUTO(buf_free) struct buf reload = BUF(1024), restart = BUF(1024);
	assert_int_equal(conf_settings_diff(a.settings, b.settings, &reload, &restart), 1);
	assert_slice(buf_slice(&restart), "store");
	assert_slice(buf_slice(&reload), "");
}

static void a_diff_sees_a_certificate_more(void **state)
{
	AUTO(loaded_free) struct loaded a = load_good("hostname a.example;");
	AUTO(loaded_free)
	struct loaded b =
		load_good("hostname a.example; tls { certificate { chain /c; key /k; } }");
	AUTO(buf_free) struct buf reload = BUF(1024);
	assert_int_equal(conf_settings_diff(a.settings, b.settings, &reload, NULL), 0);
	assert_slice(buf_slice(&reload), "tls.certificate.chain, tls.certificate.key");
}

static void a_snapshot_lives_until_its_last_owner_gives_it_back(void **state)
{
	struct loaded l = load_good("hostname a.example;");
	const struct conf_settings *second = conf_settings_ref(l.settings);
	loaded_free(&l);
	assert_string_equal(second->hostname, "a.example");
	conf_settings_free(second);
}

static void the_sample_file_works_as_it_is(void **state)
{
	AUTO(buf_free) struct buf sample = BUF(131072);
	conf_write_sample(&sample);
	AUTO(loaded_free) struct loaded a = load_good(buf_cstr(&sample));
	AUTO(loaded_free) struct loaded b = load_good("mx { } store { }");
	assert_int_equal(conf_settings_diff(a.settings, b.settings, NULL, NULL), 0);
}

static void the_sample_file_works_with_every_statement_uncommented(void **state)
{
	AUTO(buf_free) struct buf sample = BUF(131072), open = BUF(131072);
	conf_write_sample(&sample);
	size_t uncommented = 0;
	for (struct slice rest = buf_slice(&sample); rest.len > 0;) {
		struct slice line = slice_trim(slice_cut(&rest, '\n'));
		bool statement = slice_starts(line, SLICE("#")) && !slice_starts(line, SLICE("# "));
		uncommented += statement;
		buf_add_slice(&open, statement ? slice_from(line, 1) : line);
		buf_add_byte(&open, '\n');
	}
	assert_true(uncommented > conf_option_count);
	AUTO(loaded_free) struct loaded l = load_good(buf_cstr(&open));
	assert_string_equal(l.settings->mx.user, "rookery-mx");
	assert_int_equal(l.settings->tls.certificate_count, 1);
	assert_true(l.settings->metrics.on);
}

static void every_option_has_help_and_a_block_of_the_table(void **state)
{
	for (size_t i = 0; i < conf_option_count; i++) {
		const struct conf_option *option = &conf_options[i];
		size_t blocks = 0;
		for (size_t j = 0; j < conf_block_count; j++)
			blocks += conf_option_is_in(option, &conf_blocks[j]);
		assert_int_equal(blocks, 1);
		assert_true(strlen(option->help) > 20);
		assert_true(option->help[strlen(option->help) - 1] == '.');
		assert_true(option->fallback || option->example);
	}
}

static void an_option_is_explained_with_range_and_default(void **state)
{
	AUTO(buf_free) struct buf text = BUF(131072);
	struct err err;
	assert_int_equal(conf_explain(SLICE("log.level"), &text, &err), 0);
	assert_slice(buf_slice(&text),
		"log.level\n"
		"    The least important lines to write.\n"
		"    Expects debug, info, warn or error. Default: info. A reload is enough.\n");
}

static void a_key_of_two_blocks_is_explained_for_both(void **state)
{
	AUTO(buf_free) struct buf text = BUF(131072);
	struct err err;
	assert_int_equal(conf_explain(SLICE("listen"), &text, &err), 0);
	assert_true(slice_search(buf_slice(&text), SLICE("mx.listen\n")) >= 0);
	assert_true(slice_search(buf_slice(&text), SLICE("store.listen\n")) >= 0);
}

static void explaining_an_unknown_option_names_the_nearest(void **state)
{
	AUTO(buf_free) struct buf text = BUF(131072);
	struct err err;
	assert_true(conf_explain(SLICE("mx.lisen"), &text, &err) < 0);
	assert_string_equal(err.text, "unknown option \"mx.lisen\", did you mean \"mx.listen\"?");
	assert_int_equal(err.kind, ERR_ABSENT);
}

static void the_manual_has_every_option(void **state)
{
	AUTO(buf_free) struct buf text = BUF(131072);
	conf_write_manual(&text);
	for (size_t i = 0; i < conf_option_count; i++) {
		char entry[128];
		(void)snprintf(entry, sizeof(entry), ".TP\n.B %s\n", conf_options[i].key);
		assert_true(slice_search(buf_slice(&text), slice_str(entry)) >= 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(three_lines_make_a_server),
		cmocka_unit_test(
			a_role_is_on_only_when_its_block_is_there_yet_its_options_have_values),
		cmocka_unit_test(without_a_host_name_the_systems_is_used),
		cmocka_unit_test(defaults_follow_the_options_that_they_name),
		cmocka_unit_test(sizes_and_durations_take_units),
		cmocka_unit_test(choices_become_enums),
		cmocka_unit_test(listeners_add_up_and_carry_their_flag),
		cmocka_unit_test(lists_grow_over_several_statements),
		cmocka_unit_test(servers_are_addresses_with_ports),
		cmocka_unit_test(learning_is_on_when_its_block_is_there),
		cmocka_unit_test(milters_stand_in_the_order_of_the_file),
		cmocka_unit_test(certificates_repeat_with_and_without_label),
		cmocka_unit_test(an_unknown_option_is_answered_with_the_nearest_name_and_the_line),
		cmocka_unit_test(an_unknown_option_that_resembles_nothing_is_answered_plainly),
		cmocka_unit_test(an_option_in_the_wrong_block_is_told_where_it_belongs),
		cmocka_unit_test(an_unknown_block_is_answered_with_the_nearest_name),
		cmocka_unit_test(a_size_out_of_range_is_answered_with_the_range),
		cmocka_unit_test(a_product_past_64_bits_is_refused),
		cmocka_unit_test(a_duration_without_unit_is_refused),
		cmocka_unit_test(each_type_says_what_it_expects),
		cmocka_unit_test(a_listener_of_another_role_is_refused),
		cmocka_unit_test(a_listener_needs_an_address_of_the_right_shape),
		cmocka_unit_test(the_same_address_twice_is_refused_over_all_roles),
		cmocka_unit_test(an_option_given_twice_is_refused),
		cmocka_unit_test(a_forgotten_semicolon_is_guessed_from_the_line_break),
		cmocka_unit_test(an_option_without_value_is_refused),
		cmocka_unit_test(blocks_and_options_are_not_taken_for_each_other),
		cmocka_unit_test(a_certificate_without_key_is_refused),
		cmocka_unit_test(a_tls_listener_without_any_certificate_is_refused),
		cmocka_unit_test(a_socket_path_too_long_for_the_system_is_refused),
		cmocka_unit_test(all_faults_are_reported_in_one_run_up_to_a_bound),
		cmocka_unit_test(what_is_written_reads_back_as_the_same),
		cmocka_unit_test(a_diff_parts_what_needs_a_restart_from_what_does_not),
		cmocka_unit_test(a_diff_names_a_role_that_comes_as_a_whole),
		cmocka_unit_test(a_diff_sees_a_certificate_more),
		cmocka_unit_test(a_snapshot_lives_until_its_last_owner_gives_it_back),
		cmocka_unit_test(the_sample_file_works_as_it_is),
		cmocka_unit_test(the_sample_file_works_with_every_statement_uncommented),
		cmocka_unit_test(every_option_has_help_and_a_block_of_the_table),
		cmocka_unit_test(an_option_is_explained_with_range_and_default),
		cmocka_unit_test(a_key_of_two_blocks_is_explained_for_both),
		cmocka_unit_test(explaining_an_unknown_option_names_the_nearest),
		cmocka_unit_test(the_manual_has_every_option),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
