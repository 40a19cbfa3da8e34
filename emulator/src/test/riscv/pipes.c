// SPDX-License-Identifier: Apache-2.0
// Pipes, poll, descriptors, and the end of a reader.
#include "guest.h"
const char *name = NAME;

struct polled {
    int descriptor;
    short events, found;
};

static volatile int piped;

static void on_pipe(int signal, struct siginfo *info, struct context *context) {
    piped++;
}

static void bytes(void) {
    enum { TOTAL = 300000 };
    int pipes[2];
    check(call(SYS_pipe2, pipes, O_CLOEXEC), 0);
    i64 child = fork();
    if (child == 0) {
        static u8 chunk[5000];
        call(SYS_close, pipes[0]);
        for (int sent = 0; sent < TOTAL; sent += 5000) {
            for (int i = 0; i < 5000; i++)
                chunk[i] = (u8) ((sent + i) * 7);
            check(call(SYS_write, pipes[1], chunk, 5000), 5000);
        }
        exit(0);
    }
    check(call(SYS_close, pipes[1]), 0);
    static u8 got[7001];
    int total = 0;
    for (i64 length; (length = call(SYS_read, pipes[0], got, sizeof got)) != 0;) {
        require(length > 0);
        for (i64 i = 0; i < length; i++)
            check(got[i], (u8) ((total + i) * 7));
        total += (int) length;
    }
    check(total, TOTAL);
    check(wait_for(child), 0);
    check(call(SYS_close, pipes[0]), 0);
}

static void polls(void) {
    int pipes[2];
    check(call(SYS_pipe2, pipes, O_NONBLOCK), 0);
    u8 byte;
    check(call(SYS_read, pipes[0], &byte, 1), -EAGAIN);
    struct polled both[2] = {{pipes[0], 1, 0}, {pipes[1], 4, 0}};
    struct timespec none = {0, 0}, some = {0, 2000000};
    check(call(SYS_ppoll, both, 2, &none, 0, 8), 1);
    check(both[0].found, 0);
    check(both[1].found, 4);
    check(call(SYS_ppoll, both, 1, &some, 0, 8), 0);
    i64 child = fork();
    if (child == 0) {
        struct timespec time = {0, 20000000};
        call(SYS_nanosleep, &time, 0);
        call(SYS_write, pipes[1], "q", 1);
        exit(0);
    }
    check(call(SYS_ppoll, both, 1, 0, 0, 8), 1);
    check(both[0].found, 1);
    check(call(SYS_read, pipes[0], &byte, 1), 1);
    check(byte, 'q');
    check(wait_for(child), 0);
    check(call(SYS_close, pipes[1]), 0);
    check(call(SYS_ppoll, both, 1, 0, 0, 8), 1);
    check(both[0].found, 16);
    struct polled closed = {pipes[1], 1, 0};
    check(call(SYS_ppoll, &closed, 1, 0, 0, 8), 1);
    check(closed.found, 32);
    check(call(SYS_close, pipes[0]), 0);
}

static void descriptors(void) {
    int pipes[2];
    check(call(SYS_pipe2, pipes, 0), 0);
    i64 copy = call(SYS_dup, pipes[1]);
    require(copy > pipes[1]);
    check(call(SYS_fcntl, copy, 1, 0), 0);
    check(call(SYS_fcntl, copy, 2, 1), 0);
    check(call(SYS_fcntl, copy, 1, 0), 1);
    check(call(SYS_fcntl, pipes[1], 3, 0) & 3, 1);
    int one = 1;
    check(call(SYS_ioctl, copy, 0x5450), 0);
    check(call(SYS_fcntl, copy, 1, 0), 0);
    check(call(SYS_ioctl, copy, 0x5451), 0);
    check(call(SYS_fcntl, copy, 1, 0), 1);
    check(call(SYS_ioctl, pipes[1], 0x5421, 0), -EFAULT);
    check(call(SYS_ioctl, pipes[1], 0x5421, &one), 0);
    check(call(SYS_fcntl, pipes[1], 3, 0) & O_NONBLOCK, O_NONBLOCK);
    one = 0;
    check(call(SYS_ioctl, pipes[1], 0x5421, &one), 0);
    check(call(SYS_fcntl, pipes[1], 3, 0) & O_NONBLOCK, 0);
    check(call(SYS_ioctl, pipes[1], 0x5401, &one), -25);
    check(call(SYS_close, pipes[1]), 0);
    check(call(SYS_write, copy, "a", 1), 1);
    u8 byte;
    check(call(SYS_read, pipes[0], &byte, 1), 1);
    check(call(SYS_close, pipes[0]), 0);
    on(SIGPIPE, on_pipe, 0);
    check(call(SYS_write, copy, "a", 1), -EPIPE);
    check(piped, 1);
    check(call(SYS_close, copy), 0);
    check(call(SYS_close, copy), -EBADF);
    check(call(SYS_dup3, 1, 1, 0), -EINVAL);
    check(call(SYS_lseek, 0, 0, 0) <= 0, 1);
    check(call(9999), -ENOSYS);
}

/* Returns whether /proc/self/fd has a descriptor. */
static int is_listed(int descriptor) {
    static u8 entries[4096];
    i64 folder = call(SYS_openat, AT_FDCWD, "/proc/self/fd", O_RDONLY | O_DIRECTORY, 0);
    require(folder >= 0);
    int found = 0;
    i64 length;
    while ((length = call(SYS_getdents64, folder, entries, sizeof entries)) > 0)
        for (i64 at = 0; at < length; at += *(u16 *) (entries + at + 16)) {
            const u8 *entry = entries + at + 19;
            found |= entry[0] == '0' + descriptor && entry[1] == 0;
        }
    check(length, 0);
    check(call(SYS_close, folder), 0);
    return found;
}

static void listed(void) {
    check(is_listed(0), 1);
    check(call(SYS_dup3, 0, 9, 0), 9);
    check(is_listed(9), 1);
    check(call(SYS_close, 9), 0);
    check(is_listed(9), 0);
}

/* A path that stands for an end of a pipe: a look at it keeps nothing open. */
static void looks(void) {
    u8 status[128], byte;
    int pipes[2];
    check(call(SYS_pipe2, pipes, O_NONBLOCK), 0);
    require(pipes[1] < 10);
    char path[] = "/proc/self/fd/0";
    path[14] += (char) pipes[1];
    check(call(SYS_newfstatat, AT_FDCWD, path, status, 0), 0);
    check(call(SYS_faccessat, AT_FDCWD, path, 0), 0);
    check(call(SYS_read, pipes[0], &byte, 1), -EAGAIN);
    check(call(SYS_close, pipes[1]), 0);
    check(call(SYS_read, pipes[0], &byte, 1), 0);
    check(call(SYS_close, pipes[0]), 0);
}

int main(int argc, char **argv) {
    bytes();
    polls();
    descriptors();
    looks();
    listed();
    return 0;
}
