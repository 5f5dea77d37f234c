/* Options one by one; the password comes from its file. */
#include "roles/directory/open_sql.h"

#include "directory/sql.h"
#include "roles/secret_file.h"

bool role_directory_sql_has_scram(const struct conf_settings *settings)
{
	return settings->directory.postgresql.scram;
}

int role_directory_sql_open(
	const struct conf_settings *settings, struct directory **ret_directory, struct err *err)
{
	const struct conf_postgresql *conf = &settings->directory.postgresql;
	AUTO(secret_file_free) char *password = NULL;
	if (conf->password_file[0] && secret_file_read(conf->password_file, &password, err) < 0)
		return err_prefix(err, "password_file");
	const struct directory_sql_options options = {
		.servers = conf->servers.items,
		.server_count = conf->servers.count,
		.database = conf->database,
		.user = conf->user,
		.password = password,
		.authorities = conf->authorities,
		.pool = (unsigned)conf->pool,
		.timeout_ms = (int64_t)conf->timeout_ms,
		.user_query = conf->user_query,
		.domain_query = conf->domain_query,
		.alias_query = conf->alias_query,
		.check_query = conf->check_query,
		.users_query = conf->users_query,
		.move_query = conf->move_query,
		.scram = conf->scram,
		.plus_separator = settings->store.plus_separator[0],
		.quota_bytes = settings->store.quota,
		.quota_messages = settings->store.quota_messages,
		.remember_seconds = (unsigned)(settings->store.password_cache_ms / 1000),
	};
	return directory_sql_new(&options, ret_directory, err);
}
