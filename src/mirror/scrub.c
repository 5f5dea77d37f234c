/* Step by step: an account a job, so that a node that stops waits for one at most. */
#include "mirror/node_internal.h"

#include "mirror/driver_internal.h"
#include "mirror/pace.h"
#include "mirror/stage.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "store/key.h"
#include "store/row.h"

enum {
	FIRST_MS = 60 * 1000, /* after the start, at most */
	PIECE = 1 << 20,      /* bytes of a body at a time */
	READ_MAX = MIRROR_MESSAGE_MAX / 2,
};
static const struct mirror_pace PACE = {
	.busy_commits = 20, .when_idle = 1, .when_busy = 9, .rest_max_ms = 10 * 1000};

struct scrubbing {
	struct mirror_node *node;
	struct mirror_connection *c;
	struct id account;
	struct mirror_ids bodies;
	struct err *err;
};

void mirror_scrub_start(struct mirror_node *node)
{
	int64_t wait = MIN((int64_t)node->options.scrub_ms, (int64_t)FIRST_MS);
	node->scrub.next_ms = clock_mono_ms() + wait;
}

void mirror_scrub_again(struct mirror_node *node)
{
	node->scrub.again = true;
	node->scrub.next_ms = clock_mono_ms();
}

bool mirror_scrub_is_due(struct mirror_node *node, int64_t now)
{
	const struct mirror_connection *c = node->current;
	if (node->options.scrub_ms == 0 || node->scrub.busy || now < node->scrub.next_ms || !c ||
		!c->linked || c->ended || c->settling > 0 || c->unsettled.count > 0)
		return false;
	node->scrub.busy = true;
	return true;
}

static bool is_linked(const struct scrubbing *s)
{
	mirror_node_lock(s->node);
	bool linked = s->c->linked && !s->c->ended;
	mirror_node_unlock(s->node);
	return linked;
}

static bool take_body(void *context, struct slice key, struct slice value)
{
	struct store_object object;
	if (row_get_object(value, &object) && !id_is_none(object.blob))
		mirror_ids_add(context, object.blob);
	return true;
}

static int list_bodies(struct scrubbing *s)
{
	struct store_db *m = mirror_node_db(s->node);
	struct key from, end;
	key_of_account(&from, KEY_OBJECT, s->account);
	end = from;
	key_to_end(&end);
	int r = m->inner->scan(m->db, NULL, key_slice(&from), key_slice(&end), false, take_body,
		&s->bodies, s->err);
	mirror_ids_sort(&s->bodies);
	if (r < 0 && s->err->kind == ERR_DAMAGED)
		atomic_store(&m->hurt, true);
	return r;
}

static bool see_one(void *context, struct slice key, struct slice value)
{
	*(bool *)context = true;
	return false;
}

/* It may have gone since it was listed. */
static int is_referred(struct scrubbing *s, struct id body, bool *ret_is)
{
	struct store_db *m = mirror_node_db(s->node);
	struct key from, end;
	key_of_ref(&from, body, s->account, ID_NONE, 0);
	from.len = 1 + ID_SIZE;
	end = from;
	key_to_end(&end);
	*ret_is = false;
	return m->inner->scan(
		m->db, NULL, key_slice(&from), key_slice(&end), false, see_one, ret_is, s->err);
}

/* Puts the body there anew. */
static int fetch(struct scrubbing *s, struct id body, struct err *err)
{
	AUTO(buf_free) struct buf answer = BUF(MIRROR_MESSAGE_MAX);
	struct buf message = BUF(1 + ID_SIZE);
	size_t count = 0;
	buf_add_byte(&message, MIRROR_BODIES);
	buf_add_slice(&message, id_slice(&body));
	int r = mirror_link_ask(s->c->link, &message, &answer, err);
	if (r == 0)
		r = mirror_stage_bodies(s->node->mirror, atomic_load(&s->c->linking), NULL,
			buf_slice(&answer), &count, err);
	if (r == 0 && count == 0)
		r = err_temporary(err, ERR_DAMAGED, "the other node does not have it");
	return r;
}

static int heal(struct scrubbing *s, struct id body, const struct err *why)
{
	struct err err = {0};
	char text[ID_TEXT_SIZE + 1];
	bool referred;
	int r = is_referred(s, body, &referred);
	if (r < 0 || !referred || !is_linked(s))
		return MIN(r, 0);
	id_to_text(body, text);
	r = fetch(s, body, &err);
	if (r == 0)
		log_warn(s->c->log, "damaged body fetched from the other node", F_STR("body", text),
			F_ERR(why));
	else
		log_error(s->c->log, "damaged body", F_STR("body", text), F_ERR(&err));
	mirror_node_lock(s->node);
	s->node->scrub.status.healed += r == 0;
	s->node->scrub.status.unhealed += r < 0;
	mirror_node_unlock(s->node);
	return 0;
}

/* Whole, in pieces. */
static int read_body(struct scrubbing *s, struct id body, uint64_t *ret_len, struct err *err)
{
	struct store_db *m = mirror_node_db(s->node);
	int r = m->inner->blob_len(m->db, body, ret_len, err);
	if (r < 0 && err->kind == ERR_DAMAGED)
		atomic_store(&m->hurt, true);
	for (uint64_t at = 0; r == 0 && at < *ret_len && is_linked(s); at += PIECE) {
		AUTO(buf_free) struct buf piece = BUF(READ_MAX);
		struct mirror_piece read = mirror_piece_begin(s->node->mirror);
		r = m->inner->blob_read(m->db, body, at, PIECE, &piece, err);
		wait_pause(mirror_piece_rest(s->node->mirror, &read, &PACE));
	}
	return r;
}

static int scrub_bodies(struct scrubbing *s)
{
	int r = list_bodies(s);
	for (size_t i = 0; r >= 0 && i < s->bodies.count && is_linked(s); i++) {
		struct err err = {0};
		uint64_t len = 0;
		r = read_body(s, s->bodies.list[i], &len, &err);
		if (r == STORE_ABSENT)
			(void)err_temporary(&err, ERR_DAMAGED, "the body is missing");
		if (r == STORE_ABSENT || (r < 0 && err.kind == ERR_DAMAGED))
			r = heal(s, s->bodies.list[i], &err);
		else if (r < 0)
			*s->err = err;
		mirror_node_lock(s->node);
		s->node->scrub.status.bodies++;
		s->node->scrub.status.bytes += len;
		mirror_node_unlock(s->node);
	}
	return MIN(r, 0);
}

static void tell_difference(void *context, struct id account, const char *why)
{
	struct scrubbing *s = context;
	char text[ID_TEXT_SIZE + 1];
	id_to_text(account, text);
	log_warn(s->c->log, "account is merged anew", F_STR("account", text), F_STR("why", why));
	mirror_node_lock(s->node);
	s->node->scrub.status.differing++;
	mirror_node_unlock(s->node);
}

/* Bodies first: of one that is missing here the rows need not be merged anew. */
static int scrub_account(struct scrubbing *s)
{
	int r = scrub_bodies(s);
	if (r == 0 && mirror_is_first(s->node->mirror) && is_linked(s))
		r = mirror_verify_account(s->c, s->account, tell_difference, s, s->err);
	mirror_ids_free(&s->bodies);
	return r;
}

static bool take_account(void *context, const struct store_account *account)
{
	mirror_ids_add(context, account->id);
	return true;
}

static void free_accounts(struct mirror_scrub *scrub)
{
	free(scrub->accounts);
	scrub->accounts = NULL;
}

/* The accounts of a round, if none is under way. */
static int begin_round(struct mirror_node *node, struct err *err)
{
	struct mirror_scrub *scrub = &node->scrub;
	struct mirror_ids accounts = {0};
	mirror_node_lock(node);
	if (scrub->again)
		free_accounts(scrub);
	scrub->again = false;
	mirror_node_unlock(node);
	if (scrub->accounts)
		return 0;
	int r = store_list_accounts(node->store, take_account, &accounts, err);
	if (r < 0) {
		mirror_ids_free(&accounts);
		return r;
	}
	if (!accounts.list)
		accounts.list = ALLOC(struct id);
	mirror_node_lock(node);
	scrub->accounts = accounts.list;
	scrub->status.accounts = accounts.count;
	scrub->status.accounts_done = 0;
	scrub->status.error[0] = '\0';
	mirror_node_unlock(node);
	return 0;
}

/* Under node.lock. */
static void end_round(struct mirror_node *node)
{
	struct mirror_scrub *scrub = &node->scrub;
	free_accounts(scrub);
	scrub->status.rounds++;
	scrub->status.ended_s = clock_wall();
	scrub->next_ms = clock_mono_ms() + (int64_t)node->options.scrub_ms;
}

/* Under node.lock. An account that could not be scrubbed is left for the next round; one that the
 * link's end came into is begun anew. */
static void end_step(
	struct mirror_node *node, const struct mirror_connection *c, int r, const struct err *err)
{
	struct mirror_scrub_status *status = &node->scrub.status;
	if (!c->linked || c->ended)
		return;
	if (r < 0)
		(void)snprintf(status->error, sizeof(status->error), "%s", err->text);
	status->accounts_done++;
	if (status->accounts_done >= status->accounts)
		end_round(node);
}

static void step(struct mirror_node *node, struct mirror_connection *c)
{
	struct err err = {0};
	struct scrubbing s = {.node = node, .c = c, .err = &err};
	struct mirror_piece piece = mirror_piece_begin(node->mirror);
	int r = begin_round(node, &err);
	if (r == 0 && node->scrub.status.accounts > 0) {
		s.account = node->scrub.accounts[node->scrub.status.accounts_done];
		r = scrub_account(&s);
	}
	int64_t next_ms = mirror_piece_rest(node->mirror, &piece, &PACE);
	mirror_node_lock(node);
	node->scrub.next_ms = next_ms;
	end_step(node, c, r, &err);
	mirror_node_unlock(node);
}

void mirror_scrub_run(void *context)
{
	struct mirror_node *node = context;
	struct mirror_connection *c = mirror_connection_current(node);
	if (c) {
		step(node, c);
		mirror_connection_unref(c);
	}
	mirror_node_lock(node);
	node->scrub.busy = false;
	mirror_node_unlock(node);
}
