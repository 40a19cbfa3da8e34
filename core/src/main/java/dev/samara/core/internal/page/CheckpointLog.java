// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.page;

import dev.samara.core.internal.page.Frames.Magazine;
import dev.samara.core.internal.page.PageTable.TableBudget;
import dev.samara.core.internal.sync.SpinLock;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.MmException;
import dev.samara.core.vma.VmaFlags;
import dev.samara.maple.Snapshot;
import java.util.Arrays;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The pages of a space that have changed since a checkpoint, each with its entry at the instant of the checkpoint.
 * Thread-safe.
 *
 * <p>A page has at most one record. Threads add records under the lock of the page's leaf, before the entry changes.
 */
public final class CheckpointLog extends SpinLock {
    /*
     * Notes. Who owns a frame.
     *
     * 1. A record is added for the first change of a page: a fault that fills an empty entry or copies a page (change),
     *    and a thread that removes a private page (keeps). Whether a page has a record is looked up here, so that an
     *    entry whose epoch is not known, e.g. a busy one, needs no mark.
     *
     * 2. The record of a private page owns the page's frame as soon as the entry does not refer to it any more. A copy
     *    adds its record when it claims the entry, so that no other thread finds the copy without a record. While the
     *    entry is busy, both refer to the frame. Then
     *      - the copy is stored: the frame belongs to the record, so the fault does not drop it;
     *      - or the claim is undone: the fault removes its record under the same hold of the leaf's lock (undo);
     *      - or another thread takes the busy entry over and asks keeps, which finds the frame in the record: the
     *        frame belongs to the record, and the fault, whose claim is gone, leaves the record;
     *      - or another thread makes the entry present again, because it narrows the rights (undone): it removes the
     *        record under the same hold of the leaf's lock.
     *    So the record of a page whose entry is not busy has a frame of its own, or counts as a mapping of the frame: a
     *    page that is moved leaves a record at its old address, which shares the frame with the entry at the new one
     *    (moved).
     *
     * 3. Only the log of the youngest checkpoint gets records. When a younger checkpoint is made, the log is sealed: a
     *    thread that found it before starts over with the log that the page table has now. So a record is of the
     *    youngest log at the instant when it is added. A log that is to be closed is frozen first, and gets no record
     *    of a fault from then on. Then the thread that closes it waits for the owners of the busy entries among its
     *    pages. After that, no entry and record refer to the same frame, and the records may move to another log. A new
     *    log is sealed until its epoch has begun: otherwise a page could be recorded, and then be stored to before
     *    the checkpoint's instant.
     *
     * 4. While an entry is busy for a copy, a younger log may have taken the place of the one with the record. Then the
     *    page has not changed between the two checkpoints, and the younger one has it, too. So a thread that takes the
     *    entry over moves the record to the younger log (keeps), as if the copy had not begun. A younger log that is
     *    lost leaves the record where it is.
     *
     * 5. Without memory, frames are taken from the records (KeptPages). A droppable page may be lost at any time, so
     *    its record then says that it was empty; and if it is dropped from its entry, it is not kept, but recorded as
     *    empty (drops). A reap makes the logs lost before it takes their frames.
     *
     * 6. A page at an address that the checkpoint did not map needs no record: a restore unmaps the address, and frees
     *    its pages. But the record of a page also serves the older checkpoints, to whose logs it may move. One of them
     *    may have mapped the address, while the checkpoint did not; then a restore of the older one may leave the page
     *    in its place, if the same memory was mapped there again (OldLayout). So a page gets a record if the checkpoint
     *    or an older one had mapped its address (isMapped), and a record moves to an older log by the same rule. The
     *    record of an address whose VMA was replaced since may be of no use; there is at most one for each page of a
     *    checkpoint's layout.
     *
     * 7. A fault that finds no room for a record fails as without a page table. An operation that removes pages,
     *    e.g. munmap, must not fail once it has begun. So before it is published, it reserves room for the records that
     *    it may need, or is refused (Room). Faults do not use up what is reserved. Between the count and the
     *    publication, other threads may fault in pages of a move's source, whose targets were not counted, or restore
     *    pages, which then have no record any more. Such records are added beyond the limit, as the tables of moved
     *    pages are. No room is reserved for what must not fail: a truncation, a drop of droppable pages, and the
     *    records that a closed checkpoint leaves to an older one. Without room, they make the log lost.
     */

    /** A value of {@link #change} and {@link #keeps}: another log is the youngest, and this one gets no records. */
    public static final int SEALED = -2;

    /** In place of an entry: the page has no record. */
    public static final long NO_RECORD = -1;

    /** Not the number of a page. */
    public static final long NO_PAGE = -1;

    /** Marks the record of a moved page, whose frame counts it as a mapping. No present entry contains this bit. */
    private static final long MOVED = Pte.COPY;

    private static final int LEAST = 16;

    /** Clearing the whole index takes less time than to clear one place of so many, each found by its page. */
    private static final int MANY = 32;

    /** The bytes of a place for a record, with two places of the index. */
    private static final int BYTES = 2 * Long.BYTES + 2 * Integer.BYTES;

    /** More places than this are never reserved. */
    private static final int MOST = 1 << 28;

    private final TableBudget budget;
    private final int pageShift;

    /**
     * The log of the checkpoint before this one; null if there is none.
     *
     * <p>Written: a thread that makes a checkpoint or ends one, within a section (volatile).
     * Read: any thread (volatile).
     * Invariant: the next older log, or one that ended meanwhile and whose records moved to the next older one. A log
     *     that ended keeps the value.
     */
    public volatile @Nullable CheckpointLog older;

    /** What the checkpoint had mapped, and whether some of it is droppable. Set before other threads know this log. */
    private Snapshot<VmArea> mapped;

    private boolean hasDroppable;

    /*
     * Guarded by this lock. The records, in the order in which they were added: the numbers of pages, and their
     * entries, NONE for a page that was absent, the zero page, or of a cache. A record that was removed keeps its
     * place, with NO_RECORD, until all are removed, or the arrays are full. So a restore visits only the pages that
     * changed since the last one.
     */
    private long[] pages = {};
    private long[] entries = {};

    /** The number of places with a record, or with one that was removed. */
    private int used;

    /** The number of records. */
    private int live;

    /** The number of free places that are reserved by {@link Room}s: never more than there are behind the used ones. */
    private int reserved;

    /** The VMA of the checkpoint that contains the last address that was looked up; null if there is none. */
    private @Nullable VmArea lastMapped;

    /** A hash table with open addressing, of twice as many places: the place of a page's record plus one; 0 if free. */
    private int[] index = {};

    /** Whether this is not the log of the youngest checkpoint, or its epoch has not begun. */
    private boolean isSealed = true;

    /** Whether faults add no records, because the checkpoint is being closed. */
    private boolean isFrozen;

    /** Whether this log was uncharged for good. */
    private boolean isEnded;

    /** Whether a page had to be removed that could not be recorded. */
    private boolean isLost;

    /** The number of restores of the checkpoint, and of younger ones, which removed records. */
    private long restores;

    /** Whether a frame was taken over from a thread that may still be reading it. */
    private boolean needsGracePeriod;

    /** Creates an empty log of a space, which is charged to the budget of the machine. */
    public CheckpointLog(PageTable table, Snapshot<VmArea> mapped) {
        budget = table.budget;
        pageShift = table.pageShift;
        this.mapped = mapped;
    }

    /**
     * Sets what the checkpoint had mapped. Called before other threads know this log.
     *
     * @param hasDroppable whether some of it may be droppable
     */
    public void setMapped(Snapshot<VmArea> mapped, boolean hasDroppable) {
        this.mapped = mapped;
        this.hasDroppable = hasDroppable;
    }

    /**
     * Records the entry of a page that a fault is about to change, unless the page has a record.
     *
     * @param page the number of the page
     * @param before the entry, not busy
     * @return 1 if this added a record; 0 if the page has one or needs none, or this log is lost; -1 if there is no
     *     room for it; {@link #SEALED}
     */
    public int change(long page, long before) {
        return change(page, before, null);
    }

    private int change(long page, long before, @Nullable Room room) {
        lock();
        try {
            return isSealed || isFrozen ? SEALED : record(page, ofFault(before), room);
        } finally {
            unlock();
        }
    }

    /** Returns what is recorded for an entry that a fault changes. */
    private static long ofFault(long before) {
        // The zero page is put into an entry without a record, so the entry's mapping may be younger than the
        // checkpoint.
        return before == Pte.GUARD || (before & Pte.OWN) != 0 ? before : Pte.NONE;
    }

    private int record(long page, long value, @Nullable Room room) {
        if (find(page) != NO_RECORD || !isNeeded(page)) {
            return 0;
        }
        return add(page, value, room) ? 1 : -1;
    }

    /** Returns whether a page that has no record needs one before it changes. */
    private boolean isNeeded(long page) {
        return !isLost && isMapped(page);
    }

    /** Returns whether the checkpoint, or an older one, had mapped the address of a page (note 6). */
    private boolean isMapped(long page) {
        long address = page << pageShift;
        if (lastMapped != null && lastMapped.contains(address)) {
            return true;
        }
        lastMapped = mapped.get(address);
        boolean isFound = lastMapped != null;
        for (CheckpointLog each = older; !isFound && each != null; each = each.older) {
            isFound = each.mapped.get(address) != null;
        }
        return isFound;
    }

    /** Returns whether a page needs a record and has none. */
    public boolean lacks(long page) {
        lock();
        try {
            return find(page) == NO_RECORD && isNeeded(page);
        } finally {
            unlock();
        }
    }

    /** Removes the record that {@link #change} added, because the entry has its value again. */
    public void undo(long page, long before) {
        lock();
        try {
            int at = at(page);
            if (at >= 0 && entries[at] == ofFault(before)) {
                removeAt(at);
            }
        } finally {
            unlock();
        }
    }

    /**
     * Decides who owns the frame of a private page that the caller removed from its entry. Never fails: without room
     * for a record, this log is {@linkplain #isLost lost}.
     *
     * @param page the number of the page
     * @param pte the removed entry, present or busy
     * @param room the room that the caller has reserved for its records; null if there is none
     * @return 1 if a log keeps the frame; 0 if the caller owns it; {@link #SEALED}
     */
    public int keeps(long page, long pte, @Nullable Room room) {
        // Whether it was claimed for a copy is not known any more, if another thread took it over from the copy.
        boolean isBusy = Pte.isBusy(pte);
        lock();
        try {
            if (isSealed) {
                return SEALED;
            }
            long known = find(page);
            boolean isNew = known == NO_RECORD && isNeeded(page);
            boolean isKept = isNew ? tryAdd(page, pte, room) : isFrame(known, pte);
            isLost |= isNew && !isKept;
            needsGracePeriod |= isKept && isBusy;
            boolean isKeptBefore = false;
            for (CheckpointLog each = older; isBusy && each != null; each = each.older) {
                isKeptBefore |= each.hands(page, pte, isKept);
            }
            return isKept || isKeptBefore ? 1 : 0;
        } finally {
            unlock();
        }
    }

    /**
     * Returns whether the record of a page has the frame of a busy entry, which the caller has taken over.
     *
     * @param isMoved whether a younger log has a record of the frame by now, so that this one removes its own
     */
    private boolean hands(long page, long pte, boolean isMoved) {
        lock();
        try {
            int at = at(page);
            boolean isKept = at >= 0 && isFrame(entries[at], pte);
            if (isKept && isMoved) {
                removeAt(at);
            }
            needsGracePeriod |= isKept && !isMoved;
            return isKept;
        } finally {
            unlock();
        }
    }

    /** Returns whether a record and an entry that is, or was, busy for a copy refer to the frame together. */
    private static boolean isFrame(long record, long pte) {
        return record != NO_RECORD && (record & (Pte.OWN | MOVED)) == Pte.OWN && Pte.frame(record) == Pte.frame(pte);
    }

    private static long withoutMark(long record) {
        return record == NO_RECORD ? NO_RECORD : record & ~MOVED;
    }

    /**
     * Records that a page is empty which the caller has removed from its entry and drops, unless it has a record. Never
     * fails, as {@link #keeps}. The caller owns the frame.
     *
     * @return false if this log is sealed
     */
    public boolean drops(long page, @Nullable Room room) {
        lock();
        try {
            if (!isSealed && find(page) == NO_RECORD && isNeeded(page)) {
                isLost = !tryAdd(page, Pte.NONE, room);
            }
            return !isSealed;
        } finally {
            unlock();
        }
    }

    private boolean tryAdd(long page, long pte, @Nullable Room room) {
        try {
            return add(page, Pte.isBusy(pte) ? Pte.unclaimed(pte) : pte, room);
        } catch (OutOfMemoryError exhausted) {
            return false;
        }
    }

    /** Returns the recorded entry of a page; {@link #NO_RECORD} if there is none. */
    public long get(long page) {
        lock();
        try {
            return withoutMark(find(page));
        } finally {
            unlock();
        }
    }

    /**
     * Pins the frame of a page that is recorded, if it is a private page. The frame stays the record's under this lock.
     *
     * @return as {@link #get}
     * @throws MmException with EAGAIN if the frame has the maximum number of pins
     */
    public long pin(long page, Frames frames) {
        lock();
        try {
            long entry = find(page);
            if (entry != NO_RECORD && Pte.isOwn(entry) && !frames.pin(Pte.frame(entry))) {
                throw new MmException("save", Errno.EAGAIN);
            }
            return withoutMark(entry);
        } finally {
            unlock();
        }
    }

    /** Reads the recorded entries of the first pages of an array; {@link #NO_RECORD} for a page that has no record. */
    public void get(long[] of, long[] into, int count) {
        lock();
        try {
            for (int i = 0; i < count; i++) {
                into[i] = withoutMark(find(of[i]));
            }
        } finally {
            unlock();
        }
    }

    /** Returns the numbers of the pages that have records, ascending. */
    public long[] pages() {
        long[] found;
        boolean isAscending = true;
        lock();
        try {
            found = new long[live];
            for (int at = 0, count = 0; at < used; at++) {
                if (entries[at] != NO_RECORD) {
                    isAscending &= count == 0 || found[count - 1] < pages[at];
                    found[count++] = pages[at];
                }
            }
        } finally {
            unlock();
        }
        if (!isAscending) {
            Arrays.sort(found);
        }
        return found;
    }

    /** Removes the record of a page, and returns its entry. */
    public long remove(long page) {
        lock();
        try {
            int at = at(page);
            long entry = at < 0 ? NO_RECORD : entries[at];
            if (entry != NO_RECORD) {
                removeAt(at);
            }
            return withoutMark(entry);
        } finally {
            unlock();
        }
    }

    /** Removes the records of pages, unless the given entry is {@link #NO_RECORD}. */
    public void remove(long[] of, long[] known, int from, int to) {
        lock();
        try {
            for (int i = from; i < to; i++) {
                int at = known[i] == NO_RECORD ? -1 : at(of[i]);
                if (at >= 0 && entries[at] != NO_RECORD) {
                    removeAt(at);
                }
            }
        } finally {
            unlock();
        }
    }

    /**
     * Records a page as {@link #change} does, for a caller that must not fail: without room, this log is {@linkplain
     * #isLost lost}.
     */
    public static void changeOrLose(PageTable table, long address, long before, @Nullable Room room) {
        for (CheckpointLog log = table.log(); log != null; log = table.log()) {
            if (log.recordsOrLoses(address >>> table.pageShift, before, room)) {
                return;
            }
            Thread.onSpinWait();
        }
    }

    private boolean recordsOrLoses(long page, long before, @Nullable Room room) {
        int recorded = -1;
        try {
            recorded = change(page, before, room);
        } catch (OutOfMemoryError exhausted) {
            // As without room.
        }
        if (recorded == -1) {
            lose();
        }
        return recorded != SEALED;
    }

    /** Returns whether there may be records of droppable pages. */
    public boolean hasDroppable() {
        return hasDroppable;
    }

    /** Returns whether an address was in droppable memory at the checkpoint. */
    public boolean isDroppable(long address) {
        VmArea vma = mapped.get(address);
        return vma != null && vma.has(VmaFlags.DROPPABLE);
    }

    /** Returns the number of frames that this log keeps, with those of entries that are busy for a copy. */
    public long frames() {
        lock();
        try {
            long frames = 0;
            for (int at = 0; at < used; at++) {
                frames += hasFrame(at) ? 1 : 0;
            }
            return frames;
        } finally {
            unlock();
        }
    }

    private boolean hasFrame(int at) {
        return entries[at] != NO_RECORD && Pte.isOwn(entries[at]);
    }

    /**
     * Returns the place of the next record with a frame; -1 if there is none. While this log is not lost, records
     * change their places, and a walk may miss one.
     */
    public int nextFrame(int from) {
        lock();
        try {
            for (int at = from; at < used; at++) {
                if (hasFrame(at)) {
                    return at;
                }
            }
            return -1;
        } finally {
            unlock();
        }
    }

    /** Returns the page at a place; {@link #NO_PAGE} if there is none. */
    public long page(int at) {
        lock();
        try {
            return at < used ? pages[at] : NO_PAGE;
        } finally {
            unlock();
        }
    }

    /**
     * Takes the frame of a page's record, which then says that the page was empty. If the page has a leaf, the caller
     * holds its lock, and the entry is not busy.
     *
     * @return the recorded entry; {@link Pte#NONE} if there is no frame; {@link #NO_RECORD} within a section, which may
     *     have read the record
     */
    public long takeFrame(PageTable table, long page) {
        lock();
        try {
            return table.forking() != null ? NO_RECORD : takeFrame(at(page));
        } finally {
            unlock();
        }
    }

    /** Takes the frame of the record at a place, within a section or after the end of the log. */
    public long takeFrameAt(int at) {
        lock();
        try {
            return takeFrame(at);
        } finally {
            unlock();
        }
    }

    private long takeFrame(int at) {
        if (at < 0 || !hasFrame(at)) {
            return Pte.NONE;
        }
        long entry = entries[at];
        entries[at] = Pte.NONE;
        return withoutMark(entry);
    }

    /** Uncharges a log that is lost and keeps no frame: its records are of no use any more. */
    public void endIfEmptied() {
        lock();
        try {
            if (!isLost) {
                return;
            }
            for (int at = 0; at < used; at++) {
                if (hasFrame(at)) {
                    return;
                }
            }
            clear();
        } finally {
            unlock();
        }
    }

    private void clear() {
        budget.uncharge((long) pages.length * BYTES);
        pages = new long[0];
        entries = pages;
        index = new int[0];
        used = 0;
        live = 0;
        // A room that is closed later finds no places. No record is added any more.
        reserved = 0;
    }

    /**
     * Records a page that was removed from its entry and will be mapped at another address. The record, if it is new,
     * shares the frame with that mapping. Never fails, as {@link #keeps}.
     *
     * @param pte the removed entry, not busy: of a private page, or a guard
     * @return the entry for the other address
     */
    public static long moved(PageTable table, Frames frames, long address, long pte, @Nullable Room room) {
        if (!Pte.isOwn(pte)) {
            changeOrLose(table, address, pte, room);
            return pte;
        }
        int frame = Pte.frame(pte);
        long shared = pte & ~Pte.EXCLUSIVE;
        if (!frames.share(frame)) {
            table.loseLogs();
            return pte;
        }
        for (CheckpointLog log = table.log(); log != null; log = table.log()) {
            int kept = log.keeps(address >>> table.pageShift, shared | MOVED, room);
            if (kept > 0) {
                return shared;
            }
            if (kept == 0) {
                break;
            }
            Thread.onSpinWait();
        }
        frames.drop(frame);
        return pte;
    }

    /**
     * Removes the record of a page that was added for a copy, because another thread has made the entry present again.
     * That thread holds the lock of the leaf since.
     */
    public static void undone(PageTable table, long address, long pte) {
        for (CheckpointLog log = table.log(); log != null; log = log.older) {
            log.forget(address >>> table.pageShift, pte);
        }
    }

    private void forget(long page, long pte) {
        lock();
        try {
            int at = at(page);
            if (at >= 0 && isFrame(entries[at], pte)) {
                removeAt(at);
            }
        } finally {
            unlock();
        }
    }

    /** Lets this log get no records, because a younger one takes its place; or records again, after that has ended. */
    public void seal(boolean isYounger) {
        lock();
        try {
            isSealed = isYounger;
        } finally {
            unlock();
        }
    }

    /** Lets faults add no records from now on, because the checkpoint is being closed; or again, after a failure. */
    public void freeze(boolean isEnding) {
        lock();
        try {
            isFrozen = isEnding;
        } finally {
            unlock();
        }
    }

    /**
     * Moves the records to the next older log, unless that has one for the page or needs none, and lets that take the
     * place of this one. This log is frozen, and no entry of its pages is busy for a copy. Keeps the other records,
     * whose frames the caller frees.
     */
    public void moveToOlder() {
        CheckpointLog to = Objects.requireNonNull(older);
        lock();
        try {
            to.lock();
            try {
                to.isLost |= isLost;
                to.needsGracePeriod |= needsGracePeriod;
                // Down to the last record, whose removal resets the places.
                for (int at = used - 1; at >= 0 && live != 0; at--) {
                    if (entries[at] != NO_RECORD && to.takesOver(pages[at], entries[at])) {
                        removeAt(at);
                    }
                }
                to.isSealed &= isSealed;
                isSealed = true;
            } finally {
                to.unlock();
            }
        } finally {
            unlock();
        }
    }

    private boolean takesOver(long page, long entry) {
        boolean isNew = find(page) == NO_RECORD && isNeeded(page);
        boolean isTaken = isNew && tryAdd(page, entry, null);
        isLost |= isNew && !isTaken;
        return isTaken;
    }

    /** Counts a restore, which is about to remove records of this log or of a younger one. */
    public void countRestore() {
        lock();
        try {
            restores++;
        } finally {
            unlock();
        }
    }

    /** Returns the number of restores that removed records of this log or of a younger one. */
    public long restores() {
        lock();
        try {
            return restores;
        } finally {
            unlock();
        }
    }

    /** Returns whether a page was removed without a record, so that the checkpoint cannot be restored. */
    public boolean isLost() {
        lock();
        try {
            return isLost;
        } finally {
            unlock();
        }
    }

    /** Makes this log lost. */
    public void lose() {
        lock();
        try {
            isLost = true;
        } finally {
            unlock();
        }
    }

    /** Returns whether a thread may still be reading a frame of this log, so that a free needs a grace period. */
    public boolean needsGracePeriod() {
        lock();
        try {
            return needsGracePeriod;
        } finally {
            unlock();
        }
    }

    /** Uncharges this log, which has no records any more. */
    public void end() {
        lock();
        try {
            isEnded = true;
            clear();
        } finally {
            unlock();
        }
    }

    /**
     * Drops the frames of all records, for the teardown of a space. Other threads, which take frames when memory is
     * short, may do so at the same time.
     */
    public void drop(Frames frames, Magazine magazine) {
        for (int at = nextFrame(0); at >= 0; at = nextFrame(at + 1)) {
            long entry = takeFrameAt(at);
            if (Pte.isOwn(entry)) {
                frames.drop(Pte.frame(entry), magazine);
            }
        }
        end();
    }

    private long find(long page) {
        int at = at(page);
        return at < 0 ? NO_RECORD : entries[at];
    }

    /** Returns the place of a page's record; negative, the complement of a free place of the index, if it has none. */
    private int at(long page) {
        int slot = slot(page);
        int place = slot < 0 ? 0 : index[slot];
        return place == 0 ? ~Math.max(slot, 0) : place - 1;
    }

    /** Returns the place of a page in the index, or the free place where the search ends; -1 if the index is empty. */
    private int slot(long page) {
        int mask = index.length - 1;
        int slot = (int) ((page * 0x9E37_79B9_7F4A_7C15L) >>> 32) & mask;
        while (mask >= 0 && index[slot] != 0 && pages[index[slot] - 1] != page) {
            slot = (slot + 1) & mask;
        }
        return mask < 0 ? -1 : slot;
    }

    private void removeAt(int at) {
        entries[at] = NO_RECORD;
        live--;
        if (live == 0) {
            reset();
        }
    }

    /** Frees the places of all records, which were removed. */
    private void reset() {
        if (used > index.length / MANY) {
            Arrays.fill(index, 0);
            used = 0;
            return;
        }
        // Each place of the index is found before one is freed, because that would end the searches.
        for (int at = 0; at < used; at++) {
            entries[at] = slot(pages[at]);
        }
        for (int at = 0; at < used; at++) {
            index[(int) entries[at]] = 0;
        }
        used = 0;
    }

    /** Adds a record of a page that has none; returns false if the budget is exhausted. */
    private boolean add(long page, long entry, @Nullable Room room) {
        int at = at(page);
        Room own = room != null && room.log == this ? room : null;
        if (at < 0 && (own == null || !takesFrom(own)) && used + reserved == pages.length) {
            if (!grow(1, own != null)) {
                return false;
            }
            at = at(page);
        }
        if (at < 0) {
            append(page, entry, ~at);
        } else {
            live += entries[at] == NO_RECORD ? 1 : 0;
            entries[at] = entry;
        }
        return true;
    }

    private void append(long page, long entry, int slot) {
        pages[used] = page;
        entries[used] = entry;
        used++;
        index[slot] = used;
        live++;
    }

    /**
     * Replaces the arrays by others without the removed records, of at least twice the size unless at least half of the
     * places are free then. So restores of ever different pages do not fill them.
     *
     * @param more the number of places that are needed
     * @param isForced whether to charge them beyond the limit
     */
    private boolean grow(int more, boolean isForced) {
        int needed = live + reserved + more;
        int capacity = Math.max(LEAST, needed <= pages.length / 2 + 1 ? pages.length : 2 * pages.length);
        while (capacity < needed) {
            capacity *= 2;
        }
        int uncharged = capacity - pages.length;
        if (isForced) {
            budget.charge((long) uncharged * BYTES);
        } else if (!budget.tryCharge((long) uncharged * BYTES)) {
            return false;
        }
        try {
            long[] morePages = new long[capacity];
            long[] moreEntries = new long[capacity];
            int[] moreIndex = new int[2 * capacity];
            uncharged = 0;
            long[] oldPages = pages;
            long[] oldEntries = entries;
            int places = used;
            pages = morePages;
            entries = moreEntries;
            index = moreIndex;
            used = 0;
            live = 0;
            for (int at = 0; at < places; at++) {
                if (oldEntries[at] != NO_RECORD) {
                    append(oldPages[at], oldEntries[at], slot(oldPages[at]));
                }
            }
            return true;
        } finally {
            budget.uncharge((long) uncharged * BYTES);
        }
    }

    /* Rooms. */

    /** Takes a reserved place from a room of this log, for a record; returns false if none is left. */
    private boolean takesFrom(Room room) {
        boolean isTaken = room.left != 0;
        if (isTaken) {
            room.left--;
            reserved--;
        }
        return isTaken;
    }

    private boolean reserve(Room room, int more) {
        lock();
        try {
            if (isEnded) {
                // Nobody would uncharge the places. The operation finds another log, or none, and counts again.
                return true;
            }
            boolean fits = (long) used + reserved + more <= pages.length
                    || ((long) live + reserved + more <= MOST && grow(more, false));
            if (fits) {
                reserved += more;
                room.left += more;
            }
            return fits;
        } finally {
            unlock();
        }
    }

    private void giveBack(int places) {
        lock();
        try {
            reserved = Math.max(0, reserved - places);
        } finally {
            unlock();
        }
    }

    /**
     * Places that an operation has reserved for records. Its removals use them up, and then, for pages that could not
     * be counted, places beyond the limit. Used by one thread at a time.
     */
    public static final class Room implements AutoCloseable {
        /** The log in which places are reserved. */
        public final CheckpointLog log;

        /** The number of places that are left. */
        private int left;

        /** Creates a room without places. */
        public Room(CheckpointLog log) {
            this.log = log;
        }

        /**
         * Reserves places, for which the log grows if need be.
         *
         * @return false if the limit does not allow it; nothing has changed then
         * @throws OutOfMemoryError if the heap has no room; nothing has changed then
         */
        public boolean tryReserve(long places) {
            return places == 0 || (places <= MOST && log.reserve(this, (int) places));
        }

        /** Takes over the places of another room, which is empty afterwards. */
        public void absorb(Room other) {
            if (other.log == log) {
                left += other.left;
                other.left = 0;
            }
            other.close();
        }

        /** Gives back what is left. */
        @Override
        public void close() {
            if (left != 0) {
                log.giveBack(left);
                left = 0;
            }
        }
    }
}
