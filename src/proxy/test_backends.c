/* Who is asked, and who is down for how long. */
#include "proxy/backends_internal.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/test.h"

enum { WALL = 1000 };

struct world {
	const struct conf_settings *settings;
	struct proxy_backends *backends;
	struct proxy_places pair;
};

static void set_up_with(struct world *w, const char *options)
{
	char text[1024];
	struct err err;
	(void)snprintf(text, sizeof(text),
		"hostname here.example; proxy { listen imap *:143; backend_tls none; %s }",
		options);
	assert_int_equal(
		conf_settings_from_text("t", slice_str(text), NULL, &w->settings, &err), 0);
	assert_int_equal(proxy_backends_new(w->settings, &w->backends, &err), 0);
	assert_true(proxy_places_parse(SLICE("a.example,b.example"), &w->pair));
	clock_fake(WALL, WALL);
}

static struct world set_up(const char *options)
{
	struct world w;
	set_up_with(&w, options);
	return w;
}

static void tear_down(struct world *w)
{
	clock_fake(-1, -1);
	proxy_backends_free(w->backends);
	conf_settings_free(w->settings);
}

static void at(int64_t ms)
{
	clock_fake(WALL + ms, WALL);
}

/* The host that is picked; "" none. `fails`: it does not answer. */
static const char *pick(struct world *w, unsigned *tried, bool fails)
{
	static char host[PROXY_HOST_SIZE];
	struct proxy_link link = {.backends = w->backends, .protocol = PROXY_IMAP};
	struct err err;
	if (proxy_backends_pick(w->backends, &w->pair, PROXY_IMAP, tried, &link.backend, &err) <
		0) {
		assert_int_equal(err.class, ERR_TEMPORARY);
		return "";
	}
	(void)snprintf(host, sizeof(host), "%s", link.backend->host);
	if (fails) {
		proxy_link_failed(&link, &err);
	} else {
		proxy_link_works(&link);
		proxy_link_close(&link);
	}
	return host;
}

static const char *first(struct world *w, bool fails)
{
	unsigned tried = 0;
	return pick(w, &tried, fails);
}

static void the_first_of_a_pair_is_asked_while_it_is_up(void **state)
{
	struct world w = set_up("");
	unsigned tried = 0;
	assert_string_equal(first(&w, false), "a.example");
	assert_string_equal(pick(&w, &tried, true), "a.example");
	assert_string_equal(pick(&w, &tried, false), "b.example");
	assert_string_equal(pick(&w, &tried, false), "");
	assert_string_equal(first(&w, false), "b.example");
	at(2000);
	assert_string_equal(first(&w, false), "a.example");
	assert_string_equal(first(&w, false), "a.example");
	tear_down(&w);
}

static void who_stays_down_is_asked_ever_more_seldom(void **state)
{
	static const int64_t waits[] = {2000, 4000, 8000, 16000, 30000, 30000};
	struct world w = set_up("");
	int64_t now = 0;
	assert_string_equal(first(&w, true), "a.example");
	for (size_t i = 0; i < ARRAY_LEN(waits); i++) {
		at(now + waits[i] - 1);
		assert_string_equal(first(&w, false), "b.example");
		now += waits[i];
		at(now);
		assert_string_equal(first(&w, true), "a.example");
	}
	tear_down(&w);
}

static void one_asks_whether_it_is_up_again_and_others_do_not_wait_for_it(void **state)
{
	struct world w = set_up("");
	struct proxy_link slow = {.backends = w.backends, .protocol = PROXY_IMAP};
	unsigned tried = 0;
	struct err err;
	assert_string_equal(first(&w, true), "a.example");
	at(2000);
	assert_int_equal(
		proxy_backends_pick(w.backends, &w.pair, PROXY_IMAP, &tried, &slow.backend, &err),
		0);
	assert_string_equal(slow.backend->host, "a.example");
	assert_string_equal(first(&w, false), "b.example");
	proxy_link_works(&slow);
	proxy_link_close(&slow);
	assert_string_equal(first(&w, false), "a.example");
	tear_down(&w);
}

static void when_all_are_down_one_is_asked_each_second(void **state)
{
	struct world w = set_up("");
	unsigned tried = 0;
	assert_string_equal(pick(&w, &tried, true), "a.example");
	assert_string_equal(pick(&w, &tried, true), "b.example");
	assert_string_equal(first(&w, false), "");
	at(999);
	assert_string_equal(first(&w, false), "");
	at(1000);
	assert_string_equal(first(&w, false), "a.example");
	tear_down(&w);
}

static void a_protocol_that_is_down_says_nothing_about_others(void **state)
{
	struct world w = set_up("");
	struct proxy_backend *found;
	unsigned tried = 0;
	struct err err;
	assert_string_equal(first(&w, true), "a.example");
	assert_int_equal(
		proxy_backends_pick(w.backends, &w.pair, PROXY_POP3, &tried, &found, &err), 0);
	assert_string_equal(found->host, "a.example");
	proxy_backends_release(w.backends, found);
	assert_int_equal(proxy_backends_figures(w.backends).down, 1);
	assert_int_equal(proxy_backends_figures(w.backends).known, 1);
	tear_down(&w);
}

static struct proxy_backend *find(struct world *w, const char *text)
{
	struct proxy_places places;
	struct proxy_backend *found;
	unsigned tried = 0;
	assert_true(proxy_places_parse(slice_str(text), &places));
	assert_int_equal(
		proxy_backends_pick(w->backends, &places, PROXY_IMAP, &tried, &found, NULL), 0);
	proxy_backends_release(w->backends, found);
	return found;
}

static void our_own_names_are_here_whatever_their_case(void **state)
{
	struct world w = set_up("names node1.example;");
	assert_true(find(&w, "HERE.example")->is_here);
	assert_true(find(&w, "node1.Example")->is_here);
	assert_false(find(&w, "there.example")->is_here);
	assert_false(find(&w, "here.example:10143")->is_here); /* whatever listens there */
	assert_ptr_equal(find(&w, "THERE.example"), find(&w, "there.example"));
	tear_down(&w);
}

static void hosts_are_forgotten_when_there_are_too_many(void **state)
{
	struct world w = set_up("");
	char host[32];
	for (unsigned i = 0; i < 3000; i++) {
		at(i);
		(void)snprintf(host, sizeof(host), "h%u.example", i);
		(void)find(&w, host);
	}
	assert_int_equal(proxy_backends_figures(w.backends).known, 1024);
	tear_down(&w);
}

static void blocks_are_checked(void **state)
{
	static const char *const wrong[] = {"backend \"a,b\" { }", "backend \"a:25\" { }",
		"backend a { } backend A { }", "default_host \"a b\";"};
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		struct proxy_backends *backends;
		const struct conf_settings *settings;
		struct err err;
		char text[256];
		(void)snprintf(text, sizeof(text), "hostname a.b; proxy { listen imap *:143; %s }",
			wrong[i]);
		assert_int_equal(
			conf_settings_from_text("t", slice_str(text), NULL, &settings, &err), 0);
		assert_true(proxy_backends_new(settings, &backends, &err) < 0);
		assert_int_equal(err.class, ERR_PERMANENT);
		conf_settings_free(settings);
	}
}

static void what_default_host_announces_counts_most(void **state)
{
	struct world w = set_up("default_host d.example;");
	struct proxy_link link = {.backends = w.backends, .protocol = PROXY_POP3};
	AUTO(buf_free) struct buf text = BUF(4096);
	assert_false(proxy_backends_capabilities(w.backends, PROXY_POP3, &text));
	link.backend = find(&w, "a.example");
	proxy_link_announces(&link, SLICE("A"));
	assert_true(proxy_backends_capabilities(w.backends, PROXY_POP3, &text));
	link.backend = find(&w, "d.example");
	proxy_link_announces(&link, SLICE("D"));
	link.backend = find(&w, "a.example");
	proxy_link_announces(&link, SLICE("A"));
	assert_true(proxy_backends_capabilities(w.backends, PROXY_POP3, &text));
	assert_slice(buf_slice(&text), "AD");
	tear_down(&w);
}

static void what_is_announced_is_bounded_and_no_word_is_cut(void **state)
{
	struct world w = set_up("");
	struct proxy_link link = {.backends = w.backends, .protocol = PROXY_IMAP};
	AUTO(buf_free) struct buf words = BUF(10000), text = BUF(10000);
	while (words.len < 5000)
		buf_add_str(&words, "CAPABILITY ");
	link.backend = find(&w, "a.example");
	proxy_link_announces(&link, buf_slice(&words));
	assert_true(proxy_backends_capabilities(w.backends, PROXY_IMAP, &text));
	assert_true(text.len <= PROXY_CAPABILITIES_MAX && text.len % 11 == 0);
	tear_down(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_of_a_pair_is_asked_while_it_is_up),
		cmocka_unit_test(who_stays_down_is_asked_ever_more_seldom),
		cmocka_unit_test(one_asks_whether_it_is_up_again_and_others_do_not_wait_for_it),
		cmocka_unit_test(when_all_are_down_one_is_asked_each_second),
		cmocka_unit_test(a_protocol_that_is_down_says_nothing_about_others),
		cmocka_unit_test(our_own_names_are_here_whatever_their_case),
		cmocka_unit_test(hosts_are_forgotten_when_there_are_too_many),
		cmocka_unit_test(blocks_are_checked),
		cmocka_unit_test(what_default_host_announces_counts_most),
		cmocka_unit_test(what_is_announced_is_bounded_and_no_word_is_cut),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
