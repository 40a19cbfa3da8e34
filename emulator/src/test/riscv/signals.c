// SPDX-License-Identifier: Apache-2.0
// Masks, pending signals, restart of calls, waits for signals, and signals between processes and threads. With an
// argument without what QEMU cannot do.
#include "guest.h"
const char *name = NAME;

static volatile int count, last, sender;

static void note(int signal, struct siginfo *info, struct context *context) {
    count++;
    last = signal;
    sender = info->pid;
}

static u64 bit(int signal) {
    return 1ul << (signal - 1);
}

static void masks(void) {
    i64 pid = call(SYS_getpid);
    u64 set = bit(SIGUSR1) | bit(SIGUSR2), pending, old;
    on(SIGUSR1, note, 0);
    on(SIGUSR2, note, 0);
    check(call(SYS_rt_sigprocmask, SIG_BLOCK, &set, &old, 8), 0);
    check(call(SYS_kill, pid, SIGUSR1), 0);
    check(call(SYS_kill, pid, SIGUSR1), 0);
    check(count, 0);
    check(call(SYS_rt_sigpending, &pending, 8), 0);
    check(pending, bit(SIGUSR1));
    check(call(SYS_rt_sigprocmask, SIG_UNBLOCK, &set, 0, 8), 0);
    check(count, 1);
    check(sender, pid);
    check(call(SYS_rt_sigprocmask, SIG_BLOCK, &set, 0, 8), 0);
    check(call(SYS_kill, pid, SIGUSR2), 0);
    struct siginfo info;
    struct timespec none = {0, 0}, some = {0, 2000000};
    check(call(SYS_rt_sigtimedwait, &set, &info, &none, 8), SIGUSR2);
    check(info.signal, SIGUSR2);
    check(info.pid, pid);
    check(call(SYS_rt_sigtimedwait, &set, &info, &some, 8), -EAGAIN);
    check(count, 1);
    check(call(SYS_kill, pid, SIGUSR2), 0);
    u64 empty = 0;
    check(call(SYS_rt_sigsuspend, &empty, 8), -EINTR);
    check(count, 2);
    check(last, SIGUSR2);
    check(call(SYS_rt_sigprocmask, SIG_SETMASK, &old, &pending, 8), 0);
    check(pending, set);
    struct action bad = {note, 0, 0};
    check(call(SYS_rt_sigaction, SIGKILL, &bad, 0, 8), -EINVAL);
    check(call(SYS_rt_sigaction, 65, &bad, 0, 8), -EINVAL);
    check(call(SYS_rt_sigaction, SIGUSR1, &bad, 0, 4), -EINVAL);
    check(call(SYS_kill, pid, 65), -EINVAL);
    struct action once;
    on(SIGUSR1, note, SA_RESETHAND);
    check(call(SYS_kill, pid, SIGUSR1), 0);
    check(call(SYS_rt_sigaction, SIGUSR1, 0, &once, 8), 0);
    check((u64) once.handler, 0);
    check(count, 3);
    struct action ignore = {(void *) 1, 0, 0};
    check(call(SYS_rt_sigaction, SIGUSR1, &ignore, 0, 8), 0);
    check(call(SYS_kill, pid, SIGUSR1), 0);
    check(count, 3);
}

/* Real-time signals queue, each with its value, the lowest number first; others do not. */
static void queued(void) {
    i64 pid = call(SYS_getpid);
    u64 set = bit(34) | bit(35) | bit(SIGUSR2), old, pending;
    struct siginfo info = {0};
    struct timespec none = {0, 0};
    check(call(SYS_rt_sigprocmask, SIG_BLOCK, &set, &old, 8), 0);
    info.code = -1;
    for (int i = 0; i < 3; i++) {
        info.status = 10 + i;
        check(call(SYS_rt_sigqueueinfo, pid, 35, &info), 0);
        check(call(SYS_rt_sigqueueinfo, pid, SIGUSR2, &info), 0);
    }
    check(call(SYS_kill, pid, 34), 0);
    check(call(SYS_rt_sigtimedwait, &set, &info, &none, 8), SIGUSR2);
    check(info.status, 10);
    check(call(SYS_rt_sigtimedwait, &set, &info, &none, 8), 34);
    for (int i = 0; i < 3; i++) {
        check(call(SYS_rt_sigpending, &pending, 8), 0);
        check(pending, bit(35));
        check(call(SYS_rt_sigtimedwait, &set, &info, &none, 8), 35);
        check(info.status, 10 + i);
    }
    check(call(SYS_rt_sigtimedwait, &set, &info, &none, 8), -EAGAIN);
    i64 result = 0;
    info.code = -1;
    for (int i = 0; i < 100000 && result == 0; i++)
        result = call(SYS_rt_sigqueueinfo, pid, 34, &info);
    check(result, -EAGAIN);
    struct action ignore = {(void *) 1, 0, 0};
    check(call(SYS_rt_sigaction, 34, &ignore, 0, 8), 0);
    check(call(SYS_rt_sigpending, &pending, 8), 0);
    check(pending, 0);
    on(34, note, 0);
    info.code = -1;
    info.status = 77;
    check(call(SYS_rt_sigqueueinfo, pid, 34, &info), 0);
    check(call(SYS_rt_sigtimedwait, &set, &info, &none, 8), 34);
    check(info.status, 77);
    check(call(SYS_rt_sigtimedwait, &set, &info, &none, 8), -EAGAIN);
    count = 0;
    on(35, note, 0);
    check(call(SYS_kill, pid, 35), 0);
    check(call(SYS_kill, pid, 35), 0);
    check(call(SYS_rt_sigprocmask, SIG_SETMASK, &old, 0, 8), 0);
    check(count, 2);
}

/* A child sends signals while the parent waits in a read, and then what the read waits for. */
static i64 read_interrupted(u64 flags, int signal) {
    int data[2], ready[2];
    check(call(SYS_pipe2, data, 0), 0);
    check(call(SYS_pipe2, ready, 0), 0);
    on(signal, note, flags);
    i64 parent = call(SYS_getpid);
    i64 child = fork();
    if (child == 0) {
        struct timespec time = {0, 30000000};
        u8 byte;
        call(SYS_read, ready[0], &byte, 1);
        call(SYS_nanosleep, &time, 0);
        call(SYS_kill, parent, signal);
        call(SYS_nanosleep, &time, 0);
        call(SYS_write, data[1], "y", 1);
        exit(0);
    }
    u8 byte = 0;
    call(SYS_write, ready[1], "x", 1);
    i64 result = call(SYS_read, data[0], &byte, 1);
    if (result == 1)
        check(byte, 'y');
    check(wait_for(child), 0);
    for (int i = 0; i < 2; i++) {
        call(SYS_close, data[i]);
        call(SYS_close, ready[i]);
    }
    return result;
}

static void interrupts(void) {
    count = 0;
    check(read_interrupted(SA_RESTART, SIGUSR1), 1);
    check(count, 1);
    check(read_interrupted(0, SIGUSR1), -EINTR);
    check(count, 2);
}

static volatile int child_status;

static void on_child(int signal, struct siginfo *info, struct context *context) {
    child_status = info->status + 1000 * info->code;
}

static void children(void) {
    on(SIGCHLD, on_child, SA_RESTART);
    i64 child = fork();
    if (child == 0)
        exit(9);
    check(wait_for(child), 9 << 8);
    check(child_status, 1009);
    child = fork();
    if (child == 0)
        for (;;)
            call(SYS_rt_sigsuspend, &(u64) {0}, 8);
    call(SYS_kill, child, SIGTERM);
    check(wait_for(child), SIGTERM);
    check(child_status, 2000 + SIGTERM);
    struct action ignore = {(void *) 1, 0, 0};
    check(call(SYS_rt_sigaction, SIGCHLD, &ignore, 0, 8), 0);
    child = fork();
    if (child == 0)
        exit(0);
    check(call(SYS_wait4, child, 0, 0, 0), -ECHILD);
}

static volatile int other_tid, got_in, stop;

static void note_thread(int signal, struct siginfo *info, struct context *context) {
    got_in = (int) call(SYS_gettid);
}

static void idle(void *argument) {
    while (stop == 0)
        await(&stop, 0);
}

static void directed(void) {
    volatile int tid;
    u8 *stack = map(16 * PAGE, RW);
    on(SIGUSR1, note_thread, SA_RESTART);
    i64 made = thread(idle, 0, stack + 16 * PAGE, &tid);
    require(made > 0);
    check(call(SYS_tgkill, call(SYS_getpid), made, SIGUSR1), 0);
    while (got_in == 0)
        call(SYS_sched_yield);
    check(got_in, made);
    check(call(SYS_tkill, call(SYS_gettid), SIGUSR1), 0);
    check(got_in, call(SYS_gettid));
    stop = 1;
    wake(&stop, 1);
    join(&tid);
    /* The word of a thread is cleared a little before its end. */
    i64 found;
    while ((found = call(SYS_tgkill, call(SYS_getpid), made, 0)) == 0)
        call(SYS_sched_yield);
    check(found, -ESRCH);
}

static void faults(void) {
    u32 *code = map(PAGE, RWX);
    code[0] = 0;
    watch_faults();
    check(try_run(code), SIGILL * 10 + 1);
    check(fault_address, (u64) code);
    i64 child = fork();
    if (child == 0) {
        u64 set = bit(SIGSEGV);
        call(SYS_rt_sigprocmask, SIG_BLOCK, &set, 0, 8);
        *(volatile int *) 8 = 1;
        exit(0);
    }
    struct action none = {0, 0, 0};
    check(call(SYS_rt_sigaction, SIGCHLD, &none, 0, 8), 0);
    int status;
    i64 found = call(SYS_wait4, child, &status, 0, 0);
    if (found == child)
        check(status & 0x7f, SIGSEGV);
}

/* Flags and mask of an action, also after its handler is gone. */
static void actions(void) {
    struct action now;
    on(SIGUSR1, note, SA_RESETHAND | SA_RESTART);
    check(call(SYS_kill, call(SYS_getpid), SIGUSR1), 0);
    check(call(SYS_rt_sigaction, SIGUSR1, 0, &now, 8), 0);
    check((u64) now.handler, 0);
    check(now.flags, SA_RESETHAND | SA_RESTART | SA_SIGINFO);
    struct action odd = {note, 0x400 | 0x100000000ul | SA_NODEFER, bit(SIGUSR2) | bit(SIGKILL) | bit(SIGSTOP)};
    check(call(SYS_rt_sigaction, SIGUSR1, &odd, 0, 8), 0);
    check(call(SYS_rt_sigaction, SIGUSR1, 0, &now, 8), 0);
    check(now.flags, SA_NODEFER);
    check(now.mask, bit(SIGUSR2));
    count = 0;
}

enum { SYS_prlimit = 261, SYS_rt_tgsigqueueinfo = 240, RLIMIT_CORE = 4, CLD_KILLED = 2, CLD_DUMPED = 3 };

/* The status and the code of a child that a signal ends, with a limit for dumps. */
static int ended(int signal, u64 limit, int isQemu) {
    i64 child = fork();
    if (child == 0) {
        u64 both[2] = {limit, limit};
        check(call(SYS_prlimit, 0, RLIMIT_CORE, both, 0), 0);
        struct action none = {0, 0, 0};
        if (signal != SIGKILL)
            check(call(SYS_rt_sigaction, signal, &none, 0, 8), 0);
        call(SYS_kill, call(SYS_getpid), signal);
        exit(0);
    }
    struct siginfo info;
    check(call(SYS_waitid, 1, child, &info, 4 | 0x01000000, 0), 0);
    int status = wait_for(child);
    if (!isQemu)
        check(info.code, status & 0x80 ? CLD_DUMPED : CLD_KILLED);
    return status;
}

static void dumps(int isQemu) {
    check(ended(SIGABRT, 0, isQemu), SIGABRT);
    check(ended(SIGTERM, 1 << 20, isQemu), SIGTERM);
    if (!isQemu)
        check(ended(SIGABRT, 1 << 20, isQemu), SIGABRT | 0x80);
}

/* The order of errors. */
static void senders(void) {
    i64 own = call(SYS_getpid);
    i64 child = fork();
    if (child == 0) {
        sleep_ms(60000);
        exit(0);
    }
    check(call(SYS_tgkill, -1, own, 0), -EINVAL);
    check(call(SYS_tgkill, own, -1, 0), -EINVAL);
    check(call(SYS_tgkill, 0, own, 0), -EINVAL);
    check(call(SYS_tgkill, child, own, 0), -ESRCH);
    check(call(SYS_tgkill, own, own, 65), -EINVAL);
    check(call(SYS_tkill, 0, 0), -EINVAL);
    check(call(SYS_tkill, own, 65), -EINVAL);
    check(call(SYS_kill, child, -1), -EINVAL);
    check(call(SYS_kill, child, SIGKILL), 0);
    check(wait_for(child), SIGKILL);
}

static i64 restored;
static volatile int returns;

static void restore_first(int signal, struct siginfo *info, struct context *context) {
    context->registers[10] = restored;
    returns++;
}

/* The return from a handler has no result: a0 is what it was, whatever number that is. */
static void registers(void) {
    static const i64 values[] = {-512, -514, -513, -516, -4, -1, 0, (i64) 1 << 63, ~((i64) 1 << 63)};
    on(SIGUSR1, restore_first, SA_RESTART);
    for (u64 i = 0; i < sizeof values / sizeof *values; i++) {
        restored = values[i];
        returns = 0;
        check(call(SYS_kill, call(SYS_getpid), SIGUSR1), restored);
        check(returns, 1);
    }
    i64 child = fork();
    if (child == 0) {
        __asm__ volatile("li sp, 16; li a7, 139; ecall" : : : "a0", "a7", "memory");
        exit(0);
    }
    int status;
    i64 found = call(SYS_wait4, child, &status, 0, 0);
    if (found == child)
        check(status & 0x7f, SIGSEGV);
}

int main(int argc, char **argv) {
    registers();
    if (argc == 1)
        actions();
    dumps(argc > 1);
    senders();
    masks();
    queued();
    interrupts();
    directed();
    children();
    faults();
    return 0;
}
