// SPDX-License-Identifier: Apache-2.0
// Modes, seals and holes of files in memory, and holes of others. Runs as a user without privileges, in a folder that
// it may write.
#include "guest.h"
const char *name = NAME;

enum { SYS_fallocate = 47, SYS_fchmod = 52, EFBIG = 27 };
enum { CLOEXEC = 1, SEALABLE = 2, NOEXEC_SEAL = 8, EXEC = 16, ADD_SEALS = 1033, GET_SEALS = 1034 };
enum { SEAL_SEAL = 1, SEAL_SHRINK = 2, SEAL_GROW = 4, SEAL_WRITE = 8, SEAL_EXEC = 32, KEEP_SIZE = 1, PUNCH = 2 };

static i64 make(u32 flags) {
    i64 file = call(SYS_memfd_create, "seals", flags);
    require(file >= 0);
    return file;
}

static int mode_of(i64 file) {
    static u32 status[64];
    check(call(SYS_fstat, file, status), 0);
#ifdef __riscv
    return status[4] & 07777;
#else
    return status[6] & 07777;
#endif
}

static i64 again(i64 file, int flags) {
    char path[] = "/proc/self/fd/00";
    path[14] = '0' + file / 10;
    path[15] = '0' + file % 10;
    if (file < 10)
        memcpy(path + 14, path + 15, 2);
    return call(SYS_openat, AT_FDCWD, path, flags, 0);
}

static void kinds(void) {
    char longest[251];
    memset(longest, 'n', 250);
    longest[250] = 0;
    check(call(SYS_memfd_create, longest, 0), -EINVAL);
    require(call(SYS_memfd_create, longest + 1, 0) >= 0);
    check(call(SYS_memfd_create, 1, 0), -EFAULT);
    check(call(SYS_memfd_create, 1, EXEC | NOEXEC_SEAL), -EINVAL);
    check(call(SYS_memfd_create, "seals", 0x100), -EINVAL);
    i64 plain = make(0), code = make(EXEC), data = make(NOEXEC_SEAL | CLOEXEC);
    check(mode_of(plain), 0777);
    check(mode_of(code), 0777);
    check(mode_of(data), 0666);
    check(call(SYS_fcntl, plain, GET_SEALS), SEAL_SEAL);
    check(call(SYS_fcntl, code, GET_SEALS), SEAL_SEAL);
    check(call(SYS_fcntl, data, GET_SEALS), SEAL_EXEC);
    check(call(SYS_fchmod, data, 0777), -EPERM);
    check(call(SYS_fchmod, data, 0644), 0);
    check(call(SYS_fcntl, data, ADD_SEALS, SEAL_GROW), 0);
    check(call(SYS_fcntl, data, GET_SEALS), SEAL_EXEC | SEAL_GROW);
    check(call(SYS_fcntl, plain, ADD_SEALS, SEAL_GROW), -EPERM);
    check(call(SYS_fcntl, data, 1, 0), 1);
}

/* How a file in memory may be opened again, by its mode; a seal needs an open for writing. */
static void opens(void) {
    i64 file = make(SEALABLE);
    i64 reader = again(file, O_RDONLY);
    check(call(SYS_fcntl, reader, ADD_SEALS, SEAL_GROW), -EPERM);
    check(call(SYS_fcntl, reader, GET_SEALS), 0);
    check(call(SYS_fcntl, file, ADD_SEALS, 1l << 32 | 1 << 20), -EINVAL);
    check(call(SYS_fcntl, file, ADD_SEALS, 1l << 32), 0);
    check(call(SYS_fcntl, file, ADD_SEALS, 1 << 20), -EINVAL);
    int both[2];
    check(call(SYS_pipe2, both, 0), 0);
    check(call(SYS_fcntl, both[0], ADD_SEALS, SEAL_GROW), -EPERM);
    check(call(SYS_fcntl, both[1], ADD_SEALS, SEAL_GROW), -EINVAL);
    check(call(SYS_fcntl, both[1], GET_SEALS), -EINVAL);
    check(call(SYS_fallocate, both[1], 0, 0, 1), -ESPIPE);
    check(call(SYS_fallocate, both[0], 0, 0, 1), -EBADF);
}

static void holes(i64 file) {
    static u8 bytes[4 * PAGE];
    memset(bytes, 'b', sizeof bytes);
    check(call(SYS_pwrite64, file, bytes, sizeof bytes, 0), sizeof bytes);
    volatile u8 *at = (u8 *) call(SYS_mmap, 0, sizeof bytes, RW, MAP_SHARED, file, 0);
    check(at[PAGE], 'b');
    check(call(SYS_fallocate, file, PUNCH | KEEP_SIZE, PAGE, PAGE + 10), 0);
    check(at[PAGE - 1], 'b');
    check(at[PAGE], 0);
    check(at[2 * PAGE + 9], 0);
    check(at[2 * PAGE + 10], 'b');
    check(call(SYS_fallocate, file, PUNCH | KEEP_SIZE, 3 * PAGE, 100 * PAGE), 0);
    check(call(SYS_lseek, file, 0, 2), 4 * PAGE);
    check(at[3 * PAGE], 0);
    check(call(SYS_fallocate, file, PUNCH | KEEP_SIZE, 9 * PAGE, PAGE), 0);
    check(call(SYS_lseek, file, 0, 2), 4 * PAGE);
    check(call(SYS_fallocate, file, 0, 4 * PAGE, PAGE), 0);
    check(call(SYS_lseek, file, 0, 2), 5 * PAGE);
    check(call(SYS_madvise, at, PAGE, 9), 0);
    check(at[0], 0);
    check(call(SYS_fallocate, file, PUNCH, 0, PAGE), -EOPNOTSUPP);
    check(call(SYS_fallocate, file, 0x1000, 0, PAGE), -EOPNOTSUPP);
    check(call(SYS_fallocate, file, PUNCH | KEEP_SIZE, -1, PAGE), -EINVAL);
    check(call(SYS_fallocate, file, PUNCH | KEEP_SIZE, 0, 0), -EINVAL);
    check(call(SYS_fallocate, file, 0x1000, 0, 0), -EINVAL);
    check(call(SYS_fallocate, file, PUNCH | KEEP_SIZE, 0x7fffffffffffffff, 1), -EFBIG);
    i64 reader = again(file, O_RDONLY);
    check(call(SYS_fallocate, reader, PUNCH | KEEP_SIZE, 0, PAGE), -EBADF);
    check(call(SYS_fallocate, reader, PUNCH, 0, PAGE), -EOPNOTSUPP);
    check(call(SYS_close, reader), 0);
    check(call(SYS_munmap, at, sizeof bytes), 0);
}

static void sealed(void) {
    i64 file = make(SEALABLE);
    check(call(SYS_ftruncate, file, 2 * PAGE), 0);
    check(call(SYS_fcntl, file, ADD_SEALS, SEAL_GROW), 0);
    check(call(SYS_fallocate, file, 0, 0, 2 * PAGE), 0);
    check(call(SYS_fallocate, file, 0, 0, 2 * PAGE + 1), -EPERM);
    check(call(SYS_fallocate, file, PUNCH | KEEP_SIZE, 0, PAGE), 0);
    check(call(SYS_fcntl, file, ADD_SEALS, SEAL_WRITE), 0);
    check(call(SYS_fallocate, file, PUNCH | KEEP_SIZE, 0, PAGE), -EPERM);
    i64 again_ = again(file, O_RDWR);
    check(call(SYS_write, again_, "x", 1), -EPERM);
}

int main(int argc, char **argv) {
    kinds();
    opens();
    holes(make(0));
    i64 file = call(SYS_openat, AT_FDCWD, "seals", O_RDWR | O_CREAT | O_EXCL, 0600);
    require(file >= 0);
    holes(file);
    check(call(SYS_unlinkat, AT_FDCWD, "seals", 0), 0);
    i64 null = call(SYS_openat, AT_FDCWD, "/dev/null", O_RDWR, 0);
    check(call(SYS_fallocate, null, 0, 0, 1), -ENODEV);
    check(call(SYS_fallocate, 99, 0, 0, 1), -EBADF);
    sealed();
    return 0;
}
