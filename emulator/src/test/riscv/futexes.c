// SPDX-License-Identifier: Apache-2.0
// Words of futexes: through which mappings they are one word, and what is refused. Runs in a folder that it may write.
#include "guest.h"
const char *name = NAME;

static i64 wake_shared(volatile int *word) {
    return call(SYS_futex, word, FUTEX_WAKE, 1);
}

/* A child waits at a word by one mapping, and this process wakes it by another one. */
static void waits_through(volatile int *theirs, volatile int *own) {
    i64 child = fork();
    if (child == 0) {
        struct timespec time = {20, 0};
        exit(call(SYS_futex, theirs, FUTEX_WAIT, 0, &time) == 0 ? 0 : 1);
    }
    while (wake_shared(own) == 0)
        call(SYS_sched_yield);
    check(wait_for(child), 0);
}

static void mappings(void) {
    i64 file = call(SYS_openat, AT_FDCWD, "word", O_RDWR | O_CREAT, 0644);
    check(call(SYS_ftruncate, file, 2 * PAGE), 0);
    i64 reader = call(SYS_openat, AT_FDCWD, "word", O_RDONLY, 0);
    volatile int *both = (int *) call(SYS_mmap, 0, 2 * PAGE, RW, MAP_SHARED, file, 0);
    volatile int *shared = (int *) call(SYS_mmap, 0, 2 * PAGE, PROT_READ, MAP_SHARED, reader, 0);
    volatile int *private = (int *) call(SYS_mmap, 0, 2 * PAGE, PROT_READ, MAP_PRIVATE, reader, 0);
    volatile int *copied = (int *) call(SYS_mmap, 0, 2 * PAGE, RW, MAP_PRIVATE, reader, 0);
    waits_through(both, both);
    waits_through(shared + 8, both + 8);
    waits_through(both + 8, shared + 8);
    waits_through(private + PAGE / 4, both + PAGE / 4);
    /* One that can be written is a copy from then on. */
    check(call(SYS_futex, copied, FUTEX_WAKE, 1), 0);
    both[0] = 7;
    check(copied[0], 0);
    copied[0] = 1;
    check(call(SYS_mprotect, copied, PAGE, PROT_READ), 0);
    check(call(SYS_futex, copied, FUTEX_WAKE, 1), -EFAULT);
    check(call(SYS_unlinkat, AT_FDCWD, "word", 0), 0);
}

static void errors(void) {
    char *pages = map(3 * PAGE, RW);
    int *word = (int *) pages, *none = (int *) (pages + PAGE), *fixed = (int *) (pages + 2 * PAGE);
    check(call(SYS_munmap, none, PAGE), 0);
    check(call(SYS_mprotect, fixed, PAGE, PROT_READ), 0);
    check(call(SYS_futex, none, FUTEX_WAKE, 1), -EFAULT);
    check(call(SYS_futex, none, FUTEX_WAKE | FUTEX_PRIVATE, 1), 0);
    check(call(SYS_futex, fixed, FUTEX_WAKE, 1), -EFAULT);
    check(call(SYS_futex, none, FUTEX_WAIT | FUTEX_PRIVATE, 0, 0), -EFAULT);
    check(call(SYS_futex, word, FUTEX_CMP_REQUEUE, 1, 1, none, 0), -EFAULT);
    check(call(SYS_futex, word, FUTEX_CMP_REQUEUE, -1, 1, word + 1, 0), -EINVAL);
    check(call(SYS_futex, word, FUTEX_CMP_REQUEUE, 1, -1, word + 1, 0), -EINVAL);
    check(call(SYS_futex, word, FUTEX_REQUEUE, 1, 1, (char *) word + 2), -EINVAL);
    check(call(SYS_futex, word, FUTEX_WAIT | 256, 0, 0), -ENOSYS);
    check(call(SYS_futex, word, FUTEX_WAKE_OP, 1, 1, word + 1, 5 << 28), -ENOSYS);
    check(call(SYS_futex, word, FUTEX_WAKE_OP, 1, 1, word + 1, 6 << 24), -ENOSYS);
    check(call(SYS_futex, word, FUTEX_WAKE_OP, 1, 1, fixed, 0), -EFAULT);
    check(call(SYS_futex, (char *) word + 1, FUTEX_WAKE, 1), -EINVAL);
}

enum { SYS_futex_waitv = 449, U32 = 2 };

struct waited {
    u64 expected, address;
    u32 flags, reserved;
};

static i64 wait_any(struct waited *words, u64 count, struct timespec *time, int clock) {
    return call(SYS_futex_waitv, words, count, 0, time, clock);
}

/* Waits at several words at a time. */
static void vectors(void) {
    volatile u32 *words = (u32 *) call(SYS_mmap, 0, PAGE, RW, MAP_SHARED | MAP_ANON, -1, 0);
    struct waited all[129];
    for (int i = 0; i < 129; i++)
        all[i] = (struct waited) {0, (u64) &words[i], U32, 0};
    struct timespec past = {1, 0}, bad = {0, 1000000000};
    check(call(SYS_futex_waitv, all, 1, 1, 0, 0), -EINVAL);
    check(wait_any(all, 0, 0, 0), -EINVAL);
    check(wait_any(all, 129, 0, 0), -EINVAL);
    check(wait_any(0, 1, 0, 0), -EINVAL);
    check(wait_any((struct waited *) 8, 1, 0, 0), -EFAULT);
    check(wait_any(all, 1, &bad, 1), -EINVAL);
    check(wait_any(all, 1, &past, 2), -EINVAL);
    check(wait_any(all, 1, (struct timespec *) 8, 1), -EFAULT);
    check(wait_any(all, 128, &past, 1), -ETIMEDOUT);
    check(wait_any(all, 3, &past, 0), -ETIMEDOUT);
    all[2].flags = U32 | 128;
    check(wait_any(all, 3, &past, 1), -ETIMEDOUT);
    all[2].flags = 0;
    check(wait_any(all, 3, &past, 1), -EINVAL);
    all[2] = (struct waited) {0, (u64) &words[2], U32, 1};
    check(wait_any(all, 3, &past, 1), -EINVAL);
    all[2] = (struct waited) {1ul << 32, (u64) &words[2], U32, 0};
    check(wait_any(all, 3, &past, 1), -EINVAL);
    all[2] = (struct waited) {0, (u64) &words[2] + 1, U32, 0};
    check(wait_any(all, 3, &past, 1), -EINVAL);
    all[2] = (struct waited) {0, 8, U32, 0};
    check(wait_any(all, 3, &past, 1), -EFAULT);
    all[2] = (struct waited) {5, (u64) &words[2], U32, 0};
    check(wait_any(all, 3, 0, 0), -EAGAIN);
    all[2].expected = 0;
    i64 child = fork();
    if (child == 0)
        exit((int) wait_any(all, 3, 0, 0));
    while (wake_shared((int *) &words[1]) == 0)
        call(SYS_sched_yield);
    check(wait_for(child), 1 << 8);
    check(wake_shared((int *) &words[2]), 0);
}

int main(int argc, char **argv) {
    mappings();
    errors();
    vectors();
    return 0;
}
