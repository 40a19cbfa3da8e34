// SPDX-License-Identifier: Apache-2.0
// Reaches limits of the emulator, or one that is named: beyond each, a call fails as on Linux, and works again later.
#include "guest.h"
const char *name = NAME;

enum { E2BIG = 7, ENFILE = 23, EMFILE = 24, ENOSPC = 28, EMLINK = 31, ENAMETOOLONG = 36, ENOLCK = 37 };
enum { F_SETLK = 6, F_RDLCK = 0, IPC_RMID = 0, SYS_getrandom = 278, SYS_readv = 65, SYS_getgroups = 158, SYS_setgroups };
enum { SIG_RT = 40, SIG_QUEUE = -1 };

static int ends[2];

struct told {
    i32 count, error;
};

static void tell(i64 count, i64 error) {
    struct told told = {(i32) count, (i32) error};
    check(call(SYS_write, ends[1], &told, sizeof told), sizeof told);
    for (;;)
        call(SYS_ppoll, 0, 0, 0, 0);
}

/* A child that failed reports nothing: its output should be seen, instead of an endless wait. */
static struct told hear(void) {
    struct told told;
    struct {
        i32 file;
        short wanted, found;
    } asked = {ends[0], 1, 0};
    struct timespec time = {60, 0};
    check(call(SYS_ppoll, &asked, 1, &time, 0, 8), 1);
    check(call(SYS_read, ends[0], &told, sizeof told), sizeof told);
    return told;
}

static void end(i64 child) {
    check(call(SYS_kill, child, SIGKILL), 0);
    check(wait_for(child), SIGKILL);
}

static void descriptors(void) {
    i64 found, last = -1;
    while ((found = call(SYS_dup, 1)) >= 0)
        last = found;
    check(found, -EMFILE);
    check(last, 1023);
    check(call(SYS_close, last), 0);
    check(call(SYS_dup, 1), last);
    while (last > 2)
        call(SYS_close, last--);
}

/* Children that have as many files as each may: together more than there may be. */
static void files(void) {
    i64 children[17];
    i64 sum = 2, refused = 0;
    check(call(SYS_pipe2, ends, 0), 0);
    for (int i = 0; i < 17; i++)
        if ((children[i] = fork()) == 0) {
            i64 found = 0, count = 0;
            while (count < 1000 && (found = call(SYS_openat, AT_FDCWD, "/dev/null", O_RDONLY, 0)) >= 0)
                count++;
            tell(count, found < 0 ? found : 0);
        }
    for (int i = 0; i < 17; i++) {
        struct told told = hear();
        require(told.error == 0 || told.error == -ENFILE);
        refused += told.error != 0;
        sum += told.count;
    }
    require(refused > 0);
    check(sum, 16384);
    check(call(SYS_openat, AT_FDCWD, "new", O_CREAT | O_WRONLY, 0600), -ENFILE);
    check(call(SYS_faccessat, AT_FDCWD, "new", 0), -ENOENT);
    end(children[16]);
    for (int i = 0; i < 16; i++)
        end(children[i]);
    i64 again = call(SYS_openat, AT_FDCWD, "/dev/null", O_RDONLY, 0);
    require(again >= 0);
    check(call(SYS_close, again), 0);
}

/* Files in memory that have a mapping and no descriptor. */
static void memory_files(void) {
    static u8 *mapped[4097];
    i64 count = 0, file;
    while (count <= 4096 && (file = call(SYS_memfd_create, "f", 0)) >= 0) {
        mapped[count] = (u8 *) call(SYS_mmap, 0, PAGE, PROT_READ, MAP_SHARED, file, 0);
        require((i64) mapped[count++] > 0);
        check(call(SYS_close, file), 0);
    }
    check(file, -ENFILE);
    check(count, 4096);
    while (count > 0)
        check(call(SYS_munmap, mapped[--count], PAGE), 0);
    file = call(SYS_memfd_create, "f", 0);
    require(file >= 0);
    check(call(SYS_close, file), 0);
}

static void segments(void) {
    static i32 ids[4097];
    i64 count = 0, id;
    while (count <= 4096 && (id = call(SYS_shmget, 0, PAGE, 0600)) >= 0)
        ids[count++] = (i32) id;
    check(id, -ENOSPC);
    check(count, 4096);
    check(call(SYS_shmctl, ids[0], IPC_RMID, 0), 0);
    ids[0] = (i32) call(SYS_shmget, 0, PAGE, 0600);
    require(ids[0] >= 0);
    while (count > 0)
        check(call(SYS_shmctl, ids[--count], IPC_RMID, 0), 0);
}

/* Pages of alternating protection, from which children are forked. */
static void mappings(void) {
    enum { MANY = 65000 };
    i64 children[20];
    i64 count = 0, child = 0;
    u8 *at = map((u64) (MANY + 1000) * PAGE, PROT_NONE);
    i64 result = 0, made = 0;
    for (i64 i = 1; i < MANY + 1000 && result == 0; i += 2) {
        result = call(SYS_mprotect, at + i * PAGE, PAGE, PROT_READ);
        made += result == 0;
    }
    check(result, -ENOMEM);
    require(2 * made <= 65530 && 2 * made > 65500);
    while (count < 20 && (child = fork()) > 0)
        children[count++] = child;
    if (child == 0)
        for (;;)
            call(SYS_ppoll, 0, 0, 0, 0);
    check(child, -ENOMEM);
    // 2^20 of some 65,530 each.
    check(count, 15);
    while (count > 0)
        end(children[--count]);
    check(call(SYS_munmap, at, (u64) (MANY + 1000) * PAGE), 0);
    child = fork();
    if (child == 0)
        exit(0);
    check(wait_for(child), 0);
}

/* Processes that map on their own, as much as all may together. A child may begin when the others have all mappings. */
static void map_many(void) {
    enum { EACH = 65000 };
    u8 *at = (u8 *) call(SYS_mmap, 0, (u64) EACH * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANON, -1, 0);
    i64 made = 0, result = (i64) at < 0 ? (i64) at : 0;
    for (i64 i = 1; i < EACH && result == 0; i += 2) {
        result = call(SYS_mprotect, at + i * PAGE, PAGE, PROT_READ);
        made += result == 0;
    }
    if (result != 0 && made > 0) {
        // What takes no mapping works, and what removes one.
        check(call(SYS_munmap, at + PAGE, PAGE), 0);
        require(call(SYS_brk, 0) > 0);
    }
    tell(made, result);
}

static void mappings_of_all(void) {
    i64 children[17];
    i64 refused = 0;
    check(call(SYS_pipe2, ends, 0), 0);
    for (int i = 0; i < 17; i++)
        if ((children[i] = fork()) == 0)
            map_many();
    for (int i = 0; i < 17; i++) {
        i32 error = children[i] < 0 ? children[i] : hear().error;
        require(error == 0 || error == -ENOMEM);
        refused += error != 0;
    }
    require(refused > 0 && refused < 17);
    for (int i = 0; i < 17; i++)
        if (children[i] > 0)
            end(children[i]);
    map(PAGE, RW);
}

static void processes(void) {
    static i64 children[1024];
    i64 count = 0, child;
    while (count < 1024 && (child = fork()) > 0)
        children[count++] = child;
    if (child == 0)
        for (;;)
            call(SYS_ppoll, 0, 0, 0, 0);
    check(child, -EAGAIN);
    // This process is two places, and so is each child.
    check(count, 511);
    while (count > 0)
        end(children[--count]);
}

static void zombies(void) {
    i64 count = 0, child;
    while (count < 2048 && (child = fork()) > 0)
        count++;
    if (child == 0)
        exit(0);
    check(child, -EAGAIN);
    while (count-- > 0)
        require(call(SYS_wait4, -1, 0, 0, 0) > 0);
    child = fork();
    if (child == 0)
        exit(0);
    check(wait_for(child), 0);
}

static void signals(void) {
    struct siginfo info = {SIG_RT, 0, SIG_QUEUE, 0, {0}};
    u64 set = 1ul << (SIG_RT - 1), set2 = 1ul << SIG_RT;
    u64 both = set | set2;
    struct timespec none = {0, 0};
    i64 self = call(SYS_getpid), count = 0, result;
    check(call(SYS_rt_sigprocmask, SIG_BLOCK, &both, 0, 8), 0);
    while (count <= 32768 && (result = call(SYS_rt_sigqueueinfo, self, SIG_RT, &info)) == 0)
        count++;
    check(result, -EAGAIN);
    check(count, 32768);
    // One of kill comes without a sender, also where none of its number is queued.
    check(call(SYS_kill, self, SIG_RT + 1), 0);
    check(call(SYS_rt_sigtimedwait, &set2, &info, &none, 8), SIG_RT + 1);
    check(info.code, 0);
    check(info.pid, 0);
    check(call(SYS_rt_sigtimedwait, &set2, &info, &none, 8), -EAGAIN);
    // The signals of a process that ends are queued no more.
    while (count-- > 0)
        check(call(SYS_rt_sigtimedwait, &set, &info, &none, 8), SIG_RT);
    check(call(SYS_rt_sigtimedwait, &set, &info, &none, 8), -EAGAIN);
    i64 child = fork();
    if (child == 0) {
        info = (struct siginfo) {SIG_RT, 0, SIG_QUEUE, 0, {0}};
        while (call(SYS_rt_sigqueueinfo, call(SYS_getpid), SIG_RT, &info) == 0) {
        }
        exit(0);
    }
    check(wait_for(child), 0);
    info = (struct siginfo) {SIG_RT, 0, SIG_QUEUE, 0, {0}};
    check(call(SYS_rt_sigqueueinfo, self, SIG_RT, &info), 0);
}

static void locks(void) {
    struct {
        short type, from;
        i64 start, length;
        i32 pid;
    } lock = {F_RDLCK, 0, 0, 1, 0};
    i64 file = call(SYS_openat, AT_FDCWD, "locked", O_RDWR | O_CREAT, 0600);
    i64 count = 0, result;
    require(file >= 0);
    while (count <= 16384 && (result = call(SYS_fcntl, file, F_SETLK, &lock)) == 0) {
        count++;
        lock.start += 2;
    }
    check(result, -ENOLCK);
    // A lock that is divided becomes two more.
    check(count, 16383);
    check(call(SYS_close, file), 0);
    file = call(SYS_openat, AT_FDCWD, "locked", O_RDWR, 0);
    check(call(SYS_fcntl, file, F_SETLK, &lock), 0);
    check(call(SYS_close, file), 0);
}

/* Children that have as many pipes as each may: together more than there may be. */
static void pipes(void) {
    i64 children[3];
    i64 sum = 1, refused = 0;
    check(call(SYS_pipe2, ends, 0), 0);
    for (int i = 0; i < 3; i++)
        if ((children[i] = fork()) == 0) {
            int other[2];
            i64 result = 0, count = 0;
            while (count < 500 && (result = call(SYS_pipe2, other, 0)) == 0)
                count++;
            tell(count, result);
        }
    for (int i = 0; i < 3; i++) {
        struct told told = hear();
        require(told.error == 0 || told.error == -ENFILE);
        refused += told.error != 0;
        sum += told.count;
    }
    require(refused > 0);
    check(sum, 1024);
    for (int i = 0; i < 3; i++)
        end(children[i]);
    check(call(SYS_pipe2, ends, 0), 0);
}

/* 96 times 64 KiB with a pointer are as much as there may be, without the name of the program. */
static void arguments(void) {
    static char text[(64 << 10) - 8];
    static char *strings[98];
    struct {
        u64 soft, hard;
    } unlimited = {-1ul, -1ul};
    for (u64 i = 0; i + 1 < sizeof text; i++)
        text[i] = 'a';
    check(call(SYS_prlimit64, 0, 3, &unlimited, 0), 0);
    for (int i = 0; i < 95; i++)
        strings[i] = text;
    check(call(SYS_execve, "/none", strings, 0), -ENOENT);
    strings[95] = strings[96] = text;
    check(call(SYS_execve, "/proc/self/exe", strings, 0), -E2BIG);
}

/* The lengths of one call. */
static void lengths(void) {
    static char text[(128 << 10) + 1], path[4200];
    static u8 bytes[64 << 10];
    static struct {
        void *at;
        u64 length;
    } parts[1025];
    char *arguments[2] = {text, 0};
    for (u64 i = 0; i + 1 < sizeof text; i++)
        text[i] = 'a';
    check(call(SYS_execve, "/proc/self/exe", arguments, 0), -E2BIG);
    text[(128 << 10) - 1] = 0;
    check(call(SYS_execve, "/none", arguments, 0), -ENOENT);
    for (u64 i = 0; i < sizeof path; i++)
        path[i] = i % 2 ? '/' : 'a';
    path[4096] = 0;
    check(call(SYS_faccessat, AT_FDCWD, path, 0), -ENAMETOOLONG);
    path[4095] = 0;
    check(call(SYS_faccessat, AT_FDCWD, path, 0), -ENOENT);
    i64 zero = call(SYS_openat, AT_FDCWD, "/dev/zero", O_RDONLY, 0);
    require(zero >= 0);
    check(call(SYS_readv, zero, parts, 1024), 0);
    check(call(SYS_readv, zero, parts, 1025), -EINVAL);
    check(call(SYS_ppoll, bytes, 1025, 0, 0), -EINVAL);
    // More than a call copies at a time.
    u8 *large = map(1 << 20, RW);
    check(call(SYS_read, zero, large, 1 << 20), 1 << 20);
    check(call(SYS_getrandom, large, 1 << 20, 0), 1 << 20);
    require(memcmp(large, large + (1 << 19), 64) != 0);
    check(call(SYS_munmap, large + PAGE, PAGE), 0);
    check(call(SYS_getrandom, large + PAGE - 4, 10, 0), 4);
    check(call(SYS_getrandom, large + PAGE, 10, 0), -EFAULT);
    check(call(SYS_close, zero), 0);
}

/* Pages so far apart that each needs its own nodes in the index of the file. */
static void sparse(void) {
    u8 byte = 1;
    i64 file = call(SYS_memfd_create, "sparse", 0), count = 0, result;
    require(file >= 0);
    while (count < 60000 && (result = call(SYS_pwrite64, file, &byte, 1, count << 38)) == 1)
        count++;
    check(result, -ENOSPC);
    require(count > 100);
    // There are pages for other things than files.
    u8 *others = map(64 * PAGE, RW);
    for (i64 i = 0; i < 64; i++)
        others[i * PAGE] = 1;
    check(call(SYS_ftruncate, file, 0), 0);
    check(call(SYS_pwrite64, file, &byte, 1, count << 38), 1);
    check(call(SYS_close, file), 0);
}

/* Calls that do not exist: there are as many as numbers. */
static void numbers(void) {
    for (int i = 0; i < 200000; i++)
        check(call(100000 + i), -ENOSYS);
}

static const struct {
    const char *name;
    void (*reach)(void);
} all[] = {
    {"descriptors", descriptors}, {"files", files}, {"memory_files", memory_files}, {"segments", segments},
    {"mappings", mappings}, {"mappings_of_all", mappings_of_all}, {"processes", processes}, {"zombies", zombies},
    {"signals", signals}, {"locks", locks}, {"pipes", pipes},
    {"arguments", arguments},
    {"lengths", lengths}, {"numbers", numbers}, {"sparse", sparse},
};

int main(int argc, char **argv) {
    int found = 0;
    for (u64 i = 0; i < sizeof all / sizeof *all; i++)
        if (argc < 2 || strcmp(argv[1], all[i].name) == 0) {
            all[i].reach();
            found++;
        }
    require(found > 0);
    return 0;
}
