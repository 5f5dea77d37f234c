/* The table of options, and finding rows in it by name. */
#include "conf/options.h"

#define FIELD(member)     .offset = offsetof(struct conf_settings, member)
#define ITEM(member)      .offset = offsetof(struct conf_certificate, member)
#define LIST(member)      .offset = offsetof(struct conf_dns_list, member)
#define MILTER(member)    .offset = offsetof(struct conf_milter, member)
#define TRANSPORT(member) .offset = offsetof(struct conf_transport, member)
#define ZONE(member)      .offset = offsetof(struct conf_dns_zone, member)

#define KIB ((uint64_t)1024)
#define MIB (KIB * 1024)
#define GIB (MIB * 1024)
#define TIB (GIB * 1024)

enum { SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE, DAY = 24 * HOUR };

/* Of a store that is one of two. */
#define MIRROR_OPTIONS(block, field, port)                                                         \
	{block, "listen", CONF_ADDRESS, CONF_RESTART, FIELD(field.listen), .fallback = "*:" port,  \
		.help = "Where the other node connects to, over TLS with the key of the pairing. " \
			"Opened only when this node is the first of a pair. Both nodes use the "   \
			"same port, 1024 or above."},                                              \
		{block, "ack", CONF_CHOICE, CONF_RESTART, .choices = "both both-or-tempfail one",  \
			FIELD(field.ack), .fallback = "both",                                      \
			.help = "When a client gets its answer. both: when both disks have what "  \
				"it wrote; "                                                       \
				"while the other node is away, when this disk has it. "            \
				"both-or-tempfail: "                                               \
				"only when both disks have it; while the other node is away all "  \
				"changes "                                                         \
				"are refused for now (4xx, NO [UNAVAILABLE]). one: when this "     \
				"disk has it; "                                                    \
				"what "                                                            \
				"is on its way then, at most 64 MB, is lost if this machine is, "  \
				"and "                                                             \
				"`rookery "                                                        \
				"mirror status` says how much that is."},                          \
		{block, "silence", CONF_DURATION, CONF_RESTART, 200, MINUTE,                       \
			FIELD(field.silence_ms), .fallback = "2s",                                 \
			.help = "How long the other node may say nothing before it is taken for "  \
				"dead. "                                                           \
				"Clients wait that long when it dies."},                           \
		{block, "compress", CONF_CHOICE, CONF_RESTART, .choices = "auto yes no",           \
			FIELD(field.compress), .fallback = "auto",                                 \
			.help = "Whether what goes to the other node is compressed, each message " \
				"by "                                                              \
				"itself. "                                                         \
				"auto: while it is 5 ms away or more, there and back. Each node "  \
				"decides "                                                         \
				"about what it sends; a mail of text takes a fourth to a half of " \
				"its bytes "                                                       \
				"then, and some CPU time at both nodes."},                         \
	{                                                                                          \
		block, "scrub", CONF_DURATION, CONF_RESTART, 0, 21 * DAY, FIELD(field.scrub_ms),   \
			.fallback = "1d",                                                          \
			.help = "How long after a scrub has ended the next one begins: all rows "  \
				"are "                                                             \
				"compared with the other node's and all bodies are read, slowly; " \
				"what is "                                                         \
				"damaged is fetched from there. 0s: never."                        \
	}

const struct conf_option conf_options[] = {
	{"", "hostname", CONF_HOST, CONF_RESTART, FIELD(hostname), .fallback = "<host>",
		.example = "mail.example.org",
		.help = "The name by which this machine calls itself in greetings and in Received "
			"lines. Other servers expect that it resolves to this machine's address. "
			"Without it, the system's full name is used."},
	{"", "data", CONF_PATH, CONF_RESTART, FIELD(data), .fallback = "/var/lib/rookery",
		.help = "The folder that holds everything: mail, users, keys. Back it up with "
			"\"rookery backup\", not by copying it while the server runs."},
	{"", "run", CONF_PATH, CONF_RESTART, FIELD(run), .fallback = "<data>/run",
		.example = "/run/rookery",
		.help = "The folder for Unix sockets by which the roles talk to each other. "
			"Packages set it to /run/rookery."},
	{"", "user", CONF_TEXT, CONF_RESTART, 1, 32, FIELD(user), .fallback = "rookery",
		.help = "The system user to whom a role changes after start, when the server is "
			"started as root. A role can have a user of its own."},
	{"", "control_socket", CONF_ADDRESS, CONF_RESTART, FIELD(control_socket),
		.fallback = "unix:<run>/control", .example = "unix:/run/rookery/control",
		.help = "Where the rookery command reaches the running server."},
	{"", "plain_login_on_loopback", CONF_BOOL, CONF_RESTART, FIELD(plain_login_on_loopback),
		.fallback = "no",
		.help = "Allows logging in without TLS from this machine itself. For tests and for "
			"proxies on the same machine; anybody with a shell on it can then try "
			"passwords unencrypted."},
	{"", "proxy_trusted", CONF_NETWORKS, CONF_RESTART, FIELD(proxy_trusted), .fallback = "",
		.example = "192.0.2.10 2001:db8:1::/64",
		.help = "Networks of load balancers whose PROXY protocol header (v1 or v2) is "
			"believed, on listeners that have the word proxy."},

	{"log", "level", CONF_CHOICE, CONF_RELOAD, .choices = "debug info warn error",
		FIELD(log.level), .fallback = "info",
		.help = "The least important lines to write."},
	{"log", "format", CONF_CHOICE, CONF_RESTART, .choices = "logfmt json", FIELD(log.format),
		.fallback = "logfmt", .help = "How a line looks: key=value pairs, or JSON."},
	{"log", "to", CONF_CHOICE, CONF_RESTART, .choices = "stderr journald", FIELD(log.to),
		.fallback = "stderr",
		.help = "Where lines go: standard error, or systemd's journal."},

	{"tls", "self_signed", CONF_BOOL, CONF_RELOAD, FIELD(tls.self_signed), .fallback = "yes",
		.help = "Makes a certificate of its own under the data folder when none is given, "
			"so "
			"that TLS works at once. Mail programs ask their user before they trust "
			"it."},
	{"tls.certificate", "chain", CONF_PATH, CONF_RELOAD, ITEM(chain),
		.example = "/etc/rookery/tls/fullchain.pem",
		.help = "PEM file with the certificate and the intermediate ones behind it."},
	{"tls.certificate", "key", CONF_PATH, CONF_RELOAD, ITEM(key),
		.example = "/etc/rookery/tls/key.pem", .help = "PEM file with the private key."},
	{"tls.certificate", "names", CONF_HOSTS, CONF_RELOAD, ITEM(names), .fallback = "",
		.example = "mail.example.org imap.example.org",
		.help = "Host names for which this certificate is chosen; *.example.org stands for "
			"one label. Without names it is the default."},

	{"tls.acme", "directory", CONF_TEXT, CONF_RESTART, 9, 1000, FIELD(tls.acme.directory),
		.fallback = "https://acme-v02.api.letsencrypt.org/directory",
		.help = "The authority: the URL of its directory. For trying, Let's Encrypt has "
			"https://acme-staging-v02.api.letsencrypt.org/directory, whose "
			"certificates nobody trusts and whose limits are wide."},
	{"tls.acme", "contact", CONF_TEXT, CONF_RESTART, 0, 255, FIELD(tls.acme.contact),
		.fallback = "\"\"", .example = "admin@example.org",
		.help = "The mail address under which the authority may reach the operator."},
	{"tls.acme", "names", CONF_HOSTS, CONF_RESTART, FIELD(tls.acme.names), .fallback = "",
		.example = "mail.example.org imap.example.org",
		.help = "Host names that the certificate is for. Each must lead to this machine, "
			"or to either node of a mirror, for the authority looks there whether it "
			"is ours. Names with * can't be had so."},
	{"tls.acme", "certificates", CONF_CHOICE, CONF_RESTART, .choices = "one each",
		FIELD(tls.acme.certificates), .fallback = "one",
		.help = "one: a certificate that has all names; if one of them fails none is had. "
			"each: a certificate for each name, chosen by the name that a client asks "
			"for."},
	{"tls.acme", "challenge", CONF_CHOICE, CONF_RESTART, .choices = "http tls-alpn",
		FIELD(tls.acme.challenge), .fallback = "http",
		.help = "How the authority looks whether a name is ours. http: it asks at port 80 "
			"(http-01). tls-alpn: it begins TLS at port 443 (tls-alpn-01, RFC 8737)."},
	{"tls.acme", "http_listen", CONF_ADDRESS, CONF_RESTART, FIELD(tls.acme.http_listen),
		.fallback = "*:80",
		.help = "Where questions of http-01 are answered. The authority asks at port 80 of "
			"each name: another port here is for a proxy in front."},
	{"tls.acme", "tls_listen", CONF_ADDRESS, CONF_RESTART, FIELD(tls.acme.tls_listen),
		.fallback = "*:443",
		.help = "Where those of tls-alpn-01 are answered; the authority asks at port 443."},
	{"tls.acme", "redirect", CONF_BOOL, CONF_RESTART, FIELD(tls.acme.redirect),
		.fallback = "no",
		.help = "Whether all else that is asked for at http_listen is led to https of the "
			"same host. Otherwise it is not found (404)."},
	{"tls.acme", "agree_to_terms", CONF_BOOL, CONF_RESTART, FIELD(tls.acme.agree_to_terms),
		.fallback = "no", .example = "yes",
		.help = "That you agree to the authority's terms of service. Without yes, it gives "
			"no certificate."},
	{"tls.acme", "reuse_key", CONF_BOOL, CONF_RESTART, FIELD(tls.acme.reuse_key),
		.fallback = "yes",
		.help = "Whether a renewed certificate has the key of the one before, so that a "
			"TLSA record that names the key (DANE, 3 1 1) stays right."},
	{"tls.acme", "authorities", CONF_TEXT, CONF_RESTART, 0, 4096, FIELD(tls.acme.authorities),
		.fallback = "\"\"", .example = "/etc/rookery/authorities.pem",
		.help = "A file of certificates by which the authority's own server is verified, "
			"in place of the system's."},
	{"tls.acme", "eab_kid", CONF_TEXT, CONF_RESTART, 0, 255, FIELD(tls.acme.eab_kid),
		.fallback = "\"\"", .example = "kid-1",
		.help = "External account binding: the name of the key that an authority gave its "
			"customer."},
	{"tls.acme", "eab_hmac_key", CONF_TEXT, CONF_RESTART, 0, 1000, FIELD(tls.acme.eab_hmac_key),
		.fallback = "\"\"",
		.example = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W",
		.help = "That key, as the authority writes it (base64url)."},
	{"tls.acme", "retry", CONF_DURATION, CONF_RESTART, SECOND, DAY, FIELD(tls.acme.retry_ms),
		.fallback = "10m",
		.help = "How long after a failure it is tried again; each time it fails in a row "
			"twice as long, a day at most. Authorities bear few failures."},

	{"dns", "servers", CONF_SERVERS, CONF_RESTART, FIELD(dns.servers), .fallback = "",
		.example = "127.0.0.1:53",
		.help = "Resolvers that are asked everything. They must pass on DNSSEC records. "
			"Without any, the Internet's name servers are asked themselves, from the "
			"root on."},
	{"dns", "resolv_conf", CONF_TEXT, CONF_RESTART, 0, 4096, FIELD(dns.resolv_conf),
		.fallback = "\"\"", .example = "/etc/resolv.conf",
		.help = "A file that names the resolvers to ask, in place of servers; read at "
			"start."},
	{"dns", "root_key", CONF_TEXT, CONF_RESTART, 0, 4096, FIELD(dns.root_key),
		.fallback = "/usr/share/dns/root.key",
		.help = "The trust anchors of the root zone, as Debian's package dns-root-data "
			"has them. \"\" turns validation by them off, and with it DANE."},
	{"dns", "anchors", CONF_TEXT, CONF_RESTART, 0, 4096, FIELD(dns.anchors), .fallback = "\"\"",
		.example = "/etc/rookery/anchors",
		.help = "A file with more trust anchors, for private zones: DS or DNSKEY records."},
	{"dns", "timeout", CONF_DURATION, CONF_RESTART, 100, 10 * MINUTE, FIELD(dns.timeout_ms),
		.fallback = "20s",
		.help = "How long an answer is waited for; then what asked goes on as with a name "
			"server that fails, which is never as with a name that is not there."},
	{"dns.zone", "servers", CONF_SERVERS, CONF_RESTART, ZONE(servers),
		.example = "192.0.2.53:53", .help = "The zone's name servers."},
	{"dns.zone", "signed", CONF_BOOL, CONF_RESTART, ZONE(is_signed), .fallback = "no",
		.help = "Whether the zone is signed, and validated from the root or from one of "
			"the anchors."},

#include "conf/options_directory.inc"

	{"limits", "connections", CONF_NUMBER, CONF_RESTART, 1, 10000000, FIELD(limits.connections),
		.fallback = "100000", .help = "Connections at the same time, over all listeners."},
	{"limits", "connections_per_address", CONF_NUMBER, CONF_RESTART, 1, 10000000,
		FIELD(limits.connections_per_address), .fallback = "1000",
		.help = "Connections at the same time from one address (IPv6: one /64)."},
	{"limits", "auth_failures_per_address", CONF_NUMBER, CONF_RESTART, 1, 1000000,
		FIELD(limits.auth_failures_per_address), .fallback = "20",
		.help = "Wrong passwords from one address within auth_failure_window before "
			"further "
			"attempts are refused unseen until the window is over."},
	{"limits", "auth_failure_window", CONF_DURATION, CONF_RESTART, SECOND, 7 * DAY,
		FIELD(limits.auth_failure_window_ms), .fallback = "10m",
		.help = "How long a wrong password counts."},
	{"limits", "workers", CONF_NUMBER, CONF_RESTART, 1, 4096, FIELD(limits.workers),
		.fallback = "256",
		.help = "Threads at most. Waiting connections need none; only commands that are "
			"being carried out do."},

	{"metrics", "listen", CONF_ADDRESS, CONF_RESTART, FIELD(metrics.listen),
		.fallback = "127.0.0.1:9090",
		.help = "Address of the figures. They are not secret but not for everybody "
			"either."},

#include "conf/options_mx.inc"

	{"store", "user", CONF_TEXT, CONF_RESTART, 1, 32, FIELD(store.user), .fallback = "<user>",
		.example = "rookery-store",
		.help = "The system user of this role; without it the user outside the block."},
	{"store", "listen", CONF_LISTEN, CONF_RESTART,
		.choices = "imap imaps pop3 pop3s lmtp authmod move", FIELD(store.listen),
		.fallback = "imap *:143; imaps *:993; pop3 *:110; pop3s *:995",
		.help = "A protocol and an address; may be repeated. imap and pop3 offer STARTTLS, "
			"imaps and pop3s are TLS at once. lmtp has no login: give it an address "
			"that "
			"only mail servers of yours reach. authmod answers mx and proxies on other "
			"machines, by TLS at once; move lets other nodes bring users here. The "
			"word proxy behind the address says "
			"that a load balancer in proxy_trusted sends a PROXY header."},
	{"store", "lmtp_socket", CONF_ADDRESS, CONF_RESTART, FIELD(store.lmtp_socket),
		.fallback = "unix:<run>/lmtp", .example = "unix:/run/rookery/lmtp",
		.help = "Where the mx role on this machine delivers; served beside the listeners."},
	{"store", "authmod_socket", CONF_ADDRESS, CONF_RESTART, FIELD(store.authmod_socket),
		.fallback = "unix:<run>/authmod", .example = "unix:/run/rookery/authmod",
		.help = "Where other roles ask the directory service."},
	{"store", "authmod_trusted", CONF_NETWORKS, CONF_RESTART, FIELD(store.authmod_trusted),
		.fallback = "", .example = "192.0.2.0/24",
		.help = "Networks from which listeners of authmod are spoken to."},
	{"store", "authmod_secret_file", CONF_TEXT, CONF_RESTART, 0, 4096,
		FIELD(store.authmod_secret_file), .fallback = "\"\"",
		.example = "/etc/rookery/directory.secret",
		.help = "A file whose first line must be said there before anything is answered. "
			"Who knows it can try passwords and gets the keys of SCRAM. The role's "
			"user reads it; it lies below /etc or /usr."},
	{"store", "front_ends", CONF_NETWORKS, CONF_RESTART, FIELD(store.front_ends),
		.fallback = "", .example = "192.0.2.10",
		.help = "Networks of proxies and mx machines of ours. They speak for others: who "
			"their clients are is believed (ID of IMAP, XCLIENT of POP3 and LMTP), "
			"what "
			"their mail says of junk, and logins of masters. Those on this machine "
			"that "
			"come by a Unix socket need not be here."},
	{"store", "masters_file", CONF_TEXT, CONF_RESTART, 0, 4096, FIELD(store.masters_file),
		.fallback = "\"\"", .example = "/etc/rookery/masters",
		.help = "Who may log in as any user with a password of his own: lines NAME:HASH, "
			"as "
			"\"rookery password hash\" writes the hash. Only where front ends of ours "
			"ask, by SASL PLAIN with the user as the one to act for. The role's user "
			"reads it; it lies below /etc or /usr."},
	{"store", "move_trusted", CONF_NETWORKS, CONF_RESTART, FIELD(store.move_trusted),
		.fallback = "", .example = "192.0.2.0/24",
		.help = "Networks of nodes that may bring users here (\"rookery user move\")."},
	{"store", "move_secret_file", CONF_TEXT, CONF_RESTART, 0, 4096,
		FIELD(store.move_secret_file), .fallback = "\"\"",
		.example = "/etc/rookery/move.secret",
		.help = "A file whose first line the nodes between which users move say to each "
			"other. Who knows it can bring any account here. The role's user reads it; "
			"it lies below /etc or /usr."},
	{"store", "move_authorities", CONF_TEXT, CONF_RESTART, 0, 4096,
		FIELD(store.move_authorities), .fallback = "\"\"",
		.example = "/etc/rookery/nodes.pem",
		.help = "A file of certificates by which that of the other node is verified, in "
			"place of the system's; below /etc or /usr."},
	{"store", "segment_size", CONF_SIZE, CONF_RESTART, MIB, 4 * GIB, FIELD(store.segment_size),
		.fallback = "256M",
		.help = "Size at which a file of message bodies is closed and the next one begun."},
	{"store", "cache_size", CONF_SIZE, CONF_RESTART, MIB, TIB, FIELD(store.cache_size),
		.fallback = "64M", .help = "Memory for the cache of the index."},
	{"store", "compact_interval", CONF_DURATION, CONF_RESTART, SECOND, 7 * DAY,
		FIELD(store.compact_interval_ms), .fallback = "10m",
		.help = "How often files of bodies that are mostly dead are looked for and "
			"rewritten."},
	{"store", "plus_separator", CONF_TEXT, CONF_RESTART, 0, 1, FIELD(store.plus_separator),
		.fallback = "+",
		.help = "What parts the user from the detail in user+detail@example.org; \"\" "
			"turns "
			"this off."},
	{"store", "junk_header", CONF_TEXT, CONF_RESTART, 0, 255, FIELD(store.junk_header),
		.fallback = "\"X-Spam X-Spam-Flag\"",
		.help = "Names of header fields, a space between: mail in which one of them begins "
			"with \"Yes\" goes into the mailbox for junk instead of INBOX. Our mx "
			"takes "
			"such fields out of mail that comes from elsewhere, so they are what its "
			"milters say. \"\" turns this off."},
	{"store", "quota", CONF_SIZE, CONF_RESTART, 0, 1024 * TIB, FIELD(store.quota),
		.fallback = "0",
		.help = "Bytes that an account may hold where neither user nor domain says "
			"otherwise; 0 means no limit."},
	{"store", "quota_messages", CONF_NUMBER, CONF_RESTART, 0, UINT32_MAX,
		FIELD(store.quota_messages), .fallback = "0",
		.help = "Messages that an account may hold likewise; 0 means no limit."},
	{"store", "append_limit", CONF_SIZE, CONF_RESTART, 64 * KIB, 2 * GIB,
		FIELD(store.append_limit), .fallback = "64M",
		.help = "Largest message that IMAP APPEND and LMTP take."},
	{"store", "login_timeout", CONF_DURATION, CONF_RESTART, SECOND, HOUR,
		FIELD(store.login_timeout_ms), .fallback = "1m",
		.help = "How long a connection may stay without logging in."},
	{"store", "imap_idle_timeout", CONF_DURATION, CONF_RESTART, SECOND, 7 * DAY,
		FIELD(store.imap_idle_timeout_ms), .fallback = "30m",
		.help = "How long an IMAP client may say nothing; RFC 9051 asks for 30 minutes."},
	{"store", "pop3_idle_timeout", CONF_DURATION, CONF_RESTART, SECOND, 7 * DAY,
		FIELD(store.pop3_idle_timeout_ms), .fallback = "10m",
		.help = "How long a POP3 client may say nothing; RFC 1939 asks for 10 minutes."},
	{"store", "lmtp_idle_timeout", CONF_DURATION, CONF_RESTART, SECOND, 7 * DAY,
		FIELD(store.lmtp_idle_timeout_ms), .fallback = "5m",
		.help = "How long an LMTP client may say nothing."},
	{"store", "password_hash_memory", CONF_SIZE, CONF_RESTART, MIB, 4 * GIB,
		FIELD(store.password_hash_memory), .fallback = "19M",
		.help = "Memory that hashing a new password takes (argon2id)."},
	{"store", "password_hash_passes", CONF_NUMBER, CONF_RESTART, 1, 100,
		FIELD(store.password_hash_passes), .fallback = "2",
		.help = "Passes over that memory."},
	{"store", "password_cache", CONF_DURATION, CONF_RESTART, 0, DAY,
		FIELD(store.password_cache_ms), .fallback = "10m",
		.help = "How long a password that was right once is remembered as a keyed digest "
			"in "
			"memory, so that a client that logs in often is not hashed each time; 0s "
			"turns this off."},
	{"store", "scram_iterations", CONF_NUMBER, CONF_RESTART, 4096, 10000000,
		FIELD(store.scram_iterations), .fallback = "15000",
		.help = "Iterations of the SCRAM-SHA-256 keys of new passwords; RFC 7677 asks for "
			"4096 at least."},

	{"store.learn", "address", CONF_ADDRESS, CONF_RESTART, FIELD(store.learn.address),
		.fallback = "127.0.0.1:11334", .example = "unix:/run/rspamd/controller.sock",
		.help = "Where rspamd's controller listens, for HTTP: address and port, or unix: "
			"and the path of a socket that the store role's user may write to."},
	{"store.learn", "password", CONF_TEXT, CONF_RESTART, 0, 255, FIELD(store.learn.password),
		.fallback = "\"\"", .example = "secret",
		.help = "The controller's enable_password, or password; \"\" when it trusts this "
			"machine's addresses."},

#include "conf/options_proxy.inc"
#include "conf/options_web.inc"
#include "conf/options_proxy_http.inc"

	MIRROR_OPTIONS("store.mirror", store.mirror, "7625"),
	MIRROR_OPTIONS("mx.mirror", mx.mirror, "7626"),
};
const size_t conf_option_count = ARRAY_LEN(conf_options);

const struct conf_option *conf_option_find(const struct conf_block *block, struct slice key)
{
	for (size_t i = 0; i < conf_option_count; i++)
		if (conf_option_is_in(&conf_options[i], block) &&
			slice_eq(key, slice_str(conf_options[i].key)))
			return &conf_options[i];
	return NULL;
}

void conf_option_name(const struct conf_option *option, struct buf *to)
{
	if (option->block[0])
		buf_printf(to, "%s.", option->block);
	buf_add_str(to, option->key);
}
