/* SPDX-License-Identifier: Apache-2.0
 *
 * A fork, beside a thread that stores and makes calls, and beside an operation in flight (P23, P35, P48, P4; Fork,
 * CopyPageTables, Edit, Faulter.mayChange).
 *
 * Two pages of private memory. A thread changes the first one and then stores to the second one: it stores to the
 * first page, which the TLB may not have, and which may be absent or read-only; or it replaces the first page's mapping
 * by a call, and waits for the call. In the second case, another thread also replaces that mapping; its operation may
 * be in flight at the instant of the fork, and a callback of its retirement calls an operation. Stated as assertions,
 * and as the absence of a deadlock:
 *
 *   I6  a child that has the store to the second page has the change that preceded it; and a child has no page of a
 *       mapping that it did not get
 *   I3  a page that the child has is not free
 *   I2  after the fork has returned, no store changes a page that the child has
 *
 * Each name below that may be defined removes one rule.
 *
 *   NO_WAIT_FOR_COPY    an operation does not wait for a fork's copy before it publishes (P35)
 *   NO_WAIT_FOR_RANGE   the copy does not wait for operations that were in flight at the instant of the fork (P23)
 *   WAITS_PUBLISHED     an operation waits for the copy after it has published (P23)
 *   CHECKED_EARLY       an operation checks for a copy before it holds the lock in which it publishes (P35)
 *   JOINED_LATE         a copy is registered after the instant of the fork
 *   NO_SECTION          faults do not wait for the fork (P48)
 *   SECTION_LATE        the section begins after the first entry is narrowed
 *   SECTION_ENDS_EARLY  the section ends before the flush is acknowledged
 *   WAITS_IN_GUEST      a fault waits for the fork in GUEST
 *   CALLBACK_WAITS      a call in a callback of a retirement waits for the copy (P26)
 *   KEEPS_WRITE         the parent's entries stay writable (P4)
 *   NO_FLUSH            a fork does not flush the parent's translations (P4)
 *   NOT_COUNTED         the frames are not counted for the child
 *
 * States: 42203
 */
#define NONE 0
#define FRAMES 7
#define A 0
#define B 1

bool locked;               /* the layout lock */
bool leafLocked;

byte entry[2];             /* the frame of each page */
bool writable[2];
byte uses[FRAMES];
bool stored[FRAMES];       /* whether the store has been made to the frame */
byte frames = 2;           /* the number of frames that were ever used */

bool replaced;             /* the layout: whether the first page's mapping was replaced */
bool copying;              /* a copy is registered */
bool copied;               /* it has ended */
bool section;              /* faults wait */

bool emptied;              /* the layout: whether the other operation replaced the mapping */
bool inFlight;             /* the other operation */
bool complete;

bool snapshot, without;    /* the layout that the child has: replaced, emptied */
byte child[2];             /* the frames that the child has */
bool forked;

byte generation = 1;
bool guest;
byte flushed = 1;
byte tlb[2];               /* frames of translations with the right to write */
bool replaces;             /* what the thread does first */

inline lock() { atomic { !locked -> locked = true } }
inline unlock() { locked = false }
inline lockLeaf() { atomic { !leafLocked -> leafLocked = true } }
inline unlockLeaf() { leafLocked = false }
inline flush(goal) {
    atomic { generation++; goal = generation }
    (!guest || flushed >= goal)
}
inline drop(frame) {
    if
    :: frame != NONE -> uses[frame]--
    :: else
    fi
}

inline narrow(page) {
    lockLeaf();
    if
    :: entry[page] != NONE ->
        child[page] = entry[page];
#ifndef NOT_COUNTED
        uses[entry[page]]++;
#endif
#ifndef KEEPS_WRITE
        writable[page] = false
#endif
    :: else
    fi;
    unlockLeaf()
}

proctype Fork() {
    byte goal;
    bool earlier;
    lock();
    snapshot = replaced;
    without = emptied;
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
#ifdef SECTION_LATE
    narrow(A);
#endif
#ifndef NO_SECTION
    section = true;
#endif
#ifndef SECTION_LATE
    narrow(A);
#endif
    narrow(B);
#ifdef SECTION_ENDS_EARLY
    section = false;
#endif
#ifndef NO_FLUSH
    flush(goal);
#endif
    lock();
    copying = false;
    copied = true;
    section = false;
    unlock();
    atomic {
        forked = true;
        assert(!stored[child[B]] || (replaces -> snapshot : stored[child[A]]));
        assert(!without || child[A] == NONE)
    }
}

/* Publishes under the lock, after a fork's copy. Leaves the lock held. */
inline lockToPublish() {
#ifdef CHECKED_EARLY
    (!copying && !inFlight);
    lock();
#else
    atomic { !locked && !copying && !inFlight -> locked = true }
#endif
}

/* A fault for a store to a page, by the thread. */
inline fault(page) {
#ifdef WAITS_IN_GUEST
    (!section);
#endif
    guest = false;
    do
    :: (!section);
        lockLeaf();
        if
        :: section -> unlockLeaf()
        :: else -> break
        fi
    od;
    if
    :: entry[page] == NONE || (!writable[page] && uses[entry[page]] > 1) ->
        /* A copy on write, whose flush and busy entry other models contain. */
        frames++;
        uses[frames] = 1;
        drop(entry[page]);
        entry[page] = frames;
        tlb[page] = NONE
    :: else
    fi;
    writable[page] = true;
    unlockLeaf();
    enter()
}

inline enter() {
    guest = true;
    seen = generation;
    if
    :: seen != flushed -> tlb[A] = NONE; tlb[B] = NONE
    :: else
    fi;
    flushed = seen
}

inline store(page) {
    enter();
    do
    :: tlb[page] != NONE -> break
    :: else ->
        if
        :: entry[page] != NONE && writable[page] -> tlb[page] = entry[page]
        :: else -> fault(page)
        fi
    od;
    atomic {
        assert(uses[tlb[page]] > 0);
        assert(!forked || child[page] != tlb[page]);
        stored[tlb[page]] = true
    };
    guest = false
}

proctype Thread() {
    byte seen, goal, old;
    if
    :: replaces ->
#ifdef NO_WAIT_FOR_COPY
        atomic { !locked && !inFlight -> locked = true };
#else
#ifdef WAITS_PUBLISHED
        atomic { !locked && !inFlight -> locked = true };
#else
        lockToPublish();
#endif
#endif
        replaced = true;
        unlock();
#ifdef WAITS_PUBLISHED
        (!copying);
#endif
        lockLeaf();
        old = entry[A];
        entry[A] = NONE;
        unlockLeaf();
        flush(goal);
        drop(old)
    :: else -> store(A)
    fi;
    store(B)
}

/* An operation in flight from its publication to its completion. Its callback publishes an operation in turn. */
proctype Other() {
    byte goal, old;
#ifdef WAITS_PUBLISHED
    lock();
#else
    atomic { !locked && !copying -> locked = true };
#endif
    emptied = true;
    inFlight = true;
    unlock();
#ifdef WAITS_PUBLISHED
    (!copying);
#endif
#ifdef CALLBACK_WAITS
    (!copying);
#endif
    lock();
    unlock();
    lockLeaf();
    old = entry[A];
    entry[A] = NONE;
    unlockLeaf();
    flush(goal);
    drop(old);
    lock();
    inFlight = false;
    complete = true;
    unlock()
}

init {
    atomic {
        /* The first page is absent, writable, or read-only and shared with an earlier child. */
        if
        :: true
        :: entry[A] = 1; uses[1] = 1; writable[A] = true
        :: entry[A] = 1; uses[1] = 2
        fi;
        entry[B] = 2;
        uses[2] = 1;
        writable[B] = true;
        tlb[B] = 2;
        if
        :: replaces = true; run Other()
        :: true
        fi;
        run Fork();
        run Thread()
    }
    (_nr_pr == 1);
    assert(child[A] == NONE || uses[child[A]] > 0);
    assert(child[B] == NONE || uses[child[B]] > 0)
}
