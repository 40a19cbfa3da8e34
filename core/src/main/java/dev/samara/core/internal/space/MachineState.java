// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import dev.samara.core.event.MmuNotifier;
import dev.samara.core.event.Report;
import dev.samara.core.internal.check.RefTracker;
import dev.samara.core.internal.cpu.Cpus;
import dev.samara.core.internal.file.FilePages;
import dev.samara.core.internal.hostfile.HostFiles;
import dev.samara.core.internal.memory.CommittedMemory;
import dev.samara.core.internal.memory.IndexBudget;
import dev.samara.core.internal.memory.LockedSegments;
import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.page.TableBudget;
import dev.samara.core.internal.sync.Background;
import dev.samara.core.internal.sync.Gate;
import dev.samara.core.internal.sync.Housekeeping;
import dev.samara.core.internal.sync.MachineTasks;
import dev.samara.core.internal.sync.NoWaiting;
import dev.samara.core.internal.sync.StackReserve;
import dev.samara.core.internal.sync.WaitingCall;
import dev.samara.core.internal.sync.Watch;
import dev.samara.core.internal.trace.Tracepoints;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.vma.Geometry;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReferenceArray;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import java.util.function.IntConsumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The state that all address spaces of one machine share: the settings, the memory, the threads of the machine and the
 * list of its spaces.
 */
public final class MachineState {
    /** No commit limit. */
    public static final long UNLIMITED = CommittedMemory.UNLIMITED;

    /**
     * The settings of a machine.
     *
     * @param maxMapCount {@code vm.max_map_count}
     * @param stackGuardPages {@code stack_guard_gap}, in pages
     * @param commitLimitBytes the commit limit in bytes, or {@link CommittedMemory#UNLIMITED}
     * @param pageTableLimitBytes the limit of the page tables of all spaces together, in bytes
     * @param longWaitNanos the time after which a wait for a range in flight is reported
     * @param longBorrowNanos the time after which a borrow of a space is reported
     * @param reporter receives reports that no caller can receive
     * @param threads who runs the machine's tasks and its housekeeping
     * @param teardown tears down a space that has no user any more
     * @param memories creates the memory for a page size, given as its binary logarithm; null for a machine without
     *     memory
     */
    public record Settings(
            int maxMapCount,
            long stackGuardPages,
            long commitLimitBytes,
            long pageTableLimitBytes,
            long longWaitNanos,
            long longBorrowNanos,
            Consumer<? super Report> reporter,
            Threads threads,
            Consumer<? super Layout> teardown,
            @Nullable MemoryMaker memories) {}

    /**
     * The threads that a machine does not have of its own.
     *
     * @param executor runs the tasks that may block, or null for threads of the machine
     * @param idle how the thread of the housekeeping idles, null for the usual way
     * @param isInvoked whether the embedder makes the steps of the housekeeping
     */
    public record Threads(
            @Nullable Executor executor, @Nullable IntConsumer idle, boolean isInvoked) {
        /** Returns the settings of a machine that has threads of its own. */
        public static Threads own() {
            return new Threads(null, null, false);
        }
    }

    @FunctionalInterface
    public interface MemoryMaker {
        /**
         * Creates memory with pages of one size.
         *
         * @param host the machine's state
         * @param pageShift binary logarithm of the page size
         */
        MachineMemory make(MachineState host, int pageShift);
    }

    private final int maxMapCount;
    private final long stackGuardPages;
    private final CommittedMemory committed;
    private final LockedSegments lockedSegments = new LockedSegments();
    private final TableBudget tableBudget;
    private final IndexBudget indexBudget;

    /** The inode numbers of anonymous shared objects. */
    private final AtomicLong inodes = new AtomicLong();

    private final long longWaitNanos;
    private final MachineReports reports;
    private final Consumer<? super Layout> teardown;
    private final @Nullable MemoryMaker memories;

    /**
     * By the binary logarithm of the page size. Created when the first space needs it, under this object's monitor.
     * Read without the monitor: an embedder may take long to create a store.
     */
    private final AtomicReferenceArray<@Nullable MachineMemory> made = new AtomicReferenceArray<>(Long.SIZE);

    private final Spaces spaces = new Spaces();
    private final DroppablePages droppable = new DroppablePages(spaces);
    private final Borrowers borrowers;

    /** By geometry: what closed references lead to. Made before the first space, since a close allocates nothing. */
    private final Map<Geometry, Layout> closed = new ConcurrentHashMap<>();

    private Supplier<ReentrantLock> locks = LayoutLock::new;
    private List<MmuNotifier> firstNotifiers = List.of();

    /** The turns of faults that find no frame; null for none. Set before the machine is used. */
    private @Nullable ReapTurns reapTurns;

    /** Null for a machine that does not track references. Set before the machine is used. */
    private @Nullable RefTracker refTracker;

    private final Background background = new Background(this::reportFailedTask);
    private final MachineTasks tasks;
    private final Housekeeping housekeeping;
    private final HostFiles hostFiles;

    private record NamedWatch(MachineState host, String name) implements MachineWatch {
        @Override
        public String toString() {
            return name;
        }
    }

    /** Reports long waits for the owner of a busy page table entry. */
    private final Watch busyEntryWatch = watch("a busy page table entry");

    public MachineState(Settings settings) {
        maxMapCount = settings.maxMapCount();
        stackGuardPages = settings.stackGuardPages();
        committed = new CommittedMemory(settings.commitLimitBytes());
        tableBudget = new TableBudget(settings.pageTableLimitBytes());
        indexBudget = new IndexBudget(settings.pageTableLimitBytes());
        longWaitNanos = settings.longWaitNanos();
        reports = new MachineReports(settings.reporter());
        teardown = settings.teardown();
        memories = settings.memories();
        Threads threads = settings.threads();
        tasks = new MachineTasks(
                background, threads.executor(), threads.isInvoked(), threads.idle(), this::reportFailedTask);
        housekeeping = tasks.housekeeping();
        hostFiles = new HostFiles(this::report, tasks);
        borrowers = new Borrowers(settings.longBorrowNanos());
        housekeeping.checkInSteps(this::checkInStep);
        Tracepoints.countMappingsOf(spaces);
    }

    private void checkInStep() {
        try {
            checkCpus();
        } catch (OutOfMemoryError exhausted) {
            // The next step looks again. This one goes on with the calls that are ready, which may free memory.
            return;
        }
    }

    /** Reports borrows that are too old, and gives up CPUs that are gone, with their borrows. */
    public void checkCpus() {
        // First: a CPU that is found lost here is reported, and its borrow is given up in this call, too.
        releaseDeadCpus();
        borrowers.check();
    }

    /** Takes the CPUs of all memories offline that are gone. Makes no list of the memories: each step calls this. */
    public void releaseDeadCpus() {
        for (int i = 0; i < made.length(); i++) {
            MachineMemory memory = made.get(i);
            if (memory != null) {
                memory.cpus().releaseDead();
            }
        }
    }

    /** Starts the steps, and a thread for the tasks, where an Error has stopped that. */
    public void attendAgain() {
        background.attendAgain();
        housekeeping.attendAgain();
    }

    /** Returns the machine's own threads; a task that hangs does not harm the others. */
    public Background background() {
        return background;
    }

    /** Returns the files of the host that are open. */
    public HostFiles hostFiles() {
        return hostFiles;
    }

    /** Returns the executor of tasks that may block: the embedder's, or the machine's own threads. */
    public MachineTasks tasks() {
        return tasks;
    }

    /**
     * Waits until the machine has no task and no waiting call. Makes the steps of the housekeeping if they are invoked.
     *
     * @throws InterruptedException if the thread is interrupted meanwhile
     * @throws IllegalStateException if the caller is a thread of the machine, or, on any thread, a callback of a
     *     retirement or code that a step of the housekeeping calls to ask whether a call can continue
     */
    public void awaitQuiescence() throws InterruptedException {
        checkMayWaitForTasks("a wait for quiescence");
        attendAgain();
        if (housekeeping.isInvoked()) {
            stepUntilQuiet();
        } else {
            tasks.awaitQuiescence();
        }
    }

    /**
     * Checks that no task of the machine may have to wait for this thread.
     *
     * @param what the wait for tasks, for messages
     * @throws IllegalStateException if this thread runs a callback of a retirement, or of a step that asks calls
     */
    public void checkMayWaitForTasks(String what) {
        InFlightRange inside = RetiringThread.range();
        if (inside != null) {
            throw new IllegalStateException(what + " was called by the retirement of " + inside
                    + ", and would have to wait for threads of the machine, which may wait for that operation");
        }
        housekeeping.checkNotAsking(what);
    }

    /**
     * Returns whether the calling thread may wait for operations, CPUs and grace periods. It may not if another thread
     * has to wait for it meanwhile, because of a CPU in GUEST, a reader section or a callback.
     */
    boolean mayWaitHere() {
        return Cpus.mayWait()
                && RetiringThread.range() == null
                && !housekeeping.isAskedHere()
                && !NoWaiting.isEntered();
    }

    /**
     * Returns whether an operation may be unable to continue while this thread waits. This thread then runs a task by
     * the embedder's executor, and makes no steps of the housekeeping while it waits. The executor may have no other
     * thread.
     */
    boolean isNeededHere() {
        return tasks.isGivenHere() && !housekeeping.isSteppedHere();
    }

    /** Tears down a space that has no user any more. May wait. */
    void tearDown(Layout layout) {
        teardown.accept(layout);
    }

    private void stepUntilQuiet() throws InterruptedException {
        tasks.checkNoTask();
        while (!isQuiet()) {
            if (Thread.interrupted()) {
                throw new InterruptedException();
            }
            if (!housekeeping.step()) {
                LockSupport.parkNanos(this, Housekeeping.INVOKING_PAUSE);
            }
        }
    }

    /** A call that another thread takes between the two reads of the housekeeping may run unseen by the tasks. */
    private boolean isQuiet() {
        long taken = housekeeping.takenIfIdle();
        return taken >= 0 && tasks.isQuiet() && housekeeping.takenIfIdle() == taken;
    }

    /** Returns the calls that continue after a CPU, a copy or a grace period, or after a pause. */
    public Housekeeping housekeeping() {
        return housekeeping;
    }

    /** Returns the housekeeping if this thread must make its steps while it waits, and otherwise null. */
    public @Nullable Housekeeping invoked() {
        return housekeeping.isSteppedHere() ? housekeeping : null;
    }

    /**
     * Requests that a thread of the machine continues a call. If there is no memory for a task, the call is added to
     * the waiting calls.
     */
    public void submit(WaitingCall call) {
        try {
            tasks.execute(call);
        } catch (OutOfMemoryError exhausted) {
            housekeeping.add(call);
        }
    }

    /** Returns the layout to which closed references of a space lead. */
    Layout closed(Layout layout) {
        Layout known = closed.get(layout.geometry());
        return known != null ? known : closed.computeIfAbsent(layout.geometry(), any -> layout.closedTwin());
    }

    public Spaces spaces() {
        return spaces;
    }

    /** Returns the CPUs that borrow spaces. */
    public Borrowers borrowers() {
        return borrowers;
    }

    /**
     * Closes the machine: saves files of the host, frees the pages of all files, and releases its memory and its
     * threads. If a file of the host cannot be saved, the memory stays for the next call.
     *
     * @throws IllegalStateException if a space is not closed or a CPU uses it; nothing is changed then
     */
    public void close() {
        awaitTeardowns();
        spaces.close();
        if (!hostFiles.close()) {
            // Their pages are needed by the next call.
            return;
        }
        // It leads to the memory.
        closed.clear();
        List<MachineMemory> memories = new ArrayList<>();
        synchronized (this) {
            for (int i = 0; i < made.length(); i++) {
                MachineMemory memory = made.getAndSet(i, null);
                if (memory != null) {
                    memories.add(memory);
                }
            }
        }
        memories.forEach(memory -> memory.caches().endAll());
        background.endWhenQuiet();
    }

    /** Waits for the teardowns under way, unless this thread may not wait for them, or may have to make one. */
    private void awaitTeardowns() {
        if (mayWaitHere() && !tasks.isInTask()) {
            for (Layout layout : spaces.ending()) {
                layout.lifetime().over().awaitUninterruptibly(watch("the closing of the machine"));
            }
        }
    }

    /**
     * Returns the memory for a page size, created at first use, or null if the machine has none.
     *
     * @param pageShift binary logarithm of the page size
     * @throws IllegalStateException if the machine is closed
     */
    public @Nullable MachineMemory memory(int pageShift) {
        spaces.checkOpen();
        MachineMemory known = made.get(pageShift);
        return known != null || memories == null ? known : make(memories, pageShift);
    }

    private synchronized MachineMemory make(MemoryMaker maker, int pageShift) {
        // Again: a close may have taken the memory.
        spaces.checkOpen();
        MachineMemory memory = made.get(pageShift);
        if (memory == null) {
            // The first memory initializes classes. An initializer that met the end of the stack would be lost for
            // good.
            StackReserve.check(StackReserve.MANY);
            memory = maker.make(this, pageShift);
            made.set(pageShift, memory);
        }
        return memory;
    }

    /** Returns the memories of all page sizes that a space or a file has needed so far. */
    public List<MachineMemory> memories() {
        List<MachineMemory> all = new ArrayList<>(1);
        for (int i = 0; i < made.length(); i++) {
            MachineMemory memory = made.get(i);
            if (memory != null) {
                all.add(memory);
            }
        }
        return all;
    }

    /** Requests that threads of the machine free the pages of unreachable page caches. */
    public void endUnreachableCaches() {
        memories().forEach(memory -> memory.caches().endUnreachable(tasks));
    }

    /** Returns the memory that has the pages of a VMA's backing; null for none. */
    public static @Nullable MachineMemory memoryOf(VmArea vma) {
        FilePages file = FilePages.of(vma);
        return file == null ? null : file.memory();
    }

    /** Returns what a fault asks for a frame before it takes one of the {@link #reapTurns}. */
    public DroppablePages droppable() {
        return droppable;
    }

    /** Has pages of spaces taken when a fault finds no frame. Called once, before there is a space. */
    public void reapBy(ReapTurns.Score score) {
        reapTurns = new ReapTurns(score);
    }

    /** Returns the turns of faults without a frame; null for a machine that takes no pages of spaces. */
    public @Nullable ReapTurns reapTurns() {
        return reapTurns;
    }

    /** Has references to VMAs and pins recorded. Called once, before there is a space. */
    public void trackReferences(RefTracker tracker) {
        refTracker = tracker;
    }

    /** Returns the records of references to VMAs and of pins; null for a machine that does not track references. */
    public @Nullable RefTracker refTracker() {
        return refTracker;
    }

    /** Returns a new lock for the layout of a space, or for a part of it. */
    ReentrantLock newLock() {
        return locks.get();
    }

    /** Has the waits for a lock recorded as those of a space. */
    static void identify(ReentrantLock lock, Identity space) {
        if (lock instanceof LayoutLock made) {
            made.identify(space);
        }
    }

    /** Has the layout locks of later spaces created by a test. A seam, called before there is a space. */
    void lockWith(Supplier<ReentrantLock> creator) {
        locks = creator;
    }

    /** Returns the notifiers with which a space begins: none, or a test's. */
    List<MmuNotifier> firstNotifiers() {
        return firstNotifiers;
    }

    /** Has later spaces begin with a notifier of a test. A seam, called before there is a space. */
    void notifyInEachSpace(MmuNotifier notifier) {
        firstNotifiers = List.of(notifier);
    }

    /** Returns the time in nanoseconds after which a wait is reported. */
    public long longWaitNanos() {
        return longWaitNanos;
    }

    /**
     * Returns a watch that reports long waits.
     *
     * @param waiting the waiting call or its subject, for messages
     */
    public Watch watch(String waiting) {
        return new NamedWatch(this, waiting);
    }

    /** Returns the watch of waits for the owner of a busy page table entry. */
    public Watch busyEntryWatch() {
        return busyEntryWatch;
    }

    /** As {@link MachineReports#report(Report.Kind, String, Throwable)}. */
    public void report(Report.Kind kind, String message, @Nullable Throwable cause) {
        reports.report(kind, message, cause);
    }

    /** As {@link MachineReports#report(Report)}. */
    void report(Report made) {
        reports.report(made);
    }

    void reportLongWait(String waiting, Gate gate, Thread waiter, long nanos) {
        // It may wait for one of these calls.
        attendAgain();
        reports.reportLongWait(waiting, gate, waiter, nanos);
    }

    private void reportFailedTask(Throwable thrown) {
        reports.reportFailedTask(thrown);
    }

    /** Returns the inode number of the next anonymous shared object. */
    public long nextInode() {
        return inodes.incrementAndGet();
    }

    public int maxMapCount() {
        return maxMapCount;
    }

    long stackGuardPages() {
        return stackGuardPages;
    }

    public CommittedMemory committed() {
        return committed;
    }

    public LockedSegments lockedSegments() {
        return lockedSegments;
    }

    /** Returns the page tables of all spaces together. */
    public TableBudget tableBudget() {
        return tableBudget;
    }

    /** Returns the budget of all page cache indexes; its limit is that of page tables. */
    public IndexBudget indexBudget() {
        return indexBudget;
    }

    /** For {@code Machine.toString}; takes no lock. */
    @Override
    public String toString() {
        return "machine" + (memories == null ? " without memory" : "") + (spaces.isClosed() ? ", closed" : "") + ", "
                + committed.bytes() + " bytes committed";
    }
}
