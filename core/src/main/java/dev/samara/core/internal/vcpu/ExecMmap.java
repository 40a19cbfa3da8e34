// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.vcpu;

import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.space.Lifetime;
import dev.samara.core.internal.sync.StackReserve;
import dev.samara.core.internal.syscall.Mdwe;
import org.jspecify.annotations.Nullable;

/** The replacement of a CPU's space ({@code exec_mmap}). */
public final class ExecMmap {
    /** The stack that it needs until the reference to the old space is closed, in frames. */
    private static final int DEPTH = 120;

    private ExecMmap() {}

    /**
     * Replaces the space of a CPU, which may move.
     *
     * @param next the reference to the new space
     * @param own the layout of the new space
     * @param called the layout to which the calls of {@code next} go: closed if the reference is
     * @param old the layout of the space that the CPU has by a reference; null if it has none
     * @param closesOld closes the reference by which the CPU has its space now
     * @return false if the reference is closed, or the space has ended; nothing has changed then
     */
    public static boolean exec(
            Vcpu cpu, Object next, Layout own, Layout called, @Nullable Layout old, Runnable closesOld) {
        StackReserve.check(DEPTH);
        Lifetime to = own.lifetime();
        // Both spaces have a user besides the CPU: it arrives, or it stays.
        if (called.isClosed() || !to.users().tryGet()) {
            return false;
        }
        try {
            if (old != null) {
                Mdwe.inherit(old, called);
            }
            replace(cpu, old, next, called, closesOld);
        } finally {
            to.put();
        }
        return true;
    }

    private static void replace(Vcpu cpu, @Nullable Layout old, Object next, Layout layout, Runnable closesOld) {
        // The CPU is a user of the old space.
        boolean isKept = old != null && old.lifetime().users().tryGet();
        try {
            if (cpu.enterOrStay(next, layout, old) && old != null) {
                closesOld.run();
            }
        } finally {
            // The CPU is complete in one of the spaces: a callback of a teardown may move it.
            if (old != null && isKept) {
                old.lifetime().put();
            }
            cpu.endLeft();
        }
    }
}
