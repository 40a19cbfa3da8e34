// SPDX-License-Identifier: Apache-2.0
// Writes to an output that nobody reads: "unread killed", "unread left" and "unread interrupted". Prints nothing.
#include "guest.h"
const char *name = NAME;

static u8 bytes[16 * PAGE];

static void nothing(int signal, struct siginfo *info, struct context *context) {
}

static i64 writer(void) {
    i64 child = fork();
    if (child == 0)
        for (;;)
            call(SYS_write, 1, bytes, sizeof bytes);
    sleep_ms(100);
    return child;
}

static int killed(void) {
    i64 child = writer();
    call(SYS_kill, child, SIGKILL);
    return wait_for(child) == SIGKILL ? 0 : 1;
}

/* A write that a handler without SA_RESTART interrupts, again and again, is EINTR in the end. */
static int interrupted(void) {
    on(SIGUSR1, nothing, 0);
    i64 parent = call(SYS_getpid);
    i64 child = fork();
    if (child == 0)
        for (;;) {
            sleep_ms(50);
            call(SYS_kill, parent, SIGUSR1);
        }
    i64 written;
    do
        written = call(SYS_write, 1, bytes, sizeof bytes);
    while (written > 0);
    return written == -EINTR ? 0 : 1;
}

int main(int argc, char **argv) {
    int status = 2;
    if (!strcmp(argv[1], "killed"))
        status = killed();
    else if (!strcmp(argv[1], "interrupted"))
        status = interrupted();
    else if (writer() > 0)
        status = 0;
    exit(status);
}
