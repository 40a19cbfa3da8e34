// SPDX-License-Identifier: Apache-2.0
// What the system tells of itself: time of processors, file systems, names of threads, bytes to read. With
// an argument without the file of its own that QEMU makes.
#include "guest.h"
const char *name = NAME;

enum { SYS_statfs = 43, SYS_times = 153, SYS_getrusage = 165, SYS_prctl = 167 };
enum { FIONREAD = 0x541b, PR_SET_NAME = 15, PR_GET_NAME = 16, SELF = 0, CHILDREN = -1, PROCESS_CPU = 2, THREAD_CPU = 3 };

static i64 used(int clock) {
    struct timespec now;
    check(call(SYS_clock_gettime, clock, &now), 0);
    return now.seconds * 1000 + now.nanos / 1000000;
}

static i64 usage(int whose) {
    i64 all[18];
    check(call(SYS_getrusage, whose, all), 0);
    return all[0] * 1000 + all[1] / 1000 + all[2] * 1000 + all[3] / 1000;
}

static void work(int millis) {
    i64 end = used(THREAD_CPU) + millis;
    while (used(THREAD_CPU) < end) {
    }
}

static void processors(void) {
    i64 before = used(PROCESS_CPU), ticks[4], children = usage(CHILDREN);
    sleep_ms(300);
    require(used(PROCESS_CPU) - before < 250);
    work(50);
    require(used(PROCESS_CPU) - before >= 49);
    require(usage(SELF) >= 49);
    require(call(SYS_times, ticks) > 0);
    require(ticks[0] + ticks[1] >= 4);
    i64 child = fork();
    if (child == 0) {
        work(50);
        exit(0);
    }
    check(wait_for(child), 0);
    require(usage(CHILDREN) - children >= 49);
    check(call(SYS_getrusage, 5, ticks), -EINVAL);
}

static void systems(void) {
    u64 found[15];
    check(call(SYS_statfs, ".", found), 0);
    require(found[1] >= 512 && found[2] > 0 && found[2] >= found[3] && found[3] >= found[4]);
    check(found[8], 255);
    check(call(SYS_statfs, "none", found), -ENOENT);
}

static void names(void) {
    char text[17];
    check(call(SYS_prctl, PR_SET_NAME, "exactly fifteen and more"), 0);
    memset(text, 'x', sizeof text);
    check(call(SYS_prctl, PR_GET_NAME, text), 0);
    check(strcmp(text, "exactly fifteen"), 0);
    check(text[16], 'x');
    i64 child = fork();
    if (child == 0) {
        check(call(SYS_prctl, PR_GET_NAME, text), 0);
        check(strcmp(text, "exactly fifteen"), 0);
        exit(0);
    }
    check(wait_for(child), 0);
}

static void readable(void) {
    int both[2], bytes = -1;
    check(call(SYS_pipe2, both, 0), 0);
    check(call(SYS_write, both[1], "0123456789", 10), 10);
    check(call(SYS_ioctl, both[0], FIONREAD, &bytes), 0);
    check(bytes, 10);
    i64 memory = call(SYS_memfd_create, "bytes", 0);
    check(call(SYS_write, memory, "0123456789", 10), 10);
    check(call(SYS_lseek, memory, 4, 0), 4);
    check(call(SYS_ioctl, memory, FIONREAD, &bytes), 0);
    check(bytes, 6);
}

/* The state of a process, by the third field of its file in /proc. */
static char state(i64 pid) {
    char path[32] = "/proc/", digits[12], text[256];
    int at = 6, length = 0;
    do {
        digits[length++] = '0' + pid % 10;
        pid /= 10;
    } while (pid > 0);
    while (length > 0)
        path[at++] = digits[--length];
    memcpy(path + at, "/stat", 6);
    i64 file = call(SYS_openat, AT_FDCWD, path, O_RDONLY, 0);
    i64 read = call(SYS_read, file, text, sizeof text);
    check(call(SYS_close, file), 0);
    for (i64 i = 0; i < read - 2; i++)
        if (text[i] == ')')
            return text[i + 2];
    return 0;
}

static u8 stack[4 * PAGE] __attribute__((aligned(16)));
static volatile int tid;

static void stay(void *argument) {
    for (;;)
        sleep_ms(1000);
}

static void processes(int isQemu) {
    i64 child = fork();
    if (child == 0) {
        sleep_ms(60000);
        exit(0);
    }
    while (state(child) != 'S')
        call(SYS_sched_yield);
    check(call(SYS_kill, child, SIGKILL), 0);
    while (state(child) != 'Z')
        call(SYS_sched_yield);
    check(wait_for(child), SIGKILL);
    child = fork();
    if (child == 0) {
        require(thread(stay, 0, stack + sizeof stack, &tid) > 0);
        call(SYS_exit, 0);
    }
    while (state(child) != 'Z')
        call(SYS_sched_yield);
    int status;
    check(call(SYS_wait4, child, &status, 1, 0), 0);
    check(call(SYS_kill, child, SIGKILL), 0);
    check(wait_for(child), SIGKILL);
    if (!isQemu) {
        check(state(call(SYS_getpid)), 'R');
        static char text[128];
        i64 file = call(SYS_openat, AT_FDCWD, "/proc/cpuinfo", O_RDONLY);
        i64 length = call(SYS_read, file, text, sizeof text);
        check(call(SYS_close, file), 0);
        int at = 0;
        while (at + 4 < length && memcmp(text + at, "sv39", 4) != 0)
            at++;
        require(at + 4 < length);
    }
    static const char *const files[] = {"/proc/cpuinfo", "/proc/self/status", "/proc/self/statm", "/proc/self/cmdline"};
    for (u64 i = 0; i < sizeof files / sizeof *files; i++) {
        char byte;
        i64 file = call(SYS_openat, AT_FDCWD, files[i], O_RDONLY, 0);
        require(file >= 0);
        check(call(SYS_read, file, &byte, 1), 1);
        check(call(SYS_close, file), 0);
    }
}

int main(int argc, char **argv) {
    processes(argc > 1);
    processors();
    systems();
    names();
    readable();
    return 0;
}
