/* What is done inside a store_write, with which things, and what it will have done. */
#include "mirror/sim/operation.h"

enum {
	INBOX_TIMES = 3, /* once in so many deliveries another collection */
	WEIGHT_MAX = 30,
	REMOVED_TIMES = 15,
};

static const char *const NAMES[] = {"INBOX", "a", "b", "c", "d", "e", "f", "g"};
static const char SETTINGS[] = "settings";

static void add_effect(struct sim_operation *op, struct sim_effect effect)
{
	if (op->effect_count < SIM_EFFECTS_MAX)
		op->effects[op->effect_count++] = effect;
}

static struct sim_sched *sched_of(const struct sim_operation *op)
{
	return op->sim->sched;
}

static struct id account_id(const struct sim_operation *op, unsigned account)
{
	return op->history->accounts[account];
}

/* Collections. */

static int make_box(struct sim_operation *op, unsigned account, enum store_kind kind, uint32_t name,
	struct store_collection **ret_box)
{
	uint32_t made = sim_new_collection(op->history, account);
	struct sim_collection_data data = {
		.collection = made, .named = sim_new_operation(op->history), .validity = 1};
	struct slice text = kind == STORE_MAILBOX ? slice_str(NAMES[name]) : slice_str(SETTINGS);
	int r = store_write_collection_new(op->write, account_id(op, account), kind, text,
		sim_collection_data_write(&data, &op->arena), ret_box, &op->err);
	if (r != 0)
		return r;
	op->history->collections[made].id = (*ret_box)->id;
	op->history->collections[made].names = UINT32_C(1) << name;
	add_effect(op, (struct sim_effect){.kind = SIM_MADE, .what = made});
	return 0;
}

static int find_box(struct sim_operation *op, unsigned account, enum store_kind kind, uint32_t name,
	struct store_collection **ret_box)
{
	struct slice text = kind == STORE_MAILBOX ? slice_str(NAMES[name]) : slice_str(SETTINGS);
	int r = store_write_find_collection(
		op->write, account_id(op, account), kind, text, ret_box, &op->err);
	return r == STORE_ABSENT ? make_box(op, account, kind, name, ret_box) : r;
}

static int find_inbox(struct sim_operation *op, unsigned account, struct store_collection **ret_box)
{
	return find_box(op, account, STORE_MAILBOX, 0, ret_box);
}

static int pick_box(struct sim_operation *op, unsigned account, struct store_collection **ret_box)
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

static struct sim_collection_data data_of(
	struct sim_operation *op, const struct store_collection *box)
{
	struct sim_collection_data data;
	if (sim_read_collection(op->history, box->data, &data))
		return data;
	sim_broken(op->sim, "a collection's data is not what anybody wrote");
	return (struct sim_collection_data){.collection = 1, .named = 1};
}

static void set_data(struct sim_operation *op, struct store_collection *box,
	const struct sim_collection_data *data)
{
	box->data = sim_collection_data_write(data, &op->arena);
	store_write_collection_changed(op->write, box);
}

static void count_more(struct sim_operation *op, struct store_collection *box, int more)
{
	struct sim_collection_data data = data_of(op, box);
	data.count += (uint32_t)more;
	set_data(op, box, &data);
}

/* Objects. */

struct picking {
	struct sim_operation *op;
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

static int pick_object(struct sim_operation *op, unsigned account, struct store_collection *box,
	struct store_object *ret_object, struct sim_object_data *ret_data)
{
	struct picking p = {.op = op};
	int r = store_scan_objects(op->node->store, account_id(op, account), box->id, 1, UINT32_MAX,
		pick_one, &p, &op->err);
	if (r == 0 && p.seen == 0)
		r = STORE_ABSENT;
	if (r == 0)
		r = store_write_get_object(op->write, box, p.number, ret_object, &op->err);
	if (r == 0 && !sim_read_object(op->history, ret_object->data, ret_data)) {
		sim_broken(op->sim, "an object's data is not what anybody wrote");
		r = STORE_ABSENT;
	}
	return r;
}

/* A new object of the message, in the box. `moved` is what it was, or NULL. */
static int add_object(struct sim_operation *op, struct store_collection *box, uint32_t message,
	struct id blob, struct slice name, const struct store_object *moved)
{
	struct sim_object_data was;
	uint32_t object = sim_new_object(op->history, message);
	struct sim_object_data data = {.object = object, .message = message};
	for (size_t i = 0; i < SIM_FLAGS; i++)
		data.flags[i] = sim_new_operation(op->history);
	if (moved && sim_read_object(op->history, moved->data, &was))
		memcpy(data.flags, was.flags, sizeof(data.flags));
	struct store_object row = {.id = op->history->objects[object].id,
		.origin = moved ? store_object_identity(moved) : ID_NONE,
		.flags = STORE_COUNTED,
		.blob = blob,
		.name = name,
		.data = sim_object_data_write(&data, &op->arena)};
	count_more(op, box, 1);
	int r = store_write_object_new(op->write, box, &row, SLICE("facet"), &op->err);
	if (r != 0)
		return r;
	op->history->objects[object].tried = true;
	op->history->objects[object].moved = moved != NULL;
	struct sim_collection_data of_box = data_of(op, box);
	add_effect(op, (struct sim_effect){.kind = SIM_NUMBERED,
			       .what = object,
			       .series = {of_box.collection, of_box.validity},
			       .number = row.number});
	return 0;
}

static int drop_object(struct sim_operation *op, struct store_collection *box,
	const struct store_object *object, const struct sim_object_data *data)
{
	count_more(op, box, -1);
	add_effect(op, (struct sim_effect){.kind = SIM_GONE, .what = data->object});
	return store_write_object_gone(op->write, box, object, &op->err);
}

static int set_flag(struct sim_operation *op, struct store_collection *box,
	struct store_object *object, struct sim_object_data *data)
{
	/* Without rules an object is one thing. */
	size_t which = box->kind == STORE_MAILBOX ? sim_random(sched_of(op), SIM_FLAGS) : 0;
	add_effect(op, (struct sim_effect){.kind = SIM_OVERWROTE, .what = data->flags[which]});
	data->flags[which] = sim_new_operation(op->history);
	object->data = sim_object_data_write(data, &op->arena);
	return store_write_object(op->write, box, object, SLICE_NONE, &op->err);
}

/* What is done; the accounts are locked. 0 to commit it. */

static int deliver_to(
	struct sim_operation *op, unsigned account, bool inbox, uint32_t message, struct id blob)
{
	struct store_collection *box;
	int r = inbox ? find_inbox(op, account, &box) : pick_box(op, account, &box);
	if (r == STORE_ABSENT)
		r = find_inbox(op, account, &box);
	if (r == 0)
		r = add_object(op, box, message, blob, SLICE_NONE, NULL);
	if (r == 0)
		add_effect(op, (struct sim_effect){.kind = SIM_DELIVERED, .what = message});
	return r;
}

static int deliver(struct sim_operation *op)
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

/* Any object of any collection. */
static int pick_any(struct sim_operation *op, struct store_collection **ret_box,
	struct store_object *ret_object, struct sim_object_data *ret_data)
{
	int r = pick_box(op, op->accounts[0], ret_box);
	return r == 0 ? pick_object(op, op->accounts[0], *ret_box, ret_object, ret_data) : r;
}

static int flag(struct sim_operation *op)
{
	struct store_collection *box;
	struct store_object object;
	struct sim_object_data data;
	int r = pick_any(op, &box, &object, &data);
	return r == 0 ? set_flag(op, box, &object, &data) : r;
}

static int expunge(struct sim_operation *op)
{
	struct store_collection *box;
	struct store_object object;
	struct sim_object_data data;
	int r = pick_any(op, &box, &object, &data);
	if (r != 0)
		return r;
	op->history->messages[data.message].may_go = true;
	return drop_object(op, box, &object, &data);
}

/* As mail does it: another object with the same body, in the same write; one that was moved knows
 * what it was. */
static int take_over(struct sim_operation *op, bool move)
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
		add_effect(op, (struct sim_effect){.kind = SIM_DELIVERED, .what = message});
	}
	r = add_object(op, to, message, object.blob, SLICE_NONE, move ? &object : NULL);
	return r == 0 && move ? drop_object(op, from, &object, &data) : r;
}

static int move(struct sim_operation *op)
{
	return take_over(op, true);
}

static int copy(struct sim_operation *op)
{
	return take_over(op, false);
}

static int make(struct sim_operation *op)
{
	struct store_collection *box;
	uint32_t name = (uint32_t)sim_random(sched_of(op), ARRAY_LEN(NAMES));
	return make_box(op, op->accounts[0], STORE_MAILBOX, name, &box);
}

static int rename_box(struct sim_operation *op)
{
	struct store_collection *box;
	uint32_t name = (uint32_t)sim_random(sched_of(op), ARRAY_LEN(NAMES));
	int r = pick_box(op, op->accounts[0], &box);
	if (r != 0)
		return r;
	struct sim_collection_data data = data_of(op, box);
	add_effect(op, (struct sim_effect){.kind = SIM_OVERWROTE, .what = data.named});
	data.named = sim_new_operation(op->history);
	op->history->collections[data.collection].names |= UINT32_C(1) << name;
	box->name = slice_str(NAMES[name]);
	set_data(op, box, &data);
	return 0;
}

static bool see_it_go(void *context, const struct store_object *object)
{
	struct sim_operation *op = context;
	struct sim_object_data data;
	if (sim_read_object(op->history, object->data, &data))
		op->history->messages[data.message].may_go = true;
	return true;
}

static int delete_box(struct sim_operation *op)
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

/* Of a kind of which the later holds: objects with names. */
static int set(struct sim_operation *op)
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
		add_effect(op, (struct sim_effect){.kind = SIM_DELIVERED, .what = message});
		return add_object(op, box, message, ID_NONE, name, NULL);
	}
	if (r != 0 || !sim_read_object(op->history, object.data, &data))
		return -1;
	if (!sim_once_in(sched_of(op), 3))
		return set_flag(op, box, &object, &data);
	op->history->messages[data.message].may_go = true;
	return drop_object(op, box, &object, &data);
}

/* Seldom, since nothing more can happen there. */
static int remove_account(struct sim_operation *op)
{
	if (!sim_once_in(sched_of(op), REMOVED_TIMES))
		return STORE_ABSENT;
	op->history->removed[op->accounts[0]] = true;
	return store_write_account_gone(op->write, account_id(op, op->accounts[0]), &op->err);
}

static const struct {
	const char *name;
	unsigned weight;
	int (*run)(struct sim_operation *op);
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
	{"remove", 1, remove_account},
};

size_t sim_operation_pick(struct sim *sim)
{
	for (;;) {
		size_t which = sim_random(sim->sched, ARRAY_LEN(OPERATIONS));
		if (sim_random(sim->sched, WEIGHT_MAX) < OPERATIONS[which].weight &&
			sim_has(sim, OPERATIONS[which].name))
			return which;
	}
}

const char *sim_operation_name(size_t which)
{
	return OPERATIONS[which].name;
}

int sim_operation_make(struct sim_operation *op, size_t which)
{
	return OPERATIONS[which].run(op);
}
