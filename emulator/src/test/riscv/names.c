// SPDX-License-Identifier: Apache-2.0
// Names are bytes: two that are no UTF-8 stay two, in folders, links and arguments. And the program, which is outside
// of its root here, can be read and not changed. Runs in an empty folder; with an argument it does without both.
#include "guest.h"
const char *name = NAME;

enum { SYS_prctl = 167, PR_SET_NAME = 15, PR_GET_NAME = 16, AT_REMOVEDIR = 0x200, AT_SYMLINK_FOLLOW = 0x400 };
enum { EROFS = 30, EXDEV = 18, ENAMETOOLONG = 36, S_IFREG = 0100000, S_IFDIR = 0040000, S_IFIFO = 0010000 };

static const char *const odd[] = {"a\xff", "a\xfe", "\xc3\xa4", "\xe4", "a b%41+?#", "-\x7f\x01\n"};
enum { ODD = sizeof odd / sizeof *odd };

static i64 open(const char *file, int flags) {
    return call(SYS_openat, AT_FDCWD, file, flags, 0644);
}

static void folders(void) {
    check(call(SYS_mkdirat, AT_FDCWD, "n\xf6rd", 0755), 0);
    for (int i = 0; i < ODD; i++) {
        char path[32] = "n\xf6rd/";
        memcpy(path + 5, odd[i], strlen(odd[i]) + 1);
        check(call(SYS_close, open(path, O_WRONLY | O_CREAT | O_EXCL)), 0);
        check(open(path, O_WRONLY | O_CREAT | O_EXCL), -EEXIST);
    }
    i64 folder = open("n\xf6rd", O_RDONLY | O_DIRECTORY);
    u8 entries[1024];
    i64 length = call(SYS_getdents64, folder, entries, sizeof entries);
    int found = 0;
    for (i64 at = 0; at < length; at += *(u16 *) (entries + at + 16))
        for (int i = 0; i < ODD; i++)
            found |= (strcmp((char *) entries + at + 19, odd[i]) == 0) << i;
    check(found, (1 << ODD) - 1);
    check(call(SYS_close, folder), 0);
    for (int i = 0; i < ODD; i++) {
        char path[32] = "n\xf6rd/";
        memcpy(path + 5, odd[i], strlen(odd[i]) + 1);
        check(call(SYS_unlinkat, AT_FDCWD, path, 0), 0);
    }
    check(call(SYS_unlinkat, AT_FDCWD, "n\xf6rd", AT_REMOVEDIR), 0);
}

static void links(void) {
    static char target[4097];
    for (int i = 0; i < ODD; i++) {
        check(call(SYS_symlinkat, odd[i], AT_FDCWD, "link"), 0);
        check(call(SYS_readlinkat, AT_FDCWD, "link", target, sizeof target), strlen(odd[i]));
        check(memcmp(target, odd[i], strlen(odd[i])), 0);
        check(call(SYS_close, open("link", O_WRONLY | O_CREAT)), 0);
        check(call(SYS_unlinkat, AT_FDCWD, odd[i], 0), 0);
        check(call(SYS_unlinkat, AT_FDCWD, "link", 0), 0);
    }
    check(call(SYS_symlinkat, "/\xff/../\xe4", AT_FDCWD, "link"), 0);
    check(call(SYS_readlinkat, AT_FDCWD, "link", target, sizeof target), 7);
    check(memcmp(target, "/\xff/../\xe4", 7), 0);
    check(call(SYS_unlinkat, AT_FDCWD, "link", 0), 0);
    check(call(SYS_symlinkat, "", AT_FDCWD, "link"), -ENOENT);
    memset(target, '\xe4', 4096);
    check(call(SYS_symlinkat, target, AT_FDCWD, "link"), -ENAMETOOLONG);
}

/* A script whose first line has a NUL names no interpreter. */
static void scripts(void) {
    i64 script = open("script", O_WRONLY | O_CREAT);
    check(call(SYS_write, script, "#!/bin/a\0b\n", 11), 11);
    check(call(SYS_close, script), 0);
    check(call(SYS_fchmodat, AT_FDCWD, "script", 0755), 0);
    char *arguments[] = {"script", 0};
    check(call(SYS_execve, "script", arguments, arguments + 1), -ENOENT);
    check(call(SYS_unlinkat, AT_FDCWD, "script", 0), 0);
}

static void commands(void) {
    char command[32];
    memset(command, 'x', 32);
    check(call(SYS_prctl, PR_GET_NAME, command), 0);
    for (int i = 16; i < 32; i++)
        check(command[i], 'x');
}

static void arguments(char **argv) {
    i64 child = fork();
    if (child == 0) {
        char *started[] = {argv[0], "x\xff\xe4", 0};
        char *variables[] = {"Y=\xfe", 0};
        call(SYS_execve, "/proc/self/exe", started, variables);
        exit(1);
    }
    check(wait_for(child), 0);
}

static void fixed(void) {
    static char self[4096];
    i64 length = call(SYS_readlinkat, AT_FDCWD, "/proc/self/exe", self, sizeof self - 1);
    require(length > 0);
    check(call(SYS_close, open("other", O_WRONLY | O_CREAT)), 0);
    for (int i = 0; i < 2; i++) {
        const char *path = i == 0 ? self : "/proc/self/exe";
        check(call(SYS_close, open(path, O_RDONLY)), 0);
        check(open(path, O_WRONLY), -EROFS);
        check(open(path, O_RDWR), -EROFS);
        check(open(path, O_RDONLY | O_TRUNC), -EROFS);
        check(call(SYS_truncate, path, 0), -EROFS);
        check(call(SYS_fchmodat, AT_FDCWD, path, 0644), -EROFS);
        check(call(SYS_utimensat, AT_FDCWD, path, 0, 0), -EROFS);
        check(call(SYS_faccessat, AT_FDCWD, path, 2), -EROFS);
        check(call(SYS_faccessat, AT_FDCWD, path, 1), 0);
        check(call(SYS_linkat, AT_FDCWD, path, AT_FDCWD, "made", AT_SYMLINK_FOLLOW), -EXDEV);
    }
    check(call(SYS_unlinkat, AT_FDCWD, self, 0), -EBUSY);
    check(call(SYS_renameat2, AT_FDCWD, self, AT_FDCWD, "made", 0), -EXDEV);
    check(call(SYS_renameat2, AT_FDCWD, "other", AT_FDCWD, self, 0), -EXDEV);
    check(call(SYS_mkdirat, AT_FDCWD, self, 0755), -EEXIST);
    check(call(SYS_mknodat, AT_FDCWD, self, S_IFREG | 0644, 0), -EEXIST);
    check(call(SYS_symlinkat, "other", AT_FDCWD, self), -EEXIST);
    check(call(SYS_linkat, AT_FDCWD, "other", AT_FDCWD, self, 0), -EEXIST);
    check(call(SYS_unlinkat, AT_FDCWD, "other", 0), 0);
}

/* Files of each kind that mknod may make: plain ones. */
static void kinds(int is_qemu) {
    static const int plain[] = {0600, S_IFREG | 0600};
    for (int i = 0; i < 2; i++) {
        u32 status[32];
        check(call(SYS_mknodat, AT_FDCWD, "made", plain[i], 0), 0);
        check(call(SYS_newfstatat, AT_FDCWD, "made", status, 0), 0);
        check(status[4], S_IFREG | 0600);
        check(call(SYS_mknodat, AT_FDCWD, "made", plain[i], 0), -EEXIST);
        check(call(SYS_unlinkat, AT_FDCWD, "made", 0), 0);
    }
    check(call(SYS_mknodat, AT_FDCWD, "made", S_IFDIR | 0600, 0), -EPERM);
    check(call(SYS_mknodat, AT_FDCWD, "made", 0150000 | 0600, 0), -EINVAL);
    if (!is_qemu) {
        check(call(SYS_mknodat, AT_FDCWD, "none/made", S_IFIFO | 0600, 0), -ENOENT);
        check(call(SYS_mknodat, AT_FDCWD, "made", S_IFIFO | 0600, 0), -EPERM);
    }
    check(open("made", O_RDONLY), -ENOENT);
}

int main(int argc, char **argv) {
    if (argc > 1 && argv[1][0] == 'x') {
        check(strcmp(argv[1], "x\xff\xe4"), 0);
        check(strcmp(environment[0], "Y=\xfe"), 0);
        exit(0);
    }
    folders();
    links();
    kinds(argc > 1);
    scripts();
    commands();
    if (argc == 1) {
        arguments(argv);
        fixed();
    }
    return 0;
}
