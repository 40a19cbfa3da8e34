// SPDX-License-Identifier: Apache-2.0
// Commands of membarrier: which there are, and which need a registration. With an argument it leaves out the mask of
// commands, which kernels with restartable sequences answer otherwise.
#include "guest.h"
const char *name = NAME;

enum { GLOBAL = 1, GLOBAL_EXPEDITED = 2, REGISTER_GLOBAL = 4, PRIVATE = 8, REGISTER_PRIVATE = 16, SYNC_CORE = 32,
       REGISTER_SYNC_CORE = 64, GET_REGISTRATIONS = 512, STACK = 16 * PAGE };

static i64 barrier(int command) {
    return call(SYS_membarrier, command, 0, 0);
}

static volatile int go, first, second, saw;

static void look(void *argument) {
    while (go == 0) {
    }
    first = 1;
    __asm__ volatile("" ::: "memory");
    saw = second;
}

/* Of two threads that each store one word and load the other's, with a fence only in the second, one sees the other. */
static void orders(void) {
    u8 *stack = map(STACK, RW);
    for (int i = 0; i < 20; i++) {
        volatile int tid;
        go = first = second = saw = 0;
        require(thread(look, 0, stack + STACK, &tid) > 0);
        go = 1;
        second = 1;
        check(barrier(PRIVATE), 0);
        int seen = first;
        join(&tid);
        require(seen || saw);
    }
}

int main(int argc, char **argv) {
    if (argc == 1)
        check(barrier(0), 0x27f);
    require((barrier(0) & 0x27f) == 0x27f);
    check(call(SYS_membarrier, 0, 1, 0), -EINVAL);
    check(call(SYS_membarrier, REGISTER_PRIVATE, 1, 0), -EINVAL);
    check(call(SYS_membarrier, PRIVATE, 2, 0), -EINVAL);
    check(barrier(3), -EINVAL);
    check(barrier(1 << 10), -EINVAL);
    check(barrier(-1), -EINVAL);
    check(barrier(GET_REGISTRATIONS), 0);
    check(barrier(PRIVATE), -EPERM);
    check(barrier(SYNC_CORE), -EPERM);
    check(barrier(GLOBAL), 0);
    check(barrier(GLOBAL_EXPEDITED), 0);
    check(barrier(REGISTER_SYNC_CORE), 0);
    check(barrier(GET_REGISTRATIONS), REGISTER_PRIVATE | REGISTER_SYNC_CORE);
    check(barrier(SYNC_CORE), 0);
    check(barrier(PRIVATE), -EPERM);
    check(barrier(REGISTER_GLOBAL), 0);
    check(barrier(GLOBAL_EXPEDITED), 0);
    check(barrier(REGISTER_PRIVATE), 0);
    check(barrier(REGISTER_PRIVATE), 0);
    check(barrier(PRIVATE), 0);
    check(barrier(GET_REGISTRATIONS), REGISTER_GLOBAL | REGISTER_PRIVATE | REGISTER_SYNC_CORE);
    i64 child = fork();
    if (child == 0) {
        check(barrier(GET_REGISTRATIONS), REGISTER_GLOBAL | REGISTER_PRIVATE | REGISTER_SYNC_CORE);
        check(barrier(PRIVATE), 0);
        exit(0);
    }
    check(wait_for(child), 0);
    orders();
    return 0;
}
