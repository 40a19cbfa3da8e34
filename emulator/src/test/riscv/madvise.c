// SPDX-License-Identifier: Apache-2.0
// What madvise promises: zeros after DONTNEED, nothing lost otherwise, and what a child has.
#include "guest.h"
const char *name = NAME;

enum { NORMAL = 0, WILLNEED = 3, DONTNEED = 4, FREE = 8, REMOVE = 9, DONTFORK = 10, DOFORK = 11, WIPEONFORK = 18,
       COLD = 20, POPULATE_WRITE = 23 };

/* Returns the link of a descriptor below 10. */
static const char *link_of(i64 descriptor) {
    static char link[] = "/proc/self/fd/0";
    require(descriptor < 10);
    link[sizeof link - 2] = (char) ('0' + descriptor);
    return link;
}

static u8 *shared(i64 file, int protection) {
    i64 found = call(SYS_mmap, 0, 4 * PAGE, protection, MAP_SHARED, file, 0);
    require(found > 0);
    return (u8 *) found;
}

/* REMOVE of a mapped file punches a hole into it, as fallocate does, if the mapping may be written. */
static void punch(void) {
    static u8 bytes[4 * PAGE];
    memset(bytes, 7, sizeof bytes);
    i64 file = call(SYS_openat, AT_FDCWD, "hole", O_CREAT | O_RDWR, 0644);
    i64 reader = call(SYS_openat, AT_FDCWD, "hole", O_RDONLY, 0);
    require(file >= 0 && reader >= 0);
    check(call(SYS_write, file, bytes, sizeof bytes), sizeof bytes);
    u8 *at = shared(file, RW), *read = shared(reader, PROT_READ), *never = shared(file, PROT_READ);
    check(call(SYS_madvise, at + PAGE, PAGE, REMOVE), 0);
    check(at[PAGE], 0);
    check(read[2 * PAGE - 1], 0);
    check(at[2 * PAGE], 7);
    check(call(SYS_pread64, file, bytes, 2 * PAGE, PAGE), 2 * PAGE);
    check(bytes[0], 0);
    check(bytes[PAGE], 7);
    check(call(SYS_lseek, file, 0, 2), 4 * PAGE);
    check(call(SYS_madvise, never, PAGE, REMOVE), 0);
    check(at[0], 0);
    check(call(SYS_madvise, read + 2 * PAGE, PAGE, REMOVE), -EACCES);
    i64 secret = call(SYS_mmap, 0, PAGE, RW, MAP_PRIVATE, file, 2 * PAGE);
    check(call(SYS_madvise, secret, PAGE, REMOVE), -EACCES);
    check(call(SYS_mlock, at + 2 * PAGE, PAGE), 0);
    check(call(SYS_madvise, at + 2 * PAGE, PAGE, REMOVE), -EINVAL);
    check(at[2 * PAGE], 7);
    check(call(SYS_munlock, at + 2 * PAGE, PAGE), 0);
    // A mapping needs no descriptor, and no name.
    check(call(SYS_unlinkat, AT_FDCWD, "hole", 0), 0);
    i64 again = call(SYS_openat, AT_FDCWD, link_of(file), O_RDWR, 0);
    require(again >= 0);
    u8 *last = shared(again, RW);
    check(call(SYS_close, file), 0);
    check(call(SYS_close, again), 0);
    check(call(SYS_madvise, last + 2 * PAGE, PAGE, REMOVE), 0);
    check(at[2 * PAGE], 0);
    check(read[3 * PAGE], 7);
    check(call(SYS_close, reader), 0);
}

int main(int argc, char **argv) {
    watch_faults();
    punch();
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
