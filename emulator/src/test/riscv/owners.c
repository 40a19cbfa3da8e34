// SPDX-License-Identifier: Apache-2.0
// Locks whose words have the number of their owner (FUTEX_LOCK_PI): who gets them, and what ends a wait.
#include "guest.h"
const char *name = NAME;

enum { LOCK = 6, UNLOCK = 7, TRYLOCK = 8, LOCK2 = 13, REALTIME_FLAG = 256, EDEADLK = 35, THREADS = 4, ROUNDS = 300,
       STACK = 16 * PAGE, DIED = 0x40000000, NOBODY = 0x3ffffe };
#define WAITERS 0x80000000u

static u8 *stacks[THREADS];
static volatile int tids[THREADS];
static volatile u32 first, second;
static volatile int step, result;

static i64 lock(volatile u32 *word) {
    return call(SYS_futex, word, LOCK, 0, 0, 0, 0);
}

static i64 unlock(volatile u32 *word) {
    return call(SYS_futex, word, UNLOCK, 0, 0, 0, 0);
}

static u32 own(void) {
    return (u32) call(SYS_gettid);
}

static void await_step(int wanted) {
    while (step != wanted)
        call(SYS_sched_yield);
}

static void alone(void) {
    u32 *fixed = map(PAGE, RW);
    check(lock(&first), 0);
    check(first, own());
    check(lock(&first), -EDEADLK);
    check(call(SYS_futex, &first, TRYLOCK, 0, 0, 0, 0), -EDEADLK);
    check(unlock(&first), 0);
    check(first, 0);
    check(unlock(&first), -EPERM);
    check(call(SYS_futex, &first, TRYLOCK | FUTEX_PRIVATE, 0, 0, 0, 0), 0);
    check(first, own());
    check(call(SYS_futex, &first, UNLOCK | FUTEX_PRIVATE, 0, 0, 0, 0), 0);
    first = NOBODY;
    check(lock(&first), -ESRCH);
    check(first, WAITERS | NOBODY);
    check(call(SYS_futex, &first, TRYLOCK, 0, 0, 0, 0), -ESRCH);
    check(unlock(&first), -EPERM);
    first = DIED | WAITERS;
    check(lock(&first), 0);
    check(first, DIED | own());
    check(unlock(&first), 0);
    check(first, 0);
    check(lock((u32 *) 8), -EFAULT);
    check(unlock((u32 *) 8), -EFAULT);
    check(lock((u32 *) ((u64) &first + 1)), -EINVAL);
    check(call(SYS_mprotect, fixed, PAGE, PROT_READ), 0);
    check(lock(fixed), -EFAULT);
    check(call(SYS_futex, &first, LOCK | REALTIME_FLAG, 0, 0, 0, 0), -ENOSYS);
    struct timespec bad = {0, 1000000000};
    check(call(SYS_futex, &first, LOCK, 0, &bad, 0, 0), -EINVAL);
}

static void take(void *argument) {
    step = 1;
    result = (int) lock(&first);
    check(first & 0x3fffffff, own());
    second = first;
    check(unlock(&first), 0);
}

/* An unlock hands the lock to the waiter, whose number the word has before it runs. */
static void handed(void) {
    step = 0;
    check(lock(&first), 0);
    i64 made = thread(take, 0, stacks[0] + STACK, &tids[0]);
    await_step(1);
    while (first == own())
        call(SYS_sched_yield);
    check(first, own() | WAITERS);
    sleep_ms(20);
    check(unlock(&first), 0);
    join(&tids[0]);
    check(result, 0);
    check(second, (u32) made | WAITERS);
    check(first, 0);
}

static void hold(void *argument) {
    check(lock(&first), 0);
    step = 1;
    await_step(2);
    if (argument == 0)
        check(unlock(&first), 0);
}

static void times(void) {
    step = 0;
    require(thread(hold, 0, stacks[0] + STACK, &tids[0]) > 0);
    await_step(1);
    struct timespec past = {1, 0}, soon;
    check(call(SYS_futex, &first, TRYLOCK, 0, 0, 0, 0), -EAGAIN);
    require((first & WAITERS) != 0);
    check(unlock(&first), -EPERM);
    check(call(SYS_futex, &first, LOCK, 0, &past, 0, 0), -ETIMEDOUT);
    check(call(SYS_futex, &first, LOCK2, 0, &past, 0, 0), -ETIMEDOUT);
    check(call(SYS_clock_gettime, 1, &soon), 0);
    i64 start = soon.nanos + soon.seconds * 1000000000;
    soon.nanos += 30000000;
    soon.seconds += soon.nanos / 1000000000;
    soon.nanos %= 1000000000;
    check(call(SYS_futex, &first, LOCK2, 0, &soon, 0, 0), -ETIMEDOUT);
    check(call(SYS_clock_gettime, 1, &soon), 0);
    require(soon.nanos + soon.seconds * 1000000000 - start >= 30000000);
    step = 2;
    join(&tids[0]);
    check(first, 0);
}

/* The end of an owner hands its lock on, and the word tells of it; with nobody waiting the word stays. */
static void died(void) {
    step = 0;
    i64 made = thread(hold, (void *) 1, stacks[0] + STACK, &tids[0]);
    await_step(1);
    require(thread(take, 0, stacks[1] + STACK, &tids[1]) > 0);
    await_step(1);
    while ((first & WAITERS) == 0)
        call(SYS_sched_yield);
    sleep_ms(20);
    step = 2;
    join(&tids[0]);
    join(&tids[1]);
    check(result, 0);
    require((second & (DIED | WAITERS)) == (DIED | WAITERS));
    check(first, 0);
    step = 0;
    made = thread(hold, (void *) 1, stacks[0] + STACK, &tids[0]);
    await_step(1);
    step = 2;
    join(&tids[0]);
    check(first, (u32) made);
    i64 found;
    while ((found = call(SYS_tkill, made, 0)) == 0)
        call(SYS_sched_yield);
    check(found, -ESRCH);
    check(lock(&first), -ESRCH);
    first = 0;
}

static void cross(void *argument) {
    check(lock(&second), 0);
    step = 1;
    check(lock(&first), 0);
    check(unlock(&first), 0);
    check(unlock(&second), 0);
}

static void deadlocks(void) {
    step = 0;
    second = 0;
    check(lock(&first), 0);
    require(thread(cross, 0, stacks[0] + STACK, &tids[0]) > 0);
    await_step(1);
    while ((first & WAITERS) == 0)
        call(SYS_sched_yield);
    sleep_ms(20);
    check(lock(&second), -EDEADLK);
    check(unlock(&first), 0);
    join(&tids[0]);
    check(first + second, 0);
}

static volatile int handled;

static void note(int signal, struct siginfo *info, struct context *context) {
    handled++;
}

/* A signal does not end a wait, whatever its handler says. */
static void interrupted(void) {
    step = 0;
    on(SIGUSR1, note, 0);
    check(lock(&first), 0);
    i64 made = thread(take, 0, stacks[0] + STACK, &tids[0]);
    await_step(1);
    while ((first & WAITERS) == 0)
        call(SYS_sched_yield);
    check(call(SYS_tkill, made, SIGUSR1), 0);
    while (handled == 0)
        call(SYS_sched_yield);
    sleep_ms(20);
    check(unlock(&first), 0);
    join(&tids[0]);
    check(result, 0);
    check(first, 0);
}

static volatile long plain;

static void count(void *argument) {
    u32 tid = own();
    for (int i = 0; i < ROUNDS; i++) {
        u32 none = 0, mine = tid;
        if (!__atomic_compare_exchange_n(&first, &none, tid, 0, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
            check(lock(&first), 0);
        long now = plain;
        if (i % 16 == 0)
            call(SYS_sched_yield);
        plain = now + 1;
        if (!__atomic_compare_exchange_n(&first, &mine, 0, 0, __ATOMIC_RELEASE, __ATOMIC_RELAXED))
            check(unlock(&first), 0);
    }
}

static void excludes(void) {
    first = 0;
    for (long i = 0; i < THREADS; i++)
        require(thread(count, (void *) i, stacks[i] + STACK, &tids[i]) > 0);
    for (int i = 0; i < THREADS; i++)
        join(&tids[i]);
    check(plain, THREADS * ROUNDS);
    check(first, 0);
}

static struct {
    u64 next, offset, pending;
} list, entry;

/* Processes share a lock by their memory; one that ends with it in its list hands it on. */
static void processes(void) {
    volatile u32 *shared = (u32 *) call(SYS_mmap, 0, PAGE, RW, MAP_SHARED | MAP_ANON, -1, 0);
    i64 owner = fork();
    if (owner == 0) {
        list.next = (u64) &entry | 1;
        entry.next = (u64) &list;
        list.offset = (u64) shared - (u64) &entry;
        check(call(SYS_set_robust_list, &list, 24), 0);
        check(lock(shared), 0);
        shared[1] = 1;
        while (shared[1] != 2)
            call(SYS_sched_yield);
        exit(0);
    }
    while (shared[1] != 1)
        call(SYS_sched_yield);
    i64 waiter = fork();
    if (waiter == 0) {
        check(lock(shared), 0);
        check(shared[0], DIED | WAITERS | own());
        check(unlock(shared), 0);
        exit(0);
    }
    while ((shared[0] & WAITERS) == 0)
        call(SYS_sched_yield);
    sleep_ms(20);
    shared[1] = 2;
    check(wait_for(owner), 0);
    check(wait_for(waiter), 0);
    check(shared[0], 0);
    /* A waiter that is killed does not get it. */
    check(lock(shared), 0);
    waiter = fork();
    if (waiter == 0) {
        lock(shared);
        exit(1);
    }
    while ((shared[0] & WAITERS) == 0)
        call(SYS_sched_yield);
    sleep_ms(20);
    check(call(SYS_kill, waiter, SIGKILL), 0);
    check(wait_for(waiter), SIGKILL);
    check(unlock(shared), 0);
    check(shared[0], 0);
}

int main(int argc, char **argv) {
    for (int i = 0; i < THREADS; i++)
        stacks[i] = map(STACK, RW);
    alone();
    handed();
    times();
    died();
    deadlocks();
    interrupted();
    excludes();
    processes();
    return 0;
}
