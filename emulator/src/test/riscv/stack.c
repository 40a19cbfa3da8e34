// SPDX-License-Identifier: Apache-2.0
// The stack grows, ends at its limit, and ends at what is below it.
#include "guest.h"
const char *name = NAME;

static u8 alternate[8 * PAGE];
static volatile u64 deepest;

static int deep(int left) {
    volatile u8 room[4000];
    room[0] = (u8) left;
    deepest = (u64) room;
    return left == 0 ? 0 : deep(left - 1) + room[0] - (u8) left + 1;
}

static jumps back;
static volatile u64 address;

static void on_overflow(int signal, struct siginfo *info, struct context *context) {
    address = info->address;
    jump_back(back, info->code);
}

int main(int argc, char **argv) {
    check(deep(1000), 1000);
    struct stack stack = {alternate, 0, sizeof alternate};
    check(call(SYS_sigaltstack, &stack, 0), 0);
    on(SIGSEGV, on_overflow, SA_ONSTACK);
    u64 limits[2];
    check(call(SYS_prlimit64, 0, 3, 0, limits), 0);
    u64 top = (u64) &stack;
    int code = set_jump(back);
    if (code == 0)
        deep(1 << 30);
    check(code, SEGV_MAPERR);
    u64 none = 0;
    check(call(SYS_rt_sigprocmask, SIG_SETMASK, &none, 0, 8), 0);
    require(top - address >= limits[0] - 64 * PAGE);
    require(top - address <= limits[0] + 64 * PAGE);
    check(deep(1500), 1500);

    u8 *own = map(64 * PAGE, RW);
    check(call(SYS_munmap, own, 64 * PAGE), 0);
    u8 *grows = own + 32 * PAGE;
    check(call(SYS_mmap, grows, PAGE, RW, MAP_PRIVATE | MAP_ANON | MAP_FIXED | MAP_GROWSDOWN, -1, 0), grows);
    grows[0] = 1;
    grows[-8] = 2;
    grows[-3 * PAGE] = 3;
    check(grows[-8] + grows[-3 * PAGE], 5);
    i64 child = fork();
    if (child == 0) {
        check(deep(1600), 1600);
        check(grows[-8], 2);
        exit(0);
    }
    check(wait_for(child), 0);
    return 0;
}
