/* Collects what conf/flows.h says, with the other node of a mirror as the pairing has it, and
 * prints it: a table, JSON, or rules for nftables (firewall_nft.c). */
#include "cli/firewall.h"

#include "base/alloc.h"
#include "mirror/pairing.h"

enum { TEXT_MAX = 4 << 20 };

const char *firewall_whom(const struct conf_flow *flow)
{
	switch (flow->who) {
	case CONF_FLOW_ANYBODY:
		return "anybody";
	case CONF_FLOW_LISTED:
		return flow->option;
	case CONF_FLOW_MONITORING:
		return "monitoring, load balancers";
	case CONF_FLOW_MIRROR:
		return "the other node of the mirror";
	}
	return "";
}

/* The host of "host:port", "[v6]:port". */
static struct slice host_of(const char *address)
{
	struct slice text = slice_str(address);
	if (slice_starts(text, SLICE("["))) {
		ssize_t close = slice_find(text, ']');
		return close > 0 ? slice_sub(text, 1, (size_t)close - 1) : text;
	}
	ssize_t colon = slice_find(text, ':');
	return colon < 0 ? text : slice_sub(text, 0, (size_t)colon);
}

static void load_pairing(const struct conf_settings *settings, const char *role, bool *known,
	bool *is_first, char *peer)
{
	struct mirror_pairing pairing;
	char folder[600];
	struct err err;
	(void)snprintf(folder, sizeof(folder), "%s/%s", settings->data, role);
	if (mirror_pairing_load(folder, &pairing, &err) != 0)
		return;
	struct slice host = host_of(pairing.peer);
	*known = true;
	*is_first = pairing.is_first;
	(void)snprintf(peer, MIRROR_PEER_MAX + 1, "%.*s", SLICE_ARG(host));
	explicit_bzero(&pairing, sizeof(pairing));
}

static bool is_of_pair(const struct firewall *f, struct conf_flow *flow)
{
	bool store = strcmp(flow->role, "store") == 0;
	bool known = store ? f->store.known : f->mx.known;
	bool first = store ? f->store.is_first : f->mx.is_first;
	if (!flow->in)
		flow->host = slice_str(store ? f->store.peer : f->mx.peer);
	return known && flow->in == first;
}

static void collect(void *context, const struct conf_flow *flow)
{
	struct firewall *f = context;
	struct conf_flow one = *flow;
	if (one.who == CONF_FLOW_MIRROR && !is_of_pair(f, &one))
		return;
	if (f->count == FIREWALL_FLOWS_MAX)
		f->more = true;
	else
		f->flows[f->count++] = one;
}

static json_t *from_list(const struct firewall *f, const struct conf_flow *flow)
{
	json_t *from = json_array();
	if (flow->who == CONF_FLOW_ANYBODY)
		(void)json_array_append_new(from, json_string("*"));
	if (flow->who == CONF_FLOW_MIRROR)
		(void)json_array_append_new(from,
			json_string(strcmp(flow->role, "store") == 0 ? f->store.peer : f->mx.peer));
	for (size_t i = 0; flow->list && i < flow->list->count; i++)
		(void)json_array_append_new(from, json_string(flow->list->items[i]));
	return from;
}

static json_t *describe(const struct firewall *f, const struct conf_flow *flow)
{
	json_t *object = json_pack("{s:s, s:s, s:s, s:s%, s:i}", "role",
		flow->role[0] ? flow->role : "supervisor", "what", flow->what, "transport",
		flow->udp ? "udp" : "tcp", flow->in ? "address" : "host", flow->host.ptr,
		flow->host.len, "port", (int)flow->port);
	if (flow->in) {
		(void)json_object_set_new(object, "for", json_string(firewall_whom(flow)));
		(void)json_object_set_new(object, "from", from_list(f, flow));
	}
	return object;
}

static int print_json(const struct firewall *f)
{
	json_t *in = json_array(), *out = json_array();
	for (size_t i = 0; i < f->count; i++)
		(void)json_array_append_new(f->flows[i].in ? in : out, describe(f, &f->flows[i]));
	json_t *all = json_pack("{s:o, s:o}", "listens", in, "connects", out);
	(void)json_dumpf(all, stdout, JSON_INDENT(1));
	printf("\n");
	json_decref(all);
	return CLI_DONE;
}

/* "192.0.2.1, 192.0.2.2 (store.front_ends)". */
static void write_whom(const struct firewall *f, const struct conf_flow *flow, struct buf *to)
{
	json_t *from = from_list(f, flow);
	for (size_t i = 0; flow->who != CONF_FLOW_ANYBODY && i < json_array_size(from); i++)
		buf_printf(to, "%s%s", i ? ", " : "", json_string_value(json_array_get(from, i)));
	const char *whom = firewall_whom(flow);
	if (json_array_size(from) == 0 && flow->who == CONF_FLOW_LISTED)
		buf_printf(to, "nobody yet: %s is empty", whom);
	else if (to->len > 0)
		buf_printf(to, " (%s)", whom);
	else
		buf_add_str(to, whom);
	json_decref(from);
}

static void print_row(const struct conf_flow *flow, const char *whom)
{
	char host[300];
	(void)snprintf(host, sizeof(host), "%.*s",
		SLICE_ARG(slice_eq(flow->host, SLICE("*")) ? SLICE("any") : flow->host));
	printf("  %-10s  %-20s  %5u/%s  %-*s%s%s\n", flow->role[0] ? flow->role : "supervisor",
		flow->what, flow->port, flow->udp ? "udp" : "tcp", whom[0] ? 24 : 0, host,
		whom[0] ? "  " : "", whom);
}

static int print_table(const struct firewall *f)
{
	printf("Listens\n  %-10s  %-20s  %9s  %-24s  %s\n", "role", "what", "port", "address",
		"for whom");
	for (size_t i = 0; i < f->count; i++) {
		AUTO(buf_free) struct buf whom = BUF(TEXT_MAX);
		if (!f->flows[i].in)
			continue;
		write_whom(f, &f->flows[i], &whom);
		print_row(&f->flows[i], buf_cstr(&whom));
	}
	printf("Connects\n  %-10s  %-20s  %9s  %s\n", "role", "what", "port", "to");
	for (size_t i = 0; i < f->count; i++)
		if (!f->flows[i].in)
			print_row(&f->flows[i], "");
	return CLI_DONE;
}

int cli_firewall(struct cli *cli, int argc, char **argv)
{
	bool behind = false, nftables = false;
	for (int i = 0; i < argc; i++) {
		if (strcmp(argv[i], "--behind") == 0)
			behind = true;
		else if (strcmp(argv[i], "--nftables") == 0)
			nftables = true;
		else if (strcmp(argv[i], "--json") == 0)
			cli->json = true;
		else
			return cli_fail(cli, CLI_USAGE,
				"expected firewall [--behind] [--nftables | --json]");
	}
	int r = cli_load_settings(cli);
	if (r != CLI_DONE)
		return r;
	struct firewall *f = ALLOC(struct firewall);
	f->settings = cli->settings;
	load_pairing(cli->settings, "store", &f->store.known, &f->store.is_first, f->store.peer);
	load_pairing(cli->settings, "mx", &f->mx.known, &f->mx.is_first, f->mx.peer);
	conf_flows(cli->settings, behind, collect, f);
	if (f->more) {
		r = cli_fail(cli, CLI_FAILED, "more than %d ways in and out", FIREWALL_FLOWS_MAX);
	} else if (nftables) {
		AUTO(buf_free) struct buf text = BUF(TEXT_MAX);
		firewall_write_nftables(f, &text);
		(void)fwrite(text.data, 1, text.len, stdout);
	} else {
		r = cli->json ? print_json(f) : print_table(f);
	}
	free(f);
	conf_settings_free(cli->settings);
	return r;
}
