// SPDX-License-Identifier: Apache-2.0
// The arguments and the environment in /proc are those that the memory of the process has now.
#include "guest.h"
const char *name = NAME;

static u8 text[8192];

static i64 read_file(const char *path) {
    i64 file = call(SYS_openat, AT_FDCWD, path, O_RDONLY, 0);
    require(file >= 0);
    i64 length = call(SYS_read, file, text, sizeof text);
    check(call(SYS_close, file), 0);
    return length;
}

/* The path of a file of a process. */
static const char *of(i64 pid, const char *file) {
    static char path[64];
    char digits[8];
    int count = 0, at = 6;
    memcpy(path, "/proc/", 6);
    for (; pid > 0; pid /= 10)
        digits[count++] = (char) ('0' + pid % 10);
    while (count > 0)
        path[at++] = digits[--count];
    memcpy(path + at, file, strlen(file) + 1);
    return path;
}

int main(int argc, char **argv) {
    char *start = argv[0];
    char *end = argv[argc - 1] + strlen(argv[argc - 1]) + 1;
    char *last = environment[0];
    for (int i = 0; environment[i] != 0; i++)
        last = environment[i];
    // All are one after the other.
    check(read_file("/proc/self/cmdline"), end - start);
    check(memcmp(text, start, end - start), 0);
    if (last != 0) {
        check(environment[0] - end, 0);
        check(read_file("/proc/self/environ"), last + strlen(last) + 1 - environment[0]);
        check(memcmp(text, environment[0], 3), 0);
        environment[0][0] = 'Z';
        require(read_file("/proc/self/environ") > 0);
        check(text[0], 'Z');
    }
    start[0] = 'X';
    check(read_file("/proc/self/cmdline"), end - start);
    check(text[0], 'X');
    // A title that has overwritten the last 0 ends at the next one.
    end[-1] = 'Y';
    check(read_file("/proc/self/cmdline"), strlen(start) + 1);
    check(memcmp(text, start, strlen(start) + 1), 0);
    end[-1] = 0;
    // A child has the same, until it changes its own.
    i64 self = call(SYS_getpid);
    i64 child = fork();
    if (child == 0) {
        start[0] = 'C';
        check(read_file("/proc/self/cmdline"), end - start);
        check(text[0], 'C');
        check(read_file(of(self, "/cmdline")), end - start);
        check(text[0], 'X');
        exit(0);
    }
    struct siginfo info;
    check(call(SYS_waitid, 1, child, &info, 4 | 0x01000000, 0), 0);
    check(read_file(of(child, "/cmdline")), 0);
    check(wait_for(child), 0);
    return 0;
}
