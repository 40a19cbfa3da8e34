// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.fault;

import dev.samara.core.event.Report;
import dev.samara.core.internal.cpu.Cpus;
import dev.samara.core.internal.file.FilePages;
import dev.samara.core.internal.op.Identities;
import dev.samara.core.internal.page.Frames;
import dev.samara.core.internal.page.Leaf;
import dev.samara.core.internal.page.PageTable;
import dev.samara.core.internal.page.PageTableContext;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.space.InFlightGate;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.sync.Gate;
import dev.samara.core.internal.sync.NoWaiting;
import dev.samara.core.internal.sync.RcuReader;
import dev.samara.core.internal.tlb.Memory;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Protection;
import dev.samara.core.vma.BackingTraits;
import dev.samara.core.vma.Vma;
import dev.samara.core.vma.VmaFlags;
import java.util.ArrayDeque;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Handles page faults of one space after another, for one thread at a time ({@code handle_mm_fault}).
 *
 * <p>An attempt is a reader section. It looks the VMA up without a lock or a count and decides on one read of the
 * entry. It installs a translation under the lock of the leaf, if the mapping still stands there. An attempt that has
 * to wait, for a gate, for a busy entry or for a backing, leaves the section first. The fault then starts over with a
 * new lookup.
 */
public final class Faulter {
    /**
     * Internal result: there is no free frame. Reclaim outside of all sections may free one, and then the fault starts
     * over.
     */
    static final int EXHAUSTED = -2;

    /**
     * The bound on restarts of one fault after pages were reclaimed. A fault may need two frames and reclaim the first
     * one for the second, again and again.
     */
    private static final int MOST_RECLAIMS = 16;

    final Memory memory;
    final Frames frames;
    final PageTableContext worker;
    final int pageShift;

    /** The layout of the space that is served. */
    Layout layout;

    /** The page table of the space that is served. */
    PageTable table;

    private final RcuReader reader;
    private final FaultAround window;
    private final BackingFault slowPath;
    private final CopyOnWrite copying;

    /** The VMA of the last fault; faults come in neighbourhoods. */
    private @Nullable Vma last;

    private boolean isMajor;

    /** Reports to be delivered once no section is open. */
    private final ArrayDeque<Report> reports = new ArrayDeque<>(1);

    /** Whether the zero page exists, as far as this thread has seen. */
    private boolean hasZero;

    /**
     * Creates the fault handler of a thread.
     *
     * @param layout a space that has memory
     * @param worker the thread's page table context
     */
    public Faulter(Layout layout, PageTableContext worker) {
        this.layout = layout;
        this.worker = worker;
        memory = layout.memory();
        table = layout.pages();
        frames = memory.frames();
        reader = worker.reader();
        pageShift = layout.geometry().pageShift();
        window = new FaultAround(this);
        slowPath = new BackingFault(this);
        copying = new CopyOnWrite(this);
    }

    /**
     * Serves another space from now on. Must not be called within a fault.
     *
     * @param next a space of the same memory
     */
    public void serve(Layout next) {
        rest();
        layout = next;
        table = next.pages();
    }

    /** Drops the references to mappings and files of the space that was served. Must not be called within a fault. */
    public void rest() {
        last = null;
        window.forget();
    }

    RcuReader reader() {
        return reader;
    }

    CopyOnWrite copying() {
        return copying;
    }

    FaultAround window() {
        return window;
    }

    /** Notes that a backing had to fetch data, which makes the fault a major one. */
    void noteMajor() {
        isMajor = true;
    }

    /**
     * Makes an access possible, or returns the reason why it is not. May wait for operations, backings and reclaim. The
     * caller is in no reader section and holds no lock.
     *
     * @param address any address
     * @param access bits of {@link Protection}, at least one
     * @return a {@link Fault}
     * @throws IllegalStateException if the fault would have to wait and is called by the retire phase of an operation
     *     in flight, while a CPU of the thread is in GUEST, or within {@code rcuMapPages}; or if it is called within
     *     {@code rcuMapPages} by the CPU that asks, or on a machine that checks offers
     */
    public int fault(long address, int access) {
        NoWaiting.check("a fault");
        if (reader.isReading()) {
            throw new IllegalStateException("a fault was begun within rcuMapPages, by the CPU that asks");
        }
        boolean outerIsMajor = isMajor;
        int outerInVain = slowPath.begin();
        isMajor = false;
        boolean ended = false;
        try {
            int result = attemptOnce(address, access);
            boolean repeated = result == Resolve.AGAIN;
            int reclaims = 0;
            while (result == Resolve.AGAIN || (result == EXHAUSTED && reclaims++ < MOST_RECLAIMS && memory.reclaim())) {
                result = attemptOnce(address, access);
            }
            if (result == EXHAUSTED) {
                return Fault.OOM;
            }
            if (repeated && result == Fault.MAPERR) {
                // A failed attempt may have linked a leaf after the walk of the operation that removed the mapping.
                table.unhookIfEmpty(address);
            }
            ended = true;
            return result == Fault.MINOR && isMajor ? Fault.MAJOR : result;
        } finally {
            isMajor = outerIsMajor;
            slowPath.end(outerInVain);
            if (!ended) {
                // An Error may have prevented the exit, which had one stack frame less.
                reader.readUnlockAll();
            }
        }
    }

    private int attemptOnce(long address, int access) {
        reader.readLock();
        try {
            return attempt(address, access);
        } finally {
            if (reader.isReading()) {
                reader.readUnlock();
            }
            deliver();
        }
    }

    /** Reports an exception of a backing. */
    void reportBacking(String call, BackingTraits traits, Throwable thrown) {
        String name = traits.backing().getClass().getName();
        report(new Report(Report.Kind.CALLBACK_FAILED, call + " of " + name, thrown));
    }

    /** Reports a backing that was slow where it must not block. */
    void reportLongOffer(BackingTraits traits, long nanos) {
        String name = traits.backing().getClass().getName();
        long micros = TimeUnit.NANOSECONDS.toMicros(nanos);
        String message = "rcuMapPages of " + name + " took " + micros + " us, and must not block";
        report(new Report(Report.Kind.LONG_WAIT, message, null));
    }

    /** Delivers a report outside of reader sections: a listener may wait for the section to end. */
    private void report(Report report) {
        reports.add(report);
        if (!reader.isReading()) {
            deliver();
        }
    }

    private void deliver() {
        for (Report report = reports.poll(); report != null; report = reports.poll()) {
            layout.host().report(report.kind(), report.message(), report.cause());
        }
    }

    private int attempt(long address, int access) {
        Vma vma = find(address);
        int result = Resolve.check(vma, access);
        if (vma == null || result == Resolve.MUST_WAIT) {
            reader.readUnlock();
            checkMayWait();
            return Resolve.await(layout, vma, address);
        }
        if (result != Fault.MINOR) {
            return result;
        }
        long[] leaf = table.leaf(address);
        int index = table.indexOf(address);
        long pte = leaf == null ? Pte.NONE : Leaf.get(leaf, index);
        if (leaf != null && Pte.isPresent(pte)) {
            return present(vma, address, access, leaf, index, pte);
        }
        if (leaf != null && Pte.isBusy(pte)) {
            reader.readUnlock();
            checkMayWait();
            return awaitOwner(leaf, index, pte, address);
        }
        if (pte == Pte.GUARD) {
            return Fault.MAPERR;
        }
        return empty(vma, address, access, leaf);
    }

    /**
     * Checks that the thread may wait. The faulting CPU has left GUEST, and the attempt leaves its section to wait, but
     * the thread may have other CPUs.
     */
    private void checkMayWait() {
        Cpus.checkMayWait("a fault that may have to wait", reader);
    }

    private @Nullable Vma find(long address) {
        Vma vma = last;
        if (vma != null && vma.contains(address) && !vma.isDetached()) {
            return vma;
        }
        vma = layout.find(address);
        last = vma;
        return vma;
    }

    /** Waits until the operation that has claimed an entry has released it, or the thread is interrupted. */
    private int awaitOwner(long[] leaf, int index, long pte, long address) {
        Gate gate = memory.owners().gateOf(pte);
        // Read again after the gate: the owner number can be reused, but while the entry still holds it, its present
        // user is the owner.
        if (Leaf.get(leaf, index) != pte) {
            return Resolve.AGAIN;
        }
        return Resolve.awaitOwner(layout, gate, address);
    }

    /** Handles a fault at a present entry, for an access that the VMA permits. */
    private int present(Vma vma, long address, int access, long[] leaf, int index, long pte) {
        long wanted = rightsOf(access);
        if (Pte.has(pte, wanted)) {
            return Fault.MINOR;
        }
        boolean writes = (access & Protection.WRITE) != 0;
        if (writes && !Pte.has(pte, Pte.WRITE) && !vma.has(VmaFlags.SHARED)) {
            boolean mayReuse = isSole(pte);
            checkMayWait();
            return mayReuse ? reuse(vma, address, leaf, index, pte) : copying.copy(vma, address, leaf, index, pte);
        }
        if (writes && noticesWrites(vma)) {
            checkMayWait();
            return slowPath.firstWrite(vma, address, access, pte);
        }
        return widen(vma, address, leaf, index, pte, writes);
    }

    /** Returns the rights that an access needs. A page that can be written or executed can be read, as on x86. */
    static long rightsOf(int access) {
        return ((access & Protection.WRITE) != 0 ? Pte.WRITE : 0)
                | ((access & Protection.EXEC) != 0 ? Pte.EXEC : 0)
                | ((access & Protection.READ) != 0 ? Pte.READ : 0);
    }

    static boolean noticesWrites(Vma vma) {
        BackingTraits traits = vma.traits();
        return traits != null && traits.noticesWrites() && vma.has(VmaFlags.SHARED);
    }

    /**
     * Returns whether no other mapping has a page. A pin may be that of a mapping that has ended since, so it counts,
     * unless no other mapping ever had the page.
     */
    private boolean isSole(long pte) {
        return Pte.has(pte, Pte.EXCLUSIVE) || (Pte.isOwn(pte) && frames.isSole(Pte.frame(pte)));
    }

    /** Makes a private page writable in place, which no other mapping has. */
    private int reuse(Vma vma, long address, long[] leaf, int index, long pte) {
        Leaf.lock(leaf);
        try {
            // Checked under the lock under which a fork counts the child's mapping.
            if (Leaf.isDead(leaf) || !isSole(pte)) {
                return Resolve.AGAIN;
            }
            Vma now = standing(vma, address);
            if (now == null || !now.has(VmaFlags.WRITE)) {
                return Resolve.AGAIN;
            }
            long wider = Pte.present(
                    Pte.frame(pte),
                    Pte.OWN | Pte.EXCLUSIVE | PageRights.of(now) | Pte.WRITE | Pte.DIRTY | Pte.ACCESSED);
            return Leaf.compareAndSet(leaf, index, pte, wider) ? Fault.MINOR : Resolve.AGAIN;
        } finally {
            Leaf.unlock(leaf);
        }
    }

    /** Adds rights that the VMA was given and the entry lacks. */
    private int widen(Vma vma, long address, long[] leaf, int index, long pte, boolean writes) {
        Leaf.lock(leaf);
        try {
            Vma now = Leaf.isDead(leaf) ? null : standing(vma, address);
            if (now == null || (writes && !now.has(VmaFlags.WRITE))) {
                return Resolve.AGAIN;
            }
            long wider = pte | PageRights.of(now) | Pte.ACCESSED | (writes ? Pte.WRITE | Pte.DIRTY : 0);
            if (Pte.isOwn(pte) && writes && !Pte.has(pte, Pte.WRITE)) {
                return Resolve.AGAIN;
            }
            return Leaf.compareAndSet(leaf, index, pte, wider) ? Fault.MINOR : Resolve.AGAIN;
        } finally {
            Leaf.unlock(leaf);
        }
    }

    /** Handles a fault at an entry without a page. */
    private int empty(Vma vma, long address, int access, long @Nullable [] known) {
        boolean writes = (access & Protection.WRITE) != 0;
        if (vma.isAnonymous()) {
            return anonymous(vma, address, writes, known);
        }
        BackingTraits traits = vma.traits();
        if (traits == null || !(traits.pageCache() instanceof FilePages cache) || cache.memory() != memory) {
            return Fault.ADRERR;
        }
        boolean copies = writes && !vma.has(VmaFlags.SHARED);
        if (copies) {
            Identities.prepare(layout, vma);
        }
        long page = pageOf(vma, address);
        if (copies) {
            int source = window.one(vma, traits, cache, address, page);
            if (source != Frames.NONE) {
                return copying.copyFromCache(vma, address, cache, page, source);
            }
        } else if (!(writes && traits.noticesWrites())
                && window.map(vma, traits, cache, address, page, writes, known)) {
            return Fault.MINOR;
        }
        checkMayWait();
        return slowPath.fetch(vma, traits, cache, address, access, page);
    }

    long pageOf(Vma vma, long address) {
        return vma.pageOffset() + ((address - vma.start()) >>> pageShift);
    }

    private int anonymous(Vma vma, long address, boolean writes, long @Nullable [] known) {
        if (writes || Identities.isHugeCandidate(layout, vma, address)) {
            Identities.prepare(layout, vma);
        }
        int frame = Frames.ZERO;
        long bits = Pte.ZERO | Pte.ACCESSED;
        if (writes) {
            frame = frames.allocate(worker.magazine());
            if (frame == Frames.NONE) {
                return EXHAUSTED;
            }
            bits = Pte.OWN | Pte.EXCLUSIVE | Pte.WRITE | Pte.DIRTY | Pte.ACCESSED;
        } else if (!hasZero) {
            hasZero = frames.makeZero();
            if (!hasZero) {
                return EXHAUSTED;
            }
        }
        boolean installed = false;
        try {
            installed = install(vma, address, frame, bits, known);
            return installed ? Fault.MINOR : Resolve.AGAIN;
        } finally {
            if (!installed && writes) {
                frames.drop(frame, worker.magazine());
            }
        }
    }

    private boolean install(Vma vma, long address, int frame, long bits, long @Nullable [] known) {
        long[] leaf = known != null ? known : table.leafForInstall(address);
        Leaf.lock(leaf);
        try {
            Vma now = Leaf.isDead(leaf) ? null : standing(vma, address);
            if (now == null) {
                return false;
            }
            boolean mayWrite = (bits & Pte.WRITE) == 0 || now.has(VmaFlags.WRITE);
            return mayWrite && Leaf.fill(leaf, table.indexOf(address), Pte.present(frame, bits | PageRights.of(now)));
        } finally {
            Leaf.unlock(leaf);
        }
    }

    /**
     * Returns the VMA that stands at an address now, if it is the VMA of the decision or one of the same mapping: the
     * decision then holds. The caller holds the lock of the leaf, and has linked the leaf before.
     *
     * @return the VMA, or null if the fault must start over
     */
    @Nullable
    Vma standing(Vma vma, long address) {
        Vma now = vma;
        for (; ; ) {
            while (now != null && now.isDetached()) {
                // Volatile, after the lookup: the VMA found may have been replaced since. Pairs with Life.detach, which
                // comes before the walk that clears entries.
                now = layout.find(address);
            }
            if (now == null || now == vma) {
                return now;
            }
            if (InFlightGate.stopsFaultsAt(now) || !isSameMapping(vma, now)) {
                return null;
            }
            if (vma.anonIdentity() == null) {
                return now;
            }
            // The identity may have been set after the VMA's successors were given theirs. The successors may have been
            // replaced too, and given theirs before this call. So this VMA being attached counts only after it has the
            // identity.
            Identities.prepare(layout, now);
            if (!now.isDetached()) {
                return now;
            }
        }
    }

    private boolean isSameMapping(Vma one, Vma other) {
        long kept = VmaFlags.ACCESS | VmaFlags.SHARED;
        boolean continues = (other.start() - one.start()) >> pageShift == other.pageOffset() - one.pageOffset();
        return one.backing() == other.backing()
                && one.isAnonymous() == other.isAnonymous()
                && ((one.flags() ^ other.flags()) & kept) == 0
                && (continues || one.isAnonymous());
    }

    /**
     * Faults in the mapped pages of a range ({@code __mm_populate}), half-open. Pages of private VMAs that permit
     * writing are faulted in for a write. VMAs that lock pages on fault only, and those of devices, are skipped. The
     * thread rules are those of {@link #fault}.
     *
     * @param start a page boundary
     * @param end a page boundary, exclusive
     * @return a {@link Fault}: the first one that is not done, or MAPERR for a hole
     */
    public int populate(long start, long end) {
        long at = start;
        while (Long.compareUnsigned(at, end) < 0) {
            Vma vma = layout.find(at);
            if (vma == null) {
                return Fault.MAPERR;
            }
            long stop = Long.compareUnsigned(vma.end(), end) < 0 ? vma.end() : end;
            if (!vma.hasAny(VmaFlags.LOCKONFAULT | VmaFlags.IO | VmaFlags.PFNMAP)) {
                boolean writes = vma.has(VmaFlags.WRITE) && !vma.has(VmaFlags.SHARED);
                int failed = touch(at, stop, writes ? Protection.WRITE : Protection.READ);
                if (!Fault.isDone(failed)) {
                    return failed;
                }
            }
            at = stop;
        }
        return Fault.MINOR;
    }

    /**
     * Faults in every page of a range, half-open. The thread rules are those of {@link #fault}.
     *
     * @param start a page boundary
     * @param end a page boundary, exclusive
     * @param access bits of {@link Protection}
     * @return a {@link Fault}: the first one that is not done
     */
    public int touch(long start, long end, int access) {
        for (long at = start; Long.compareUnsigned(at, end) < 0; at += 1L << pageShift) {
            int result = fault(at, access);
            if (!Fault.isDone(result)) {
                return result;
            }
        }
        return Fault.MINOR;
    }
}
