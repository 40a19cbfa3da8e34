// SPDX-License-Identifier: Apache-2.0
// What the end of a thread does to the locks in its list, and to its word: also where the list is broken.
#include "guest.h"
const char *name = NAME;

enum { SYS_get_robust_list = 100, LIMIT = 2048, DIED = 0x40000000, STACK = 16 * PAGE, CHILD_CLEARTID = 0x200000 };
#define WAITERS 0x80000000u

struct entry {
    u64 next;
    volatile u32 word;
    u32 pad;
};

static struct head {
    u64 next, offset, pending;
} head;

/* Shared with children: entries at the start of the first page, the second one cannot be accessed. */
static struct entry *entries;
static u8 *stack;

i64 clone_thread(void (*body)(void *), void *argument, void *stack_end, u64 flags, volatile int *tid);

static u64 at(int i) {
    return (u64) &entries[i];
}

/* A list of some entries, whose words have the number of this process. */
static void list(int count) {
    head = (struct head) {count == 0 ? (u64) &head : at(0), 8, 0};
    for (int i = 0; i < count; i++) {
        entries[i].next = i + 1 < count ? at(i + 1) : (u64) &head;
        entries[i].word = (u32) call(SYS_getpid);
    }
    check(call(SYS_set_robust_list, &head, 24), 0);
}

/* Has a child make a list, break it, and end; the words are what they are then. */
static int owner;

static void after(void (*breaks)(void), int count) {
    for (int i = 0; i < 10; i++)
        entries[i].word = 0;
    i64 child = fork();
    if (child == 0) {
        list(count);
        breaks();
        exit(0);
    }
    check(wait_for(child), 0);
    owner = (int) child;
}

#define words(...) words_((i64[]) {__VA_ARGS__}, sizeof((i64[]) {__VA_ARGS__}) / sizeof(i64), __LINE__)

/* 1 stands for a word that its owner left, 0 for one that is as it was. */
static void words_(const i64 *wanted, u64 count, int line) {
    for (u64 i = 0; i < count; i++) {
        i64 found = entries[i].word;
        i64 known = found == DIED ? 1 : found == owner ? 0 : found;
        if (known != wanted[i])
            fail(__FILE__, line * 100 + (int) i, "a word", known, wanted[i]);
    }
}

static void nothing(void) {
}

static void unmapped_next(void) {
    entries[1].next = (u64) entries + PAGE;
    head.pending = at(4);
    entries[4].word = (u32) call(SYS_getpid);
}

/* The last entry of the page cannot be read whole, and its word is before it. */
static void unmapped_entry(void) {
    entries[0].next = (u64) entries + PAGE - 4;
    head.offset = 8;
    head.pending = at(4);
    entries[4].word = (u32) call(SYS_getpid);
}

static void word_elsewhere(void) {
    head.next = (u64) entries + PAGE - 4;
    head.offset = at(2) + 8 - head.next;
    head.pending = head.next - 2 * sizeof(struct entry);
}

static void misaligned(void) {
    entries[1].next = at(2) + 2;
    head.pending = at(4);
    entries[4].word = (u32) call(SYS_getpid);
}

static void of_another(void) {
    entries[1].word = 12;
    head.pending = at(4);
    entries[4].word = (u32) call(SYS_getpid);
}

static void listed_pending(void) {
    head.pending = at(1);
}

static void circle(void) {
    entries[2].next = at(0);
    head.pending = at(4);
    entries[4].word = (u32) call(SYS_getpid);
}

static void bad_head(void) {
    check(call(SYS_set_robust_list, 8, 24), 0);
}

static void with_bits(void) {
    entries[0].word |= WAITERS;
    entries[1].word |= DIED;
}

static void read_only(void) {
    struct entry *copy = (struct entry *) call(SYS_mmap, 0, PAGE, RW, MAP_PRIVATE | MAP_ANON, -1, 0);
    copy->word = (u32) call(SYS_getpid);
    copy->next = at(2);
    check(call(SYS_mprotect, copy, PAGE, PROT_READ), 0);
    entries[0].next = (u64) copy;
}

static void lists(void) {
    after(nothing, 3);
    words(1, 1, 1);
    after(unmapped_next, 3);
    words(1, 1, 0, 0, 0);
    after(unmapped_entry, 3);
    words(1, 0, 0, 0, 0);
    after(word_elsewhere, 3);
    words(0, 0, 1);
    after(misaligned, 3);
    words(1, 1, 0, 0, 0);
    after(of_another, 3);
    words(1, 12, 1, 0, 1);
    after(listed_pending, 3);
    words(1, 1, 1);
    after(circle, 3);
    words(1, 1, 1, 0, 1);
    after(bad_head, 3);
    words(0, 0, 0);
    after(read_only, 3);
    words(1, 0, 0);
    after(with_bits, 3);
    words((i64) (WAITERS | DIED), 1, 1);
}

/* A waiter is woken at a word that its owner left, and at one that its owner has unlocked and not woken yet. */
static i64 waits(int word, u64 pending, u64 pi) {
    entries[0].word = (u32) word;
    i64 waiter = fork();
    if (waiter == 0) {
        struct timespec time = {0, 400000000};
        exit(-(int) call(SYS_futex, &entries[0].word, FUTEX_WAIT, word, &time));
    }
    sleep_ms(150);
    i64 child = fork();
    if (child == 0) {
        head = (struct head) {pending ? (u64) &head : at(0) | pi, 8, pending};
        entries[0].next = (u64) &head;
        u32 own = (u32) call(SYS_getpid) | WAITERS;
        if (word != 0 && !pending)
            entries[0].word = own;
        check(call(SYS_set_robust_list, &head, 24), 0);
        exit(0);
    }
    check(wait_for(child), 0);
    return wait_for(waiter) >> 8;
}

static void woken(void) {
    check(waits(7, 0, 0), 0);
    check(waits(7, 0, 1), ETIMEDOUT);
    check(waits(0, at(0), 0), 0);
    check(waits(0, at(0) | 1, 0), ETIMEDOUT);
    check(waits(7, at(0), 0), ETIMEDOUT);
}

static void end_at_once(void *argument) {
}

/* The word of a child is cleared if others have its memory, and only then. */
static void tids(void) {
    volatile int tid = 1;
    i64 child = clone_thread(end_at_once, 0, stack + STACK, CLONE_VM | CHILD_CLEARTID | SIGCHLD, &tid);
    join(&tid);
    check(tid, 0);
    check(wait_for(child), 0);
    entries[0].word = 5;
    child = fork();
    if (child == 0) {
        call(SYS_set_tid_address, &entries[0].word);
        exit(0);
    }
    check(wait_for(child), 0);
    check(entries[0].word, 5);
    u64 found[2];
    child = fork();
    if (child == 0) {
        list(1);
        entries[0].word = 1;
        sleep_ms(60000);
        exit(0);
    }
    while (entries[0].word != 1)
        call(SYS_sched_yield);
    check(call(SYS_get_robust_list, child, &found[0], &found[1]), 0);
    check(found[0], (u64) &head);
    check(found[1], 24);
    check(call(SYS_kill, child, SIGKILL), 0);
    check(wait_for(child), SIGKILL);
    check(call(SYS_get_robust_list, child, &found[0], &found[1]), -ESRCH);
    check(call(SYS_set_robust_list, &head, 16), -EINVAL);
}

static void executes(void *argument) {
    const char *const arguments[] = {"again", "executed", 0};
    call(SYS_execve, "/proc/self/exe", arguments, environment);
    exit(99);
}

/* Another program has none of the locks of the one before. */
static void executed(void) {
    entries[0].word = entries[1].word = 0;
    i64 child = fork();
    if (child == 0) {
        list(2);
        executes(0);
    }
    owner = (int) child;
    check(wait_for(child), 0);
    words(1, 1);
    volatile int tid = 1;
    child = clone_thread(executes, 0, stack + STACK, CLONE_VM | CLONE_VFORK | CHILD_CLEARTID | SIGCHLD, &tid);
    check(tid, 0);
    check(wait_for(child), 0);
}

int main(int argc, char **argv) {
    if (argc > 1 && strcmp(argv[1], "executed") == 0)
        exit(0);
    stack = map(STACK, RW);
    entries = (struct entry *) call(SYS_mmap, 0, 2 * PAGE, RW, MAP_SHARED | MAP_ANON, -1, 0);
    check(call(SYS_mprotect, (u8 *) entries + PAGE, PAGE, PROT_NONE), 0);
    lists();
    woken();
    tids();
    executed();
    return 0;
}
