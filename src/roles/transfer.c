/* Options that libcurl refuses are a bug of ours. */
#include "roles/transfer.h"

#include "base/must.h"
#include "base/wait.h"

enum { RESOLVE_MAX = 2048 };

static int progress(
	void *context, curl_off_t total, curl_off_t now, curl_off_t up_total, curl_off_t up)
{
	return atomic_load((const atomic_bool *)context);
}

CURL *transfer_new(const char *protocol, const char *url, unsigned timeout_ms,
	const atomic_bool *stop, struct err *err)
{
	CURL *curl = curl_easy_init();
	if (!curl) {
		(void)err_temporary(err, ERR_UNAVAILABLE, "libcurl can't begin");
		return NULL;
	}
	must(curl_easy_setopt(curl, CURLOPT_URL, url) == CURLE_OK);
	must(curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, protocol) == CURLE_OK);
	must(curl_easy_setopt(curl, CURLOPT_PROXY, "") == CURLE_OK);
	must(curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) == CURLE_OK);
	must(curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)timeout_ms) == CURLE_OK);
	must(curl_easy_setopt(curl, CURLOPT_USERAGENT, "Rookery") == CURLE_OK);
	if (stop) {
		must(curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L) == CURLE_OK);
		must(curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, progress) == CURLE_OK);
		must(curl_easy_setopt(curl, CURLOPT_XFERINFODATA, stop) == CURLE_OK);
	}
	return curl;
}

void transfer_post(CURL *curl, struct slice body)
{
	must(curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.len) == CURLE_OK);
	must(curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body.ptr ? body.ptr : "") == CURLE_OK);
}

/* "host:port:192.0.2.1,2001:db8::1" */
struct curl_slist *transfer_find_at(CURL *curl, const char *host, uint16_t port,
	const struct net_address *addresses, size_t count)
{
	char text[RESOLVE_MAX], address[NET_ADDRESS_TEXT];
	int len = snprintf(text, sizeof(text), "%s:%u:", host, (unsigned)port);
	for (size_t i = 0; i < count && len < RESOLVE_MAX - NET_ADDRESS_TEXT; i++) {
		net_address_host(&addresses[i], address);
		len += snprintf(
			text + len, (size_t)(RESOLVE_MAX - len), "%s%s", i ? "," : "", address);
	}
	struct curl_slist *list = curl_slist_append(NULL, text);
	must(curl_easy_setopt(curl, CURLOPT_RESOLVE, list) == CURLE_OK);
	return list;
}

/* "Expect:" would have large bodies wait for an answer that some never give. */
struct curl_slist *transfer_header(CURL *curl, const char *type, const char *field)
{
	char text[160];
	struct curl_slist *list = curl_slist_append(NULL, "Expect:");
	(void)snprintf(text, sizeof(text), "Content-Type: %s", type ? type : "");
	if (type)
		list = curl_slist_append(list, text);
	if (field)
		list = curl_slist_append(list, field);
	must(curl_easy_setopt(curl, CURLOPT_HTTPHEADER, list) == CURLE_OK);
	return list;
}

CURLcode transfer_run(CURL *curl, long *ret_status)
{
	*ret_status = 0;
	wait_block_begin();
	CURLcode code = curl_easy_perform(curl);
	wait_block_end();
	(void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, ret_status);
	return code;
}
