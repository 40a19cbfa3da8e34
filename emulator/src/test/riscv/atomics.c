// SPDX-License-Identifier: Apache-2.0
// Atomic updates with edge values, LR and SC, and what happens at addresses that are not aligned.
#include "guest.h"
const char *name = NAME;

static const i64 values[] = {0, 1, -1, 5, 0x7fffffff, -0x80000000l, 0x7fffffffffffffff, (i64) 0x8000000000000000ul, 0x123456789abcdef};
enum { COUNT = sizeof values / sizeof *values };

static u64 hash;

static void mix(u64 value) {
    hash ^= value;
    hash *= 0x100000001b3ul;
    hash ^= hash >> 29;
}

#define amo(op)                                                                                                        \
    for (int i = 0; i < COUNT; i++)                                                                                    \
        for (int j = 0; j < COUNT; j++) {                                                                              \
            i64 word = values[i], old;                                                                                 \
            __asm__ volatile(op ".d.aqrl %0, %2, (%1)" : "=r"(old) : "r"(&word), "r"(values[j]) : "memory");           \
            mix((u64) old);                                                                                            \
            mix((u64) word);                                                                                           \
            word = values[i];                                                                                          \
            __asm__ volatile(op ".w %0, %2, (%1)" : "=r"(old) : "r"(&word), "r"(values[j]) : "memory");                \
            mix((u64) old);                                                                                            \
            mix((u64) word);                                                                                           \
        }

static void conditional(void) {
    i64 word = 7, old, failed;
    __asm__ volatile("lr.d %0, (%2); sc.d %1, %3, (%2)" : "=&r"(old), "=&r"(failed) : "r"(&word), "r"(9l) : "memory");
    check(old, 7);
    check(failed, 0);
    check(word, 9);
    __asm__ volatile("sc.d %0, %2, (%1)" : "=&r"(failed) : "r"(&word), "r"(11l) : "memory");
    require(failed != 0);
    check(word, 9);
    i64 other = 3;
    __asm__ volatile("lr.w.aq %0, (%2); sc.w.rl %1, %3, (%4)"
                     : "=&r"(old), "=&r"(failed) : "r"(&word), "r"(13l), "r"(&other) : "memory");
    check(old, 9);
    require(failed != 0);
    check(other, 3);
    word = -1;
    __asm__ volatile("lr.w %0, (%2); sc.w %1, %3, (%2)" : "=&r"(old), "=&r"(failed) : "r"(&word), "r"(5l) : "memory");
    check(old, -1);
    check(failed, 0);
    check(word, (i64) 0xffffffff00000005);
    __asm__ volatile("lr.d %0, (%2); sd %3, (%2); sc.d %1, %4, (%2)"
                     : "=&r"(old), "=&r"(failed) : "r"(&word), "r"(6l), "r"(8l) : "memory");
    require(failed != 0);
    check(word, 6);
}

int main(int argc, char **argv) {
    amo("amoswap") amo("amoadd") amo("amoxor") amo("amoand") amo("amoor") amo("amomin") amo("amomax") amo("amominu")
    amo("amomaxu")
    conditional();
    __asm__ volatile("fence; fence r, r; fence w, w; fence rw, w; fence.tso; fence.i");
    check(hash, 1743214436365753209);
    return 0;
}
