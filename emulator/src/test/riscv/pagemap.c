// SPDX-License-Identifier: Apache-2.0
// The memory of a process by its files in /proc: pagemap with its scan, smaps, and mem.
#include "guest.h"
const char *name = NAME;

enum { EIO = 5, PAGEMAP_SCAN = (i32) 0xc0606610, PAGES = 4, GUARD_INSTALL = 102 };
enum { PRESENT = 8, IS_GUARD = 256, WP_MATCHING = 1, CHECK_WPASYNC = 2 };
#define PM_PRESENT (1ul << 63)
#define PM_GUARD (1ul << 58)

struct region {
    u64 start, end, categories;
};

struct scan {
    u64 size, flags, start, end, walk_end, vector, room, most, inverted, all, any, told;
};

static u8 *memory;

static i64 open_at(const char *path, int flags) {
    return call(SYS_openat, AT_FDCWD, path, flags, 0);
}

static void words(void) {
    i64 file = open_at("/proc/self/pagemap", O_RDONLY);
    u64 found[PAGES], at = (u64) memory / PAGE * 8;
    check(call(SYS_pread64, file, found, sizeof found, at), sizeof found);
    check(found[0] & PM_PRESENT, PM_PRESENT);
    check(found[1] & PM_PRESENT, 0);
    check(found[2] & PM_PRESENT, PM_PRESENT);
    check(found[3] & (PM_PRESENT | PM_GUARD), PM_GUARD);
    check(call(SYS_lseek, file, at, 0), at);
    check(call(SYS_read, file, found, 8), 8);
    check(found[0] & PM_PRESENT, PM_PRESENT);
    check(call(SYS_read, file, found, 8), 8);
    check(found[0] & PM_PRESENT, 0);
    check(call(SYS_lseek, file, 0, 1), at + 16);
    check(call(SYS_lseek, file, 0, 2), -EINVAL);
    check(call(SYS_pread64, file, found, 7, at), -EINVAL);
    check(call(SYS_pread64, file, found, 8, at + 4), -EINVAL);
    check(call(SYS_pread64, file, found, 0, at), 0);
    check(call(SYS_pread64, file, found, 8, 1l << 60), 0);
    check(call(SYS_write, file, found, 8), -EBADF);
    check(call(SYS_mmap, 0, PAGE, PROT_READ, MAP_PRIVATE, file, 0), -ENODEV);
    check(call(SYS_close, file), 0);
    check(open_at("/proc/self/pagemap", O_RDWR), -EACCES);
    check(open_at("/proc/self/maps", O_WRONLY), -EACCES);
    check(open_at("/proc/self/maps", O_RDONLY | O_DIRECTORY), -ENOTDIR);
}

static struct region regions[8];

static struct scan question(void) {
    u64 start = (u64) memory;
    struct scan asked = {sizeof asked, 0, start, start + PAGES * PAGE, 0, (u64) regions, 8, 0, 0, PRESENT, 0, PRESENT};
    return asked;
}

static void scans(void) {
    i64 file = open_at("/proc/self/pagemap", O_RDONLY);
    u64 start = (u64) memory;
    struct scan asked = question();
    check(call(SYS_ioctl, file, PAGEMAP_SCAN, &asked), 2);
    check(asked.walk_end, asked.end);
    check(regions[0].start, start);
    check(regions[0].end, start + PAGE);
    check(regions[0].categories, PRESENT);
    check(regions[1].start, start + 2 * PAGE);
    check(regions[1].end, start + 3 * PAGE);
    asked = question();
    asked.room = 1;
    check(call(SYS_ioctl, file, PAGEMAP_SCAN, &asked), 1);
    check(asked.walk_end, start + 2 * PAGE);
    asked = question();
    asked.most = 1;
    check(call(SYS_ioctl, file, PAGEMAP_SCAN, &asked), 1);
    check(asked.walk_end, start + 2 * PAGE);
    asked = question();
    asked.all = 0;
    asked.told = IS_GUARD;
    check(call(SYS_ioctl, file, PAGEMAP_SCAN, &asked), 2);
    check(regions[0].end, start + 3 * PAGE);
    check(regions[1].categories, IS_GUARD);
    asked = question();
    asked.inverted = PRESENT;
    check(call(SYS_ioctl, file, PAGEMAP_SCAN, &asked), 2);
    check(regions[0].start, start + PAGE);
    check(regions[0].categories, 0);
    asked = question();
    asked.room = 0;
    check(call(SYS_ioctl, file, PAGEMAP_SCAN, &asked), 0);
    check(asked.walk_end, asked.end);
    asked.vector = 0;
    check(call(SYS_ioctl, file, PAGEMAP_SCAN, &asked), 0);
    asked.room = 1;
    check(call(SYS_ioctl, file, PAGEMAP_SCAN, &asked), -EINVAL);
    asked = question();
    asked.flags = WP_MATCHING;
    check(call(SYS_ioctl, file, PAGEMAP_SCAN, &asked), 0);
    check(asked.walk_end, asked.end);
    asked.flags = CHECK_WPASYNC;
    check(call(SYS_ioctl, file, PAGEMAP_SCAN, &asked), -EPERM);
    asked.flags = 4;
    check(call(SYS_ioctl, file, PAGEMAP_SCAN, &asked), -EINVAL);
    asked = question();
    asked.size = 8;
    check(call(SYS_ioctl, file, PAGEMAP_SCAN, &asked), -EINVAL);
    asked = question();
    asked.start++;
    check(call(SYS_ioctl, file, PAGEMAP_SCAN, &asked), -EINVAL);
    asked = question();
    asked.any = 1 << 9;
    check(call(SYS_ioctl, file, PAGEMAP_SCAN, &asked), -EINVAL);
    asked = question();
    asked.end = start - PAGE;
    check(call(SYS_ioctl, file, PAGEMAP_SCAN, &asked), -EFAULT);
    asked = question();
    asked.vector = 1ul << 62;
    check(call(SYS_ioctl, file, PAGEMAP_SCAN, &asked), -EFAULT);
    asked = question();
    asked.vector = 8;
    check(call(SYS_ioctl, file, PAGEMAP_SCAN, &asked), -EFAULT);
    check(call(SYS_ioctl, file, PAGEMAP_SCAN, 8), -EFAULT);
    check(call(SYS_close, file), 0);
    file = open_at("/proc/self/maps", O_RDONLY);
    check(call(SYS_ioctl, file, PAGEMAP_SCAN, &asked), -ENOTTY);
    check(call(SYS_close, file), 0);
}

/* More regions than an answer of the library has. Where the walk ends is not compared: of more than 512 regions, Linux
 * 6.18 tells where its buffer was full last. */
static void many(void) {
    enum { MANY = 5000 };
    i64 file = open_at("/proc/self/pagemap", O_RDONLY);
    i64 at = call(SYS_mmap, 0, 2 * MANY * PAGE, RW, MAP_SHARED | MAP_ANON, -1, 0);
    struct region *all = map(MANY * sizeof(struct region) + PAGE, RW);
    for (int i = 0; i < MANY; i++)
        *(volatile u8 *) (at + 2l * i * PAGE) = 1;
    struct scan asked = question();
    asked.start = at;
    asked.end = at + 2l * MANY * PAGE;
    asked.vector = (u64) all;
    asked.room = MANY + 5;
    check(call(SYS_ioctl, file, PAGEMAP_SCAN, &asked), MANY);
    for (int i = 0; i < MANY; i++)
        check(all[i].start, at + 2l * i * PAGE);
    asked.most = MANY - 3;
    check(call(SYS_ioctl, file, PAGEMAP_SCAN, &asked), MANY - 3);
    check(call(SYS_munmap, at, 2 * MANY * PAGE), 0);
    check(call(SYS_close, file), 0);
}

static char text[64 * PAGE];

static const char *read_all(const char *path) {
    i64 file = open_at(path, O_RDONLY), at = 0, read;
    require(file >= 0);
    while ((read = call(SYS_read, file, text + at, sizeof text - 1 - at)) > 0)
        at += read;
    text[at] = 0;
    check(call(SYS_close, file), 0);
    return text;
}

/* Returns the number after a name, in a text after another one; -1 if it has not both. */
static i64 number(const char *in, const char *after, const char *wanted) {
    for (; *in && memcmp(in, after, strlen(after)) != 0; in++) {
    }
    for (; *in && memcmp(in, wanted, strlen(wanted)) != 0; in++) {
    }
    if (*in == 0)
        return -1;
    i64 found = 0;
    for (in += strlen(wanted); *in == ' '; in++) {
    }
    for (; *in >= '0' && *in <= '9'; in++)
        found = 10 * found + *in - '0';
    return found;
}

static void residency(void) {
    u8 *at = (u8 *) call(SYS_mmap, 0, 8 * PAGE, RW, MAP_SHARED | MAP_ANON, -1, 0);
    at[0] = at[3 * PAGE] = 1;
    char range[20];
    int length = 0;
    for (int shift = 60; shift >= 0; shift -= 4) {
        int digit = (u64) at >> shift & 15;
        if (length > 0 || digit > 0)
            range[length++] = digit < 10 ? '0' + digit : 'a' + digit - 10;
    }
    range[length++] = '-';
    range[length] = 0;
    const char *found = read_all("/proc/self/smaps");
    check(number(found, range, "\nSize: "), 32);
    check(number(found, range, "\nRss: "), 8);
    check(number(found, range, "\nPrivate_Dirty: "), 8);
    check(number(found, range, "\nAnonymous: "), 0);
    check(number(found, range, "\nLocked: "), 0);
    require(number(found, range, "\nVmFlags: rd wr sh mr mw me ms ") >= 0);
    i64 sum = 0;
    for (const char *line = found; *line; line++)
        if (memcmp(line, "\nRss: ", 6) == 0)
            sum += number(line, "Rss", ": ");
    found = read_all("/proc/self/smaps_rollup");
    i64 all = number(found, "[rollup]\n", "Rss: ");
    require(all >= sum && all <= sum + 64);
    require(number(found, "[rollup]\n", "\nPss_Shmem: ") >= 8);
    check(call(SYS_munmap, at, 8 * PAGE), 0);
}

static void accesses(void) {
    char byte = 0;
    u8 *none = map(3 * PAGE, RW);
    none[0] = 'n';
    none[PAGE - 1] = 'e';
    check(call(SYS_mprotect, none, PAGE, PROT_NONE), 0);
    check(call(SYS_munmap, none + PAGE, PAGE), 0);
    i64 file = open_at("/proc/self/mem", O_RDWR);
    check(call(SYS_pread64, file, &byte, 1, none), 1);
    check(byte, 'n');
    check(call(SYS_pwrite64, file, "m", 1, none), 1);
    check(call(SYS_mprotect, none, PAGE, PROT_READ), 0);
    check(*(volatile u8 *) none, 'm');
    static char two[2 * PAGE];
    check(call(SYS_pread64, file, two, 2, none + PAGE - 1), 1);
    check(two[0], 'e');
    check(call(SYS_pread64, file, two, 2, none + PAGE), -EIO);
    check(call(SYS_pwrite64, file, two, 2, none + PAGE), -EIO);
    check(call(SYS_pread64, file, two, 0, none + PAGE), 0);
    check(call(SYS_lseek, file, none, 0), (i64) none);
    check(call(SYS_read, file, &byte, 1), 1);
    check(byte, 'm');
    check(call(SYS_lseek, file, 0, 1), (i64) none + 1);
    i64 child = fork();
    if (child == 0) {
        *(volatile u8 *) memory = 77;
        sleep_ms(60000);
        exit(0);
    }
    char path[32] = "/proc/", digits[12];
    int at = 6, length = 0;
    for (i64 rest = child; rest > 0; rest /= 10)
        digits[length++] = '0' + rest % 10;
    while (length > 0)
        path[at++] = digits[--length];
    memcpy(path + at, "/mem", 5);
    i64 other = open_at(path, O_RDONLY);
    do {
        check(call(SYS_pread64, other, &byte, 1, memory), 1);
    } while (byte != 77);
    check(memory[0], 1);
    check(call(SYS_kill, child, SIGKILL), 0);
    check(wait_for(child), SIGKILL);
    check(call(SYS_pread64, other, &byte, 1, memory), 0);
#ifdef __riscv
    static const u32 seven[] = {0x00700513, 0x00008067}, eight[] = {0x00800513, 0x00008067};
    u32 *code = map(PAGE, RX);
    check(call(SYS_pwrite64, file, seven, sizeof seven, code), sizeof seven);
    check(((int (*)(void)) code)(), 7);
    check(call(SYS_pwrite64, file, eight, sizeof eight, code), sizeof eight);
    check(((int (*)(void)) code)(), 8);
#endif
}

int main(int argc, char **argv) {
    memory = (u8 *) call(SYS_mmap, 0, PAGES * PAGE, RW, MAP_PRIVATE | MAP_ANON, -1, 0);
    memory[0] = memory[2 * PAGE] = 1;
    check(call(SYS_madvise, memory + 3 * PAGE, PAGE, GUARD_INSTALL), 0);
    words();
    scans();
    many();
    residency();
    accesses();
    return 0;
}
