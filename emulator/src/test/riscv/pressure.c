// SPDX-License-Identifier: Apache-2.0
// Memory ends, and the largest process is killed, whoever needs the next page: for a run with 32 MiB.
#include "guest.h"
const char *name = NAME;

enum { MIB = 1 << 20, OWN = 512, WNOHANG = 1 };
static u8 *own;

static void take(u64 bytes) {
    u8 *at = map(bytes, RW);
    for (u64 i = 0; i < bytes; i += PAGE)
        at[i] = 1;
}

static void holds_own(void) {
    for (int i = 0; i < OWN; i++)
        check(own[i * PAGE], (u8) (i + 1));
}

static void child_takes_all(void) {
    i64 child = fork();
    if (child == 0)
        for (;;)
            take(MIB);
    u8 *at = map(8 * MIB, RW);
    int status = 0;
    for (int i = 0; call(SYS_wait4, child, &status, WNOHANG, 0) == 0; i = (i + 1) % (8 * MIB / PAGE)) {
        at[i * PAGE] = 1;
        call(SYS_sched_yield);
    }
    check(status, SIGKILL);
    call(SYS_munmap, at, 8 * MIB);
}

/* Starts a process that takes most of the memory, and then waits forever. */
static i64 large(void) {
    int pipes[2];
    check(call(SYS_pipe2, pipes, 0), 0);
    i64 child = fork();
    if (child == 0) {
        take(18 * MIB);
        call(SYS_write, pipes[1], "x", 1);
        for (;;)
            sleep_ms(1000);
    }
    u8 byte;
    check(call(SYS_read, pipes[0], &byte, 1), 1);
    call(SYS_close, pipes[0]);
    call(SYS_close, pipes[1]);
    return child;
}

static void small_needs_the_page(int in_call) {
    i64 waiting = large();
    i64 small = fork();
    if (small == 0) {
        if (in_call) {
            int zero = (int) call(SYS_openat, AT_FDCWD, "/dev/zero", O_RDONLY);
            u8 *at = map(16 * MIB, RW);
            for (u64 i = 0; i < 16 * MIB; i += 64 * PAGE)
                check(call(SYS_read, zero, at + i, 64 * PAGE), 64 * PAGE);
        } else
            take(16 * MIB);
        exit(0);
    }
    check(wait_for(small), 0);
    check(wait_for(waiting), SIGKILL);
}

int main(int argc, char **argv) {
    own = map(OWN * PAGE, RW);
    for (int i = 0; i < OWN; i++)
        own[i * PAGE] = (u8) (i + 1);
    child_takes_all();
    holds_own();
    small_needs_the_page(0);
    holds_own();
    small_needs_the_page(1);
    holds_own();
    return 0;
}
