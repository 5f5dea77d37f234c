/* The control socket: a JSON object a line, one call after the other. */
#include "admin/admin.h"

#include "base/log.h"

enum { CALL_MAX = 64 * 1024 * 1024, ARGUMENTS_MAX = 1001 };

static void send_json(struct net_session *net, json_t *message)
{
	char *text = json_dumps(message, JSON_COMPACT);
	json_decref(message);
	net_write_str(net, text ? text : "{\"ok\":false,\"error\":\"answer lost\"}");
	net_write_str(net, "\n");
	free(text);
}

static bool tell_progress(void *context, const char *what, uint64_t done, uint64_t total)
{
	struct net_session *net = context;
	send_json(net, json_pack("{s:s, s:I, s:I}", "progress", what, "done", (json_int_t)done,
			       "total", (json_int_t)total));
	net_flush(net);
	return true;
}

static const char *kind_name(enum err_kind kind)
{
	static const char *const NAMES[] = {
		[ERR_OTHER] = "other",
		[ERR_BAD_INPUT] = "bad_input",
		[ERR_ABSENT] = "absent",
		[ERR_EXISTS] = "exists",
		[ERR_DENIED] = "denied",
		[ERR_OVER_QUOTA] = "over_quota",
		[ERR_LIMIT] = "limit",
		[ERR_UNAVAILABLE] = "unavailable",
		[ERR_DAMAGED] = "damaged",
		[ERR_IN_USE] = "in_use",
	};
	return NAMES[kind];
}

static bool belongs_here(const struct admin *admin, const struct admin_command *command)
{
	if (command->place == ADMIN_BOTH)
		return admin->mirror != NULL;
	if (command->place == ADMIN_ACME)
		return true;
	if (command->place == ADMIN_DIRECTORY)
		return !admin->queue;
	return command->place == (admin->queue ? ADMIN_MX : ADMIN_STORE) &&
	       (admin->queue || admin->store);
}

static json_t *answer(struct net_session *net, const json_t *request)
{
	const char *arguments[ARGUMENTS_MAX];
	const json_t *given = json_object_get(request, "arguments");
	const char *name = json_string_value(json_object_get(request, "command"));
	const struct admin_command *command = name ? admin_find(name) : NULL;
	struct admin_call call = {
		.arguments = arguments,
		.argument_count = MIN(json_array_size(given), (size_t)ARGUMENTS_MAX),
		.options = json_object_get(request, "options"),
		.password = json_string_value(json_object_get(request, "password")),
		.progress = tell_progress,
		.context = net,
	};
	struct err err = {0};
	json_t *result = NULL;
	const struct admin *admin = net_service(net);
	bool good = command && belongs_here(admin, command) &&
		    call.argument_count >= command->arguments_min &&
		    call.argument_count <= command->arguments_max;
	for (size_t i = 0; i < call.argument_count; i++) {
		arguments[i] = json_string_value(json_array_get(given, i));
		good = good && arguments[i];
	}
	int r = good ? command->run(net_service(net), &call, &result, &err)
		     : err_permanent(&err, ERR_BAD_INPUT,
			       "no such command here: is the server of "
			       "another version?");
	log_info(net_log(net), "command", F_STR("name", name ? name : "?"),
		F_STR("argument", call.argument_count && arguments[0] ? arguments[0] : ""),
		F_STR("outcome", r < 0 ? err.text : "done"));
	if (r < 0)
		return json_pack("{s:b, s:s, s:s, s:b}", "ok", 0, "error", err.text, "kind",
			kind_name(err.kind), "temporary", err.class != ERR_PERMANENT);
	return json_pack("{s:b, s:o}", "ok", 1, "result", result);
}

static enum net_next open_session(struct net_session *net)
{
	return NET_WAIT_INPUT;
}

static enum net_next run(struct net_session *net, unsigned events)
{
	if (events & NET_SHUTDOWN)
		return NET_CLOSE;
	for (;;) {
		struct slice input = net_input(net);
		ssize_t end = slice_find(input, '\n');
		if (end < 0)
			return events & NET_EOF ? NET_CLOSE : NET_WAIT_INPUT;
		json_t *request = json_loadb(input.ptr, (size_t)end, 0, NULL);
		explicit_bzero((char *)input.ptr, (size_t)end); /* it may hold passwords */
		net_consume(net, (size_t)end + 1);
		send_json(net, answer(net, request));
		json_decref(request);
		if (net_output_full(net))
			return NET_WAIT_OUTPUT;
	}
}

static void close_session(struct net_session *net)
{
}

const struct net_protocol admin_protocol = {
	.name = "control",
	.open = open_session,
	.run = run,
	.close = close_session,
	.input_max = CALL_MAX,
	.timeout_ms = 0,
};
