// SPDX-License-Identifier: Apache-2.0
// The shortest program: its run is the start of the emulator.
#include <unistd.h>

int main(void) {
    return write(1, "hello\n", 6) != 6;
}
