// SPDX-License-Identifier: Apache-2.0
// Memory by prctl: denial of writable code, names of mappings; and remap_file_pages. Executes itself.
#include "guest.h"
const char *name = NAME;

enum { SYS_prctl = 167, SYS_remap_file_pages = 234 };
enum { SET_MDWE = 65, GET_MDWE = 66, SET_VMA = 0x53564d41, REFUSE = 1, NO_INHERIT = 2 };

static i64 denial(void) {
    return call(SYS_prctl, GET_MDWE, 0, 0, 0, 0);
}

static i64 execute(const char *expected) {
    i64 child = fork();
    if (child == 0) {
        const char *const arguments[] = {"control", expected, 0};
        call(SYS_execve, "/proc/self/exe", arguments, environment);
        exit(99);
    }
    return wait_for(child);
}

static void deny(void) {
    u8 *page = map(PAGE, RW), *code = map(PAGE, RX), *both = map(PAGE, RWX);
    check(denial(), 0);
    check(call(SYS_prctl, GET_MDWE, 1, 0, 0, 0), -EINVAL);
    check(call(SYS_prctl, SET_MDWE, REFUSE, 1, 0, 0), -EINVAL);
    check(call(SYS_prctl, SET_MDWE, REFUSE, 0, 0, 1), -EINVAL);
    check(call(SYS_prctl, SET_MDWE, NO_INHERIT, 0, 0, 0), -EINVAL);
    check(call(SYS_prctl, SET_MDWE, 4, 0, 0, 0), -EINVAL);
    check(call(SYS_prctl, SET_MDWE, 0, 0, 0, 0), 0);
    check(call(SYS_prctl, SET_MDWE, REFUSE, 0, 0, 0), 0);
    check(denial(), REFUSE);
    check(call(SYS_prctl, SET_MDWE, REFUSE, 0, 0, 0), 0);
    check(call(SYS_prctl, SET_MDWE, 0, 0, 0, 0), -EPERM);
    check(call(SYS_prctl, SET_MDWE, REFUSE | NO_INHERIT, 0, 0, 0), -EPERM);
    check(call(SYS_mmap, 0, PAGE, RWX, MAP_PRIVATE | MAP_ANON, -1, 0), -EACCES);
    check(call(SYS_mprotect, page, PAGE, RX), -EACCES);
    check(call(SYS_mprotect, page, PAGE, PROT_READ), 0);
    check(call(SYS_mprotect, code, PAGE, RX), 0);
    check(call(SYS_mprotect, code, PAGE, RWX), -EACCES);
    check(call(SYS_mprotect, both, PAGE, RX), 0);
    i64 child = fork();
    if (child == 0) {
        check(denial(), REFUSE);
        exit(0);
    }
    check(wait_for(child), 0);
    check(execute("1"), 41 << 8);
}

static void deny_self(void) {
    check(call(SYS_prctl, SET_MDWE, REFUSE | NO_INHERIT, 0, 0, 0), 0);
    check(denial(), REFUSE | NO_INHERIT);
    i64 child = fork();
    if (child == 0) {
        check(denial(), 0);
        exit(0);
    }
    check(wait_for(child), 0);
    check(execute("0"), 40 << 8);
}

static void in_child(void (*body)(void)) {
    i64 child = fork();
    if (child == 0) {
        body();
        exit(0);
    }
    check(wait_for(child), 0);
}

/* Returns how often the mappings have a text. */
static int shown(const char *wanted) {
    static char text[16 * PAGE];
    i64 file = call(SYS_openat, AT_FDCWD, "/proc/self/maps", O_RDONLY, 0), at = 0, read;
    while ((read = call(SYS_read, file, text + at, sizeof text - at)) > 0)
        at += read;
    check(call(SYS_close, file), 0);
    int found = 0;
    for (i64 i = 0; i + (i64) strlen(wanted) <= at; i++)
        found += memcmp(text + i, wanted, strlen(wanted)) == 0;
    return found;
}

static i64 set_name(void *start, u64 length, const char *text) {
    return call(SYS_prctl, SET_VMA, 0, start, length, text);
}

static void names(void) {
    char longest[81];
    memset(longest, 'n', 80);
    longest[80] = 0;
    u8 *at = map(4 * PAGE, RW);
    check(set_name(at, 3 * PAGE, "a /name"), 0);
    check(shown("[anon:a /name]\n"), 1);
    check(set_name(at + PAGE, PAGE, "other"), 0);
    check(shown("[anon:a /name]\n"), 2);
    check(shown("[anon:other]\n"), 1);
    check(set_name(at, 3 * PAGE, 0), 0);
    check(shown("[anon:a /name]\n"), 0);
    check(set_name(at, PAGE, "a[b"), -EINVAL);
    check(set_name(at, PAGE, "a\nb"), -EINVAL);
    check(set_name(at, PAGE, longest), -EINVAL);
    check(set_name(at, PAGE, longest + 1), 0);
    check(set_name(at, PAGE, (const char *) 1), -EFAULT);
    check(set_name(at + 1, PAGE, "name"), -EINVAL);
    check(set_name(at, 0, "name"), 0);
    check(call(SYS_prctl, SET_VMA, 1, at, PAGE, "name"), -EINVAL);
    check(call(SYS_munmap, at + PAGE, PAGE), 0);
    check(set_name(at, 3 * PAGE, "beyond"), -ENOMEM);
    check(shown("[anon:beyond]\n"), 2);
    i64 shared = call(SYS_mmap, 0, PAGE, RW, MAP_SHARED | MAP_ANON, -1, 0);
    check(set_name((void *) shared, PAGE, "shared"), 0);
    check(shown("[anon_shmem:shared]\n"), 1);
    i64 file = call(SYS_openat, AT_FDCWD, "/proc/self/exe", O_RDONLY, 0);
    i64 mapped = call(SYS_mmap, 0, PAGE, PROT_READ, MAP_PRIVATE, file, 0);
    check(set_name((void *) mapped, PAGE, "file"), -EBADF);
}

static void remap(void) {
    i64 file = call(SYS_memfd_create, "control", 0);
    check(call(SYS_ftruncate, file, 3 * PAGE), 0);
    for (int i = 0; i < 3; i++)
        check(call(SYS_pwrite64, file, "abc" + i, 1, i * PAGE), 1);
    volatile u8 *at = (u8 *) call(SYS_mmap, 0, 3 * PAGE, RW, MAP_SHARED, file, 0);
    check(at[0], 'a');
    check(call(SYS_remap_file_pages, at, PAGE, 0, 2, 0), 0);
    check(at[0], 'c');
    check(at[PAGE], 'b');
    check(call(SYS_remap_file_pages, at, 3 * PAGE, 0, 0, 0), 0);
    check(at[2 * PAGE], 'c');
    check(call(SYS_remap_file_pages, at + PAGE, 2 * PAGE, 0, 0, 0), 0);
    check(at[PAGE], 'a');
    check(at[2 * PAGE], 'b');
    check(call(SYS_remap_file_pages, at, PAGE, PROT_READ, 0, 0), -EINVAL);
    check(call(SYS_remap_file_pages, at, PAGE, 1l << 32, 0, 0), -EINVAL);
    check(call(SYS_remap_file_pages, at, 0, 0, 0, 0), -EINVAL);
    check(call(SYS_remap_file_pages, map(PAGE, RW), PAGE, 0, 0, 0), -EINVAL);
    check(call(SYS_munmap, at, PAGE), 0);
    check(call(SYS_remap_file_pages, at, PAGE, 0, 0, 0), -EINVAL);
}

int main(int argc, char **argv) {
    if (argc > 1) {
        check(denial(), argv[1][0] - '0');
        exit(40 + denial());
    }
    in_child(deny);
    in_child(deny_self);
    names();
    remap();
    return 0;
}
