/* SPDX-License-Identifier: Apache-2.0
 *
 * A checkpoint, beside two CPUs that store in order, and beside a thread that removes a page (P49, P50, P52, P54;
 * SpaceCheckpoint, Cut, CheckpointLog, PageTable.beginEpoch, Faulter, CpuTlb.find, TlbGather.take).
 *
 * Two pages of private memory, x and y. A CPU stores to x. Another one, once it has seen that, stores to y: through a
 * translation from before, or through a pin. There may be an older checkpoint. Then x is absent, older than that
 * checkpoint, or already copied since, and the checkpoint of the model is the second one. Without an older checkpoint,
 * x may be a page that no checkpoint needs any more. Another thread unmaps x by a call; or it discards x in a way for
 * which no cut waits, as a callback of a retirement may; or it makes an entry present again that is busy for a copy,
 * as a call does that takes rights. Stated as assertions, and as the absence of a deadlock:
 *
 *   I6  a checkpoint that has the store to y has the store to x, or the call that unmapped x: it has the memory of one
 *       instant. (Not if a callback took part.)
 *   I2  after a checkpoint has returned, no store changes a page that it has
 *       a checkpoint keeps its contents, also the older one
 *   I3  no store is made to a free frame
 *       each frame has one owner, an entry or a record; no frame is dropped twice, none is lost
 *       a checkpoint without the mapping of x has no record of x
 *
 * Each name below that may be defined removes one rule.
 *
 *   NO_SECTION           faults do not wait for the checkpoint
 *   FIRST_PASSES         only faults that copy wait, and first touches do not
 *   SECTION_ENDS_EARLY   the section ends before the flush is acknowledged
 *   SECTION_READ_FIRST   a fault looks for the section before it reads the epoch
 *   WAITS_IN_GUEST       a fault waits for the section in GUEST
 *   EPOCH_LATE           a fault stores the epoch of the instant of its change, and not the one that it read before
 *   REUSE_DECIDED_EARLY  a fault decides without the lock of the leaf that no checkpoint needs the page
 *   WALK_WITHOUT_EPOCH   a walk takes an older entry for a writable one
 *   EPOCH_AFTER_REQUEST  the epoch begins after the generation has advanced
 *   LOG_AFTER_EPOCH      the new log is set after the epoch has begun
 *   UNSEALED_EARLY       the new log gets records before the epoch has begun
 *   NO_FLUSH             the checkpoint does not wait for the CPUs in GUEST
 *   NO_WAIT_FOR_CUT      an operation does not wait for the cut before it publishes
 *   NO_WAIT_FOR_RANGE    the cut does not wait for operations that were in flight at its instant
 *   REMOVED_UNLOGGED     a removed page does not go into the log
 *   COPIER_DROPS         a copy drops the page that its record keeps
 *   TAKER_DROPS          a thread that takes over a busy entry drops the page that its record keeps
 *   OLDER_UNASKED        such a thread does not look for that record in older logs
 *   OLDER_KEEPS          such a thread leaves that record in the older log, so that the youngest checkpoint has no page
 *   LOGGED_TWICE         a page that has a record gets another one
 *   NOT_UNDONE           the record of a copy stays when another thread makes the entry present again
 *   REBUILT_CURRENT      such an entry gets the current epoch
 *   PIN_COUNTED_LATE     a pin is counted after the entry was read
 *   PINS_READ_EARLY      the checkpoint looks for pins before its flush
 *
 * States: 9967828
 */
#define NONE 0
#define NO_RECORD 15
#define FRAMES 9
#define X 0
#define Y 1
#define REC(log, page) record[2 * (log) + (page)]

bool locked;               /* the layout lock */
bool leafLocked;

byte entry[2];             /* the frame of each page */
bool busy[2];              /* the entry is busy for a copy */
byte epochOf[2];           /* the epoch of the entry */
byte uses[FRAMES];
bool stored[FRAMES];       /* whether the store has been made to the frame */

byte epoch = 1;
byte youngest;             /* the log of the youngest checkpoint: NONE, 1 of the older one, 2 */
bool sealed[3];
byte record[6] = NO_RECORD;
bool hasOlder;             /* there is an older checkpoint */
byte atOlder;              /* what it has of x */

bool mapped = true;        /* the layout: whether x is mapped */
bool copying;              /* the cut is registered */
bool section;              /* faults wait */
bool inFlight;             /* the operation */
bool returned;             /* the operation has returned */

bool without;              /* the layout of the checkpoint: x is not mapped */
bool taken;
byte atTaken;              /* what the checkpoint has of x: 0 if it is absent, 1, or 2 with the store */

byte generation = 1;
bool guest[2];
byte flushed[2] = 1;
byte tlb[2];               /* frames of translations with the right to write */
byte pins;
bool done;                 /* the store to x was made */
bool callback;             /* the fault at x is one of a callback, or the page is discarded there */

#define HAS(page) (REC(2, page) != NO_RECORD -> REC(2, page) : entry[page])
#define CONTENTS (HAS(X) == NONE -> 0 : 1 + stored[HAS(X)])
#define OLDER_HAS(page) (REC(1, page) != NO_RECORD -> REC(1, page) : HAS(page))

inline lock() { atomic { !locked -> locked = true } }
inline unlock() { locked = false }
inline lockLeaf() { atomic { !leafLocked -> leafLocked = true } }
inline unlockLeaf() { leafLocked = false }
inline awaitFlush(goal) {
    (!guest[0] || flushed[0] >= goal);
    (!guest[1] || flushed[1] >= goal)
}
inline flush(goal) {
    atomic { generation++; goal = generation }
    awaitFlush(goal);
    goal = 0
}
inline drop(frame) {
    atomic { assert(uses[frame] > 0); uses[frame]-- }
}

inline checkNotPinned() {
    if
    :: pins != 0 -> refused = true
    :: else
    fi
}

proctype Checkpoint() {
    byte goal;
    bool earlier, refused;
    /* The instant. */
    atomic {
        !locked;
        without = !mapped;
        earlier = inFlight;
        copying = true
    }
#ifndef NO_WAIT_FOR_RANGE
    (!earlier || !inFlight);
#endif
#ifndef NO_SECTION
    atomic { !locked -> section = true }
#endif
#ifdef PINS_READ_EARLY
    checkNotPinned();
#endif
#ifdef EPOCH_AFTER_REQUEST
    atomic { generation++; goal = generation }
#endif
    sealed[1] = true;
#ifdef LOG_AFTER_EPOCH
    epoch = 2;
    youngest = 2;
#else
    youngest = 2;
    epoch = 2;
#endif
    sealed[2] = false;
#ifdef SECTION_ENDS_EARLY
    section = false;
#endif
#ifndef NO_FLUSH
#ifdef EPOCH_AFTER_REQUEST
    awaitFlush(goal);
    goal = 0;
#else
    flush(goal);
#endif
#endif
    atomic {
#ifndef PINS_READ_EARLY
        checkNotPinned();
#endif
        taken = !refused;
        atTaken = CONTENTS
    }
    atomic { !locked -> copying = false; section = false }
}

/* Records a page that a fault changes. */
inline change(log, page, value, added, again) {
    atomic {
        if
        :: log == NONE
        :: else ->
            if
            :: sealed[log] -> again = true
#ifdef LOGGED_TWICE
            :: !sealed[log] -> REC(log, page) = value; added = true
#else
            :: !sealed[log] && REC(log, page) == NO_RECORD -> REC(log, page) = value; added = true
            :: else
#endif
            fi
        fi
    }
}

inline enter() {
    guest[me] = true;
    catchUp()
}

inline catchUp() {
    seen = generation;
    atomic {
        if
        :: seen != flushed[me] -> tlb[me] = NONE
        :: else
        fi;
        flushed[me] = seen;
        seen = 0
    }
}

inline allocate() {
    fresh = (me == X -> 5 + allocated : 8);
    allocated++;
    uses[fresh] = 1
}

#ifdef EPOCH_LATE
#define EPOCH epoch
#else
#define EPOCH known
#endif

/* A fault for a store to a page, at an entry that does not give the right to write. The CPU is in GUEST. */
inline fault() {
#ifdef WAITS_IN_GUEST
    (!section);
#endif
    guest[me] = false;
    /* Waits, and makes an attempt. */
    atomic { (!section || (callback && me == X)) -> reuses = (youngest == NONE) }
    lockLeaf();
#ifdef SECTION_READ_FIRST
    again = section && !(callback && me == X);
    known = epoch;
#else
    known = epoch;
#ifdef FIRST_PASSES
    again = section && !(callback && me == X) && entry[me] != NONE;
#else
    again = section && !(callback && me == X);
#endif
#endif
    if
    :: again
    :: !again && me == X && !mapped -> failed = true
    :: !again && (me == Y || mapped) ->
        log = youngest;
        if
        :: entry[me] == NONE ->
            change(log, me, NONE, added, again);
            atomic {
                if
                :: !again && entry[me] == NONE ->
                    allocate();
                    entry[me] = fresh;
                    epochOf[me] = EPOCH
                :: else
                fi
            }
        :: entry[me] != NONE && epochOf[me] == known
        :: entry[me] != NONE && epochOf[me] != known ->
#ifndef REUSE_DECIDED_EARLY
            reuses = (log == NONE);
#endif
            if
            :: reuses -> epochOf[me] = EPOCH
            :: else ->
                atomic { old = entry[me]; change(log, me, old, added, again) }
                if
                :: again
                :: else ->
                    /* Claims the entry. The epoch is the one of this instant. */
                    busy[me] = true;
                    known = EPOCH;
                    copies = true
                fi
            fi
        fi
    fi;
    unlockLeaf();
    if
    :: copies ->
        flush(goal);
        atomic {
            /* Read in a reader section, as long as the entry is busy. */
            if
            :: busy[me] -> allocate(); stored[fresh] = stored[old]
            :: else -> copies = false
            fi
        }
        atomic {
            if
            :: copies && busy[me] ->
                busy[me] = false;
                entry[me] = fresh;
                epochOf[me] = known;
#ifndef COPIER_DROPS
                if
                :: !added -> drop(old)
                :: else
                fi
#else
                drop(old)
#endif
            :: copies && !busy[me] -> drop(fresh)
            :: else
            fi
        }
    :: else
    fi;
    atomic {
        old = 0;
        fresh = 0;
        log = 0;
        known = 0;
        added = false;
        again = false;
        copies = false;
        reuses = false
    }
}

inline store(frame) {
    atomic {
        assert(uses[frame] > 0);
        assert(!taken || HAS(me) != frame);
        assert(!hasOlder || OLDER_HAS(me) != frame);
        stored[frame] = true;
        if
        :: me == X -> done = true
        :: else
        fi
    }
}

proctype Cpu(byte me) {
    byte seen, goal, old, fresh, log, known, found, allocated;
    bool added, again, copies, reuses, failed, pinned;
    enter();
    if
    :: me == Y ->
        /* A pin of a page that can be written. */
        if
        :: tlb[me] != NONE ->
#ifdef PIN_COUNTED_LATE
            atomic {
                found = entry[me];
                pinned = !busy[me] && epochOf[me] == epoch
            }
            guest[me] = false;
            if
            :: pinned -> pins++
            :: else
            fi;
#else
            pins++;
            atomic {
                found = entry[me];
                pinned = !busy[me] && epochOf[me] == epoch
            }
            if
            :: !pinned -> pins--
            :: else
            fi;
            guest[me] = false;
#endif
            if
            :: pinned -> (done || returned); store(found); pins--; goto end
            :: else -> enter()
            fi
        :: skip
        fi;
        found = 0;
        /* Waits in GUEST for the store to x. */
        do
        :: done || returned -> break
        :: generation != flushed[me] -> catchUp()
        od
    :: else
    fi;
    do
    :: failed -> break
    :: !failed && tlb[me] != NONE ->
        if
        :: store(tlb[me]); break
        :: generation != flushed[me] -> catchUp()
        fi
    :: !failed && tlb[me] == NONE ->
        atomic {
            found = (busy[me] -> NONE : entry[me]);
            known = epochOf[me]
        }
        if
#ifdef WALK_WITHOUT_EPOCH
        :: found != NONE -> tlb[me] = found; found = 0; known = 0
        :: found == NONE -> found = 0; known = 0; fault(); enter()
#else
        :: found != NONE && known == epoch -> tlb[me] = found; found = 0; known = 0
        :: found == NONE || known != epoch -> found = 0; known = 0; fault(); enter()
#endif
        fi
    od;
    guest[me] = false;
end:
    tlb[me] = NONE
}

/* Decides who has the page of a removed entry. */
inline keeps() {
    kept = false;
#ifndef REMOVED_UNLOGGED
    do
    :: log = youngest;
        atomic {
            if
            :: log == NONE -> break
            :: log != NONE && sealed[log]
            :: log != NONE && !sealed[log] && REC(log, X) != NO_RECORD ->
#ifndef TAKER_DROPS
                kept = (REC(log, X) == old);
#endif
                break
            :: log != NONE && !sealed[log] && REC(log, X) == NO_RECORD ->
#ifndef OLDER_UNASKED
                if
                :: log == 2 && wasBusy && REC(1, X) == old -> kept = true; REC(1, X) = NO_RECORD
                :: else
                fi;
#endif
#ifdef OLDER_KEEPS
                if
                :: kept -> REC(1, X) = old
                :: else -> REC(log, X) = old
                fi;
#else
                REC(log, X) = old;
#endif
                kept = true;
                break
            fi
        }
    od;
    log = 0;
#endif
}

inline remove() {
    lockLeaf();
    atomic {
        old = entry[X];
        wasBusy = busy[X];
        entry[X] = NONE;
        busy[X] = false
    }
    if
    :: old != NONE -> keeps()
    :: else
    fi;
    unlockLeaf();
    flush(goal);
    if
    :: old != NONE && !kept -> drop(old)
    :: else
    fi
}

proctype Unmap() {
    byte goal, old, log;
    bool wasBusy, kept;
#ifdef NO_WAIT_FOR_CUT
    atomic { !locked -> mapped = false; inFlight = true }
#else
    atomic { !locked && !copying -> mapped = false; inFlight = true }
#endif
    remove();
    atomic { !locked -> inFlight = false; returned = true }
}

proctype Discard() {
    byte goal, old, log;
    bool wasBusy, kept;
    remove()
}

/* Makes a busy entry present again. */
proctype Narrow() {
    lockLeaf();
    if
    :: busy[X] ->
        atomic {
            busy[X] = false;
#ifdef REBUILT_CURRENT
            epochOf[X] = epoch
#else
            epochOf[X] = 0
#endif
        }
#ifndef NOT_UNDONE
        atomic {
            if
            :: REC(2, X) == entry[X] -> REC(2, X) = NO_RECORD
            :: else
            fi;
            if
            :: REC(1, X) == entry[X] -> REC(1, X) = NO_RECORD
            :: else
            fi
        }
#endif
    :: else
    fi;
    unlockLeaf()
}

#define OWNERS(frame) ((entry[X] == frame) + (entry[Y] == frame) + (REC(1, X) == frame) + (REC(1, Y) == frame) \
    + (REC(2, X) == frame) + (REC(2, Y) == frame))

init {
    byte frame = 1;
    atomic {
        entry[Y] = 2;
        uses[2] = 1;
        epochOf[Y] = 1;
        tlb[Y] = 2;
#ifdef UNSEALED_EARLY
        sealed[2] = false;
#else
        sealed[2] = true;
#endif
        if
        :: hasOlder = true;
            youngest = 1;
            REC(1, Y) = 4;
            uses[4] = 1
        :: true
        fi;
        if
        :: true
        :: entry[X] = 1; uses[1] = 1; atOlder = 1
        :: hasOlder -> entry[X] = 1; uses[1] = 1; epochOf[X] = 1; REC(1, X) = 3; uses[3] = 1; atOlder = 3
        fi;
        if
        :: true
        :: run Unmap()
        :: callback = true; run Discard()
        :: callback = true
        :: run Narrow()
        fi;
        run Checkpoint();
        run Cpu(X);
        run Cpu(Y)
    }
    (_nr_pr == 1);
    assert(!taken || callback || !stored[HAS(Y)] || without || (HAS(X) != NONE && stored[HAS(X)]));
    assert(!taken || atTaken == 0 || atTaken == CONTENTS);
    assert(!taken || !without || REC(2, X) == NO_RECORD);
    assert(!hasOlder || (OLDER_HAS(X) == atOlder && OLDER_HAS(Y) == 4));
    do
    :: frame == FRAMES -> break
    :: else -> assert(uses[frame] == OWNERS(frame)); assert(uses[frame] <= 1); frame++
    od
}
