// SPDX-License-Identifier: Apache-2.0
#include "guest.h"

char **environment;
u64 *auxiliary;

__asm__(".globl _start\n"
        "_start:\n"
        ".option push\n"
        ".option norelax\n"
        "la gp, __global_pointer$\n"
        ".option pop\n"
        "mv a0, sp\n"
        "andi sp, sp, -16\n"
        "call begin\n"
        ".globl set_jump\n"
        "set_jump:\n"
        "sd ra, 0(a0); sd sp, 8(a0); sd s0, 16(a0); sd s1, 24(a0); sd s2, 32(a0); sd s3, 40(a0); sd s4, 48(a0)\n"
        "sd s5, 56(a0); sd s6, 64(a0); sd s7, 72(a0); sd s8, 80(a0); sd s9, 88(a0); sd s10, 96(a0); sd s11, 104(a0)\n"
        "li a0, 0\n"
        "ret\n"
        ".globl jump_back\n"
        "jump_back:\n"
        "ld ra, 0(a0); ld sp, 8(a0); ld s0, 16(a0); ld s1, 24(a0); ld s2, 32(a0); ld s3, 40(a0); ld s4, 48(a0)\n"
        "ld s5, 56(a0); ld s6, 64(a0); ld s7, 72(a0); ld s8, 80(a0); ld s9, 88(a0); ld s10, 96(a0); ld s11, 104(a0)\n"
        "mv a0, a1\n"
        "ret\n"
        /* a0 body, a1 argument, a2 end of the stack, a3 flags, a4 tid of the child */
        ".globl clone_thread\n"
        "clone_thread:\n"
        "addi a2, a2, -16; sd a0, 0(a2); sd a1, 8(a2)\n"
        "mv a0, a3; mv a1, a2; mv a2, a4; li a3, 0; li a7, 220\n"
        "ecall\n"
        "beqz a0, 1f\n"
        "ret\n"
        "1: ld a1, 0(sp); ld a0, 8(sp)\n"
        "jalr a1\n"
        "li a0, 0; li a7, 93\n"
        "ecall\n");

i64 clone_thread(void (*body)(void *), void *argument, void *stack_end, u64 flags, volatile int *tid);

__attribute__((noreturn, used)) void begin(u64 *stack) {
    int argc = (int) stack[0];
    char **argv = (char **) (stack + 1);
    environment = argv + argc + 1;
    u64 *end = (u64 *) environment;
    while (*end != 0)
        end++;
    auxiliary = end + 1;
    int status = main(argc, argv);
    if (status == 0) {
        print("ok ");
        print(name);
        print("\n");
    }
    exit(status);
}

void exit(int status) {
    for (;;)
        call(SYS_exit_group, status);
}

u64 strlen(const char *text) {
    u64 length = 0;
    while (text[length])
        length++;
    return length;
}

int strcmp(const char *a, const char *b) {
    while (*a && *a == *b)
        a++, b++;
    return (u8) *a - (u8) *b;
}

void *memset(void *to, int with, u64 length) {
    for (u64 i = 0; i < length; i++)
        ((volatile u8 *) to)[i] = (u8) with;
    return to;
}

void *memcpy(void *to, const void *from, u64 length) {
    for (u64 i = 0; i < length; i++)
        ((volatile u8 *) to)[i] = ((const u8 *) from)[i];
    return to;
}

int memcmp(const void *a, const void *b, u64 length) {
    for (u64 i = 0; i < length; i++)
        if (((const u8 *) a)[i] != ((const u8 *) b)[i])
            return ((const u8 *) a)[i] - ((const u8 *) b)[i];
    return 0;
}

void print(const char *text) {
    call(SYS_write, 1, text, strlen(text));
}

void print_number(i64 number) {
    char digits[32];
    int at = 31;
    digits[at] = 0;
    u64 left = number < 0 ? -(u64) number : (u64) number;
    do {
        digits[--at] = (char) ('0' + left % 10);
        left /= 10;
    } while (left != 0);
    if (number < 0)
        digits[--at] = '-';
    print(digits + at);
}

void fail(const char *file, int line, const char *what, i64 got, i64 wanted) {
    print(file);
    print(":");
    print_number(line);
    print(": ");
    print(what);
    print(" is ");
    print_number(got);
    print(", not ");
    print_number(wanted);
    print("\n");
    exit(1);
}

void *map(u64 length, int protection) {
    i64 at = call(SYS_mmap, 0, length, protection, MAP_PRIVATE | MAP_ANON, -1, 0);
    if (at < 0)
        fail(__FILE__, __LINE__, "mmap", at, 0);
    return (void *) at;
}

void on(int signal, void (*handler)(int, struct siginfo *, struct context *), u64 flags) {
    struct action action = {handler, flags | SA_SIGINFO, 0};
    check(call(SYS_rt_sigaction, signal, &action, 0, 8), 0);
}

i64 fork(void) {
    return call(SYS_clone, SIGCHLD, 0, 0, 0, 0);
}

int wait_for(i64 pid) {
    int status = 0;
    i64 found;
    do {
        found = call(SYS_wait4, pid, &status, 0, 0);
    } while (found == -EINTR);
    check(found, pid);
    return status;
}

i64 thread(void (*body)(void *), void *argument, void *stack_end, volatile int *tid) {
    *tid = 1;
    u64 flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM | CLONE_PARENT_SETTID
            | CLONE_CHILD_CLEARTID;
    return clone_thread(body, argument, stack_end, flags, tid);
}

void await(volatile int *word, int expected) {
    call(SYS_futex, word, FUTEX_WAIT, expected, 0, 0, 0);
}

int wake(volatile int *word, int count) {
    return (int) call(SYS_futex, word, FUTEX_WAKE, count, 0, 0, 0);
}

void join(volatile int *tid) {
    for (int now = *tid; now != 0; now = *tid)
        await(tid, now);
}

volatile int fault_signal, fault_code;
volatile u64 fault_address;
static jumps faulted;

static void on_fault(int signal, struct siginfo *info, struct context *context) {
    fault_signal = signal;
    fault_code = info->code;
    fault_address = info->address;
    u64 none = 0;
    call(SYS_rt_sigprocmask, SIG_SETMASK, &none, 0, 8);
    jump_back(faulted, 1);
}

void watch_faults(void) {
    on(SIGSEGV, on_fault, 0);
    on(SIGBUS, on_fault, 0);
    on(SIGILL, on_fault, 0);
}

static int answer(void) {
    return fault_signal * 10 + fault_code;
}

int try_load(volatile void *address) {
    fault_signal = fault_code = 0;
    if (set_jump(faulted) == 0)
        (void) *(volatile u8 *) address;
    return answer();
}

int try_store(volatile void *address, u8 value) {
    fault_signal = fault_code = 0;
    if (set_jump(faulted) == 0)
        *(volatile u8 *) address = value;
    return answer();
}

int try_run(void *address) {
    fault_signal = fault_code = 0;
    if (set_jump(faulted) == 0)
        ((void (*)(void)) address)();
    return answer();
}
