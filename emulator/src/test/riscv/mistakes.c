// SPDX-License-Identifier: Apache-2.0
// Wrong arguments of calls for descriptors, paths and clocks, and what is checked first. Needs a folder that it may write.
#include "guest.h"
const char *name = NAME;

enum { SYS_readv = 65, SYS_writev = 66, SYS_sendfile = 71, SYS_pselect6 = 72, SYS_clock_getres = 114,
       SYS_clock_nanosleep = 115 };
enum { F_GETFL = 3, F_SETFL = 4, F_GETPIPE_SZ = 1032, F_GETOWN_EX = 16, SEEK_CUR = 1, SEEK_DATA = 3, SEEK_HOLE = 4,
       AT_EMPTY_PATH = 0x1000 };

struct part {
    void *at;
    i64 length;
};

static i64 open_file(const char *path, int flags) {
    return call(SYS_openat, AT_FDCWD, path, flags, 0644);
}

static void paths(void) {
    static u64 status[16];
    check(open_file("none", O_CREAT | O_DIRECTORY), -EINVAL);
    check(open_file("none", O_CREAT | O_DIRECTORY | O_PATH), -ENOENT);
    check(call(SYS_faccessat, AT_FDCWD, ".", 8), -EINVAL);
    check(call(SYS_newfstatat, AT_FDCWD, "", status, AT_EMPTY_PATH), 0);
    check(call(SYS_newfstatat, AT_FDCWD, "", status, 0), -ENOENT);
}

static void descriptors(i64 file) {
    check(call(SYS_dup3, 999, 999, 0), -EINVAL);
    check(call(SYS_dup3, 999, 7, 1), -EINVAL);
    check(call(SYS_dup3, 999, 7, 0), -EBADF);
    i64 named = open_file("file", O_PATH);
    check(call(SYS_fcntl, named, F_SETFL, O_APPEND), -EBADF);
    check(call(SYS_fcntl, named, F_GETFL, 0) & O_PATH, O_PATH);
    check(call(SYS_close, named), 0);
    check(call(SYS_fcntl, file, F_GETPIPE_SZ, 0), -EBADF);
    static i32 owner[2] = {7, 7};
    check(call(SYS_fcntl, file, F_GETOWN_EX, owner), 0);
    check(owner[1], 0);
    struct timespec now = {0, 0};
    u64 mask = 0;
    check(call(SYS_ppoll, 0, 0, &now, &mask, 4), -EINVAL);
    u64 set[2] = {(u64) &mask, 4};
    check(call(SYS_pselect6, 0, 0, 0, 0, &now, set), -EINVAL);
    check(call(SYS_pselect6, -1, 0, 0, 0, &now, 0), -EINVAL);
    /* More than there can be are as many as there are. */
    static u64 bits[4096];
    check(call(SYS_pselect6, 100000, bits, 0, 0, &now, 0), 0);
}

static void transfers(i64 file) {
    i64 other = open_file("other", O_RDWR | O_CREAT);
    i64 offset = -1;
    check(call(SYS_sendfile, other, file, 0, -1), -EINVAL);
    check(call(SYS_sendfile, other, file, &offset, 1), -EINVAL);
    offset = 4;
    check(call(SYS_sendfile, other, file, &offset, 100), 6);
    check(offset, 10);
    check(call(SYS_fcntl, other, F_SETFL, O_APPEND), 0);
    offset = 0;
    check(call(SYS_sendfile, other, file, &offset, 1), -EINVAL);
    i64 folder = open_file(".", O_RDONLY);
    check(call(SYS_sendfile, other, folder, 0, 1) < 0, 1);
    check(call(SYS_close, folder), 0);
    check(call(SYS_close, other), 0);
    check(call(SYS_unlinkat, AT_FDCWD, "other", 0), 0);

    static char text[16];
    struct part parts[2] = {{text, 1}, {text, -1}};
    check(call(SYS_readv, file, parts, 2), -EINVAL);
    check(call(SYS_lseek, file, 0, SEEK_CUR), 0);
    check(call(SYS_writev, file, parts, 2), -EINVAL);
    check(call(SYS_lseek, file, 0, SEEK_CUR), 0);

    check(call(SYS_lseek, file, 3, SEEK_DATA), 3);
    check(call(SYS_lseek, file, 3, SEEK_HOLE), 10);
    check(call(SYS_lseek, file, 10, SEEK_DATA), -ENXIO);
    check(call(SYS_lseek, file, 10, SEEK_HOLE), -ENXIO);
    check(call(SYS_lseek, file, -1, SEEK_DATA), -ENXIO);
    check(call(SYS_lseek, file, 0, 5), -EINVAL);
}

/* What sendfile can read and write depends on the kind of the file, and a device has no position. */
static void sent(i64 file) {
    static const struct {
        const char *path;
        int is_source, is_target, moves;
    } kinds[] = {
        {"/dev/zero", 1, 1, 0}, {"/dev/full", 1, 0, 0}, {"/dev/random", 1, 1, 0}, {"/dev/urandom", 1, 1, 0},
        {"/dev/null", 0, 1, 0}, {"/proc/cpuinfo", 1, -1, 1}, {"/proc/sys/kernel/shmmni", 1, -1, 1},
        {"/proc/self/maps", 0, -1, 1}, {"/proc/self/comm", 0, 0, 1}, {"/proc/self/cmdline", 0, -1, 1},
        {"/proc/self/mem", 0, 0, 1}, {"/proc/self/pagemap", 0, -1, 1}, {"/proc", 0, -1, 1}, {".", 0, -1, 1},
    };
    i64 other = open_file("other", O_RDWR | O_CREAT);
    for (u64 i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        i64 source = open_file(kinds[i].path, O_RDONLY), offset = 0, result = kinds[i].is_source ? 2 : -EINVAL;
        int ends[2];
        u8 bytes[4];
        require(source >= 0);
        check(call(SYS_sendfile, other, source, &offset, 2), result);
        check(offset, kinds[i].is_source && kinds[i].moves ? 2 : 0);
        check(call(SYS_sendfile, other, source, 0, 2), result);
        check(call(SYS_sendfile, other, source, 0, 0), 0);
        check(call(SYS_pipe2, ends, 0), 0);
        offset = 0;
        check(call(SYS_sendfile, ends[1], source, &offset, 2), result);
        check(call(SYS_write, ends[1], "ab", 2), 2);
        check(call(SYS_read, ends[0], bytes, 4), kinds[i].is_source ? 4 : 2);
        check(call(SYS_close, ends[0]), 0);
        check(call(SYS_close, ends[1]), 0);
        check(call(SYS_close, source), 0);
        if (kinds[i].is_target < 0)
            continue;
        i64 target = open_file(kinds[i].path, O_WRONLY);
        require(target >= 0);
        for (i64 from = 0; from <= 10; from += 10) {
            offset = from;
            i64 sent = from == 10 ? 0 : kinds[i].is_target ? 2 : -EINVAL;
            check(call(SYS_sendfile, target, file, &offset, 2), sent);
            check(offset, from + (sent > 0 ? sent : 0));
        }
        check(call(SYS_close, target), 0);
    }
    i64 counter = call(SYS_eventfd2, 0, 0), offset = 0;
    check(call(SYS_sendfile, counter, file, &offset, 8), -EINVAL);
    check(call(SYS_close, counter), 0);
    check(call(SYS_close, other), 0);
    check(call(SYS_unlinkat, AT_FDCWD, "other", 0), 0);
}

/* A read that ends at memory that is not there leaves the page of the pipe in which it ends. */
static void pages_of_pipes(void) {
    static char text[3 * PAGE];
    i32 ends[2];
    check(call(SYS_pipe2, ends, 0), 0);
    check(call(SYS_fcntl, ends[0], F_GETPIPE_SZ, 0), 65536);
    char *end = map(2 * PAGE, RW) + PAGE;
    check(call(SYS_munmap, end, PAGE), 0);
    check(call(SYS_write, ends[1], "abcdefgh", 8), 8);
    check(call(SYS_read, ends[0], end - 4, 8), -EFAULT);
    check(call(SYS_read, ends[0], end - 4, 4), 4);
    check(call(SYS_read, ends[0], text, 8), 4);
    check(memcmp(text, "efgh", 4), 0);
    /* Two writes that do not fit into one page, of which the first is read. */
    check(call(SYS_write, ends[1], text, 3000), 3000);
    check(call(SYS_write, ends[1], text, 2000), 2000);
    check(call(SYS_read, ends[0], end - 3500, 5000), 3000);
    check(call(SYS_read, ends[0], text, 5000), 2000);
    /* Two that fit are one page. */
    check(call(SYS_write, ends[1], text, 2000), 2000);
    check(call(SYS_write, ends[1], text, 2000), 2000);
    check(call(SYS_read, ends[0], end - 3500, 4000), -EFAULT);
    check(call(SYS_read, ends[0], text, 5000), 4000);
    /* Whole pages, and what is more in one of its own. */
    check(call(SYS_write, ends[1], text, PAGE + 100), PAGE + 100);
    check(call(SYS_read, ends[0], end - PAGE, 5000), PAGE);
    check(call(SYS_read, ends[0], text, 5000), 100);
}

static void clocks(void) {
    struct timespec time = {0, 1};
    check(call(SYS_clock_gettime, 10, &time), -EINVAL);
    check(call(SYS_clock_gettime, 12, &time), -EINVAL);
    check(call(SYS_clock_getres, 10, &time), -EINVAL);
    check(call(SYS_clock_getres, 1, &time), 0);
    check(time.nanos, 1);
    for (int clock = 3; clock <= 6; clock++)
        check(call(SYS_clock_nanosleep, clock, 0, &time, 0), -EOPNOTSUPP);
    check(call(SYS_clock_nanosleep, 10, 0, &time, 0), -EINVAL);
    time.nanos = -1;
    check(call(SYS_clock_nanosleep, 1, 0, &time, 0), -EINVAL);
}

/* A script whose interpreter may not be executed, or is a folder. */
static void interpreters(void) {
    i64 file = call(SYS_openat, AT_FDCWD, "script", O_WRONLY | O_CREAT, 0755);
    check(call(SYS_write, file, "#!file\n", 7), 7);
    check(call(SYS_close, file), 0);
    char *arguments[2] = {"script", 0};
    check(call(SYS_execve, "script", arguments, 0), -EACCES);
    file = open_file("script", O_WRONLY | O_TRUNC);
    check(call(SYS_write, file, "#!./\n", 5), 5);
    check(call(SYS_close, file), 0);
    check(call(SYS_execve, "script", arguments, 0), -EACCES);
    check(call(SYS_unlinkat, AT_FDCWD, "script", 0), 0);
}

int main(int argc, char **argv) {
    i64 file = open_file("file", O_RDWR | O_CREAT | O_TRUNC);
    check(call(SYS_pwrite64, file, "0123456789", 10, 0), 10);
    paths();
    descriptors(file);
    transfers(file);
    sent(file);
    pages_of_pipes();
    clocks();
    interpreters();
    check(call(SYS_unlinkat, AT_FDCWD, "file", 0), 0);
    return 0;
}
