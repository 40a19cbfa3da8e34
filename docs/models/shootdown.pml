/* SPDX-License-Identifier: Apache-2.0
 *
 * Shootdowns with generations, cpumasks and LAZY CPUs, and the end of a context (P2, P12, P13, P19; Cpus, CpuState,
 * TlbContext, CpuTlb, Leaf.addToCpumask).
 *
 * Two CPUs go to a space, access its page, become LAZY, come back or go elsewhere. One operation replaces the page by
 * another frame; after it the space is closed: CPUs that are LAZY are taken off, the context is ended if no CPU uses
 * it, and then the page is freed without a flush. If a CPU uses it, the page is flushed and freed as by any operation.
 * Stated as assertions:
 *
 *   I3  no access is made to a free frame
 *       a CPU that is not counted as a user of the context makes no access
 *
 * Each name below that may be defined removes one rule; an assertion then fails.
 *
 *   MASK_LATE       a CPU sets its bit in the cpumask after it has read the entry
 *   MASK_FIRST      the operation reads the cpumask before it changes the entry
 *   READ_FIRST      a CPU reads the generation before others see it in GUEST (P19)
 *   CLAIMS_NEWEST   a CPU notes the newest generation, and not that to which it has flushed (P19)
 *   KEEPS_NUMBER    a CPU that comes back from another space does not flush what it has missed (P12)
 *   TAKE_STORES     a LAZY CPU is taken off by a store, and not by a compare-and-set
 *   NOT_COUNTED     a CPU that comes back from LAZY is not counted as a user (P13)
 *   END_UNASKED     the context is ended without a look at its users
 *
 * States: 10027340
 */
#define CPUS 2
#ifndef ROUNDS
#define ROUNDS 3
#endif
#define EMPTY 0

mtype = { ELSEWHERE, KERNEL, GUEST, LAZY };

mtype word[CPUS] = ELSEWHERE;   /* state in this context; ELSEWHERE: in another context, or none */
byte users;                     /* of the context */
bool ended;                     /* no CPU may go to the context any more */
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

inline uncount() {
    atomic {
        if
        :: users != 0 -> users--
        :: else
        fi
    }
}

/* Counts the CPU, unless the context has ended. */
inline use(ok) {
    atomic {
        if
        :: !ended -> users++; ok = true
        :: else -> ok = false
        fi
    }
}

proctype Cpu(byte me) {
    byte seen, round;
    bool ok;
    do
    :: round == ROUNDS -> break
    :: else ->
        round++;
        /* To the space: back from LAZY, or as from any other one. */
        if
        :: word[me] == LAZY ->
#ifdef NOT_COUNTED
            ok = !ended;
#else
            use(ok);
#endif
            if
            :: ok ->
                atomic {
                    if
                    :: word[me] == LAZY -> word[me] = KERNEL
                    :: else -> ok = false
                    fi
                };
                if
                :: !ok -> uncount()
                :: else
                fi
            :: else
            fi
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
        :: word[me] = LAZY; uncount()
        :: word[me] = ELSEWHERE; uncount()
        fi
    od;
gone:
    if
    :: word[me] == KERNEL -> word[me] = ELSEWHERE; uncount()
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

inline change(next, goal, c) {
#ifdef MASK_FIRST
    readMask(c);
    entry = next;
#else
    entry = next;
#endif
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
}

proctype Operations() {
    byte goal, c;
    bool asked[CPUS];
    /* Replaces the page. */
    used[2] = true;
    change(2, goal, c);
    used[1] = false;
    /* Closes the space. */
    c = 0;
    do
    :: c == CPUS -> break
    :: else ->
#ifdef TAKE_STORES
        if
        :: word[c] == LAZY -> word[c] = ELSEWHERE
        :: else
        fi;
#else
        atomic {
            if
            :: word[c] == LAZY -> word[c] = ELSEWHERE
            :: else
            fi
        }
#endif
        c++
    od;
    atomic {
        if
#ifdef END_UNASKED
        :: true -> ended = true
#else
        :: users == 0 -> ended = true
#endif
        :: else
        fi
    }
    if
    :: ended -> entry = EMPTY
    :: else -> change(EMPTY, goal, c)
    fi;
    used[2] = false
}

init {
    byte n = 0;
    atomic {
        used[1] = true;
        do
        :: n == CPUS -> break
        :: else -> flushed[n] = 1; run Cpu(n); n++
        od;
        run Operations()
    }
    (_nr_pr == 1);
    assert(users == 0)
}
