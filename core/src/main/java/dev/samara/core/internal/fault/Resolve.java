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
 * The first two steps of a fault: look up, wait at a gate, grow a stack, test the rights ({@code lock_vma_under_rcu}
 * and {@code access_error} in {@code arch/x86/mm/fault.c}). No lock on the way, but for a stack that must grow.
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
     * Grows the stack above an address down to it.
     *
     * @param layout the space
     * @param address where nothing is mapped
     * @return {@link Fault#MINOR} if it has grown, so that something may be found now; MAPERR; RETRY after an interrupt
     */
    public static int grow(Layout layout, long address) {
        Vma above = layout.tree().atOrAfter(address);
        if (above == null || !above.has(VmaFlags.GROWSDOWN)) {
            return Fault.MAPERR;
        }
        long grown = layout.growStack(address);
        if (grown == Errno.EINTR.result()) {
            return Fault.RETRY;
        }
        return Errno.isError(grown) ? Fault.MAPERR : Fault.MINOR;
    }

    /** Whether faults may use a VMA at once; else this has waited, and it must be looked up again. */
    private static boolean passes(Layout layout, Vma vma, long address) {
        if (!isShut(vma)) {
            return true;
        }
        awaitGate(layout, vma, address);
        return false;
    }

    /**
     * Waits until faults may use a VMA that replaces or moves something.
     *
     * @param layout the space
     * @param vma a VMA that was shut
     * @param address where the fault is
     * @return whether it is open; false after an interrupt
     * @throws IllegalStateException if it is not open, and this was called by what retires an operation in transit, in
     *     GUEST, or by a backing that must not wait
     */
    public static boolean awaitGate(Layout layout, Vma vma, long address) {
        Gate gate = Life.gateOf(vma);
        return gate == null || await(layout, gate, address);
    }

    /**
     * Waits for who is at a page: that is over in a moment, and he waits for no operation, so also what retires one
     * may.
     *
     * @param layout the space
     * @param gate his gate
     * @param address where the fault is
     * @return whether it is open; false after an interrupt
     */
    public static boolean awaitPage(Layout layout, Gate gate, long address) {
        return gate.await(new FaultWatch(layout.host(), address));
    }

    /**
     * Waits at the gate of a VMA.
     *
     * @param layout the space
     * @param gate the gate
     * @param address where the fault is
     * @return whether it is open; false after an interrupt
     * @throws IllegalStateException as {@link #awaitGate}
     */
    private static boolean await(Layout layout, Gate gate, long address) {
        if (!gate.isOpen()) {
            // The operation at the gate may wait for a CPU of this thread.
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
     * Whether faults have to wait at a VMA.
     *
     * @param vma any
     * @return true if it replaces or moves something, and that is not complete
     */
    public static boolean isShut(Vma vma) {
        return Life.gateOf(vma) instanceof InFlightGate gate && gate.stopsFaults() && !gate.isOpen();
    }

    /**
     * Whether a VMA allows an access, as x86 has it, where what may be written or executed can be read.
     *
     * @param vma the VMA
     * @param access bits of {@link Protection}
     * @return true if so
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
