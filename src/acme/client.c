/* Nonces are kept one at a time: each answer brings the next. An authority that has forgotten a
 * nonce, or the account, is asked again with another one. */
#include "acme/client.h"

#include "acme/jws.h"
#include "base/alloc.h"
#include "base/clock.h"

#include <jansson.h>

enum { NONCE_ATTEMPTS = 5, JWS_MAX = 256 * 1024, CONTACT_MAX = 300 };

struct acme_client {
	struct acme_client_options o;
	struct arena arena; /* the directory's */
	struct acme_directory directory;
	bool has_directory;
	char kid[ACME_URL_MAX]; /* the account's URL; "": not known yet */
	char nonce[ACME_NONCE_MAX];
	int64_t retry_ms;
};

struct acme_client *acme_client_new(const struct acme_client_options *options)
{
	struct acme_client *client = ALLOC(struct acme_client);
	client->o = *options;
	return client;
}

void acme_client_free(struct acme_client *client)
{
	if (!client)
		return;
	arena_free(&client->arena);
	free(client);
}

const struct acme_key *acme_client_key(const struct acme_client *client)
{
	return client->o.key;
}

int64_t acme_client_retry_ms(const struct acme_client *client)
{
	return client->retry_ms;
}

static bool is_good(const struct acme_reply *reply)
{
	return reply->status >= 200 && reply->status < 300;
}

static int ask(struct acme_client *client, const struct acme_request *request,
	struct acme_reply *reply, struct err *err)
{
	buf_clear(&reply->body);
	reply->status = 0;
	reply->nonce[0] = reply->location[0] = reply->retry_after[0] = '\0';
	int r = client->o.transport.ask(client->o.transport.context, request, reply, err);
	if (r == 0 && reply->nonce[0])
		memcpy(client->nonce, reply->nonce, sizeof(client->nonce));
	return r;
}

/* Says no, or not now, with the authority's words. */
static int refused(struct acme_client *client, const struct acme_reply *reply,
	const struct acme_problem *problem, struct err *err)
{
	bool later = reply->status >= 500 || reply->status == 429 || reply->status == 408 ||
		     strcmp(problem->type, "rateLimited") == 0 ||
		     strcmp(problem->type, "badNonce") == 0 ||
		     strcmp(problem->type, "accountDoesNotExist") == 0 ||
		     strcmp(problem->type, "serverInternal") == 0;
	bool often = reply->status == 429 || strcmp(problem->type, "rateLimited") == 0;
	client->retry_ms = acme_retry_after(slice_str(reply->retry_after), clock_wall());
	return err_set(err, later ? ERR_TEMPORARY : ERR_PERMANENT, often ? ERR_LIMIT : ERR_DENIED,
		__func__, "the authority answers with %u%s%s%s%s", reply->status,
		problem->type[0] ? " " : "", problem->type, problem->detail[0] ? ": " : "",
		problem->detail);
}

static int find_directory(struct acme_client *client, struct acme_reply *reply, struct err *err)
{
	const struct acme_request request = {.method = ACME_GET, .url = client->o.directory};
	const struct acme_problem none = {"", ""};
	if (client->has_directory)
		return 0;
	if (ask(client, &request, reply, err) < 0)
		return -1;
	if (!is_good(reply))
		return refused(client, reply, &none, err);
	arena_free(&client->arena);
	if (acme_directory_read(buf_slice(&reply->body), &client->arena, &client->directory, err) <
		0)
		return -1;
	if (client->directory.external_account_required && !client->o.eab_kid[0])
		return err_permanent(err, ERR_DENIED,
			"the authority asks for an external account: set eab_kid and "
			"eab_hmac_key");
	client->has_directory = true;
	return 0;
}

static int find_nonce(struct acme_client *client, struct acme_reply *reply, struct err *err)
{
	const struct acme_request request = {
		.method = ACME_HEAD, .url = client->directory.new_nonce};
	if (client->nonce[0])
		return 0;
	if (ask(client, &request, reply, err) < 0)
		return -1;
	return client->nonce[0] ? 0
				: err_temporary(err, ERR_BAD_INPUT,
					  "the authority sends no nonce, but %u", reply->status);
}

static int post_once(struct acme_client *client, const char *url, struct slice payload,
	struct acme_reply *reply, struct err *err)
{
	AUTO(buf_free) struct buf body = BUF(JWS_MAX);
	if (find_nonce(client, reply, err) < 0)
		return -1;
	const struct acme_jws jws = {.key = client->o.key,
		.kid = client->kid[0] ? client->kid : NULL,
		.nonce = client->nonce,
		.url = url,
		.payload = payload};
	int r = acme_jws_write(&jws, &body, err);
	client->nonce[0] = '\0'; /* good for one request */
	if (r < 0)
		return r;
	const struct acme_request request = {
		.method = ACME_POST, .url = url, .body = buf_slice(&body)};
	return ask(client, &request, reply, err);
}

/* Signed with what the client has: the account's URL, or else the key. */
static int post(struct acme_client *client, const char *url, struct slice payload,
	struct acme_reply *reply, struct err *err)
{
	for (unsigned i = 1;; i++) {
		AUTO(arena_free) struct arena arena = ARENA_EMPTY;
		struct acme_problem problem;
		if (post_once(client, url, payload, reply, err) < 0)
			return -1;
		if (is_good(reply))
			return 0;
		(void)acme_problem_read(buf_slice(&reply->body), &arena, &problem);
		if (strcmp(problem.type, "accountDoesNotExist") == 0)
			client->kid[0] = '\0'; /* then it is made anew */
		if (strcmp(problem.type, "badNonce") != 0 || i == NONCE_ATTEMPTS)
			return refused(client, reply, &problem, err);
	}
}

static json_t *contact_of(const struct acme_client *client)
{
	return client->o.contact[0] ? json_pack("[o]", json_sprintf("mailto:%s", client->o.contact))
				    : json_array();
}

/* Takes over `json`. */
static int post_json(struct acme_client *client, const char *url, json_t *json,
	struct acme_reply *reply, struct err *err)
{
	char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
	json_decref(json);
	int r = text ? post(client, url, slice_str(text), reply, err)
		     : err_permanent(err, ERR_BAD_INPUT, "the contact is no UTF-8");
	free(text);
	return r;
}

static json_t *account_of(struct acme_client *client, struct err *err)
{
	AUTO(buf_free) struct buf binding = BUF(JWS_MAX);
	json_t *account =
		json_pack("{s:b, s:o}", "termsOfServiceAgreed", 1, "contact", contact_of(client));
	if (!client->o.eab_kid[0])
		return account;
	if (acme_jws_bind(client->o.key, client->o.eab_kid, client->o.eab_hmac_key,
		    client->directory.new_account, &binding, err) < 0) {
		json_decref(account);
		return NULL;
	}
	(void)json_object_set_new(
		account, "externalAccountBinding", json_loadb(binding.data, binding.len, 0, NULL));
	return account;
}

/* An account that was there before may have another contact. */
static int set_contact(struct acme_client *client, struct acme_reply *reply, struct err *err)
{
	json_t *known = json_loadb(reply->body.data, reply->body.len, 0, NULL);
	json_t *wanted = contact_of(client);
	const json_t *has = json_object_get(known, "contact");
	bool same = !has || json_equal(has, wanted); /* some authorities keep none */
	json_decref(known);
	if (same) {
		json_decref(wanted);
		return 0;
	}
	return post_json(client, client->kid, json_pack("{s:o}", "contact", wanted), reply, err);
}

/* Making one whose key the authority knows finds it (section 7.3.1). */
static int find_account(struct acme_client *client, struct acme_reply *reply, struct err *err)
{
	if (client->kid[0])
		return 0;
	json_t *account = account_of(client, err);
	if (!account || post_json(client, client->directory.new_account, account, reply, err) < 0)
		return -1;
	if (!acme_is_url(slice_str(reply->location)))
		return err_temporary(
			err, ERR_BAD_INPUT, "the authority does not say where the account is");
	memcpy(client->kid, reply->location, sizeof(client->kid));
	return reply->status == 200 ? set_contact(client, reply, err) : 0;
}

static int set_up(struct acme_client *client, struct acme_reply *reply, struct err *err)
{
	client->retry_ms = 0;
	if (find_directory(client, reply, err) < 0)
		return -1;
	return find_account(client, reply, err) < 0 ? err_prefix(err, "account") : 0;
}

/* `url` NULL: where orders are made. Once more when the authority has forgotten the account. */
static int post_as_account(struct acme_client *client, const char *url, struct slice payload,
	struct acme_reply *reply, struct err *err)
{
	for (unsigned i = 0;; i++) {
		if (set_up(client, reply, err) < 0)
			return -1;
		int r = post(client, url ? url : client->directory.new_order, payload, reply, err);
		if (r == 0 || client->kid[0] || i == 1)
			return r;
	}
}

int acme_client_post(struct acme_client *client, const char *url, struct slice payload,
	struct acme_reply *reply, struct err *err)
{
	return post_as_account(client, url, payload, reply, err);
}

int acme_client_new_order(
	struct acme_client *client, struct slice payload, struct acme_reply *reply, struct err *err)
{
	return post_as_account(client, NULL, payload, reply, err);
}
