/* All commands that work on a store. */
#include "admin/commands.h"

#define QUOTAS                                                                                     \
	{"quota", "SIZE", "most bytes, as 500M or 10G; none for no limit"},                        \
	{                                                                                          \
		"quota-messages", "COUNT", "most messages; none for no limit"                      \
	}

static const struct admin_option NO_OPTIONS[] = {{0}};
static const struct admin_option DOMAIN_OPTIONS[] = {
	QUOTAS,
	{"user-quota", "SIZE", "most bytes of each user who has no limit of his own"},
	{"user-quota-messages", "COUNT", "most messages of each such user"},
	{"catch-all", "ADDRESS", "who gets mail for unknown users; \"\" for nobody"},
	{0},
};
static const struct admin_option USER_OPTIONS[] = {
	QUOTAS,
	{"name", "TEXT", "full name"},
	{"services", "LIST", "imap,pop3,submission,managesieve,http,delivery or all"},
	{"suspended", "yes|no", "may not log in and gets no mail"},
	{"to-host", "HOST[:PORT]", "the back end where the user lives; \"\" for here"},
	{"forward", "ADDRESS,...", "where mail for the user goes on to; \"\" for nowhere"},
	{"keep-copy", "yes|no", "whether what is forwarded stays here, too; it does unless told"},
	{0},
};
static const struct admin_option USER_ADD_OPTIONS[] = {
	QUOTAS,
	{"name", "TEXT", "full name"},
	{"services", "LIST", "imap,pop3,submission,managesieve,http,delivery or all"},
	{"to-host", "HOST[:PORT]", "the back end where the user lives"},
	{"batch", "FILE", "many at once: a line each, address and password; - for standard input"},
	{0},
};
static const struct admin_option USER_REMOVE_OPTIONS[] = {
	{"force", NULL, "take the user out of aliases that lead to him"},
	{0},
};
static const struct admin_option USER_MOVE_OPTIONS[] = {
	{"at", "HOST[:PORT]", "where the other node's store listens for moves; TO, port 8130"},
	{"no-flip", NULL, "you tell the directory where he lives; the command waits for that"},
	{"wait", "MINUTES", "how long for that; 60 when not given"},
	{"undo", NULL, "ends a move that has not opened there: he stays here"},
	{"forget", NULL, "deletes what lies here of a user who has moved away"},
	{0},
};
static const struct admin_option USER_LIST_OPTIONS[] = {
	{"match", "PATTERN", "only addresses that match, with * and ?"},
	{0},
};
static const struct admin_option SERVICES_OPTION[] = {
	{"services", "LIST", "what it is good for; all when not given"},
	{0},
};
static const struct admin_option TEST_OPTIONS[] = {
	{"password", NULL, "tries a password, too: asked for, or read from standard input"},
	{"service", "NAME", "whether he may use it: imap, pop3, submission, ..."},
	{0},
};
static const struct admin_option COMPACT_OPTIONS[] = {
	{"all", NULL, "every segment with dead bytes, not only the mostly dead ones"},
	{0},
};

static const struct admin_option VERIFY_OPTIONS[] = {
	{"repair", NULL, "merge anew what differs"},
	{0},
};

static const struct admin_option QUEUE_LIST_OPTIONS[] = {
	{"match", "PATTERN", "only senders or recipients that match, with * and ?"},
	{"held", NULL, "only those that are held"},
	{"limit", "COUNT", "at most so many; 1,000 when not given, 0 for all"},
	{0},
};
static const struct admin_option DKIM_OPTIONS[] = {
	{"algorithm", "NAME", "rsa (2,048 bits; the default) or ed25519"},
	{0},
};
static const struct admin_option QUEUE_SHOW_OPTIONS[] = {
	{"header", NULL, "the message's header too"},
	{"message", NULL, "the whole message too"},
	{0},
};
static const struct admin_option QUEUE_CHANGE_OPTIONS[] = {
	{"match", "PATTERN", "all whose sender or recipient matches, with * and ?"},
	{0},
};

static const struct admin_option COMMON_SET_OPTIONS[] = {
	{"file", "FILE", "the options, as in the config file; - for standard input"},
	{0},
};

static const char *const COMMON_COLUMNS[] = {"option", NULL};
static const char *const DOMAIN_COLUMNS[] = {
	"name", "users", "aliases", "quota", "catch_all", NULL};
static const char *const USER_COLUMNS[] = {
	"name", "full_name", "used", "quota", "used_messages", "suspended", NULL};
static const char *const MOVE_COLUMNS[] = {"name", "state", "from", "to", "since", NULL};
static const char *const ALIAS_COLUMNS[] = {"name", "targets", NULL};
static const char *const APP_COLUMNS[] = {"name", "services", "created", NULL};
static const char *const MAILBOX_COLUMNS[] = {
	"name", "messages", "unseen", "bytes", "uses", "subscribed", NULL};

static const char *const QUEUE_COLUMNS[] = {
	"entry", "arrived", "size", "sender", "recipient", "attempts", "next", "reason", NULL};
static const char *const KEY_COLUMNS[] = {
	"domain", "selector", "algorithm", "signs", "created", NULL};
static const char *const ZONE_COLUMNS[] = {"name", "type", "data", NULL};
static const char *const DESTINATION_COLUMNS[] = {
	"name", "entries", "connections", "retry", "reason", NULL};
static const char *const CERTIFICATE_COLUMNS[] = {
	"name", "issuer", "not_after", "next", "failures", "error", NULL};
static const char *const RECORD_COLUMNS[] = {"name", "ttl", "type", "data", NULL};
static const char *const ROUTE_COLUMNS[] = {
	"preference", "host", "addresses", "secure", "dane", NULL};

static const char *const REPORT_COLUMNS[] = {"domain", "kind", "begin", "counted", "failures",
	"destinations", "last_sent", "here", NULL};
static const char *const REPORT_ROW_COLUMNS[] = {
	"day", "kind", "source", "name", "result", "counted", NULL};
static const char *const REPORT_SENT_COLUMNS[] = {
	"domain", "kind", "counted", "destinations", "result", NULL};

enum { MANY = 1000 };

const struct admin_command admin_commands[] = {
	{"domain add", "NAME", "Adds a domain.", 1, 1, DOMAIN_OPTIONS, false, ADMIN_NOTHING, NULL,
		admin_domain_add},
	{"domain list", "", "Lists the domains.", 0, 0, NO_OPTIONS, false, ADMIN_TABLE,
		DOMAIN_COLUMNS, admin_domain_list},
	{"domain show", "NAME", "Shows one domain.", 1, 1, NO_OPTIONS, false, ADMIN_OBJECT, NULL,
		admin_domain_show},
	{"domain set", "NAME", "Changes a domain.", 1, 1, DOMAIN_OPTIONS, false, ADMIN_NOTHING,
		NULL, admin_domain_set},
	{"domain remove", "NAME", "Removes a domain without users.", 1, 1, NO_OPTIONS, false,
		ADMIN_NOTHING, NULL, admin_domain_remove},
	{"user add", "[ADDRESS]", "Adds a user, or many.", 0, 1, USER_ADD_OPTIONS, true,
		ADMIN_NOTHING, NULL, admin_user_add},
	{"user list", "[DOMAIN]", "Lists users.", 0, 1, USER_LIST_OPTIONS, false, ADMIN_TABLE,
		USER_COLUMNS, admin_user_list},
	{"user show", "ADDRESS", "Shows one user.", 1, 1, NO_OPTIONS, false, ADMIN_OBJECT, NULL,
		admin_user_show},
	{"user set", "ADDRESS", "Changes a user.", 1, 1, USER_OPTIONS, false, ADMIN_NOTHING, NULL,
		admin_user_set},
	{"user kick", "ADDRESS",
		"Ends all sessions of a user, on all nodes that are told (block cluster).", 1, 1,
		NO_OPTIONS, false, ADMIN_NOTHING, NULL, admin_user_kick, ADMIN_DIRECTORY},
	{"user move", "ADDRESS [FROM TO]", "Moves a user from this node to another while he works.",
		1, 3, USER_MOVE_OPTIONS, false, ADMIN_NOTHING, NULL, admin_user_move},
	{"user moves", "", "Lists who is on his way, who has come and who has left.", 0, 0,
		NO_OPTIONS, false, ADMIN_TABLE, MOVE_COLUMNS, admin_user_moves},
	{"user password", "ADDRESS", "Sets a user's password.", 1, 1, NO_OPTIONS, true,
		ADMIN_NOTHING, NULL, admin_user_password},
	{"user remove", "ADDRESS", "Removes a user and all that is his.", 1, 1, USER_REMOVE_OPTIONS,
		false, ADMIN_NOTHING, NULL, admin_user_remove},
	{"app-password add", "ADDRESS NAME", "Makes a password for one program.", 2, 2,
		SERVICES_OPTION, false, ADMIN_NOTHING, NULL, admin_app_password_add},
	{"app-password list", "ADDRESS", "Lists a user's app passwords.", 1, 1, NO_OPTIONS, false,
		ADMIN_TABLE, APP_COLUMNS, admin_app_password_list},
	{"app-password remove", "ADDRESS NAME", "Removes an app password.", 2, 2, NO_OPTIONS, false,
		ADMIN_NOTHING, NULL, admin_app_password_remove},
	{"alias add", "ADDRESS TARGET...", "Adds an alias; targets may be elsewhere.", 2, MANY,
		NO_OPTIONS, false, ADMIN_NOTHING, NULL, admin_alias_add},
	{"alias list", "[DOMAIN]", "Lists aliases.", 0, 1, NO_OPTIONS, false, ADMIN_TABLE,
		ALIAS_COLUMNS, admin_alias_list},
	{"alias show", "ADDRESS", "Shows one alias.", 1, 1, NO_OPTIONS, false, ADMIN_OBJECT, NULL,
		admin_alias_show},
	{"alias set", "ADDRESS TARGET...", "Gives an alias new targets.", 2, MANY, NO_OPTIONS,
		false, ADMIN_NOTHING, NULL, admin_alias_set},
	{"alias remove", "ADDRESS", "Removes an alias.", 1, 1, NO_OPTIONS, false, ADMIN_NOTHING,
		NULL, admin_alias_remove},
	{"mailbox list", "ADDRESS", "Lists a user's mailboxes.", 1, 1, NO_OPTIONS, false,
		ADMIN_TABLE, MAILBOX_COLUMNS, admin_mailbox_list},
	{"store show", "", "Shows the store's figures.", 0, 0, NO_OPTIONS, false, ADMIN_OBJECT,
		NULL, admin_store_show},
	{"store check", "", "Reads everything and verifies it.", 0, 0, NO_OPTIONS, false,
		ADMIN_FINDINGS, NULL, admin_store_check},
	{"store compact", "", "Gives the space of deleted mail back.", 0, 0, COMPACT_OPTIONS, false,
		ADMIN_NOTHING, NULL, admin_store_compact},
	{"mirror pair", "ADDRESS [KEY]",
		"Makes this and another node a mirror; a port in ADDRESS is the store's.", 1, 2,
		NO_OPTIONS, false, ADMIN_NOTHING, NULL, admin_mirror_pair, ADMIN_BOTH},
	{"mirror status", "", "Shows how the mirror is.", 0, 0, NO_OPTIONS, false, ADMIN_OBJECT,
		NULL, admin_mirror_status, ADMIN_BOTH},
	{"mirror verify", "", "Compares all that is on both nodes' disks.", 0, 0, VERIFY_OPTIONS,
		false, ADMIN_FINDINGS, NULL, admin_mirror_verify, ADMIN_BOTH},
	{"mirror pause", "", "Cuts the link until it is resumed.", 0, 0, NO_OPTIONS, false,
		ADMIN_NOTHING, NULL, admin_mirror_pause, ADMIN_BOTH},
	{"mirror resume", "", "Lets the two nodes meet again.", 0, 0, NO_OPTIONS, false,
		ADMIN_NOTHING, NULL, admin_mirror_resume, ADMIN_BOTH},
	{"mirror replace", "[ADDRESS]", "Lets a new node take the lost one's place.", 0, 1,
		NO_OPTIONS, false, ADMIN_NOTHING, NULL, admin_mirror_replace, ADMIN_BOTH},
	{"mirror unpair", "", "Makes this a node of its own again.", 0, 0, NO_OPTIONS, false,
		ADMIN_NOTHING, NULL, admin_mirror_unpair, ADMIN_BOTH},
	{"common show", "", "Prints the options that both nodes of a mirror go by.", 0, 0,
		NO_OPTIONS, false, ADMIN_NOTHING, NULL, admin_common_show},
	{"common set", "--file FILE", "Sets them, on both nodes.", 0, 0, COMMON_SET_OPTIONS, false,
		ADMIN_NOTHING, NULL, admin_common_set},
	{"common clear", "", "Leaves each node to its own file.", 0, 0, NO_OPTIONS, false,
		ADMIN_NOTHING, NULL, admin_common_clear},
	{"common options", "", "Lists the options that may be common.", 0, 0, NO_OPTIONS, false,
		ADMIN_TABLE, COMMON_COLUMNS, admin_common_options},
	{"domain dns", "NAME", "Prints the DNS records that a domain needs.", 1, 1, NO_OPTIONS,
		false, ADMIN_TABLE, ZONE_COLUMNS, admin_domain_dns, ADMIN_MX},
	{"dkim add", "DOMAIN [SELECTOR]", "Makes a key that signs a domain's mail.", 1, 2,
		DKIM_OPTIONS, false, ADMIN_NOTHING, NULL, admin_dkim_add, ADMIN_MX},
	{"dkim list", "[DOMAIN]", "Lists the keys that sign.", 0, 1, NO_OPTIONS, false, ADMIN_TABLE,
		KEY_COLUMNS, admin_dkim_list, ADMIN_MX},
	{"dkim retire", "DOMAIN SELECTOR", "Lets a key sign no more.", 2, 2, NO_OPTIONS, false,
		ADMIN_NOTHING, NULL, admin_dkim_retire, ADMIN_MX},
	{"dkim resume", "DOMAIN SELECTOR", "Lets a retired key sign again.", 2, 2, NO_OPTIONS,
		false, ADMIN_NOTHING, NULL, admin_dkim_resume, ADMIN_MX},
	{"dkim remove", "DOMAIN SELECTOR", "Removes a key.", 2, 2, NO_OPTIONS, false, ADMIN_NOTHING,
		NULL, admin_dkim_remove, ADMIN_MX},
	{"queue list", "", "Lists the mail that waits.", 0, 0, QUEUE_LIST_OPTIONS, false,
		ADMIN_TABLE, QUEUE_COLUMNS, admin_queue_list, ADMIN_MX},
	{"queue show", "ENTRY", "Shows one entry of the queue.", 1, 1, QUEUE_SHOW_OPTIONS, false,
		ADMIN_OBJECT, NULL, admin_queue_show, ADMIN_MX},
	{"queue destinations", "", "Lists where mail waits to go.", 0, 0, NO_OPTIONS, false,
		ADMIN_TABLE, DESTINATION_COLUMNS, admin_queue_destinations, ADMIN_MX},
	{"queue retry", "[ENTRY...]", "Tries entries now.", 0, MANY, QUEUE_CHANGE_OPTIONS, false,
		ADMIN_NOTHING, NULL, admin_queue_retry, ADMIN_MX},
	{"queue hold", "[ENTRY...]", "Keeps entries from being tried.", 0, MANY,
		QUEUE_CHANGE_OPTIONS, false, ADMIN_NOTHING, NULL, admin_queue_hold, ADMIN_MX},
	{"queue release", "[ENTRY...]", "Lets held entries go on.", 0, MANY, QUEUE_CHANGE_OPTIONS,
		false, ADMIN_NOTHING, NULL, admin_queue_release, ADMIN_MX},
	{"queue remove", "[ENTRY...]", "Throws entries away; nobody hears of it.", 0, MANY,
		QUEUE_CHANGE_OPTIONS, false, ADMIN_NOTHING, NULL, admin_queue_remove, ADMIN_MX},
	{"queue flush", "[DESTINATION]", "Tries all that waits, for one domain or for any.", 0, 1,
		NO_OPTIONS, false, ADMIN_NOTHING, NULL, admin_queue_flush, ADMIN_MX},
	{"report list", "", "Lists the reports that are gathered for others.", 0, 0, NO_OPTIONS,
		false, ADMIN_TABLE, REPORT_COLUMNS, admin_report_list, ADMIN_MX},
	{"report show", "DOMAIN", "Shows what is gathered about a domain.", 1, 1, NO_OPTIONS, false,
		ADMIN_TABLE, REPORT_ROW_COLUMNS, admin_report_show, ADMIN_MX},
	{"report send", "[DOMAIN]", "Sends reports now, of one domain or of all.", 0, 1, NO_OPTIONS,
		false, ADMIN_TABLE, REPORT_SENT_COLUMNS, admin_report_send, ADMIN_MX},
	{"certificate list", "", "Lists the certificates that an authority gives (tls.acme).", 0, 0,
		NO_OPTIONS, false, ADMIN_TABLE, CERTIFICATE_COLUMNS, admin_certificate_list,
		ADMIN_ACME},
	{"certificate show", "NAME", "Shows one of them.", 1, 1, NO_OPTIONS, false, ADMIN_OBJECT,
		NULL, admin_certificate_show, ADMIN_ACME},
	{"certificate renew", "[NAME]", "Has one of them renewed now, or all.", 0, 1, NO_OPTIONS,
		false, ADMIN_NOTHING, NULL, admin_certificate_renew, ADMIN_ACME},
	{"directory test", "USER", "Asks the directory about a user, past what is remembered.", 1,
		1, TEST_OPTIONS, true, ADMIN_OBJECT, NULL, admin_directory_test, ADMIN_DIRECTORY},
	{"directory flush", "[USER]", "Forgets what a directory elsewhere said.", 0, 1, NO_OPTIONS,
		false, ADMIN_NOTHING, NULL, admin_directory_flush, ADMIN_DIRECTORY},
	{"dns lookup", "NAME TYPE", "Asks the DNS, as the server does.", 2, 2, NO_OPTIONS, false,
		ADMIN_TABLE, RECORD_COLUMNS, admin_dns_lookup, ADMIN_DNS},
	{"dns route", "DOMAIN", "Shows where mail for a domain goes.", 1, 1, NO_OPTIONS, false,
		ADMIN_TABLE, ROUTE_COLUMNS, admin_dns_route, ADMIN_DNS},
	{"backup", "FOLDER", "Copies the store, while it serves.", 1, 1, NO_OPTIONS, false,
		ADMIN_NOTHING, NULL, admin_backup},
};
const size_t admin_command_count = ARRAY_LEN(admin_commands);

const struct admin_command *admin_find(const char *name)
{
	for (size_t i = 0; i < admin_command_count; i++)
		if (strcmp(admin_commands[i].name, name) == 0)
			return &admin_commands[i];
	return NULL;
}
