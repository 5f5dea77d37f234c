/* A URL is taken apart by libcurl as well: so there is one opinion of where the host ends. */
#include "roles/https.h"

#include "base/must.h"
#include "dns/exchangers.h"
#include "roles/transfer.h"

#include <arpa/inet.h>

enum { HTTPS_PORT = 443 };

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

static bool is_ip(const char *host)
{
	unsigned char bytes[16];
	return host[0] == '[' || inet_pton(AF_INET, host, bytes) == 1;
}

/* False, and *err says why: it can't be found. */
static bool find_host(const struct https_request *request, const char *host, uint16_t port,
	struct arena *arena, const struct dns_exchanger **ret_host, struct err *err)
{
	const struct dns_route_options options = {.port = port};
	struct dns_route *route = ARENA_NEW(arena, struct dns_route);
	if (!request->dns) {
		(void)err_temporary(
			err, ERR_UNAVAILABLE, "there is no resolver to look %.100s up", host);
		return false;
	}
	if (dns_find_host(request->dns, slice_str(host), &options, arena, route, err) < 0)
		return false;
	*ret_host = &route->hosts[0];
	return true;
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
	must(curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body) == CURLE_OK);
	must(curl_easy_setopt(curl, CURLOPT_WRITEDATA, asking) == CURLE_OK);
	must(curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_field) == CURLE_OK);
	must(curl_easy_setopt(curl, CURLOPT_HEADERDATA, asking) == CURLE_OK);
	if (request->method == HTTPS_HEAD)
		must(curl_easy_setopt(curl, CURLOPT_NOBODY, 1L) == CURLE_OK);
	if (request->method == HTTPS_POST)
		transfer_post(curl, request->body);
	set_trust(curl, request->authorities);
}

/* `found` is NULL of an IP address. */
static int perform(const struct https_request *request, const char *host, uint16_t port,
	const struct dns_exchanger *found, struct asking *asking, long *ret_status, struct err *err)
{
	char why[CURL_ERROR_SIZE] = "";
	struct curl_slist *at = NULL;
	CURL *curl = transfer_new("https", request->url, request->timeout_ms, request->stop, err);
	if (!curl)
		return -1;
	set_up(curl, request, asking);
	must(curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, why) == CURLE_OK);
	struct curl_slist *header = transfer_header(curl, request->type, NULL);
	if (found)
		at = transfer_find_at(curl, host, port, found->addresses, found->count);
	CURLcode code = transfer_run(curl, ret_status);
	curl_easy_cleanup(curl);
	curl_slist_free_all(header);
	curl_slist_free_all(at);
	if (code == CURLE_OK)
		return 0;
	return err_temporary(err, ERR_UNAVAILABLE, "https://%.100s: %s", host,
		asking->too_long ? "the answer is too long"
		: why[0]         ? why
				 : curl_easy_strerror(code));
}

int https_ask(
	const struct https_request *request, struct buf *to, unsigned *ret_status, struct err *err)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct asking asking = {.request = request, .to = to};
	const struct dns_exchanger *found = NULL;
	long status = 0;
	char *host;
	uint16_t port;
	if (split_url(request->url, &host, &port, err) < 0)
		return -1;
	int r = is_ip(host) || find_host(request, host, port, &arena, &found, err) ? 0 : -1;
	if (r == 0)
		r = perform(request, host, port, found, &asking, &status, err);
	*ret_status = (unsigned)status;
	curl_free(host);
	return r;
}
