// SPDX-License-Identifier: Apache-2.0
// Flags of clone and clone3, and what a child shares. Not for root, who may do more.
#include "guest.h"
const char *name = NAME;

enum { SYS_pidfd_send_signal = 424, SYS_pidfd_open = 434, SYS_clone3 = 435, E2BIG = 7 };
enum { P_ALL = 0, P_PID = 1, P_PIDFD = 3, WNOHANG = 1, WEXITED = 4, WNOWAIT = 0x01000000, F_GETFD = 1, F_GETFL = 3 };
enum { POLLIN = 1, POLLHUP = 16, SIGURG = 23, SI_USER = 0, SI_QUEUE = -1, SI_TKILL = -6, STACK = 16 * PAGE };
#define WALL 0x40000000u
#define WCLONE 0x80000000u
enum { PIDFD = 0x1000, PARENT = 0x8000, NEWNS = 0x20000, NEWCGROUP = 0x2000000, NEWUTS = 0x4000000, NEWIPC = 0x8000000,
       NEWUSER = 0x10000000, NEWPID = 0x20000000, NEWNET = 0x40000000, DETACHED = 0x400000,
       CHILD_SETTID = 0x1000000 };
#define CLEAR_SIGHAND 0x100000000ul
#define INTO_CGROUP 0x200000000ul

struct arguments {
    u64 flags, descriptor, child_tid, parent_tid, end_signal, stack, stack_size, tls, tids, tid_count, cgroup, more;
};

i64 clone_thread(void (*body)(void *), void *argument, void *stack_end, u64 flags, volatile int *tid);

static u8 *stack;

/* The errno of a clone, or 0 for one that succeeds: its child ends, and is waited for. */
static i64 with(u64 flags) {
    i64 made = call(SYS_clone, flags, 0, 0, 0, 0);
    if (made == 0)
        exit(0);
    if (made < 0)
        return made;
    call(SYS_wait4, made, 0, WALL, 0);
    return 0;
}

static void refused(void) {
    static const struct {
        u64 flags;
        i64 wanted;
    } all[] = {
        {SIGCHLD, 0},
        {CLONE_SIGHAND | SIGCHLD, -EINVAL},
        {CLONE_THREAD | SIGCHLD, -EINVAL},
        {CLONE_THREAD | CLONE_VM, -EINVAL},
        {CLONE_THREAD | CLONE_SIGHAND, -EINVAL},
        {NEWNS | SIGCHLD, -EPERM},
        {NEWCGROUP | SIGCHLD, -EPERM},
        {NEWUTS | SIGCHLD, -EPERM},
        {NEWIPC | SIGCHLD, -EPERM},
        {NEWPID | SIGCHLD, -EPERM},
        {NEWNET | SIGCHLD, -EPERM},
        {CLONE_PARENT_SETTID | CHILD_SETTID | DETACHED | CLONE_SYSVSEM | SIGCHLD, 0},
        {200, 0},
    };
    for (u64 i = 0; i < sizeof all / sizeof *all; i++) {
        i64 got = with(all[i].flags);
        if (got != all[i].wanted)
            fail(__FILE__, (int) i, "the result of these flags", got, all[i].wanted);
    }
    check(call(SYS_wait4, -1, 0, WALL, 0), -ECHILD);
}

static i64 clone3(struct arguments *given, u64 size) {
    i64 made = call(SYS_clone3, given, size);
    if (made == 0)
        exit(0);
    if (made < 0)
        return made;
    call(SYS_wait4, made, 0, WALL, 0);
    return 0;
}

#define with3(...) clone3(&(struct arguments) {__VA_ARGS__}, 88)

static void refused3(void) {
    struct arguments none = {.end_signal = SIGCHLD};
    static u8 large[2 * PAGE];
    memcpy(large, &none, sizeof none);
    check(clone3(0, 0), -EINVAL);
    check(clone3(&none, 63), -EINVAL);
    check(clone3(0, 64), -EFAULT);
    check(clone3(&none, 64), 0);
    check(clone3(&none, 80), 0);
    check(clone3(&none, 88), 0);
    check(clone3((struct arguments *) large, PAGE), 0);
    check(clone3((struct arguments *) large, PAGE + 1), -E2BIG);
    check(clone3(&none, -1ul), -E2BIG);
    none.more = 1;
    check(clone3(&none, 96), -E2BIG);
    check(with3(.flags = SIGCHLD), -EINVAL);
    check(with3(.flags = DETACHED), -EINVAL);
    check(with3(.flags = 0x400000000ul), -EINVAL);
    check(with3(.flags = CLONE_VM | CLONE_SIGHAND | CLEAR_SIGHAND), -EINVAL);
    check(with3(.flags = PARENT, .end_signal = SIGCHLD), -EINVAL);
    check(with3(.flags = CLONE_SIGHAND, .end_signal = SIGCHLD), -EINVAL);
    check(with3(.end_signal = 65), -EINVAL);
    check(with3(.end_signal = 0x100000000ul | SIGCHLD), -EINVAL);
    check(with3(.end_signal = SIGURG), 0);
    check(with3(.stack = (u64) stack), -EINVAL);
    check(with3(.stack_size = STACK), -EINVAL);
    check(call(SYS_wait4, -1, 0, WALL, 0), -ECHILD);
}

static void handler(int signal, struct siginfo *info, struct context *context) {
}

static void (*handler_of(int signal))(int, struct siginfo *, struct context *) {
    struct action now;
    check(call(SYS_rt_sigaction, signal, 0, &now, 8), 0);
    return now.handler;
}

static void ignore(int signal, i64 action) {
    struct action changed = {(void *) action, 0, 0};
    check(call(SYS_rt_sigaction, signal, &changed, 0, 8), 0);
}

static void set_handler(void *argument) {
    on(SIGUSR1, handler, 0);
}

static volatile int seen;

static void see_parent(void *argument) {
    seen = (int) call(SYS_getppid);
}

/* Handlers are shared, or reset, as the flags say; a sibling has the same parent. */
static void shared(void) {
    volatile int tid;
    ignore(SIGUSR1, 0);
    i64 made = clone_thread(set_handler, 0, stack + STACK, CLONE_VM | CLONE_SIGHAND | SIGCHLD, &tid);
    check(wait_for(made), 0);
    require(handler_of(SIGUSR1) == handler);
    ignore(SIGUSR2, 1);
    struct arguments clears = {.flags = CLEAR_SIGHAND, .end_signal = SIGCHLD};
    made = call(SYS_clone3, &clears, 88);
    if (made == 0)
        exit(handler_of(SIGUSR1) == 0 && handler_of(SIGUSR2) == (void *) 1 ? 0 : 1);
    check(wait_for(made), 0);
    require(handler_of(SIGUSR1) == handler);
    ignore(SIGUSR1, 0);
    ignore(SIGUSR2, 0);
    i64 parent = call(SYS_getpid);
    i64 middle = fork();
    if (middle == 0) {
        require(clone_thread(see_parent, 0, stack + STACK, CLONE_VM | PARENT | SIGCHLD, &tid) > 0);
        while (seen == 0)
            call(SYS_sched_yield);
        exit(seen == parent ? 0 : 1);
    }
    check(wait_for(middle), 0);
    require(call(SYS_wait4, -1, 0, 0, 0) > 0);
    check(call(SYS_wait4, -1, 0, 0, 0), -ECHILD);
}

/* A child whose end sends no SIGCHLD is waited for with an option only. */
static void kinds(void) {
    i64 quiet = call(SYS_clone, 0, 0, 0, 0, 0);
    if (quiet == 0)
        exit(3);
    int status;
    check(call(SYS_wait4, quiet, 0, 0, 0), -ECHILD);
    check(call(SYS_wait4, quiet, &status, WCLONE, 0), quiet);
    check(status, 3 << 8);
    quiet = call(SYS_clone, 0, 0, 0, 0, 0);
    if (quiet == 0)
        exit(4);
    check(call(SYS_wait4, -1, &status, WALL, 0), quiet);
    i64 loud = fork();
    if (loud == 0)
        exit(5);
    check(call(SYS_wait4, loud, &status, WCLONE, 0), -ECHILD);
    check(wait_for(loud), 5 << 8);
}

static i64 now(void) {
    struct timespec time;
    check(call(SYS_clock_gettime, 1, &time), 0);
    return time.seconds * 1000 + time.nanos / 1000000;
}

/* As the harness of the kernel's own tests does it: a child that the parent waits for, and has copied memory. */
static void forked(void) {
    i64 before = now();
    seen = 1;
    struct arguments waits = {.flags = CLONE_VFORK, .end_signal = SIGCHLD};
    i64 made = call(SYS_clone3, &waits, 88);
    if (made == 0) {
        seen = 2;
        sleep_ms(60);
        exit(6);
    }
    require(now() - before >= 60);
    check(seen, 1);
    check(wait_for(made), 6 << 8);
}

#ifdef __riscv
static volatile u64 stack_of_child;

static void note_stack(void) {
    stack_of_child = (u64) __builtin_frame_address(0);
}

static void stacks(void) {
    struct arguments given = {.flags = CLONE_VM | CLONE_VFORK, .end_signal = SIGCHLD, .stack = (u64) stack,
                              .stack_size = STACK};
    register i64 a0 __asm__("a0") = (i64) &given;
    register i64 a1 __asm__("a1") = 88;
    register i64 a7 __asm__("a7") = SYS_clone3;
    __asm__ volatile("ecall; bnez a0, 1f; jalr %2; li a0, 0; li a7, 93; ecall; 1:"
                     : "+r"(a0) : "r"(a1), "r"(&note_stack), "r"(a7) : "memory", "ra");
    require(a0 > 0);
    check(wait_for(a0), 0);
    require(stack_of_child > (u64) stack + STACK - PAGE && stack_of_child <= (u64) stack + STACK);
}
#endif

int main(int argc, char **argv) {
    stack = map(STACK, RW);
    refused();
    refused3();
    shared();
    kinds();
    forked();
#ifdef __riscv
    stacks();
#endif
    return 0;
}
