// SPDX-License-Identifier: Apache-2.0
// Timers of real time and of processor time, and the faults that a program made.
#include "guest.h"
const char *name = NAME;

enum { SYS_getitimer = 102, SYS_setitimer = 103, SYS_getrusage = 165 };
enum { REAL = 0, VIRTUAL = 1, PROF = 2, SIGALRM = 14, SIGVTALRM = 26, SIGPROF = 27, PROCESS_CPU = 2, THREAD = 1 };

struct timer {
    i64 interval_seconds, interval_micros, seconds, micros;
};

static volatile int alarms, virtuals, profs;

static void count(int signal, struct siginfo *info, struct context *context) {
    *(signal == SIGALRM ? &alarms : signal == SIGVTALRM ? &virtuals : &profs) += 1;
}

static i64 set(int which, i64 seconds, i64 micros, i64 interval) {
    struct timer timer = {0, interval, seconds, micros};
    return call(SYS_setitimer, which, &timer, 0);
}

static i64 cpu(void) {
    struct timespec now;
    check(call(SYS_clock_gettime, PROCESS_CPU, &now), 0);
    return now.seconds * 1000 + now.nanos / 1000000;
}

static void work(int millis) {
    i64 end = cpu() + millis;
    while (cpu() < end) {
    }
}

static void times(void) {
    struct timer old;
    check(set(REAL, 0x7fffffff, 0, 0), 0);
    check(call(SYS_setitimer, REAL, &(struct timer) {0}, &old), 0);
    require(old.seconds == 0x7ffffffe || old.seconds == 0x7fffffff);
    check(set(REAL, 0xffffffff, 0, 0), 0);
    check(call(SYS_setitimer, REAL, &(struct timer) {0}, &old), 0);
    require(old.seconds >= 0xfffffffe);
    check(set(REAL, 1l << 40, 0, 0), 0);
    check(call(SYS_getitimer, REAL, &old), 0);
    require(old.seconds > 1l << 32);
    check(set(REAL, 0, 0, 0), 0);
    check(call(SYS_getitimer, REAL, &old), 0);
    check(old.seconds + old.micros, 0);
    check(set(REAL, 0, 1000000, 0), -EINVAL);
    check(set(REAL, -1, 0, 0), -EINVAL);
    check(set(3, 1, 0, 0), -EINVAL);
    check(set(-1, 1, 0, 0), -EINVAL);
    check(call(SYS_getitimer, 3, &old), -EINVAL);
    check(call(SYS_getitimer, VIRTUAL, 8), -EFAULT);
    check(call(SYS_setitimer, VIRTUAL, 8, 0), -EFAULT);
    /* The timer runs even if its old value cannot be stored. */
    struct timer late = {0, 0, 500, 0};
    check(call(SYS_setitimer, PROF, &late, 8), -EFAULT);
    check(call(SYS_getitimer, PROF, &old), 0);
    require(old.seconds >= 400);
    check(set(PROF, 0, 0, 0), 0);
    check(set(REAL, 0, 20000, 0), 0);
    u64 none = 0;
    check(call(SYS_rt_sigsuspend, &none, 8), -EINTR);
    check(alarms, 1);
}

/* A timer of processor time does not advance while the process waits. */
static void processor(int which, volatile int *signals) {
    struct timer left;
    check(set(which, 0, 40000, 20000), 0);
    sleep_ms(200);
    check(*signals, 0);
    check(call(SYS_getitimer, which, &left), 0);
    check(left.interval_micros, 20000);
    require(left.seconds == 0 && left.micros > 0 && left.micros <= 44000);
    i64 before = cpu();
    while (*signals < 3)
        work(1);
    require(cpu() - before >= 60);
    check(set(which, 0, 0, 0), 0);
    check(call(SYS_getitimer, which, &left), 0);
    check(left.micros, 0);
    int now = *signals;
    work(60);
    check(*signals, now);
    i64 child = fork();
    if (child == 0) {
        struct timer inherited;
        check(call(SYS_getitimer, which, &inherited), 0);
        check(inherited.micros, 0);
        exit(0);
    }
    check(wait_for(child), 0);
}

static i64 faults(int whose) {
    i64 usage[18];
    check(call(SYS_getrusage, whose, usage), 0);
    return usage[8] + usage[9];
}

int main(int argc, char **argv) {
    on(SIGALRM, count, 0);
    on(SIGVTALRM, count, 0);
    on(SIGPROF, count, 0);
    times();
    processor(VIRTUAL, &virtuals);
    processor(PROF, &profs);
    i64 process = faults(0), thread = faults(THREAD);
    u8 *pages = map(64 * PAGE, RW);
    for (int i = 0; i < 64; i++)
        pages[i * PAGE] = 1;
    require(faults(0) - process >= 1);
    require(faults(THREAD) - thread >= 1);
    return 0;
}
