// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import dev.samara.core.event.Report;
import dev.samara.core.internal.cpu.TlbContext;
import dev.samara.core.internal.sync.Gate;
import dev.samara.core.internal.sync.Housekeeping;
import dev.samara.core.internal.sync.StackReserve;
import dev.samara.core.internal.trace.Tracepoints;
import dev.samara.core.internal.trace.Tracepoints.BegunEvent;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;

/**
 * The teardown of a space after the last put of its users ({@code __mmput}): unmaps everything, and then releases the
 * users' page table reference. It runs on the thread of that put if that thread may wait, otherwise on one of the
 * machine's threads. A teardown that fails is retried until it succeeds.
 *
 * <p>The machine's thread never belongs to the embedder's executor, because the teardown waits for operations that such
 * an executor may have to continue.
 */
final class SpaceEnd extends Housekeeping.RetriedWaiter implements TlbContext.Teardown {
    /** The stack that a teardown needs after its last wait, in frames. */
    private static final int DEPTH = 24;

    private final Spaces spaces;
    private final MachineThreads machine;
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

    /** The space. Set before another thread knows it. */
    private @Nullable Layout layout;

    /**
     * The entry of the space in the machine's list. Null until the space is listed; no other thread knows this object
     * before that.
     */
    private Spaces.@Nullable RegisteredSpace registered;

    SpaceEnd(Spaces spaces) {
        this.spaces = spaces;
        machine = spaces.host().threads();
    }

    /** Sets the space to tear down. Called once, by the constructor of the layout. */
    void of(Layout made) {
        layout = made;
    }

    private Layout layout() {
        return Objects.requireNonNull(layout);
    }

    void registered(Spaces.RegisteredSpace entry) {
        registered = entry;
    }

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
        boolean isListed = false;
        try {
            machine.housekeeping().add(this);
            isListed = true;
        } finally {
            if (!isListed && !isListed()) {
                isTaken.set(false);
            }
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
        boolean isHandedOn = false;
        try {
            machine.background().execute(attempt);
            isHandedOn = true;
        } finally {
            if (!isHandedOn) {
                list();
            }
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
        Layout ending = layout();
        BegunEvent recorded = Tracepoints.beginTeardown();
        try {
            // The steps after the teardown must not run out of stack.
            StackReserve.check(DEPTH);
            spaces.host().endWaits(ending.lifetime().identity());
            spaces.tearDown(ending);
            if (ending.isInFlight()) {
                // An earlier attempt failed after its publication, and another thread completes its operation.
                postpone();
                return false;
            }
            ending.lifetime().endTeardown();
        } catch (Throwable thrown) {
            failed(thrown);
            return false;
        }
        ending.lifetime().release();
        Gate.wake(ending.lifetime().over().open());
        // Removed only after the gate has opened, so that the machine is not closed before that.
        Spaces.RegisteredSpace entry = registered;
        if (entry != null) {
            spaces.remove(entry);
        }
        Identity ended = ending.lifetime().identity();
        Tracepoints.endTeardown(recorded, ended.number(), ended.name());
        return true;
    }

    private void reportFailure() {
        Throwable first = takeFailure();
        if (first != null) {
            machine.report(Report.Kind.RETIREMENT_FAILED, this + " failed, and is retried", first);
        }
    }

    @Override
    public String toString() {
        return "the teardown of space " + layout().lifetime().identity().number();
    }
}
