// SPDX-License-Identifier: Apache-2.0
// Each instruction of the extensions F and D with edge values; the results are hashed, and compared with QEMU's hash.
#include "guest.h"
const char *name = NAME;

static const u64 doubles[] = {
    0, 1ul << 63, 0x3ff0000000000000, 0xbff0000000000000, 0x4008000000000000, 0xc00921fb54442d18, 0x3fe0000000000000,
    0x3ff8000000000000, 0xbff8000000000000, 0x4004000000000000, 0xc004000000000000, 0x7ff0000000000000,
    0xfff0000000000000, 0x7ff8000000000000, 0xfff8000000000001, 0x7ff0000000000001, 1, 0x8000000000000001,
    0x0010000000000000, 0x7fefffffffffffff, 0x41dfffffffc00000, 0x41e0000000000000, 0xc1e0000000200000,
    0x41efffffffe00000, 0x41f0000000000000, 0x43dfffffffffffff, 0x43e0000000000000, 0xc3e0000000000000,
    0xc3e0000000000001, 0x43efffffffffffff, 0x43f0000000000000, 0x3fb999999999999a, 0x36a0000000000000,
    0x47efffffe0000000, 0x47efffffefffffff, 0xffffffff3f800000
};
static const u32 singles[] = {
    0, 1u << 31, 0x3f800000, 0xbf800000, 0x40400000, 0xc0490fdb, 0x3f000000, 0x3fc00000, 0xbfc00000, 0x40200000,
    0xc0200000, 0x7f800000, 0xff800000, 0x7fc00000, 0xffc00001, 0x7f800001, 1, 0x80000001, 0x00800000, 0x7f7fffff,
    0x4effffff, 0x4f000000, 0xcf000000, 0xcf000001, 0x4f7fffff, 0x4f800000, 0x5effffff, 0x5f000000, 0xdf000000,
    0x5f7fffff, 0x5f800000, 0x3dcccccd
};
static const i64 integers[] = {
    0, 1, -1, 5, 16777217, -16777217, 0x7fffffff, -0x80000000l, 0xffffffffl, 9007199254740993, -9007199254740993,
    0x7fffffffffffffff, (i64) 0x8000000000000000ul, (i64) 0xfffffffffffffbfful, (i64) 0x8000000000000401ul,
    0x4000004000000001
};
enum { DOUBLES = sizeof doubles / 8, SINGLES = sizeof singles / 4, INTEGERS = sizeof integers / 8 };

static u64 mix(u64 hash, u64 value) {
    hash ^= value;
    hash *= 0x100000001b3ul;
    return hash ^ hash >> 29;
}

static u64 hash;
static int verbose;

static void result(const char *op) {
    static u64 last;
    if (verbose) {
        print(op);
        print(" ");
        print_number((i64) (hash ^ last));
        print("\n");
    }
    last = hash;
}

/* Registers are loaded from memory, so a single may also be wrongly boxed. */
#define LOAD_D(r, x) "fld " r ", 0(" x ")\n"
#define LOAD_S(r, x) "flw " r ", 0(" x ")\n"
#define two(op, values, count, load, rest)                                                                             \
    for (int i = 0; i < count; i++)                                                                                    \
        for (int j = 0; j < count; j++) {                                                                              \
            u64 to;                                                                                                    \
            __asm__ volatile(load("ft0", "%1") load("ft1", "%2") op " ft2, ft0, ft1" rest "\nfmv.x.d %0, ft2"         \
                             : "=r"(to) : "r"(&values[i]), "r"(&values[j]) : "ft0", "ft1", "ft2");                     \
            hash = mix(hash, to);                                                                                      \
        }                                                                                                              \
    result(op);
#define compare(op, values, count, load)                                                                               \
    for (int i = 0; i < count; i++)                                                                                    \
        for (int j = 0; j < count; j++) {                                                                              \
            u64 to;                                                                                                    \
            __asm__ volatile(load("ft0", "%1") load("ft1", "%2") op " %0, ft0, ft1"                                    \
                             : "=r"(to) : "r"(&values[i]), "r"(&values[j]) : "ft0", "ft1");                            \
            hash = mix(hash, to);                                                                                      \
        }                                                                                                              \
    result(op);
#define three(op, values, count, load)                                                                                 \
    for (int i = 0; i < count; i++)                                                                                    \
        for (int j = 0; j < count; j += 3)                                                                             \
            for (int k = 0; k < count; k += 5) {                                                                       \
                u64 to;                                                                                                \
                __asm__ volatile(load("ft0", "%1") load("ft1", "%2") load("ft2", "%3") op                              \
                                 " ft3, ft0, ft1, ft2\nfmv.x.d %0, ft3"                                                \
                                 : "=r"(to) : "r"(&values[i]), "r"(&values[j]), "r"(&values[k])                        \
                                 : "ft0", "ft1", "ft2", "ft3");                                                        \
                hash = mix(hash, to);                                                                                  \
            }                                                                                                          \
    result(op);
#define unary(op, values, count, load)                                                                                 \
    for (int i = 0; i < count; i++) {                                                                                  \
        u64 to;                                                                                                        \
        __asm__ volatile(load("ft0", "%1") op " ft1, ft0\nfmv.x.d %0, ft1" : "=r"(to) : "r"(&values[i])                \
                         : "ft0", "ft1");                                                                              \
        hash = mix(hash, to);                                                                                          \
    }                                                                                                                  \
    result(op);
#define integer(op, mode, values, count, load)                                                                         \
    for (int i = 0; i < count; i++) {                                                                                  \
        u64 to;                                                                                                        \
        __asm__ volatile(load("ft0", "%1") op " %0, ft0" mode : "=r"(to) : "r"(&values[i]) : "ft0");                   \
        hash = mix(hash, to);                                                                                          \
    }                                                                                                                  \
    result(op mode);
#define modes(op, values, count, load)                                                                                 \
    integer(op, ", rne", values, count, load) integer(op, ", rtz", values, count, load)                                \
            integer(op, ", rdn", values, count, load) integer(op, ", rup", values, count, load)                        \
                    integer(op, ", rmm", values, count, load)
#define from(op)                                                                                                       \
    for (int i = 0; i < INTEGERS; i++) {                                                                               \
        u64 to;                                                                                                        \
        __asm__ volatile(op " ft0, %1\nfmv.x.d %0, ft0" : "=r"(to) : "r"(integers[i]) : "ft0");                        \
        hash = mix(hash, to);                                                                                          \
    }                                                                                                                  \
    result(op);

static void wide(void) {
    two("fadd.d", doubles, DOUBLES, LOAD_D, "") two("fsub.d", doubles, DOUBLES, LOAD_D, "")
    two("fmul.d", doubles, DOUBLES, LOAD_D, "") two("fdiv.d", doubles, DOUBLES, LOAD_D, "")
    two("fsgnj.d", doubles, DOUBLES, LOAD_D, "") two("fsgnjn.d", doubles, DOUBLES, LOAD_D, "")
    two("fsgnjx.d", doubles, DOUBLES, LOAD_D, "") two("fmin.d", doubles, DOUBLES, LOAD_D, "")
    two("fmax.d", doubles, DOUBLES, LOAD_D, "") compare("feq.d", doubles, DOUBLES, LOAD_D)
    compare("flt.d", doubles, DOUBLES, LOAD_D) compare("fle.d", doubles, DOUBLES, LOAD_D)
    three("fmadd.d", doubles, DOUBLES, LOAD_D) three("fmsub.d", doubles, DOUBLES, LOAD_D)
    three("fnmadd.d", doubles, DOUBLES, LOAD_D) three("fnmsub.d", doubles, DOUBLES, LOAD_D)
    unary("fsqrt.d", doubles, DOUBLES, LOAD_D) unary("fcvt.s.d", doubles, DOUBLES, LOAD_D)
    integer("fclass.d", "", doubles, DOUBLES, LOAD_D) integer("fmv.x.d", "", doubles, DOUBLES, LOAD_D)
    modes("fcvt.w.d", doubles, DOUBLES, LOAD_D) modes("fcvt.wu.d", doubles, DOUBLES, LOAD_D)
    modes("fcvt.l.d", doubles, DOUBLES, LOAD_D) modes("fcvt.lu.d", doubles, DOUBLES, LOAD_D)
    from("fcvt.d.w") from("fcvt.d.wu") from("fcvt.d.l") from("fcvt.d.lu") from("fmv.d.x")
}

static void narrow(void) {
    two("fadd.s", singles, SINGLES, LOAD_S, "") two("fsub.s", singles, SINGLES, LOAD_S, "")
    two("fmul.s", singles, SINGLES, LOAD_S, "") two("fdiv.s", singles, SINGLES, LOAD_S, "")
    two("fsgnj.s", singles, SINGLES, LOAD_S, "") two("fsgnjn.s", singles, SINGLES, LOAD_S, "")
    two("fsgnjx.s", singles, SINGLES, LOAD_S, "") two("fmin.s", singles, SINGLES, LOAD_S, "")
    two("fmax.s", singles, SINGLES, LOAD_S, "") compare("feq.s", singles, SINGLES, LOAD_S)
    compare("flt.s", singles, SINGLES, LOAD_S) compare("fle.s", singles, SINGLES, LOAD_S)
    three("fmadd.s", singles, SINGLES, LOAD_S) three("fmsub.s", singles, SINGLES, LOAD_S)
    three("fnmadd.s", singles, SINGLES, LOAD_S) three("fnmsub.s", singles, SINGLES, LOAD_S)
    unary("fsqrt.s", singles, SINGLES, LOAD_S) unary("fcvt.d.s", singles, SINGLES, LOAD_S)
    integer("fclass.s", "", singles, SINGLES, LOAD_S) integer("fmv.x.w", "", singles, SINGLES, LOAD_S)
    modes("fcvt.w.s", singles, SINGLES, LOAD_S) modes("fcvt.wu.s", singles, SINGLES, LOAD_S)
    modes("fcvt.l.s", singles, SINGLES, LOAD_S) modes("fcvt.lu.s", singles, SINGLES, LOAD_S)
    from("fcvt.s.w") from("fcvt.s.wu") from("fcvt.s.l") from("fcvt.s.lu") from("fmv.w.x")
    /* Doubles in registers are no singles: they count as NaN. */
    unary("fsqrt.s", doubles, DOUBLES, LOAD_D) integer("fclass.s", "", doubles, DOUBLES, LOAD_D)
    two("fsgnj.s", doubles, DOUBLES, LOAD_D, "") integer("fmv.x.w", "", doubles, DOUBLES, LOAD_D)
}

int main(int argc, char **argv) {
    verbose = argc > 1;
    wide();
    narrow();
    u64 old, set;
    __asm__ volatile("fsrm %0, %1" : "=r"(old) : "r"(2l));
    integer("fcvt.w.d", ", dyn", doubles, DOUBLES, LOAD_D);
    __asm__ volatile("fsrm %0, %1" : "=r"(set) : "r"(old));
    check(old, 0);
    check(set, 2);
    check(hash, 3073655935952584882);
    return 0;
}
