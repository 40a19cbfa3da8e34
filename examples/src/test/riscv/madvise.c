// SPDX-License-Identifier: Apache-2.0
// What madvise promises: zeros after DONTNEED, nothing lost otherwise, and what a child has.
#include "guest.h"
const char *name = NAME;

enum { NORMAL = 0, WILLNEED = 3, DONTNEED = 4, FREE = 8, REMOVE = 9, DONTFORK = 10, DOFORK = 11, WIPEONFORK = 18,
       COLD = 20, POPULATE_WRITE = 23 };

int main(int argc, char **argv) {
    watch_faults();
    u8 *at = map(8 * PAGE, RW);
    memset(at, 5, 8 * PAGE);
    check(call(SYS_madvise, at + PAGE, PAGE, DONTNEED), 0);
    check(at[PAGE], 0);
    check(at[0], 5);
    check(at[2 * PAGE], 5);
    check(call(SYS_madvise, at, 8 * PAGE, NORMAL), 0);
    check(call(SYS_madvise, at, 8 * PAGE, WILLNEED), 0);
    check(call(SYS_madvise, at, 8 * PAGE, COLD), 0);
    check(at[3 * PAGE], 5);
    check(call(SYS_madvise, at + 1, PAGE, DONTNEED), -EINVAL);
    check(call(SYS_madvise, at, PAGE, 12345), -EINVAL);
    check(call(SYS_madvise, at, PAGE, REMOVE), -EINVAL);
    check(call(SYS_madvise, at + 3 * PAGE, PAGE, FREE), 0);
    require(at[3 * PAGE] == 0 || at[3 * PAGE] == 5);
    at[3 * PAGE] = 6;
    check(at[3 * PAGE], 6);
    check(call(SYS_madvise, at + 4 * PAGE, PAGE, DONTFORK), 0);
    check(call(SYS_madvise, at + 5 * PAGE, PAGE, WIPEONFORK), 0);
    i64 child = fork();
    if (child == 0) {
        check(try_load(at + 4 * PAGE), 111);
        check(at[5 * PAGE], 0);
        check(at[6 * PAGE], 5);
        exit(0);
    }
    check(wait_for(child), 0);
    check(at[4 * PAGE], 5);
    check(at[5 * PAGE], 5);
    u8 *fresh = map(4 * PAGE, RW);
    check(call(SYS_madvise, fresh, 4 * PAGE, POPULATE_WRITE), 0);
    u8 found[4];
    check(call(SYS_mincore, fresh, 4 * PAGE, found), 0);
    check(found[3] & 1, 1);
    check(call(SYS_munmap, at + 2 * PAGE, PAGE), 0);
    check(call(SYS_madvise, at, 4 * PAGE, DONTNEED), -ENOMEM);
    check(at[3 * PAGE], 0);
    u8 *shared = (u8 *) call(SYS_mmap, 0, PAGE, RW, MAP_SHARED | MAP_ANON, -1, 0);
    shared[9] = 4;
    check(call(SYS_madvise, shared, PAGE, DONTNEED), 0);
    check(shared[9], 4);
    check(call(SYS_madvise, shared, PAGE, REMOVE), 0);
    check(shared[9], 0);
    return 0;
}
