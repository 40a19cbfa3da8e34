// SPDX-License-Identifier: Apache-2.0
// Stopped and continued processes, groups and sessions.
#include "guest.h"
const char *name = NAME;

enum { WNOHANG = 1, WUNTRACED = 2, WSTOPPED = 2, WEXITED = 4, WCONTINUED = 8, WNOWAIT = 0x01000000 };
enum { P_ALL = 0, P_PID = 1, P_PGID = 2, CLD_STOPPED = 5, CLD_CONTINUED = 6, CONTINUED = 0xffff };

static volatile int count, code, sender, status_told;
static volatile int *shared;

static int stopped_by(int signal) {
    return signal << 8 | 0x7f;
}

static void note(int signal, struct siginfo *info, struct context *context) {
    count++;
    code = info->code;
    sender = info->pid;
    status_told = info->status;
}

static u64 bit(int signal) {
    return 1ul << (signal - 1);
}

static i64 own(void) {
    return call(SYS_getpid);
}

static i64 wait4(i64 pid, int *status, int options) {
    i64 found;
    do {
        found = call(SYS_wait4, pid, status, options, 0);
    } while (found == -EINTR);
    return found;
}

static int wait_change(i64 pid, int options) {
    int status = 0;
    check(wait4(pid, &status, options), pid);
    return status;
}

static void stop(i64 pid) {
    check(call(SYS_kill, pid, SIGSTOP), 0);
    check(wait_change(pid, WUNTRACED), stopped_by(SIGSTOP));
}

static void end(i64 pid) {
    check(call(SYS_kill, pid, SIGKILL), 0);
    check(wait_for(pid), SIGKILL);
}

/* A child that only waits. */
static i64 idle(void) {
    i64 child = fork();
    if (child == 0)
        for (;;)
            sleep_ms(1000);
    return child;
}

static void waits(int is_qemu) {
    int pipes[2], status = 0;
    check(call(SYS_pipe2, pipes, 0), 0);
    on(SIGCHLD, note, SA_RESTART);
    i64 child = fork();
    if (child == 0) {
        u8 byte;
        check(call(SYS_read, pipes[0], &byte, 1), 1);
        exit(byte);
    }
    count = 0;
    stop(child);
    while (count < 1)
        sleep_ms(1);
    check(code, CLD_STOPPED);
    check(sender, child);
    check(status_told, SIGSTOP);
    check(wait4(child, &status, WUNTRACED | WNOHANG), 0);
    check(wait4(child, &status, WCONTINUED | WNOHANG), 0);
    check(call(SYS_kill, child, SIGCONT), 0);
    check(wait_change(child, WCONTINUED), CONTINUED);
    check(wait4(child, &status, WCONTINUED | WNOHANG), 0);
    while (count < 2)
        sleep_ms(1);
    check(code, CLD_CONTINUED);
    check(sender, child);
    check(status_told, SIGCONT);
    /* The read goes on, of a child that runs already, too. */
    check(call(SYS_kill, child, SIGCONT), 0);
    sleep_ms(10);
    check(wait4(child, &status, WCONTINUED | WUNTRACED | WNOHANG), 0);
    check(call(SYS_write, pipes[1], "\7", 1), 1);
    check(wait_for(child), 7 << 8);

    on(SIGCHLD, note, SA_RESTART | SA_NOCLDSTOP);
    child = idle();
    count = 0;
    stop(child);
    check(call(SYS_kill, child, SIGCONT), 0);
    check(wait_change(child, WCONTINUED), CONTINUED);
    sleep_ms(10);
    if (!is_qemu)
        check(count, 0);
    count = 0;
    end(child);
    check(count, 1);
    call(SYS_close, pipes[0]);
    call(SYS_close, pipes[1]);
}

static void wait_ids(void) {
    struct siginfo info;
    i64 child = idle();
    check(call(SYS_kill, child, SIGSTOP), 0);
    for (int i = 0; i < 3; i++) {
        memset(&info, 0, sizeof info);
        check(call(SYS_waitid, P_PID, child, &info, WSTOPPED | (i < 2 ? WNOWAIT : 0), 0), 0);
        check(info.signal, SIGCHLD);
        check(info.code, CLD_STOPPED);
        check(info.pid, child);
        check(info.status, SIGSTOP);
    }
    check(call(SYS_waitid, P_ALL, 0, &info, WSTOPPED | WEXITED | WCONTINUED | WNOHANG, 0), 0);
    check(info.signal, 0);
    check(call(SYS_kill, child, SIGCONT), 0);
    check(call(SYS_waitid, P_ALL, 0, &info, WCONTINUED, 0), 0);
    check(info.code, CLD_CONTINUED);
    check(info.status, SIGCONT);
    check(call(SYS_kill, child, SIGKILL), 0);
    check(call(SYS_waitid, P_PID, child, &info, WEXITED | WNOWAIT, 0), 0);
    /* No zombie stops. */
    check(call(SYS_waitid, P_PID, child, &info, WSTOPPED, 0), -ECHILD);
    check(call(SYS_waitid, P_PID, child, &info, 0, 0), -EINVAL);
    check(call(SYS_waitid, P_PID, child, &info, WEXITED | 0x100, 0), -EINVAL);
    check(call(SYS_waitid, P_PID, 0, &info, WEXITED, 0), -EINVAL);
    check(call(SYS_waitid, P_PGID, -1, &info, WEXITED, 0), -EINVAL);
    check(call(SYS_waitid, 9, 1, &info, WEXITED, 0), -EINVAL);
    check(call(SYS_wait4, child, 0, WEXITED, 0), -EINVAL);
    check(call(SYS_wait4, (int) 0x80000000, 0, 0, 0), -ESRCH);
    check(wait_for(child), SIGKILL);
}

static void counts_up(void *number) {
    for (;;)
        shared[(i64) number]++;
}

/* No thread of a stopped process runs. */
static void threads(void) {
    i64 child = fork();
    if (child == 0) {
        static volatile int tids[2];
        for (i64 i = 0; i < 2; i++)
            require(thread(counts_up, (void *) (i + 1), (u8 *) map(8 * PAGE, RW) + 8 * PAGE, &tids[i]) > 0);
        counts_up((void *) 3);
    }
    for (int round = 0; round < 5; round++) {
        int before[4];
        for (int i = 1; i < 4; i++)
            for (before[i] = shared[i]; shared[i] == before[i];)
                call(SYS_sched_yield);
        stop(child);
        for (int i = 1; i < 4; i++)
            before[i] = shared[i];
        sleep_ms(10);
        for (int i = 1; i < 4; i++)
            check(shared[i], before[i]);
        check(call(SYS_kill, child, SIGCONT), 0);
    }
    stop(child);
    end(child);
}

static void signals_of_stopped(void) {
    int status;
    i64 child = idle();
    stop(child);
    check(call(SYS_kill, child, SIGTERM), 0);
    sleep_ms(10);
    check(wait4(child, &status, WNOHANG), 0);
    check(call(SYS_kill, child, SIGCONT), 0);
    check(wait_for(child), SIGTERM);

    /* Each of the two kinds takes away those of the other one that wait. */
    u64 both = bit(SIGTSTP) | bit(SIGCONT), pending;
    check(call(SYS_rt_sigprocmask, SIG_BLOCK, &both, 0, 8), 0);
    on(SIGCONT, note, 0);
    check(call(SYS_kill, own(), SIGTSTP), 0);
    check(call(SYS_tgkill, own(), own(), SIGTSTP), 0);
    check(call(SYS_rt_sigpending, &pending, 8), 0);
    check(pending, bit(SIGTSTP));
    check(call(SYS_kill, own(), SIGCONT), 0);
    check(call(SYS_rt_sigpending, &pending, 8), 0);
    check(pending, bit(SIGCONT));
    check(call(SYS_kill, own(), SIGTSTP), 0);
    check(call(SYS_rt_sigpending, &pending, 8), 0);
    check(pending, bit(SIGTSTP));
    check(call(SYS_kill, own(), SIGCONT), 0);
    count = 0;
    check(call(SYS_rt_sigprocmask, SIG_UNBLOCK, &both, 0, 8), 0);
    check(count, 1);

    /* A handler of SIGCONT, and one that is blocked: both continue. */
    for (int is_blocked = 0; is_blocked < 2; is_blocked++) {
        shared[0] = 0;
        child = fork();
        if (child == 0) {
            if (is_blocked)
                call(SYS_rt_sigprocmask, SIG_BLOCK, &both, 0, 8);
            count = 0;
            check(call(SYS_kill, own(), SIGSTOP), 0);
            exit(count);
        }
        check(wait_change(child, WUNTRACED), stopped_by(SIGSTOP));
        check(call(SYS_kill, child, SIGCONT), 0);
        check(wait_for(child), is_blocked ? 0 : 1 << 8);
    }
}

/* A wait for all signals is none for SIGSTOP, which stops a child that waits so. */
static void waits_for_all(void) {
    u64 all = ~0ul;
    shared[0] = 0;
    i64 child = fork();
    if (child == 0) {
        check(call(SYS_rt_sigprocmask, SIG_BLOCK, &all, 0, 8), 0);
        shared[0] = 1;
        i64 taken;
        do {
            taken = call(SYS_rt_sigtimedwait, &all, 0, 0, 8);
        } while (taken == -EINTR);
        exit((int) taken);
    }
    while (shared[0] == 0)
        sleep_ms(1);
    sleep_ms(10);
    stop(child);
    check(call(SYS_kill, child, SIGCONT), 0);
    check(wait_for(child), SIGCONT << 8);
}

/* A zombie that was stopped does not continue. */
static void continued_zombie(void) {
    struct siginfo info;
    on(SIGCHLD, note, SA_RESTART);
    i64 child = idle();
    stop(child);
    check(call(SYS_kill, child, SIGKILL), 0);
    check(call(SYS_waitid, P_PID, child, &info, WEXITED | WNOWAIT, 0), 0);
    count = 0;
    check(call(SYS_kill, child, SIGCONT), 0);
    check(count, 0);
    check(wait_for(child), SIGKILL);
}

i64 clone_thread(void (*body)(void *), void *argument, void *stack_end, u64 flags, volatile int *tid);

static void waits_for_end(void *unused) {
    shared[0] = 1;
    while (shared[1] == 0)
        sleep_ms(1);
    exit(0);
}

static void sleeps_on(void *unused) {
    for (;;)
        sleep_ms(1000);
}

/* A stop that was not complete, since a thread waits for the child of a vfork, has no signal when it ends. */
static void incomplete_stop(void) {
    shared[0] = shared[1] = 0;
    i64 child = fork();
    if (child == 0) {
        static volatile int tid;
        require(thread(sleeps_on, 0, (u8 *) map(8 * PAGE, RW) + 8 * PAGE, &tid) > 0);
        u8 *stack = map(8 * PAGE, RW);
        clone_thread(waits_for_end, 0, stack + 8 * PAGE, CLONE_VM | CLONE_VFORK | SIGCHLD, 0);
        sleeps_on(0);
    }
    while (shared[0] == 0)
        sleep_ms(1);
    on(SIGCHLD, note, SA_RESTART);
    count = 0;
    while (count == 0) {
        check(call(SYS_kill, child, SIGSTOP), 0);
        sleep_ms(1);
        check(call(SYS_kill, child, SIGCONT), 0);
    }
    check(code, CLD_STOPPED);
    check(status_told, 0);
    check(wait_change(child, WCONTINUED), CONTINUED);
    shared[1] = 1;
    end(child);
}

/* Starts a child in a group of its own, where a signal of the terminal may stop it. */
static i64 grouped(void (*body)(void)) {
    i64 child = fork();
    if (child == 0) {
        check(call(SYS_setpgid, 0, 0), 0);
        body();
        exit(7);
    }
    call(SYS_setpgid, child, child);
    return child;
}

static void by_terminal_signal(void) {
    on(SIGCONT, note, 0);
    check(call(SYS_kill, own(), SIGTSTP), 0);
    check(call(SYS_kill, own(), SIGTTIN), 0);
    check(call(SYS_kill, own(), SIGTTOU), 0);
}

static void without_effect(void) {
    struct action ignored = {(void *) 1, 0, 0};
    check(call(SYS_rt_sigaction, SIGTSTP, &ignored, 0, 8), 0);
    check(call(SYS_kill, own(), SIGTSTP), 0);
    on(SIGTTIN, note, 0);
    count = 0;
    check(call(SYS_kill, own(), SIGTTIN), 0);
    check(count, 1);
    /* Nobody of a session of its own could continue it. */
    i64 child = fork();
    if (child == 0) {
        check(call(SYS_setsid), own());
        check(call(SYS_kill, own(), SIGTTOU), 0);
        exit(3);
    }
    check(wait_for(child), 3 << 8);
}

static void terminal_signals(void) {
    static const int all[] = {SIGTSTP, SIGTTIN, SIGTTOU};
    i64 child = grouped(by_terminal_signal);
    for (int i = 0; i < 3; i++) {
        check(wait_change(child, WUNTRACED), stopped_by(all[i]));
        check(call(SYS_kill, -child, SIGCONT), 0);
    }
    check(wait_for(child), 7 << 8);
    check(wait_for(grouped(without_effect)), 7 << 8);
}

static void sleeps(void) {
    sleep_ms(1000);
}

static void groups(char *program, int is_qemu) {
    i64 child = grouped(sleeps);
    check(call(SYS_getpgid, child), child);
    check(call(SYS_getsid, child), call(SYS_getsid, 0));
    i64 second = idle();
    check(call(SYS_getpgid, second), call(SYS_getpgid, 0));
    check(call(SYS_setpgid, second, child), 0);
    check(call(SYS_getpgid, second), child);
    check(call(SYS_setpgid, second, -1), -EINVAL);
    check(call(SYS_setpgid, second, 4000000), -EPERM);
    check(call(SYS_setpgid, 4000000, 0), -ESRCH);
    check(call(SYS_setpgid, call(SYS_getppid), 0), -ESRCH);
    check(call(SYS_getpgid, 4000000), -ESRCH);
    check(call(SYS_kill, -4000000, 0), -ESRCH);
    check(call(SYS_kill, -child, SIGSTOP), 0);
    int status, found = 0;
    for (int i = 0; i < 2; i++) {
        i64 pid = wait4(-child, &status, WUNTRACED);
        check(status, stopped_by(SIGSTOP));
        found |= pid == child ? 1 : pid == second ? 2 : 4;
    }
    check(found, 3);
    check(call(SYS_kill, -child, SIGKILL), 0);
    struct siginfo info;
    check(call(SYS_waitid, P_PGID, child, &info, WEXITED, 0), 0);
    check(call(SYS_waitid, P_PGID, child, &info, WEXITED, 0), 0);
    check(call(SYS_waitid, P_PGID, child, &info, WEXITED, 0), -ECHILD);

    shared[0] = 0;
    child = fork();
    if (child == 0) {
        check(call(SYS_setsid), own());
        check(call(SYS_getpgid, 0), own());
        check(call(SYS_getsid, 0), own());
        check(call(SYS_setsid), -EPERM);
        check(call(SYS_setpgid, 0, 0), -EPERM);
        shared[0] = 1;
        sleeps();
    }
    while (shared[0] == 0)
        sleep_ms(1);
    check(call(SYS_setpgid, child, 0), -EPERM);
    end(child);

    shared[0] = 0;
    int pipes[2];
    check(call(SYS_pipe2, pipes, 0), 0);
    if (is_qemu)
        return;
    child = fork();
    if (child == 0) {
        check(call(SYS_dup3, pipes[1], 1, 0), 1);
        char *arguments[] = {program, "executed", 0};
        call(SYS_execve, program, arguments, environment);
        exit(1);
    }
    u8 byte;
    check(call(SYS_read, pipes[0], &byte, 1), 1);
    check(call(SYS_setpgid, child, child), -EACCES);
    end(child);
    check(call(SYS_close, pipes[0]), 0);
    check(call(SYS_close, pipes[1]), 0);
}

static volatile int *hang_ups;

static void note_hang_up(int signal, struct siginfo *info, struct context *context) {
    hang_ups[0]++;
    exit(0);
}

/* The parent of a stopped group ends: the group goes on with SIGHUP. */
static void orphans(void) {
    hang_ups = shared + 8;
    shared[0] = 0;
    i64 child = fork();
    if (child == 0) {
        i64 group = fork();
        if (group == 0) {
            check(call(SYS_setpgid, 0, 0), 0);
            on(SIGHUP, note_hang_up, 0);
            shared[0] = 1;
            for (;;)
                sleep_ms(1000);
        }
        call(SYS_setpgid, group, group);
        while (shared[0] == 0)
            sleep_ms(1);
        stop(group);
        exit(0);
    }
    check(wait_for(child), 0);
    while (hang_ups[0] == 0)
        sleep_ms(1);
}

static i64 now_ms(void) {
    struct timespec time;
    check(call(SYS_clock_gettime, 1, &time), 0);
    return time.seconds * 1000 + time.nanos / 1000000;
}

/* A stop neither cuts a wait short nor fails it, nor has its time begin anew: it would never end. */
static void times(void) {
    struct action none = {0, 0, 0};
    check(call(SYS_rt_sigaction, SIGCONT, &none, 0, 8), 0);
    for (int kind = 0; kind < 3; kind++) {
        shared[0] = 0;
        i64 child = fork();
        if (child == 0) {
            struct timespec time = {0, 200000000};
            int word = 0;
            i64 begun = now_ms();
            shared[0] = 1;
            if (kind == 0)
                check(call(SYS_nanosleep, &time, 0), 0);
            else if (kind == 1)
                check(call(SYS_ppoll, 0, 0, &time, 0, 8), 0);
            else
                check(call(SYS_futex, &word, FUTEX_WAIT, 0, &time, 0, 0), -ETIMEDOUT);
            require(now_ms() - begun >= 199);
            exit(0);
        }
        while (shared[0] == 0)
            sleep_ms(1);
        int status;
        do {
            sleep_ms(20);
            check(call(SYS_kill, child, SIGSTOP), 0);
            check(wait4(child, &status, WUNTRACED), child);
            call(SYS_kill, child, SIGCONT);
        } while (status == stopped_by(SIGSTOP));
        check(status, 0);
    }
}

/* A read by a group other than the first one. */
static void by_terminal_read(void) {
    u8 byte;
    exit(call(SYS_read, 0, &byte, 1) == 0 ? 0 : 1);
}

/* The streams are a terminal that controls no session, so a program goes on without job control. */
static void terminal(void) {
    enum { TCGETS = 0x5401, TIOCGPGRP = 0x540f, TIOCSPGRP = 0x5410, TIOCGWINSZ = 0x5413, TIOCGSID = 0x5429 };
    static const int refused[] = {TIOCGPGRP, TIOCSPGRP, TIOCGSID};
    for (int stream = 0; stream < 3; stream++) {
        u32 settings[16];
        check(call(SYS_ioctl, stream, TCGETS, settings), 0);
        check(call(SYS_ioctl, stream, TIOCGWINSZ, settings), 0);
        for (int i = 0; i < 3; i++)
            check(call(SYS_ioctl, stream, refused[i], settings), -ENOTTY);
    }
    i64 child = grouped(by_terminal_read);
    check(wait_for(child), 0);
}

/* Stops all processes but one, which ends after that. */
static void stop_all(void) {
    i64 first = own();
    for (int i = 0; i < 3; i++) {
        if (fork() == 0) {
            if (i == 0) {
                sleep_ms(50);
                exit(0);
            }
            sleep_ms(10 * i);
            check(call(SYS_kill, own(), SIGSTOP), 0);
        }
    }
    check(call(SYS_kill, first, SIGSTOP), 0);
}

int main(int argc, char **argv) {
    if (argc > 1 && strcmp(argv[1], "executed") == 0) {
        print("x");
        for (;;)
            sleep_ms(1000);
    }
    shared = (volatile int *) call(SYS_mmap, 0, PAGE, RW, MAP_SHARED | MAP_ANON, -1, 0);
    if (argc > 1 && strcmp(argv[1], "stopped") == 0) {
        stop_all();
        return 0;
    }
    if (argc > 1 && strcmp(argv[1], "terminal") == 0) {
        terminal();
        return 0;
    }
    waits(argc > 1);
    wait_ids();
    threads();
    signals_of_stopped();
    waits_for_all();
    continued_zombie();
    if (argc == 1)
        incomplete_stop();
    terminal_signals();
    groups(argv[0], argc > 1);
    orphans();
    times();
    return 0;
}
