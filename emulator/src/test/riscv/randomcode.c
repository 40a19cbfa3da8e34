// SPDX-License-Identifier: Apache-2.0
// Random code at fixed addresses: integers, floating point, memory, branches, calls and loops. The hash of all registers
// and of memory is compared with that of QEMU, so each way to execute code has to agree with it. An argument is another
// seed, for which the hash is printed, and a second one the number of pieces of code.
#include "guest.h"
const char *name = NAME;

enum { PIECES = 120, RUNS = 6, MOST_UNITS = 120, COUNTER = 9, BASE = 8, CODE_PAGES = 3, DATA_PAGES = 2 };
#define CODE 0x40000000ul
#define DATA 0x50000000ul
#define STATE 0x60000000ul
#define EXPECTED 16928797835799638444ul

static u64 seed;
static u32 *const state_entry = (u32 *) (STATE + 600);
static u8 *at;
static u8 *places[2 * MOST_UNITS];
static int count;

/* Where a jump goes that is known when the code after it is. */
struct open_jump {
    u8 *at;
    int unit;
    int is_branch;
};
static struct open_jump opened[2 * MOST_UNITS];
static int opens;

/* What most floating point of a piece is: 0 floats, 1 doubles, 2 both. */
static u32 precision;

void enter(void);
/* Loads all registers but sp, gp and tp from the state, runs the code, and stores them there. */
__asm__(".globl enter\n"
        "enter:\n"
        "addi sp, sp, -208\n"
        "sd ra, 0(sp); sd s0, 8(sp); sd s1, 16(sp); sd s2, 24(sp); sd s3, 32(sp); sd s4, 40(sp); sd s5, 48(sp)\n"
        "sd s6, 56(sp); sd s7, 64(sp); sd s8, 72(sp); sd s9, 80(sp); sd s10, 88(sp); sd s11, 96(sp)\n"
        "fsd fs0, 104(sp); fsd fs1, 112(sp); fsd fs2, 120(sp); fsd fs3, 128(sp); fsd fs4, 136(sp); fsd fs5, 144(sp)\n"
        "fsd fs6, 152(sp); fsd fs7, 160(sp); fsd fs8, 168(sp); fsd fs9, 176(sp); fsd fs10, 184(sp)\n"
        "fsd fs11, 192(sp)\n"
        "li s0, 0x60000000\n"
        "la t0, 1f\n"
        "sd t0, 608(s0)\n"
        ".irp n, 1,5,6,7,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31\n"
        "ld x\\n, 8 * \\n(s0)\n"
        ".endr\n"
        ".irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31\n"
        "fld f\\n, 256 + 8 * \\n(s0)\n"
        ".endr\n"
        "ld s0, 600(s0)\n"
        "jr s0\n"
        "1:\n"
        "li s0, 0x60000000\n"
        ".irp n, 1,5,6,7,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31\n"
        "sd x\\n, 8 * \\n(s0)\n"
        ".endr\n"
        ".irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31\n"
        "fsd f\\n, 256 + 8 * \\n(s0)\n"
        ".endr\n"
        "ld ra, 0(sp); ld s0, 8(sp); ld s1, 16(sp); ld s2, 24(sp); ld s3, 32(sp); ld s4, 40(sp); ld s5, 48(sp)\n"
        "ld s6, 56(sp); ld s7, 64(sp); ld s8, 72(sp); ld s9, 80(sp); ld s10, 88(sp); ld s11, 96(sp)\n"
        "fld fs0, 104(sp); fld fs1, 112(sp); fld fs2, 120(sp); fld fs3, 128(sp); fld fs4, 136(sp); fld fs5, 144(sp)\n"
        "fld fs6, 152(sp); fld fs7, 160(sp); fld fs8, 168(sp); fld fs9, 176(sp); fld fs10, 184(sp)\n"
        "fld fs11, 192(sp)\n"
        "addi sp, sp, 208\n"
        "ret\n");

static u64 next(void) {
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed * 0x2545f4914f6cdd1dul;
}

static u32 below(u32 limit) {
    return (u32) (next() >> 33) % limit;
}

/* A target: x0, or a register that has no meaning of its own. */
static u32 rd(void) {
    for (;;) {
        u32 found = below(32);
        if (found != 2 && found != 3 && found != 4 && found != BASE && found != COUNTER)
            return found;
    }
}

static u32 rd_not_zero(void) {
    for (;;) {
        u32 found = rd();
        if (found != 0)
            return found;
    }
}

/* A source: the stack and what the C compiler keeps are at other addresses elsewhere. */
static u32 rs(void) {
    for (;;) {
        u32 found = below(32);
        if (found != 2 && found != 3 && found != 4)
            return found;
    }
}

static void half(u32 code) {
    *(u16 *) at = (u16) code;
    at += 2;
}

static void word(u32 code) {
    half(code);
    half(code >> 16);
}

static u32 in_rd(u32 number) {
    return number << 7;
}

static u32 in_rs1(u32 number) {
    return number << 15;
}

static u32 in_rs2(u32 number) {
    return number << 20;
}

static u32 i_type(u32 opcode, u32 funct3, u32 d, u32 s, i32 number) {
    return opcode | in_rd(d) | funct3 << 12 | in_rs1(s) | (u32) number << 20;
}

static u32 s_type(u32 opcode, u32 funct3, u32 s1, u32 s2, i32 number) {
    u32 bits = (u32) number;
    return opcode | (bits & 31) << 7 | funct3 << 12 | in_rs1(s1) | in_rs2(s2) | (bits >> 5 & 127) << 25;
}

static u32 b_type(u32 funct3, u32 s1, u32 s2, i64 distance) {
    u32 bits = (u32) distance;
    return 0x63 | funct3 << 12 | in_rs1(s1) | in_rs2(s2) | (bits >> 11 & 1) << 7 | (bits >> 1 & 15) << 8
           | (bits >> 5 & 63) << 25 | (bits >> 12 & 1) << 31;
}

static u32 j_type(u32 d, i64 distance) {
    u32 bits = (u32) distance;
    return 0x6f | in_rd(d) | (bits & 0xff000) | (bits >> 11 & 1) << 20 | (bits >> 1 & 0x3ff) << 21
           | (bits >> 20 & 1) << 31;
}

static u32 r_type(u32 opcode, u32 funct7, u32 funct3, u32 d, u32 s1, u32 s2) {
    return opcode | in_rd(d) | funct3 << 12 | in_rs1(s1) | in_rs2(s2) | funct7 << 25;
}

static i32 immediate(void) {
    return below(4) ? (i32) below(4096) - 2048 : (i32) below(3) - 1;
}

static u32 branch_kind(void) {
    static const u8 kinds[] = {0, 1, 4, 5, 6, 7};
    return kinds[below(6)];
}

static void integer(void) {
    static const u16 whole[] = {0, 0x100, 1, 2, 3, 4, 5, 0x105, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    static const u16 words[] = {0, 0x100, 1, 5, 0x105, 8, 12, 13, 14, 15};
    switch (below(10)) {
    case 0:
        word(0x37 | in_rd(rd()) | (u32) next() << 12);
        break;
    case 1:
        word(0x17 | in_rd(rd()) | (u32) next() << 12);
        break;
    case 2: {
        static const u8 kinds[] = {0, 2, 3, 4, 6, 7};
        word(i_type(0x13, kinds[below(6)], rd(), rs(), immediate()));
        break;
    }
    case 3: {
        u32 right = below(2);
        word(i_type(0x13, right ? 5 : 1, rd(), rs(), (i32) (below(64) | (right ? below(2) << 10 : 0))));
        break;
    }
    case 4: {
        u32 kind = below(3);
        word(kind == 0 ? i_type(0x1b, 0, rd(), rs(), immediate())
                       : i_type(0x1b, kind == 1 ? 1 : 5, rd(), rs(),
                                (i32) (below(32) | (kind == 2 ? below(2) << 10 : 0))));
        break;
    }
    case 5:
    case 6: {
        u32 kind = whole[below(18)];
        word(r_type(0x33, kind >> 3, kind & 7, rd(), rs(), rs()));
        break;
    }
    case 7: {
        u32 kind = words[below(10)];
        word(r_type(0x3b, kind >> 3, kind & 7, rd(), rs(), rs()));
        break;
    }
    case 8: {
        /* Compressed: li, mv, add, slli. */
        u32 d = rd_not_zero(), s = rs(), number = below(32);
        static const u16 kinds[] = {0x4001, 0x8002, 0x9002, 0x0002};
        u32 kind = below(4);
        u32 six = kind == 0 ? (number & 31) << 2 | below(2) << 12 : kind == 3 ? (number | 1) << 2 : (s ? s : 1) << 2;
        half(kinds[kind] | d << 7 | six);
        break;
    }
    default:
        word(below(8) ? i_type(0x0f, 0, 0, 0, (i32) below(256)) : i_type(0x13, 0, rd(), rs(), immediate()));
        break;
    }
}

/* Loads and stores near the end of the first page of data, aligned or not, also by an address that is computed. */
static void memory(void) {
    u32 base = BASE;
    i32 offset = below(3) ? (i32) below(64) - 32 : (i32) below(4080) - 2040;
    if (below(4) == 0) {
        base = rd_not_zero();
        word(i_type(0x13, 7, base, rs(), (i32) below(1024)));
        word(r_type(0x33, 0, 0, base, base, BASE));
        offset = (i32) below(1024) - 512;
    }
    switch (below(6)) {
    case 0:
    case 1:
        word(i_type(0x03, below(7), rd(), base, offset));
        break;
    case 2:
    case 3:
        word(s_type(0x23, below(4), base, rs(), offset));
        break;
    case 4:
        word(i_type(0x07, 2 + below(2), below(32), base, offset));
        break;
    default:
        word(s_type(0x27, 2 + below(2), base, below(32), offset));
        break;
    }
}

static void atomic(void) {
    static const u8 kinds[] = {1, 0, 4, 12, 8, 16, 20, 24, 28};
    u32 address = rd_not_zero(), size = 2 + below(2), order = below(4);
    word(i_type(0x13, 0, address, BASE, ((i32) below(256) - 128) * 8));
    if (below(4)) {
        word(r_type(0x2f, (u32) kinds[below(9)] << 2 | order, size, rd(), address, rs()));
    } else {
        word(r_type(0x2f, 2 << 2 | order, size, 0, address, 0));
        word(r_type(0x2f, 3 << 2 | order, size, rd(), address, rs()));
    }
}

static void floating(void) {
    u32 format = precision < 2 ? precision : below(2), nearest = below(2) ? 7 : 0;
    u32 d = below(32), s1 = below(32), s2 = below(4) ? below(32) : s1;
    switch (below(14)) {
    case 0:
    case 1:
    case 2:
        word(r_type(0x53, below(4) << 2 | format, nearest, d, s1, s2));
        break;
    case 3:
    case 12:
    case 13:
        word(r_type(0x43 + below(4) * 4, below(32) << 2 | format, nearest, d, s1, s2));
        break;
    case 4:
        word(r_type(0x53, 4 << 2 | format, below(3), d, s1, s2));
        break;
    case 5:
        word(r_type(0x53, 5 << 2 | format, below(2), d, s1, s2));
        break;
    case 6:
        word(r_type(0x53, 20 << 2 | format, below(3), rd(), s1, s2));
        break;
    case 7:
        word(r_type(0x53, 11 << 2 | format, nearest, d, s1, 0));
        break;
    case 8:
        word(r_type(0x53, 24 << 2 | format, below(2) ? 1 : below(5), rd(), s1, below(4)));
        break;
    case 9:
        word(r_type(0x53, 26 << 2 | format, nearest, d, rs(), below(4)));
        break;
    case 10:
        word(r_type(0x53, 8 << 2 | format, nearest, d, s1, 1 - format));
        break;
    default: {
        u32 kind = below(3);
        word(kind == 2 ? r_type(0x53, 30 << 2 | format, 0, d, rs(), 0)
                       : r_type(0x53, 28 << 2 | format, kind, rd(), s1, 0));
        break;
    }
    }
}

static void open(int unit, int is_branch) {
    opened[opens].at = at;
    opened[opens].unit = unit;
    opened[opens].is_branch = is_branch;
    opens++;
}

/* A jump forwards, over some units; or backwards while the counter is positive. */
static void jump(int unit, int units) {
    int to = unit + 1 + (int) below(12);
    if (to > units)
        to = units;
    switch (below(7)) {
    case 0:
    case 1:
    case 2:
        open(to, 1);
        word(b_type(branch_kind(), rs(), rs(), 0));
        break;
    case 3:
        open(to, 0);
        word(j_type(rd(), 0));
        break;
    case 4: {
        /* To one of the next four instructions. */
        u32 base = rd_not_zero(), distance = rd_not_zero();
        if (distance == base)
            base = base == 1 ? 5 : 1;
        word(i_type(0x13, 7, distance, rs(), 12));
        word(0x17 | in_rd(base));
        word(r_type(0x33, 0, 0, base, base, distance));
        word(i_type(0x67, 0, below(2) ? base : rd(), base, 12 + (i32) below(2)));
        for (int i = 0; i < 4; i++)
            word(i_type(0x13, 0, rd(), rs(), immediate()));
        break;
    }
    default:
        word(i_type(0x13, 0, COUNTER, COUNTER, -1));
        if (unit > 0) {
            u8 *target = places[unit - 1 - (int) below(unit < 30 ? (u32) unit : 30)];
            if (at - target < 4000)
                word(b_type(4, 0, COUNTER, target - at));
        }
        break;
    }
}

/* A function that is called by ra or t0, at the end of the code; the piece goes on after the call. */
static void call_leaf(u32 link, u8 **leaves) {
    word(j_type(link, leaves[link == 1 ? 0 : 1] - at));
}

static u8 *leaf(u32 link) {
    u8 *start = at;
    u32 instructions = below(10);
    for (u32 i = 0; i < instructions; i++) {
        u32 d;
        do {
            d = rd();
        } while (d == link);
        if (below(3))
            word(r_type(0x33, 0, below(8), d, rs(), rs()));
        else
            word(i_type(0x03, below(7), d, BASE, (i32) below(64) - 32));
    }
    word(i_type(0x67, 0, 0, link, 0));
    return start;
}

static void patch(void) {
    for (int i = 0; i < opens; i++) {
        u8 *from = opened[i].at;
        i64 distance = places[opened[i].unit] - from;
        u32 bits = opened[i].is_branch ? b_type(0, 0, 0, distance) & ~0x63u : j_type(0, distance) & ~0x6fu;
        *(u16 *) from |= (u16) bits;
        *(u16 *) (from + 2) |= (u16) (bits >> 16);
    }
}

static void write_piece(void) {
    u8 *leaves[2];
    at = (u8 *) CODE + below(PAGE / 2) * 2;
    leaves[0] = leaf(1);
    leaves[1] = leaf(5);
    *(u64 *) state_entry = (u64) at;
    opens = 0;
    precision = below(3);
    count = 1 + (int) below(MOST_UNITS);
    u32 floats = below(3), straight = below(4) == 0;
    word(0x37 | in_rd(BASE) | (u32) (DATA + PAGE));
    word(i_type(0x13, 0, COUNTER, 0, below(8) ? (i32) below(12) : (i32) below(1000)));
    for (int unit = 0; unit < count; unit++) {
        places[unit] = at;
        u32 kind = below(16);
        if (kind < 5)
            floats == 1 ? floating() : integer();
        else if (kind < 9)
            memory();
        else if (kind < 12)
            floats ? floating() : integer();
        else if (kind == 12)
            below(3) ? integer() : atomic();
        else if (kind == 13 && !straight)
            call_leaf(below(2) ? 1 : 5, leaves);
        else if (straight)
            integer();
        else
            jump(unit, count);
    }
    places[count] = at;
    word(0x37 | in_rd(BASE) | (u32) STATE);
    word(i_type(0x03, 3, BASE, BASE, 608));
    word(i_type(0x67, 0, 0, BASE, 0));
    patch();
    require(at < (u8 *) CODE + CODE_PAGES * PAGE);
    __asm__ volatile("fence.i" ::: "memory");
}

static u64 value(void) {
    static const u64 special[] = {0, 1, -1ul, 1ul << 63, ~(1ul << 63), 0xffffffff80000000ul, 0x7fffffff, 0xffffffff,
                                  0x7ff0000000000000ul, 0xfff0000000000000ul, 0x7ff8000000000000ul,
                                  0x7ff0000000000001ul, 0x3ff0000000000000ul, 0xffffffff7f800000ul,
                                  0xffffffffffc00001ul, 0xffffffff3f800000ul, 0xffffffff7f800001ul, 0x43e0000000000000ul};
    switch (below(5)) {
    case 0:
        return special[below(sizeof special / 8)];
    case 1:
        return 0xffffffff00000000ul | next();
    case 2:
        return (u64) ((i64) next() >> below(64));
    case 3:
        /* Near 1, as a double. */
        return (next() >> 6 & ~(0x3fful << 52)) | 0x3feul << 52;
    default:
        return next();
    }
}

/* For a register of floating point: mostly a float or a double near 1, so that results are no NaN. */
static u64 float_value(void) {
    switch (precision < 2 && below(4) ? precision * 2 : below(5)) {
    case 0:
    case 1:
        return 0xffffffff00000000ul | (next() & 0x80ffffff) | 0x3f000000;
    case 2:
    case 3:
        return (next() & ~(0x7fful << 52)) | (0x3f8ul + below(below(2) ? 16 : 80)) << 52;
    default:
        return value();
    }
}

static u64 hashed(u64 hash, const u64 *from, int length) {
    for (int i = 0; i < length; i++)
        hash = (hash ^ from[i]) * 0x100000001b3ul + (hash >> 29);
    return hash;
}

static void place(u64 address, u64 length, int protection) {
    check(call(SYS_mmap, address, length, protection, MAP_PRIVATE | MAP_ANON | MAP_FIXED, -1, 0), address);
}

static u64 number(const char *text) {
    u64 number = 0;
    while (*text)
        number = number * 10 + (u64) (*text++ - '0');
    return number;
}

int main(int argc, char **argv) {
    seed = argc > 1 ? number(argv[1]) * 0x9e3779b97f4a7c15ul + 1 : 88172645463325252ul;
    int pieces = argc > 2 ? (int) number(argv[2]) : PIECES;
    place(CODE, CODE_PAGES * PAGE, RWX);
    place(DATA, DATA_PAGES * PAGE, RW);
    place(STATE, PAGE, RW);
    u64 *data = (u64 *) DATA, *state = (u64 *) STATE;
    for (int i = 0; i < DATA_PAGES * PAGE / 8; i++)
        data[i] = value();
    u64 hash = 0;
    for (int piece = 0; piece < pieces; piece++) {
        write_piece();
        for (int run = 0; run < RUNS; run++) {
            for (int i = 0; i < 64; i++)
                state[i] = i < 32 ? value() : float_value();
            enter();
            hash = hashed(hash, state, 64);
        }
        hash = hashed(hash, data, DATA_PAGES * PAGE / 8);
        if (argc > 3) {
            print_number((i64) hash);
            print("\n");
        }
    }
    if (argc > 1) {
        print_number((i64) hash);
        print("\n");
    } else {
        check(hash, EXPECTED);
    }
    return 0;
}
