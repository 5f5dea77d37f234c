/* Each round begins with the order as the authority has it. */
#include "acme/order.h"

#include "base/base64url.h"
#include "base/clock.h"

#include <jansson.h>

enum {
	WAIT_FIRST_MS = 500,
	WAIT_MOST_MS = 30 * 1000,
	ROUNDS_MAX = 60, /* then it has taken too long */
	STEPS_MAX = 8,   /* of one round */
	KEY_AUTHORIZATION_MAX = 512,
	REQUEST_MAX = 64 * 1024,
};

struct run {
	struct acme_order *o;
	struct acme_reply reply;
	struct arena arena;
	struct acme_order_document document;
	int64_t asked_ms; /* how long the authority wants to be left alone */
};

static void run_end(struct run *run)
{
	buf_free(&run->reply.body);
	arena_free(&run->arena);
}

static int ask(struct run *run, const char *url, struct slice payload, struct err *err)
{
	int r = acme_client_post(run->o->client, url, payload, &run->reply, err);
	if (r == 0) {
		int64_t ms = acme_retry_after(slice_str(run->reply.retry_after), clock_wall());
		run->asked_ms = MAX(run->asked_ms, ms);
	}
	return r;
}

static int take_order(struct run *run, struct err *err)
{
	return acme_order_read(buf_slice(&run->reply.body), &run->arena, &run->document, err);
}

/* {"identifiers":[{"type":"dns","value":…},…]} */
static char *identifiers_of(const struct acme_order *o)
{
	json_t *list = json_array();
	for (size_t i = 0; i < o->count; i++)
		(void)json_array_append_new(
			list, json_pack("{s:s, s:s}", "type", "dns", "value", o->names[i]));
	json_t *order = json_pack("{s:o}", "identifiers", list);
	char *text = order ? json_dumps(order, JSON_COMPACT) : NULL;
	json_decref(order);
	return text;
}

static int begin(struct run *run, struct err *err)
{
	struct acme_order *o = run->o;
	char *text = identifiers_of(o);
	int r = text ? acme_client_new_order(o->client, slice_str(text), &run->reply, err)
		     : err_bug(err, "a name is no UTF-8");
	free(text);
	if (r < 0)
		return r;
	if (!acme_is_url(slice_str(run->reply.location)))
		return err_temporary(
			err, ERR_BAD_INPUT, "the authority does not say where the order is");
	memcpy(o->url, run->reply.location, sizeof(o->url));
	if (take_order(run, err) < 0)
		return -1;
	return o->keep(o->context, err);
}

static int fetch_order(struct run *run, struct err *err)
{
	return ask(run, run->o->url, SLICE(""), err) < 0 ? -1 : take_order(run, err);
}

static int failed(const struct acme_authorization *a, struct err *err)
{
	const struct acme_problem *p = &a->challenge.error;
	return err_permanent(err, ERR_DENIED, "%s: %s%s%s", a->name,
		p->type[0] ? p->type : acme_status_name(a->status), p->detail[0] ? ": " : "",
		p->detail);
}

/* The answer is there before the authority is told to ask for it. */
static int answer(struct run *run, const struct acme_authorization *a, struct err *err)
{
	const struct acme_order *o = run->o;
	AUTO(buf_free) struct buf text = BUF(KEY_AUTHORIZATION_MAX);
	if (acme_key_authorization(
		    acme_client_key(o->client), slice_str(a->challenge.token), &text, err) < 0)
		return -1;
	const struct acme_answer answer = {a->name, a->challenge.token, buf_slice(&text)};
	if (o->publish(o->context, &answer, err) < 0)
		return -1;
	return ask(run, a->challenge.url, SLICE("{}"), err);
}

/* Negative too when nothing can come of it. */
static int fetch_authorization(
	struct run *run, size_t i, struct acme_authorization *a, struct err *err)
{
	if (ask(run, run->document.authorizations[i], SLICE(""), err) < 0 ||
		acme_authorization_read(
			buf_slice(&run->reply.body), run->o->challenge, &run->arena, a, err) < 0)
		return -1;
	if (a->status != ACME_PENDING && a->status != ACME_VALID)
		return failed(a, err);
	if (a->status == ACME_PENDING && a->challenge.status == ACME_INVALID)
		return failed(a, err);
	return 0;
}

static int authorize(struct run *run, size_t i, struct err *err)
{
	struct acme_authorization a;
	if (fetch_authorization(run, i, &a, err) < 0)
		return -1;
	if (a.status == ACME_VALID)
		return 0;
	if (!a.has_challenge)
		return err_permanent(err, ERR_DENIED, "%s: the authority does not offer %s", a.name,
			run->o->challenge);
	if (a.challenge.status != ACME_PENDING || run->o->told[i])
		return 0;
	if (answer(run, &a, err) < 0)
		return -1;
	run->o->told[i] = true;
	return 0;
}

static int finalize(struct run *run, struct err *err)
{
	const struct acme_order *o = run->o;
	AUTO(buf_free) struct buf der = BUF(REQUEST_MAX), body = BUF(2 * REQUEST_MAX);
	if (acme_key_request(o->key, o->names, o->count, &der, err) < 0)
		return -1;
	buf_add_str(&body, "{\"csr\":\"");
	base64url_encode(&body, buf_slice(&der));
	buf_add_str(&body, "\"}");
	if (body.failed)
		return err_permanent(err, ERR_LIMIT, "too many names for one request");
	return ask(run, run->document.finalize, buf_slice(&body), err) < 0 ? -1
									   : take_order(run, err);
}

static int download(struct run *run, struct buf *ret_chain, struct err *err)
{
	const struct acme_order *o = run->o;
	struct acme_leaf leaf;
	if (ask(run, run->document.certificate, SLICE(""), err) < 0)
		return -1;
	struct slice chain = buf_slice(&run->reply.body);
	if (acme_leaf_check(chain, o->key, o->names, o->count, clock_wall(), &leaf, err) < 0)
		return -1;
	buf_add_slice(ret_chain, chain);
	return ret_chain->failed ? err_permanent(err, ERR_LIMIT, "the certificate is too long") : 0;
}

/* That of the name that could not be proved, or else the order's own. */
static int invalid(struct run *run, struct err *err)
{
	const struct acme_problem *p = &run->document.error;
	struct acme_authorization a;
	for (size_t i = 0; i < run->document.count; i++)
		if (fetch_authorization(run, i, &a, err) < 0)
			return -1;
	return err_permanent(err, ERR_DENIED, "the order is invalid%s%s%s%s",
		p->type[0] ? ": " : "", p->type, p->detail[0] ? ": " : "", p->detail);
}

static int wait(struct run *run, int64_t *ret_wait_ms, struct err *err)
{
	struct acme_order *o = run->o;
	int64_t own = (int64_t)WAIT_FIRST_MS * (1 + o->rounds / 2);
	if (++o->rounds > ROUNDS_MAX)
		return err_permanent(err, ERR_UNAVAILABLE,
			"the authority does not come to an end: the order is %s",
			acme_status_name(run->document.status));
	*ret_wait_ms = MIN(MAX(own, run->asked_ms), (int64_t)WAIT_MOST_MS);
	return ACME_ORDER_WAIT;
}

static int run_order(struct run *run, struct buf *ret_chain, int64_t *ret_wait_ms, struct err *err)
{
	int r = run->o->url[0] ? fetch_order(run, err) : begin(run, err);
	for (unsigned step = 0; r == 0 && step < STEPS_MAX; step++)
		switch (run->document.status) {
		case ACME_VALID:
			return download(run, ret_chain, err);
		case ACME_READY:
			r = finalize(run, err);
			break;
		case ACME_PENDING:
			for (size_t i = 0; i < run->document.count && r == 0; i++)
				r = authorize(run, i, err);
			return r < 0 ? r : wait(run, ret_wait_ms, err);
		case ACME_PROCESSING:
			return wait(run, ret_wait_ms, err);
		default:
			return invalid(run, err);
		}
	return r < 0 ? r : wait(run, ret_wait_ms, err);
}

int acme_order_run(
	struct acme_order *order, struct buf *ret_chain, int64_t *ret_wait_ms, struct err *err)
{
	AUTO(run_end) struct run run = {.o = order, .reply.body = BUF(ACME_DOCUMENT_MAX)};
	if (order->count == 0 || order->count > ACME_NAMES_MAX)
		return err_permanent(
			err, ERR_BAD_INPUT, "a certificate has 1 to %d names", ACME_NAMES_MAX);
	return run_order(&run, ret_chain, ret_wait_ms, err);
}
