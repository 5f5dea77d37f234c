/* A directory as a service that other nodes ask: the listeners of authmod. */
#ifndef ROLES_DIRECTORY_SERVICE_H
#define ROLES_DIRECTORY_SERVICE_H

#include "conf/settings.h"
#include "directory/authmod.h"
#include "roles/role.h"

struct role_directory_service {
	struct directory_authmod_service service; /* of role_serve() */
	struct net_trusted networks;
	char *secret;
};

struct role_directory_service_options {
	struct directory *directory;         /* borrowed */
	struct directory_sessions *sessions; /* borrowed; NULL: none are known */
	const struct conf_list *trusted;
	const char *secret_file;
	const char *block; /* whose options authmod_trusted and authmod_secret_file these are */
};
/* Serves one of them; `service` is all zero for the first. Errors, permanent: no secret or a short
 * one, no networks. Whatever was made before a failure: deinit. */
int role_directory_service_serve(struct role_directory_service *service,
	const struct role_directory_service_options *options, struct role *role,
	const struct role_listener *listener, struct err *err) WARN_UNUSED;
/* Zeroes are fine. */
void role_directory_service_deinit(struct role_directory_service *service);

#endif
