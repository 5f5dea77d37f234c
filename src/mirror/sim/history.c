/* Lists that grow, and a table of numbers. */
#include "mirror/sim/history.h"

#include "base/alloc.h"

enum { FIRST_CAP = 64, FIRST_NUMBERS = 1024 };

struct sim_number {
	struct sim_series series;
	uint32_t number, object; /* object 0: an empty place */
};

/* Room for one more; place 0 is nobody's. */
static void *grow(void *list, uint32_t count, uint32_t *cap, size_t size)
{
	if (count + 1 < *cap)
		return list;
	*cap = *cap ? 2 * *cap : FIRST_CAP;
	return alloc_resize(list, *cap, size);
}

struct sim_history *sim_history_new(void)
{
	struct sim_history *h = ALLOC(struct sim_history);
	for (size_t i = 0; i < SIM_ACCOUNTS; i++)
		h->accounts[i] = id_new();
	h->number_cap = FIRST_NUMBERS;
	h->numbers = alloc_zero(h->number_cap, sizeof(*h->numbers));
	return h;
}

void sim_history_free(struct sim_history *h)
{
	free(h->messages);
	free(h->objects);
	free(h->collections);
	free(h->overwritten);
	free(h->numbers);
	free(h);
}

uint32_t sim_new_message(struct sim_history *h, unsigned account, uint32_t body)
{
	h->messages = grow(h->messages, h->message_count, &h->message_cap, sizeof(*h->messages));
	uint32_t message = ++h->message_count;
	h->messages[message] =
		(struct sim_message){.account = account, .body = body ? body : message};
	return message;
}

uint32_t sim_new_object(struct sim_history *h, uint32_t message)
{
	h->objects = grow(h->objects, h->object_count, &h->object_cap, sizeof(*h->objects));
	h->objects[++h->object_count] = (struct sim_object){.id = id_new(), .message = message};
	return h->object_count;
}

uint32_t sim_new_collection(struct sim_history *h, unsigned account)
{
	h->collections = grow(
		h->collections, h->collection_count, &h->collection_cap, sizeof(*h->collections));
	h->collections[++h->collection_count] = (struct sim_made){.account = account};
	return h->collection_count;
}

uint32_t sim_new_operation(struct sim_history *h)
{
	h->overwritten = grow(
		h->overwritten, h->operation_count, &h->operation_cap, sizeof(*h->overwritten));
	h->overwritten[++h->operation_count] = false;
	return h->operation_count;
}

static bool is_among(uint32_t which, uint32_t count)
{
	return which > 0 && which <= count;
}

bool sim_read_object(
	const struct sim_history *h, struct slice bytes, struct sim_object_data *ret_data)
{
	bool good = sim_object_data_read(bytes, ret_data) &&
		    is_among(ret_data->object, h->object_count) &&
		    is_among(ret_data->message, h->message_count);
	for (size_t i = 0; good && i < SIM_FLAGS; i++)
		good = is_among(ret_data->flags[i], h->operation_count);
	return good;
}

bool sim_read_collection(
	const struct sim_history *h, struct slice bytes, struct sim_collection_data *ret_data)
{
	return sim_collection_data_read(bytes, ret_data) &&
	       is_among(ret_data->collection, h->collection_count) &&
	       is_among(ret_data->named, h->operation_count);
}

static bool is_at(const struct sim_number *n, struct sim_series series, uint32_t number)
{
	return n->series.collection == series.collection && n->series.validity == series.validity &&
	       n->number == number;
}

static struct sim_number *place_of(
	struct sim_number *numbers, size_t cap, struct sim_series series, uint32_t number)
{
	uint64_t hash =
		((uint64_t)series.collection << 40 ^ (uint64_t)series.validity << 32 ^ number) *
		UINT64_C(0x9e3779b97f4a7c15);
	size_t at = hash >> 32 & (cap - 1);
	while (numbers[at].object && !is_at(&numbers[at], series, number))
		at = (at + 1) & (cap - 1);
	return &numbers[at];
}

static void grow_numbers(struct sim_history *h)
{
	size_t cap = 2 * h->number_cap;
	struct sim_number *numbers = alloc_zero(cap, sizeof(*numbers));
	for (size_t i = 0; i < h->number_cap; i++) {
		const struct sim_number *n = &h->numbers[i];
		if (n->object)
			*place_of(numbers, cap, n->series, n->number) = *n;
	}
	free(h->numbers);
	h->numbers = numbers;
	h->number_cap = cap;
}

uint32_t sim_number_seen(
	struct sim_history *h, struct sim_series series, uint32_t number, uint32_t object)
{
	if (2 * h->number_count > h->number_cap)
		grow_numbers(h);
	struct sim_number *n = place_of(h->numbers, h->number_cap, series, number);
	uint32_t before = n->object;
	h->number_count += before == 0;
	*n = (struct sim_number){series, number, object};
	return before;
}
