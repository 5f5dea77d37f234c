/* Every command: its name, the states in which it is allowed, the function that does it. */
#include "imap/session_internal.h"

enum { LOGGED_IN = IMAP_AUTHENTICATED | IMAP_SELECTED };

const struct imap_command imap_commands[] = {
	{"APPEND", LOGGED_IN, imap_cmd_append, false, false},
	{"AUTHENTICATE", IMAP_LOGIN, imap_cmd_authenticate, false, false},
	{"CAPABILITY", IMAP_ANY_STATE, imap_cmd_capability, false, false},
	{"CHECK", IMAP_SELECTED, imap_cmd_check, false, false},
	{"CLOSE", IMAP_SELECTED, imap_cmd_close, false, false},
	{"COPY", IMAP_SELECTED, imap_cmd_copy, true, false},
	{"CREATE", LOGGED_IN, imap_cmd_create, false, false},
	{"DELETE", LOGGED_IN, imap_cmd_delete, false, false},
	{"ENABLE", LOGGED_IN, imap_cmd_enable, false, false},
	{"EXAMINE", LOGGED_IN, imap_cmd_examine, false, false},
	{"EXPUNGE", IMAP_SELECTED, imap_cmd_expunge, true, true},
	{"FETCH", IMAP_SELECTED, imap_cmd_fetch, true, false},
	{"GETQUOTA", LOGGED_IN, imap_cmd_getquota, false, false},
	{"GETQUOTAROOT", LOGGED_IN, imap_cmd_getquotaroot, false, false},
	{"ID", IMAP_ANY_STATE, imap_cmd_id, false, false},
	{"IDLE", LOGGED_IN, imap_cmd_idle, false, false},
	{"LIST", LOGGED_IN, imap_cmd_list, false, false},
	{"LOGIN", IMAP_LOGIN, imap_cmd_login, false, false},
	{"LOGOUT", IMAP_ANY_STATE, imap_cmd_logout, false, false},
	{"LSUB", LOGGED_IN, imap_cmd_lsub, false, false},
	{"MOVE", IMAP_SELECTED, imap_cmd_move, true, true},
	{"NAMESPACE", LOGGED_IN, imap_cmd_namespace, false, false},
	{"NOOP", IMAP_ANY_STATE, imap_cmd_noop, false, false},
	{"RENAME", LOGGED_IN, imap_cmd_rename, false, false},
	{"SEARCH", IMAP_SELECTED, imap_cmd_search, true, false},
	{"SELECT", LOGGED_IN, imap_cmd_select, false, false},
	{"STARTTLS", IMAP_LOGIN, imap_cmd_starttls, false, false},
	{"STATUS", LOGGED_IN, imap_cmd_status, false, false},
	{"STORE", IMAP_SELECTED, imap_cmd_store, true, true},
	{"SUBSCRIBE", LOGGED_IN, imap_cmd_subscribe, false, false},
	{"UNSELECT", IMAP_SELECTED, imap_cmd_unselect, false, false},
	{"UNSUBSCRIBE", LOGGED_IN, imap_cmd_unsubscribe, false, false},
};
const size_t imap_command_count = ARRAY_LEN(imap_commands);
