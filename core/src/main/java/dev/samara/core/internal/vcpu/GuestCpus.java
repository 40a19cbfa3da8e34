// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.vcpu;

import dev.samara.core.internal.cpu.IdleCpus;
import dev.samara.core.internal.guest.CpuMemory;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.space.Lifetime;
import dev.samara.core.internal.space.Lifetime.IdleUsers;
import dev.samara.core.internal.sync.StackReserve;
import dev.samara.core.internal.tlb.CpuTlb;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.MmException;
import java.util.Objects;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The CPUs that a machine lends: to threads that enter spaces, and for copies between a space and a buffer on a thread
 * without a CPU. Thread-safe. A lock is acquired only when a CPU is created or ended.
 *
 * <p>An idle CPU of the first kind stays in its space in KERNEL, with its translations, so using it again takes only
 * one compare-and-set and the entry of GUEST. It counts as a user of the space until the last reference to the space is
 * closed. Then it leaves the space, and a few such CPUs wait for the next space. An idle CPU of the second kind is not
 * in any space, so it is not a user of any space and keeps no page tables.
 */
public final class GuestCpus implements IdleUsers {
    /*
     * Why no idle CPU prevents the teardown of a space.
     *
     *     a thread that leaves its guest              a thread that closes the last reference
     *     place := the CPU           (volatile)       references := 0               (get-and-add)
     *     read the references        (volatile)       read each place               (volatile)
     *     0: take it back, out of the space           a CPU of the space: take it, out of the space
     *
     * At least one of the two finds the other's store, and the compare-and-set of the place decides which of them takes
     * the CPU. If the CPU is lent at that time, its thread finds no reference when it gives the CPU back. If a new
     * reference is acquired after there was none, which is possible while there are other users, then the close of the
     * new reference is the last one.
     */

    /** The least number of places: as many as there are CPUs with their own bit in cpumasks. */
    private static final int LEAST_PLACES = 32;

    private static final int MOST_PLACES = 256;

    /**
     * The share of the heap's maximum that the TLBs of idle CPUs may take above the least number of places: one
     * sixteenth.
     */
    private static final int HEAP_SHARE = 16;

    /** The size of an entry of a TLB, in bytes. */
    private static final int ENTRY_BYTES = 40;

    private static final int REMOTE_PLACES = 8;

    /**
     * How many idle CPUs stay without a space for the next spaces. Few, because they keep their TLBs, and only as many
     * are useful as threads that use short-lived spaces side by side. Others may be added meanwhile, one for each
     * thread that takes a CPU out of a space.
     */
    private static final int MOST_NOWHERE = 8;

    private final Supplier<Vcpu> maker;
    private final Supplier<Vcpu> remoteMaker;
    private final IdleCpus<PooledCpu> idle;
    private final IdleCpus<RemoteCpu> remotes = new IdleCpus<>(REMOTE_PLACES);

    /**
     * A CPU for threads that enter spaces, with the nested guests that its thread has open. A guest is identified by
     * its depth, which is 1 for the outermost. Used by the thread to which the CPU is lent.
     */
    public final class PooledCpu extends IdleCpus.LentCpu {
        /** The maximum number of nested guests of one CPU. */
        private static final int MOST = Long.SIZE - 1;

        /** The stack that a thread needs to leave GUEST and to give the CPU back, in stack frames. */
        private static final int CLOSE_DEPTH = 12;

        /**
         * The stack that a thread needs to enter GUEST, in stack frames. It suffices for the close, too, because a
         * guest that cannot be closed would leave the CPU in GUEST.
         */
        private static final int ENTER_DEPTH = StackReserve.around(CLOSE_DEPTH, 4);

        private final Vcpu cpu;

        /** The lifetime of the CPU's space; null if it is in none. */
        private @Nullable Lifetime lifetime;

        /** The number of open guests. */
        private int depth;

        /** One bit per open guest, the lowest for the outermost guest: whether the CPU may leave GUEST for calls. */
        private long leftForCalls;

        private PooledCpu(Vcpu cpu) {
            super(cpu.owner);
            this.cpu = cpu;
            cpu.memory.allowLeave();
        }

        /** Switches to a space. Returns false if the space has no users any more; the CPU is then not in any space. */
        private boolean goTo(Layout layout) {
            moved(null);
            if (!cpu.switchTo(layout, true)) {
                return false;
            }
            moved(layout.lifetime);
            layout.lifetime.likelyCpu = self();
            return true;
        }

        private boolean isNowhere() {
            return !tlb().isInSpace();
        }

        /** Leaves its space, while it is idle and no other thread can take it. */
        private void rest(boolean isLater) {
            moved(null);
            cpu.leaveIdle(isLater);
        }

        private void moved(@Nullable Lifetime next) {
            lifetime = next;
            isNowIn(next);
        }

        /** Returns the number of the CPU. */
        public int number() {
            return cpu.number;
        }

        /** Returns the memory of the CPU. */
        public CpuMemory memory() {
            return cpu.memory;
        }

        /** Returns the depth of the innermost open guest. */
        public int depth() {
            return depth;
        }

        private CpuTlb tlb() {
            return Objects.requireNonNull(cpu.tlb());
        }

        /**
         * Opens a guest. If this throws, nothing is changed.
         *
         * @return why the CPU had left GUEST temporarily, for {@link #close}; {@link CpuTlb#NOT_AWAY} if it had not
         */
        public int open() {
            return depth == 0 ? openOutermost() : openInner();
        }

        /** Enters GUEST, which the CPU leaves by itself for faults of the thread's other CPUs. */
        private int openOutermost() {
            CpuTlb used = tlb();
            if (!used.isIdle()) {
                throw cpu.memory.mayNotEnter();
            }
            used.stayAway();
            // Called first, because if it failed later, by a stack overflow, the CPU would stay in GUEST without a
            // guest.
            leavesGuest(CpuTlb.FOR_FAULTS);
            cpu.memory.entersGuest();
            used.enterGuest();
            depth = 1;
            return CpuTlb.NOT_AWAY;
        }

        private int openInner() {
            if (depth == MOST) {
                throw new MmException("enter of " + cpu + " within " + depth + " others", Errno.EAGAIN);
            }
            int away = CpuTlb.NOT_AWAY;
            if (!isInGuest()) {
                away = tlb().away();
                cpu.memory.poll();
            }
            leavesGuest(CpuTlb.FOR_FAULTS);
            depth++;
            return away;
        }

        /**
         * Sets the cases in which the CPU leaves GUEST by itself. With an embedder's store, it never does, because the
         * store may make calls in the middle of an access.
         */
        private void leavesGuest(int when) {
            tlb().leavesGuest(cpu.hasForeignStore() ? CpuTlb.NEVER : when);
        }

        /**
         * Returns whether the CPU is in GUEST, or has left it temporarily. Throws in an activity that runs callbacks.
         */
        private boolean isInGuest() {
            CpuTlb used = tlb();
            if (!used.isInGuest() && !used.isIdle()) {
                throw cpu.memory.mayNotEnter();
            }
            return used.isInGuest();
        }

        /**
         * Leaves GUEST until the next poll. Other CPUs of the thread leave GUEST, too, if they do so by themselves for
         * calls, because the thread is about to wait.
         */
        public void leaveUntilPoll() {
            cpu.memory.leave();
        }

        /**
         * Records that a guest allows the CPU to leave GUEST by itself for calls. Once all open guests allow it, the
         * CPU does so.
         */
        public void allowCalls(int guest) {
            leftForCalls |= 1L << (guest - 1);
            leaveForCallsIfAllowed();
        }

        private void leaveForCallsIfAllowed() {
            leavesGuest(leftForCalls == (1L << depth) - 1 ? CpuTlb.FOR_CALLS : CpuTlb.FOR_FAULTS);
        }

        /**
         * Closes the guest that was opened last. The caller calls {@link #giveBackIfClosed} next.
         *
         * @param guest the depth of the guest
         * @param away the result of {@link #open}
         */
        public void close(int guest, int away) {
            cpu.memory.checkOwner();
            if (guest != depth) {
                throw new IllegalStateException("a guest of " + cpu + " is closed before the one within it");
            }
            StackReserve.check(CLOSE_DEPTH);
            if (guest == 1) {
                leaveGuest();
            } else if (isInGuest() && away != CpuTlb.NOT_AWAY) {
                tlb().goAway(away);
            }
            depth = guest - 1;
            leftForCalls &= (1L << depth) - 1;
            if (depth != 0) {
                leaveForCallsIfAllowed();
            }
        }

        /** Leaves GUEST permanently. In an activity that runs callbacks, throws and changes nothing. */
        private void leaveGuest() {
            CpuTlb used = tlb();
            if (used.isInGuest()) {
                used.leaveGuest();
            } else if (!used.isIdle()) {
                throw cpu.mayNotMove(used, "the thread leaves the space");
            }
            used.stayAway();
            used.leavesGuest(CpuTlb.NEVER);
        }

        /** Gives the CPU back to the pool if no guest is open. */
        public void giveBackIfClosed() {
            if (depth == 0) {
                giveBack(this);
            }
        }

        @Override
        public String toString() {
            return cpu.toString();
        }
    }

    /** A CPU for copies. Used by the thread to which it is lent. */
    public static final class RemoteCpu extends IdleCpus.LentCpu {
        private final Vcpu cpu;

        private RemoteCpu(Vcpu cpu) {
            super(cpu.owner);
            this.cpu = cpu;
        }

        /** Switches to a space. Returns false if the space has no users any more. */
        public boolean goTo(Layout layout) {
            return cpu.switchTo(layout, false);
        }

        /** Returns the memory of the CPU's space. */
        public CpuMemory memory() {
            return cpu.memory;
        }
    }

    /**
     * Creates empty pools.
     *
     * @param maker creates CPUs, which are not in a space, for threads that enter spaces
     * @param remoteMaker creates CPUs, which are not in a space, for copies
     * @param tlbEntries the number of entries of the TLB of a CPU of {@code maker}
     */
    public GuestCpus(Supplier<Vcpu> maker, Supplier<Vcpu> remoteMaker, int tlbEntries) {
        long inShare = Runtime.getRuntime().maxMemory() / HEAP_SHARE / ENTRY_BYTES / tlbEntries;
        idle = new IdleCpus<>((int) Math.max(LEAST_PLACES, Math.min(MOST_PLACES, inShare)));
        this.maker = maker;
        this.remoteMaker = remoteMaker;
    }

    /**
     * Lends a CPU in a space to the calling thread. The caller opens a guest next.
     *
     * @return null if the space has no users any more, or if the reference with the given layout is closed
     */
    public @Nullable PooledCpu lend(Layout layout) {
        // Checked before a CPU is taken, so that nothing has to be undone.
        StackReserve.check(PooledCpu.ENTER_DEPTH);
        if (layout.isClosed()) {
            return null;
        }
        Lifetime wanted = layout.lifetime;
        PooledCpu cpu = idle.openOrTakeIn(wanted, wanted.likelyCpu);
        if (cpu != null && cpu.depth != 0) {
            return cpu;
        }
        if (cpu == null) {
            cpu = idle.takeNowhere();
        }
        if (cpu == null && !idle.hasRoom()) {
            cpu = idle.takeAny();
        }
        boolean isThere = false;
        try {
            if (cpu == null) {
                cpu = new PooledCpu(maker.get());
                idle.add(cpu);
            } else {
                cpu.cpu.lend(cpu);
            }
            if (cpu.isIn(wanted) || cpu.goTo(layout)) {
                idle.opened(cpu);
                isThere = true;
            }
        } finally {
            if (!isThere && cpu != null) {
                giveBack(cpu);
            }
        }
        return isThere ? cpu : null;
    }

    /** Takes back a CPU that the calling thread has made leave GUEST, or that it could not use. */
    private void giveBack(PooledCpu cpu) {
        idle.closed(cpu);
        cpu.cpu.disown(cpu);
        if (!cpu.hasPlace()) {
            end(cpu, false);
        } else {
            putBack(cpu, false);
        }
    }

    private void putBack(PooledCpu cpu, boolean isLater) {
        Lifetime space = cpu.lifetime;
        idle.putBack(cpu);
        if (space != null && space.context.references() == 0 && idle.takeBack(cpu)) {
            leaveSpace(cpu, isLater);
        }
    }

    /** Takes a CPU out of its space, which ends, and keeps it for the next space, or ends it if enough are kept. */
    private void leaveSpace(PooledCpu cpu, boolean isLater) {
        if (idle.countNowhere() >= MOST_NOWHERE) {
            end(cpu, isLater);
            return;
        }
        boolean isOut = false;
        try {
            cpu.rest(isLater);
            isOut = true;
        } finally {
            if (isOut || cpu.isNowhere()) {
                idle.putBack(cpu);
            }
        }
    }

    private void end(PooledCpu cpu, boolean isLater) {
        idle.remove(cpu);
        cpu.cpu.endIdle(isLater);
    }

    @Override
    public void leave(Lifetime space, boolean isLater) {
        for (int i = 0; i < idle.places(); i++) {
            PooledCpu cpu = idle.takeAt(i, space);
            if (cpu != null) {
                leave(cpu, space, isLater);
            }
        }
    }

    private void leave(PooledCpu cpu, Lifetime space, boolean isLater) {
        if (!cpu.isIn(space)) {
            // The CPU switched to another space after the caller's check, before this thread took it. So the CPU is
            // given back.
            putBack(cpu, true);
            return;
        }
        try {
            leaveSpace(cpu, isLater);
        } catch (OutOfMemoryError | StackOverflowError exhausted) {
            // The close of a reference must not fail because of this. No thread can reach the CPU, so it is lost, and
            // the machine takes it offline.
            return;
        }
    }

    /** Lends a CPU that is not in a space to the calling thread, which gives it back. */
    public RemoteCpu lendRemote() {
        RemoteCpu known = remotes.takeNowhere();
        if (known == null) {
            RemoteCpu made = new RemoteCpu(remoteMaker.get());
            remotes.add(made);
            return made;
        }
        boolean isLent = false;
        try {
            known.cpu.lend(known);
            isLent = true;
        } finally {
            if (!isLent) {
                remotes.putBack(known);
            }
        }
        return known;
    }

    /** Takes a CPU back after it leaves its space. */
    public void giveBack(RemoteCpu lent) {
        boolean isBack = false;
        try {
            if (lent.hasPlace()) {
                lent.cpu.switchTo(null, false);
                lent.cpu.disown(lent);
                remotes.putBack(lent);
            } else {
                lent.cpu.close();
            }
            isBack = true;
        } finally {
            if (!isBack) {
                // The CPU is lost, and the machine takes it offline.
                remotes.remove(lent);
            }
        }
    }

    /** Ends all idle CPUs, for the close of the machine. */
    public void end() {
        for (int i = 0; i < remotes.places(); i++) {
            RemoteCpu cpu = remotes.takeAt(i);
            if (cpu != null) {
                remotes.remove(cpu);
                cpu.cpu.endIdle(false);
            }
        }
        for (int i = 0; i < idle.places(); i++) {
            PooledCpu cpu = idle.takeAt(i);
            if (cpu != null) {
                end(cpu, false);
            }
        }
    }
}
