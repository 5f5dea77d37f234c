/* What a client's HELO says of it. Pure. */
#ifndef FILTER_HELO_H
#define FILTER_HELO_H

#include "net/address.h"

enum filter_helo {
	FILTER_HELO_GOOD,
	FILTER_HELO_BAD, /* neither a full name nor an address literal (RFC 5321 section 4.1.1.1) */
	FILTER_HELO_OURS, /* our own name, our address, or one of loopback */
};

/* `hostname` is our name, `local` the address that the client has reached. */
enum filter_helo filter_helo_judge(
	struct slice helo, struct slice hostname, const struct net_address *local);

#endif
