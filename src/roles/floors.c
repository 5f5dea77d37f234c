/* Opening store, mail and directory by the settings. */
#include "roles/floors.h"
#include "roles/directory/open.h"
#include "roles/mirrored.h"
#include "roles/store/homes.h"

#include "acme/kept.h"
#include "admin/common_options.h"
#include "base/errno_here.h"
#include "base/must.h"
#include "directory/internal.h"
#include "directory/merge.h"
#include "mail/merge.h"
#include "move/mark.h"
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ADOPT_OPEN_MAX = 16 };

static void add_merge_rules(const struct store_merge_rule *rules, struct floors *f)
{
	size_t count = 0;
	while (f->merge_rules[count].kind)
		count++;
	for (; rules->kind; rules++) {
		must(count + 1 < FLOORS_MERGE_RULES_MAX);
		f->merge_rules[count++] = *rules;
	}
}

static int open_store(
	const struct conf_store *conf, const char *folder, struct floors *f, struct err *err)
{
	struct mirrored_options options = {.conf = &conf->mirror,
		.folder = folder,
		.name = "mail",
		.segment_bytes = conf->segment_size,
		.cache_bytes = conf->cache_size,
		.rules = f->merge_rules};
	add_merge_rules(mail_merge_rules, f);
	add_merge_rules(directory_merge_rules, f);
	add_merge_rules(acme_merge_rules, f);
	add_merge_rules(move_merge_rules, f);
	add_merge_rules(admin_common_merge_rules, f);
	return mirrored_open(&options, &f->mirror, &f->store, err);
}

int floors_open(const struct conf_settings *settings, const char *folder, struct floors *ret_floors,
	struct err *err)
{
	const struct conf_store *conf = &settings->store;
	struct floors *f = ret_floors;
	*f = (struct floors){0};
	if (open_store(conf, folder, f, err) < 0)
		return -1;
	struct mail_options mail = {
		.store = f->store, .message_max = conf->append_limit, .learn = conf->learn.on};
	struct directory_internal_options internal = {
		.store = f->store,
		.plus_separator = conf->plus_separator[0],
		.cost =
			{
				.argon2_kib = (uint32_t)(conf->password_hash_memory / 1024),
				.argon2_passes = (uint32_t)conf->password_hash_passes,
				.scram_iterations = (uint32_t)conf->scram_iterations,
			},
		.remember_seconds = conf->password_cache_ms
					    ? (unsigned)MAX(conf->password_cache_ms / 1000, 1u)
					    : DIRECTORY_REMEMBER_NOTHING,
		.quota_bytes = conf->quota,
		.quota_messages = conf->quota_messages,
	};
	if (mail_open(&mail, &f->mail, err) < 0)
		return -1;
	if (role_directory_is_elsewhere(settings)) {
		struct directory *elsewhere;
		if (role_directory_open(settings, &elsewhere, err) < 0)
			return -1;
		f->directory = store_homes_new(elsewhere, f->mail);
		return 0;
	}
	return directory_internal_new(&internal, &f->directory, err);
}

void floors_close(struct floors *f)
{
	directory_free(f->directory);
	if (f->mail)
		mail_close(f->mail);
	if (f->store)
		store_close(f->store);
	mirror_node_free(f->mirror);
	*f = (struct floors){0};
}

static _Thread_local const struct sandbox_user *adopter; /* nftw() has no context */

static int adopt_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	return st->st_uid == 0 ? lchown(path, adopter->uid, adopter->gid) : 0;
}

int floors_adopt(const char *folder, const struct sandbox_user *user, struct err *err)
{
	char path[600];
	struct stat st;
	(void)snprintf(path, sizeof(path), "%s/mail", folder);
	if (!user->change || lstat(path, &st) < 0 || !S_ISDIR(st.st_mode) || st.st_uid != 0)
		return 0;
	adopter = user;
	if (nftw(path, adopt_one, ADOPT_OPEN_MAX, FTW_PHYS | FTW_MOUNT | FTW_DEPTH) != 0)
		return err_errno(err, errno, "can't give %s to its user", path);
	return 0;
}

int floors_open_here(
	const struct conf_settings *settings, struct floors *ret_floors, struct err *err)
{
	struct sandbox_user user, nobody = {0};
	char folder[512];
	const char *name = settings->store.user[0] ? settings->store.user : settings->user;
	*ret_floors = (struct floors){0};
	(void)snprintf(folder, sizeof(folder), "%s/store", settings->data);
	if (!settings->store.on)
		return err_permanent(err, ERR_UNAVAILABLE,
			"this machine has no store: %s has no `store` block", settings->file);
	if (sandbox_find_user(name, &user, err) < 0 ||
		sandbox_folder(settings->data, &nobody, 0755, err) < 0 ||
		sandbox_folder(folder, &user, 0700, err) < 0 ||
		floors_adopt(folder, &user, err) < 0 || sandbox_drop(&user, err) < 0)
		return -1;
	return floors_open(settings, folder, ret_floors, err);
}
