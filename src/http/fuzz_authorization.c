/* Credentials: what is taken has no control characters and can be written again. */
#include "base/must.h"
#include "http/authorization.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(http_credentials_free) struct http_credentials c;
	if (!http_credentials_read(slice(data, size), "email", &c))
		return 0;
	for (size_t i = 0; i < c.user.len; i++)
		must((unsigned char)c.user.ptr[i] >= ' ' && c.user.ptr[i] != 127);
	if (c.scheme == HTTP_BASIC) {
		AUTO(buf_free) struct buf again = BUF(2 * size + 100);
		AUTO(http_credentials_free) struct http_credentials d;
		http_basic_add(&again, c.user, c.password);
		must(http_credentials_read(buf_slice(&again), "", &d));
		must(slice_eq(c.user, d.user) && slice_eq(c.password, d.password));
	}
	return 0;
}
