/* Sets of UIDs or sequence numbers (RFC 9051 sequence-set), kept as sorted ranges that do not
 * touch. */
#ifndef MAIL_SET_H
#define MAIL_SET_H

#include "base/arena.h"
#include "base/buf.h"

struct mail_range {
	uint32_t first, last; /* both in it; 1 <= first <= last */
};

enum { MAIL_SET_RANGES_MAX = 1u << 20 };

struct mail_set {
	struct mail_range *ranges;
	uint32_t count, room;
};

/* "1:4,7,9:*"; `largest` stands for "*" (0: there is no message, "*" is then 0 and adds nothing).
 * False when malformed or past MAIL_SET_RANGES_MAX. Appends to what the set holds, then sorts. */
WARN_UNUSED bool mail_set_parse(struct mail_set *set, struct slice text, uint32_t largest);
/* Cheap when added in ascending order. */
void mail_set_add(struct mail_set *set, uint32_t first, uint32_t last);
bool mail_set_has(const struct mail_set *set, uint32_t number);
uint64_t mail_set_size(const struct mail_set *set); /* how many numbers */
/* "1:4,7"; nothing for the empty set. */
void mail_set_write(const struct mail_set *set, struct buf *to);
void mail_set_free(struct mail_set *set);

#endif
