/* What requests and answers have in common: their fields, and what these say of framing and
 * connection. Then the two first lines. */
#include "http/head.h"

#include "http/target.h"

static bool refuse(struct http_refusal *refusal, unsigned status, const char *text)
{
	*refusal = (struct http_refusal){.status = status, .text = text};
	return false;
}

static struct slice cut_line(struct slice *rest)
{
	struct slice line = slice_cut(rest, '\n'); /* http_scan() saw that CR is in front of it */
	line.len -= line.len > 0;
	return line;
}

static bool read_fields(struct slice rest, struct http_head *head, struct http_refusal *refusal)
{
	for (;;) {
		struct slice line = cut_line(&rest);
		if (line.len == 0)
			return true;
		if (head->field_count == HTTP_FIELDS_MAX)
			return refuse(refusal, 431, "too many fields");
		if (!http_field_read(line, &head->fields[head->field_count]))
			return refuse(refusal, 400, "a malformed field");
		head->field_count++;
	}
}

/* The field's value when it is there once, an empty slice (ptr NULL) when it is not there. False:
 * several times. */
static bool only(const struct http_head *head, enum http_name name, struct slice *ret_value)
{
	*ret_value = SLICE_NONE;
	for (size_t i = 0; i < head->field_count; i++) {
		if (head->fields[i].known != name)
			continue;
		if (ret_value->ptr)
			return false;
		*ret_value = head->fields[i].value;
	}
	return true;
}

static bool read_options(
	struct http_head *head, struct slice *upgrade_asked, struct http_refusal *refusal)
{
	bool close = false, keep_alive = false;
	for (size_t i = 0; i < head->field_count; i++) {
		struct slice rest = head->fields[i].value, option;
		if (head->fields[i].known != HTTP_CONNECTION)
			continue;
		while (http_list_cut(&rest, &option)) {
			if (!http_is_token(option))
				return refuse(refusal, 400, "a malformed Connection");
			if (slice_eq_nocase(option, SLICE("close")))
				close = true;
			else if (slice_eq_nocase(option, SLICE("keep-alive")))
				keep_alive = true;
			else if (slice_eq_nocase(option, SLICE("upgrade")))
				*upgrade_asked = option;
			else if (head->option_count == HTTP_OPTIONS_MAX)
				return refuse(refusal, 431, "too many options in Connection");
			else
				head->options[head->option_count++] = option;
		}
	}
	head->keeps = !close && (keep_alive || !head->minor_0);
	return true;
}

/* RFC 9110 section 7.8: taken only where Connection names it; HTTP/1.0 has none. */
static bool read_connection(struct http_head *head, struct http_refusal *refusal)
{
	struct slice asked = SLICE_NONE, upgrade;
	if (!read_options(head, &asked, refusal))
		return false;
	if (!only(head, HTTP_UPGRADE, &upgrade))
		return refuse(refusal, 400, "Upgrade more than once");
	if (asked.ptr && !head->minor_0)
		head->upgrade = upgrade;
	return true;
}

/* RFC 9112 section 6.3. Both of them, or one twice: two readers would choose differently. */
static bool read_framing(struct http_head *head, struct http_refusal *refusal)
{
	struct slice length, coding;
	if (!only(head, HTTP_CONTENT_LENGTH, &length))
		return refuse(refusal, 400, "Content-Length more than once");
	if (!only(head, HTTP_TRANSFER_ENCODING, &coding))
		return refuse(refusal, 400, "Transfer-Encoding more than once");
	if (length.ptr && coding.ptr)
		return refuse(refusal, 400, "both Content-Length and Transfer-Encoding");
	if (coding.ptr) {
		if (head->minor_0)
			return refuse(refusal, 400, "Transfer-Encoding in HTTP/1.0");
		if (slice_find(coding, ',') >= 0)
			return refuse(refusal, 501, "a transfer coding beside chunked");
		if (!slice_eq_nocase(coding, SLICE("chunked")))
			return refuse(refusal, 400, "a transfer coding that is not chunked");
		head->framing = HTTP_CHUNKED;
		return true;
	}
	if (!length.ptr)
		return true;
	if (!slice_to_u64(length, INT64_MAX, &head->length) || length.len > 19)
		return refuse(refusal, 400, "a malformed Content-Length");
	head->has_length = true;
	head->framing = head->length > 0 ? HTTP_LENGTH : HTTP_NO_BODY;
	return true;
}

/* "HTTP/1.1" */
static bool read_version(struct slice text, struct http_head *head, struct http_refusal *refusal)
{
	head->minor_0 = slice_eq(text, SLICE("HTTP/1.0"));
	if (head->minor_0 || slice_eq(text, SLICE("HTTP/1.1")))
		return true;
	bool form = text.len == 8 && slice_starts(text, SLICE("HTTP/")) && text.ptr[6] == '.' &&
		    text.ptr[5] >= '0' && text.ptr[5] <= '9' && text.ptr[7] >= '0' &&
		    text.ptr[7] <= '9';
	return form ? refuse(refusal, 505, "a version that is not spoken here")
		    : refuse(refusal, 400, "a malformed version");
}

/* RFC 9112 section 3: exactly one space between. */
static bool read_request_line(
	struct slice line, struct http_request *r, struct http_refusal *refusal)
{
	struct slice rest = line;
	r->method = slice_cut(&rest, ' ');
	r->target = slice_cut(&rest, ' ');
	if (!http_is_token(r->method))
		return refuse(refusal, 400, "a malformed method");
	if (r->target.len > HTTP_TARGET_MAX)
		return refuse(refusal, 414, "a target that is too long");
	return read_version(rest, &r->head, refusal);
}

/* RFC 9112 section 3.2 */
static bool read_target(struct http_request *r, struct http_refusal *refusal)
{
	struct slice authority = SLICE_NONE, host;
	if (slice_eq(r->method, SLICE("CONNECT")))
		return refuse(refusal, 501, "CONNECT is not done here");
	if (slice_eq(r->method, SLICE("TRACE")))
		return refuse(refusal, 501, "TRACE is not done here");
	bool good = slice_eq(r->target, SLICE("*")) ? slice_eq(r->method, SLICE("OPTIONS"))
						    : http_target_read(&r->target, &authority);
	if (!good)
		return refuse(refusal, 400, "a malformed target");
	if (!only(&r->head, HTTP_HOST, &host))
		return refuse(refusal, 400, "Host more than once");
	if (!host.ptr && !r->head.minor_0)
		return refuse(refusal, 400, "no Host");
	if (host.ptr && !http_authority_is_good(host))
		return refuse(refusal, 400, "a malformed Host");
	/* Section 3.2.2 has the target win; who sends two different ones means no good. */
	if (authority.ptr && host.ptr && !slice_eq_nocase(authority, host))
		return refuse(refusal, 400, "a target of another host than Host");
	r->host = authority.ptr ? authority : host;
	return true;
}

static bool read_expect(struct http_request *r, struct http_refusal *refusal)
{
	struct slice expect;
	if (!only(&r->head, HTTP_EXPECT, &expect))
		return refuse(refusal, 400, "Expect more than once");
	if (!expect.ptr || r->head.minor_0) /* RFC 9110 section 10.1.1 */
		return true;
	if (!slice_eq_nocase(expect, SLICE("100-continue")))
		return refuse(refusal, 417, "an expectation that is not known");
	r->expects_continue = r->head.framing != HTTP_NO_BODY;
	return true;
}

bool http_request_read(
	struct slice bytes, struct http_request *ret_request, struct http_refusal *ret_refusal)
{
	struct http_request *r = ret_request;
	struct http_head *head = &r->head;
	*r = (struct http_request){0};
	struct slice line = cut_line(&bytes);
	if (!read_request_line(line, r, ret_refusal) || !read_fields(bytes, head, ret_refusal) ||
		!read_connection(head, ret_refusal) || !read_framing(head, ret_refusal) ||
		!read_target(r, ret_refusal) || !read_expect(r, ret_refusal))
		return false;
	if (!only(head, HTTP_AUTHORIZATION, &r->authorization))
		return refuse(ret_refusal, 400, "Authorization more than once");
	return true;
}

size_t http_skip_empty(struct slice input)
{
	return slice_starts(input, SLICE("\r\n")) ? 2 : 0;
}

/* "HTTP/1.1 200 OK"; some leave out the last space when there is no reason. */
static bool read_status_line(struct slice line, struct http_answer *a, struct http_refusal *refusal)
{
	struct slice rest = line;
	struct slice version = slice_cut(&rest, ' ');
	struct slice status = slice_cut(&rest, ' ');
	uint64_t number;
	if (!read_version(version, &a->head, refusal))
		return false;
	if (status.len != 3 || !slice_to_u64(status, 599, &number) || number < 100)
		return refuse(refusal, 502, "a malformed status");
	for (size_t i = 0; i < rest.len; i++) {
		unsigned char c = (unsigned char)rest.ptr[i];
		if ((c < ' ' && c != '\t') || c == 127)
			return refuse(refusal, 502, "a malformed reason");
	}
	a->status = (unsigned)number;
	a->reason = rest;
	return true;
}

bool http_answer_read(struct slice bytes, struct slice method, struct http_answer *ret_answer,
	struct http_refusal *ret_refusal)
{
	struct http_answer *a = ret_answer;
	struct http_head *head = &a->head;
	*a = (struct http_answer){0};
	struct slice line = cut_line(&bytes);
	if (!read_status_line(line, a, ret_refusal) || !read_fields(bytes, head, ret_refusal) ||
		!read_connection(head, ret_refusal) || !read_framing(head, ret_refusal))
		return false;
	bool none = a->status < 200 || a->status == 204 || a->status == 304 ||
		    slice_eq(method, SLICE("HEAD"));
	if (none)
		head->framing = HTTP_NO_BODY;
	else if (head->framing == HTTP_NO_BODY && !head->has_length)
		head->framing = HTTP_UNTIL_CLOSE;
	if (head->framing == HTTP_UNTIL_CLOSE)
		head->keeps = false;
	return true;
}

bool http_is_idempotent(struct slice method)
{
	static const char *const METHODS[] = {"GET", "HEAD", "OPTIONS", "PUT", "DELETE", "PROPFIND",
		"PROPPATCH", "REPORT", "SEARCH", "UNLOCK", "MKCOL"};
	for (size_t i = 0; i < ARRAY_LEN(METHODS); i++)
		if (slice_eq(method, slice_str(METHODS[i])))
			return true;
	return false;
}

const char *http_reason(unsigned status)
{
	static const struct {
		unsigned status;
		const char *reason;
	} REASONS[] = {
		{400, "Bad Request"},
		{401, "Unauthorized"},
		{403, "Forbidden"},
		{408, "Request Timeout"},
		{414, "URI Too Long"},
		{417, "Expectation Failed"},
		{429, "Too Many Requests"},
		{431, "Request Header Fields Too Large"},
		{500, "Internal Server Error"},
		{501, "Not Implemented"},
		{502, "Bad Gateway"},
		{503, "Service Unavailable"},
		{504, "Gateway Timeout"},
		{505, "HTTP Version Not Supported"},
		{508, "Loop Detected"},
	};
	for (size_t i = 0; i < ARRAY_LEN(REASONS); i++)
		if (REASONS[i].status == status)
			return REASONS[i].reason;
	return "Error";
}
