/* A count of who is inside, and two ways to wait. */
#include "mirror/gate.h"

#include "base/must.h"
#include "base/wait.h"

struct mirror_gate_waiter {
	struct mirror_gate_waiter *next;
	struct wait over;
};

void mirror_gate_init(struct mirror_gate *gate)
{
	*gate = (struct mirror_gate){0};
	must(pthread_mutex_init(&gate->lock, NULL) == 0);
}

void mirror_gate_deinit(struct mirror_gate *gate)
{
	must(gate->inside == 0 && !gate->first);
	(void)pthread_mutex_destroy(&gate->lock);
}

/* The time is over. True when it over in the last moment: then one is inside. */
static bool give_up(struct mirror_gate *gate, struct mirror_gate_waiter *own)
{
	(void)pthread_mutex_lock(&gate->lock);
	bool got = wait_is_done(&own->over);
	if (!got) {
		struct mirror_gate_waiter **at = &gate->first;
		while (*at != own)
			at = &(*at)->next;
		*at = own->next;
	}
	(void)pthread_mutex_unlock(&gate->lock);
	return got;
}

bool mirror_gate_enter(struct mirror_gate *gate, int64_t deadline)
{
	struct mirror_gate_waiter own = {0};
	(void)pthread_mutex_lock(&gate->lock);
	bool got = gate->shut == 0;
	if (got) {
		gate->inside++;
	} else {
		own.next = gate->first;
		gate->first = &own;
	}
	(void)pthread_mutex_unlock(&gate->lock);
	return got || wait_until(&own.over, deadline) || give_up(gate, &own);
}

/* All who shut it. */
static void tell_empty(struct mirror_gate *gate)
{
	struct mirror_gate_waiter *waiter = gate->shutting, *next;
	gate->shutting = NULL;
	for (; waiter; waiter = next) {
		next = waiter->next;
		wait_done(&waiter->over);
	}
}

void mirror_gate_leave(struct mirror_gate *gate)
{
	(void)pthread_mutex_lock(&gate->lock);
	must(gate->inside > 0);
	if (--gate->inside == 0)
		tell_empty(gate);
	(void)pthread_mutex_unlock(&gate->lock);
}

void mirror_gate_shut(struct mirror_gate *gate)
{
	struct mirror_gate_waiter own = {0};
	(void)pthread_mutex_lock(&gate->lock);
	gate->shut++;
	if (gate->inside == 0) {
		wait_done(&own.over);
	} else {
		own.next = gate->shutting;
		gate->shutting = &own;
	}
	(void)pthread_mutex_unlock(&gate->lock);
	wait_for(&own.over);
}

void mirror_gate_open(struct mirror_gate *gate)
{
	struct mirror_gate_waiter *waiter = NULL, *next;
	(void)pthread_mutex_lock(&gate->lock);
	must(gate->shut > 0);
	if (--gate->shut == 0) {
		waiter = gate->first;
		gate->first = NULL;
	}
	for (; waiter; waiter = next) {
		next = waiter->next;
		gate->inside++;
		wait_done(&waiter->over);
	}
	(void)pthread_mutex_unlock(&gate->lock);
}
