// SPDX-License-Identifier: Apache-2.0
// Each call that takes a path, with each kind of path. Prints a line for each path: the results of the calls, in the
// order of the first line; the Linux kernel prints the same in an empty root. Runs in an empty folder that is its root.
#include "guest.h"
const char *name = NAME;

enum { SYS_chdir = 49 };
enum { AT_SYMLINK_NOFOLLOW = 0x100, AT_REMOVEDIR = 0x200, AT_SYMLINK_FOLLOW = 0x400, O_NOFOLLOW = 0400000 };
enum { S_IFREG = 0100000 };

static char long_name[257];

static const char *const paths[] = {
    "/",      "/.",     "/..",     ".",       "..",         "",          "file",     "file/",       "file/.",
    "file/x", "dir",    "dir/",    "dir/.",   "dir/..",     "dir/new",   "dir/new/", "full",        "full/",
    "link",   "link/",  "link/x",  "dlink",   "dlink/",     "dlink/.",   "dlink/in", "dangling",    "dangling/",
    "loop",   "loop/",  "rlink",   "rlink/",  "rlink/file", "none",      "none/",    "none/x",      "none/../file",
    "full/..", "full/../file", "up", "up/file", "//file", "dir//../file", long_name,
};

static i64 close_after(i64 descriptor) {
    if (descriptor >= 0)
        call(SYS_close, descriptor);
    return descriptor < 0 ? descriptor : 0;
}

static i64 open(const char *path, int flags) {
    return close_after(call(SYS_openat, AT_FDCWD, path, flags, 0644));
}

static i64 open_read(const char *path) { return open(path, O_RDONLY); }
static i64 open_write(const char *path) { return open(path, O_WRONLY); }
static i64 open_new(const char *path) { return open(path, O_WRONLY | O_CREAT); }
static i64 open_only_new(const char *path) { return open(path, O_WRONLY | O_CREAT | O_EXCL); }
static i64 open_folder(const char *path) { return open(path, O_DIRECTORY); }
static i64 open_no_link(const char *path) { return open(path, O_RDWR | O_NOFOLLOW); }
static i64 make_folder(const char *path) { return call(SYS_mkdirat, AT_FDCWD, path, 0755); }
static i64 make_file(const char *path) { return call(SYS_mknodat, AT_FDCWD, path, S_IFREG | 0644, 0); }
static i64 make_link(const char *path) { return call(SYS_symlinkat, "file", AT_FDCWD, path); }
static i64 unlink(const char *path) { return call(SYS_unlinkat, AT_FDCWD, path, 0); }
static i64 remove_folder(const char *path) { return call(SYS_unlinkat, AT_FDCWD, path, AT_REMOVEDIR); }
static i64 link_from(const char *path) { return call(SYS_linkat, AT_FDCWD, path, AT_FDCWD, "made", 0); }
static i64 link_followed(const char *path) {
    return call(SYS_linkat, AT_FDCWD, path, AT_FDCWD, "made", AT_SYMLINK_FOLLOW);
}
static i64 link_to(const char *path) { return call(SYS_linkat, AT_FDCWD, "file", AT_FDCWD, path, 0); }
static i64 rename_from(const char *path) { return call(SYS_renameat2, AT_FDCWD, path, AT_FDCWD, "made", 0); }
static i64 rename_from_slash(const char *path) { return call(SYS_renameat2, AT_FDCWD, path, AT_FDCWD, "made/", 0); }
static i64 rename_file_to(const char *path) { return call(SYS_renameat2, AT_FDCWD, "other", AT_FDCWD, path, 0); }
static i64 rename_folder_to(const char *path) { return call(SYS_renameat2, AT_FDCWD, "empty", AT_FDCWD, path, 0); }
static i64 rename_into_itself(const char *path) {
    return call(SYS_renameat2, AT_FDCWD, "full", AT_FDCWD, path[0] ? "full/in/x" : path, 0);
}
static i64 rename_no_replace(const char *path) { return call(SYS_renameat2, AT_FDCWD, "other", AT_FDCWD, path, 1); }
static i64 change_mode(const char *path) { return call(SYS_fchmodat, AT_FDCWD, path, 0755); }
static i64 access(const char *path) { return call(SYS_faccessat, AT_FDCWD, path, 0); }
static i64 status(const char *path, int flags) {
    u64 found[16];
    i64 result = call(SYS_newfstatat, AT_FDCWD, path, found, flags);
    return result != 0 ? result : *((u32 *) (found + 2)) >> 12;
}
static i64 status_followed(const char *path) { return status(path, 0); }
static i64 status_of_name(const char *path) { return status(path, AT_SYMLINK_NOFOLLOW); }
static i64 read_link(const char *path) {
    char target[16];
    return call(SYS_readlinkat, AT_FDCWD, path, target, 16);
}
static i64 truncate(const char *path) { return call(SYS_truncate, path, 1); }
static i64 set_times(const char *path) { return call(SYS_utimensat, AT_FDCWD, path, 0, 0); }
static i64 change_folder(const char *path) {
    i64 result = call(SYS_chdir, path);
    check(call(SYS_chdir, "/"), 0);
    return result;
}
static i64 execute(const char *path) {
    const char *arguments[] = {"x", 0};
    return call(SYS_execve, path, arguments, arguments + 1);
}

static const struct {
    const char *name;
    i64 (*make)(const char *);
} calls[] = {
    {"read", open_read},
    {"write", open_write},
    {"creat", open_new},
    {"excl", open_only_new},
    {"directory", open_folder},
    {"nofollow", open_no_link},
    {"mkdir", make_folder},
    {"mknod", make_file},
    {"symlink", make_link},
    {"unlink", unlink},
    {"rmdir", remove_folder},
    {"link-from", link_from},
    {"link-followed", link_followed},
    {"link-to", link_to},
    {"rename-from", rename_from},
    {"rename-to-slash", rename_from_slash},
    {"rename-file-to", rename_file_to},
    {"rename-dir-to", rename_folder_to},
    {"rename-inside", rename_into_itself},
    {"noreplace", rename_no_replace},
    {"chmod", change_mode},
    {"access", access},
    {"stat", status_followed},
    {"lstat", status_of_name},
    {"readlink", read_link},
    {"truncate", truncate},
    {"utimens", set_times},
    {"chdir", change_folder},
    {"execve", execute},
};

static void empty(void) {
    static const char *const files[] = {
        "file", "other", "link", "dlink", "dangling", "loop", "rlink", "up", "full/in", "full/made", "made/in", "dir/new",
        "made", "none", "nowhere", "new", long_name, "dir", "full", "empty"
    };
    // Twice: a folder may have been what is emptied later.
    for (int round = 0; round < 2; round++)
        for (u64 i = 0; i < sizeof files / sizeof *files; i++) {
            unlink(files[i]);
            remove_folder(files[i]);
        }
}

static void fill(void) {
    check(open_new("file"), 0);
    check(open_new("other"), 0);
    check(make_folder("dir"), 0);
    check(make_folder("empty"), 0);
    check(make_folder("full"), 0);
    check(open_new("full/in"), 0);
    check(call(SYS_symlinkat, "file", AT_FDCWD, "link"), 0);
    check(call(SYS_symlinkat, "full", AT_FDCWD, "dlink"), 0);
    check(call(SYS_symlinkat, "nowhere", AT_FDCWD, "dangling"), 0);
    check(call(SYS_symlinkat, "loop", AT_FDCWD, "loop"), 0);
    check(call(SYS_symlinkat, "/", AT_FDCWD, "rlink"), 0);
    check(call(SYS_symlinkat, "../../dir/..", AT_FDCWD, "up"), 0);
}

int main(int argc, char **argv) {
    memset(long_name, 'l', 256);
    check(call(SYS_chdir, "/"), 0);
    print("path");
    for (u64 i = 0; i < sizeof calls / sizeof *calls; i++) {
        print(" ");
        print(calls[i].name);
    }
    print("\n");
    i64 result = 0;
    for (u64 path = 0; path < sizeof paths / sizeof *paths; path++) {
        print("\"");
        print(paths[path] == long_name ? "256 letters" : paths[path]);
        print("\"");
        for (u64 i = 0; i < sizeof calls / sizeof *calls; i++) {
            // What failed has changed nothing.
            if (result >= 0) {
                empty();
                fill();
            }
            result = calls[i].make(paths[path]);
            print(" ");
            print_number(result);
        }
        print("\n");
    }
    empty();
    exit(0);
}
