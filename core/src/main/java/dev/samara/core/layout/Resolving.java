// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.layout;

import dev.samara.core.life.Life;
import dev.samara.core.vma.Errno;
import dev.samara.core.vma.Protection;
import dev.samara.core.vma.Resolution;
import dev.samara.core.vma.Vma;
import dev.samara.core.vma.VmaFlags;
import dev.samara.core.wait.Gate;
import dev.samara.core.wait.Watch;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * The first two steps of a fault: look up, wait at a gate, grow a stack, test the rights ({@code lock_vma_under_rcu} and
 * {@code access_error} in {@code arch/x86/mm/fault.c}). No lock on the way, but for a stack that must grow.
 */
final class Resolving {
    private Resolving() {}

    static Resolution resolve(Layout layout, long address, int access) {
        for (; ; ) {
            Vma vma = layout.find(address);
            if (vma == null) {
                Resolution missing = grow(layout, address);
                if (missing != null) {
                    return missing;
                }
            } else if (passes(layout, vma, address)) {
                return permits(vma, access) ? Resolution.FOUND : Resolution.ACCERR;
            } else if (Thread.currentThread().isInterrupted() && isShut(vma)) {
                return Resolution.RETRY;
            }
        }
    }

    /** Grows the stack above an address down to it; null if it has grown, so that something may be found now. */
    private static @Nullable Resolution grow(Layout layout, long address) {
        Vma above = layout.tree().atOrAfter(address);
        if (above == null || !above.has(VmaFlags.GROWSDOWN)) {
            return Resolution.MAPERR;
        }
        long grown = layout.growStack(address);
        if (grown == Errno.EINTR.result()) {
            return Resolution.RETRY;
        }
        return Errno.isError(grown) ? Resolution.MAPERR : null;
    }

    /** Whether faults may use a VMA at once; else this has waited, and it must be looked up again. */
    private static boolean passes(Layout layout, Vma vma, long address) {
        if (!isShut(vma)) {
            return true;
        }
        Gate gate = Life.gateOf(vma);
        Transit inside = Transit.ofThisThread();
        if (inside != null) {
            throw new IllegalStateException(
                    String.format(Locale.ROOT, "resolve(0x%x) was called by what retires ", address)
                            + inside + ", and would have to wait for " + gate
                            + ": nothing that is in transit may wait");
        }
        if (gate != null) {
            gate.await(new FaultWatch(layout.host(), address));
        }
        return false;
    }

    private static boolean isShut(Vma vma) {
        return Life.gateOf(vma) instanceof Transit transit && transit.stopsFaults() && !transit.isOpen();
    }

    /** As x86 has it, where what may be written or executed can be read. */
    private static boolean permits(Vma vma, int access) {
        if ((access & Protection.READ) != 0 && !vma.hasAny(VmaFlags.ACCESS)) {
            return false;
        }
        long needed = access & (Protection.WRITE | Protection.EXEC);
        return (vma.flags() & needed) == needed;
    }

    /** Reports a fault that waits long. */
    private record FaultWatch(Host host, long address) implements Watch {
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
