// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import dev.samara.core.guest.GuestMemory;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.vcpu.GuestCpus;
import dev.samara.core.internal.vcpu.PooledCpu;
import org.jspecify.annotations.Nullable;

/**
 * The stay of a thread in a space: from {@link AddressSpace#enter} to its close, the thread has a CPU of the machine's
 * pool in GUEST.
 *
 * <pre>{@code
 * try (Guest guest = space.enter()) {
 *     guest.memory().store(address, 8, number);
 * }
 * }</pre>
 *
 * <p>Any thread may enter, a virtual one too, and nothing ties it to the thread that carries it. The first time it gets
 * an idle CPU of the pool, or a new one; later mostly the CPU that it had before, with its translations. That takes one
 * compare-and-set, and allocates this object alone. The CPU is in {@link #memory}, which may have a {@link
 * dev.samara.core.guest.FlatMemory}: the thread finds it by {@link GuestMemory#flat}, and makes it if it is null.
 *
 * <p><b>Nesting.</b> A thread may enter a space in which it is already: both guests have one CPU, and the inner one is
 * closed first. It may enter other spaces, too, each with a CPU of its own.
 *
 * <p><b>GUEST.</b> A thread in GUEST {@linkplain #poll polls} often, since operations that remove pages or rights wait
 * for it, as for any CPU in GUEST. Before it does other long work, or waits, it closes its guests or {@linkplain #leave
 * leaves} GUEST. Calls that may wait throw {@link IllegalStateException}, unless each guest that the thread has open
 * was told to {@linkplain #leaveForCalls leave GUEST for calls}.
 *
 * <p><b>Faults.</b> An access that handles a fault leaves GUEST until the fault is handled. The CPUs of all other
 * guests of the thread leave GUEST with it, and come back before the access returns. So memories of several spaces can
 * be used side by side.
 *
 * <p><b>Translations that code keeps</b> ({@link dev.samara.core.guest.TlbArrays}) are valid until a call of the guest
 * or its memory, as for any CPU; and also only until an access of another guest of the thread that misses the TLB, and,
 * with {@link #leaveForCalls}, until any call that may wait.
 *
 * <p>A machine whose frames are in a {@linkplain MachineBuilder#frameStore store of the embedder} keeps its guests in
 * GUEST: calls that may wait are refused, and so is the access of another guest whose fault would wait. The store could
 * make such calls in the midst of an access.
 *
 * <p>Only the thread that has entered may use a guest. For each thread that has entered, the library keeps a small
 * object until the thread ends.
 */
public final class Guest implements AutoCloseable {
    private final PooledCpu of;

    /** How many guests of the CPU are open with this one, if it is the innermost. */
    private final int depth;

    /** Why the CPU had left GUEST when this guest was opened, to come back; see {@link PooledCpu#open}. */
    private int away;

    /** Another thread may read it, racily: it finds that it is not the owner otherwise. */
    private boolean isClosed;

    private Guest(PooledCpu of, int depth) {
        this.of = of;
        this.depth = depth;
    }

    /** Takes the calling thread to a space; returns null if the reference is closed or the space has ended. */
    static @Nullable Guest enter(GuestCpus pool, Layout layout) {
        PooledCpu cpu = pool.lend(layout);
        if (cpu == null) {
            return null;
        }
        boolean isOpen = false;
        try {
            Guest made = new Guest(cpu, cpu.depth() + 1);
            made.away = cpu.open();
            isOpen = true;
            return made;
        } finally {
            if (!isOpen) {
                cpu.giveBackIfClosed();
            }
        }
    }

    /** Throws if this guest is closed, or the thread is another one. */
    private void checkOpen() {
        if (isClosed) {
            throw new IllegalStateException("the guest of " + of + " is closed");
        }
        of.memory().checkOwner();
    }

    /**
     * Returns the memory of the space. Numbers are little-endian at the beginning of the outermost guest, unless the
     * memory has a {@link dev.samara.core.guest.FlatMemory} of another order.
     *
     * @return the memory of the CPU: the same object for all guests of one CPU
     * @throws IllegalStateException if this guest is closed, or the thread is another one
     */
    public GuestMemory memory() {
        checkOpen();
        return of.memory();
    }

    /**
     * Returns the number of the CPU, by which reports and {@link dev.samara.core.event.ShootdownDelivery} name it.
     *
     * @return positive
     * @throws IllegalStateException if this guest is closed, or the thread is another one
     */
    public int number() {
        checkOpen();
        return of.number();
    }

    /**
     * Acknowledges changes of other threads, as {@link Cpu#poll} does. If the CPU has left GUEST, it enters GUEST.
     *
     * @throws IllegalStateException if this guest is closed, the thread is another one, or the CPU is in a fault or in
     *     one of its listeners
     */
    public void poll() {
        checkOpen();
        of.memory().poll();
    }

    /**
     * Leaves GUEST up to the next {@link #poll}, also that of a {@link dev.samara.core.guest.FlatMemory}, or {@link
     * AddressSpace#enter} of this space: no operation waits for this thread, and calls that may wait are allowed as far
     * as this CPU is concerned. An access in the meantime enters GUEST for its own duration. Does nothing if the CPU
     * has left GUEST.
     *
     * @throws IllegalStateException if this guest is closed, the thread is another one, or the CPU is in a fault or in
     *     one of its listeners
     */
    public void leave() {
        checkOpen();
        of.leaveUntilPoll();
    }

    /**
     * Has calls of the thread that may wait leave GUEST by themselves, as by {@link #leave}, in place of an exception.
     * This holds if all guests that the thread has open in the space were told so, and until this one is closed. What
     * the thread has kept of translations is outdated after such a call. The code that a call calls back, such as that
     * of a backing, must not poll the guest: the call may wait afterwards.
     *
     * @return this
     * @throws IllegalStateException if this guest is closed, or the thread is another one
     */
    public Guest leaveForCalls() {
        checkOpen();
        of.allowCalls(depth);
        return this;
    }

    /**
     * Leaves GUEST, and gives the CPU back to the pool if this is the outermost guest. A second call of the thread does
     * nothing. If all references to the space are closed, the CPU leaves the space. If it was the last user, this call
     * tears the space down, and may wait, as {@link AddressSpace#close} does.
     *
     * @throws IllegalStateException if a guest within this one is open, if another thread uses the CPU, or if the CPU
     *     is in a fault or in one of its listeners; nothing has changed then
     * @throws StackOverflowError if the stack has no space for this call; nothing has changed then
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
