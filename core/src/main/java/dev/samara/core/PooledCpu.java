// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import dev.samara.core.internal.cpu.LentCpu;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.space.Lifetime;
import dev.samara.core.internal.sync.StackReserve;
import dev.samara.core.internal.tlb.CpuTlb;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.MmException;
import org.jspecify.annotations.Nullable;

/**
 * A CPU of the pool of {@link GuestCpus}, and the {@linkplain Guest guests} that its thread has open, one within the
 * other. For the thread to which it is lent.
 */
final class PooledCpu extends LentCpu {
    /** The stack that a thread needs to leave GUEST and to give the CPU back, in frames. */
    private static final int CLOSE_DEPTH = 12;

    private final GuestCpus pool;
    private final Cpu cpu;
    /** The space in which it is; null for none. */
    private @Nullable Lifetime lifetime;

    /** The guest that was opened last and is open; null for none. */
    private @Nullable Guest innermost;

    /** How many guests are open. */
    private int depth;

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
        if (!cpu.goToLent(layout, true)) {
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
        Guest made = new Guest(this, null);
        cpu.enterGuestLent();
        depth = 1;
        innermost = made;
        return made;
    }

    /** Opens a guest within those that are open. If this throws, they are as before. */
    Guest openInner() {
        if (depth == Guest.MOST) {
            throw new MmException("enter of " + cpu + " within " + depth + " others", Errno.EAGAIN);
        }
        Guest inner = new Guest(this, innermost);
        if (!cpu.isInGuestLent()) {
            inner.away = cpu.away();
            cpu.poll();
        }
        depth++;
        innermost = inner;
        cpu.leavesGuest(CpuTlb.FOR_FAULTS);
        return inner;
    }

    /** Throws unless the calling thread has a guest open. */
    void checkOpen(Guest guest) {
        if (guest.isClosed) {
            throw new IllegalStateException("the guest of " + cpu + " is closed");
        }
        cpu.cpuMemory().checkOwner();
    }

    /** Has the CPU leave GUEST by itself for calls if all open guests allow it. */
    void allowCalls() {
        cpu.leavesGuest(areAllLeftForCalls() ? CpuTlb.FOR_CALLS : CpuTlb.FOR_FAULTS);
    }

    private boolean areAllLeftForCalls() {
        for (Guest guest = innermost; guest != null; guest = guest.outer) {
            if (!guest.isLeftForCalls) {
                return false;
            }
        }
        return true;
    }

    /** Closes a guest. Does nothing if it is closed. */
    void close(Guest guest) {
        if (guest.isClosed) {
            return;
        }
        cpu.cpuMemory().checkOwner();
        if (guest != innermost) {
            throw new IllegalStateException("a guest of " + cpu + " is closed before the one within it");
        }
        StackReserve.check(CLOSE_DEPTH);
        if (guest.outer == null) {
            cpu.leaveGuestLent();
            guest.isClosed = true;
            innermost = null;
            depth = 0;
            pool.giveBack(this);
        } else {
            closeInner(guest);
        }
    }

    private void closeInner(Guest guest) {
        boolean isInGuest = cpu.isInGuestLent();
        guest.isClosed = true;
        depth--;
        innermost = guest.outer;
        if (isInGuest && guest.away != CpuTlb.NOT_AWAY) {
            cpu.goAway(guest.away);
        }
        allowCalls();
    }

    @Override
    public String toString() {
        return cpu.toString();
    }
}
