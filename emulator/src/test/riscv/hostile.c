// SPDX-License-Identifier: Apache-2.0
// Numbers that are wrong or too large: each call answers with an error, and takes nothing.
#include "guest.h"
const char *name = NAME;

enum { SYS_fallocate = 47, SYS_close_range = 436 };
enum { CHILDREN = 4 };
enum { E2BIG = 7, ENFILE = 23, EFBIG = 27 };

struct part {
    void *address;
    i64 length;
};

static int next_descriptor(void) {
    i64 found = call(SYS_dup, 1);
    check(call(SYS_close, found), 0);
    return (int) found;
}

static void lengths(void) {
    static u8 bytes[8];
    struct part wrong = {bytes, -1}, right = {bytes, 8};
    check(call(SYS_process_vm_readv, call(SYS_getpid), &wrong, 1, &right, 1, 0), -EINVAL);
    check(call(SYS_process_vm_readv, call(SYS_getpid), &right, 1, &wrong, 1, 0), -EINVAL);
    i64 file = call(SYS_memfd_create, "file", 0);
    check(call(SYS_fallocate, file, 0, 1, 0x7fffffffffffffff), -EFBIG);
    check(call(SYS_close, file), 0);
    u8 *at = map(1ul << 36, PROT_NONE);
    check(call(SYS_mincore, at, 1ul << 36, 8), -EFAULT);
    check(call(SYS_mincore, at, -1), -ENOMEM);
    check(call(SYS_munmap, at, 1ul << 36), 0);
}

static void pipes(void) {
    int before = next_descriptor();
    check(call(SYS_pipe2, 8, 0), -EFAULT);
    check(next_descriptor(), before);
    // A child for each 500 pipes: they have more than there may be together.
    int last[2];
    i64 children[CHILDREN];
    check(call(SYS_pipe2, last, 0), 0);
    for (int i = 0; i < CHILDREN; i++) {
        children[i] = fork();
        if (children[i] == 0) {
            int ends[2];
            i64 result = 0;
            for (int made = 0; made < 500 && result == 0; made++)
                result = call(SYS_pipe2, ends, 0);
            u8 told = (u8) -result;
            check(call(SYS_write, last[1], &told, 1), 1);
            for (;;)
                call(SYS_ppoll, 0, 0, 0, 0);
        }
    }
    int refused = 0;
    for (int i = 0; i < CHILDREN; i++) {
        u8 told;
        check(call(SYS_read, last[0], &told, 1), 1);
        require(told == 0 || told == ENFILE);
        refused += told == ENFILE;
    }
    require(refused >= 2);
    for (int i = 0; i < CHILDREN; i++) {
        check(call(SYS_kill, children[i], SIGKILL), 0);
        check(wait_for(children[i]), SIGKILL);
    }
    int again[2];
    check(call(SYS_pipe2, again, 0), 0);
}

static void arguments(void) {
    int ends[2];
    check(call(SYS_pipe2, ends, 0), 0);
    i64 file = call(SYS_memfd_create, "file", 0);
    check(call(SYS_close_range, file, file, 8), -EINVAL);
    check(call(SYS_close_range, ends[0], file, 0), 0);
    check(call(SYS_close, file), -EBADF);
}

static void strings(void) {
    static char *arguments[4097];
    static char text[4096];
    for (int i = 0; i < 4095; i++)
        text[i] = 'a';
    for (int i = 0; i < 4096; i++)
        arguments[i] = text;
    check(call(SYS_execve, "/proc/self/exe", arguments, 0), -E2BIG);
    check(call(SYS_execve, "/none", arguments, 0), -ENOENT);
}

static volatile int racing = 1, tid;
static i64 shared;
static u8 stack[16384] __attribute__((aligned(16)));

static void close_and_open(void *unused) {
    while (racing) {
        call(SYS_close, shared);
        i64 again = call(SYS_openat, AT_FDCWD, "/race", O_RDWR, 0);
        if (again >= 0 && again != shared)
            call(SYS_close, again);
    }
}

/* A descriptor that another thread closes during a call. */
static void race(void) {
    static u8 bytes[64];
    shared = call(SYS_openat, AT_FDCWD, "/race", O_RDWR | O_CREAT, 0600);
    require(shared >= 0);
    check(call(SYS_write, shared, bytes, sizeof bytes), sizeof bytes);
    require(thread(close_and_open, 0, stack + sizeof stack, &tid) > 0);
    for (int i = 0; i < 20000; i++) {
        i64 got = call(SYS_pread64, shared, bytes, sizeof bytes, 0);
        require(got == sizeof bytes || got == -EBADF);
    }
    racing = 0;
    join(&tid);
}

int main(int argc, char **argv) {
    lengths();
    arguments();
    strings();
    race();
    pipes();
    return 0;
}
