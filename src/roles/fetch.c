/* libcurl is told the addresses: it asks no DNS. */
#include "roles/fetch.h"

#include "base/must.h"
#include "roles/transfer.h"

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

static CURL *begin(const struct fetch_options *o, struct err *err)
{
	char url[1024];
	(void)snprintf(url, sizeof(url), "https://%s:%u%s", o->host, (unsigned)o->port, o->path);
	CURL *curl = transfer_new("https", url, o->timeout_ms, NULL, err);
	if (curl && o->authorities[0]) {
		must(curl_easy_setopt(curl, CURLOPT_CAPATH, NULL) == CURLE_OK);
		must(curl_easy_setopt(curl, CURLOPT_CAINFO, o->authorities) == CURLE_OK);
	}
	return curl;
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

static int judge(
	CURL *curl, CURLcode code, long status, const struct fetch_options *o, struct err *err)
{
	const char *type = NULL;
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
	long status;
	CURL *curl = begin(o, err);
	if (!curl)
		return -1;
	must(curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, receive) == CURLE_OK);
	must(curl_easy_setopt(curl, CURLOPT_WRITEDATA, &receiving) == CURLE_OK);
	struct curl_slist *at =
		transfer_find_at(curl, o->host, o->port, o->addresses, o->address_count);
	CURLcode code = transfer_run(curl, &status);
	int r = judge(curl, code, status, o, err);
	curl_easy_cleanup(curl);
	curl_slist_free_all(at);
	return r;
}

static size_t pass_over(char *bytes, size_t size, size_t count, void *context)
{
	return size * count;
}

int fetch_upload(const struct fetch_options *o, struct slice body, struct err *err)
{
	long status;
	CURL *curl = begin(o, err);
	if (!curl)
		return -1;
	transfer_post(curl, body);
	must(curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, pass_over) == CURLE_OK);
	struct curl_slist *header = transfer_header(curl, o->type, NULL);
	struct curl_slist *at =
		transfer_find_at(curl, o->host, o->port, o->addresses, o->address_count);
	CURLcode code = transfer_run(curl, &status);
	int r = code != CURLE_OK    ? failed(code, o, err)
		: status / 100 != 2 ? err_temporary(err, ERR_UNAVAILABLE,
					      "https://%s answers with %ld", o->host, status)
				    : 0;
	curl_easy_cleanup(curl);
	curl_slist_free_all(header);
	curl_slist_free_all(at);
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

static CURL *begin_post(const struct fetch_post *p, struct err *err)
{
	static const struct slice UNIX = {.ptr = "unix:", .len = 5};
	char url[512];
	bool is_unix = slice_starts(slice_str(p->address), UNIX);
	(void)snprintf(
		url, sizeof(url), "http://%s%s", is_unix ? "localhost" : p->address, p->path);
	CURL *curl = transfer_new("http", url, p->timeout_ms, p->stop, err);
	if (curl && is_unix)
		must(curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, p->address + UNIX.len) ==
			CURLE_OK);
	return curl;
}

int fetch_post(const struct fetch_post *p, struct buf *to, unsigned *ret_status, struct err *err)
{
	struct receiving receiving = {to, to->max - to->len};
	long status;
	CURL *curl = begin_post(p, err);
	if (!curl)
		return -1;
	transfer_post(curl, p->body);
	must(curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, receive_what_fits) == CURLE_OK);
	must(curl_easy_setopt(curl, CURLOPT_WRITEDATA, &receiving) == CURLE_OK);
	struct curl_slist *header = transfer_header(curl, "message/rfc822", p->field);
	CURLcode code = transfer_run(curl, &status);
	curl_easy_cleanup(curl);
	curl_slist_free_all(header);
	*ret_status = (unsigned)status;
	if (code != CURLE_OK)
		return err_temporary(
			err, ERR_UNAVAILABLE, "%s: %s", p->address, curl_easy_strerror(code));
	return 0;
}
