/* Connections between the two nodes. Each direction is a stream of bytes, which come late, in
 * pieces of any size, stop for a while, or get lost with the connection. */
#ifndef MIRROR_SIM_NET_H
#define MIRROR_SIM_NET_H

#include "mirror/sim/node.h"

struct sim_net;

/* That something comes late at most, now and then, while there is load. */
enum { SIM_NET_SPIKE_MS = 1500 };

struct sim_net *sim_net_new(struct sim *sim);
/* No connection is left. */
void sim_net_free(struct sim_net *net);

/* As struct mirror_host has it. */
void sim_net_dial(struct sim_net *net, struct sim_node *node);
/* Nothing comes from that node to the other one; counted. What is sent waits. */
void sim_net_cut(struct sim_net *net, unsigned from, bool cut);
/* All connections break, and both ends hear of it. */
void sim_net_break(struct sim_net *net);
/* Everything takes that much longer. */
void sim_net_slow_down(struct sim_net *net, int64_t ms);
/* The node's process is gone, all at once, or goes in an orderly way. */
void sim_net_node_gone(struct sim_net *net, struct sim_node *node, bool silently);
void sim_net_node_stops(struct sim_net *net, struct sim_node *node);

#endif
