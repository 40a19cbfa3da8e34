// SPDX-License-Identifier: Apache-2.0
// mremap grows, shrinks, moves and duplicates.
#include "guest.h"
const char *name = NAME;

enum { MAYMOVE = 1, FIXED = 2, DONTUNMAP = 4 };

int main(int argc, char **argv) {
    watch_faults();
    u8 *at = map(8 * PAGE, RW);
    check(call(SYS_munmap, at + 4 * PAGE, 4 * PAGE), 0);
    for (int i = 0; i < 4; i++)
        at[i * PAGE] = (u8) (i + 1);
    check(call(SYS_mremap, at, 4 * PAGE, 6 * PAGE, 0), at);
    check(at[5 * PAGE], 0);
    check(call(SYS_mremap, at, 6 * PAGE, 2 * PAGE, 0), at);
    check(try_load(at + 2 * PAGE), 111);
    check(at[PAGE], 2);
    u8 *blocker = (u8 *) call(SYS_mmap, at + 2 * PAGE, PAGE, RW, MAP_PRIVATE | MAP_ANON | MAP_FIXED, -1, 0);
    check(blocker, at + 2 * PAGE);
    *blocker = 9;
    call(SYS_mprotect, blocker, PAGE, PROT_READ);
    check(call(SYS_mremap, at, 2 * PAGE, 64 * PAGE, 0), -ENOMEM);
    u8 *moved = (u8 *) call(SYS_mremap, at, 2 * PAGE, 64 * PAGE, MAYMOVE);
    require((i64) moved > 0 && moved != at);
    check(moved[0], 1);
    check(moved[PAGE], 2);
    check(moved[63 * PAGE], 0);
    check(try_load(at), 111);
    check(*blocker, 9);
    u8 *target = map(64 * PAGE, RW);
    target[3] = 77;
    check(call(SYS_mremap, moved, 2 * PAGE, 2 * PAGE, MAYMOVE | FIXED, target), target);
    check(target[0], 1);
    check(target[3], 0);
    check(call(SYS_mremap, target + 1, PAGE, PAGE, 0), -EINVAL);
    check(call(SYS_mremap, target, PAGE, 0, 0), -EINVAL);
    check(call(SYS_mremap, (void *) 0x10000000000, PAGE, 2 * PAGE, MAYMOVE), -EFAULT);
    u8 *kept = (u8 *) call(SYS_mremap, target, 2 * PAGE, 2 * PAGE, MAYMOVE | DONTUNMAP);
    require((i64) kept > 0);
    check(kept[0], 1);
    check(target[0], 0);
    for (int i = 0; i < 100; i++) {
        u8 *next = (u8 *) call(SYS_mremap, kept, (2 + i) * PAGE, (3 + i) * PAGE, MAYMOVE);
        require((i64) next > 0);
        next[(2 + i) * PAGE] = (u8) i;
        check(next[0], 1);
        kept = next;
    }
    for (int i = 0; i < 100; i++)
        check(kept[(2 + i) * PAGE], (u8) i);
    return 0;
}
