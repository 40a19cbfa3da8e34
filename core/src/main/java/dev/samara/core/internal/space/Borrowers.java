// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import dev.samara.core.event.Report;
import dev.samara.core.internal.cpu.CpuOwner;
import dev.samara.core.internal.cpu.TlbContext;
import dev.samara.core.internal.sync.Housekeeping;
import java.lang.ref.WeakReference;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * The CPUs that borrow spaces of a machine, or that left one of its spaces to borrow another. Each such CPU owns a
 * place, so a borrow starts and ends with one store, and asking a borrower to end the borrow allocates nothing.
 * Thread-safe.
 */
public final class Borrowers {
    /**
     * One borrow of a space, as threads other than the borrower's see it. It does not keep the space alive, because the
     * borrowing CPU is itself a user. It is also the waiting call that asks the borrower to end the borrow, so asking
     * allocates nothing.
     */
    public static final class Borrower extends Housekeeping.Waiter {
        /** The identity of the space. */
        public final Identity identity;

        private final TlbContext users;
        private final MachineThreads machine;

        /**
         * Weak, because the callback may refer to the CPU, which then could never become unreachable. The borrowing CPU
         * keeps the callback reachable.
         */
        private final WeakReference<Runnable> letGo;

        private final int cpu;
        /** The name of the thread that started the borrow. */
        public final String holder = Thread.currentThread().getName();

        private final long since = System.nanoTime();
        /** The stack trace at which the borrow started; null if none was recorded. */
        public final @Nullable Throwable where;

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
         * Invariant: never reset. A borrow that is over is not listed, and its borrower is not asked; a callback that
         *     is already running continues.
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
         * @param giveUp takes the CPU offline and releases the references of the borrow, if the CPU is gone. Must not
         *     wait, and may be called again
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

        /** Returns the borrow's age in nanoseconds at a given time; 0 for a time before it started. */
        public long age(long now) {
            return Math.max(0, now - since);
        }

        private long age() {
            return age(System.nanoTime());
        }

        /** Returns whether this is a borrow of the given space that is not over. */
        boolean isOf(Identity space) {
            return identity == space && !isOver;
        }

        /** Returns whether the borrower was asked to end the borrow. */
        public boolean isAsked() {
            return isAsked.get();
        }

        /** Ends the borrow, for other threads: from now on it is not listed, and its borrower is not asked. */
        public void end() {
            isOver = true;
        }

        /**
         * Requests that a thread of the machine ask the borrower, unless that was requested before. Allocates nothing.
         */
        void ask() {
            if (!isAsked.compareAndSet(false, true)) {
                return;
            }
            beforeListing();
            try {
                machine.housekeeping.add(this);
            } catch (Throwable thrown) {
                if (!isListed()) {
                    isAsked.set(false);
                }
                throw thrown;
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

    /**
     * The place of one CPU, which has at most one borrow at a time. Its public methods are called by the CPU's thread.
     */
    public final class BorrowPlace {
        private final CpuOwner owner;

        /**
         * Written: the CPU's thread (volatile); a thread that found the CPU gone (volatile).
         * Read: any thread (volatile).
         * Pairs: a CPU is counted as a user, stores its borrow here, and then reads how many references the space has.
         *     The thread that closes the last reference releases it (get-and-add), and then reads this field. All these
         *     accesses are volatile, so at least one of the two threads asks the borrower.
         * Invariant: the borrow of the CPU until the borrow ends; null otherwise.
         */
        private volatile @Nullable Borrower current;

        /**
         * Written: the thread that closes a CPU; a thread that gave up the borrow of a CPU that is gone (volatile).
         * Read: any thread (volatile).
         * Invariant: never reset. Once it is true, the place contains no borrow, and the next change of {@code places}
         *     removes the place.
         */
        private volatile boolean isRemoved;

        private BorrowPlace(CpuOwner owner) {
            this.owner = owner;
        }

        /**
         * Starts a borrow, and immediately asks the borrower to end the borrow if no reference to the users of the
         * space is open. The CPU is already counted as a user of the space. If this throws, the borrow did not start.
         */
        public void begin(Borrower borrower) {
            try {
                // A volatile store, before the users are read. Pairs with Lifetime.put, which releases a reference and
                // then reads this field. At least one of the two threads sees the other's store.
                current = borrower;
                if (borrower.users.references() == 0) {
                    borrower.ask();
                }
            } catch (Throwable thrown) {
                current = null;
                throw thrown;
            }
        }

        /**
         * Records a borrow of a space of another machine, for a CPU that will return to a space of this machine. The
         * borrow was already started in the other machine's list.
         */
        public void keep(Borrower borrower) {
            current = borrower;
        }

        /** Ends the borrow, if there is one. */
        public void end() {
            Borrower ended = current;
            if (ended != null) {
                ended.end();
                current = null;
            }
        }

        /**
         * Returns the borrow, unless the CPU's thread ended. The borrow of a lost CPU lasts until another thread ends
         * it.
         */
        private @Nullable Borrower living() {
            Borrower of = current;
            return of == null || owner.isDead() ? null : of;
        }

        /**
         * Returns whether the place can be removed. If the CPU is gone, first releases the references of its borrow.
         * That may start the teardown of a space and wait for memory for it, so the caller holds no monitor.
         */
        private boolean isLeft() {
            if (!isRemoved && owner.isGone()) {
                Borrower of = current;
                if (of != null) {
                    of.giveUp.run();
                    end();
                }
                isRemoved = true;
            }
            return isRemoved;
        }

        /**
         * Removes the place, which contains no borrow. If there is no memory for that, the next {@link #add} removes
         * it.
         */
        public void remove() {
            isRemoved = true;
            prune();
        }

        /** Returns whether this place is in the given list. */
        public boolean isIn(Borrowers list) {
            return list == Borrowers.this;
        }
    }

    private static final BorrowPlace[] NONE = {};

    private final MachineThreads machine;
    private final long reportAfterNanos;

    /**
     * The places in the order of their first borrows.
     *
     * <p>Written: a CPU's thread at the first borrow and at the close of the CPU; a thread that removes CPUs that are
     *     gone (monitor, volatile).
     * Read: any thread (volatile).
     * Invariant: one place for each CPU that borrows a space of the machine, or that will return to one. The array is
     *     never changed in place.
     */
    private volatile BorrowPlace[] places = NONE;

    /**
     * Creates an empty list.
     *
     * @param machine the threads of the machine
     * @param reportAfterNanos the time in nanoseconds after which a borrow is reported
     */
    Borrowers(MachineThreads machine, long reportAfterNanos) {
        this.machine = machine;
        this.reportAfterNanos = reportAfterNanos;
    }

    /**
     * Adds a CPU, and removes the CPUs that are gone.
     *
     * @param owner the owner of the CPU
     */
    public BorrowPlace add(CpuOwner owner) {
        BorrowPlace made = new BorrowPlace(owner);
        giveUpDead();
        synchronized (this) {
            List<BorrowPlace> more = kept();
            more.add(made);
            places = more.toArray(NONE);
        }
        return made;
    }

    /**
     * Drops the removed places from the array. If memory or stack is short, they stay until the next call of this
     * method or of {@link #add}.
     */
    private void prune() {
        try {
            synchronized (this) {
                places = kept().toArray(NONE);
            }
        } catch (OutOfMemoryError | StackOverflowError exhausted) {
            // The caller closes its CPU, which must not fail because of other CPUs.
            return;
        }
    }

    private List<BorrowPlace> kept() {
        List<BorrowPlace> kept = new ArrayList<>();
        for (BorrowPlace place : places) {
            if (!place.isRemoved) {
                kept.add(place);
            }
        }
        return kept;
    }

    /**
     * Asks each borrower of a space, unless it was asked before, to end the borrow. Does not wait; allocates nothing.
     */
    void ask(Identity of) {
        for (BorrowPlace place : places) {
            Borrower borrower = place.living();
            if (borrower != null && borrower.isOf(of)) {
                borrower.ask();
            }
        }
    }

    /** Reports each borrow that is too old, once, and ends the borrows of CPUs that are gone. Does not wait. */
    public void check() {
        for (BorrowPlace place : places) {
            Borrower borrower = place.living();
            if (borrower != null) {
                borrower.reportIfOlder(reportAfterNanos);
            }
        }
        giveUpDead();
    }

    /**
     * Ends the borrows of CPUs that are gone, and takes these CPUs offline. Waits only if there is no memory for the
     * teardown of a space. The caller holds no monitor.
     */
    public void giveUpDead() {
        boolean isLeft = false;
        for (BorrowPlace place : places) {
            isLeft |= place.isLeft();
        }
        if (isLeft) {
            prune();
        }
    }

    /** Returns the borrows of a space, in no particular order. */
    public List<Borrower> of(Identity space) {
        return find(borrower -> borrower.isOf(space));
    }

    /** Returns the borrows of all spaces of this machine, in no particular order. */
    public List<Borrower> all() {
        return find(borrower -> borrower.machine == machine && !borrower.isOver);
    }

    private List<Borrower> find(Predicate<Borrower> wanted) {
        List<Borrower> found = new ArrayList<>();
        for (BorrowPlace place : places) {
            Borrower borrower = place.living();
            if (borrower != null && wanted.test(borrower)) {
                found.add(borrower);
            }
        }
        return found;
    }
}
