/* SPDX-License-Identifier: Apache-2.0
 *
 * A layout that is divided into three parts and joined, as Districts does it. One word has the tree of the whole
 * layout, and another one has the parts. A division stores the parts, and then no tree; a join stores a tree, and then
 * no parts. An operation that needs more than one part joins all of them first, and goes on as in an undivided layout.
 *
 * There are three places, with the borders between them. The root of a tree is the values of its places, two bits for
 * each; an operation adds one to a place. Two operations change the outer places, and look them up afterwards. Beside
 * them a thread divides the layout once if it may, and there is one of these: an operation that changes both outer
 * places at one instant; a snapshot; an operation on both that is in flight for a while, for which the others wait,
 * and beside which the layout may be divided twice; operations that count against a limit, of which one is refused;
 * an operation that is placed at the highest place that is free; the end of the space; an operation with a ticket,
 * which the part of its place has, and behind which the other one on that place waits; or a fork that copies pages,
 * for which the retirements of later operations wait. Stated as assertions, and as the absence of a deadlock (an
 * invalid end state):
 *
 *   - no operation is lost, and a lookup after an operation finds it, unless it finds the space closing
 *   - a snapshot is the layout of one instant between its beginning and its end
 *   - no operation is published in the range of one in flight
 *   - an operation is refused if, and only if, it would exceed the limit, or the space has ended
 *   - where an operation is placed, no higher place is free
 *   - no operation is published after the end of the space
 *   - no operation on the place of a ticket is published before the one that has the ticket
 *   - no operation after the instant of a fork retires pages while the fork copies
 *   - the end of a copy joins no parts
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
 *   PLACED_IN_PART    an operation is placed at the highest free place of a part
 *   CLOSED_LATE       the end of a space says so after it has removed the mappings
 *   DIVIDED_AT_END    a layout is divided although its space has ended
 *   TICKET_LOST       a division leaves the ticket of an operation behind
 *   FORK_IN_PARTS     a fork takes the layout lock, and does not join the parts
 *   DIVIDED_COPYING   a layout is divided while a fork copies
 *
 * States: 1986672
 */
#define LOWER 1              /* the first place */
#define MIDDLE 4             /* the second place */
#define UPPER 16             /* the third place */
#define BOTH 17              /* the outer places */
#define BITS 3               /* of the first place */
#define LIMIT 3              /* each part may have a third */
#define PARTS 10             /* the districts from here on are parts, three for each division */

byte tree = 1;               /* the district of the whole layout, or 0 */
byte parts;                  /* the lower part, or 0; the others follow */
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
byte ticket[16];             /* the place of an operation with a ticket, as the district knows it */

byte now;                    /* the layout: what an observer of all stores knows */
byte total;                  /* what counts against the limit */
byte history[8];
byte instants = 1;
byte inFlight;
bool isTicketed;
bool isLimited;
byte divisions = 1;
bool isClosing;
bool isClosed;
bool isCopying;              /* guarded by the layout lock: read with the lock of a part */
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
    acquire(a + 2);
#endif
    atomic {
        root[wholes] = root[a] + root[a + 1] + root[a + 2];
        flight[wholes] = flight[a] | flight[a + 1] | flight[a + 2];
        ticket[wholes] = ticket[a] | ticket[a + 1] | ticket[a + 2];
        count[wholes] = count[whole] + count[a] - began[a] + count[a + 1] - began[a + 1] + count[a + 2] - began[a + 2];
        whole = wholes; wholes++;
        dead[a] = true;
        dead[a + 1] = true;
        dead[a + 2] = true
    }
    tree = whole;
    parts = 0;
    atomic {
#ifndef ONE_PART_JOINED
        release(a + 2);
        release(a + 1);
#endif
        release(a)
    }
}

/* The last operation at a limit needs all of it. */
#define weight(place) (isLimited && place == UPPER -> LIMIT : 1)

#define part(place, k) (place == LOWER -> k : (place == MIDDLE -> k + 1 : k + 2))

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
             d = part(place, k);
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
       :: isClosing && tree != 0 && root[tree] == 0 ->
          isRefused = true;
          release(l);
          break
       :: flight[d] & place -> release(l); (inFlight == 0)
       :: ticket[d] & place -> release(l); (!isTicketed)
       :: isLimited && d >= PARTS && count[d] + weight(place) > cap[d] ->
#ifdef PART_REFUSES
          isRefused = true;
          assert(total + weight(place) > LIMIT);
          release(l);
          break
#else
          release(l);
          isWhole = true
#endif
       :: isLimited && d < PARTS && count[d] + weight(place) > LIMIT ->
          isRefused = true;
          assert(total + weight(place) > LIMIT);
          release(l);
          break
       :: else ->
          atomic {
              assert((inFlight & place) == 0);
              assert(!isClosed);
              assert(!isTicketed || place != LOWER);
              root[d] = root[d] + place;
              count[d] = count[d] + weight(place);
              total = total + weight(place);
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
             :: k != 0 -> value = root[part(place, k)]; break
             :: else
             fi
          fi
       od;
       assert((value & (BITS * place)) != 0 || isClosing)
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

/* With a hint at the first place, which has no effect. */
proctype Placement() {
    byte d, l, k, value, place;
#ifdef PLACED_IN_PART
    lockPlace(LOWER, d, l, k);
#else
    lockWhole(d, k);
    l = 0;
#endif
    value = root[d];
    place = (d >= PARTS -> LOWER : (value < UPPER -> UPPER : ((value & (BITS * MIDDLE)) == 0 -> MIDDLE : LOWER)));
    atomic {
        assert(place == UPPER || now >= UPPER);
        assert(place != LOWER || (now & (BITS * MIDDLE)) != 0);
        root[d] = root[d] + place;
        published(place)
    }
    release(l);
    ended++
}

proctype End() {
    byte d, k;
    lockWhole(d, k);
#ifndef CLOSED_LATE
    isClosing = true;
#endif
    atomic { root[d] = 0; now = 0; isClosed = true };
#ifdef CLOSED_LATE
    isClosing = true;
#endif
    release(0);
    ended++
}

proctype WithTicket() {
    byte d, l, k;
    lockPlace(LOWER, d, l, k);
    atomic { ticket[d] = LOWER; isTicketed = true };
    release(l);
    lockPlace(LOWER, d, l, k);
    atomic { root[d] = root[d] + LOWER; published(LOWER); ticket[d] = 0; isTicketed = false };
    release(l);
    ended++
}

/* An operation that removes pages, which a fork may be copying. */
proctype Retiring(byte place) {
    byte d, l, k;
    bool hasNoted, isAfter;
    lockPlace(place, d, l, k);
    hasNoted = isCopying;
    atomic { root[d] = root[d] + place; published(place); isAfter = isCopying };
    release(l);
    if
    :: hasNoted -> (!isCopying)
    :: else
    fi;
    assert(!isAfter || !isCopying);
    ended++
}

proctype Fork() {
    byte d, k;
#ifdef FORK_IN_PARTS
    acquire(0);
#else
    lockWhole(d, k);
#endif
    isCopying = true;
    release(0);
    acquire(0);
#ifndef FORK_IN_PARTS
    assert(!dead[whole]);
#endif
    isCopying = false;
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
    byte k, lower, middle, upper, first, i;
    bool isFound;
    first = instants - 1;
    do
    :: k = tree;
       if
       :: k != 0 -> lower = root[k]; middle = 0; upper = 0; break
       :: else ->
          k = parts;
          if
          :: k == 0
          :: else ->
             lower = root[k];
             middle = root[k + 1];
             upper = root[k + 2];
#ifdef READ_ONCE
             break
#else
             if
             :: lower != root[k]
             :: else ->
                if
                :: middle != root[k + 1]
                :: else ->
                   if
                   :: upper == root[k + 2] -> break
                   :: else
                   fi
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
        :: else -> isFound = isFound || history[i] == lower + middle + upper; i++
        od;
        assert(isFound)
    };
    ended++
}

proctype Divider() {
    byte times, growth, i;
    do
    :: times == divisions -> break
    :: else ->
       times++;
       acquire(0);
       if
       :: dead[whole]
#ifndef FLIGHT_ACROSS
       :: !dead[whole] && flight[whole] != 0
#endif
#ifndef DIVIDED_AT_END
       :: !dead[whole] && isClosing
#endif
#ifndef DIVIDED_COPYING
       :: !dead[whole] && isCopying
#endif
       :: else ->
          atomic {
              growth = (isLimited -> (LIMIT - count[whole]) / 3 : 4);
              root[made] = root[whole] & BITS;
              root[made + 1] = root[whole] & (BITS * MIDDLE);
              root[made + 2] = root[whole] & (BITS * UPPER);
              /* A part has the operations in flight that begin in it, and the ticket, which is for the lower place. */
              flight[made] = flight[whole];
#ifndef TICKET_LOST
              ticket[made] = ticket[whole];
#endif
              i = made;
              do
              :: i == made + 3 -> break
              :: else ->
                 began[i] = count[whole] + 2 * growth;
                 count[i] = began[i];
#ifdef CAP_TWICE
                 cap[i] = began[i] + 3 * growth;
#else
                 cap[i] = began[i] + growth;
#endif
                 i++
              od;
              count[wholes] = count[whole];
              i = 0
          }
          parts = made;
          tree = 0;
          atomic { dead[whole] = true; dead[wholes] = true; whole = wholes; wholes++; made = made + 3 }
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
        :: divisions = 2;
           run One(LOWER); run One(UPPER); run Divider(); run InFlight(); processes = 4
        :: isLimited = true;
           run One(LOWER); run One(MIDDLE); run One(UPPER); run Divider(); processes = 4
        :: run One(LOWER); run One(UPPER); run Divider(); run Placement(); processes = 4
        :: run One(LOWER); run One(UPPER); run Divider(); run End(); processes = 4
        :: run One(LOWER); run One(UPPER); run Divider(); run WithTicket(); processes = 4
        :: run Retiring(LOWER); run Retiring(UPPER); run Divider(); run Fork(); processes = 4
        fi
    }
    atomic {
        ended == processes;
        if
        :: tree != 0 -> assert(now == root[tree])
        :: else -> assert(now == root[parts] + root[parts + 1] + root[parts + 2])
        fi;
        assert(!isLimited || total <= LIMIT)
    }
}
