/* Heads: what is taken, and all that is refused so that nobody can read two requests in one. */
#include "base/alloc.h"
#include "base/test.h"
#include "http/head.h"

static bool read_request(const char *text, struct http_request *r, struct http_refusal *refusal)
{
	struct http_scan scan = {0};
	size_t len = 0;
	*refusal = (struct http_refusal){0};
	if (http_scan(&scan, slice_str(text), &len) != HTTP_WHOLE) {
		refusal->status = 400;
		refusal->text = "no head";
		return false;
	}
	return http_request_read(slice(text, len), r, refusal);
}

static struct http_request good_request(const char *text)
{
	struct http_request r;
	struct http_refusal refusal;
	if (!read_request(text, &r, &refusal))
		fail_msg("\"%s\" is refused: %u %s", text, refusal.status, refusal.text);
	return r;
}

static void a_request_is_read(void **state)
{
	struct http_request r = good_request("PROPFIND /dav/ann/?x=%20 HTTP/1.1\r\n"
					     "Host: dav.example.org:8443\r\n"
					     "Depth:1\r\n"
					     "content-length: \t 12 \t\r\n"
					     "Authorization: Basic x\r\n"
					     "Empty:\r\n\r\n");
	assert_slice(r.method, "PROPFIND");
	assert_slice(r.target, "/dav/ann/?x=%20");
	assert_slice(r.host, "dav.example.org:8443");
	assert_slice(r.authorization, "Basic x");
	assert_int_equal(r.head.framing, HTTP_LENGTH);
	assert_int_equal(r.head.length, 12);
	assert_int_equal(r.head.field_count, 5);
	assert_slice(r.head.fields[1].value, "1");
	assert_slice(r.head.fields[4].value, "");
	assert_true(r.head.keeps);
	assert_false(r.expects_continue);
}

#define H "Host: a\r\n"

static void what_the_head_says_of_the_connection_is_known(void **state)
{
	assert_true(good_request("GET / HTTP/1.1\r\n" H "\r\n").head.keeps);
	assert_false(good_request("GET / HTTP/1.1\r\n" H "Connection: Close\r\n\r\n").head.keeps);
	assert_false(good_request("GET / HTTP/1.0\r\n\r\n").head.keeps);
	assert_true(good_request("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").head.keeps);
	struct http_request r = good_request(
		"GET / HTTP/1.1\r\n" H
		"Connection: Upgrade, ,X-One\r\nConnection: x-two\r\nUpgrade: websocket\r\n\r\n");
	assert_slice(r.head.upgrade, "websocket");
	assert_int_equal(r.head.option_count, 2);
	assert_slice(r.head.options[1], "x-two");
	/* Not named by Connection: it is not for us. */
	assert_int_equal(
		good_request("GET / HTTP/1.1\r\n" H "Upgrade: h2c\r\n\r\n").head.upgrade.len, 0);
	assert_true(good_request("PUT / HTTP/1.1\r\n" H "Expect: 100-Continue\r\n"
				 "Content-Length: 1\r\n\r\n")
			    .expects_continue);
	assert_int_equal(good_request("PUT / HTTP/1.1\r\n" H "Transfer-Encoding: Chunked\r\n\r\n")
				 .head.framing,
		HTTP_CHUNKED);
}

static void a_target_with_a_host_is_taken_apart(void **state)
{
	struct http_request r =
		good_request("GET http://A.example:80/x?y HTTP/1.1\r\nHost: a.example:80\r\n\r\n");
	assert_slice(r.target, "/x?y");
	assert_slice(r.host, "A.example:80");
	assert_slice(good_request("OPTIONS * HTTP/1.1\r\n" H "\r\n").target, "*");
	assert_slice(good_request("GET / HTTP/1.1\r\nHost: [2001:db8::1]:443\r\n\r\n").host,
		"[2001:db8::1]:443");
	assert_int_equal(good_request("GET / HTTP/1.0\r\n\r\n").host.len, 0);
}

/* Each is read in two ways by two of the servers that there are. */
static const struct {
	const char *text;
	unsigned status;
} REFUSED[] = {
	/* lengths */
	{"POST / HTTP/1.1\r\n" H "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
	{"POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n", 400},
	{"POST / HTTP/1.1\r\n" H "Content-Length: 3\r\nContent-Length: 4\r\n\r\n", 400},
	{"POST / HTTP/1.1\r\n" H "Content-Length: 3\r\nContent-Length: 3\r\n\r\n", 400},
	{"POST / HTTP/1.1\r\n" H "Content-Length: 3, 3\r\n\r\n", 400},
	{"POST / HTTP/1.1\r\n" H "Content-Length: +3\r\n\r\n", 400},
	{"POST / HTTP/1.1\r\n" H "Content-Length: -3\r\n\r\n", 400},
	{"POST / HTTP/1.1\r\n" H "Content-Length: 0x3\r\n\r\n", 400},
	{"POST / HTTP/1.1\r\n" H "Content-Length: 3 3\r\n\r\n", 400},
	{"POST / HTTP/1.1\r\n" H "Content-Length:\r\n\r\n", 400},
	{"POST / HTTP/1.1\r\n" H "Content-Length: 99999999999999999999\r\n\r\n", 400},
	{"POST / HTTP/1.1\r\n" H "Content-Length: 18446744073709551615\r\n\r\n", 400},
	{"POST / HTTP/1.1\r\n" H "Content-Length: 00000000000000000003\r\n\r\n", 400},
	{"POST / HTTP/1.1\r\n" H "Content_Length: 3\r\n\r\n", 400},
	/* codings */
	{"POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked, identity\r\n\r\n", 501},
	{"POST / HTTP/1.1\r\n" H "Transfer-Encoding: gzip, chunked\r\n\r\n", 501},
	{"POST / HTTP/1.1\r\n" H "Transfer-Encoding: gzip\r\n\r\n", 400},
	{"POST / HTTP/1.1\r\n" H "Transfer-Encoding: identity\r\n\r\n", 400},
	{"POST / HTTP/1.1\r\n" H "Transfer-Encoding: xchunked\r\n\r\n", 400},
	{"POST / HTTP/1.1\r\n" H "Transfer-Encoding: \"chunked\"\r\n\r\n", 400},
	{"POST / HTTP/1.1\r\n" H "Transfer-Encoding:\v chunked\r\n\r\n", 400},
	{"POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n", 400},
	{"POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
		400},
	{"POST / HTTP/1.1\r\n" H "Transfer_Encoding: chunked\r\n\r\n", 400},
	{"POST / HTTP/1.0\r\n" H "Transfer-Encoding: chunked\r\n\r\n", 400},
	{"POST / HTTP/1.1\r\n" H "Transfer-Encoding: \r\n\r\n", 400},
	/* line ends, blanks, folding */
	{"GET / HTTP/1.1\n" H "\r\n", 400},
	{"GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n", 400},
	{"GET / HTTP/1.1\r\n" H "X: y\rContent-Length: 3\r\n\r\n", 400},
	{"GET / HTTP/1.1\r\n" H "X: y\r\r\n\r\n", 400},
	{"GET / HTTP/1.1\r\r\n" H "\r\n", 400},
	{"GET / HTTP/1.1\r\n" H "Content-Length : 3\r\n\r\n", 400},
	{"GET / HTTP/1.1\r\n" H "Content-Length\t: 3\r\n\r\n", 400},
	{"GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400},
	{"GET / HTTP/1.1\r\n" H "X: y\r\n z\r\n\r\n", 400},
	{"GET / HTTP/1.1\r\n" H "X: y\r\n\tz\r\n\r\n", 400},
	{"GET / HTTP/1.1\r\n" H "no colon\r\n\r\n", 400},
	{"GET / HTTP/1.1\r\n" H ": no name\r\n\r\n", 400},
	{"GET / HTTP/1.1\r\n" H "X\x80: y\r\n\r\n", 400},
	{"GET / HTTP/1.1\r\n" H "X: \x01\r\n\r\n", 400},
	{"GET / HTTP/1.1\r\n" H "X: \x7f\r\n\r\n", 400},
	/* first line */
	{"GET /\r\n" H "\r\n", 400},
	{"GET  / HTTP/1.1\r\n" H "\r\n", 400},
	{"GET /  HTTP/1.1\r\n" H "\r\n", 400},
	{"GET / HTTP/1.1 \r\n" H "\r\n", 400},
	{" GET / HTTP/1.1\r\n" H "\r\n", 400},
	{"GET\t/ HTTP/1.1\r\n" H "\r\n", 400},
	{"GET / HTTP/1.1 X\r\n" H "\r\n", 400},
	{"GET / http/1.1\r\n" H "\r\n", 400},
	{"GET / HTTP/01.1\r\n" H "\r\n", 400},
	{"GET / HTTP/1.2\r\n" H "\r\n", 505},
	{"PRI * HTTP/2.0\r\n\r\n", 505},
	{"G(T / HTTP/1.1\r\n" H "\r\n", 400},
	{"\r\nGET / HTTP/1.1\r\n" H "\r\n", 400},
	/* targets and hosts */
	{"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", 501},
	{"TRACE / HTTP/1.1\r\n" H "\r\n", 501},
	{"GET * HTTP/1.1\r\n" H "\r\n", 400},
	{"GET a/b HTTP/1.1\r\n" H "\r\n", 400},
	{"GET @a/ HTTP/1.1\r\n" H "\r\n", 400},
	{"GET ftp://a/ HTTP/1.1\r\n" H "\r\n", 400},
	{"GET http://a HTTP/1.1\r\n" H "\r\n", 400},
	{"GET http://b/ HTTP/1.1\r\n" H "\r\n", 400},
	{"GET http://u@a/ HTTP/1.1\r\nHost: u@a\r\n\r\n", 400},
	{"GET http:///x HTTP/1.1\r\n" H "\r\n", 400},
	{"GET /#x HTTP/1.1\r\n" H "\r\n", 400},
	{"GET /\xc3\xa4 HTTP/1.1\r\n" H "\r\n", 400},
	{"GET /a\\b HTTP/1.1\r\n" H "\r\n", 400},
	{"GET /%zz HTTP/1.1\r\n" H "\r\n", 400},
	{"GET /%2 HTTP/1.1\r\n" H "\r\n", 400},
	{"GET / HTTP/1.1\r\n\r\n", 400},
	{"GET / HTTP/1.1\r\nHost:\r\n\r\n", 400},
	{"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400},
	{"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400},
	{"GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", 400},
	{"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400},
	{"GET / HTTP/1.1\r\nHost: a:b\r\n\r\n", 400},
	{"GET / HTTP/1.1\r\nHost: a:99999\r\n\r\n", 400},
	{"GET / HTTP/1.1\r\nHost: a:\r\n\r\n", 400},
	{"GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", 400},
	{"GET / HTTP/1.1\r\nHost: [::1]x\r\n\r\n", 400},
	{"GET / HTTP/1.1\r\nHost: \"a\"\r\n\r\n", 400},
	/* the rest */
	{"GET / HTTP/1.1\r\n" H "Expect: more\r\n\r\n", 417},
	{"GET / HTTP/1.1\r\n" H "Connection: a b\r\n\r\n", 400},
	{"GET / HTTP/1.1\r\n" H "Authorization: x\r\nAuthorization: y\r\n\r\n", 400},
	{"GET / HTTP/1.1\r\n" H "X_Forwarded_For: 192.0.2.1\r\n\r\n", 400},
	{"GET / HTTP/1.1\r\n" H "Connection: a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q\r\n\r\n", 431},
};

static void what_two_could_read_differently_is_refused(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(REFUSED); i++) {
		struct http_request r;
		struct http_refusal refusal;
		if (read_request(REFUSED[i].text, &r, &refusal))
			fail_msg("taken: \"%s\"", REFUSED[i].text);
		if (refusal.status != REFUSED[i].status)
			fail_msg("%u %s: \"%s\"", refusal.status, refusal.text, REFUSED[i].text);
	}
}

static void a_nul_is_refused_wherever_it_is(void **state)
{
	static const char GOOD[] = "GET /x HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n";
	for (size_t at = 0; at < sizeof(GOOD) - 1; at++) {
		char text[sizeof(GOOD)];
		struct http_scan scan = {0};
		size_t len;
		struct http_request r;
		struct http_refusal refusal;
		memcpy(text, GOOD, sizeof(GOOD));
		text[at] = '\0';
		struct slice input = slice(text, sizeof(GOOD) - 1);
		if (http_scan(&scan, input, &len) == HTTP_WHOLE)
			assert_false(http_request_read(slice(text, len), &r, &refusal));
	}
}

static void so_many_fields_and_no_more_are_taken(void **state)
{
	for (int more = 0; more < 2; more++) {
		AUTO(buf_free) struct buf text = BUF(HTTP_HEAD_MAX);
		struct http_request r;
		struct http_refusal refusal;
		buf_add_str(&text, "GET / HTTP/1.1\r\n" H);
		for (int i = 1; i < HTTP_FIELDS_MAX + more; i++)
			buf_printf(&text, "X-%d: y\r\n", i);
		buf_add_str(&text, "\r\n");
		bool taken = read_request(buf_cstr(&text), &r, &refusal);
		assert_int_equal(taken, !more);
		if (more)
			assert_int_equal(refusal.status, 431);
	}
	AUTO(buf_free) struct buf text = BUF(HTTP_HEAD_MAX);
	struct http_request r;
	struct http_refusal refusal;
	buf_printf(&text, "GET /%0*d HTTP/1.1\r\n" H "\r\n", HTTP_TARGET_MAX, 0);
	assert_false(read_request(buf_cstr(&text), &r, &refusal));
	assert_int_equal(refusal.status, 414);
}

static void the_end_of_a_head_is_found_however_it_comes(void **state)
{
	static const char TEXT[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\nbehind\r\n\r\n";
	size_t whole = strlen("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
	for (size_t step = 1; step < sizeof(TEXT); step++) {
		struct http_scan scan = {0};
		size_t len = 0, have = 0;
		enum http_outcome got = HTTP_MORE;
		while (got == HTTP_MORE && have < sizeof(TEXT) - 1) {
			have = MIN(have + step, sizeof(TEXT) - 1);
			got = http_scan(&scan, slice(TEXT, have), &len);
			assert_true(got == (have >= whole ? HTTP_WHOLE : HTTP_MORE));
		}
		assert_int_equal(len, whole);
	}
	struct http_scan scan = {0};
	size_t len;
	/* Said at once, not when the head is over. */
	assert_int_equal(http_scan(&scan, SLICE("GET / HTTP/1.1\n"), &len), HTTP_BAD);
	assert_int_equal(http_skip_empty(SLICE("\r\nGET")), 2);
	assert_int_equal(http_skip_empty(SLICE("\nGET")), 0);
}

static bool read_answer(const char *text, const char *method, struct http_answer *a)
{
	struct http_scan scan = {0};
	struct http_refusal refusal;
	size_t len;
	return http_scan(&scan, slice_str(text), &len) == HTTP_WHOLE &&
	       http_answer_read(slice(text, len), slice_str(method), a, &refusal);
}

static void where_the_body_of_an_answer_ends_is_known(void **state)
{
	static const struct {
		const char *text, *method;
		enum http_framing framing;
		bool keeps;
	} CASES[] = {
		{"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "GET", HTTP_LENGTH, true},
		{"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "HEAD", HTTP_NO_BODY, true},
		{"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "GET", HTTP_NO_BODY, true},
		{"HTTP/1.1 304 x\r\nContent-Length: 5\r\n\r\n", "GET", HTTP_NO_BODY, true},
		{"HTTP/1.1 204 x\r\n\r\n", "GET", HTTP_NO_BODY, true},
		{"HTTP/1.1 100\r\n\r\n", "PUT", HTTP_NO_BODY, true},
		{"HTTP/1.1 207 Multi-Status\r\nTransfer-Encoding: chunked\r\n\r\n", "PROPFIND",
			HTTP_CHUNKED, true},
		{"HTTP/1.1 200 \r\n\r\n", "GET", HTTP_UNTIL_CLOSE, false},
		{"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n", "GET", HTTP_LENGTH, false},
		{"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\n", "GET",
			HTTP_LENGTH, true},
		{"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\n", "GET",
			HTTP_LENGTH, false},
	};
	for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
		struct http_answer a;
		if (!read_answer(CASES[i].text, CASES[i].method, &a))
			fail_msg("refused: \"%s\"", CASES[i].text);
		assert_int_equal(a.head.framing, CASES[i].framing);
		assert_int_equal(a.head.keeps, CASES[i].keeps);
	}
}

static void an_answer_that_is_none_is_refused(void **state)
{
	static const char *const BAD[] = {"HTTP/1.1 20 OK\r\n\r\n", "HTTP/1.1 2000 OK\r\n\r\n",
		"HTTP/1.1 099 OK\r\n\r\n", "HTTP/1.1 600 OK\r\n\r\n", "HTTP/2.0 200 OK\r\n\r\n",
		"200 OK\r\n\r\n", "HTTP/1.1  200 OK\r\n\r\n", "HTTP/1.1 200 O\x01K\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
		"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
		"HTTP/1.1 200 OK\r\nX: y\r\n z\r\n\r\n", "HTTP/1.1 200 OK\n\n"};
	for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
		struct http_answer a;
		if (read_answer(BAD[i], "GET", &a))
			fail_msg("taken: \"%s\"", BAD[i]);
	}
}

static void methods_that_may_be_repeated_are_known(void **state)
{
	assert_true(http_is_idempotent(SLICE("PROPFIND")));
	assert_false(http_is_idempotent(SLICE("POST")));
	assert_false(http_is_idempotent(SLICE("MOVE")));
	assert_false(http_is_idempotent(SLICE("get")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_is_read),
		cmocka_unit_test(what_the_head_says_of_the_connection_is_known),
		cmocka_unit_test(a_target_with_a_host_is_taken_apart),
		cmocka_unit_test(what_two_could_read_differently_is_refused),
		cmocka_unit_test(a_nul_is_refused_wherever_it_is),
		cmocka_unit_test(so_many_fields_and_no_more_are_taken),
		cmocka_unit_test(the_end_of_a_head_is_found_however_it_comes),
		cmocka_unit_test(where_the_body_of_an_answer_ends_is_known),
		cmocka_unit_test(an_answer_that_is_none_is_refused),
		cmocka_unit_test(methods_that_may_be_repeated_are_known),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
