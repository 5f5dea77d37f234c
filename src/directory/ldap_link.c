/* libldap's calls, each with a time-out, and its codes as outcomes. */
#include "directory/ldap_link.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "directory/ldap_wire.h"

#include <ldap.h>

#define SYSTEM_AUTHORITIES "/etc/ssl/certs/ca-certificates.crt"

struct directory_ldap_link {
	struct directory_ldap_wire wire;
	LDAP *ldap;
	const struct directory_ldap_options *options;
	const char *uri;
};

static struct timeval milliseconds(unsigned ms)
{
	return (struct timeval){.tv_sec = ms / 1000, .tv_usec = (ms % 1000) * 1000L};
}

/* Those of the server or the way to it, for which another server may do. */
static bool is_gone(int code)
{
	return code == LDAP_SERVER_DOWN || code == LDAP_TIMEOUT || code == LDAP_CONNECT_ERROR ||
	       code == LDAP_UNAVAILABLE || code == LDAP_BUSY || code == LDAP_LOCAL_ERROR ||
	       code == LDAP_ENCODING_ERROR || code == LDAP_DECODING_ERROR ||
	       code == LDAP_PROTOCOL_ERROR;
}

static int failed(struct directory_ldap_link *link, const char *what, int code, struct err *err)
{
	char *more = NULL;
	(void)ldap_get_option(link->ldap, LDAP_OPT_DIAGNOSTIC_MESSAGE, &more);
	(void)err_temporary(err, is_gone(code) ? ERR_UNAVAILABLE : ERR_OTHER, "%s: %s: %s%s%.80s",
		link->uri, what, ldap_err2string(code), more && *more ? ", " : "",
		more ? more : "");
	ldap_memfree(more);
	return is_gone(code) ? DIRECTORY_LDAP_GONE : -1;
}

static int set_tls(struct directory_ldap_link *link, struct err *err)
{
	const char *authorities =
		link->options->authorities[0] ? link->options->authorities : SYSTEM_AUTHORITIES;
	int demand = LDAP_OPT_X_TLS_DEMAND, server = 0;
	int code = ldap_set_option(link->ldap, LDAP_OPT_X_TLS_REQUIRE_CERT, &demand);
	if (code == LDAP_OPT_SUCCESS)
		code = ldap_set_option(link->ldap, LDAP_OPT_X_TLS_CACERTFILE, authorities);
	if (code == LDAP_OPT_SUCCESS)
		code = ldap_set_option(link->ldap, LDAP_OPT_X_TLS_NEWCTX, &server);
	return code == LDAP_OPT_SUCCESS ? 0
					: err_temporary(err, ERR_UNAVAILABLE,
						  "%s: TLS can't be prepared; can %s be read?",
						  link->uri, authorities);
}

static int set_up(struct directory_ldap_link *link, struct err *err)
{
	struct timeval connect = milliseconds(link->options->connect_ms);
	struct timeval answer = milliseconds(link->options->answer_ms);
	int version = LDAP_VERSION3;
	(void)ldap_set_option(link->ldap, LDAP_OPT_PROTOCOL_VERSION, &version);
	(void)ldap_set_option(link->ldap, LDAP_OPT_NETWORK_TIMEOUT, &connect);
	(void)ldap_set_option(link->ldap, LDAP_OPT_TIMEOUT, &answer);
	(void)ldap_set_option(link->ldap, LDAP_OPT_REFERRALS, LDAP_OPT_OFF);
	(void)ldap_set_option(link->ldap, LDAP_OPT_RESTART, LDAP_OPT_ON);
	bool tls_at_once = strncmp(link->uri, "ldaps:", 6) == 0;
	bool start = link->options->start_tls && strncmp(link->uri, "ldap:", 5) == 0;
	if ((tls_at_once || start) && set_tls(link, err) < 0)
		return -1;
	/* both ways to TLS: the connection, and the handshake */
	link->wire.deadline = clock_mono_ms() + link->options->connect_ms;
	int code = directory_ldap_wire_add(&link->wire, link->ldap);
	if (code == LDAP_SUCCESS)
		code = ldap_connect(link->ldap);
	if (code == LDAP_SUCCESS && start)
		code = ldap_start_tls_s(link->ldap, NULL, NULL);
	link->wire.deadline = 0;
	if (code == LDAP_SUCCESS)
		return 0;
	(void)failed(link,
		start || tls_at_once ? "can't connect by TLS (is the certificate good for this "
				       "name, by an authority that is known?)"
				     : "can't connect",
		code, err);
	return DIRECTORY_LDAP_GONE; /* another server may do, and nothing was told yet */
}

static int bind_as(struct directory_ldap_link *link, const char *dn, struct slice password)
{
	struct berval secret = {.bv_len = password.len, .bv_val = (char *)password.ptr};
	return ldap_sasl_bind_s(link->ldap, dn, LDAP_SASL_SIMPLE, &secret, NULL, NULL, NULL);
}

int directory_ldap_link_open(const struct directory_ldap_options *options, const char *uri,
	const struct directory_ldap_self *self, struct directory_ldap_link **ret_link,
	struct err *err)
{
	struct directory_ldap_link *link = ALLOC(struct directory_ldap_link);
	link->options = options;
	link->uri = uri;
	int code = ldap_initialize(&link->ldap, uri);
	if (code != LDAP_SUCCESS) {
		free(link);
		return err_temporary(err, ERR_BAD_INPUT, "%s: %s", uri, ldap_err2string(code));
	}
	int r = set_up(link, err);
	if (r == 0 && self) {
		code = bind_as(link, self->dn, slice_str(self->password));
		if (code != LDAP_SUCCESS)
			r = failed(link, "bind as the service", code, err);
	}
	if (r < 0)
		directory_ldap_link_close(link);
	else
		*ret_link = link;
	return r;
}

void directory_ldap_link_close(struct directory_ldap_link *link)
{
	(void)ldap_unbind_ext_s(link->ldap, NULL, NULL);
	free(link);
}

static struct slice copy_value(struct arena *arena, const struct berval *value)
{
	return arena_copy(arena, slice(value->bv_val, value->bv_len));
}

static void copy_values(LDAP *ldap, LDAPMessage *message, const char *name, struct arena *arena,
	struct directory_ldap_attribute *ret)
{
	struct berval **values = ldap_get_values_len(ldap, message, name);
	size_t count =
		MIN((size_t)ldap_count_values_len(values), (size_t)DIRECTORY_LDAP_VALUES_MAX);
	struct slice *copies = ARENA_ARRAY(arena, struct slice, count);
	for (size_t i = 0; i < count; i++)
		copies[i] = copy_value(arena, values[i]);
	*ret = (struct directory_ldap_attribute){arena_copy(arena, slice_str(name)), copies, count};
	ldap_value_free_len(values);
}

static size_t count_attributes(LDAP *ldap, LDAPMessage *message)
{
	BerElement *at = NULL;
	size_t count = 0;
	char *name = ldap_first_attribute(ldap, message, &at);
	for (; name; name = ldap_next_attribute(ldap, message, at)) {
		count++;
		ldap_memfree(name);
	}
	ber_free(at, 0);
	return count;
}

static void copy_entry(
	LDAP *ldap, LDAPMessage *message, struct arena *arena, struct directory_ldap_entry *ret)
{
	BerElement *at = NULL;
	char *dn = ldap_get_dn(ldap, message);
	size_t room = count_attributes(ldap, message);
	struct directory_ldap_attribute *all =
		ARENA_ARRAY(arena, struct directory_ldap_attribute, room);
	*ret = (struct directory_ldap_entry){
		.dn = arena_copy(arena, slice_str(dn)), .attributes = all};
	ldap_memfree(dn);
	char *name = ldap_first_attribute(ldap, message, &at);
	for (; name; name = ldap_next_attribute(ldap, message, at)) {
		if (ret->count < room)
			copy_values(ldap, message, name, arena, &all[ret->count++]);
		ldap_memfree(name);
	}
	ber_free(at, 0);
}

/* Asks; the result is to be freed in any case. */
static int ask(struct directory_ldap_link *link, const struct directory_ldap_search *search,
	unsigned most, LDAPControl **controls, LDAPMessage **ret_result)
{
	static const int SCOPES[] = {
		[DIRECTORY_LDAP_SUBTREE] = LDAP_SCOPE_SUBTREE,
		[DIRECTORY_LDAP_ONE] = LDAP_SCOPE_ONELEVEL,
		[DIRECTORY_LDAP_BASE] = LDAP_SCOPE_BASE,
	};
	struct timeval answer = milliseconds(link->options->answer_ms);
	*ret_result = NULL;
	return ldap_search_ext_s(link->ldap, search->base, SCOPES[search->scope], search->filter,
		(char **)search->attributes, 0, controls, NULL, &answer, (int)most, ret_result);
}

static void copy_entries(LDAP *ldap, LDAPMessage *result, struct arena *arena,
	struct directory_ldap_entry **ret_entries, size_t *ret_count)
{
	int count = ldap_count_entries(ldap, result);
	*ret_count = 0;
	*ret_entries = ARENA_ARRAY(arena, struct directory_ldap_entry, (size_t)MAX(count, 0));
	for (LDAPMessage *m = ldap_first_entry(ldap, result); m && (int)*ret_count < count;
		m = ldap_next_entry(ldap, m))
		copy_entry(ldap, m, arena, &(*ret_entries)[(*ret_count)++]);
}

int directory_ldap_link_search(struct directory_ldap_link *link,
	const struct directory_ldap_search *search, struct arena *arena,
	struct directory_ldap_entry **ret_entries, size_t *ret_count, struct err *err)
{
	LDAPMessage *result;
	int r = 0, code = ask(link, search, search->most + 1, NULL, &result);
	*ret_count = 0;
	if (code == LDAP_NO_SUCH_OBJECT)
		r = DIRECTORY_UNKNOWN;
	else if (code != LDAP_SUCCESS && code != LDAP_SIZELIMIT_EXCEEDED)
		r = failed(link, search->filter, code, err);
	else
		copy_entries(link->ldap, result, arena, ret_entries, ret_count);
	if (r == 0 && !search->some &&
		(*ret_count > search->most || code == LDAP_SIZELIMIT_EXCEEDED))
		r = err_temporary(err, ERR_LIMIT, "%s: %s finds more than %u entries", link->uri,
			search->filter, search->most);
	else if (r == 0 && *ret_count == 0 && ldap_count_references(link->ldap, result) > 0)
		r = err_temporary(err, ERR_OTHER,
			"%s: %s finds nothing but referrals to other servers", link->uri,
			search->filter);
	(void)ldap_msgfree(result);
	return r;
}

/* One page; `cookie` says where it begins and is empty behind the last one. */
static int walk_page(struct directory_ldap_link *link, const struct directory_ldap_search *search,
	unsigned page, struct berval *cookie,
	bool (*visit)(void *context, const struct directory_ldap_entry *entry), void *context,
	bool *ret_go_on, struct err *err)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	LDAPControl *control = NULL, **answered = NULL;
	LDAPMessage *result = NULL;
	struct directory_ldap_entry *entries = NULL;
	size_t count = 0;
	ber_int_t estimate;
	int code = ldap_create_page_control(link->ldap, (ber_int_t)page, cookie, 0, &control);
	LDAPControl *controls[] = {control, NULL};
	if (code == LDAP_SUCCESS)
		code = ask(link, search, 0, controls, &result);
	if (code == LDAP_SUCCESS) {
		copy_entries(link->ldap, result, &arena, &entries, &count);
		code = ldap_parse_result(link->ldap, result, NULL, NULL, NULL, NULL, &answered, 0);
	}
	ber_memfree(cookie->bv_val);
	*cookie = (struct berval){0};
	LDAPControl *found = ldap_control_find(LDAP_CONTROL_PAGEDRESULTS, answered, NULL);
	if (code == LDAP_SUCCESS && found)
		code = ldap_parse_pageresponse_control(link->ldap, found, &estimate, cookie);
	for (size_t i = 0; code == LDAP_SUCCESS && *ret_go_on && i < count; i++)
		*ret_go_on = visit(context, &entries[i]);
	ldap_controls_free(answered);
	ldap_control_free(control);
	(void)ldap_msgfree(result);
	return code == LDAP_SUCCESS ? 0 : failed(link, search->filter, code, err);
}

int directory_ldap_link_walk(struct directory_ldap_link *link,
	const struct directory_ldap_search *search, unsigned page,
	bool (*visit)(void *context, const struct directory_ldap_entry *entry), void *context,
	struct err *err)
{
	struct berval cookie = {0};
	bool go_on = true;
	int r;
	do
		r = walk_page(link, search, page, &cookie, visit, context, &go_on, err);
	while (r == 0 && go_on && cookie.bv_len > 0);
	ber_memfree(cookie.bv_val);
	return r;
}

/* A no that another try would hear again. */
static bool is_refusal(int code)
{
	return code == LDAP_INSUFFICIENT_ACCESS || code == LDAP_NO_SUCH_OBJECT ||
	       code == LDAP_UNDEFINED_TYPE || code == LDAP_CONSTRAINT_VIOLATION ||
	       code == LDAP_OBJECT_CLASS_VIOLATION || code == LDAP_INVALID_SYNTAX ||
	       code == LDAP_UNWILLING_TO_PERFORM || code == LDAP_STRONG_AUTH_REQUIRED ||
	       code == LDAP_REFERRAL;
}

int directory_ldap_link_replace(struct directory_ldap_link *link, const char *dn,
	const char *attribute, struct slice value, struct err *err)
{
	struct berval bytes = {.bv_len = value.len, .bv_val = (char *)value.ptr};
	struct berval *values[] = {&bytes, NULL};
	LDAPMod change = {.mod_op = LDAP_MOD_REPLACE | LDAP_MOD_BVALUES,
		.mod_type = (char *)attribute,
		.mod_bvalues = values};
	LDAPMod *changes[] = {&change, NULL};
	int code = ldap_modify_ext_s(link->ldap, dn, changes, NULL, NULL);
	if (code == LDAP_SUCCESS)
		return 0;
	int r = failed(link, "modify", code, err);
	if (is_refusal(code))
		err->class = ERR_PERMANENT;
	return r;
}

int directory_ldap_link_check(
	struct directory_ldap_link *link, const char *dn, struct slice password, struct err *err)
{
	if (password.len == 0 || dn[0] == '\0')
		return DIRECTORY_WRONG;
	int code = bind_as(link, dn, password);
	switch (code) {
	case LDAP_SUCCESS:
		return 0;
	case LDAP_INVALID_CREDENTIALS:
	case LDAP_INAPPROPRIATE_AUTH: /* he has no password */
	case LDAP_NO_SUCH_OBJECT:
		return DIRECTORY_WRONG;
	default:
		return failed(link, "bind as a user", code, err);
	}
}
