// SPDX-License-Identifier: Apache-2.0
// Waits with a mask of their own: which signals they deliver, and which mask is restored.
#include "guest.h"
const char *name = NAME;

enum { SYS_pselect6 = 72 };
enum { POLLIN = 1, POLLNVAL = 32 };

struct polled {
    int descriptor;
    short events, found;
};

static const u64 none = 0;
static volatile int handled;
static int ends[2];

static u64 bit(int signal) {
    return 1ul << (signal - 1);
}

static void count(int signal, struct siginfo *info, struct context *context) {
    handled++;
}

static u64 mask(void) {
    u64 blocked;
    check(call(SYS_rt_sigprocmask, SIG_BLOCK, 0, &blocked, 8), 0);
    return blocked;
}

static i64 poll(struct polled *files, i64 number, i64 seconds) {
    struct timespec time = {seconds, 0};
    return call(SYS_ppoll, files, number, &time, &none, 8);
}

static i64 select(u64 *readable, i64 seconds) {
    struct timespec time = {seconds, 0};
    struct {
        const u64 *mask;
        u64 bytes;
    } with = {&none, 8};
    return call(SYS_pselect6, 64, readable, 0, 0, &time, &with);
}

static void send(void) {
    handled = 0;
    check(call(SYS_tgkill, call(SYS_getpid), call(SYS_gettid), SIGUSR1), 0);
}

/* The call was not interrupted, so the signal that only its mask permits stays pending. */
static void stays(void) {
    u64 pending;
    check(handled, 0);
    check(call(SYS_rt_sigpending, &pending, 8), 0);
    check(pending, bit(SIGUSR1));
    check(mask(), bit(SIGUSR1));
}

static void is_handled(void) {
    check(handled, 1);
    check(mask(), bit(SIGUSR1));
    handled = 0;
}

static void polls(void) {
    struct polled ready = {ends[0], POLLIN, 0}, closed = {900, POLLIN, 0};
    send();
    check(poll(&ready, 1, 20), 1);
    stays();
    check(poll(&closed, 1, 20), 1);
    check(closed.found, POLLNVAL);
    stays();
    check(poll((struct polled *) 8, 1, 20), -EFAULT);
    stays();
    struct polled *unwritable = map(PAGE, RW);
    *unwritable = ready;
    check(call(SYS_mprotect, unwritable, PAGE, PROT_READ), 0);
    check(poll(unwritable, 1, 20), -EFAULT);
    stays();
    check(poll(&ready, 1l << 31, 20), -EINVAL);
    stays();
    check(poll(&ready, 1, -1), -EINVAL);
    stays();
    /* Even with a time of 0, the wait is interrupted if nothing is ready. */
    check(poll(0, 0, 0), -EINTR);
    is_handled();
    send();
    check(poll(0, 0, 20), -EINTR);
    is_handled();
}

static void selects(void) {
    u64 readable = 1ul << ends[0];
    send();
    check(select(&readable, 20), 1);
    check(readable, 1ul << ends[0]);
    stays();
    u64 closed = 1ul << 50;
    check(select(&closed, 20), -EBADF);
    stays();
    check(select((u64 *) 8, 20), -EFAULT);
    stays();
    u64 *unwritable = map(PAGE, RW);
    *unwritable = readable;
    check(call(SYS_mprotect, unwritable, PAGE, PROT_READ), 0);
    check(select(unwritable, 20), -EFAULT);
    stays();
    check(select(&readable, -1), -EINVAL);
    stays();
    check(select(0, 0), -EINTR);
    is_handled();
    send();
    check(select(0, 20), -EINTR);
    is_handled();
}

static void suspends(void) {
    send();
    check(call(SYS_rt_sigsuspend, &none, 16), -EINVAL);
    stays();
    check(call(SYS_rt_sigsuspend, 8, 8), -EFAULT);
    stays();
    check(call(SYS_rt_sigsuspend, &none, 8), -EINTR);
    is_handled();
}

static volatile u64 seen, saved;

static void no_stack(int signal, struct siginfo *info, struct context *context) {
    seen = mask();
    saved = context->mask;
    exit(seen == (bit(SIGUSR2) | bit(SIGSEGV)) && saved == (bit(SIGUSR1) | bit(SIGTERM)) ? 7 : 8);
}

/* The handler of the signal that ends the wait has no stack. That of SIGSEGV runs with the mask of the wait, and
   returns to the one from before. */
static void without_stack(void) {
    static u8 alternate[4 * PAGE];
    static const u64 blocked = 1 << (SIGUSR1 - 1) | 1 << (SIGTERM - 1), waiting = 1 << (SIGUSR2 - 1);
    struct stack stack = {alternate, 0, sizeof alternate};
    i64 child = fork();
    if (child == 0) {
        check(call(SYS_sigaltstack, &stack, 0), 0);
        on(SIGSEGV, no_stack, SA_ONSTACK);
        check(call(SYS_rt_sigprocmask, SIG_SETMASK, &blocked, 0, 8), 0);
        send();
        register const u64 *a0 __asm__("a0") = &waiting;
        register i64 a1 __asm__("a1") = 8;
        register i64 a7 __asm__("a7") = SYS_rt_sigsuspend;
        __asm__ volatile("li sp, 16; ecall; ebreak" : "+r"(a0) : "r"(a1), "r"(a7) : "memory");
    }
    check(wait_for(child), 7 << 8);
}

int main(int argc, char **argv) {
    u64 blocked = bit(SIGUSR1);
    on(SIGUSR1, count, 0);
    check(call(SYS_rt_sigprocmask, SIG_SETMASK, &blocked, 0, 8), 0);
    check(call(SYS_pipe2, ends, 0), 0);
    check(call(SYS_write, ends[1], "x", 1), 1);
    polls();
    selects();
    suspends();
    without_stack();
    return 0;
}
