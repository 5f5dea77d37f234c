/* Lists in the DNS as the mx role asks them: all questions about a client or a message at the same
 * time, within one bound. A list that is silent, several times on end, is left alone for a while:
 * else each message would wait for it. */
#ifndef ROLES_MX_LISTS_H
#define ROLES_MX_LISTS_H

#include "base/ip_range.h"
#include "base/wait.h"
#include "dns/bounded.h"
#include "roles/mx/clients.h"

#include <stdatomic.h>

enum { MX_LISTS_MAX = 32 };

struct mx_list {
	const struct conf_dns_list *conf;
	struct ip_range *ranges;
	atomic_uint failures;
	atomic_int_fast64_t asleep_until; /* monotonic */
	atomic_uint_fast64_t asked, hits, failed;
};
struct mx_lists {
	struct mx_list list[MX_LISTS_MAX];
	size_t count;
};
/* By the settings, which are borrowed. ERR_PERMANENT: they can't be. */
int mx_lists_init(struct mx_lists *lists, const struct conf_mx *conf, struct err *err) WARN_UNUSED;
void mx_lists_deinit(struct mx_lists *lists);
void mx_lists_metrics(struct mx_lists *lists, struct role *role, struct buf *to);

/* All that is asked at one time. */
struct mx_round {
	struct net_loop *loop;
	const struct net_address *client; /* for who wants its name */
	struct dns_bounded dns;
	struct mx_question {
		struct mx_round *round;
		struct mx_list *list; /* NULL: the client's name */
		struct slice name;
		int outcome;
		uint32_t code;
		struct err err;
	} * questions;
	size_t count, max;
	atomic_size_t left;
	struct wait all;
};
/* In `arena`. Nothing is waited for after `within_ms` from now. */
struct mx_round *mx_round_new(struct arena *arena, struct net_loop *loop, struct dns *dns,
	uint64_t within_ms, size_t max) WARN_UNUSED;
/* Questions of one list stand together. What is one too many, or of a list that is left alone, is
 * not asked. */
void mx_round_add(struct mx_round *round, struct mx_list *list, struct slice name);
void mx_round_ask(struct mx_round *round); /* waits */
/* A list counts once, whatever is on it. */
void mx_round_count(struct mx_round *round, struct mx_client_score *score, struct buf *reasons,
	const struct log_scope *log);

/* "why 5", behind what stands there. A score of 0 is nothing. */
void mx_score_add(
	struct mx_client_score *score, struct buf *reasons, const char *why, uint64_t value);

#endif
