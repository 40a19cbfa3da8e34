// SPDX-License-Identifier: Apache-2.0
// Locks of files between processes: of records, and of flock. Runs in a folder that it may write.
#include "guest.h"
const char *name = NAME;

enum { SYS_flock = 32, F_GETLK = 5, F_SETLK, F_SETLKW, F_OFD_GETLK = 36, F_OFD_SETLK, F_OFD_SETLKW };
enum { F_RDLCK, F_WRLCK, F_UNLCK, SEEK_SET = 0, SEEK_CUR, SEEK_END };
enum { LOCK_SH = 1, LOCK_EX = 2, LOCK_NB = 4, LOCK_UN = 8, EDEADLK = 35, EOVERFLOW = 75 };

struct lock {
    short type, from;
    i64 start, length;
    i32 pid;
};

static i64 descriptor;

static i64 open_again(int flags) {
    return call(SYS_openat, AT_FDCWD, "locked", flags, 0644);
}

static i64 lock_of(i64 file, int command, int type, i64 start, i64 length) {
    struct lock lock = {type, SEEK_SET, start, length, 0};
    return call(SYS_fcntl, file, command, &lock);
}

static i64 lock(int type, i64 start, i64 length) {
    return lock_of(descriptor, F_SETLK, type, start, length);
}

/* What another process sees: the type, the start and the length of the lock in the way of a write; -1 for none. */
static struct lock seen(i64 start, i64 length) {
    struct lock *shared = (struct lock *) call(SYS_mmap, 0, PAGE, RW, MAP_SHARED | MAP_ANON, -1, 0);
    i64 child = fork();
    if (child == 0) {
        struct lock asked = {F_WRLCK, SEEK_SET, start, length, 77};
        check(call(SYS_fcntl, descriptor, F_GETLK, &asked), 0);
        *shared = asked;
        exit(0);
    }
    check(wait_for(child), 0);
    struct lock found = *shared;
    check(call(SYS_munmap, shared, PAGE), 0);
    return found;
}

static void is_seen(i64 at, int type, i64 start, i64 length) {
    struct lock found = seen(at, 1);
    check(found.type, type);
    if (type != F_UNLCK) {
        check(found.start, start);
        check(found.length, length);
        check(found.pid, call(SYS_getpid));
    } else {
        check(found.pid, 77);
    }
}

/* What a call answers in another process. */
static i64 elsewhere(int command, int type, i64 start, i64 length) {
    i64 child = fork();
    if (child == 0)
        exit(-lock_of(descriptor, command, type, start, length));
    return -(wait_for(child) >> 8);
}

static void ranges(void) {
    check(lock(F_WRLCK, 10, 10), 0);
    is_seen(9, F_UNLCK, 0, 0);
    is_seen(10, F_WRLCK, 10, 10);
    is_seen(20, F_UNLCK, 0, 0);
    check(lock(F_RDLCK, 14, 2), 0);
    is_seen(10, F_WRLCK, 10, 4);
    is_seen(14, F_RDLCK, 14, 2);
    is_seen(16, F_WRLCK, 16, 4);
    check(elsewhere(F_SETLK, F_RDLCK, 14, 2), 0);
    check(elsewhere(F_SETLK, F_RDLCK, 14, 3), -EAGAIN);
    check(elsewhere(F_SETLK, F_WRLCK, 15, 1), -EAGAIN);
    check(lock(F_WRLCK, 14, 2), 0);
    is_seen(14, F_WRLCK, 10, 10);
    check(lock(F_WRLCK, 20, 5), 0);
    is_seen(20, F_WRLCK, 10, 15);
    check(lock(F_UNLCK, 12, 3), 0);
    is_seen(11, F_WRLCK, 10, 2);
    is_seen(15, F_WRLCK, 15, 10);
    check(lock(F_WRLCK, 100, 0), 0);
    is_seen(1l << 40, F_WRLCK, 100, 0);
    check(lock(F_UNLCK, 0, 0), 0);
    is_seen(100, F_UNLCK, 0, 0);
    struct lock back = {F_WRLCK, SEEK_SET, 50, -10, 0};
    check(call(SYS_fcntl, descriptor, F_SETLK, &back), 0);
    is_seen(45, F_WRLCK, 40, 10);
    check(lock(F_UNLCK, 0, 0), 0);
    check(call(SYS_pwrite64, descriptor, "0123456789", 10, 0), 10);
    struct lock end = {F_WRLCK, SEEK_END, -4, 2, 0};
    check(call(SYS_fcntl, descriptor, F_SETLK, &end), 0);
    is_seen(6, F_WRLCK, 6, 2);
    check(lock(F_UNLCK, 0, 0), 0);
}

static void errors(void) {
    struct lock wrong = {3, SEEK_SET, 0, 0, 0};
    check(call(SYS_fcntl, descriptor, F_SETLK, &wrong), -EINVAL);
    struct lock from = {F_RDLCK, 3, 0, 0, 0};
    check(call(SYS_fcntl, descriptor, F_SETLK, &from), -EINVAL);
    check(lock(F_RDLCK, -1, 0), -EINVAL);
    check(lock(F_RDLCK, 0, -1), -EINVAL);
    check(lock(F_RDLCK, 1, ~0ul >> 1), 0);
    check(lock(F_UNLCK, 0, 0), 0);
    check(lock_of(descriptor, F_GETLK, F_UNLCK, 0, 0), -EINVAL);
    check(call(SYS_fcntl, descriptor, F_SETLK, 8), -EFAULT);
    check(lock_of(99, F_SETLK, F_RDLCK, 0, 0), -EBADF);
    i64 readable = open_again(O_RDONLY), writable = open_again(O_WRONLY);
    check(lock_of(readable, F_SETLK, F_WRLCK, 0, 0), -EBADF);
    check(lock_of(writable, F_SETLK, F_RDLCK, 0, 0), -EBADF);
    check(lock_of(readable, F_SETLK, F_RDLCK, 0, 0), 0);
    check(call(SYS_flock, descriptor, 0), -EINVAL);
    check(call(SYS_flock, descriptor, LOCK_SH | LOCK_EX), -EINVAL);
    check(call(SYS_flock, 99, LOCK_SH), -EBADF);
    check(call(SYS_close, readable), 0);
    check(call(SYS_close, writable), 0);
}

static void ends(void) {
    /* Any close of the file ends the locks of the process, and so does its end. */
    check(lock(F_WRLCK, 0, 0), 0);
    i64 second = open_again(O_RDONLY);
    is_seen(0, F_WRLCK, 0, 0);
    check(call(SYS_close, second), 0);
    is_seen(0, F_UNLCK, 0, 0);
    check(lock(F_WRLCK, 0, 0), 0);
    i64 copy = call(SYS_dup, descriptor);
    check(call(SYS_dup3, 0, copy, 0), copy);
    is_seen(0, F_UNLCK, 0, 0);
    check(call(SYS_close, copy), 0);
    check(elsewhere(F_SETLK, F_WRLCK, 0, 0), 0);
    check(lock(F_WRLCK, 0, 0), 0);
    /* A child has none of them, and its close of the file ends none. */
    i64 child = fork();
    if (child == 0) {
        check(lock(F_RDLCK, 0, 0), -EAGAIN);
        exit(0);
    }
    check(wait_for(child), 0);
    is_seen(0, F_WRLCK, 0, 0);
    check(lock(F_UNLCK, 0, 0), 0);
}

static void waits(void) {
    check(lock(F_WRLCK, 0, 1), 0);
    i64 child = fork();
    if (child == 0) {
        check(lock_of(descriptor, F_SETLKW, F_WRLCK, 0, 1), 0);
        exit(0);
    }
    sleep_ms(20);
    check(call(SYS_wait4, child, 0, 1, 0), 0);
    check(lock(F_UNLCK, 0, 1), 0);
    check(wait_for(child), 0);
}

static void interrupted(int signal, struct siginfo *info, struct context *context) {}

static void signals(void) {
    check(lock(F_WRLCK, 0, 1), 0);
    i64 child = fork();
    if (child == 0) {
        on(SIGUSR1, interrupted, 0);
        check(lock_of(descriptor, F_SETLKW, F_WRLCK, 0, 1), -EINTR);
        exit(0);
    }
    int status = 0;
    while (call(SYS_wait4, child, &status, 1, 0) == 0) {
        sleep_ms(5);
        call(SYS_kill, child, SIGUSR1);
    }
    if (status != SIGUSR1)
        check(status, 0);
    check(lock(F_UNLCK, 0, 1), 0);
}

static void whole(void) {
    i64 second = open_again(O_RDONLY);
    check(call(SYS_flock, descriptor, LOCK_SH), 0);
    check(call(SYS_flock, second, LOCK_SH | LOCK_NB), 0);
    check(call(SYS_flock, second, LOCK_EX | LOCK_NB), -EAGAIN);
    /* The shared one is gone. */
    check(call(SYS_flock, descriptor, LOCK_EX | LOCK_NB), 0);
    check(call(SYS_flock, second, LOCK_SH | LOCK_NB), -EAGAIN);
    /* Those of fcntl are others. */
    check(elsewhere(F_SETLK, F_WRLCK, 0, 0), 0);
    i64 child = fork();
    if (child == 0) {
        check(call(SYS_flock, descriptor, LOCK_EX | LOCK_NB), 0);
        check(call(SYS_flock, second, LOCK_EX), 0);
        exit(0);
    }
    sleep_ms(20);
    check(call(SYS_flock, descriptor, LOCK_UN), 0);
    check(wait_for(child), 0);
    /* The child has locked the open file of this process, which keeps it. */
    check(call(SYS_flock, descriptor, LOCK_SH | LOCK_NB), -EAGAIN);
    check(call(SYS_close, second), 0);
    check(call(SYS_flock, descriptor, LOCK_EX | LOCK_NB), 0);
    check(call(SYS_flock, descriptor, LOCK_UN), 0);
}

int main(int argc, char **argv) {
    descriptor = open_again(O_RDWR | O_CREAT);
    ranges();
    errors();
    ends();
    waits();
    signals();
    whole();
    check(call(SYS_close, descriptor), 0);
    check(call(SYS_unlinkat, AT_FDCWD, "locked", 0), 0);
    return 0;
}
