/* SPDX-License-Identifier: Apache-2.0
 *
 * A gate: a stack of waiters in one word (internal.sync.Gate, invariants.md I5).
 *
 * Three threads wait; two of them may be interrupted, and leave. A fourth thread completes its operation, opens the
 * gate, and wakes the waiters that it has found. A thread parks until it has a permit, as LockSupport.park does.
 * Stated as assertions, and as the absence of a deadlock (an invalid end state):
 *
 *   - a waiter that is not interrupted ends its wait if the gate opens: no wake-up is lost
 *   - a waiter that returns from its wait sees the completed operation
 *   - a waiter is woken at most once
 *
 * Each name below that may be defined removes one rule.
 *
 *   PUSH_STORES    a waiter reads the word and stores itself, without a compare-and-set
 *   OPEN_STORES    the opening thread reads the stack and stores OPEN, without an exchange
 *   OPEN_FIRST     the gate is opened before the operation is complete
 *   NO_RECHECK     a thread takes the end of its parking for the opening of the gate
 *   WAKES_ALL      the opening thread wakes waiters without taking them out first
 *
 * States: 251647
 */
#ifndef WAITERS
#define WAITERS 3
#endif
#define NONE 0
#define OPEN 9
#define STAYS 1              /* this waiter is never interrupted */

byte top;                    /* NONE, the number of a waiter, or OPEN */
byte next[WAITERS + 1];
bool left[WAITERS + 1];      /* the waiter's thread word is null */
bool permit[WAITERS + 1];
byte woken[WAITERS + 1];
bool completed;

proctype Waiter(byte me) {
    byte seen;
    bool out;
    /* push */
    do
    :: seen = top;
       if
       :: seen == OPEN -> out = true; break
       :: else
       fi;
       next[me] = seen;
#ifdef PUSH_STORES
       top = me;
       break
#else
       atomic {
           if
           :: top == seen -> top = me; break
           :: else
           fi
       }
#endif
    od;
    seen = NONE;
    do
    :: out -> break
    :: !out ->
#ifndef NO_RECHECK
       if
       :: top == OPEN -> break
       :: else
       fi;
#endif
       if
       :: permit[me] -> permit[me] = false;
#ifdef NO_RECHECK
          break
#endif
       :: me != STAYS ->
          /* Interrupted: takes its thread out; gate-sweep.pml has the unlinking that follows. */
          left[me] = true;
          goto interrupted
       fi
    od;
    assert(completed);
    left[me] = true;
interrupted:
    skip
}

proctype Opener() {
    byte at, from;
#ifdef OPEN_FIRST
    atomic { at = top; top = OPEN }
    completed = true;
#else
    completed = true;
#ifdef OPEN_STORES
    at = top;
    top = OPEN;
#else
    atomic { at = top; top = OPEN }
#endif
#endif
    do
    :: at == NONE -> break
    :: else ->
        from = at;
        at = next[at];
#ifdef WAKES_ALL
        atomic { woken[from]++; permit[from] = true; assert(!left[from]) }
#else
        atomic {
            if
            :: !left[from] ->
                left[from] = true;
                woken[from]++;
                assert(woken[from] == 1);
                permit[from] = true
            :: else
            fi
        }
#endif
    od
}

init {
    byte n = 1;
    atomic {
        do
        :: n > WAITERS -> break
        :: else -> run Waiter(n); n++
        od;
        permit[STAYS] = true    /* of some earlier unpark */
    }
    run Opener()
}
