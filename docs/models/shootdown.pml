/* SPDX-License-Identifier: Apache-2.0
 *
 * Shootdowns with generations, cpumasks and LAZY CPUs, and the end of a space (P2, P12, P13, P19; Cpus, CpuState,
 * TlbContext, CpuTlb, Leaf.addToCpumask).
 *
 * Two CPUs go to a space, access its page, become LAZY, come back or go elsewhere. The owner replaces the page by
 * another frame, and then gives its reference up. The last user, the owner or a CPU, tears the space down: takes off the
 * CPUs that are LAZY, and frees the page without a flush. LAZY stands for that state and for the context that the CPU
 * keeps (LazyContext.Shootdown): the word itself names no context. Stated as assertions:
 *
 *   I3  no access is made to a free frame
 *       a CPU that is not counted as a user of the space makes no access
 *       no CPU is in a space that is torn down, but for LAZY ones
 *       the space is torn down once, and at the end
 *
 * Each name below that may be defined removes one rule; an assertion then fails.
 *
 *   MASK_LATE       a CPU sets its bit in the cpumask after it has read the entry
 *   MASK_FIRST      the operation reads the cpumask before it changes the entry
 *   ALONE_FIRST     the operation decides that no CPU has a translation before it changes the entry
 *   READ_FIRST      a CPU reads the generation before others see it in GUEST (P19)
 *   CLAIMS_NEWEST   a CPU notes the newest generation, and not that to which it has flushed (P19)
 *   KEEPS_NUMBER    a CPU that comes back from another space does not flush what it has missed (P12)
 *   LAZY_LATE       a CPU says that it is LAZY after it has given up its count
 *   NOT_COUNTED     a CPU that comes back from LAZY is counted after its word says so (P13)
 *   FROM_ZERO       a CPU is counted also where there is no user any more
 *   END_UNASKED     the space is torn down by the owner, whether or not it is the last user
 *
 * States: 3143103
 */
#define CPUS 2
#ifndef ROUNDS
#define ROUNDS 3
#endif
#define EMPTY 0

mtype = { ELSEWHERE, KERNEL, GUEST, LAZY };

mtype word[CPUS] = ELSEWHERE;   /* state in this context; ELSEWHERE: in another context, or none */
byte users = 1;                 /* the owner's reference, and CPUs */
bool ended;                     /* the space is torn down */
byte generation = 1;
byte entry = 1;
bool mask[CPUS];
byte flushed[CPUS];
byte tlb[CPUS];
bool used[3];

inline catchUp(me, seen) {
    seen = generation;
    if
    :: seen != flushed[me] -> tlb[me] = EMPTY
    :: else
    fi;
#ifdef CLAIMS_NEWEST
    flushed[me] = generation;
#else
    flushed[me] = seen;
#endif
    seen = 0
}

inline access(me, seen) {
    if
    :: tlb[me] == EMPTY ->
#ifdef MASK_LATE
        seen = entry;
        mask[me] = true;
#else
        mask[me] = true;
        seen = entry;
#endif
        tlb[me] = seen;
        seen = 0
    :: else
    fi;
    if
    :: tlb[me] != EMPTY -> atomic { assert(used[tlb[me]]); assert(users != 0 && !ended) }
    :: else
    fi
}

inline tearDown(c) {
    assert(!ended);
    ended = true;
    c = 0;
    do
    :: c == CPUS -> break
    :: else ->
        atomic {
            assert(word[c] == LAZY || word[c] == ELSEWHERE);
            if
            :: word[c] == LAZY -> word[c] = ELSEWHERE
            :: else
            fi
        };
        c++
    od;
    c = 0;
    entry = EMPTY;
    used[2] = false
}

/* Gives a count up, and tears the space down after the last one. */
inline put(last, c) {
    atomic { users--; last = users == 0 };
    if
    :: last -> tearDown(c)
    :: else
    fi;
    last = false
}

/* Counts the CPU, unless the space has no user any more. */
inline use(ok) {
    atomic {
        if
#ifdef FROM_ZERO
        :: true -> users++; ok = true
#else
        :: users != 0 -> users++; ok = true
        :: else -> ok = false
#endif
        fi
    }
}

proctype Cpu(byte me) {
    byte seen, round, c;
    bool ok, last;
    do
    :: round == ROUNDS -> break
    :: else ->
        round++;
        /* To the space: back from LAZY, or as from any other one. */
        if
        :: word[me] == LAZY ->
#ifdef NOT_COUNTED
            ok = users != 0;
            if
            :: ok -> word[me] = KERNEL; users++
            :: else
            fi
#else
            use(ok);
            if
            :: ok -> word[me] = KERNEL
            :: else
            fi
#endif
        :: word[me] == ELSEWHERE ->
            use(ok);
            if
            :: ok -> word[me] = KERNEL
            :: else
            fi
        :: word[me] == KERNEL -> ok = true
        fi;
        if
        :: !ok -> goto gone
        :: else
        fi;
        /* In GUEST */
#ifdef READ_FIRST
        catchUp(me, seen);
        word[me] = GUEST;
#else
        word[me] = GUEST;
#ifndef KEEPS_NUMBER
        catchUp(me, seen);
#endif
#endif
        access(me, seen);
        if
        :: catchUp(me, seen); access(me, seen)
        :: skip
        fi;
        word[me] = KERNEL;
        /* Stays, becomes LAZY, or goes elsewhere. */
        if
        :: skip
#ifdef LAZY_LATE
        :: put(last, c); word[me] = LAZY
#else
        :: word[me] = LAZY; put(last, c)
#endif
        :: word[me] = ELSEWHERE; put(last, c)
        fi
    od;
gone:
    if
    :: word[me] == KERNEL -> word[me] = ELSEWHERE; put(last, c)
    :: else
    fi
}

inline readMask(c) {
    c = 0;
    do
    :: c == CPUS -> break
    :: else -> asked[c] = mask[c]; c++
    od
}

/* Without a generation if the cpumask has no CPU. The owner has none. */
inline change(next, goal, c) {
#ifdef ALONE_FIRST
    readMask(c);
    entry = next;
#else
#ifdef MASK_FIRST
    readMask(c);
    entry = next;
#else
    entry = next;
    readMask(c);
#endif
#endif
    if
    :: asked[0] || asked[1] ->
        atomic { generation++; goal = generation }
#ifndef MASK_FIRST
        readMask(c);
#endif
        c = 0;
        do
        :: c == CPUS -> break
        :: else ->
            if
            :: asked[c] -> (word[c] != GUEST || flushed[c] >= goal)
            :: else
            fi;
            c++
        od
    :: else
    fi
}

proctype Owner() {
    byte goal, c;
    bool last;
    bool asked[CPUS];
    /* Replaces the page. */
    used[2] = true;
    change(2, goal, c);
    used[1] = false;
    /* Closes its reference. */
#ifdef END_UNASKED
    users--;
    tearDown(c)
#else
    put(last, c)
#endif
}

init {
    byte n = 0;
    atomic {
        used[1] = true;
        do
        :: n == CPUS -> break
        :: else -> flushed[n] = 1; run Cpu(n); n++
        od;
        run Owner()
    }
    (_nr_pr == 1);
    assert(users == 0 && ended)
}
