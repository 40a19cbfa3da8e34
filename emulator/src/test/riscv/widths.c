// SPDX-License-Identifier: Apache-2.0
// How many bits of each argument Linux looks at. Arguments of 32 bits, and the 16 of a mode, are tried with each higher
// bit changed, which changes nothing; arguments of 64 bits with each of the upper 32 bits, which changes the result.
#include "guest.h"
const char *name = NAME;

enum {
    SYS_flock = 32, SYS_fallocate = 47, SYS_faccessat2 = 439, SYS_fchown = 55, SYS_fchownat = 54,
    SYS_fchmod = 52, SYS_fchmodat2 = 452, SYS_readv = 65, SYS_writev = 66, SYS_preadv = 69, SYS_sendfile = 71,
    SYS_pselect6 = 72, SYS_statx = 291, SYS_getitimer = 102, SYS_setitimer = 103, SYS_clock_getres = 114,
    SYS_clock_nanosleep = 115, SYS_sched_setaffinity = 122, SYS_sched_getaffinity = 123, SYS_setreuid = 145,
    SYS_setresgid = 149, SYS_getgroups = 158, SYS_getrlimit = 163, SYS_setrlimit = 164, SYS_getrusage = 165,
    SYS_umask = 166, SYS_prctl = 167, SYS_readahead = 213, SYS_fadvise64 = 223, SYS_mlockall = 230,
    SYS_remap_file_pages = 234, SYS_rt_tgsigqueueinfo = 240, SYS_getrandom = 278, SYS_execveat = 281, SYS_mlock2 = 284,
    SYS_pidfd_send_signal = 424, SYS_pidfd_open = 434, SYS_clone3 = 435, SYS_close_range = 436,
    SYS_process_madvise = 440, SYS_futex_waitv = 449, SYS_mseal = 462, SYS_get_robust_list = 100
};

enum { NONE = 0x3fffffff, E2BIG = 7, ERANGE = 34 };
enum { MAP_SHARED_VALIDATE = 3, F_DUPFD = 0, F_GETFD = 1, F_SETFD = 2, F_SETFL = 4, F_SETPIPE_SZ = 1031, F_ADD_SEALS = 1033 };
enum { PIDFD_SELF = -10001, SET_VMA = 0x53564d41, SET_MDWE = 65, GET_MDWE = 66, GET_NAME = 16, P_PID = 1, WEXITED = 4 };

static int line;

static i64 with(i64 number, const i64 *given, int at, int bit) {
    i64 a[6];
    memcpy(a, given, sizeof a);
    a[at] ^= 1l << bit;
    return call6(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

static void expect(const char *what, int at, int bit, i64 got, i64 wanted) {
    if (got != wanted) {
        print(what);
        print(", argument ");
        print_number(at);
        print(", bit ");
        print_number(bit);
        print(": ");
        fail(__FILE__, line, "result", got, wanted);
    }
}

/* The result does not depend on the bits of an argument from one on. */
static void same(const char *what, int from, int at, i64 number, const i64 *given) {
    i64 wanted = call6(number, given[0], given[1], given[2], given[3], given[4], given[5]);
    require(wanted != -ENOSYS);
    for (int bit = from; bit < 64; bit++)
        expect(what, at, bit, with(number, given, at, bit), wanted);
}

/* The result with any of some bits. */
static void other(const char *what, int from, int to, int at, i64 wanted, i64 number, const i64 *given) {
    for (int bit = from; bit <= to; bit++)
        expect(what, at, bit, with(number, given, at, bit), wanted);
}

#define ARGUMENTS(...) ((const i64[6]) {__VA_ARGS__})
/* Arguments of 32 bits by their numbers, as digits: those of openat that narrow("02", ...) tries are the first and third. */
#define narrow(digits, call, ...)                                                                                      \
    for (const char *digit = digits; *digit; digit++) {                                                                       \
        line = __LINE__;                                                                                               \
        same(#call, 32, *digit - '0', SYS_##call, ARGUMENTS(__VA_ARGS__));                                          \
    }
#define mode(at, call, ...) (line = __LINE__, same(#call, 16, at, SYS_##call, ARGUMENTS(__VA_ARGS__)))
#define wide(at, wanted, call, ...) (line = __LINE__, other(#call, 32, 63, at, wanted, SYS_##call, ARGUMENTS(__VA_ARGS__)))

static i64 at(const void *address) {
    return (i64) address;
}

static void memory(i64 file, i64 own) {
    i64 area = at(map(4 * PAGE, RW));
    i64 shared = call(SYS_mmap, 0, 2 * PAGE, RW, MAP_SHARED, file, 0);
    i64 word = 5, copy = 0;
    i64 here[2] = {at(&copy), 8}, there[2] = {at(&word), 8}, advised[2] = {area, PAGE};
    narrow("234", mmap, area, PAGE, RW, MAP_PRIVATE | MAP_FIXED, file, 0);
    narrow("234", mmap, area, PAGE, RW, MAP_SHARED | MAP_FIXED, file, 0);
    narrow("3", mmap, area, PAGE, RW, MAP_PRIVATE | MAP_FIXED | MAP_ANON, -1, 0);
    wide(3, -EOPNOTSUPP, mmap, area, PAGE, RW, MAP_SHARED_VALIDATE | MAP_FIXED, file, 0);
    wide(2, -EINVAL, mprotect, area, PAGE, PROT_READ);
    wide(3, -EINVAL, mremap, area, PAGE, PAGE, 1);
    narrow("2", msync, area, PAGE, 4);
    narrow("2", madvise, area + PAGE, PAGE, 4);
    narrow("2", mlock2, area, PAGE, 2);
    narrow("0", mlockall, 0);
    wide(2, -EINVAL, remap_file_pages, shared, PAGE, 0, 1, 0);
    narrow("4", remap_file_pages, shared, PAGE, 0, 1, 0);
    wide(2, -EINVAL, mseal, area, PAGE, 0);
    narrow("02", process_vm_readv, own, at(here), 1, at(there), 1, 0);
    wide(4, -EINVAL, process_vm_readv, own, at(here), 1, at(there), 1, 0);
    wide(5, -EINVAL, process_vm_readv, own, at(here), 1, at(there), 1, 0);
    narrow("01", membarrier, 0, 0);
    narrow("0234", process_madvise, PIDFD_SELF, at(advised), 1, 4, 0);
    narrow("02", shmget, NONE, 0, 0);
    narrow("01", shmctl, -1, 2, at(here));
    narrow("02", shmat, -1, 0, 0);
}

static void threads(i64 own) {
    i64 word = 5, second = 0;
    struct timespec none = {0, 0}, soon = {0, 1};
    struct {
        u64 value, address;
        u32 flags, reserved;
    } waited = {4, at(&word), 2, 0};
    i64 list[3] = {at(list)}, number;
    u8 buffer[512];
    memset(buffer, 0, sizeof buffer);
    narrow("12", futex, at(&word), FUTEX_WAIT, 5, at(&none));
    narrow("3", futex, at(&word), FUTEX_REQUEUE, 0, 0, at(&second));
    narrow("35", futex, at(&word), FUTEX_CMP_REQUEUE, 0, 0, at(&second), 5);
    line = __LINE__;
    other("futex", 9, 31, 1, -ENOSYS, SYS_futex, ARGUMENTS(at(&word), FUTEX_WAKE, 1));
    narrow("124", futex_waitv, at(&waited), 1, 0, at(&soon), 1);
    wide(1, -EINVAL, set_robust_list, at(list), 24);
    narrow("0", get_robust_list, 0, at(&number), at(&number));
    narrow("0", pselect6, 0, 0, 0, 0, at(&none), 0);
    narrow("0", getitimer, 1, at(buffer));
    narrow("0", setitimer, 1, 0, 0);
    narrow("0", clock_gettime, 1, at(buffer));
    narrow("0", clock_getres, 1, at(buffer));
    narrow("01", clock_nanosleep, 1, 0, at(&none), 0);
    narrow("01", kill, own, 0);
    narrow("01", tkill, call(SYS_gettid), 0);
    narrow("012", tgkill, own, call(SYS_gettid), 0);
    *(i32 *) (buffer + 8) = -1;
    narrow("01", rt_sigqueueinfo, own, 0, at(buffer));
    narrow("012", rt_tgsigqueueinfo, own, own, 0, at(buffer));
    memset(buffer, 0, sizeof buffer);
    narrow("0", rt_sigaction, SIGUSR1, 0, 0, 8);
    wide(3, -EINVAL, rt_sigaction, SIGUSR1, 0, 0, 8);
    narrow("0", rt_sigprocmask, SIG_BLOCK, at(buffer), 0, 8);
    wide(3, -EINVAL, rt_sigprocmask, SIG_BLOCK, at(buffer), 0, 8);
    wide(1, -EINVAL, rt_sigpending, at(buffer), 8);
    wide(1, -EINVAL, rt_sigsuspend, at(buffer), 8);
    wide(3, -EINVAL, rt_sigtimedwait, at(buffer), 0, at(&none), 8);
    wide(1, -E2BIG, clone3, at(buffer), 88);
    narrow("01", pidfd_open, NONE, 0);
    i64 process = call(SYS_pidfd_open, own, 0);
    narrow("013", pidfd_send_signal, process, 0, 0, 0);
    check(call(SYS_close, process), 0);
    narrow("04", execveat, AT_FDCWD, at("none"), at(buffer), at(buffer), 0);
}

static void descriptors(i64 file) {
    u8 buffer[512];
    i64 part[2] = {at(buffer), 1};
    struct timespec none = {0, 0};
    int ends[2];
    u64 mask = 0;
    i64 folder = call(SYS_openat, AT_FDCWD, ".", O_RDONLY | O_DIRECTORY, 0);
    check(call(SYS_pipe2, ends, 0), 0);
    narrow("1", eventfd2, 0, 4);
    narrow("0", dup, 900);
    narrow("012", dup3, file, 40, 0);
    narrow("01", dup3, file, file, 0);
    narrow("01", fcntl, file, F_GETFD, 0);
    narrow("012", fcntl, file, F_DUPFD, -1);
    narrow("012", fcntl, file, F_SETFD, 1);
    narrow("012", fcntl, ends[0], F_SETFL, O_NONBLOCK);
    narrow("012", fcntl, ends[0], F_SETPIPE_SZ, PAGE);
    narrow("012", fcntl, file, F_ADD_SEALS, 0);
    narrow("01", ioctl, ends[0], 0x541b, at(buffer));
    narrow("01", flock, file, 8);
    narrow("01", fallocate, file, 0, 0, PAGE);
    narrow("02", getdents64, folder, at(buffer), 8);
    narrow("02", lseek, file, 0, 0);
    narrow("0", read, file, at(buffer), 0);
    narrow("0", pread64, file, at(buffer), 1, 0);
    narrow("02", readv, ends[0], at(part), 1);
    narrow("02", preadv, file, at(part), 1, 0);
    narrow("02", writev, ends[0], at(part), 1);
    narrow("01", sendfile, ends[1], file, 0, 0);
    narrow("1", ppoll, 0, 0, at(&none), at(&mask), 8);
    wide(4, -EINVAL, ppoll, 0, 0, at(&none), at(&mask), 8);
    narrow("0", fstat, file, at(buffer));
    narrow("0", fsync, file);
    narrow("03", fadvise64, file, 0, 0, 1);
    narrow("0", readahead, file, 0, 1);
    narrow("1", memfd_create, at("x"), 0x8000);
    narrow("012", close_range, 900, 901, 4);
    narrow("0", close, 900);
    mode(1, fchmod, file, 0644);
    narrow("012", fchown, file, -1, -1);
    check(call(SYS_close, folder), 0);
}

static void paths(void) {
    u8 buffer[512];
    check(call(SYS_close, call(SYS_openat, AT_FDCWD, "f", O_RDWR | O_CREAT, 0600)), 0);
    check(call(SYS_symlinkat, "f", AT_FDCWD, "l"), 0);
    i64 length = call(SYS_getcwd, buffer, sizeof buffer);
    check(call(SYS_getcwd, buffer, 1), -ERANGE);
    wide(1, length, getcwd, at(buffer), 1);
    narrow("0", mknodat, AT_FDCWD, at("f"), 0100600, 0);
    mode(2, mknodat, AT_FDCWD, at("x"), 0150600, 0);
    narrow("0", mkdirat, AT_FDCWD, at("f"), 0700);
    narrow("02", unlinkat, AT_FDCWD, at("none"), 0);
    narrow("1", symlinkat, at("f"), AT_FDCWD, at("l"));
    narrow("024", linkat, AT_FDCWD, at("f"), AT_FDCWD, at("l"), 0);
    narrow("02", faccessat, AT_FDCWD, at("f"), 4);
    narrow("023", faccessat2, AT_FDCWD, at("f"), 4, 0x200);
    narrow("0", fchmodat, AT_FDCWD, at("f"), 0640);
    mode(2, fchmodat, AT_FDCWD, at("f"), 0640);
    narrow("03", fchmodat2, AT_FDCWD, at("f"), 0640, 0);
    narrow("0234", fchownat, AT_FDCWD, at("f"), -1, -1, 0);
    narrow("02", openat, AT_FDCWD, at("none"), O_RDONLY, 0);
    narrow("0", readlinkat, AT_FDCWD, at("l"), at(buffer), 8);
    narrow("3", readlinkat, AT_FDCWD, at("l"), at(buffer), 0);
    narrow("03", newfstatat, AT_FDCWD, at("l"), at(buffer), 0x100);
    narrow("03", utimensat, AT_FDCWD, at("f"), 0, 0);
    narrow("024", renameat2, AT_FDCWD, at("f"), AT_FDCWD, at("l"), 1);
    narrow("023", statx, AT_FDCWD, at("f"), 0, 0x7ff, at(buffer));
    narrow("3", statx, AT_FDCWD, at("f"), 0, 0x80000000, at(buffer));
    check(call(SYS_unlinkat, AT_FDCWD, "f", 0), 0);
    check(call(SYS_unlinkat, AT_FDCWD, "l", 0), 0);
}

static void processes(void) {
    u8 buffer[512];
    memset(buffer, 0, sizeof buffer);
    narrow("013", waitid, P_PID, NONE, 0, WEXITED, 0);
    narrow("02", wait4, NONE, 0, 1, 0);
    narrow("01", sched_getaffinity, 0, sizeof buffer, at(buffer));
    narrow("01", sched_setaffinity, 0, sizeof buffer, at(buffer));
    narrow("01", setreuid, -1, -1);
    narrow("012", setresgid, -1, -1, -1);
    narrow("01", setpgid, NONE, 0);
    narrow("1", setpgid, 0, -1);
    narrow("0", getpgid, 0);
    narrow("0", getsid, 0);
    narrow("0", getgroups, -1, at(buffer));
    narrow("0", getrlimit, 7, at(buffer));
    narrow("0", setrlimit, 7, at(buffer));
    narrow("01", prlimit64, 0, 7, 0, at(buffer));
    narrow("0", getrusage, 0, at(buffer));
    call(SYS_umask, 022);
    narrow("0", umask, 022);
    narrow("0", prctl, GET_NAME, at(buffer));
    wide(1, -EINVAL, prctl, SET_MDWE, 0);
    wide(1, -EINVAL, prctl, GET_MDWE, 0);
    wide(4, -EINVAL, prctl, GET_MDWE, 0);
    wide(1, -EINVAL, prctl, SET_VMA, 0, at(buffer) & -PAGE, PAGE, 0);
    narrow("2", getrandom, at(buffer), 4, 0);
}

int main(int argc, char **argv) {
    i64 own = call(SYS_getpid), file = call(SYS_memfd_create, "widths", 2);
    check(call(SYS_ftruncate, file, 8 * PAGE), 0);
    memory(file, own);
    threads(own);
    descriptors(file);
    paths();
    processes();
    return 0;
}
