// SPDX-License-Identifier: Apache-2.0
// Reads into memory that ends in the middle: what it does not take stays in the pipe, the file or the folder. Runs in a
// folder that it may write; with an argument it leaves out what QEMU does otherwise.
#include "guest.h"
const char *name = NAME;

enum { SYS_readv = 65, AT_REMOVEDIR = 0x200, SEEK_SET = 0, SEEK_CUR = 1, CHUNK = 256 << 10 };

static char *end;

static void pipes(void) {
    int both[2];
    char left[8];
    check(call(SYS_pipe2, both, O_NONBLOCK), 0);
    check(call(SYS_write, both[1], "12345", 5), 5);
    check(call(SYS_read, both[0], 8, 5), -EFAULT);
    check(call(SYS_read, both[0], end, 5), -EFAULT);
    check(call(SYS_read, both[0], end - 2, 5), -EFAULT);
    check(call(SYS_read, both[0], left, 8), 5);
    check(memcmp(left, "12345", 5), 0);
    check(call(SYS_read, both[0], 8, 5), -EAGAIN);
    check(call(SYS_write, both[1], "abcdef", 6), 6);
    struct {
        char *start;
        u64 length;
    } parts[] = {{left, 2}, {end - 1, 3}, {left, 2}};
    check(call(SYS_readv, both[0], parts, 3), -EFAULT);
    parts[1].start = left + 4;
    check(call(SYS_readv, both[0], parts, 2), 5);
    check(memcmp(left, "ab", 2), 0);
    check(memcmp(left + 4, "cde", 3), 0);
    /* What is there is read, though there is more room. */
    check(call(SYS_readv, both[0], parts, 2), 1);
    check(call(SYS_write, both[1], end - 4, 8), -EFAULT);
    check(call(SYS_read, both[0], left, 8), -EAGAIN);
    check(call(SYS_close, both[1]), 0);
    check(call(SYS_read, both[0], 8, 5), 0);
    check(call(SYS_close, both[0]), 0);
}

static void files(void) {
    i64 file = call(SYS_openat, AT_FDCWD, "part", O_RDWR | O_CREAT, 0644);
    check(call(SYS_write, file, "abcdefghij", 10), 10);
    check(call(SYS_lseek, file, 0, SEEK_SET), 0);
    check(call(SYS_read, file, 8, 5), -EFAULT);
    check(call(SYS_lseek, file, 0, SEEK_CUR), 0);
    check(call(SYS_read, file, end - 4, 10), 4);
    check(memcmp(end - 4, "abcd", 4), 0);
    check(call(SYS_lseek, file, 0, SEEK_CUR), 4);
    check(call(SYS_pread64, file, end - 3, 10, 1), 3);
    check(call(SYS_lseek, file, 0, SEEK_CUR), 4);
    check(call(SYS_ftruncate, file, 4 * CHUNK), 0);
    char *large = map(4 * CHUNK, RW);
    check(call(SYS_munmap, large + CHUNK + 3 * PAGE, PAGE), 0);
    check(call(SYS_lseek, file, 0, SEEK_SET), 0);
    check(call(SYS_read, file, large, 4 * CHUNK), CHUNK + 3 * PAGE);
    check(call(SYS_lseek, file, 0, SEEK_CUR), CHUNK + 3 * PAGE);
    check(call(SYS_close, file), 0);
    check(call(SYS_unlinkat, AT_FDCWD, "part", 0), 0);
}

static int names(i64 folder, char *to, i64 length) {
    int found = 0;
    i64 read = call(SYS_getdents64, folder, to, length);
    if (read < 0)
        return read;
    for (i64 at = 0; at < read; at += *(u16 *) (to + at + 16))
        found++;
    return found;
}

static void folders(void) {
    check(call(SYS_mkdirat, AT_FDCWD, "many", 0755), 0);
    char path[] = "many/a";
    for (int i = 0; i < 5; i++, path[5]++)
        check(call(SYS_close, call(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT, 0644)), 0);
    i64 folder = call(SYS_openat, AT_FDCWD, "many", O_RDONLY | O_DIRECTORY, 0);
    char all[512];
    check(names(folder, (char *) 8, 512), -EFAULT);
    check(names(folder, all, sizeof all), 7);
    check(call(SYS_lseek, folder, 0, SEEK_SET), 0);
    check(names(folder, end - 60, 512), 2);
    check(names(folder, all, sizeof all), 5);
    check(call(SYS_close, folder), 0);
    for (int i = 0; i < 5; i++) {
        path[5]--;
        check(call(SYS_unlinkat, AT_FDCWD, path, 0), 0);
    }
    check(call(SYS_unlinkat, AT_FDCWD, "many", AT_REMOVEDIR), 0);
}

int main(int argc, char **argv) {
    char *pages = map(2 * PAGE, RW);
    end = pages + PAGE;
    check(call(SYS_munmap, end, PAGE), 0);
    i64 null = call(SYS_openat, AT_FDCWD, "/dev/null", O_WRONLY, 0);
    if (argc == 1)
        check(call(SYS_write, null, 8, 4), 4);
    pipes();
    files();
    folders();
    return 0;
}
