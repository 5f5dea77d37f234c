/* Options that two nodes share: what may be among them, and what a node's own file says before
 * them. */
#include "conf/common_options.h"
#include "conf/test_support.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static void assert_refused(const char *text, const char *expected)
{
	struct err err;
	assert_int_equal(conf_common_check(slice_str(text), NULL, &err), -1);
	assert_string_equal(err.text, expected);
}

static void what_can_do_no_harm_may_be_common(void **state)
{
	struct err err;
	const char *text = "limits { connections 9000; }\n"
			   "mx { queue { lifetime 3d; } max_message_size 20M; }\n"
			   "store { quota 5G; mirror { ack one; } }\n";
	assert_int_equal(conf_common_check(slice_str(text), NULL, &err), 0);
	assert_int_equal(conf_common_check(SLICE(""), NULL, &err), 0);
}

static void what_a_node_has_for_itself_is_refused(void **state)
{
	const char *const own[] = {"user root;", "data /tmp;", "run /tmp;", "proxy_trusted ::/0;",
		"mx { user root; }", "mx { listen smtp *:25; }", "mx { checks { trusted ::/0; } }",
		"mx { outbound { smart_host 192.0.2.1:25; } }", "mx { xclient { from ::/0; } }",
		"directory { driver authmod; }", "directory { authmod { command \"/bin/sh\"; } }",
		"tls { certificate { chain /etc/shadow; key /etc/shadow; } }", "log { to stderr; }",
		"include \"/etc/shadow\";", "mx { include \"/etc/shadow\"; }",
		"mx { transport \"*\" { host 192.0.2.1; } }", "metrics { listen 0.0.0.0:9090; }",
		"store { lmtp_socket unix:/tmp/lmtp; }", "store { mirror { listen *:7625; } }"};
	for (size_t i = 0; i < ARRAY_LEN(own); i++) {
		struct err err;
		assert_int_equal(conf_common_check(slice_str(own[i]), NULL, &err), -1);
		assert_non_null(strstr(err.text, "can't be common"));
	}
	assert_refused("user root;",
		"common.conf:1:1: \"user\" can't be common: each node has its own (\"rookery "
		"common options\" lists what can)");
}

/* A row that is added to the table must not open a door: what names users, files, programs, sockets
 * or whom we trust has one of these types. */
static void no_common_option_has_a_dangerous_type(void **state)
{
	for (size_t i = 0; i < conf_option_count; i++) {
		const struct conf_option *option = &conf_options[i];
		if (!conf_option_is_common(option))
			continue;
		switch (option->type) {
		case CONF_PATH:
		case CONF_ADDRESS:
		case CONF_NETWORKS:
		case CONF_SERVERS:
		case CONF_REMOTES:
		case CONF_LISTEN:
			fail_msg("%s.%s is common", option->block, option->key);
		default:
			continue;
		}
	}
}

static void values_are_checked_too(void **state)
{
	struct err err;
	assert_int_equal(conf_common_check(SLICE("store { quota lots; }"), NULL, &err), -1);
	assert_non_null(strstr(err.text, "common.conf:1:15"));
	assert_int_equal(conf_common_check(SLICE("store { qouta 5G; }"), NULL, &err), -1);
	assert_non_null(strstr(err.text, "did you mean \"quota\""));
	assert_int_equal(conf_common_check(SLICE("store {"), NULL, &err), -1);
	assert_int_equal(conf_common_check(SLICE("store { } store { }"), NULL, &err), -1);
	char large[CONF_COMMON_MAX + 2];
	memset(large, ' ', sizeof(large));
	assert_int_equal(conf_common_check((struct slice){large, sizeof(large)}, NULL, &err), -1);
}

/* A folder with a config file of a node and the common one. */
struct node {
	char folder[64], file[128];
	struct loaded loaded;
};

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	(void)close(fd);
}

static void node_load(struct node *n, const char *own, const char *common)
{
	char path[CONF_COMMON_PATH], text[2048];
	(void)snprintf(n->folder, sizeof(n->folder), "/tmp/rookery-common-XXXXXX");
	assert_non_null(mkdtemp(n->folder));
	(void)snprintf(n->file, sizeof(n->file), "%s/rookery.conf", n->folder);
	(void)snprintf(text, sizeof(text), "hostname a.example; data %s;\n%s", n->folder, own);
	write_file(n->file, text);
	conf_common_path(n->folder, path);
	if (common)
		write_file(path, common);
	n->loaded = (struct loaded){.report = BUF(CONF_REPORT_MAX)};
	if (conf_settings_load(n->file, &n->loaded.report, &n->loaded.settings, &n->loaded.err) < 0)
		fail_msg("%s", buf_cstr(&n->loaded.report));
	(void)unlink(n->file);
	(void)unlink(path);
	(void)rmdir(n->folder);
}

static void node_free(struct node *n)
{
	loaded_free(&n->loaded);
}

static void a_nodes_own_options_go_before(void **state)
{
	AUTO(node_free) struct node n;
	node_load(&n, "store { quota 1G; mirror { } } mx { queue { lifetime 2d; } }",
		"store { quota 5G; append_limit 7M; mirror { ack one; } }\n"
		"mx { queue { lifetime 3d; delay_warning 5h; retry 1m 2m; } }\n"
		"limits { connections 9000; }\n");
	const struct conf_settings *s = n.loaded.settings;
	assert_string_equal(s->common_fault, "");
	assert_int_equal(s->store.quota, 1 << 30);
	assert_int_equal(s->store.append_limit, 7 << 20);
	assert_int_equal(s->store.mirror.ack, CONF_ACK_ONE);
	assert_int_equal(s->mx.queue.lifetime_ms, 2 * 86400000);
	assert_int_equal(s->mx.queue.delay_warning_ms, 5 * 3600000);
	assert_int_equal(s->mx.queue.retry.count, 2);
	assert_int_equal(s->limits.connections, 9000);
}

static void common_options_give_no_node_a_role(void **state)
{
	AUTO(node_free) struct node n;
	node_load(&n, "store { }", "mx { errors_max 7; }\nstore { quota 5G; }\n");
	assert_false(n.loaded.settings->mx.on);
	assert_int_equal(n.loaded.settings->store.quota, (uint64_t)5 << 30);
}

static void without_a_file_nothing_is_common(void **state)
{
	AUTO(node_free) struct node n;
	node_load(&n, "store { }", NULL);
	assert_string_equal(n.loaded.settings->common_fault, "");
	assert_int_equal(n.loaded.settings->store.quota, 0);
}

/* As of another version, or of a store that was broken into: the node goes on without. */
static void a_file_that_may_not_be_is_not_gone_by(void **state)
{
	AUTO(node_free) struct node n;
	node_load(&n, "store { } user birds;", "store { quota 5G; }\nuser root;\n");
	assert_non_null(strstr(n.loaded.settings->common_fault, "\"user\" can't be common"));
	assert_string_equal(n.loaded.settings->user, "birds");
	assert_int_equal(n.loaded.settings->store.quota, 0);
}

static void all_that_may_be_common_is_listed(void **state)
{
	AUTO(buf_free) struct buf list = BUF(1 << 16);
	conf_common_list(&list);
	assert_non_null(strstr(buf_cstr(&list), "mx.queue.retry\n"));
	assert_non_null(strstr(buf_cstr(&list), "store.mirror.ack\n"));
	assert_null(strstr(buf_cstr(&list), "user\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_can_do_no_harm_may_be_common),
		cmocka_unit_test(what_a_node_has_for_itself_is_refused),
		cmocka_unit_test(no_common_option_has_a_dangerous_type),
		cmocka_unit_test(values_are_checked_too),
		cmocka_unit_test(a_nodes_own_options_go_before),
		cmocka_unit_test(common_options_give_no_node_a_role),
		cmocka_unit_test(without_a_file_nothing_is_common),
		cmocka_unit_test(a_file_that_may_not_be_is_not_gone_by),
		cmocka_unit_test(all_that_may_be_common_is_listed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
