// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.syscall;

import dev.samara.core.internal.space.Layout;
import dev.samara.core.mman.Errno;

/**
 * {@code prctl} with {@code PR_SET_MDWE}, and the bits that survive an exec ({@code kernel/sys.c}, {@code
 * kernel/fork.c}).
 */
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
            return layout.isClosed() ? Errno.ESRCH.result() : layout.setMdwe(bits);
        } finally {
            layout.unlock();
        }
    }

    /** Passes the bits of a space on to the space that replaces it, unless that space already has bits. */
    public static void inherit(Layout old, Layout next) {
        int bits = old.inheritedMdwe();
        if (bits != 0) {
            // Has no effect if that space already has other bits, which deny as much as these.
            long unused = set(next, bits);
        }
    }
}
