// SPDX-License-Identifier: Apache-2.0
// Rounding modes that are reserved: an instruction that would use one is invalid, and has no effect.
#include "guest.h"
const char *name = NAME;

static volatile int illegal;

static void skip(int signal, struct siginfo *info, struct context *context) {
    illegal++;
    context->registers[0] += 4;
}

#define SET(mode) __asm__ volatile("fsrm %0" : : "r"((u64) (mode)))

/* Returns how often the instruction was invalid, with a mode that is set just before it in the same block. */
#define WITH(mode, code, ...)                                                                                          \
    ({                                                                                                                 \
        illegal = 0;                                                                                                   \
        __asm__ volatile("fsrm %0\n" code "\nfsrm zero" : : "r"((u64) (mode)) : __VA_ARGS__);                          \
        illegal;                                                                                                       \
    })

#define ROUNDED(code, ...)                                                                                             \
    do {                                                                                                               \
        for (int mode = 0; mode < 8; mode++) {                                                                         \
            check(WITH(mode, code ", dyn", __VA_ARGS__), mode >= 5);                                                   \
            check(WITH(mode, code ", rtz", __VA_ARGS__), 0);                                                           \
        }                                                                                                              \
    } while (0)

#define UNROUNDED(code, ...)                                                                                           \
    do {                                                                                                               \
        for (int mode = 0; mode < 8; mode++)                                                                           \
            check(WITH(mode, code, __VA_ARGS__), 0);                                                                   \
    } while (0)

static void instructions(void) {
    ROUNDED("fadd.d ft0, ft1, ft2", "ft0");
    ROUNDED("fsub.d ft0, ft1, ft2", "ft0");
    ROUNDED("fmul.d ft0, ft1, ft2", "ft0");
    ROUNDED("fdiv.d ft0, ft1, ft2", "ft0");
    ROUNDED("fsqrt.d ft0, ft1", "ft0");
    ROUNDED("fmadd.d ft0, ft1, ft2, ft3", "ft0");
    ROUNDED("fmsub.d ft0, ft1, ft2, ft3", "ft0");
    ROUNDED("fnmadd.d ft0, ft1, ft2, ft3", "ft0");
    ROUNDED("fnmsub.d ft0, ft1, ft2, ft3", "ft0");
    ROUNDED("fcvt.w.d t0, ft1", "t0");
    ROUNDED("fcvt.wu.d t0, ft1", "t0");
    ROUNDED("fcvt.l.d t0, ft1", "t0");
    ROUNDED("fcvt.lu.d t0, ft1", "t0");
    ROUNDED("fcvt.d.l ft0, t1", "ft0");
    ROUNDED("fcvt.d.lu ft0, t1", "ft0");
    ROUNDED("fcvt.s.d ft0, ft1", "ft0");
    ROUNDED("fadd.s ft0, ft1, ft2", "ft0");
    ROUNDED("fsub.s ft0, ft1, ft2", "ft0");
    ROUNDED("fmul.s ft0, ft1, ft2", "ft0");
    ROUNDED("fdiv.s ft0, ft1, ft2", "ft0");
    ROUNDED("fsqrt.s ft0, ft1", "ft0");
    ROUNDED("fmadd.s ft0, ft1, ft2, ft3", "ft0");
    ROUNDED("fmsub.s ft0, ft1, ft2, ft3", "ft0");
    ROUNDED("fnmadd.s ft0, ft1, ft2, ft3", "ft0");
    ROUNDED("fnmsub.s ft0, ft1, ft2, ft3", "ft0");
    ROUNDED("fcvt.w.s t0, ft1", "t0");
    ROUNDED("fcvt.wu.s t0, ft1", "t0");
    ROUNDED("fcvt.l.s t0, ft1", "t0");
    ROUNDED("fcvt.lu.s t0, ft1", "t0");
    ROUNDED("fcvt.s.w ft0, t1", "ft0");
    ROUNDED("fcvt.s.wu ft0, t1", "ft0");
    ROUNDED("fcvt.s.l ft0, t1", "ft0");
    ROUNDED("fcvt.s.lu ft0, t1", "ft0");
    UNROUNDED("fsgnj.d ft0, ft1, ft2", "ft0");
    UNROUNDED("fsgnjx.s ft0, ft1, ft2", "ft0");
    UNROUNDED("fmin.d ft0, ft1, ft2", "ft0");
    UNROUNDED("fmax.s ft0, ft1, ft2", "ft0");
    UNROUNDED("feq.d t0, ft1, ft2", "t0");
    UNROUNDED("fle.s t0, ft1, ft2", "t0");
    UNROUNDED("fclass.d t0, ft1", "t0");
    UNROUNDED("fmv.x.d t0, ft1", "t0");
    UNROUNDED("fmv.d.x ft0, t1", "ft0");
    UNROUNDED("fmv.x.w t0, ft1", "t0");
    UNROUNDED("fmv.w.x ft0, t1", "ft0");
    UNROUNDED("addi t0, t0, 7", "t0");
}

/* The modes 5 and 6 in the instruction itself. */
static void in_instruction(void) {
    check(WITH(0, ".insn r 0x53, 5, 1, ft0, ft1, ft2", "ft0"), 1);
    check(WITH(0, ".insn r 0x53, 6, 1, ft0, ft1, ft2", "ft0"), 1);
    check(WITH(0, ".insn r 0x53, 5, 0, ft0, ft1, ft2", "ft0"), 1);
    check(WITH(0, ".insn r4 0x43, 6, 1, ft0, ft1, ft2, ft3", "ft0"), 1);
}

static volatile double half = 0.5;

__attribute__((noinline)) static double sums(int rounds) {
    double sum = 0;
    for (int i = 0; i < rounds; i++)
        sum += half;
    return sum;
}

/* Code that ran often before, with a mode that was set elsewhere. */
static void hot(void) {
    require(sums(100000) == 50000);
    illegal = 0;
    SET(5);
    double sum = sums(10);
    SET(0);
    check(illegal, 10);
    require(sum == 0);
    require(sums(10) == 5);
}

int main(int argc, char **argv) {
    on(SIGILL, skip, 0);
    instructions();
    in_instruction();
    hot();
    return 0;
}
