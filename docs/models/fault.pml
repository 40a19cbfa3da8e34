/* SPDX-License-Identifier: Apache-2.0
 *
 * Publish and retire, beside faults (P1, P2, P3, P19, P30; Edit, LeafWalks, DiscardPages, Faulter, CpuTlb).
 *
 * One page of one VMA. Two CPUs access it, and fault it in where it is missing. One operation unmaps the VMA, and maps
 * another one there after that; a second operation discards the page and leaves the VMA. Stated as assertions:
 *
 *   I1  two CPUs never use translations to different frames
 *   I2  after the unmapping has returned no access is made
 *   I3  no access is made to a free frame
 *   I8  at the end, the frame in use is that of the entry
 *
 * Each name below that may be defined removes one rule; an assertion then fails.
 *
 *   NO_CHECK           an install does not look at the VMA's mark (P1)
 *   WALK_FIRST         the walk reads the link of the leaf before the mark is visible (P3)
 *   LINK_LATE          an install reads the mark before its link of the leaf is visible (P3)
 *   EMPTY_EARLY        a discard empties the entry before the flush (P2)
 *   BUSY_SAVES_FLUSH   an unmapping that takes a busy entry over leaves the flush to the entry's owner (P30)
 *   PLAIN_END          a discard stores over an entry that was taken over (P25)
 *   FREE_EARLY         the frame is freed before the flush (I3)
 *   GENERATION_FIRST   the generation is advanced before the entry changes (P19)
 *   READ_FIRST         a CPU reads the generation before others see it in GUEST (P19)
 *   NO_WAIT            a shootdown does not wait for a CPU in GUEST (I2)
 *
 * States: 3619941
 */
#define CPUS 2
#define FRAMES 2
#ifndef ROUNDS
#define ROUNDS 2
#endif

#define EMPTY 0
#define BUSY 8
#define isFrame(e) (e != EMPTY && e != BUSY)

byte vma = 1;            /* in the tree; 0 for none, 2 for the VMA that is mapped after the unmapping */
bool detached[3];        /* the marks of the VMAs */
bool linked;             /* the page table has the leaf */
bool locked;             /* the lock of the leaf */
byte entry;
byte owner[FRAMES + 1];  /* the VMA of a frame; 0 for a free frame */
bool returned;           /* the unmapping has returned */

byte generation = 1;
bool guest[CPUS];
byte flushed[CPUS];
byte tlb[CPUS];
bool usable[CPUS];       /* between the flush of a CPU that has entered GUEST, and its last access */

#define conflicts(c, f) (usable[c] && tlb[c] != EMPTY && tlb[c] != f)

inline lock() { atomic { !locked -> locked = true } }
inline unlock() { locked = false }

inline catchUp(me, seen) {
    seen = generation;
    if
    :: seen != flushed[me] -> tlb[me] = EMPTY
    :: else
    fi;
    flushed[me] = seen;
    seen = 0
}

inline access(me, seen) {
    if
    :: tlb[me] == EMPTY && linked ->
        seen = entry;
        if
        :: isFrame(seen) ->
            atomic {
                assert(!conflicts(1 - me, seen));
                tlb[me] = seen
            }
        :: else
        fi;
        seen = 0
    :: else
    fi;
    if
    :: tlb[me] != EMPTY -> atomic { assert(owner[tlb[me]] != 0); assert(owner[tlb[me]] != 1 || !returned) }
    :: else
    fi
}

inline install(v) {
    if
    :: entry == EMPTY && owner[1] == 0 -> atomic { owner[1] = v; entry = 1 }
    :: entry == EMPTY && owner[1] != 0 && owner[2] == 0 -> atomic { owner[2] = v; entry = 2 }
    :: else
    fi
}

inline fault(v, gone) {
    v = vma;
    if
    :: v != 0 ->
#ifdef LINK_LATE
        gone = detached[v];
        linked = true;
        lock();
#else
        linked = true;
        lock();
#ifndef NO_CHECK
        gone = detached[v];
#endif
#endif
        if
        :: !gone -> install(v)
        :: else
        fi;
        unlock();
        gone = false
    :: else
    fi;
    v = 0
}

proctype Cpu(byte me) {
    byte seen, round, v;
    bool gone;
    do
    :: round == ROUNDS -> break
    :: else ->
        round++;
#ifdef READ_FIRST
        catchUp(me, seen);
        guest[me] = true;
#else
        guest[me] = true;
        catchUp(me, seen);
#endif
        usable[me] = true;
        access(me, seen);
        catchUp(me, seen);       /* a poll */
        access(me, seen);
        usable[me] = false;
        guest[me] = false;
        if
        :: tlb[me] == EMPTY -> fault(v, gone)
        :: else
        fi
    od
}

inline flush(goal, c) {
#ifndef GENERATION_FIRST
    atomic { generation++; goal = generation }
#endif
    c = 0;
    do
    :: c == CPUS -> break
    :: else ->
#ifndef NO_WAIT
        (!guest[c] || flushed[c] >= goal);
#endif
        c++
    od
}

proctype Unmapping() {
    byte old, goal, c;
    bool hasLeaf;
    vma = 0;
#ifdef WALK_FIRST
    hasLeaf = linked;
    detached[1] = true;
#else
    detached[1] = true;
    hasLeaf = linked;
#endif
#ifdef GENERATION_FIRST
    atomic { generation++; goal = generation }
#endif
    if
    :: hasLeaf ->
        lock();
        atomic { old = entry; entry = EMPTY }
        unlock();
#ifdef BUSY_SAVES_FLUSH
        if
        :: isFrame(old) -> flush(goal, c)
        :: else
        fi;
#else
        if
        :: old != EMPTY -> flush(goal, c)
        :: else
        fi;
#endif
        if
        :: isFrame(old) -> owner[old] = 0
        :: else
        fi
    :: else
    fi;
    returned = true;
    vma = 2
}

proctype Discard() {
    byte old, goal, c;
#ifdef GENERATION_FIRST
    atomic { generation++; goal = generation }
#endif
    if
    :: linked ->
        lock();
        if
        :: isFrame(entry) -> atomic {
            old = entry;
#ifdef EMPTY_EARLY
            entry = EMPTY
#else
            entry = BUSY
#endif
          }
        :: else
        fi;
        unlock();
        if
        :: old != EMPTY ->
#ifdef FREE_EARLY
            owner[old] = 0;
#endif
            flush(goal, c);
            atomic {
                if
#ifdef PLAIN_END
                :: true -> entry = EMPTY
#else
                :: entry == BUSY -> entry = EMPTY
#endif
                :: else
                fi
            }
            owner[old] = 0
        :: else
        fi
    :: else
    fi
}

init {
    atomic {
        byte n = 0;
        do
        :: n == CPUS -> break
        :: else -> flushed[n] = 1; run Cpu(n); n++
        od;
        run Unmapping();
        run Discard()
    }
    (_nr_pr == 1);
    assert(owner[1] == 0 || entry == 1);
    assert(owner[2] == 0 || entry == 2)
}
