// SPDX-License-Identifier: Apache-2.0
// Memory that processes share: anonymous, of System V and of a memfd, with semaphores made of futexes.
#include "guest.h"
const char *name = NAME;

struct channel {
    volatile int full, empty, mutex;
    volatile int value;
    volatile long sum;
    volatile int count;
};

static void down(volatile int *semaphore) {
    for (;;) {
        int now = *semaphore;
        if (now > 0) {
            if (__atomic_compare_exchange_n(semaphore, &now, now - 1, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
                return;
        } else {
            await(semaphore, now);
        }
    }
}

static void up(volatile int *semaphore) {
    __atomic_fetch_add(semaphore, 1, __ATOMIC_SEQ_CST);
    wake(semaphore, 1);
}

static void exchange(struct channel *channel, int producers, int rounds) {
    channel->full = channel->count = 0;
    channel->sum = 0;
    channel->empty = channel->mutex = 1;
    i64 children[8];
    for (int i = 0; i < producers; i++) {
        children[i] = fork();
        if (children[i] == 0) {
            for (int n = 1; n <= rounds; n++) {
                down(&channel->empty);
                channel->value = n * (i + 1);
                up(&channel->full);
            }
            exit(0);
        }
    }
    i64 consumer = fork();
    if (consumer == 0) {
        for (int n = 0; n < rounds * producers; n++) {
            down(&channel->full);
            down(&channel->mutex);
            channel->sum += channel->value;
            channel->count++;
            up(&channel->mutex);
            up(&channel->empty);
        }
        exit(0);
    }
    for (int i = 0; i < producers; i++)
        check(wait_for(children[i]), 0);
    check(wait_for(consumer), 0);
    long wanted = 0;
    for (int i = 0; i < producers; i++)
        wanted += (long) rounds * (rounds + 1) / 2 * (i + 1);
    check(channel->count, rounds * producers);
    check(channel->sum, wanted);
}

int main(int argc, char **argv) {
    watch_faults();
    struct channel *channel =
            (struct channel *) call(SYS_mmap, 0, 2 * PAGE, RW, MAP_SHARED | MAP_ANON, -1, 0);
    exchange(channel, 3, 100);

    i64 id = call(SYS_shmget, 0, 3 * PAGE, 01000 | 0600);
    require(id >= 0);
    u8 *first = (u8 *) call(SYS_shmat, id, 0, 0);
    u8 *second = (u8 *) call(SYS_shmat, id, 0, 010000);
    require((i64) first > 0 && (i64) second > 0 && first != second);
    first[PAGE] = 3;
    check(second[PAGE], 3);
    check(try_store(second, 1), 112);
    exchange((struct channel *) first, 2, 50);
    check(call(SYS_shmctl, id, 0, 0), 0);
    check(call(SYS_shmdt, second), 0);
    check(try_load(second), 111);
    first[2 * PAGE] = 8;
    check(first[2 * PAGE], 8);
    check(call(SYS_shmdt, first), 0);
    check(call(SYS_shmdt, first), -EINVAL);

    i64 file = call(SYS_memfd_create, "channel", 1);
    require(file > 0);
    check(call(SYS_ftruncate, file, 2 * PAGE), 0);
    u8 *near = (u8 *) call(SYS_mmap, 0, 2 * PAGE, RW, MAP_SHARED, file, 0);
    u8 *far = (u8 *) call(SYS_mmap, 0, 2 * PAGE, RW, MAP_SHARED, file, 0);
    near[7] = 1;
    check(far[7], 1);
    exchange((struct channel *) near, 2, 50);
    check(call(SYS_pwrite64, file, "abc", 3, PAGE), 3);
    check(far[PAGE + 2], 'c');
    check(call(SYS_ftruncate, file, PAGE), 0);
    check(try_load(near + PAGE), 72);
    check(fault_address, (u64) near + PAGE);
    check(call(SYS_close, file), 0);
    check(near[7], far[7]);
    return 0;
}
