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
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.space.RetiringThread;
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
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/**
 * Handles page faults, of one space at a time and for one thread at a time ({@code handle_mm_fault}).
 *
 * <p>An attempt is a reader section. It looks the VMA up without a lock or a reference count, and decides on one read
 * of the entry. It installs a translation under the lock of the leaf, if the mapping still exists there. An attempt
 * that has to wait, for a gate, for a busy entry or for a backing, leaves the section first. The fault then starts over
 * with a new lookup.
 */
public final class Faulter {
    /**
     * The number of attempts that are followed by a spin-wait hint; after each later one the fault pauses for {@link
     * #PAUSE_NANOS}.
     */
    private static final int SPINS = 64;

    private static final long PAUSE_NANOS = 20_000;

    /**
     * The stack that a fault needs, in stack frames, until it asks a backing or reclaims memory, which check the stack
     * again. The callers of {@link #fault} and {@link #copyUncached} check it. Otherwise, an overflow could leave the
     * lock of a leaf locked, or a reader section open, for whose end the grace periods of the machine wait.
     */
    public static final int DEPTH = 60;

    private final FaultState state;
    private final FaultAround faultAround;
    private final BackingFault backingFault;
    private final CopyOnWrite copyOnWrite;
    private final AnonymousFault anonymous;
    private final PresentFault present;
    private final FaultShortage shortage;
    private final UncachedCopy uncached;

    /** The VMA of the last fault. The next fault is often near it. */
    private @Nullable VmArea last;

    /** Whether this object may refer to the space that was served last. */
    private boolean isServing = true;

    /** Whether the last completed fault was a major fault. */
    private boolean wasMajor;

    /** Whether the last completed fault copied a page. */
    private boolean wasCopy;

    /** Whether the last fault returned RETRY because the machine is reaping a space. */
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
        present = new PresentFault(state, backingFault, copyOnWrite);
        shortage = new FaultShortage(state);
        uncached = new UncachedCopy(state);
    }

    /**
     * Serves a space from now on. Must not be called within a fault, unless the space is the one that is served.
     *
     * @param next a space with the same memory as the one that is served; it must be that space, unless {@link #rest}
     *     was called since
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
        state.isMarking = true;
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
            // Cleared last, so that the next call repeats the steps above if one of them fails.
            isServing = false;
        }
    }

    /** Returns whether a backing had to fetch data for the last completed fault. */
    public boolean wasMajor() {
        return wasMajor;
    }

    /** Returns whether the last completed fault copied a page for a write. */
    public boolean wasCopy() {
        return wasCopy;
    }

    /**
     * Returns the errno of a call whose last fault was {@link Fault#RETRY}: EAGAIN if the machine is reaping a space,
     * EINTR if a backing returned RETRY. A fault has no other reason for RETRY; an interrupt is none.
     */
    public Errno errnoOfRetry() {
        return wasShort ? Errno.EAGAIN : Errno.EINTR;
    }

    /**
     * Makes an access possible, or returns the reason why it is impossible. May wait for operations, backings and
     * reclaim; an interrupt ends none of these waits, and the flag stays set. The caller is not in a reader section and
     * holds no lock.
     *
     * @param address any address
     * @param access bits of {@link Protection}, at least one; or READ or WRITE together with {@link
     *     PermissionCheck#FORCED}
     * @return a {@link Fault}
     * @throws IllegalStateException if the fault would have to wait, and is called by the retire phase of an operation
     *     in flight, while a CPU of the thread is in GUEST, or within {@code rcuMapPages}. Within {@code rcuMapPages},
     *     it is thrown even if the fault need not wait, if the calling CPU is the one whose fault called that method,
     *     or if the machine was built with {@code checkOffers}
     */
    public int fault(long address, int access) {
        NoWaiting.check("a fault");
        if (state.reader.isReading()) {
            throw new IllegalStateException("a fault was begun within rcuMapPages, by the CPU that asks");
        }
        boolean outerIsMajor = state.isMajor;
        boolean outerIsBalanced = state.isBalanced;
        boolean outerIsCopy = state.isCopy;
        int outerInVain = backingFault.begin();
        state.isMajor = false;
        state.isBalanced = false;
        state.isCopy = false;
        boolean isServed = false;
        try {
            int result = served(address, access);
            long reaps = -1;
            while (FaultResult.isShortage(result)) {
                result = shortage.answer(result);
                if (result == FaultResult.AGAIN) {
                    // A backing found no frame, but there is one. It is asked again if a reap may have freed it since.
                    // The number is read after the answer, which finds no reap in progress.
                    long ended = shortage.reaps();
                    if (ended != reaps) {
                        reaps = ended;
                        result = served(address, access);
                        continue;
                    }
                    result = Fault.OUT_OF_MEMORY;
                }
                // Set last, because the code that scores spaces may itself cause faults on this CPU.
                wasShort = result == Fault.RETRY;
                return result;
            }
            isServed = true;
            wasMajor = state.isMajor;
            wasCopy = state.isCopy;
            wasShort = false;
            return result;
        } finally {
            if (!isServed) {
                // An Error may have prevented the exit from the reader section.
                state.reader.readUnlockAll();
            }
            state.isMajor = outerIsMajor;
            state.isBalanced = outerIsBalanced;
            state.isCopy = outerIsCopy;
            backingFault.end(outerInVain);
            state.endPass();
        }
    }

    /**
     * Copies many bytes of a mapped file that are not in memory, bypassing its page cache. May wait for the host. The
     * caller is not in a reader section and holds no lock.
     *
     * @return the number of bytes; 0 if they have to be faulted in, e.g. because the thread must not wait
     */
    public int copyUncached(long address, ByteBuffer target) {
        boolean mayWait = !NoWaiting.isEntered() && RetiringThread.range() == null && Cpus.mayWait();
        return mayWait ? uncached.copy(address, target) : 0;
    }

    private int served(long address, int access) {
        int result = attemptOnce(address, access);
        return result == Fault.NONE ? result : settle(result, address, access);
    }

    /**
     * Continues after a first attempt that did not make the access possible.
     *
     * @return a {@link Fault}, or a {@linkplain FaultResult#isShortage shortage} that reclaim could not resolve
     */
    private int settle(int first, long address, int access) {
        int result = retry(first, address, access);
        if ((first != Fault.MAPERR && result == Fault.MAPERR)
                || (result == Fault.ADRERR && state.layout.reaping().isUnstable())) {
            // A failed attempt may have linked a leaf after the walk by the reaper or by the operation that removed the
            // mapping.
            UnhookTables.unhookIfEmpty(state.table(), address);
        }
        return result;
    }

    /** Retries until an attempt yields a result. Between attempts, provides what the last one lacked. */
    private int retry(int first, long address, int access) {
        int result = first;
        int reclaims = MachineMemory.MOST_RECLAIMS;
        for (int attempts = 0; ; attempts++) {
            switch (result) {
                case FaultResult.AGAIN -> {
                    if (awaitedFork(address, access)) {
                        attempts = 0;
                    }
                }
                case FaultResult.UNBALANCED -> balance(address, access);
                case FaultResult.EXHAUSTED, FaultResult.NO_TABLE -> {
                    if (reclaims == 0) {
                        return result;
                    }
                    // Retries once more after a reclaim that freed nothing, because another thread may have freed
                    // memory.
                    reclaims = shortage.reclaim(result, address, access) ? reclaims - 1 : 0;
                }
                case Fault.OUT_OF_MEMORY -> {
                    // The backing has already tried to reclaim, so it is asked again only if pages were dropped.
                    if (reclaims == 0 || !shortage.drop()) {
                        return result;
                    }
                    reclaims--;
                }
                default -> {
                    return result;
                }
            }
            pause(attempts);
            result = attemptOnce(address, access);
        }
    }

    /**
     * Waits for a fork that narrows entries, unless a retirement called the fault. Returns whether it waited; the next
     * attempt follows without a pause.
     */
    private boolean awaitedFork(long address, int access) {
        Gate fork = state.table().forking();
        if (fork == null || RetiringThread.range() != null) {
            return false;
        }
        BegunEvent recorded = Tracepoints.beginFault();
        Cpus.checkMayWait("a fault that has to wait for a fork");
        if (!state.isPassing) {
            state.table().beginPass();
            state.isPassing = true;
        }
        PermissionCheck.awaitFork(state.layout, fork, address);
        state.record(recorded, "a fork", address, access, FaultResult.AGAIN);
        return true;
    }

    /**
     * Calls {@code Frames.balanceDirty}, which may wait until dirty pages are written, unless other threads may wait
     * for this thread. In either case the fault may then make its page dirty.
     */
    private void balance(long address, int access) {
        state.isBalanced = true;
        if (NoWaiting.isEntered() || RetiringThread.range() != null || !Cpus.mayWait()) {
            return;
        }
        BegunEvent recorded = Tracepoints.beginFault();
        state.frames.balanceDirty();
        state.record(recorded, "too many dirty pages", address, access, FaultResult.AGAIN);
    }

    /** Returns whether a write through a VMA waits for dirty pages to be written ({@code fault_dirty_shared_page}). */
    private boolean isUnbalanced(VmArea vma) {
        if (state.isBalanced || !vma.has(VmaFlags.SHARED) || !state.frames.isBalanceDue()) {
            return false;
        }
        BackingTraits traits = vma.traits();
        return traits != null && traits.pageCache() instanceof FilePages cache && cache.number() >= Frames.SAVED;
    }

    /**
     * Lets another thread run. A thread that removes a page from its file may be between the mark of the frame and the
     * update of the file's index. No gate covers these few stores, and the thread may be preempted between them.
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
                state.leaveSection();
            }
            state.reports.deliver();
        }
    }

    /** Decides on the VMA, and then on one read of the entry. Leaves the reader section before it waits. */
    private int attempt(long address, int access) {
        VmArea vma = find(address);
        int result = PermissionCheck.check(vma, access, state.layout.geometry());
        if (vma == null || result == FaultResult.MUST_WAIT) {
            return awaitLayout(vma, address, access);
        }
        if (result != Fault.NONE) {
            return result;
        }
        if ((access & Protection.WRITE) != 0 && isUnbalanced(vma)) {
            return FaultResult.UNBALANCED;
        }
        long[] leaf = state.table().leaf(address);
        return leaf == null ? empty(vma, address, access, null) : attemptAt(leaf, vma, address, access);
    }

    private int attemptAt(long[] leaf, VmArea vma, long address, int access) {
        int index = state.table().indexOf(address);
        long pte = Leaf.get(leaf, index);
        if (Pte.isPresent(pte)) {
            return present.access(vma, address, access, leaf, index, pte);
        }
        if (Pte.isBusy(pte)) {
            return awaitOwner(leaf, index, pte, address, access);
        }
        return pte == Pte.GUARD ? Fault.MAPERR : empty(vma, address, access, leaf);
    }

    private void leaveToWait() {
        state.leaveSection();
        state.checkMayWait();
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

    /** Waits until the owner of a busy entry releases it. */
    private int awaitOwner(long[] leaf, int index, long pte, long address, int access) {
        leaveToWait();
        Gate gate = state.memory.owners().gateOf(pte);
        // Read again after the gate was found, because the owner number can be reused. While the entry still contains
        // the number, the current user of the number is the owner.
        if (Leaf.get(leaf, index) != pte) {
            return FaultResult.AGAIN;
        }
        BegunEvent recorded = Tracepoints.beginFault();
        PermissionCheck.awaitOwner(state.layout, gate, address);
        state.record(recorded, "a busy entry", address, access, FaultResult.AGAIN);
        return FaultResult.AGAIN;
    }

    /** Waits at the gate of the VMA, or grows the stack. */
    private int awaitLayout(@Nullable VmArea vma, long address, int access) {
        leaveToWait();
        BegunEvent recorded = Tracepoints.beginFault();
        int result = PermissionCheck.await(state.layout, vma, address);
        state.record(recorded, vma == null ? "no mapping" : "an operation in flight", address, access, result);
        return result;
    }

    /** Handles a fault at an entry without a page. */
    private int empty(VmArea vma, long address, int access, long @Nullable [] known) {
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
        return ofFile(vma, traits, cache, address, access, known);
    }

    /** Maps or copies a page that the file has in memory, or else asks the backing for it. */
    private int ofFile(
            VmArea vma, BackingTraits traits, FilePages cache, long address, int access, long @Nullable [] known) {
        boolean writes = (access & Protection.WRITE) != 0;
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
            if (result != FaultResult.NOT_OFFERED) {
                return result;
            }
        }
        state.checkMayWait();
        return backingFault.fetch(vma, traits, cache, address, access, page);
    }
}
