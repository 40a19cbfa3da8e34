// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import dev.samara.core.event.Report;
import dev.samara.core.internal.cpu.TlbContext;
import dev.samara.core.internal.sync.Housekeeping;
import java.lang.ref.WeakReference;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;

/**
 * One borrow of a space, as threads other than the borrower's see it. It does not keep the space alive, because the
 * borrowing CPU is itself a user. It is also the waiting call that asks the borrower to end the borrow, so asking
 * allocates nothing.
 */
public final class Borrower extends Housekeeping.Waiter {
    private final Identity identity;
    private final TlbContext users;
    private final MachineThreads machine;

    /**
     * Weak, because the callback may refer to the CPU, which then could never become unreachable. The borrowing CPU
     * keeps the callback reachable.
     */
    private final WeakReference<Runnable> letGo;

    private final int cpu;
    private final String holder = Thread.currentThread().getName();
    private final long since = System.nanoTime();
    private final @Nullable Throwable where;
    private final Runnable giveUp;

    /**
     * Written: a thread that asks the borrower (compare-and-set); a thread that could not add the call to {@code
     *     Housekeeping} (volatile).
     * Read: any thread (volatile).
     * Invariant: a borrower is asked at most once.
     */
    private final AtomicBoolean isAsked = new AtomicBoolean();

    /**
     * Written: a thread that reports a long borrow (compare-and-set).
     * Read: a thread that reports a long borrow (compare-and-set).
     * Invariant: never reset, so a borrow is reported once.
     */
    private final AtomicBoolean isReported = new AtomicBoolean();

    /**
     * Written: the CPU's thread; a thread that found the CPU gone (volatile).
     * Read: any thread (volatile).
     * Invariant: never reset. A borrow that is over is not listed, and its borrower is not asked; a callback that is
     *     already running continues.
     */
    private volatile boolean isOver;

    /**
     * Creates a borrow by the calling thread.
     *
     * @param identity the identity of the space
     * @param users the users of the space
     * @param machine the threads of the space's machine
     * @param letGo asks for the end of the borrow; the CPU that borrows keeps it reachable
     * @param cpu the number of the CPU that borrows
     * @param isTracked whether the stack trace is recorded
     * @param giveUp takes the CPU offline and releases the references of the borrow, if the CPU is gone. Must not wait,
     *     and may be called again
     */
    Borrower(
            Identity identity,
            TlbContext users,
            MachineThreads machine,
            Runnable letGo,
            int cpu,
            boolean isTracked,
            Runnable giveUp) {
        this.identity = identity;
        this.users = users;
        this.machine = machine;
        this.letGo = new WeakReference<>(letGo);
        this.cpu = cpu;
        this.giveUp = giveUp;
        where = isTracked ? new Throwable("borrowed by thread " + holder) : null;
    }

    /** Returns the identity of the space. */
    public Identity identity() {
        return identity;
    }

    /** Returns the name of the thread that started the borrow. */
    public String holder() {
        return holder;
    }

    /** Returns the borrow's age in nanoseconds at a given time; 0 for a time before it started. */
    public long age(long now) {
        return Math.max(0, now - since);
    }

    private long age() {
        return age(System.nanoTime());
    }

    /** Returns the stack trace at which the borrow started; null if none was recorded. */
    public @Nullable Throwable where() {
        return where;
    }

    /** Returns whether this is a borrow of the given space that is not over. */
    boolean isOf(Identity space) {
        return identity == space && !isOver;
    }

    /** Returns whether this is a borrow of a space of the given machine that is not over. */
    boolean isIn(MachineThreads of) {
        return machine == of && !isOver;
    }

    /** Returns whether the borrower was asked to end the borrow. */
    public boolean isAsked() {
        return isAsked.get();
    }

    /** Asks the borrower to end the borrow if no reference to the space's users is open any more. */
    void askIfAlone() {
        if (users.references() == 0) {
            ask();
        }
    }

    /** Ends the borrow, for other threads: from now on it is not listed, and its borrower is not asked. */
    public void end() {
        isOver = true;
    }

    /** Takes the borrowing CPU, which is gone, offline, and releases the references of the borrow. */
    void giveUp() {
        giveUp.run();
    }

    /** Requests that a thread of the machine ask the borrower, unless that was requested before. Allocates nothing. */
    void ask() {
        if (!isAsked.compareAndSet(false, true)) {
            return;
        }
        beforeListing();
        boolean isTaken = false;
        try {
            machine.housekeeping().add(this);
            isTaken = true;
        } finally {
            if (!isTaken && !isListed()) {
                isAsked.set(false);
            }
        }
    }

    @Override
    public void run() {
        Runnable called = letGo.get();
        if (isOver || called == null) {
            // The borrow is over, or the CPU is lost and the next check takes it offline.
            return;
        }
        try {
            called.run();
        } catch (Throwable thrown) {
            machine.report(Report.Kind.CALLBACK_FAILED, "the callback that asks for the end of: " + this, thrown);
        }
    }

    /** Reports the borrow, once, if it is older than a given time. */
    void reportIfOlder(long nanos) {
        if (!isOver && age() >= nanos && isReported.compareAndSet(false, true)) {
            machine.report(Report.Kind.LONG_BORROW, this + (isAsked() ? ", asked to end the borrow" : ""), where);
        }
    }

    @Override
    public String toString() {
        return "space " + identity.number() + " is borrowed by cpu " + cpu + " of thread " + holder + " for "
                + TimeUnit.NANOSECONDS.toMillis(age()) + " ms";
    }
}
