// SPDX-License-Identifier: Apache-2.0
// Prints for each of the three standard streams whether it is a terminal: 1 or 0.
#include "guest.h"
const char *name = NAME;

int main(int argc, char **argv) {
    enum { TIOCGWINSZ = 0x5413 };
    unsigned short size[4];
    for (int i = 0; i < 3; i++)
        print(call(SYS_ioctl, i, TIOCGWINSZ, size) == 0 ? "1" : "0");
    print("\n");
    return 0;
}
