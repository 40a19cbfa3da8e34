/* SPDX-License-Identifier: Apache-2.0
 *
 * A layout that is divided into two parts and joined, as Districts does it. One word has the tree of the whole layout,
 * and another one has the parts. A division stores the parts, and then no tree; a join stores a tree, and then no
 * parts. An operation that needs both parts joins them first, and goes on as in an undivided layout.
 *
 * There are two places, with the border between them. The root of a tree is the values of its places, two bits for
 * each; an operation adds one to a place. Two operations change a place each, and look it up afterwards. Beside them a
 * thread divides the layout whenever it may, twice at most, and there is one of these: an operation that changes both
 * places at one instant; a snapshot; an operation on both places that is in flight for a while, for which the others
 * wait; or operations that count against a limit, of which the last one is refused. Stated as assertions, and as the
 * absence of a deadlock (an invalid end state):
 *
 *   - no operation is lost, and a lookup after an operation finds it
 *   - a snapshot is the layout of one instant between its beginning and its end
 *   - no operation is published in the range of one in flight
 *   - an operation is refused if, and only if, as many as the limit allows are published
 *
 * Each name below that may be defined removes one rule.
 *
 *   NO_DEAD_CHECK     an operation that has locked a part does not look whether it was joined meanwhile
 *   NO_TREE_CHECK     an operation that has locked a part does not look whether lookups go by the parts already
 *   ONE_PART_JOINED   a join locks the lower part only
 *   READ_ONCE         a snapshot does not read the roots a second time
 *   FLIGHT_ACROSS     a layout is divided across the range of an operation in flight
 *   CAP_TWICE         each part may grow by all that is left to the limit
 *   PART_REFUSES      an operation is refused in a part, and does not look at the whole layout
 *
 * States: 1778475
 */
#define LOWER 1              /* the first place */
#define UPPER 4              /* the second place */
#define BOTH 5
#define BITS 3               /* of the first place */
#define LIMIT 2
#define PARTS 10             /* the districts from here on are parts, in pairs */

byte tree = 1;               /* the district of the whole layout, or 0 */
byte parts;                  /* the lower part, or 0; the upper one follows */
byte whole = 1;              /* guarded by the layout lock */
byte wholes = 2;
byte made = PARTS;

byte root[16];
bool dead[16];
byte count[16];              /* what the part reaches at most if it stays as it is */
byte cap[16];
byte began[16];
bool locked[16];             /* the layout lock is that of district 0 */
byte flight[16];             /* the places of an operation in flight, as the district knows them */

byte now;                    /* the layout: what an observer of all stores knows */
byte total;                  /* the operations that count against the limit */
byte history[8];
byte instants = 1;
byte inFlight;
bool isLimited;
byte ended;
byte processes;

inline acquire(d) { atomic { !locked[d] -> locked[d] = true } }
inline release(d) { locked[d] = false }

/* Within an atomic step, beside the store that publishes. */
inline published(change) { now = now + change; history[instants] = now; instants++ }

/* The caller has the layout lock, and the whole layout is dead. The new trees are not seen before the last stores. */
inline joinParts(a) {
    a = parts;
    acquire(a);
#ifndef ONE_PART_JOINED
    acquire(a + 1);
#endif
    atomic {
        root[wholes] = root[a] + root[a + 1];
        flight[wholes] = flight[a] | flight[a + 1];
        count[wholes] = count[whole] + count[a] - began[a] + count[a + 1] - began[a + 1];
        whole = wholes; wholes++
    }
    dead[a] = true;
    dead[a + 1] = true;
    tree = whole;
    parts = 0;
#ifndef ONE_PART_JOINED
    release(a + 1);
#endif
    release(a)
}

/* Locks the part of a place, or the whole layout. The lock of d is that of l. */
inline lockPlace(place, d, l, k) {
    do
    :: k = tree;
       if
       :: k != 0 ->
          acquire(0);
          if
          :: dead[whole] -> release(0)
          :: else -> d = whole; l = 0; break
          fi
       :: else ->
          k = parts;
          if
          :: k == 0
          :: else ->
             d = (place == LOWER -> k : k + 1);
             l = d;
             acquire(d);
             if
#ifndef NO_DEAD_CHECK
             :: dead[d] -> release(d)
#endif
#ifndef NO_TREE_CHECK
             :: !dead[d] && tree != 0 -> release(d)
             :: !dead[d] && tree == 0 -> break
#else
             :: !dead[d] -> break
#endif
#ifdef NO_DEAD_CHECK
             :: dead[d] -> break
#endif
             fi
          fi
       fi
    od
}

inline lockWhole(d, k) {
    acquire(0);
    if
    :: dead[whole] -> joinParts(k)
    :: else
    fi;
    d = whole
}

proctype One(byte place) {
    byte d, l, k, value;
    bool isRefused, isWhole;
    do
    :: if
       :: isWhole -> lockWhole(d, k); l = 0
       :: else -> lockPlace(place, d, l, k)
       fi;
       if
       :: flight[d] & place -> release(l); (inFlight == 0)
       :: (flight[d] & place) == 0 && isLimited && d >= PARTS && count[d] + 1 > cap[d] ->
#ifdef PART_REFUSES
          isRefused = true;
          assert(total == LIMIT);
          release(l);
          break
#else
          release(l);
          isWhole = true
#endif
       :: (flight[d] & place) == 0 && isLimited && d < PARTS && count[d] + 1 > LIMIT ->
          isRefused = true;
          assert(total == LIMIT);
          release(l);
          break
       :: else ->
          atomic {
              assert((inFlight & place) == 0);
              root[d] = root[d] + place;
              count[d]++;
              total++;
              published(place);
              assert(!isLimited || total <= LIMIT)
          }
          release(l);
          break
       fi
    od;
    if
    :: isRefused
    :: else ->
       do
       :: k = tree;
          if
          :: k != 0 -> value = root[k]; break
          :: else ->
             k = parts;
             if
             :: k != 0 -> value = (place == LOWER -> root[k] : root[k + 1]); break
             :: else
             fi
          fi
       od;
       assert(place == LOWER -> (value & BITS) > 0 : value >= UPPER)
    fi;
    ended++
}

proctype BothPlaces() {
    byte d, k;
    lockWhole(d, k);
    atomic { root[d] = root[d] + BOTH; published(BOTH) }
    release(0);
    ended++
}

proctype InFlight() {
    byte d, k;
    lockWhole(d, k);
    atomic { flight[d] = BOTH; inFlight = BOTH };
    release(0);
    lockWhole(d, k);
    atomic { flight[d] = 0; inFlight = 0 };
    release(0);
    ended++
}

proctype Snapshot() {
    byte k, lower, upper, first, i;
    bool isFound;
    first = instants - 1;
    do
    :: k = tree;
       if
       :: k != 0 -> lower = root[k]; upper = 0; break
       :: else ->
          k = parts;
          if
          :: k == 0
          :: else ->
             lower = root[k];
             upper = root[k + 1];
#ifdef READ_ONCE
             break
#else
             if
             :: lower != root[k]
             :: else ->
                if
                :: upper == root[k + 1] -> break
                :: else
                fi
             fi
#endif
          fi
       fi
    od;
    atomic {
        i = first;
        do
        :: i == instants -> break
        :: else -> isFound = isFound || history[i] == lower + upper; i++
        od;
        assert(isFound)
    };
    ended++
}

proctype Divider() {
    byte times, growth;
    do
    :: times == (isLimited -> 1 : 2) -> break
    :: else ->
       times++;
       acquire(0);
       if
       :: dead[whole]
#ifndef FLIGHT_ACROSS
       :: !dead[whole] && flight[whole] != 0
       :: !dead[whole] && flight[whole] == 0 ->
#else
       :: !dead[whole] ->
#endif
          atomic {
              growth = (isLimited -> (LIMIT - count[whole]) / 2 : 4);
              root[made] = root[whole] & BITS;
              root[made + 1] = root[whole] - root[made];
              /* A part has the operations in flight that begin in it. */
              flight[made] = flight[whole];
              flight[made + 1] = 0;
              began[made] = count[whole] + growth;
              began[made + 1] = count[whole] + growth;
              count[made] = began[made];
              count[made + 1] = began[made];
#ifdef CAP_TWICE
              cap[made] = LIMIT + growth;
              cap[made + 1] = LIMIT + growth;
#else
              cap[made] = began[made] + growth;
              cap[made + 1] = began[made] + growth;
#endif
              count[wholes] = count[whole]
          }
          parts = made;
          tree = 0;
          atomic { dead[whole] = true; dead[wholes] = true; whole = wholes; wholes++; made = made + 2 }
       fi;
       release(0)
    od;
    ended++
}

init {
    atomic {
        if
        :: run One(LOWER); run One(UPPER); run Divider(); run BothPlaces(); processes = 4
        :: run One(LOWER); run One(UPPER); run Divider(); run Snapshot(); processes = 4
        :: run One(LOWER); run One(UPPER); run Divider(); run InFlight(); processes = 4
        :: isLimited = true;
           run One(LOWER); run One(LOWER); run One(UPPER); run Divider(); processes = 4
        fi
    }
    atomic {
        ended == processes;
        if
        :: tree != 0 -> assert(now == root[tree])
        :: else -> assert(now == root[parts] + root[parts + 1])
        fi;
        assert(!isLimited || total == LIMIT)
    }
}
