// SPDX-License-Identifier: Apache-2.0
// mmap, munmap and mprotect, with handlers that look at each fault.
#include "guest.h"
const char *name = NAME;

enum { MAPERR = 111, ACCERR = 112, ADRERR = 72 };

static void rights(void) {
    u8 *at = map(4 * PAGE, RW);
    check(try_store(at, 1), 0);
    check(try_load(at + 4 * PAGE - 1), 0);
    check(call(SYS_mprotect, at + PAGE, PAGE, PROT_READ), 0);
    check(try_store(at + PAGE - 1, 1), 0);
    check(try_store(at + PAGE, 1), ACCERR);
    check(fault_address, (u64) at + PAGE);
    check(try_load(at + PAGE), 0);
    check(call(SYS_mprotect, at + PAGE, PAGE, PROT_NONE), 0);
    check(try_load(at + PAGE + 5), ACCERR);
    check(fault_address, (u64) at + PAGE + 5);
    check(call(SYS_munmap, at + 2 * PAGE, PAGE), 0);
    check(try_load(at + 2 * PAGE + 8), MAPERR);
    check(fault_address, (u64) at + 2 * PAGE + 8);
    check(try_store(at + 3 * PAGE, 1), 0);
    check(call(SYS_mprotect, at, 4 * PAGE, PROT_READ), -ENOMEM);
    check(try_store(at, 1), ACCERR);
    check(try_store(at + 3 * PAGE, 1), 0);
    check(call(SYS_munmap, at, 4 * PAGE), 0);
    check(try_load(at), MAPERR);
    check(try_load((void *) 8), MAPERR);
    check(fault_address, 8);
    check(try_load((void *) 0x7fffffffffffff00), MAPERR);
}

static void crossing(void) {
    u8 *at = map(2 * PAGE, RW);
    memset(at, 0x11, 2 * PAGE);
    check(call(SYS_mprotect, at + PAGE, PAGE, PROT_READ), 0);
    fault_signal = 0;
    u64 *across = (u64 *) (at + PAGE - 4);
    check(*(volatile u64 *) across, 0x1111111111111111);
    struct action action;
    check(call(SYS_rt_sigaction, SIGSEGV, 0, &action, 8), 0);
    require(action.handler != 0);
    check(call(SYS_munmap, at + PAGE, PAGE), 0);
    check(try_load(at + PAGE), MAPERR);
    check(at[PAGE - 1], 0x11);
}

static void arguments(void) {
    u8 *at = map(2 * PAGE, RW);
    check(call(SYS_mmap, 0, 0, RW, MAP_PRIVATE | MAP_ANON, -1, 0), -EINVAL);
    check(call(SYS_mmap, 0, PAGE, RW, MAP_ANON, -1, 0), -EINVAL);
    check(call(SYS_mmap, 0, PAGE, RW, MAP_PRIVATE, -1, 0), -EBADF);
    check(call(SYS_mmap, at + 1, PAGE, RW, MAP_PRIVATE | MAP_ANON | MAP_FIXED, -1, 0), -EINVAL);
    check(call(SYS_mmap, at, PAGE, RW, MAP_PRIVATE | MAP_ANON | MAP_FIXED, -1, 0), at);
    check(call(SYS_munmap, at + 1, PAGE), -EINVAL);
    check(call(SYS_munmap, at, 0), -EINVAL);
    check(call(SYS_mprotect, at + 1, PAGE, RW), -EINVAL);
    u8 *hint = (u8 *) call(SYS_mmap, at + 0x10000000, PAGE, RW, MAP_PRIVATE | MAP_ANON, -1, 0);
    require((u64) hint % PAGE == 0);
    check(call(SYS_mmap, 0, 1ul << 62, RW, MAP_PRIVATE | MAP_ANON, -1, 0), -ENOMEM);
}

static void system_faults(void) {
    u8 *at = map(2 * PAGE, RW);
    check(call(SYS_mprotect, at + PAGE, PAGE, PROT_READ), 0);
    int pipes[2];
    check(call(SYS_pipe2, pipes, 0), 0);
    check(call(SYS_write, pipes[1], at, 16), 16);
    check(call(SYS_write, pipes[1], 8, 16), -EFAULT);
    check(call(SYS_read, pipes[0], at + PAGE, 4), -EFAULT);
    check(call(SYS_pipe2, at + PAGE, 0), -EFAULT);
    check(call(SYS_clock_gettime, 0, at + PAGE - 8), -EFAULT);
    check(call(SYS_clock_gettime, 0, at), 0);
}

static void many(void) {
    enum { COUNT = 200 };
    static u8 *pages[COUNT];
    for (int i = 0; i < COUNT; i++) {
        pages[i] = map((1 + i % 5) * PAGE, RW);
        pages[i][0] = (u8) i;
    }
    for (int i = 0; i < COUNT; i += 2)
        check(call(SYS_munmap, pages[i], PAGE), 0);
    for (int i = 0; i < COUNT; i++)
        check(try_load(pages[i]), i % 2 == 0 ? MAPERR : 0);
    for (int i = 1; i < COUNT; i += 2)
        check(pages[i][0], (u8) i);
    for (int round = 0; round < 300; round++) {
        u8 *at = pages[1];
        check(call(SYS_mmap, at, PAGE, RW, MAP_PRIVATE | MAP_ANON | MAP_FIXED, -1, 0), at);
        check(at[17], 0);
        at[17] = 1;
    }
}

static void execute_rights(void) {
    u32 *code = map(PAGE, RW);
    code[0] = 0x00008067;
    check(try_run(code), ACCERR);
    check(fault_address, (u64) code);
    check(call(SYS_mprotect, code, PAGE, RX), 0);
    check(call(SYS_flush_icache, code, code + 1, 0), 0);
    check(try_run(code), 0);
    check(call(SYS_munmap, code, PAGE), 0);
    check(try_run(code), MAPERR);
}

static void in_core(void) {
    u8 *at = map(4 * PAGE, RW);
    at[PAGE] = 1;
    u8 found[4];
    check(call(SYS_mincore, at, 4 * PAGE, found), 0);
    check(found[0] & 1, 0);
    check(found[1] & 1, 1);
    check(call(SYS_mlock, at, 4 * PAGE), 0);
    check(call(SYS_mincore, at, 4 * PAGE, found), 0);
    check(found[3] & 1, 1);
    check(call(SYS_munlock, at, 4 * PAGE), 0);
}

int main(int argc, char **argv) {
    watch_faults();
    rights();
    crossing();
    arguments();
    system_faults();
    many();
    execute_rights();
    in_core();
    return 0;
}
