// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.syscall;

import dev.samara.core.internal.space.Layout;
import dev.samara.core.mman.Errno;

/** {@code prctl} with {@code PR_SET_MDWE}, and what exec keeps of it ({@code kernel/sys.c}, {@code kernel/fork.c}). */
public final class Mdwe {
    private Mdwe() {}

    /**
     * Sets the bits of a space.
     *
     * @return 0, or a negated errno
     */
    public static long set(Layout layout, long bits) {
        layout.lock();
        try {
            return layout.isClosed()
                    ? Errno.ESRCH.result()
                    : layout.denyWriteExec().set(bits);
        } finally {
            layout.unlock();
        }
    }

    /** Has a space that replaces another one inherit its bits, unless it has some of its own. */
    public static void inherit(Layout old, Layout next) {
        int bits = old.denyWriteExec().inherited();
        if (bits != 0) {
            // Refused where the space has other bits, which refuse as much.
            long unused = set(next, bits);
        }
    }
}
