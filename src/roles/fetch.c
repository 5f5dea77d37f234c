/* libcurl is told the addresses: it asks no DNS. */
#include "roles/fetch.h"

#include "base/must.h"
#include "base/wait.h"

#include <curl/curl.h>

enum { RESOLVE_MAX = 2048 };

struct receiving {
	struct buf *to;
	size_t left;
};

static size_t receive(char *bytes, size_t size, size_t count, void *context)
{
	struct receiving *r = context;
	size_t len = size * count;
	if (len > r->left)
		return 0; /* libcurl ends with an error */
	r->left -= len;
	buf_add(r->to, bytes, len);
	return len;
}

/* "host:port:192.0.2.1,2001:db8::1" */
static struct curl_slist *addresses_of(const struct fetch_options *o)
{
	char text[RESOLVE_MAX], address[NET_ADDRESS_TEXT];
	int len = snprintf(text, sizeof(text), "%s:%u:", o->host, (unsigned)o->port);
	for (size_t i = 0; i < o->address_count && len < RESOLVE_MAX - NET_ADDRESS_TEXT; i++) {
		net_address_host(&o->addresses[i], address);
		len += snprintf(
			text + len, (size_t)(RESOLVE_MAX - len), "%s%s", i ? "," : "", address);
	}
	return curl_slist_append(NULL, text);
}

static void set_up_any(CURL *curl, const char *protocol, const char *url, unsigned timeout_ms)
{
	must(curl_easy_setopt(curl, CURLOPT_URL, url) == CURLE_OK);
	must(curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, protocol) == CURLE_OK);
	must(curl_easy_setopt(curl, CURLOPT_PROXY, "") == CURLE_OK);
	must(curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) == CURLE_OK);
	must(curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)timeout_ms) == CURLE_OK);
	must(curl_easy_setopt(curl, CURLOPT_USERAGENT, "Rookery") == CURLE_OK);
}

static void set_up(CURL *curl, const struct fetch_options *o, struct receiving *receiving)
{
	char url[1024];
	(void)snprintf(url, sizeof(url), "https://%s:%u%s", o->host, (unsigned)o->port, o->path);
	set_up_any(curl, "https", url, o->timeout_ms);
	must(curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, receive) == CURLE_OK);
	must(curl_easy_setopt(curl, CURLOPT_WRITEDATA, receiving) == CURLE_OK);
	if (o->authorities[0]) {
		must(curl_easy_setopt(curl, CURLOPT_CAPATH, NULL) == CURLE_OK);
		must(curl_easy_setopt(curl, CURLOPT_CAINFO, o->authorities) == CURLE_OK);
	}
}

static bool is_type(const char *type, const char *wanted)
{
	size_t len = strlen(wanted);
	return type && slice_starts_nocase(slice_str(type), slice_str(wanted)) &&
	       (type[len] == '\0' || type[len] == ';' || type[len] == ' ');
}

static int failed(CURLcode code, const struct fetch_options *o, struct err *err)
{
	bool untrusted = code == CURLE_PEER_FAILED_VERIFICATION;
	return err_temporary(err, untrusted ? ERR_DENIED : ERR_UNAVAILABLE, "https://%s: %s",
		o->host,
		code == CURLE_WRITE_ERROR ? "the text is too long" : curl_easy_strerror(code));
}

static int judge(CURL *curl, CURLcode code, const struct fetch_options *o, struct err *err)
{
	long status = 0;
	const char *type = NULL;
	(void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	(void)curl_easy_getinfo(curl, CURLINFO_CONTENT_TYPE, &type);
	if (code != CURLE_OK)
		return failed(code, o, err);
	if (status != 200)
		return err_temporary(
			err, ERR_UNAVAILABLE, "https://%s answers with %ld", o->host, status);
	if (!is_type(type, o->type))
		return err_temporary(err, ERR_UNAVAILABLE, "https://%s sends %.80s, not %s",
			o->host, type ? type : "something without a type", o->type);
	return 0;
}

void fetch_begin(void)
{
	must(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK);
}

int fetch_text(const struct fetch_options *o, struct buf *to, struct err *err)
{
	struct receiving receiving = {to, o->max};
	CURL *curl = curl_easy_init();
	if (!curl)
		return err_temporary(err, ERR_UNAVAILABLE, "libcurl can't begin");
	struct curl_slist *addresses = addresses_of(o);
	set_up(curl, o, &receiving);
	must(curl_easy_setopt(curl, CURLOPT_RESOLVE, addresses) == CURLE_OK);
	wait_block_begin();
	CURLcode code = curl_easy_perform(curl);
	wait_block_end();
	int r = judge(curl, code, o, err);
	curl_easy_cleanup(curl);
	curl_slist_free_all(addresses);
	return r;
}

static size_t pass_over(char *bytes, size_t size, size_t count, void *context)
{
	return size * count;
}

int fetch_upload(const struct fetch_options *o, struct slice body, struct err *err)
{
	char type[128];
	long status = 0;
	struct receiving nothing = {0};
	CURL *curl = curl_easy_init();
	if (!curl)
		return err_temporary(err, ERR_UNAVAILABLE, "libcurl can't begin");
	(void)snprintf(type, sizeof(type), "Content-Type: %s", o->type);
	struct curl_slist *addresses = addresses_of(o);
	struct curl_slist *header = curl_slist_append(curl_slist_append(NULL, "Expect:"), type);
	set_up(curl, o, &nothing);
	must(curl_easy_setopt(curl, CURLOPT_RESOLVE, addresses) == CURLE_OK);
	must(curl_easy_setopt(curl, CURLOPT_HTTPHEADER, header) == CURLE_OK);
	must(curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, pass_over) == CURLE_OK);
	must(curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.len) == CURLE_OK);
	must(curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body.ptr) == CURLE_OK);
	wait_block_begin();
	CURLcode code = curl_easy_perform(curl);
	wait_block_end();
	(void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	int r = code != CURLE_OK    ? failed(code, o, err)
		: status / 100 != 2 ? err_temporary(err, ERR_UNAVAILABLE,
					      "https://%s answers with %ld", o->host, status)
				    : 0;
	curl_easy_cleanup(curl);
	curl_slist_free_all(header);
	curl_slist_free_all(addresses);
	return r;
}

static size_t receive_what_fits(char *bytes, size_t size, size_t count, void *context)
{
	struct receiving *r = context;
	size_t len = MIN(size * count, r->left);
	r->left -= len;
	buf_add(r->to, bytes, len);
	return size * count;
}

static int progress(
	void *context, curl_off_t total, curl_off_t now, curl_off_t up_total, curl_off_t up)
{
	return atomic_load((const atomic_bool *)context);
}

static void set_up_post(CURL *curl, const struct fetch_post *p, struct receiving *receiving)
{
	static const struct slice UNIX = {.ptr = "unix:", .len = 5};
	char url[512];
	bool is_unix = slice_starts(slice_str(p->address), UNIX);
	(void)snprintf(
		url, sizeof(url), "http://%s%s", is_unix ? "localhost" : p->address, p->path);
	set_up_any(curl, "http", url, p->timeout_ms);
	if (is_unix)
		must(curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, p->address + UNIX.len) ==
			CURLE_OK);
	must(curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)p->body.len) ==
		CURLE_OK);
	must(curl_easy_setopt(curl, CURLOPT_POSTFIELDS, p->body.ptr) == CURLE_OK);
	must(curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, receive_what_fits) == CURLE_OK);
	must(curl_easy_setopt(curl, CURLOPT_WRITEDATA, receiving) == CURLE_OK);
	if (p->stop) {
		must(curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L) == CURLE_OK);
		must(curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, progress) == CURLE_OK);
		must(curl_easy_setopt(curl, CURLOPT_XFERINFODATA, p->stop) == CURLE_OK);
	}
}

/* "Expect:" would have large bodies wait for an answer that some never give. */
static struct curl_slist *header_of(const struct fetch_post *p)
{
	struct curl_slist *fields = curl_slist_append(NULL, "Expect:");
	fields = curl_slist_append(fields, "Content-Type: message/rfc822");
	return p->field ? curl_slist_append(fields, p->field) : fields;
}

int fetch_post(const struct fetch_post *p, struct buf *to, unsigned *ret_status, struct err *err)
{
	struct receiving receiving = {to, to->max - to->len};
	long status = 0;
	CURL *curl = curl_easy_init();
	if (!curl)
		return err_temporary(err, ERR_UNAVAILABLE, "libcurl can't begin");
	struct curl_slist *header = header_of(p);
	set_up_post(curl, p, &receiving);
	must(curl_easy_setopt(curl, CURLOPT_HTTPHEADER, header) == CURLE_OK);
	wait_block_begin();
	CURLcode code = curl_easy_perform(curl);
	wait_block_end();
	(void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_cleanup(curl);
	curl_slist_free_all(header);
	*ret_status = (unsigned)status;
	if (code != CURLE_OK)
		return err_temporary(
			err, ERR_UNAVAILABLE, "%s: %s", p->address, curl_easy_strerror(code));
	return 0;
}
