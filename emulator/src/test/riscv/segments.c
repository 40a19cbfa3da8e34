// SPDX-License-Identifier: Apache-2.0
// Segments of System V: rights, statuses, limits, errors, what marks one, and what /proc shows. Runs as a user without
// privileges, where no segment exists.
#include "guest.h"
const char *name = NAME;

enum { SYS_remap_file_pages = 234 };
enum { EIDRM = 43, ENOSPC = 28, CREATE = 01000, EXCLUSIVE = 02000, HUGE = 04000, KEY = 0x5a5a1234 };
enum { RMID = 0, SET = 1, STAT = 2, IPC_INFO = 3, LOCK = 11, UNLOCK = 12, SHM_STAT = 13, SHM_INFO = 14, STAT_ANY = 15 };
enum { RDONLY = 010000, RND = 020000, REMAP = 040000, EXECUTE = 0100000, DEST = 01000, LOCKED = 02000 };

struct status {
    i32 key;
    u32 uid, gid, cuid, cgid, mode;
    u16 sequence, pad;
    u64 unused[2], size;
    i64 attached, detached, changed;
    i32 creator, last;
    u64 attachments, rest[2];
};

struct limits {
    u64 max, min, segments, of_process, all, rest[4];
};

struct usage {
    i32 used;
    u64 total, resident, swapped, attempts, successes;
};

static i64 make(i32 key, u64 size, int flags) {
    return call(SYS_shmget, key, size, flags);
}

static struct status of(i64 id) {
    struct status found;
    check(call(SYS_shmctl, id, STAT, &found), 0);
    return found;
}

static i64 now(void) {
    struct timespec time;
    check(call(SYS_clock_gettime, 0, &time), 0);
    return time.seconds;
}

static void keys(void) {
    check(make(KEY, PAGE, 0600), -ENOENT);
    check(make(KEY, 0, CREATE | 0600), -EINVAL);
    check(make(0, 0, 0600), -EINVAL);
    check(make(0, -1l, CREATE | 0600), -EINVAL);
    check(make(0, -1l - (1 << 24), CREATE | 0600), -EINVAL);
    check(make(0, 1l << 52, CREATE | 0600), -ENOMEM);
    check(make(0, PAGE, HUGE | 0600), -EPERM);
    i64 id = make(KEY, 2 * PAGE - 7, CREATE | EXCLUSIVE | 0640);
    require(id >= 0);
    check(make(KEY, PAGE, 0600), id);
    check(make(KEY, 0, 0), id);
    check(make(KEY, 2 * PAGE - 7, CREATE | 0400), id);
    check(make(KEY, 2 * PAGE, 0), -EINVAL);
    check(make(KEY, PAGE, CREATE | EXCLUSIVE | 0600), -EEXIST);
    check(make(KEY, PAGE, 0700), -EACCES);
    check(make(KEY, PAGE, 0040), id);
    check(make(KEY, PAGE, 0001), -EACCES);
    struct status found = of(id);
    check(found.key, KEY);
    check(found.uid, call(SYS_getuid));
    check(found.cuid, found.uid);
    check(found.mode, 0640);
    check(found.size, 2 * PAGE - 7);
    check(found.sequence, id >> 15);
    check(found.creator, call(SYS_getpid));
    check(found.last, 0);
    check(found.attached, 0);
    check(found.detached, 0);
    require(found.changed > now() - 10 && found.changed <= now());
    check(found.attachments, 0);
    check(call(SYS_shmctl, id, STAT, 8), -EFAULT);
    check(call(SYS_shmctl, id, 99, &found), -EINVAL);
    check(call(SYS_shmctl, id, 0x100 | STAT, &found), -EINVAL);
    check(call(SYS_shmctl, id, -1, &found), -EINVAL);
    check(call(SYS_shmctl, -1, STAT, &found), -EINVAL);
    check(call(SYS_shmctl, -1, IPC_INFO, &found), -EINVAL);
    check(call(SYS_shmctl, id + (1 << 15), STAT, &found), -EINVAL);
    check(call(SYS_shmctl, id, RMID, 0), 0);
    check(call(SYS_shmctl, id, RMID, 0), -EINVAL);
    check(call(SYS_shmctl, id, STAT, &found), -EINVAL);
    check(make(KEY, PAGE, 0600), -ENOENT);
}

static void settings(void) {
    i64 id = make(KEY, PAGE, CREATE | 0400);
    struct status wanted = of(id), found;
    check(call(SYS_shmat, id, 0, 0), -EACCES);
    check(call(SYS_shmat, id, 1, 0), -EINVAL);
    check(call(SYS_shmat, id, 0, RDONLY | EXECUTE), -EACCES);
    i64 at = call(SYS_shmat, id, 0, RDONLY);
    require(at > 0);
    check(call(SYS_shmdt, at), 0);
    wanted.mode = 017777 & ~0077;
    wanted.size = 8;
    check(call(SYS_shmctl, id, SET, &wanted), 0);
    found = of(id);
    check(found.mode, 0700);
    check(found.size, PAGE);
    check(make(KEY, PAGE, 0700), id);
    at = call(SYS_shmat, id, 0, EXECUTE);
    require(at > 0);
    check(call(SYS_shmdt, at), 0);
    wanted.mode = 0;
    check(call(SYS_shmctl, id, SET, &wanted), 0);
    check(call(SYS_shmctl, id, STAT, &found), -EACCES);
    check(call(SYS_shmctl, id, SHM_STAT, &found), -EACCES);
    check(call(SYS_shmctl, id & 0x7fff, STAT_ANY, &found), id);
    check(found.mode, 0);
    wanted.uid = -1;
    check(call(SYS_shmctl, id, SET, &wanted), -EINVAL);
    wanted.uid = 12345;
    wanted.gid = 54321;
    wanted.mode = 0640;
    check(call(SYS_shmctl, id, SET, &wanted), 0);
    found = of(id);
    check(found.uid, 12345);
    check(found.gid, 54321);
    check(found.cuid, call(SYS_getuid));
    check(call(SYS_shmctl, id, SET, 8), -EFAULT);
    check(call(SYS_shmctl, id + (1 << 15), SET, &wanted), -EINVAL);
    check(call(SYS_shmctl, id, RMID, 0), 0);
}

static void attachments(void) {
    i64 id = make(0, 2 * PAGE, 0600);
    struct status found;
    i64 at = call(SYS_shmat, id, 0, 0);
    require(at > 0);
    found = of(id);
    check(found.attachments, 1);
    check(found.last, call(SYS_getpid));
    require(found.attached > now() - 10);
    check(found.detached, 0);
    check(call(SYS_shmat, id, at, 0), -EINVAL);
    check(call(SYS_shmat, id, at + 5, REMAP), -EINVAL);
    check(call(SYS_shmat, id, at + 5, RND), -EINVAL);
    check(call(SYS_shmat, id, at + 5, RND | REMAP), at);
    check(call(SYS_shmat, id, 0, REMAP), -EINVAL);
    check(call(SYS_shmat, id, 5, RND | REMAP), -EINVAL);
    check(call(SYS_shmat, -1, 0, 0), -EINVAL);
    check(call(SYS_shmat, id + (1 << 15), 0, 0), -EINVAL);
    i64 child = fork();
    if (child == 0) {
        check(of(id).attachments, 2);
        check(call(SYS_shmdt, at), 0);
        found = of(id);
        check(found.attachments, 1);
        check(found.last, call(SYS_getpid));
        require(found.detached > now() - 10);
        exit(0);
    }
    check(wait_for(child), 0);
    check(of(id).last, child);
    check(call(SYS_shmdt, at + 1), -EINVAL);
    *(volatile u8 *) at = 5;
    check(call(SYS_shmctl, id, RMID, 0), 0);
    found = of(id);
    check(found.mode, DEST | 0600);
    check(found.key, 0);
    i64 again = call(SYS_shmat, id, 0, 0);
    check(*(volatile u8 *) again, 5);
    check(call(SYS_shmdt, again), 0);
    check(call(SYS_shmdt, at), 0);
    check(call(SYS_shmctl, id, STAT, &found), -EINVAL);
    check(call(SYS_shmat, id, 0, 0), -EINVAL);
}

static void locks(void) {
    i64 id = make(0, PAGE, 0);
    check(call(SYS_shmctl, id, LOCK, 0), 0);
    check(call(SYS_shmctl, id, LOCK, 0), 0);
    struct status wanted;
    check(call(SYS_shmctl, id & 0x7fff, STAT_ANY, &wanted), id);
    check(wanted.mode, LOCKED);
    wanted.mode = 0600;
    check(call(SYS_shmctl, id, SET, &wanted), 0);
    check(of(id).mode, LOCKED | 0600);
    check(call(SYS_shmctl, id, UNLOCK, 0), 0);
    check(of(id).mode, 0600);
    check(call(SYS_shmctl, id, UNLOCK, 0), 0);
    check(call(SYS_shmctl, id + (1 << 15), LOCK, 0), -EINVAL);
    i64 child = fork();
    if (child == 0) {
        u64 none[2] = {0, 8 << 20};
        check(call(SYS_prlimit64, 0, 8, none, 0), 0);
        check(call(SYS_shmctl, id, LOCK, 0), -EPERM);
        none[0] = 1;
        check(call(SYS_prlimit64, 0, 8, none, 0), 0);
        check(call(SYS_shmctl, id, LOCK, 0), -ENOMEM);
        exit(0);
    }
    check(wait_for(child), 0);
    check(call(SYS_shmctl, id, RMID, 0), 0);
}

static i64 value(const char *path, char *text, int size) {
    i64 file = call(SYS_openat, AT_FDCWD, path, O_RDONLY, 0);
    require(file >= 0);
    i64 read = call(SYS_read, file, text, size - 1);
    require(read > 0);
    text[read] = 0;
    check(call(SYS_close, file), 0);
    u64 found = 0;
    for (; *text >= '0' && *text <= '9'; text++)
        found = found * 10 + *text - '0';
    return found;
}

static void tables(void) {
    static char text[64];
    struct limits limits;
    struct usage before, after;
    i64 last = call(SYS_shmctl, 0, SHM_INFO, &before);
    require(last >= 0);
    i64 id = make(KEY, 3 * PAGE, CREATE | 0640);
    i64 at = call(SYS_shmat, id, 0, 0);
    *(volatile u8 *) (at + PAGE) = 1;
    last = call(SYS_shmctl, 0, SHM_INFO, &after);
    require(last >= (id & 0x7fff));
    check(after.used, before.used + 1);
    check(after.total, before.total + 3);
    check(after.resident, before.resident + 1);
    check(call(SYS_shmctl, 0, SHM_INFO, 8), -EFAULT);
    check(call(SYS_shmctl, 0, IPC_INFO, &limits), last);
    check(limits.min, 1);
    check(limits.segments, limits.of_process);
    check(limits.max, value("/proc/sys/kernel/shmmax", text, sizeof text));
    check(limits.all, value("/proc/sys/kernel/shmall", text, sizeof text));
    check(limits.segments, value("/proc/sys/kernel/shmmni", text, sizeof text));
    struct status found;
    check(call(SYS_shmctl, id & 0x7fff, SHM_STAT, &found), id);
    check(found.key, KEY);
    check(call(SYS_shmctl, id | 1 << 29, SHM_STAT, &found), id);
    check(call(SYS_shmctl, last + 1, SHM_STAT, &found), -EINVAL);
    check(call(SYS_shmctl, last + 1, STAT_ANY, &found), -EINVAL);
    check(call(SYS_shmdt, at), 0);
    check(call(SYS_shmctl, id, RMID, 0), 0);
}

static void many(void) {
    static i64 ids[5000];
    struct limits limits;
    struct usage before;
    call(SYS_shmctl, 0, SHM_INFO, &before);
    require(call(SYS_shmctl, 0, IPC_INFO, &limits) >= 0);
    int count = 0;
    i64 id;
    while ((id = make(0, 1, 0600)) >= 0)
        ids[count++] = id;
    check(id, -ENOSPC);
    check(count + before.used, limits.segments);
    for (int i = 0; i < count; i++)
        check(call(SYS_shmctl, ids[i], RMID, 0), 0);
    id = make(0, 1, 0600);
    for (int i = 0; i < count; i++)
        require(ids[i] != id);
    check(call(SYS_shmctl, id, RMID, 0), 0);
}

/* The old mapping ends first, and with it the segment, which then cannot be mapped. */
static void remapped(void) {
    i64 id = make(0, PAGE, 0600), at = call(SYS_shmat, id, 0, 0);
    check(call(SYS_remap_file_pages, at, PAGE, 0, 0, 0), 0);
    check(call(SYS_shmctl, id, RMID, 0), 0);
    check(call(SYS_remap_file_pages, at, PAGE, 0, 0, 0), -EINVAL);
    u8 vector;
    check(call(SYS_mincore, at, PAGE, &vector), -ENOMEM);
}

int main(int argc, char **argv) {
    keys();
    settings();
    attachments();
    locks();
    tables();
    many();
    remapped();
    return 0;
}
