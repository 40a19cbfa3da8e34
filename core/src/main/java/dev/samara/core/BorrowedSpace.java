// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import dev.samara.core.annotation.Experimental;
import dev.samara.core.internal.cpu.LazyContext;
import dev.samara.core.internal.space.Borrowers.Borrower;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.space.Lifetime;
import dev.samara.core.internal.sync.StackReserve;
import dev.samara.core.internal.vcpu.Vcpu;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A space that a CPU borrows ({@code kthread_use_mm}). The CPU is in the space and is one of its {@linkplain
 * AddressSpace#users users}. As long as the borrow lasts, the space keeps its mappings and pages, regardless of which
 * references are closed. {@link Cpu#use} and {@link Cpu#tryUse} return it.
 *
 * <pre>
 *     BorrowedSpace ── putUsers ──&gt; AdoptedSpace ── leave ──&gt; PageTableRef ── Cpu.tryUse ──&gt; BorrowedSpace
 * </pre>
 *
 * <p>There is no other transition. A borrower that accesses the space only occasionally need not delay the end of the
 * space in between: it can {@linkplain #putUsers release its user count}. Before its next access it must leave and
 * borrow the space again, and finds out then whether the space has ended.
 *
 * <p>When the borrow ends, the CPU returns to its previous space, of which it remained a user. A CPU that was in no
 * space, or LAZY, becomes {@linkplain Cpu#enterLazy LAZY} in the borrowed space, as a kernel thread does: its next
 * borrow may still find its translations, and the end of the space is not delayed.
 *
 * <p>Any thread may call {@link #isAsked}; only the thread that owns the CPU may call the other methods. A CPU that is
 * handed over keeps its borrow.
 */
@Experimental
public final class BorrowedSpace implements AutoCloseable {
    /** The stack depth, in frames, that a switch to another space needs until it is complete. */
    private static final int DEPTH = 120;

    /**
     * The stack depth, in frames, that entering or leaving LAZY needs. It includes the release of the part of an
     * earlier space that the CPU keeps, and of the references of the borrow.
     */
    private static final int LAZY_DEPTH =
            StackReserve.around(Math.max(LazyContext.DROP_DEPTH, SpaceReferences.DEPTH), 24);

    /** The stages of a borrow. */
    private enum Stage {
        WITH_USERS,
        WITHOUT_USERS,
        ENDED
    }

    private final Vcpu cpu;

    /** The machine of the space. */
    private final Machine machine;

    private final Layout layout;
    private final Borrower borrower;

    /** Kept reachable as long as the CPU borrows. */
    @SuppressWarnings("UnusedVariable") // Borrower has a weak reference to it
    private final Runnable letGo;

    /** The reference by which the CPU was in its previous space; null if it was in none. */
    private final @Nullable AddressSpace home;

    private final BorrowReferences kept;
    private Stage stage = Stage.WITH_USERS;

    private BorrowedSpace(
            Vcpu cpu,
            @Nullable AddressSpace home,
            Machine machine,
            Layout layout,
            Borrower borrower,
            Runnable letGo,
            BorrowReferences kept) {
        this.cpu = cpu;
        this.machine = machine;
        this.layout = layout;
        this.borrower = borrower;
        this.letGo = letGo;
        this.home = home;
        this.kept = kept;
    }

    /**
     * Keeps the space of a CPU that has left it to borrow another one, until the CPU returns. The reference by which
     * the CPU switched to that space may be closed during that time. The last close of a space asks the borrowers to
     * end the borrow. It does not count a {@code HomeRef} as an open reference, because only the borrower could close
     * it.
     */
    private static final class HomeRef {
        private final Layout layout;
        private final SpaceReferences.Entry entry;

        /** Takes over a user count that the caller acquired. */
        private HomeRef(SpaceReferences references, Layout layout) {
            this.layout = layout;
            entry = references.add(this, layout, SpaceReference.Kind.HOME);
        }

        /** Acquires a user count of the space in which a CPU of the calling thread is. */
        static HomeRef of(SpaceReferences references, Layout layout) {
            StackReserve.check(SpaceReferences.DEPTH);
            if (!layout.lifetime.context.tryGetHome()) {
                throw new AssertionError(
                        "a CPU is in space " + layout.lifetime.identity.number() + ", which has no user");
            }
            try {
                return new HomeRef(references, layout);
            } catch (Throwable thrown) {
                layout.lifetime.putHome();
                throw thrown;
            }
        }

        /**
         * Releases the space. If that was the last user, tears the space down, and may wait. The caller checked the
         * stack.
         */
        void close() {
            if (entry.end()) {
                layout.lifetime.putHome();
            }
        }

        /** Releases the space for a CPU that is gone, and leaves a teardown to one of the machine's threads. */
        void giveUpLater() {
            // Checked before the first change, so that if the check throws, a later call can still release the space.
            StackReserve.check(SpaceReferences.DEPTH);
            if (entry.end()) {
                layout.lifetime.putHomeLater();
            }
        }
    }

    /**
     * The references of a borrow. The machine releases them if the CPU is gone. This object refers to neither the
     * borrow nor the CPU, so that both can become unreachable.
     */
    private static final class BorrowReferences {
        private final Lifetime lifetime;

        /** Keeps the space to which the CPU returns, because {@code home} may be closed. */
        private final @Nullable HomeRef homeUser;

        /**
         * Keeps the page table once the users are released; null before that, and after the borrower has taken it over.
         *
         * <p>Written: the CPU's thread (volatile).
         * Read: the CPU's thread; a thread that found the CPU gone (volatile).
         * Invariant: the reference of a borrow without users, until the borrower has left. If the CPU is gone, the
         *     thread that found this closes the reference.
         */
        private volatile @Nullable PageTableRef pageTable;

        BorrowReferences(Lifetime lifetime, @Nullable HomeRef homeUser) {
            this.lifetime = lifetime;
            this.homeUser = homeUser;
        }

        void closePageTable() {
            PageTableRef held = pageTable;
            if (held != null) {
                held.close();
            }
        }

        /**
         * Takes a CPU offline that is gone, and releases what it left behind. Does not wait. What one call cannot
         * release, the next call releases.
         */
        void giveUp() {
            lifetime.releaseDeadCpus();
            if (homeUser != null) {
                homeUser.giveUpLater();
            }
            closePageTable();
        }
    }

    /**
     * Borrows a space. Returns null, with nothing changed, if the space has no user any more.
     *
     * @param before the reference by which the CPU is in its present space; null if it is in none
     */
    static @Nullable BorrowedSpace begin(
            Vcpu cpu, @Nullable AddressSpace before, Machine machine, Layout layout, Runnable letGo) {
        Objects.requireNonNull(letGo, "letGo");
        cpu.checkMayMove("it borrows a space");
        if (layout.lifetime.context.users() == 0) {
            return null;
        }
        StackReserve.check(before == null ? LAZY_DEPTH : DEPTH);
        HomeRef homeUser = before == null ? null : HomeRef.of(before.machine().references, before.own);
        BorrowedSpace made = null;
        try {
            Lifetime lifetime = layout.lifetime;
            BorrowReferences kept = new BorrowReferences(lifetime, homeUser);
            Borrower borrower = lifetime.borrow(letGo, cpu.number, machine.host.refTracker() != null, kept::giveUp);
            BorrowedSpace next = new BorrowedSpace(cpu, before, machine, layout, borrower, letGo, kept);
            made = cpu.useMm(layout, before == null ? null : before.own, borrower, next) ? next : null;
            return made;
        } finally {
            if (made == null && homeUser != null) {
                homeUser.close();
            }
            cpu.endLeft();
        }
    }

    /**
     * Returns whether the borrower was asked to end the borrow, because the last reference to the users of the space
     * was closed. A borrower may poll this between two pieces of work, and use a callback that does nothing.
     *
     * @return true from the request on
     */
    public boolean isAsked() {
        return borrower.isAsked();
    }

    /**
     * Releases the borrower's user count, and keeps the page table. The CPU refuses accesses from now on. If it was the
     * last user, this method tears the space down, and may wait.
     *
     * @return this borrow without users; the caller leaves it
     * @throws IllegalStateException if the user count was already released; or if the CPU is in GUEST, in a fault or in
     *     one of its listeners, or is not owned by the caller
     */
    public AdoptedSpace putUsers() {
        cpu.checkMayLeave("it ends its borrow");
        check(Stage.WITH_USERS, "gives up its users");
        StackReserve.check(LAZY_DEPTH);
        AdoptedSpace adopted = new AdoptedSpace(this);
        // Acquired before the user count is released, because a space with a user always has its page table.
        PageTableRef keeps = Objects.requireNonNull(PageTableRef.tryHold(machine, layout));
        boolean isAdopted = false;
        try {
            cpu.putUsers();
            borrower.end();
            kept.pageTable = keeps;
            stage = Stage.WITHOUT_USERS;
            isAdopted = true;
        } finally {
            if (!isAdopted) {
                keeps.close();
            }
            cpu.endLeft();
        }
        return adopted;
    }

    /** Leaves the space without users. Returns the reference to the page table. */
    PageTableRef leave() {
        cpu.checkMayLeave("it ends its borrow");
        check(Stage.WITHOUT_USERS, "leaves the space");
        checkStack();
        PageTableRef held = Objects.requireNonNull(kept.pageTable);
        try {
            end();
        } catch (Throwable thrown) {
            held.close();
            throw thrown;
        }
        // The borrow is over, so no other thread releases the reference.
        kept.pageTable = null;
        return held;
    }

    private void check(Stage wanted, String step) {
        if (stage != wanted) {
            throw new IllegalStateException(this + ": it " + step + " only " + nameOf(wanted)
                    + "; a borrow goes from users to no users, leaves, and uses the space again");
        }
    }

    /** Throws if too little stack is left to complete the return. */
    private void checkStack() {
        StackReserve.check(home == null ? LAZY_DEPTH : DEPTH);
    }

    private static String nameOf(Stage stage) {
        return switch (stage) {
            case WITH_USERS -> "with users";
            case WITHOUT_USERS -> "without users";
            case ENDED -> "ended";
        };
    }

    /** Ends the borrow, even if there is no memory for the return; the CPU is then in no space. */
    private void end() {
        try {
            cpu.unuseMm(home, home == null ? null : home.own, stage == Stage.WITH_USERS);
        } finally {
            stage = Stage.ENDED;
            try {
                if (kept.homeUser != null) {
                    kept.homeUser.close();
                }
            } finally {
                cpu.endLeft();
            }
        }
    }

    /**
     * Ends the borrow ({@code kthread_unuse_mm}): the CPU returns to its previous space, or becomes LAZY. If it was the
     * last user of the borrowed space, this method tears that space down, and may wait. It also ends a borrow whose
     * user count was released. A second call does nothing.
     *
     * <p>If there is no memory to return to a space with another page size, the CPU is then in no space. If it was the
     * last user of the space to which it could not return, this method also tears that space down.
     *
     * @throws IllegalStateException if the CPU is in GUEST, in a fault or in one of its listeners, or is not owned by
     *     the caller
     */
    @Override
    public void close() {
        if (stage != Stage.ENDED) {
            cpu.checkMayLeave("it ends its borrow");
            checkStack();
            try {
                end();
            } finally {
                kept.closePageTable();
            }
        }
    }

    /** Returns the CPU, the number of the space, and the stage of the borrow as text. */
    @Override
    public String toString() {
        return "borrow of space " + layout.lifetime.identity.number() + " by " + cpu + ", " + nameOf(stage);
    }
}
