/* Options one by one; the password comes from its file. */
#include "roles/store/directory_ldap.h"

#include "base/errno_here.h"
#include "directory/ldap_driver.h"

#include <stdio.h>

enum { PASSWORD_MAX = 1024 };

bool store_directory_ldap_has_scram(const struct conf_settings *settings)
{
	return settings->directory.ldap.attributes.scram[0] != '\0';
}

/* The first line. */
static int read_password(const char *path, char password[PASSWORD_MAX], struct err *err)
{
	password[0] = '\0';
	if (!path[0])
		return 0;
	FILE *file = fopen(path, "re");
	if (!file)
		return err_errno(err, errno, "can't read password_file %s", path);
	bool got = fgets(password, PASSWORD_MAX, file) != NULL;
	(void)fclose(file);
	password[strcspn(password, "\r\n")] = '\0';
	return got && password[0] ? 0
				  : err_permanent(err, ERR_BAD_INPUT,
					    "password_file %s has no first line", path);
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

int store_directory_ldap_open(
	const struct conf_settings *settings, struct directory **ret_directory, struct err *err)
{
	const struct conf_ldap *conf = &settings->directory.ldap;
	char password[PASSWORD_MAX];
	if (read_password(conf->password_file, password, err) < 0)
		return -1;
	const struct directory_ldap_options options = {
		.servers = conf->servers,
		.start_tls = conf->start_tls,
		.authorities = conf->authorities,
		.bind_dn = conf->bind_dn,
		.bind_password = password,
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
	int r = directory_ldap_new(&options, ret_directory, err);
	explicit_bzero(password, sizeof(password));
	return r;
}
