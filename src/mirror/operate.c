/* What operators do, and what they see. */
#include "mirror/node_internal.h"

#include "mirror/driver_internal.h"

#include "base/clock.h"
#include "net/tls.h"

#include <openssl/crypto.h>

/* Nobody writes while the mirror learns what it is. */
static void tell_mirror(struct mirror_node *node, bool paired, bool is_first)
{
	mirror_hold_writes(node->mirror);
	if (paired)
		mirror_pair(node->mirror, is_first);
	else
		mirror_unpair(node->mirror);
	mirror_refuse_alone(
		node->mirror, paired && node->options.ack == MIRROR_ACK_BOTH_OR_TEMPFAIL);
	mirror_let_write(node->mirror);
}

/* The pairing is kept and used from now on. */
static int take_pairing(
	struct mirror_node *node, const struct mirror_pairing *pairing, struct err *err)
{
	if (mirror_pairing_save(node->options.folder, pairing, err) < 0)
		return -1;
	tell_mirror(node, true, pairing->is_first);
	mirror_node_lock(node);
	node->pairing = *pairing;
	node->paired = true;
	node->has_served = pairing->is_first; /* the second one may be empty */
	node->error[0] = '\0';
	mirror_dial_reset(node);
	mirror_node_enter(node, MIRROR_ALONE);
	int r = mirror_node_use_key(node, err);
	mirror_node_unlock(node);
	return r;
}

static void cut_link(struct mirror_node *node, const char *why)
{
	struct mirror_connection *c = mirror_connection_current(node);
	struct err err;
	if (!c)
		return;
	(void)err_temporary(&err, ERR_UNAVAILABLE, "%s", why);
	mirror_connection_cut(c, &err);
	mirror_connection_unref(c);
}

/* The pairing that the options ask for. *ret_key: see mirror_node_pair(). */
static int make_pairing(const struct mirror_pair_options *options,
	struct mirror_pairing *ret_pairing, struct buf *ret_key, struct err *err)
{
	bool fresh = options->key.len == 0;
	if (fresh)
		mirror_pairing_make(ret_pairing);
	else if (mirror_pairing_from_text(options->key, ret_pairing, err) < 0)
		return -1;
	ret_pairing->is_first = fresh || options->made_here;
	if (options->peer)
		(void)snprintf(ret_pairing->peer, sizeof(ret_pairing->peer), "%s", options->peer);
	if (fresh)
		mirror_pairing_add_text(ret_pairing, ret_key);
	return options->label ? mirror_pairing_derive(ret_pairing, options->label, err) : 0;
}

/* Asked for what is done already: by the key that is given, or that can be told. */
static int pair_again(const struct mirror_pairing *has, const struct mirror_pair_options *options,
	struct buf *ret_key, struct err *err)
{
	struct mirror_pairing wanted;
	bool same = strcmp(has->peer, options->peer) == 0;
	if (same && options->key.len > 0) {
		if (make_pairing(options, &wanted, ret_key, err) < 0)
			return -1;
		same = id_eq(has->cluster, wanted.cluster) &&
		       CRYPTO_memcmp(has->key, wanted.key, MIRROR_KEY_SIZE) == 0;
		explicit_bzero(wanted.key, sizeof(wanted.key));
	} else if (same && !options->label) {
		mirror_pairing_add_text(has, ret_key);
	} else {
		same = false;
	}
	if (same)
		return MIRROR_PAIRED_ALREADY;
	return err_permanent(err, ERR_EXISTS,
		"this node is paired already, with %.100s: `rookery mirror status` says more",
		has->peer);
}

int mirror_node_pair(struct mirror_node *node, const struct mirror_pair_options *options,
	struct buf *ret_key, struct err *err)
{
	struct mirror_pairing pairing;
	if (mirror_check_peer(options->peer, err) < 0)
		return -1;
	mirror_node_lock(node);
	bool paired = node->paired;
	pairing = node->pairing;
	mirror_node_unlock(node);
	int r = paired ? pair_again(&pairing, options, ret_key, err)
		       : make_pairing(options, &pairing, ret_key, err);
	if (!paired && !id_is_none(node->options.id))
		pairing.node = node->options.id;
	if (r == 0)
		r = take_pairing(node, &pairing, err);
	explicit_bzero(pairing.key, sizeof(pairing.key));
	return r;
}

int mirror_not_paired(struct err *err)
{
	return err_permanent(err, ERR_ABSENT,
		"this node is not paired: `rookery mirror pair ADDRESS` does that");
}

int mirror_node_unpair(struct mirror_node *node, struct err *err)
{
	mirror_node_lock(node);
	bool paired = node->paired;
	int r = paired ? mirror_pairing_remove(node->options.folder, err) : mirror_not_paired(err);
	if (r == 0) {
		node->paired = false;
		if (node->tls)
			net_tls_slot_clear(node->tls);
		mirror_node_enter(node, MIRROR_UNPAIRED);
		node->error[0] = '\0';
	}
	mirror_node_unlock(node);
	if (r < 0)
		return r;
	cut_link(node, "this node was unpaired");
	tell_mirror(node, false, false);
	return 0;
}

int mirror_node_replace(struct mirror_node *node, const struct mirror_pair_options *options,
	struct buf *ret_key, struct err *err)
{
	struct mirror_pairing fresh, pairing;
	if (options->peer && mirror_check_peer(options->peer, err) < 0)
		return -1;
	mirror_node_lock(node);
	bool paired = node->paired;
	pairing = node->pairing;
	mirror_node_unlock(node);
	if (!paired)
		return mirror_not_paired(err);
	int r = make_pairing(options, &fresh, ret_key, err);
	if (r == 0) {
		fresh.is_first = true;
		fresh.node = pairing.node;
		if (!options->peer)
			memcpy(fresh.peer, pairing.peer, sizeof(fresh.peer));
		cut_link(node, "the other node is being replaced");
		r = take_pairing(node, &fresh, err);
	}
	explicit_bzero(fresh.key, sizeof(fresh.key));
	explicit_bzero(pairing.key, sizeof(pairing.key));
	return r;
}

int mirror_node_pause(struct mirror_node *node, bool pause, struct err *err)
{
	mirror_node_lock(node);
	struct mirror_pairing pairing = node->pairing;
	pairing.paused = pause;
	int r = node->paired ? mirror_pairing_save(node->options.folder, &pairing, err)
			     : mirror_not_paired(err);
	if (r == 0) {
		node->pairing.paused = pause;
		mirror_dial_reset(node);
	}
	mirror_node_unlock(node);
	if (r < 0)
		return r;
	if (pause)
		cut_link(node, "the mirror was paused");
	mirror_node_lock(node);
	if (node->paired && (pause || node->state == MIRROR_PAUSED))
		mirror_node_enter(node, pause ? MIRROR_PAUSED : MIRROR_ALONE);
	mirror_node_unlock(node);
	return 0;
}

static void see_link(struct mirror_node *node, struct mirror_link_status *s)
{
	struct mirror_connection *c = mirror_connection_current(node);
	s->round_trip_us = c ? mirror_link_round_trip_us(c->link) : -1;
	s->compresses = c && mirror_link_packs(c->link);
	s->sent = atomic_load(&node->traffic.sent);
	s->sent_plain = atomic_load(&node->traffic.sent_plain);
	s->received = atomic_load(&node->traffic.received);
	s->received_plain = atomic_load(&node->traffic.received_plain);
	if (c)
		mirror_connection_unref(c);
}

void mirror_node_status(struct mirror_node *node, struct mirror_status *s)
{
	mirror_node_lock(node);
	*s = (struct mirror_status){.figures = mirror_figures(node->mirror)};
	s->state = mirror_node_state(node, &s->figures);
	s->since_s = node->since_ms / 1000;
	s->is_first = node->pairing.is_first;
	s->listening = node->listening;
	s->clock_ahead_ms = node->clock_ahead_ms;
	s->unmirrored = s->figures.commits.alone - node->alone_before + s->figures.commits.ahead;
	s->merged = node->merged;
	if (node->paired)
		memcpy(s->peer, node->pairing.peer, sizeof(s->peer));
	s->scrub = node->scrub.status;
	s->unread = mirror_mend_is_left(node) || atomic_load(&mirror_node_db(node)->hurt);
	s->mended = node->mend.accounts;
	memcpy(s->error, node->error, sizeof(s->error));
	memcpy(s->merge_error, node->merge_error, sizeof(s->merge_error));
	memcpy(s->software, node->software, sizeof(s->software));
	mirror_node_unlock(node);
	see_link(node, &s->link);
}

void mirror_node_see_pair(struct mirror_node *node, struct mirror_pair_view *ret_view)
{
	mirror_node_lock(node);
	*ret_view = (struct mirror_pair_view){.state = node->state,
		.since_ms = node->entered_ms,
		.is_first = node->pairing.is_first,
		.other = node->paired ? node->pairing.other : ID_NONE};
	mirror_node_unlock(node);
}

const char *mirror_state_text(enum mirror_state state)
{
	static const char *const TEXTS[] = {
		[MIRROR_UNPAIRED] = "not paired",
		[MIRROR_PAUSED] = "paused",
		[MIRROR_LOOKING] = "looking for the other node",
		[MIRROR_ALONE] = "alone",
		[MIRROR_MEETING] = "comparing",
		[MIRROR_MERGING] = "merging",
		[MIRROR_IN_SYNC] = "in sync",
	};
	return TEXTS[state];
}

const char *mirror_node_ailment(struct mirror_node *node)
{
	mirror_node_lock(node);
	struct mirror_figures figures = {0};
	if (!node->has_served) /* to know MERGING, which is all the same afterwards */
		figures = mirror_figures(node->mirror);
	enum mirror_state state = mirror_node_state(node, &figures);
	bool fresh = clock_mono_ms() - node->linked_ms < MIRROR_CATCHING_UP_MS;
	const char *why = NULL;
	switch (state) {
	case MIRROR_LOOKING:
		why = "looks for the other node of the mirror";
		break;
	case MIRROR_MEETING:
		if (!node->has_served)
			why = "is compared with the other node of the mirror";
		break;
	case MIRROR_MERGING:
		if (!node->has_served && fresh)
			why = "merges with the other node of the mirror";
		break;
	case MIRROR_PAUSED:
	case MIRROR_ALONE:
		if (node->options.ack == MIRROR_ACK_BOTH_OR_TEMPFAIL)
			why = "takes no mail: the other node of the mirror is away";
		break;
	case MIRROR_UNPAIRED:
	case MIRROR_IN_SYNC:
		break;
	}
	if (!why)
		node->has_served = true;
	mirror_node_unlock(node);
	return why;
}
