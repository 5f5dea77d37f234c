/* ucontext, and what the sanitizers want to be told of it. swapcontext() makes a system call for
 * the signal mask: some 100 ns, next to the 5 µs and more of waking a thread. */
#include "base/fiber.h"

#include "base/alloc.h"
#include "base/must.h"

#include <pthread.h>
#include <stdint.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#define HAS_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAS_ASAN 1
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define HAS_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define HAS_TSAN 1
#endif
#endif

#ifdef HAS_ASAN
#include <sanitizer/common_interface_defs.h>
#endif
#ifdef HAS_TSAN
#include <sanitizer/tsan_interface.h>
#endif

struct fiber {
	ucontext_t context;
	void *stack; /* the lowest byte that may be used */
	size_t size;
	size_t guard; /* bytes below it; 0: the stack is the thread's */
	void (*run)(void *context);
	void *argument;
	void *fake; /* ASan's shadow of a stack that was left */
	void *tsan;
};

static void about_to_switch(struct fiber *from, struct fiber *to)
{
#ifdef HAS_ASAN
	__sanitizer_start_switch_fiber(&from->fake, to->stack, to->size);
#endif
#ifdef HAS_TSAN
	__tsan_switch_to_fiber(to->tsan, 0);
#endif
	(void)from;
	(void)to;
}

static void has_switched(struct fiber *to)
{
#ifdef HAS_ASAN
	__sanitizer_finish_switch_fiber(to->fake, NULL, NULL);
#endif
	(void)to;
}

/* makecontext() passes ints only. */
static void begin(unsigned high, unsigned low)
{
	struct fiber *fiber = (struct fiber *)((uintptr_t)high << 32 | low);
	has_switched(fiber);
	fiber->run(fiber->argument);
	must(!"a fiber ran out");
}

struct fiber *fiber_new(size_t stack_size, void (*run)(void *context), void *context)
{
	size_t guard = (size_t)sysconf(_SC_PAGESIZE);
	char *memory = mmap(NULL, guard + stack_size, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
	if (memory == MAP_FAILED)
		return NULL;
	if (mprotect(memory, guard, PROT_NONE) != 0) {
		(void)munmap(memory, guard + stack_size);
		return NULL;
	}
	struct fiber *fiber = ALLOC(struct fiber);
	fiber->stack = memory + guard;
	fiber->size = stack_size;
	fiber->guard = guard;
	fiber->run = run;
	fiber->argument = context;
	must(getcontext(&fiber->context) == 0);
	fiber->context.uc_stack.ss_sp = fiber->stack;
	fiber->context.uc_stack.ss_size = fiber->size;
	uintptr_t self = (uintptr_t)fiber;
	makecontext(&fiber->context, (void (*)(void))(uintptr_t)begin, 2, (unsigned)(self >> 32),
		(unsigned)self);
#ifdef HAS_TSAN
	fiber->tsan = __tsan_create_fiber(0);
#endif
	return fiber;
}

struct fiber *fiber_of_thread(void)
{
	struct fiber *fiber = ALLOC(struct fiber);
	pthread_attr_t attributes;
	must(pthread_getattr_np(pthread_self(), &attributes) == 0);
	must(pthread_attr_getstack(&attributes, &fiber->stack, &fiber->size) == 0);
	(void)pthread_attr_destroy(&attributes);
#ifdef HAS_TSAN
	fiber->tsan = __tsan_get_current_fiber();
#endif
	return fiber;
}

void fiber_free(struct fiber *fiber)
{
	if (!fiber)
		return;
	if (fiber->guard) {
#ifdef HAS_TSAN
		__tsan_destroy_fiber(fiber->tsan);
#endif
		(void)munmap((char *)fiber->stack - fiber->guard, fiber->guard + fiber->size);
	}
	free(fiber);
}

void fiber_switch(struct fiber *from, struct fiber *to)
{
	about_to_switch(from, to);
	must(swapcontext(&from->context, &to->context) == 0);
	has_switched(from);
}
