/* The other node, as the mirror sees it: whatever link is in use. */
#include "mirror/node_internal.h"

static void send_want(void *context, struct id account)
{
	struct mirror_connection *c = mirror_connection_current(context);
	if (!c)
		return;
	mirror_link_want(c->link, account);
	mirror_connection_unref(c);
}

static void send_give(void *context, struct id account)
{
	struct mirror_connection *c = mirror_connection_current(context);
	if (!c)
		return;
	mirror_link_give(c->link, account);
	mirror_connection_unref(c);
}

static void ship(
	void *context, const struct mirror_commit *commit, struct mirror_shipment *shipment)
{
	struct mirror_connection *c = mirror_connection_current(context);
	if (!c) {
		shipment->lost = true;
		mirror_shipment_tell(shipment);
		return;
	}
	mirror_link_ship(c->link, commit, shipment);
	mirror_connection_unref(c);
}

static void differ(void *context, const struct err *why)
{
	struct mirror_connection *c = mirror_connection_current(context);
	if (!c)
		return;
	mirror_connection_cut(c, why);
	mirror_connection_unref(c);
}

const struct mirror_peer_ops MIRROR_PEER = {
	.lease = {send_want, send_give}, .ship = ship, .differ = differ};
