// SPDX-License-Identifier: Apache-2.0
// Takes more memory than there is: for a run with less than 256 MiB. A child that spins does not outlive it.
#include "guest.h"
const char *name = NAME;

int main(int argc, char **argv) {
    if (fork() == 0)
        for (;;)
            __asm__ volatile("");
    u8 *at = map(256ul << 20, RW);
    for (u64 i = 0; i < 256ul << 20; i += PAGE)
        at[i] = 1;
    return 0;
}
