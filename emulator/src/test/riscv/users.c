// SPDX-License-Identifier: Apache-2.0
// Users and groups: which a process may become, and who sees whose signals. With an argument it has to be user 0.
#include "guest.h"
const char *name = NAME;

enum { SYS_setregid = 143, SYS_setgid, SYS_setreuid, SYS_setuid, SYS_setresuid, SYS_getresuid, SYS_setresgid,
       SYS_getresgid, SYS_getgroups = 158, SYS_setgroups, SYS_geteuid = 175, SYS_getgid, SYS_getegid };
enum { AT_UID = 11, AT_EUID, AT_GID, AT_EGID, AT_SECURE = 23, WEXITED = 4, P_PID = 1 };

#define is(call_number, ...)                                                                                           \
    do {                                                                                                               \
        int now_[3], expected_[3] = {__VA_ARGS__};                                                                     \
        check(call(call_number, &now_[0], &now_[1], &now_[2]), 0);                                               \
        for (int i_ = 0; i_ < 3; i_++)                                                                                 \
            check(now_[i_], expected_[i_]);                                                                            \
    } while (0)
#define users(...) is(SYS_getresuid, __VA_ARGS__)
#define groups(...) is(SYS_getresgid, __VA_ARGS__)

static u64 auxiliary_of(u64 type) {
    for (u64 *at = auxiliary; at[0] != 0; at += 2)
        if (at[0] == type)
            return at[1];
    return -1ul;
}

static void vector(u64 user, u64 effective, u64 group, u64 effective_group, u64 secure) {
    check(auxiliary_of(AT_UID), user);
    check(auxiliary_of(AT_EUID), effective);
    check(auxiliary_of(AT_GID), group);
    check(auxiliary_of(AT_EGID), effective_group);
    check(auxiliary_of(AT_SECURE), secure);
}

static void unprivileged(void) {
    int user = (int) call(SYS_getuid), group = (int) call(SYS_getgid), none[1] = {3};
    vector(user, user, group, group, 0);
    users(user, user, user);
    groups(group, group, group);
    check(call(SYS_setuid, 0), -EPERM);
    check(call(SYS_setuid, -1), -EINVAL);
    check(call(SYS_setuid, user), 0);
    check(call(SYS_setreuid, -1, -1), 0);
    check(call(SYS_setreuid, 0, -1), -EPERM);
    check(call(SYS_setreuid, user, 0), -EPERM);
    check(call(SYS_setresuid, user, user, 0), -EPERM);
    check(call(SYS_setresuid, user, user, user), 0);
    check(call(SYS_setgid, 0), -EPERM);
    check(call(SYS_setregid, 0, -1), -EPERM);
    check(call(SYS_setresgid, -1, -1, 0), -EPERM);
    check(call(SYS_setgroups, 1, none), -EPERM);
    check(call(SYS_setgroups, 0, 0), -EPERM);
    check(call(SYS_getgroups, -1, none), -EINVAL);
    check(call(SYS_getgroups, 0, 0), 0);
}

/* Has a child check what follows. */
#define in_child(statements)                                                                                           \
    do {                                                                                                               \
        i64 child_ = fork();                                                                                           \
        if (child_ == 0) {                                                                                             \
            statements;                                                                                                \
            exit(0);                                                                                                   \
        }                                                                                                              \
        check(wait_for(child_), 0);                                                                                    \
    } while (0)

static void become_three(void) {
    check(call(SYS_setresuid, 1, 2, 3), 0);
    users(1, 2, 3);
    check(call(SYS_getuid), 1);
    check(call(SYS_geteuid), 2);
    check(call(SYS_setresuid, 0, -1, -1), -EPERM);
    check(call(SYS_setresuid, 3, 1, 2), 0);
    users(3, 1, 2);
    check(call(SYS_setuid, 1), -EPERM);
    check(call(SYS_setuid, 2), 0);
    users(3, 2, 2);
    check(call(SYS_setgid, 5), -EPERM);
}

static void return_to_root(void) {
    check(call(SYS_setresuid, -1, 1000, -1), 0);
    users(0, 1000, 0);
    check(call(SYS_setuid, 5), -EPERM);
    check(call(SYS_setgroups, 0, 0), -EPERM);
    check(call(SYS_setresuid, -1, 0, -1), 0);
    check(call(SYS_setuid, 7), 0);
    users(7, 7, 7);
    check(call(SYS_setuid, 0), -EPERM);
}

static void exchange(void) {
    check(call(SYS_setreuid, 5, 6), 0);
    users(5, 6, 6);
    check(call(SYS_setreuid, 6, 5), 0);
    users(6, 5, 5);
    check(call(SYS_setreuid, -1, 6), 0);
    users(6, 6, 5);
    check(call(SYS_setreuid, 5, -1), -EPERM);
    check(call(SYS_setreuid, -1, 5), 0);
    users(6, 5, 5);
}

static void change_groups(void) {
    static int two[2] = {5, 3}, found[3], bad[1] = {-1};
    check(call(SYS_setgid, 9), 0);
    groups(9, 9, 9);
    check(call(SYS_setregid, 4, 8), 0);
    groups(4, 8, 8);
    check(call(SYS_setgroups, 2, two), 0);
    check(call(SYS_getgroups, 0, 0), 2);
    check(call(SYS_getgroups, 1, found), -EINVAL);
    check(call(SYS_getgroups, 3, found), 2);
    check(found[0] * 10 + found[1], 35);
    check(call(SYS_getgroups, 3, 8), -EFAULT);
    check(call(SYS_setgroups, 2, 8), -EFAULT);
    check(call(SYS_setgroups, 1, bad), -EINVAL);
    check(call(SYS_setgroups, 65537, two), -EINVAL);
    check(call(SYS_setgroups, -1, two), -EINVAL);
    check(call(SYS_setresgid, 1, 2, 3), 0);
    check(call(SYS_setuid, 1000), 0);
    check(call(SYS_setgid, 2), -EPERM);
    check(call(SYS_setgid, 3), 0);
    groups(1, 3, 3);
    check(call(SYS_getgroups, 3, found), 2);
}

static i64 as(int user) {
    i64 child = fork();
    if (child == 0) {
        check(call(SYS_setuid, user), 0);
        sleep_ms(60000);
        exit(0);
    }
    int real = 0;
    while (real != user) {
        char path[32] = "/proc/", digits[12], text[1024];
        int at = 6, length = 0;
        for (i64 pid = child; pid > 0; pid /= 10)
            digits[length++] = (char) ('0' + pid % 10);
        while (length > 0)
            path[at++] = digits[--length];
        memcpy(path + at, "/status", 8);
        i64 file = call(SYS_openat, AT_FDCWD, path, O_RDONLY, 0);
        i64 read = call(SYS_read, file, text, sizeof text - 1);
        check(call(SYS_close, file), 0);
        require(read > 0);
        text[read] = 0;
        real = 0;
        for (char *line = text; *line; line++)
            if (memcmp(line, "\nUid:\t", 6) == 0)
                for (char *digit = line + 6; *digit >= '0'; digit++)
                    real = real * 10 + *digit - '0';
        call(SYS_sched_yield);
    }
    return child;
}

static volatile int sender_user, sender;

static void note(int signal, struct siginfo *info, struct context *context) {
    sender = info->pid;
    sender_user = info->uid;
}

static void signals(void) {
    i64 own = call(SYS_getpid), first = as(1000), second = as(2000);
    on(SIGUSR1, note, SA_RESTART);
    in_child({
        check(call(SYS_setuid, 2000), 0);
        check(call(SYS_kill, first, 0), -EPERM);
        check(call(SYS_kill, first, SIGKILL), -EPERM);
        check(call(SYS_kill, first, SIGCONT), 0);
        check(call(SYS_kill, first, 65), -EINVAL);
        check(call(SYS_tkill, first, SIGUSR1), -EPERM);
        check(call(SYS_kill, own, SIGTERM), -EPERM);
        check(call(SYS_kill, second, SIGCONT), 0);
        check(call(SYS_kill, call(SYS_getpid), 0), 0);
    });
    in_child({
        check(call(SYS_setresuid, 2000, 3000, 4000), 0);
        check(call(SYS_kill, second, 0), 0);
    });
    in_child({
        check(call(SYS_setresuid, 2000, 0, 0), 0);
        check(call(SYS_kill, own, SIGUSR1), 0);
    });
    check(sender_user, 2000);
    check(call(SYS_kill, first, SIGKILL), 0);
    struct siginfo info;
    check(call(SYS_waitid, P_PID, first, &info, WEXITED, 0), 0);
    check(info.uid, 1000);
    check(call(SYS_kill, second, SIGKILL), 0);
    check(wait_for(second), SIGKILL);
}

/* Another program of other rights than the one who runs it is told so, and the saved numbers are the effective ones. */
static void executes(void) {
    const char *const arguments[] = {"users", "executed", 0};
    check(call(SYS_setresgid, 0, 200, 0), 0);
    check(call(SYS_setresuid, 0, 1000, 0), 0);
    call(SYS_execve, "/proc/self/exe", arguments, environment);
}

int main(int argc, char **argv) {
    if (argc > 1 && strcmp(argv[1], "executed") == 0) {
        vector(0, 1000, 0, 200, 1);
        users(0, 1000, 1000);
        groups(0, 200, 200);
        exit(0);
    }
    if (call(SYS_getuid) != 0) {
        check(argc, 1);
        unprivileged();
        return 0;
    }
    vector(0, 0, 0, 0, 0);
    users(0, 0, 0);
    in_child(become_three());
    in_child(return_to_root());
    in_child(exchange());
    in_child(change_groups());
    signals();
    in_child(executes(); exit(1));
    return 0;
}
