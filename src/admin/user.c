/* rookery user … */
#include "admin/commands.h"
#include "admin/values.h"
#include "mail/mailbox.h"
#include "mail/quota.h"

enum { KICK_GRACE_MS = 2000 };

static json_t *forwards_json(const struct directory_user *u)
{
	json_t *list = json_array();
	for (size_t i = 0; i < u->forward_count; i++)
		(void)json_array_append_new(list, admin_string(u->forwards[i]));
	return list;
}

static json_t *user_json(struct admin *admin, const struct directory_user *u)
{
	struct mail_usage usage = {0};
	/* A user who never got mail has no account row yet: nothing used. */
	(void)!mail_usage(admin->mail, u->account, &usage, NULL);
	char id[ID_TEXT_SIZE + 1];
	id_to_text(u->account, id);
	return json_pack("{s:o, s:o, s:o, s:b, s:o, s:o, s:I, s:I, s:o, s:o, s:b, s:s, s:o}",
		"name", admin_string(u->name), "full_name", admin_string(u->full_name), "services",
		admin_services(u->services), "suspended", u->suspended, "quota",
		admin_limit(u->quota_bytes), "quota_messages", admin_limit(u->quota_messages),
		"used", (json_int_t)usage.bytes, "used_messages", (json_int_t)usage.messages,
		"to_host", u->to_host.len ? admin_string(u->to_host) : json_null(), "forward",
		forwards_json(u), "keep_copy", !u->no_copy, "account", id, "created",
		admin_time(u->created));
}

static int add_one(struct admin *admin, struct slice address, struct slice password,
	const struct directory_values *values, struct err *err)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct directory_user user;
	struct id account;
	if (directory_user_add(admin->directory, address, password, values, &account, err) < 0 ||
		mail_account_prepare(admin->mail, account, err) < 0 ||
		directory_user_show(admin->directory, address, &arena, &user, err) < 0)
		return -1;
	return id_is_none(user.domain_id)
		       ? 0
		       : mail_domain_join(admin->mail, account, user.domain_id, err);
}

/* "address password" a line, read by the command line: option "batch" is an array of such lines. */
static int add_batch(struct admin *admin, const struct admin_call *call, const json_t *lines,
	const struct directory_values *values, json_t **ret_result, struct err *err)
{
	size_t total = json_array_size(lines), added = 0;
	for (size_t i = 0; i < total; i++) {
		struct slice line =
			slice_trim(slice_str(json_string_value(json_array_get(lines, i))));
		if (line.len == 0 || line.ptr[0] == '#')
			continue;
		struct slice password = line, address = slice_cut(&password, ' ');
		password = slice_trim(password);
		if (password.len == 0)
			return err_permanent(err, ERR_BAD_INPUT,
				"line %zu: expected an address and a password (%zu users were "
				"added)",
				i + 1, added);
		if (add_one(admin, address, password, values, err) < 0)
			return err_prefix(err, "line %zu (%zu users were added)", i + 1, added);
		added++;
		if (call->progress && added % 100 == 0 &&
			!call->progress(call->context, "adding users", added, total))
			return err_temporary(err, ERR_OTHER, "stopped after %zu users", added);
	}
	*ret_result = json_pack("{s:o, s:I}", "message",
		json_sprintf("%zu users were added.", added), "added", (json_int_t)added);
	return 0;
}

int admin_user_add(
	struct admin *admin, const struct admin_call *call, json_t **ret_result, struct err *err)
{
	struct directory_values values;
	const json_t *batch = json_object_get(call->options, "batch");
	if (admin_values(call, &values, err) < 0)
		return -1;
	if (batch)
		return add_batch(admin, call, batch, &values, ret_result, err);
	struct slice address = admin_argument(call, 0);
	if (address.len == 0)
		return err_permanent(err, ERR_BAD_INPUT, "expected an address, or --batch FILE");
	if (!call->password || !call->password[0])
		return err_permanent(err, ERR_BAD_INPUT, "expected a password");
	if (add_one(admin, address, slice_str(call->password), &values, err) < 0)
		return -1;
	*ret_result = admin_message("User %.*s was added.", SLICE_ARG(address));
	return 0;
}

int admin_user_set(
	struct admin *admin, const struct admin_call *call, json_t **ret_result, struct err *err)
{
	struct directory_values values;
	struct slice address = admin_argument(call, 0);
	if (admin_values(call, &values, err) < 0 ||
		directory_user_set(admin->directory, address, &values, err) < 0)
		return -1;
	*ret_result = admin_message("User %.*s was changed.", SLICE_ARG(address));
	return 0;
}

int admin_user_password(
	struct admin *admin, const struct admin_call *call, json_t **ret_result, struct err *err)
{
	struct slice address = admin_argument(call, 0);
	if (!call->password || !call->password[0])
		return err_permanent(err, ERR_BAD_INPUT, "expected a password");
	if (directory_user_password(admin->directory, address, slice_str(call->password), err) < 0)
		return -1;
	*ret_result = admin_message("The password of %.*s was changed.", SLICE_ARG(address));
	return 0;
}

int admin_user_remove(
	struct admin *admin, const struct admin_call *call, json_t **ret_result, struct err *err)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct directory_user user;
	struct slice address = admin_argument(call, 0);
	if (directory_user_show(admin->directory, address, &arena, &user, err) < 0 ||
		directory_user_remove(
			admin->directory, address, admin_option_on(call, "force"), err) < 0)
		return -1;
	mail_domain_leave(admin->mail, user.account);
	*ret_result = admin_message("User %.*s was removed, with all mail.", SLICE_ARG(address));
	return 0;
}

int admin_user_show(
	struct admin *admin, const struct admin_call *call, json_t **ret_result, struct err *err)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct directory_user user;
	if (directory_user_show(admin->directory, admin_argument(call, 0), &arena, &user, err) < 0)
		return -1;
	*ret_result = user_json(admin, &user);
	return 0;
}

/* Who the directory can't tell about may be logged in all the same. */
int admin_user_kick(
	struct admin *admin, const struct admin_call *call, json_t **ret_result, struct err *err)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct directory_user user = {0};
	struct directory_who who = {.user = admin_argument(call, 0)};
	unsigned count = 0;
	directory_flush(admin->directory, who.user);
	int r = directory_user_show(admin->directory, who.user, &arena, &user, err);
	if (r < 0 && err->kind == ERR_BAD_INPUT)
		return r;
	if (r == 0)
		who = (struct directory_who){.account = user.account, .user = user.name};
	if (admin->sessions)
		count = directory_sessions_end(admin->sessions, &who, KICK_GRACE_MS);
	directory_flush(admin->directory, who.user);
	json_t *result = json_pack("{s:o, s:I}", "message",
		json_sprintf("%u sessions of %.*s were ended.", count, SLICE_ARG(who.user)),
		"sessions", (json_int_t)count);
	admin_cluster_tell(admin->cluster, ADMIN_NEWS_KICK, who.user, result);
	if (r < 0 && json_integer_value(json_object_get(result, "sessions")) == 0) {
		json_decref(result);
		return r;
	}
	*ret_result = result;
	return 0;
}

struct listing {
	struct admin *admin;
	json_t *rows;
};

static bool add_row(void *context, const struct directory_user *user)
{
	struct listing *l = context;
	(void)json_array_append_new(l->rows, user_json(l->admin, user));
	return true;
}

int admin_user_list(
	struct admin *admin, const struct admin_call *call, json_t **ret_result, struct err *err)
{
	struct listing l = {.admin = admin, .rows = json_array()};
	struct slice match = slice_str(admin_option_text(call, "match"));
	if (directory_user_scan(
		    admin->directory, admin_argument(call, 0), match, add_row, &l, err) < 0) {
		json_decref(l.rows);
		return -1;
	}
	*ret_result = json_pack("{s:o}", "rows", l.rows);
	return 0;
}

int admin_app_password_add(
	struct admin *admin, const struct admin_call *call, json_t **ret_result, struct err *err)
{
	AUTO(buf_free) struct buf password = BUF(256);
	struct directory_values values;
	if (admin_values(call, &values, err) < 0 ||
		directory_app_password_add(admin->directory, admin_argument(call, 0),
			admin_argument(call, 1),
			values.has & DIRECTORY_HAS_SERVICES ? values.services
							    : DIRECTORY_ALL_SERVICES,
			&password, err) < 0)
		return -1;
	*ret_result = json_pack("{s:o, s:s}", "message",
		json_sprintf("The password, shown this once: %s", buf_cstr(&password)), "password",
		buf_cstr(&password));
	explicit_bzero(password.data, password.len);
	return 0;
}

int admin_app_password_list(
	struct admin *admin, const struct admin_call *call, json_t **ret_result, struct err *err)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct directory_app_password *all;
	size_t count;
	if (directory_app_password_list(
		    admin->directory, admin_argument(call, 0), &arena, &all, &count, err) < 0)
		return -1;
	json_t *rows = json_array();
	for (size_t i = 0; i < count; i++)
		(void)json_array_append_new(
			rows, json_pack("{s:o, s:o, s:o}", "name", admin_string(all[i].name),
				      "services", admin_services(all[i].services), "created",
				      admin_time(all[i].created)));
	*ret_result = json_pack("{s:o}", "rows", rows);
	return 0;
}

int admin_app_password_remove(
	struct admin *admin, const struct admin_call *call, json_t **ret_result, struct err *err)
{
	if (directory_app_password_remove(
		    admin->directory, admin_argument(call, 0), admin_argument(call, 1), err) < 0)
		return -1;
	*ret_result = admin_message("The app password was removed.");
	return 0;
}

static bool join(void *context, const struct directory_user *user)
{
	struct admin *admin = context;
	if (id_is_none(user->domain_id))
		mail_domain_leave(admin->mail, user->account);
	else
		(void)!mail_domain_join(admin->mail, user->account, user->domain_id, NULL);
	return true;
}

int admin_join_domain(struct admin *admin, struct slice domain, struct err *err)
{
	return directory_user_scan(admin->directory, domain, SLICE(""), join, admin, err);
}
