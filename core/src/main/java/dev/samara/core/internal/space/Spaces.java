// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.samara.core.internal.cpu.ThreadCpus;
import dev.samara.core.internal.cpu.TlbContext;
import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.page.PageTable;
import dev.samara.core.internal.page.PageTable.TableBudget;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.tlb.TlbGather.HeldTables;
import dev.samara.core.internal.trace.Tracepoints;
import dev.samara.core.internal.trace.Tracepoints.CountedSpaces;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.vma.Geometry;
import java.lang.ref.Reference;
import java.lang.ref.ReferenceQueue;
import java.lang.ref.WeakReference;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * The spaces of one machine, and how each of them and the machine end. A space is removed after its teardown. The list
 * refers to layouts weakly; a layout that was never torn down is removed after its garbage collection. Thread-safe.
 *
 * <p>A space is in use until its last user is gone and it is torn down. After that it is never in use again.
 */
public final class Spaces implements CountedSpaces {
    /** A space in the list. */
    static final class RegisteredSpace extends WeakReference<Layout> {
        private final long number;

        private RegisteredSpace(Layout layout, ReferenceQueue<Layout> collected, long number) {
            super(layout, collected);
            this.number = number;
        }
    }

    /** Created with this class, because its first use may be in a fault that finds no memory. */
    private static final Comparator<RegisteredSpace> IN_ORDER = Comparator.comparingLong(entry -> entry.number);

    /** The state that the spaces share. */
    public final MachineState host;

    private final Consumer<? super Layout> teardown;
    private final ReferenceQueue<Layout> collected = new ReferenceQueue<>();

    /**
     * Spaces are added under this object's monitor.
     *
     * <p>Written: a thread that creates a space (monitor); a thread that has torn a space down, after the space's gate
     *     has opened (concurrent map).
     * Read: a thread that closes the machine, chooses a victim or looks for empty tables (monitor); a thread that looks
     *     for spaces being torn down or for droppable pages, or counts spaces (concurrent map).
     * Invariant: refers weakly to every space that was created, is not torn down and is reachable.
     */
    private Set<RegisteredSpace> entries = ConcurrentHashMap.newKeySet();

    /**
     * The number of spaces so far.
     *
     * <p>Written: a thread that creates a space (monitor).
     * Read: a thread that creates a space (monitor).
     * Invariant: the number of spaces so far.
     */
    @GuardedBy("this")
    private long made;

    /**
     * The layouts to which closed references lead, by geometry. Created before the first space of a geometry, because a
     * close allocates nothing.
     */
    private final Map<Geometry, Layout> closed = new ConcurrentHashMap<>();

    /**
     * Creates the empty list of a machine.
     *
     * @param host the state that the spaces share
     * @param teardown tears down a space that has no users left
     */
    public Spaces(MachineState host, Consumer<? super Layout> teardown) {
        this.host = host;
        this.teardown = teardown;
        Tracepoints.countMappingsOf(this);
    }

    /** Tears down a space that has no users left. May wait. */
    void tearDown(Layout layout) {
        teardown.accept(layout);
    }

    /** Returns the layout to which closed references of a space lead. */
    Layout closed(Layout layout) {
        Layout known = closed.get(layout.geometry);
        return known != null ? known : closed.computeIfAbsent(layout.geometry, any -> layout.closedTwin());
    }

    /** Replaces the list by a test's. A seam, called before the first space exists. */
    void listIn(UnaryOperator<Set<RegisteredSpace>> replacement) {
        entries = replacement.apply(entries);
    }

    /**
     * Adds a new space.
     *
     * @param layout a layout that has not been added yet
     * @return the number of the space, which messages show
     * @throws IllegalStateException if the machine is closed
     */
    public synchronized long add(Layout layout) {
        host.checkOpen();
        for (Reference<?> gone = collected.poll(); gone != null; gone = collected.poll()) {
            entries.remove(gone);
        }
        long number = ++made;
        RegisteredSpace entry = new RegisteredSpace(layout, collected, number);
        layout.lifetime.registered(entry, number);
        entries.add(entry);
        return number;
    }

    /**
     * Removes a space that is torn down. If there is no memory for that, the space stays until its layout is collected.
     * Takes no lock that a thread holds while it waits.
     */
    void remove(RegisteredSpace ended) {
        try {
            entries.remove(ended);
        } catch (OutOfMemoryError exhausted) {
            // Not rethrown, because the caller would retry the teardown of a space that is already torn down. A close
            // of the machine does not count such an entry as in use.
        }
    }

    /** Returns the spaces that may be in use, in the order of their creation. */
    private List<RegisteredSpace> inOrder() {
        List<RegisteredSpace> all = new ArrayList<>(entries);
        all.sort(IN_ORDER);
        return all;
    }

    /**
     * Closes the machine: saves host files, frees the pages of all files, and releases its memory and its threads. If a
     * host file cannot be saved, the memory is kept for the next call.
     *
     * @throws IllegalStateException if a space is not closed or a CPU uses it; the message names each such space, and
     *     nothing is changed
     */
    public void close() {
        awaitTeardowns();
        closeIfUnused();
        if (!host.hostFiles.close()) {
            // The next call needs the pages of the files that are not saved.
            return;
        }
        if (mayWait()) {
            host.hostFiles.awaitCloses();
        }
        // Cleared because its layouts refer to the memory, which must become unreachable.
        closed.clear();
        host.end();
    }

    /** Returns whether this thread may wait for other threads of the machine, and does not run one of their tasks. */
    private boolean mayWait() {
        return host.threads.mayWaitHere() && !host.threads.tasks.isInTask();
    }

    /** Waits for the running teardowns, unless this thread must not wait, or may have to run one of them. */
    private void awaitTeardowns() {
        if (mayWait()) {
            for (Layout layout : ending()) {
                layout.lifetime.over.awaitUninterruptibly(host.waitReporter("the closing of the machine"));
            }
        }
    }

    private synchronized void closeIfUnused() {
        if (!host.isClosed()) {
            // Spaces without users stay without users, and no space is added before the monitor is released.
            List<String> reasons = inUse();
            if (!reasons.isEmpty()) {
                throw new IllegalStateException("this machine cannot be closed: " + String.join("; ", reasons));
            }
            host.setClosed();
        }
    }

    /**
     * Returns the layouts that have no users left and are not torn down yet. First takes CPUs offline that are gone,
     * which may start the teardown of a space and wait for memory for it. So the caller does not hold the monitor, and
     * this may miss a space that is being added.
     */
    private List<Layout> ending() {
        List<Layout> ending = new ArrayList<>(0);
        for (RegisteredSpace entry : inOrder()) {
            Layout layout = entry.get();
            if (layout != null) {
                layout.lifetime.releaseDeadCpus();
                if (layout.lifetime.context.users() == 0 && !layout.lifetime.over.isOpen()) {
                    ending.add(layout);
                }
            }
        }
        return ending;
    }

    /**
     * Returns the layouts from which the machine may take pages: those in use, except those that an earlier reap
     * emptied or failed to empty.
     *
     * @param memory the memory that contains the pages; null for any
     */
    synchronized List<Layout> reapable(@Nullable MachineMemory memory) {
        List<Layout> reapable = inUse(memory);
        reapable.removeIf(layout -> layout.isReapSkipped());
        return reapable;
    }

    /**
     * Returns the layouts that have users. Takes no lock.
     *
     * @param memory the memory that contains their pages; null for any
     */
    List<Layout> inUse(@Nullable MachineMemory memory) {
        List<Layout> inUse = new ArrayList<>();
        for (RegisteredSpace entry : inOrder()) {
            Layout layout = entry.get();
            if (layout != null
                    && (memory == null || layout.memoryOrNull() == memory)
                    && layout.lifetime.context.users() != 0) {
                inUse.add(layout);
            }
        }
        return inUse;
    }

    /** Returns the number of spaces that have users. Takes no lock. */
    public int users() {
        return inUse(null).size();
    }

    @Override
    public void countMappings(long sample) {
        for (Layout layout : inUse(null)) {
            boolean hasMemory = layout.memoryOrNull() != null;
            Tracepoints.mappings(
                    sample,
                    layout.lifetime.identity.number(),
                    hasMemory ? layout.pages().context.id : 0,
                    mappings(layout),
                    hasMemory ? resident(layout.pages()) : 0);
        }
    }

    /** Counts the mappings by a walk. A counter that other threads can read would cost each call a store. */
    private static long mappings(Layout layout) {
        long mappings = 0;
        VmArea vma = layout.findNext(0);
        while (vma != null) {
            mappings++;
            vma = layout.findNext(vma.end());
        }
        return mappings;
    }

    private static long resident(PageTable pages) {
        return pages.residentPages(Pte.ANONYMOUS_PAGE)
                + pages.residentPages(Pte.FILE_PAGE)
                + pages.residentPages(Pte.SHMEM_PAGE);
    }

    /**
     * Unhooks empty page tables when another one would exceed a limit; a fault that did not complete may leave such
     * tables. First unhooks those of the given space. If the space is not at its own limit, also unhooks the empty
     * tables of all other spaces of the machine. Does not wait for CPUs or operations. The caller holds no lock of a
     * leaf or a layout.
     *
     * @param layout a layout with memory, whose page table the caller holds
     * @return false if a further call would free nothing
     */
    public boolean reclaimTables(Layout layout) {
        PageTable own = layout.pages();
        int tables = own.tables();
        own.unhookEmpty();
        if (own.isAtTableLimit() || !ThreadCpus.mayWait()) {
            return own.tables() < tables;
        }
        TableBudget budget = own.budget;
        long used = budget.used();
        HeldTables held = new HeldTables();
        List<Layout> others = inUse(null);
        for (int i = 0; i < others.size(); i++) {
            PageTable other = others.get(i).lifetime.pages;
            if (other != null && other != own && held.hold(other)) {
                try {
                    other.unhookEmpty();
                } finally {
                    held.release();
                }
            }
        }
        return own.tables() < tables || budget.used() < used;
    }

    private List<String> inUse() {
        List<String> reasons = new ArrayList<>(0);
        for (RegisteredSpace entry : inOrder()) {
            Layout layout = entry.get();
            String use = layout == null ? null : useOf(layout);
            if (layout != null && use != null) {
                String name = layout.lifetime.identity.name;
                reasons.add("space " + entry.number + (name == null ? " " : " (" + name + ") ") + use);
            }
        }
        return reasons;
    }

    private static @Nullable String useOf(Layout layout) {
        // The gate stays open once it is open. Everything else may change while it is read; then any of the reasons may
        // be returned.
        if (layout.lifetime.over.isOpen()) {
            return null;
        }
        TlbContext users = layout.lifetime.context;
        List<String> uses = new ArrayList<>(0);
        if (users.references() > 0) {
            uses.add(
                    layout.lifetime.identity.isCollected
                            ? "is neither closed nor garbage-collected, so close it or the object that it belongs to"
                            : "is not closed");
        }
        List<String> cpus = layout.lifetime.cpus();
        if (!cpus.isEmpty()) {
            uses.add("is used by " + String.join(" and ", cpus));
        }
        if (users.homes() > 0) {
            uses.add("is left for a borrowed one by a CPU that comes back");
        }
        if (uses.isEmpty()) {
            return users.users() == 0 ? "is being torn down" : "is in use";
        }
        return String.join(", and ", uses);
    }
}
