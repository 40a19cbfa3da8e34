/* SPDX-License-Identifier: Apache-2.0
 *
 * Early reuse of a range (I4, P32; Edit.takeOver, InFlightOperation, RetirementRun).
 *
 * Two pages of two mappings. Each is unmapped by a munmap of its own. A third call maps both pages anew while the
 * munmaps may be in flight: it takes their reservations over, and stays in flight until they are complete. A fourth
 * one splits the new mapping between the two pages. Faults bring in pages of the new mapping, and one CPU may still
 * have translations of the old pages. Stated as assertions, and as the absence of a deadlock:
 *
 *   I1  no page of the new mapping is installed while the CPU may use a translation of the old one
 *   I6  at the end the new mapping has both pages, nothing is reserved, and no gate is closed
 *
 * Each name below that may be defined removes one rule.
 *
 *   NO_GATE         faults on the new mapping wait for nothing
 *   FIRST_OPENS     the first munmap that is complete opens the gate of the new mapping
 *   SPLIT_IN_FLIGHT an operation splits a mapping that is in flight; the parts have no gate (P32)
 *   CLEARS_RANGE    a completion clears its whole range, and not its own reservations only
 *   ASKED_EARLY     the new mapping looks for munmaps in flight before it holds the lock
 *
 * States: 111556
 */
#define PAGES 2
#define FREE 0
#define OLD 1
#define RESERVED 2
#define NEW 3

bool locked;                  /* the layout lock */
byte tree[PAGES] = OLD;       /* what the range tree has for each page */
bool inFlight[PAGES];         /* the munmap of the page */
byte awaited;                 /* munmaps that the new mapping is waiting for */
bool gate;                    /* the gate of the new mapping is closed */
bool gated[PAGES];            /* faults look at that gate */
bool isMapped;

bool emptied[PAGES];          /* the entry of the old page is empty */
bool guest;
bool usable;                  /* between the flush of a CPU that has entered GUEST, and its last access */
bool stale[PAGES] = true;     /* the CPU has a translation of the old page */
byte generation = 1;
byte flushed = 1;

inline lock() { atomic { !locked -> locked = true } }
inline unlock() { locked = false }

proctype Munmap(byte page) {
    byte goal;
    lock();
    tree[page] = RESERVED;
    inFlight[page] = true;
    unlock();
    emptied[page] = true;
    atomic { generation++; goal = generation }
    (!guest || flushed >= goal);
    lock();
    inFlight[page] = false;
    if
#ifdef CLEARS_RANGE
    :: true -> tree[page] = FREE
#else
    :: tree[page] == RESERVED -> tree[page] = FREE
#endif
    :: else
    fi;
    if
#ifdef FIRST_OPENS
    :: awaited > 0 -> awaited--; gate = false
#else
    :: awaited > 0 -> awaited--; gate = (awaited > 0)
#endif
    :: else
    fi;
    unlock()
}

#define isReusable(p) (tree[p] == RESERVED || tree[p] == FREE)

proctype Mmap() {
    byte found;
#ifdef ASKED_EARLY
    found = inFlight[0] + inFlight[1];
#endif
    /* Waits at neither munmap, only for the old mappings to be unmapped. */
    atomic { !locked && isReusable(0) && isReusable(1) -> locked = true }
#ifndef ASKED_EARLY
    found = inFlight[0] + inFlight[1];
#endif
    tree[0] = NEW;
    tree[1] = NEW;
    awaited = found;
    gate = (found > 0);
    gated[0] = true;
    gated[1] = true;
    isMapped = true;
    unlock()
}

/* Splits the new mapping: the parts are new VMAs, without the gate of the old one. */
proctype Split() {
#ifdef SPLIT_IN_FLIGHT
    atomic { !locked && isMapped -> locked = true }
#else
    atomic { !locked && isMapped && !gate -> locked = true }
#endif
    gated[0] = false;
    gated[1] = false;
    unlock()
}

proctype Fault(byte page) {
    (isMapped && tree[page] == NEW);
#ifndef NO_GATE
    (!gated[page] || !gate);
#endif
    assert(!usable || !stale[page])
}

proctype Cpu() {
    byte seen, round;
    do
    :: round == 3 -> break
    :: else ->
        round++;
        guest = true;
        seen = generation;
        if
        :: seen != flushed ->
            if
            :: emptied[0] -> stale[0] = false
            :: else
            fi;
            if
            :: emptied[1] -> stale[1] = false
            :: else
            fi
        :: else
        fi;
        flushed = seen;
        usable = true;
        usable = false;
        guest = false
    od
}

init {
    atomic {
        run Munmap(0);
        run Munmap(1);
        run Mmap();
        run Split();
        run Fault(0);
        run Fault(1);
        run Cpu()
    }
    (_nr_pr == 1);
    assert(tree[0] == NEW && tree[1] == NEW && !gate && awaited == 0)
}
