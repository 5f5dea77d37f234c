/* rookery store …, rookery backup, rookery mailbox list */
#include "admin/commands.h"

#include "base/errno_here.h"
#include "admin/values.h"
#include "mail/mailbox.h"

#include <unistd.h>

struct checking {
	const struct admin_call *call;
	json_t *findings;
	uint64_t damage, remarks, dropped;
};

enum { FINDINGS_MAX = 10000 };

static void note(void *context, const struct store_finding *finding)
{
	struct checking *c = context;
	if (finding->damage)
		c->damage++;
	else
		c->remarks++;
	if (json_array_size(c->findings) >= FINDINGS_MAX) {
		c->dropped++;
		return;
	}
	(void)json_array_append_new(
		c->findings, json_pack("{s:b, s:o, s:o}", "damage", finding->damage, "object",
				     admin_string(slice_str(finding->object)), "text",
				     admin_string(slice_str(finding->text))));
}

static bool progress(void *context, const char *what, uint64_t done, uint64_t total)
{
	const struct admin_call *call = context;
	return !call->progress || call->progress(call->context, what, done, total);
}

int admin_store_check(
	struct admin *admin, const struct admin_call *call, json_t **ret_result, struct err *err)
{
	struct checking c = {.call = call, .findings = json_array()};
	if (store_check(admin->store, note, progress, &c, err) < 0) {
		json_decref(c.findings);
		return -1;
	}
	*ret_result = json_pack("{s:o, s:I, s:I, s:I, s:o}", "findings", c.findings, "damage",
		(json_int_t)c.damage, "remarks", (json_int_t)c.remarks, "not_listed",
		(json_int_t)c.dropped, "message",
		c.damage ? json_sprintf("%llu damaged.", (unsigned long long)c.damage)
			 : json_string("No damage."));
	return 0;
}

int admin_store_compact(
	struct admin *admin, const struct admin_call *call, json_t **ret_result, struct err *err)
{
	struct store_db *db;
	const struct store_driver *driver = store_driver_of(admin->store, &db);
	uint64_t freed = 0;
	if (driver->compact(db, admin_option_on(call, "all"), progress, (void *)call, &freed, err) <
		0)
		return -1;
	*ret_result = json_pack("{s:o, s:I}", "message",
		json_sprintf("%llu bytes were freed.", (unsigned long long)freed), "bytes_freed",
		(json_int_t)freed);
	return 0;
}

int admin_store_show(
	struct admin *admin, const struct admin_call *call, json_t **ret_result, struct err *err)
{
	struct store_db *db;
	const struct store_driver *driver = store_driver_of(admin->store, &db);
	struct store_driver_figures f = driver->figures(db);
	*ret_result = json_pack("{s:s, s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "driver",
		driver->name, "writable", !f.failed, "commits", (json_int_t)f.commits, "syncs",
		(json_int_t)f.syncs, "bytes_written", (json_int_t)f.bytes_written, "blobs_read",
		(json_int_t)f.blobs_read, "segments", (json_int_t)f.segments, "segment_bytes",
		(json_int_t)f.segment_bytes, "dead_bytes", (json_int_t)f.segment_dead_bytes);
	return 0;
}

int admin_backup(
	struct admin *admin, const struct admin_call *call, json_t **ret_result, struct err *err)
{
	struct store_db *db;
	const struct store_driver *driver = store_driver_of(admin->store, &db);
	const char *path = call->arguments[0];
	if (path[0] != '/')
		return err_permanent(err, ERR_BAD_INPUT, "expected the folder's whole path");
	if (access(path, F_OK) == 0)
		return err_permanent(err, ERR_EXISTS, "%.180s is there already", path);
	if (driver->backup(db, path, progress, (void *)call, err) < 0)
		return -1;
	*ret_result = admin_message("Backed up to %.180s.", path);
	return 0;
}

int admin_mailbox_list(
	struct admin *admin, const struct admin_call *call, json_t **ret_result, struct err *err)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct directory_user user;
	struct mail_mailbox *all;
	size_t count;
	if (directory_user_show(admin->directory, admin_argument(call, 0), &arena, &user, err) <
			0 ||
		mail_mailbox_list(admin->mail, user.account, &arena, &all, &count, err) < 0)
		return -1;
	json_t *rows = json_array();
	for (size_t i = 0; i < count; i++) {
		json_t *uses = json_array();
		for (unsigned bit = 1; bit <= MAIL_USE_IMPORTANT; bit <<= 1)
			if (all[i].uses & bit)
				(void)json_array_append_new(
					uses, json_string(mail_use_name((enum mail_use)bit)));
		(void)json_array_append_new(
			rows, json_pack("{s:o, s:I, s:I, s:I, s:I, s:I, s:o, s:b}", "name",
				      admin_string(all[i].name), "messages",
				      (json_int_t)all[i].messages, "unseen",
				      (json_int_t)all[i].unseen, "bytes", (json_int_t)all[i].bytes,
				      "uid_validity", (json_int_t)all[i].uid_validity, "uid_next",
				      (json_int_t)all[i].uid_next, "uses", uses, "subscribed",
				      all[i].subscribed));
	}
	*ret_result = json_pack("{s:o}", "rows", rows);
	return 0;
}
