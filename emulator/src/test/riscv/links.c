// SPDX-License-Identifier: Apache-2.0
// Links and folders that change places: no open file becomes another one, and no path leads out of the root folder.
// Runs in an empty folder; with an argument it does not need a root without /proc/version.
#include "guest.h"
const char *name = NAME;

enum { AT_SYMLINK_NOFOLLOW = 0x100, AT_REMOVEDIR = 0x200, ROUNDS = 4000 };

struct status {
    u64 device, inode;
    u32 mode, links, user, group;
    u64 rest[7];
    i64 modified;
    u64 last[4];
};

static i64 open(const char *file, int flags) {
    return call(SYS_openat, AT_FDCWD, file, flags, 0644);
}

static i64 make_folder(const char *file) {
    return call(SYS_mkdirat, AT_FDCWD, file, 0755);
}

static i64 make_link(const char *target, const char *file) {
    return call(SYS_symlinkat, target, AT_FDCWD, file);
}

static i64 move(const char *from, const char *to) {
    return call(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}

static i64 delete(const char *file, int flags) {
    return call(SYS_unlinkat, AT_FDCWD, file, flags);
}

static struct status status(const char *file, int flags) {
    struct status found;
    check(call(SYS_newfstatat, AT_FDCWD, file, &found, flags), 0);
    return found;
}

static struct status status_of(i64 descriptor) {
    struct status found;
    check(call(SYS_fstat, descriptor, &found), 0);
    return found;
}

static void times(void) {
    check(call(SYS_close, open("plain", O_WRONLY | O_CREAT)), 0);
    check(make_link("plain", "link"), 0);
    struct timespec early[2] = {{1000, 0}, {1000, 0}}, late[2] = {{2000, 0}, {2000, 0}};
    check(call(SYS_utimensat, AT_FDCWD, "link", early, 0), 0);
    check(status("plain", 0).modified, 1000);
    i64 result = call(SYS_utimensat, AT_FDCWD, "link", late, AT_SYMLINK_NOFOLLOW);
    check(status("plain", 0).modified, 1000);
    if (result != -EOPNOTSUPP) {
        check(result, 0);
        check(status("link", AT_SYMLINK_NOFOLLOW).modified, 2000);
    }
    check(delete("link", 0), 0);
    check(delete("plain", 0), 0);
}

static void open_folder(void) {
    static u8 entries[4096];
    check(make_folder("folder"), 0);
    i64 folder = open("folder", O_RDONLY | O_DIRECTORY), late = open("folder", O_RDONLY | O_DIRECTORY);
    struct status first = status_of(folder);
    require(call(SYS_getdents64, folder, entries, sizeof entries) > 0);
    check(delete("folder", AT_REMOVEDIR), 0);
    check(make_link("/", "folder"), 0);
    check(call(SYS_lseek, folder, 0, 0), 0);
    check(call(SYS_getdents64, folder, entries, sizeof entries), -ENOENT);
    check(call(SYS_getdents64, late, entries, sizeof entries), -ENOENT);
    struct status now = status_of(folder);
    check(now.device, first.device);
    check(now.inode, first.inode);
    check(now.links, 0);
    check(delete("folder", 0), 0);
    check(call(SYS_close, folder), 0);
    check(call(SYS_close, late), 0);
}

static void open_file(void) {
    i64 file = open("plain", O_RDWR | O_CREAT);
    check(call(SYS_write, file, "abc", 3), 3);
    struct status first = status_of(file);
    check(move("plain", "moved"), 0);
    check(make_link("/proc/version", "plain"), 0);
    struct status now = status_of(file);
    check(now.device, first.device);
    check(now.inode, first.inode);
    check(now.mode, first.mode);
    check(now.rest[2], 3);
    check(delete("plain", 0), 0);
    check(delete("moved", 0), 0);
    check(call(SYS_close, file), 0);
}

static volatile int racing = 1, tid;
static u8 stack[16384] __attribute__((aligned(16)));

/* Has the name stand for a folder without the file, and for a link to the host's folder with it, in turns. */
static void exchange(void *unused) {
    while (racing) {
        check(move("place", "folder"), 0);
        check(move("link", "place"), 0);
        check(move("place", "link"), 0);
        check(move("folder", "place"), 0);
    }
}

static void race(void) {
    check(make_folder("place"), 0);
    check(make_link("/proc", "link"), 0);
    check(call(SYS_newfstatat, AT_FDCWD, "link/version", stack, 0), -ENOENT);
    require(thread(exchange, 0, stack + sizeof stack, &tid) > 0);
    for (int i = 0; i < ROUNDS; i++) {
        struct status found;
        check(call(SYS_newfstatat, AT_FDCWD, "place/version", &found, 0), -ENOENT);
        check(call(SYS_faccessat, AT_FDCWD, "place/version", 0), -ENOENT);
        check(open("place/version", O_RDONLY), -ENOENT);
        check(call(SYS_readlinkat, AT_FDCWD, "place/thread-self", &found, sizeof found), -ENOENT);
        check(call(SYS_fchmodat, AT_FDCWD, "place/version", 0444), -ENOENT);
    }
    racing = 0;
    join(&tid);
    check(delete("place", AT_REMOVEDIR), 0);
    check(delete("link", 0), 0);
}

int main(int argc, char **argv) {
    times();
    open_folder();
    open_file();
    if (argc == 1)
        race();
    return 0;
}
