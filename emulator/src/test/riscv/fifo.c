// SPDX-License-Identifier: Apache-2.0
// Named pipes: names, opens that wait for each other, ends that go and come again. Runs in an empty folder.
#include "guest.h"
const char *name = NAME;

enum { S_IFMT = 0170000, S_IFIFO = 010000, S_IFCHR = 020000, S_IFDIR = 040000, S_IFREG = 0100000 };
enum { POLLIN = 1, POLLOUT = 4, POLLERR = 8, POLLHUP = 16 };

static const char *const path = "fifo";
static volatile int signals;

struct status {
    u64 device, inode;
    u32 mode, links;
    u64 rest[13];
};

static void note(int signal, struct siginfo *info, struct context *context) {
    signals++;
}

static i64 open(const char *file, int flags) {
    return call(SYS_openat, AT_FDCWD, file, flags, 0644);
}

static i64 make(const char *file, int mode) {
    return call(SYS_mknodat, AT_FDCWD, file, mode, 0);
}

static i64 unlink(const char *file) {
    return call(SYS_unlinkat, AT_FDCWD, file, 0);
}

static struct status status(const char *file) {
    struct status found;
    check(call(SYS_newfstatat, AT_FDCWD, file, &found, 0), 0);
    return found;
}

static int events(i64 descriptor, short wanted) {
    struct {
        int descriptor;
        short events, found;
    } polled = {(int) descriptor, wanted, 0};
    struct timespec none = {0, 0};
    call(SYS_ppoll, &polled, 1, &none, 0, 8);
    return polled.found;
}

static int type_in_folder(const char *file) {
    static u8 entries[4096];
    i64 folder = open(".", O_RDONLY | O_DIRECTORY);
    i64 length = call(SYS_getdents64, folder, entries, sizeof entries);
    int type = -1;
    for (i64 at = 0; at < length; at += *(u16 *) (entries + at + 16))
        if (strcmp((char *) entries + at + 19, file) == 0)
            type = entries[at + 18];
    check(call(SYS_close, folder), 0);
    return type;
}

static void names(void) {
    u8 extended[256];
    check(make(path, S_IFIFO | 0640), 0);
    check(make(path, S_IFIFO | 0640), -EEXIST);
    check(make(path, S_IFREG | 0640), -EEXIST);
    check(status(path).mode, S_IFIFO | 0640);
    check(status(path).links, 1);
    check(status(path).rest[3], 0);
    check(call(291, AT_FDCWD, path, 0, 0x7ff, extended), 0);
    check(*(u16 *) (extended + 28), S_IFIFO | 0640);
    check(type_in_folder(path), 1);
    check(call(SYS_fchmodat, AT_FDCWD, path, 0600), 0);
    check(status(path).mode, S_IFIFO | 0600);
    check(call(SYS_faccessat, AT_FDCWD, path, 6), 0);
    check(call(SYS_faccessat, AT_FDCWD, path, 1), -EACCES);
    check(make("none/fifo", S_IFIFO | 0600), -ENOENT);
    check(make("fifo/fifo", S_IFIFO | 0600), -ENOTDIR);
    check(make("", S_IFIFO | 0600), -ENOENT);
    check(make("folder", S_IFDIR | 0600), -EPERM);
    check(make("wrong", 0150000 | 0600), -EINVAL);
    if (call(SYS_getuid) != 0)
        check(make("device", S_IFCHR | 0600), -EPERM);
    check(make("plain", 0600), 0);
    check(status("plain").mode, S_IFREG | 0600);
    check(unlink("plain"), 0);
    check(make("plain", S_IFREG | 0600), 0);
    check(status("plain").mode, S_IFREG | 0600);
    check(type_in_folder("plain"), 8);

    struct status first = status(path);
    check(call(SYS_linkat, AT_FDCWD, path, AT_FDCWD, "second", 0), 0);
    check(status("second").mode, S_IFIFO | 0600);
    check(status("second").inode, first.inode);
    check(status(path).links, 2);
    i64 reader = open(path, O_RDONLY | O_NONBLOCK);
    i64 writer = open("second", O_WRONLY | O_NONBLOCK);
    require(reader >= 0 && writer >= 0);
    u8 byte;
    check(call(SYS_write, writer, "a", 1), 1);
    check(call(SYS_read, reader, &byte, 1), 1);
    check(unlink(path), 0);
    check(open(path, O_RDONLY | O_NONBLOCK), -ENOENT);
    check(call(SYS_renameat2, AT_FDCWD, "second", AT_FDCWD, "third", 0), 0);
    check(status("third").mode, S_IFIFO | 0600);
    i64 other = open("third", O_WRONLY | O_NONBLOCK);
    check(call(SYS_write, other, "b", 1), 1);
    check(call(SYS_read, reader, &byte, 1), 1);
    struct status open_one;
    check(call(SYS_fstat, reader, &open_one), 0);
    check(open_one.mode, S_IFIFO | 0600);
    check(open_one.links, 1);
    check(open_one.inode, first.inode);
    check(unlink("third"), 0);
    check(call(SYS_fstat, reader, &open_one), 0);
    check(open_one.links, 0);
    check(call(SYS_write, other, "c", 1), 1);
    check(call(SYS_read, reader, &byte, 1), 1);
    check(byte, 'c');
    /* One of the same name is another pipe, and a plain file is none. */
    check(make(path, S_IFIFO | 0600), 0);
    check(open(path, O_WRONLY | O_NONBLOCK), -ENXIO);
    check(call(SYS_renameat2, AT_FDCWD, "plain", AT_FDCWD, path, 0), 0);
    check(status(path).mode, S_IFREG | 0600);
    i64 plain = open(path, O_RDWR);
    check(call(SYS_write, plain, "xy", 2), 2);
    check(call(SYS_pread64, plain, &byte, 1, 1), 1);
    check(byte, 'y');
    check(unlink(path), 0);
    for (int i = 0; i < 20; i++) {
        check(make(path, (i & 1) ? S_IFIFO | 0600 : S_IFREG | 0600), 0);
        check(status(path).mode, (i & 1) ? S_IFIFO | 0600 : S_IFREG | 0600);
        check(unlink(path), 0);
    }
    call(SYS_close, plain);
    call(SYS_close, reader);
    call(SYS_close, writer);
    call(SYS_close, other);
}

static void flags(void) {
    check(make(path, S_IFIFO | 0600), 0);
    check(open(path, O_RDONLY | O_CREAT | O_EXCL), -EEXIST);
    check(open(path, O_RDONLY | O_DIRECTORY), -ENOTDIR);
    check(open(path, O_WRONLY | O_NONBLOCK), -ENXIO);
    i64 place = open(path, O_PATH);
    require(place >= 0);
    u8 byte;
    check(call(SYS_read, place, &byte, 1), -EBADF);
    struct status found;
    check(call(SYS_fstat, place, &found), 0);
    check(found.mode, S_IFIFO | 0600);
    check(open(path, O_WRONLY | O_NONBLOCK), -ENXIO);
    check(call(SYS_truncate, path, 0), -EINVAL);
    check(open(path, O_WRONLY | O_NONBLOCK), -ENXIO);
    i64 both = open(path, O_RDWR | O_CREAT | O_TRUNC);
    require(both >= 0);
    check(call(SYS_fcntl, both, 3, 0) & 3, O_RDWR);
    check(call(SYS_lseek, both, 0, 0), -ESPIPE);
    check(call(SYS_pread64, both, &byte, 1, 0), -ESPIPE);
    check(call(SYS_ftruncate, both, 0), -EINVAL);
    check(call(SYS_mmap, 0, PAGE, PROT_READ, MAP_PRIVATE, both, 0), -ENODEV);
    check(events(both, POLLIN | POLLOUT), POLLOUT);
    check(call(SYS_write, both, "q", 1), 1);
    check(events(both, POLLIN | POLLOUT), POLLIN | POLLOUT);
    check(call(SYS_read, both, &byte, 1), 1);
    check(byte, 'q');
    check(call(SYS_write, both, "gone", 4), 4);
    check(call(SYS_close, both), 0);
    /* With the last end the bytes are gone. */
    i64 reader = open(path, O_RDONLY | O_NONBLOCK);
    check(call(SYS_read, reader, &byte, 1), 0);
    check(call(SYS_write, reader, "x", 1), -EBADF);
    check(call(SYS_close, reader), 0);
    char *arguments[] = {"fifo", 0};
    check(call(SYS_fchmodat, AT_FDCWD, path, 0700), 0);
    check(call(SYS_execve, path, arguments, environment), -EACCES);
    check(call(SYS_close, place), 0);
    check(unlink(path), 0);
}

static void ends(void) {
    check(make(path, S_IFIFO | 0600), 0);
    u8 bytes[8];
    i64 reader = open(path, O_RDONLY | O_NONBLOCK);
    check(call(SYS_read, reader, bytes, 1), 0);
    /* There was no writer yet, so none has hung up. */
    check(events(reader, POLLIN), 0);
    i64 writer = open(path, O_WRONLY | O_NONBLOCK);
    require(writer >= 0);
    check(call(SYS_read, reader, bytes, 1), -EAGAIN);
    check(call(SYS_read, writer, bytes, 1), -EBADF);
    check(events(writer, POLLOUT), POLLOUT);
    check(call(SYS_write, writer, "ab", 2), 2);
    i64 second = open(path, O_WRONLY);
    check(call(SYS_close, writer), 0);
    check(call(SYS_write, second, "cd", 2), 2);
    check(call(SYS_close, second), 0);
    check(events(reader, POLLIN), POLLIN | POLLHUP);
    check(call(SYS_read, reader, bytes, 8), 4);
    check(memcmp(bytes, "abcd", 4), 0);
    check(call(SYS_read, reader, bytes, 8), 0);
    check(events(reader, POLLIN), POLLHUP);
    writer = open(path, O_WRONLY);
    require(writer >= 0);
    check(events(reader, POLLIN), 0);
    check(call(SYS_read, reader, bytes, 8), -EAGAIN);
    i64 copy = call(SYS_dup, reader);
    check(call(SYS_close, reader), 0);
    check(call(SYS_write, writer, "e", 1), 1);
    check(call(SYS_close, copy), 0);
    on(SIGPIPE, note, 0);
    signals = 0;
    check(call(SYS_write, writer, "f", 1), -EPIPE);
    check(signals, 1);
    check(events(writer, POLLOUT), POLLOUT | POLLERR);
    check(open(path, O_WRONLY | O_NONBLOCK), -ENXIO);
    reader = open(path, O_RDONLY);
    check(call(SYS_read, reader, bytes, 8), 1);
    check(bytes[0], 'e');
    check(call(SYS_write, writer, "g", 1), 1);
    check(call(SYS_read, reader, bytes, 8), 1);
    check(bytes[0], 'g');
    check(call(SYS_close, reader), 0);
    check(call(SYS_close, writer), 0);
    check(unlink(path), 0);
}

/* An end that was opened in a child stands for the one of all that share it. */
static void shared_ends(void) {
    check(make(path, S_IFIFO | 0600), 0);
    volatile int *state = (volatile int *) call(SYS_mmap, 0, PAGE, RW, MAP_SHARED | MAP_ANON, -1, 0);
    u8 bytes[8];
    i64 child = fork();
    if (child == 0) {
        state[0] = 1;
        i64 writer = open(path, O_WRONLY);
        state[0] = 2;
        if (fork() == 0) {
            while (state[1] == 0)
                sleep_ms(1);
            check(call(SYS_write, writer, "late", 4), 4);
            exit(0);
        }
        check(call(SYS_write, writer, "soon", 4), 4);
        exit(0);
    }
    while (state[0] == 0)
        sleep_ms(1);
    sleep_ms(20);
    check(state[0], 1);
    i64 reader = open(path, O_RDONLY);
    require(reader >= 0);
    check(call(SYS_read, reader, bytes, 8), 4);
    check(memcmp(bytes, "soon", 4), 0);
    check(wait_for(child), 0);
    state[1] = 1;
    check(call(SYS_read, reader, bytes, 8), 4);
    check(memcmp(bytes, "late", 4), 0);
    check(call(SYS_read, reader, bytes, 8), 0);
    check(call(SYS_close, reader), 0);

    state[0] = 0;
    child = fork();
    if (child == 0) {
        state[0] = 1;
        i64 own = open(path, O_RDONLY);
        state[0] = 2;
        check(call(SYS_read, own, bytes, 8), 0);
        exit(0);
    }
    while (state[0] == 0)
        sleep_ms(1);
    sleep_ms(20);
    check(state[0], 1);
    /* A writer that is gone again was one. */
    check(call(SYS_close, open(path, O_WRONLY)), 0);
    check(wait_for(child), 0);
    check(unlink(path), 0);
}

/* Has a child send signals to its parent: again and again, or one before it opens the other end. */
static i64 disturb(int flags) {
    i64 parent = call(SYS_getpid);
    i64 child = fork();
    if (child != 0)
        return child;
    do {
        sleep_ms(20);
        check(call(SYS_kill, parent, SIGUSR1), 0);
    } while (flags < 0);
    sleep_ms(20);
    exit(open(path, flags) < 0);
}

static void interrupted(void) {
    check(make(path, S_IFIFO | 0600), 0);
    for (int write = 0; write < 2; write++) {
        signals = 0;
        on(SIGUSR1, note, 0);
        i64 child = disturb(-1);
        check(open(path, write ? O_WRONLY : O_RDONLY), -EINTR);
        require(signals > 0);
        check(call(SYS_kill, child, SIGKILL), 0);
        check(wait_for(child), SIGKILL);
        /* The open that has failed is no end. */
        check(open(path, O_WRONLY | O_NONBLOCK), -ENXIO);
        i64 reader = open(path, O_RDONLY | O_NONBLOCK);
        u8 byte;
        check(call(SYS_read, reader, &byte, 1), 0);
        check(call(SYS_close, reader), 0);

        signals = 0;
        on(SIGUSR1, note, SA_RESTART);
        child = disturb(write ? O_RDONLY : O_WRONLY);
        i64 end = open(path, write ? O_WRONLY : O_RDONLY);
        require(end >= 0);
        check(signals, 1);
        check(wait_for(child), 0);
        check(call(SYS_close, end), 0);
    }
    volatile int *state = (volatile int *) call(SYS_mmap, 0, PAGE, RW, MAP_SHARED | MAP_ANON, -1, 0);
    i64 child = fork();
    if (child == 0) {
        *state = 1;
        exit(open(path, O_RDONLY) < 0);
    }
    while (*state == 0)
        sleep_ms(1);
    sleep_ms(20);
    check(call(SYS_kill, child, SIGKILL), 0);
    check(wait_for(child), SIGKILL);
    check(open(path, O_WRONLY | O_NONBLOCK), -ENXIO);
    check(unlink(path), 0);
}

static volatile i64 opened;

static void open_writer(void *unused) {
    i64 end = open(path, O_WRONLY);
    check(call(SYS_write, end, "thread", 6), 6);
    opened = end;
}

static void threads(void) {
    check(make(path, S_IFIFO | 0600), 0);
    volatile int tid;
    u8 *stack = map(8 * PAGE, RW);
    require(thread(open_writer, 0, stack + 8 * PAGE, &tid) > 0);
    i64 reader = open(path, O_RDONLY);
    u8 bytes[8];
    check(call(SYS_read, reader, bytes, 8), 6);
    join(&tid);
    check(call(SYS_close, opened), 0);
    check(call(SYS_read, reader, bytes, 8), 0);
    check(call(SYS_close, reader), 0);
    check(unlink(path), 0);
}

static void open_reader(void *unused) {
    opened = open(path, O_RDONLY);
}

/* An open that waits has its number, which no other file gets. */
static void reserved_number(void) {
    check(make(path, S_IFIFO | 0600), 0);
    i64 lowest = call(SYS_dup, 0);
    check(call(SYS_close, lowest), 0);
    volatile int tid;
    u8 *stack = map(8 * PAGE, RW);
    require(thread(open_reader, 0, stack + 8 * PAGE, &tid) > 0);
    i64 number = lowest;
    while (call(SYS_dup, 0) == number) {
        require(++number < lowest + 900);
        sleep_ms(1);
    }
    check(call(SYS_dup3, 0, number, 0), -EBUSY);
    check(call(SYS_close, number), -EBADF);
    i64 writer = open(path, O_WRONLY);
    require(writer > number);
    join(&tid);
    check(opened, number);
    for (i64 each = lowest; each <= writer; each++)
        check(call(SYS_close, each), 0);
    check(unlink(path), 0);
}

/* Another process makes a pipe and deletes it, again and again. */
static void names_that_change(void) {
    i64 child = fork();
    if (child == 0)
        for (;;) {
            make(path, S_IFIFO | 0600);
            unlink(path);
        }
    for (int i = 0; i < 300; i++) {
        i64 made = open(path, O_RDWR | O_CREAT | O_EXCL);
        if (made < 0) {
            check(made, -EEXIST);
        } else {
            check(call(SYS_lseek, made, 0, 0), 0);
            check(call(SYS_close, made), 0);
            unlink(path);
        }
        i64 reader = open(path, O_RDONLY | O_NONBLOCK);
        if (reader < 0)
            check(reader, -ENOENT);
        else
            check(call(SYS_close, reader), 0);
    }
    check(call(SYS_kill, child, SIGKILL), 0);
    check(wait_for(child), SIGKILL);
    unlink(path);
}

/* Leaves a child that waits for a partner, and names of pipes. */
static void leave(void) {
    check(make(path, S_IFIFO | 0600), 0);
    check(call(SYS_mkdirat, AT_FDCWD, "folder", 0700), 0);
    check(make("folder/inner", S_IFIFO | 0600), 0);
    check(call(SYS_renameat2, AT_FDCWD, path, AT_FDCWD, "folder/moved", 0), 0);
    check(call(SYS_linkat, AT_FDCWD, "folder/moved", AT_FDCWD, "folder/second", 0), 0);
    check(call(SYS_mkdirat, AT_FDCWD, "below", 0700), 0);
    check(make("below/deep", S_IFIFO | 0600), 0);
    check(call(SYS_renameat2, AT_FDCWD, "below", AT_FDCWD, "folder/below", 0), 0);
    if (fork() == 0)
        exit(open("folder/moved", O_RDONLY) < 0);
    while (open("folder/moved", O_WRONLY | O_NONBLOCK) == -ENXIO)
        sleep_ms(1);
    if (fork() == 0)
        exit(open("folder/inner", O_RDONLY) < 0);
}

int main(int argc, char **argv) {
    if (argc > 1) {
        leave();
        return 0;
    }
    names();
    flags();
    ends();
    shared_ends();
    interrupted();
    threads();
    reserved_number();
    names_that_change();
    return 0;
}
