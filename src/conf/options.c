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

	{"mx", "user", CONF_TEXT, CONF_RESTART, 1, 32, FIELD(mx.user), .fallback = "<user>",
		.example = "rookery-mx",
		.help = "The system user of this role; without it the user outside the block."},
	{"mx", "listen", CONF_LISTEN, CONF_RESTART, .choices = "smtp submission submissions",
		FIELD(mx.listen), .fallback = "smtp *:25; submission *:587; submissions *:465",
		.help = "A protocol and an address; may be repeated. smtp takes mail from other "
			"servers, submission (STARTTLS) and submissions (TLS at once) from users "
			"who "
			"log in. The word proxy behind the address says that a load balancer in "
			"proxy_trusted sends a PROXY header."},
	{"mx", "store_socket", CONF_ADDRESS, CONF_RESTART, FIELD(mx.store_socket),
		.fallback = "unix:<run>/lmtp", .example = "unix:/run/rookery/lmtp",
		.help = "LMTP address of the store, where mail for local users is delivered."},
	{"mx", "directory", CONF_REMOTES, CONF_RESTART, FIELD(mx.directory),
		.fallback = "unix:<run>/authmod", .example = "tls:store.example.org:8120",
		.help = "The directory service (authmod protocol), which knows the users: a socket "
			"on this machine, or a store elsewhere that listens for it. Of several the "
			"first that works is asked."},
	{"mx", "directory_authorities", CONF_TEXT, CONF_RESTART, 0, 4096,
		FIELD(mx.directory_authorities), .fallback = "\"\"",
		.example = "/etc/rookery/directory-ca.pem",
		.help = "PEM file of who may have signed that store's certificate; without it "
			"those whom the system trusts."},
	{"mx", "directory_secret_file", CONF_TEXT, CONF_RESTART, 0, 4096,
		FIELD(mx.directory_secret_file), .fallback = "\"\"",
		.example = "/etc/rookery/directory.secret",
		.help = "A file whose first line that store has as its secret, too "
			"(store.authmod_secret_file). The role's user reads it; it lies below /etc "
			"or /usr."},
	{"mx", "max_message_size", CONF_SIZE, CONF_RESTART, 64 * KIB, 2 * GIB,
		FIELD(mx.max_message_size), .fallback = "64M",
		.help = "Largest message taken from other servers; announced by SIZE."},
	{"mx", "recipients_max", CONF_NUMBER, CONF_RESTART, 100, 100000, FIELD(mx.recipients_max),
		.fallback = "1000",
		.help = "Recipients of one message from another server; RFC 5321 asks for 100 at "
			"least."},
	{"mx", "submission_max_message_size", CONF_SIZE, CONF_RESTART, 64 * KIB, 2 * GIB,
		FIELD(mx.submission_max_message_size), .fallback = "64M",
		.help = "Largest message that a user may submit."},
	{"mx", "submission_recipients_max", CONF_NUMBER, CONF_RESTART, 1, 100000,
		FIELD(mx.submission_recipients_max), .fallback = "1000",
		.help = "Recipients of one message that a user submits."},
	{"mx", "command_timeout", CONF_DURATION, CONF_RESTART, SECOND, HOUR,
		FIELD(mx.command_timeout_ms), .fallback = "5m",
		.help = "How long the server waits for a command; RFC 5321 asks for 5 minutes."},
	{"mx", "data_timeout", CONF_DURATION, CONF_RESTART, SECOND, HOUR, FIELD(mx.data_timeout_ms),
		.fallback = "3m", .help = "How long it waits for the next piece of a message."},
	{"mx", "store_timeout", CONF_DURATION, CONF_RESTART, SECOND, HOUR,
		FIELD(mx.store_timeout_ms), .fallback = "1m",
		.help = "How long it waits for the store; then the sender is told to try again."},
	{"mx", "directory_timeout", CONF_DURATION, CONF_RESTART, SECOND, 10 * MINUTE,
		FIELD(mx.directory_timeout_ms), .fallback = "15s",
		.help = "How long it waits for the directory; then the sender is told to try "
			"again."},
	{"mx", "errors_max", CONF_NUMBER, CONF_RESTART, 1, 100000, FIELD(mx.errors_max),
		.fallback = "20",
		.help = "Commands in one session that may fail before the connection is closed."},
	{"mx", "control_socket", CONF_ADDRESS, CONF_RESTART, FIELD(mx.control_socket),
		.fallback = "unix:<run>/mx-control", .example = "unix:/run/rookery/mx-control",
		.help = "Where the rookery command reaches the running mx role: its queue."},
	{"mx.checks", "on", CONF_BOOL, CONF_RESTART, FIELD(mx.checks.on), .fallback = "yes",
		.help = "Whether anything is asked."},
	{"mx.checks", "trusted", CONF_NETWORKS, CONF_RESTART, FIELD(mx.checks.trusted),
		.fallback = "127.0.0.0/8 ::1", .example = "127.0.0.0/8 ::1 192.0.2.0/24",
		.help = "Networks of our own servers: nothing is asked about mail from there."},
	{"mx.checks", "dmarc", CONF_CHOICE, CONF_RESTART, .choices = "mark reject",
		FIELD(mx.checks.dmarc), .fallback = "mark",
		.help = "What becomes of mail whose author's domain wants it rejected when DMARC "
			"fails. mark: it is taken, and Authentication-Results says so. reject: it "
			"is refused (550 5.7.1), unless a chain of ARC holds."},
	{"mx.checks", "reject_score", CONF_NUMBER, CONF_RESTART, 0, 1000000,
		FIELD(mx.checks.reject_score), .fallback = "10",
		.help = "From which score on a client is refused, at its first recipient (554 "
			"5.7.1). What counts are its blocks dns_list, its HELO and its name. 0: "
			"never."},
	{"mx.checks", "mark_score", CONF_NUMBER, CONF_RESTART, 0, 1000000,
		FIELD(mx.checks.mark_score), .fallback = "5",
		.help = "From which score on the mail of a client is marked: a field "
			"X-Rookery-Score with the score and its reasons stands in front. 0: "
			"never."},
	{"mx.checks", "bad_helo_score", CONF_NUMBER, CONF_RESTART, 0, 1000,
		FIELD(mx.checks.bad_helo_score), .fallback = "1",
		.help = "What it adds when a client's HELO is neither a full name nor an address "
			"literal. 0: nothing."},
	{"mx.checks", "own_helo_score", CONF_NUMBER, CONF_RESTART, 0, 1000,
		FIELD(mx.checks.own_helo_score), .fallback = "3",
		.help = "What it adds when a client says in HELO that it has our own name or "
			"address. 0: nothing."},
	{"mx.checks", "no_ptr_score", CONF_NUMBER, CONF_RESTART, 0, 1000,
		FIELD(mx.checks.no_ptr_score), .fallback = "1",
		.help = "What it adds when a client's address has no name (PTR), or none that has "
			"the address, too. 0: nothing, and nobody asks."},
	{"mx.checks", "ask_timeout", CONF_DURATION, CONF_RESTART, 100, MINUTE,
		FIELD(mx.checks.ask_timeout_ms), .fallback = "3s",
		.help = "How long all questions about a client may take, which are asked at the "
			"same time; what is not answered then counts nothing."},
	{"mx.dns_list", "of", CONF_CHOICE, CONF_RESTART, .choices = "client domain", LIST(of),
		.fallback = "client",
		.help = "What is looked for in the list. client: the client's IP address. domain: "
			"the domains of the sender's address and of HELO."},
	{"mx.dns_list", "score", CONF_NUMBER, CONF_RESTART, 0, 1000000, LIST(score),
		.fallback = "5",
		.help = "What it adds to a client's score. A list of good clients is no use here: "
			"nothing takes away from a score."},
	{"mx.dns_list", "codes", CONF_RANGES, CONF_RESTART, LIST(codes),
		.fallback = "127.0.0.2-127.0.1.254", .example = "127.0.0.2 127.0.0.4-127.0.0.11",
		.help = "Answers of the list that count, addresses or ranges of them; the list's "
			"own page says what each means."},
	{"mx.greylist", "on", CONF_BOOL, CONF_RESTART, FIELD(mx.greylist.on), .fallback = "no",
		.help = "Whether clients that are new are put off (450 4.7.1)."},
	{"mx.greylist", "delay", CONF_DURATION, CONF_RESTART, SECOND, DAY,
		FIELD(mx.greylist.delay_ms), .fallback = "1m",
		.help = "After what time the same client may bring mail from the same sender to "
			"the same recipient."},
	{"mx.greylist", "retry", CONF_DURATION, CONF_RESTART, MINUTE, 30 * (uint64_t)DAY,
		FIELD(mx.greylist.retry_ms), .fallback = "1d",
		.help = "How long it has to come again; later it is new."},
	{"mx.greylist", "remember", CONF_DURATION, CONF_RESTART, HOUR, 365 * (uint64_t)DAY,
		FIELD(mx.greylist.remember_ms), .fallback = "30d",
		.help = "How long a client that came again may bring any mail at once, from the "
			"last time on that it did."},
	{"mx.greylist", "spare", CONF_CHOICE, CONF_RESTART, .choices = "nobody named spf",
		FIELD(mx.greylist.spare), .fallback = "nobody",
		.help = "Who with a score of 0 (mx.checks) need not wait. nobody: all wait. named: "
			"a client whose address has a name that has the address, too; without "
			"no_ptr_score nobody asks for it. spf: the same, and one whom SPF lets "
			"send for the sender's domain."},
	{"mx.limits", "messages_per_minute", CONF_NUMBER, CONF_RESTART, 0, 60000,
		FIELD(mx.limits.messages), .fallback = "0", .example = "100",
		.help = "Messages that one client may begin on port 25 in a minute; of IPv6 a /64 "
			"counts as one. What is more is put off (450 4.7.1). 0: any number."},
	{"mx.limits", "recipients_per_minute", CONF_NUMBER, CONF_RESTART, 0, 60000,
		FIELD(mx.limits.recipients), .fallback = "0", .example = "1000",
		.help = "Recipients that it may name in a minute, those that are not here, too. 0: "
			"any number."},
	{"mx.limits", "user_messages_per_hour", CONF_NUMBER, CONF_RESTART, 0, 60000,
		FIELD(mx.limits.user_messages), .fallback = "0", .example = "500",
		.help = "Messages that one user may submit in an hour, so that a password in wrong "
			"hands does not get this server onto lists. 0: any number."},
	{"mx.limits", "user_recipients_per_hour", CONF_NUMBER, CONF_RESTART, 0, 60000,
		FIELD(mx.limits.user_recipients), .fallback = "0", .example = "2000",
		.help = "Recipients that he may name in an hour. 0: any number."},
	{"mx.milter", "address", CONF_ADDRESS, CONF_RESTART, MILTER(address),
		.example = "127.0.0.1:11332",
		.help = "Where it listens: address and port, or unix: and the path of a socket "
			"that the mx role's user may write to."},
	{"mx.milter", "timeout", CONF_DURATION, CONF_RESTART, 100, 10 * MINUTE, MILTER(timeout_ms),
		.fallback = "30s",
		.help = "How long a connection or the answer to one step may take."},
	{"mx.milter", "message_timeout", CONF_DURATION, CONF_RESTART, 100, HOUR,
		MILTER(message_timeout_ms), .fallback = "5m",
		.help = "How long a message with its end may take. The sender waits meanwhile; RFC "
			"5321 has it wait for 10 minutes, over all milters."},
	{"mx.milter", "on_failure", CONF_CHOICE, CONF_RESTART, .choices = "tempfail accept reject",
		MILTER(on_failure), .fallback = "tempfail",
		.help = "What becomes of mail when it can't be reached, or does not answer. "
			"tempfail: the sender is told to try again later (451). accept: the mail "
			"goes on without it. reject: the mail is refused (550)."},
	{"mx.milter", "submission", CONF_BOOL, CONF_RESTART, MILTER(submission), .fallback = "yes",
		.help = "Whether it is asked about what users send, too."},
	{"mx.srs", "on", CONF_BOOL, CONF_RESTART, FIELD(mx.srs.on), .fallback = "yes",
		.help = "Whether senders in domains of others are written anew. When they are not, "
			"what came of it before is still led back."},
	{"mx.srs", "domain", CONF_TEXT, CONF_RESTART, 0, 255, FIELD(mx.srs.domain),
		.fallback = "\"\"", .example = "example.org",
		.help = "The domain of rewritten senders, whose MX and SPF records must name this "
			"server; one domain for all is needed only where some domains' records do "
			"not. \"\": the domain of the address that forwards."},
	{"mx.srs", "secret_file", CONF_TEXT, CONF_RESTART, 0, 4096, FIELD(mx.srs.secret_file),
		.fallback = "\"\"", .example = "/etc/rookery/srs.secrets",
		.help = "A file of secrets, one a line, of 16 bytes or more: the first one signs, "
			"all are believed. Front ends that are no mirror share it; it is read "
			"before privileges are dropped. \"\": a secret is made when it is needed "
			"first, and both nodes of a mirror have it."},
	{"mx.arc", "seal", CONF_CHOICE, CONF_RESTART, .choices = "forwarded no", FIELD(mx.arc.seal),
		.fallback = "forwarded",
		.help = "forwarded: mail that goes on to elsewhere is sealed where the domain of "
			"the address that forwards, or mx.srs.domain, has an RSA key (\"rookery "
			"dkim add\"). no: none is."},
	{"mx.outbound", "smart_host", CONF_TEXT, CONF_RESTART, 0, 255,
		FIELD(mx.outbound.smart_host), .fallback = "\"\"", .example = "192.0.2.25:25",
		.help = "Address and port of a server that takes all mail for elsewhere; a block "
			"transport \"*\" says more of it. Without either, the DNS says where mail "
			"for a domain goes."},
	{"mx.outbound", "port", CONF_NUMBER, CONF_RESTART, 1, 65535, FIELD(mx.outbound.port),
		.fallback = "25",
		.help = "Where other servers listen. Only tests have another one than 25."},
	{"mx.outbound", "mta_sts", CONF_BOOL, CONF_RESTART, FIELD(mx.outbound.mta_sts),
		.fallback = "yes",
		.help = "Whether policies of other domains that demand TLS with a verified "
			"certificate are fetched and kept to (MTA-STS, RFC 8461). Where DANE says "
			"so, that counts alone."},
	{"mx.outbound", "authorities", CONF_TEXT, CONF_RESTART, 0, 4096,
		FIELD(mx.outbound.authorities), .fallback = "\"\"",
		.example = "/etc/rookery/authorities.pem",
		.help = "A file of certificates by which those of other servers are verified, for "
			"MTA-STS and transports, in place of the system's; below /etc or /usr."},
	{"mx.outbound", "https_port", CONF_NUMBER, CONF_RESTART, 1, 65535,
		FIELD(mx.outbound.https_port), .fallback = "443",
		.help = "Where policies are fetched. Only tests have another one than 443."},
	{"mx.transport", "host", CONF_TEXT, CONF_RESTART, 1, 255, TRANSPORT(host),
		.example = "gateway.example.net",
		.help = "The server: a name, whose addresses are asked for and no MX record, or an "
			"IP address."},
	{"mx.transport", "port", CONF_NUMBER, CONF_RESTART, 1, 65535, TRANSPORT(port),
		.fallback = "25", .help = "The port on which it listens."},
	{"mx.transport", "tls", CONF_CHOICE, CONF_RESTART,
		.choices = "opportunistic required verify none", TRANSPORT(tls),
		.fallback = "opportunistic",
		.help = "opportunistic: when it is offered, with any certificate. required: or no "
			"mail. verify: the certificate must be the host's, by the authorities that "
			"this system trusts. none: not even when it is offered."},
	{"mx.transport", "user", CONF_TEXT, CONF_RESTART, 0, 255, TRANSPORT(user),
		.fallback = "\"\"", .example = "relay",
		.help = "Who logs in there; without it nobody does."},
	{"mx.transport", "password", CONF_TEXT, CONF_RESTART, 0, 255, TRANSPORT(password),
		.fallback = "\"\"", .example = "secret",
		.help = "The user's password. It is told over TLS only, or proved without being "
			"told (SCRAM, CRAM-MD5)."},
	{"mx.queue", "lifetime", CONF_DURATION, CONF_RESTART, MINUTE, 30 * (uint64_t)DAY,
		FIELD(mx.queue.lifetime_ms), .fallback = "5d",
		.help = "How long a message is tried before its sender hears that it has failed; "
			"RFC 5321 asks for 4 or 5 days at least."},
	{"mx.queue", "delay_warning", CONF_DURATION, CONF_RESTART, MINUTE, 30 * (uint64_t)DAY,
		FIELD(mx.queue.delay_warning_ms), .fallback = "4h",
		.help = "After that time its sender hears once that it takes long."},
	{"mx.queue", "connections", CONF_NUMBER, CONF_RESTART, 1, 10000,
		FIELD(mx.queue.connections), .fallback = "200",
		.help = "Connections to all destinations at the same time."},
	{"mx.queue", "connections_per_destination", CONF_NUMBER, CONF_RESTART, 1, 1000,
		FIELD(mx.queue.connections_per_destination), .fallback = "20",
		.help = "Connections to one destination at the same time; more than one only while "
			"it answers."},
	{"mx.queue", "take_over", CONF_DURATION, CONF_RESTART, 0, 5 * (uint64_t)DAY,
		FIELD(mx.queue.take_over_ms), .fallback = "10m",
		.help = "When the other node of a mirror has been away for so long, this one sends "
			"what waits in that one's queue. If it is not lost but only cut off, mail "
			"may "
			"go out twice. 0s: never by itself, but after \"rookery mirror replace\" "
			"or \"unpair\"."},

	{"store", "user", CONF_TEXT, CONF_RESTART, 1, 32, FIELD(store.user), .fallback = "<user>",
		.example = "rookery-store",
		.help = "The system user of this role; without it the user outside the block."},
	{"store", "listen", CONF_LISTEN, CONF_RESTART,
		.choices = "imap imaps pop3 pop3s lmtp authmod", FIELD(store.listen),
		.fallback = "imap *:143; imaps *:993; pop3 *:110; pop3s *:995",
		.help = "A protocol and an address; may be repeated. imap and pop3 offer STARTTLS, "
			"imaps and pop3s are TLS at once. lmtp has no login: give it an address "
			"that "
			"only mail servers of yours reach. authmod answers mx and proxies on other "
			"machines, by TLS at once. The word proxy behind the address says "
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
	{"store", "junk_trusted", CONF_NETWORKS, CONF_RESTART, FIELD(store.junk_trusted),
		.fallback = "", .example = "192.0.2.10",
		.help = "Networks of mx machines of ours that deliver by LMTP over the network: "
			"what "
			"they say of junk is believed as if they were on this machine."},
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
