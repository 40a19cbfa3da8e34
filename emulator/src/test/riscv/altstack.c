// SPDX-License-Identifier: Apache-2.0
// Jumps out of handlers, alternate stacks, and the registers in a handler's context.
#include "guest.h"
const char *name = NAME;

static u8 alternate[8 * PAGE];
static jumps back;
static volatile u64 seen_sp;
static volatile int depth, handled;

static int is_alternate(u64 sp) {
    return sp > (u64) alternate && sp <= (u64) alternate + sizeof alternate;
}

static void on_stack(int signal, struct siginfo *info, struct context *context) {
    u64 here;
    seen_sp = (u64) &here;
    handled++;
    struct stack now;
    check(call(SYS_sigaltstack, 0, &now), 0);
    check(now.flags, 1);
    check(call(SYS_sigaltstack, &now, 0), -EPERM);
    if (depth > 0) {
        depth--;
        check(call(SYS_tkill, call(SYS_gettid), signal), 0);
        require(is_alternate(seen_sp));
    }
}

static void jump_out(int signal, struct siginfo *info, struct context *context) {
    jump_back(back, signal);
}

static void skip(int signal, struct siginfo *info, struct context *context) {
    check(info->address, 64);
    check(context->registers[10], 0x1234);
    check(context->registers[18], 0x5678);
    context->registers[0] += 4;
    context->registers[10] = 0x4321;
    context->floats[8] = 0x4010000000000000;
}

static void end(int signal, struct siginfo *info, struct context *context) {
    u64 here;
    exit(is_alternate((u64) &here) ? 7 : 8);
}

/* A signal whose handler finds no stack becomes SIGSEGV, whose handler has one. */
static void no_stack(void) {
    on(SIGSEGV, end, SA_ONSTACK);
    on(SIGUSR1, jump_out, 0);
    i64 child = fork();
    if (child == 0) {
        register i64 a0 __asm__("a0") = call(SYS_getpid);
        register i64 a1 __asm__("a1") = SIGUSR1;
        register i64 a7 __asm__("a7") = SYS_kill;
        __asm__ volatile("li sp, 16; ecall" : "+r"(a0) : "r"(a1), "r"(a7) : "memory");
        exit(0);
    }
    check(wait_for(child), 7 << 8);
}

int main(int argc, char **argv) {
    struct stack stack = {alternate, 0, sizeof alternate}, old;
    check(call(SYS_sigaltstack, 0, &old), 0);
    check(old.flags, 2);
    check(call(SYS_sigaltstack, &stack, 0), 0);
    check(call(SYS_sigaltstack, 0, &old), 0);
    check(old.flags, 0);
    check(old.sp, alternate);
    struct stack small = {alternate, 0, 100};
    check(call(SYS_sigaltstack, &small, 0), -ENOMEM);

    on(SIGUSR1, on_stack, SA_ONSTACK | SA_NODEFER);
    depth = 3;
    check(call(SYS_kill, call(SYS_getpid), SIGUSR1), 0);
    check(handled, 4);
    require(is_alternate(seen_sp));

    on(SIGUSR2, jump_out, SA_NODEFER);
    for (int i = 0; i < 50; i++) {
        int signal = set_jump(back);
        if (signal == 0) {
            call(SYS_tkill, call(SYS_gettid), SIGUSR2);
            check(1, 0);
        }
        check(signal, SIGUSR2);
    }

    on(SIGSEGV, skip, SA_ONSTACK);
    i64 result, kept;
    u64 bits;
    __asm__ volatile(
            "li a0, 0x1234; li s2, 0x5678; li t0, 64; fmv.d.x fs0, zero\n"
            ".option push\n.option norvc\nsd a0, 0(t0)\n.option pop\n"
            "mv %0, a0; mv %1, s2; fmv.x.d %2, fs0"
            : "=&r"(result), "=&r"(kept), "=&r"(bits) : : "a0", "s2", "t0", "fs0", "memory");
    check(result, 0x4321);
    check(kept, 0x5678);
    check(bits, 0x4010000000000000);

    no_stack();
    struct stack off = {0, 2, 0};
    check(call(SYS_sigaltstack, &off, &old), 0);
    check(old.flags, 0);
    return 0;
}
