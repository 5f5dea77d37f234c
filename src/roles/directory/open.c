/* The table of drivers: one row each. */
#include "roles/directory/open.h"

#include "directory/authmod.h"
#include "directory/timed.h"
#include "roles/directory/open_authmod.h"
#include "roles/directory/open_ldap.h"
#include "roles/directory/open_sql.h"
#include "roles/secret_file.h"

/* Idle ones to each server: as many as sessions and the queue ask with at once, or each question
 * would cost a connection of its own. */
enum { CONNECTIONS_KEPT = 64 };

struct driver {
	enum conf_directory_driver driver;
	const char *name;
	/* Whether its users have keys for SCRAM; missing: none has. */
	bool (*has_scram)(const struct conf_settings *settings);
	/* `settings` outlive the directory. Servers that are down are no failure. */
	int (*open)(const struct conf_settings *settings, struct directory **ret_directory,
		struct err *err);
};

static const struct driver drivers[] = {
	{CONF_DIRECTORY_INTERNAL, "internal"},
	{CONF_DIRECTORY_LDAP, "ldap", role_directory_ldap_has_scram, role_directory_ldap_open},
	{CONF_DIRECTORY_POSTGRESQL, "postgresql", role_directory_sql_has_scram,
		role_directory_sql_open},
	{CONF_DIRECTORY_AUTHMOD, "authmod", .open = role_directory_authmod_open},
};

static const struct driver *driver_of(const struct conf_settings *settings)
{
	for (size_t i = 0; i < ARRAY_LEN(drivers); i++)
		if (drivers[i].driver == settings->directory.driver)
			return &drivers[i];
	return NULL;
}

bool role_directory_is_elsewhere(const struct conf_settings *settings)
{
	return settings->directory.driver != CONF_DIRECTORY_INTERNAL;
}

bool role_directory_has_scram(const struct conf_settings *settings)
{
	const struct driver *driver = driver_of(settings);
	return !role_directory_is_elsewhere(settings) ||
	       (driver && driver->has_scram && driver->has_scram(settings));
}

int role_directory_open(
	const struct conf_settings *settings, struct directory **ret_directory, struct err *err)
{
	const struct driver *driver = driver_of(settings);
	const struct conf_directory *conf = &settings->directory;
	struct directory_timed_options timed = {
		.positive_ms = (int64_t)conf->cache_positive_ms,
		.negative_ms = (int64_t)conf->cache_negative_ms,
		.entries_max = conf->cache_entries,
	};
	if (!driver)
		return err_permanent(err, ERR_UNAVAILABLE, "this program has no such driver");
	if (!driver->open)
		return err_permanent(err, ERR_BAD_INPUT,
			"directory: the driver %s is for a store only", driver->name);
	if (driver->open(settings, &timed.inner, err) < 0)
		return err_prefix(err, "directory %s", driver->name);
	directory_set_scram(timed.inner, role_directory_has_scram(settings));
	*ret_directory = directory_timed_new(&timed);
	return 0;
}

int role_directory_open_servers(const struct role_directory_servers *servers,
	struct directory **ret_directory, struct err *err)
{
	AUTO(secret_file_free) char *secret = NULL;
	if (servers->secret_file[0] && secret_file_read(servers->secret_file, &secret, err) < 0)
		return err_prefix(err, "%s.directory_secret_file", servers->block);
	const struct directory_authmod_options options = {
		.servers = servers->servers->items,
		.server_count = servers->servers->count,
		.ca_file = servers->authorities[0] ? servers->authorities : NULL,
		.secret = slice_str(secret),
		.timeout_ms = (unsigned)servers->timeout_ms,
		.connections = CONNECTIONS_KEPT,
	};
	int r = directory_authmod_new(&options, ret_directory, err);
	return r < 0 ? err_prefix(err, "%s.directory", servers->block) : 0;
}
