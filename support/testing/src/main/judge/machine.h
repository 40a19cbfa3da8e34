// SPDX-License-Identifier: Apache-2.0
/*
 * What differs between the architectures: the entry, a system call, loads and stores that may fault, the way back from
 * a signal, and the places of registers in the frame of a signal.
 */
typedef unsigned long u64;
typedef long s64;
typedef unsigned int u32;
typedef unsigned char u8;

/* What a load or a store did. A handler of signals finds it by the register that holds its address. */
struct probe {
    u64 value;
    u64 signal; /* 0 if there was no fault */
    u64 code;
    u64 address;
};

/* struct clone_args of Linux, as long as its first version. */
struct clone_args { u64 flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls; };

/* Loads a value into all registers but the stack pointer, waits in one instruction, at spin_begin, until a handler of a
   signal goes to spin_done, and stores the registers. An instruction in between ends the process. */
void spin_with(u64 value, u64 *found);
extern const char spin_begin[], spin_done[];

extern const char probe_begin[], probe_end[], probe_done[];
void load1(u64 address, struct probe *probe);
void load2(u64 address, struct probe *probe);
void load4(u64 address, struct probe *probe);
void load8(u64 address, struct probe *probe);
void store1(u64 address, struct probe *probe, u64 value);
void store2(u64 address, struct probe *probe, u64 value);
void store4(u64 address, struct probe *probe, u64 value);
void store8(u64 address, struct probe *probe, u64 value);

#if defined(__x86_64__)

enum {
    READ = 0, WRITE = 1, OPEN_AT = 257, CLOSE = 3, RT_SIGACTION = 13, RT_SIGPROCMASK = 14, DUP3 = 292, PIPE2 = 293,
    SIGALTSTACK = 131, CLONE = 56, EXECVE = 59, EXIT = 60, EXIT_GROUP = 231, WAIT4 = 61, KILL = 62, PERSONALITY = 135,
    GETPID = 39, GETTID = 186, BRK = 12, SETITIMER = 38, SETPGID = 109, MMAP = 9, NANOSLEEP = 35, MINCORE = 27,
    REGISTERS = 15
};
#define HAS_RESTORER 1
#define CLONE_WORDS(child_tid, tls) child_tid, tls
#define FRAME_PC(uc) (((u64 *)(uc))[5 + 16])
#define FRAME_PROBE(uc) (((u64 *)(uc))[5 + 9])

__asm__(
    ".globl _start\n"
    "_start: xor %ebp, %ebp\n mov %rsp, %rdi\n and $-16, %rsp\n call begin\n"
    ".globl return_from_signal\n"
    "return_from_signal: mov $15, %eax\n syscall\n"
    ".globl probe_begin, probe_end, probe_done\n"
    ".globl load1, load2, load4, load8, store1, store2, store4, store8\n"
    "probe_begin:\n"
    "load1: movzbl (%rdi), %eax\n mov %rax, (%rsi)\n ret\n"
    "load2: movzwl (%rdi), %eax\n mov %rax, (%rsi)\n ret\n"
    "load4: movl (%rdi), %eax\n mov %rax, (%rsi)\n ret\n"
    "load8: movq (%rdi), %rax\n mov %rax, (%rsi)\n ret\n"
    "store1: movb %dl, (%rdi)\n ret\n"
    "store2: movw %dx, (%rdi)\n ret\n"
    "store4: movl %edx, (%rdi)\n ret\n"
    "store8: movq %rdx, (%rdi)\n ret\n"
    "probe_end:\n"
    "probe_done: ret\n"
    ".globl spin_with, spin_begin, spin_done\n"
    "spin_with: push %rbx\n push %rbp\n push %r12\n push %r13\n push %r14\n push %r15\n push %rsi\n"
    "mov %rdi, %rax\n mov %rdi, %rbx\n mov %rdi, %rcx\n mov %rdi, %rdx\n mov %rdi, %rbp\n"
    "mov %rdi, %rsi\n mov %rdi, %r8\n mov %rdi, %r9\n mov %rdi, %r10\n mov %rdi, %r11\n"
    "mov %rdi, %r12\n mov %rdi, %r13\n mov %rdi, %r14\n mov %rdi, %r15\n"
    "spin_begin: jmp spin_begin\n ud2\n"
    "spin_done: xchg %rax, (%rsp)\n"
    "mov %rbx, 8(%rax)\n mov %rcx, 16(%rax)\n mov %rdx, 24(%rax)\n mov %rbp, 32(%rax)\n mov %rsi, 40(%rax)\n"
    "mov %rdi, 48(%rax)\n mov %r8, 56(%rax)\n mov %r9, 64(%rax)\n mov %r10, 72(%rax)\n mov %r11, 80(%rax)\n"
    "mov %r12, 88(%rax)\n mov %r13, 96(%rax)\n mov %r14, 104(%rax)\n mov %r15, 112(%rax)\n"
    "pop %rbx\n mov %rbx, (%rax)\n pop %r15\n pop %r14\n pop %r13\n pop %r12\n pop %rbp\n pop %rbx\n ret\n"
    /* A thread starts on its own stack, on which its function and argument lie. */
    ".globl start_thread\n"
    "start_thread: mov $56, %eax\n mov %rcx, %r10\n syscall\n test %rax, %rax\n jz 1f\n ret\n"
    "1: xor %ebp, %ebp\n pop %rax\n pop %rdi\n call *%rax\n"
    "mov $60, %eax\n xor %edi, %edi\n syscall\n"
    ".globl start_clone3\n"
    "start_clone3: mov $435, %eax\n syscall\n test %rax, %rax\n jz 1b\n ret\n");

static s64 call6(u64 number, u64 a, u64 b, u64 c, u64 d, u64 e, u64 f) {
    s64 result;
    register u64 r10 __asm__("r10") = d;
    register u64 r8 __asm__("r8") = e;
    register u64 r9 __asm__("r9") = f;
    __asm__ volatile("syscall" : "=a"(result) : "0"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}

#elif defined(__riscv) && __riscv_xlen == 64

enum {
    READ = 63, WRITE = 64, OPEN_AT = 56, CLOSE = 57, RT_SIGACTION = 134, RT_SIGPROCMASK = 135, DUP3 = 24, PIPE2 = 59,
    SIGALTSTACK = 132, CLONE = 220, EXECVE = 221, EXIT = 93, EXIT_GROUP = 94, WAIT4 = 260, KILL = 129, PERSONALITY = 92,
    GETPID = 172, GETTID = 178, BRK = 214, SETITIMER = 103, SETPGID = 154, MMAP = 222, NANOSLEEP = 101, MINCORE = 232,
    REGISTERS = 30
};
#define HAS_RESTORER 0
#define CLONE_WORDS(child_tid, tls) tls, child_tid
#define FRAME_PC(uc) (((u64 *)(uc))[22])
#define FRAME_PROBE(uc) (((u64 *)(uc))[22 + 11])

__asm__(
    ".globl _start\n"
    "_start: .option push\n .option norelax\n la gp, __global_pointer$\n .option pop\n"
    "mv a0, sp\n andi sp, sp, -16\n call begin\n"
    ".globl probe_begin, probe_end, probe_done\n"
    ".globl load1, load2, load4, load8, store1, store2, store4, store8\n"
    "probe_begin:\n"
    "load1: lbu t0, 0(a0)\n sd t0, 0(a1)\n ret\n"
    "load2: lhu t0, 0(a0)\n sd t0, 0(a1)\n ret\n"
    "load4: lwu t0, 0(a0)\n sd t0, 0(a1)\n ret\n"
    "load8: ld t0, 0(a0)\n sd t0, 0(a1)\n ret\n"
    "store1: sb a2, 0(a0)\n ret\n"
    "store2: sh a2, 0(a0)\n ret\n"
    "store4: sw a2, 0(a0)\n ret\n"
    "store8: sd a2, 0(a0)\n ret\n"
    "probe_end:\n"
    "probe_done: ret\n"
    ".globl spin_with, spin_begin, spin_done\n"
    "spin_with: addi sp, sp, -128\n"
    "sd x1, 0(sp)\n sd x3, 8(sp)\n sd x4, 16(sp)\n sd x8, 24(sp)\n sd x9, 32(sp)\n"
    "sd x18, 40(sp)\n sd x19, 48(sp)\n sd x20, 56(sp)\n sd x21, 64(sp)\n sd x22, 72(sp)\n"
    "sd x23, 80(sp)\n sd x24, 88(sp)\n sd x25, 96(sp)\n sd x26, 104(sp)\n sd x27, 112(sp)\n"
    "sd a1, 120(sp)\n"
    "mv x1, a0\n mv x3, a0\n mv x4, a0\n mv x5, a0\n mv x6, a0\n"
    "mv x7, a0\n mv x8, a0\n mv x9, a0\n mv x11, a0\n mv x12, a0\n"
    "mv x13, a0\n mv x14, a0\n mv x15, a0\n mv x16, a0\n mv x17, a0\n"
    "mv x18, a0\n mv x19, a0\n mv x20, a0\n mv x21, a0\n mv x22, a0\n"
    "mv x23, a0\n mv x24, a0\n mv x25, a0\n mv x26, a0\n mv x27, a0\n"
    "mv x28, a0\n mv x29, a0\n mv x30, a0\n mv x31, a0\n"
    ".option push\n .option norvc\n"
    "spin_begin: j spin_begin\n ebreak\n .option pop\n"
    "spin_done: addi sp, sp, -16\n sd x5, 0(sp)\n ld x5, 136(sp)\n"
    "sd x1, 0(x5)\n sd x3, 8(x5)\n sd x4, 16(x5)\n sd x6, 32(x5)\n sd x7, 40(x5)\n"
    "sd x8, 48(x5)\n sd x9, 56(x5)\n sd x10, 64(x5)\n sd x11, 72(x5)\n sd x12, 80(x5)\n"
    "sd x13, 88(x5)\n sd x14, 96(x5)\n sd x15, 104(x5)\n sd x16, 112(x5)\n sd x17, 120(x5)\n"
    "sd x18, 128(x5)\n sd x19, 136(x5)\n sd x20, 144(x5)\n sd x21, 152(x5)\n sd x22, 160(x5)\n"
    "sd x23, 168(x5)\n sd x24, 176(x5)\n sd x25, 184(x5)\n sd x26, 192(x5)\n sd x27, 200(x5)\n"
    "sd x28, 208(x5)\n sd x29, 216(x5)\n sd x30, 224(x5)\n sd x31, 232(x5)\n"
    "ld x6, 0(sp)\n sd x6, 24(x5)\n addi sp, sp, 16\n"
    "ld x1, 0(sp)\n ld x3, 8(sp)\n ld x4, 16(sp)\n ld x8, 24(sp)\n ld x9, 32(sp)\n"
    "ld x18, 40(sp)\n ld x19, 48(sp)\n ld x20, 56(sp)\n ld x21, 64(sp)\n ld x22, 72(sp)\n"
    "ld x23, 80(sp)\n ld x24, 88(sp)\n ld x25, 96(sp)\n ld x26, 104(sp)\n ld x27, 112(sp)\n"
    "addi sp, sp, 128\n ret\n"
    ".globl start_thread\n"
    "start_thread: li a7, 220\n ecall\n beqz a0, 1f\n ret\n"
    "1: ld t0, 0(sp)\n ld a0, 8(sp)\n addi sp, sp, 16\n jalr t0\n"
    "li a7, 93\n li a0, 0\n ecall\n"
    ".globl start_clone3\n"
    "start_clone3: li a7, 435\n ecall\n beqz a0, 1b\n ret\n");

static s64 call6(u64 number, u64 a, u64 b, u64 c, u64 d, u64 e, u64 f) {
    register u64 a0 __asm__("a0") = a;
    register u64 a1 __asm__("a1") = b;
    register u64 a2 __asm__("a2") = c;
    register u64 a3 __asm__("a3") = d;
    register u64 a4 __asm__("a4") = e;
    register u64 a5 __asm__("a5") = f;
    register u64 a7 __asm__("a7") = number;
    __asm__ volatile("ecall" : "+r"(a0) : "r"(a1), "r"(a2), "r"(a3), "r"(a4), "r"(a5), "r"(a7) : "memory");
    return (s64)a0;
}

#else
#error "x86-64 and RV64 only"
#endif

/* clone(flags, stack, parent's tid, CLONE_WORDS); the function and its argument are on the stack. */
s64 start_thread(u64 flags, void *stack, u64 parent_tid, u64 fourth, u64 fifth);

/* clone3; the same. */
s64 start_clone3(const struct clone_args *given, u64 size);
