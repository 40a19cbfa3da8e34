// SPDX-License-Identifier: Apache-2.0
// Trees of processes: private memory is copied, ends are waited for, and each child has what its parent had.
#include "guest.h"
const char *name = NAME;

enum { PAGES = 64 };
static volatile int global = 1;

static int tree(int depth, int path) {
    global += path;
    if (depth == 0)
        return global & 63;
    i64 left = fork();
    if (left == 0)
        exit(tree(depth - 1, path * 2));
    i64 right = fork();
    if (right == 0)
        exit(tree(depth - 1, path * 2 + 1));
    require(left > 0 && right > 0);
    int sum = (wait_for(left) >> 8) + (wait_for(right) >> 8);
    return (sum + global) & 63;
}

static int expected(int depth, int path, int sum) {
    sum += path;
    return depth == 0
        ? sum & 63
        : (expected(depth - 1, path * 2, sum) + expected(depth - 1, path * 2 + 1, sum) + sum) & 63;
}

static void copies(void) {
    u8 *at = map(PAGES * PAGE, RW);
    for (int i = 0; i < PAGES; i++)
        at[i * PAGE] = (u8) i;
    i64 children[8];
    for (int child = 0; child < 8; child++) {
        children[child] = fork();
        if (children[child] == 0) {
            for (int i = 0; i < PAGES; i++) {
                check(at[i * PAGE], (u8) i);
                at[i * PAGE] = (u8) (100 + child);
            }
            for (int i = 0; i < PAGES; i++)
                check(at[i * PAGE], (u8) (100 + child));
            exit(child);
        }
        at[PAGE / 2] = (u8) child;
    }
    for (int child = 0; child < 8; child++)
        check(wait_for(children[child]), child << 8);
    for (int i = 0; i < PAGES; i++)
        check(at[i * PAGE], (u8) i);
    check(call(SYS_wait4, -1, 0, 0, 0), -ECHILD);
}

static void ends(void) {
    i64 child = fork();
    if (child == 0) {
        call(SYS_kill, call(SYS_getpid), SIGKILL);
        exit(1);
    }
    check(wait_for(child), SIGKILL);
    child = fork();
    if (child == 0) {
        *(volatile int *) 16 = 0;
        exit(1);
    }
    check(wait_for(child) & 0x7f, SIGSEGV);
    child = fork();
    if (child == 0)
        for (;;)
            call(SYS_sched_yield);
    int status;
    check(call(SYS_wait4, child, &status, 1, 0), 0);
    check(call(SYS_kill, child, SIGTERM), 0);
    check(wait_for(child), SIGTERM);
    child = fork();
    if (child == 0)
        exit(42);
    struct siginfo info;
    check(call(SYS_waitid, 1, child, &info, 4 | 0x01000000), 0);
    check(info.pid, child);
    check(info.status, 42);
    check(info.signal, SIGCHLD);
    check(info.code, 1);
    check(wait_for(child), 42 << 8);
    check(call(SYS_kill, child, 0), -ESRCH);
}

static void orphans(void) {
    int pipes[2];
    check(call(SYS_pipe2, pipes, 0), 0);
    i64 child = fork();
    if (child == 0) {
        if (fork() == 0) {
            /* The pipe of the parent ends only with this process, too. */
            for (int i = 0; i < 100; i++)
                call(SYS_sched_yield);
            call(SYS_write, pipes[1], "x", 1);
            exit(0);
        }
        exit(0);
    }
    check(wait_for(child), 0);
    check(call(SYS_close, pipes[1]), 0);
    u8 byte;
    check(call(SYS_read, pipes[0], &byte, 1), 1);
    check(byte, 'x');
    check(call(SYS_read, pipes[0], &byte, 1), 0);
}

int main(int argc, char **argv) {
    check(tree(4, 1), expected(4, 1, 1));
    copies();
    ends();
    orphans();
    return 0;
}
