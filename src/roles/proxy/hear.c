/* A job of the loop: one connection for each protocol, without a login. */
#include "roles/proxy/hear.h"

#include "base/clock.h"
#include "proxy/imap.h"
#include "proxy/pop3.h"
#include "proxy/sieve.h"
#include "proxy/submission.h"

enum {
	LOOK_MS = 500,
	AGAIN_MS = 5 * 60 * 1000, /* a back end may have been upgraded */
	SOON_MS = 5 * 1000,       /* it was not there */
};

static const struct proxy_dialog *const dialogs[] = {
	&proxy_imap_dialog,
	&proxy_pop3_dialog,
	&proxy_submission_dialog,
	&proxy_sieve_dialog,
};

/* "imaps" is "imap" with TLS. */
static bool is_served(const struct conf_listens *listens, enum proxy_protocol protocol)
{
	struct slice name = slice_str(proxy_protocol_name(protocol));
	for (size_t i = 0; i < listens->count; i++)
		if (slice_starts(slice_str(conf_protocol_name(listens->items[i].protocol)), name))
			return true;
	return false;
}

static void hear_all(void *context)
{
	struct proxy_hear *h = context;
	int64_t now = clock_mono_ms();
	bool all = true;
	struct err err; /* logged already, when it is news */
	if (now < h->next_ms)
		return;
	for (size_t i = 0; i < ARRAY_LEN(dialogs) && !atomic_load(&h->role->stopping); i++)
		if (is_served(&h->proxy->settings->proxy.listen, dialogs[i]->protocol))
			all = proxy_login_hear(h->proxy, dialogs[i], &err) == 0 && all;
	h->next_ms = now + (all ? AGAIN_MS : SOON_MS);
}

void proxy_hear_start(struct proxy_hear *hear, struct role *role, struct proxy *proxy)
{
	*hear = (struct proxy_hear){.proxy = proxy, .role = role};
	if (proxy->default_host.count > 0)
		net_loop_every(role->loop, LOOK_MS, hear_all, hear);
}
