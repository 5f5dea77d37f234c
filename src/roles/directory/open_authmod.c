/* By the settings. */
#include "roles/directory/open_authmod.h"

#include "directory/authmod.h"
#include "roles/directory/launcher.h"
#include "roles/secret_file.h"

enum { SOCKET_MAX = 512 };

static void socket_path(const struct conf_settings *settings, char ret_path[SOCKET_MAX])
{
	(void)snprintf(ret_path, SOCKET_MAX, "%s/authmod-program", settings->run);
}

int role_directory_authmod_open(
	const struct conf_settings *settings, struct directory **ret_directory, struct err *err)
{
	const struct conf_authmod *conf = &settings->directory.authmod;
	AUTO(secret_file_free) char *secret = NULL;
	char path[SOCKET_MAX], program[SOCKET_MAX + 8];
	const char *const programs[] = {program};
	bool by_program = conf->command[0] != '\0';
	if (by_program == (conf->servers.count > 0))
		return err_permanent(err, ERR_BAD_INPUT, "it needs either a command or servers");
	if (conf->secret_file[0] && secret_file_read(conf->secret_file, &secret, err) < 0)
		return err_prefix(err, "secret_file");
	socket_path(settings, path);
	(void)snprintf(program, sizeof(program), "unix:%s", path);
	const struct directory_authmod_options options = {
		.servers = by_program ? programs : conf->servers.items,
		.server_count = by_program ? 1 : conf->servers.count,
		.ca_file = conf->authorities[0] ? conf->authorities : NULL,
		.secret = slice_str(secret),
		.timeout_ms = (unsigned)conf->timeout_ms,
		.connections = (unsigned)(by_program ? conf->children : conf->connections),
		.at_once_max = true,
		.domains = conf->domains.items,
		.domain_count = conf->domains.count,
		.plus_separator = settings->store.plus_separator[0],
		.quota_bytes = settings->store.quota,
		.quota_messages = settings->store.quota_messages,
	};
	return directory_authmod_new(&options, ret_directory, err);
}

int role_directory_authmod_prepare(const struct conf_settings *settings,
	const struct sandbox_user *user, pid_t *ret_launcher, struct err *err)
{
	const struct conf_authmod *conf = &settings->directory.authmod;
	char path[SOCKET_MAX];
	*ret_launcher = 0;
	if (settings->directory.driver != CONF_DIRECTORY_AUTHMOD || !conf->command[0])
		return 0;
	socket_path(settings, path);
	const struct launcher_options options = {.command = conf->command,
		.socket = path,
		.programs = (unsigned)conf->children,
		.user = user};
	int r = launcher_start(&options, ret_launcher, err);
	return r < 0 ? err_prefix(err, "directory.authmod.command") : 0;
}
