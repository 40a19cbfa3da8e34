// SPDX-License-Identifier: Apache-2.0
// Changes of names in /proc, names of mappings after renames, and links that are opened themselves.
#include "guest.h"
const char *name = NAME;

enum { EXDEV = 18, ELOOP = 40 };
enum { O_NOFOLLOW = 0400000, REMOVE_FOLDER = 0x200, EMPTY = 0x1000 };
enum { SYS_fchmod = 52, SYS_fchownat = 54, SYS_fchdir = 50, SYS_fchmodat2 = 452, NO_FOLLOW = 0x100 };
enum { S_IFMT = 0170000, S_IFLNK = 0120000, S_IFREG = 0100000 };

/* The results of calls for a path in /proc whose owner is another user. */
static const struct {
    const char *path;
    int make, unlink, rmdir, from, linked, chmod;
} paths[] = {
    {"/proc/self", -EEXIST, -EACCES, -EACCES, -EXDEV, -EXDEV, -EPERM},
    {"/proc/self/", -EEXIST, -ENOTDIR, -EACCES, -EXDEV, -EXDEV, -EPERM},
    {"/proc/self/.", -EEXIST, -EISDIR, -EINVAL, -EXDEV, -EXDEV, -EPERM},
    {"/proc/self/maps", -EEXIST, -EPERM, -EPERM, -EXDEV, -EXDEV, -EPERM},
    {"/proc/self/maps/", -EEXIST, -ENOTDIR, -EPERM, -EXDEV, -ENOTDIR, -ENOTDIR},
    {"/proc/self/maps/x", -ENOTDIR, -ENOTDIR, -ENOTDIR, -ENOTDIR, -ENOTDIR, -ENOTDIR},
    {"/proc/self/maps/..", -ENOTDIR, -ENOTDIR, -ENOTDIR, -ENOTDIR, -ENOTDIR, -ENOTDIR},
    {"/proc/self/fd", -EEXIST, -EPERM, -EPERM, -EXDEV, -EXDEV, -EPERM},
    {"/proc/self/fd/99", -ENOENT, -ENOENT, -ENOENT, -EXDEV, -ENOENT, -ENOENT},
    {"/proc/self/none", -ENOENT, -ENOENT, -ENOENT, -EXDEV, -ENOENT, -ENOENT},
    {"/proc/self/none/x", -ENOENT, -ENOENT, -ENOENT, -ENOENT, -ENOENT, -ENOENT},
    {"/proc/self/task", -EEXIST, -EPERM, -EPERM, -EXDEV, -EXDEV, -EPERM},
    {"/proc/none", -ENOENT, -ENOENT, -ENOENT, -EXDEV, -ENOENT, -ENOENT},
    {"/proc/cpuinfo", -EEXIST, -EACCES, -EACCES, -EXDEV, -EXDEV, -EPERM},
    {"/proc/cpuinfo/x", -ENOTDIR, -ENOTDIR, -ENOTDIR, -ENOTDIR, -ENOTDIR, -ENOTDIR},
    {"/proc/sys/kernel", -EEXIST, -EACCES, -EACCES, -EXDEV, -EXDEV, -EPERM},
    {"/proc/sys/kernel/none", -ENOENT, -ENOENT, -ENOENT, -EXDEV, -ENOENT, -ENOENT},
    {"/proc/sys/kernel/shmmax", -EEXIST, -EACCES, -EACCES, -EXDEV, -EXDEV, -EPERM},
};

static void refused(void) {
    check(call(SYS_close, call(SYS_openat, AT_FDCWD, "f", O_CREAT | O_WRONLY, 0600)), 0);
    for (u64 i = 0; i < sizeof paths / sizeof *paths; i++) {
        const char *path = paths[i].path;
        int make = paths[i].make;
        check(call(SYS_mkdirat, AT_FDCWD, path, 0700), make);
        check(call(SYS_mknodat, AT_FDCWD, path, S_IFREG | 0600, 0), make);
        check(call(SYS_symlinkat, "f", AT_FDCWD, path), make);
        check(call(SYS_linkat, AT_FDCWD, "f", AT_FDCWD, path, 0), make);
        check(call(SYS_unlinkat, AT_FDCWD, path, 0), paths[i].unlink);
        check(call(SYS_unlinkat, AT_FDCWD, path, REMOVE_FOLDER), paths[i].rmdir);
        check(call(SYS_renameat2, AT_FDCWD, path, AT_FDCWD, "g", 0), paths[i].from);
        check(call(SYS_renameat2, AT_FDCWD, "f", AT_FDCWD, path, 0), paths[i].from);
        check(call(SYS_renameat2, AT_FDCWD, "f", AT_FDCWD, path, 1), paths[i].from);
        check(call(SYS_linkat, AT_FDCWD, path, AT_FDCWD, "g", 0), paths[i].linked);
        check(call(SYS_fchmodat, AT_FDCWD, path, 0600), paths[i].chmod);
    }
    // The mounted file system itself, in a folder that the guest may change.
    check(call(SYS_mkdirat, AT_FDCWD, "/proc", 0700), -EEXIST);
    check(call(SYS_unlinkat, AT_FDCWD, "/proc", 0), -EISDIR);
    check(call(SYS_unlinkat, AT_FDCWD, "/proc", REMOVE_FOLDER), -EBUSY);
    check(call(SYS_unlinkat, AT_FDCWD, "/proc/.", REMOVE_FOLDER), -EINVAL);
    check(call(SYS_renameat2, AT_FDCWD, "f", AT_FDCWD, "/proc", 0), -EISDIR);
    check(call(SYS_renameat2, AT_FDCWD, "f", AT_FDCWD, "/proc/", 0), -ENOTDIR);
    check(call(SYS_renameat2, AT_FDCWD, "f", AT_FDCWD, "/proc", 1), -EEXIST);
    check(call(SYS_renameat2, AT_FDCWD, "/proc", AT_FDCWD, "g", 0), -EBUSY);
    check(call(SYS_mkdirat, AT_FDCWD, "w", 0700), 0);
    check(call(SYS_renameat2, AT_FDCWD, "/proc", AT_FDCWD, "w/g", 0), -EACCES);
    check(call(SYS_renameat2, AT_FDCWD, "/proc/self/maps", AT_FDCWD, "/proc/self/other", 0), -ENOENT);
    check(call(SYS_faccessat, AT_FDCWD, "f", 0), 0);
    check(call(SYS_faccessat, AT_FDCWD, "g", 0), -ENOENT);
}

/* Returns whether the mapping at an address has a name. */
static int shows(u8 *at, const char *wanted) {
    static char text[1 << 16];
    i64 file = call(SYS_openat, AT_FDCWD, "/proc/self/maps", O_RDONLY, 0), length = 0, part;
    require(file >= 0);
    while ((part = call(SYS_read, file, text + length, sizeof text - 1 - (u64) length)) > 0)
        length += part;
    check(call(SYS_close, file), 0);
    text[length] = 0;
    for (char *line = text; *line;) {
        u64 start = 0;
        for (; *line != '-'; line++)
            start = start * 16 + (u64) (*line <= '9' ? *line - '0' : *line - 'a' + 10);
        while (*line != '/' && *line != '\n')
            line++;
        char *shown = line;
        while (*line != '\n')
            line++;
        *line++ = 0;
        if (start == (u64) at)
            return strcmp(shown, wanted) == 0;
    }
    return 0;
}

static u8 *mapped(const char *path, int flags) {
    i64 file = call(SYS_openat, AT_FDCWD, path, flags, 0);
    require(file >= 0);
    u8 *at = (u8 *) call(SYS_mmap, 0, PAGE, PROT_READ, MAP_SHARED, file, 0);
    require((i64) at > 0);
    check(call(SYS_close, file), 0);
    return at;
}

static void make(const char *path) {
    i64 file = call(SYS_openat, AT_FDCWD, path, O_CREAT | O_RDWR, 0600);
    check(call(SYS_write, file, "x", 1), 1);
    check(call(SYS_close, file), 0);
}

static void move(const char *from, const char *to) {
    check(call(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0), 0);
}

static void mappings(void) {
    make("a");
    make("b");
    check(call(SYS_mkdirat, AT_FDCWD, "d", 0700), 0);
    u8 *first = mapped("a", O_RDONLY), *second = mapped("a", O_RDWR);
    require(shows(first, "/a") && shows(second, "/a"));
    move("a", "c");
    require(shows(first, "/c") && shows(second, "/c"));
    move("c", "d/c");
    move("d", "e");
    require(shows(first, "/e/c"));
    move("b", "e/c");
    require(shows(first, "/e/c (deleted)"));
    u8 *other = mapped("e/c", O_RDONLY);
    check(call(SYS_linkat, AT_FDCWD, "e/c", AT_FDCWD, "e/h", 0), 0);
    check(call(SYS_unlinkat, AT_FDCWD, "e/c", 0), 0);
    make("e/c");
    require(shows(other, "/e/c (deleted)"));
    u8 *line = mapped("e/c", O_RDONLY);
    move("e/c", "new\nline");
    require(shows(line, "/new\\012line"));
    check(call(SYS_unlinkat, AT_FDCWD, "new\nline", 0), 0);
    require(shows(line, "/new\\012line (deleted)"));
}

static u32 kind(i64 file) {
    static u32 status[32];
    check(call(SYS_fstat, file, status), 0);
    return status[4] & S_IFMT;
}

static u32 mode(const char *path) {
    static u32 status[32];
    check(call(SYS_newfstatat, AT_FDCWD, path, status, 0), 0);
    return status[4] & 07777;
}

static void links(void) {
    char target[8] = {0};
    check(call(SYS_symlinkat, "f", AT_FDCWD, "l"), 0);
    i64 link = call(SYS_openat, AT_FDCWD, "l", O_PATH | O_NOFOLLOW, 0);
    require(link >= 0);
    check(kind(link), S_IFLNK);
    check(call(SYS_readlinkat, link, "", target, sizeof target), 1);
    check(target[0], 'f');
    check(call(SYS_readlinkat, link, "x", target, sizeof target), -ENOTDIR);
    check(call(SYS_read, link, target, 1), -EBADF);
    check(call(SYS_fchmod, link, 0600), -EBADF);
    check(call(SYS_fchmodat2, link, "", 0600, EMPTY), -EOPNOTSUPP);
    check(call(SYS_fchownat, link, "", -1, -1, EMPTY), 0);
    check(call(SYS_fchdir, link), -ENOTDIR);
    check(call(SYS_openat, link, "x", O_RDONLY, 0), -ENOTDIR);
    move("l", "m");
    check(call(SYS_unlinkat, AT_FDCWD, "m", 0), 0);
    check(kind(link), S_IFLNK);
    check(call(SYS_readlinkat, link, "", target, sizeof target), 1);
    check(call(SYS_close, link), 0);
    check(call(SYS_symlinkat, "d", AT_FDCWD, "l"), 0);
    check(call(SYS_openat, AT_FDCWD, "l", O_PATH | O_NOFOLLOW | O_DIRECTORY, 0), -ENOTDIR);
    check(call(SYS_openat, AT_FDCWD, "l", O_NOFOLLOW, 0), -ELOOP);
    check(call(SYS_openat, AT_FDCWD, "/proc/self/exe", O_NOFOLLOW, 0), -ELOOP);
    link = call(SYS_openat, AT_FDCWD, "/proc/self/exe", O_PATH | O_NOFOLLOW, 0);
    check(kind(link), S_IFLNK);
    require(call(SYS_readlinkat, link, "", target, sizeof target) > 1);
    check(call(SYS_close, link), 0);
}

static void modes(void) {
    i64 place = call(SYS_openat, AT_FDCWD, "f", O_PATH, 0);
    check(kind(place), S_IFREG);
    check(call(SYS_readlinkat, place, "", "", 1), -ENOENT);
    check(call(SYS_fchmodat2, place, "", 0640, EMPTY), 0);
    check(mode("f"), 0640);
    check(call(SYS_fchmod, place, 0600), -EBADF);
    check(call(SYS_fchmodat2, AT_FDCWD, "f", 0604, 0), 0);
    check(mode("f"), 0604);
    check(call(SYS_fchmodat2, AT_FDCWD, "f", 0600, NO_FOLLOW), 0);
    check(mode("f"), 0600);
    check(call(SYS_fchmodat2, AT_FDCWD, "l", 0600, NO_FOLLOW), -EOPNOTSUPP);
    check(call(SYS_fchmodat2, AT_FDCWD, "l", 0600, 0), -ENOENT);
    check(call(SYS_fchmodat2, AT_FDCWD, "none", 0600, NO_FOLLOW), -ENOENT);
    check(call(SYS_fchmodat2, AT_FDCWD, "f", 0600, 1), -EINVAL);
    check(call(SYS_fchmodat2, AT_FDCWD, "", 0600, 0), -ENOENT);
    check(call(SYS_fchmodat2, 99, "", 0600, EMPTY), -EBADF);
    check(call(SYS_fchmodat2, place, "x", 0600, 0), -ENOTDIR);
    check(call(SYS_fchmodat2, AT_FDCWD, "", 0700, EMPTY), 0);
    check(call(SYS_close, place), 0);
}

int main(int argc, char **argv) {
    refused();
    mappings();
    links();
    modes();
    return 0;
}
