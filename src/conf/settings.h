/* The settings in force: one immutable snapshot, read from a file, replaced whole at reload. All
 * pointers in it live as long as the snapshot. Which options there are, their types, ranges and
 * defaults stand in one table (options.c); manual and sample file come from it too (explain.h).
 *
 * Strings are never NULL once loaded; "" means not set. Addresses are text whose shape was checked
 * ("192.0.2.1:25", "[2001:db8::1]:25", "*:25", "unix:/path"). Durations are in milliseconds, sizes
 * in bytes. */
#ifndef CONF_SETTINGS_H
#define CONF_SETTINGS_H

#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"

struct conf_list {
	const char *const *items;
	size_t count;
};

enum { CONF_DURATIONS_MAX = 16 };
struct conf_durations {
	const uint64_t *items; /* milliseconds */
	size_t count;
};

enum conf_protocol {
	CONF_SMTP,
	CONF_SUBMISSION,
	CONF_SUBMISSIONS,
	CONF_IMAP,
	CONF_IMAPS,
	CONF_POP3,
	CONF_POP3S,
	CONF_LMTP,
	CONF_AUTHMOD,
	CONF_MANAGESIEVE,
	CONF_HTTP,
	CONF_HTTPS,
	CONF_MOVE,
	CONF_PROTOCOLS, /* how many there are */
};
const char *conf_protocol_name(enum conf_protocol protocol); /* "imaps" */
bool conf_protocol_is_tls(enum conf_protocol protocol);      /* TLS before the greeting */

/* listen <protocol> <address> [proxy]; */
struct conf_listen {
	enum conf_protocol protocol;
	const char *address;
	bool proxy; /* a PROXY header is expected from the networks in proxy_trusted */
};
struct conf_listens {
	const struct conf_listen *items;
	size_t count;
};

enum conf_log_target { CONF_LOG_STDERR, CONF_LOG_JOURNALD };

struct conf_log {
	enum log_level level;
	enum log_format format;
	enum conf_log_target to;
};

struct conf_certificate {
	const char *label; /* "" when the block has none */
	const char *chain, *key;
	struct conf_list names;
};

/* Certificates that an authority gives by itself (RFC 8555). */
enum { CONF_ACME_NAMES_MAX = 100 };
enum conf_acme_challenge { CONF_ACME_HTTP, CONF_ACME_TLS_ALPN };
enum conf_acme_certificates { CONF_ACME_ONE, CONF_ACME_EACH };
struct conf_acme {
	bool on;
	const char *directory, *contact; /* contact: a mail address; "": none */
	struct conf_list names;
	enum conf_acme_challenge challenge;
	enum conf_acme_certificates certificates;
	const char *http_listen, *tls_listen;
	bool redirect, agree_to_terms, reuse_key;
	const char *authorities;            /* file; "": the system's */
	const char *eab_kid, *eab_hmac_key; /* "": none */
	uint64_t retry_ms;
};

struct conf_tls {
	bool self_signed;
	struct conf_acme acme;
	const struct conf_certificate *certificates;
	size_t certificate_count;
};

/* A zone that others than the Internet's name servers answer for. */
struct conf_dns_zone {
	const char *name; /* "" when the block has none */
	struct conf_list servers;
	bool is_signed;
};

struct conf_dns {
	struct conf_list servers; /* resolvers that are asked everything; none: from the root on */
	const char *resolv_conf;  /* file with such servers; "": none */
	const char *root_key, *anchors; /* files; "": none */
	uint64_t timeout_ms;
	const struct conf_dns_zone *zones;
	size_t zone_count;
};

struct conf_limits {
	uint64_t connections, connections_per_address;
	uint64_t auth_failures_per_address, auth_failure_window_ms;
	uint64_t workers; /* threads of one role at most */
};

struct conf_metrics {
	bool on;            /* the block is there */
	const char *listen; /* IP address and port */
};

struct conf_queue {
	uint64_t lifetime_ms, delay_warning_ms, take_over_ms;
	uint64_t connections, connections_per_destination;
	struct conf_durations retry; /* between attempts, the last one for all that follow */
	uint64_t reach_first_ms, reach_max_ms;
};

enum conf_dmarc { CONF_DMARC_MARK, CONF_DMARC_REJECT };
struct conf_checks {
	bool on;
	struct conf_list trusted;
	enum conf_dmarc dmarc;
	uint64_t reject_score, mark_score; /* of a client; 0: never */
	uint64_t bad_helo_score, own_helo_score, no_ptr_score;
	uint64_t ask_timeout_ms;
};

/* A list in the DNS of what sends unwanted mail. */
enum conf_dns_list_of { CONF_DNS_LIST_OF_CLIENT, CONF_DNS_LIST_OF_DOMAIN, CONF_DNS_LIST_OF_URL };
struct conf_dns_list {
	const char *zone; /* "" when the block has none */
	enum conf_dns_list_of of;
	uint64_t score;
	struct conf_list codes;
};

/* In the order of the option's words. */
enum conf_transport_tls {
	CONF_TRANSPORT_OPPORTUNISTIC,
	CONF_TRANSPORT_REQUIRED,
	CONF_TRANSPORT_VERIFY,
	CONF_TRANSPORT_NONE,
};

/* Where mail for some domains goes, whatever the DNS says. */
struct conf_transport {
	const char *domain; /* "example.net", ".example.net": all below it, "*": all others */
	const char *host;   /* a name or an IP */
	uint64_t port;
	enum conf_transport_tls tls;
	const char *user, *password; /* "": no login */
};

struct conf_outbound {
	const char *smart_host; /* address and port; "": none */
	uint64_t port, https_port;
	bool mta_sts;
	const char *authorities; /* file; "": the system's */
};

/* In the order of the option's words. */
enum conf_ack { CONF_ACK_BOTH, CONF_ACK_BOTH_OR_TEMPFAIL, CONF_ACK_ONE };
enum conf_compress { CONF_COMPRESS_AUTO, CONF_COMPRESS_YES, CONF_COMPRESS_NO };

/* Of two stores that are kept equal; in force once this one is paired. */
struct conf_mirror {
	const char *listen;
	enum conf_ack ack;
	enum conf_compress compress;
	uint64_t silence_ms, scrub_ms;
};

/* A program that is asked about mail on its way in. */
enum conf_milter_failure { CONF_MILTER_TEMPFAIL, CONF_MILTER_ACCEPT, CONF_MILTER_REJECT };
struct conf_milter {
	const char *name; /* "" when the block has none */
	const char *address;
	uint64_t timeout_ms, message_timeout_ms;
	enum conf_milter_failure on_failure;
	bool submission; /* asked about mail of users too */
};

/* Senders of mail that goes on to elsewhere are written anew. */
struct conf_srs {
	bool on;
	const char *domain;      /* "": that of the address that forwards */
	const char *secret_file; /* "": a secret is made, and kept in the mx's store */
};

enum conf_arc_seal { CONF_ARC_SEAL_FORWARDED, CONF_ARC_SEAL_NO };
struct conf_arc {
	enum conf_arc_seal seal;
};

/* Of one client in a minute, of one user in an hour; 0: no limit. */
struct conf_mx_limits {
	uint64_t messages, recipients;
	uint64_t user_messages, user_recipients;
};

/* Who is put off when he comes for the first time. */
enum conf_greylist_spare { CONF_GREYLIST_NOBODY, CONF_GREYLIST_NAMED, CONF_GREYLIST_SPF };
struct conf_greylist {
	bool on;
	uint64_t delay_ms, retry_ms, remember_ms;
	enum conf_greylist_spare spare;
};

/* Domains whose mail we take for their better exchangers. */
struct conf_backup {
	struct conf_list domains; /* "example.net", "*.example.net": all below it */
	bool verify_recipients;
	uint64_t verify_timeout_ms;
};

/* Front ends that pass clients on. */
struct conf_xclient {
	struct conf_list from;
};

/* To others, of how their mail was judged here, and how TLS went there. */
struct conf_reports {
	bool on, dmarc, tls;
	const char *from, *envelope_from, *organisation, *contact; /* "": none */
};

/* In the order of the option's words. */
enum conf_mx_backend_tls { CONF_MX_BACKEND_STARTTLS, CONF_MX_BACKEND_NONE };

struct conf_mx {
	bool on; /* the block is there: this machine has the role */
	const char *user;
	struct conf_listens listen;
	struct conf_list store;                       /* LMTP servers of the store */
	const char *store_authorities, *default_host; /* "": none */
	uint64_t backend_port;
	enum conf_mx_backend_tls backend_tls;
	struct conf_list directory;                                /* authmod servers */
	const char *directory_authorities, *directory_secret_file; /* "": none */
	struct conf_list authmod_trusted; /* networks of nodes that make it forget */
	const char *authmod_secret_file;  /* "": none */
	uint64_t max_message_size, recipients_max;
	uint64_t submission_max_message_size, submission_recipients_max;
	uint64_t command_timeout_ms, data_timeout_ms, store_timeout_ms, directory_timeout_ms;
	uint64_t errors_max;
	const char *control_socket;
	struct conf_queue queue;
	struct conf_outbound outbound;
	const struct conf_transport *transports;
	size_t transport_count;
	struct conf_checks checks;
	struct conf_mx_limits limits;
	struct conf_srs srs;
	struct conf_arc arc;
	struct conf_greylist greylist;
	struct conf_xclient xclient;
	struct conf_backup backup;
	struct conf_reports reports;
	const struct conf_dns_list *dns_lists;
	size_t dns_list_count;
	const struct conf_milter *milters; /* in the order in which they are asked */
	size_t milter_count;
	struct conf_mirror mirror;
};

/* A spam filter that learns from what users move. */
struct conf_learn {
	bool on;
	const char *address, *password; /* of rspamd's controller; "": none */
};

struct conf_store {
	bool on;
	const char *user;
	struct conf_listens listen;
	const char *lmtp_socket;          /* where mx reaches LMTP; served beside `listen` */
	const char *authmod_socket;       /* where mx reaches the directory */
	struct conf_list authmod_trusted; /* networks of those that reach it elsewhere */
	const char *authmod_secret_file;  /* "": none */
	struct conf_list front_ends;      /* networks of mx and proxies, who speak for others */
	const char *masters_file;         /* "": none */
	struct conf_list move_trusted;    /* networks of nodes that may bring users */
	const char *move_secret_file, *move_authorities; /* "": none, the system's */
	uint64_t segment_size, cache_size, compact_interval_ms;
	const char *plus_separator;     /* "" turns plus addressing off */
	const char *junk_header;        /* names of fields, a space between; "" turns it off */
	uint64_t quota, quota_messages; /* 0: none */
	uint64_t append_limit;
	uint64_t login_timeout_ms, imap_idle_timeout_ms, pop3_idle_timeout_ms, lmtp_idle_timeout_ms;
	uint64_t password_hash_memory, password_hash_passes; /* argon2id: bytes, iterations */
	uint64_t password_cache_ms;                          /* 0: none */
	uint64_t scram_iterations;
	struct conf_learn learn;
	struct conf_mirror mirror;
};

/* Where users, addresses and domains are looked up; in the order of the option's words. */
enum conf_directory_driver {
	CONF_DIRECTORY_INTERNAL,
	CONF_DIRECTORY_LDAP,
	CONF_DIRECTORY_POSTGRESQL,
	CONF_DIRECTORY_AUTHMOD,
};
enum conf_ldap_scope { CONF_LDAP_SUBTREE, CONF_LDAP_ONE, CONF_LDAP_BASE };
struct conf_ldap {
	const char *servers; /* URIs, a space between */
	bool start_tls;
	const char *authorities; /* file; "": the system's */
	const char *bind_dn, *password_file;
	const char *write_bind_dn, *write_password_file; /* "": nothing is written */
	const char *base;
	enum conf_ldap_scope scope;
	const char *user_filter, *alias_filter, *domain_filter;
	struct conf_list domains;
	uint64_t connections, connect_timeout_ms, timeout_ms, page;
	struct {
		const char *name, *identity, *full_name, *quota, *quota_messages, *services,
			*suspended, *active, *to_host, *forward, *keep_copy, *groups, *scram;
		const char *alias_targets, *alias_member;
	} attributes;
};

struct conf_postgresql {
	struct conf_list servers;
	const char *database, *user, *password_file, *authorities;
	uint64_t pool, timeout_ms;
	const char *user_query, *alias_query, *domain_query, *check_query; /* "": none */
	const char *users_query, *move_query;                              /* "": none */
	bool scram;
};

struct conf_authmod {
	const char *command; /* "": servers */
	uint64_t children;
	struct conf_list servers;
	const char *authorities, *secret_file;
	uint64_t connections, timeout_ms;
	struct conf_list domains;
};

struct conf_directory {
	enum conf_directory_driver driver;
	struct conf_postgresql postgresql;
	struct conf_authmod authmod;
	uint64_t cache_positive_ms, cache_negative_ms, cache_entries; /* not of the internal one */
	struct conf_ldap ldap;
};

/* How back ends are spoken to; in the order of the option's words. */
enum conf_backend_tls {
	CONF_BACKEND_IMPLICIT,
	CONF_BACKEND_STARTTLS,
	CONF_BACKEND_NONE,
	CONF_BACKEND_AS_PROXY, /* of one: as the block proxy says */
};
struct conf_backend_ports { /* 0: not told */
	uint64_t imap, pop3, submission, managesieve, http, smtp, lmtp;
};
/* What holds for one back end alone. */
struct conf_backend {
	const char *name;    /* as the directory has it; "" when the block has none */
	const char *address; /* IP; "": what the name says */
	enum conf_backend_tls tls;
	const char *authorities;
	struct conf_backend_ports ports;
};

/* In the order of the option's words. */
enum conf_proxy_login { CONF_PROXY_LOGIN_PASSWORD, CONF_PROXY_LOGIN_MASTER };
struct conf_proxy {
	bool on;
	const char *user;
	struct conf_listens listen;
	const char *default_host;   /* hosts, commas between; "": none */
	struct conf_list names;     /* of this node, beside hostname */
	struct conf_list directory; /* authmod servers; none: the block directory */
	const char *directory_authorities, *directory_secret_file; /* "": none */
	uint64_t directory_timeout_ms;
	struct conf_list authmod_trusted; /* networks of nodes that kick users here */
	const char *authmod_secret_file;  /* "": none */
	struct conf_list front_ends;      /* networks of who may speak for others */
	enum conf_proxy_login login;
	const char *master_user, *master_secret_file;
	bool oauth;
	uint64_t connect_timeout_ms, backend_timeout_ms, login_timeout_ms, idle_timeout_ms;
	const char *http_realm, *http_token_claim;
	uint64_t http_idle_timeout_ms, http_answer_timeout_ms;
	const char *control_socket;
	enum conf_backend_tls backend_tls;
	const char *backend_authorities; /* file; "": the system's */
	bool backend_proxy_header;
	struct conf_backend_ports ports;
	const struct conf_backend *backends;
	size_t backend_count;
};

/* Webmail, as long as there is none: a page that says so. */
struct conf_web {
	bool on;
	const char *user;
	struct conf_listens listen;
};

/* Nodes that are told when a user is kicked, or what is remembered is to be forgotten. */
struct conf_cluster {
	struct conf_list nodes;                /* authmod servers */
	const char *secret_file, *authorities; /* "": none */
};

struct conf_settings {
	const char *file;         /* where it was read from */
	const char *common_fault; /* why common options are not gone by (conf/common_options.h); "":
				     none */
	const char *hostname, *data, *run, *user, *control_socket;
	bool plain_login_on_loopback;
	struct conf_list proxy_trusted;
	struct conf_log log;
	struct conf_tls tls;
	struct conf_dns dns;
	struct conf_limits limits;
	struct conf_directory directory;
	struct conf_cluster cluster;
	struct conf_metrics metrics;
	struct conf_mx mx;
	struct conf_store store;
	struct conf_proxy proxy;
	struct conf_web web;
};

/* Reads a file and what it includes. Every fault that is found (CONF_FAULTS_MAX at most) is added
 * to `report` as
 *
 *     /etc/rookery.conf:3:5: unknown option "lisen", did you mean "listen"?
 *         lisen smtp *:25;
 *         ^
 *
 * and the first line of the first one is in *err. `report` may be NULL. A file that can't be read
 * is ERR_TEMPORARY, faults in it are ERR_PERMANENT with ERR_BAD_INPUT. The caller owns one
 * reference. */
int conf_settings_load(const char *path, struct buf *report,
	const struct conf_settings **ret_settings, struct err *err) WARN_UNUSED;
/* The same from text; `name` stands for the file in reports. Includes are relative to `name`. */
int conf_settings_from_text(const char *name, struct slice text, struct buf *report,
	const struct conf_settings **ret_settings, struct err *err) WARN_UNUSED;
enum { CONF_FAULTS_MAX = 20, CONF_REPORT_MAX = 64 * 1024 }; /* a fit maximum for the report */

/* One more owner; any thread. */
const struct conf_settings *conf_settings_ref(const struct conf_settings *settings);
/* Gives one reference back; the last one frees it. NULL is fine. Any thread. */
void conf_settings_free(const struct conf_settings *settings);

/* What a reload from `old` to `new` changes: names of options, ", " between, those that a reload
 * brings into force in `reload`, those that need a restart in `restart` (either may be NULL).
 * Returns how many need a restart. */
size_t conf_settings_diff(const struct conf_settings *old, const struct conf_settings *new,
	struct buf *reload, struct buf *restart);

/* The settings in force, defaults included, in the form of a config file. */
void conf_settings_write(const struct conf_settings *settings, struct buf *to);

#endif
