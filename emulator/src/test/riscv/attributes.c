// SPDX-License-Identifier: Apache-2.0
// Mode, owner and times of files, by path and by descriptor. Runs in a folder that it may write, as a user that owns it.
#include "guest.h"
const char *name = NAME;

enum { SYS_fchmod = 52, SYS_fchownat = 54, SYS_fchown = 55, AT_SYMLINK_NOFOLLOW = 0x100 };
enum { NOW = 0x3fffffff, OMIT = 0x3ffffffe };

struct status {
    u64 device, inode;
    u32 mode, links, user, group;
    u64 rest[5];
    struct timespec accessed, modified, changed;
    u64 last;
};

static struct status status(i64 file) {
    struct status found;
    check(call(SYS_fstat, file, &found), 0);
    return found;
}

static struct timespec *times(i64 accessed, i64 nanos, i64 modified, i64 last) {
    static struct timespec both[2];
    both[0] = (struct timespec) {accessed, nanos};
    both[1] = (struct timespec) {modified, last};
    return both;
}

static void modes(i64 file) {
    static const int all[] = {0755, 0600, 04711, 02755, 01777, 0, 0644};
    for (u64 i = 0; i < sizeof all / sizeof *all; i++) {
        check(call(SYS_fchmod, file, all[i]), 0);
        check(status(file).mode & 07777, all[i]);
        check(call(SYS_fchmodat, AT_FDCWD, "attributes", all[i] ^ 1), 0);
        check(status(file).mode & 07777, all[i] ^ 1);
    }
    check(call(SYS_fchmod, 99, 0644), -EBADF);
    check(call(SYS_fchmodat, AT_FDCWD, "none", 0644), -ENOENT);
}

static void owners(i64 file) {
    u32 user = status(file).user, group = status(file).group;
    check(call(SYS_fchown, file, -1, -1), 0);
    check(call(SYS_fchown, file, user, group), 0);
    check(call(SYS_fchown, 99, user, group), -EBADF);
    check(call(SYS_fchownat, AT_FDCWD, "attributes", user, -1, 0), 0);
    check(call(SYS_fchownat, AT_FDCWD, "none", user, -1, 0), -ENOENT);
    check(call(SYS_fchownat, AT_FDCWD, "attributes", user, -1, 1), -EINVAL);
}

static void stamps(i64 file) {
    check(call(SYS_utimensat, file, 0, times(1000, 5, 2000, 7), 0), 0);
    check(status(file).accessed.seconds, 1000);
    check(status(file).accessed.nanos, 5);
    check(status(file).modified.seconds, 2000);
    check(status(file).modified.nanos, 7);
    check(call(SYS_utimensat, AT_FDCWD, "attributes", times(3000, 0, 0, OMIT), 0), 0);
    check(status(file).accessed.seconds, 3000);
    check(status(file).modified.seconds, 2000);
    check(call(SYS_utimensat, AT_FDCWD, "attributes", times(0, OMIT, 4000, 9), 0), 0);
    check(status(file).accessed.seconds, 3000);
    check(status(file).modified.seconds, 4000);
    check(call(SYS_utimensat, AT_FDCWD, "attributes", times(0, OMIT, 0, OMIT), 0), 0);
    check(status(file).modified.seconds, 4000);
    check(call(SYS_utimensat, AT_FDCWD, "attributes", times(0, NOW, 0, OMIT), 0), 0);
    require(status(file).accessed.seconds > 1000000000);
    check(status(file).modified.seconds, 4000);
    require(status(file).changed.seconds > 1000000000);
    check(call(SYS_utimensat, file, 0, 0, 0), 0);
    require(status(file).modified.seconds > 1000000000);
    check(call(SYS_utimensat, AT_FDCWD, "attributes", times(0, 1000000000, 0, 0), 0), -EINVAL);
    check(call(SYS_utimensat, AT_FDCWD, "attributes", times(0, 0, 0, -1), 0), -EINVAL);
    check(call(SYS_utimensat, 99, 0, times(0, 0, 0, 0), 0), -EBADF);
    check(call(SYS_utimensat, AT_FDCWD, "none", times(0, 0, 0, 0), 0), -ENOENT);
}

int main(int argc, char **argv) {
    i64 file = call(SYS_openat, AT_FDCWD, "attributes", O_RDWR | O_CREAT, 0644);
    require(file > 0);
    modes(file);
    owners(file);
    stamps(file);
    i64 memory = call(SYS_memfd_create, "mode", 0);
    check(call(SYS_fchmod, memory, 0640), 0);
    check(status(memory).mode & 07777, 0640);
    check(call(SYS_unlinkat, AT_FDCWD, "attributes", 0), 0);
    return 0;
}
