// SPDX-License-Identifier: Apache-2.0
// Scripts that this program interprets: their names in the arguments, in the auxiliary vector and in /proc are those by
// which they were executed. Runs in a folder that it may write, whose path is not long.
#include "guest.h"
const char *name = NAME;

enum { EXECFN = 31, REMOVE_FOLDER = 0x200 };

static char self[256];

static void find_self(void) {
    i64 length = call(SYS_readlinkat, AT_FDCWD, "/proc/self/exe", self, sizeof self - 1);
    require(length > 0);
    self[length] = 0;
}

static void equal(const char *got, const char *wanted) {
    if (strcmp(got, wanted) != 0) {
        print(got);
        print(" is not ");
        print(wanted);
        print("\n");
        exit(1);
    }
}

static const char *text_of(const char *path) {
    static char text[512];
    i64 file = call(SYS_openat, AT_FDCWD, path, O_RDONLY, 0);
    i64 length = call(SYS_read, file, text, sizeof text - 1);
    require(length > 0);
    text[length] = 0;
    if (text[length - 1] == '\n')
        text[length - 1] = 0;
    check(call(SYS_close, file), 0);
    return text;
}

/* What follows the argument of the first line: the script, and then what is expected of it. */
static void inner(char **argv) {
    const char *called = 0;
    for (u64 *at = auxiliary; *at != 0; at += 2)
        if (*at == EXECFN)
            called = (const char *) at[1];
    equal(argv[0], self);
    equal(argv[2], argv[3]);
    equal(called, argv[4]);
    equal(text_of("/proc/self/comm"), argv[5]);
    const char *line = text_of("/proc/self/cmdline");
    equal(line, self);
    equal(line + strlen(self) + 1, "inner");
    equal(line + strlen(self) + 7, argv[3]);
}

static void write_script(const char *path, const char *interpreter, const char *argument) {
    i64 file = call(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_EXCL, 0755);
    require(file >= 0);
    check(call(SYS_write, file, "#! ", 3), 3);
    check(call(SYS_write, file, interpreter, strlen(interpreter)), strlen(interpreter));
    check(call(SYS_write, file, argument, strlen(argument)), strlen(argument));
    check(call(SYS_close, file), 0);
}

static void run(const char *path, const char *command) {
    i64 child = fork();
    if (child == 0) {
        const char *const arguments[] = {"replaced", path, path, command, 0};
        check(call(SYS_execve, path, arguments, environment), 0);
    }
    check(wait_for(child), 0);
}

int main(int argc, char **argv) {
    find_self();
    if (argc > 1) {
        require(argc >= 6);
        name = "";
        inner(argv);
        exit(0);
    }
    check(call(SYS_mkdirat, AT_FDCWD, "s", 0755), 0);
    write_script("s/sc", self, " inner\n");
    check(call(SYS_symlinkat, "s/sc", AT_FDCWD, "a link"), 0);
    run("s/sc", "sc");
    run("./s/../s//sc", "sc");
    run("a link", "a link");
    check(call(SYS_unlinkat, AT_FDCWD, "a link", 0), 0);
    check(call(SYS_unlinkat, AT_FDCWD, "s/sc", 0), 0);
    check(call(SYS_unlinkat, AT_FDCWD, "s", REMOVE_FOLDER), 0);
    return 0;
}
