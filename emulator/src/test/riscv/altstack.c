// SPDX-License-Identifier: Apache-2.0
// Jumps out of handlers, alternate stacks, and what a handler may change in its context.
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

static struct stack edited;

static void edit(int signal, struct siginfo *info, struct context *context) {
    context->stack = edited;
}

/* A frame may contain an alternate stack that sigaltstack would refuse. It is ignored then. */
static void edits(void) {
    enum { AUTODISARM = (int) 0x80000000 };
    static const struct {
        i32 flags;
        u64 size;
        int is_taken;
        i32 now;
    } all[] = {
        {0, 4096, 1, 0}, {1, 4096, 1, 0}, {1234, 4096, 0, 0}, {8, 4096, 0, 0}, {3, 4096, 0, 0}, {2, 4096, 1, 2},
        {0, 100, 0, 0}, {0, 0, 0, 0}, {0, 2047, 0, 0}, {0, 2048, 1, 0}, {AUTODISARM, 4096, 1, AUTODISARM},
        {AUTODISARM | 8, 4096, 0, 0}, {AUTODISARM | 2, 4096, 1, AUTODISARM | 2},
    };
    static u8 other[2 * PAGE];
    on(SIGUSR1, edit, 0);
    for (u64 i = 0; i < sizeof all / sizeof *all; i++) {
        struct stack set = {alternate, 0, sizeof alternate}, now;
        edited = (struct stack) {other, all[i].flags, all[i].size};
        check(call(SYS_sigaltstack, &set, 0), 0);
        check(call(SYS_tkill, call(SYS_gettid), SIGUSR1), 0);
        check(call(SYS_sigaltstack, 0, &now), 0);
        check(now.sp, !all[i].is_taken ? alternate : (all[i].flags & 2) ? 0 : other);
        check(now.flags, all[i].now);
        check(now.size, !all[i].is_taken ? sizeof alternate : (all[i].flags & 2) ? 0 : all[i].size);
    }
}

static i32 nested_flags[2];

/* A stack that disarms itself is disabled in each handler, also in one on another stack. */
static void look(int signal, struct siginfo *info, struct context *context) {
    struct stack now;
    check(call(SYS_sigaltstack, 0, &now), 0);
    check(now.flags, 2);
    check(context->stack.flags, (int) 0x80000000);
    handled = 1;
}

/* The stack of the outer handler is in use after the inner one, so the frame of that one cannot change it. */
static void nest(int signal, struct siginfo *info, struct context *context) {
    nested_flags[depth++] = context->stack.flags;
    if (depth == 2) {
        context->stack.sp = 0;
        context->stack.flags = 2;
        return;
    }
    check(call(SYS_tkill, call(SYS_gettid), signal), 0);
    struct stack now;
    check(call(SYS_sigaltstack, 0, &now), 0);
    check(now.sp, alternate);
    check(now.flags, 1);
}

/* A frame has the flags with which the stack was set, whether it is in use or not. */
static void nested(void) {
    on(SIGUSR1, nest, SA_ONSTACK | SA_NODEFER);
    for (i32 flags = 0; flags < 2; flags++) {
        struct stack set = {alternate, flags, sizeof alternate};
        check(call(SYS_sigaltstack, &set, 0), 0);
        depth = 0;
        check(call(SYS_tkill, call(SYS_gettid), SIGUSR1), 0);
        check(depth, 2);
        check(nested_flags[0], flags);
        check(nested_flags[1], flags);
    }
    struct stack automatic = {alternate, (int) 0x80000000, sizeof alternate};
    check(call(SYS_sigaltstack, &automatic, 0), 0);
    on(SIGUSR2, look, 0);
    handled = 0;
    check(call(SYS_tkill, call(SYS_gettid), SIGUSR2), 0);
    check(handled, 1);
    check(call(SYS_sigaltstack, 0, &automatic), 0);
    check(automatic.flags, (int) 0x80000000);
}

static int extension;

static void extend(int signal, struct siginfo *info, struct context *context) {
    ((u32 *) (context->floats + 32))[65 + extension] = 1;
}

/* A reserved word that is not 0, or an extension that this machine does not have, is SIGSEGV. */
static void extensions(void) {
    for (extension = 0; extension < 3; extension++) {
        i64 child = fork();
        if (child == 0) {
            struct action standard = {0, 0, 0};
            check(call(SYS_rt_sigaction, SIGSEGV, &standard, 0, 8), 0);
            on(SIGUSR1, extend, 0);
            check(call(SYS_tkill, call(SYS_gettid), SIGUSR1), 0);
            exit(0);
        }
        check(wait_for(child), SIGSEGV);
    }
}

static void odd(int signal, struct siginfo *info, struct context *context) {
    context->registers[0] = (context->registers[0] + 4) | 1;
}

/* The lowest bit of an address at which the kernel continues is ignored. */
static void odd_addresses(void) {
    on(SIGTRAP, odd, 0);
    i64 value = 5;
    __asm__ volatile(".option push\n.option norvc\nebreak\naddi %0, %0, 1\naddi %0, %0, 2\n.option pop" : "+r"(value)
                     :
                     : "memory");
    check(value, 8);
    on(SIGTRAP, (void *) ((u64) odd | 1), 0);
    __asm__ volatile(".option push\n.option norvc\nebreak\naddi %0, %0, 1\naddi %0, %0, 2\n.option pop" : "+r"(value)
                     :
                     : "memory");
    check(value, 11);
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
    edits();
    nested();
    extensions();
    odd_addresses();
    check(call(SYS_sigaltstack, &stack, 0), 0);
    struct stack off = {0, 2, 0};
    check(call(SYS_sigaltstack, &off, &old), 0);
    check(old.flags, 0);
    return 0;
}
