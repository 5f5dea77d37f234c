/* Once a minute counts are written down, and what is due goes; in the second in which the role
 * begins to stop, too. */
#include "roles/mx/reporting.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/wait.h"
#include "dns/exchangers.h"
#include "filter/name.h"
#include "roles/fetch.h"

enum {
	WORK_MS = 60 * 1000,
	LOOK_MS = 200,
	POST_MS = 60 * 1000,
	HTTPS_PORT = 443,
	FROM_MAX = 320,
	URI_MAX = 900
};

struct mx_reporting {
	struct role *role;
	struct mx_queue *queue;
	struct directory *directory;
	struct reports *reports;
	char from[FROM_MAX];
};

static bool works_on(void *context, struct id account)
{
	const struct mx_reporting *m = context;
	return mx_queue_works_on_reports(m->queue, account);
}

static int find_domain(void *context, struct slice domain, struct err *err)
{
	const struct mx_reporting *m = context;
	return directory_domain(m->directory, domain, err);
}

/* "https://host[:port][/path][?query]", ASCII. */
static bool read_uri(struct slice uri, struct arena *arena, struct fetch_options *o)
{
	struct slice rest = slice_from(uri, strlen("https://")), host = rest;
	uint64_t port = HTTPS_PORT;
	for (size_t i = 0; i < rest.len; i++)
		if (rest.ptr[i] == '/' || rest.ptr[i] == '?') {
			host.len = i;
			break;
		}
	rest = slice_from(rest, host.len);
	bool has_port = slice_find(host, ':') >= 0;
	struct slice name = slice_cut(&host, ':');
	if (has_port && (!slice_to_u64(host, UINT16_MAX, &port) || port == 0))
		return false;
	o->host = arena_copy(arena, name).ptr;
	o->path = arena_printf(
		arena, "%s%.*s", slice_starts(rest, SLICE("/")) ? "" : "/", SLICE_ARG(rest));
	o->port = (uint16_t)port;
	return filter_name_is_valid(name) && uri.len <= URI_MAX;
}

static int post(void *context, struct slice uri, struct slice gzip, struct err *err)
{
	const struct mx_reporting *m = context;
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct dns_route route;
	struct fetch_options o = {.authorities = m->role->settings->mx.outbound.authorities,
		.type = "application/tlsrpt+gzip",
		.timeout_ms = POST_MS};
	if (!read_uri(uri, &arena, &o))
		return err_permanent(
			err, ERR_BAD_INPUT, "\"%.*s\" can't be posted to", SLICE_ARG(uri));
	const struct dns_route_options addresses = {.port = o.port};
	if (dns_find_host(
		    mx_queue_dns(m->queue), slice_str(o.host), &addresses, &arena, &route, err) < 0)
		return -1;
	o.addresses = route.hosts[0].addresses;
	o.address_count = route.hosts[0].count;
	return fetch_upload(&o, gzip, err);
}

static int check_address(const char *name, const char *text, struct err *err)
{
	struct envelope_path path;
	if (text[0] == '\0' || (envelope_parse_address(slice_str(text), &path) && !path.is_utf8 &&
				       filter_name_is_valid(path.domain)))
		return 0;
	return err_permanent(
		err, ERR_BAD_INPUT, "mx.reports.%s: \"%.100s\" is no address", name, text);
}

int mx_reporting_new(struct role *role, struct mx_queue *queue, struct directory *directory,
	struct mx_reporting **ret_reporting, struct err *err)
{
	const struct conf_reports *conf = &role->settings->mx.reports;
	struct mx_reporting *m = ALLOC(struct mx_reporting);
	*ret_reporting = m;
	if (check_address("from", conf->from, err) < 0 ||
		check_address("envelope_from", conf->envelope_from, err) < 0)
		return -1;
	m->role = role;
	m->queue = queue;
	m->directory = directory;
	if (conf->from[0])
		(void)snprintf(m->from, sizeof(m->from), "%s", conf->from);
	else
		(void)snprintf(m->from, sizeof(m->from), "postmaster@%s", role->settings->hostname);
	const struct reports_options options = {.store = mx_queue_store(queue),
		.queue = mx_queue_of(queue),
		.keys = mx_queue_keys(queue),
		.dns = mx_queue_dns(queue),
		.node = mx_queue_node(queue),
		.dmarc = conf->on && conf->dmarc,
		.tls = conf->on && conf->tls,
		.from = m->from,
		.envelope_from = conf->envelope_from,
		.organization = conf->organisation,
		.contact = conf->contact,
		.works_on = works_on,
		.find_domain = find_domain,
		.post = post,
		.context = m,
		.stopping = &role->stopping};
	m->reports = reports_new(&options);
	if (!role->settings->mx.outbound.mta_sts) /* else it has begun */
		fetch_begin();
	return 0;
}

/* A job for as long as the loop runs: it ends the loop's last second with what was counted. */
static void work(void *context)
{
	struct mx_reporting *m = context;
	int64_t due = clock_mono_ms() + WORK_MS;
	while (!atomic_load(&m->role->stopping)) {
		wait_pause(clock_mono_ms() + LOOK_MS);
		if (clock_mono_ms() < due)
			continue;
		reports_work(m->reports);
		due = clock_mono_ms() + WORK_MS;
	}
	struct err err;
	if (reports_fold(m->reports, &err) < 0)
		log_warn(NULL, "what was counted for reports is lost", F_ERR(&err));
}

void mx_reporting_start(struct mx_reporting *m)
{
	if (m->role->settings->mx.reports.on)
		net_loop_spawn(m->role->loop, work, m);
}

void mx_reporting_free(struct mx_reporting *m)
{
	if (!m)
		return;
	reports_free(m->reports);
	free(m);
}

struct reports *mx_reporting_of(struct mx_reporting *m)
{
	return m->reports;
}

void mx_reporting_metrics(struct mx_reporting *m, struct role *role, struct buf *to)
{
	struct reports_figures f = reports_figures(m->reports);
	role_metric(role, to, "reports_rows", "", f.rows);
	role_metric(role, to, "reports_counted_total", "kind=\"dmarc\"", f.dmarc_counted);
	role_metric(role, to, "reports_counted_total", "kind=\"tls\"", f.tls_counted);
	role_metric(role, to, "reports_dropped_total", "", f.dropped);
	role_metric(role, to, "reports_sent_total", "kind=\"dmarc\"", f.dmarc_sent);
	role_metric(role, to, "reports_sent_total", "kind=\"tls\"", f.tls_sent);
	role_metric(role, to, "reports_failures_total", "", f.failures);
	role_metric(role, to, "reports_given_up_total", "", f.given_up);
}
