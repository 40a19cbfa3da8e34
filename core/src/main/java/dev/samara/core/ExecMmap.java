// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.space.Lifetime;
import dev.samara.core.internal.sync.StackReserve;
import dev.samara.core.internal.syscall.Mdwe;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.MmException;
import org.jspecify.annotations.Nullable;

/** The replacement of a CPU's space ({@code exec_mmap}): {@link Cpu#exec}. */
final class ExecMmap {
    /** The stack that it needs until the reference to the old space is closed, in frames. */
    private static final int DEPTH = 120;

    private ExecMmap() {}

    static void exec(Cpu cpu, AddressSpace next) {
        cpu.checkMayMove("its own space is replaced");
        AddressSpace old = cpu.space();
        if (old != null && old.own == next.own) {
            throw new IllegalArgumentException(cpu + " is in " + next + " already");
        }
        StackReserve.check(DEPTH);
        Layout layout = next.layout();
        Lifetime to = next.own.lifetime();
        // Both spaces have a user besides the CPU: it arrives, or it stays.
        if (layout.isClosed() || !to.users().tryGet()) {
            throw new MmException("exec(" + next + ")", Errno.ESRCH);
        }
        try {
            if (old != null) {
                Mdwe.inherit(old.own, layout);
            }
            replace(cpu, old, next, layout);
        } finally {
            to.put();
        }
    }

    private static void replace(Cpu cpu, @Nullable AddressSpace old, AddressSpace next, Layout layout) {
        // The CPU is a user of the old space.
        boolean isKept = old != null && old.own.lifetime().users().tryGet();
        try {
            if (cpu.enterOrStay(next, layout) && old != null) {
                old.close();
            }
        } finally {
            // The CPU is complete in one of the spaces: a callback of a teardown may move it.
            if (old != null && isKept) {
                old.own.lifetime().put();
            }
            cpu.endLeft();
        }
    }
}
