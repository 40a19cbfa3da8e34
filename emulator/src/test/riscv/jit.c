// SPDX-License-Identifier: Apache-2.0
// Code that the program writes itself: W^X by mprotect, RWX, through another mapping, and by a new mapping.
#include "guest.h"
const char *name = NAME;

static void number(u32 *code, int value) {
    code[0] = (u32) value << 20 | 10 << 7 | 0x13; /* li a0, value */
    code[1] = 0x00008067;                         /* ret */
}

static int run(u32 *code) {
    return ((int (*)(void)) code)();
}

static void fence(void) {
    __asm__ volatile("fence.i" ::: "memory");
}

static void switched(void) {
    u32 *code = map(PAGE, RW);
    for (int i = 0; i < 200; i++) {
        check(call(SYS_mprotect, code, PAGE, RW), 0);
        number(code, i);
        check(call(SYS_mprotect, code, PAGE, RX), 0);
        fence();
        check(run(code), i);
    }
}

static void writable(void) {
    u32 *code = map(2 * PAGE, RWX);
    for (int i = 0; i < 200; i++) {
        number(code + i, i);
        fence();
        check(run(code + i), i);
    }
    u32 *across = code + PAGE / 4 - 1;
    for (int i = 0; i < 50; i++) {
        number(across, i);
        fence();
        check(run(across), i);
    }
    u16 *odd = (u16 *) code + PAGE / 2 - 1;
    u32 both[2];
    for (int i = 0; i < 50; i++) {
        number(both, i);
        memcpy(odd, both, 8);
        check(call(SYS_flush_icache, odd, odd + 4, 1), 0);
        check(run((u32 *) odd), i);
    }
}

static void twice(void) {
    i64 file = call(SYS_memfd_create, "code", 0);
    check(call(SYS_ftruncate, file, PAGE), 0);
    u32 *writes = (u32 *) call(SYS_mmap, 0, PAGE, RW, MAP_SHARED, file, 0);
    u32 *runs = (u32 *) call(SYS_mmap, 0, PAGE, RX, MAP_SHARED, file, 0);
    for (int i = 0; i < 200; i++) {
        number(writes, i);
        check(call(SYS_flush_icache, runs, runs + 2, 0), 0);
        check(run(runs), i);
    }
}

static void replaced(void) {
    u32 *code = map(PAGE, RWX);
    u32 *other = map(PAGE, RWX);
    number(code, 1);
    fence();
    check(run(code), 1);
    for (int i = 2; i < 100; i++) {
        number(other, i);
        check(call(SYS_mremap, other, PAGE, PAGE, 3, code), code);
        check(run(code), i);
        check(call(SYS_mmap, other, PAGE, RWX, MAP_PRIVATE | MAP_ANON | MAP_FIXED, -1, 0), other);
    }
}

/* A loop that changes itself, and ends when it has. */
static void itself(void) {
    u32 *code = map(PAGE, RWX);
    u32 back = 0xfe000ee3; /* beqz x0, -4 */
    code[0] = 0x0000000f | 0xff << 20;
    code[1] = back;
    number(code + 2, 5);
    static u32 *target;
    static u32 nop = 0x13;
    target = code + 1;
    /* sw a1, 0(a2); fence.i; then the loop, whose branch was replaced */
    u32 *start = map(PAGE, RWX);
    start[0] = 0x00b62023;
    start[1] = 0x0000100f;
    start[2] = 0x00068067;
    register u32 a1 __asm__("a1") = nop;
    register u32 *a2 __asm__("a2") = target;
    register u32 *a3 __asm__("a3") = code;
    register i64 a0 __asm__("a0");
    __asm__ volatile("fence.i; jalr ra, 0(%1)" : "=r"(a0) : "r"(start), "r"(a1), "r"(a2), "r"(a3) : "ra", "memory");
    check(a0, 5);
}

static volatile int round_number, seen;
static u32 *shared_code;

static void follow(void *argument) {
    int last = 0;
    while (last < 100) {
        int now = round_number;
        if (now != last) {
            check(run(shared_code), now);
            last = now;
            seen = now;
        }
    }
}

static void threaded(void) {
    volatile int tid;
    u8 *stack = map(16 * PAGE, RW);
    shared_code = map(PAGE, RWX);
    number(shared_code, 0);
    fence();
    require(thread(follow, 0, stack + 16 * PAGE, &tid) > 0);
    for (int i = 1; i <= 100; i++) {
        number(shared_code, i);
        check(call(SYS_flush_icache, shared_code, shared_code + 2, 0), 0);
        round_number = i;
        while (seen != i)
            call(SYS_sched_yield);
    }
    join(&tid);
}

enum { STORES = 6, REGION = 512 * STORES, CHANGES = 300 };

static volatile i64 published, begun;

/* Runs code that has faults in the middle of a block: after them, it is no older than what was published by then. */
static void fault_midway(void *argument) {
    u8 *region = map(REGION * PAGE, RW);
    while (published < CHANGES) {
        for (u64 at = 0; at < REGION && published < CHANGES; at += STORES) {
            i64 (*code)(u8 *, volatile i64 *, u64) = argument;
            begun++;
            require(code(region + at * PAGE, &published, PAGE) <= 0);
        }
        check(call(SYS_madvise, region, REGION * PAGE, 4), 0);
    }
    call(SYS_munmap, region, REGION * PAGE);
}

static void midway(void) {
    volatile int tid;
    u8 *stack = map(16 * PAGE, RW);
    u32 *code = map(PAGE, RWX);
    int at = 0;
    for (int i = 0; i < STORES; i++) {
        code[at++] = 0x00053023; /* sd x0, 0(a0) */
        code[at++] = 0x00c50533; /* add a0, a0, a2 */
    }
    code[at++] = 0x0005b503; /* ld a0, 0(a1) */
    u32 *changed = code + at++;
    code[at++] = 0x40650533; /* sub a0, a0, t1 */
    code[at++] = 0x00008067; /* ret */
    *changed = 0x313;
    fence();
    require(thread(fault_midway, code, stack + 16 * PAGE, &tid) > 0);
    for (i64 i = 1; i <= CHANGES; i++) {
        for (i64 before = begun; begun == before;) {
        }
        *changed = (u32) i << 20 | 0x313; /* li t1, i */
        check(call(SYS_flush_icache, code, code + at, 0), 0);
        published = i;
    }
    join(&tid);
}

int main(int argc, char **argv) {
    switched();
    writable();
    twice();
    replaced();
    itself();
    threaded();
    midway();
    return 0;
}
