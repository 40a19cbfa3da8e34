// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.fault;

import dev.samara.core.internal.cpu.Cpus;
import dev.samara.core.internal.file.FilePages;
import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.op.AnonVmas;
import dev.samara.core.internal.page.Frames;
import dev.samara.core.internal.page.Leaf;
import dev.samara.core.internal.page.PageTableContext;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.page.UnhookTables;
import dev.samara.core.internal.pagewalk.VmaRights;
import dev.samara.core.internal.space.DroppablePages;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.space.LowMemoryVictim;
import dev.samara.core.internal.space.PageTableReclaim;
import dev.samara.core.internal.space.ReapLeases;
import dev.samara.core.internal.space.RetiringThread;
import dev.samara.core.internal.space.Spaces;
import dev.samara.core.internal.sync.Gate;
import dev.samara.core.internal.sync.NoWaiting;
import dev.samara.core.internal.sync.Pause;
import dev.samara.core.internal.trace.BegunEvent;
import dev.samara.core.internal.trace.Tracepoints;
import dev.samara.core.internal.vma.BackingTraits;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Protection;
import dev.samara.core.vma.VmaFlags;
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
    /** The number of attempts with a spin-wait hint, before a fault pauses for {@link #PAUSE_NANOS} each time. */
    private static final int SPINS = 64;

    private static final long PAUSE_NANOS = 20_000;

    private final FaultState state;
    private final FaultAround faultAround;
    private final BackingFault backingFault;
    private final CopyOnWrite copyOnWrite;
    private final AnonymousFault anonymous;

    /** The VMA of the last fault; faults come in neighbourhoods. */
    private @Nullable VmArea last;

    /** Whether there may be references to the space that was served last. */
    private boolean isServing = true;

    /** Whether the fault has had dirty pages written, or may not wait for that. It makes a page dirty itself then. */
    private boolean isBalanced;

    /** Whether a write fault marks a clean page dirty although its entry is already writable. */
    private boolean isMarking;

    /** Whether the last fault that has ended was a major one. */
    private boolean wasMajor;

    /** Whether the last fault that has ended has copied a page. */
    private boolean wasCopy;

    /** Whether the last fault that has ended was RETRY because the machine takes memory from a space. */
    private boolean wasShort;

    /**
     * Creates the fault handler of a thread.
     *
     * @param layout a space that has memory
     * @param context the thread's page table context
     */
    public Faulter(Layout layout, PageTableContext context) {
        state = new FaultState(layout, context);
        faultAround = new FaultAround(state);
        copyOnWrite = new CopyOnWrite(state);
        backingFault = new BackingFault(state, faultAround, copyOnWrite);
        anonymous = new AnonymousFault(state);
    }

    /**
     * Serves a space from now on. Must not be called within a fault, unless the space is the one that is served.
     *
     * @param next a space with the memory of the present one; it is the present one, unless {@link #rest} was called
     *     since
     */
    public void serve(Layout next) {
        if (state.layout != next) {
            isServing = true;
            state.layout = next;
        }
    }

    /**
     * From now on marks clean pages dirty if they are faulted in for a write, including those whose entries are already
     * writable ({@code FOLL_TOUCH | FOLL_WRITE}).
     *
     * @return this
     */
    Faulter marking() {
        isMarking = true;
        return this;
    }

    /** Returns the layout of the space that is served. */
    Layout layout() {
        return state.layout;
    }

    int pageShift() {
        return state.pageShift;
    }

    /** Drops all references to the space that was served. Must not be called within a fault. */
    public void rest() {
        if (isServing) {
            last = null;
            faultAround.forget();
            state.layout = state.layout.closed();
            // Last: what fails above is made up for by the next call.
            isServing = false;
        }
    }

    /** Returns whether a backing had to fetch data for the last fault that has ended. */
    public boolean wasMajor() {
        return wasMajor;
    }

    /** Returns whether the last fault that has ended has copied a page for a write. */
    public boolean wasCopy() {
        return wasCopy;
    }

    /**
     * Returns the errno of a call whose last fault was {@link Fault#RETRY}: EAGAIN if the machine takes memory from a
     * space and the thread is not interrupted; otherwise EINTR, also if a backing has given that answer.
     */
    public Errno errnoOfRetry() {
        return wasShort && !Thread.currentThread().isInterrupted() ? Errno.EAGAIN : Errno.EINTR;
    }

    /**
     * Makes an access possible, or returns the reason why it is not. May wait for operations, backings and reclaim. The
     * caller is in no reader section and holds no lock.
     *
     * @param address any address
     * @param access bits of {@link Protection}, at least one; or READ or WRITE, and {@link Resolve#FORCED}
     * @return a {@link Fault}
     * @throws IllegalStateException if the fault would have to wait and is called by the retire phase of an operation
     *     in flight, while a CPU of the thread is in GUEST, or within {@code rcuMapPages}. Also thrown within {@code
     *     rcuMapPages} if the calling CPU is the one that asks, or if the machine checks offers
     */
    public int fault(long address, int access) {
        NoWaiting.check("a fault");
        if (state.reader.isReading()) {
            throw new IllegalStateException("a fault was begun within rcuMapPages, by the CPU that asks");
        }
        boolean outerIsMajor = state.isMajor;
        boolean outerIsBalanced = isBalanced;
        boolean outerIsCopy = state.isCopy;
        int outerInVain = backingFault.begin();
        state.isMajor = false;
        isBalanced = false;
        state.isCopy = false;
        boolean ended = false;
        try {
            int result = attemptOnce(address, access);
            boolean repeated = result == FaultResult.AGAIN;
            int reclaims = MachineMemory.MOST_RECLAIMS;
            int attempts = 0;
            while (result == FaultResult.AGAIN
                    || result == FaultResult.UNBALANCED
                    || (FaultResult.isShortage(result) && reclaims > 0)) {
                if (result == FaultResult.UNBALANCED) {
                    balance(address, access);
                } else if (result == Fault.OUT_OF_MEMORY) {
                    if (!drop()) {
                        // The backing has tried to reclaim, and is not asked in vain.
                        break;
                    }
                    reclaims--;
                } else if (FaultResult.isShortage(result)) {
                    reclaims = reclaim(result, address, access) ? reclaims - 1 : 0;
                }
                pause(attempts++);
                result = attemptOnce(address, access);
            }
            if (FaultResult.isShortage(result)) {
                return shortage(result);
            }
            if ((repeated && result == Fault.MAPERR)
                    || (result == Fault.ADRERR && state.layout.reaping().isUnstable())) {
                // A failed attempt may have linked a leaf after the walk of the operation that removed the mapping, or
                // of the reaper.
                UnhookTables.unhookIfEmpty(state.table(), address);
            }
            ended = true;
            wasMajor = state.isMajor;
            wasCopy = state.isCopy;
            wasShort = false;
            return result;
        } finally {
            state.isMajor = outerIsMajor;
            isBalanced = outerIsBalanced;
            state.isCopy = outerIsCopy;
            backingFault.end(outerInVain);
            if (!ended) {
                // An Error may have prevented the exit, which had one stack frame less.
                state.reader.readUnlockAll();
            }
        }
    }

    /** Tries to free frames or tables. Returns false if a further call is in vain. */
    private boolean reclaim(int result, long address, int access) {
        BegunEvent recorded = Tracepoints.beginFault();
        boolean lacksFrame = result == FaultResult.EXHAUSTED;
        boolean isFreed = lacksFrame ? state.memory.reclaim() || drop() : reclaimTables();
        state.record(recorded, lacksFrame ? "no frame" : "no page table", address, access, FaultResult.AGAIN);
        return isFreed;
    }

    /** Has dirty pages written, unless others may wait for this thread: the page becomes dirty all the same then. */
    private void balance(long address, int access) {
        isBalanced = true;
        if (NoWaiting.isEntered() || RetiringThread.range() != null || !Cpus.mayWait()) {
            return;
        }
        BegunEvent recorded = Tracepoints.beginFault();
        state.frames.balanceDirty();
        state.record(recorded, "too many dirty pages", address, access, FaultResult.AGAIN);
    }

    /** Returns whether a write through a VMA waits for dirty pages to be written ({@code fault_dirty_shared_page}). */
    private boolean isUnbalanced(VmArea vma) {
        if (isBalanced || !vma.has(VmaFlags.SHARED) || !state.frames.isBalanceDue()) {
            return false;
        }
        BackingTraits traits = vma.traits();
        return traits != null && traits.pageCache() instanceof FilePages cache && cache.number() >= Frames.SAVED;
    }

    private boolean reclaimTables() {
        BegunEvent recorded = Tracepoints.beginReclaim();
        boolean isFreed = PageTableReclaim.reclaim(state.layout);
        Tracepoints.endReclaim(recorded, "page tables", isFreed ? 1 : 0, false);
        return isFreed;
    }

    /** Has pages of droppable mappings dropped; returns whether a frame was freed. */
    private boolean drop() {
        BegunEvent recorded = Tracepoints.beginReclaim();
        boolean isFreed = DroppablePages.drop(state.layout.spaces(), state.memory);
        Tracepoints.endReclaim(recorded, "droppable pages", isFreed ? 1 : 0, false);
        return isFreed;
    }

    /**
     * Has the machine take pages of a space, if it does so. A backing may answer OUT_OF_MEMORY though frames are free;
     * that is the result then. A space that has as many tables as it may have concerns no other space.
     */
    private int shortage(int found) {
        Spaces spaces = state.layout.spaces();
        ReapLeases leases = spaces.host().reapLeases();
        int result = Fault.OUT_OF_MEMORY;
        if (leases != null && found == FaultResult.NO_TABLE) {
            result = state.table().charge().isAtLimit()
                    ? result
                    : LowMemoryVictim.shortageOfTables(spaces, leases, state.table());
        } else if (leases != null) {
            result = LowMemoryVictim.shortage(
                    spaces,
                    leases,
                    state.memory,
                    state.context.magazine(),
                    found == FaultResult.EXHAUSTED ? Fault.RETRY : found);
        }
        // Last: a score may have made faults of this CPU.
        wasShort = result == Fault.RETRY;
        return result;
    }

    /**
     * Lets another thread go on. A thread that removes a page from its file may be between the mark of the frame and
     * the index of the file. No gate stands for these few stores, and the thread may be preempted there.
     */
    private void pause(int attempts) {
        if (attempts < SPINS) {
            Thread.onSpinWait();
        } else {
            Pause.parkNanos(this, PAUSE_NANOS);
        }
    }

    private int attemptOnce(long address, int access) {
        state.reader.readLock();
        try {
            return attempt(address, access);
        } finally {
            if (state.reader.isReading()) {
                state.reader.readUnlock();
            }
            state.reports.deliver();
        }
    }

    private int attempt(long address, int access) {
        VmArea vma = find(address);
        int result = Resolve.check(vma, access);
        if (vma == null || result == FaultResult.MUST_WAIT) {
            state.reader.readUnlock();
            state.checkMayWait();
            return awaitLayout(vma, address, access);
        }
        if (result != Fault.NONE) {
            return result;
        }
        if ((access & Protection.WRITE) != 0 && isUnbalanced(vma)) {
            return FaultResult.UNBALANCED;
        }
        long[] leaf = state.table().leaf(address);
        int index = state.table().indexOf(address);
        long pte = leaf == null ? Pte.NONE : Leaf.get(leaf, index);
        if (leaf != null && Pte.isPresent(pte)) {
            return present(vma, address, access, leaf, index, pte);
        }
        if (leaf != null && Pte.isBusy(pte)) {
            state.reader.readUnlock();
            state.checkMayWait();
            return awaitOwner(leaf, index, pte, address, access);
        }
        if (pte == Pte.GUARD) {
            return Fault.MAPERR;
        }
        return empty(vma, address, access, leaf);
    }

    private @Nullable VmArea find(long address) {
        VmArea vma = last;
        if (vma != null && vma.contains(address) && !vma.isDetached()) {
            return vma;
        }
        vma = state.layout.find(address);
        last = vma;
        return vma;
    }

    /** Waits until the operation that has claimed an entry has released it, or the thread is interrupted. */
    private int awaitOwner(long[] leaf, int index, long pte, long address, int access) {
        Gate gate = state.memory.owners().gateOf(pte);
        // Read again after the gate: the owner number can be reused, but while the entry still holds it, its present
        // user is the owner.
        if (Leaf.get(leaf, index) != pte) {
            return FaultResult.AGAIN;
        }
        BegunEvent recorded = Tracepoints.beginFault();
        int result = Resolve.awaitOwner(state.layout, gate, address);
        state.record(recorded, "a busy entry", address, access, result);
        return result;
    }

    /** Waits until the VMA stands, or grows the stack. */
    private int awaitLayout(@Nullable VmArea vma, long address, int access) {
        BegunEvent recorded = Tracepoints.beginFault();
        int result = Resolve.await(state.layout, vma, address);
        state.record(recorded, vma == null ? "no mapping" : "an operation in flight", address, access, result);
        return result;
    }

    /** Handles a fault at a present entry, for an access that the VMA permits. */
    private int present(VmArea vma, long address, int access, long[] leaf, int index, long pte) {
        boolean writes = (access & Protection.WRITE) != 0;
        if (allows(pte, access)) {
            // A walk would leave a page clean for as long as many are dirty, and the fault would begin again.
            boolean makesDirty = (isBalanced || isMarking) && writes && !Pte.has(pte, Pte.DIRTY) && Pte.isCached(pte);
            return makesDirty ? widen(vma, address, leaf, index, pte, true) : Fault.NONE;
        }
        if (writes && !Pte.has(pte, Pte.WRITE) && !vma.has(VmaFlags.SHARED)) {
            return copyOnWrite.copyOrReuse(vma, address, access, leaf, index, pte);
        }
        if (writes && FaultState.noticesWrites(vma)) {
            state.checkMayWait();
            return backingFault.pageMkwrite(vma, address, access, pte);
        }
        return widen(vma, address, leaf, index, pte, writes);
    }

    /** Returns whether an access can be made through a present entry. */
    private static boolean allows(long pte, int access) {
        if ((access & Resolve.FORCED) == 0) {
            return Pte.has(pte, rightsOf(access));
        }
        return (access & Protection.WRITE) == 0 || Pte.has(pte, Pte.WRITE) || Pte.has(pte, Pte.FORCED_WRITE);
    }

    /** Returns the rights that an access needs. A page that can be written or executed can be read, as on x86. */
    private static long rightsOf(int access) {
        return ((access & Protection.WRITE) != 0 ? Pte.WRITE : 0)
                | ((access & Protection.EXEC) != 0 ? Pte.EXEC : 0)
                | ((access & Protection.READ) != 0 ? Pte.READ : 0);
    }

    /** Adds rights that the VMA was given and the entry lacks. */
    private int widen(VmArea vma, long address, long[] leaf, int index, long pte, boolean writes) {
        Leaf.lock(leaf);
        try {
            VmArea now = Leaf.isDead(leaf) ? null : VmaRecheck.of(state.layout, vma, address, false);
            if (now == null || (writes && !now.has(VmaFlags.WRITE))) {
                return FaultResult.AGAIN;
            }
            long wider = pte | VmaRights.of(now) | Pte.ACCESSED | (writes ? Pte.WRITE | Pte.DIRTY : 0);
            if (Pte.isOwn(pte) && writes && !Pte.has(pte, Pte.WRITE)) {
                return FaultResult.AGAIN;
            }
            boolean isWider = Leaf.compareAndSet(leaf, index, pte, wider);
            if (isWider && Pte.has(wider & ~pte, Pte.DIRTY) && Pte.isCached(pte)) {
                if (isMarking) {
                    state.markDirty(Pte.frame(pte), pte);
                }
                state.frames.noteDirtied(Pte.frame(pte));
            }
            return isWider ? Fault.NONE : FaultResult.AGAIN;
        } finally {
            Leaf.unlock(leaf);
        }
    }

    /** Handles a fault at an entry without a page. */
    private int empty(VmArea vma, long address, int access, long @Nullable [] known) {
        boolean writes = (access & Protection.WRITE) != 0;
        int stability = state.stability(vma);
        if (stability != Fault.NONE) {
            return stability;
        }
        if (vma.isAnonymous()) {
            return anonymous.map(vma, address, access, known);
        }
        BackingTraits traits = vma.traits();
        if (traits == null || !(traits.pageCache() instanceof FilePages cache) || cache.memory() != state.memory) {
            return Fault.ADRERR;
        }
        boolean copies = writes && !vma.has(VmaFlags.SHARED);
        if (copies) {
            AnonVmas.prepare(state.layout, vma);
        }
        long page = state.pageOf(vma, address);
        if (copies) {
            int source = faultAround.one(vma, traits, cache, address, page);
            if (source != Frames.NONE) {
                return copyOnWrite.copyFromCache(vma, address, access, cache, page, source);
            }
        } else if (!(writes && traits.noticesWrites())) {
            int result = faultAround.map(vma, traits, cache, address, page, writes, known);
            if (result != FaultResult.AGAIN) {
                return result;
            }
        }
        state.checkMayWait();
        return backingFault.fetch(vma, traits, cache, address, access, page);
    }
}
