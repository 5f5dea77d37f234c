/* Where errno lies on the thread that asks. */
#include <errno.h>

int *errno_here(void);

/* The empty assembly keeps a compiler that sees this body from taking the answer for constant. */
__attribute__((noinline)) int *errno_here(void)
{
	__asm__ volatile("" ::: "memory");
	return &errno;
}
