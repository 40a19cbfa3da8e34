/* SPDX-License-Identifier: Apache-2.0
 *
 * The layout of one space as districts: trees of their own, each with a lock, and a directory that is replaced as a
 * whole. A more general form of what Districts does, which joins all parts wherever an operation needs more than one:
 * there the directory is never replaced while a district of it lives on.
 *
 * There are four places, and one border between the second and the third. A root is the values of the places of its
 * district, two bits for each; an operation adds one to a place. Roots and directories are immutable: one load reads
 * one. One operation changes the fourth place, and one the second and the third at one instant. A thread divides the
 * space, or, if it is divided, replaces the lower district alone. Then there is either an operation on the first place,
 * and a snapshot; or an operation that changes the second place and joins it with the third, if the two are equal, in a
 * VMA that lies across the border, and a thread that looks the third place up, twice. Stated as assertions, and as the
 * absence of a deadlock (an invalid end state):
 *
 *   - no operation is lost
 *   - a lookup finds no value that is older than its beginning
 *   - a snapshot is the layout of one instant between its beginning and its end
 *
 * Each name below that may be defined removes one rule.
 *
 *   NO_DEAD_CHECK       an operation that has locked a district does not look whether it was divided or joined
 *   TWO_STORES          an operation in two districts stores two roots, in place of one directory
 *   NEIGHBOUR_UNLOCKED  an operation joins a VMA with that of another district, which it has not locked
 *   ANY_ORDER           an operation locks the upper district first
 *   READ_ONCE           a snapshot does not read the roots a second time
 *   OTHER_DIRECTORY     a snapshot does not read the directory a second time
 *   OLD_DIRECTORY       a lookup goes by the directory of an earlier lookup
 *
 * States: 3739905
 */
#define NONE 0
#define FIRST 1
#define SECOND 4
#define THIRD 16
#define FOURTH 64
#define LOWER 15             /* the bits of the places below the border */
#define ALL 4                /* processes that end */

byte lo[8], hi[8];           /* the districts of a directory; without an upper one, the lower has all places */
byte directory = 1;
byte directories = 2;
byte root[12];
bool dead[12];
bool locked[12];
byte districts = 2;

byte now;                    /* the layout: what an observer of all stores knows */
byte history[6];             /* its values, each from one operation to the next */
byte instants = 1;
byte ended;

inline acquire(d) { atomic { !locked[d] -> locked[d] = true } }
inline release(d) { locked[d] = false }

/* Within an atomic step, beside the store that publishes. */
inline published(change) { now = now + change; history[instants] = now; instants++ }

/* One step: only an operation that has locked a district looks whether it is dead. */
inline join(k, change) {
    atomic {
        root[districts] = lowerRoot + upperRoot + change;
        lo[directories] = districts; hi[directories] = NONE;
        districts++;
        directory = directories; directories++;
        published(change);
        dead[lo[k]] = true;
        dead[hi[k]] = true
    }
}

proctype One(byte place) {
    byte k, d;
    do
    :: k = directory;
       d = (hi[k] == NONE || place == FIRST -> lo[k] : hi[k]);
       acquire(d);
#ifndef NO_DEAD_CHECK
       if
       :: dead[d] -> release(d)
       :: else -> break
       fi
#else
       break
#endif
    od;
    atomic { root[d] = root[d] + place; published(place) }
    release(d);
    ended++
}

proctype SecondAndThird() {
    byte k, lowerRoot, upperRoot;
    do
    :: k = directory;
       acquire(lo[k]);
       if
       :: hi[k] != NONE -> acquire(hi[k])
       :: else
       fi;
       if
       :: dead[lo[k]] || (hi[k] != NONE && dead[hi[k]]) ->
          if
          :: hi[k] != NONE -> release(hi[k])
          :: else
          fi;
          release(lo[k])
       :: else -> break
       fi
    od;
    if
    :: hi[k] == NONE -> atomic { root[lo[k]] = root[lo[k]] + SECOND + THIRD; published(SECOND + THIRD) }
    :: else ->
#ifdef TWO_STORES
       root[lo[k]] = root[lo[k]] + SECOND;
       atomic { root[hi[k]] = root[hi[k]] + THIRD; published(SECOND + THIRD) };
#else
       lowerRoot = root[lo[k]];
       upperRoot = root[hi[k]];
       join(k, SECOND + THIRD);
#endif
       release(hi[k])
    fi;
    release(lo[k]);
    ended++
}

proctype JoinsWithThird() {
    byte k, lowerRoot, upperRoot;
    do
    :: k = directory;
#ifdef ANY_ORDER
       if
       :: hi[k] != NONE -> acquire(hi[k])
       :: else
       fi;
       acquire(lo[k]);
#else
       acquire(lo[k]);
#ifndef NEIGHBOUR_UNLOCKED
       if
       :: hi[k] != NONE -> acquire(hi[k])
       :: else
       fi;
#endif
#endif
       if
       :: dead[lo[k]] || (hi[k] != NONE && dead[hi[k]]) ->
#ifndef NEIGHBOUR_UNLOCKED
          if
          :: hi[k] != NONE -> release(hi[k])
          :: else
          fi;
#endif
          release(lo[k])
       :: else -> break
       fi
    od;
    lowerRoot = root[lo[k]];
    upperRoot = (hi[k] == NONE -> 0 : root[hi[k]]);
    if
    :: hi[k] != NONE && ((lowerRoot >> 2) & 3) == ((upperRoot >> 4) & 3) -> join(k, SECOND)
    :: else -> atomic { root[lo[k]] = root[lo[k]] + SECOND; published(SECOND) }
    fi;
#ifndef NEIGHBOUR_UNLOCKED
    if
    :: hi[k] != NONE -> release(hi[k])
    :: else
    fi;
#endif
    release(lo[k]);
    ended++
}

/* Also the end of one of two districts alone, as by a further division: another district has its root. */
proctype Divider() {
    byte k;
    k = directory;
    acquire(lo[k]);
    if
    :: dead[lo[k]]
    :: else ->
       atomic {
           root[districts] = (hi[k] == NONE -> root[lo[k]] & LOWER : root[lo[k]]);
           root[districts + 1] = (hi[k] == NONE -> root[lo[k]] & ~LOWER : 0);
           lo[directories] = districts;
           hi[directories] = (hi[k] == NONE -> districts + 1 : hi[k]);
           districts = districts + (hi[k] == NONE -> 2 : 1);
           directory = directories; directories++;
           dead[lo[k]] = true
       }
    fi;
    release(lo[k]);
    ended++
}

proctype Reader() {
    byte k, d, before, times;
    do
    :: times == 2 -> break
    :: else ->
       atomic { before = (now >> 4) & 3; times++ }
#ifdef OLD_DIRECTORY
       if
       :: times == 1 -> k = directory
       :: else
       fi;
#else
       k = directory;
#endif
       d = (hi[k] == NONE -> lo[k] : hi[k]);
       atomic { assert(((root[d] >> 4) & 3) >= before); d = 0; before = 0 }
    od
}

proctype Snapshot() {
    byte k, lower, upper, first, i;
    bool isFound;
    first = instants - 1;
    do
    :: k = directory;
       lower = root[lo[k]];
       upper = (hi[k] == NONE -> 0 : root[hi[k]]);
#ifdef READ_ONCE
       break
#else
       if
       :: hi[k] == NONE -> break
       :: else
       fi;
#ifndef OTHER_DIRECTORY
       if
       :: directory == k
       :: else -> goto again
       fi;
#endif
       if
       :: lower == root[lo[k]]
       :: else -> goto again
       fi;
       if
       :: upper == root[hi[k]] -> break
       :: else
       fi;
again:
       skip
#endif
    od;
    atomic {
        i = first;
        do
        :: i == instants -> break
        :: else -> isFound = isFound || history[i] == lower + upper; i++
        od;
        assert(isFound);
        i = 0; first = 0; isFound = false
    }
}

init {
    atomic {
        lo[1] = 1;
        if
        :: true
        :: lo[1] = 1; hi[1] = 2; districts = 3
        fi;
        run One(FOURTH); run SecondAndThird(); run Divider();
        if
        :: run JoinsWithThird(); run Reader()
        :: run One(FIRST); run Snapshot()
        fi
    }
    atomic {
        ended == ALL;
        assert(now == root[lo[directory]] + (hi[directory] == NONE -> 0 : root[hi[directory]]))
    }
}
