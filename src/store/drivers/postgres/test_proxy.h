/* A Unix socket between the driver and the test's server, which can lose what goes over it. */
#ifndef STORE_DRIVERS_POSTGRES_TEST_PROXY_H
#define STORE_DRIVERS_POSTGRES_TEST_PROXY_H

enum proxy_mode {
	PROXY_PASS,
	PROXY_LOSE_REQUEST, /* the next request is lost and its connection ends; then PASS */
	PROXY_LOSE_COMMIT,  /* the same with the answer to the next COMMIT that is done */
	PROXY_LOSE_AND_GO,  /* the same, and then nothing passes any more (PROXY_GONE) */
	PROXY_GONE,
};

struct proxy;
struct proxy *proxy_new(const char *server_folder);
void proxy_free(struct proxy *proxy);
void proxy_set(struct proxy *proxy, enum proxy_mode mode);
/* For "host=". */
const char *proxy_folder(const struct proxy *proxy);

#endif
