// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.vcpu;

import dev.samara.core.internal.cpu.LentCpu;
import dev.samara.core.internal.guest.CpuMemory;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.space.Lifetime;
import dev.samara.core.internal.sync.StackReserve;
import dev.samara.core.internal.tlb.CpuTlb;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.MmException;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A CPU of the pool of {@link GuestCpus}, and the guests that its thread has open, one within the other. A guest is
 * named by its depth, 1 for the outermost. For the thread to which the CPU is lent.
 */
public final class PooledCpu extends LentCpu {
    /** The most guests of one CPU, one within the other. */
    private static final int MOST = Long.SIZE - 1;

    /** The stack that a thread needs to leave GUEST and to give the CPU back, in frames. */
    private static final int CLOSE_DEPTH = 12;

    private final GuestCpus pool;
    private final Vcpu cpu;
    /** The space in which it is; null for none. */
    private @Nullable Lifetime lifetime;

    /** How many guests are open. */
    private int depth;

    /** A bit for each open guest, the lowest for the outermost: whether the CPU may leave GUEST for calls. */
    private long leftForCalls;

    PooledCpu(GuestCpus pool, Vcpu cpu) {
        super(cpu.owner());
        this.pool = pool;
        this.cpu = cpu;
    }

    Vcpu cpu() {
        return cpu;
    }

    /** Goes to a space, or to none. Returns false if the space has no user any more; it is in none then. */
    boolean goTo(Layout layout) {
        Lifetime next = layout.lifetime();
        moved(null);
        if (!cpu.switchTo(layout, true)) {
            return false;
        }
        moved(next);
        return true;
    }

    private void moved(@Nullable Lifetime next) {
        lifetime = next;
        isNowIn(next);
    }

    @Nullable
    Lifetime lifetime() {
        return lifetime;
    }

    /** Returns whether its thread has a guest open. */
    boolean isOpen() {
        return depth != 0;
    }

    /** Returns the number of the CPU. */
    public int number() {
        return cpu.number();
    }

    /** Returns the memory of the CPU. */
    public CpuMemory memory() {
        return cpu.memory();
    }

    /** Returns the depth of the guest that was opened last and is open. */
    public int depth() {
        return depth;
    }

    private CpuTlb tlb() {
        return Objects.requireNonNull(cpu.tlb());
    }

    /**
     * Opens a guest. If this throws, nothing has changed.
     *
     * @return why the CPU had left GUEST, to come back, for {@link #close}; {@link CpuTlb#NOT_AWAY} if it had not
     */
    public int open() {
        return depth == 0 ? openOutermost() : openInner();
    }

    /** Enters GUEST, from which the CPU leaves by itself for faults of the thread's other CPUs. */
    private int openOutermost() {
        CpuTlb used = tlb();
        if (!used.isIdle()) {
            throw cpu.mayNotEnter();
        }
        used.stayAway();
        // First: it may fail at the end of a stack, and the CPU would stay in GUEST without a guest.
        leavesGuest(CpuTlb.FOR_FAULTS);
        cpu.memory().entersGuest();
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
            cpu.memory().poll();
        }
        leavesGuest(CpuTlb.FOR_FAULTS);
        depth++;
        return away;
    }

    /**
     * Sets for what the CPU leaves GUEST by itself. With a store of the embedder it never does: the store may make
     * calls in the midst of an access.
     */
    private void leavesGuest(int when) {
        tlb().leavesGuest(cpu.hasForeignStore() ? CpuTlb.NEVER : when);
    }

    /** Returns whether the CPU is in GUEST, or comes back to it. Throws in an activity that runs callbacks. */
    private boolean isInGuest() {
        CpuTlb used = tlb();
        if (!used.isInGuest() && !used.isIdle()) {
            throw cpu.mayNotEnter();
        }
        return used.isInGuest();
    }

    /** Leaves GUEST up to the next poll. Does nothing if the CPU has left GUEST. */
    public void leaveUntilPoll() {
        if (isInGuest()) {
            tlb().goAway(CpuTlb.FOR_CALL);
        }
    }

    /** Has the CPU leave GUEST by itself for calls if all open guests allow it, of which one does so now. */
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
     * @param guest its depth
     * @param away the result of {@link #open}
     */
    public void close(int guest, int away) {
        cpu.memory().checkOwner();
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

    /** Leaves GUEST for good. Throws, and changes nothing, in an activity that runs callbacks. */
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
            pool.giveBack(this);
        }
    }

    @Override
    public String toString() {
        return cpu.toString();
    }
}
