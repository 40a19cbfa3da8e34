// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.fault;

import dev.samara.core.event.Report;
import dev.samara.core.internal.check.AccessChecker;
import dev.samara.core.internal.cpu.ThreadCpus;
import dev.samara.core.internal.file.FilePages;
import dev.samara.core.internal.hostfile.OpenHostFile;
import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.op.VmaMerge;
import dev.samara.core.internal.page.CheckpointLog;
import dev.samara.core.internal.page.Frames;
import dev.samara.core.internal.page.Frames.Magazine;
import dev.samara.core.internal.page.PageTable;
import dev.samara.core.internal.page.PageTable.Leaf;
import dev.samara.core.internal.page.PageTable.Notice;
import dev.samara.core.internal.page.PageTableContexts.PageTableContext;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.pagewalk.LeafWalks;
import dev.samara.core.internal.space.InFlightOperation;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.space.LowMemory;
import dev.samara.core.internal.space.MachineThreads;
import dev.samara.core.internal.space.MachineThreads.MachineWaitReporter;
import dev.samara.core.internal.space.Spaces;
import dev.samara.core.internal.sync.Addresses;
import dev.samara.core.internal.sync.Gate;
import dev.samara.core.internal.sync.Gate.WaitReporter;
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
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Backing;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.PageCache;
import dev.samara.core.vma.VmaFlags;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Locale;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.function.IntUnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * Handles page faults, of one space at a time and for one thread at a time ({@code handle_mm_fault} in {@code
 * mm/memory.c}).
 *
 * <ol>
 *   <li><em>Attempt.</em> An attempt is a reader section. It looks the VMA up without a lock or a reference count,
 *       checks the rights ({@link #check}, {@code access_error} in {@code arch/x86/mm/fault.c}), and decides on one
 *       read of the entry. An attempt that has to wait, for a gate, a busy entry, a backing, memory or a fork, leaves
 *       the section first; then the fault starts over. The gate is checked before the rights, because while the gate
 *       is closed, the VMA is not yet the one of this address. Where no VMA is found, a stack may grow ({@link
 *       #await}). Only that takes a lock of the space.
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
 *   <li><em>Empty entries of files.</em> Within the reader section, the backing offers a window of pages that are in
 *       memory ({@code rcuMapPages}, which must not wait). A page counts only if its frame is still that of the page in
 *       the cache; the frame is not freed before the section ends. The pages are mapped under one hold of the leaf's
 *       lock. If the page itself is not offered, the backing is asked for it under a reference on the VMA and outside
 *       of every reader section. So the backing may take as long as it needs, and no operation waits for it. The answer
 *       is checked as an offered page is, in a new section. A page beyond the end of a file (SIGBUS) is found by {@code
 *       FilePages.frameFor} and {@code frameForFault}, or by {@code OpenHostFile.fault} for a host file.
 *   <li><em>First writes.</em> A write to a shared page whose backing wants to know about first writes is announced in
 *       the same way. A {@link Notice}, which begins before the backing is called, and which everything that empties or
 *       narrows the entry makes stale, shows whether the entry is still the one that the backing decided about.
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

    /**
     * An access of a debugger, as a bit in addition to the one {@code PROT_*} bit of {@link Mman} ({@code FOLL_FORCE}).
     * It needs the rights that the mapping may be given, not its current rights. No other access gains rights from this
     * fault.
     */
    public static final int FORCED = 1 << 30;

    private static final int KNOWN =
            Mman.READ | Mman.WRITE | Mman.EXEC | Mman.SEM | Mman.PROT_GROWSDOWN | Mman.PROT_GROWSUP;

    /**
     * The weight of vain answers of a backing after which a fault fails. An answer whose page, or right to write, was
     * removed before the fault could use it has the weight 1: other threads may do that any number of times, e.g. by
     * evictions, but a backing that does it within its own answer would be asked forever.
     */
    private static final int PATIENCE = 4096;

    /**
     * The weight of an invalid result, i.e. of a frame that is not in the cache although no page was removed from the
     * cache. A backing that keeps its own index may learn of a truncation late, and return invalid results until then.
     */
    private static final int INVALID = PATIENCE / 16;

    /* Results of the steps of a fault in addition to those of Fault, which are positive or 0. */

    /** The fault starts over with a new lookup. */
    private static final int AGAIN = -1;

    /** There is no free frame. Reclaim, outside of all reader sections, may free one; then the fault starts over. */
    private static final int EXHAUSTED = -2;

    /** There is no VMA at the address, or its gate is closed. */
    private static final int MUST_WAIT = -3;

    /** There is no leaf, and another table would exceed the limit of the space or the machine. */
    private static final int NO_TABLE = -4;

    /**
     * Many pages of files are dirty. Outside of all reader sections, the fault calls {@code Frames.balanceDirty}, which
     * writes some or starts a background write. Then the fault starts over.
     */
    private static final int UNBALANCED = -5;

    /** The page is not among those that its backing offered, so the backing is asked for it. */
    private static final int NOT_OFFERED = -6;

    private final MachineMemory memory;
    private final Frames frames;
    private final PageTableContext context;
    private final Rcu.Reader reader;
    final int pageShift;

    /** The layout of the space that is served; before the first fault there, the layout of closed references. */
    Layout layout;

    /* The page table and the geometry of that space. */
    private PageTable table;
    private Geometry geometry;

    private final Window window;
    private final Uncached uncached = new Uncached();

    /** The weight of the vain answers of the backing during the current fault. */
    private int inVain;

    /** Whether a backing had to fetch data for the current fault. */
    private boolean isMajor;

    /** Whether the current fault copied a page for a write. */
    private boolean isCopy;

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

    /** The maximum rights of the pages of that VMA. */
    private long lastRights;

    /** Whether this object may refer to the space that was served last. */
    private boolean isServing = true;

    /** Whether a backing had to fetch data for the last completed fault. Written only here. */
    public boolean wasMajor;

    /** Whether the last completed fault copied a page for a write. Written only here. */
    public boolean wasCopy;

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
        table = layout.pages();
        geometry = layout.geometry;
        memory = layout.memory();
        frames = memory.frames;
        reader = context.reader;
        pageShift = geometry.pageShift();
        // A window lies within one leaf, so it has at most as many pages as a leaf has entries.
        window = new Window(Math.min(memory.faultAround, table.entries));
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
            use(next);
        }
    }

    private void use(Layout next) {
        layout = next;
        table = next.pages();
        geometry = next.geometry;
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
            window.forget();
            use(layout.closed());
            // Cleared last, so that the next call repeats the steps above if one of them fails.
            isServing = false;
        }
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
     * @param access {@code PROT_*} bits of {@link Mman}, at least one; or READ or WRITE together with {@link
     *     #FORCED}
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
        int outerInVain = inVain;
        isMajor = false;
        isBalanced = false;
        isCopy = false;
        inVain = 0;
        boolean isServed = false;
        try {
            int result = served(address, access);
            long reaps = -1;
            while (result == EXHAUSTED || result == NO_TABLE || result == Fault.OUT_OF_MEMORY) {
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
            inVain = outerInVain;
            if (isPassing) {
                endPass();
            }
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
        return mayWait ? uncached.copy(address, target) : 0;
    }

    private int served(long address, int access) {
        int result = attemptOnce(address, access);
        return result == Fault.NONE ? result : settle(result, address, access);
    }

    /**
     * Continues after a first attempt that did not make the access possible.
     *
     * @return a {@link Fault}; EXHAUSTED or NO_TABLE if reclaim could not resolve that
     */
    private int settle(int first, long address, int access) {
        int result = retry(first, address, access);
        if ((first != Fault.MAPERR && result == Fault.MAPERR) || (result == Fault.ADRERR && layout.isUnstable())) {
            // A failed attempt may have linked a leaf after the walk by the reaper or by the operation that removed the
            // mapping.
            table.unhookIfEmpty(address);
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
        Gate fork = table.forking();
        if (fork == null || InFlightOperation.retiring() != null) {
            return false;
        }
        BegunEvent recorded = Tracepoints.begin(Tracepoints.FAULT);
        ThreadCpus.checkMayWait("a fault that has to wait for a fork");
        if (!isPassing) {
            table.beginPass();
            isPassing = true;
        }
        fork.awaitUninterruptibly(reporter(layout, address));
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

    /* The attempt, and the rights. */

    private int attemptOnce(long address, int access) {
        reader.readLock();
        try {
            return attempt(address, access);
        } finally {
            if (isPassing) {
                endPass();
            }
            reader.readUnlockAll();
            if (!reports.isEmpty()) {
                deliverReports();
            }
        }
    }

    /** Decides on the VMA, and then on one read of the entry. Leaves the reader section before it waits. */
    private int attempt(long address, int access) {
        VmArea vma = find(address);
        int result = check(vma, access, lastRights);
        if (vma == null || result == MUST_WAIT) {
            return awaitLayout(vma, address, access);
        }
        if (result != Fault.NONE) {
            return result;
        }
        if ((access & Mman.WRITE) != 0 && isUnbalanced(vma)) {
            return UNBALANCED;
        }
        long[] leaf = table.leaf(address);
        int index = table.indexOf(address);
        long pte = leaf == null ? Pte.NONE : Leaf.get(leaf, index);
        if (leaf != null && Pte.isPresent(pte)) {
            return present(vma, address, access, leaf, index, pte);
        }
        if (leaf != null && Pte.isBusy(pte)) {
            return awaitOwner(leaf, index, pte, address, access);
        }
        return pte == Pte.GUARD ? Fault.MAPERR : empty(vma, address, access, leaf);
    }

    private @Nullable VmArea find(long address) {
        VmArea vma = last;
        if (vma != null && vma.contains(address) && !vma.isDetached()) {
            return vma;
        }
        vma = layout.find(address);
        lastRights = vma == null ? 0 : LeafWalks.maxRights(vma, geometry);
        last = vma;
        return vma;
    }

    /** Returns the maximum rights that a VMA's pages may have. */
    private long maxRights(VmArea vma) {
        return vma == last ? lastRights : LeafWalks.maxRights(vma, geometry);
    }

    /**
     * Rejects a caller's access that has bits other than {@code PROT_*}, because {@link #FORCED} is
     * reserved for the library.
     *
     * @throws IllegalArgumentException if there are such bits
     */
    public static void requireKnown(int access) {
        if ((access & ~KNOWN) != 0) {
            throw new IllegalArgumentException(
                    "access 0x" + Integer.toHexString(access) + " has bits other than PROT_*");
        }
    }

    /** Looks the VMA up and checks it until there is a result. Maps no page. Returns a {@link Fault}. */
    public static int resolve(Layout layout, long address, int access) {
        int result;
        do {
            VmArea vma = layout.find(address);
            result = check(vma, access, vma == null ? 0 : LeafWalks.maxRights(vma, layout.geometry));
            if (result == MUST_WAIT) {
                result = await(layout, vma, address);
            }
        } while (result == AGAIN);
        return result;
    }

    /**
     * Decides on a VMA that a lookup found.
     *
     * @param rights the maximum rights of its pages
     * @return {@link Fault#NONE} if the VMA permits the access, ACCERR if not, or {@link #MUST_WAIT}
     */
    private static int check(@Nullable VmArea vma, int access, long rights) {
        if (vma == null || (vma.gate() != null && InFlightOperation.stopsFaultsAt(vma))) {
            return MUST_WAIT;
        }
        boolean isPermitted = (access & FORCED) != 0
                ? permitsForced(vma, access)
                : ((long) access << Pte.RIGHTS_SHIFT & Pte.RIGHTS & ~rights) == 0;
        return isPermitted ? Fault.NONE : Fault.ACCERR;
    }

    /**
     * Prepares a new attempt after an attempt without a result: grows the stack above the address if no VMA was found,
     * or waits at the gate of the VMA. An interrupt does not end the wait. The caller is not in a reader section.
     *
     * @return {@link #AGAIN} if a new lookup may find something else; {@link Fault#MAPERR} if no stack grows
     *     there
     * @throws IllegalStateException if the fault would have to wait, and was called by the retire phase of an operation
     *     in flight, while a CPU of the thread is in GUEST, or by a backing that must not wait
     */
    private static int await(Layout layout, @Nullable VmArea vma, long address) {
        if (vma == null) {
            return grow(layout, address);
        }
        Gate gate = vma.gate();
        if (gate != null) {
            awaitGate(layout, gate, address);
        }
        return AGAIN;
    }

    private static int grow(Layout layout, long address) {
        VmArea above = layout.findNext(address);
        if (above == null || !above.has(VmaFlags.GROWSDOWN)) {
            return Fault.MAPERR;
        }
        long grown = ExpandStack.growForFault(layout, address);
        return Errno.isError(grown) ? Fault.MAPERR : AGAIN;
    }

    private static void awaitGate(Layout layout, Gate gate, long address) {
        if (!gate.isOpen()) {
            // Refuses to wait if this thread has a CPU in GUEST, because the operation of the gate may wait for that
            // CPU.
            ThreadCpus.checkMayWait("a fault that has to wait");
            InFlightOperation inside = InFlightOperation.retiring();
            if (inside != null) {
                throw new IllegalStateException(
                        String.format(Locale.ROOT, "a fault at 0x%x was called by the retirement of ", address) + inside
                                + ", and would have to wait for " + gate + ": nothing in flight may wait");
            }
        }
        // Keeps the interrupt flag: code that loads and stores expects no access to fail because of an interrupt.
        gate.awaitUninterruptibly(reporter(layout, address));
    }

    /** Returns what reports a long wait of a fault at an address. */
    private static WaitReporter reporter(Layout layout, long address) {
        return new FaultWaitReporter(layout.host.threads, address);
    }

    /** Decides as {@code check_vma_flags} in {@code mm/gup.c} does for {@code FOLL_FORCE}. */
    private static boolean permitsForced(VmArea vma, int access) {
        return (access & Mman.WRITE) == 0
                ? vma.hasAny(VmaFlags.READ | VmaFlags.MAYREAD)
                : vma.has(VmaFlags.WRITE) || isCopyOnWrite(vma);
    }

    /** Returns whether pages of a VMA are copied when they are written ({@code is_cow_mapping}). */
    public static boolean isCopyOnWrite(VmArea vma) {
        return !vma.has(VmaFlags.SHARED) && vma.has(VmaFlags.MAYWRITE);
    }

    /** Returns whether a write may copy a private page of the VMA, or reuse it. */
    private static boolean mayCopy(VmArea now, int access) {
        return now.has(VmaFlags.WRITE) || ((access & FORCED) != 0 && isCopyOnWrite(now));
    }

    /** Waits at the gate of the VMA, or grows the stack. */
    private int awaitLayout(@Nullable VmArea vma, long address, int access) {
        leaveToWait();
        BegunEvent recorded = Tracepoints.begin(Tracepoints.FAULT);
        int result = await(layout, vma, address);
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
        BackingTraits traits = vma.traits;
        return traits != null && traits.pageCache() instanceof FilePages cache && cache.number >= Frames.SAVED;
    }

    /** Waits until the owner of a busy entry releases it. */
    private int awaitOwner(long[] leaf, int index, long pte, long address, int access) {
        leaveToWait();
        BegunEvent recorded = Tracepoints.begin(Tracepoints.FAULT);
        // The owner waits for no operation, so the retire phase of an operation may wait here, too.
        memory.contexts.await(leaf, index, pte, reporter(layout, address));
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
        BackingTraits traits = vma.traits;
        if (traits == null || !(traits.pageCache() instanceof FilePages cache) || cache.memory != memory) {
            return Fault.ADRERR;
        }
        return faultInFile(vma, traits, cache, address, access, known);
    }

    /**
     * Maps a page. The caller is in a reader section.
     *
     * @param known the leaf that contains the page's entry, or null if there was none
     */
    private int anonymous(VmArea vma, long address, int access, long @Nullable [] known) {
        boolean takesFrame = (access & Mman.WRITE) != 0 || memory.forbidsZeroPage();
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
        long size = geometry.hugeSize();
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
        return install(vma, address, Mman.READ, isPrepared, Frames.ZERO, Pte.ZERO | Pte.ACCESSED, known);
    }

    private int mapFresh(VmArea vma, long address, int access, long @Nullable [] known) {
        int frame = frames.allocate(context.magazine);
        if (frame == Frames.NONE) {
            return EXHAUSTED;
        }
        int result = AGAIN;
        try {
            result = install(vma, address, access, true, frame, Pte.OWN | Pte.EXCLUSIVE | Pte.ACCESSED, known);
            return result;
        } finally {
            if (result != Fault.NONE) {
                frames.drop(frame, context.magazine);
            }
        }
    }

    /** Returns {@link Fault#NONE} if the page is installed. */
    private int install(
            VmArea vma, long address, int access, boolean isPrepared, int frame, long bits, long @Nullable [] known) {
        boolean writes = (access & Mman.WRITE) != 0;
        long[] leaf = known != null ? known : table.leafForInstall(address);
        if (leaf == null) {
            return NO_TABLE;
        }
        Leaf.lock(leaf);
        try {
            // Read before the log. Pairs with PageTable.beginEpoch.
            long epoch = table.epoch();
            VmArea now = mayChange(leaf) ? recheck(layout, vma, address, isPrepared) : null;
            if (now == null || (writes && !mayCopy(now, access))) {
                return AGAIN;
            }
            // Checked under the lock that the reaper acquires after it has set the mark. Either the reaper finds this
            // page, or this check finds the mark.
            int stability = stability(now);
            if (stability != Fault.NONE) {
                return stability;
            }
            long most = maxRights(now);
            long pte = Pte.present(frame, bits | (most & ~Pte.WRITE));
            if (frame != Frames.ZERO) {
                CheckpointLog log = table.log();
                if (log != null && Leaf.get(leaf, table.indexOf(address)) != Pte.NONE) {
                    return AGAIN;
                }
                int recorded = log == null ? 0 : log.change(address >>> pageShift, Pte.NONE);
                if (recorded < 0) {
                    return recorded == CheckpointLog.SEALED ? AGAIN : NO_TABLE;
                }
                if (log != null && recorded > 0 && isMissed(log, leaf, address, Pte.NONE)) {
                    return AGAIN;
                }
                pte |= epoch;
                if (writes || now.has(VmaFlags.WRITE)) {
                    // Linux makes a new page writable, and marks it dirty, even if the first access is a read.
                    pte |= Pte.DIRTY | most;
                }
            }
            return Leaf.fill(leaf, table.indexOf(address), pte) ? Fault.NONE : AGAIN;
        } finally {
            Leaf.unlock(leaf);
        }
    }

    /** Handles a fault at a present entry, for an access that the VMA permits. */
    private int present(VmArea vma, long address, int access, long[] leaf, int index, long pte) {
        boolean writes = (access & Mman.WRITE) != 0;
        boolean isOlder = writes && table.isOlder(pte);
        if (!isOlder && allows(pte, access)) {
            // The fault marks the page itself: while many pages are dirty, a walk would leave the page clean, and the
            // fault would start again.
            boolean makesDirty = (isBalanced || isMarking) && writes && !Pte.has(pte, Pte.DIRTY) && Pte.isCached(pte);
            return makesDirty ? widen(vma, address, leaf, index, pte, true) : Fault.NONE;
        }
        if (writes && (isOlder || !Pte.has(pte, Pte.WRITE))) {
            if (!vma.has(VmaFlags.SHARED)) {
                return copyOrReuse(vma, address, access, leaf, index, pte);
            }
            BackingTraits traits = vma.traits;
            if (traits != null && traits.noticesWrites()) {
                checkMayWait();
                Request request = new Request(vma, pageOf(vma, address), address, access);
                // Adds all rights of the VMA, because an atomic update needs more than the right to write.
                return noticed(request, traits, null, pte, pte | bitsOf(vma, true) | Pte.DIRTY | Pte.ACCESSED);
            }
        }
        return widen(vma, address, leaf, index, pte, writes);
    }

    /** Returns whether an access can be made through a present entry. */
    private static boolean allows(long pte, int access) {
        if ((access & FORCED) == 0) {
            return ((long) access << Pte.RIGHTS_SHIFT & Pte.RIGHTS & ~pte) == 0;
        }
        return (access & Mman.WRITE) == 0 || Pte.has(pte, Pte.WRITE) || Pte.has(pte, Pte.FORCED_WRITE);
    }

    /** Adds rights that the VMA was given and the entry lacks. */
    private int widen(VmArea vma, long address, long[] leaf, int index, long pte, boolean writes) {
        Leaf.lock(leaf);
        try {
            VmArea now = mayChange(leaf) ? recheck(layout, vma, address, false) : null;
            if (now == null || (writes && !now.has(VmaFlags.WRITE))) {
                return AGAIN;
            }
            long wider = pte | (maxRights(now) & ~Pte.WRITE) | Pte.ACCESSED | (writes ? Pte.WRITE | Pte.DIRTY : 0);
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
        boolean mayReuse = mayReuse(pte);
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

    /** Returns whether a page may be written in place: no other mapping shares it, and no checkpoint needs it. */
    private boolean mayReuse(long pte) {
        return isSole(pte) && !(table.isOlder(pte) && table.log() != null);
    }

    /** Makes a private page writable in place, because no other mapping shares it ({@code wp_page_reuse}). */
    private int reuse(VmArea vma, long address, int access, long[] leaf, int index, long pte) {
        Leaf.lock(leaf);
        try {
            long epoch = table.epoch();
            // Checked under the lock that a fork holds when it counts the child's mapping.
            if (!mayChange(leaf) || !mayReuse(pte)) {
                return AGAIN;
            }
            VmArea now = recheck(layout, vma, address, true);
            if (now == null || !mayCopy(now, access)) {
                return AGAIN;
            }
            long rights = maxRights(now);
            long bits = Pte.OWN | Pte.EXCLUSIVE | Pte.DIRTY | Pte.ACCESSED | rights | epoch;
            long wider = Pte.present(Pte.frame(pte), bits);
            return Leaf.widen(leaf, index, pte, wider) ? Fault.NONE : AGAIN;
        } finally {
            Leaf.unlock(leaf);
        }
    }

    /** Copies the page of a present entry that does not permit writing ({@code wp_page_copy}). */
    @SuppressWarnings("try") // the resource is only closed
    private int copy(VmArea vma, long address, int access, long[] leaf, int index, long pte) {
        AccessChecker checker = memory.accessChecker;
        if (checker == null) {
            return copyPage(vma, address, access, leaf, index, pte);
        }
        long page = geometry.roundDown(address);
        try (AccessChecker.Revocation revocation =
                checker.begin("copy on write", AccessChecker.ALL, table.number(), page, page + geometry.pageSize())) {
            return copyPage(vma, address, access, leaf, index, pte);
        }
    }

    private int copyPage(VmArea vma, long address, int access, long[] leaf, int index, long pte) {
        // Not checked again under the lock, because the entry is claimed only if the reaper has left the page there.
        int stability = stability(vma);
        if (stability != Fault.NONE) {
            return stability;
        }
        if (vma.anonVma() == null) {
            VmaMerge.prepareAnonVma(layout, vma);
        }
        return copyTo(vma, address, access, leaf, index, pte, pte, null, 0);
    }

    /** Copies a page of a cache to an entry without a page. The caller is in a reader section. */
    private int copyFromCache(VmArea vma, long address, int access, FilePages cache, long page, int source) {
        // The leaf is allocated before the frame, because the frame would be lost if there were no memory for the leaf.
        long[] leaf = table.leafForInstall(address);
        if (leaf == null) {
            return NO_TABLE;
        }
        long old = Pte.present(source, cache.pteBits());
        return copyTo(vma, address, access, leaf, table.indexOf(address), Pte.NONE, old, cache, page);
    }

    /**
     * Replaces an entry by a copy of a page.
     *
     * @param before the entry; empty for a page of a cache
     * @param old an entry of the page that is copied
     * @param cache the cache that must still contain that page; null if the entry maps it
     * @param page the number of the page in the cache
     */
    private int copyTo(
            VmArea vma,
            long address,
            int access,
            long[] leaf,
            int index,
            long before,
            long old,
            @Nullable FilePages cache,
            long page) {
        boolean fromZero = Pte.has(old, Pte.ZERO);
        long mark = Pte.busy(old, context.owner, true);
        Magazine magazine = context.magazine;
        if (isForking()) {
            // The fork may need the frame, and this fault none.
            return AGAIN;
        }
        int fresh = fromZero ? frames.allocate(magazine) : frames.allocateDirty(magazine);
        if (fresh == Frames.NONE) {
            return needsCopy(leaf, index, before) ? EXHAUSTED : AGAIN;
        }
        boolean done = false;
        boolean isClaimed = false;
        CheckpointLog keeper = null;
        try {
            long rights;
            Leaf.lock(leaf);
            try {
                long epoch = table.epoch();
                VmArea now = mayChange(leaf) ? recheck(layout, vma, address, true) : null;
                if (now == null
                        || !mayCopy(now, access)
                        || (cache == null
                                ? now.has(VmaFlags.SHARED) || Leaf.get(leaf, index) != before
                                : !frames.isCached(Pte.frame(mark), cache.number, page)
                                        || Leaf.get(leaf, index) != Pte.NONE)) {
                    return AGAIN;
                }
                CheckpointLog log = table.log();
                int recorded = log == null ? 0 : log.change(address >>> pageShift, before);
                if (recorded < 0) {
                    return recorded == CheckpointLog.SEALED ? AGAIN : NO_TABLE;
                }
                if (log != null && recorded > 0 && isMissed(log, leaf, address, before)) {
                    return AGAIN;
                }
                keeper = recorded > 0 ? log : null;
                isClaimed = cache == null ? Leaf.claim(leaf, index, before, mark) : Leaf.fill(leaf, index, mark);
                if (!isClaimed) {
                    if (keeper != null) {
                        keeper.undo(address >>> pageShift, before);
                    }
                    return AGAIN;
                }
                rights = maxRights(now) | epoch;
            } finally {
                Leaf.unlock(leaf);
            }
            if (before != Pte.NONE) {
                // No CPU caches a translation of an entry that was empty.
                leaveSection();
                TlbGather.flushPage(memory, table, leaf, address);
                reader.readLock();
            }
            // The old page is read in the section in which its entry was read as still busy.
            if (fromZero || Leaf.get(leaf, index) == mark) {
                if (!fromZero) {
                    frames.store.copy(Pte.frame(mark), fresh);
                }
                long copied = Pte.present(fresh, Pte.OWN | Pte.EXCLUSIVE | Pte.DIRTY | Pte.ACCESSED | rights);
                done = Leaf.settle(leaf, index, mark, copied);
            }
        } finally {
            try {
                // On every exit, even if the store throws, so that no entry stays busy.
                if (isClaimed && !done) {
                    unclaim(leaf, index, mark, before, keeper, address);
                }
                memory.contexts.leave(context);
            } finally {
                if (!done) {
                    frames.drop(fresh, magazine);
                }
            }
        }
        if (done && Pte.isOwn(before) && keeper == null) {
            frames.drop(Pte.frame(before), magazine);
        }
        if (done && !fromZero) {
            isCopy = true;
        }
        return done ? Fault.NONE : AGAIN;
    }

    /**
     * Returns whether a fault for which there is no frame needs one. While a fork narrows entries, a pinned page seems to
     * be shared, although the fork then gives it back to its mapping.
     *
     * @param before the entry on which the fault decided
     */
    private boolean needsCopy(long[] leaf, int index, long before) {
        Leaf.lock(leaf);
        try {
            long now = Leaf.get(leaf, index);
            return mayChange(leaf) && now == before && !(Pte.isPresent(now) && mayReuse(now));
        } finally {
            Leaf.unlock(leaf);
        }
    }

    /** Undoes the claim of an entry for a copy, with its record, unless another thread has taken the entry over. */
    private void unclaim(long[] leaf, int index, long mark, long before, @Nullable CheckpointLog keeper, long address) {
        if (keeper == null) {
            Leaf.settle(leaf, index, mark, before);
            return;
        }
        Leaf.lock(leaf);
        try {
            if (Leaf.settle(leaf, index, mark, before)) {
                keeper.undo(address >>> pageShift, before);
            }
        } finally {
            Leaf.unlock(leaf);
        }
    }

    /* Files. */

    /**
     * Handles a fault at an empty entry of a file's mapping: maps or copies a page that the file has in memory, or else
     * asks the backing for it. The caller is in a reader section.
     *
     * @param known the leaf that contains the page's entry, or null if there was none
     */
    private int faultInFile(
            VmArea vma, BackingTraits traits, FilePages cache, long address, int access, long @Nullable [] known) {
        boolean writes = (access & Mman.WRITE) != 0;
        boolean copies = writes && !vma.has(VmaFlags.SHARED);
        if (copies) {
            VmaMerge.prepareAnonVma(layout, vma);
        }
        long page = pageOf(vma, address);
        if (copies) {
            int source = one(traits, cache, page);
            if (source != Frames.NONE) {
                return copyFromCache(vma, address, access, cache, page, source);
            }
        } else if (!(writes && traits.noticesWrites())) {
            int result = mapAround(vma, traits, cache, address, page, writes, known);
            if (result != NOT_OFFERED) {
                return result;
            }
        }
        checkMayWait();
        return fetch(vma, traits, cache, address, access, page);
    }

    /**
     * Of the pages around a page, maps those that the backing has in memory ({@code do_fault_around}, {@code
     * filemap_map_pages}). For a write ({@code do_shared_fault}), in a System V segment ({@code shm_vm_ops}), and in a
     * mapping of a host file with {@code MADV_RANDOM}, maps only that page. The caller is in a reader section.
     *
     * @return {@link Fault#NONE} if the page itself is now mapped; {@link #NOT_OFFERED} if the backing did not
     *     offer it; {@link #AGAIN} if a fork narrows entries or the leaf is dead; {@link #NO_TABLE}
     */
    private int mapAround(
            VmArea vma,
            BackingTraits traits,
            FilePages cache,
            long address,
            long page,
            boolean writes,
            long @Nullable [] known) {
        int shift = pageShift;
        // The window starts at an aligned address or at the start of the VMA.
        int pages = isAlone(vma, cache, writes) ? 1 : window.offered.length;
        long below = (address - vma.start()) >>> shift;
        int index = table.indexOf(address);
        int before = (int) Math.min(index & pages - 1, below);
        long[] leaf = known != null ? known : table.leafForInstall(address);
        if (leaf == null) {
            return NO_TABLE;
        }
        window.begin(cache, page - before, before + after(vma, address, pages - before, table.entries - index));
        window.entries = leaf;
        window.firstEntry = index - before;
        offer(traits);
        if (window.offered[before] == Frames.NONE) {
            window.offered[before] = cache.frameForFault(vma, page, context);
        }
        // Also maps the neighbours if the page itself is not in memory or is beyond the end of the file.
        return putIn(vma, cache, leaf, index - before, address - ((long) before << shift), before, writes);
    }

    /**
     * Returns whether a page is mapped without its neighbours. Linux maps neighbours despite {@code MADV_RANDOM}. Here
     * they are not mapped, because an eviction treats every page that was mapped again as used.
     */
    private static boolean isAlone(VmArea vma, FilePages cache, boolean writes) {
        return writes || cache.isOfSegment() || (vma.has(VmaFlags.RAND_READ) && cache.number >= Frames.SAVED);
    }

    /**
     * Returns how many pages of a window start at an address or above it: {@code left}, unless the VMA or the leaf ends
     * first. Not part of {@link #mapAround}, because the JIT compiler inlines that method as a whole only if it is
     * short.
     */
    private int after(VmArea vma, long address, int left, int inLeaf) {
        int shift = pageShift;
        return (int) Math.min(Math.min(left, inLeaf), (vma.end() - (address & -(1L << shift))) >>> shift);
    }

    /** Returns the cache's frame of one page, or {@link Frames#NONE}. The caller is in a reader section. */
    private int one(BackingTraits traits, FilePages cache, long page) {
        window.begin(cache, page, 1);
        offer(traits);
        int frame = window.offered[0];
        return frames.isCached(frame, cache.number, page) ? frame : Frames.NONE;
    }

    /** Lets the backing offer the pages of the window. */
    private void offer(BackingTraits traits) {
        long longest = memory.longestOffer;
        if (longest == MachineMemory.UNCHECKED) {
            offerUnchecked(traits);
        } else {
            offerChecked(traits, longest);
        }
    }

    private boolean offerUnchecked(BackingTraits traits) {
        try {
            traits.backing().rcuMapPages(window);
            return true;
        } catch (Throwable thrown) {
            window.clear();
            reportBacking("rcuMapPages", traits, thrown);
            return false;
        }
    }

    private void offerChecked(BackingTraits traits, long longest) {
        boolean returned = false;
        long start = System.nanoTime();
        NoWaiting.enter("rcuMapPages of " + traits.backing().getClass().getName());
        try {
            returned = offerUnchecked(traits);
        } finally {
            IllegalStateException refused = NoWaiting.exit();
            if (refused != null && returned) {
                reportBacking("rcuMapPages", traits, refused);
            }
        }
        long taken = System.nanoTime() - start;
        if (taken > longest) {
            reportLongOffer(traits, taken);
        }
    }

    /**
     * Maps the frames of the window whose entries are empty, under one hold of the leaf's lock. Mappings do not count
     * the frames of a cache, so the cost of a page is one read of the frame's word and one store of the entry.
     *
     * @param address the address of the first page of the window
     * @param target the page that must be mapped, by its place in the window
     */
    private int putIn(VmArea vma, FilePages cache, long[] leaf, int index, long address, int target, boolean writes) {
        boolean mapped = false;
        int filled = 0;
        int[] offered = window.offered;
        int count = window.count;
        int at = 0;
        while (at < count && offered[at] == Frames.NONE) {
            at++;
        }
        if (at == count) {
            // Without the lock: the entry is not changed, but a backing that is asked during a fork is asked in vain.
            return mayChange(leaf) ? NOT_OFFERED : AGAIN;
        }
        long first = window.first;
        long number = cache.number;
        long ofCache = cache.pteBits();
        long bits = bitsOf(vma, writes) | ofCache;
        Leaf.lock(leaf);
        try {
            if (!mayChange(leaf)) {
                return AGAIN;
            }
            for (int i = at; i < count; i++) {
                int frame = offered[i];
                if (frame == Frames.NONE || Leaf.get(leaf, index + i) != Pte.NONE) {
                    continue;
                }
                VmArea now = vma;
                long put = bits;
                // Checked for each page, because a part of the window may be unmapped at any time.
                if (vma.isDetached()) {
                    now = recheck(layout, vma, address + ((long) i << pageShift), false);
                    put = now == null ? 0 : bitsOf(now, writes) | ofCache;
                }
                if (now == null || !frames.isCached(frame, number, first + i)) {
                    continue;
                }
                if (i == target) {
                    put |= Pte.ACCESSED | (writes ? Pte.DIRTY : 0);
                }
                long pte = Pte.present(frame, put);
                boolean isIn = Leaf.fillUncounted(leaf, index + i, pte);
                filled += isIn ? 1 : 0;
                if (isIn && Pte.has(put, Pte.DIRTY)) {
                    markDirty(frame, put);
                    noteDirtied(Pte.NONE, pte);
                }
                mapped |= isIn && i == target;
            }
            return mapped ? Fault.NONE : NOT_OFFERED;
        } finally {
            try {
                Leaf.count(leaf, ofCache == 0 ? Pte.FILE_PAGE : Pte.SHMEM_PAGE, filled);
            } finally {
                Leaf.unlock(leaf);
            }
        }
    }

    /** Returns the rights of an entry that maps a page of a file, without the bits of its cache. */
    private long bitsOf(VmArea vma, boolean writes) {
        long rights = maxRights(vma) & ~Pte.WRITE;
        BackingTraits traits = vma.traits;
        boolean mayWrite =
                vma.has(VmaFlags.SHARED | VmaFlags.WRITE) && (writes || traits == null || !traits.noticesWrites());
        return mayWrite ? rights | Pte.WRITE : rights;
    }

    /**
     * Asks the backing for a page. The caller is in a reader section. This method leaves that section, and enters
     * another one.
     */
    private int fetch(VmArea vma, BackingTraits traits, FilePages cache, long address, int access, long page) {
        if (cache.isClosed()) {
            return Fault.ADRERR;
        }
        long removals = cache.removals();
        Request request = new Request(vma, page, address, access);
        if (!vma.acquire()) {
            return AGAIN;
        }
        leaveSection();
        BegunEvent recorded = Tracepoints.begin(Tracepoints.FAULT);
        int frame;
        try {
            frame = traits.backing().fault(request);
        } catch (Throwable thrown) {
            if (!(thrown instanceof IllegalStateException && cache.isClosed())) {
                reportBacking("fault", traits, thrown);
            }
            frame = -Fault.ADRERR;
        } finally {
            vma.release();
        }
        record(recorded, "a backing", address, access, frame < 0 ? failure(frame) : Fault.NONE);
        if (frame < 0) {
            return failure(frame);
        }
        reader.readLock();
        if (!frames.isCached(frame, cache.number, page)) {
            return outOfDate(traits, frame, page, cache.hasRemovedSince(removals));
        }
        boolean writes = (access & Mman.WRITE) != 0;
        if (writes && !vma.has(VmaFlags.SHARED)) {
            // Copied here, not by a retry on the fast path, because the backing may never offer the page to that path.
            return copyFromCache(vma, address, access, cache, page, frame);
        }
        if (writes && traits.noticesWrites()) {
            long pte = Pte.present(frame, bitsOf(vma, true) | cache.pteBits() | Pte.ACCESSED | Pte.DIRTY);
            return noticed(request, traits, cache, Pte.NONE, pte);
        }
        long[] leaf = table.leafForInstall(address);
        if (leaf == null) {
            return NO_TABLE;
        }
        window.begin(cache, page, 1);
        window.offered[0] = frame;
        int result = putIn(vma, cache, leaf, table.indexOf(address), address, 0, writes);
        return result == NOT_OFFERED ? AGAIN : result;
    }

    private static int failure(int answer) {
        return answer == -Fault.OUT_OF_MEMORY
                ? Fault.OUT_OF_MEMORY
                : answer == -Fault.RETRY ? Fault.RETRY : Fault.ADRERR;
    }

    /** Restarts the fault after a frame that is not in the cache, or lets the fault fail if that happens too often. */
    private int outOfDate(BackingTraits traits, int frame, long page, boolean isRemoved) {
        inVain += isRemoved ? 1 : INVALID;
        String reason = isRemoved ? " again and again, but its page is removed" : ", which is not the frame";
        return inVain < PATIENCE
                ? AGAIN
                : blamed(
                        "fault",
                        traits,
                        "returned frame " + frame + reason + " of page " + page + " in its page cache");
    }

    /**
     * Notifies the backing of a first write, and then changes the entry. If the notice is still valid by then, the
     * entry has not been emptied and refilled since the backing was notified, so it is still the entry for which the
     * backing permitted the write.
     *
     * @param cache the cache that must still contain the page if the entry is to be filled
     * @param before the entry before; empty if it is to be filled
     * @param pte the new entry
     */
    private int noticed(Request request, BackingTraits traits, @Nullable FilePages cache, long before, long pte) {
        long address = request.address();
        Notice notice = table.beginNotice(address);
        try {
            int told = tell(traits, request);
            if (told != Fault.NONE) {
                return told;
            }
            long[] leaf = cache == null ? table.leaf(address) : table.leafForInstall(address);
            if (leaf == null) {
                return cache == null ? AGAIN : NO_TABLE;
            }
            boolean isChanged;
            boolean may;
            Leaf.lock(leaf);
            try {
                may = mayChange(leaf);
                // The notice covers the write if neither the right nor the page was removed since it began. Another
                // VMA of the mapping does not suffice, because the mapping may have been narrowed and widened again.
                isChanged = may
                        && !request.vma().isDetached()
                        && !notice.isStale()
                        && (cache == null || frames.isCached(Pte.frame(pte), cache.number, request.page()))
                        && (before == Pte.NONE
                                ? Leaf.fill(leaf, table.indexOf(address), pte)
                                : Leaf.widen(leaf, table.indexOf(address), before, pte));
                if (isChanged) {
                    noteDirtied(before, pte);
                }
            } finally {
                Leaf.unlock(leaf);
            }
            return isChanged ? Fault.NONE : may ? outOfDate(traits, request) : AGAIN;
        } finally {
            table.endNotice(notice);
        }
    }

    /**
     * Leaves the reader section, notifies the backing of a first write, and enters another section if the backing
     * permits the write.
     */
    private int tell(BackingTraits traits, Request request) {
        leaveSection();
        if (!request.vma().acquire()) {
            return AGAIN;
        }
        BegunEvent recorded = Tracepoints.begin(Tracepoints.FAULT);
        int noticed;
        try {
            noticed = traits.backing().pageMkwrite(request);
        } catch (Throwable thrown) {
            reportBacking("pageMkwrite", traits, thrown);
            noticed = -Fault.ADRERR;
        } finally {
            request.vma().release();
        }
        record(
                recorded,
                "the notice of a first write",
                request.address(),
                request.access(),
                noticed == 0 ? Fault.NONE : failure(noticed));
        if (noticed != 0) {
            return failure(noticed);
        }
        reader.readLock();
        return Fault.NONE;
    }

    /** Restarts the fault after a notice that no longer covers the write, or lets the fault fail as above. */
    private int outOfDate(BackingTraits traits, Request request) {
        return ++inVain < PATIENCE
                ? AGAIN
                : blamed("pageMkwrite", traits, "permitted the " + request + " again and again, and it was revoked");
    }

    private int blamed(String call, BackingTraits traits, String message) {
        reportBacking(call, traits, new IllegalStateException(message));
        return Fault.ADRERR;
    }

    /* What every change checks. */

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
        int pageShift = layout.geometry.pageShift();
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
    private boolean mayChange(long[] leaf) {
        return !Leaf.isDead(leaf) && !isForking();
    }

    /** Returns whether a fork narrows entries, and this fault has to wait for it. */
    private boolean isForking() {
        return table.forking() != null && InFlightOperation.retiring() == null;
    }

    /**
     * Returns whether a restore may have missed the record that this fault has added, and then removes the record. A
     * restore begins its section before it reads which pages have records, and this reads the section after the record
     * was added. So either the restore finds the record, or this finds the section. Otherwise the store of this fault
     * would remain, although later stores of the same CPU are undone. The caller holds the lock of the leaf.
     */
    private boolean isMissed(CheckpointLog log, long[] leaf, long address, long before) {
        boolean isMissed = !mayChange(leaf);
        if (isMissed) {
            log.undo(address >>> pageShift, before);
        }
        return isMissed;
    }

    /**
     * Returns whether a mapping may get a page ({@code check_stable_address_space}). A fault that is about to fill an
     * empty entry of anonymous memory calls this under the lock of the leaf, for the VMA that is mapped there.
     *
     * @return {@link Fault#NONE}; ADRERR if the VMA is private and the space unstable; {@link #AGAIN} if the
     *     VMA was replaced in the meantime
     */
    private int stability(VmArea vma) {
        if (!layout.isUnstable() || vma.has(VmaFlags.SHARED)) {
            return Fault.NONE;
        }
        // Read after the reap's mark, so that both were true at the same instant, or else the fault starts over.
        return vma.isDetached() ? AGAIN : Fault.ADRERR;
    }

    private long pageOf(VmArea vma, long address) {
        return vma.pageOffset() + ((address - vma.start()) >>> pageShift);
    }

    /** Leaves the reader section, before a wait or at the end of an attempt. */
    private void leaveSection() {
        if (isPassing) {
            endPass();
        }
        reader.readUnlock();
    }

    /** Lets the next fork narrow entries. */
    private void endPass() {
        isPassing = false;
        table.endPass();
    }

    /**
     * Checks that the thread may wait. The faulting CPU has left GUEST, and the attempt leaves its reader section
     * before it waits, but the thread may have other CPUs in GUEST.
     */
    private void checkMayWait() {
        ThreadCpus.checkMayWait("a fault that may have to wait", reader);
    }

    /**
     * Marks a page that a fault makes dirty ({@code fault_dirty_shared_page}, {@code follow_page_pte}), so that all its
     * mappings report it as dirty. A store through an existing entry marks only that entry, even if the fault makes the
     * entry writable; on Linux, mprotect has already made it writable. A page that is saved to a file needs no mark
     * besides the entry's dirty bit, which counts the page. The caller holds the lock of the leaf.
     */
    private void markDirty(int frame, long pte) {
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
    private void noteDirtied(long before, long after) {
        if (Pte.has(after & ~before, Pte.DIRTY) && Pte.isCached(after)) {
            frames.noteDirtied(Pte.frame(after));
        }
    }

    /* Shortage. */

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
        boolean isFreed = layout.spaces.reclaimTables(layout);
        Tracepoints.endReclaim(recorded, "page tables", isFreed ? 1 : 0, false);
        return isFreed;
    }

    /** Drops pages of droppable mappings; returns whether a frame was freed. */
    private boolean dropPages() {
        BegunEvent recorded = Tracepoints.begin(Tracepoints.RECLAIM);
        boolean isFreed = LowMemory.dropPages(layout.spaces, memory);
        Tracepoints.endReclaim(recorded, "droppable pages", isFreed ? 1 : 0, false);
        return isFreed;
    }

    /** Returns how many reaps of victims have ended so far. */
    private long reaps() {
        LowMemory lowMemory = layout.spaces.host.lowMemory();
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
        Spaces spaces = layout.spaces;
        LowMemory lowMemory = spaces.host.lowMemory();
        int result = Fault.OUT_OF_MEMORY;
        if (lowMemory != null && found == NO_TABLE) {
            result = table.isAtTableLimit() ? result : lowMemory.shortageOfTables(spaces, table);
        } else if (lowMemory != null) {
            result = lowMemory.shortage(spaces, memory, context.magazine, found == EXHAUSTED ? Fault.RETRY : AGAIN);
        }
        return result;
    }

    /** Records the end of a step that may have waited. The caller is not in a reader section. */
    private void record(@Nullable BegunEvent recorded, String cause, long address, int access, int result) {
        if (recorded != null) {
            Tracepoints.endFault(recorded, layout.lifetime.identity.number(), address, access, cause, result, isMajor);
        }
    }

    /** Reports an exception of a backing. */
    private void reportBacking(String call, BackingTraits traits, Throwable thrown) {
        add(new Report(Report.Kind.CALLBACK_FAILED, call + " of " + nameOf(traits), thrown));
    }

    /** Reports a backing that took too long in a call in which it must not block. */
    private void reportLongOffer(BackingTraits traits, long nanos) {
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
            layout.host.report(report.kind(), report.message(), report.cause());
        }
    }

    /** Reports a fault that waits for a long time. */
    private record FaultWaitReporter(MachineThreads threads, long address) implements MachineWaitReporter {
        @Override
        public String toString() {
            return String.format(Locale.ROOT, "resolve(0x%x)", address);
        }
    }

    /** A request to a backing. Each request is a separate object, because a backing may itself fault on this thread. */
    private final class Request implements Backing.PageRequest {
        private final VmArea vma;
        private final long page;
        private final long address;
        private final int access;

        /**
         * Creates a request with the access as a backing sees it. An atomic update is a write ({@code
         * FAULT_FLAG_WRITE}).
         */
        Request(VmArea vma, long page, long address, int access) {
            this.vma = vma;
            this.page = page;
            this.address = address;
            this.access = (access & Mman.WRITE) != 0 ? Mman.WRITE : (access & Mman.EXEC) != 0 ? Mman.EXEC : Mman.READ;
        }

        @Override
        public VmArea vma() {
            return vma;
        }

        @Override
        public long page() {
            return page;
        }

        @Override
        public long address() {
            return address;
        }

        @Override
        public int access() {
            return access;
        }

        @Override
        public void major() {
            isMajor = true;
        }

        @Override
        public String toString() {
            return "request for page " + page + " at address 0x" + Long.toHexString(address);
        }
    }

    /**
     * The window of pages that the backing is asked for. There is one for each thread, so the embedder may use it only
     * until its call returns.
     */
    private static final class Window implements Backing.PageWindow {
        /** The frames that were offered, by place. */
        final int[] offered;

        long first;
        int count;

        /** The leaf of the window's entries; null if the backing is asked for a single page, which is always wanted. */
        long @Nullable [] entries;

        int firstEntry;
        private @Nullable FilePages cache;

        Window(int most) {
            offered = new int[most];
        }

        /** Begins a window of pages of a cache, of which none is offered. */
        void begin(FilePages ofCache, long firstPage, int pages) {
            cache = ofCache;
            first = firstPage;
            count = pages;
            entries = null;
            clear();
        }

        void clear() {
            Arrays.fill(offered, 0, count, Frames.NONE);
        }

        /** Drops the references to the last window's cache and leaf. */
        void forget() {
            cache = null;
            entries = null;
        }

        @Override
        public PageCache cache() {
            return Objects.requireNonNull(cache, "a window is over when the call returns");
        }

        @Override
        public long first() {
            return first;
        }

        @Override
        public int count() {
            return count;
        }

        @Override
        public boolean isWanted(int at) {
            long[] leaf = entries;
            return at >= 0 && at < count && (leaf == null || Leaf.get(leaf, firstEntry + at) == Pte.NONE);
        }

        /** Also offers unwanted pages, because an entry that is not empty stays unchanged in any case. */
        @Override
        public void offerFrom(PageCache cache) {
            if (cache instanceof FilePages own && first >= 0) {
                own.framesAt(first, count, offered);
            } else {
                Backing.PageWindow.super.offerFrom(cache);
            }
        }

        @Override
        public void offer(int at, int frame) {
            if (at < 0 || at >= count) {
                throw new IllegalArgumentException("place " + at + " is not in 0.." + (count - 1));
            }
            offered[at] = frame;
        }

        @Override
        public String toString() {
            return "window of " + count + " pages from page " + first;
        }
    }

    /**
     * Copies many bytes of a mapped file to a caller, bypassing the page cache and without a fault, if none of their
     * pages is mapped or in memory. The file is read under a reference on the VMA and outside of every reader section,
     * in the same way as a page is fetched. After the read, the VMA must still be attached and the entries must still
     * be empty, which proves that the mapping contained these bytes at that instant. Used by one thread at a time.
     */
    private final class Uncached implements IntUnaryOperator {
        /** The maximum number of bytes that one call copies and whose entries it checks. */
        private static final int MOST = 1 << 20;

        /** The mapping of the current read. */
        private @Nullable VmArea vma;

        /** The address of the first byte to read. */
        private long start;

        /** See {@link #copyUncached}. */
        int copy(long address, ByteBuffer target) {
            OpenHostFile file = null;
            VmArea found;
            int length = 0;
            reader.readLock();
            try {
                found = layout.find(address);
                file = found == null ? null : fileOf(found);
                if (found == null || file == null) {
                    return 0;
                }
                vma = found;
                start = address;
                length = absentBytes(address, most(found, address, target.remaining()));
                if (length < file.leastUncached() || !found.acquire()) {
                    vma = null;
                    return 0;
                }
            } finally {
                reader.readUnlock();
            }
            int limit = target.limit();
            try {
                int offset = (int) address & frames.pageSize - 1;
                return file.readUncached(
                        target.limit(target.position() + length), (pageOf(found, address) << pageShift) + offset, this);
            } finally {
                vma = null;
                target.limit(limit);
                found.release();
            }
        }

        private static int most(VmArea found, long address, int remaining) {
            long rest = found.end() - address;
            int most = Math.min(MOST, remaining);
            return rest < 0 ? most : (int) Math.min(most, rest);
        }

        /** Returns the file of a mapping that may be read; null if its pages have to be faulted in. */
        private @Nullable OpenHostFile fileOf(VmArea found) {
            boolean isReadable = check(found, Mman.READ, maxRights(found)) == Fault.NONE
                    && !found.isAnonymous()
                    // Pages of a locked VMA must be faulted in, which locks them.
                    && !found.has(VmaFlags.LOCKED)
                    && stability(found) == Fault.NONE;
            BackingTraits traits = isReadable ? found.traits : null;
            return traits != null
                            && traits.backing() instanceof OpenHostFile file
                            && traits.pageCache() instanceof FilePages cache
                            && cache.memory == memory
                    ? file
                    : null;
        }

        /** Returns how many of the first bytes are in pages whose entries are empty. */
        private int absentBytes(long address, int most) {
            int pageSize = frames.pageSize;
            int offset = (int) address & pageSize - 1;
            long pages = applyAsInt((int) (((long) offset + most + pageSize - 1) >>> pageShift));
            return (int) Math.max(0, Math.min(most, (pages << pageShift) - offset));
        }

        /**
         * Returns the number of pages, at most {@code most}, that have no entry; see {@link OpenHostFile#readUncached}.
         */
        @Override
        public int applyAsInt(int most) {
            VmArea mapping = vma;
            int count = 0;
            reader.readLock();
            try {
                count = emptyEntries(start, most);
            } finally {
                reader.readUnlock();
            }
            // Checked after the entries were read: if the mapping is still attached, it was attached when they were
            // read.
            return mapping == null || mapping.isDetached() || stability(mapping) != Fault.NONE ? 0 : count;
        }

        private int emptyEntries(long first, int most) {
            int count = 0;
            while (count < most) {
                long address = first + ((long) count << pageShift);
                int index = table.indexOf(address);
                int behind = Math.min(table.entries, index + most - count);
                long[] leaf = table.leaf(address);
                int end = leaf == null ? behind : Leaf.nextFilled(leaf, index, behind);
                count += end - index;
                if (end < behind) {
                    return count;
                }
            }
            return count;
        }
    }
}
