// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import dev.samara.core.event.MmuNotifier;
import dev.samara.core.event.Report;
import dev.samara.core.internal.check.RefTracker;
import dev.samara.core.internal.hostfile.HostFiles;
import dev.samara.core.internal.memory.CommittedMemory;
import dev.samara.core.internal.memory.LockedSegments;
import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.memory.MachineMemory.IndexBudget;
import dev.samara.core.internal.page.PageTable.TableBudget;
import dev.samara.core.internal.space.Lifetime.IdleUsers;
import dev.samara.core.internal.space.MachineThreads.MachineWaitReporter;
import dev.samara.core.internal.sync.Gate.WaitReporter;
import dev.samara.core.internal.sync.StackReserve;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReferenceArray;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The state that all address spaces of one machine share: the settings, the memory, and the threads of the machine. It
 * does not refer to the spaces, which {@code Spaces} lists.
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
     * @param longBorrowNanos the time after which a borrow of a space is reported
     * @param threads the threads that run the machine's tasks and its housekeeping
     * @param memories creates the memory for a page size, given as its binary logarithm; null for a machine without
     *     memory
     */
    public record Settings(
            int maxMapCount,
            long stackGuardPages,
            long commitLimitBytes,
            long pageTableLimitBytes,
            long longBorrowNanos,
            MachineThreads threads,
            @Nullable MemoryMaker memories) {}

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

    public final int maxMapCount;
    final long stackGuardPages;
    public final CommittedMemory committed;
    public final LockedSegments lockedSegments = new LockedSegments();
    /** The budget of the page tables of all spaces together. */
    public final TableBudget tableBudget;
    /** The budget of all page cache indexes; its limit is that of page tables. */
    public final IndexBudget indexBudget;

    /**
     * The inode numbers of anonymous shared objects.
     *
     * <p>Written: any thread (get-and-add).
     * Read: any thread (get-and-add).
     * Invariant: every anonymous shared object of the machine has a different number.
     */
    private final AtomicLong inodes = new AtomicLong();

    private final @Nullable MemoryMaker memories;

    /**
     * The memories, indexed by the binary logarithm of their page size. Each is created when the first space needs it,
     * under this object's monitor. They are read without the monitor, because an embedder may take long to create a
     * store.
     *
     * <p>Written: the first use of a page size, holding the monitor of the {@code MachineState} (volatile); the closing
     *     of the machine (get-and-set).
     * Read: any thread (volatile).
     * Invariant: one memory per page size.
     */
    private final AtomicReferenceArray<@Nullable MachineMemory> made = new AtomicReferenceArray<>(Long.SIZE);

    /**
     * Whether the machine is closed. Written under the monitor of {@code Spaces}.
     *
     * <p>Written: the thread that closes the machine (monitor of {@code Spaces}, volatile).
     * Read: a thread that creates a space or a CPU, or calls the machine (volatile); a thread that adds a space
     *     (monitor).
     * Pairs: a space is added under the monitor under which the closing thread checks that no space is in use. A space
     *     without users stays without users, so nothing is checked again.
     * Invariant: never reset.
     */
    private volatile boolean isClosed;

    /** The threads of the machine. */
    public final MachineThreads threads;
    /** The open host files. */
    public final HostFiles hostFiles;
    /** The CPUs that borrow spaces. */
    public final Borrowers borrowers;

    private Supplier<ReentrantLock> locks = LayoutLock::new;
    private List<MmuNotifier> firstNotifiers = List.of();

    /**
     * Reaps spaces for faults that find no frame; null for a machine that does not reap spaces. Set before the machine
     * is used.
     *
     * <p>Written: the constructor of {@code Machine} (plain).
     * Read: threads of faults (plain).
     * Invariant: does not change once another thread can reach the machine, which it does through a final field.
     */
    private @Nullable LowMemory lowMemory;

    /** Ends the waits of the threads of a space that has no users left. Set before the machine is used. */
    private Consumer<Identity> waitsEnd = space -> {};

    /** The CPUs that wait in spaces for a thread. Set before the machine is used. */
    private IdleUsers idleUsers = IdleUsers.NONE;

    /** Null for a machine that does not track references. Set before the machine is used. */
    private @Nullable RefTracker refTracker;

    private record NamedWaitReporter(MachineThreads threads, String name) implements MachineWaitReporter {
        @Override
        public String toString() {
            return name;
        }
    }

    /** Reports long waits for the owner of a busy page table entry. */
    public final WaitReporter busyEntryReporter;

    public MachineState(Settings settings) {
        maxMapCount = settings.maxMapCount();
        stackGuardPages = settings.stackGuardPages();
        committed = new CommittedMemory(settings.commitLimitBytes());
        tableBudget = new TableBudget(settings.pageTableLimitBytes());
        indexBudget = new IndexBudget(settings.pageTableLimitBytes());
        memories = settings.memories();
        threads = settings.threads();
        busyEntryReporter = waitReporter("a busy page table entry");
        hostFiles = new HostFiles(threads::report, threads.tasks);
        borrowers = new Borrowers(threads, settings.longBorrowNanos());
        threads.housekeeping.checkInSteps(this::checkInStep);
    }

    private void checkInStep() {
        try {
            checkCpus();
        } catch (OutOfMemoryError exhausted) {
            // The next step checks again. This step continues with the calls that are ready, which may free memory.
            return;
        }
    }

    /** Reports borrows that are too old, and releases CPUs that are gone, with their borrows. */
    public void checkCpus() {
        // Called first, because it reports a CPU that it finds lost. The check then ends the CPU's borrow in the same
        // call.
        releaseDeadCpus();
        borrowers.check();
    }

    /** Takes the gone CPUs of all memories offline. Creates no list of the memories, because each step calls this. */
    public void releaseDeadCpus() {
        for (int i = 0; i < made.length(); i++) {
            MachineMemory memory = made.get(i);
            if (memory != null) {
                memory.cpus.releaseDead();
            }
        }
    }

    /** Returns whether the machine is closed, which is final. */
    public boolean isClosed() {
        return isClosed;
    }

    /** Closes the machine forever. The caller holds the monitor of the list of spaces, and no space is in use. */
    void setClosed() {
        isClosed = true;
    }

    /**
     * Checks that the machine is not closed.
     *
     * @throws IllegalStateException if it is
     */
    public void checkOpen() {
        if (isClosed) {
            throw new IllegalStateException("this machine is closed");
        }
    }

    /** Releases the memory and the threads of a closed machine. */
    void end() {
        List<MachineMemory> memories = new ArrayList<>();
        synchronized (this) {
            for (int i = 0; i < made.length(); i++) {
                MachineMemory memory = made.getAndSet(i, null);
                if (memory != null) {
                    memories.add(memory);
                }
            }
        }
        memories.forEach(memory -> memory.caches.endAll());
        threads.background.endWhenQuiet();
    }

    /**
     * Returns the memory for a page size, created at first use, or null if the machine has none.
     *
     * @param pageShift binary logarithm of the page size
     * @throws IllegalStateException if the machine is closed
     */
    public @Nullable MachineMemory memory(int pageShift) {
        checkOpen();
        MachineMemory known = made.get(pageShift);
        return known != null || memories == null ? known : make(memories, pageShift);
    }

    private synchronized MachineMemory make(MemoryMaker maker, int pageShift) {
        // Checked again, because a close may have taken the memory.
        checkOpen();
        MachineMemory memory = made.get(pageShift);
        if (memory == null) {
            // The first memory initializes classes. A class whose initializer ran out of stack would stay unusable.
            StackReserve.check(StackReserve.MANY);
            memory = maker.make(this, pageShift);
            made.set(pageShift, memory);
        }
        return memory;
    }

    /** Returns the memories of all page sizes that a space or a file needed so far. */
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

    /** Sets the action that ends a space's waits at its teardown. Called once, before the first space exists. */
    public void endWaitsBy(Consumer<Identity> action) {
        waitsEnd = action;
    }

    /** Ends the waits of a space that has no users any more. */
    void endWaits(Identity space) {
        waitsEnd.accept(space);
    }

    /**
     * Sets the idle CPUs, which leave a space when no reference to its users is open. Called once, before the first
     * space exists.
     */
    public void idleUsers(IdleUsers users) {
        idleUsers = users;
    }

    /** Returns the CPUs that wait in spaces for a thread. */
    IdleUsers idleUsers() {
        return idleUsers;
    }

    /** Enables reaping of spaces when a fault finds no frame. Called once, before the first space exists. */
    public void reapBy(LowMemory.Score score) {
        lowMemory = new LowMemory(threads, score);
    }

    /** Returns what reaps spaces for faults that find no frame; null for a machine that does not reap spaces. */
    public @Nullable LowMemory lowMemory() {
        return lowMemory;
    }

    /** Enables the recording of references to VMAs and of pins. Called once, before the first space exists. */
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

    /** Sets a test's creator of the layout locks of later spaces. A seam, called before the first space exists. */
    void lockWith(Supplier<ReentrantLock> creator) {
        locks = creator;
    }

    /** Returns the notifiers with which a space starts: none, or a test's. */
    List<MmuNotifier> firstNotifiers() {
        return firstNotifiers;
    }

    /** Makes later spaces start with a test's notifier. A seam, called before the first space exists. */
    void notifyInEachSpace(MmuNotifier notifier) {
        firstNotifiers = List.of(notifier);
    }

    /**
     * Returns a reporter of long waits.
     *
     * @param waiting the waiting call or its subject, for messages
     */
    public WaitReporter waitReporter(String waiting) {
        return new NamedWaitReporter(threads, waiting);
    }

    /** Calls the embedder's reporter. Caller must hold no lock of a layout. */
    public void report(Report.Kind kind, String message, @Nullable Throwable cause) {
        threads.report(kind, message, cause);
    }

    /** Returns the inode number of the next anonymous shared object. */
    public long nextInode() {
        return inodes.incrementAndGet();
    }

    /** For {@code Machine.toString}; takes no lock. */
    @Override
    public String toString() {
        return "machine" + (memories == null ? " without memory" : "") + (isClosed ? ", closed" : "") + ", "
                + committed.bytes() + " bytes committed";
    }
}
