// SPDX-License-Identifier: Apache-2.0
// Code that runs often and then changes, faults, or is taken away: what a translator has to notice.
#include "guest.h"
const char *name = NAME;

enum { RUNS = 8, ROUNDS = 40 };

static void number(u32 *code, int value) {
    code[0] = (u32) value << 20 | 10 << 7 | 0x13; /* li a0, value */
    code[1] = 0x00008067;                         /* ret */
}

static void fence(void) {
    __asm__ volatile("fence.i" ::: "memory");
}

static void again(u32 *code, int expected) {
    for (int i = 0; i < RUNS; i++)
        check(((int (*)(void)) code)(), expected);
}

static void changed(void) {
    u32 *code = map(PAGE, RWX);
    for (int i = 0; i < ROUNDS; i++) {
        number(code, i);
        fence();
        again(code, i);
    }
}

/* The page of the caller stays; the one of the function that it calls is another one each time. */
static void called(void) {
    u8 *others = map(ROUNDS * PAGE, RWX);
    u32 *caller = map(2 * PAGE, RWX);
    u32 *callee = caller + PAGE / 4;
    caller[0] = 0x000082b3;                    /* add t0, ra, x0 */
    caller[1] = 0x7fd000ef;                    /* jal ra, 4092 */
    caller[2] = 0x00150513;                    /* addi a0, a0, 1 */
    caller[3] = 0x00028067;                    /* jr t0 */
    for (int i = 0; i < ROUNDS; i++) {
        if (i % 3) {
            u32 *other = (u32 *) (others + i * PAGE);
            number(other, i);
            check(call(SYS_mremap, other, PAGE, PAGE, 3, callee), callee);
        } else {
            number(callee, i);
            fence();
        }
        again(caller, i + 1);
    }
}

/* Processes have other code at one address. */
static void forked(void) {
    u32 *code = map(PAGE, RWX);
    number(code, 1);
    fence();
    again(code, 1);
    for (int i = 2; i < 10; i++) {
        i64 child = fork();
        if (child == 0) {
            number(code, i);
            fence();
            again(code, i);
            exit(0);
        }
        check(wait_for(child), 0);
        again(code, 1);
    }
}

static volatile u64 fault_at, counted;

static void at_fault(int signal, struct siginfo *info, struct context *context) {
    fault_at = info->address;
    counted = context->registers[11];
    context->registers[0] = context->registers[12];
}

/* Stores until there is no memory: the registers are those of the instruction that has failed. */
static u64 until_fault(u64 from, u64 step) {
    register u64 a0 __asm__("a0") = from;
    register u64 a1 __asm__("a1") = 0;
    register u64 a2 __asm__("a2");
    register u64 a3 __asm__("a3") = step;
    __asm__ volatile("la a2, 2f\n1: sd a1, 0(a0)\nadd a0, a0, a3\naddi a1, a1, 1\nj 1b\n2:"
                     : "+r"(a0), "+r"(a1), "=r"(a2)
                     : "r"(a3)
                     : "memory");
    return a0;
}

static void precise(void) {
    on(SIGSEGV, at_fault, SA_SIGINFO);
    u8 *at = map(9 * PAGE, RW);
    check(call(SYS_munmap, at + 8 * PAGE, PAGE), 0);
    for (u64 step = 8; step <= 4 * PAGE; step *= 2) {
        check(until_fault((u64) at, step), at + 8 * PAGE);
        check(fault_at, at + 8 * PAGE);
        check(counted, 8 * PAGE / step);
        u64 stored = *(u64 *) (at + 4 * PAGE);
        check(stored, 4 * PAGE / step);
    }
    /* Not aligned: the last access has its first bytes in memory, and changes nothing. */
    u64 last = (u64) at + 8 * PAGE - 3;
    *(u8 *) last = 77;
    check(until_fault(last - 80, 8), last);
    check(fault_at, at + 8 * PAGE);
    check(counted, 10);
    check(*(u8 *) last, 77);
}

/* Accesses over the end of a page, among others that are not. */
static void across(void) {
    u8 *at = map(3 * PAGE, RW);
    for (u64 i = 0; i < 3 * PAGE; i++)
        at[i] = (u8) (i * 7 + i / 256);
    for (int round = 0; round < RUNS; round++) {
        for (u64 i = PAGE - 40; i < PAGE + 40; i++) {
            u64 got, wanted = 0;
            __asm__ volatile("ld %0, 0(%1)" : "=r"(got) : "r"(at + i));
            for (u64 byte = 8; byte-- > 0;)
                wanted = wanted << 8 | at[i + byte];
            check(got, wanted);
        }
        for (u64 i = PAGE - 40; i < PAGE + 40; i += 9) {
            u64 stored = i * 0x0123456789abcdeful;
            __asm__ volatile("sd %0, 0(%1)" ::"r"(stored), "r"(at + i) : "memory");
            for (u64 byte = 0; byte < 8; byte++)
                check(at[i + byte], (u8) (stored >> 8 * byte));
        }
    }
}

static u32 *spun;
static volatile int ended;

static void in_spin(int signal, struct siginfo *info, struct context *context) {
    require(info->address >= (u64) spun && info->address < (u64) spun + 16);
    check(info->address, context->registers[0]);
    ended = 1;
    call(SYS_exit, 0);
}

/* A thread is in a loop without a system call while its code is unmapped: the call returns, and it has its fault. */
static void taken_away(void) {
    on(SIGSEGV, in_spin, SA_SIGINFO);
    u8 *stack = map(16 * PAGE, RW);
    for (int i = 0; i < 4; i++) {
        static volatile int tid;
        ended = 0;
        spun = map(PAGE, RWX);
        spun[0] = 0x00158593; /* addi a1, a1, 1 */
        spun[1] = 0x00b53023; /* sd a1, 0(a0) */
        spun[2] = 0xff9ff06f; /* j -8 */
        fence();
        volatile u64 *counter = map(PAGE, RW);
        require(thread((void (*)(void *)) spun, (void *) counter, stack + 16 * PAGE, &tid) > 0);
        while (*counter < 20000u * (u64) i + 1)
            call(SYS_sched_yield);
        check(call(SYS_munmap, spun, PAGE), 0);
        u64 after = *counter;
        while (!ended)
            call(SYS_sched_yield);
        require(*counter == after);
        join(&tid);
        check(call(SYS_munmap, (void *) counter, PAGE), 0);
    }
}

int main(int argc, char **argv) {
    changed();
    called();
    forked();
    precise();
    across();
    taken_away();
    return 0;
}
