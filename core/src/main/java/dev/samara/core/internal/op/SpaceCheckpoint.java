// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import dev.samara.core.event.MmuNotifier;
import dev.samara.core.event.Report;
import dev.samara.core.internal.check.AccessChecker;
import dev.samara.core.internal.cpu.ThreadCpus;
import dev.samara.core.internal.cpu.TlbContext;
import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.op.Operation.PopulateRange;
import dev.samara.core.internal.page.CheckpointLog;
import dev.samara.core.internal.page.PageTable;
import dev.samara.core.internal.page.PageTable.Leaf;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.pagewalk.LeafWalks;
import dev.samara.core.internal.pagewalk.PageWalk;
import dev.samara.core.internal.space.KeptOpens;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.sync.Ranges;
import dev.samara.core.internal.sync.StackReserve;
import dev.samara.core.internal.tlb.TlbGather;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.MmException;
import dev.samara.maple.Snapshot;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** A checkpoint of a space: its layout and private memory at one instant, to which the space can return. */
public final class SpaceCheckpoint {
    /*
     * Notes.
     *
     * 1. Epochs. A present private entry contains the epoch in which its page became writable. An entry of an older
     *    epoch gives no right to write, whatever its bits are: CPUs put no such right into their TLBs, and a store
     *    faults (PageTable.isOlder). So a checkpoint visits no page: it begins an epoch.
     *
     * 2. The cut (take). Within a Cut, the checkpoint sets its log, stores the new epoch, advances the generation, and
     *    waits for the CPUs in GUEST. A CPU reads the epoch after it was added to the cpumask of the leaf, and drops
     *    what it translated when it acknowledges the generation. So after the wait, no CPU stores to a page of an older
     *    epoch. Until then no fault changes an entry. The contents of the checkpoint are those of the instant of the
     *    last acknowledgement (Cut, step 4).
     *    A fault that claimed an entry before the section, and stores a copy during it or after it, gives the copy the
     *    epoch that it read under the lock of the leaf when it claimed the entry. So the copy is older, too.
     *
     * 3. The log. The first store to an older page is a copy on write, and the old page goes into the log of the
     *    youngest checkpoint. So does each private page that something else removes from its entry (TlbGather.take). A
     *    page that gets its first private page is recorded as empty. All three happen under the lock of the leaf. Pages
     *    at addresses that no open checkpoint had mapped are not recorded. CheckpointLog contains the argument who owns
     *    a frame, and who reserves room for records.
     *    If all checkpoints are closed, an older page that nothing shares is made writable in place.
     *    A truncation of a file waits for no cut. A private page that it removes within the section is recorded, so a
     *    restore brings the page back, even if the truncation returned before the instant.
     *
     * 4. The restore. Within a Cut, which waits for operations in flight, it maps again what the checkpoint had mapped,
     *    if the layout changed: an operation that does not wait for this cut (OldLayout). Faults continue meanwhile,
     *    because the operation calls notifiers, which may wait for them. Each page that the operation removes has a
     *    record or needs none: its VMA is younger than the checkpoint, and so is the page, which was recorded when it
     *    was made if a checkpoint had mapped its address; or the page was recorded when it left the older VMA. So this
     *    operation, unlike others, reserves no room for records. Then, in the section, the restore narrows pages whose
     *    VMAs lost rights, and claims the entries of all recorded pages, leaf by leaf. A pending flush keeps each leaf.
     *    A page may be pinned for writing until its entry is claimed, so pins are checked after the flush. If that or
     *    an allocation fails, the claims are undone. Then the restore stores the recorded entries, each with the
     *    removal of its record under the same hold of the leaf's lock, and frees the pages of the run. An entry that
     *    another thread has taken over, e.g. for a hole in a file, is stored when that thread has emptied it. The
     *    entries have the oldest epoch, because numbers of epochs are used again; so the next store to them is recorded
     *    again. A fault that was about to change an entry when the section began may still do so, but only if this
     *    restore finds its record: the fault checks the section again after it has added the record, and otherwise
     *    undoes it and waits (Faulter.isMissed). If it did not, its CPU could store to the page within the section, and
     *    the restore would leave that store but undo the ones after it.
     *
     * 5. Several checkpoints. Each log refers to the next older one. A page is recorded in the youngest log only. A
     *    restore first closes the younger ones. The end of a checkpoint moves its records to the next older one, unless
     *    that has one for the page, or drops their frames.
     *
     * 6. Opens. A VMA that leaves the layout keeps the open of its backing as long as a checkpoint may map it again
     *    (KeptOpens), so that a restore asks no backing, and shared objects keep their content.
     *
     * Cuts exclude each other, so the chains of logs and opens have one writer.
     */

    public final Layout layout;
    private final MachineMemory memory;
    private final PageTable table;
    final CheckpointLog log;

    /** The VMAs of the checkpoint, as they are in the layout where it did not change since the last restore. */
    final KeptOpens opens;

    private long brk;
    private long defaultLock;

    /** The ranges whose pages may have more rights than their VMAs, until a restore narrows them. Used within cuts. */
    private final Ranges leftToNarrow = new Ranges();

    /** The number of the checkpoint, which is the generation of the space at its cut. */
    private long number;

    private SpaceCheckpoint(Layout layout) {
        this.layout = layout;
        memory = layout.memory();
        table = layout.pages();
        log = new CheckpointLog(table, layout.snapshot());
        opens = new KeptOpens(layout.snapshot());
    }

    /**
     * Makes a checkpoint.
     *
     * @throws IllegalStateException if a CPU of the thread is in GUEST, if the machine has no memory, or if a page of
     *     the space is pinned for writing
     * @throws MmException with ESRCH if the space is closed; with ENOMEM if it was reaped
     */
    public static SpaceCheckpoint take(Layout layout) {
        ThreadCpus.checkMayWait("a checkpoint");
        StackReserve.check(StackReserve.MANY);
        hold(layout, "checkpoint");
        try {
            SpaceCheckpoint made = new SpaceCheckpoint(layout);
            made.cut();
            return made;
        } finally {
            layout.lifetime.put();
        }
    }

    /** Becomes a user of the space, so that it is not torn down. */
    static void hold(Layout layout, String call) {
        layout.checkNotClosed(call);
        if (!layout.lifetime.context.tryGet()) {
            throw new MmException(call, Errno.ESRCH);
        }
    }

    @SuppressWarnings("try") // the revocation is only closed
    private void cut() {
        boolean done = false;
        boolean hasDroppable;
        try (AccessChecker.Revocation revocation = revoke("a checkpoint");
                Cut cut = new Cut(layout, "a checkpoint")) {
            try (Cut.Instant instant = new Cut.Instant(layout, "a checkpoint")) {
                instant.await();
                layout.checkNotClosed("checkpoint");
                checkStable("checkpoint");
                hasDroppable = layout.hasDroppable();
                brk = layout.brk();
                defaultLock = layout.defaultLock();
                cut.begin();
            }
            cut.awaitEarlier();
            cut.stopFaults();
            // Read after the operations in flight have merged their VMAs.
            opens.release(layout.snapshot());
            log.setMapped(opens.vmas(), hasDroppable);
            opens.older = layout.keptOpens();
            layout.setKeptOpens(opens);
            log.older = table.log();
            table.beginEpoch(log);
            try {
                number = table.context.announce(0);
                flush(number);
                checkNotPinned("a checkpoint");
                done = true;
            } finally {
                if (!done) {
                    // The epoch stays: entries that are older than they need be cost a copy.
                    unlink(log);
                }
            }
        }
    }

    private AccessChecker.@Nullable Revocation revoke(String what) {
        return AccessChecker.beginIfChecked(memory.accessChecker, what, AccessChecker.ALL, table.number(), 0, 0);
    }

    /** Waits until no CPU has a translation from before a generation, to which the caller advanced. */
    private void flush(long generation) {
        TlbContext context = table.context;
        context.log(generation, 0, layout.geometry.limit(), -1L, MmuNotifier.Reason.WRITE_PROTECTED);
        memory.shootdowns.shoot(context, generation, -1L);
    }

    private void checkNotPinned(String what) {
        if (table.pinsForWriting() != 0) {
            throw new IllegalStateException(
                    what + " of a space with " + table.pinsForWriting() + " pages that are pinned for writing");
        }
    }

    /**
     * Returns to the state of this checkpoint.
     *
     * @param isRunning whether CPUs of other threads may be in GUEST
     * @param later gets the ranges that the caller faults in afterwards, because they are locked
     * @return the number of pages that were put back or removed
     * @throws IllegalStateException if a CPU of the thread is in GUEST, or of another one and not {@code isRunning}; if
     *     this checkpoint is closed, or lost a page for lack of memory; or if a page of the space is pinned for writing
     * @throws MmException with ESRCH if the space is closed; with EPERM if a mapping that was sealed since would
     *     change; with ENOMEM if there is no memory, commit charge or page table for what is mapped again
     */
    @SuppressWarnings("try") // the revocation is only closed
    public long restore(boolean isRunning, List<PopulateRange> later) {
        ThreadCpus.checkMayWait("a restore");
        StackReserve.check(StackReserve.MANY);
        hold(layout, "restore");
        try (AccessChecker.Revocation revocation = revoke("a restore");
                TlbGather gather = new TlbGather(memory)) {
            Ranges narrowed = new Ranges();
            long[] pages = {};
            try {
                pages = restore(isRunning, gather, narrowed, later);
            } finally {
                // Called outside the section, where notifiers may wait for faults, and before the pages of the run are
                // free. Also after a failure, because rights may have been taken.
                tell(narrowed, pages);
            }
            gather.free();
            return pages.length;
        } finally {
            layout.lifetime.put();
        }
    }

    /**
     * Restores within a cut; returns the numbers of the pages, ascending. The gather contains what to free.
     *
     * @param narrowed gets the ranges whose pages stayed, and may have lost rights
     */
    private long[] restore(boolean isRunning, TlbGather gather, Ranges narrowed, List<PopulateRange> later) {
        try (Cut cut = new Cut(layout, "a restore")) {
            stop(cut, "restore");
            checkStable("restore");
            checkOpen();
            checkNotPinned("a restore");
            if (!isRunning && memory.shootdowns.isInGuest(table.context)) {
                throw new IllegalStateException("a restore beside a CPU of another thread that is in GUEST");
            }
            for (CheckpointLog each = log(); each != log.older; each = Objects.requireNonNull(each).older) {
                checkNotLost(Objects.requireNonNull(each));
            }
            for (CheckpointLog each = log; each != null; each = each.older) {
                each.countRestore();
            }
            // Before the layout changes, because the removal of a page from it may need a record in a younger log.
            while (log() != log) {
                unlink(log());
            }
            checkNotLost(log);
            OldLayout old = new OldLayout(layout, cut, opens, brk, defaultLock);
            if (old.isNeeded()) {
                cut.resumeFaults();
                later.addAll(map(old));
                for (int i = 0; i < old.narrowed.size(); i++) {
                    leftToNarrow.add(old.narrowed.start(i), old.narrowed.end(i));
                }
                if (!old.isNeeded()) {
                    // Otherwise a notifier or a fault has changed the layout meanwhile, which the next restore undoes.
                    opens.release(layout.snapshot());
                }
                cut.stopFaults();
            } else if (old.hasOthersAlike) {
                // From now on, these are the checkpoint's: they may have an anon_vma that its own did not have.
                opens.release(layout.snapshot());
            }
            // Before the checks, so that no page keeps rights that its VMA lost.
            narrow(narrowed, gather);
            checkStable("restore");
            checkNotPinned("a restore");
            checkNotLost(log);
            return putBack(gather);
        }
    }

    /** Maps again what the checkpoint had mapped; returns the ranges that are faulted in later. */
    private List<PopulateRange> map(OldLayout old) {
        Operation operation = new Operation(layout, old);
        long result = operation.run();
        if (Errno.isError(result)) {
            throw new MmException("restore", Errno.of(result));
        }
        return operation.populations();
    }

    /** Takes the rights from pages that their VMAs lost in this restore, or in one that failed after that. */
    private void narrow(Ranges narrowed, TlbGather gather) {
        PageWalk walk = new PageWalk(table);
        for (int i = 0; i < leftToNarrow.size(); i++) {
            narrowed.add(leftToNarrow.start(i), leftToNarrow.end(i));
            LeafWalks.narrow(walk, leftToNarrow.start(i), leftToNarrow.end(i), layout, layout.geometry, gather);
            if (gather.isFull()) {
                gather.invalidate();
            }
        }
        leftToNarrow.clear();
    }

    /** Calls the notifiers for the ranges that were restored. */
    private void tell(Ranges narrowed, long[] pages) {
        List<MmuNotifier> notifiers = layout.notifiers();
        for (int i = 0; i < notifiers.size(); i++) {
            for (int range = 0; range < narrowed.size(); range++) {
                tell(notifiers.get(i), narrowed.start(range), narrowed.end(range), MmuNotifier.Reason.PROTECTED);
            }
        }
        for (int from = 0, to = 1; !notifiers.isEmpty() && from < pages.length; from = to, to++) {
            while (to < pages.length && pages[to] == pages[to - 1] + 1) {
                to++;
            }
            for (int i = 0; i < notifiers.size(); i++) {
                long end = (pages[to - 1] + 1) << table.pageShift;
                tell(notifiers.get(i), pages[from] << table.pageShift, end, MmuNotifier.Reason.DISCARDED);
            }
        }
    }

    private void tell(MmuNotifier notifier, long start, long end, MmuNotifier.Reason reason) {
        try {
            notifier.invalidate(start, end, reason);
        } catch (Throwable thrown) {
            layout.host.report(Report.Kind.CALLBACK_FAILED, "an MmuNotifier of a restore", thrown);
        }
    }

    /** Refuses a space whose pages were reaped. The mark is set under the layout lock, unless a cut has begun. */
    void checkStable(String call) {
        if (layout.isUnstable()) {
            throw new MmException(call + " of a space that was reaped", Errno.ENOMEM);
        }
    }

    private void stop(Cut cut, String call) {
        try (Cut.Instant instant = new Cut.Instant(layout, "a " + call)) {
            instant.await();
            layout.checkNotClosed(call);
            cut.begin();
        }
        cut.awaitEarlier();
        cut.stopFaults();
    }

    boolean isOpen() {
        CheckpointLog each = table.log();
        while (each != null && each != log) {
            each = each.older;
        }
        return each == log;
    }

    void checkOpen() {
        if (!isOpen()) {
            throw new IllegalStateException("the checkpoint is closed");
        }
    }

    static void checkNotLost(CheckpointLog each) {
        if (each.isLost()) {
            throw new IllegalStateException("the checkpoint could not keep a page, for lack of memory or by a reap");
        }
    }

    /**
     * Waits until the entry of a page is not busy. Reads it under the lock of the leaf, so that a thread which made it
     * present has also removed the record.
     */
    private void awaitOwner(long page) {
        long address = page << table.pageShift;
        long[] leaf = table.leaf(address);
        int index = table.indexOf(address);
        while (leaf != null) {
            long pte;
            Leaf.lock(leaf);
            try {
                pte = Leaf.get(leaf, index);
            } finally {
                Leaf.unlock(leaf);
            }
            if (!Pte.isBusy(pte)) {
                return;
            }
            memory.contexts.await(leaf, index, pte, layout.host.busyEntryReporter);
        }
    }

    /**
     * Puts the recorded entries back: claims the entries, so that no CPU finds them, flushes, and then stores what was
     * recorded (I1). Returns the numbers of the pages.
     */
    private long[] putBack(TlbGather gather) {
        Pages changed = new Pages(log.pages(), gather);
        try {
            changed.claim();
            gather.awaitFlush();
            // Checked again, because a page that could be written was pinned without a fault until it was claimed.
            checkNotPinned("a restore");
            notifyCpus();
            changed.store();
        } finally {
            changed.undoRest();
            memory.contexts.leave(gather.context());
        }
        changed.fillMissed();
        gather.flushed();
        return changed.numbers();
    }

    /** Notifies the CPUs in GUEST of the restore, and waits for their listeners; other CPUs are notified later. */
    private void notifyCpus() {
        TlbContext context = table.context;
        long generation = context.announce(number);
        // No range: the listeners are notified of the ranges with the flush before.
        context.log(generation, 0, 0, 0, MmuNotifier.Reason.DISCARDED);
        memory.shootdowns.shoot(context, generation, -1L);
    }

    /** The pages that a restore puts back. The lock of a leaf is taken once for all of its pages in each step. */
    private final class Pages {
        private final TlbGather gather;

        /** The busy entry of a page contains this owner. */
        private final int owner;

        /** The first {@link #count} elements are the pages that have a leaf, ascending, with the leaf of each. */
        private final long[] pages;

        private final long[][] leaves;

        /** The entries before their claims, and those of the records. */
        private final long[] before;

        private final long[] recorded;
        private int count;

        /** The number of pages from the first that are stored; those behind it are claimed. */
        private int stored;

        private boolean isMissed;

        /** The VMA of the page that was stored last. */
        private @Nullable VmArea vma;

        Pages(long[] pages, TlbGather gather) {
            this.gather = gather;
            this.pages = pages;
            owner = gather.context().owner;
            leaves = new long[pages.length][];
            before = new long[pages.length];
            recorded = new long[pages.length];
            gather.ensureCapacity(pages.length);
        }

        /** Claims the entries, and adds their pending flushes, so that the leaves stay. */
        void claim() {
            int next = 0;
            while (next < pages.length) {
                long[] leaf = leaf(pages[next]);
                next = leaf == null ? next + 1 : claim(leaf, next);
            }
        }

        /** Returns the leaf of a page, linked if need be; null if the page was empty, and is. */
        private long @Nullable [] leaf(long page) {
            long address = page << table.pageShift;
            long[] leaf = table.leaf(address);
            if (leaf == null && log.get(page) == Pte.NONE) {
                // Faults may link a leaf, but fill no entry within the section. So the page is as it was.
                long unused = log.remove(page);
                return null;
            }
            if (leaf == null) {
                leaf = table.leafForInstall(address);
            }
            if (leaf == null) {
                throw new MmException("restore", Errno.ENOMEM);
            }
            return leaf;
        }

        /** Claims the pages of a leaf, from one of them. Returns the next page: the same one if the leaf is dead. */
        private int claim(long[] leaf, int from) {
            int next = from;
            int flushed = from;
            boolean isBusy;
            do {
                isBusy = false;
                Leaf.lock(leaf);
                try {
                    if (Leaf.isDead(leaf)) {
                        return next;
                    }
                    while (!isBusy && next < pages.length && isIn(pages[next], pages[from])) {
                        if (flushed == next) {
                            gather.deferFlush(
                                    table, leaf, pages[next] << table.pageShift, MmuNotifier.Reason.DISCARDED);
                            flushed++;
                        }
                        isBusy = !tryClaim(leaf, pages[next]);
                        next += isBusy ? 0 : 1;
                    }
                } finally {
                    Leaf.unlock(leaf);
                }
                if (isBusy) {
                    awaitOwner(pages[next]);
                }
            } while (isBusy);
            return next;
        }

        private boolean isIn(long page, long other) {
            return (page ^ other) >>> Integer.numberOfTrailingZeros(table.entries) == 0;
        }

        /** Claims an entry, unless it is empty or a guard. Returns false if it is busy. */
        private boolean tryClaim(long[] leaf, long page) {
            int index = table.indexOf(page << table.pageShift);
            long pte = Leaf.get(leaf, index);
            while (Pte.isPresent(pte) && !Leaf.claim(leaf, index, pte, Pte.busy(pte, owner, false))) {
                pte = Leaf.get(leaf, index);
            }
            if (Pte.isBusy(pte)) {
                return false;
            }
            pages[count] = page;
            leaves[count] = leaf;
            before[count] = pte;
            count++;
            return true;
        }

        /** Stores the recorded entries, and removes their records. */
        void store() {
            Snapshot<VmArea> vmas = opens.vmas();
            // No other thread adds or removes records of these pages: faults wait, and the others are claimed.
            log.get(pages, recorded, count);
            while (stored < count) {
                int behind = stored + 1;
                while (behind < count && leaves[behind] == leaves[stored]) {
                    behind++;
                }
                store(leaves[stored], behind, vmas);
            }
        }

        /**
         * Stores those of a leaf. The records are removed under the same hold of its lock, because a thread that
         * empties an entry afterwards asks whether there is one.
         */
        private void store(long[] leaf, int behind, Snapshot<VmArea> vmas) {
            int from = stored;
            Leaf.lock(leaf);
            try {
                for (int i = from; i < behind; i++) {
                    long address = pages[i] << table.pageShift;
                    if (vma == null || !vma.contains(address)) {
                        vma = vmas.get(address);
                    }
                    // Without a record if the claim of a copy was undone meanwhile, so that the page is as it was.
                    boolean isRecorded = recorded[i] != CheckpointLog.NO_RECORD;
                    boolean isPut = settle(i, isRecorded ? restored(recorded[i], vma) : before[i]);
                    if (isPut && isRecorded && Pte.isPresent(before[i])) {
                        gather.take(before[i]);
                    } else if (!isPut && isRecorded) {
                        // Another thread, e.g. one that punches a hole in a file, has taken the entry over.
                        recorded[i] = CheckpointLog.NO_RECORD;
                        isMissed = true;
                    }
                    stored++;
                }
                log.remove(pages, recorded, from, behind);
            } finally {
                Leaf.unlock(leaf);
            }
        }

        /** Replaces a claimed entry; returns false if another thread has changed it. The caller holds the lock. */
        private boolean settle(int at, long pte) {
            int index = table.indexOf(pages[at] << table.pageShift);
            long found = before[at];
            if (Pte.isPresent(found)) {
                return Leaf.settle(leaves[at], index, Pte.busy(found, owner, false), pte);
            }
            return found == Pte.NONE
                    ? Leaf.get(leaves[at], index) == Pte.NONE && (pte == Pte.NONE || Leaf.fill(leaves[at], index, pte))
                    : found == pte || Leaf.empty(leaves[at], index, found, pte);
        }

        /** Gives the claimed entries that are not stored, after a failure, their values again. */
        void undoRest() {
            while (stored < count) {
                count--;
                Leaf.lock(leaves[count]);
                try {
                    settle(count, before[count]);
                } finally {
                    Leaf.unlock(leaves[count]);
                }
            }
        }

        /** Stores the recorded entries of pages that another thread had taken over, once that thread emptied them. */
        void fillMissed() {
            Snapshot<VmArea> vmas = opens.vmas();
            for (int i = 0; isMissed && i < count; i++) {
                while (!fillIfMissed(i, vmas.get(pages[i] << table.pageShift))) {
                    awaitOwner(pages[i]);
                }
            }
        }

        private boolean fillIfMissed(int at, @Nullable VmArea vma) {
            Leaf.lock(leaves[at]);
            try {
                long entry = log.get(pages[at]);
                if (entry == CheckpointLog.NO_RECORD) {
                    return true;
                }
                before[at] = Pte.NONE;
                boolean isPut = settle(at, restored(entry, vma));
                if (isPut) {
                    log.remove(pages[at]);
                }
                return isPut;
            } finally {
                Leaf.unlock(leaves[at]);
            }
        }

        /** Returns the numbers of the pages, ascending. */
        long[] numbers() {
            return count == pages.length ? pages : Arrays.copyOf(pages, count);
        }
    }

    /** Returns the entry that a page gets: dirty, because a scan may have reported it clean before it was written. */
    private long restored(long entry, @Nullable VmArea vma) {
        if (entry == Pte.NONE || entry == Pte.GUARD || vma == null) {
            return entry;
        }
        long marks = Pte.isOwn(entry) ? Pte.DIRTY | Pte.ACCESSED : Pte.ACCESSED;
        // The oldest epoch, because numbers of epochs are used again.
        return (entry & ~(Pte.RIGHTS | Pte.EPOCH)) | LeafWalks.rights(vma, layout.geometry) | marks;
    }

    /** Closes this checkpoint. Returns false if it is closed already, or ends with its space. */
    public boolean close() {
        ThreadCpus.checkMayWait("the end of a checkpoint");
        StackReserve.check(StackReserve.MANY);
        if (!layout.lifetime.context.tryGet()) {
            // The teardown of the space closes its checkpoints.
            return false;
        }
        try (Cut cut = new Cut(layout, "the end of a checkpoint")) {
            if (!isOpen()) {
                return false;
            }
            stop(cut, "checkpoint's end");
            boolean wasOpen = isOpen();
            if (wasOpen) {
                unlink(log);
            }
            return wasOpen;
        } finally {
            layout.lifetime.put();
        }
    }

    /** Returns the end of the heap at the checkpoint. */
    public long brk() {
        return brk;
    }

    /** Returns the number of the checkpoint. */
    public long number() {
        return number;
    }

    private CheckpointLog log() {
        return Objects.requireNonNull(table.log());
    }

    /** Closes a checkpoint: passes its records on to the next older one, and frees the pages that only it keeps. */
    private void unlink(CheckpointLog ended) {
        try (TlbGather gather = new TlbGather(memory)) {
            prepareToUnlink(ended, gather);
            // Nothing fails from here on until the log and its opens have left their chains.
            CheckpointLog older = ended.older;
            CheckpointLog younger = null;
            KeptOpens youngerOpens = null;
            KeptOpens kept = Objects.requireNonNull(layout.keptOpens());
            for (CheckpointLog each = log(); each != ended; each = Objects.requireNonNull(each.older)) {
                younger = each;
                youngerOpens = kept;
                kept = Objects.requireNonNull(kept.older);
            }
            if (older == null) {
                ended.seal(true);
            } else {
                ended.moveToOlder();
            }
            if (younger == null || youngerOpens == null) {
                table.setLog(older);
                layout.setKeptOpens(kept.older);
            } else {
                younger.older = older;
                youngerOpens.older = kept.older;
            }
            // The opens first, because the release of pages may fail.
            kept.end();
            free(ended, gather);
        }
        ended.end();
    }

    /** Waits for the owners of busy entries, and allocates what the end of a log needs. Undone if it fails. */
    private void prepareToUnlink(CheckpointLog ended, TlbGather gather) {
        boolean done = false;
        ended.freeze(true);
        try {
            long[] pages = ended.pages();
            gather.ensureCapacity(pages.length);
            for (long page : pages) {
                awaitOwner(page);
            }
            done = true;
        } finally {
            if (!done) {
                ended.freeze(false);
            }
        }
    }

    /** Frees the pages that only an ended log keeps. */
    private void free(CheckpointLog ended, TlbGather gather) {
        for (int at = ended.nextFrame(0); at >= 0; at = ended.nextFrame(at + 1)) {
            if (gather.tryEnsureCapacity(1) == 0) {
                flushAndFree(ended, gather);
            }
            gather.take(ended.takeFrameAt(at));
        }
        flushAndFree(ended, gather);
    }

    private void flushAndFree(CheckpointLog ended, TlbGather gather) {
        // Another thread may have removed such a page from its entry, and not flushed yet.
        flush(table.context.advance());
        if (ended.needsGracePeriod()) {
            gather.needGracePeriod();
        }
        gather.invalidate();
        gather.free();
    }

    @Override
    public String toString() {
        return "checkpoint of space " + layout.lifetime.identity.number();
    }
}
