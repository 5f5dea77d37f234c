/* rookery dkim …, and what a domain has to publish. */
#include "admin/commands.h"

#include "admin/values.h"
#include "base/alloc.h"

static int no_mx(struct err *err)
{
	return err_temporary(
		err, ERR_UNAVAILABLE, "keys belong to the mx role, and none runs here");
}

static const char *algorithm_name(enum filter_dkim_algorithm algorithm)
{
	return algorithm == FILTER_DKIM_RSA_SHA256 ? "rsa" : "ed25519";
}

static void add_row(void *context, const struct keys_info *info)
{
	(void)json_array_append_new(context,
		json_pack("{s:o, s:o, s:s, s:b, s:o, s:o}", "domain", admin_string(info->domain),
			"selector", admin_string(info->selector), "algorithm",
			algorithm_name(info->algorithm), "signs", info->signs, "created",
			admin_time(info->created), "record", admin_string(info->record)));
}

int admin_dkim_list(
	struct admin *admin, const struct admin_call *call, json_t **ret_result, struct err *err)
{
	if (!admin->keys)
		return no_mx(err);
	json_t *rows = json_array();
	keys_list(admin->keys, admin_argument(call, 0), add_row, rows);
	*ret_result = json_pack("{s:o}", "rows", rows);
	return 0;
}

/* RSA for all, and Ed25519 for those that know it. */
int admin_dkim_add(
	struct admin *admin, const struct admin_call *call, json_t **ret_result, struct err *err)
{
	const char *chosen = admin_option_text(call, "algorithm");
	struct slice domain = admin_argument(call, 0), selector = admin_argument(call, 1);
	if (!admin->keys)
		return no_mx(err);
	bool rsa = !chosen || strcmp(chosen, "rsa") == 0;
	if (!rsa && strcmp(chosen, "ed25519") != 0)
		return err_permanent(err, ERR_BAD_INPUT,
			"\"%.40s\" is no algorithm: expected rsa or ed25519", chosen);
	if (keys_add(admin->keys, domain, selector,
		    rsa ? FILTER_DKIM_RSA_SHA256 : FILTER_DKIM_ED25519_SHA256, err) < 0)
		return -1;
	*ret_result = admin_message("Mail from %.*s is signed from now on. `rookery domain dns "
				    "%.*s` says what to publish.",
		SLICE_ARG(domain), SLICE_ARG(domain));
	return 0;
}

static int set(struct admin *admin, const struct admin_call *call, bool signs, const char *done,
	json_t **ret_result, struct err *err)
{
	struct slice domain = admin_argument(call, 0), selector = admin_argument(call, 1);
	if (!admin->keys)
		return no_mx(err);
	if (keys_set(admin->keys, domain, selector, signs, err) < 0)
		return -1;
	*ret_result = admin_message("%s", done);
	return 0;
}

int admin_dkim_retire(
	struct admin *admin, const struct admin_call *call, json_t **ret_result, struct err *err)
{
	return set(admin, call, false,
		"It signs no more. Leave its record in the DNS for a week, then remove it.",
		ret_result, err);
}

int admin_dkim_resume(
	struct admin *admin, const struct admin_call *call, json_t **ret_result, struct err *err)
{
	return set(admin, call, true, "It signs from now on.", ret_result, err);
}

int admin_dkim_remove(
	struct admin *admin, const struct admin_call *call, json_t **ret_result, struct err *err)
{
	struct slice domain = admin_argument(call, 0), selector = admin_argument(call, 1);
	if (!admin->keys)
		return no_mx(err);
	if (keys_remove(admin->keys, domain, selector, err) < 0)
		return -1;
	*ret_result = admin_message("Removed.");
	return 0;
}

static void add_record(json_t *rows, json_t *name, const char *type, json_t *data)
{
	(void)json_array_append_new(
		rows, json_pack("{s:o, s:s, s:o}", "name", name, "type", type, "data", data));
}

static void add_key_record(void *context, const struct keys_info *info)
{
	AUTO(buf_free) struct buf text = BUF(4096);
	filter_dkim_record_quote(info->record, &text);
	add_record(context,
		json_sprintf("%.*s._domainkey.%.*s.", SLICE_ARG(info->selector),
			SLICE_ARG(info->domain)),
		"TXT", json_string(buf_cstr(&text)));
}

static void add_service(
	json_t *rows, struct slice domain, const char *service, unsigned port, const char *host)
{
	add_record(rows, json_sprintf("_%s._tcp.%.*s.", service, SLICE_ARG(domain)), "SRV",
		json_sprintf("0 1 %u %s.", port, host));
}

/* Lines of a zone file. */
int admin_domain_dns(
	struct admin *admin, const struct admin_call *call, json_t **ret_result, struct err *err)
{
	struct slice domain = admin_argument(call, 0);
	const char *host = admin->hostname;
	if (!admin->keys)
		return no_mx(err);
	json_t *rows = json_array();
	add_record(
		rows, json_sprintf("%.*s.", SLICE_ARG(domain)), "MX", json_sprintf("10 %s.", host));
	add_record(rows, json_sprintf("%.*s.", SLICE_ARG(domain)), "TXT",
		json_string("\"v=spf1 mx -all\""));
	keys_list(admin->keys, domain, add_key_record, rows);
	add_record(rows, json_sprintf("_dmarc.%.*s.", SLICE_ARG(domain)), "TXT",
		json_sprintf("\"v=DMARC1; p=quarantine; rua=mailto:postmaster@%.*s\"",
			SLICE_ARG(domain)));
	add_service(rows, domain, "submissions", 465, host);
	add_service(rows, domain, "submission", 587, host);
	add_service(rows, domain, "imaps", 993, host);
	add_service(rows, domain, "imap", 143, host);
	add_service(rows, domain, "pop3s", 995, host);
	*ret_result = json_pack("{s:o}", "rows", rows);
	return 0;
}
