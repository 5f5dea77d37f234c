/* Options one by one; the password comes from its file. */
#include "roles/directory/open_ldap.h"

#include "directory/ldap_driver.h"
#include "roles/secret_file.h"

bool role_directory_ldap_has_scram(const struct conf_settings *settings)
{
	return settings->directory.ldap.attributes.scram[0] != '\0';
}

static struct directory_ldap_attributes attributes_of(const struct conf_ldap *conf)
{
	return (struct directory_ldap_attributes){
		.name = conf->attributes.name,
		.identity = conf->attributes.identity,
		.full_name = conf->attributes.full_name,
		.quota = conf->attributes.quota,
		.quota_messages = conf->attributes.quota_messages,
		.services = conf->attributes.services,
		.suspended = conf->attributes.suspended,
		.active = conf->attributes.active,
		.to_host = conf->attributes.to_host,
		.forward = conf->attributes.forward,
		.keep_copy = conf->attributes.keep_copy,
		.groups = conf->attributes.groups,
		.scram = conf->attributes.scram,
		.alias_targets = conf->attributes.alias_targets,
		.alias_member = conf->attributes.alias_member,
	};
}

int role_directory_ldap_open(
	const struct conf_settings *settings, struct directory **ret_directory, struct err *err)
{
	const struct conf_ldap *conf = &settings->directory.ldap;
	AUTO(secret_file_free) char *password = NULL;
	AUTO(secret_file_free) char *write_password = NULL;
	if (conf->password_file[0] && secret_file_read(conf->password_file, &password, err) < 0)
		return err_prefix(err, "directory.ldap.password_file");
	if (conf->write_password_file[0] &&
		secret_file_read(conf->write_password_file, &write_password, err) < 0)
		return err_prefix(err, "directory.ldap.write_password_file");
	const struct directory_ldap_options options = {
		.servers = conf->servers,
		.start_tls = conf->start_tls,
		.authorities = conf->authorities,
		.bind_dn = conf->bind_dn,
		.bind_password = password ? password : "",
		.write_dn = conf->write_bind_dn,
		.write_password = write_password ? write_password : "",
		.base = conf->base,
		.scope = (enum directory_ldap_scope)conf->scope,
		.user_filter = conf->user_filter,
		.alias_filter = conf->alias_filter,
		.domain_filter = conf->domain_filter,
		.domains = conf->domains.items,
		.domain_count = conf->domains.count,
		.attributes = attributes_of(conf),
		.connections = (unsigned)conf->connections,
		.connect_ms = (unsigned)conf->connect_timeout_ms,
		.answer_ms = (unsigned)conf->timeout_ms,
		.page = (unsigned)conf->page,
		.plus_separator = settings->store.plus_separator[0],
		.quota_bytes = settings->store.quota,
		.quota_messages = settings->store.quota_messages,
	};
	return directory_ldap_new(&options, ret_directory, err);
}
