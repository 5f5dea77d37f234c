/* A table of nftables by the flows. Input: who may reach a port of ours; all other ports are left
 * to others. Output: where the users of the roles may connect to, as long as they are not root. */
#include "cli/firewall.h"

#include "roles/role.h"
#include "roles/sandbox.h"

#include <arpa/inet.h>

enum { ROLES_MAX = 8 };

/* AF_INET, AF_INET6, or 0: no IP, nor a network. */
static int family(struct slice text)
{
	char copy[INET6_ADDRSTRLEN];
	unsigned char bytes[16];
	struct slice ip = slice_cut(&text, '/');
	if (ip.len == 0 || ip.len >= sizeof(copy))
		return 0;
	memcpy(copy, ip.ptr, ip.len);
	copy[ip.len] = '\0';
	return inet_pton(AF_INET, copy, bytes) == 1    ? AF_INET
	       : inet_pton(AF_INET6, copy, bytes) == 1 ? AF_INET6
						       : 0;
}

static const char *word(int ip_family)
{
	return ip_family == AF_INET6 ? "ip6" : "ip";
}

/* "ip saddr 192.0.2.0/24 "; nothing for what is no address. */
static void add_match(struct buf *to, const char *side, struct slice address)
{
	int ip = family(address);
	if (ip)
		buf_printf(to, "%s %s %.*s ", word(ip), side, SLICE_ARG(address));
}

/* One rule by which `from` (empty: anybody) reaches a port of ours. */
static void add_input(struct buf *to, const struct conf_flow *flow, struct slice from)
{
	int here = family(flow->host), there = family(from);
	if (here && there && here != there)
		return;
	buf_add_str(to, "\t\t");
	add_match(to, "daddr", flow->host);
	add_match(to, "saddr", from);
	buf_printf(to, "tcp dport %u accept comment \"%s%s%s\"\n", flow->port, flow->role,
		flow->role[0] ? " " : "", flow->what);
}

static void add_set(struct buf *to, const struct conf_list *list, int ip)
{
	const char *between = "\t\telements = { ";
	buf_printf(to, "\tset monitoring%s {\n\t\ttype %s\n\t\tflags interval\n\t\tauto-merge\n",
		ip == AF_INET ? "4" : "6", ip == AF_INET ? "ipv4_addr" : "ipv6_addr");
	for (size_t i = 0; i < list->count; i++)
		if (family(slice_str(list->items[i])) == ip) {
			buf_printf(to, "%s%s", between, list->items[i]);
			between = ", ";
		}
	buf_printf(to, "%s\t}\n", between[0] == ',' ? " }\n" : "");
}

static void add_inputs(const struct firewall *f, const struct conf_flow *flow, struct buf *to)
{
	bool store = strcmp(flow->role, "store") == 0;
	struct slice peer = slice_str(store ? f->store.peer : f->mx.peer);
	switch (flow->who) {
	case CONF_FLOW_ANYBODY:
		add_input(to, flow, SLICE(""));
		break;
	case CONF_FLOW_LISTED:
		if (flow->list->count == 0)
			buf_printf(to, "\t\t# %u, %s: nobody is in %s\n", flow->port, flow->what,
				flow->option);
		for (size_t i = 0; i < flow->list->count; i++)
			add_input(to, flow, slice_str(flow->list->items[i]));
		break;
	case CONF_FLOW_MONITORING:
		buf_printf(to,
			"\t\tip saddr @monitoring4 tcp dport %u accept comment \"%s\"\n"
			"\t\tip6 saddr @monitoring6 tcp dport %u accept comment \"%s\"\n",
			flow->port, flow->what, flow->port, flow->what);
		break;
	case CONF_FLOW_MIRROR:
		if (!family(peer))
			buf_printf(to, "\t\t# the other node is %.*s: put its address here\n",
				SLICE_ARG(peer));
		else
			add_input(to, flow, peer);
		break;
	}
}

/* All ports that are told about, each once. */
static void add_ports(const struct firewall *f, struct buf *to)
{
	const char *between = "";
	for (size_t i = 0; i < f->count; i++) {
		bool again = !f->flows[i].in;
		for (size_t j = 0; j < i && !again; j++)
			again = f->flows[j].in && f->flows[j].port == f->flows[i].port;
		if (again)
			continue;
		buf_printf(to, "%s%u", between, f->flows[i].port);
		between = ", ";
	}
}

struct owner {
	const char *role;
	uid_t uid;
};

/* Roles whose user is not root, and is known here. */
static size_t find_owners(const struct firewall *f, struct owner *owners)
{
	size_t count = 0;
	for (size_t i = 0; role_kinds[i] && count < ROLES_MAX; i++) {
		struct sandbox_user user;
		struct err err;
		if (role_kinds[i]->is_wanted(f->settings) &&
			sandbox_find_user(role_kinds[i]->user(f->settings), &user, &err) == 0 &&
			user.change)
			owners[count++] =
				(struct owner){.role = role_kinds[i]->name, .uid = user.uid};
	}
	return count;
}

static void add_output(const struct conf_flow *flow, uid_t uid, struct buf *to)
{
	buf_printf(to, "\t\tmeta skuid %u ", (unsigned)uid);
	add_match(to, "daddr", flow->host);
	buf_printf(to, "%s dport %u accept comment \"%s %s", flow->udp ? "udp" : "tcp", flow->port,
		flow->role, flow->what);
	if (!slice_eq(flow->host, SLICE("*")) && !family(flow->host))
		buf_printf(to, " %.*s", SLICE_ARG(slice_sub(flow->host, 0, 64)));
	buf_add_str(to, "\"\n");
}

static void add_outputs(const struct firewall *f, struct buf *to)
{
	struct owner owners[ROLES_MAX];
	size_t count = find_owners(f, owners);
	if (count == 0) {
		buf_add_str(to,
			"\t# Roles have no users of their own here: what they connect to is "
			"not filtered.\n");
		return;
	}
	buf_add_str(to, "\tchain output {\n\t\ttype filter hook output priority filter; policy "
			"accept;\n\t\toif lo accept\n\t\tct state established,related accept\n");
	for (size_t i = 0; i < f->count; i++)
		for (size_t o = 0; o < count && !f->flows[i].in; o++)
			if (strcmp(owners[o].role, f->flows[i].role) == 0)
				add_output(&f->flows[i], owners[o].uid, to);
	for (size_t o = 0; o < count; o++)
		buf_printf(to, "\t\tmeta skuid %u drop comment \"%s\"\n", (unsigned)owners[o].uid,
			owners[o].role);
	buf_add_str(to, "\t}\n");
}

void firewall_write_nftables(const struct firewall *f, struct buf *to)
{
	buf_printf(to,
		"#!/usr/sbin/nft -f\n# By `rookery firewall --nftables`, from %s. It is about "
		"ports "
		"of Rookery and users\n# of its roles, and about nothing else on this "
		"machine.\n\ntable inet rookery\ndelete table inet rookery\n"
		"table inet rookery {\n"
		"\t# Who asks for health and figures: load balancers are here, add monitoring.\n",
		f->settings->file);
	add_set(to, &f->settings->proxy_trusted, AF_INET);
	add_set(to, &f->settings->proxy_trusted, AF_INET6);
	buf_add_str(to,
		"\tchain input {\n\t\ttype filter hook input priority filter; policy accept;\n"
		"\t\tiif lo accept\n\t\tct state established,related accept\n");
	for (size_t i = 0; i < f->count; i++)
		if (f->flows[i].in)
			add_inputs(f, &f->flows[i], to);
	AUTO(buf_free) struct buf ports = BUF(64 * 1024);
	add_ports(f, &ports);
	if (ports.len > 0)
		buf_printf(to, "\t\ttcp dport { %s } drop\n", buf_cstr(&ports));
	buf_add_str(to, "\t}\n");
	add_outputs(f, to);
	buf_add_str(to, "}\n");
}
