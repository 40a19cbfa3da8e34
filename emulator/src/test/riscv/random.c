// SPDX-License-Identifier: Apache-2.0
// Eight threads make random calls on ranges of their own and on one of all, and touch what they find. Arguments: for how
// many seconds, and a seed. An access that fails is left out by the handler, so that nothing is right or wrong here but
// what the emulator and a checked machine say.
#include "guest.h"
const char *name = NAME;

enum { THREADS = 8, PAGES = 256, STACK = 64 * PAGE, FILES = 3, CHILD_ROUNDS = 60 };

struct random {
    u64 state;
    u8 *own;
    int number, child;
};

static u8 *common;
static volatile int tids[THREADS];
static volatile i64 end;
static volatile u64 faults, calls, signals;
static int files[FILES], pipe_ends[2];
static volatile int words[4];

static u64 next(struct random *r) {
    r->state ^= r->state << 13;
    r->state ^= r->state >> 7;
    r->state ^= r->state << 17;
    return r->state * 0x2545f4914f6cdd1dul >> 11;
}

static u64 below(struct random *r, u64 n) {
    return next(r) % n;
}

static i64 now(void) {
    struct timespec t;
    call(SYS_clock_gettime, 1, &t);
    return t.seconds;
}

static void skip(int signal, struct siginfo *info, struct context *context) {
    u16 *pc = (u16 *) context->registers[0];
    context->registers[0] += (*pc & 3) == 3 ? 4 : 2;
    __atomic_fetch_add(&faults, 1, __ATOMIC_RELAXED);
}

static void count(int signal, struct siginfo *info, struct context *context) {
    __atomic_fetch_add(&signals, 1, __ATOMIC_RELAXED);
}

static u8 *place(struct random *r, u64 *length) {
    u64 pages = 1 + below(r, below(r, 8) == 0 ? 64 : 8);
    u8 *base = below(r, 3) == 0 ? common : r->own;
    *length = pages * PAGE;
    if (below(r, 50) == 0)
        *length += below(r, PAGE);
    return base + below(r, PAGES - pages + 1) * PAGE + (below(r, 100) == 0 ? below(r, PAGE) : 0);
}

static int is_ours(struct random *r, u64 address) {
    return address - (u64) common < PAGES * PAGE || address - (u64) r->own < PAGES * PAGE;
}

static void touch(struct random *r, u8 *at, u64 length) {
    for (int i = 0; i < 16; i++) {
        u8 *byte = at + below(r, length);
        switch (below(r, 4)) {
        case 0:
            *(volatile u8 *) byte = (u8) i;
            break;
        case 1:
            __atomic_fetch_add((u32 *) ((u64) byte & -4ul), 1, __ATOMIC_SEQ_CST);
            break;
        case 2:
            (void) *(volatile u64 *) byte;
            break;
        default:
            (void) *(volatile u8 *) byte;
        }
    }
}

static void maps(struct random *r, u8 *at, u64 length) {
    u64 flags = (below(r, 2) ? MAP_PRIVATE : MAP_SHARED) | MAP_FIXED;
    i64 file = -1;
    if (below(r, 3))
        flags |= MAP_ANON;
    else
        file = files[below(r, FILES)];
    if (below(r, 8) == 0)
        flags |= MAP_POPULATE;
    if (below(r, 20) == 0)
        flags |= MAP_GROWSDOWN;
    call(SYS_mmap, at, length, below(r, 4) ? RW : below(r, 8), flags, file, below(r, 32) * PAGE);
}

static void moves(struct random *r, u8 *at, u64 length) {
    u64 other;
    u8 *to = place(r, &other);
    i64 flags = below(r, 8);
    i64 moved = call(SYS_mremap, at, length, other, flags, to);
    if (moved > 0 && !is_ours(r, (u64) moved))
        call(SYS_munmap, moved, other);
}

static void transfers(struct random *r, u8 *at, u64 length) {
    i64 file = files[below(r, FILES)];
    u8 *other = place(r, &length);
    struct {
        void *base;
        u64 length;
    } from = {at, below(r, 9000)}, to = {other, below(r, 9000)};
    switch (below(r, 6)) {
    case 0:
        call(SYS_pread64, file, at, below(r, 3 * PAGE), below(r, 40 * PAGE));
        break;
    case 1:
        call(SYS_pwrite64, file, at, below(r, 3 * PAGE), below(r, 40 * PAGE));
        break;
    case 2:
        call(SYS_ftruncate, file, below(r, 40 * PAGE));
        break;
    case 3:
        call(SYS_write, pipe_ends[1], at, below(r, 2000));
        break;
    case 4:
        call(SYS_read, pipe_ends[0], at, below(r, 4000));
        break;
    default:
        call(SYS_process_vm_readv, call(SYS_getpid), &from, 1, &to, 1, 0);
    }
}

static void waits(struct random *r, u8 *at) {
    struct timespec soon = {0, (i64) below(r, 300000)};
    volatile int *word = &words[below(r, 4)];
    if (below(r, 4) == 0)
        word = (int *) at;
    switch (below(r, 4)) {
    case 0:
        call(SYS_futex, word, FUTEX_WAIT, *word, &soon, 0, 0);
        break;
    case 1:
        call(SYS_futex, word, FUTEX_CMP_REQUEUE, 1, 2, &words[below(r, 4)], *word);
        break;
    default:
        call(SYS_futex, word, FUTEX_WAKE, 1 + below(r, 3), 0, 0, 0);
    }
}

static void step(struct random *r);

static void forks(struct random *r) {
    i64 pid = call(SYS_clone, below(r, 4) ? SIGCHLD : SIGCHLD | CLONE_VFORK, 0);
    if (pid == 0) {
        r->child = 1;
        for (int i = 0; i < CHILD_ROUNDS; i++)
            step(r);
        call(SYS_exit_group, 0);
    }
    if (pid > 0) {
        int status;
        while (call(SYS_wait4, pid, &status, 0, 0) == -EINTR)
            ;
    }
}

static const u8 advices[] = {0, 1, 2, 3, 4, 4, 4, 8, 9, 10, 11, 14, 15, 18, 19, 20, 21, 22, 23, 102, 103, 200};

static void step(struct random *r) {
    u64 length;
    u8 *at = place(r, &length);
    static u8 residency[THREADS][PAGES + 1];
    __atomic_fetch_add(&calls, 1, __ATOMIC_RELAXED);
    switch (below(r, 24)) {
    case 0: case 1: case 2: case 3: case 4:
        maps(r, at, length);
        break;
    case 5: case 6:
        call(SYS_munmap, at, length);
        break;
    case 7: case 8: case 9:
        call(SYS_mprotect, at, length, below(r, 3) ? RW : below(r, 8));
        break;
    case 10: case 11:
        moves(r, at, length);
        break;
    case 12: case 13:
        call(SYS_madvise, at, length, advices[below(r, sizeof advices)]);
        break;
    case 14:
        call(below(r, 3) ? SYS_munlock : SYS_mlock, at, length);
        break;
    case 15:
        call(SYS_msync, at, length, below(r, 8));
        break;
    case 16:
        call(SYS_mincore, at, length, residency[r->number]);
        break;
    case 17: case 18:
        transfers(r, at, length);
        break;
    case 19:
        waits(r, at);
        break;
    case 20:
        if (below(r, 4) == 0)
            call(SYS_tkill, r->child ? call(SYS_gettid) : tids[below(r, THREADS)], SIGUSR1);
        else if (!r->child && below(r, 4) == 0)
            forks(r);
        else
            call(SYS_sched_yield);
        break;
    default:
        touch(r, at, length);
    }
}

static void work(void *argument) {
    struct random *r = argument;
    do {
        for (int i = 0; i < 100; i++)
            step(r);
    } while (now() < end);
}

static i64 number(const char *text) {
    i64 n = 0;
    while (*text >= '0' && *text <= '9')
        n = 10 * n + *text++ - '0';
    return n;
}

int main(int argc, char **argv) {
    static struct random states[THREADS];
    end = now() + (argc > 1 ? number(argv[1]) : 1);
    u64 seed = argc > 2 ? (u64) number(argv[2]) : 1;
    on(SIGSEGV, skip, SA_SIGINFO | SA_NODEFER);
    on(SIGBUS, skip, SA_SIGINFO | SA_NODEFER);
    on(SIGUSR1, count, SA_SIGINFO | SA_RESTART);
    common = map(PAGES * PAGE, RW);
    for (int i = 0; i < FILES; i++) {
        files[i] = (int) call(SYS_memfd_create, "random", 0);
        check(call(SYS_ftruncate, files[i], 40 * PAGE), 0);
    }
    check(call(SYS_pipe2, pipe_ends, O_NONBLOCK), 0);
    for (int i = 0; i < THREADS; i++) {
        states[i].state = (seed << 8 | (u64) i) * 0x9e3779b97f4a7c15ul | 1;
        states[i].own = map(PAGES * PAGE, RW);
        states[i].number = i;
        u8 *stack = map(STACK, RW);
        require(thread(work, &states[i], stack + STACK, &tids[i]) > 0);
    }
    for (int i = 0; i < THREADS; i++)
        join(&tids[i]);
    if (argc > 1) {
        print_number((i64) calls);
        print(" rounds, ");
        print_number((i64) faults);
        print(" accesses failed, ");
        print_number((i64) signals);
        print(" signals\n");
    }
    require(calls > 0 && faults > 0);
    return 0;
}
