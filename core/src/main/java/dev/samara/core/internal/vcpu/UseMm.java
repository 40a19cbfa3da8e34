// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.vcpu;

import dev.samara.core.internal.space.Borrower;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.space.MachineState;
import org.jspecify.annotations.Nullable;

/**
 * The steps of a borrow ({@code kthread_use_mm}, {@code kthread_unuse_mm}): the CPU switches to a space without a
 * reference to it, and back. Used by the thread that owns the CPU.
 */
public final class UseMm {
    private UseMm() {}

    /**
     * Switches to a space that the CPU borrows.
     *
     * @param home the layout of the space that the CPU entered with a reference; null if there is none
     * @param borrow the borrow, for messages
     * @return false if the space has no users any more; the CPU then stays where it is
     */
    public static boolean use(Vcpu cpu, Layout layout, @Nullable Layout home, Borrower borrower, Object borrow) {
        Object reference = cpu.reference();
        MachineState host = layout.host();
        MachineState back = home == null ? null : home.host();
        cpu.places().reserve(host.borrowers(), back == null ? null : back.borrowers());
        if (!cpu.enterOrStay(null, layout, home)) {
            return false;
        }
        cpu.borrows(borrow);
        boolean isBegun = false;
        try {
            cpu.places().begin(borrower, back != null && back != host);
            isBegun = true;
        } finally {
            if (!isBegun) {
                unuse(cpu, reference, home, true);
            }
        }
        return true;
    }

    /** Stops being a user of the borrowed space. */
    public static void putUsers(Vcpu cpu) {
        cpu.putUsers();
        cpu.restWithoutUsers();
    }

    /**
     * Ends the borrow.
     *
     * @param reference the reference with which the CPU was in a space before
     * @param home the layout of that space, to which the CPU returns; null if the CPU becomes LAZY
     * @param isUser whether the CPU is a user of the borrowed space
     */
    public static void unuse(Vcpu cpu, @Nullable Object reference, @Nullable Layout home, boolean isUser) {
        try {
            if (home != null) {
                cpu.enter(reference, home);
            } else {
                if (isUser) {
                    cpu.putUsers();
                }
                cpu.restLazy();
            }
        } finally {
            cpu.borrows(null);
            cpu.places().end();
        }
    }
}
