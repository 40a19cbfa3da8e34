/* SPDX-License-Identifier: Apache-2.0
 *
 * The waiters of a gate that stays closed (Gate.sweep; I9).
 *
 * Each waiter of a stack is interrupted, except one that stays. Each takes itself out, and then unlinks the waiters
 * that have left, all at once. Meanwhile another waiter comes. Stated as assertions: at the end the stack has the two
 * waiters that have not left, and no other one.
 *
 * Each name below that may be defined removes one rule.
 *
 *   LEAVES_LAST    a thread unlinks before it takes itself out
 *   TOP_STORES     the top is stored without a compare-and-set
 *
 * States: 659078
 */
#define WAITERS 4
#define STAYS 2
#define COMES 5
#define NONE 0

byte top = WAITERS;
byte next[COMES + 1];
bool left[COMES + 1];

/*
 * Passes over the stack, until the top has not changed under one. A pass goes on from each waiter that it has linked,
 * so a link that it stores late, to a waiter that has left, does not stay.
 */
inline sweep(above, at, below, again) {
    do
    :: again = false;
       above = NONE;
       at = top;
       do
       :: at == NONE || again -> break
       :: else ->
           below = next[at];
           if
           :: !left[at] -> above = at
           :: left[at] && above == NONE ->
#ifdef TOP_STORES
               top = below
#else
               atomic {
                   if
                   :: top == at -> top = below
                   :: else -> again = true
                   fi
               }
#endif
           :: left[at] && above != NONE ->
               next[above] = below
           fi;
           at = below
       od;
       if
       :: !again -> break
       :: else
       fi
    od;
    above = NONE;
    at = NONE;
    below = NONE
}

proctype Leaver(byte me) {
    byte above, at, below;
    bool again;
#ifndef LEAVES_LAST
    left[me] = true;
#endif
    sweep(above, at, below, again);
#ifdef LEAVES_LAST
    left[me] = true
#endif
}

proctype Newcomer() {
    byte seen;
    do
    :: seen = top;
       next[COMES] = seen;
       atomic {
           if
           :: top == seen -> top = COMES; break
           :: else
           fi
       }
    od
}

init {
    byte n = 1;
    atomic {
        do
        :: n > WAITERS -> break
        :: else ->
            next[n] = n - 1;
            if
            :: n != STAYS -> run Leaver(n)
            :: else
            fi;
            n++
        od;
        run Newcomer()
    }
    (_nr_pr == 1);
    assert(top == COMES && next[COMES] == STAYS && next[STAYS] == NONE)
}
