/* rookery mirror …: of the store, and in the mx role of its own one, which has the queue. The two
 * are pairs of their own, made by one line. */
#include "admin/commands.h"

#include "admin/values.h"

static const char MX_LABEL[] = "rookery mirror mx";

static bool is_mx(const struct admin *admin)
{
	return admin->queue != NULL;
}

/* What the other node's operator has to do. */
static json_t *key_result(const char *done, const char *peer, struct slice line)
{
	json_t *message =
		json_sprintf("%s On %s, run (with this machine's address as it is seen "
			     "from there):\n\n    rookery mirror pair ADDRESS %.*s\n\nWho has "
			     "this key can read all mail: don't keep it.",
			done, peer, SLICE_ARG(line));
	return json_pack("{s:o, s:o}", "message", message, "key", admin_string(line));
}

/* "line", "first" and "other" are for the command line, which tells the mx role. */
static void add_pairing(json_t *result, const struct admin *admin, struct slice line)
{
	struct mirror_status status;
	mirror_node_status(admin->mirror, &status);
	(void)json_object_set_new(result, "line", admin_string(line));
	(void)json_object_set_new(result, "first", json_boolean(status.is_first));
	(void)json_object_set_new(result, "other", json_string(status.peer));
}

static json_t *pair_result(
	const struct admin *admin, const char *peer, struct slice line, bool already)
{
	struct mirror_status status;
	mirror_node_status(admin->mirror, &status);
	json_t *result =
		status.is_first
			? key_result(
				  already ? "This node is paired already." : "This node is ready.",
				  peer, line)
			: admin_message("Paired with %.180s%s: `rookery mirror status` says how it "
					"goes.",
				  peer, already ? " already" : "");
	if (already)
		(void)json_object_set_new(result, "already", json_true());
	add_pairing(result, admin, line);
	return result;
}

int admin_mirror_pair(
	struct admin *admin, const struct admin_call *call, json_t **ret_result, struct err *err)
{
	AUTO(buf_free) struct buf made = BUF(1024);
	const char *peer = call->arguments[0];
	char next[256];
	if (mirror_next_port(peer, next, err) < 0)
		return -1;
	struct mirror_pair_options options = {.peer = is_mx(admin) ? next : peer,
		.key = admin_argument(call, 1),
		.made_here = admin_option_on(call, "made-here"),
		.label = is_mx(admin) ? MX_LABEL : NULL};
	int r = mirror_node_pair(admin->mirror, &options, &made, err);
	if (r < 0)
		return -1;
	struct slice line = options.key.len > 0 ? options.key : buf_slice(&made);
	*ret_result = pair_result(admin, peer, line, r == MIRROR_PAIRED_ALREADY);
	return 0;
}

/* At the mx role "line" is the store's new one, and "other" where the store's new node is. A role
 * that was not paired yet is from now on. */
static int replace(struct admin *admin, const struct admin_call *call,
	struct mirror_pair_options *options, struct buf *ret_line, struct err *err)
{
	const char *given = admin_option_text(call, "line");
	const char *other = admin_option_text(call, "other");
	char next[256];
	options->key = given ? slice_str(given) : SLICE_NONE;
	options->label = is_mx(admin) ? MX_LABEL : NULL;
	options->made_here = true;
	if (options->peer && mirror_next_port(options->peer, next, err) < 0)
		return -1;
	if (options->peer && is_mx(admin))
		options->peer = next;
	int r = mirror_node_replace(admin->mirror, options, ret_line, err);
	if (r == 0 || err->kind != ERR_ABSENT || !given || !other)
		return r;
	if (mirror_next_port(other, next, err) < 0)
		return -1;
	options->peer = next;
	return mirror_node_pair(admin->mirror, options, ret_line, err);
}

int admin_mirror_replace(
	struct admin *admin, const struct admin_call *call, json_t **ret_result, struct err *err)
{
	AUTO(buf_free) struct buf line = BUF(1024);
	struct mirror_pair_options options = {
		.peer = call->argument_count > 0 ? call->arguments[0] : NULL};
	struct mirror_status status;
	if (replace(admin, call, &options, &line, err) < 0)
		return -1;
	mirror_node_status(admin->mirror, &status);
	*ret_result = key_result("The lost node is out.", status.peer, buf_slice(&line));
	add_pairing(*ret_result, admin, buf_slice(&line));
	return 0;
}

int admin_mirror_unpair(
	struct admin *admin, const struct admin_call *call, json_t **ret_result, struct err *err)
{
	if (mirror_node_unpair(admin->mirror, err) < 0)
		return -1;
	*ret_result = admin_message("This is a node of its own again. Unpair the other one too.%s",
		is_mx(admin) ? " What waits in its queue goes out from here as well." : "");
	return 0;
}

static int pause(struct admin *admin, bool pause, json_t **ret_result, struct err *err)
{
	if (mirror_node_pause(admin->mirror, pause, err) < 0)
		return -1;
	*ret_result = pause ? admin_message("Paused: both nodes go on alone.")
			    : admin_message("Resumed.");
	return 0;
}

int admin_mirror_pause(
	struct admin *admin, const struct admin_call *call, json_t **ret_result, struct err *err)
{
	return pause(admin, true, ret_result, err);
}

int admin_mirror_resume(
	struct admin *admin, const struct admin_call *call, json_t **ret_result, struct err *err)
{
	return pause(admin, false, ret_result, err);
}

static void add_scrub(json_t *result, const struct mirror_scrub_status *s)
{
	if (s->accounts_done < s->accounts)
		(void)json_object_set_new(result, "scrub",
			json_sprintf("%llu of %llu accounts", (unsigned long long)s->accounts_done,
				(unsigned long long)s->accounts));
	if (s->ended_s > 0)
		(void)json_object_set_new(result, "scrub_ended", admin_time(s->ended_s));
	(void)json_object_set_new(
		result, "scrub_differing_accounts", json_integer((json_int_t)s->differing));
	(void)json_object_set_new(
		result, "scrub_bodies_healed", json_integer((json_int_t)s->healed));
	(void)json_object_set_new(
		result, "scrub_bodies_damaged", json_integer((json_int_t)s->unhealed));
	if (s->error[0])
		(void)json_object_set_new(result, "scrub_error", json_string(s->error));
}

static void add_link(json_t *result, const struct mirror_link_status *s)
{
	if (s->round_trip_us >= 0)
		(void)json_object_set_new(
			result, "round_trip_ms", json_real((double)s->round_trip_us / 1000));
	(void)json_object_set_new(result, "compresses", json_boolean(s->compresses));
	(void)json_object_set_new(result, "sent_bytes", json_integer((json_int_t)s->sent));
	(void)json_object_set_new(
		result, "sent_bytes_before_compression", json_integer((json_int_t)s->sent_plain));
	(void)json_object_set_new(result, "received_bytes", json_integer((json_int_t)s->received));
	(void)json_object_set_new(result, "received_bytes_before_compression",
		json_integer((json_int_t)s->received_plain));
}

/* What most people want to know stands first. */
int admin_mirror_status(
	struct admin *admin, const struct admin_call *call, json_t **ret_result, struct err *err)
{
	struct mirror_status s;
	mirror_node_status(admin->mirror, &s);
	const struct mirror_figures *f = &s.figures;
	json_t *result = json_pack(
		"{s:s, s:o}", "state", mirror_state_text(s.state), "since", admin_time(s.since_s));
	*ret_result = result;
	if (s.state == MIRROR_UNPAIRED)
		return 0;
	double lag = f->commits.shipped ? (double)f->ship_ns / (double)f->commits.shipped / 1e6 : 0;
	(void)json_object_set_new(result, "other", json_string(s.peer));
	if (s.software[0])
		(void)json_object_set_new(result, "other_version", json_string(s.software));
	(void)json_object_set_new(
		result, "this_is", json_string(s.is_first ? "the first node" : "the second node"));
	(void)json_object_set_new(
		result, "on_this_disk_only", json_integer((json_int_t)s.unmirrored));
	if (f->commits.ahead > 0) {
		(void)json_object_set_new(
			result, "under_way", json_integer((json_int_t)f->commits.ahead));
		(void)json_object_set_new(result, "under_way_messages",
			json_integer((json_int_t)f->commits.ahead_bodies));
		(void)json_object_set_new(result, "under_way_bytes",
			json_integer((json_int_t)f->commits.ahead_bytes));
	}
	(void)json_object_set_new(
		result, "accounts_apart", json_integer((json_int_t)f->leases.apart));
	(void)json_object_set_new(result, "accounts_merged", json_integer((json_int_t)s.merged));
	(void)json_object_set_new(result, "mean_commit_ms", json_real(lag));
	(void)json_object_set_new(result, "sent", json_integer((json_int_t)f->commits.shipped));
	(void)json_object_set_new(result, "received", json_integer((json_int_t)f->commits.applied));
	(void)json_object_set_new(result, "leases_away", json_integer((json_int_t)f->leases.away));
	(void)json_object_set_new(
		result, "writers_waiting", json_integer((json_int_t)f->leases.waiting));
	(void)json_object_set_new(
		result, "other_clock_ahead_ms", json_integer((json_int_t)s.clock_ahead_ms));
	add_link(result, &s.link);
	if (s.unread)
		(void)json_object_set_new(result, "rows_unreadable", json_true());
	(void)json_object_set_new(result, "accounts_healed", json_integer((json_int_t)s.mended));
	add_scrub(result, &s.scrub);
	if (s.error[0])
		(void)json_object_set_new(result, "link_error", json_string(s.error));
	if (s.merge_error[0])
		(void)json_object_set_new(result, "merge_error", json_string(s.merge_error));
	return 0;
}

struct verifying {
	const struct admin_call *call;
	const char *whose;
	json_t *findings;
};

static void differs(void *context, struct id account, const char *why)
{
	struct verifying *v = context;
	char text[ID_TEXT_SIZE + 1];
	id_to_text(account, text);
	(void)json_array_append_new(
		v->findings, json_pack("{s:b, s:o, s:s}", "damage", 1, "object",
				     json_sprintf("account %s%s", text, v->whose), "text", why));
}

static bool progress(void *context, const char *what, uint64_t done, uint64_t total)
{
	const struct admin_call *call = ((struct verifying *)context)->call;
	return !call->progress || call->progress(call->context, what, done, total);
}

int admin_mirror_verify(
	struct admin *admin, const struct admin_call *call, json_t **ret_result, struct err *err)
{
	const char *whose = is_mx(admin) ? " of the queue" : "";
	struct verifying v = {call, whose, json_array()};
	struct mirror_verify_result found;
	bool repair = admin_option_on(call, "repair");
	int r = mirror_node_verify(admin->mirror, repair, progress, differs, &v, &found, err);
	if (r < 0) {
		json_decref(v.findings);
		return -1;
	}
	*ret_result = json_pack("{s:o, s:I, s:I, s:o}", "findings", v.findings, "damage",
		(json_int_t)found.differing, "accounts", (json_int_t)found.accounts, "message",
		found.differing == 0 ? json_sprintf("%llu accounts%s are the same at both nodes.",
					       (unsigned long long)found.accounts, whose)
				     : json_sprintf("%llu of %llu accounts%s differ%s.",
					       (unsigned long long)found.differing,
					       (unsigned long long)found.accounts, whose,
					       repair ? "; they are being merged" : ""));
	return 0;
}
