/* SPDX-License-Identifier: Apache-2.0
 *
 * A restore, beside two CPUs that store in order, and beside a thread that removes a page (SpaceCheckpoint.putBack,
 * Cut, CheckpointLog, Faulter, CpuTlb.find, TlbGather.take). The cut of the checkpoint is in checkpoint.pml.
 *
 * Two pages of private memory, x and y, that a checkpoint has. A CPU stores to x. Another one, once it has seen that,
 * stores to y: through a translation from before, or through a pin. When the restore begins, y has changed since the
 * checkpoint. So has x, which may be empty by now; or it has not changed, and the store copies it. Another thread may
 * discard x in a way for which no cut waits, as one does that punches a hole in a file. Stated as assertions, and as
 * the absence of a deadlock:
 *
 *   I6  if the store to y is undone, so is the store to x: the restore happens at one instant
 *       when the restore returns, each page that had a record is that of the checkpoint, unless it was discarded since
 *       a restore that fails undoes no store
 *   I2  no store changes a page that the checkpoint has: the next restore returns to the same memory
 *   I3  no store is made to a free frame, also not through a pin
 *       each frame has one owner, an entry or a record; no frame is dropped twice, none is lost
 *
 * Each name below that may be defined removes one rule.
 *
 *   NO_SECTION           faults do not wait for the restore
 *   SECTION_ENDS_EARLY   the section ends before the flush is acknowledged
 *   WAITS_IN_GUEST       a fault waits for the section in GUEST
 *   RECORDS_READ_EARLY   the restore reads what has records before the section begins
 *   NOT_CLAIMED          the restore does not claim the entries before its flush
 *   NO_FLUSH             the restore does not wait for the CPUs in GUEST
 *   CLAIMS_BUSY          the restore takes an entry over that is busy for a copy
 *   CURRENT_EPOCH        an entry that is put back gets the current epoch
 *   RECORD_LEFT          the record stays when the entry has its page
 *   MISSED               a page whose entry another thread has taken over is not put back
 *   PAGE_LEFT            the page of the run that was in an entry is not dropped
 *   PINS_READ_EARLY      the restore looks for pins only before it claims the entries
 *   CLAIMS_LEFT          a restore that fails leaves its claims
 *
 * States: 1473151
 */
#define NONE 0
#define NO_RECORD 15
#define FRAMES 9
#define X 0
#define Y 1
#define COPY 1
#define RESTORE 2

bool leafLocked;

byte entry[2];             /* the frame of each page */
byte busy[2];              /* who has claimed the entry: COPY or RESTORE */
byte epochOf[2];           /* the epoch of the entry; the current one is 1 */
byte record[2] = NO_RECORD;
byte uses[FRAMES];
bool stored[FRAMES];       /* whether the store has been made to the frame */

bool section;              /* faults wait */
bool restored;
bool refused;
bool discarded;            /* x was discarded after it was put back, or had no record */

byte generation = 1;
bool guest[2];
byte flushed[2] = 1;
byte tlb[2];               /* frames of translations with the right to write */
byte pins;
bool done[2];              /* the store was made */

#define HAS(page) (record[page] != NO_RECORD -> record[page] : entry[page])

inline lockLeaf() { atomic { !leafLocked -> leafLocked = true } }
inline unlockLeaf() { leafLocked = false }
inline flush(goal) {
    atomic { generation++; goal = generation }
    (!guest[0] || flushed[0] >= goal);
    (!guest[1] || flushed[1] >= goal);
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
inline readRecords() {
    atomic {
        puts[X] = record[X] != NO_RECORD;
        puts[Y] = record[Y] != NO_RECORD
    }
}

inline claim(page) {
    do
    :: lockLeaf();
        atomic {
            if
#ifndef CLAIMS_BUSY
            :: busy[page] == COPY -> unlockLeaf()
            :: busy[page] != COPY ->
#else
            :: true ->
#endif
                before[page] = entry[page];
                if
                :: entry[page] != NONE -> busy[page] = RESTORE
                :: else
                fi;
                unlockLeaf();
                break
            fi
        }
        (busy[page] != COPY)
    od
}

/* Stores the recorded entry, unless another thread has taken the entry over. */
inline putBack(page) {
    lockLeaf();
    atomic {
        if
#ifdef NOT_CLAIMED
        :: entry[page] == before[page] ->
#else
        :: (before[page] == NONE && entry[page] == NONE) || busy[page] == RESTORE ->
#endif
            busy[page] = NONE;
            was[page] = record[page];
            entry[page] = was[page];
#ifdef CURRENT_EPOCH
            epochOf[page] = 1;
#else
            epochOf[page] = 0;
#endif
#ifndef RECORD_LEFT
            record[page] = NO_RECORD
#endif
        :: else -> before[page] = NONE; isMissed = true
        fi
    }
    unlockLeaf()
}

/* Returns an entry to the thread that had it. */
inline settle(page) {
    lockLeaf();
    atomic {
        if
#ifndef CLAIMS_LEFT
        :: busy[page] == RESTORE -> busy[page] = NONE
#endif
        :: else
        fi
    }
    unlockLeaf()
}

proctype Restore() {
    byte goal, page;
    byte before[2], was[2];
    bool puts[2];
    bool isMissed;
#ifdef RECORDS_READ_EARLY
    readRecords();
#endif
#ifndef NO_SECTION
    section = true;
#endif
    checkNotPinned();
    if
    :: refused -> goto end
    :: else
    fi;
#ifndef RECORDS_READ_EARLY
    readRecords();
#endif
    do
    :: page == 2 -> break
    :: page < 2 && !puts[page] -> page++
    :: page < 2 && puts[page] ->
#ifdef NOT_CLAIMED
        (busy[page] != COPY);
        before[page] = entry[page];
#else
        claim(page);
#endif
        page++
    od;
#ifdef SECTION_ENDS_EARLY
    section = false;
#endif
#ifndef NO_FLUSH
    flush(goal);
#endif
#ifndef PINS_READ_EARLY
    checkNotPinned();
#endif
    page = 0;
    do
    :: page == 2 -> break
    :: page < 2 && !puts[page] -> page++
    :: page < 2 && puts[page] && refused -> settle(page); page++
    :: page < 2 && puts[page] && !refused ->
        putBack(page);
        if
        :: isMissed ->
            isMissed = false;
#ifndef MISSED
            /* Once the other thread has emptied it. */
            lockLeaf();
            assert(entry[page] == NONE);
            atomic {
                was[page] = record[page];
                entry[page] = was[page];
                epochOf[page] = 0;
                record[page] = NO_RECORD
            }
            unlockLeaf()
#endif
        :: else
        fi;
        page++
    od;
    /* The flush was acknowledged. Only then are the pages free. */
    if
    :: !refused ->
#ifndef PAGE_LEFT
        page = 0;
        do
        :: page == 2 -> break
        :: page < 2 && before[page] == NONE -> page++
        :: page < 2 && before[page] != NONE -> drop(before[page]); page++
        od;
#endif
        atomic {
            restored = true;
            assert(!puts[Y] || entry[Y] == 3);
            assert(!puts[X] || discarded || entry[X] == 1)
        }
    :: else
    fi;
end:
    section = false
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

/* Records a page that a fault changes. */
inline change(page, value) {
    if
    :: record[page] == NO_RECORD -> record[page] = value; added = true
    :: else
    fi
}

/* A fault for a store to a page, at an entry that does not give the right to write. The CPU is in GUEST. */
inline fault() {
#ifdef WAITS_IN_GUEST
    (!section);
#endif
    guest[me] = false;
    (!section && !busy[me]);
    lockLeaf();
    atomic {
        if
        :: section || busy[me]
        :: !section && !busy[me] && entry[me] == NONE ->
            change(me, NONE);
            allocate();
            entry[me] = fresh;
            epochOf[me] = 1
        :: !section && !busy[me] && entry[me] != NONE && epochOf[me] == 0 ->
            old = entry[me];
            change(me, old);
            busy[me] = COPY;
            copies = true
        :: else
        fi
    }
    unlockLeaf();
    if
    :: copies ->
        flush(goal);
        atomic {
            if
            :: busy[me] == COPY -> allocate(); stored[fresh] = stored[old]
            :: else -> copies = false
            fi
        }
        atomic {
            if
            :: copies && busy[me] == COPY ->
                busy[me] = NONE;
                entry[me] = fresh;
                epochOf[me] = 1;
                if
                :: !added -> drop(old)
                :: else
                fi
            :: copies && busy[me] != COPY -> drop(fresh)
            :: else
            fi
        }
    :: else
    fi;
    atomic {
        old = 0;
        fresh = 0;
        added = false;
        copies = false
    }
}

inline store(frame) {
    atomic {
        assert(uses[frame] > 0);
        assert(HAS(me) != frame || record[me] != NO_RECORD);
        assert(record[me] != frame);
        stored[frame] = true;
        done[me] = true
    }
}

proctype Cpu(byte me) {
    byte seen, goal, old, fresh, found, allocated;
    bool added, copies, pinned, current;
    enter();
    if
    :: me == Y ->
        /* A pin of a page that can be written. */
        if
        :: tlb[me] != NONE ->
            pins++;
            atomic {
                found = entry[me];
                pinned = !busy[me] && epochOf[me] == 1
            }
            if
            :: !pinned -> pins--
            :: else
            fi;
            guest[me] = false;
            if
            :: pinned -> (done[X]); store(found); pins--; goto end
            :: else -> enter()
            fi
        :: skip
        fi;
        found = 0;
        /* Waits in GUEST for the store to x. */
        do
        :: done[X] -> break
        :: generation != flushed[me] -> catchUp()
        od
    :: else
    fi;
    do
    :: tlb[me] != NONE ->
        if
        :: store(tlb[me]); break
        :: generation != flushed[me] -> catchUp()
        fi
    :: tlb[me] == NONE ->
        atomic {
            found = (busy[me] -> NONE : entry[me]);
            current = epochOf[me] == 1
        }
        if
        :: found != NONE && current -> tlb[me] = found; found = 0; current = false
        :: found == NONE || !current -> found = 0; current = false; fault(); enter()
        fi
    od;
    guest[me] = false;
end:
    tlb[me] = NONE
}

proctype Discard() {
    byte goal, old;
    bool kept;
    lockLeaf();
    atomic {
        old = entry[X];
        entry[X] = NONE;
        busy[X] = NONE;
        if
        :: old != NONE && record[X] == NO_RECORD -> record[X] = old; kept = true; discarded = true
        :: old != NONE && record[X] != NO_RECORD -> kept = (record[X] == old)
        :: else
        fi
    }
    unlockLeaf();
    flush(goal);
    if
    :: old != NONE && !kept -> drop(old)
    :: else
    fi
}

#define OWNERS(frame) ((entry[X] == frame) + (entry[Y] == frame) + (record[X] == frame) + (record[Y] == frame))

init {
    byte frame = 1;
    bool discards;
    atomic {
        uses[1] = 1;
        uses[3] = 1;
        record[Y] = 3;
        entry[Y] = 4;
        uses[4] = 1;
        epochOf[Y] = 1;
        tlb[Y] = 4;
        if
        :: record[X] = 1; entry[X] = 2; uses[2] = 1; epochOf[X] = 1; tlb[X] = 2
        :: record[X] = 1
        :: entry[X] = 1
        fi;
        if
        :: true
        :: discards = true; run Discard()
        fi;
        run Restore();
        run Cpu(X);
        run Cpu(Y)
    }
    (_nr_pr == 1);
    assert(HAS(X) == 1 && HAS(Y) == 3 && !stored[1] && !stored[3]);
    assert(!restored || discards || !stored[entry[X]] || stored[entry[Y]]);
    assert(restored || stored[entry[Y]]);
    assert(restored || discards || stored[entry[X]]);
    do
    :: frame == FRAMES -> break
    :: else -> assert(uses[frame] == OWNERS(frame)); assert(uses[frame] <= 1); frame++
    od
}
