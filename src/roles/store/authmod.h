/* authmod at the store role: the driver that asks a program or another server, and the service that
 * other nodes ask. */
#ifndef ROLES_STORE_AUTHMOD_H
#define ROLES_STORE_AUTHMOD_H

#include "directory/authmod.h"
#include "roles/sandbox.h"

struct conf_settings;

/* For the table of drivers. */
int store_authmod_open(const struct conf_settings *settings, struct directory **ret_directory,
	struct err *err) WARN_UNUSED;
/* Before the role is confined: starts the launcher of the driver's program. *ret_launcher is 0 when
 * none is needed. */
int store_authmod_prepare(const struct conf_settings *settings, const struct sandbox_user *user,
	pid_t *ret_launcher, struct err *err) WARN_UNUSED;

/* What the listeners of authmod need. */
struct store_authmod {
	struct directory_authmod_service service;
	struct net_trusted networks;
	char *secret;
};
/* Only where there are such listeners. Errors, permanent: no secret, no networks. */
int store_authmod_serve(const struct conf_settings *settings, struct directory *directory,
	struct store_authmod *ret_authmod, struct err *err) WARN_UNUSED;
void store_authmod_deinit(struct store_authmod *authmod);

#endif
