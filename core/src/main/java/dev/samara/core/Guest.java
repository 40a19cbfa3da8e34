// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import dev.samara.core.guest.GuestMemory;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.vcpu.GuestCpus;
import dev.samara.core.internal.vcpu.GuestCpus.PooledCpu;
import org.jspecify.annotations.Nullable;

/**
 * A thread's stay in a space: from {@link AddressSpace#enter} to the close of this object, the thread uses a CPU of the
 * machine's pool, in GUEST.
 *
 * <pre>{@code
 * try (Guest guest = space.enter()) {
 *     guest.memory().store(address, 8, number);
 * }
 * }</pre>
 *
 * <p>Any thread may enter, including a virtual thread, which is not pinned to its carrier. The first time, it gets an
 * idle CPU of the pool, or a new one; later, usually the CPU that it used before, with its translations. That takes one
 * compare-and-set, and allocates only this object. {@link #memory} returns the CPU's memory, which may already have a
 * {@link dev.samara.core.guest.FlatMemory}: the thread gets it from {@link GuestMemory#flat}, and creates one if that
 * returns null.
 *
 * <p><b>Nesting.</b> A thread may enter a space that it is already in: both guests share one CPU, and the inner one
 * must be closed first. It may also enter other spaces, each with a separate CPU.
 *
 * <p><b>GUEST.</b> A thread in GUEST must {@linkplain #poll poll} often, because operations that remove pages or rights
 * wait for it, as for any CPU in GUEST. Before other long work, or a wait, it must close its guests or {@linkplain
 * #leave leave} GUEST. Calls that may wait throw {@link IllegalStateException}, unless every open guest of the thread
 * was set to {@linkplain #leaveForCalls leave GUEST for calls}.
 *
 * <p><b>Faults.</b> An access that faults leaves GUEST until the fault is handled. The CPUs of all other guests of the
 * thread leave GUEST with it, and re-enter it before the access returns. So one thread can use the memories of several
 * spaces in alternation.
 *
 * <p><b>Cached translations</b> ({@link dev.samara.core.guest.TlbArrays}) are valid until the next call on the guest or
 * its memory, as for any CPU. They also become invalid when an access through another guest of the thread misses the
 * TLB, and, with {@link #leaveForCalls}, at any call that may wait and at the {@link #leave} of another guest.
 *
 * <p>If the machine's frames are in an {@linkplain MachineBuilder#frameStore embedder's store}, guests never leave
 * GUEST implicitly: calls that may wait are refused, and so is an access through another guest whose fault would wait.
 * The store could otherwise make such calls in the middle of an access.
 *
 * <p>Only the thread that entered may use a guest. The library keeps a small object for each such thread until the
 * thread ends.
 */
public final class Guest implements AutoCloseable {
    private final PooledCpu of;

    /** The number of open guests of the CPU, including this one, if it is the innermost. */
    private final int depth;

    /**
     * Why the CPU was outside GUEST when this guest was opened, so that the close can restore that state; see {@link
     * PooledCpu#open}.
     */
    private int away;

    /** Another thread may read it in a benign race: the ownership check rejects that thread anyway. */
    private boolean isClosed;

    private Guest(PooledCpu of, int depth) {
        this.of = of;
        this.depth = depth;
    }

    /** Lets the calling thread enter a space; returns null if the reference is closed or the space has ended. */
    static @Nullable Guest enter(GuestCpus pool, Layout layout) {
        PooledCpu cpu = pool.lend(layout);
        if (cpu == null) {
            return null;
        }
        try {
            Guest made = new Guest(cpu, cpu.depth() + 1);
            made.away = cpu.open();
            return made;
        } catch (Throwable thrown) {
            cpu.giveBackIfClosed();
            throw thrown;
        }
    }

    /** Throws if this guest is closed, or the caller is not the thread that entered. */
    private void checkOpen() {
        if (isClosed) {
            throw new IllegalStateException("the guest of " + of + " is closed");
        }
        of.memory().checkOwner();
    }

    /**
     * Returns the memory of the space. The byte order is little-endian when the outermost guest starts, unless the
     * memory has a {@link dev.samara.core.guest.FlatMemory} of another order.
     *
     * @return the memory of the CPU: the same object for all guests of one CPU
     * @throws IllegalStateException if this guest is closed, or the caller is not the thread that entered
     */
    public GuestMemory memory() {
        checkOpen();
        return of.memory();
    }

    /**
     * Returns the number of the CPU, by which reports and {@link dev.samara.core.event.ShootdownDelivery} name it.
     *
     * @return positive
     * @throws IllegalStateException if this guest is closed, or the caller is not the thread that entered
     */
    public int number() {
        checkOpen();
        return of.number();
    }

    /**
     * Acknowledges changes by other threads, as {@link Cpu#poll} does. If the CPU has left GUEST, it enters GUEST
     * again.
     *
     * @throws IllegalStateException if this guest is closed, the caller is not the thread that entered, or the CPU is
     *     in a fault or in one of its listeners
     */
    public void poll() {
        checkOpen();
        of.memory().poll();
    }

    /**
     * Leaves GUEST until the next {@link #poll}, including {@link dev.samara.core.guest.FlatMemory#poll}, or the next
     * {@link AddressSpace#enter} of this space. Until then no operation on this space waits for this thread, and this
     * CPU does not prevent calls that may wait. An access in the meantime enters GUEST for its own duration. The
     * thread's guests in other spaces leave GUEST, too, if they {@linkplain #leaveForCalls leave it for calls}.
     *
     * @throws IllegalStateException if this guest is closed, the caller is not the thread that entered, or the CPU is
     *     in a fault or in one of its listeners
     */
    public void leave() {
        checkOpen();
        of.leaveUntilPoll();
    }

    /**
     * Makes the thread's calls that may wait leave GUEST implicitly, instead of throwing. The CPU enters GUEST again at
     * the next poll, as after {@link #leave}, or at the next plain access by its {@link
     * dev.samara.core.guest.FlatMemory}. This takes effect if it is set on all open guests of the thread
     * in the space, and lasts until this one is closed. Translations that the thread cached are stale after a call that
     * left GUEST. Callbacks of that call, e.g. those of a backing, must neither poll the guest nor use its {@code
     * FlatMemory}, because the call may wait afterwards.
     *
     * @return this
     * @throws IllegalStateException if this guest is closed, or the caller is not the thread that entered
     */
    public Guest leaveForCalls() {
        checkOpen();
        of.allowCalls(depth);
        return this;
    }

    /**
     * Leaves GUEST, and returns the CPU to the pool if this is the outermost guest. A second call by the thread does
     * nothing. If all references to the space are closed, the CPU leaves the space. If it was the last user, this call
     * tears the space down, and may wait, as {@link AddressSpace#close} does.
     *
     * @throws IllegalStateException if a guest within this one is open, if another thread uses the CPU, or if the CPU
     *     is in a fault or in one of its listeners; nothing has changed then
     * @throws StackOverflowError if too little stack is left for this call; nothing has changed then
     */
    @Override
    public void close() {
        if (!isClosed) {
            of.close(depth, away);
            isClosed = true;
            of.giveBackIfClosed();
        }
    }

    @Override
    public String toString() {
        return "guest of " + of;
    }
}
