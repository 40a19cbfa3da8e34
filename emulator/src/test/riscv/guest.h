// SPDX-License-Identifier: Apache-2.0
// What the programs need of a C library: system calls, checks, threads and signals. No program includes anything else.
#ifndef GUEST_H
#define GUEST_H

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long u64;
typedef long i64;
typedef int i32;

enum {
    SYS_getcwd = 17, SYS_eventfd2 = 19, SYS_dup = 23, SYS_dup3 = 24, SYS_fcntl = 25, SYS_ioctl = 29, SYS_mknodat = 33,
    SYS_mkdirat = 34, SYS_unlinkat = 35, SYS_symlinkat = 36, SYS_linkat = 37, SYS_truncate = 45, SYS_ftruncate = 46,
    SYS_faccessat = 48, SYS_fchmodat = 53, SYS_openat = 56, SYS_close = 57, SYS_pipe2 = 59, SYS_getdents64 = 61,
    SYS_lseek = 62, SYS_read = 63, SYS_write = 64, SYS_pread64 = 67, SYS_pwrite64 = 68, SYS_ppoll = 73,
    SYS_readlinkat = 78, SYS_newfstatat = 79, SYS_fstat = 80, SYS_fsync = 82, SYS_utimensat = 88, SYS_exit = 93,
    SYS_exit_group = 94, SYS_waitid = 95, SYS_set_tid_address = 96, SYS_futex = 98, SYS_set_robust_list = 99,
    SYS_nanosleep = 101, SYS_clock_gettime = 113, SYS_sched_yield = 124, SYS_kill = 129, SYS_tkill = 130,
    SYS_tgkill = 131, SYS_sigaltstack = 132, SYS_rt_sigsuspend = 133, SYS_rt_sigaction = 134, SYS_rt_sigprocmask = 135,
    SYS_rt_sigpending = 136, SYS_rt_sigtimedwait = 137, SYS_rt_sigqueueinfo = 138, SYS_rt_sigreturn = 139,
    SYS_setpgid = 154, SYS_getpgid = 155, SYS_getsid = 156, SYS_setsid = 157, SYS_getpid = 172, SYS_getppid = 173,
    SYS_getuid = 174, SYS_gettid = 178, SYS_shmget = 194, SYS_shmctl = 195, SYS_shmat = 196, SYS_shmdt = 197,
    SYS_brk = 214, SYS_munmap = 215, SYS_mremap = 216, SYS_clone = 220, SYS_execve = 221, SYS_mmap = 222,
    SYS_mprotect = 226, SYS_msync = 227, SYS_mlock = 228, SYS_munlock = 229, SYS_mincore = 232, SYS_madvise = 233,
    SYS_flush_icache = 259, SYS_wait4 = 260, SYS_prlimit64 = 261, SYS_process_vm_readv = 270, SYS_renameat2 = 276,
    SYS_memfd_create = 279, SYS_membarrier = 283
};

enum {
    EPERM = 1, ENOENT = 2, ESRCH = 3, EINTR = 4, ENXIO = 6, EBADF = 9, ECHILD = 10, EAGAIN = 11, ENOMEM = 12,
    EACCES = 13, EFAULT = 14, EBUSY = 16, EEXIST = 17, ENODEV = 19, ENOTDIR = 20, EISDIR = 21, EINVAL = 22, ENOTTY = 25,
    ESPIPE = 29, EPIPE = 32, ENOSYS = 38, EOPNOTSUPP = 95, ETIMEDOUT = 110
};

enum { PROT_NONE = 0, PROT_READ = 1, PROT_WRITE = 2, PROT_EXEC = 4, RW = 3, RX = 5, RWX = 7 };
enum {
    MAP_SHARED = 1, MAP_PRIVATE = 2, MAP_FIXED = 0x10, MAP_ANON = 0x20, MAP_GROWSDOWN = 0x100,
    MAP_POPULATE = 0x8000, MAP_FIXED_NOREPLACE = 0x100000
};
enum { O_RDONLY = 0, O_WRONLY = 1, O_RDWR = 2, O_CREAT = 0100, O_EXCL = 0200, O_TRUNC = 01000, O_APPEND = 02000,
       O_NONBLOCK = 04000, O_DIRECTORY = 0200000, O_PATH = 010000000, O_CLOEXEC = 02000000 };
enum { AT_FDCWD = -100, PAGE = 4096 };
enum {
    SIGHUP = 1, SIGINT = 2, SIGILL = 4, SIGTRAP = 5, SIGABRT = 6, SIGBUS = 7, SIGKILL = 9, SIGUSR1 = 10, SIGSEGV = 11,
    SIGUSR2 = 12, SIGPIPE = 13, SIGTERM = 15, SIGCHLD = 17, SIGCONT = 18, SIGSTOP = 19,
    SIGTSTP = 20, SIGTTIN = 21, SIGTTOU = 22
};
enum { SA_NOCLDSTOP = 1, SA_SIGINFO = 4, SA_ONSTACK = 0x08000000, SA_RESTART = 0x10000000, SA_NODEFER = 0x40000000 };
#define SA_RESETHAND 0x80000000u
enum { SIG_BLOCK = 0, SIG_UNBLOCK = 1, SIG_SETMASK = 2 };
enum { SEGV_MAPERR = 1, SEGV_ACCERR = 2, BUS_ADRALN = 1, BUS_ADRERR = 2 };
enum { FUTEX_WAIT = 0, FUTEX_WAKE = 1, FUTEX_REQUEUE = 3, FUTEX_CMP_REQUEUE = 4, FUTEX_WAKE_OP = 5,
       FUTEX_WAIT_BITSET = 9, FUTEX_WAKE_BITSET = 10, FUTEX_PRIVATE = 128 };
enum { CLONE_VM = 0x100, CLONE_FS = 0x200, CLONE_FILES = 0x400, CLONE_SIGHAND = 0x800, CLONE_PIDFD = 0x1000, CLONE_VFORK = 0x4000,
       CLONE_THREAD = 0x10000, CLONE_SYSVSEM = 0x40000, CLONE_SETTLS = 0x80000, CLONE_PARENT_SETTID = 0x100000,
       CLONE_CHILD_CLEARTID = 0x200000 };

#define call(...) call_(__VA_ARGS__, 0, 0, 0, 0, 0, 0)
#define call_(n, a, b, c, d, e, f, ...) call6(n, (i64) (a), (i64) (b), (i64) (c), (i64) (d), (i64) (e), (i64) (f))

static inline i64 call6(i64 n, i64 a, i64 b, i64 c, i64 d, i64 e, i64 f) {
    register i64 a0 __asm__("a0") = a;
    register i64 a1 __asm__("a1") = b;
    register i64 a2 __asm__("a2") = c;
    register i64 a3 __asm__("a3") = d;
    register i64 a4 __asm__("a4") = e;
    register i64 a5 __asm__("a5") = f;
    register i64 a7 __asm__("a7") = n;
    __asm__ volatile("ecall" : "+r"(a0) : "r"(a1), "r"(a2), "r"(a3), "r"(a4), "r"(a5), "r"(a7) : "memory");
    return a0;
}

struct siginfo {
    i32 signal, error, code, pad;
    union {
        u64 address;
        struct {
            i32 pid, uid, status;
        };
        u8 bytes[112];
    };
};

struct stack {
    void *sp;
    i32 flags;
    u64 size;
};

struct context {
    u64 flags;
    struct context *link;
    struct stack stack;
    u64 mask;
    u8 unused[120];
    u64 pad;
    u64 registers[32];
    u64 floats[32];
    u32 fcsr;
};

struct action {
    void (*handler)(int, struct siginfo *, struct context *);
    u64 flags;
    u64 mask;
};

struct timespec {
    i64 seconds, nanos;
};

typedef u64 jumps[14];
int set_jump(jumps at) __attribute__((returns_twice));
void jump_back(jumps to, int value) __attribute__((noreturn));

extern const char *name;
extern char **environment;
extern u64 *auxiliary;
int main(int argc, char **argv);
void exit(int status) __attribute__((noreturn));
void print(const char *text);
void print_number(i64 number);
void fail(const char *file, int line, const char *what, i64 got, i64 wanted) __attribute__((noreturn));
void *memset(void *to, int with, u64 length);
void *memcpy(void *to, const void *from, u64 length);
int memcmp(const void *a, const void *b, u64 length);
u64 strlen(const char *text);
int strcmp(const char *a, const char *b);
void *map(u64 length, int protection);
void on(int signal, void (*handler)(int, struct siginfo *, struct context *), u64 flags);
i64 fork(void);
int wait_for(i64 pid);
i64 thread(void (*body)(void *), void *argument, void *stack_end, volatile int *tid);
void join(volatile int *tid);
void await(volatile int *word, int expected);
int wake(volatile int *word, int count);

static inline void sleep_ms(int millis) {
    struct timespec time = {millis / 1000, millis % 1000 * 1000000};
    while (call(SYS_nanosleep, &time, &time) == -EINTR) {
    }
}

#define check(got, wanted)                                                                                             \
    do {                                                                                                               \
        i64 got_ = (i64) (got), wanted_ = (i64) (wanted);                                                              \
        if (got_ != wanted_)                                                                                           \
            fail(__FILE__, __LINE__, #got, got_, wanted_);                                                             \
    } while (0)
#define require(condition) check(!!(condition), 1)

/* Makes an access that may fail, and returns the code of the signal; 0 for none. */
extern volatile int fault_signal, fault_code;
extern volatile u64 fault_address;
void watch_faults(void);
int try_load(volatile void *address);
int try_store(volatile void *address, u8 value);
int try_run(void *address);
#endif
