/* The commands' functions; see the table in table.c. */
#ifndef ADMIN_COMMANDS_H
#define ADMIN_COMMANDS_H

#include "admin/admin.h"

typedef int admin_run(
	struct admin *admin, const struct admin_call *call, json_t **ret_result, struct err *err);

admin_run admin_domain_add, admin_domain_list, admin_domain_remove, admin_domain_set,
	admin_domain_show;
admin_run admin_user_add, admin_user_kick, admin_user_list, admin_user_move, admin_user_moves,
	admin_user_password, admin_user_remove, admin_user_set, admin_user_show;
admin_run admin_app_password_add, admin_app_password_list, admin_app_password_remove;
admin_run admin_alias_add, admin_alias_list, admin_alias_remove, admin_alias_set, admin_alias_show;
admin_run admin_store_check, admin_store_compact, admin_store_show, admin_backup;
admin_run admin_mailbox_list;
admin_run admin_dkim_add, admin_dkim_list, admin_dkim_retire, admin_dkim_resume, admin_dkim_remove,
	admin_domain_dns;
admin_run admin_queue_list, admin_queue_show, admin_queue_retry, admin_queue_hold,
	admin_queue_release, admin_queue_remove, admin_queue_flush, admin_queue_destinations;
admin_run admin_report_list, admin_report_show, admin_report_send;
admin_run admin_mirror_pair, admin_mirror_unpair, admin_mirror_replace, admin_mirror_pause,
	admin_mirror_resume, admin_mirror_status, admin_mirror_verify;
admin_run admin_certificate_list, admin_certificate_show, admin_certificate_renew;
admin_run admin_common_show, admin_common_set, admin_common_clear, admin_common_options;
admin_run admin_directory_flush, admin_directory_test;
admin_run admin_dns_lookup, admin_dns_route;

/* Counts the domain's users for its limit, or no longer, after the limit has changed. */
int admin_join_domain(struct admin *admin, struct slice domain, struct err *err);

#endif
