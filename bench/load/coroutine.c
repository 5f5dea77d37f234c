/* Switching stacks: by hand on x86-64 (swapcontext() makes a system call each time), else by
 * ucontext. */
#include "coroutine.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

enum { STACK_SIZE = 128 * 1024 };

static struct conn *current;

#if defined(__x86_64__)
#if __has_attribute(noipa)
#define OPAQUE noipa /* callers must not guess from its body which registers it leaves alone */
#else
#define OPAQUE noinline
#endif
/* Saves what a call must keep and the stack, goes on with the other one. */
__attribute__((naked, OPAQUE)) static void coroutine_switch(void **save, void *to)
{
	__asm__("pushq %rbp\n pushq %rbx\n pushq %r12\n pushq %r13\n pushq %r14\n pushq %r15\n"
		"movq %rsp, (%rdi)\n movq %rsi, %rsp\n"
		"popq %r15\n popq %r14\n popq %r13\n popq %r12\n popq %rbx\n popq %rbp\n ret\n");
}

static void *main_stack;
void coroutine_wait(struct conn *c)
{
	c->waiting = 1;
	coroutine_switch(&c->sp, main_stack);
}
static void entry(void)
{
	struct conn *c = current;
	c->fn(c);
	c->done = 1;
	for (;;)
		coroutine_wait(c);
}
void coroutine_resume(struct conn *c)
{
	current = c;
	c->waiting = 0;
	coroutine_switch(&main_stack, c->sp);
}
void coroutine_make(struct conn *c)
{
	c->stack = mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (c->stack == MAP_FAILED) {
		perror("mmap");
		exit(2);
	}
	void **top = (void **)(((uintptr_t)c->stack + STACK_SIZE) & ~(uintptr_t)15);
	top[-2] = (void *)entry;
	for (int i = 3; i <= 8; i++)
		top[-i] = NULL;
	c->sp = &top[-8];
}
#else
#include <ucontext.h>
static ucontext_t main_uc;
void coroutine_wait(struct conn *c)
{
	c->waiting = 1;
	swapcontext((ucontext_t *)c->sp, &main_uc);
}
static void entry(void)
{
	struct conn *c = current;
	c->fn(c);
	c->done = 1;
	for (;;)
		coroutine_wait(c);
}
void coroutine_resume(struct conn *c)
{
	current = c;
	c->waiting = 0;
	swapcontext(&main_uc, (ucontext_t *)c->sp);
}
void coroutine_make(struct conn *c)
{
	ucontext_t *u = calloc(1, sizeof(*u));
	c->stack =
		mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	getcontext(u);
	u->uc_stack.ss_sp = c->stack;
	u->uc_stack.ss_size = STACK_SIZE;
	makecontext(u, entry, 0);
	c->sp = u;
}
#endif

void coroutine_free(struct conn *c)
{
	(void)munmap(c->stack, STACK_SIZE);
	c->stack = NULL;
}
