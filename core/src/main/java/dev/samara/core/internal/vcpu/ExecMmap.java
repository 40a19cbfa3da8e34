// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.vcpu;

import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.space.Lifetime;
import dev.samara.core.internal.sync.StackReserve;
import dev.samara.core.internal.syscall.Mdwe;
import org.jspecify.annotations.Nullable;

/** The replacement of a CPU's space ({@code exec_mmap}). */
public final class ExecMmap {
    /** The stack that is needed until the reference to the old space is closed, in stack frames. */
    private static final int DEPTH = 120;

    private ExecMmap() {}

    /**
     * Replaces the space of a CPU that may move.
     *
     * @param next the reference to the new space
     * @param own the layout of the new space
     * @param called the layout that serves calls made through {@code next}: {@code own}, or a closed layout once the
     *     reference is closed
     * @param old the layout of the space that the CPU entered with a reference; null if there is none
     * @param closesOld closes the reference with which the CPU entered its old space
     * @return false, with nothing changed, if the reference is closed, or if the space has no users any more
     */
    public static boolean exec(
            Vcpu cpu, Object next, Layout own, Layout called, @Nullable Layout old, Runnable closesOld) {
        StackReserve.check(DEPTH);
        Lifetime to = own.lifetime();
        // During the switch, both spaces have a user besides the CPU, so the CPU either arrives or stays.
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
        // Succeeds, because the CPU is a user of the old space.
        boolean isKept = old != null && old.lifetime().users().tryGet();
        try {
            if (cpu.enterOrStay(next, layout, old) && old != null) {
                closesOld.run();
            }
        } finally {
            // Last, when the CPU is completely in one of the spaces, because a callback of a teardown may move it.
            if (old != null && isKept) {
                old.lifetime().put();
            }
            cpu.endLeft();
        }
    }
}
