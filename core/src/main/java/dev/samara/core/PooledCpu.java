// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import dev.samara.core.internal.cpu.LentCpu;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.space.Lifetime;
import dev.samara.core.internal.tlb.CpuTlb;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.MmException;
import org.jspecify.annotations.Nullable;

/**
 * A CPU of the pool of {@link GuestCpus}, and the {@linkplain Guest guests} that its thread has open, one within the
 * other. For the thread to which it is lent.
 */
final class PooledCpu extends LentCpu {
    private final GuestCpus pool;
    private final Cpu cpu;
    /** The space in which it is; null for none. */
    private @Nullable Lifetime lifetime;

    private final Guest outermost = new Guest(this, 1);
    private Guest innermost = outermost;

    /** How many guests are open. Another thread may read it, racily, to find that its guest was closed before. */
    private int depth;

    /** Whether the thread had left GUEST when it opened the inner guest; by bits, the outermost guest's is 1. */
    private long wasAway;

    private PooledCpu(GuestCpus pool, Cpu cpu) {
        super(cpu.owner);
        this.pool = pool;
        this.cpu = cpu;
    }

    /** Makes a CPU in no space, lent to the calling thread. */
    static PooledCpu make(GuestCpus pool, Machine machine) {
        return new PooledCpu(pool, machine.claimCpu());
    }

    Cpu cpu() {
        return cpu;
    }

    /** Goes to a space, or to none. Returns false if the space has no user any more; it is in none then. */
    boolean goTo(Layout layout) {
        Lifetime next = layout.lifetime();
        moved(null);
        if (!cpu.goToLent(layout)) {
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

    /** Opens the outermost guest. If this throws, none is open. */
    Guest open() {
        cpu.enterGuestLent();
        depth = 1;
        innermost = outermost;
        outermost.isLeftForCalls = false;
        return outermost;
    }

    /** Opens a guest within those that are open. If this throws, they are as before. */
    Guest openInner() {
        if (depth == Guest.MOST) {
            throw new MmException("enter of " + cpu + " within " + depth + " others", Errno.EAGAIN);
        }
        boolean isInGuest = cpu.isInGuestLent();
        Guest inner = innermost.inner();
        if (!isInGuest) {
            cpu.poll();
        }
        wasAway = isInGuest ? wasAway & ~(1L << depth) : wasAway | 1L << depth;
        depth++;
        innermost = inner;
        inner.isLeftForCalls = false;
        cpu.leavesGuest(CpuTlb.FOR_FAULTS);
        return inner;
    }

    /** Throws unless the calling thread has a guest of a level open. */
    void checkOpen(int level) {
        if (level > depth) {
            throw new IllegalStateException("the guest of " + cpu + " is closed");
        }
        cpu.cpuMemory().checkOwner();
    }

    /** Has the CPU leave GUEST by itself for calls if all open guests allow it. */
    void allowCalls() {
        cpu.leavesGuest(areAllLeftForCalls() ? CpuTlb.FOR_CALLS : CpuTlb.FOR_FAULTS);
    }

    private boolean areAllLeftForCalls() {
        Guest guest = outermost;
        for (int i = 1; i < depth && guest.isLeftForCalls; i++) {
            guest = guest.inner();
        }
        return guest.isLeftForCalls;
    }

    /** Closes the guest of a level. Does nothing if it is closed. */
    void close(int level) {
        if (!cpu.cpuMemory().isOwned()) {
            if (level <= depth) {
                cpu.cpuMemory().checkOwner();
            }
            return;
        }
        if (level > depth) {
            return;
        }
        if (level < depth) {
            throw new IllegalStateException("a guest of " + cpu + " is closed before the one within it");
        }
        if (level == 1) {
            cpu.leaveGuestLent();
            depth = 0;
            pool.giveBack(this);
        } else {
            closeInner();
        }
    }

    private void closeInner() {
        boolean isInGuest = cpu.isInGuestLent();
        depth--;
        innermost = outermost;
        for (int i = 1; i < depth; i++) {
            innermost = innermost.inner();
        }
        if (isInGuest && (wasAway & 1L << depth) != 0) {
            cpu.goAway();
        }
        allowCalls();
    }

    @Override
    public String toString() {
        return cpu.toString();
    }
}
