// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import dev.samara.core.event.LetGo;
import dev.samara.core.internal.cpu.TlbContext;
import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.page.PageTable;
import dev.samara.core.internal.sync.Gate;
import dev.samara.core.vma.Geometry;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The reference counts of one space. There are three, each of which holds a reference to the next:
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
 */
public final class Lifetime {
    /** The context, which counts the users and the references to the page table. */
    private final TlbContext context;

    private final Identity identity;
    private final Borrowers borrowers;
    private final IdleUsers idleUsers;
    private final MachineThreads machine;
    private final @Nullable MachineMemory memory;

    /** Null if the machine has no memory. */
    private final @Nullable PageTable pages;

    /** Opens once the space is torn down. */
    private final Gate over = new Gate();

    /**
     * Starts the life of a space, with one user.
     *
     * @param identity the record that outlives the space
     * @param end the teardown, which runs after the last user is gone
     * @param host the machine of the space
     * @param memory its memory for the page size; null if there is none
     */
    Lifetime(
            Identity identity,
            Geometry geometry,
            TlbContext.Teardown end,
            MachineState host,
            @Nullable MachineMemory memory) {
        context = new TlbContext(end, this::pageTableReleased, memory != null);
        this.identity = identity;
        borrowers = host.borrowers();
        idleUsers = host.idleUsers();
        machine = host.threads();
        this.memory = memory;
        pages = memory == null ? null : new PageTable(geometry, context, host.tableBudget());
    }

    /** Called when the machine has listed the space and given it a number. No other thread knows the space yet. */
    void numbered(long number) {
        identity.number(number);
        context.numberSpace(number);
    }

    /** Returns the context of the space, which counts its users. */
    public TlbContext users() {
        return context;
    }

    /** Returns the record that outlives the space. */
    public Identity identity() {
        return identity;
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

    /**
     * Takes a reference to the page table ({@code mmgrab}), unless none is left.
     *
     * @return whether the caller now holds a reference
     */
    public boolean tryHold() {
        return context.tryHold();
    }

    /** Releases a reference to the page table ({@code mmdrop}). Does not wait. */
    public void release() {
        context.release();
    }

    /** Returns the page table; null if the machine has no memory. */
    @Nullable
    PageTable pages() {
        return pages;
    }

    /** Prepares the release of the users' reference to the page table. Called after the teardown. */
    void endTeardown() {
        if (memory != null && pages != null) {
            memory.cpus().endTeardown(context);
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
            memory.cpus().releaseDead();
        }
    }

    /** Returns the names of the CPUs that use the space, for messages; LAZY CPUs do not. */
    public List<String> cpus() {
        return memory == null || pages == null || context.cpus() == 0
                ? List.of()
                : memory.cpus().usersOf(context);
    }

    /**
     * Creates a borrow of the space by the calling thread.
     *
     * @param letGo asks for the end of the borrow; the CPU that borrows keeps it reachable
     * @param cpu the number of the CPU that borrows
     * @param isTracked whether the stack trace is recorded
     * @param giveUp as in {@link Borrower}
     */
    public Borrower borrow(LetGo letGo, int cpu, boolean isTracked, Runnable giveUp) {
        return new Borrower(identity, context, machine, letGo, cpu, isTracked, giveUp);
    }

    /** Returns the gate that opens once the space is torn down. */
    Gate over() {
        return over;
    }
}
