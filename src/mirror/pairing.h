/* What two paired nodes know of each other: kept in a file beside the store, and told from one to
 * the other as a key of one line. */
#ifndef MIRROR_PAIRING_H
#define MIRROR_PAIRING_H

#include "base/buf.h"
#include "base/err.h"
#include "base/id.h"

enum {
	MIRROR_KEY_SIZE = 32,
	MIRROR_PEER_MAX = 255, /* "mail-b.example.org", "[2001:db8::1]:7625" */
};

struct mirror_pairing {
	bool is_first; /* of the two: it made the key, and the other one connects to it */
	bool paused;
	struct id cluster, node;
	struct id other; /* node; none until it was met */
	char key[MIRROR_KEY_SIZE];
	char peer[MIRROR_PEER_MAX + 1]; /* the other one's address */
};

/* With a new key and a new cluster. */
void mirror_pairing_make(struct mirror_pairing *ret_pairing);
/* The one line. */
void mirror_pairing_add_text(const struct mirror_pairing *pairing, struct buf *to);
/* The second node's pairing by that line; the peer is not set. ERR_BAD_INPUT says what is wrong. */
int mirror_pairing_from_text(
	struct slice text, struct mirror_pairing *ret_pairing, struct err *err) WARN_UNUSED;

/* A second pairing out of a first one: cluster and key become others, by HKDF with SHA-256 (RFC
 * 5869: the key, salted with the cluster; `label` is the info). Who has one line has both, and
 * nobody gets from the second one's key to the first one's. */
int mirror_pairing_derive(
	struct mirror_pairing *pairing, const char *label, struct err *err) WARN_UNUSED;

/* STORE_ABSENT-like: 1 when there is none. */
int mirror_pairing_load(
	const char *folder, struct mirror_pairing *ret_pairing, struct err *err) WARN_UNUSED;
/* On the disk when it returns. */
int mirror_pairing_save(
	const char *folder, const struct mirror_pairing *pairing, struct err *err) WARN_UNUSED;
int mirror_pairing_remove(const char *folder, struct err *err) WARN_UNUSED;

#endif
