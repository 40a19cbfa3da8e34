// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import dev.samara.core.internal.cpu.CpuOwner;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * The CPUs that borrow spaces of a machine, or that left one of its spaces to borrow another. Each such CPU owns a
 * slot, so a borrow starts and ends with one store, and asking allocates nothing. Thread-safe.
 */
public final class Borrowers {
    /** The place of one CPU, which has at most one borrow at a time. Its methods are for the CPU's thread. */
    public final class BorrowPlace {
        private final CpuOwner owner;

        /**
         * @written the CPU's thread (volatile); a thread that has found the CPU gone (volatile)
         * @read any thread (volatile)
         * @pairs a CPU is counted, stores its borrow, and then reads how many references the space has. The thread of
         *     the last close gives its reference up (get-and-add), and then reads this. All are volatile, so one of the
         *     two asks the borrower
         * @invariant the borrow of the CPU, until its end
         */
        private volatile @Nullable Borrower current;

        /**
         * @written the thread of a CPU that is closed; a thread that has given up the borrow of a CPU that is gone
         *     (volatile)
         * @read any thread (volatile)
         * @invariant never reset; the next change of {@code places} leaves the place out. There is no borrow in it
         */
        private volatile boolean isRemoved;

        private BorrowPlace(CpuOwner owner) {
            this.owner = owner;
        }

        /**
         * Begins a borrow, and asks the borrower at once if no reference to the users of the space is open. The CPU is
         * counted as a user of the space already. If this throws, the borrow has not begun.
         */
        public void begin(Borrower borrower) {
            boolean isBegun = false;
            try {
                // Volatile: before the users are read. Pairs with Lifetime.put, which gives a reference up, and then
                // reads this. At least one of the two threads sees the other's store.
                current = borrower;
                borrower.askIfAlone();
                isBegun = true;
            } finally {
                if (!isBegun) {
                    current = null;
                }
            }
        }

        /**
         * Begins a borrow of a space of another machine, for a CPU that comes back to a space of this one. The borrow
         * has begun in the list of that machine.
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

        /** Returns the borrow, unless the CPU's thread has ended. That of a lost CPU lasts until it is given up. */
        private @Nullable Borrower living() {
            Borrower of = current;
            return of == null || owner.isDead() ? null : of;
        }

        /**
         * Returns whether it can be removed. If the CPU is gone, first gives up what its borrow keeps. This may begin
         * the end of a space, and wait for memory for that, so the caller holds no monitor.
         */
        private boolean isLeft() {
            if (!isRemoved && owner.isGone()) {
                Borrower of = current;
                if (of != null) {
                    of.giveUp();
                    end();
                }
                isRemoved = true;
            }
            return isRemoved;
        }

        /** Gives the place up, without a borrow. If there is no memory for that, the next {@link #add} frees it. */
        public void remove() {
            isRemoved = true;
            prune();
        }

        /** Returns whether this is a place in a list. */
        public boolean isIn(Borrowers list) {
            return list == Borrowers.this;
        }
    }

    private static final BorrowPlace[] NONE = {};

    private final MachineThreads machine;
    private final long reportAfterNanos;

    /**
     * In the order of their first borrows. The array is never changed in place.
     *
     * @written a CPU's thread at the first borrow and at the close of the CPU; a thread that removes the CPUs that are
     *     gone (monitor, volatile)
     * @read any thread (volatile)
     * @invariant a place of each CPU that borrows a space of the machine, or comes back to one. The array is never
     *     changed in place
     */
    private volatile BorrowPlace[] places = NONE;

    /**
     * Makes an empty list.
     *
     * @param machine the threads of the machine
     * @param reportAfterNanos the time in nanoseconds after which a borrow is reported
     */
    Borrowers(MachineThreads machine, long reportAfterNanos) {
        this.machine = machine;
        this.reportAfterNanos = reportAfterNanos;
    }

    /**
     * Adds a CPU, and removes those that are gone.
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
     * Removes the places that are left. If the memory or the stack is too small, they stay until the next call of this
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

    /** Asks each borrower of a space to let go that was not asked before. Does not wait; allocates nothing. */
    void ask(Identity of) {
        for (BorrowPlace place : places) {
            Borrower borrower = place.living();
            if (borrower != null && borrower.isOf(of)) {
                borrower.ask();
            }
        }
    }

    /** Reports each borrow that is too old, once, and gives up those of CPUs that are gone. Does not wait. */
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
     * Gives up the borrows of CPUs that are gone, and takes these CPUs offline. Waits only where there is no memory for
     * the end of a space. The caller holds no monitor.
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

    /** Returns the borrows of a space, in no order. */
    public List<Borrower> of(Identity space) {
        return find(borrower -> borrower.isOf(space));
    }

    /** Returns the borrows of all spaces of this machine, in no order. */
    public List<Borrower> all() {
        return find(borrower -> borrower.isIn(machine));
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
