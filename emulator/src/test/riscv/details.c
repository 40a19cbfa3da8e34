// SPDX-License-Identifier: Apache-2.0
// Processors of threads, barriers, advice for a process and for files, threads in /proc. Runs as a user without
// privileges, where there are two processors.
#include "guest.h"
const char *name = NAME;

enum { SYS_sched_setaffinity = 122, SYS_sched_getaffinity = 123, SYS_prctl = 167, SYS_getcpu = 168,
       SYS_readahead = 213, SYS_fadvise64 = 223, SYS_process_madvise = 440 };
enum { QUERY = 0, GLOBAL = 1, PRIVATE = 8, REGISTER_PRIVATE = 16, SELF = -10001, SELF_THREAD = -10000 };
enum { COLD = 20, DONTNEED = 4, WILLNEED = 3, SET_NAME = 15 };

static u64 set[16];

static i64 processors(i64 tid) {
    memset(set, 0, sizeof set);
    return call(SYS_sched_getaffinity, tid, sizeof set, set);
}

static i64 choose(i64 tid, u64 processors) {
    memset(set, 0, sizeof set);
    set[0] = processors;
    return call(SYS_sched_setaffinity, tid, sizeof set, set);
}

static void affinity(void) {
    i64 bytes = processors(0);
    require(bytes > 0 && bytes % 8 == 0);
    u64 all = set[0];
    require((all & 3) == 3);
    check(call(SYS_sched_getaffinity, 0, 9, set), -EINVAL);
    check(call(SYS_sched_getaffinity, 0, 0, set), -EINVAL);
    check(call(SYS_sched_getaffinity, 999999, sizeof set, set), -ESRCH);
    check(call(SYS_sched_getaffinity, -1, sizeof set, set), -ESRCH);
    check(call(SYS_sched_getaffinity, 0, sizeof set, 8), -EFAULT);
    check(choose(0, 0), -EINVAL);
    check(choose(0, 1ul << 63), -EINVAL);
    check(choose(999999, 1), -ESRCH);
    check(call(SYS_sched_setaffinity, 0, sizeof set, 8), -EFAULT);
    check(call(SYS_sched_setaffinity, 0, 0, set), -EINVAL);
    check(choose(0, 2), 0);
    check(processors(0), bytes);
    check(set[0], 2);
    u32 cpu = 9;
    check(call(SYS_getcpu, &cpu, 0, 0), 0);
    check(cpu, 1);
    i64 child = fork();
    if (child == 0) {
        processors(0);
        check(set[0], 2);
        check(choose(0, 1), 0);
        sleep_ms(60000);
        exit(0);
    }
    while (processors(child) == bytes && set[0] == 2)
        call(SYS_sched_yield);
    check(set[0], 1);
    check(choose(child, 3), 0);
    processors(child);
    check(set[0], 3);
    check(call(SYS_kill, child, SIGKILL), 0);
    check(wait_for(child), SIGKILL);
    processors(0);
    check(set[0], 2);
    check(choose(0, all), 0);
}

static void barriers(void) {
    int known = PRIVATE | REGISTER_PRIVATE;
    check(call(SYS_membarrier, QUERY, 0, 0) & known, known);
    check(call(SYS_membarrier, QUERY, 1, 0), -EINVAL);
    check(call(SYS_membarrier, PRIVATE, 0, 0), -EPERM);
    check(call(SYS_membarrier, GLOBAL, 0, 0), 0);
    check(call(SYS_membarrier, REGISTER_PRIVATE, 0, 0), 0);
    check(call(SYS_membarrier, PRIVATE, 0, 0), 0);
    check(call(SYS_membarrier, PRIVATE, 1, 0), -EINVAL);
    check(call(SYS_membarrier, 1 << 20, 0, 0), -EINVAL);
    i64 child = fork();
    if (child == 0) {
        check(call(SYS_membarrier, PRIVATE, 0, 0), 0);
        exit(0);
    }
    check(wait_for(child), 0);
}

static void advice(void) {
    u8 *at = map(4 * PAGE, RW);
    u64 parts[4] = {(u64) at, PAGE, (u64) at + 2 * PAGE, PAGE};
    at[0] = at[PAGE] = at[2 * PAGE] = 1;
    check(call(SYS_process_madvise, -1, parts, 0, COLD, 0), -EBADF);
    check(call(SYS_process_madvise, 99, parts, 1, COLD, 0), -EBADF);
    check(call(SYS_process_madvise, -1, parts, 1, COLD, 1), -EINVAL);
    check(call(SYS_process_madvise, -1, parts, -1, COLD, 0), -EINVAL);
    check(call(SYS_process_madvise, -1, parts, 1025, COLD, 0), -EINVAL);
    check(call(SYS_process_madvise, -1, 8, 1, COLD, 0), -EFAULT);
    check(call(SYS_process_madvise, SELF, parts, 2, COLD, 0), 2 * PAGE);
    check(call(SYS_process_madvise, SELF, parts, 2, DONTNEED, 0), 2 * PAGE);
    check(at[0], 0);
    check(at[PAGE], 1);
    check(at[2 * PAGE], 0);
    check(call(SYS_process_madvise, SELF_THREAD, parts, 1, WILLNEED, 0), PAGE);
    check(call(SYS_process_madvise, SELF, parts, 1, 9999, 0), -EINVAL);
    check(call(SYS_process_madvise, SELF, parts, 0, COLD, 0), 0);
    check(call(SYS_munmap, at + 2 * PAGE, PAGE), 0);
    check(call(SYS_process_madvise, SELF, parts, 2, COLD, 0), PAGE);
    check(call(SYS_process_madvise, SELF, parts + 2, 1, COLD, 0), -ENOMEM);
    parts[0]++;
    check(call(SYS_process_madvise, SELF, parts, 2, COLD, 0), -EINVAL);
}

static void hints(i64 file) {
    check(call(SYS_readahead, file, 0, PAGE), 0);
    check(call(SYS_readahead, file, 100 * PAGE, PAGE), 0);
    check(call(SYS_readahead, file, 0, 0), 0);
    check(call(SYS_readahead, file, -1, PAGE), 0);
    check(call(SYS_readahead, file, 0, -1), -EINVAL);
    for (int known = 0; known <= 5; known++)
        check(call(SYS_fadvise64, file, 0, PAGE, known), 0);
    check(call(SYS_fadvise64, file, 0, 0, 3), 0);
    check(call(SYS_fadvise64, file, 0, PAGE, 6), -EINVAL);
    check(call(SYS_fadvise64, file, 0, PAGE, -1), -EINVAL);
    check(call(SYS_fadvise64, file, 0, -1, 0), -EINVAL);
    check(call(SYS_fadvise64, file, -1, PAGE, 0), 0);
}

static void files(void) {
    i64 file = call(SYS_openat, AT_FDCWD, "details", O_RDWR | O_CREAT | O_EXCL, 0600);
    require(file >= 0);
    hints(file);
    i64 writer = call(SYS_openat, AT_FDCWD, "details", O_WRONLY, 0);
    i64 place = call(SYS_openat, AT_FDCWD, "details", O_PATH, 0);
    i64 folder = call(SYS_openat, AT_FDCWD, ".", O_RDONLY | O_DIRECTORY, 0);
    i64 zero = call(SYS_openat, AT_FDCWD, "/dev/zero", O_RDONLY, 0);
    i64 event = call(SYS_eventfd2, 0, 0);
    i64 proc = call(SYS_openat, AT_FDCWD, "/proc/self/maps", O_RDONLY, 0);
    int both[2];
    check(call(SYS_pipe2, both, 0), 0);
    hints(call(SYS_memfd_create, "details", 0));
    check(call(SYS_readahead, 99, 0, PAGE), -EBADF);
    check(call(SYS_readahead, writer, 0, PAGE), -EBADF);
    check(call(SYS_readahead, place, 0, PAGE), -EBADF);
    check(call(SYS_readahead, both[1], 0, PAGE), -EBADF);
    check(call(SYS_readahead, both[0], 0, PAGE), -EINVAL);
    check(call(SYS_readahead, folder, 0, PAGE), -EINVAL);
    check(call(SYS_readahead, zero, 0, PAGE), -EINVAL);
    check(call(SYS_readahead, event, 0, PAGE), -EINVAL);
    check(call(SYS_fadvise64, 99, 0, PAGE, 0), -EBADF);
    check(call(SYS_fadvise64, place, 0, PAGE, 0), -EBADF);
    check(call(SYS_fadvise64, both[0], 0, PAGE, 0), -ESPIPE);
    check(call(SYS_fadvise64, both[1], 0, -1, 9), -ESPIPE);
    check(call(SYS_fadvise64, writer, 0, PAGE, 4), 0);
    check(call(SYS_fadvise64, folder, 0, PAGE, 0), 0);
    check(call(SYS_fadvise64, folder, 0, PAGE, 9), -EINVAL);
    check(call(SYS_fadvise64, zero, 0, PAGE, 0), 0);
    check(call(SYS_fadvise64, event, 0, PAGE, 0), 0);
    check(call(SYS_fadvise64, proc, 0, PAGE, 0), 0);
    check(call(SYS_unlinkat, AT_FDCWD, "details", 0), 0);
}

static volatile int go;

static void named(void *argument) {
    check(call(SYS_prctl, SET_NAME, "second"), 0);
    go = 1;
    wake(&go, 1);
    while (go != 2)
        await(&go, 1);
}

static i64 text_of(const char *folder, i64 tid, const char *file, char *text, int size) {
    char path[64], digits[12];
    int at = strlen(folder), length = 0;
    memcpy(path, folder, at);
    do {
        digits[length++] = '0' + tid % 10;
        tid /= 10;
    } while (tid > 0);
    while (length > 0)
        path[at++] = digits[--length];
    memcpy(path + at, file, strlen(file) + 1);
    i64 found = call(SYS_openat, AT_FDCWD, path, O_RDONLY, 0);
    if (found < 0)
        return found;
    i64 read = call(SYS_read, found, text, size - 1);
    check(call(SYS_close, found), 0);
    text[read < 0 ? 0 : read] = 0;
    return read;
}

static void threads(void) {
    char text[512];
    volatile int tid;
    u8 *stack = map(16 * PAGE, RW);
    i64 second = thread(named, 0, stack + 16 * PAGE, &tid);
    require(second > 0);
    while (go == 0)
        await(&go, 0);
    i64 own = call(SYS_gettid);
    require(text_of("/proc/self/task/", second, "/comm", text, sizeof text) > 0);
    check(strcmp(text, "second\n"), 0);
    require(text_of("/proc/self/task/", own, "/comm", text, sizeof text) > 0);
    check(strcmp(text, "details\n"), 0);
    require(text_of("/proc/self/task/", own, "/status", text, sizeof text) > 0);
    int isWaiting;
    do {
        require(text_of("/proc/self/task/", second, "/stat", text, sizeof text) > 0);
        const char *state = text;
        while (*state != ')')
            state++;
        isWaiting = state[2] == 'S';
    } while (!isWaiting);
    check(text_of("/proc/self/task/", 1, "/comm", text, sizeof text), -ENOENT);
    i64 folder = call(SYS_openat, AT_FDCWD, "/proc/self/task", O_RDONLY | O_DIRECTORY, 0), read;
    static char entries[PAGE];
    int found = 0;
    while ((read = call(SYS_getdents64, folder, entries, sizeof entries)) > 0)
        for (i64 at = 0; at < read; at += *(u16 *) (entries + at + 16))
            found += entries[at + 19] != '.';
    check(found, 2);
    go = 2;
    wake(&go, 1);
    join(&tid);
    check(call(SYS_close, folder), 0);
}

int main(int argc, char **argv) {
    barriers();
    affinity();
    advice();
    files();
    threads();
    return 0;
}
