/* Rows of the table of options: directories that are kept elsewhere. Only for options.c. */
#ifndef CONF_DIRECTORY_OPTIONS_H
#define CONF_DIRECTORY_OPTIONS_H

/* clang-format off */
#define POSTGRESQL(member) .offset = offsetof(struct conf_settings, directory.postgresql.member)
#define POSTGRESQL_OPTIONS                                                                         \
	{"directory.postgresql", "servers", CONF_REMOTES, CONF_RESTART, POSTGRESQL(servers),       \
		.fallback = "unix:/run/postgresql",                                                \
		.example = "tls:db1.example.org:5432 tls:db2.example.org:5432",                    \
		.help = "The database servers: the first that takes a connection is asked. tls: in "\
			"front stands for TLS with a certificate that fits the name; unix: for the "\
			"folder of a socket."},                                                    \
	{"directory.postgresql", "database", CONF_TEXT, CONF_RESTART, 1, 63,                       \
		POSTGRESQL(database), .fallback = "rookery", .help = "The name of the database."}, \
	{"directory.postgresql", "user", CONF_TEXT, CONF_RESTART, 1, 63, POSTGRESQL(user),         \
		.fallback = "rookery",                                                             \
		.help = "Who asks. He needs to read, and nothing else."},                          \
	{"directory.postgresql", "password_file", CONF_TEXT, CONF_RESTART, 0, 4096,                \
		POSTGRESQL(password_file), .fallback = "\"\"",                                     \
		.example = "/etc/rookery/directory.password",                                      \
		.help = "A file whose first line is his password. The store role's user reads it; "\
			"it lies below /etc or /usr."},                                            \
	{"directory.postgresql", "authorities", CONF_TEXT, CONF_RESTART, 0, 4096,                  \
		POSTGRESQL(authorities), .fallback = "\"\"",                                       \
		.example = "/etc/rookery/database-ca.pem",                                         \
		.help = "PEM file of who may have signed the servers' certificates; without it "   \
			"those whom the system trusts."},                                          \
	{"directory.postgresql", "pool", CONF_NUMBER, CONF_RESTART, 1, 256, POSTGRESQL(pool),      \
		.fallback = "4",                                                                   \
		.help = "Connections at most. Questions that find none free wait."},               \
	{"directory.postgresql", "timeout", CONF_DURATION, CONF_RESTART, 100, 10 * MINUTE,         \
		POSTGRESQL(timeout_ms), .fallback = "5s",                                          \
		.help = "How long an answer is waited for; then it can't be told now. The server " \
			"ends a query that takes longer."},                                        \
	{"directory.postgresql", "user_query", CONF_TEXT, CONF_RESTART, 1, 8192,                   \
		POSTGRESQL(user_query),                                                            \
		.fallback = "\"SELECT * FROM rookery_user WHERE address = :user\"",                \
		.help = "Finds a user: no row, or one. Columns are known by name, and may be "     \
			"missing: id, address, password, scram, full_name, services, suspended, "  \
			"quota_bytes, quota_messages, to_host, forward, keep_copy. Values in it: " \
			":user (the address), :local, :domain. The default fits the tables of "    \
			"deploy/directory.sql."},                                                  \
	{"directory.postgresql", "alias_query", CONF_TEXT, CONF_RESTART, 0, 8192,                  \
		POSTGRESQL(alias_query),                                                           \
		.fallback = "\"SELECT target FROM rookery_alias WHERE address = :user\"",          \
		.help = "Where an address leads that is no user's: a row for each target, or "     \
			"several with commas between. Asked about \"@example.org\", too, which is "\
			"that domain's catch-all. \"\": there are no aliases."},                   \
	{"directory.postgresql", "domain_query", CONF_TEXT, CONF_RESTART, 1, 8192,                 \
		POSTGRESQL(domain_query),                                                          \
		.fallback = "\"SELECT FROM rookery_domain WHERE name = :domain\"",                 \
		.help = "Whether a domain is ours: it is when there is a row."},                   \
	{"directory.postgresql", "check_query", CONF_TEXT, CONF_RESTART, 0, 8192,                  \
		POSTGRESQL(check_query), .fallback = "\"\"",                                       \
		.example = "\"SELECT password = crypt(:password, password) FROM rookery_user "     \
			   "WHERE address = :user\"",                                              \
		.help = "Whether a password is right, where the server is to judge that itself: "  \
			"it is when the first value of the first row is true. Besides :user, "     \
			":local and :domain it has :password. \"\": the hash in the column "       \
			"password of user_query is checked here (argon2id)."},                     \
	{"directory.postgresql", "scram", CONF_BOOL, CONF_RESTART, POSTGRESQL(scram),              \
		.fallback = "no",                                                                  \
		.help = "Whether users have keys for SCRAM-SHA-256 in the column scram, in "       \
			"PostgreSQL's own form; only then logins by SCRAM are offered."}

#define AUTHMOD(member) .offset = offsetof(struct conf_settings, directory.authmod.member)
#define AUTHMOD_OPTIONS                                                                            \
	{"directory.authmod", "command", CONF_TEXT, CONF_RESTART, 0, 4096, AUTHMOD(command),       \
		.fallback = "\"\"", .example = "\"/usr/local/bin/nwauth -path /etc/nwauth\"",      \
		.help = "A program, by its whole path, with its arguments, that reads questions "  \
			"and writes answers, a line each. It is started several times, and again " \
			"when it ends; who does not answer in time is killed. It runs as the "     \
			"store role's user, outside of its confinement."},                         \
	{"directory.authmod", "children", CONF_NUMBER, CONF_RESTART, 1, 256, AUTHMOD(children),    \
		.fallback = "4", .help = "How many of the program run at once, at most."},         \
	{"directory.authmod", "servers", CONF_REMOTES, CONF_RESTART, AUTHMOD(servers),             \
		.fallback = "", .example = "tls:dir1.example.org:8120 tls:dir2.example.org:8120",  \
		.help = "Servers of the protocol, in place of a command: the first that works is " \
			"asked, the next one when it can't tell. tls: in front stands for TLS "    \
			"with a certificate that fits the name; unix: for a socket."},             \
	{"directory.authmod", "authorities", CONF_TEXT, CONF_RESTART, 0, 4096,                     \
		AUTHMOD(authorities), .fallback = "\"\"",                                          \
		.example = "/etc/rookery/directory-ca.pem",                                        \
		.help = "PEM file of who may have signed the servers' certificates; without it "   \
			"those whom the system trusts."},                                          \
	{"directory.authmod", "secret_file", CONF_TEXT, CONF_RESTART, 0, 4096,                     \
		AUTHMOD(secret_file), .fallback = "\"\"",                                          \
		.example = "/etc/rookery/directory.secret",                                        \
		.help = "A file whose first line is said to servers by TLS before anything is "    \
			"asked, as another Rookery wants it (store.authmod_secret_file)."},        \
	{"directory.authmod", "connections", CONF_NUMBER, CONF_RESTART, 1, 256,                    \
		AUTHMOD(connections), .fallback = "8",                                             \
		.help = "Connections to servers at most. Questions that find none free wait."},    \
	{"directory.authmod", "timeout", CONF_DURATION, CONF_RESTART, 100, 10 * MINUTE,            \
		AUTHMOD(timeout_ms), .fallback = "10s",                                            \
		.help = "How long an answer is waited for; then it can't be told now."},           \
	{"directory.authmod", "domains", CONF_HOSTS, CONF_RESTART, AUTHMOD(domains),               \
		.fallback = "", .example = "example.org example.net",                              \
		.help = "The domains whose users it knows, if it knows check and lookup only, as " \
			"those of other makers. Without any it is asked about domains and "        \
			"addresses too, as another Rookery can be."}
/* clang-format on */

#endif
