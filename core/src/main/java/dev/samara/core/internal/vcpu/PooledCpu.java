// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.vcpu;

import dev.samara.core.internal.cpu.IdleCpus;
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
 * A CPU of the pool {@link GuestCpus}, with the nested guests that its thread has open. A guest is identified by its
 * depth, which is 1 for the outermost. Used by the thread to which the CPU is lent.
 */
public final class PooledCpu extends IdleCpus.LentCpu {
    /** The maximum number of nested guests of one CPU. */
    private static final int MOST = Long.SIZE - 1;

    /** The stack that a thread needs to leave GUEST and to give the CPU back, in stack frames. */
    private static final int CLOSE_DEPTH = 12;

    /**
     * The stack that a thread needs to enter GUEST, in stack frames. It suffices for the close, too, because a guest
     * that cannot be closed would leave the CPU in GUEST.
     */
    static final int ENTER_DEPTH = CLOSE_DEPTH + 4;

    private final GuestCpus pool;
    private final Vcpu cpu;
    /** The lifetime of the CPU's space; null if it is in none. */
    private @Nullable Lifetime lifetime;

    /** The number of open guests. */
    private int depth;

    /** One bit per open guest, the lowest for the outermost guest: whether the CPU may leave GUEST for calls. */
    private long leftForCalls;

    PooledCpu(GuestCpus pool, Vcpu cpu) {
        super(cpu.owner());
        this.pool = pool;
        this.cpu = cpu;
    }

    Vcpu cpu() {
        return cpu;
    }

    /**
     * Switches to a space, or to none. Returns false if the space has no users any more; the CPU is then not in any
     * space.
     */
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

    /** Returns whether the thread has an open guest. */
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
            throw cpu.mayNotEnter();
        }
        used.stayAway();
        // Called first, because if it failed later, by a stack overflow, the CPU would stay in GUEST without a guest.
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
     * Sets the cases in which the CPU leaves GUEST by itself. With an embedder's store, it never does, because the
     * store may make calls in the middle of an access.
     */
    private void leavesGuest(int when) {
        tlb().leavesGuest(cpu.hasForeignStore() ? CpuTlb.NEVER : when);
    }

    /** Returns whether the CPU is in GUEST, or has left it temporarily. Throws in an activity that runs callbacks. */
    private boolean isInGuest() {
        CpuTlb used = tlb();
        if (!used.isInGuest() && !used.isIdle()) {
            throw cpu.mayNotEnter();
        }
        return used.isInGuest();
    }

    /**
     * Leaves GUEST until the next poll. Other CPUs of the thread leave GUEST, too, if they do so by themselves for
     * calls, because the thread is about to wait.
     */
    public void leaveUntilPoll() {
        if (isInGuest()) {
            tlb().goAway(CpuTlb.UNTIL_POLL);
        } else {
            tlb().stayUntilPoll();
        }
        othersLeaveForCall();
    }

    /**
     * Records that a guest allows the CPU to leave GUEST by itself for calls. Once all open guests allow it, the CPU
     * does so.
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
            pool.giveBack(this);
        }
    }

    @Override
    public String toString() {
        return cpu.toString();
    }
}
