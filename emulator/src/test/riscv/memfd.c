// SPDX-License-Identifier: Apache-2.0
// Files in memory whose descriptors and mappings end in each order: their pages are free at once, since all files
// together have more than the machine, and not before the last mapping of a child has ended.
#include "guest.h"
const char *name = NAME;

enum { FILES = 100, PAGES = 256, FORKS = 200, STACK = 16 * PAGE };

static u8 *mapped(u64 pages, i64 *file) {
    *file = call(SYS_memfd_create, "file", 0);
    require(*file >= 0);
    check(call(SYS_ftruncate, *file, pages * PAGE), 0);
    i64 at = call(SYS_mmap, 0, pages * PAGE, RW, MAP_SHARED, *file, 0);
    require(at > 0);
    for (u64 i = 0; i < pages; i++)
        ((volatile u8 *) at)[i * PAGE] = 1;
    return (u8 *) at;
}

static void orders(void) {
    for (int i = 0; i < FILES; i++) {
        i64 file;
        u8 *at = mapped(PAGES, &file);
        if (i % 2)
            check(call(SYS_munmap, at, PAGES * PAGE), 0);
        check(call(SYS_close, file), 0);
        if (i % 2 == 0)
            check(call(SYS_munmap, at, PAGES * PAGE), 0);
    }
}

static u8 *volatile parents;
static volatile int round;

/* Unmaps the memory of the parent beside its fork, and closes a file, after which unused files are looked for. */
static void unmap(void *argument) {
    for (int i = 1; i <= FORKS; i++) {
        while (round != i)
            await(&round, i - 1);
        i64 file;
        u8 *other = mapped(1, &file);
        check(call(SYS_munmap, parents, PAGE), 0);
        check(call(SYS_munmap, other, PAGE), 0);
        check(call(SYS_close, file), 0);
    }
}

static void forks(void) {
    u8 *stack = map(STACK, RW);
    static volatile int tid;
    require(thread(unmap, 0, stack + STACK, &tid) > 0);
    for (int i = 1; i <= FORKS; i++) {
        i64 file;
        parents = mapped(1, &file);
        check(call(SYS_close, file), 0);
        round = i;
        wake(&round, 1);
        i64 child = fork();
        if (child == 0) {
            // Not mapped, if the parent was faster; else there, and whole.
            int fault = try_load(parents);
            if (fault != 0)
                check(fault, 10 * SIGSEGV + SEGV_MAPERR);
            else
                check(*parents, 1);
            exit(0);
        }
        require(child > 0);
        check(wait_for(child), 0);
        // The next round has another mapping: this one must be gone.
        while (try_load(parents) == 0)
            call(SYS_sched_yield);
    }
    join(&tid);
}

int main(int argc, char **argv) {
    watch_faults();
    orders();
    forks();
    return 0;
}
