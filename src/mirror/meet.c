/* Two nodes that meet. The first one leads: it holds its writes and sends its accounts; the second
 * one holds its own, compares, and answers which are apart. Then the first one is linked, says so,
 * and the second one is linked when it hears that. Nobody waits for the accounts that are apart:
 * both nodes go on writing to those, each for itself, until they are settled. */
#include "mirror/node_internal.h"

#include "mirror/accounts.h"
#include "mirror/driver_internal.h"
#include "mirror/stage.h"

#include "base/clock.h"

static int load(struct mirror_node *node, struct mirror_accounts *to, struct err *err)
{
	const struct store_db *m = mirror_node_db(node);
	if (m->inner->figures(m->db).failed)
		return err_temporary(err, ERR_UNAVAILABLE, "its disk refused a write");
	int r = mirror_stage_clear(node->mirror, err);
	if (r < 0 && err->kind == ERR_DAMAGED)
		r = mirror_mend_look(node, err);
	return r < 0 ? r : mirror_mend_accounts(node, to, err);
}

/* Holds writes for this meeting. False: the connection is gone, and nothing is held. */
static bool hold_writes(struct mirror_connection *c)
{
	mirror_hold_writes(c->node->mirror);
	mirror_node_lock(c->node);
	bool goes_on = !c->ended;
	c->holds_writes = goes_on;
	mirror_node_unlock(c->node);
	if (!goes_on)
		mirror_let_write(c->node->mirror);
	return goes_on;
}

/* Under node.lock, with writes held: from now on both commit together. */
static void become_linked(struct mirror_connection *c)
{
	struct mirror_node *node = c->node;
	atomic_store(&c->linking, mirror_linked(node->mirror, c->apart.list, c->apart.count));
	c->linked = true;
	c->holds_writes = false;
	node->linked_ms = clock_mono_ms();
	node->error[0] = '\0';
	node->merge_error[0] = '\0';
	mirror_node_enter(node, MIRROR_IN_SYNC);
	mirror_let_write(node->mirror);
	mirror_node_let_write(node);
	log_info(c->log, "mirror linked", F_UINT("accounts_apart", c->apart.count));
}

static int ask_apart(struct mirror_connection *c, struct mirror_ids *to, struct err *err)
{
	AUTO(buf_free)
	struct buf message = BUF(MIRROR_MESSAGE_MAX), answer = BUF(MIRROR_MESSAGE_MAX);
	struct mirror_accounts own = {0};
	int r = load(c->node, &own, err);
	buf_add_byte(&message, MIRROR_MEET);
	mirror_accounts_add_bytes(&own, &message);
	mirror_accounts_free(&own);
	if (r == 0)
		r = mirror_link_ask(c->link, &message, &answer, err);
	if (r == 0 && !mirror_ids_read(buf_slice(&answer), to))
		r = err_temporary(err, ERR_BAD_INPUT, "the other node answers something else");
	return r;
}

void mirror_meet(struct mirror_connection *c, void *context)
{
	struct mirror_ids apart = {0};
	struct err err;
	if (!hold_writes(c))
		return;
	int r = ask_apart(c, &apart, &err);
	mirror_node_lock(c->node);
	bool goes_on = r == 0 && !c->ended;
	if (goes_on) {
		c->apart = apart;
		become_linked(c);
		mirror_link_say_linked(c->link);
	}
	mirror_node_unlock(c->node);
	if (goes_on) {
		mirror_settle_start(c);
		return;
	}
	mirror_ids_free(&apart);
	if (r < 0)
		mirror_connection_cut(c, &err);
}

static int compare(struct mirror_connection *c, const struct mirror_accounts *theirs,
	struct buf *answer, struct err *err)
{
	struct mirror_accounts own = {0};
	size_t start = answer->len;
	int r = load(c->node, &own, err);
	if (r == 0)
		mirror_accounts_compare(&own, theirs, answer);
	mirror_accounts_free(&own);
	if (r < 0)
		return r;
	mirror_node_lock(c->node);
	bool good = !c->ended && mirror_ids_read(slice_from(buf_slice(answer), start), &c->apart);
	mirror_ids_sort(&c->apart);
	c->told_apart = good;
	mirror_node_unlock(c->node);
	return good ? 0 : err_temporary(err, ERR_UNAVAILABLE, "the link is down");
}

int mirror_meet_answer(
	struct mirror_connection *c, struct slice bytes, struct buf *answer, struct err *err)
{
	struct mirror_accounts theirs = {0};
	mirror_node_lock(c->node);
	bool fits = !c->met && !mirror_is_first(c->node->mirror);
	c->met = true;
	mirror_node_unlock(c->node);
	if (!fits)
		return err_temporary(err, ERR_BAD_INPUT, "this is no time to meet");
	int r = mirror_accounts_read(bytes, &theirs)
			? 0
			: err_permanent(err, ERR_BAD_INPUT, "this is no list of accounts");
	if (r == 0 && !hold_writes(c))
		r = err_temporary(err, ERR_UNAVAILABLE, "the link is down");
	if (r == 0)
		r = compare(c, &theirs, answer, err);
	mirror_accounts_free(&theirs);
	return r; /* writes are held until LINKED comes, or the link is lost */
}

bool mirror_meet_linked(struct mirror_connection *c)
{
	mirror_node_lock(c->node);
	bool fits = !c->ended && c->holds_writes && !mirror_is_first(c->node->mirror);
	if (fits)
		become_linked(c);
	mirror_node_unlock(c->node);
	return fits;
}
