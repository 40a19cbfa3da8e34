// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.fault;

import dev.samara.core.event.Report;
import dev.samara.core.internal.check.AccessChecker;
import dev.samara.core.internal.cpu.ThreadCpus;
import dev.samara.core.internal.file.FilePages;
import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.op.VmaMerge;
import dev.samara.core.internal.page.Frames;
import dev.samara.core.internal.page.Frames.Magazine;
import dev.samara.core.internal.page.Leaf;
import dev.samara.core.internal.page.PageTable;
import dev.samara.core.internal.page.PageTableContexts.PageTableContext;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.pagewalk.LeafWalks;
import dev.samara.core.internal.space.InFlightOperation;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.space.LowMemory;
import dev.samara.core.internal.space.Spaces;
import dev.samara.core.internal.sync.Addresses;
import dev.samara.core.internal.sync.Gate;
import dev.samara.core.internal.sync.Pause;
import dev.samara.core.internal.sync.Rcu;
import dev.samara.core.internal.sync.Rcu.NoWaiting;
import dev.samara.core.internal.tlb.TlbGather;
import dev.samara.core.internal.trace.Tracepoints;
import dev.samara.core.internal.trace.Tracepoints.BegunEvent;
import dev.samara.core.internal.vma.BackingTraits;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Protection;
import dev.samara.core.vma.VmaFlags;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Handles page faults, of one space at a time and for one thread at a time ({@code handle_mm_fault} in {@code
 * mm/memory.c}).
 *
 * <ol>
 *   <li><em>Attempt.</em> An attempt is a reader section. It looks the VMA up without a lock or a reference count,
 *       checks the rights ({@link PermissionCheck}), and decides on one read of the entry. An attempt that has to wait,
 *       for a gate, a busy entry, a backing, memory or a fork, leaves the section first; then the fault starts over.
 *   <li><em>Change.</em> Every change of an entry is made under the lock of its leaf, after {@link #mayChange} and
 *       {@link #recheck}. A thread that removes pages marks the VMA as detached, executes a full fence, and then walks;
 *       a fault links the leaf, executes a full fence, and then reads the mark under the lock. So either the walk finds
 *       the new entry, or the fault finds the mark. The same holds for the mark of a frame that is removed from its
 *       cache, and for the mark of a space that is reaped ({@link #stability}).
 *   <li><em>Anonymous memory</em> gets the zero page on a read, and a fresh page on a write.
 *   <li><em>A present entry</em> gets the rights that its VMA has gained since.
 *   <li><em>Copy on write</em> ({@code do_wp_page}, {@code do_cow_fault}). A page that no other mapping shares becomes
 *       writable in place. Otherwise the fault marks the entry busy; flushes the old translation, because a store that
 *       another CPU makes to the old page after the start of the copy would be lost; copies the page, in a reader
 *       section in which the entry was read as still busy, so that the old page is not freed while it is read; and
 *       replaces the mark by the copy with a compare-and-set. If an operation has taken over the entry in the meantime,
 *       it has also taken over the old page, and the copy is dropped.
 *   <li><em>Files</em> are the part of {@link BackingFault}.
 *   <li><em>Shortage.</em> Without a frame or a table, the fault reclaims memory outside of every section. If that does
 *       not suffice, a space may be reaped.
 * </ol>
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

    /** Returned in place of the rights of a copy if the entry was not claimed. */
    private static final long NOT_CLAIMED = -1;

    /* Results of the steps of a fault in addition to those of Fault, which are positive or 0. */

    /** The fault starts over with a new lookup. */
    static final int AGAIN = -1;

    /** There is no free frame. Reclaim, outside of all reader sections, may free one; then the fault starts over. */
    static final int EXHAUSTED = -2;

    /** There is no VMA at the address, or its gate is closed. */
    static final int MUST_WAIT = -3;

    /** There is no leaf, and another table would exceed the limit of the space or the machine. */
    static final int NO_TABLE = -4;

    /**
     * Many pages of files are dirty. Outside of all reader sections, the fault calls {@code Frames.balanceDirty}, which
     * writes some or starts a background write. Then the fault starts over.
     */
    static final int UNBALANCED = -5;

    /** The page is not among those that its backing offered, so the backing is asked for it. */
    static final int NOT_OFFERED = -6;

    private final BackingFault backingFault;

    final MachineMemory memory;
    final Frames frames;
    final PageTableContext context;
    final Rcu.Reader reader;
    final int pageShift;

    /** The layout of the space that is served; before the first fault there, the layout of closed references. */
    Layout layout;

    /** Whether a backing had to fetch data for the current fault. */
    boolean isMajor;

    /** Whether the current fault copied a page for a write. */
    boolean isCopy;

    /**
     * Whether the fault has already called {@code Frames.balanceDirty}, or must not wait for the writes. Then the fault
     * may make a page dirty.
     */
    private boolean isBalanced;

    /** Whether the fault has waited for a fork, and keeps the next one waiting until it leaves its reader section. */
    private boolean isPassing;

    /** Whether write faults mark a clean page dirty although its entry is already writable. */
    private boolean isMarking;

    /** Whether this thread knows that the zero page exists. */
    private boolean hasZero;

    /** Reports to be delivered once no section is open. */
    private final ArrayDeque<Report> reports = new ArrayDeque<>(1);

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
        this.layout = layout;
        this.context = context;
        memory = layout.memory();
        frames = memory.frames();
        reader = context.reader();
        pageShift = layout.geometry().pageShift();
        backingFault = new BackingFault(this);
    }

    /**
     * Serves a space from now on. Must not be called within a fault, unless the space is the one that is served.
     *
     * @param next a space with the same memory as the one that is served; it must be that space, unless {@link #rest}
     *     was called since
     */
    public void serve(Layout next) {
        if (layout != next) {
            isServing = true;
            layout = next;
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

    /** Drops all references to the space that was served. Must not be called within a fault. */
    public void rest() {
        if (isServing) {
            last = null;
            backingFault.forget();
            layout = layout.closed();
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
        if (reader.isReading()) {
            throw new IllegalStateException("a fault was begun within rcuMapPages, by the CPU that asks");
        }
        boolean outerIsMajor = isMajor;
        boolean outerIsBalanced = isBalanced;
        boolean outerIsCopy = isCopy;
        int outerInVain = backingFault.begin();
        isMajor = false;
        isBalanced = false;
        isCopy = false;
        boolean isServed = false;
        try {
            int result = served(address, access);
            long reaps = -1;
            while (isShortage(result)) {
                result = answer(result);
                if (result == AGAIN) {
                    // A backing found no frame, but there is one. It is asked again if a reap may have freed it since.
                    // The number is read after the answer, which finds no reap in progress.
                    long ended = reaps();
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
            wasMajor = isMajor;
            wasCopy = isCopy;
            wasShort = false;
            return result;
        } finally {
            if (!isServed) {
                // An Error may have prevented the exit from the reader section.
                reader.readUnlockAll();
            }
            isMajor = outerIsMajor;
            isBalanced = outerIsBalanced;
            isCopy = outerIsCopy;
            backingFault.end(outerInVain);
            endPass();
        }
    }

    /**
     * Copies many bytes of a mapped file that are not in memory, bypassing its page cache. May wait for the host. The
     * caller is not in a reader section and holds no lock.
     *
     * @return the number of bytes; 0 if they have to be faulted in, e.g. because the thread must not wait
     */
    public int copyUncached(long address, ByteBuffer target) {
        boolean mayWait = !NoWaiting.isEntered() && InFlightOperation.retiring() == null && ThreadCpus.mayWait();
        return mayWait ? backingFault.copyUncached(address, target) : 0;
    }

    private int served(long address, int access) {
        int result = attemptOnce(address, access);
        return result == Fault.NONE ? result : settle(result, address, access);
    }

    /**
     * Continues after a first attempt that did not make the access possible.
     *
     * @return a {@link Fault}, or a {@linkplain #isShortage shortage} that reclaim could not resolve
     */
    private int settle(int first, long address, int access) {
        int result = retry(first, address, access);
        if ((first != Fault.MAPERR && result == Fault.MAPERR) || (result == Fault.ADRERR && layout.isUnstable())) {
            // A failed attempt may have linked a leaf after the walk by the reaper or by the operation that removed the
            // mapping.
            table().unhookIfEmpty(address);
        }
        return result;
    }

    /** Retries until an attempt yields a result. Between attempts, provides what the last one lacked. */
    private int retry(int first, long address, int access) {
        int result = first;
        int reclaims = MachineMemory.MOST_RECLAIMS;
        for (int attempts = 0; ; attempts++) {
            switch (result) {
                case AGAIN -> {
                    if (awaitedFork(address, access)) {
                        attempts = 0;
                    }
                }
                case UNBALANCED -> balance(address, access);
                case EXHAUSTED, NO_TABLE -> {
                    if (reclaims == 0) {
                        return result;
                    }
                    // Retries once more after a reclaim that freed nothing, because another thread may have freed
                    // memory.
                    reclaims = reclaim(result, address, access) ? reclaims - 1 : 0;
                }
                case Fault.OUT_OF_MEMORY -> {
                    // The backing has already tried to reclaim, so it is asked again only if pages were dropped.
                    if (reclaims == 0 || !dropPages()) {
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
        Gate fork = table().forking();
        if (fork == null || InFlightOperation.retiring() != null) {
            return false;
        }
        BegunEvent recorded = Tracepoints.begin(Tracepoints.FAULT);
        ThreadCpus.checkMayWait("a fault that has to wait for a fork");
        if (!isPassing) {
            table().beginPass();
            isPassing = true;
        }
        fork.awaitUninterruptibly(PermissionCheck.reporter(layout, address));
        record(recorded, "a fork", address, access, AGAIN);
        return true;
    }

    /**
     * Calls {@code Frames.balanceDirty}, which may wait until dirty pages are written, unless other threads may wait
     * for this thread. In either case the fault may then make its page dirty.
     */
    private void balance(long address, int access) {
        isBalanced = true;
        if (NoWaiting.isEntered() || InFlightOperation.retiring() != null || !ThreadCpus.mayWait()) {
            return;
        }
        BegunEvent recorded = Tracepoints.begin(Tracepoints.FAULT);
        frames.balanceDirty();
        record(recorded, "too many dirty pages", address, access, AGAIN);
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
        reader.readLock();
        try {
            return attempt(address, access);
        } finally {
            if (reader.isReading()) {
                leaveSection();
            }
            deliverReports();
        }
    }

    /** Decides on the VMA, and then on one read of the entry. Leaves the reader section before it waits. */
    private int attempt(long address, int access) {
        VmArea vma = find(address);
        int result = PermissionCheck.check(vma, access, layout.geometry());
        if (vma == null || result == MUST_WAIT) {
            return awaitLayout(vma, address, access);
        }
        if (result != Fault.NONE) {
            return result;
        }
        if ((access & Protection.WRITE) != 0 && isUnbalanced(vma)) {
            return UNBALANCED;
        }
        long[] leaf = table().leaf(address);
        return leaf == null ? empty(vma, address, access, null) : attemptAt(leaf, vma, address, access);
    }

    private @Nullable VmArea find(long address) {
        VmArea vma = last;
        if (vma != null && vma.contains(address) && !vma.isDetached()) {
            return vma;
        }
        vma = layout.find(address);
        last = vma;
        return vma;
    }

    /** Waits at the gate of the VMA, or grows the stack. */
    private int awaitLayout(@Nullable VmArea vma, long address, int access) {
        leaveToWait();
        BegunEvent recorded = Tracepoints.begin(Tracepoints.FAULT);
        int result = PermissionCheck.await(layout, vma, address);
        record(recorded, vma == null ? "no mapping" : "an operation in flight", address, access, result);
        return result;
    }

    private void leaveToWait() {
        leaveSection();
        checkMayWait();
    }

    /** Returns whether a write through a VMA waits for dirty pages to be written ({@code fault_dirty_shared_page}). */
    private boolean isUnbalanced(VmArea vma) {
        if (isBalanced || !vma.has(VmaFlags.SHARED) || !frames.isBalanceDue()) {
            return false;
        }
        BackingTraits traits = vma.traits();
        return traits != null && traits.pageCache() instanceof FilePages cache && cache.number() >= Frames.SAVED;
    }

    private int attemptAt(long[] leaf, VmArea vma, long address, int access) {
        int index = table().indexOf(address);
        long pte = Leaf.get(leaf, index);
        if (Pte.isPresent(pte)) {
            return present(vma, address, access, leaf, index, pte);
        }
        if (Pte.isBusy(pte)) {
            return awaitOwner(leaf, index, pte, address, access);
        }
        return pte == Pte.GUARD ? Fault.MAPERR : empty(vma, address, access, leaf);
    }

    /** Waits until the owner of a busy entry releases it. */
    private int awaitOwner(long[] leaf, int index, long pte, long address, int access) {
        leaveToWait();
        BegunEvent recorded = Tracepoints.begin(Tracepoints.FAULT);
        // The owner waits for no operation, so the retire phase of an operation may wait here, too.
        memory.contexts().await(leaf, index, pte, PermissionCheck.reporter(layout, address));
        record(recorded, "a busy entry", address, access, AGAIN);
        return AGAIN;
    }

    /** Handles a fault at an entry without a page. */
    private int empty(VmArea vma, long address, int access, long @Nullable [] known) {
        int stability = stability(vma);
        if (stability != Fault.NONE) {
            return stability;
        }
        if (vma.isAnonymous()) {
            return anonymous(vma, address, access, known);
        }
        BackingTraits traits = vma.traits();
        if (traits == null || !(traits.pageCache() instanceof FilePages cache) || cache.memory() != memory) {
            return Fault.ADRERR;
        }
        return backingFault.fault(vma, traits, cache, address, access, known);
    }

    /**
     * Maps a page. The caller is in a reader section.
     *
     * @param known the leaf that contains the page's entry, or null if there was none
     */
    private int anonymous(VmArea vma, long address, int access, long @Nullable [] known) {
        boolean takesFrame = memory.forbidsZeroPage() || (access & Protection.WRITE) != 0;
        boolean prepares = takesFrame || isHugeCandidate(vma, address);
        if (prepares) {
            VmaMerge.prepareAnonVma(layout, vma);
        }
        return takesFrame ? mapFresh(vma, address, access, known) : mapZero(vma, address, prepares, known);
    }

    /**
     * Returns whether Linux would use a huge page here, for which even a read prepares an {@code anon_vma}. The VMA
     * must have the HUGEPAGE flag and contain the whole range of the huge page.
     */
    private boolean isHugeCandidate(VmArea vma, long address) {
        if (!vma.has(VmaFlags.HUGEPAGE)) {
            return false;
        }
        long size = layout.geometry().hugeSize();
        long start = address & -size;
        return !Addresses.isBelow(start, vma.start()) && !Addresses.isBelow(vma.end(), start + size);
    }

    private int mapZero(VmArea vma, long address, boolean isPrepared, long @Nullable [] known) {
        if (!hasZero) {
            hasZero = frames.makeZero();
            if (!hasZero) {
                return EXHAUSTED;
            }
        }
        return install(vma, address, Protection.READ, isPrepared, Frames.ZERO, Pte.ZERO | Pte.ACCESSED, known);
    }

    private int mapFresh(VmArea vma, long address, int access, long @Nullable [] known) {
        int frame = frames.allocate(context.magazine());
        if (frame == Frames.NONE) {
            return EXHAUSTED;
        }
        int result = AGAIN;
        try {
            result = install(vma, address, access, true, frame, Pte.OWN | Pte.EXCLUSIVE | Pte.ACCESSED, known);
            return result;
        } finally {
            if (result != Fault.NONE) {
                frames.drop(frame, context.magazine());
            }
        }
    }

    /** Returns {@link Fault#NONE} if the page is installed. */
    private int install(
            VmArea vma, long address, int access, boolean isPrepared, int frame, long bits, long @Nullable [] known) {
        boolean writes = (access & Protection.WRITE) != 0;
        PageTable table = table();
        long[] leaf = known != null ? known : table.leafForInstall(address);
        if (leaf == null) {
            return NO_TABLE;
        }
        Leaf.lock(leaf);
        try {
            VmArea now = mayChange(leaf) ? recheck(layout, vma, address, isPrepared) : null;
            if (now == null || (writes && !PermissionCheck.mayCopy(now, access))) {
                return AGAIN;
            }
            // Checked under the lock that the reaper acquires after it has set the mark. Either the reaper finds this
            // page, or this check finds the mark.
            int stability = stability(now);
            if (stability != Fault.NONE) {
                return stability;
            }
            long pte = Pte.present(frame, bits | LeafWalks.rights(now, layout.geometry()));
            if (frame != Frames.ZERO && (writes || now.has(VmaFlags.WRITE))) {
                // Linux makes a new page writable, and marks it dirty, even if the first access is a read.
                pte |= Pte.DIRTY | LeafWalks.maxRights(now, layout.geometry());
            }
            return Leaf.fill(leaf, table.indexOf(address), pte) ? Fault.NONE : AGAIN;
        } finally {
            Leaf.unlock(leaf);
        }
    }

    /** Handles a fault at a present entry, for an access that the VMA permits. */
    private int present(VmArea vma, long address, int access, long[] leaf, int index, long pte) {
        boolean writes = (access & Protection.WRITE) != 0;
        if (allows(pte, access)) {
            // The fault marks the page itself: while many pages are dirty, a walk would leave the page clean, and the
            // fault would start again.
            boolean makesDirty = (isBalanced || isMarking) && writes && !Pte.has(pte, Pte.DIRTY) && Pte.isCached(pte);
            return makesDirty ? widen(vma, address, leaf, index, pte, true) : Fault.NONE;
        }
        if (writes && !Pte.has(pte, Pte.WRITE) && !vma.has(VmaFlags.SHARED)) {
            return copyOrReuse(vma, address, access, leaf, index, pte);
        }
        if (writes && !Pte.has(pte, Pte.WRITE) && noticesWrites(vma)) {
            checkMayWait();
            return backingFault.pageMkwrite(vma, address, access, pte);
        }
        return widen(vma, address, leaf, index, pte, writes);
    }

    /** Returns whether an access can be made through a present entry. */
    private static boolean allows(long pte, int access) {
        if ((access & PermissionCheck.FORCED) == 0) {
            return Pte.has(pte, rightsOf(access));
        }
        return (access & Protection.WRITE) == 0 || Pte.has(pte, Pte.WRITE) || Pte.has(pte, Pte.FORCED_WRITE);
    }

    /** Returns the rights that an access needs. */
    private static long rightsOf(int access) {
        return ((access & Protection.WRITE) != 0 ? Pte.WRITE : 0)
                | ((access & Protection.EXEC) != 0 ? Pte.EXEC : 0)
                | ((access & Protection.READ) != 0 ? Pte.READ : 0);
    }

    /** Adds rights that the VMA was given and the entry lacks. */
    private int widen(VmArea vma, long address, long[] leaf, int index, long pte, boolean writes) {
        Leaf.lock(leaf);
        try {
            VmArea now = mayChange(leaf) ? recheck(layout, vma, address, false) : null;
            if (now == null || (writes && !now.has(VmaFlags.WRITE))) {
                return AGAIN;
            }
            long wider = pte
                    | LeafWalks.rights(now, layout.geometry())
                    | Pte.ACCESSED
                    | (writes ? Pte.WRITE | Pte.DIRTY : 0);
            if (Pte.isOwn(pte) && writes && !Pte.has(pte, Pte.WRITE)) {
                return AGAIN;
            }
            boolean isWider = Leaf.widen(leaf, index, pte, wider);
            if (isWider) {
                if (isMarking && Pte.has(wider & ~pte, Pte.DIRTY) && Pte.isCached(pte)) {
                    markDirty(Pte.frame(pte), pte);
                }
                noteDirtied(pte, wider);
            }
            return isWider ? Fault.NONE : AGAIN;
        } finally {
            Leaf.unlock(leaf);
        }
    }

    /**
     * Handles a write to a present entry of a private mapping that does not permit writing. After a forced write to a
     * mapping without the right to write, the entry still does not permit writing.
     */
    private int copyOrReuse(VmArea vma, long address, int access, long[] leaf, int index, long pte) {
        boolean mayReuse = isSole(pte);
        checkMayWait();
        return mayReuse ? reuse(vma, address, access, leaf, index, pte) : copy(vma, address, access, leaf, index, pte);
    }

    /**
     * Returns whether no other mapping shares a page. A pin may have been made by a mapping that has ended since. So a
     * pin counts as sharing, unless no other mapping ever shared the page.
     */
    private boolean isSole(long pte) {
        return Pte.has(pte, Pte.EXCLUSIVE) || (Pte.isOwn(pte) && frames.isSole(Pte.frame(pte)));
    }

    /** Makes a private page writable in place, because no other mapping shares it ({@code wp_page_reuse}). */
    private int reuse(VmArea vma, long address, int access, long[] leaf, int index, long pte) {
        Leaf.lock(leaf);
        try {
            // Checked under the lock that a fork holds when it counts the child's mapping.
            if (!mayChange(leaf) || !isSole(pte)) {
                return AGAIN;
            }
            VmArea now = recheck(layout, vma, address, true);
            if (now == null || !PermissionCheck.mayCopy(now, access)) {
                return AGAIN;
            }
            long rights = LeafWalks.maxRights(now, layout.geometry());
            long wider = Pte.present(Pte.frame(pte), Pte.OWN | Pte.EXCLUSIVE | Pte.DIRTY | Pte.ACCESSED | rights);
            return Leaf.widen(leaf, index, pte, wider) ? Fault.NONE : AGAIN;
        } finally {
            Leaf.unlock(leaf);
        }
    }

    /** Copies the page of a present entry that does not permit writing ({@code wp_page_copy}). */
    @SuppressWarnings("try") // the resource is only closed
    private int copy(VmArea vma, long address, int access, long[] leaf, int index, long pte) {
        long page = layout.geometry().roundDown(address);
        long end = page + layout.geometry().pageSize();
        try (AccessChecker.Revocation revocation = AccessChecker.beginIfChecked(
                memory.accessChecker(), "copy on write", AccessChecker.ALL, table().number(), page, end)) {
            return copyPage(vma, address, access, leaf, index, pte);
        }
    }

    private int copyPage(VmArea vma, long address, int access, long[] leaf, int index, long pte) {
        // Not checked again under the lock, because the entry is claimed only if the reaper has left the page there.
        int stability = stability(vma);
        if (stability != Fault.NONE) {
            return stability;
        }
        VmaMerge.prepareAnonVma(layout, vma);
        boolean fromZero = Pte.has(pte, Pte.ZERO);
        long mark = Pte.busy(pte, context.owner(), true);
        int fresh = fresh(fromZero);
        if (fresh == Frames.NONE) {
            return EXHAUSTED;
        }
        boolean done = false;
        try {
            long rights = mark(vma, address, access, leaf, index, pte, mark);
            if (rights == NOT_CLAIMED) {
                return AGAIN;
            }
            leaveSection();
            TlbGather.flushPage(memory, table(), leaf, address);
            reader.readLock();
            done = finish(leaf, index, mark, fresh, rights, !fromZero);
        } finally {
            try {
                end(leaf, index, mark, pte, done);
            } finally {
                if (!done) {
                    giveBack(fresh);
                }
            }
        }
        if (done && Pte.isOwn(pte)) {
            frames.drop(Pte.frame(pte), context.magazine());
        }
        if (done && !fromZero) {
            isCopy = true;
        }
        return done ? Fault.NONE : AGAIN;
    }

    /**
     * Copies a page of a cache to an entry without a page. No flush is needed, because no CPU caches a translation of
     * this entry. The caller is in a reader section.
     */
    int copyFromCache(VmArea vma, long address, int access, FilePages cache, long page, int source) {
        long mark = Pte.busy(Pte.present(source, cache.pteBits()), context.owner(), true);
        // The leaf is allocated before the frame, because the frame would be lost if there were no memory for the leaf.
        long[] leaf = table().leafForInstall(address);
        if (leaf == null) {
            return NO_TABLE;
        }
        int index = table().indexOf(address);
        int fresh = fresh(false);
        if (fresh == Frames.NONE) {
            return EXHAUSTED;
        }
        boolean done = false;
        try {
            long rights = NOT_CLAIMED;
            Leaf.lock(leaf);
            try {
                VmArea now = mayChange(leaf) ? recheck(layout, vma, address, true) : null;
                if (now != null
                        && PermissionCheck.mayCopy(now, access)
                        && frames.isCached(source, cache.number(), page)
                        && Leaf.fill(leaf, index, mark)) {
                    rights = LeafWalks.maxRights(now, layout.geometry());
                }
            } finally {
                Leaf.unlock(leaf);
            }
            if (rights == NOT_CLAIMED) {
                return AGAIN;
            }
            done = finish(leaf, index, mark, fresh, rights, true);
            if (done) {
                isCopy = true;
            }
            return done ? Fault.NONE : AGAIN;
        } finally {
            try {
                end(leaf, index, mark, Pte.NONE, done);
            } finally {
                if (!done) {
                    giveBack(fresh);
                }
            }
        }
    }

    /** Claims the entry. Returns the rights of the copy, or {@link #NOT_CLAIMED}. */
    private long mark(VmArea vma, long address, int access, long[] leaf, int index, long pte, long mark) {
        Leaf.lock(leaf);
        try {
            VmArea now = mayChange(leaf) ? recheck(layout, vma, address, true) : null;
            if (now == null || !PermissionCheck.mayCopy(now, access) || now.has(VmaFlags.SHARED)) {
                return NOT_CLAIMED;
            }
            return Leaf.claim(leaf, index, pte, mark) ? LeafWalks.maxRights(now, layout.geometry()) : NOT_CLAIMED;
        } finally {
            Leaf.unlock(leaf);
        }
    }

    /** Copies the page if {@code copies}, and installs it. The caller is in a reader section. */
    private boolean finish(long[] leaf, int index, long mark, int fresh, long rights, boolean copies) {
        if (copies) {
            if (Leaf.get(leaf, index) != mark) {
                return false;
            }
            frames.store().copy(Pte.frame(mark), fresh);
        }
        long copied = Pte.present(fresh, Pte.OWN | Pte.EXCLUSIVE | Pte.DIRTY | Pte.ACCESSED | rights);
        return Leaf.settle(leaf, index, mark, copied);
    }

    /** Called on every exit, even if the store throws, so that no entry stays busy. */
    private void end(long[] leaf, int index, long mark, long before, boolean done) {
        if (!done) {
            Leaf.settle(leaf, index, mark, before);
        }
        memory.contexts().leave(context);
    }

    /** Allocates a frame. Needs as much stack as {@link #giveBack}. */
    private int fresh(boolean isZeroed) {
        Magazine magazine = context.magazine();
        return isZeroed ? frames.allocate(magazine) : frames.allocateDirty(magazine);
    }

    private void giveBack(int fresh) {
        frames.drop(fresh, context.magazine());
    }

    /**
     * Returns the VMA that is at an address now, if it belongs to the mapping for which the fault decided; the decision
     * is then still valid. The caller holds the lock of the leaf, and linked the leaf before.
     *
     * @param isPrepared whether the fault prepared the anon_vma of the VMA. If so, the returned VMA also has one
     * @return the VMA, or null if the fault must start over
     */
    static @Nullable VmArea recheck(Layout layout, VmArea vma, long address, boolean isPrepared) {
        // Read with volatile mode after the lookup, because the VMA may have been replaced since. Pairs with
        // VmArea.detach, which precedes the walk that clears entries.
        return vma.isDetached() ? successor(layout, vma, address, isPrepared) : vma;
    }

    private static @Nullable VmArea successor(Layout layout, VmArea vma, long address, boolean isPrepared) {
        for (; ; ) {
            VmArea now = layout.find(address);
            while (now != null && now.isDetached()) {
                now = layout.find(address);
            }
            if (now == null || InFlightOperation.stopsFaultsAt(now) || !isSameMapping(layout, vma, now)) {
                return null;
            }
            if (!isPrepared) {
                return now;
            }
            // The old VMA may have received its anon_vma too late to pass it on to its successors. The successors may
            // also have been replaced, and may have passed on their anon_vma before this call. So the VMA is checked to
            // be attached after its anon_vma is set.
            VmaMerge.prepareAnonVma(layout, now);
            if (!now.isDetached()) {
                return now;
            }
        }
    }

    private static boolean isSameMapping(Layout layout, VmArea one, VmArea other) {
        long kept = VmaFlags.ACCESS | VmaFlags.SHARED;
        int pageShift = layout.geometry().pageShift();
        boolean continues = (other.start() - one.start()) >> pageShift == other.pageOffset() - one.pageOffset();
        return one.backing() == other.backing()
                && one.isAnonymous() == other.isAnonymous()
                && ((one.flags() ^ other.flags()) & kept) == 0
                && (continues || one.isAnonymous());
    }

    /**
     * Returns whether the fault may change an entry of a leaf now: the leaf is alive, and no fork is narrowing entries.
     * Each change of an entry checks this first. The caller holds the lock of the leaf.
     *
     * <p>A fault in a callback of a retirement does not wait for a fork, because the fork may wait for that retirement.
     * So a child need not have its stores.
     */
    boolean mayChange(long[] leaf) {
        return !Leaf.isDead(leaf) && (table().forking() == null || InFlightOperation.retiring() != null);
    }

    /**
     * Returns whether a mapping may get a page ({@code check_stable_address_space}). A fault that is about to fill an
     * empty entry of anonymous memory calls this under the lock of the leaf, for the VMA that is mapped there.
     *
     * @return {@link Fault#NONE}; ADRERR if the VMA is private and the space unstable; {@link #AGAIN} if the
     *     VMA was replaced in the meantime
     */
    int stability(VmArea vma) {
        if (vma.has(VmaFlags.SHARED) || !layout.isUnstable()) {
            return Fault.NONE;
        }
        // Read after the reap's mark, so that both were true at the same instant, or else the fault starts over.
        return vma.isDetached() ? AGAIN : Fault.ADRERR;
    }

    /** Returns the page table of the space that is served. */
    PageTable table() {
        return layout.pages();
    }

    long pageOf(VmArea vma, long address) {
        return vma.pageOffset() + ((address - vma.start()) >>> pageShift);
    }

    /** Leaves the reader section, before a wait or at the end of an attempt. */
    void leaveSection() {
        endPass();
        reader.readUnlock();
    }

    /** Lets the next fork narrow entries. */
    void endPass() {
        if (isPassing) {
            isPassing = false;
            table().endPass();
        }
    }

    /**
     * Checks that the thread may wait. The faulting CPU has left GUEST, and the attempt leaves its reader section
     * before it waits, but the thread may have other CPUs in GUEST.
     */
    void checkMayWait() {
        ThreadCpus.checkMayWait("a fault that may have to wait", reader);
    }

    /** Returns whether the backing of a VMA is notified of first writes through it. */
    static boolean noticesWrites(VmArea vma) {
        BackingTraits traits = vma.traits();
        return traits != null && traits.noticesWrites() && vma.has(VmaFlags.SHARED);
    }

    /**
     * Marks a page that a fault makes dirty ({@code fault_dirty_shared_page}, {@code follow_page_pte}), so that all its
     * mappings report it as dirty. A store through an existing entry marks only that entry, even if the fault makes the
     * entry writable; on Linux, mprotect has already made it writable. A page that is saved to a file needs no mark
     * besides the entry's dirty bit, which counts the page. The caller holds the lock of the leaf.
     */
    void markDirty(int frame, long pte) {
        if (Pte.has(pte, Pte.SHMEM)) {
            frames.setDirty(frame);
        }
    }

    /**
     * Counts the page of a file whose entry a fault has made dirty, for the limit of dirty pages. Each fault that sets
     * the mark calls this. The caller holds the lock of the leaf.
     *
     * @param before the entry before
     * @param after the entry now
     */
    void noteDirtied(long before, long after) {
        if (Pte.has(after & ~before, Pte.DIRTY) && Pte.isCached(after)) {
            frames.noteDirtied(Pte.frame(after));
        }
    }

    /** Tries to free frames or tables. Returns false if a further call would be in vain. */
    private boolean reclaim(int result, long address, int access) {
        BegunEvent recorded = Tracepoints.begin(Tracepoints.FAULT);
        boolean lacksFrame = result == EXHAUSTED;
        boolean isFreed = lacksFrame ? memory.reclaim() || dropPages() : reclaimTables();
        record(recorded, lacksFrame ? "no frame" : "no page table", address, access, AGAIN);
        return isFreed;
    }

    private boolean reclaimTables() {
        BegunEvent recorded = Tracepoints.begin(Tracepoints.RECLAIM);
        boolean isFreed = layout.spaces().reclaimTables(layout);
        Tracepoints.endReclaim(recorded, "page tables", isFreed ? 1 : 0, false);
        return isFreed;
    }

    /** Drops pages of droppable mappings; returns whether a frame was freed. */
    private boolean dropPages() {
        BegunEvent recorded = Tracepoints.begin(Tracepoints.RECLAIM);
        boolean isFreed = LowMemory.dropPages(layout.spaces(), memory);
        Tracepoints.endReclaim(recorded, "droppable pages", isFreed ? 1 : 0, false);
        return isFreed;
    }

    /** Returns how many reaps of victims have ended so far. */
    long reaps() {
        LowMemory lowMemory = layout.spaces().host().lowMemory();
        return lowMemory == null ? 0 : lowMemory.reaps();
    }

    /**
     * Returns the result of a fault for which reclaim did not suffice. Reaps a space first, if the machine is
     * configured to do so. If a space has reached its own limit of tables, no space is reaped.
     *
     * @return {@link Fault#OUT_OF_MEMORY}; {@link Fault#RETRY} while a space is being reaped; or {@link
     *     #AGAIN} if a backing returned OUT_OF_MEMORY although a frame is free
     */
    private int answer(int found) {
        Spaces spaces = layout.spaces();
        LowMemory lowMemory = spaces.host().lowMemory();
        int result = Fault.OUT_OF_MEMORY;
        if (lowMemory != null && found == NO_TABLE) {
            result = table().isAtTableLimit() ? result : lowMemory.shortageOfTables(spaces, table());
        } else if (lowMemory != null) {
            result = lowMemory.shortage(spaces, memory, context.magazine(), found == EXHAUSTED ? Fault.RETRY : AGAIN);
        }
        return result;
    }

    /** Returns whether memory for a frame or a table is missing. */
    private static boolean isShortage(int result) {
        return result == EXHAUSTED || result == NO_TABLE || result == Fault.OUT_OF_MEMORY;
    }

    /** Records the end of a step that may have waited. The caller is not in a reader section. */
    void record(@Nullable BegunEvent recorded, String cause, long address, int access, int result) {
        if (recorded != null) {
            Tracepoints.endFault(
                    recorded, layout.lifetime().identity().number(), address, access, cause, result, isMajor);
        }
    }

    /** Reports an exception of a backing. */
    void reportBacking(String call, BackingTraits traits, Throwable thrown) {
        add(new Report(Report.Kind.CALLBACK_FAILED, call + " of " + nameOf(traits), thrown));
    }

    /** Reports a backing that took too long in a call in which it must not block. */
    void reportLongOffer(BackingTraits traits, long nanos) {
        long micros = TimeUnit.NANOSECONDS.toMicros(nanos);
        String message = "rcuMapPages of " + nameOf(traits) + " took " + micros + " us, and must not block";
        add(new Report(Report.Kind.LONG_WAIT, message, null));
    }

    private static String nameOf(BackingTraits traits) {
        return traits.backing().getClass().getName();
    }

    private void add(Report report) {
        reports.add(report);
        if (!reader.isReading()) {
            deliverReports();
        }
    }

    /** Delivers the reports. The caller is not in a reader section. */
    private void deliverReports() {
        for (Report report = reports.poll(); report != null; report = reports.poll()) {
            layout.host().report(report.kind(), report.message(), report.cause());
        }
    }
}
