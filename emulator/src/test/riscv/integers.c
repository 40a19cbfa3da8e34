// SPDX-License-Identifier: Apache-2.0
// Each instruction of RV64IM with all pairs of edge values; the results are hashed, and compared with QEMU's hash.
#include "guest.h"
const char *name = NAME;

static const i64 values[] = {
    0, 1, -1, 2, 5, -7, 31, 32, 63, 64, 127, -128, 0x7fff, 0xffff, 0x7fffffff, 0x80000000l, -0x80000000l, 0xffffffffl,
    0x123456789abcdefl, 0x7fffffffffffffffl, (i64) 0x8000000000000000ul, -0x5555555555555556l, 1l << 33
};
enum { COUNT = sizeof values / sizeof *values };

static u64 mix(u64 hash, u64 value) {
    hash ^= value;
    hash *= 0x100000001b3ul;
    return hash ^ hash >> 29;
}

#define binary(op)                                                                                                     \
    static u64 run_##op(void) {                                                                                        \
        u64 hash = 1;                                                                                                  \
        for (int i = 0; i < COUNT; i++)                                                                                \
            for (int j = 0; j < COUNT; j++) {                                                                          \
                i64 to;                                                                                                \
                __asm__ volatile(#op " %0, %1, %2" : "=r"(to) : "r"(values[i]), "r"(values[j]));                       \
                hash = mix(hash, (u64) to);                                                                            \
            }                                                                                                          \
        return hash;                                                                                                   \
    }
#define immediate(op, number)                                                                                          \
    for (int i = 0; i < COUNT; i++) {                                                                                  \
        i64 to;                                                                                                        \
        __asm__ volatile(#op " %0, %1, %2" : "=r"(to) : "r"(values[i]), "i"(number));                                  \
        hash = mix(hash, (u64) to);                                                                                    \
    }
#define immediates(op)                                                                                                 \
    static u64 run_##op(void) {                                                                                        \
        u64 hash = 2;                                                                                                  \
        immediate(op, 0) immediate(op, 1) immediate(op, -1) immediate(op, 2047) immediate(op, -2048)                   \
                immediate(op, 0x555) return hash;                                                                      \
    }
#define shifts(op, most)                                                                                               \
    static u64 run_##op(void) {                                                                                        \
        u64 hash = 3;                                                                                                  \
        immediate(op, 0) immediate(op, 1) immediate(op, 13) immediate(op, most) return hash;                           \
    }
#define branch(op)                                                                                                     \
    static u64 run_##op(void) {                                                                                        \
        u64 hash = 4;                                                                                                  \
        for (int i = 0; i < COUNT; i++)                                                                                \
            for (int j = 0; j < COUNT; j++) {                                                                          \
                i64 to;                                                                                                \
                __asm__ volatile("li %0, 1; " #op " %1, %2, 1f; li %0, 2; 1:"                                          \
                                 : "=&r"(to) : "r"(values[i]), "r"(values[j]));                                        \
                hash = mix(hash, (u64) to);                                                                            \
            }                                                                                                          \
        return hash;                                                                                                   \
    }

binary(add) binary(sub) binary(sll) binary(slt) binary(sltu) binary(xor) binary(srl) binary(sra) binary(or)
binary(and) binary(addw) binary(subw) binary(sllw) binary(srlw) binary(sraw) binary(mul) binary(mulh)
binary(mulhsu) binary(mulhu) binary(div) binary(divu) binary(rem) binary(remu) binary(mulw) binary(divw)
binary(divuw) binary(remw) binary(remuw)
immediates(addi) immediates(slti) immediates(sltiu) immediates(xori) immediates(ori) immediates(andi)
immediates(addiw)
shifts(slli, 63) shifts(srli, 63) shifts(srai, 63) shifts(slliw, 31) shifts(srliw, 31) shifts(sraiw, 31)
branch(beq) branch(bne) branch(blt) branch(bge) branch(bltu) branch(bgeu)

static u64 run_memory(void) {
    u64 hash = 5;
    static u8 bytes[64];
    for (int i = 0; i < COUNT; i++)
        for (int at = 0; at < 9; at++) {
            u8 *to = bytes + at;
            i64 got;
#define stored(store, load)                                                                                            \
    __asm__ volatile(#store " %1, 8(%2); " #load " %0, 8(%2)" : "=&r"(got) : "r"(values[i]), "r"(to) : "memory");      \
    hash = mix(hash, (u64) got);
            stored(sb, lb) stored(sb, lbu) stored(sh, lh) stored(sh, lhu) stored(sw, lw) stored(sw, lwu) stored(sd, ld)
        }
    for (int i = 0; i < 64; i++)
        hash = mix(hash, bytes[i]);
    return hash;
}

static u64 run_upper(void) {
    u64 hash = 6;
    i64 got;
    __asm__ volatile("lui %0, 0x80000" : "=r"(got));
    hash = mix(hash, (u64) got);
    __asm__ volatile("lui %0, 0x7ffff" : "=r"(got));
    hash = mix(hash, (u64) got);
    __asm__ volatile("1: auipc %0, 0xfffff; la t0, 1b; sub %0, %0, t0" : "=&r"(got) : : "t0");
    hash = mix(hash, (u64) got);
    __asm__ volatile("jal %0, 1f; 2: la t0, 2b; j 3f; 1: jalr %0, 0(%0); 3: sub %0, %0, t0" : "=&r"(got) : : "t0");
    hash = mix(hash, (u64) got & 0xff);
    __asm__ volatile("addi x0, %1, 5; mv %0, x0" : "=r"(got) : "r"(7l));
    return mix(hash, (u64) got);
}

#define one(op) {#op, run_##op}
static const struct {
    const char *op;
    u64 (*run)(void);
} all[] = {
    one(add), one(sub), one(sll), one(slt), one(sltu), one(xor), one(srl), one(sra), one(or), one(and), one(addw),
    one(subw), one(sllw), one(srlw), one(sraw), one(mul), one(mulh), one(mulhsu), one(mulhu), one(div), one(divu),
    one(rem), one(remu), one(mulw), one(divw), one(divuw), one(remw), one(remuw), one(addi), one(slti), one(sltiu),
    one(xori), one(ori), one(andi), one(addiw), one(slli), one(srli), one(srai), one(slliw), one(srliw), one(sraiw),
    one(beq), one(bne), one(blt), one(bge), one(bltu), one(bgeu), one(memory), one(upper)
};

int main(int argc, char **argv) {
    u64 hash = 0;
    for (u64 i = 0; i < sizeof all / sizeof *all; i++) {
        u64 each = all[i].run();
        hash = mix(hash, each);
        if (argc > 1) {
            print(all[i].op);
            print(" ");
            print_number((i64) each);
            print("\n");
        }
    }
    check(hash, -1260107525418088701);
    return 0;
}
