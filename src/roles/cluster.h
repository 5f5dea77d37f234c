/* The other nodes, and the other roles of this one: told when a user is kicked or is to be
 * forgotten. */
#ifndef ROLES_CLUSTER_H
#define ROLES_CLUSTER_H

#include "admin/cluster.h"
#include "roles/role.h"

struct role_cluster;
/* For open(), of the role that operators talk to: those of the block `cluster`, and the mx and
 * proxy role of this machine unless it is `role` itself. Nobody needs to be there yet. Errors,
 * permanent: a fault of the config, no secret. */
int role_cluster_new(
	struct role *role, struct role_cluster **ret_cluster, struct err *err) WARN_UNUSED;
void role_cluster_free(struct role_cluster *cluster); /* NULL is fine */
/* For struct admin; lives as long as the cluster. */
const struct admin_cluster *role_cluster_admin(const struct role_cluster *cluster);

#endif
