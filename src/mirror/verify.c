/* Comparing what is on the two disks: each row is read and added up anew, since the digests that
 * are kept in rows were copied with them. */
#include "mirror/node_internal.h"

#include "mirror/driver_internal.h"
#include "mirror/rows.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "store/digest.h"
#include "store/key.h"

enum { HOLD_MS = 30 * 1000, FORM_SIZE = 16 };

/* What an account comes to: its rows, and the bodies they refer to that are not there. */
struct sum {
	uint64_t digest, missing;
};

static int add_up(struct mirror_node *node, struct id account, struct sum *ret_sum, struct err *err)
{
	struct store_db *m = mirror_node_db(node);
	struct mirror_rows rows = MIRROR_ROWS_NONE;
	*ret_sum = (struct sum){0};
	int r = mirror_rows_load(m->inner, m->db, NULL, account, &rows, err);
	for (size_t i = 0; r == 0 && i < rows.count; i++) {
		const struct mirror_row *row = &rows.list[i];
		uint64_t len;
		if (row->key.ptr[0] != KEY_FACET) /* a cache: may be missing */
			ret_sum->digest += digest_row(row->key, row->value);
		if (row->key.ptr[0] != KEY_REF)
			continue;
		r = m->inner->blob_len(m->db, key_id_at(row->key, 1), &len, err);
		ret_sum->missing += r == STORE_ABSENT;
		r = r == STORE_ABSENT ? 0 : r;
	}
	mirror_rows_free(&rows);
	if (r < 0 && err->kind == ERR_DAMAGED)
		atomic_store(&m->hurt, true);
	return r;
}

static bool tell_account(void *context, const struct store_account *account)
{
	buf_add_slice(context, id_slice(&account->id));
	return true;
}

int mirror_digest_serve(
	struct mirror_node *node, struct slice bytes, struct buf *answer, struct err *err)
{
	if (bytes.len == 0) /* whose */
		return store_list_accounts(node->store, tell_account, answer, err);
	struct id account;
	struct sum sum;
	char form[FORM_SIZE];
	if (!id_cut(&bytes, &account) || bytes.len > 0)
		return err_permanent(err, ERR_BAD_INPUT, "the request is malformed");
	int r = add_up(node, account, &sum, err);
	bytes_put_be64(form, sum.digest);
	bytes_put_be64(form + 8, sum.missing);
	buf_add(answer, form, sizeof(form));
	return r;
}

static int ask_sum(
	struct mirror_connection *c, struct id account, struct sum *ret_sum, struct err *err)
{
	AUTO(buf_free) struct buf answer = BUF(FORM_SIZE);
	struct buf message = BUF(1 + ID_SIZE);
	buf_add_byte(&message, MIRROR_DIGEST);
	buf_add_slice(&message, id_slice(&account));
	int r = mirror_link_ask(c->link, &message, &answer, err);
	if (r == 0 && answer.len != FORM_SIZE)
		r = err_temporary(err, ERR_BAD_INPUT, "the other node answers something else");
	if (r == 0)
		*ret_sum =
			(struct sum){bytes_get_be64(answer.data), bytes_get_be64(answer.data + 8)};
	return r;
}

/* Whoever holds the account parts it at both nodes; then it is merged anew. */
static int part(struct mirror_connection *c, struct id account, struct err *err)
{
	AUTO(buf_free) struct buf answer = BUF(1);
	struct buf message = BUF(1 + ID_SIZE);
	buf_add_byte(&message, MIRROR_APART);
	buf_add_slice(&message, id_slice(&account));
	int r = mirror_link_ask(c->link, &message, &answer, err);
	if (r == 0)
		mirror_lease_part(mirror_leases(c->node->mirror), account);
	return r;
}

static const char *difference(const struct sum *here, const struct sum *there)
{
	return here->digest != there->digest ? "its rows differ"
	       : here->missing > 0           ? "bodies are missing at this node"
	       : there->missing > 0          ? "bodies are missing at the other node"
					     : NULL;
}

struct verifying {
	struct mirror_connection *c;
	bool repair;
	void (*differs)(void *context, struct id account, const char *why);
	void *context;
	struct mirror_verify_result *result;
	struct err *err;
};

static int verify_held(struct verifying *v, struct id account, bool apart)
{
	struct sum here, there = {0};
	const char *why = "it is not merged yet";
	int r = 0;
	if (!apart) {
		r = add_up(v->c->node, account, &here, v->err);
		if (r == 0)
			r = ask_sum(v->c, account, &there, v->err);
		if (r < 0)
			return r;
		why = difference(&here, &there);
	}
	if (!why)
		return 0;
	v->result->differing++;
	v->differs(v->context, account, why);
	return v->repair && !apart ? part(v->c, account, v->err) : 0;
}

static int verify_one(struct verifying *v, struct id account)
{
	struct mirror *mirror = v->c->node->mirror;
	bool apart, repaired;
	uint64_t before = v->result->differing;
	int r = mirror_hold_account(mirror, account, clock_mono_ms() + HOLD_MS, &apart, v->err);
	if (r < 0)
		return r;
	r = verify_held(v, account, apart);
	repaired = r == 0 && v->repair && !apart && v->result->differing > before;
	mirror_drop_account(mirror, account);
	v->result->accounts++;
	if (repaired && mirror_is_first(mirror))
		mirror_settle_again(v->c, account);
	return r;
}

int mirror_verify_account(struct mirror_connection *c, struct id account,
	void (*differs)(void *context, struct id account, const char *why), void *context,
	struct err *err)
{
	struct mirror_verify_result result = {0};
	struct verifying v = {c, true, differs, context, &result, err};
	return verify_one(&v, account);
}

static bool take_account(void *context, const struct store_account *account)
{
	mirror_ids_add(context, account->id);
	return true;
}

static bool is_linked(struct mirror_connection *c)
{
	if (!c)
		return false;
	mirror_node_lock(c->node);
	bool linked = c->linked && !c->ended;
	mirror_node_unlock(c->node);
	return linked;
}

/* Those that only the other node has are compared too: merges two lists by id. */
static int add_theirs(struct mirror_connection *c, struct mirror_ids *accounts, struct err *err)
{
	AUTO(buf_free) struct buf answer = BUF(MIRROR_MESSAGE_MAX);
	struct buf message = BUF(1);
	struct mirror_ids theirs = {0};
	size_t own = accounts->count;
	buf_add_byte(&message, MIRROR_DIGEST);
	int r = mirror_link_ask(c->link, &message, &answer, err);
	if (r == 0 && !mirror_ids_read(buf_slice(&answer), &theirs))
		r = err_temporary(err, ERR_BAD_INPUT, "the other node answers something else");
	for (size_t i = 0, at = 0; i < theirs.count; i++) {
		while (at < own && id_cmp(accounts->list[at], theirs.list[i]) < 0)
			at++;
		if (at == own || !id_eq(accounts->list[at], theirs.list[i]))
			mirror_ids_add(accounts, theirs.list[i]);
	}
	mirror_ids_free(&theirs);
	return r;
}

int mirror_node_verify(struct mirror_node *node, bool repair, store_progress *progress,
	void (*differs)(void *context, struct id account, const char *why), void *context,
	struct mirror_verify_result *ret_result, struct err *err)
{
	struct mirror_connection *c = mirror_connection_current(node);
	struct mirror_ids accounts = {0};
	struct verifying v = {c, repair, differs, context, ret_result, err};
	*ret_result = (struct mirror_verify_result){0};
	if (!is_linked(c)) {
		mirror_node_lock(node);
		bool paired = node->paired;
		mirror_node_unlock(node);
		if (c)
			mirror_connection_unref(c);
		if (!paired)
			return mirror_not_paired(err);
		return err_temporary(err, ERR_UNAVAILABLE, "the two nodes are not linked");
	}
	int r = store_list_accounts(node->store, take_account, &accounts, err);
	if (r == 0)
		r = add_theirs(c, &accounts, err);
	for (size_t i = 0; r == 0 && i < accounts.count; i++) {
		r = verify_one(&v, accounts.list[i]);
		if (r == 0 && progress && !progress(context, "comparing", i + 1, accounts.count))
			r = STORE_STOPPED;
	}
	mirror_ids_free(&accounts);
	mirror_connection_unref(c);
	return r;
}
