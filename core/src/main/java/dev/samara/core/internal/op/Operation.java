// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import dev.samara.core.internal.cpu.Cpus;
import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.page.PageTableContext;
import dev.samara.core.internal.page.TableReserve;
import dev.samara.core.internal.space.InFlightRange;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.space.RetiringThread;
import dev.samara.core.internal.space.Ticket;
import dev.samara.core.internal.sync.Backlog;
import dev.samara.core.internal.sync.Gate;
import dev.samara.core.internal.sync.Housekeeping;
import dev.samara.core.internal.sync.StackReserve;
import dev.samara.core.internal.sync.WaitingCall;
import dev.samara.core.internal.sync.Watch;
import dev.samara.core.mman.Errno;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The run of one {@link Call}, from its arguments to its completion.
 *
 * <p>Before publication the operation is a loop of attempts, each an {@link Edit} on which the call decides. An attempt
 * is dropped without effect if the operation must wait for a range in flight or must ask a backing. The thread then
 * waits or asks without a lock and attempts again. After publication the range in flight is retired and completed: by
 * the calling thread, or for an asynchronous call by one of the machine's threads.
 */
public final class Operation implements Watch {
    /** The number of restarts after which an operation takes a ticket. */
    private static final int PATIENCE = 3;

    /**
     * The number of frames of stack that an operation touches before it publishes a range. Interpreted, 12 are as deep
     * as the code after publication, if no notifier or listener is called and no other operation is in flight. A task
     * for a thread of the machine touches 12 itself, at a third of that depth.
     */
    private static final int DEPTH = 24;

    /** Thrown in an attempt that needs a page table context, if none is idle: the operation creates one. */
    static final class NoIdleContext extends RuntimeException {
        private static final long serialVersionUID = 1L;

        NoIdleContext() {
            super(null, null, false, false);
        }
    }

    private final Layout layout;
    private final Call call;

    /** The position of its first attempt among the operations of its space; 0 before that attempt. */
    private long age;

    private int restarts;
    private @Nullable Ticket ticket;
    private @Nullable BackingQuestions callbacks;

    private boolean done;
    private boolean isPublished;
    private long result;
    private @Nullable RetirementRun inFlight;

    /** The backlog in which this operation has a place for the work of a machine thread; null if it has none. */
    private @Nullable Backlog room;

    /** Whether the attempt found no idle page table context for the retirement. */
    private boolean lacksContext;

    /**
     * Whether it publishes without a page table context: the end of a space, which may not be refused, or a later part
     * of a call whose earlier parts needed none.
     */
    private boolean goesOnWithoutContext;

    /** The page table context for the retirement; null until one is needed. */
    private @Nullable PageTableContext context;

    /** The tables that its retirement may lack; null if it has asked for none. */
    private @Nullable TablesAhead tables;

    /** The publication in parts; null for a call that publishes once. */
    private @Nullable PublicationParts parts;

    /** Whether the call publishes once although it may look at many VMAs. */
    private boolean isWhole;

    /** The ranges that the call may revoke; null if the machine is not checked. */
    private @Nullable Revocations revocations;

    /** The ranges to fault in after completion. */
    private List<PopulateRange> populations = List.of();

    public Operation(Layout layout, Call call) {
        this.layout = layout;
        this.call = call;
    }

    /**
     * Runs the operation and waits until it is complete. The caller must hold no lock, and faults in {@link
     * #populations} afterwards.
     *
     * @return the result of the call, or a negated errno
     */
    public long run() {
        Cpus.checkMayWait("a call of a space");
        if (isRefusedByClose()) {
            return result;
        }
        attendAgain();
        Backlog backlog = backlog();
        if (backlog != null && call.mayBeRefused() && !backlog.awaitRoom()) {
            return Errno.EAGAIN.result();
        }
        beginRevocations();
        try {
            publish();
        } finally {
            try {
                // Also after an exception that follows publication: no other thread retires the range.
                if (inFlight != null) {
                    inFlight.retireAndWait();
                }
            } finally {
                endRevocations();
            }
        }
        return result;
    }

    /**
     * Ends the operation without a change if its layout is closed: with ESRCH, or as a second teardown, which does
     * nothing.
     */
    private boolean isRefusedByClose() {
        if (!layout.isClosed()) {
            return false;
        }
        refused(endsSpace() ? Edit.DONE : Errno.ESRCH.result());
        return true;
    }

    /** Closes the layout if the call ends its space. Caller holds the layout lock, and is about to publish. */
    void closeIfItEndsSpace() {
        if (endsSpace()) {
            layout.close();
        }
    }

    /** Announces to the access checker the ranges that the call may revoke until the operation ends. */
    private void beginRevocations() {
        revocations = Revocations.of(layout, call);
        if (revocations != null) {
            call.revoke(revocations);
        }
    }

    private void endRevocations() {
        Revocations begun = revocations;
        revocations = null;
        if (begun != null) {
            begun.end();
        }
    }

    /**
     * Ends an asynchronous operation that is complete, before the task that {@link #start} was given runs. A backing
     * that this task asks for pages may call operations that wait for a place; and a thread that waits for a place may
     * be unable to run the task.
     */
    void end() {
        try {
            endRevocations();
        } finally {
            leaveRoom();
        }
    }

    /** Returns the result of the call, once it is published or refused. */
    public long result() {
        return result;
    }

    /** Returns the ranges to fault in after completion. */
    public List<PopulateRange> populations() {
        return populations;
    }

    /**
     * Returns the backlog that bounds the work of this call; null if there is no memory, or if the caller must not
     * wait.
     */
    private @Nullable Backlog backlog() {
        MachineMemory memory = layout.memoryOrNull();
        return memory == null || RetiringThread.range() != null
                ? null
                : memory.rcu().backlog();
    }

    /** Returns whether the call ends its space. */
    boolean endsSpace() {
        return call.endsSpace();
    }

    /** Returns whether the call is a {@code munmap}, which only unmaps its range. */
    boolean isMunmap() {
        return call.isMunmap();
    }

    private void leaveRoom() {
        Backlog left = room;
        if (left != null) {
            room = null;
            left.end();
        }
    }

    /** Adds a range to fault in after completion; a new attempt starts with none. */
    void populate(PopulateRange range) {
        if (populations.isEmpty()) {
            populations = new ArrayList<>(1);
        }
        populations.add(range);
    }

    /**
     * Runs the operation up to publication; a thread of the machine does the rest, and then runs a task. May wait until
     * attempts can proceed. The caller must hold no lock.
     *
     * @param last faults in {@link #populations}
     * @return whether the task runs; false if the operation has ended and there is nothing to fault in
     */
    public boolean start(WaitingCall last) {
        // First: at the bound of pending grace periods, the call that frees a place may wait for a CPU of this thread.
        Cpus.checkMayWait("an asynchronous call of a space");
        if (isRefusedByClose()) {
            return false;
        }
        attendAgain();
        Backlog backlog = backlog();
        if (backlog != null && !backlog.begin()) {
            result = Errno.EAGAIN.result();
            return false;
        }
        room = backlog;
        try {
            beginRevocations();
            publish();
        } finally {
            RetirementRun rest = inFlight;
            if (rest != null) {
                // Also after an exception that follows publication: no other thread retires the range.
                rest.runAfter(last);
                rest.submit();
            } else {
                end();
            }
        }
        if (inFlight == null && !populations.isEmpty()) {
            layout.host().submit(last);
        }
        return inFlight != null || !populations.isEmpty();
    }

    private void publish() {
        try {
            while (!done) {
                Gate gate = attempt();
                if (gate != null) {
                    giveContextBack();
                    waitFor(gate);
                } else if (lacksContext) {
                    takeContext();
                } else if (tables != null && tables.areLacking()) {
                    reserveTables(tables);
                } else if (parts != null && !done) {
                    goOn(parts);
                } else if (!done) {
                    // The ticket is withdrawn first: no operation, and no call of the backing, may wait for a backing's
                    // answer. The place is given back, since calls of the backing may wait for one.
                    withdraw();
                    giveContextBack();
                    ask();
                }
            }
        } finally {
            leave();
        }
    }

    /** Prepares the next part. Caller holds no lock. */
    private void goOn(PublicationParts current) {
        if (current.isBegun()) {
            layout.letOthersIn();
        } else if (current.mayHaveToAsk()) {
            isWhole = true;
            parts = null;
            current.end();
        } else {
            long noted = call.checkAll(layout);
            if (Errno.isError(noted)) {
                refused(noted);
            } else {
                current.begin(noted);
            }
        }
    }

    /** Returns the publication in parts, or null. */
    @Nullable
    PublicationParts parts() {
        return parts;
    }

    boolean isWhole() {
        return isWhole;
    }

    /** Asks the backings, without the place of an asynchronous call. Caller holds no lock. */
    private void ask() {
        Backlog left = room;
        leaveRoom();
        callbacks().put();
        if (left != null) {
            takeRoom(left);
        }
    }

    private void takeRoom(Backlog backlog) {
        if (backlog.begin()) {
            room = backlog;
        } else {
            refused(Errno.EAGAIN.result());
        }
    }

    /**
     * Allocates the resources of the retirement before publication. Caller holds the layout lock.
     *
     * @return false if the attempt must end first: the operation is refused, or must create a page table context first
     */
    boolean prepare(RetirementRun rest) {
        try {
            StackReserve.check(DEPTH);
            MachineMemory memory = layout.memoryOrNull();
            if (memory == null) {
                return true;
            }
            if (TablesAhead.mayLack(rest) && tables().lack(rest)) {
                return false;
            }
            if (rest.isPrepared()) {
                addTables(rest);
                return true;
            }
            if (rest.isInParts() && rest.retiresNothing()) {
                return true;
            }
            if (!hasContext()) {
                return false;
            }
            rest.retireBy(
                    new Retirement(rest, memory, context, tables == null ? TableReserve.NONE : tables.reserved()));
        } catch (OutOfMemoryError | StackOverflowError exhausted) {
            // The end of a space may not be refused: its caller gets the error.
            if (endsSpace()) {
                throw exhausted;
            }
            refused(Errno.ENOMEM.result());
            return false;
        }
        return true;
    }

    /**
     * Borrows an idle page table context for the retirement, unless there is one already. Caller holds the layout lock.
     *
     * @return false if none is idle: the attempt must end, and the operation creates one
     */
    boolean hasContext() {
        if (context != null || goesOnWithoutContext || layout.memoryOrNull() == null) {
            return true;
        }
        context = layout.memory().contexts().borrowIdle();
        lacksContext = context == null;
        return !lacksContext;
    }

    /** Gives the tables of a later part to the retirement, which the first part has prepared. */
    private void addTables(RetirementRun rest) {
        TablesAhead ahead = tables;
        if (ahead != null && isPublished && ahead.reserved() != TableReserve.NONE) {
            rest.add(ahead.reserved());
            ahead.handedOver();
        }
    }

    /** Returns the tables that its retirement may lack, counted at first use. */
    private TablesAhead tables() {
        if (tables == null) {
            tables = new TablesAhead(layout);
        }
        return tables;
    }

    /** Reserves the tables that the attempt lacked. Caller holds no lock. */
    private void reserveTables(TablesAhead ahead) {
        withdraw();
        long refusal = ahead.reserve(parts == null || !parts.isBegun());
        if (refusal != Edit.DONE) {
            refused(refusal);
        }
    }

    /** Creates a context if none is idle. Caller holds no lock. */
    private void takeContext() {
        lacksContext = false;
        withdraw();
        try {
            context = layout.memory().contexts().borrowOrNull();
            if (context == null && mustGoOn()) {
                // Its retirement is tried again until a context is available.
                goesOnWithoutContext = true;
            } else if (context == null) {
                refused(Errno.EAGAIN.result());
            }
        } catch (OutOfMemoryError exhausted) {
            if (endsSpace()) {
                throw exhausted;
            } else if (mustGoOn()) {
                goesOnWithoutContext = true;
            } else {
                refused(Errno.ENOMEM.result());
            }
        }
    }

    /** Returns whether a refusal for want of a context would come too late: some parts are published. */
    private boolean mustGoOn() {
        PublicationParts current = parts;
        return endsSpace() || (current != null && current.isBegun());
    }

    /** Makes one attempt; returns the gate to wait for before the next one, or null. */
    private @Nullable Gate attempt() {
        try (Edit edit = new Edit(this)) {
            // Under the lock, under which the space is closed: an operation is published before the close, or refused.
            if (isRefusedByClose()) {
                return null;
            }
            try {
                Publication.publish(edit, call.decide(edit));
                return null;
            } catch (Restart blocked) {
                restarts++;
                if (restarts >= PATIENCE && ticket != null && !ticket.isLeft()) {
                    layout.inFlight().add(ticket);
                    ticket.leave();
                }
                return blocked.gate();
            } catch (NoIdleContext none) {
                return null;
            } catch (PublicationParts.Needed many) {
                parts = new PublicationParts(this, new RetirementRun(this), edit.lists.claimed);
                return null;
            }
        }
    }

    /**
     * Waits until the gate is open, and refuses the operation with EINTR if the thread is interrupted; the end of a
     * space is not interrupted. Caller must hold no lock.
     */
    private void waitFor(Gate gate) {
        InFlightRange inside = RetiringThread.range();
        if (inside != null) {
            throw new IllegalStateException(this + " was called by the retirement of " + inside
                    + ", and would have to wait for " + gate + ": nothing in flight may wait");
        }
        assert !layout.isLockedByThisThread() : "a wait under the layout lock";
        if (endsSpace()) {
            gate.awaitUninterruptibly(this);
        } else if (!gate.await(this)) {
            refused(Errno.EINTR.result());
        }
    }

    /** Begins an attempt. Caller holds the layout lock. */
    void begin() {
        if (age == 0) {
            age = layout.nextAge();
        }
        if (parts == null) {
            populations = List.of();
        } else {
            for (int i = populations.size() - 1; i >= parts.populations(); i--) {
                populations.remove(i);
            }
        }
        if (callbacks != null) {
            callbacks.restart();
        }
        if (ticket != null) {
            ticket.restart();
        } else if (restarts >= PATIENCE - 1 && RetiringThread.range() == null) {
            // If this attempt restarts too, the ticket then has the ranges that the attempt named.
            ticket = new Ticket(age, this);
        }
    }

    /** Adds a range of this attempt to the ticket, if there is one. */
    void name(long start, long end) {
        if (ticket != null) {
            ticket.name(start, end);
        }
    }

    /** Ends the operation without a change. */
    void refused(long refusal) {
        result = refusal;
        populations = List.of();
        done = true;
    }

    /** Ends the attempts; the range in flight, if any, remains to be retired and completed. */
    void published(long answer, @Nullable RetirementRun rest) {
        result = answer;
        inFlight = rest;
        isPublished = true;
        if (tables != null && rest != null) {
            tables.handedOver();
        }
        done = parts == null || parts.published(populations.size());
    }

    public Layout layout() {
        return layout;
    }

    long age() {
        return age;
    }

    /** Returns the callbacks to backings, created at first use. */
    BackingQuestions callbacks() {
        if (callbacks == null) {
            callbacks = new BackingQuestions(layout.host());
        }
        return callbacks;
    }

    /** Returns whether every callback that the current attempt needs has its answer. */
    boolean isAnswered() {
        return callbacks == null || callbacks.areAnswered();
    }

    /** Gives the context back that no retirement has: the operation waits, or ends. */
    private void giveContextBack() {
        RetirementRun rest = inFlight;
        PageTableContext unused = rest == null || !rest.isPrepared() ? context : null;
        context = null;
        if (unused != null) {
            layout.memory().contexts().giveBack(unused);
        }
    }

    /** Releases the unused context, the ticket, and the callbacks' unused opens, on each way out. */
    private void leave() {
        giveContextBack();
        if (tables != null) {
            // Also after a part that was published: a later one may have failed with tables of its own.
            tables.close();
        }
        tables = null;
        withdraw();
        PublicationParts ended = parts;
        if (ended != null) {
            parts = null;
            ended.end();
        }
        if (callbacks != null) {
            if (isPublished) {
                callbacks.takeBackUnused();
            } else {
                callbacks.takeBackAll();
            }
            // The range in flight leads to this operation, so this operation must not keep those VMAs reachable.
            callbacks = null;
        }
    }

    /** Removes the ticket and wakes the operations that wait for it. Caller must hold no lock. */
    private void withdraw() {
        Ticket mine = ticket;
        if (mine == null) {
            return;
        }
        ticket = null;
        layout.lock();
        try {
            layout.inFlight().remove(mine);
        } finally {
            layout.unlock();
        }
        Gate.wake(mine.open());
    }

    @Override
    public long reportAfterNanos() {
        return layout.host().longWaitNanos();
    }

    @Override
    public void waitsLong(Gate gate, Thread waiter, long nanos) {
        layout.host().reportLongWait(toString(), gate, waiter, nanos);
    }

    @Override
    public void attendAgain() {
        layout.host().attendAgain();
    }

    @Override
    public @Nullable Housekeeping invoked() {
        return layout.host().invoked();
    }

    @Override
    public String toString() {
        return call.toString();
    }
}
