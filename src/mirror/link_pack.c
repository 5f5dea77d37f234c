/* Whether messages are packed, by what was configured and how far away the other node is; and the
 * packers that do it, which go from one writer to the next. */
#include "mirror/link_internal.h"

#include "base/clock.h"

enum {
	FAR_US = 5000, /* there and back; from here on a wire is dearer than zstd */
	ROUND_TRIP_MAX_US = 60 * 1000 * 1000,
};

uint64_t link_ping_number(void)
{
	return (uint64_t)(clock_mono_ns() / 1000);
}

void link_note_pong(struct mirror_link *link, uint64_t number)
{
	uint64_t us = link_ping_number() - number;
	if (us > ROUND_TRIP_MAX_US)
		return; /* not a number of ours */
	link_lock(link);
	link->round_trips_us[link->round_trip_count++ % LINK_ROUND_TRIPS] = (int64_t)us;
	link_unlock(link);
}

/* The lock is held. */
static int64_t round_trip(const struct mirror_link *link)
{
	int64_t least = -1;
	for (size_t i = 0; i < MIN(link->round_trip_count, (uint64_t)LINK_ROUND_TRIPS); i++)
		if (least < 0 || link->round_trips_us[i] < least)
			least = link->round_trips_us[i];
	return least;
}

int64_t mirror_link_round_trip_us(struct mirror_link *link)
{
	link_lock(link);
	int64_t us = round_trip(link);
	link_unlock(link);
	return us;
}

bool mirror_link_packs(struct mirror_link *link)
{
	link_lock(link);
	bool packs = link->version >= MIRROR_VERSION_PACKED &&
		     (link->options.compress == MIRROR_COMPRESS_YES ||
			     (link->options.compress == MIRROR_COMPRESS_AUTO &&
				     round_trip(link) >= FAR_US));
	link_unlock(link);
	return packs;
}

static struct mirror_packer *take_packer(struct mirror_link *link)
{
	link_lock(link);
	struct mirror_packer *packer =
		link->packer_count > 0 ? link->packers[--link->packer_count] : NULL;
	link_unlock(link);
	return packer ? packer : mirror_packer_new();
}

static void give_packer(struct mirror_link *link, struct mirror_packer *packer)
{
	link_lock(link);
	if (link->packer_count < LINK_PACKERS) {
		link->packers[link->packer_count++] = packer;
		packer = NULL;
	}
	link_unlock(link);
	mirror_packer_free(packer);
}

void link_free_packers(struct mirror_link *link)
{
	while (link->packer_count > 0)
		mirror_packer_free(link->packers[--link->packer_count]);
}

void link_pack(struct mirror_link *link, struct buf *message)
{
	if (!mirror_link_packs(link))
		return;
	struct mirror_packer *packer = take_packer(link);
	mirror_pack(packer, message);
	give_packer(link, packer);
}

int link_unpack(struct mirror_link *link, struct link_incoming *whole, struct slice *ret_rest)
{
	struct mirror_head *head = &whole->head;
	if (head->packed) {
		struct buf plain = BUF(MIRROR_MESSAGE_MAX + 1);
		struct mirror_packer *packer = take_packer(link);
		struct err err;
		int r = mirror_unpack(packer, head, buf_slice(&whole->bytes), &plain, &err);
		give_packer(link, packer);
		buf_free(&whole->bytes);
		whole->bytes = plain;
		head->packed = false;
		head->len = head->size - head->rest;
		if (r < 0) {
			link->ops->broken(link->context, &err);
			return r;
		}
	}
	*ret_rest = slice_from(buf_slice(&whole->bytes), head->len);
	return 0;
}
