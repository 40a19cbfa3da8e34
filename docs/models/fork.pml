/* SPDX-License-Identifier: Apache-2.0
 *
 * The copy of a fork, beside an operation that replaces a mapping (P23, P35, P4; Fork, CopyPageTables,
 * PageRetirement).
 *
 * One page of one mapping, whose frame is writable. A fork takes the layout of one instant and then copies the entry.
 * A mapping with MAP_FIXED takes the place of the old one: it publishes, retires the old page and completes; then a
 * fault installs a page of the new mapping. One CPU stores to the page. Stated as assertions, and as the absence of a
 * deadlock:
 *
 *   I6  the child has a page of the mapping that it got at the instant of the fork, or none; and the page of the old
 *       mapping if it got that one
 *   I3  the page that the child has is not free
 *   I2  after the fork has returned, no store changes a page that the child has
 *
 * Each name below that may be defined removes one rule.
 *
 *   NO_WAIT_FOR_COPY    an operation does not wait for the copy that ran when it was published
 *   NO_WAIT_FOR_RANGE   the copy does not wait for operations that were in flight at the instant of the fork (P23)
 *   DECIDED_LATE        an operation decides when it retires whether it waits for a copy (P35)
 *   NOTED_EARLY         an operation notes the copies before it holds the lock in which it publishes (P35)
 *   JOINED_LATE         a copy is registered after the instant of the fork
 *   KEEPS_WRITE         the parent's entry stays writable (P4)
 *   NO_FLUSH            a fork does not flush the parent's translations (P4)
 *   NOT_COUNTED         the frame is not counted for the child
 *
 * States: 21086
 */
#define NONE 0
#define OLD 1              /* a mapping, and the frame that its page has */
#define NEW 2

bool locked;               /* the layout lock */
byte vma = OLD;
bool inFlight;             /* the operation */
bool complete;
bool copying;              /* a copy is registered */
bool copied;

bool leafLocked;
byte entry = OLD;          /* the frame */
bool writable = true;
byte uses[3];              /* of each frame */

byte snapshot;             /* the mapping that the child has */
byte child;                /* the frame that the child has */
bool forked;               /* the fork has returned */

byte generation = 1;
bool guest;
byte flushed = 1;

inline lock() { atomic { !locked -> locked = true } }
inline unlock() { locked = false }
inline lockLeaf() { atomic { !leafLocked -> leafLocked = true } }
inline unlockLeaf() { leafLocked = false }
inline flush(goal) {
    atomic { generation++; goal = generation }
    (!guest || flushed >= goal)
}

proctype Fork() {
    byte goal;
    bool earlier;
    lock();
    snapshot = vma;
    earlier = inFlight;
#ifndef JOINED_LATE
    copying = true;
#endif
    unlock();
#ifdef JOINED_LATE
    copying = true;
#endif
#ifndef NO_WAIT_FOR_RANGE
    if
    :: earlier -> (complete)
    :: else
    fi;
#endif
    lockLeaf();
    if
    :: entry != NONE ->
        child = entry;
#ifndef NOT_COUNTED
        uses[entry]++;
#endif
#ifndef KEEPS_WRITE
        writable = false
#endif
    :: else
    fi;
    unlockLeaf();
#ifndef NO_FLUSH
    flush(goal);
#endif
    lock();
    copying = false;
    copied = true;
    unlock();
    forked = true;
    assert(child == NONE || child == snapshot);
    assert(snapshot != OLD || child == OLD)
}

proctype MapFixed() {
    byte goal, old;
    bool waits;
#ifdef NOTED_EARLY
    waits = copying;
#endif
    lock();
    vma = NEW;
    inFlight = true;
#ifndef NOTED_EARLY
    waits = copying;
#endif
    unlock();
#ifdef DECIDED_LATE
    waits = copying;
#endif
#ifndef NO_WAIT_FOR_COPY
    if
    :: waits -> (copied)
    :: else
    fi;
#endif
    lockLeaf();
    old = entry;
    entry = NONE;
    unlockLeaf();
    flush(goal);
    uses[old]--;
    lock();
    inFlight = false;
    complete = true;
    unlock();
    /* A fault on the new mapping, which has waited for the completion. */
    lockLeaf();
    uses[NEW]++;
    writable = true;
    entry = NEW;
    unlockLeaf()
}

proctype Cpu() {
    byte seen, round, tlb;
    do
    :: round == 3 -> break
    :: else ->
        round++;
        guest = true;
        seen = generation;
        if
        :: seen != flushed -> tlb = NONE
        :: else
        fi;
        flushed = seen;
        if
        :: tlb == NONE && writable -> tlb = entry
        :: else
        fi;
        if
        :: tlb != NONE -> atomic { assert(uses[tlb] > 0); assert(!forked || child != tlb) }
        :: else
        fi;
        guest = false
    od
}

init {
    atomic {
        uses[OLD] = 1;
        run Fork();
        run MapFixed();
        run Cpu()
    }
    (_nr_pr == 1);
    assert(child == NONE || uses[child] > 0)
}
