// SPDX-License-Identifier: Apache-2.0
// Opens of descriptors by their links, what can be mapped of an open, texts of /proc, and limits. Runs in a folder that
// it may write; with an argument without what QEMU answers itself, or root may do.
#include "guest.h"
const char *name = NAME;

enum { F_GETFL = 3, SEEK_SET = 0, SEEK_CUR = 1 };

static char path[32];

static i64 open_at(const char *file, int flags) {
    return call(SYS_openat, AT_FDCWD, file, flags, 0644);
}

static i64 again(const char *prefix, i64 descriptor, int flags) {
    char digits[8];
    int length = 0, at = strlen(prefix);
    memcpy(path, prefix, at);
    do {
        digits[length++] = '0' + descriptor % 10;
        descriptor /= 10;
    } while (descriptor > 0);
    while (length > 0)
        path[at++] = digits[--length];
    path[at] = 0;
    return open_at(path, flags);
}

static i64 shared(i64 descriptor, int protection) {
    i64 found = call(SYS_mmap, 0, PAGE, protection, MAP_SHARED, descriptor, 0);
    return found < 0 ? found : 0;
}

/* Opens a file of five bytes again, in all ways: each open has its own position, flags and rights. */
static void all_ways(i64 first) {
    char byte[2];
    check(call(SYS_pwrite64, first, "hello", 5, 0), 5);
    check(call(SYS_lseek, first, 3, SEEK_SET), 3);
    i64 reader = again("/proc/self/fd/", first, O_RDONLY);
    require(reader > first);
    check(call(SYS_fcntl, reader, F_GETFL, 0) & 3, O_RDONLY);
    check(call(SYS_read, reader, byte, 1), 1);
    check(byte[0], 'h');
    check(call(SYS_lseek, first, 0, SEEK_CUR), 3);
    check(call(SYS_write, reader, "x", 1), -EBADF);
    check(call(SYS_ftruncate, reader, 0), -EINVAL);
    check(shared(reader, RW), -EACCES);
    i64 at = call(SYS_mmap, 0, PAGE, PROT_READ, MAP_SHARED, reader, 0);
    require(at > 0);
    check(call(SYS_mprotect, at, PAGE, RW), -EACCES);
    check(call(SYS_munmap, at, PAGE), 0);
    i64 writer = again("/dev/fd/", first, O_WRONLY);
    check(call(SYS_fcntl, writer, F_GETFL, 0) & 3, O_WRONLY);
    check(call(SYS_read, writer, byte, 1), -EBADF);
    check(call(SYS_write, writer, "j", 1), 1);
    check(shared(writer, PROT_READ), -EACCES);
    check(call(SYS_pread64, reader, byte, 1, 0), 1);
    check(byte[0], 'j');
    check(again("/proc/self/fd/", first, O_RDWR | O_CREAT | O_EXCL), -EEXIST);
    check(again("/proc/self/fd/", first, O_RDONLY | O_DIRECTORY), -ENOTDIR);
    i64 empty = again("/proc/self/fd/", first, O_RDWR | O_TRUNC);
    check(call(SYS_pread64, first, byte, 1, 0), 0);
    check(shared(empty, RW), 0);
    check(call(SYS_close, reader), 0);
    check(call(SYS_close, writer), 0);
    check(call(SYS_pwrite64, first, "still", 5, 0), 5);
    check(call(SYS_close, empty), 0);
}

static void pipes(void) {
    int both[2];
    char byte;
    check(call(SYS_pipe2, both, O_NONBLOCK), 0);
    i64 writer = again("/proc/self/fd/", both[0], O_WRONLY);
    check(call(SYS_read, writer, &byte, 1), -EBADF);
    check(call(SYS_close, both[1]), 0);
    check(call(SYS_read, both[0], &byte, 1), -EAGAIN);
    check(call(SYS_write, writer, "p", 1), 1);
    check(call(SYS_close, writer), 0);
    check(call(SYS_read, both[0], &byte, 1), 1);
    check(call(SYS_read, both[0], &byte, 1), 0);
    check(call(SYS_mmap, 0, PAGE, PROT_READ, MAP_PRIVATE, both[0], 0), -ENODEV);
    check(call(SYS_mmap, 0, 0, PROT_READ, MAP_PRIVATE, both[0], 0), -EINVAL);
    check(call(SYS_mmap, 0, PAGE, PROT_READ, 0, both[0], 0), -EINVAL);
    check(call(SYS_mmap, 1, PAGE, PROT_READ, MAP_PRIVATE | MAP_FIXED, both[0], 0), -EINVAL);
    check(call(SYS_close, both[0]), 0);
}

static void mappings(void) {
    i64 made = open_at("made", O_RDONLY | O_CREAT);
    check(shared(made, RW), -EACCES);
    check(shared(made, PROT_READ), 0);
    i64 place = open_at("made", O_PATH);
    check(shared(place, PROT_READ), -EBADF);
    i64 zero = open_at("/dev/zero", O_RDONLY);
    i64 at = call(SYS_mmap, 0, PAGE, PROT_READ, MAP_SHARED, zero, 0);
    require(at > 0);
    check(call(SYS_mprotect, at, PAGE, RW), -EACCES);
    at = call(SYS_mmap, 0, PAGE, RW, MAP_PRIVATE, zero, 0);
    require(at > 0);
    *(volatile int *) at = 1;
    check(call(SYS_close, made), 0);
    check(call(SYS_close, place), 0);
    check(call(SYS_close, zero), 0);
    check(call(SYS_unlinkat, AT_FDCWD, "made", 0), 0);
}

static int count(i64 file) {
    static char text[16 * PAGE];
    int lines = 0;
    i64 read, at = 0;
    check(call(SYS_lseek, file, 0, SEEK_SET), 0);
    while ((read = call(SYS_read, file, text + at, sizeof text - at)) > 0)
        at += read;
    check(read, 0);
    for (i64 i = 0; i < at; i++)
        lines += text[i] == '\n';
    return lines;
}

static void texts(void) {
    i64 maps = open_at("/proc/self/maps", O_RDONLY);
    char *hole = map(3 * PAGE, PROT_READ);
    int before = count(maps);
    check(call(SYS_munmap, hole + PAGE, PAGE), 0);
    check(count(maps), before + 1);
    check(call(SYS_close, maps), 0);
}

static void limits(void) {
    enum { DATA = 2, FILES = 7 };
    u64 wanted[2] = {300 << 20, 400 << 20}, found[2];
    check(call(SYS_prlimit64, 0, DATA, wanted, 0), 0);
    check(call(SYS_prlimit64, 0, DATA, 0, found), 0);
    check(found[0], wanted[0]);
    check(found[1], wanted[1]);
    i64 child = fork();
    if (child == 0) {
        check(call(SYS_prlimit64, 0, DATA, 0, found), 0);
        check(found[1], wanted[1]);
        exit(0);
    }
    check(wait_for(child), 0);
    u64 wrong[2] = {2, 1}, few[2] = {8, 8};
    check(call(SYS_prlimit64, 0, DATA, wrong, 0), -EINVAL);
    check(call(SYS_prlimit64, 0, FILES, few, 0), 0);
    i64 last = 0;
    for (int i = 0; i < 10 && last >= 0; i++)
        last = open_at("/dev/null", O_RDONLY);
    check(last, -24);
    check(call(SYS_dup3, 0, 8, 0), -EBADF);
}

static void more(void) {
    u64 more[2] = {9, 9};
    check(call(SYS_prlimit64, 0, 7, more, 0), -EPERM);
}

static const char *name_of(const char *before, i64 descriptor, const char *after) {
    static char name[64];
    char *at = name;
    while (*before)
        *at++ = *before++;
    if (descriptor >= 10)
        *at++ = '0' + descriptor / 10;
    *at++ = '0' + descriptor % 10;
    while (*after)
        *at++ = *after++;
    *at = 0;
    return name;
}

/* Links of /proc on the way, and as the last name of calls other than an open. */
static void followed(void) {
    enum { SYS_chdir = 49, FOLLOW = 0x400, W_OK = 2 };
    static char status[256];
    i64 here = open_at(".", O_RDONLY | O_DIRECTORY);
    check(call(SYS_mkdirat, AT_FDCWD, "folder", 0700), 0);
    i64 folder = open_at("folder", O_RDONLY | O_DIRECTORY);
    i64 file = open_at(name_of("/proc/self/fd/", folder, "/file"), O_RDWR | O_CREAT | O_EXCL);
    require(here >= 0 && folder >= 0 && file >= 0);
    check(call(SYS_renameat2, AT_FDCWD, "folder", AT_FDCWD, "other", 0), 0);
    check(call(SYS_faccessat, AT_FDCWD, name_of("/proc/self/fd/", folder, "/file"), 0), 0);
    check(call(SYS_faccessat, AT_FDCWD, name_of("/dev/fd/", folder, "/../other/file"), 0), 0);
    check(call(SYS_newfstatat, AT_FDCWD, name_of("/proc/self/fd/", file, "/"), status, 0), -ENOTDIR);
    check(call(SYS_newfstatat, AT_FDCWD, name_of("/proc/self/fd/", file, "/.."), status, 0), -ENOTDIR);
    check(call(SYS_newfstatat, AT_FDCWD, "/proc/self/exe/", status, 0), -ENOTDIR);
    check(open_at("/proc/self/maps/", O_RDONLY), -ENOTDIR);
    check(open_at("/dev/null/", O_RDONLY), -ENOTDIR);
    check(call(SYS_chdir, name_of("/proc/self/fd/", folder, "")), 0);
    check(call(SYS_faccessat, AT_FDCWD, "/proc/self/cwd/file", 0), 0);
    check(call(SYS_fchmodat, AT_FDCWD, name_of("/proc/self/fd/", file, ""), 0600), 0);
    check(call(SYS_utimensat, AT_FDCWD, name_of("/proc/self/fd/", file, ""), 0, 0), 0);
    check(call(SYS_linkat, AT_FDCWD, name_of("/proc/self/fd/", file, ""), AT_FDCWD, "second", FOLLOW), 0);
    check(call(SYS_unlinkat, AT_FDCWD, "second", 0), 0);
    check(open_at(name_of("/proc/self/fd/0", file, ""), O_RDONLY), -ENOENT);
    check(open_at(name_of("/proc/self/fd/+", file, ""), O_RDONLY), -ENOENT);
    check(open_at(name_of("/dev/fd/00", file, ""), O_RDONLY), -ENOENT);
    check(call(SYS_unlinkat, AT_FDCWD, name_of("/proc/self/fd/", folder, "/file"), 0), 0);
    check(call(SYS_chdir, ".."), 0);
    check(call(SYS_unlinkat, AT_FDCWD, "other", 0x200), 0);
    check(call(SYS_faccessat, AT_FDCWD, name_of("/proc/self/fd/", folder, "/file"), 0), -ENOENT);
    check(call(SYS_close, file), 0);
    check(call(SYS_close, folder), 0);
    check(call(SYS_close, here), 0);
}

int main(int argc, char **argv) {
    followed();
    i64 memory = call(SYS_memfd_create, "again", 0);
    all_ways(memory);
    i64 file = open_at("again", O_RDWR | O_CREAT | O_EXCL);
    all_ways(file);
    check(call(SYS_unlinkat, AT_FDCWD, "again", 0), 0);
    all_ways(file);
    pipes();
    mappings();
    if (argc == 1)
        texts();
    limits();
    if (argc == 1)
        more();
    return 0;
}
