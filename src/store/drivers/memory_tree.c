/* A treap (random priorities keep it flat) of counted nodes. A node with one holder, reached
 * through nodes with one holder, is changed in place; any other is copied first. */
#include "store/drivers/memory_tree.h"

#include "base/alloc.h"
#include "base/random.h"

#include <stdatomic.h>

struct tree {
	atomic_uint holders;
	uint32_t priority;
	struct tree *left, *right;
	uint32_t key_len, value_len;
	char bytes[]; /* key, value */
};

static struct slice key_of(const struct tree *t)
{
	return slice(t->bytes, t->key_len);
}

static struct slice value_of(const struct tree *t)
{
	return slice(t->bytes + t->key_len, t->value_len);
}

struct tree *tree_hold(struct tree *t)
{
	if (t)
		atomic_fetch_add_explicit(&t->holders, 1, memory_order_relaxed);
	return t;
}

void tree_release(struct tree *t)
{
	while (t && atomic_fetch_sub_explicit(&t->holders, 1, memory_order_acq_rel) == 1) {
		struct tree *right = t->right;
		tree_release(t->left);
		free(t);
		t = right;
	}
}

static struct tree *make(struct slice key, struct slice value, uint32_t priority)
{
	struct tree *t = alloc(sizeof(*t) + key.len + value.len);
	atomic_init(&t->holders, 1);
	t->priority = priority;
	t->left = t->right = NULL;
	t->key_len = (uint32_t)key.len;
	t->value_len = (uint32_t)value.len;
	memcpy(t->bytes, key.ptr, key.len);
	if (value.len)
		memcpy(t->bytes + key.len, value.ptr, value.len);
	return t;
}

/* The same node for the caller alone. */
static struct tree *own(struct tree *t)
{
	if (atomic_load_explicit(&t->holders, memory_order_acquire) == 1)
		return t;
	struct tree *copy = make(key_of(t), value_of(t), t->priority);
	copy->left = tree_hold(t->left);
	copy->right = tree_hold(t->right);
	tree_release(t);
	return copy;
}

static struct tree *rotate_right(struct tree *t)
{
	struct tree *left = t->left = own(t->left);
	t->left = left->right;
	left->right = t;
	return left;
}

static struct tree *rotate_left(struct tree *t)
{
	struct tree *right = t->right = own(t->right);
	t->right = right->left;
	right->left = t;
	return right;
}

struct tree *tree_put(struct tree *t, struct slice key, struct slice value)
{
	if (!t)
		return make(key, value, (uint32_t)random_below(UINT32_MAX));
	int order = slice_cmp(key, key_of(t));
	t = own(t);
	if (order < 0) {
		t->left = tree_put(t->left, key, value);
		return t->left->priority > t->priority ? rotate_right(t) : t;
	}
	if (order > 0) {
		t->right = tree_put(t->right, key, value);
		return t->right->priority > t->priority ? rotate_left(t) : t;
	}
	struct tree *fresh = make(key, value, t->priority);
	fresh->left = t->left;
	fresh->right = t->right;
	free(t);
	return fresh;
}

/* All of `a` sorts before all of `b`. */
static struct tree *join(struct tree *a, struct tree *b)
{
	if (!a || !b)
		return a ? a : b;
	if (a->priority > b->priority) {
		a = own(a);
		a->right = join(a->right, b);
		return a;
	}
	b = own(b);
	b->left = join(a, b->left);
	return b;
}

struct tree *tree_delete(struct tree *t, struct slice key)
{
	if (!t)
		return NULL;
	int order = slice_cmp(key, key_of(t));
	t = own(t);
	if (order < 0) {
		t->left = tree_delete(t->left, key);
		return t;
	}
	if (order > 0) {
		t->right = tree_delete(t->right, key);
		return t;
	}
	struct tree *joined = join(t->left, t->right);
	free(t);
	return joined;
}

bool tree_get(const struct tree *t, struct slice key, struct slice *ret_value)
{
	while (t) {
		int order = slice_cmp(key, key_of(t));
		if (order == 0) {
			*ret_value = value_of(t);
			return true;
		}
		t = order < 0 ? t->left : t->right;
	}
	return false;
}

bool tree_scan(const struct tree *t, struct slice from, struct slice to, bool backward,
	bool (*visit)(void *context, struct slice key, struct slice value), void *context)
{
	while (t) {
		bool below = slice_cmp(key_of(t), from) < 0, above = slice_cmp(key_of(t), to) >= 0;
		if (below || above) {
			t = below ? t->right : t->left;
			continue;
		}
		if (!tree_scan(backward ? t->right : t->left, from, to, backward, visit, context) ||
			!visit(context, key_of(t), value_of(t)))
			return false;
		t = backward ? t->left : t->right;
	}
	return true;
}
