/* A URL is taken apart by libcurl as well: so there is one opinion of where the host ends. */
#include "roles/https.h"

#include "base/must.h"
#include "base/wait.h"
#include "dns/exchangers.h"

#include <arpa/inet.h>
#include <curl/curl.h>

enum { RESOLVE_MAX = 2048, HTTPS_PORT = 443 };

struct asking {
	const struct https_request *request;
	struct buf *to;
	bool too_long;
};

static size_t take_body(char *bytes, size_t size, size_t count, void *context)
{
	struct asking *a = context;
	size_t len = size * count;
	if (len > a->to->max - a->to->len) {
		a->too_long = true;
		return 0; /* libcurl ends with an error */
	}
	buf_add(a->to, bytes, len);
	return len;
}

static size_t take_field(char *bytes, size_t size, size_t count, void *context)
{
	const struct asking *a = context;
	struct slice value = slice_trim(slice(bytes, size * count));
	struct slice name = slice_cut(&value, ':');
	if (a->request->field)
		a->request->field(a->request->context, name, slice_trim(value));
	return size * count;
}

static int progress(
	void *context, curl_off_t total, curl_off_t now, curl_off_t up_total, curl_off_t up)
{
	return atomic_load((const atomic_bool *)context);
}

static bool is_ip(const char *host)
{
	unsigned char bytes[16];
	return host[0] == '[' || inet_pton(AF_INET, host, bytes) == 1;
}

/* "host:port:192.0.2.1,2001:db8::1"; NULL without *err: it needs none. */
static struct curl_slist *addresses_of(
	const struct https_request *request, const char *host, uint16_t port, struct err *err)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	const struct dns_route_options options = {.port = port};
	struct dns_route route;
	char text[RESOLVE_MAX], address[NET_ADDRESS_TEXT];
	if (!request->dns) {
		(void)err_temporary(
			err, ERR_UNAVAILABLE, "there is no resolver to look %.100s up", host);
		return NULL;
	}
	if (dns_find_host(request->dns, slice_str(host), &options, &arena, &route, err) < 0)
		return NULL;
	const struct dns_exchanger *found = &route.hosts[0];
	int len = snprintf(text, sizeof(text), "%s:%u:", host, (unsigned)port);
	for (size_t i = 0; i < found->count && len < RESOLVE_MAX - NET_ADDRESS_TEXT; i++) {
		net_address_host(&found->addresses[i], address);
		len += snprintf(
			text + len, (size_t)(RESOLVE_MAX - len), "%s%s", i ? "," : "", address);
	}
	return curl_slist_append(NULL, text);
}

static int split_url(const char *url, char **ret_host, uint16_t *ret_port, struct err *err)
{
	CURLU *parts = curl_url();
	char *port = NULL;
	uint64_t number = HTTPS_PORT;
	*ret_host = NULL;
	bool good = parts && curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK &&
		    curl_url_get(parts, CURLUPART_HOST, ret_host, 0) == CURLUE_OK;
	if (good && curl_url_get(parts, CURLUPART_PORT, &port, 0) == CURLUE_OK)
		good = slice_to_u64(slice_str(port), UINT16_MAX, &number);
	curl_free(port);
	curl_url_cleanup(parts);
	*ret_port = (uint16_t)number;
	if (good)
		return 0;
	curl_free(*ret_host);
	*ret_host = NULL;
	return err_permanent(err, ERR_BAD_INPUT, "this is no URL: %.150s", url);
}

static void set_method(CURL *curl, const struct https_request *request)
{
	if (request->method == HTTPS_HEAD)
		must(curl_easy_setopt(curl, CURLOPT_NOBODY, 1L) == CURLE_OK);
	if (request->method != HTTPS_POST)
		return;
	must(curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.len) ==
		CURLE_OK);
	must(curl_easy_setopt(curl, CURLOPT_POSTFIELDS,
		     request->body.ptr ? request->body.ptr : "") == CURLE_OK);
}

static void set_trust(CURL *curl, struct slice authorities)
{
	struct curl_blob blob = {
		.data = (void *)authorities.ptr, .len = authorities.len, .flags = CURL_BLOB_NOCOPY};
	if (authorities.len == 0)
		return;
	must(curl_easy_setopt(curl, CURLOPT_CAPATH, NULL) == CURLE_OK);
	must(curl_easy_setopt(curl, CURLOPT_CAINFO_BLOB, &blob) == CURLE_OK);
}

static void set_up(CURL *curl, const struct https_request *request, struct asking *asking)
{
	must(curl_easy_setopt(curl, CURLOPT_URL, request->url) == CURLE_OK);
	must(curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https") == CURLE_OK);
	must(curl_easy_setopt(curl, CURLOPT_PROXY, "") == CURLE_OK);
	must(curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) == CURLE_OK);
	must(curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)request->timeout_ms) == CURLE_OK);
	must(curl_easy_setopt(curl, CURLOPT_USERAGENT, "Rookery") == CURLE_OK);
	must(curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body) == CURLE_OK);
	must(curl_easy_setopt(curl, CURLOPT_WRITEDATA, asking) == CURLE_OK);
	must(curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_field) == CURLE_OK);
	must(curl_easy_setopt(curl, CURLOPT_HEADERDATA, asking) == CURLE_OK);
	set_method(curl, request);
	set_trust(curl, request->authorities);
	if (request->stop) {
		must(curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L) == CURLE_OK);
		must(curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, progress) == CURLE_OK);
		must(curl_easy_setopt(curl, CURLOPT_XFERINFODATA, request->stop) == CURLE_OK);
	}
}

/* "Expect:" would have bodies wait for an answer that some never give. */
static struct curl_slist *header_of(const struct https_request *request)
{
	char type[128];
	struct curl_slist *header = curl_slist_append(NULL, "Expect:");
	if (!request->type)
		return header;
	(void)snprintf(type, sizeof(type), "Content-Type: %s", request->type);
	return curl_slist_append(header, type);
}

static int perform(const struct https_request *request, const char *host,
	struct curl_slist *addresses, struct buf *to, unsigned *ret_status, struct err *err)
{
	struct asking asking = {.request = request, .to = to};
	char why[CURL_ERROR_SIZE] = "";
	long status = 0;
	CURL *curl = curl_easy_init();
	if (!curl)
		return err_temporary(err, ERR_UNAVAILABLE, "libcurl can't begin");
	struct curl_slist *header = header_of(request);
	set_up(curl, request, &asking);
	must(curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, why) == CURLE_OK);
	must(curl_easy_setopt(curl, CURLOPT_HTTPHEADER, header) == CURLE_OK);
	must(curl_easy_setopt(curl, CURLOPT_RESOLVE, addresses) == CURLE_OK);
	wait_block_begin();
	CURLcode code = curl_easy_perform(curl);
	wait_block_end();
	(void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_cleanup(curl);
	curl_slist_free_all(header);
	*ret_status = (unsigned)status;
	if (code == CURLE_OK)
		return 0;
	return err_temporary(err, ERR_UNAVAILABLE, "https://%.100s: %s", host,
		asking.too_long ? "the answer is too long"
		: why[0]        ? why
				: curl_easy_strerror(code));
}

int https_ask(
	const struct https_request *request, struct buf *to, unsigned *ret_status, struct err *err)
{
	struct curl_slist *addresses = NULL;
	char *host;
	uint16_t port;
	if (split_url(request->url, &host, &port, err) < 0)
		return -1;
	int r = 0;
	if (!is_ip(host)) {
		addresses = addresses_of(request, host, port, err);
		r = addresses ? 0 : -1;
	}
	if (r == 0)
		r = perform(request, host, addresses, to, ret_status, err);
	curl_slist_free_all(addresses);
	curl_free(host);
	return r;
}
