// SPDX-License-Identifier: Apache-2.0
// A sieve, a product of matrices, a quicksort and steps through a tree in memory, to be timed. Argument: which one, s, m,
// q or t, and how many rounds.
#include "guest.h"
const char *name = NAME;

enum { SIEVE = 1 << 20, SIDE = 128, SORTED = 1 << 16, NODES = 1 << 12 };

static u8 composite[SIEVE];
static double left[SIDE][SIDE], right[SIDE][SIDE], product[SIDE][SIDE];
static i64 numbers[SORTED];

struct node {
    struct node *children[2];
    u64 key;
};
static struct node nodes[NODES];

static u64 sieve(void) {
    u64 primes = 0;
    memset(composite, 0, SIEVE);
    for (u64 i = 2; i < SIEVE; i++) {
        if (!composite[i]) {
            primes++;
            for (u64 j = i * i; j < SIEVE; j += i)
                composite[j] = 1;
        }
    }
    return primes;
}

static u64 matrix(void) {
    for (int i = 0; i < SIDE; i++)
        for (int j = 0; j < SIDE; j++) {
            left[i][j] = i - j;
            right[i][j] = i + j;
        }
    for (int i = 0; i < SIDE; i++)
        for (int j = 0; j < SIDE; j++) {
            double sum = 0;
            for (int k = 0; k < SIDE; k++)
                sum += left[i][k] * right[k][j];
            product[i][j] = sum;
        }
    return (u64) (i64) product[3][5];
}

static void sort(i64 *from, i64 *to) {
    while (to - from > 1) {
        i64 pivot = from[(to - from - 1) / 2], *a = from - 1, *b = to;
        for (;;) {
            do
                a++;
            while (*a < pivot);
            do
                b--;
            while (*b > pivot);
            if (a >= b)
                break;
            i64 other = *a;
            *a = *b;
            *b = other;
        }
        sort(from, b + 1);
        from = b + 1;
    }
}

static u64 quicksort(void) {
    u64 state = 1;
    for (int i = 0; i < SORTED; i++) {
        state = state * 6364136223846793005ul + 1442695040888963407ul;
        numbers[i] = (i64) state >> 8;
    }
    sort(numbers, numbers + SORTED);
    for (int i = 1; i < SORTED; i++)
        require(numbers[i - 1] <= numbers[i]);
    return (u64) numbers[1];
}

static u64 tree(void) {
    u64 state = 1, used = 1, steps = 0;
    nodes[0].key = 1ul << 62;
    nodes[0].children[0] = nodes[0].children[1] = 0;
    while (used < NODES) {
        state = state * 6364136223846793005ul + 1442695040888963407ul;
        u64 key = state >> 1;
        struct node *at = nodes, **place = 0;
        while (at) {
            place = &at->children[key > at->key];
            at = *place;
            steps++;
        }
        *place = &nodes[used];
        nodes[used].key = key;
        nodes[used].children[0] = nodes[used].children[1] = 0;
        used++;
    }
    return steps;
}

int main(int argc, char **argv) {
    int rounds = 1;
    char which = argc > 1 ? argv[1][0] : 0;
    if (argc > 2) {
        rounds = 0;
        for (const char *digit = argv[2]; *digit; digit++)
            rounds = 10 * rounds + *digit - '0';
    }
    for (int i = 0; i < rounds; i++) {
        if (!which || which == 's')
            check(sieve(), 82025);
        if (!which || which == 'm')
            check(matrix(), -705216);
        if (!which || which == 'q')
            check(quicksort(), -36026039364111215);
        if (!which || which == 't')
            require(tree() > NODES);
    }
    return 0;
}
