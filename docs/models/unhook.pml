/* SPDX-License-Identifier: Apache-2.0
 *
 * Empty tables are unhooked (P14; PageTable.unhookIfEmpty, Leaf.deferFlush, Leaf.flushed, PageTable.nextLeaf,
 * CpuTlb).
 *
 * One place for a leaf in an upper table. The leaf has two pages. Page 0 is of a file: a truncation removes it, and an
 * unmapping removes its mapping. Page 1 is of another mapping: a fault installs it. A third operation, which has
 * removed a neighbour, unhooks the leaf if it is empty. One CPU accesses page 0. A leaf that was unhooked is never
 * linked again. Stated as assertions:
 *
 *   I2  after the unmapping has returned no access is made to page 0
 *       at the end, the entry that the fault has installed is in the leaf that is linked, and that leaf is not dead
 *
 * Each name below that may be defined removes one rule; an assertion then fails.
 *
 *   NO_DEAD_MARK      a fault does not look whether the leaf that it has locked is dead
 *   DECIDED_EARLY     an operation looks whether the leaf is empty before it locks the leaf
 *   KILLED_LATE       the mark is set after the leaf's lock was released
 *   PENDING_IGNORED   a leaf is unhooked while a flush of it is pending
 *   EMPTY_SAVES       an operation that finds an entry empty leaves its flush out (P2)
 *
 * States: 7488403
 */
#define LEAVES 4
#define NONE 0

byte child = 1;                    /* the leaf that is linked, or NONE */
byte made = 1;
bool locked[LEAVES + 1];
bool dead[LEAVES + 1];
byte pending[LEAVES + 1];          /* flushes of the leaf that are not over */
bool mask[LEAVES + 1];             /* whether the CPU may have translations of the leaf */
bool present0[LEAVES + 1];         /* the entry of page 0 */
bool present1[LEAVES + 1];         /* the entry of page 1 */

bool mapped = true;                /* page 0 */
bool returned;
byte generation = 1;
bool guest;
byte flushed = 1;
bool tlb;

inline lock(leaf) { atomic { !locked[leaf] -> locked[leaf] = true } }
inline unlock(leaf) { locked[leaf] = false }
#define isEmpty(leaf) (!present0[leaf] && !present1[leaf])
#ifdef PENDING_IGNORED
#define mayGo(leaf) (!dead[leaf] && isEmpty(leaf))
#else
#define mayGo(leaf) (!dead[leaf] && isEmpty(leaf) && pending[leaf] == 0)
#endif

inline unhook(leaf, goes) {
#ifdef DECIDED_EARLY
    goes = mayGo(leaf);
    lock(leaf);
#else
    lock(leaf);
    goes = mayGo(leaf);
#endif
    if
    :: goes ->
#ifdef KILLED_LATE
        child = NONE;
        unlock(leaf);
        dead[leaf] = true
#else
        dead[leaf] = true;
        child = NONE;
        unlock(leaf)
#endif
    :: else -> unlock(leaf)
    fi;
    goes = false
}

/* Removes the entry of page 0, flushes, and unhooks the leaf if it has become empty. */
inline remove(leaf, goal, found, goes) {
    leaf = child;
    if
    :: leaf != NONE ->
        lock(leaf);
        if
        :: dead[leaf] -> unlock(leaf)
        :: else ->
            atomic {
                found = present0[leaf];
                present0[leaf] = false
            }
#ifndef EMPTY_SAVES
            found = true;
#endif
            if
            :: found -> pending[leaf]++
            :: else
            fi;
            unlock(leaf);
            if
            :: found ->
                atomic { generation++; goal = generation }
                if
                :: mask[leaf] -> (!guest || flushed >= goal)
                :: else
                fi;
                lock(leaf);
                pending[leaf]--;
                unlock(leaf)
            :: else
            fi;
            unhook(leaf, goes)
        fi
    :: else
    fi
}

proctype Truncation() {
    byte leaf, goal;
    bool found, goes;
    remove(leaf, goal, found, goes)
}

proctype Unmapping() {
    byte leaf, goal;
    bool found, goes;
    mapped = false;
    remove(leaf, goal, found, goes);
    returned = true
}

proctype Neighbour() {
    byte leaf;
    bool goes;
    leaf = child;
    if
    :: leaf != NONE -> unhook(leaf, goes)
    :: else
    fi
}

/* Faults page 1 in. */
proctype Fault() {
    byte leaf;
    do
    :: leaf = child;
       if
       :: leaf == NONE ->
           atomic {
               if
               :: child == NONE -> made++; child = made
               :: else
               fi
           }
       :: else ->
           lock(leaf);
           if
#ifdef NO_DEAD_MARK
           :: true -> present1[leaf] = true; unlock(leaf); break
#else
           :: !dead[leaf] -> present1[leaf] = true; unlock(leaf); break
#endif
           :: else -> unlock(leaf)
           fi
       fi
    od
}

inline catchUp(seen) {
    seen = generation;
    if
    :: seen != flushed -> tlb = false
    :: else
    fi;
    flushed = seen;
    seen = 0
}

/* The CPU keeps the leaf that it has walked to. */
inline access(cached) {
    if
    :: cached == NONE ->
        cached = child;
        if
        :: cached != NONE -> mask[cached] = true
        :: else
        fi
    :: else
    fi;
    if
    :: !tlb && cached != NONE -> tlb = present0[cached]
    :: else
    fi;
    if
    :: tlb -> assert(!returned)
    :: else
    fi
}

proctype Cpu() {
    byte seen, cached, round;
    do
    :: round == 2 -> break
    :: else ->
        round++;
        guest = true;
        catchUp(seen);
        access(cached);
        catchUp(seen);
        access(cached);
        guest = false
    od
}

init {
    atomic {
        present0[1] = true;
        run Truncation();
        run Unmapping();
        run Neighbour();
        run Fault();
        run Cpu()
    }
    (_nr_pr == 1);
    assert(child != NONE && present1[child] && !dead[child]);
    assert(pending[1] == 0)
}
