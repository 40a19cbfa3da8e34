// SPDX-License-Identifier: Apache-2.0
// A file that a process executes cannot be opened for writing, nor executed while it is open for writing. Runs in a
// folder that it may write.
#include "guest.h"
const char *name = NAME;

enum { ETXTBSY = 26, W_OK = 2, GATE = 30, READY = 31 };

static i64 open_at(const char *file, int flags) {
    return call(SYS_openat, AT_FDCWD, file, flags, 0755);
}

static void copy_self(const char *to) {
    static u8 bytes[PAGE];
    i64 from = open_at("/proc/self/exe", O_RDONLY), file = open_at(to, O_CREAT | O_WRONLY), length;
    require(from >= 0 && file >= 0);
    while ((length = call(SYS_read, from, bytes, sizeof bytes)) > 0)
        check(call(SYS_write, file, bytes, length), length);
    check(call(SYS_close, from), 0);
    check(call(SYS_close, file), 0);
}

static i64 execute(const char *file, const char *mode) {
    const char *const arguments[] = {file, mode, 0};
    return call(SYS_execve, file, arguments, environment);
}

/* A program that says that it runs, and ends when the last writer of its gate has. */
static int wait_at_gate(int status) {
    u8 byte;
    check(call(SYS_write, READY, "r", 1), 1);
    check(call(SYS_read, GATE, &byte, 1), 0);
    return status;
}

static int gate[2], ready[2];

static i64 start(const char *file, const char *mode) {
    u8 byte;
    check(call(SYS_pipe2, gate, O_CLOEXEC), 0);
    check(call(SYS_pipe2, ready, O_CLOEXEC), 0);
    i64 child = fork();
    if (child == 0) {
        check(call(SYS_dup3, gate[0], GATE, 0), GATE);
        check(call(SYS_dup3, ready[1], READY, 0), READY);
        exit((int) -execute(file, mode));
    }
    check(call(SYS_close, ready[1]), 0);
    check(call(SYS_read, ready[0], &byte, 1), 1);
    return child;
}

static void open_gate(void) {
    u8 byte;
    check(call(SYS_close, gate[1]), 0);
    check(call(SYS_close, gate[0]), 0);
    // The memory of the last process ends before its descriptors.
    check(call(SYS_read, ready[0], &byte, 1), 0);
    check(call(SYS_close, ready[0]), 0);
}

static void check_opened(i64 descriptor) {
    require(descriptor >= 0);
    check(call(SYS_close, descriptor), 0);
}

/* Each way to open a file for writing, or to change its length. */
static void refused(const char *file) {
    check(open_at(file, O_WRONLY), -ETXTBSY);
    check(open_at(file, O_RDWR), -ETXTBSY);
    check(open_at(file, O_WRONLY | O_APPEND), -ETXTBSY);
    check(open_at(file, O_RDONLY | O_TRUNC), -ETXTBSY);
    check(open_at(file, O_WRONLY | O_CREAT), -ETXTBSY);
    check(open_at(file, O_WRONLY | O_CREAT | O_EXCL), -EEXIST);
    check(call(SYS_truncate, file, 1), -ETXTBSY);
    check(call(SYS_truncate, file, -1), -EINVAL);
    check_opened(open_at(file, O_RDONLY));
    check_opened(open_at(file, O_WRONLY | O_PATH));
    check(call(SYS_faccessat, AT_FDCWD, file, W_OK), 0);
    check(call(SYS_fchmodat, AT_FDCWD, file, 0755), 0);
    i64 reader = open_at(file, O_RDONLY);
    char link[] = "/proc/self/fd/0";
    require(reader >= 0 && reader < 10);
    link[sizeof link - 2] = (char) ('0' + reader);
    check(open_at(link, O_RDWR), -ETXTBSY);
    check(open_at(link, O_RDONLY | O_TRUNC), -ETXTBSY);
    check(call(SYS_truncate, link, 0), -ETXTBSY);
    check(call(SYS_ftruncate, reader, 0), -EINVAL);
    check(call(SYS_close, reader), 0);
}

static void running(void) {
    i64 child = start("copy", "wait");
    refused("copy");
    check(call(SYS_linkat, AT_FDCWD, "copy", AT_FDCWD, "hard", 0), 0);
    check(call(SYS_symlinkat, "copy", AT_FDCWD, "soft"), 0);
    refused("hard");
    refused("soft");
    check(call(SYS_renameat2, AT_FDCWD, "copy", AT_FDCWD, "moved", 0), 0);
    refused("moved");
    // Another file may have the name.
    check_opened(open_at("copy", O_CREAT | O_WRONLY));
    check(call(SYS_renameat2, AT_FDCWD, "moved", AT_FDCWD, "copy", 0), 0);
    refused("copy");
    open_gate();
    check(wait_for(child), 5 << 8);
    check_opened(open_at("copy", O_WRONLY));
}

/* A child runs the program of its parent, also when that has ended. */
static void forked(void) {
    i64 child = start("copy", "fork");
    check(wait_for(child), 6 << 8);
    refused("copy");
    open_gate();
    check_opened(open_at("hard", O_RDWR));
}

/* The file of a script may be written while it runs, that of its interpreter not. */
static void script(void) {
    i64 file = open_at("script", O_CREAT | O_WRONLY);
    check(call(SYS_write, file, "#!copy wait\n", 12), 12);
    check(execute("script", "x"), -ETXTBSY);
    check(call(SYS_close, file), 0);
    i64 child = start("script", "x");
    check_opened(open_at("script", O_WRONLY | O_TRUNC));
    refused("copy");
    open_gate();
    check(wait_for(child), 5 << 8);
}

/* No program starts while its file is open for writing. */
static void written(void) {
    i64 file = open_at("copy", O_RDWR);
    check(execute("copy", "exit"), -ETXTBSY);
    check(execute("hard", "exit"), -ETXTBSY);
    i64 text = open_at("script", O_WRONLY);
    check(call(SYS_write, text, "#!copy exit\n", 12), 12);
    check(call(SYS_close, text), 0);
    check(execute("script", "x"), -ETXTBSY);
    const char **many = (const char **) map((1 << 20) + PAGE, RW);
    for (int i = 0; i < 1 << 17; i++)
        many[i] = "more than there may be of it, by far";
    check(call(SYS_execve, "copy", many, 0), -ETXTBSY);
    // A mapping is a use of its open.
    u8 *at = (u8 *) call(SYS_mmap, 0, PAGE, PROT_READ, MAP_SHARED, file, 0);
    require((i64) at > 0);
    check(call(SYS_close, file), 0);
    check(execute("copy", "exit"), -ETXTBSY);
    check(call(SYS_munmap, at, PAGE), 0);
    i64 place = open_at("copy", O_PATH | O_WRONLY);
    i64 child = fork();
    if (child == 0)
        exit((int) -execute("copy", "exit"));
    check(wait_for(child), 7 << 8);
    check(call(SYS_close, place), 0);
    check(call(SYS_execve, "copy", many, 0), -7);
}

int main(int argc, char **argv) {
    if (argc > 1) {
        const char *mode = argv[1];
        name = "";
        if (strcmp(mode, "exit") == 0)
            exit(7);
        if (strcmp(mode, "fork") == 0 && fork() != 0)
            exit(6);
        exit(wait_at_gate(5));
    }
    copy_self("copy");
    running();
    forked();
    script();
    written();
    return 0;
}
