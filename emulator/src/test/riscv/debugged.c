// SPDX-License-Identifier: Apache-2.0
// What a debugger's test looks at: calls, a counter, threads, a fault, and memory that is only read. Keeps its symbols.
#include "guest.h"
const char *name = NAME;

enum { THREADS = 3, STACK = 16 * PAGE };

volatile long counter;
volatile double half = 0.5;
const volatile long constant = 0x1122334455667788;
volatile int caught, go, spinning;
static volatile int tids[THREADS];

__attribute__((noinline)) void add(long number) {
    __atomic_fetch_add(&counter, number, __ATOMIC_RELAXED);
}

__attribute__((noinline)) long twice(long number) {
    add(number);
    add(number);
    return counter;
}

__attribute__((noinline)) void reached(void) {
    __asm__ volatile("");
}

static void note(int signal, struct siginfo *info, struct context *context) {
    caught = signal;
    context->registers[0] += 4;
}

/* The instruction has four bytes, which the handler skips. */
__attribute__((noinline)) void fault(void) {
    __asm__ volatile(".option push\n.option norvc\nlw zero, 8(zero)\n.option pop");
}

__attribute__((noinline)) void own_break(void) {
    __asm__ volatile(".option push\n.option norvc\nebreak\n.option pop");
}

static void wait_for_go(void *argument) {
    while (go == 0)
        await(&go, 0);
    add((long) argument);
}

__attribute__((noinline)) void spin(void) {
    while (go == 0)
        spinning++;
}

int main(int argc, char **argv) {
    const char *const again[] = {"again", 0};
    if (argc > 2)
        check(call(SYS_execve, "/proc/self/exe", again, environment), 0);
    check(twice(21), 42);
    reached();
    on(SIGSEGV, note, 0);
    on(SIGTRAP, note, 0);
    fault();
    check(caught, SIGSEGV);
    own_break();
    check(caught, SIGTRAP);
    for (long i = 0; i < THREADS; i++)
        require(thread(wait_for_go, (void *) i, (u8 *) map(STACK, RW) + STACK, &tids[i]) > 0);
    /* With one argument waits for the debugger to set go, with two executes itself again without. */
    if (argc > 1)
        spin();
    go = 1;
    wake(&go, THREADS);
    for (int i = 0; i < THREADS; i++)
        join(&tids[i]);
    reached();
    check(counter, 42 + THREADS * (THREADS - 1) / 2);
    i64 child = fork();
    if (child == 0) {
        reached();
        exit((int) twice(1) == 47 ? 3 : 1);
    }
    check(wait_for(child), 3 << 8);
    return 0;
}
