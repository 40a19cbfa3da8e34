// SPDX-License-Identifier: Apache-2.0
// Makes threads and children, each of which the host may refuse: that is EAGAIN, and the guest goes on.
#include "guest.h"
const char *name = NAME;

enum { THREADS = 4, STACK = 16 << 10 };

static u8 stacks[THREADS][STACK] __attribute__((aligned(16)));
static volatile int tids[THREADS], stop, started;

static void body(void *unused) {
    __atomic_add_fetch(&started, 1, __ATOMIC_SEQ_CST);
    await(&stop, 0);
}

int main(int argc, char **argv) {
    int made = 0;
    i64 result = 0;
    require(call(SYS_openat, AT_FDCWD, "/dev/null", O_RDONLY, 0) > 2);
    while (made < THREADS && (result = thread(body, 0, stacks[made] + STACK, &tids[made])) > 0)
        made++;
    if (result <= 0)
        check(result, -EAGAIN);
    while (started < made)
        call(SYS_sched_yield);
    stop = 1;
    wake(&stop, THREADS);
    for (int i = 0; i < made; i++)
        join(&tids[i]);
    for (int i = 0; i < 2; i++) {
        i64 child = fork();
        if (child == 0)
            exit(3);
        if (child < 0)
            check(child, -EAGAIN);
        else
            check(wait_for(child), 3 << 8);
    }
    check(call(SYS_wait4, -1, 0, 0, 0), -ECHILD);
    return 0;
}
