// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.syscall;

import dev.samara.core.internal.cpu.ThreadCpus;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.mman.Errno;

/** A full fence on all CPUs of a space ({@code MEMBARRIER_CMD_PRIVATE_EXPEDITED}). */
public final class Membarrier {
    private Membarrier() {}

    /** Waits until each CPU that is in GUEST in a space has executed a full fence. */
    public static long membarrier(Layout layout) {
        if (layout.isClosed()) {
            return Errno.ESRCH.result();
        }
        ThreadCpus.checkMayWait("a membarrier");
        layout.memory().shootdowns().fence(layout.pages().context());
        return 0;
    }
}
