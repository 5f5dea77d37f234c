/* The table of blocks, and finding them by name. */
#include "conf/options.h"

const struct conf_block conf_blocks[] = {
	{.path = "",
		.on = CONF_NO_OFFSET,
		.help = "Options outside all blocks hold for the whole machine."},
	{.path = "log", .on = CONF_NO_OFFSET, .help = "Where log lines go. One line is one event."},
	{.path = "tls",
		.on = CONF_NO_OFFSET,
		.help = "Certificates. They are read again at reload; connections that stand keep "
			"what they have."},
	{.path = "tls.certificate",
		.label = "a name for your own use",
		.on = CONF_NO_OFFSET,
		.item_size = sizeof(struct conf_certificate),
		.items = offsetof(struct conf_settings, tls.certificates),
		.count = offsetof(struct conf_settings, tls.certificate_count),
		.help = "One certificate with its key. May be repeated: a client gets the one "
			"whose "
			"names fit the host name that it asked for, else the first one that has no "
			"names, else the first one."},
	{.path = "tls.acme",
		.on = offsetof(struct conf_settings, tls.acme.on),
		.help = "Certificates from an authority that gives them by itself, like Let's "
			"Encrypt (ACME, RFC 8555). They are had and renewed when the block is "
			"there; \"rookery certificate list\" shows how they are."},
	{.path = "dns",
		.on = CONF_NO_OFFSET,
		.help = "How names are looked up in the DNS. Answers are cached, and validated by "
			"DNSSEC where zones are signed. \"rookery dns lookup\" and \"rookery dns "
			"route\" show what comes of it."},
	{.path = "dns.zone",
		.label = "the zone's name",
		.on = CONF_NO_OFFSET,
		.item_size = sizeof(struct conf_dns_zone),
		.items = offsetof(struct conf_settings, dns.zones),
		.count = offsetof(struct conf_settings, dns.zone_count),
		.help = "A private zone, with name servers of its own. May be repeated."},
	{.path = "cluster",
		.on = CONF_NO_OFFSET,
		.help = "The other nodes, which forget a user together with this one."},
	{.path = "directory",
		.on = CONF_NO_OFFSET,
		.help = "Who has a mailbox here, and which password fits. \"rookery directory test "
			"USER\" shows what it says of somebody. A machine with the mx role alone "
			"has "
			"this block as the machine has where its store is."},
	{.path = "directory.ldap",
		.on = CONF_NO_OFFSET,
		.help = "A directory in LDAP, of the driver ldap."},
	{.path = "directory.ldap.attributes",
		.on = CONF_NO_OFFSET,
		.help = "Which attributes of an entry say what. \"\": none does. The names are "
			"those "
			"of deploy/rookery.schema where inetOrgPerson has none."},
	{.path = "directory.postgresql",
		.on = CONF_NO_OFFSET,
		.help = "Users in a PostgreSQL database."},
	{.path = "directory.authmod",
		.on = CONF_NO_OFFSET,
		.help = "Users that a program or a server knows which speaks the authmod line "
			"protocol."},
	{.path = "limits",
		.on = CONF_NO_OFFSET,
		.help = "What clients may use up. The limits hold for each role by itself."},
	{.path = "metrics",
		.on = offsetof(struct conf_settings, metrics.on),
		.help = "Figures for Prometheus under /metrics and a health check under /health. "
			"Off unless this block is there."},
	{.path = "mx",
		.on = offsetof(struct conf_settings, mx.on),
		.help = "The role that takes mail in: SMTP from other servers, submission from "
			"users. This machine has the role when the block is there."},
	{.path = "mx.arc",
		.on = CONF_NO_OFFSET,
		.help = "What is found about mail on its way in is sealed (ARC, RFC 8617) when the "
			"mail goes on to elsewhere, so that the server there can believe it."},
	{.path = "mx.backup",
		.on = CONF_NO_OFFSET,
		.help = "Domains for which this machine is a backup MX: their mail is taken from "
			"anybody, kept in the queue, and passed to the domain's better hosts, as "
			"the "
			"DNS (or a transport) has them, never to ourselves."},
	{.path = "mx.checks",
		.on = CONF_NO_OFFSET,
		.help = "What is asked about mail from other servers: SPF, DKIM, ARC and DMARC. "
			"What "
			"is found stands in front of the message (Authentication-Results)."},
	{.path = "mx.dns_list",
		.label = "the list's zone",
		.on = CONF_NO_OFFSET,
		.item_size = sizeof(struct conf_dns_list),
		.items = offsetof(struct conf_settings, mx.dns_lists),
		.count = offsetof(struct conf_settings, mx.dns_list_count),
		.help = "A list in the DNS (RFC 5782) of clients or domains that send what nobody "
			"wants, or of domains to which such mail links. Who is on it has a higher "
			"score; mx.checks says what comes of "
			"that. Nobody in mx.checks.trusted, no user and nobody on this machine is "
			"asked about. May be repeated."},
	{.path = "mx.greylist",
		.on = CONF_NO_OFFSET,
		.help = "Clients that bring mail for the first time are asked to come again, which "
			"mail servers do and many senders of junk do not; mail from new "
			"correspondents is late for it. A client is its network, /24 or /64."},
	{.path = "mx.limits",
		.on = CONF_NO_OFFSET,
		.help = "How much mail one client or one user may bring. What was not used flows "
			"back evenly over the minute or hour. Who is in mx.checks.trusted, or on "
			"this machine, has no limit on port 25; users have theirs anywhere."},
	{.path = "mx.milter",
		.label = "its name, for logs and metrics",
		.on = CONF_NO_OFFSET,
		.item_size = sizeof(struct conf_milter),
		.items = offsetof(struct conf_settings, mx.milters),
		.count = offsetof(struct conf_settings, mx.milter_count),
		.help = "A milter (rspamd, clamav-milter, ...) that is asked about mail on its way "
			"in. May be repeated: they are asked in the order of the file, and each is "
			"shown what those before it have changed."},
	{.path = "mx.outbound",
		.on = CONF_NO_OFFSET,
		.help = "Of mail that users send to other servers."},
	{.path = "mx.queue",
		.on = CONF_NO_OFFSET,
		.help = "Of mail that waits on its way, in the mx role's own store: for servers "
			"elsewhere, or for our store while that is away."},
	{.path = "mx.mirror",
		.on = CONF_NO_OFFSET,
		.help = "Of the mx role's own store, the queue and DKIM keys, where it is one of "
			"two which are kept equal. It need not be there: \"rookery mirror pair\" "
			"pairs it together with the store."},
	{.path = "mx.reports",
		.on = CONF_NO_OFFSET,
		.help = "Reports that go once a day to domains that ask for them: how mail in "
			"their name was judged here (DMARC), and how TLS went when mail was "
			"brought to them (TLS-RPT). \"rookery report\" shows what is gathered."},
	{.path = "mx.srs",
		.on = CONF_NO_OFFSET,
		.help = "Of mail that an alias or a user forwards to elsewhere: its sender is "
			"written as an address of ours that stands for it (SRS), so that SPF lets "
			"it pass there, and reports come back here and are led to the sender."},
	{.path = "mx.transport",
		.label = "a domain, \".example.net\" for all below it, or \"*\" for all others",
		.on = CONF_NO_OFFSET,
		.item_size = sizeof(struct conf_transport),
		.items = offsetof(struct conf_settings, mx.transports),
		.count = offsetof(struct conf_settings, mx.transport_count),
		.help = "Where mail for a domain goes, whatever the DNS says: a gateway, or, for "
			"\"*\", a smart host that takes all mail for elsewhere. The domain's own "
			"block goes before those of longer and shorter names above it. May be "
			"repeated."},
	{.path = "mx.xclient",
		.on = CONF_NO_OFFSET,
		.help = "Front ends of ours (filters, load balancers, Postfix, nginx) that pass "
			"their "
			"clients on by SMTP and say by XCLIENT who they are: then all checks, "
			"limits "
			"and logs are about the client, not about the front end."},
	{.path = "proxy",
		.on = offsetof(struct conf_settings, proxy.on),
		.help = "The role that looks up where a user lives and passes his connection on to "
			"that back end. This machine has the role when the block is there."},
	{.path = "proxy.backend",
		.label = "its name, as the directory has it",
		.on = CONF_NO_OFFSET,
		.item_size = sizeof(struct conf_backend),
		.items = offsetof(struct conf_settings, proxy.backends),
		.count = offsetof(struct conf_settings, proxy.backend_count),
		.help = "What holds for one back end alone. Those that need nothing of the kind "
			"need no block. May be repeated."},
	{.path = "store",
		.on = offsetof(struct conf_settings, store.on),
		.help = "The role that keeps mailboxes and serves them. This machine has the role "
			"when the block is there."},
	{.path = "store.learn",
		.on = offsetof(struct conf_settings, store.learn.on),
		.help = "A spam filter learns from what users move and copy into their mailbox for "
			"junk, and out of it. It does when the block is there; it may be empty."},
	{.path = "store.mirror",
		.on = CONF_NO_OFFSET,
		.help = "Of a store that is one of two which are kept equal. It need not be there: "
			"\"rookery mirror pair\" makes a mirror."},
};
const size_t conf_block_count = ARRAY_LEN(conf_blocks);

const char *conf_block_name(const struct conf_block *block)
{
	const char *dot = strrchr(block->path, '.');
	return dot ? dot + 1 : block->path;
}

bool conf_block_is_child(const struct conf_block *parent, const struct conf_block *child)
{
	struct slice path = slice_str(child->path), up = slice_str(parent->path);
	size_t name = strlen(conf_block_name(child));
	size_t parent_len = path.len > name ? path.len - name - 1 : 0;
	return path.len > 0 && slice_eq(slice_sub(path, 0, parent_len), up);
}

const struct conf_block *conf_block_find(const struct conf_block *parent, struct slice name)
{
	for (size_t i = 0; i < conf_block_count; i++)
		if (conf_block_is_child(parent, &conf_blocks[i]) &&
			slice_eq(name, slice_str(conf_block_name(&conf_blocks[i]))))
			return &conf_blocks[i];
	return NULL;
}
