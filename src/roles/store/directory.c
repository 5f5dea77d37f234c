/* The table of drivers: one row each. */
#include "roles/store/directory.h"

#include "directory/timed.h"
#include "roles/store/authmod.h"
#include "roles/store/directory_ldap.h"
#include "roles/store/homes.h"
#include "roles/store/sql.h"

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
	{CONF_DIRECTORY_LDAP, "ldap", store_directory_ldap_has_scram, store_directory_ldap_open},
	{CONF_DIRECTORY_POSTGRESQL, "postgresql", store_sql_has_scram, store_sql_open},
	{CONF_DIRECTORY_AUTHMOD, "authmod", .open = store_authmod_open},
};

static const struct driver *driver_of(const struct conf_settings *settings)
{
	for (size_t i = 0; i < ARRAY_LEN(drivers); i++)
		if (drivers[i].driver == settings->directory.driver)
			return &drivers[i];
	return NULL;
}

bool store_directory_is_elsewhere(const struct conf_settings *settings)
{
	return settings->directory.driver != CONF_DIRECTORY_INTERNAL;
}

bool store_directory_has_scram(const struct conf_settings *settings)
{
	const struct driver *driver = driver_of(settings);
	return !store_directory_is_elsewhere(settings) ||
	       (driver && driver->has_scram && driver->has_scram(settings));
}

int store_directory_open(const struct conf_settings *settings, struct mail *mail,
	struct directory **ret_directory, struct err *err)
{
	const struct driver *driver = driver_of(settings);
	const struct conf_directory *conf = &settings->directory;
	struct directory_timed_options timed = {
		.positive_ms = (int64_t)conf->cache_positive_ms,
		.negative_ms = (int64_t)conf->cache_negative_ms,
		.entries_max = conf->cache_entries,
	};
	if (!driver || !driver->open)
		return err_permanent(err, ERR_UNAVAILABLE, "this program has no such driver");
	if (driver->open(settings, &timed.inner, err) < 0)
		return err_prefix(err, "directory %s", driver->name);
	directory_set_scram(timed.inner, store_directory_has_scram(settings));
	*ret_directory = store_homes_new(directory_timed_new(&timed), mail);
	return 0;
}
