/* rookery directory … */
#include "admin/commands.h"
#include "admin/values.h"
#include "base/alloc.h"
#include "base/clock.h"

/* To the microsecond. */
static double ms_since(int64_t begin_ns)
{
	const int64_t ns_in_us = 1000;
	const double us_in_ms = 1000;
	int64_t us = (clock_mono_ns() - begin_ns) / ns_in_us;
	return (double)us / us_in_ms;
}

static json_t *strings(const struct slice *list, size_t count)
{
	json_t *array = json_array();
	for (size_t i = 0; i < count; i++)
		(void)json_array_append_new(array, admin_string(list[i]));
	return array;
}

static const char *word(int outcome, const char *yes)
{
	return outcome == DIRECTORY_UNKNOWN ? "unknown"
	       : outcome == DIRECTORY_WRONG ? "wrong password"
					    : yes;
}

/* What was answered to one question: "answer", "reason", "answer_ms". */
static void add_outcome(json_t *to, const char *question, int outcome, const char *yes,
	const struct err *err, int64_t begin_ns)
{
	json_t *text = outcome == DIRECTORY_DENIED ? json_sprintf("no: %s", err->text)
						   : json_string(word(outcome, yes));
	AUTO_FREE char *time = NULL;
	(void)json_object_set_new(to, question, text);
	if (asprintf(&time, "%s_ms", question) > 0)
		(void)json_object_set_new(to, time, json_real(ms_since(begin_ns)));
}

static void add_user(json_t *to, const struct directory_user *u)
{
	char id[ID_TEXT_SIZE + 1];
	id_to_text(u->account, id);
	json_t *facts = json_pack("{s:o, s:o, s:o, s:b, s:o, s:o, s:o, s:o, s:b, s:o, s:s, s:o}",
		"name", admin_string(u->name), "full_name", admin_string(u->full_name), "services",
		admin_services(u->services), "suspended", u->suspended, "quota",
		admin_limit(u->quota_bytes), "quota_messages", admin_limit(u->quota_messages),
		"to_host", u->to_host.len ? admin_string(u->to_host) : json_null(), "forward",
		strings(u->forwards, u->forward_count), "keep_copy", !u->no_copy, "groups",
		strings(u->groups, u->group_count), "account", id, "answered_by",
		u->answered_by.len ? admin_string(u->answered_by) : json_null());
	(void)json_object_update(to, facts);
	json_decref(facts);
}

/* Where mail for the address goes. */
static int test_mail(
	struct admin *admin, struct slice address, struct arena *arena, json_t *to, struct err *err)
{
	struct directory_route route = {0};
	int64_t begin = clock_mono_ns();
	int r = directory_lookup(admin->directory, address, arena, &route, err);
	if (r < 0)
		return r;
	add_outcome(to, "mail", r, "taken", err, begin);
	if (r == 0) {
		json_t *users = json_array();
		for (size_t i = 0; i < route.count; i++)
			if (!route.users[i].no_copy)
				(void)json_array_append_new(
					users, admin_string(route.users[i].name));
		(void)json_object_set_new(to, "delivered_to", users);
		(void)json_object_set_new(
			to, "goes_on_to", strings(route.elsewhere, route.elsewhere_count));
	}
	return 0;
}

static int test_login(struct admin *admin, const struct admin_call *call, unsigned service,
	struct arena *arena, json_t *to, struct err *err)
{
	struct directory_user user = {0};
	struct slice name = admin_argument(call, 0), password = slice_str(call->password);
	int64_t begin = clock_mono_ns();
	int r = call->password ? directory_check(admin->directory, name, password, SLICE(""),
					 (enum directory_service)service, arena, &user, err)
			       : directory_user(admin->directory, name,
					 (enum directory_service)service, arena, &user, err);
	if (r < 0)
		return r;
	add_outcome(to, "login", r, call->password ? "right password" : "allowed", err, begin);
	if (r == 0 || r == DIRECTORY_DENIED)
		add_user(to, &user);
	return 0;
}

int admin_directory_test(
	struct admin *admin, const struct admin_call *call, json_t **ret_result, struct err *err)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct slice name = admin_argument(call, 0);
	const char *wanted = admin_option_text(call, "service");
	unsigned service = wanted ? directory_service_of(slice_str(wanted)) : 0;
	if (wanted && !service)
		return err_permanent(err, ERR_BAD_INPUT, "there is no service \"%s\"", wanted);
	directory_flush(admin->directory, name); /* what is remembered is not asked about */
	int64_t begin = clock_mono_ns();
	json_t *result = json_object();
	if (test_login(admin, call, service, &arena, result, err) < 0 ||
		test_mail(admin, name, &arena, result, err) < 0) {
		json_decref(result);
		return err_prefix(err, "can't tell (%.0f ms)", ms_since(begin));
	}
	*ret_result = result;
	return 0;
}

int admin_directory_flush(
	struct admin *admin, const struct admin_call *call, json_t **ret_result, struct err *err)
{
	struct slice user = admin_argument(call, 0);
	directory_flush(admin->directory, user);
	*ret_result = user.len > 0 ? admin_message("What was known of %.*s is asked anew.",
					     SLICE_ARG(user))
				   : admin_message("All that was known is asked anew.");
	admin_cluster_tell(admin->cluster, ADMIN_NEWS_FLUSH, user, *ret_result);
	return 0;
}
