// SPDX-License-Identifier: Apache-2.0
// Files, and their mappings: private and shared, beyond the end, and msync. Runs in an empty folder.
#include "guest.h"
const char *name = NAME;

static const char *const path = "data";

static i64 open(const char *file, int flags) {
    return call(SYS_openat, AT_FDCWD, file, flags, 0644);
}

static void mappings(void) {
    i64 file = open(path, O_RDWR | O_CREAT | O_TRUNC);
    require(file >= 0);
    u8 text[256];
    for (int i = 0; i < 256; i++)
        text[i] = (u8) i;
    for (int i = 0; i < 40; i++)
        check(call(SYS_write, file, text, 256), 256);
    check(call(SYS_lseek, file, 0, 1), 10240);
    u8 *private = (u8 *) call(SYS_mmap, 0, 4 * PAGE, RW, MAP_PRIVATE, file, 0);
    u8 *shared = (u8 *) call(SYS_mmap, 0, 4 * PAGE, RW, MAP_SHARED, file, 0);
    require((i64) private > 0 && (i64) shared > 0);
    check(private[300], 44);
    check(shared[8200], 8);
    check(shared[10240], 0);
    check(try_load(shared + 3 * PAGE), 72);
    check(fault_address, (u64) shared + 3 * PAGE);
    check(try_store(private + 3 * PAGE + 1, 1), 72);
    private[0] = 200;
    check(shared[0], 0);
    shared[1] = 201;
    check(private[1], 1);
    shared[PAGE + 1] = 202;
    check(private[PAGE + 1], 202);
    u8 byte;
    check(call(SYS_pread64, file, &byte, 1, 1), 1);
    check(byte, 201);
    check(call(SYS_pwrite64, file, "Z", 1, PAGE + 2), 1);
    check(shared[PAGE + 2], 'Z');
    check(private[PAGE + 2], 'Z');
    check(call(SYS_msync, shared, 4 * PAGE, 4), 0);
    check(call(SYS_msync, shared, PAGE, 5), -EINVAL);
    check(call(SYS_fsync, file), 0);
    check(call(SYS_ftruncate, file, PAGE), 0);
    check(try_load(private + PAGE), 72);
    check(call(SYS_ftruncate, file, 4 * PAGE), 0);
    check(shared[PAGE + 1], 0);
    check(call(SYS_close, file), 0);
    check(shared[1], 201);
    check(call(SYS_munmap, shared, 4 * PAGE), 0);

    file = open(path, O_RDONLY);
    check(call(SYS_mmap, 0, PAGE, RW, MAP_SHARED, file, 0), -EACCES);
    private = (u8 *) call(SYS_mmap, 0, PAGE, RW, MAP_PRIVATE, file, 0);
    check(private[1], 201);
    check(call(SYS_mmap, 0, PAGE, PROT_READ, MAP_PRIVATE, file, 100), -EINVAL);
    check(call(SYS_write, file, "x", 1), -EBADF);
    check(call(SYS_close, file), 0);
    file = open(path, O_WRONLY);
    check(call(SYS_mmap, 0, PAGE, PROT_READ, MAP_PRIVATE, file, 0), -EACCES);
    check(call(SYS_read, file, &byte, 1), -EBADF);
    check(call(SYS_close, file), 0);
}

static void names(void) {
    check(open("none", O_RDONLY), -ENOENT);
    check(open(path, O_RDWR | O_CREAT | O_EXCL), -EEXIST);
    check(open("data/below", O_RDONLY), -ENOTDIR);
    check(call(SYS_mkdirat, AT_FDCWD, "folder", 0755), 0);
    check(call(SYS_mkdirat, AT_FDCWD, "folder", 0755), -EEXIST);
    check(open("folder", O_WRONLY), -EISDIR);
    check(open(path, O_RDONLY | O_DIRECTORY), -ENOTDIR);
    i64 file = open("folder/inner", O_WRONLY | O_CREAT);
    require(file >= 0);
    check(call(SYS_close, file), 0);
    i64 folder = open("folder", O_RDONLY | O_DIRECTORY);
    u8 entries[512];
    int found = 0;
    i64 length = call(SYS_getdents64, folder, entries, sizeof entries);
    for (i64 at = 0; at < length; at += *(u16 *) (entries + at + 16)) {
        const char *entry = (const char *) entries + at + 19;
        if (strcmp(entry, "inner") == 0)
            found += 1;
        else if (strcmp(entry, ".") == 0 || strcmp(entry, "..") == 0)
            found += 10;
        else
            found += 100;
    }
    check(found, 21);
    check(call(SYS_getdents64, folder, entries, sizeof entries), 0);
    check(call(SYS_unlinkat, folder, "inner", 0x200), -ENOTDIR);
    check(call(SYS_unlinkat, folder, "inner", 0), 0);
    check(call(SYS_unlinkat, AT_FDCWD, "folder", 0), -EISDIR);
    check(call(SYS_unlinkat, AT_FDCWD, "folder", 0x200), 0);
    check(call(SYS_close, folder), 0);
    char text[64];
    i64 size = call(SYS_getcwd, text, sizeof text);
    require(size > 0);
    check(call(SYS_unlinkat, AT_FDCWD, path, 0), 0);
    check(open(path, O_RDONLY), -ENOENT);
}

static void appending(void) {
    i64 first = open("log", O_WRONLY | O_CREAT | O_APPEND);
    i64 second = open("log", O_RDWR | O_APPEND);
    check(call(SYS_write, first, "ab", 2), 2);
    check(call(SYS_write, second, "cd", 2), 2);
    check(call(SYS_write, first, "ef", 2), 2);
    char text[8];
    check(call(SYS_pread64, second, text, 8, 0), 6);
    check(memcmp(text, "abcdef", 6), 0);
    i64 child = fork();
    if (child == 0)
        exit(call(SYS_write, first, "gh", 2) == 2 ? 0 : 1);
    check(wait_for(child), 0);
    check(call(SYS_lseek, second, 0, 2), 8);
    check(call(SYS_lseek, second, -9, 2), -EINVAL);
    check(call(SYS_unlinkat, AT_FDCWD, "log", 0), 0);
    check(call(SYS_pread64, second, text, 8, 6), 2);
}

static void special(void) {
    i64 null = open("/dev/null", O_RDWR);
    i64 zero = open("/dev/zero", O_RDONLY);
    u8 bytes[8] = {1, 2, 3};
    require(null >= 0 && zero >= 0);
    check(call(SYS_read, null, bytes, 8), 0);
    check(call(SYS_read, zero, bytes, 8), 8);
    check(bytes[2], 0);
    check(call(SYS_write, null, bytes, 8), 8);
    i64 maps = open("/proc/self/maps", O_RDONLY);
    require(maps >= 0);
    static char text[16384];
    i64 length = 0, got;
    while ((got = call(SYS_read, maps, text + length, sizeof text - length - 1)) > 0)
        length += got;
    text[length] = 0;
    int stacks = 0;
    for (i64 i = 0; i + 7 < length; i++)
        stacks += memcmp(text + i, "[stack]", 7) == 0;
    check(stacks, 1);
    u64 vector[64];
    i64 auxv = open("/proc/self/auxv", O_RDONLY);
    require(call(SYS_read, auxv, vector, sizeof vector) >= 16);
    check(vector[0], auxiliary[0]);
    check(vector[1], auxiliary[1]);
    require(call(SYS_readlinkat, AT_FDCWD, "/proc/self/exe", text, 100) > 0);
}

int main(int argc, char **argv) {
    watch_faults();
    mappings();
    names();
    appending();
    special();
    return 0;
}
