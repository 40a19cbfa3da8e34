// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.fault;

import dev.samara.core.internal.cpu.Cpus;
import dev.samara.core.internal.space.InFlightGate;
import dev.samara.core.internal.space.InFlightRange;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.space.MachineState;
import dev.samara.core.internal.sync.Gate;
import dev.samara.core.internal.sync.Watch;
import dev.samara.core.internal.vma.Life;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Protection;
import dev.samara.core.mman.Resolution;
import dev.samara.core.vma.Vma;
import dev.samara.core.vma.VmaFlags;
import java.util.Locale;

/**
 * The first steps of a fault: look up the VMA, wait at a gate, grow a stack, check the rights ({@code
 * lock_vma_under_rcu} and {@code access_error} in {@code arch/x86/mm/fault.c}). Takes no lock, except to grow a stack.
 */
public final class Resolve {
    private Resolve() {}

    public static Resolution resolve(Layout layout, long address, int access) {
        for (; ; ) {
            Vma vma = layout.find(address);
            if (vma == null) {
                int grown = grow(layout, address);
                if (grown != Fault.MINOR) {
                    return grown == Fault.RETRY ? Resolution.RETRY : Resolution.MAPERR;
                }
            } else if (passes(layout, vma, address)) {
                return permits(vma, access) ? Resolution.FOUND : Resolution.ACCERR;
            } else if (Thread.currentThread().isInterrupted() && isShut(vma)) {
                return Resolution.RETRY;
            }
        }
    }

    /**
     * Grows the stack above an address down to the address. May wait for the lock of the space and for operations in
     * flight.
     *
     * @param layout the space
     * @param address an address without a mapping
     * @return {@link Fault#MINOR} if the stack has grown, so a new lookup may find it; MAPERR; RETRY after an interrupt
     */
    public static int grow(Layout layout, long address) {
        Vma above = layout.tree().atOrAfter(address);
        if (above == null || !above.has(VmaFlags.GROWSDOWN)) {
            return Fault.MAPERR;
        }
        long grown = ExpandStack.growStack(layout, address);
        if (grown == Errno.EINTR.result()) {
            return Fault.RETRY;
        }
        return Errno.isError(grown) ? Fault.MAPERR : Fault.MINOR;
    }

    /** Returns whether faults may use a VMA at once. Otherwise this has waited, and the VMA must be looked up again. */
    private static boolean passes(Layout layout, Vma vma, long address) {
        if (!isShut(vma)) {
            return true;
        }
        awaitGate(layout, vma, address);
        return false;
    }

    /**
     * Waits until faults may use a VMA that replaces or moves another mapping.
     *
     * @param layout the space
     * @param vma a VMA whose gate was closed
     * @param address the address of the fault
     * @return whether the gate is open; false after an interrupt
     * @throws IllegalStateException if the gate is not open, and this was called by the retire phase of an operation in
     *     flight, in GUEST, or by a backing that must not wait
     */
    public static boolean awaitGate(Layout layout, Vma vma, long address) {
        Gate gate = Life.gateOf(vma);
        return gate == null || await(layout, gate, address);
    }

    /**
     * Waits for the owner of a busy entry. That takes a moment, and the owner waits for no operation, so the retire
     * phase of an operation may call this too.
     *
     * @param layout the space
     * @param gate the owner's gate
     * @param address the address of the fault
     * @return whether the gate is open; false after an interrupt
     */
    public static boolean awaitPage(Layout layout, Gate gate, long address) {
        return gate.await(new FaultWatch(layout.host(), address));
    }

    /**
     * Waits at the gate of a VMA.
     *
     * @throws IllegalStateException like {@link #awaitGate}
     */
    private static boolean await(Layout layout, Gate gate, long address) {
        if (!gate.isOpen()) {
            // The operation of the gate may wait for a CPU of this thread.
            Cpus.checkMayWait("a fault that has to wait");
            InFlightRange inside = InFlightRange.ofThisThread();
            if (inside != null) {
                throw new IllegalStateException(
                        String.format(Locale.ROOT, "a fault at 0x%x was called by what retires ", address) + inside
                                + ", and would have to wait for " + gate + ": nothing that is in transit may wait");
            }
        }
        return gate.await(new FaultWatch(layout.host(), address));
    }

    /**
     * Returns whether faults have to wait at a VMA.
     *
     * @param vma any VMA
     * @return true if its operation replaces or moves a mapping and is not complete
     */
    public static boolean isShut(Vma vma) {
        return Life.gateOf(vma) instanceof InFlightGate gate && gate.stopsFaults() && !gate.isOpen();
    }

    /**
     * Returns whether a VMA permits an access. As on x86, memory that can be written or executed can be read.
     *
     * @param vma the VMA
     * @param access bits of {@link Protection}
     * @return whether the access is permitted
     */
    public static boolean permits(Vma vma, int access) {
        if ((access & Protection.READ) != 0 && !vma.hasAny(VmaFlags.ACCESS)) {
            return false;
        }
        long needed = access & (Protection.WRITE | Protection.EXEC);
        return (vma.flags() & needed) == needed;
    }

    /** Reports a fault that waits long. */
    private record FaultWatch(MachineState host, long address) implements Watch {
        @Override
        public long reportAfterNanos() {
            return host.longWaitNanos();
        }

        @Override
        public void waitsLong(Gate gate, Thread waiter, long nanos) {
            host.reportLongWait(String.format(Locale.ROOT, "resolve(0x%x)", address), gate, waiter, nanos);
        }
    }
}
