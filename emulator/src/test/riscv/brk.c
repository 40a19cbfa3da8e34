// SPDX-License-Identifier: Apache-2.0
// The heap grows, shrinks, and has zeros where it grows again.
#include "guest.h"
const char *name = NAME;

int main(int argc, char **argv) {
    watch_faults();
    u8 *start = (u8 *) call(SYS_brk, 0);
    check(call(SYS_brk, start + 3 * PAGE), start + 3 * PAGE);
    memset(start, 7, 3 * PAGE);
    check(call(SYS_brk, start + PAGE), start + PAGE);
    check(start[PAGE - 1], 7);
    u8 *beyond = (u8 *) (((u64) start + 2 * PAGE) & -PAGE);
    check(try_load(beyond + PAGE), 111);
    check(call(SYS_brk, start + 3 * PAGE), start + 3 * PAGE);
    check(beyond[PAGE - 1], 0);
    check(call(SYS_brk, 0), start + 3 * PAGE);
    check(call(SYS_brk, 8), start + 3 * PAGE);
    check(call(SYS_brk, 1ul << 60), start + 3 * PAGE);
    u8 *page = (u8 *) (((u64) start + 16 * PAGE) & -PAGE);
    check(call(SYS_mmap, page, PAGE, RW, MAP_PRIVATE | MAP_ANON | MAP_FIXED_NOREPLACE, -1, 0), page);
    check(call(SYS_brk, page + PAGE), start + 3 * PAGE);
    check(call(SYS_munmap, page, PAGE), 0);
    check(call(SYS_brk, page + PAGE), page + PAGE);
    page[5] = 1;
    u64 sum = 0;
    for (u64 size = 1; size < 4 << 20; size = size * 3 + 11) {
        check(call(SYS_brk, start + size), start + size);
        start[size - 1] = (u8) size;
        sum += start[size - 1];
    }
    require(sum != 0);
    return 0;
}
