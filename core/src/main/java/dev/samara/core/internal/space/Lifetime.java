// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import dev.samara.core.event.Report;
import dev.samara.core.internal.cpu.IdleCpus.LentCpu;
import dev.samara.core.internal.cpu.TlbContext;
import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.page.CheckpointLog;
import dev.samara.core.internal.page.PageTable;
import dev.samara.core.internal.page.PageTableContexts.PageTableContext;
import dev.samara.core.internal.space.Borrowers.Borrower;
import dev.samara.core.internal.sync.Gate;
import dev.samara.core.internal.sync.Housekeeping;
import dev.samara.core.internal.sync.StackReserve;
import dev.samara.core.internal.trace.Tracepoints;
import dev.samara.core.internal.trace.Tracepoints.BegunEvent;
import java.lang.ref.WeakReference;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;

/**
 * The life of one space, from its first user to its teardown. There are three reference counts, each of which holds a
 * reference to the next:
 *
 * <pre>
 *     users        {@code mm_users}   VMAs, pages, faults      the last put tears down, then releases
 *     page table   {@code mm_count}   root and TLB context     the last release frees the root, then drops
 *     identity     -          number, name, charge     the last drop forgets the embedder's object
 * </pre>
 *
 * <p>All users together hold one page table reference, and the page table holds one reference to the identity. So a
 * space ends in this order, whichever thread releases the last reference of each kind. A count that has reached 0 stays
 * 0. A CPU is also a user: {@link TlbContext} counts it, and it leaves without calling this class.
 *
 * <p>The teardown ({@code __mmput}) unmaps everything, and then releases the users' page table reference. It runs on
 * the thread of the last put if that thread may wait, otherwise on one of the machine's threads. A teardown that fails
 * is retried until it succeeds. The machine's thread never belongs to the embedder's executor, because the teardown
 * waits for operations that such an executor may have to continue.
 */
public final class Lifetime extends Housekeeping.RetriedWaiter implements TlbContext.Teardown {
    /**
     * Idle CPUs that stay in spaces. They wait there for a thread, and are users of the space as long as a reference to
     * its users is open.
     */
    public interface IdleUsers {
        /** For a machine without idle CPUs. */
        IdleUsers NONE = (space, isLater) -> {};

        /**
         * Makes the idle CPUs in a space leave it, because no reference to its users is open. Called by the thread that
         * released the last reference, after it decremented the count.
         *
         * @param space the lifetime of the space
         * @param isLater whether a thread of the machine tears the space down if the last user leaves; otherwise the
         *     calling thread does so if it may wait
         */
        void leave(Lifetime space, boolean isLater);
    }

    /** The stack that a teardown needs after its last wait, in frames. */
    private static final int DEPTH = 24;

    private final Layout layout;
    private final Spaces spaces;

    /** The context, which counts the users and the references to the page table. */
    public final TlbContext context;

    /**
     * The CPU of the pool that came to this space last, with which a thread that has no CPU here begins its search.
     * Beside {@code context}, because an entry of the space reads both.
     *
     * <p>Written: a thread whose CPU of the pool comes to this space (plain).
     * Read: a thread that enters the space (plain).
     * Invariant: none: racy, benign because the thread takes the CPU only if it is idle, and then asks where it is.
     */
    public @Nullable WeakReference<LentCpu> likelyCpu;

    /** The record that outlives the space. */
    public final Identity identity;

    private final Borrowers borrowers;
    private final IdleUsers idleUsers;
    private final MachineThreads machine;
    private final @Nullable MachineMemory memory;

    /** Null if the machine has no memory. */
    final @Nullable PageTable pages;

    /** Opens once the space is torn down. */
    final Gate over = new Gate();

    private final Runnable attempt = this::attempt;

    /**
     * Whether a thread is tearing the space down, {@code Housekeeping} contains this call, or the teardown is complete.
     *
     * <p>Written: the thread that tears the space down, or adds the teardown to {@code Housekeeping} (compare-and-set);
     *     a thread that could not add it (volatile).
     * Read: threads that start a teardown (compare-and-set).
     * Invariant: at each instant, at most one thread runs the teardown, or {@code Housekeeping} contains it once.
     */
    private final AtomicBoolean isTaken = new AtomicBoolean();

    /**
     * The entry of the space in the machine's list. Null until the space is listed; no other thread knows this object
     * before that.
     */
    private Spaces.@Nullable RegisteredSpace registered;

    /** Starts the life of a space, with one user. Called by the constructor of the layout. */
    Lifetime(Layout layout, Identity identity) {
        this.layout = layout;
        this.identity = identity;
        spaces = layout.spaces;
        MachineState host = layout.host;
        borrowers = host.borrowers;
        idleUsers = host.idleUsers();
        machine = host.threads;
        memory = layout.memoryOrNull();
        context = new TlbContext(this, this::pageTableReleased, memory != null);
        pages = memory == null ? null : new PageTable(layout.geometry, context, host.tableBudget);
    }

    /** Called when the machine has listed the space and given it a number. No other thread knows the space yet. */
    void registered(Spaces.RegisteredSpace entry, long number) {
        registered = entry;
        identity.number(number);
        context.numberSpace(number);
    }

    /**
     * Releases one of the users' references. If no user is left, the space is torn down. If users but no references are
     * left, borrowers are asked to end the borrow, and idle CPUs leave the space.
     */
    public void put() {
        if (context.put()) {
            context.end();
        } else {
            askIfAlone(false);
        }
    }

    /** Releases a reference as {@link #put} does, but leaves a teardown to a thread of the machine. */
    public void putLater() {
        if (context.put()) {
            context.endLater();
        } else {
            askIfAlone(true);
        }
    }

    /**
     * Releases the user that a CPU left in this space while it borrowed another one, after the CPU has returned. If no
     * user is left, the space is torn down.
     */
    public void putHome() {
        // The number of references is unchanged, so no borrower is asked to end the borrow.
        if (context.putHome()) {
            context.end();
        }
    }

    /** Releases a user as {@link #putHome} does, but leaves a teardown to a thread of the machine. */
    public void putHomeLater() {
        if (context.putHome()) {
            context.endLater();
        }
    }

    private void askIfAlone(boolean isLater) {
        // Read after the count was decremented. Pairs with Borrowers.BorrowPlace.begin, and with IdleCpus.putBack.
        if (context.references() == 0) {
            borrowers.ask(identity);
            idleUsers.leave(this, isLater);
        }
    }

    /** Frees the topmost table and the TLB context, because no reference is left. */
    private void pageTableReleased() {
        try {
            if (pages != null) {
                pages.free();
                context.free();
            }
        } finally {
            identity.drop();
        }
    }

    /** Takes CPUs offline that are gone but still users of a space. */
    public void releaseDeadCpus() {
        if (memory != null && context.cpus() != 0) {
            memory.cpus.releaseDead();
        }
    }

    /** Returns the names of the CPUs that use the space, for messages; LAZY CPUs do not. */
    public List<String> cpus() {
        return memory == null || pages == null || context.cpus() == 0 ? List.of() : memory.cpus.usersOf(context);
    }

    /**
     * Creates a borrow of the space by the calling thread.
     *
     * @param letGo asks for the end of the borrow; the CPU that borrows keeps it reachable
     * @param cpu the number of the CPU that borrows
     * @param isTracked whether the stack trace is recorded
     * @param giveUp as in {@link Borrower}
     */
    public Borrower borrow(Runnable letGo, int cpu, boolean isTracked, Runnable giveUp) {
        return new Borrower(identity, context, machine, letGo, cpu, isTracked, giveUp);
    }

    /* The teardown. */

    @Override
    public void now() {
        if (!mayRunHere()) {
            later();
        } else if (isTaken.compareAndSet(false, true)) {
            attempt();
        }
    }

    private boolean mayRunHere() {
        try {
            return machine.mayWaitHere() && !machine.isNeededHere();
        } catch (OutOfMemoryError exhausted) {
            // The first read of a thread-local variable on a thread allocates, and there is no memory for that.
            return false;
        }
    }

    @Override
    public void later() {
        if (isTaken.compareAndSet(false, true)) {
            list();
        }
    }

    private void list() {
        beforeListing();
        try {
            machine.housekeeping.add(this);
        } catch (Throwable thrown) {
            if (!isListed()) {
                isTaken.set(false);
            }
            throw thrown;
        }
    }

    @Override
    protected boolean isReady() {
        return isDue();
    }

    /** Does not wait, because {@link #run} only hands the teardown to another thread. */
    @Override
    protected boolean mayWait() {
        return false;
    }

    @Override
    public void run() {
        try {
            machine.background.execute(attempt);
        } catch (Throwable thrown) {
            list();
            throw thrown;
        }
    }

    /** Tears the space down, or schedules a retry. */
    private void attempt() {
        boolean isOver = false;
        try {
            reportFailure();
            isOver = isDone();
        } finally {
            if (!isOver) {
                list();
            }
        }
    }

    private boolean isDone() {
        BegunEvent recorded = Tracepoints.begin(Tracepoints.TEARDOWN);
        try {
            // The steps after the teardown must not run out of stack.
            StackReserve.check(DEPTH);
            spaces.host.endWaits(identity);
            spaces.tearDown(layout);
            if (layout.isInFlight()) {
                // An earlier attempt failed after its publication, and another thread completes its operation.
                postpone();
                return false;
            }
            if (memory != null && pages != null) {
                memory.cpus.endTeardown(context);
                endCheckpoints(memory, pages);
                for (KeptOpens kept = layout.keptOpens(); kept != null; kept = kept.older) {
                    layout.setKeptOpens(kept.older);
                    kept.end();
                }
            }
        } catch (Throwable thrown) {
            failed(thrown);
            return false;
        }
        context.release();
        Gate.wake(over.open());
        // Removed only after the gate has opened, so that the machine is not closed before that.
        Spaces.RegisteredSpace entry = registered;
        if (entry != null) {
            spaces.remove(entry);
        }
        Tracepoints.endTeardown(recorded, identity.number(), identity.name);
        return true;
    }

    /** Frees the pages that checkpoints of the space kept. */
    private static void endCheckpoints(MachineMemory memory, PageTable pages) {
        if (pages.log() == null) {
            return;
        }
        PageTableContext borrowed = memory.contexts.borrow();
        try {
            for (CheckpointLog log = pages.log(); log != null; log = pages.log()) {
                log.drop(memory.frames, borrowed.magazine);
                pages.setLog(log.older);
            }
        } finally {
            memory.contexts.giveBack(borrowed);
        }
    }

    private void reportFailure() {
        Throwable first = takeFailure();
        if (first != null) {
            machine.report(Report.Kind.RETIREMENT_FAILED, this + " failed, and is retried", first);
        }
    }

    @Override
    public String toString() {
        return "the teardown of space " + identity.number();
    }
}
