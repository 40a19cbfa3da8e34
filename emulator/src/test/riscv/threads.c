// SPDX-License-Identifier: Apache-2.0
// Threads with mutexes, atomic counters, barriers and requeues, and their ends.
#include "guest.h"
const char *name = NAME;

enum { THREADS = 6, ROUNDS = 400, STACK = 16 * PAGE };

static volatile int tids[THREADS];
static u8 *stacks[THREADS];
static volatile int mutex, plain, barrier_count, barrier_round, go;
static volatile long atomic_count;

static void lock(void) {
    int now = 0;
    if (__atomic_compare_exchange_n(&mutex, &now, 1, 0, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
        return;
    while (__atomic_exchange_n(&mutex, 2, __ATOMIC_ACQUIRE) != 0)
        call(SYS_futex, &mutex, FUTEX_WAIT | FUTEX_PRIVATE, 2, 0, 0, 0);
}

static void unlock(void) {
    if (__atomic_exchange_n(&mutex, 0, __ATOMIC_RELEASE) == 2)
        call(SYS_futex, &mutex, FUTEX_WAKE | FUTEX_PRIVATE, 1, 0, 0, 0);
}

static void meet(void) {
    int round = barrier_round;
    if (__atomic_add_fetch(&barrier_count, 1, __ATOMIC_SEQ_CST) == THREADS) {
        barrier_count = 0;
        __atomic_fetch_add(&barrier_round, 1, __ATOMIC_SEQ_CST);
        wake(&barrier_round, THREADS);
    } else {
        while (barrier_round == round)
            await(&barrier_round, round);
    }
}

static void work(void *argument) {
    long number = (long) argument;
    for (int i = 0; i < ROUNDS; i++) {
        lock();
        plain++;
        unlock();
        __atomic_fetch_add(&atomic_count, number, __ATOMIC_RELAXED);
        u8 *page = map(PAGE, RW);
        page[1] = (u8) i;
        check(page[1], (u8) i);
        check(call(SYS_munmap, page, PAGE), 0);
        if (i % 100 == 0)
            meet();
    }
}

static void sleep_on(void *argument) {
    while (go == 0)
        await(&go, 0);
    __atomic_fetch_add(&atomic_count, 1, __ATOMIC_SEQ_CST);
}

static void each(void (*body)(void *)) {
    for (long i = 0; i < THREADS; i++)
        require(thread(body, (void *) i, stacks[i] + STACK, &tids[i]) > 0);
}

static void join_all(void) {
    for (int i = 0; i < THREADS; i++)
        join(&tids[i]);
}

static volatile int other;

static void requeues(void) {
    atomic_count = 0;
    each(sleep_on);
    int waiting = 0;
    while (waiting < THREADS) {
        i64 moved = call(SYS_futex, &go, FUTEX_CMP_REQUEUE, 0, 1000, &other, 0);
        require(moved >= 0);
        waiting += (int) moved;
        call(SYS_sched_yield);
    }
    check(call(SYS_futex, &go, FUTEX_CMP_REQUEUE, 0, 1000, &other, 5), -EAGAIN);
    check(wake(&go, 1), 0);
    go = 1;
    check(wake(&other, 2), 2);
    check(call(SYS_futex, &other, FUTEX_WAKE_BITSET, 1000, 0, 0, 8), THREADS - 2);
    join_all();
    check(atomic_count, THREADS);
}

static void times(void) {
    struct timespec time = {0, 3000000};
    volatile int word = 4;
    check(call(SYS_futex, &word, FUTEX_WAIT, 5, 0, 0, 0), -EAGAIN);
    check(call(SYS_futex, &word, FUTEX_WAIT, 4, &time, 0, 0), -ETIMEDOUT);
    check(call(SYS_futex, (u64) &word + 1, FUTEX_WAIT, 4, 0, 0, 0), -EINVAL);
    check(call(SYS_futex, &word, FUTEX_WAIT_BITSET, 4, 0, 0, 0), -EINVAL);
}

struct robust {
    struct robust *next;
    volatile u32 word;
};
static struct {
    struct robust *first;
    long offset;
    struct robust *pending;
} head;
static struct robust held;

static void die_with_lock(void *argument) {
    head.first = &held;
    held.next = (struct robust *) &head;
    head.offset = 8;
    check(call(SYS_set_robust_list, &head, 24), 0);
    held.word = (u32) call(SYS_gettid);
}

static void spin(void *argument) {
    for (;;)
        __atomic_fetch_add(&atomic_count, 1, __ATOMIC_RELAXED);
}

int main(int argc, char **argv) {
    for (int i = 0; i < THREADS; i++)
        stacks[i] = map(STACK, RW);
    each(work);
    join_all();
    check(plain, THREADS * ROUNDS);
    check(atomic_count, ROUNDS * THREADS * (THREADS - 1) / 2);
    requeues();
    times();
    require(thread(die_with_lock, 0, stacks[0] + STACK, &tids[0]) > 0);
    join(&tids[0]);
    check(held.word, 0x40000000);
    check(call(SYS_membarrier, 16, 0, 0), 0);
    /* The end of the process ends a thread that never waits. */
    i64 child = fork();
    if (child == 0) {
        require(thread(spin, 0, stacks[0] + STACK, &tids[0]) > 0);
        long before = atomic_count;
        while (atomic_count == before)
            call(SYS_membarrier, 8, 0, 0);
        exit(7);
    }
    check(wait_for(child), 7 << 8);
    return 0;
}
