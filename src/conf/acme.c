/* What an authority would refuse, or where nobody could ask. */
#include "conf/acme.h"

static bool is_listened_to(const struct conf_settings *s, const char *address)
{
	const struct conf_listens none = {NULL, 0};
	const struct conf_listens all[] = {s->mx.on ? s->mx.listen : none,
		s->store.on ? s->store.listen : none, s->proxy.on ? s->proxy.listen : none};
	for (size_t role = 0; role < ARRAY_LEN(all); role++)
		for (size_t i = 0; i < all[role].count; i++)
			if (strcmp(all[role].items[i].address, address) == 0)
				return true;
	return s->metrics.on && strcmp(s->metrics.listen, address) == 0;
}

static int missing(struct err *err, const char *what)
{
	return err_permanent(err, ERR_BAD_INPUT, "block \"acme\" lacks %s", what);
}

static int check_missing(const struct conf_settings *s, struct err *err)
{
	const struct conf_acme *acme = &s->tls.acme;
	if (!s->mx.on && !s->store.on)
		return err_permanent(err, ERR_BAD_INPUT,
			"block \"acme\" needs a role on this machine, expected a block mx or "
			"store");
	if (acme->names.count == 0)
		return missing(err, "\"names\"");
	if (!acme->agree_to_terms)
		return missing(err, "\"agree_to_terms yes\": read the authority's terms first");
	if (!acme->eab_kid[0] != !acme->eab_hmac_key[0])
		return missing(err, acme->eab_kid[0] ? "\"eab_hmac_key\"" : "\"eab_kid\"");
	return 0;
}

static int check_names(const struct conf_list *names, struct err *err)
{
	if (names->count > CONF_ACME_NAMES_MAX)
		return err_permanent(err, ERR_BAD_INPUT, "too many names, expected %d at most",
			CONF_ACME_NAMES_MAX);
	for (size_t i = 0; i < names->count; i++)
		if (names->items[i][0] == '*' || !strchr(names->items[i], '.'))
			return err_permanent(err, ERR_BAD_INPUT,
				"name \"%.60s\" can't be had, expected a full name without *",
				names->items[i]);
	return 0;
}

static int check_listen(const struct conf_settings *s, const char *listen, struct err *err)
{
	if (strncmp(listen, "unix:", 5) == 0)
		return err_permanent(err, ERR_BAD_INPUT,
			"wrong address \"%.60s\", expected an IP address and a port", listen);
	if (is_listened_to(s, listen))
		return err_permanent(err, ERR_BAD_INPUT,
			"address %.60s is taken by another listener, expected one of its own",
			listen);
	return 0;
}

int conf_acme_check(const struct conf_settings *s, const char **ret_option, struct err *err)
{
	const struct conf_acme *acme = &s->tls.acme;
	bool http = acme->challenge == CONF_ACME_HTTP;
	*ret_option = NULL;
	if (check_missing(s, err) < 0)
		return -1;
	*ret_option = "names";
	if (check_names(&acme->names, err) < 0)
		return -1;
	*ret_option = "directory";
	if (strncmp(acme->directory, "https://", 8) != 0)
		return err_permanent(err, ERR_BAD_INPUT,
			"directory \"%.60s\", expected a URL that begins with https://",
			acme->directory);
	*ret_option = "contact";
	if (acme->contact[0] && !strchr(acme->contact, '@'))
		return err_permanent(err, ERR_BAD_INPUT,
			"contact \"%.60s\", expected a mail address", acme->contact);
	*ret_option = http ? "http_listen" : "tls_listen";
	return check_listen(s, http ? acme->http_listen : acme->tls_listen, err);
}
