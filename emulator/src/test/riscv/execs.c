// SPDX-License-Identifier: Apache-2.0
// vfork, and execve of this program itself.
#include "guest.h"
const char *name = NAME;

static const char *self = "/proc/self/exe";
static volatile int shared = 1;
static u8 child_stack[4 * PAGE] __attribute__((aligned(16)));

i64 clone_thread(void (*body)(void *), void *argument, void *stack_end, u64 flags, volatile int *tid);

static void body(void *argument) {
    shared = 5;
    const char *const *arguments = argument;
    if (arguments == 0)
        exit(3);
    i64 result = call(SYS_execve, self, arguments, environment);
    shared = (int) result;
    exit(99);
}

static int spawn(const char *const *arguments) {
    shared = 1;
    i64 child = clone_thread(
            body, (void *) arguments, child_stack + sizeof child_stack, CLONE_VM | CLONE_VFORK | SIGCHLD, 0);
    require(child > 0);
    require(shared == 5 || shared == -ENOENT);
    return wait_for(child);
}

static int inner(int argc, char **argv) {
    check(strcmp(argv[0], "again"), 0);
    if (strcmp(argv[1], "status") == 0)
        return 40 + argc;
    if (strcmp(argv[1], "descriptors") == 0) {
        check(call(SYS_fcntl, 30, 1, 0), 0);
        check(call(SYS_fcntl, 31, 1, 0), -EBADF);
        check(call(SYS_write, 30, "done", 4), 4);
        return 0;
    }
    if (strcmp(argv[1], "signals") == 0) {
        struct action action;
        check(call(SYS_rt_sigaction, SIGUSR1, 0, &action, 8), 0);
        check((u64) action.handler, 0);
        check(call(SYS_rt_sigaction, SIGUSR2, 0, &action, 8), 0);
        check((u64) action.handler, 1);
        u64 mask;
        check(call(SYS_rt_sigprocmask, SIG_BLOCK, 0, &mask, 8), 0);
        check(mask, 1ul << (SIGINT - 1));
        return 0;
    }
    if (strcmp(argv[1], "chain") == 0) {
        int left = argv[2][0] - '0';
        if (left == 0)
            return 77;
        char next[2] = {(char) ('0' + left - 1), 0};
        const char *const arguments[] = {"again", "chain", next, 0};
        call(SYS_execve, self, arguments, environment);
    }
    return 1;
}

static void nothing(int signal, struct siginfo *info, struct context *context) {}

static volatile int ready;

static void spin(void *argument) {
    ready = 1;
    for (;;)
        ready++;
}

static volatile int never;

static void wait_for_ever(void *argument) {
    for (;;)
        await(&never, 0);
}

static void make_threads(void *argument) {
    for (;;) {
        volatile int tid;
        u8 *stack = map(4 * PAGE, RW);
        ready = ready + (thread(wait_for_ever, 0, stack + 4 * PAGE, &tid) > 0);
    }
}

/* Nor does a thread stay that another one makes meanwhile. */
static void execute_beside_clones(void) {
    for (int round = 0; round < 20; round++) {
        i64 child = fork();
        if (child == 0) {
            volatile int tids[2];
            ready = 0;
            for (int i = 0; i < 2; i++)
                require(thread(make_threads, 0, (u8 *) map(4 * PAGE, RW) + 4 * PAGE, &tids[i]) > 0);
            while (ready < 5)
                call(SYS_sched_yield);
            body((void *) (const char *const[]) {"again", "status", 0});
        }
        check(wait_for(child), 42 << 8);
    }
}

static void execute(void *argument) {
    __atomic_fetch_add(&ready, 1, __ATOMIC_SEQ_CST);
    while (ready < 3)
        call(SYS_sched_yield);
    body((void *) (const char *const[]) {"again", "status", 0});
}

/* Of threads that execute a program at once, one does, and ends the others. */
static void execute_at_once(void) {
    for (int round = 0; round < 20; round++) {
        ready = 0;
        i64 child = fork();
        if (child == 0) {
            volatile int tids[2];
            for (int i = 0; i < 2; i++)
                require(thread(execute, 0, (u8 *) map(4 * PAGE, RW) + 4 * PAGE, &tids[i]) > 0);
            execute(0);
        }
        check(wait_for(child), 42 << 8);
    }
}

/* Arguments and pointers to them may take a quarter of the stack, and no more. */
static void many(void) {
    enum { MOST = 200000 };
    const char **arguments = (const char **) map((MOST + 3) * sizeof(char *) + PAGE, RW);
    arguments[0] = "again";
    arguments[1] = "count";
    for (int i = 2; i < MOST; i++)
        arguments[i] = "ab";
    check(call(SYS_execve, self, arguments, 0), -7);
    arguments[MOST / 2] = 0;
    i64 child = fork();
    if (child == 0) {
        call(SYS_execve, self, arguments, 0);
        exit(1);
    }
    check(wait_for(child), 45 << 8);
}

int main(int argc, char **argv) {
    if (argc == 100000 && strcmp(argv[99999], "ab") == 0)
        exit(45);
    if (argc > 1) {
        name = "";
        int status = inner(argc, argv);
        exit(status);
    }
    check(spawn(0), 3 << 8);
    check(spawn((const char *const[]) {"again", "status", "x", 0}), 43 << 8);
    check(spawn((const char *const[]) {"again", "chain", "5", 0}), 77 << 8);
    int pipes[2];
    check(call(SYS_pipe2, pipes, 0), 0);
    check(call(SYS_dup3, pipes[1], 30, 0), 30);
    check(call(SYS_dup3, pipes[1], 31, O_CLOEXEC), 31);
    check(spawn((const char *const[]) {"again", "descriptors", 0}), 0);
    u8 text[4];
    check(call(SYS_read, pipes[0], text, 4), 4);
    check(memcmp(text, "done", 4), 0);
    on(SIGUSR1, nothing, 0);
    struct action ignore = {(void *) 1, 0, 0};
    check(call(SYS_rt_sigaction, SIGUSR2, &ignore, 0, 8), 0);
    u64 set = 1ul << (SIGINT - 1);
    check(call(SYS_rt_sigprocmask, SIG_BLOCK, &set, 0, 8), 0);
    check(spawn((const char *const[]) {"again", "signals", 0}), 0);
    self = "/no/such/file";
    check(spawn((const char *const[]) {"again", 0}), 99 << 8);
    check(shared, -ENOENT);
    self = "/proc/self/exe";
    /* An execve ends the other threads. */
    i64 child = fork();
    if (child == 0) {
        volatile int tid;
        u8 *stack = map(16 * PAGE, RW);
        require(thread(spin, 0, stack + 16 * PAGE, &tid) > 0);
        while (ready == 0)
            call(SYS_sched_yield);
        body((void *) (const char *const[]) {"again", "status", 0});
    }
    check(wait_for(child), 42 << 8);
    many();
    execute_beside_clones();
    execute_at_once();
    return 0;
}
