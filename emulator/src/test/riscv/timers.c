// SPDX-License-Identifier: Apache-2.0
// The timer of real time, and the faults that a program made.
#include "guest.h"
const char *name = NAME;

enum { SYS_setitimer = 103, SYS_getrusage = 165 };
enum { REAL = 0, SIGALRM = 14, THREAD = 1 };

struct timer {
    i64 interval_seconds, interval_micros, seconds, micros;
};

static volatile int alarms;

static void count(int signal, struct siginfo *info, struct context *context) {
    alarms++;
}

static i64 set(int which, i64 seconds, i64 micros, i64 interval) {
    struct timer timer = {0, interval, seconds, micros};
    return call(SYS_setitimer, which, &timer, 0);
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
    /* The timer runs even if its old value cannot be stored. */
    struct timer late = {0, 0, 500, 0};
    check(call(SYS_setitimer, REAL, &late, 8), -EFAULT);
    check(call(SYS_setitimer, REAL, &(struct timer) {0}, &old), 0);
    require(old.seconds >= 400);
    check(set(REAL, 0, 1000000, 0), -EINVAL);
    check(set(REAL, -1, 0, 0), -EINVAL);
    check(set(3, 1, 0, 0), -EINVAL);
    check(set(-1, 1, 0, 0), -EINVAL);
    check(call(SYS_setitimer, REAL, 8, 0), -EFAULT);
    check(set(REAL, 0, 20000, 0), 0);
    u64 none = 0;
    check(call(SYS_rt_sigsuspend, &none, 8), -EINTR);
    check(alarms, 1);
}

static i64 faults(int whose) {
    i64 usage[18];
    check(call(SYS_getrusage, whose, usage), 0);
    return usage[8] + usage[9];
}

int main(int argc, char **argv) {
    on(SIGALRM, count, 0);
    times();
    i64 process = faults(0), thread = faults(THREAD);
    u8 *pages = map(64 * PAGE, RW);
    for (int i = 0; i < 64; i++)
        pages[i * PAGE] = 1;
    require(faults(0) - process >= 1);
    require(faults(THREAD) - thread >= 1);
    return 0;
}
