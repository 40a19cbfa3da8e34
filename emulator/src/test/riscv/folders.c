// SPDX-License-Identifier: Apache-2.0
// Folders that are current or open, and files that are open, while they are renamed, replaced and removed. Runs in a
// folder that it may write.
#include "guest.h"
const char *name = NAME;

enum { SYS_chdir = 49, SYS_fchdir = 50, SYS_fchmod = 52, FOLDER = O_RDONLY | O_DIRECTORY, REMOVE_FOLDER = 0x200 };

static char text[4096];

static int ends(i64 length, const char *wanted) {
    require(length >= 0 && length < (i64) sizeof text);
    text[length] = 0;
    i64 from = length - (i64) strlen(wanted);
    return from >= 0 && strcmp(text + from, wanted) == 0;
}

static int is_current(const char *wanted) {
    return ends(call(SYS_getcwd, text, sizeof text) - 1, wanted);
}

static int is_linked(i64 file, const char *wanted) {
    char path[] = "/proc/self/fd/00";
    path[14] = '0' + file / 10;
    path[15] = '0' + file % 10;
    if (file < 10)
        memcpy(path + 14, path + 15, 2);
    return ends(call(SYS_readlinkat, AT_FDCWD, path, text, sizeof text), wanted);
}

static i64 open_in(i64 folder, const char *path, int flags) {
    return call(SYS_openat, folder, path, flags, 0600);
}

static i64 open_at(const char *path, int flags) {
    return open_in(AT_FDCWD, path, flags);
}

static i64 make_folder(const char *path) {
    return call(SYS_mkdirat, AT_FDCWD, path, 0700);
}

static i64 move(const char *from, const char *to) {
    return call(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}

static u64 status[32];

static u64 number_of(const char *path) {
    check(call(SYS_newfstatat, AT_FDCWD, path, status, 0), 0);
    return status[1];
}

static int names_of(i64 file) {
    check(call(SYS_fstat, file, status), 0);
#ifdef __riscv
    return status[2] >> 32;
#else
    return status[2];
#endif
}

static void renamed(void) {
    check(make_folder("d"), 0);
    check(make_folder("dd"), 0);
    check(make_folder("d/e"), 0);
    i64 folder = open_at("d/e", FOLDER), other = open_at("dd", FOLDER);
    i64 file = open_at("d/e/f", O_RDWR | O_CREAT | O_EXCL);
    require(file >= 0);
    check(move("d", "x"), 0);
    require(is_linked(folder, "/x/e"));
    require(is_linked(file, "/x/e/f"));
    require(is_linked(other, "/dd"));
    i64 again = open_in(folder, "f", O_RDONLY);
    require(again >= 0);
    check(call(SYS_close, again), 0);
    check(call(SYS_mkdirat, folder, "g", 0700), 0);
    check(call(SYS_faccessat, AT_FDCWD, "x/e/g", 0), 0);
    check(call(SYS_unlinkat, folder, "g", REMOVE_FOLDER), 0);
    check(names_of(file), 1);
    check(call(SYS_fchmod, file, 0640), 0);
    require(number_of("x/e/f") > 0);
#ifdef __riscv
    check(status[2] & 0777, 0640);
#endif
    check(call(SYS_chdir, "x/e"), 0);
    check(move("../../x", "../../y"), 0);
    require(is_current("/y/e"));
    again = open_at("../e/f", O_RDONLY);
    require(again >= 0);
    check(call(SYS_close, again), 0);
    i64 child = fork();
    if (child == 0) {
        check(move("../../y", "../../z"), 0);
        require(is_current("/z/e"));
        exit(0);
    }
    check(wait_for(child), 0);
    require(is_current("/z/e"));
    check(move("../e", "../h"), 0);
    require(is_current("/z/h"));
    check(call(SYS_faccessat, AT_FDCWD, "f", 0), 0);
    check(make_folder("../e"), 0);
    check(call(SYS_mkdirat, folder, "in", 0700), 0);
    check(call(SYS_faccessat, AT_FDCWD, "../h/in", 0), 0);
    check(call(SYS_unlinkat, AT_FDCWD, "in", REMOVE_FOLDER), 0);
    check(move("../h", "../h/in"), -EINVAL);
    require(is_current("/z/h"));
    check(call(SYS_close, other), 0);
    check(call(SYS_close, file), 0);
    check(call(SYS_close, folder), 0);
    check(call(SYS_unlinkat, AT_FDCWD, "f", 0), 0);
}

/* The current folder is z/h. */
static void removed(void) {
    u64 above = number_of("..");
    i64 folder = open_at(".", FOLDER);
    check(call(SYS_unlinkat, AT_FDCWD, "../h", REMOVE_FOLDER), 0);
    for (int round = 0; round < 2; round++) {
        check(call(SYS_getcwd, text, sizeof text), -ENOENT);
        require(ends(call(SYS_readlinkat, AT_FDCWD, "/proc/self/cwd", text, sizeof text), "/z/h (deleted)"));
        require(is_linked(folder, "/z/h (deleted)"));
        check(open_at("f", O_RDONLY), -ENOENT);
        check(open_at("f", O_RDWR | O_CREAT), -ENOENT);
        check(open_at(".", O_RDWR | O_CREAT), -EISDIR);
        check(open_at(".", O_RDWR), -EISDIR);
        check(make_folder("f"), -ENOENT);
        check(call(SYS_mkdirat, folder, "f", 0700), -ENOENT);
        check(call(SYS_symlinkat, "target", folder, "f"), -ENOENT);
        check(move("f", "g"), -ENOENT);
        require(number_of(".") > 0);
        require(number_of("./") > 0);
        check(number_of(".."), above);
        check(number_of("./../."), above);
        check(call(SYS_faccessat, AT_FDCWD, "../e", 0), 0);
        check(call(SYS_faccessat, folder, "../../z/e", 0), 0);
        check(call(SYS_faccessat, AT_FDCWD, "../none", 0), -ENOENT);
        check(call(SYS_chdir, "."), 0);
        check(call(SYS_fchdir, folder), 0);
        i64 again = open_at(".", FOLDER);
        require(again >= 0);
        check(names_of(again), 0);
        check(call(SYS_getdents64, again, text, sizeof text), -ENOENT);
        check(call(SYS_getdents64, folder, text, sizeof text), -ENOENT);
        check(call(SYS_close, again), 0);
        // Another folder with the name is another one.
        if (round == 0)
            check(make_folder("../h"), 0);
    }
    check(call(SYS_unlinkat, AT_FDCWD, "../h", REMOVE_FOLDER), 0);
    check(call(SYS_unlinkat, AT_FDCWD, "../e", REMOVE_FOLDER), 0);
    check(call(SYS_chdir, ".."), 0);
    require(is_current("/z"));
    check(call(SYS_chdir, ".."), 0);
    check(call(SYS_unlinkat, AT_FDCWD, "z", REMOVE_FOLDER), 0);
    check(call(SYS_unlinkat, AT_FDCWD, "dd", REMOVE_FOLDER), 0);
    check(call(SYS_close, folder), 0);
}

static void replaced(void) {
    check(make_folder("p"), 0);
    check(make_folder("q"), 0);
    i64 moved = open_at("p", FOLDER), lost = open_at("q", FOLDER);
    check(move("p", "q"), 0);
    require(is_linked(moved, "/q"));
    require(is_linked(lost, "/q (deleted)"));
    check(open_in(lost, "new", O_RDWR | O_CREAT), -ENOENT);
    i64 file = open_in(moved, "new", O_RDWR | O_CREAT);
    require(file >= 0);
    check(call(SYS_faccessat, AT_FDCWD, "q/new", 0), 0);
    check(call(SYS_unlinkat, moved, "new", 0), 0);
    require(is_linked(file, "/q/new (deleted)"));
    check(call(SYS_unlinkat, AT_FDCWD, "q", REMOVE_FOLDER), 0);
    check(call(SYS_close, moved), 0);
    check(call(SYS_close, lost), 0);
    check(call(SYS_close, file), 0);
}

static void files(void) {
    i64 first = open_at("a", O_RDWR | O_CREAT | O_EXCL);
    check(call(SYS_linkat, AT_FDCWD, "a", AT_FDCWD, "b", 0), 0);
    i64 second = open_at("b", O_RDONLY);
    check(move("a", "b"), 0);
    require(is_linked(first, "/a"));
    require(is_linked(second, "/b"));
    check(names_of(first), 2);
    check(call(SYS_unlinkat, AT_FDCWD, "b", 0), 0);
    check(move("a", "c"), 0);
    require(is_linked(first, "/c"));
    require(is_linked(second, "/b (deleted)"));
    u64 number = number_of("c");
    check(names_of(first), 1);
    check(status[1], number);
    i64 other = open_at("o", O_RDWR | O_CREAT | O_EXCL);
    check(move("o", "c"), 0);
    require(is_linked(first, "/c (deleted)"));
    require(is_linked(other, "/c"));
    check(names_of(first), 0);
    check(names_of(other), 1);
    check(call(SYS_write, first, "first", 5), 5);
    check(call(SYS_pread64, other, text, 5, 0), 0);
    check(call(SYS_unlinkat, AT_FDCWD, "c", 0), 0);
    check(call(SYS_close, first), 0);
    check(call(SYS_close, second), 0);
    check(call(SYS_close, other), 0);
}

int main(int argc, char **argv) {
    files();
    replaced();
    renamed();
    removed();
    return 0;
}
