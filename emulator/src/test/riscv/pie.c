// SPDX-License-Identifier: Apache-2.0
// A static program that the loader places where it likes (static-pie), and that relocates its own pointers.
#include "guest.h"
const char *name = NAME;

enum { AT_PHDR = 3, AT_BASE = 7, AT_ENTRY = 9 };

static int zeroes[3 * PAGE];
static int numbers[] = {1, 2, 3};
int *volatile places[] = {numbers, numbers + 1, numbers + 2, zeroes};

static u64 vector(u64 type) {
    for (u64 *at = auxiliary; at[0]; at += 2)
        if (at[0] == type)
            return at[1];
    return 0;
}

extern u8 _start[];
extern u8 first[] __asm__("__ehdr_start") __attribute__((visibility("hidden")));
extern u64 _DYNAMIC[] __attribute__((visibility("hidden")));

static void relocate(void) {
    enum { RELA = 7, RELA_SIZE = 8, RELATIVE = 3 };
    u64 base = (u64) first, table = 0, size = 0;
    for (u64 *at = _DYNAMIC; at[0]; at += 2) {
        table = at[0] == RELA ? at[1] : table;
        size = at[0] == RELA_SIZE ? at[1] : size;
    }
    require(size > 0);
    for (u64 *at = (u64 *) (base + table); size > 0; at += 3, size -= 24) {
        check(at[1], RELATIVE);
        *(u64 *) (base + at[0]) = base + at[2];
    }
}

int main(int argc, char **argv) {
    relocate();
    require((u64) numbers > 1ul << 32);
    check(vector(AT_ENTRY), (u64) _start);
    check(vector(AT_BASE), 0);
    check(vector(AT_PHDR) & ~(PAGE - 1ul), (u64) _start & ~(PAGE - 1ul));
    for (int i = 0; i < 3; i++)
        check(*places[i], i + 1);
    for (int i = 0; i < 3 * PAGE; i++)
        check(places[3][i], 0);
    *places[3] = 5;
    check(zeroes[0], 5);
    return 0;
}
