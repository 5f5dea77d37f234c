/* An operation is one store_write. Its effects are listed while it is made: what is true once it
 * was tried, and what once it was acknowledged. */
#include "mirror/sim_load.h"

#include "base/alloc.h"
#include "store/key.h"

enum {
	EFFECTS_MAX = 24,
	PARTS_MAX = 2, /* accounts in a write */
	INBOX_TIMES = 3,
	BOXES_MAX = 5,
};

static const char *const NAMES[] = {"INBOX", "a", "b", "c", "d", "e", "f", "g"};
static const char SETTINGS[] = "settings";

enum effect_kind {
	DELIVERED, /* a message */
	MADE,      /* a collection */
	GONE,      /* an object */
	OVERWROTE, /* an operation */
	NUMBERED,  /* an object */
};

struct effect {
	enum effect_kind kind;
	uint32_t what;
	uint32_t collection, number; /* of one that was numbered */
};

struct operation {
	struct sim *sim;
	struct sim_history *history;
	struct sim_node *node;
	unsigned accounts[PARTS_MAX];
	size_t account_count;
	struct store_write *write;
	struct effect effects[EFFECTS_MAX];
	size_t effect_count;
	struct arena arena;
	struct err err;
};

static void add_effect(struct operation *op, struct effect effect)
{
	if (op->effect_count < EFFECTS_MAX)
		op->effects[op->effect_count++] = effect;
}

static struct sim_sched *sched_of(const struct operation *op)
{
	return op->sim->sched;
}

static struct id account_id(const struct operation *op, unsigned account)
{
	return op->history->accounts[account];
}

/* Collections. */

static int make_box(struct operation *op, unsigned account, enum store_kind kind, uint32_t name,
	struct store_collection **ret_box)
{
	uint32_t made = sim_new_collection(op->history, account);
	struct sim_collection_data data = {made, sim_new_operation(op->history), 0};
	struct slice text = kind == STORE_MAILBOX ? slice_str(NAMES[name]) : slice_str(SETTINGS);
	int r = store_write_collection_new(op->write, account_id(op, account), kind, text,
		sim_collection_data_write(&data, &op->arena), ret_box, &op->err);
	if (r != 0)
		return r;
	op->history->collections[made].id = (*ret_box)->id;
	op->history->collections[made].names = UINT32_C(1) << name;
	add_effect(op, (struct effect){.kind = MADE, .what = made});
	return 0;
}

static int find_box(struct operation *op, unsigned account, enum store_kind kind, uint32_t name,
	struct store_collection **ret_box)
{
	struct slice text = kind == STORE_MAILBOX ? slice_str(NAMES[name]) : slice_str(SETTINGS);
	int r = store_write_find_collection(
		op->write, account_id(op, account), kind, text, ret_box, &op->err);
	return r == STORE_ABSENT ? make_box(op, account, kind, name, ret_box) : r;
}

static int find_inbox(struct operation *op, unsigned account, struct store_collection **ret_box)
{
	return find_box(op, account, STORE_MAILBOX, 0, ret_box);
}

static int pick_box(struct operation *op, unsigned account, struct store_collection **ret_box)
{
	struct store_collection *all;
	size_t count;
	int r = store_list_collections(op->node->store, account_id(op, account), STORE_MAILBOX,
		&op->arena, &all, &count, &op->err);
	if (r == 0 && count == 0)
		r = STORE_ABSENT;
	return r != 0 ? r
		      : store_write_collection(op->write, account_id(op, account),
				all[sim_random(sched_of(op), count)].id, ret_box, &op->err);
}

static struct sim_collection_data data_of(struct operation *op, const struct store_collection *box)
{
	struct sim_collection_data data = {0};
	if (!sim_collection_data_read(box->data, &data))
		sim_broken(op->sim, "a collection's data is not what anybody wrote");
	return data;
}

static void set_data(
	struct operation *op, struct store_collection *box, const struct sim_collection_data *data)
{
	box->data = sim_collection_data_write(data, &op->arena);
	store_write_collection_changed(op->write, box);
}

static void count_more(struct operation *op, struct store_collection *box, int more)
{
	struct sim_collection_data data = data_of(op, box);
	data.count += (uint32_t)more;
	set_data(op, box, &data);
}

/* Objects. */

struct picking {
	struct operation *op;
	uint64_t seen;
	uint32_t number;
};

static bool pick_one(void *context, const struct store_object *object)
{
	struct picking *p = context;
	if (sim_random(sched_of(p->op), ++p->seen) == 0)
		p->number = object->number;
	return true;
}

static int pick_object(struct operation *op, unsigned account, struct store_collection *box,
	struct store_object *ret_object, struct sim_object_data *ret_data)
{
	struct picking p = {.op = op};
	int r = store_scan_objects(op->node->store, account_id(op, account), box->id, 1,
		UINT32_MAX, pick_one, &p, &op->err);
	if (r == 0 && p.seen == 0)
		r = STORE_ABSENT;
	if (r == 0)
		r = store_write_get_object(op->write, box, p.number, ret_object, &op->err);
	if (r == 0 && !sim_object_data_read(ret_object->data, ret_data)) {
		sim_broken(op->sim, "an object's data is not what anybody wrote");
		r = STORE_ABSENT;
	}
	return r;
}

/* A new object of the message, in the box. */
static int add_object(struct operation *op, struct store_collection *box, uint32_t message,
	struct id blob, struct slice name)
{
	uint32_t object = sim_new_object(op->history, message);
	struct sim_object_data data = {.object = object, .message = message};
	for (size_t i = 0; i < SIM_FLAGS; i++)
		data.flags[i] = sim_new_operation(op->history);
	struct store_object row = {.id = op->history->objects[object].id,
		.flags = STORE_COUNTED,
		.blob = blob,
		.name = name,
		.data = sim_object_data_write(&data, &op->arena)};
	count_more(op, box, 1);
	int r = store_write_object_new(op->write, box, &row, SLICE("facet"), &op->err);
	if (r != 0)
		return r;
	op->history->objects[object].tried = true;
	add_effect(op, (struct effect){.kind = NUMBERED,
			       .what = object,
			       .collection = data_of(op, box).collection,
			       .number = row.number});
	return 0;
}

static int drop_object(struct operation *op, struct store_collection *box,
	const struct store_object *object, const struct sim_object_data *data)
{
	count_more(op, box, -1);
	add_effect(op, (struct effect){.kind = GONE, .what = data->object});
	return store_write_object_gone(op->write, box, object, &op->err);
}

static int set_flag(struct operation *op, struct store_collection *box, struct store_object *object,
	struct sim_object_data *data)
{
	size_t which = sim_random(sched_of(op), SIM_FLAGS);
	add_effect(op, (struct effect){.kind = OVERWROTE, .what = data->flags[which]});
	data->flags[which] = sim_new_operation(op->history);
	object->data = sim_object_data_write(data, &op->arena);
	return store_write_object(op->write, box, object, SLICE_NONE, &op->err);
}

/* What is done; the accounts are locked. 0 to commit it. */

static int deliver_to(struct operation *op, unsigned account, bool inbox, uint32_t message,
	struct id blob)
{
	struct store_collection *box;
	int r = inbox ? find_inbox(op, account, &box) : pick_box(op, account, &box);
	if (r == STORE_ABSENT)
		r = find_inbox(op, account, &box);
	if (r == 0)
		r = add_object(op, box, message, blob, SLICE_NONE);
	if (r == 0)
		add_effect(op, (struct effect){.kind = DELIVERED, .what = message});
	return r;
}

static int deliver(struct operation *op)
{
	struct id blob = ID_NONE;
	uint32_t body = 0;
	int r = 0;
	for (size_t i = 0; r == 0 && i < op->account_count; i++) {
		uint32_t message = sim_new_message(op->history, op->accounts[i], body);
		body = op->history->messages[message].body;
		if (i == 0)
			blob = store_write_blob(op->write, sim_body(body, &op->arena));
		bool inbox = !sim_once_in(sched_of(op), INBOX_TIMES);
		r = deliver_to(op, op->accounts[i], inbox, message, blob);
	}
	return r;
}

static int flag(struct operation *op)
{
	struct store_collection *box;
	struct store_object object;
	struct sim_object_data data;
	int r = pick_box(op, op->accounts[0], &box);
	if (r == 0)
		r = pick_object(op, op->accounts[0], box, &object, &data);
	return r == 0 ? set_flag(op, box, &object, &data) : r;
}

static int expunge(struct operation *op)
{
	struct store_collection *box;
	struct store_object object;
	struct sim_object_data data;
	int r = pick_box(op, op->accounts[0], &box);
	if (r == 0)
		r = pick_object(op, op->accounts[0], box, &object, &data);
	if (r != 0)
		return r;
	op->history->messages[data.message].may_go = true;
	return drop_object(op, box, &object, &data);
}

/* As mail does it: another object with the same body, in the same write. */
static int take_over(struct operation *op, bool move)
{
	struct store_collection *from, *to;
	struct store_object object;
	struct sim_object_data data;
	int r = pick_box(op, op->accounts[0], &from);
	if (r == 0)
		r = pick_box(op, op->accounts[0], &to);
	if (r == 0)
		r = pick_object(op, op->accounts[0], from, &object, &data);
	if (r != 0)
		return r;
	uint32_t message = data.message;
	if (!move) {
		uint32_t body = op->history->messages[message].body;
		message = sim_new_message(op->history, op->accounts[0], body);
		add_effect(op, (struct effect){.kind = DELIVERED, .what = message});
	}
	r = add_object(op, to, message, object.blob, SLICE_NONE);
	return r == 0 && move ? drop_object(op, from, &object, &data) : r;
}

static int move(struct operation *op)
{
	return take_over(op, true);
}

static int copy(struct operation *op)
{
	return take_over(op, false);
}

static int make(struct operation *op)
{
	struct store_collection *box;
	uint32_t name = (uint32_t)sim_random(sched_of(op), ARRAY_LEN(NAMES));
	return make_box(op, op->accounts[0], STORE_MAILBOX, name, &box);
}

static int rename_box(struct operation *op)
{
	struct store_collection *box;
	uint32_t name = (uint32_t)sim_random(sched_of(op), ARRAY_LEN(NAMES));
	int r = pick_box(op, op->accounts[0], &box);
	if (r != 0)
		return r;
	struct sim_collection_data data = data_of(op, box);
	add_effect(op, (struct effect){.kind = OVERWROTE, .what = data.named});
	data.named = sim_new_operation(op->history);
	op->history->collections[data.collection].names |= UINT32_C(1) << name;
	box->name = slice_str(NAMES[name]);
	set_data(op, box, &data);
	return 0;
}

static bool see_it_go(void *context, const struct store_object *object)
{
	struct operation *op = context;
	struct sim_object_data data;
	if (sim_object_data_read(object->data, &data))
		op->history->messages[data.message].may_go = true;
	return true;
}

static int delete_box(struct operation *op)
{
	struct store_collection *box;
	int r = pick_box(op, op->accounts[0], &box);
	if (r == 0)
		r = store_scan_objects(op->node->store, account_id(op, op->accounts[0]), box->id, 1,
			UINT32_MAX, see_it_go, op, &op->err);
	if (r != 0)
		return r;
	op->history->collections[data_of(op, box).collection].may_go = true;
	return store_write_collection_gone(op->write, box, &op->err);
}

/* Of a kind that has no rules: objects with names. */
static int set(struct operation *op)
{
	struct store_collection *box;
	struct store_object object;
	struct sim_object_data data;
	static const char *const OF[] = {"x", "y", "z"};
	struct slice name = slice_str(OF[sim_random(sched_of(op), ARRAY_LEN(OF))]);
	int r = find_box(op, op->accounts[0], STORE_SETTINGS, ARRAY_LEN(NAMES), &box);
	if (r == 0)
		r = store_write_find_object(op->write, box, name, &object, &op->err);
	if (r == STORE_ABSENT) {
		uint32_t message = sim_new_message(op->history, op->accounts[0], 0);
		add_effect(op, (struct effect){.kind = DELIVERED, .what = message});
		return add_object(op, box, message, ID_NONE, name);
	}
	if (r != 0 || !sim_object_data_read(object.data, &data))
		return -1;
	if (!sim_once_in(sched_of(op), 3))
		return set_flag(op, box, &object, &data);
	op->history->messages[data.message].may_go = true;
	return drop_object(op, box, &object, &data);
}

static const struct {
	const char *name;
	unsigned weight;
	int (*run)(struct operation *op);
} OPERATIONS[] = {
	{"deliver", 30, deliver},
	{"flag", 26, flag},
	{"expunge", 14, expunge},
	{"move", 12, move},
	{"copy", 3, copy},
	{"make", 3, make},
	{"rename", 4, rename_box},
	{"delete", 2, delete_box},
	{"set", 4, set},
};

static size_t pick_operation(struct sim_sched *sched)
{
	unsigned all = 0;
	for (size_t i = 0; i < ARRAY_LEN(OPERATIONS); i++)
		all += OPERATIONS[i].weight;
	unsigned at = (unsigned)sim_random(sched, all);
	size_t which = 0;
	while (at >= OPERATIONS[which].weight)
		at -= OPERATIONS[which++].weight;
	return which;
}

/* The client was told. */
static void acknowledge(struct operation *op)
{
	struct sim_history *h = op->history;
	for (size_t i = 0; i < op->effect_count; i++) {
		const struct effect *e = &op->effects[i];
		uint32_t before;
		switch (e->kind) {
		case DELIVERED:
			h->messages[e->what].acked = true;
			break;
		case MADE:
			h->collections[e->what].acked = true;
			break;
		case GONE:
			h->objects[e->what].gone = true;
			break;
		case OVERWROTE:
			h->overwritten[e->what] = true;
			break;
		case NUMBERED:
			before = sim_number_seen(h, e->collection, e->number, e->what);
			if (before && before != e->what)
				sim_broken(op->sim,
					"number %u of collection %u was given to object %u, and "
					"named %u before",
					e->number, e->collection, e->what, before);
			break;
		}
	}
}

/* While the two are linked, what one of them acknowledged the other one has. */
static void check_both_have_it(struct operation *op)
{
	const struct store_driver *driver;
	for (size_t i = 0; i < op->account_count; i++) {
		AUTO(buf_free) struct buf here = BUF(1000), there = BUF(1000);
		struct buf *const rows[SIM_NODES] = {&here, &there};
		struct key key;
		key_of_account(&key, KEY_ACCOUNT, account_id(op, op->accounts[i]));
		for (size_t n = 0; n < SIM_NODES; n++) {
			struct store_db *db = sim_disk_inner(op->sim->nodes[n]->disk, &driver);
			(void)driver->get(db, NULL, key_slice(&key), rows[n], NULL);
		}
		if (!slice_eq(buf_slice(&here), buf_slice(&there)) && sim_is_undisturbed(op->sim))
			sim_broken(op->sim,
				"node %u acknowledged a write to account %u that node %u does not "
				"have, and they are linked",
				op->node->number, op->accounts[i], 1 - op->node->number);
	}
}

static void tell(struct operation *op, size_t which, const char *outcome)
{
	static const char *const KINDS[] = {"delivers", "makes", "drops", "overwrites", "numbers"};
	if (!op->sim->verbose)
		return;
	AUTO(buf_free) struct buf text = BUF(2000);
	for (size_t i = 0; i < op->effect_count; i++) {
		const struct effect *e = &op->effects[i];
		buf_printf(&text, " %s %u", KINDS[e->kind], e->what);
		if (e->kind == NUMBERED)
			buf_printf(&text, " (%u in %u)", e->number, e->collection);
	}
	sim_tell(op->sim, "node %u account %u: %s%s: %s", op->node->number, op->accounts[0],
		OPERATIONS[which].name, buf_cstr(&text), outcome);
}

static int commit(struct operation *op, size_t which)
{
	unsigned life = op->node->life;
	tell(op, which, "is tried");
	int r = store_write_commit(op->write, &op->err);
	/* A dead process tells nobody. */
	if (r == 0 && (op->node->life != life || op->node->state == SIM_NODE_DEAD))
		r = err_temporary(&op->err, ERR_UNAVAILABLE, "the node died");
	tell(op, which, r == 0 ? "done" : op->err.text);
	if (r == 0) {
		acknowledge(op);
		check_both_have_it(op);
	}
	return r;
}

static int run(struct operation *op, size_t which)
{
	struct id ids[PARTS_MAX];
	for (size_t i = 0; i < op->account_count; i++)
		ids[i] = account_id(op, op->accounts[i]);
	int r = store_write_begin(op->node->store, ids, op->account_count, &op->write, &op->err);
	if (r < 0)
		return r;
	r = OPERATIONS[which].run(op);
	if (r == 0)
		return commit(op, which);
	store_write_abort(op->write);
	return r;
}

static void operate(struct sim_node *node)
{
	struct sim *sim = node->sim;
	struct operation op = {.sim = sim, .history = sim->history, .node = node};
	size_t which = pick_operation(sim->sched);
	op.accounts[op.account_count++] = (unsigned)sim_random(sim->sched, SIM_ACCOUNTS);
	if (OPERATIONS[which].run == deliver && sim_once_in(sim->sched, 8)) {
		op.accounts[1] = (op.accounts[0] + 1) % SIM_ACCOUNTS;
		op.account_count++;
	}
	(void)run(&op, which);
	arena_free(&op.arena);
}

void sim_load_deliver(struct sim_node *node, unsigned account)
{
	struct operation op = {.sim = node->sim,
		.history = node->sim->history,
		.node = node,
		.accounts = {account},
		.account_count = 1};
	if (run(&op, 0) != 0)
		sim_broken(node->sim, "node %u takes no mail in the end: %s", node->number,
			op.err.text);
	arena_free(&op.arena);
}

struct writer {
	struct sim_node *node;
	uint64_t pause_ms;
};

static void write_on(void *context)
{
	struct writer *writer = context;
	struct sim *sim = writer->node->sim;
	while (!sim->load_over) {
		sim_sleep(sim->sched, (int64_t)sim_small(sim->sched, writer->pause_ms));
		if (sim->load_over || !sim_node_enter(writer->node))
			continue;
		operate(writer->node);
		sim_node_leave(writer->node);
	}
	sim->writers--;
	free(writer);
}

void sim_load_start(struct sim *sim)
{
	for (size_t n = 0; n < SIM_NODES; n++) {
		uint64_t count = 1 + sim_random(sim->sched, 3);
		for (uint64_t i = 0; i < count; i++) {
			struct writer *writer = ALLOC(struct writer);
			writer->node = sim->nodes[n];
			writer->pause_ms = 50 + sim_random(sim->sched, 600);
			sim->writers++;
			sim_spawn(sim->sched, (unsigned)n, write_on, writer);
		}
	}
}
